/*
 * kind-script.c - commands over staged artifacts, without sources.
 */
#include "element-private.h"

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"commands", "root-read-only", NULL};
    const char *const *commands = NULL;
    gboolean read_only = FALSE;
    return node_check_keys(element->config, keys, error) &&
           node_get_strings(element->config, "commands", session_arena(element->project->session), &commands, error) &&
           node_get_bool(element->config, "root-read-only", &read_only, error);
}

static gboolean configure_dependencies(Element *element, GError **error)
{
    static const char *const keys[] = {"location", NULL};
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        for (gsize j = 0; j < dependency->n_configs; j++) {
            const char *text = NULL;
            if (!node_check_keys(dependency->configs[j], keys, error) ||
                !node_get_string(dependency->configs[j], "location", &text, error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

static Json *variable_or_root(const Element *element, Arena *arena, const char *name)
{
    const char *value = element_variable(element, name);
    return json_string(arena, value != NULL && *value != '\0' ? value : "/");
}

static Json *unique_key(Element *element, Arena *arena)
{
    Json *key = json_object(arena), *groups = json_object(arena);
    const Node *commands = node_find(element->config, "commands");
    gboolean read_only = FALSE, special = FALSE;
    node_get_bool(element->config, "root-read-only", &read_only, NULL);
    json_set(groups, "commands", commands != NULL ? json_from_node(arena, commands) : json_array(arena));
    json_set(key, "commands", groups);
    json_set(key, "cwd", variable_or_root(element, arena, "cwd"));
    json_set(key, "install-root", variable_or_root(element, arena, "install-root"));
    json_set(key, "layout", dependency_layout_key(element, arena, "location", "/", &special));
    json_set(key, "root-read-only", json_bool(arena, read_only));
    return key;
}

const ElementKind element_kind_script = {
    .name = "script",
    .defaults = "variables:\n"
                "  cwd: /\n"
                "config:\n"
                "  root-read-only: False\n"
                "  commands: []\n",
    .flags =
        KIND_RUNS_COMMANDS | KIND_STRICT_REBUILD | KIND_FORBID_RUNTIME_DEPS | KIND_FORBID_SOURCES | KIND_DEP_CONFIG,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = unique_key,
    .assemble = kind_script_assemble,
};
