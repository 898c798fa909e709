/* crates-private.h - what the files of crates.h share. */
#pragma once

#include "crates.h"

/* Downloads crates of the registry into the store; gives those without a digest theirs. */
gboolean crates_download(Source *source, const SourceContext *context, const char *action, Crate *crates, gsize count,
                         GError **error);
/* The commit of a crate of git, into the store's clones. */
gboolean crates_fetch_git(Source *source, const SourceContext *context, const Crate *crate, GError **error);
/* Its files below `place`; error if it is part of a workspace. */
gboolean crates_stage_git(Source *source, const SourceContext *context, const Crate *crate, SluiceTree *tree,
                          const char *place, GError **error);
