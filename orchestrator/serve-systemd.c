/* serve-systemd.c - sockets from systemd, and word to it.
 *
 * Both protocols are a few environment variables and one datagram, and stable by promise; libsystemd would be a library to load (0.9 MB) for that. */
#include "serve.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_SOCKET 3
#define MAX_SOCKETS  64

static void socket_clear(gpointer data)
{
    ServeSocket *handed = data;
    if (handed->fd >= 0)
        close(handed->fd);
    g_free(handed->name);
}

/* They are for this process only, not for one that inherited the environment. */
static guint count_sockets(void)
{
    const char *process = g_getenv("LISTEN_PID"), *count = g_getenv("LISTEN_FDS");
    guint64 pid, number;
    if (!process || !count || !g_ascii_string_to_unsigned(process, 10, 1, G_MAXINT, &pid, NULL) ||
        !g_ascii_string_to_unsigned(count, 10, 1, MAX_SOCKETS, &number, NULL) || (pid_t)pid != getpid())
        return 0;
    return number;
}

GArray *serve_take_sockets(void)
{
    GArray *sockets = g_array_new(FALSE, FALSE, sizeof(ServeSocket));
    g_array_set_clear_func(sockets, socket_clear);
    const char *list = g_getenv("LISTEN_FDNAMES");
    g_auto(GStrv) names = g_strsplit(list ? list : "", ":", -1);
    guint n_names = g_strv_length(names), count = count_sockets();
    for (guint i = 0; i < count; i++) {
        ServeSocket handed = {FIRST_SOCKET + i, g_strdup(i < n_names ? names[i] : "")};
        g_array_append_val(sockets, handed);
    }
    g_unsetenv("LISTEN_PID");
    g_unsetenv("LISTEN_FDS");
    g_unsetenv("LISTEN_FDNAMES");
    return sockets;
}

void serve_notify(const char *state)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    gsize length = path ? strlen(path) : 0;
    if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(G_STRUCT_OFFSET(struct sockaddr_un, sun_path) + length);
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    close(fd);
}
