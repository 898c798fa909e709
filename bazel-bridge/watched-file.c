#include "watched-file.h"
#include "bazel-bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

gboolean sluice_file_stamp(const char *path, SluiceFileStamp *stamp)
{
    struct stat found;
    memset(stamp, 0, sizeof *stamp);
    if (stat(path, &found) != 0)
        return FALSE;
    *stamp = (SluiceFileStamp){found.st_dev, found.st_ino, found.st_size, found.st_mtim, found.st_ctim};
    return TRUE;
}

static gboolean same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

gboolean sluice_file_stamp_equal(const SluiceFileStamp *a, const SluiceFileStamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

static gboolean check(const char *path, const struct stat *found, gboolean secret, gsize limit, int code,
                      GError **error)
{
    if (!S_ISREG(found->st_mode))
        g_set_error(error, SLUICE_BRIDGE_ERROR, code, "%s is not a file", path);
    else if ((guint64)found->st_size > limit)
        g_set_error(error, SLUICE_BRIDGE_ERROR, code, "%s is larger than %" G_GSIZE_FORMAT " bytes", path, limit);
    else if (secret && (found->st_mode & (S_IRWXO | S_IWGRP)) != 0)
        g_set_error(error, SLUICE_BRIDGE_ERROR, code,
                    "%s is a secret, but its mode is %04o: take it from others with `chmod o=,g-w %s`", path,
                    (unsigned)(found->st_mode & 07777), path);
    else
        return TRUE;
    return FALSE;
}

/* It may become shorter or longer while it is read; then its stamp is another, and it will be read again. */
static gboolean read_all(int fd, char *buffer, gsize size, gsize *length)
{
    for (*length = 0; *length < size;) {
        ssize_t count = read(fd, buffer + *length, size - *length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count == 0;
        *length += (gsize)count;
    }
    return TRUE;
}

char *sluice_watched_file_read(const char *path, gboolean secret, gsize limit, int code, gsize *length, GError **error)
{
    struct stat found;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &found) != 0) {
        g_set_error(error, SLUICE_BRIDGE_ERROR, code, "%s: %s", path, g_strerror(errno));
    } else if (check(path, &found, secret, limit, code, error)) {
        text = g_malloc0((gsize)found.st_size + 1);
        if (!read_all(fd, text, (gsize)found.st_size, length)) {
            g_set_error(error, SLUICE_BRIDGE_ERROR, code, "%s: %s", path, g_strerror(errno));
            g_clear_pointer(&text, g_free);
        }
    }
    if (fd >= 0)
        close(fd);
    return text;
}
