/*
 * kind-compose.c - a selection of what the dependencies contain, after their integration commands.
 */
#include "element-private.h"

#include <stdlib.h>
#include <string.h>

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"integrate", "include", "exclude", "include-orphans", NULL};
    Arena *arena = session_arena(element->project->session);
    const char *const *domains = NULL;
    gboolean flag = FALSE, integrate = TRUE;
    if (!node_get_bool(element->config, "integrate", &integrate, error)) {
        return FALSE;
    }
    if (!integrate) {
        element->flags &= ~(unsigned)KIND_RUNS_COMMANDS;
    }
    return node_check_keys(element->config, keys, error) &&
           node_get_strings(element->config, "include", arena, &domains, error) &&
           node_get_strings(element->config, "exclude", arena, &domains, error) &&
           node_get_bool(element->config, "include-orphans", &flag, error);
}

static int compare_nodes(const void *a, const void *b)
{
    return strcmp(node_text(*(const Node *const *)a), node_text(*(const Node *const *)b));
}

static Json *sorted_key(Arena *arena, const Node *list, gboolean unique)
{
    gsize count = node_size(list);
    g_autofree const Node **items = g_new(const Node *, count + 1);
    for (gsize i = 0; i < count; i++) {
        items[i] = node_at(list, i);
    }
    qsort(items, count, sizeof *items, compare_nodes);
    Json *array = json_array(arena);
    for (gsize i = 0; i < count; i++) {
        if (!unique || i == 0 || strcmp(node_text(items[i - 1]), node_text(items[i])) != 0) {
            json_append(array, json_string(arena, node_text(items[i])));
        }
    }
    return array;
}

Json *sorted_strings_key(Arena *arena, const Node *list)
{
    return sorted_key(arena, list, FALSE);
}

Json *sorted_set_key(Arena *arena, const Node *list)
{
    return sorted_key(arena, list, TRUE);
}

static Json *unique_key(Element *element, Arena *arena)
{
    Json *key = json_object(arena);
    const Node *include = node_find(element->config, "include"), *exclude = node_find(element->config, "exclude");
    gboolean integrate = TRUE, orphans = TRUE;
    node_get_bool(element->config, "integrate", &integrate, NULL);
    node_get_bool(element->config, "include-orphans", &orphans, NULL);
    json_set(key, "integrate", json_bool(arena, integrate));
    json_set(key, "include", sorted_strings_key(arena, include));
    json_set(key, "orphans", json_bool(arena, orphans));
    if (exclude != NULL && node_size(exclude) > 0) {
        json_set(key, "exclude", sorted_strings_key(arena, exclude));
    }
    return key;
}

const ElementKind element_kind_compose = {
    .name = "compose",
    .defaults = "config:\n"
                "  integrate: True\n"
                "  include: []\n"
                "  exclude: []\n"
                "  include-orphans: True\n",
    .flags = KIND_RUNS_COMMANDS | KIND_STRICT_REBUILD | KIND_FORBID_RUNTIME_DEPS | KIND_FORBID_SOURCES,
    .configure = configure,
    .unique_key = unique_key,
    .assemble = kind_compose_assemble,
};
