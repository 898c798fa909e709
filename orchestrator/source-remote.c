/* source-remote.c - `kind: remote`: one file, as it is. */
#include "downloadable.h"
#include "element.h"
#include "source-kinds.h"

#include <string.h>

typedef struct {
    Downloadable file;
    const char *filename;
    gboolean executable;
} Remote;

/* The last segment of the URL, aliases expanded where that matters. */
static const char *default_filename(Source *source, const char *url, GError **error)
{
    const char *slash = strrchr(url, '/');
    if (slash != NULL) {
        return slash + 1;
    }
    g_auto(GStrv) urls = source_translate_url(source, url, error);
    if (urls == NULL) {
        return NULL;
    }
    slash = urls[0] != NULL ? strrchr(urls[0], '/') : NULL;
    return arena_strdup(source_arena(source), slash != NULL ? slash + 1 : url);
}

static gboolean remote_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {DOWNLOADABLE_KEYS, "filename", "executable", NULL};
    Remote *remote = arena_new_of(source_arena(source), Remote);
    if (!downloadable_configure(source, &remote->file, config, keys, error) ||
        !node_get_string(config, "filename", &remote->filename, error) ||
        !node_get_bool(config, "executable", &remote->executable, error)) {
        return FALSE;
    }
    if (remote->filename == NULL) {
        remote->filename = default_filename(source, remote->file.url, error);
    }
    if (remote->filename == NULL) {
        return FALSE;
    }
    if (strchr(remote->filename, '/') != NULL) {
        error_set(error, ERROR_SOURCE, "filename-contains-directory", &source->where,
                  "filename parameter cannot contain directories");
        return FALSE;
    }
    return TRUE;
}

static Json *remote_unique_key(Source *source, Arena *arena, GError **error)
{
    const Remote *remote = source->data;
    Json *key = downloadable_unique_key(source, arena);
    json_append(key, json_string(arena, remote->filename));
    json_append(key, json_bool(arena, remote->executable));
    return key;
}

static gboolean remote_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                             GError **error)
{
    const Remote *remote = source->data;
    SluiceDigest digest;
    g_autofree char *path = g_strconcat(directory, "/", remote->filename, NULL);
    return downloadable_find(source, context->store, &digest, error) &&
           sluice_tree_add_file(tree, path, &digest, remote->executable, error);
}

const SourceKind source_kind_remote = {
    .name = "remote",
    .has_ref = TRUE,
    .configure = remote_configure,
    .load_ref = downloadable_load_ref,
    .unique_key = remote_unique_key,
    .track = downloadable_track,
    .is_cached = downloadable_is_cached,
    .fetch = downloadable_fetch,
    .stage = remote_stage,
    .collect_info = downloadable_collect_info,
};
