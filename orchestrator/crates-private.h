/* crates-private.h - what the files of crates.h share. */
#pragma once

#include "crates.h"

/* Downloads crates of the registry into the store; gives those without a digest theirs. */
gboolean crates_download(Source *source, const SourceContext *context, const char *action, Crate *crates, gsize count,
                         GError **error);
