/* downloadable.h - what the kinds remote, tar and zip share: one URL, pinned by the SHA-256 of what it gives. */
#pragma once

#include "source.h"

/* First member of these kinds' data. */
typedef struct {
    const char *url; /* as written */
    const char *ref; /* or NULL */
    const char *version, *version_guess_pattern;
} Downloadable;

/* The keys of `config` that all have; `keys` lists the kind's own as well (NULL-terminated). */
#define DOWNLOADABLE_KEYS "url", "ref", "version", "version-guess-pattern"
gboolean downloadable_configure(Source *source, Downloadable *file, const Node *config, const char *const *keys,
                                GError **error);
gboolean downloadable_load_ref(Source *source, const Node *ref, GError **error);
/* An array, to which the kind appends. */
Json *downloadable_unique_key(Source *source, Arena *arena);
Node *downloadable_track(Source *source, const SourceContext *context, GError **error);
gboolean downloadable_is_cached(Source *source, SluiceStore *store);
gboolean downloadable_fetch(Source *source, const SourceContext *context, GError **error);
gboolean downloadable_collect_info(Source *source, Arena *arena, Node *list, GError **error);
/* The digest of the downloaded file. */
gboolean downloadable_find(Source *source, SluiceStore *store, SluiceDigest *out, GError **error);
