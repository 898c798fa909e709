/* download-private.h - what download.c (the transfers) and download-partial.c (what is on disk of them) share. */
#pragma once

#include "download.h"

/* The bytes of one file that arrived so far. */
typedef struct {
    int fd;
    char *path;         /* NULL: without a name */
    gboolean resumable; /* `path` is found again by the next process */
    gint64 length;
} Partial;

gboolean partial_open(Partial *partial, SluiceStore *store, const char *sha256, GError **error);
gboolean partial_append(Partial *partial, const void *data, gsize length);
gboolean partial_restart(Partial *partial);
/* Verified into the store; the file is gone after it.  FALSE with MISMATCH leaves it. */
gboolean partial_commit(Partial *partial, SluiceStore *store, const SluiceDigest *expected, SluiceDigest *out,
                        GError **error);
/* Keeps what can be resumed. */
void partial_close(Partial *partial);
