/*
 * kind-build.c - the build element: lists of commands for four steps, dependencies staged at locations or given as digests in the environment.  Most kinds
 * are this with other defaults.
 */
#include "element-private.h"
#include "layout.h"

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
    Layout layout = {.arena = arena}, digests = {.arena = arena};
    layout_add_dependencies(&layout, element, "location", "/");
    layout_add_dependencies(&digests, element, "digest-environment", NULL);
    if (layout_is_special(&layout, "/")) {
        json_set(key, "layout", layout_key(&layout, arena));
    }
    if (digests.count > 0) {
        json_set(key, "digest-enviornment",
                 layout_key(&digests, arena)); /* sic: the misspelt word is in every key that has it */
    }
    return key;
}
