/* source-tar.c - `kind: tar`: an archive, unpacked into the store; and what `kind: zip` has in common with it. */
#include "element.h"
#include "source-archive.h"
#include "source-kinds.h"

typedef struct {
    Downloadable file;
    const char *base_dir; /* glob; "": the whole archive */
} ArchiveSource;

gboolean archive_source_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {DOWNLOADABLE_KEYS, "base-dir", NULL};
    ArchiveSource *archive = arena_new_of(source_arena(source), ArchiveSource);
    archive->base_dir = "*";
    return downloadable_configure(source, &archive->file, config, keys, error) &&
           node_get_string(config, "base-dir", &archive->base_dir, error);
}

Json *archive_source_unique_key(Source *source, Arena *arena, GError **error)
{
    const ArchiveSource *archive = source->data;
    Json *key = downloadable_unique_key(source, arena);
    json_append(key, json_string(arena, archive->base_dir));
    return key;
}

gboolean archive_source_stage(Source *source, ArchiveFormat format, const SourceContext *context, SluiceTree *tree,
                              const char *directory, GError **error)
{
    const ArchiveSource *archive = source->data;
    SluiceDigest digest;
    if (!downloadable_find(source, context->store, &digest, error)) {
        return FALSE;
    }
    g_autoptr(GBytes) bytes = sluice_store_read(context->store, &digest, error);
    if (bytes == NULL) {
        return FALSE;
    }
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    g_autoptr(ArchiveContents) contents = archive_read(context->store, data, length, format, archive->file.url, error);
    g_autofree char *base_dir = NULL;
    if (contents != NULL) {
        base_dir =
            archive->base_dir[0] != '\0' ? archive_find_base_dir(contents, archive->base_dir, error) : g_strdup("");
    }
    return base_dir != NULL && archive_add_to_tree(contents, base_dir, tree, directory, error);
}

static gboolean tar_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                          GError **error)
{
    return archive_source_stage(source, ARCHIVE_TAR, context, tree, directory, error);
}

const SourceKind source_kind_tar = {
    .name = "tar",
    .has_ref = TRUE,
    .configure = archive_source_configure,
    .load_ref = downloadable_load_ref,
    .unique_key = archive_source_unique_key,
    .track = downloadable_track,
    .is_cached = downloadable_is_cached,
    .fetch = downloadable_fetch,
    .stage = tar_stage,
    .collect_info = downloadable_collect_info,
};
