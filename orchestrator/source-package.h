/*
 * source-package.h - what the kinds cpan and pypi share: an archive of a package index, pinned by its place below a URL and its SHA-256.
 */
#pragma once

#include "downloadable.h"

/* First member of these kinds' data.  `file.url` is base and suffix in one. */
typedef struct {
    Downloadable file;
    const char *name, *base;
    const char *suffix; /* or NULL */
} Package;

/* Reads what of the config both have; `base_key` names the key of the URL below which the archives are, `base` is its default. */
gboolean package_configure(Source *source, Package *package, const Node *config, const char *const *keys,
                           const char *base_key, const char *base, GError **error);
/* A mapping with `suffix` and `sha256sum`. */
gboolean package_load_ref(Source *source, const Node *ref, GError **error);
Json *package_unique_key(Source *source, Arena *arena, GError **error);
/* A ref for package_load_ref, in the project's arena. */
Node *package_ref_new(Source *source, const char *suffix, const char *sha256);
