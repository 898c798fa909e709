/* message.c - frames on the socket, and the messages in them. */
#include "recc.h"
#include "recc.pb.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { HEAD = 4, FIRST_ROOM = 16 << 10 };

void recc_buffer_append(ReccBuffer *buffer, const void *bytes, size_t length)
{
    if (buffer->failed || length > RECC_FRAME_MAX - buffer->length) {
        buffer->failed = true;
        return;
    }
    if (buffer->length + length > buffer->room) {
        size_t room = buffer->room ? buffer->room : FIRST_ROOM;
        while (room < buffer->length + length)
            room *= 2;
        uint8_t *larger = realloc(buffer->bytes, room);
        if (!larger) {
            buffer->failed = true;
            return;
        }
        buffer->bytes = larger;
        buffer->room = room;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

/* ---- Sockets ---- */

bool recc_read_all(int fd, void *bytes, size_t length)
{
    char *at = bytes;
    while (length > 0) {
        ssize_t got = read(fd, at, length);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        at += got > 0 ? got : 0;
        length -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

bool recc_write_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t put = write(fd, at, length);
        if (put < 0 && errno != EINTR)
            return false;
        at += put > 0 ? put : 0;
        length -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

int recc_connect(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = RECC_PATIENCE_SECONDS};
    size_t length = strlen(folder);
    if (length + sizeof "/socket" > sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, folder, length);
    memcpy(address.sun_path + length, "/socket", sizeof "/socket");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The frame, its first four bytes left free for the length; with the descriptor, if it is one. */
static bool send_frame(int fd, ReccBuffer *frame, int passed)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof passed)];
    } control;
    if (frame->failed)
        return false;
    uint32_t length = (uint32_t)(frame->length - HEAD);
    for (int i = 0; i < HEAD; i++)
        frame->bytes[i] = (uint8_t)(length >> (8 * i));
    struct iovec part = {frame->bytes, frame->length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (passed >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof passed);
        memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
    }
    ssize_t put = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (put <= 0)
        return false;
    for (size_t done = (size_t)put; done < frame->length; done += (size_t)put) {
        put = send(fd, frame->bytes + done, frame->length - done, MSG_NOSIGNAL);
        if (put <= 0)
            return false;
    }
    return true;
}

/* Only the parts of a frame: the head, and what it says that follows. */
static bool receive_frame(int fd, ReccBuffer *frame)
{
    uint8_t head[HEAD];
    size_t length = 0;
    if (!recc_read_all(fd, head, sizeof head))
        return false;
    for (int i = 0; i < HEAD; i++)
        length |= (size_t)head[i] << (8 * i);
    if (length > RECC_FRAME_MAX)
        return false;
    frame->bytes = malloc(length + 1);
    frame->length = length;
    return frame->bytes && recc_read_all(fd, frame->bytes, length);
}

/* ---- Messages ---- */

static bool write_to_buffer(pb_ostream_t *stream, const pb_byte_t *bytes, size_t count)
{
    ReccBuffer *buffer = stream->state;
    recc_buffer_append(buffer, bytes, count);
    return !buffer->failed;
}

static pb_ostream_t begin_frame(ReccBuffer *frame)
{
    static const uint8_t head[HEAD];
    recc_buffer_append(frame, head, sizeof head);
    return (pb_ostream_t){.callback = write_to_buffer, .state = frame, .max_size = RECC_FRAME_MAX};
}

static bool encode_string(pb_ostream_t *stream, const pb_field_t *field, const char *text)
{
    return pb_encode_tag_for_field(stream, field) && pb_encode_string(stream, (const pb_byte_t *)text, strlen(text));
}

static bool encode_one(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    return encode_string(stream, field, *arg);
}

static bool encode_strings(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    for (char *const *text = *arg; *text; text++) {
        if (!encode_string(stream, field, *text))
            return false;
    }
    return true;
}

bool recc_send_compile(int fd, char *const *arguments, char *const *environment)
{
    char directory[PATH_MAX];
    ReccBuffer frame = {0};
    if (!getcwd(directory, sizeof directory) || *directory != '/')
        return false;
    sluice_recc_Compile message = {
        .version = RECC_VERSION,
        .arguments = {.funcs.encode = encode_strings, .arg = (void *)arguments},
        .directory = {.funcs.encode = encode_one, .arg = directory},
        .environment = {.funcs.encode = encode_strings, .arg = (void *)environment},
    };
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    pb_ostream_t stream = begin_frame(&frame);
    bool sent = root >= 0 && pb_encode(&stream, sluice_recc_Compile_fields, &message) && send_frame(fd, &frame, root);
    if (root >= 0)
        close(root);
    free(frame.bytes);
    return sent;
}

/* Copied: of a field with another wire type than it should have, the stream is a moment's. */
static bool decode_bytes(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    ReccAnswer *answer = *arg;
    size_t length = stream->bytes_left;
    uint8_t *bytes = answer->errors ? NULL : malloc(length + 1);
    if (!bytes)
        return false;
    answer->errors = bytes;
    answer->n_errors = length;
    return pb_read(stream, bytes, length);
}

static bool decode_path(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    ReccOutput *output = *arg;
    size_t length = stream->bytes_left;
    if (output->path || !(output->path = malloc(length + 1)) || !pb_read(stream, (pb_byte_t *)output->path, length))
        return false;
    output->path[length] = '\0';
    return strlen(output->path) == length;
}

static bool decode_output(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
    (void)field;
    ReccAnswer *answer = *arg;
    if (answer->n_outputs == RECC_OUTPUTS_MAX)
        return false;
    ReccOutput *output = &answer->outputs[answer->n_outputs++];
    sluice_recc_Output message = {.path = {.funcs.decode = decode_path, .arg = output}};
    if (!pb_decode(stream, sluice_recc_Output_fields, &message) || !output->path || !*output->path)
        return false;
    output->size = message.size;
    output->in_place = message.in_place;
    return true;
}

bool recc_receive_answer(int fd, ReccAnswer *answer)
{
    ReccBuffer frame = {0};
    *answer = (ReccAnswer){.verdict = RECC_RUN};
    sluice_recc_Answer message = {
        .standard_error = {.funcs.decode = decode_bytes, .arg = answer},
        .outputs = {.funcs.decode = decode_output, .arg = answer},
    };
    bool decoded = receive_frame(fd, &frame);
    pb_istream_t stream = pb_istream_from_buffer(frame.bytes, decoded ? frame.length : 0);
    decoded = decoded && pb_decode(&stream, sluice_recc_Answer_fields, &message);
    free(frame.bytes);
    if (!decoded || message.verdict < 0 || message.verdict > sluice_recc_Verdict_LEARN)
        return false;
    answer->verdict = (ReccVerdict)message.verdict;
    return answer->verdict != RECC_HIT || answer->n_outputs > 0;
}

static bool encode_buffer(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
    const ReccBuffer *buffer = *arg;
    return buffer->length == 0 ||
           (pb_encode_tag_for_field(stream, field) && pb_encode_string(stream, buffer->bytes, buffer->length));
}

bool recc_send_report(int fd, bool succeeded, const ReccBuffer *errors, bool incomplete, int trace)
{
    ReccBuffer frame = {0};
    sluice_recc_Report message = {
        .succeeded = succeeded,
        .standard_error = {.funcs.encode = encode_buffer, .arg = (void *)errors},
        .incomplete = incomplete,
    };
    pb_ostream_t stream = begin_frame(&frame);
    bool sent = pb_encode(&stream, sluice_recc_Report_fields, &message) && send_frame(fd, &frame, trace);
    free(frame.bytes);
    return sent;
}

bool recc_await_receipt(int fd)
{
    uint8_t head[HEAD];
    return recc_read_all(fd, head, sizeof head);
}
