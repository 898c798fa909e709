/* crates-private.h - what the files of crates.h share. */
#pragma once

#include "crates.h"
#include "toml.h"

/* Downloads crates of the registry into the store; gives those without a digest theirs. */
gboolean crates_download(Source *source, const SourceContext *context, const char *action, Crate *crates, gsize count,
                         GError **error);
/* The commit of a crate of git, into the store's clones. */
gboolean crates_fetch_git(Source *source, const SourceContext *context, const Crate *crate, GError **error);
/* Its files below `place`; of a workspace, its folder with a manifest that stands on its own. */
gboolean crates_stage_git(Source *source, const SourceContext *context, const Crate *crate, SluiceTree *tree,
                          const char *place, GError **error);

/* ---- Manifests in a repository, which is context->previous ---- */
#define CRATE_MANIFEST           "Cargo.toml"
#define CRATE_MANIFEST_MAX_BYTES ((gsize)16 << 20)
/* That of a folder; NULL without error if there is none. */
Toml *crates_read_manifest(const SourceContext *context, Arena *arena, const char *folder, GError **error);
/* The manifest of a member of the workspace whose manifest is `top`, with all that it inherits, and its folder ("" for the top). */
Toml *crates_find_member(const SourceContext *context, Arena *arena, const Toml *top, const char *name,
                         const char **folder, GError **error);
/* Replaces what a manifest says that it has from the workspace. */
gboolean crates_inherit(Arena *arena, Toml *manifest, const Toml *workspace, GError **error);
