/* git-index.h - the index file of a staged repository. */
#pragma once

#include <glib.h>

typedef struct {
    guint mode;
    guint8 sha[20];
    guint32 size; /* of the file on disk */
    const char *name;
} GitIndexEntry;

/* Version 2 of the format; sorts the entries.  Times, inode and owner are 0, so that git compares contents. */
GBytes *git_index_encode(GitIndexEntry *entries, gsize count);
