/*
 * upper.h - the layer of what commands wrote, read as a list of changes.  Nothing may write to it meanwhile.
 *
 * In the layer, a character device 0:0 stands for something of the lower layer that was removed, and a directory with the attribute
 * user.overlay.opaque hides the one below it.  Everything else is what it is; that something is here does not mean that it differs
 * from what is below.
 */
#pragma once

#include "sandbox-error.h"

typedef enum {
    SANDBOX_CHANGE_REMOVED,
    SANDBOX_CHANGE_DIRECTORY,
    SANDBOX_CHANGE_FILE,
    SANDBOX_CHANGE_SYMLINK
} SandboxChangeType;

typedef struct {
    SandboxChangeType type;
    char *path;          /* relative to the directory that is read; UTF-8 */
    gboolean opaque;     /* DIRECTORY */
    gboolean executable; /* FILE */
    gint64 size;         /* FILE */
    gint64 mtime;        /* FILE: nanoseconds */
    char *target;        /* SYMLINK; UTF-8 */
    SluiceDigest digest; /* FILE: set by who stores it */
} SandboxChange;

typedef struct {
    int fd;             /* the directory that is read */
    GPtrArray *changes; /* SandboxChange, parents before children, names sorted */
    GPtrArray *skipped; /* of char *: what can only be left out; or NULL */
    GArray *locked;     /* what had to be made readable */
} SandboxUpper;

/* Takes `fd`, a directory. */
void sandbox_upper_init(SandboxUpper *upper, int fd, GPtrArray *skipped);
/* Gives the modes back that were changed for reading. */
void sandbox_upper_clear(SandboxUpper *upper);
/* Fills `changes` with what is below `path` ("": all).  CAPTURE names what cannot be stored. */
gboolean sandbox_upper_read(SandboxUpper *upper, const char *path, GError **error);
/* A descriptor for reading the file or directory `path`, which has `mode`; -1 with errno. */
int sandbox_upper_open(SandboxUpper *upper, const char *path, unsigned mode);
gboolean sandbox_upper_is_opaque(int directory_fd);
/* `path` with everything unprintable escaped; free with g_free. */
char *sandbox_escape_path(const char *path);
