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
/* A ref for package_load_ref, in the project's arena; its keys are in the order that BuildStream writes for the kind. */
Node *package_ref_new(Source *source, gboolean digest_first, const char *suffix, const char *sha256);
/* tar or zip by its name; the first part of each member's name is dropped. */
gboolean package_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                       GError **error);
gboolean package_collect_info(Source *source, Arena *arena, Node *list, GError **error);

/* In the listing of all Perl modules (02packages.details.txt): where the archive with `name` is, below authors/id/.  NULL: nowhere.  Free with g_free. */
char *cpan_index_find(const char *listing, const char *name);
