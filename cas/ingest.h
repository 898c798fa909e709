/* Reading files into the store: one file (ingest.c), used by whole imports (import.c). */
#pragma once

#include "cas-private.h"

/* What is waiting to be written to the index, shared by the threads of one import. */
typedef struct {
    CasIndex *index;
    gboolean by_link;
    GMutex lock;
    GArray *pending; /* CasPending; inline data is owned */
    GArray *known;   /* IngestKnown: for the stat cache */
    gsize inline_bytes;
} Ingest;

typedef struct {
    struct stat status;
    SluiceDigest digest;
} IngestKnown;

void ingest_init(Ingest *ingest, CasIndex *index, gboolean by_link);
void ingest_clear(Ingest *ingest);
/* Hashes the regular file `name` in `dirfd`; it is in the store after ingest_flush. */
gboolean ingest_file(Ingest *ingest, int dirfd, const char *name, SluiceDigest *out, gboolean *executable,
                     GError **error);
/* A file whose content is in the store already: remembered, or marked as seen. */
gboolean ingest_remember(Ingest *ingest, const struct stat *status, const SluiceDigest *digest, GError **error);
gboolean ingest_flush(Ingest *ingest, GError **error);
