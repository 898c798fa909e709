/* source-archive.h - what the kinds tar and zip share. */
#pragma once

#include "archive-contents.h"
#include "downloadable.h"

gboolean archive_source_configure(Source *source, const Node *config, GError **error);
Json *archive_source_unique_key(Source *source, Arena *arena, GError **error);
gboolean archive_source_stage(Source *source, ArchiveFormat format, const SourceContext *context, SluiceTree *tree,
                              const char *directory, GError **error);
