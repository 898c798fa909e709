/*
 * download-partial.c - what is on disk of a file that is being downloaded.
 *
 * STORE/downloads/SHA256 holds the bytes that arrived of the file with that digest; who writes to it has it locked.  Files that nobody came back for are
 * removed after a week, by whoever downloads next.
 */
#include "download-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PARTIAL_FOLDER  "downloads"
#define PARTIAL_MAX_AGE (7 * 24 * 3600) /* seconds */

static gboolean io_error(GError **error, const char *what, const char *path)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot %s %s: %s", what, path, g_strerror(errno));
    return FALSE;
}

static void remove_old(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    time_t limit = time(NULL) - PARTIAL_MAX_AGE;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        struct stat st;
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mtime < limit) {
            unlink(path);
        }
    }
}

/* A file that another process is busy with is not shared: this one then works without a name. */
static int open_locked(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    struct stat by_fd, by_name;
    if (fd < 0) {
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &by_fd) == 0 && stat(path, &by_name) == 0 &&
        by_fd.st_ino == by_name.st_ino && by_fd.st_dev == by_name.st_dev && S_ISREG(by_fd.st_mode)) {
        return fd;
    }
    close(fd);
    return -1;
}

static int open_nameless(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        g_autofree char *pattern = g_build_filename(folder, "tmp-XXXXXX", NULL);
        fd = g_mkstemp_full(pattern, O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0) {
            unlink(pattern);
        }
    }
    return fd;
}

gboolean partial_open(Partial *partial, SluiceStore *store, const char *sha256, GError **error)
{
    g_autofree char *folder = g_build_filename(sluice_store_get_path(store), PARTIAL_FOLDER, NULL);
    *partial = (Partial){.fd = -1};
    if (g_mkdir_with_parents(folder, 0755) != 0) {
        return io_error(error, "make the folder", folder);
    }
    remove_old(folder);
    if (sha256 != NULL) {
        partial->path = g_build_filename(folder, sha256, NULL);
        partial->fd = open_locked(partial->path);
    }
    if (partial->fd >= 0) {
        partial->resumable = TRUE;
        partial->length = MAX(lseek(partial->fd, 0, SEEK_END), 0);
        return TRUE;
    }
    g_clear_pointer(&partial->path, g_free);
    partial->fd = open_nameless(folder);
    return partial->fd >= 0 || io_error(error, "make a temporary file in", folder);
}

gboolean partial_append(Partial *partial, const void *data, gsize length)
{
    const char *rest = data;
    while (length > 0) {
        ssize_t written = pwrite(partial->fd, rest, length, partial->length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return FALSE;
        }
        partial->length += written;
        rest += written;
        length -= (gsize)written;
    }
    return TRUE;
}

gboolean partial_restart(Partial *partial)
{
    partial->length = 0;
    return ftruncate(partial->fd, 0) == 0;
}

gboolean partial_commit(Partial *partial, SluiceStore *store, const SluiceDigest *expected, SluiceDigest *out,
                        GError **error)
{
    if (lseek(partial->fd, 0, SEEK_SET) != 0) {
        return io_error(error, "read", "a downloaded file");
    }
    if (!sluice_store_put_fd(store, partial->fd, expected, out, error)) {
        return FALSE;
    }
    if (partial->path != NULL) {
        unlink(partial->path);
    }
    return TRUE;
}

void partial_close(Partial *partial)
{
    if (partial->fd >= 0 && partial->path != NULL && partial->length == 0) {
        unlink(partial->path);
    }
    if (partial->fd >= 0) {
        close(partial->fd);
    }
    partial->fd = -1;
    g_clear_pointer(&partial->path, g_free);
}
