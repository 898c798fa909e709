#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int) * SANDBOX_MESSAGE_FDS_MAX)];
} Control;

gboolean sandbox_channel_send(int fd, const char *word, const char *text, const int *fds, unsigned n_fds,
                              GError **error)
{
    g_assert(n_fds <= SANDBOX_MESSAGE_FDS_MAX);
    gsize length = text != NULL ? MIN(strlen(text), SANDBOX_MESSAGE_MAX - 1) : 0;
    struct iovec parts[] = {{(gpointer)word, strlen(word) + 1}, {(gpointer)text, length}};
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = G_N_ELEMENTS(parts)};
    Control control = {0};
    if (n_fds > 0) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
    }
    while (sendmsg(fd, &header, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot send '%s'", word);
    }
    return TRUE;
}

static void take_fds(struct msghdr *header, SandboxMessage *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        unsigned count = (unsigned)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        count = MIN(count, SANDBOX_MESSAGE_FDS_MAX - message->n_fds);
        memcpy(message->fds + message->n_fds, CMSG_DATA(part), sizeof(int) * count);
        message->n_fds += count;
    }
}

gboolean sandbox_channel_receive(int fd, SandboxMessage *message, GError **error)
{
    char buffer[sizeof message->word + SANDBOX_MESSAGE_MAX];
    Control control;
    struct iovec part = {buffer, sizeof buffer - 1};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = 0;
    do
        got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno != ECONNRESET)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot receive a message");
    if (got <= 0)
        return FALSE;
    message->n_fds = 0;
    take_fds(&header, message);
    buffer[got] = '\0';
    gsize word = strlen(buffer) + 1;
    g_strlcpy(message->word, buffer, sizeof message->word);
    g_strlcpy(message->text, word <= (gsize)got ? buffer + word : "", sizeof message->text);
    return TRUE;
}

void sandbox_message_close_fds(SandboxMessage *message)
{
    for (unsigned i = 0; i < message->n_fds; i++)
        close(message->fds[i]);
    message->n_fds = 0;
}
