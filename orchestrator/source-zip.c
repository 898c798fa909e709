/* source-zip.c - `kind: zip`: like tar, but no file is executable and links are files that hold their target. */
#include "source-archive.h"
#include "source-kinds.h"

static gboolean zip_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                          GError **error)
{
    return archive_source_stage(source, ARCHIVE_ZIP, context, tree, directory, error);
}

const SourceKind source_kind_zip = {
    .name = "zip",
    .has_ref = TRUE,
    .configure = archive_source_configure,
    .load_ref = downloadable_load_ref,
    .unique_key = archive_source_unique_key,
    .track = downloadable_track,
    .is_cached = downloadable_is_cached,
    .fetch = downloadable_fetch,
    .stage = zip_stage,
    .collect_info = downloadable_collect_info,
};
