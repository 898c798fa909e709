/*
 * kind-collect-initial-scripts.c - the `initial-script` of each dependency's public data as a file of its own.
 */
#include "build.h"

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

/* "PATH/NNN-NAME", all but letters and digits of the name replaced. */
static char *script_path(const Element *element, const Element *dependency, unsigned number)
{
    const char *path = node_text(node_find(element->config, "path"));
    g_autoptr(GString) name = g_string_new(NULL);
    for (const char *c = dependency->name; *c != '\0'; c = g_utf8_next_char(c)) {
        g_string_append_c(name, g_ascii_isalnum(*c) ? *c : '_');
    }
    return g_strdup_printf("%s/%03u-%s", path, number, name->str);
}

static gboolean add_script(Build *build, SluiceTree *tree, const Element *dependency, unsigned *number, GError **error)
{
    Node *mapping = NULL;
    const char *script = NULL;
    const Node *public_ = build_public_data(build, dependency, error);
    if (public_ == NULL || !node_get_mapping(public_, "initial-script", &mapping, error) ||
        (mapping != NULL && !node_get_string(mapping, "script", &script, error))) {
        return FALSE;
    }
    if (script == NULL) {
        return TRUE;
    }
    g_autofree char *path = script_path(build->element, dependency, ++*number);
    return build_add_text(build, tree, path, script, TRUE, error);
}

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    unsigned number = 0;
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    g_autoptr(GPtrArray) scope = element_scope(element, SCOPE_BUILD);
    for (guint i = 0; i < scope->len; i++) {
        if (!add_script(build, tree, scope->pdata[i], &number, error)) {
            return FALSE;
        }
    }
    return sluice_tree_commit(tree, files, error);
}

const ElementKind element_kind_collect_initial_scripts = {
    .name = "collect_initial_scripts",
    .flags = KIND_RUNS_COMMANDS | KIND_FORBID_RUNTIME_DEPS | KIND_FORBID_SOURCES,
    .configure = configure,
    .unique_key = unique_key,
    .assemble = assemble,
};
