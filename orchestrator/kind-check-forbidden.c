/*
 * kind-check-forbidden.c - fails to build if an element is below it that must not be; makes nothing.
 */
#include "element-private.h"

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"forbidden", NULL};
    const char *const *names = NULL;
    return node_check_keys(element->config, keys, error) && node_need(element->config, "forbidden", error) &&
           node_get_strings(element->config, "forbidden", session_arena(element->project->session), &names, error);
}

static Json *unique_key(Element *element, Arena *arena)
{
    Json *key = json_object(arena);
    json_set(key, "forbidden", sorted_set_key(arena, node_find(element->config, "forbidden")));
    return key;
}

const ElementKind element_kind_check_forbidden = {
    .name = "check_forbidden",
    .flags = KIND_RUNS_COMMANDS,
    .configure = configure,
    .unique_key = unique_key,
};
