/* Clients that mean no good: they take what a server has of connections, calls and memory, and hold it.
 *
 *   reapi-hostile ADDRESS connections COUNT SECONDS           raw connections: silent ones, idle HTTP/2 ones, rubbish
 *   reapi-hostile ADDRESS slow-writes COUNT SECONDS [BYTES]   uploads that send one message and no more
 *   reapi-hostile ADDRESS deaf-reads COUNT SECONDS DIGEST     reads whose answers nobody takes
 *   reapi-hostile ADDRESS ambiguous ACTION OTHER RESULTFILE   see reapi-ambiguous.h
 *
 * Each but the last prints "holding N" when it has what it could get. */
#include "proto.h"
#include "reapi-ambiguous.h"
#include "rpc.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- Connections ------------------------------------------------------------------------------------------------------------ */

static int connect_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int connect_port(const char *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int connect_to(const char *address)
{
    if (g_str_has_prefix(address, "unix:"))
        return connect_unix(address + strlen("unix:"));
    return connect_port(strrchr(address, ':') + 1);
}

/* What the connection says first. */
static void greet(int fd, guint serial)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    static const char rubbish[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    if (serial % 4 == 0)
        return;
    gboolean http2 = serial % 4 != 1;
    const char *text = http2 ? preface : rubbish;
    if (send(fd, text, (http2 ? sizeof preface : sizeof rubbish) - 1, MSG_NOSIGNAL) < 0)
        return;
}

static int hold_connections(const char *address, guint count, guint seconds)
{
    g_autofree int *fds = g_new(int, count);
    guint held = 0;
    for (guint i = 0; i < count; i++) {
        fds[held] = connect_to(address);
        if (fds[held] < 0)
            break;
        greet(fds[held++], i);
    }
    printf("holding %u\n", held);
    fflush(stdout);
    g_usleep((gulong)seconds * G_USEC_PER_SEC);
    for (guint i = 0; i < held; i++)
        close(fds[i]);
    return held == count ? 0 : 1;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    grpc_call *call;
    grpc_byte_buffer *sending;
} Held;

enum { CALLS_OF_A_CHANNEL = 500 };

static void start(Held *held, grpc_op *ops, gsize count)
{
    if (grpc_call_start_batch(held->call, ops, count, NULL, NULL) != GRPC_CALL_OK)
        g_error("an operation could not start");
}

static void open_call(Held *held, grpc_channel *channel, grpc_completion_queue *queue, const char *method,
                      GByteArray *message, gboolean half_close)
{
    grpc_op ops[4];
    memset(ops, 0, sizeof ops);
    held->call =
        grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, grpc_slice_from_static_string(method),
                                 NULL, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    held->sending = rpc_make_buffer(message->data, message->len);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = held->sending;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    start(held, ops, half_close ? 3 : 2);
}

static void wait_until(grpc_completion_queue *queue, int64_t until)
{
    while (g_get_monotonic_time() < until)
        grpc_completion_queue_next(
            queue, gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(100, GPR_TIMESPAN)), NULL);
}

static GByteArray *write_request(guint serial, gsize bytes)
{
    GByteArray *message = g_byte_array_new();
    g_autofree char *data = g_strnfill(bytes, 'x');
    g_autofree char *name = g_strdup_printf("uploads/u%u/blobs/%064x/1000000", serial, serial + 1);
    sluice_wire_put_string(message, 1, name);
    sluice_wire_put_bytes(message, 10, data, bytes);
    return message;
}

static GByteArray *read_request(const char *digest)
{
    GByteArray *message = g_byte_array_new();
    g_autofree char *name = g_strconcat("blobs/", digest, NULL);
    sluice_wire_put_string(message, 1, name);
    return message;
}

/* `digest` NULL: uploads. */
static int hold_calls(const char *address, guint count, guint seconds, const char *digest, gsize bytes)
{
    grpc_completion_queue *queue = grpc_completion_queue_create_for_next(NULL);
    Held *calls = g_new0(Held, count); /* the process ends with them */
    grpc_channel *channel = NULL;
    for (guint i = 0; i < count; i++) {
        if (i % CALLS_OF_A_CHANNEL == 0)
            channel = rpc_channel_new(address);
        g_autoptr(GByteArray) message = digest != NULL ? read_request(digest) : write_request(i, bytes);
        open_call(&calls[i], channel, queue, digest != NULL ? RPC_BYTESTREAM("Read") : RPC_BYTESTREAM("Write"), message,
                  digest != NULL);
    }
    wait_until(queue, g_get_monotonic_time() + G_USEC_PER_SEC);
    printf("holding %u\n", count);
    fflush(stdout);
    wait_until(queue, g_get_monotonic_time() + (int64_t)seconds * G_USEC_PER_SEC);
    _exit(0); /* as a client that is killed */
}

int main(int argc, char **argv)
{
    if (argc >= 5 && strcmp(argv[2], "connections") == 0)
        return hold_connections(argv[1], (guint)atoi(argv[3]), (guint)atoi(argv[4]));
    grpc_init();
    if (argc >= 5 && strcmp(argv[2], "slow-writes") == 0)
        return hold_calls(argv[1], (guint)atoi(argv[3]), (guint)atoi(argv[4]), NULL,
                          argc > 5 ? (gsize)atoll(argv[5]) : 1);
    if (argc >= 6 && strcmp(argv[2], "deaf-reads") == 0)
        return hold_calls(argv[1], (guint)atoi(argv[3]), (guint)atoi(argv[4]), argv[5], 0);
    if (argc >= 6 && strcmp(argv[2], "ambiguous") == 0)
        return reapi_ambiguous(argv[1], argv[3], argv[4], argv[5]);
    fputs("usage: reapi-hostile ADDRESS connections|slow-writes|deaf-reads COUNT SECONDS [BYTES|DIGEST]\n"
          "       reapi-hostile ADDRESS ambiguous ACTION OTHER RESULTFILE\n",
          stderr);
    return 2;
}
