/*
 * kind-collect-integration.c - the integration commands of all dependencies as one shell script.
 */
#include "element-private.h"

#include <string.h>

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"script-path", "ignore", NULL};
    const char *path = NULL;
    const char *const *ignored = NULL;
    return node_check_keys(element->config, keys, error) &&
           node_need_string(element->config, "script-path", &path, error) &&
           node_get_strings(element->config, "ignore", session_arena(element->project->session), &ignored, error);
}

static gboolean scope_has(GPtrArray *elements, const char *name)
{
    for (guint i = 0; i < elements->len; i++) {
        if (strcmp(((const Element *)elements->pdata[i])->name, name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean configure_dependencies(Element *element, GError **error)
{
    const Node *ignored = node_find(element->config, "ignore");
    if (element->n_sources > 0) {
        error_set(error, ERROR_ELEMENT, NULL, &element->where, "collect-integration elements may not have sources");
        return FALSE;
    }
    if (node_size(ignored) == 0) {
        return TRUE;
    }
    g_autoptr(GPtrArray) elements = element_scope(element, SCOPE_BUILD);
    for (gsize i = 0; i < node_size(ignored); i++) {
        const Node *name = node_at(ignored, i);
        if (!scope_has(elements, node_text(name))) {
            error_set(error, ERROR_ELEMENT, NULL, node_where(name), "element %s is not in dependencies",
                      node_text(name));
            return FALSE;
        }
    }
    return TRUE;
}

static Json *unique_key(Element *element, Arena *arena)
{
    Json *key = json_object(arena);
    json_set(key, "script-path", json_from_node(arena, node_find(element->config, "script-path")));
    json_set(key, "ignore", sorted_set_key(arena, node_find(element->config, "ignore")));
    return key;
}

const ElementKind element_kind_collect_integration = {
    .name = "collect_integration",
    .flags = KIND_RUNS_COMMANDS | KIND_FORBID_RUNTIME_DEPS,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = unique_key,
};
