/* source-go-module.c - `kind: go_module`: one module of vendor/, from its git repository. */
#include "element.h"
#include "source-kinds.h"

#include <string.h>

#define COMMIT_DIGITS 40

typedef struct {
    const char *url, *module;
    /* The ref: */
    const char *go_version, *git_ref;
    const char *subdirectory; /* of the repository, or NULL */
    gboolean is_explicit;     /* go.mod names it */
} GoModule;

static gboolean go_module_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"ref", "url", "module", NULL};
    GoModule *module = arena_new_of(source_arena(source), GoModule);
    source->data = module;
    return node_check_keys(config, keys, error) && node_need_string(config, "url", &module->url, error) &&
           node_need_string(config, "module", &module->module, error);
}

/* A commit, or "TAG-COUNT-gCOMMIT". */
static gboolean is_git_ref(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    if (strspn(text, digits) >= COMMIT_DIGITS) {
        return TRUE;
    }
    for (const char *g = strstr(text, "-g"); g != NULL; g = strstr(g + 1, "-g")) {
        const char *count = g;
        while (count > text && g_ascii_isdigit(count[-1])) {
            count--;
        }
        if (count < g && count > text && count[-1] == '-' && strspn(g + 2, digits) >= COMMIT_DIGITS) {
            return TRUE;
        }
    }
    return FALSE;
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
    if (!is_git_ref(module->git_ref)) {
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

const SourceKind source_kind_go_module = {
    .name = "go_module",
    .has_ref = TRUE,
    .needs_previous = TRUE,
    .tracks_previous = TRUE,
    .configure = go_module_configure,
    .load_ref = go_module_load_ref,
    .unique_key = go_module_unique_key,
};
