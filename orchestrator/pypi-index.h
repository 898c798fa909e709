/* pypi-index.h - which file of a Python package to take: the answer of an index in JSON (PEP 691). */
#pragma once

#include <glib.h>

typedef struct {
    gboolean prereleases;
    const char *const *include, *const *exclude; /* globs over normal versions: all of these match, none of those */
} PypiFilter;

typedef enum {
    PYPI_FOUND,
    PYPI_EMPTY,    /* the package has no files at all */
    PYPI_FILTERED, /* none is wanted */
    PYPI_MALFORMED,
} PypiResult;

/* The newest version's source archive: its URL and SHA-256 (64 digits), free with g_free. */
PypiResult pypi_index_find(const char *text, gsize length, const PypiFilter *filter, char **url, char **sha256);
