/*
 * lfs.h - Git LFS: what its pointers and its servers' answers say.
 *
 * A pointer is a small text in the place of a file: the version, `oid sha256:HEX`, `size N`.  The batch API takes a list of objects and answers where each is.
 */
#pragma once

#include <glib.h>

#define LFS_POINTER_MAX 1024 /* larger files are none */
#define LFS_MEDIA_TYPE  "application/vnd.git-lfs+json"

typedef struct {
    char oid[65];
    gint64 size;
} LfsPointer;

/* FALSE: it is a file like any other. */
gboolean lfs_pointer_parse(const char *text, gsize length, LfsPointer *out);
/* The request for all of them; free with g_free. */
char *lfs_request_new(const LfsPointer *pointers, gsize count);

/* Where an object is. */
typedef struct {
    char *url;
    char **headers; /* of the request, "Name: value" */
    char *problem;  /* why there is none, or NULL */
} LfsPlace;
/* By oid; NULL: this is no answer of such a server. */
GHashTable *lfs_answer_parse(const char *text, gsize length);
