/* watched-file.h - a file that its owner changes while we run: certificates, keys, tokens. */
#pragma once

#include <glib.h>
#include <sys/stat.h>

typedef struct {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
} SluiceFileStamp;

/* The stamp of what `path` leads to; FALSE with zeroes if it cannot be asked. Asked again and again rather than watched, because files are replaced
 * through several symlinks. */
gboolean sluice_file_stamp(const char *path, SluiceFileStamp *stamp);
gboolean sluice_file_stamp_equal(const SluiceFileStamp *a, const SluiceFileStamp *b);

/* The text of a regular file, with a NUL behind it; free with g_free.  NULL with an error of SLUICE_BRIDGE_ERROR's `code`: also if it is
 * larger than `limit`, or, when it is a `secret`, if others than its owner and group may read it, or others than the owner write it. */
char *sluice_watched_file_read(const char *path, gboolean secret, gsize limit, int code, gsize *length, GError **error);
