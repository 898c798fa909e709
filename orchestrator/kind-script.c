/*
 * kind-script.c - commands over staged artifacts, without sources.
 */
#include "element-private.h"
#include "kind-script.h"

#include <string.h>

static const char *variable_or_root(const Element *element, const char *name)
{
    const char *value = element_variable(element, name);
    return value != NULL && *value != '\0' ? value : "/";
}

ScriptElement *script_element_new(Element *element)
{
    Arena *arena = session_arena(element->project->session);
    ScriptElement *script = arena_new_of(arena, ScriptElement);
    script->cwd = variable_or_root(element, "cwd");
    script->install_root = variable_or_root(element, "install-root");
    script->commands = node_new_mapping(arena, NULL);
    script->layout.arena = arena;
    element->data = script;
    return script;
}

void script_element_add_group(Element *element, const char *name, Node *commands)
{
    const ScriptElement *script = element->data;
    node_set(session_arena(element->project->session), script->commands, name, commands);
}

Json *script_element_unique_key(Element *element, Arena *arena)
{
    const ScriptElement *script = element->data;
    Json *key = json_object(arena);
    json_set(key, "commands", json_from_node(arena, script->commands));
    json_set(key, "cwd", json_string(arena, script->cwd));
    json_set(key, "install-root", json_string(arena, script->install_root));
    json_set(key, "layout", layout_key(&script->layout, arena));
    json_set(key, "root-read-only", json_bool(arena, script->root_read_only));
    return key;
}

static CommandStep *read_steps(Build *build, const Node *groups, GError **error)
{
    CommandStep *steps = arena_alloc(build->arena, (node_size(groups) + 1) * sizeof *steps);
    for (gsize i = 0; i < node_size(groups); i++) {
        if (!node_get_strings(groups, node_key_at(groups, i), build->arena, &steps[i].commands, error)) {
            return NULL;
        }
    }
    return steps;
}

gboolean script_element_assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    const ScriptElement *script = element->data;
    gboolean everything = strspn(script->install_root, "/") == strlen(script->install_root);
    const char *const writable[] = {everything ? NULL : script->install_root, NULL};
    StagePlan stage = {.layout = &script->layout, .integrate = TRUE};
    CommandPlan plan = {.steps = read_steps(build, script->commands, error),
                        .n_steps = node_size(script->commands),
                        .cwd = script->cwd,
                        .root_read_only = script->root_read_only,
                        .writable = writable,
                        .collect = script->install_root,
                        .collect_failed = TRUE};
    plan.environment = build_environment(build, error);
    if (!plan.steps || !plan.environment || !build_stage(build, &stage, &plan.root, error) ||
        !build_plan_proxy(build, SLUICE_CACHE_WRITES_EXECUTED, &plan, error)) {
        return FALSE;
    }
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, &plan.root, error);
    return tree && sluice_tree_make_directory(tree, script->install_root, error) &&
           sluice_tree_commit(tree, &plan.root, error) && build_commands(build, &plan, files, error);
}

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"commands", "root-read-only", NULL};
    const char *const *commands = NULL;
    ScriptElement *script = script_element_new(element);
    if (!node_check_keys(element->config, keys, error) || !node_need(element->config, "commands", error) ||
        !node_get_strings(element->config, "commands", script->layout.arena, &commands, error)) {
        return FALSE;
    }
    script_element_add_group(element, "commands", node_find(element->config, "commands"));
    return node_get_bool(element->config, "root-read-only", &script->root_read_only, error);
}

static gboolean configure_dependencies(Element *element, GError **error)
{
    static const char *const keys[] = {"location", NULL};
    ScriptElement *script = element->data;
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
    layout_add_dependencies(&script->layout, element, "location", "/");
    return TRUE;
}

const ElementKind element_kind_script = {
    .name = "script",
    .defaults = "variables:\n"
                "  cwd: /\n"
                "config:\n"
                "  root-read-only: False\n"
                "  commands: []\n",
    .flags = KIND_SCRIPT_ELEMENT_FLAGS,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = script_element_unique_key,
    .assemble = script_element_assemble,
};
