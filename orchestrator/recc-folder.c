/* recc-folder.c - the launcher's parts, copied from beside this program, and its socket. */
#include "recc-folder.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_BACKLOG 1024

static char *find_part(const char *name)
{
    static const char *const beside[] = {".", "../recc-shim", "../libexec/sluice"};
    const char *given = g_getenv("SLUICE_LIBEXEC");
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self ? g_path_get_dirname(self) : g_strdup("/");
    const char *const bases[] = {given && *given ? given : folder, folder};
    for (gsize i = 0; i < G_N_ELEMENTS(bases) * G_N_ELEMENTS(beside); i++) {
        g_autofree char *path =
            g_build_filename(bases[i / G_N_ELEMENTS(beside)], beside[i % G_N_ELEMENTS(beside)], name, NULL);
        if (access(path, R_OK) == 0)
            return g_steal_pointer(&path);
    }
    return NULL;
}

/* Compilers may be running with the old one, which stays theirs, or begin to. */
static gboolean copy_part(int folder, const char *name, const char *to, mode_t mode, GError **error)
{
    g_autofree char *path = find_part(name);
    g_autofree char *bytes = NULL;
    gsize length = 0;
    if (!path) {
        error_set(error, ERROR_SANDBOX, NULL, NULL, "%s is neither beside this program nor in $SLUICE_LIBEXEC", name);
        return FALSE;
    }
    if (!g_file_get_contents(path, &bytes, &length, error))
        return FALSE;
    static const char fresh[] = "fresh";
    unlinkat(folder, fresh, 0);
    int fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    gboolean written = fd >= 0 && write(fd, bytes, length) == (ssize_t)length && fchmod(fd, mode) == 0 &&
                       renameat(folder, fresh, folder, to) == 0;
    if (!written)
        error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot write the compiler launcher: %s", g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return written;
}

int recc_folder_open_bin(int folder, GError **error)
{
    int bin = openat(folder, "bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bin < 0)
        error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot open the launcher's folder: %s", g_strerror(errno));
    return bin;
}

gboolean recc_folder_fill(int folder, GError **error)
{
    if (mkdirat(folder, "bin", 0755) != 0 && errno != EEXIST) {
        error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot make the launcher's folder: %s", g_strerror(errno));
        return FALSE;
    }
    int bin = recc_folder_open_bin(folder, error);
    gboolean filled = bin >= 0 && copy_part(bin, "sluice-recc", "recc", 0755, error) &&
                      copy_part(folder, "sluice-recc-trace.so", "trace.so", 0644, error);
    if (bin >= 0)
        close(bin);
    return filled;
}

/* Bound through /proc/self/fd, because the folder's path may be longer than a socket's address can be. */
int recc_folder_listen(int folder, mode_t mode, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/socket", folder);
    unlinkat(folder, "socket", 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        fchmodat(folder, "socket", mode, 0) == 0 && listen(fd, SOCKET_BACKLOG) == 0)
        return fd;
    error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot make the socket of the compiler launcher: %s",
              g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

char *recc_folder_describe_counts(const SluiceLauncherStats *stats, char **reasons)
{
    g_autofree char *list = g_strjoinv("\n", reasons);
    return g_strdup_printf("hits %" G_GUINT64_FORMAT "\nmisses %" G_GUINT64_FORMAT "\nlearned %" G_GUINT64_FORMAT
                           "\nothers %" G_GUINT64_FORMAT "\n%s",
                           stats->hits, stats->misses, stats->learned, stats->others, list);
}

void recc_folder_keep_counts(SluiceStore *store, const char *name, const char *counts)
{
    g_autoptr(GBytes) value = g_bytes_new(counts, strlen(counts));
    const SluiceRef ref = {.value = value};
    (void)sluice_store_set_ref(store, RECC_STATS_SPACE, name, &ref, NULL);
}
