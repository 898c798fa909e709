/*
 * kind-collect-initial-scripts.c - the `initial-script` of each dependency's public data as a file of its own.
 */
#include "kind.h"

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"path", NULL};
    const char *path = NULL;
    return node_check_keys(element->config, keys, error) && node_need_string(element->config, "path", &path, error);
}

static Json *unique_key(Element *element, Arena *arena)
{
    return json_from_node(arena, element->config);
}

const ElementKind element_kind_collect_initial_scripts = {
    .name = "collect_initial_scripts",
    .flags = KIND_RUNS_COMMANDS | KIND_FORBID_RUNTIME_DEPS | KIND_FORBID_SOURCES,
    .configure = configure,
    .unique_key = unique_key,
};
