/* source-local.c - `kind: local`: a file or directory of the project. */
#include "element.h"
#include "source-info.h"
#include "source-kinds.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    const char *path;
    gboolean has_digest;
    SluiceDigest digest; /* what the key is made of */
} Local;

static gboolean local_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"path", NULL};
    Local *local = arena_new_of(source_arena(source), Local);
    source->data = local;
    if (!node_check_keys(config, keys, error) || !node_need_string(config, "path", &local->path, error)) {
        return FALSE;
    }
    int fd = source_open_project_path(source, local->path, node_where(node_find(config, "path")), error);
    if (fd < 0) {
        return FALSE;
    }
    close(fd);
    return TRUE;
}

static gboolean ensure_digest(Source *source, GError **error)
{
    Local *local = source->data;
    g_autoptr(GError) problem = NULL;
    local->has_digest =
        local->has_digest || project_digest(source_project(source), local->path, &local->digest, &problem);
    if (!local->has_digest) {
        error_set(error, ERROR_SOURCE, g_intern_string(error_get_reason(problem)),
                  node_where(node_find(source->node, "path")), "%s", problem->message);
    }
    return local->has_digest;
}

static Json *local_unique_key(Source *source, Arena *arena, GError **error)
{
    const Local *local = source->data;
    char hex[SLUICE_HASH_HEX + 1];
    if (!ensure_digest(source, error)) {
        return NULL;
    }
    sluice_digest_hex(&local->digest, hex);
    return json_string(arena, hex);
}

static gboolean local_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                            GError **error)
{
    const Local *local = source->data;
    const SluiceImportOptions options = {.by_link = FALSE};
    SluiceDigest root;
    if (!sluice_store_import(context->store, project_dirfd(source_project(source)), local->path, &options, &root,
                             error)) {
        return FALSE;
    }
    if (local->has_digest && !sluice_digest_equal(&root, &local->digest)) {
        error_set(error, ERROR_SOURCE, "local-changed", &source->where, "'%s' changed after its cache key was computed",
                  local->path);
        return FALSE;
    }
    return sluice_tree_merge(tree, directory, &root, NULL, NULL, error);
}

static gboolean local_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const Local *local = source->data;
    char digest[SLUICE_DIGEST_STRING_MAX];
    if (!ensure_digest(source, error)) {
        return FALSE;
    }
    const SourceInfo info = {.url = local->path,
                             .medium = "local",
                             .version_type = "cas-digest",
                             .version = sluice_digest_string(&local->digest, digest)};
    source_info_append(source, arena, list, &info);
    return TRUE;
}

const SourceKind source_kind_local = {
    .name = "local",
    .configure = local_configure,
    .unique_key = local_unique_key,
    .stage = local_stage,
    .collect_info = local_collect_info,
};
