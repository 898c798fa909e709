/*
 * kind-collect-integration.c - the integration commands of all dependencies as one shell script.
 */
#include "build.h"
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

static gboolean is_ignored(const Element *element, const Element *dependency)
{
    const Node *ignored = node_find(element->config, "ignore");
    for (gsize i = 0; i < node_size(ignored); i++) {
        if (strcmp(node_text(node_at(ignored, i)), dependency->name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean append_commands(Build *build, const Element *dependency, GString *script, GError **error)
{
    Node *bst = NULL;
    const char *const *commands = NULL;
    const Node *public_ = build_public_data(build, dependency, error);
    if (public_ == NULL || !node_get_mapping(public_, "bst", &bst, error) ||
        (bst != NULL && !node_get_strings(bst, "integration-commands", build->arena, &commands, error))) {
        return FALSE;
    }
    if (commands != NULL) {
        g_string_append_printf(script, "# integration commands from %s\n", dependency->name);
    }
    for (; commands != NULL && *commands != NULL; commands++) {
        g_string_append_printf(script, "%s\n\n", *commands);
    }
    return TRUE;
}

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    g_autoptr(GString) script = g_string_new("#!/bin/sh\nset -e\n\n");
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    g_autoptr(GPtrArray) scope = element_scope(element, SCOPE_BUILD);
    for (guint i = 0; i < scope->len; i++) {
        const Element *dependency = scope->pdata[i];
        if (!is_ignored(element, dependency) && !append_commands(build, dependency, script, error)) {
            return FALSE;
        }
    }
    return build_add_text(build, tree, node_text(node_find(element->config, "script-path")), script->str, TRUE,
                          error) &&
           sluice_tree_commit(tree, files, error);
}

const ElementKind element_kind_collect_integration = {
    .name = "collect_integration",
    .flags = KIND_RUNS_COMMANDS | KIND_FORBID_RUNTIME_DEPS,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = unique_key,
    .assemble = assemble,
};
