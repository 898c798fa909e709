/* docker-stage.c - the layers of an image, one over the other. */
#include "archive-contents.h"
#include "docker-manifest.h"
#include "docker-private.h"
#include "download.h"
#include "element.h"

#include <string.h>

/* A member DIRECTORY/.wh.NAME takes NAME of lower layers away, DIRECTORY/.wh..wh..opq all of them. */
#define WHITEOUT ".wh."
#define OPAQUE   ".wh..wh..opq"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Devices are dropped when the archive is read, and with them all that is in /dev. */
static gboolean is_content(const ArchiveMember *member, gpointer data)
{
    return !g_str_has_prefix(base_name(member->path), WHITEOUT) && !g_str_has_prefix(member->path, "dev/");
}

static gboolean take_away(const ArchiveMember *member, SluiceTree *tree, const char *directory, GError **error)
{
    const char *name = base_name(member->path);
    g_autofree char *parent = g_strdup_printf("%s/%.*s", directory, (int)(name - member->path), member->path);
    if (strcmp(name, WHITEOUT) == 0) {
        error_set(error, ERROR_SOURCE, "archive-damaged", NULL, "Error staging source: '%s' takes nothing away",
                  member->path);
        return FALSE;
    }
    if (strcmp(name, OPAQUE) != 0) {
        g_autofree char *path = g_strconcat(parent, name + strlen(WHITEOUT), NULL);
        return sluice_tree_remove(tree, path, error);
    }
    return sluice_tree_remove(tree, parent, error) && sluice_tree_make_directory(tree, parent, error);
}

static gboolean take_all_away(const ArchiveContents *contents, SluiceTree *tree, const char *directory, GError **error)
{
    for (guint i = 0; i < contents->members->len; i++) {
        const ArchiveMember *member = &g_array_index(contents->members, ArchiveMember, i);
        if (g_str_has_prefix(base_name(member->path), WHITEOUT) && !take_away(member, tree, directory, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean stage_layer(Source *source, const SourceContext *context, const DockerLayer *layer, SluiceTree *tree,
                            const char *directory, GError **error)
{
    SluiceDigest digest;
    gsize length;
    g_autofree char *name = g_strconcat("sha256:", layer->digest, NULL);
    if (!download_find(context->store, layer->digest, &digest)) {
        error_set(error, ERROR_SOURCE, NULL, &source->where, "Layer %s is not in the cache; fetch it first", name);
        return FALSE;
    }
    g_autoptr(GBytes) bytes = sluice_store_read(context->store, &digest, error);
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    g_autoptr(ArchiveContents) contents =
        data != NULL ? archive_read(context->store, data, length, ARCHIVE_TAR, name, error) : NULL;
    if (contents == NULL || !take_all_away(contents, tree, directory, error)) {
        return FALSE;
    }
    archive_contents_filter(contents, is_content, NULL);
    return archive_add_to_tree(contents, "", tree, directory, error);
}

gboolean docker_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                      GError **error)
{
    const Docker *docker = source->data;
    GError *problem = NULL;
    g_autoptr(DockerManifest) manifest = docker_find_manifest(source, context->store, &problem);
    if (manifest == NULL) {
        error_set(error, ERROR_SOURCE, NULL, &source->where, "Unable to load manifest: %s",
                  problem != NULL ? problem->message : docker->digest);
        g_clear_error(&problem);
        return FALSE;
    }
    for (guint i = 0; i < manifest->layers->len; i++) {
        if (!stage_layer(source, context, &g_array_index(manifest->layers, DockerLayer, i), tree, directory, error)) {
            return FALSE;
        }
    }
    return TRUE;
}
