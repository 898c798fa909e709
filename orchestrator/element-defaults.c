/*
 * element-defaults.c - what all elements of one kind in one project start from, composed once.
 */
#include "element-private.h"
#include "kinds-table.h"
#include "node-private.h"

#include <string.h>

static Node *parse_builtin(Session *session, const ElementKind *kind, GError **error)
{
    NodeFile *file = arena_new_of(session->arena, NodeFile);
    file->name = arena_printf(session->arena, "%s.yaml", kind->name);
    file->text = kind->defaults != NULL ? kind->defaults : "";
    return node_parse(session->arena, file, file->text, strlen(file->text), error);
}

/* The YAML of a declared plugin takes the place of our defaults for that kind. */
static Node *read_defaults(Project *project, const ElementKind *kind, const PluginPlace *place, GError **error)
{
    GError *problem = NULL;
    Node *node = plugin_read_defaults(project, place, &problem);
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return NULL;
    }
    return node != NULL ? node : parse_builtin(project->session, kind, error);
}

static gboolean accept_anything(Element *element, GError **error)
{
    return TRUE;
}

/* A kind that is the build element with defaults of its own. */
static const ElementKind *new_build_kind(Arena *arena, const char *name)
{
    ElementKind *kind = arena_new_of(arena, ElementKind);
    *kind = (ElementKind){
        .name = arena_intern(arena, name, strlen(name)),
        .flags = KIND_BUILD_ELEMENT_FLAGS,
        .configure = build_element_configure,
        .configure_dependencies = build_element_configure_dependencies,
        .unique_key = build_element_unique_key,
        .assemble = build_element_assemble,
    };
    return kind;
}

static const ElementKind *find_kind(Project *project, const char *name, const PluginPlace *place,
                                    const Provenance *where, GError **error)
{
    const ElementKind *kind = element_kind_find(name);
    GError *problem = NULL;
    if (kind == NULL && plugin_is_build_element(place)) {
        return new_build_kind(project->session->arena, name);
    }
    if (kind == NULL) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        for (gsize i = 0; element_kinds[i] != NULL; i++) {
            g_ptr_array_add(names, (gpointer)element_kinds[i]->name);
        }
        g_ptr_array_add(names, NULL);
        plugin_not_found(place, PLUGIN_ELEMENT, name, where, (const char *const *)names->pdata, &problem);
    }
    if (kind == NULL && session_allow_unknown(project->session, place, PLUGIN_ELEMENT, name, problem, error)) {
        ElementKind *unknown = arena_new_of(project->session->arena, ElementKind);
        unknown->name = arena_intern(project->session->arena, name, strlen(name));
        unknown->flags = KIND_UNKNOWN | KIND_RUNS_COMMANDS | KIND_DEP_CONFIG;
        unknown->configure = accept_anything;
        kind = unknown;
    }
    return kind;
}

/* A section of the defaults, or an empty mapping. */
static gboolean section(Arena *arena, const Node *defaults, const char *key, Node **out, GError **error)
{
    *out = NULL;
    if (!node_get_mapping(defaults, key, out, error)) {
        return FALSE;
    }
    if (*out == NULL) {
        *out = node_new_mapping(arena, NULL);
    }
    return TRUE;
}

static gboolean compose_section(Arena *arena, Node *base, const Node *defaults, const char *key, Node **out,
                                GError **error)
{
    Node *over = NULL;
    if (!section(arena, defaults, key, &over, error)) {
        return FALSE;
    }
    *out = base != NULL ? node_compose(arena, base, over, error) : over;
    return *out != NULL;
}

/* public: bst: split-rules of the kind, over those of the project; then those of the project's override of the kind. */
static gboolean compose_splits(Arena *arena, Node *base, const Node *kind, const Node *override, Node **out,
                               GError **error)
{
    const Node *sources[] = {kind, override};
    *out = base != NULL ? base : node_new_mapping(arena, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(sources); i++) {
        Node *public_ = NULL, *bst = NULL, *splits = NULL;
        if (sources[i] == NULL) {
            continue;
        }
        if (!node_get_mapping(sources[i], "public", &public_, error) ||
            (public_ != NULL && !node_get_mapping(public_, "bst", &bst, error)) ||
            (bst != NULL && !node_get_mapping(bst, "split-rules", &splits, error))) {
            return FALSE;
        }
        if (splits != NULL) {
            *out = node_compose(arena, *out, splits, error);
        }
        if (*out == NULL) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_protected(const Node *variables, GError **error)
{
    static const char *const names[] = {"project-name", "element-name", "max-jobs"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        const Node *value = node_find(variables, names[i]);
        if (value != NULL && value->where.file != NULL) {
            error_set(error, ERROR_LOAD, "PROTECTED_VARIABLE_REDEFINED", &value->where,
                      "invalid redefinition of protected variable '%s'", names[i]);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean make_variables(KindDefaults *result, const ProjectConfig *config, const Node *defaults, Arena *arena,
                               GError **error)
{
    Node *variables = NULL;
    if (!compose_section(arena, config->variables, defaults, "variables", &variables, error) ||
        !node_check_composed(variables, error) || !check_protected(variables, error)) {
        return FALSE;
    }
    variables = node_copy_shallow(arena, variables);
    node_set(arena, variables, "element-name", node_new_scalar(arena, "", NULL));
    /* Elements that want it otherwise say so themselves. */
    gboolean notparallel = FALSE;
    if (!node_get_bool(variables, "notparallel", &notparallel, error)) {
        return FALSE;
    }
    result->notparallel = notparallel;
    result->variables = variable_base_new(arena, variables, "element-name", error);
    result->variables_node = variables;
    return result->variables != NULL;
}

/* Names of both lists, each once. */
static const char *const *join_names(Arena *arena, const char *const *first, const char *const *second)
{
    gsize count = 0;
    gsize size =
        (first != NULL ? g_strv_length((char **)first) : 0) + (second != NULL ? g_strv_length((char **)second) : 0);
    const char **joined = arena_alloc(arena, (size + 1) * sizeof *joined);
    const char *const *lists[] = {first, second};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (const char *const *name = lists[i]; name != NULL && *name != NULL; name++) {
            if (!g_strv_contains(joined, *name)) {
                joined[count++] = *name;
            }
        }
    }
    return joined;
}

static gboolean compose_sections(KindDefaults *result, Project *project, const Node *defaults, const Node *own,
                                 const Node *override, GError **error)
{
    Arena *arena = project->session->arena;
    gboolean first_pass = result->config_pass->first_pass;
    const char *const *nocache = NULL;
    if (!compose_section(arena, first_pass ? NULL : project->environment, defaults, "environment", &result->environment,
                         error) ||
        !compose_section(arena, first_pass ? NULL : project->sandbox, defaults, "sandbox", &result->sandbox, error) ||
        !section(arena, defaults, "config", &result->config, error) ||
        !node_get_strings(defaults, "environment-nocache", arena, &nocache, error) ||
        !compose_splits(arena, first_pass ? NULL : project->splits, own, override, &result->splits, error)) {
        return FALSE;
    }
    result->environment_nocache = join_names(arena, first_pass ? NULL : project->environment_nocache, nocache);
    Node *parts[] = {result->environment, result->sandbox, result->config, result->splits};
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        node_mark_shared(parts[i]);
    }
    return TRUE;
}

KindDefaults *kind_defaults_get(Project *project, ProjectConfig *config, const char *name, const Provenance *where,
                                GError **error)
{
    KindDefaults *result = g_hash_table_lookup(config->kinds, name);
    if (result != NULL) {
        return result;
    }
    Arena *arena = project->session->arena;
    const PluginPlace *place = plugin_locate(project, PLUGIN_ELEMENT, name, error);
    const ElementKind *kind = place != NULL ? find_kind(project, name, place, where, error) : NULL;
    Node *own = kind != NULL ? read_defaults(project, kind, place, error) : NULL;
    Node *override = NULL;
    if (own == NULL ||
        (config->element_overrides != NULL && !node_get_mapping(config->element_overrides, name, &override, error))) {
        return NULL;
    }
    Node *defaults = override != NULL ? node_compose(arena, own, override, error) : own;
    if (defaults == NULL) {
        return NULL;
    }
    result = g_new0(KindDefaults, 1);
    result->kind = kind;
    result->config_pass = config;
    if (!make_variables(result, config, defaults, arena, error) ||
        !compose_sections(result, project, defaults, own, override, error)) {
        kind_defaults_free(result);
        return NULL;
    }
    g_hash_table_insert(config->kinds, (gpointer)kind->name, result);
    return result;
}

void kind_defaults_free(KindDefaults *defaults)
{
    if (defaults != NULL) {
        variable_base_free(defaults->variables);
        g_free(defaults);
    }
}
