/* source-git-module.c - `kind: git_module`: a submodule as a source of its own, tracked by what the sources before it say. */
#include "element.h"
#include "source-git.h"
#include "source-kinds.h"

#include <string.h>

typedef struct {
    const char *url, *path;
    const char *ref; /* or NULL */
    gboolean full_clone, use_lfs;
    SourceVersion version;
} GitModule;

static gboolean git_module_load_ref(Source *source, const Node *ref, GError **error)
{
    GitModule *module = source->data;
    return source_ref_text(source, ref, &module->ref, error);
}

/* An absolute path is taken from the top of the sources. */
static const char *relative_path(Arena *arena, const char *path)
{
    if (!g_path_is_absolute(path)) {
        return path;
    }
    g_autofree char *canonical = g_canonicalize_filename(path, "/");
    return canonical[1] != '\0' ? arena_strdup(arena, canonical + 1) : ".";
}

static gboolean git_module_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"url", "ref", "full-clone", "use-lfs", SOURCE_VERSION_KEYS, "path", NULL};
    GitModule *module = arena_new_of(source_arena(source), GitModule);
    source->data = module;
    if (!node_check_keys(config, keys, error) || !node_need_string(config, "url", &module->url, error) ||
        !node_get_bool(config, "full-clone", &module->full_clone, error) ||
        !node_get_bool(config, "use-lfs", &module->use_lfs, error) ||
        !source_version_configure(&module->version, config, error) ||
        !node_need_string(config, "path", &module->path, error)) {
        return FALSE;
    }
    module->path = relative_path(source_arena(source), module->path);
    return TRUE;
}

static Json *git_module_unique_key(Source *source, Arena *arena, GError **error)
{
    const GitModule *module = source->data;
    Json *key = json_array(arena);
    json_append(key, json_string(arena, module->url));
    json_append(key, json_string(arena, module->ref));
    if (*module->path != '\0') {
        Json *path = json_object(arena);
        json_set(path, "path", json_string(arena, module->path));
        json_append(key, path);
    }
    if (module->use_lfs) {
        json_append(key, json_string(arena, "use-lfs"));
    }
    source_version_append_key(&module->version, arena, key);
    return key;
}

const SourceKind source_kind_git_module = {
    .name = "git_module",
    .has_ref = TRUE,
    .tracks_previous = TRUE,
    .configure = git_module_configure,
    .load_ref = git_module_load_ref,
    .unique_key = git_module_unique_key,
};
