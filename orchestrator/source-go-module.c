/* source-go-module.c - `kind: go_module`: one module of vendor/, from its git repository. */
#include "element.h"
#include "go-module.h"
#include "source-info.h"
#include "source-kinds.h"

static gboolean go_module_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"ref", "url", "module", NULL};
    GoModule *module = arena_new_of(source_arena(source), GoModule);
    source->data = module;
    return node_check_keys(config, keys, error) && node_need_string(config, "url", &module->url, error) &&
           node_need_string(config, "module", &module->module, error);
}

static gboolean go_module_load_ref(Source *source, const Node *ref, GError **error)
{
    static const char *const keys[] = {"go-version", "git-ref", "explicit", "subdirectory", NULL};
    GoModule *module = source->data;
    module->go_version = module->git_ref = module->subdirectory = NULL;
    if (ref == NULL) {
        return TRUE;
    }
    if (node_type(ref) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(ref),
                  "Value of 'ref' is not of the expected type 'dict'");
        return FALSE;
    }
    const Node *is_explicit = node_find(ref, "explicit");
    if (!node_check_keys(ref, keys, error) || !node_need_string(ref, "go-version", &module->go_version, error) ||
        !node_need_string(ref, "git-ref", &module->git_ref, error) ||
        !node_get_string(ref, "subdirectory", &module->subdirectory, error)) {
        return FALSE;
    }
    if (is_explicit == NULL) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(ref),
                  "Dictionary did not contain expected key 'explicit'");
        return FALSE;
    }
    if (!git_ref_parse(source_arena(source), module->git_ref, &module->git)) {
        error_set(error, ERROR_SOURCE, NULL, node_where(node_find(ref, "git-ref")),
                  "ref %s is not in the expected format", module->git_ref);
        return FALSE;
    }
    return node_get_bool(ref, "explicit", &module->is_explicit, error);
}

static Json *go_module_unique_key(Source *source, Arena *arena, GError **error)
{
    const GoModule *module = source->data;
    Json *key = json_object(arena), *ref = json_object(arena);
    json_set(ref, "go-version", json_string(arena, module->go_version));
    json_set(ref, "git-ref", json_string(arena, module->git_ref));
    json_set(ref, "explicit", json_bool(arena, module->is_explicit));
    if (module->subdirectory != NULL) {
        json_set(ref, "subdirectory", json_string(arena, module->subdirectory));
    }
    json_set(key, "ref", ref);
    json_set(key, "module", json_string(arena, module->module));
    json_set(key, "bugfix", json_int(arena, 1));
    return key;
}

static gboolean go_module_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const GoModule *module = source->data;
    const SourceVersion version = {NULL};
    g_autofree char *url = source_primary_url(source, module->url, error);
    return url != NULL &&
           (module->git_ref == NULL || git_append_info(source, arena, list, url, &module->git, &version, TRUE, error));
}

const SourceKind source_kind_go_module = {
    .name = "go_module",
    .has_ref = TRUE,
    .needs_previous = TRUE,
    .tracks_previous = TRUE,
    .configure = go_module_configure,
    .load_ref = go_module_load_ref,
    .unique_key = go_module_unique_key,
    .track = go_module_track,
    .is_cached = go_module_is_cached,
    .fetch = go_module_fetch,
    .stage = go_module_stage,
    .collect_info = go_module_collect_info,
};
