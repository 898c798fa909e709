/*
 * kind-build.c - the build element: lists of commands for four steps, dependencies staged at locations or given as digests in the environment.  Most kinds
 * are this with other defaults.
 */
#include "element-private.h"

#include <string.h>

static const char *const steps[] = {"configure-commands", "build-commands", "install-commands", "strip-commands", NULL};

gboolean build_element_configure(Element *element, GError **error)
{
    if (!node_check_keys(element->config, steps, error)) {
        return FALSE;
    }
    for (gsize i = 0; steps[i] != NULL; i++) {
        const char *const *commands = NULL;
        if (!node_get_strings(element->config, steps[i], session_arena(element->project->session), &commands, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean build_element_configure_dependencies(Element *element, GError **error)
{
    static const char *const keys[] = {"digest-environment", "location", NULL};
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        for (gsize j = 0; j < dependency->n_configs; j++) {
            const char *text = NULL;
            if (!node_check_keys(dependency->configs[j], keys, error) ||
                !node_get_string(dependency->configs[j], "location", &text, error) ||
                !node_get_string(dependency->configs[j], "digest-environment", &text, error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

/* Adds `path` to the list under `key`. */
static void add_path(Arena *arena, Json *map, GHashTable *lists, const char *key, const char *path)
{
    Json *list = g_hash_table_lookup(lists, key);
    if (list == NULL) {
        list = json_array(arena);
        g_hash_table_insert(lists, (gpointer)key, list);
        json_set(map, key, list);
    }
    json_append(list, json_string(arena, path));
}

Json *dependency_layout_key(const Element *element, Arena *arena, const char *config_key, const char *fallback,
                            gboolean *special)
{
    Json *map = json_object(arena);
    g_autoptr(GHashTable) lists = g_hash_table_new(g_str_hash, g_str_equal);
    *special = FALSE;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        if ((dependency->types & DEP_BUILD) == 0) {
            continue;
        }
        for (gsize j = 0; j < MAX(dependency->n_configs, 1); j++) {
            const Node *config = j < dependency->n_configs ? dependency->configs[j] : NULL;
            const Node *value = config != NULL ? node_find(config, config_key) : NULL;
            const char *key = value != NULL ? node_text(value) : fallback;
            if (key != NULL) {
                add_path(arena, map, lists, key, dependency->path);
                *special |= fallback == NULL || strcmp(key, fallback) != 0;
            }
        }
    }
    return map;
}

Json *build_element_unique_key(Element *element, Arena *arena)
{
    Json *key = json_object(arena);
    for (gsize i = 0; steps[i] != NULL; i++) {
        const Node *commands = node_find(element->config, steps[i]);
        json_set(key, steps[i], commands != NULL ? json_from_node(arena, commands) : json_array(arena));
    }
    const char *subdir = element_variable(element, "command-subdir");
    const char *notparallel = element_variable(element, "notparallel");
    if (subdir != NULL && *subdir != '\0') {
        json_set(key, "command-subdir", json_string(arena, subdir));
    }
    if (notparallel != NULL && *notparallel != '\0') {
        json_set(key, "notparallel", json_bool(arena, TRUE));
    }
    gboolean special = FALSE;
    Json *layout = dependency_layout_key(element, arena, "location", "/", &special);
    if (special) {
        json_set(key, "layout", layout);
    }
    Json *digests = dependency_layout_key(element, arena, "digest-environment", NULL, &special);
    if (special) {
        json_set(key, "digest-enviornment", digests); /* sic: the misspelt word is in every key that has it */
    }
    return key;
}
