/*
 * crates.h - what the kinds cargo and cargo2 share: a list of Rust crates, pinned, for vendoring.
 *
 * The list is the ref.  It is read from the Cargo.lock that earlier sources of the element staged.
 */
#pragma once

#include "source.h"

typedef struct {
    gboolean is_git; /* else from the registry */
    const char *name, *version;
    const char *sha;           /* registry: of the .crate file, or NULL: not known yet */
    const char *repo, *commit; /* git: URL as in Cargo.lock or of a mirror, 40 digits */
    const Node *query;         /* git: what the dependency was pinned by (branch, tag, rev), or NULL */
    Node *provenance;          /* cargo2, or NULL */
} Crate;

/* The data of both kinds. */
typedef struct {
    const char *url;  /* of the registry's files, as written */
    const char *base; /* the same, as the start of a URL */
    const char *cargo_lock, *vendor_dir;
    const Node *git_mirrors; /* cargo2: URL prefix to what replaces it, or NULL */
    const Crate *crates;
    gsize n_crates;
} Crates;

#define CRATES_KEYS "url", "ref", "cargo-lock", "vendor-dir"
/* Refuses more crates than this in a ref or a lock file. */
#define CRATES_MAX 100000

/* `keys` lists all keys that the kind knows, NULL-terminated. */
gboolean crates_configure(Source *source, Crates *crates, const Node *config, const char *const *keys,
                          const char *vendor_dir, GError **error);
/* A sequence of mappings; `git`: crates may come from git. */
gboolean crates_load_ref(Source *source, const Node *ref, gboolean git, GError **error);
/* Each crate of the registry has its SHA-256. */
gboolean crates_are_pinned(const Source *source);

/* Reads the lock file of the earlier sources; a ref for crates_load_ref. */
Node *crates_track(Source *source, const SourceContext *context, gboolean git, GError **error);
/* From the registry and from git. */
gboolean crates_fetch(Source *source, const SourceContext *context, GError **error);
/* Puts them into the vendor directory; `twins`: one may be there already, from elsewhere. */
gboolean crates_stage(Source *source, const SourceContext *context, gboolean twins, SluiceTree *tree,
                      const char *directory, GError **error);
/* Adds .cargo/`name`. */
gboolean crates_add_config(const SourceContext *context, SluiceTree *tree, const char *directory, const char *name,
                           const char *text, GError **error);
/* The URL of a git repository as the longest of `git-mirrors` that fits has it; in `arena`, or `url` itself. */
const char *crates_mirrored_url(const Crates *crates, Arena *arena, const char *url);
gboolean crates_collect_info(Source *source, Arena *arena, Node *list, GError **error);
