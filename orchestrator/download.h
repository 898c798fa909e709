/*
 * download.h - files from the network (http, https, ftp, file) into the store, several at once.
 *
 * Blocks; call it in a job, not in the main process.  A file whose SHA-256 is known in advance resumes where an earlier attempt stopped, also one of
 * a process that was killed: what arrived is kept below the store until the file is whole.  Nothing enters the store that has not the digest asked for.
 */
#pragma once

#include "source.h"

typedef struct {
    const char *name;        /* in messages; NULL: the URL */
    const char *const *urls; /* tried in order; NULL-terminated */
    const char *sha256;      /* 64 digits, or NULL: not known */
    gint64 size;             /* exact, or -1 */
    gint64 max_size;         /* refused if larger; 0: DOWNLOAD_SIZE_MAX */
    const char *proxy;       /* instead of the environment's, or NULL */
    gboolean retry_absent;   /* an absent file is a failure like any other, worth another try */
    const char *const
        *headers;     /* of the request, "Name: value"; or NULL.  Those that authorise do not go to other hosts. */
    const char *body; /* of a POST; NULL: a GET */
    gboolean want_response; /* fill `response` */
    /* Results: */
    SluiceDigest digest;
    gboolean done;
    guint url;            /* which of the URLs it came from */
    gboolean absent;      /* every URL answered that there is no such file */
    GError *error;        /* why it failed; freed by download_clear */
    long status;          /* of HTTP, the last answer; 0: none */
    GHashTable *response; /* headers of the last answer, names in lower case; freed by download_clear */
} Download;

#define DOWNLOAD_SIZE_MAX ((gint64)64 << 30)

/* Fetches all of them.  FALSE: at least one failed (each has its own error; *error is the first one's), or cancelled. `message` is the text of the progress. */
gboolean download_run(Download *downloads, gsize count, const SourceContext *context, const char *element,
                      const char *action, const char *message, GError **error);
void download_clear(Download *download);
/* One file of at most `max_size` bytes as a whole; `download` is cleared by the caller. */
GBytes *download_text(Download *download, const SourceContext *context, const char *element, const char *action,
                      const char *message, GError **error);

/* A file that was downloaded before, by its SHA-256.  FALSE without error if the store has it not (any more). */
gboolean download_find(SluiceStore *store, const char *sha256, SluiceDigest *out);
/* Remembers it for download_find. */
gboolean download_remember(SluiceStore *store, const SluiceDigest *digest, GError **error);
