/*
 * source-load.c - the sources of an element as its file lists them, and where their refs come from.
 */
#include "element-private.h"
#include "node-private.h"
#include "source-kinds.h"
#include "workspaces.h"

#include <string.h>

Project *source_project(const Source *source)
{
    return source->element->project;
}

Arena *source_arena(const Source *source)
{
    return source->element->project->session->arena;
}

Arena *source_key_arena(const Source *source)
{
    return source->element->project->session->key_arena;
}

/* `provenance`: words about a source for people; only what the project declares, and only strings. */
static gboolean load_provenance(Source *source, const Node *node, GError **error)
{
    const Project *project = source_project(source);
    if (!node_get_mapping(node, "provenance", &source->provenance, error)) {
        return FALSE;
    }
    const Node *provenance = source->provenance;
    for (gsize i = 0; provenance != NULL && i < node_size(provenance); i++) {
        const char *key = node_key_at(provenance, i);
        const Node *value = node_value_at(provenance, i);
        if (project->provenance_attributes != NULL && node_find(project->provenance_attributes, key) == NULL) {
            error_set(error, ERROR_LOAD, "UNDEFINED_SOURCE_PROVENANCE_ATTRIBUTE", node_where(value),
                      "Specified source provenance attribute not defined in project config: Unexpected key: %s", key);
            return FALSE;
        }
        if (node_type(value) != NODE_SCALAR) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(value),
                      "Expected string for the value of provenance attribute '%s'", key);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean accept_anything(Source *source, const Node *config, GError **error)
{
    return TRUE;
}

/* A kind of which nothing is known but its name. */
static const SourceKind *new_unknown(Session *session, const char *name)
{
    SourceKind *kind = arena_new_of(session->arena, SourceKind);
    kind->name = arena_intern(session->arena, name, strlen(name));
    kind->configure = accept_anything;
    g_hash_table_insert(session->unknown_sources, (gpointer)kind->name, kind);
    return kind;
}

static const SourceKind *find_kind(Project *project, const Node *node, GError **error)
{
    const char *name = NULL;
    if (!node_need_string(node, "kind", &name, error)) {
        return NULL;
    }
    const Node *where = node_find(node, "kind");
    if (strcmp(name, "workspace") == 0) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(where), "Invalid usage of workspace source kind");
        return NULL;
    }
    const PluginPlace *place = plugin_locate(project, PLUGIN_SOURCE, name, error);
    const SourceKind *kind = place != NULL ? source_kind_find(name) : NULL;
    if (place != NULL && kind == NULL) {
        kind = g_hash_table_lookup(project->session->unknown_sources, name);
    }
    GError *problem = NULL;
    if (place != NULL && kind == NULL) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        for (gsize i = 0; source_kinds[i] != NULL; i++) {
            g_ptr_array_add(names, (gpointer)source_kinds[i]->name);
        }
        g_ptr_array_add(names, NULL);
        plugin_not_found(place, PLUGIN_SOURCE, name, node_where(where), (const char *const *)names->pdata, &problem);
    }
    if (problem != NULL && session_allow_unknown(project->session, place, PLUGIN_SOURCE, name, problem, error)) {
        kind = new_unknown(project->session, name);
    }
    return kind;
}

/* The kind's defaults, what the project says of the kind, what the element says; without the keys that every source has. */
static Node *compose_config(const Project *project, const ProjectConfig *config, const SourceKind *kind,
                            const Node *node, GError **error)
{
    static const char *const common[] = {"kind", "directory", "provenance"};
    Arena *arena = project->session->arena;
    Node *own = node_copy_shallow(arena, node);
    Node *base = NULL, *override = NULL, *override_config = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(common); i++) {
        node_unset(own, common[i]);
    }
    if (kind->defaults != NULL) {
        NodeFile *file = arena_new_of(arena, NodeFile);
        file->name = kind->name;
        file->text = kind->defaults;
        base = node_parse(arena, file, kind->defaults, strlen(kind->defaults), error);
        if (base == NULL) {
            return NULL;
        }
    }
    if (config->source_overrides != NULL &&
        (!node_get_mapping(config->source_overrides, kind->name, &override, error) ||
         (override != NULL && !node_get_mapping(override, "config", &override_config, error)))) {
        return NULL;
    }
    if (override_config != NULL) {
        base = base != NULL ? node_compose(arena, base, override_config, error) : override_config;
    }
    if (override_config != NULL && base == NULL) {
        return NULL;
    }
    Node *composed = base != NULL ? node_compose(arena, base, own, error) : own;
    return composed != NULL && node_check_composed(composed, error) ? composed : NULL;
}

static void warn_redundant(const Source *source)
{
    g_autofree char *where = provenance_to_string(&source->where);
    event_send(source_project(source)->session->options.events, EVENT_WARNING, NULL, source->element->full_name,
               "%s: Ignoring redundant source references: the project keeps them in project.refs", where);
}

/* The mapping that holds the ref: the element's, or one of the project's project.refs, or of the toplevel project's, which wins. NULL: none. */
static const Node *find_ref_holder(const Source *source, const char *ref_key)
{
    const Element *element = source->element;
    const Project *project = element->project, *toplevel = project->session->toplevel;
    gboolean junction = strcmp(element->kind_name, "junction") == 0;
    if (project != toplevel && toplevel->refs_file) {
        const Node *entry = refs_find(junction ? &toplevel->junction_refs : &toplevel->refs, project->name,
                                      element->name, source->index);
        if (entry != NULL) {
            return entry;
        }
    }
    if (!project->refs_file) {
        return source->node;
    }
    if (node_find(source->node, ref_key) != NULL) {
        warn_redundant(source);
    }
    return refs_find(junction ? &project->junction_refs : &project->refs, project->name, element->name, source->index);
}

/* An empty ref is none. */
static Node *find_ref(const Source *source)
{
    const char *const *keys = source->kind->ref_keys;
    const char *first = keys != NULL ? keys[0] : "ref";
    const Node *holder = source->kind->has_ref ? find_ref_holder(source, first) : NULL;
    Node *ref = holder != NULL ? node_find(holder, first) : NULL;
    if (ref == NULL || (node_type(ref) == NODE_SCALAR && *node_text(ref) == '\0')) {
        return NULL;
    }
    if (keys == NULL) {
        return ref;
    }
    Node *all = node_new_mapping(source_arena(source), node_where(ref));
    for (; *keys != NULL; keys++) {
        Node *value = node_find(holder, *keys);
        if (value != NULL) {
            node_set(source_arena(source), all, *keys, value);
        }
    }
    return all;
}

gboolean source_ref_text(const Source *source, const Node *ref, const char **text, GError **error)
{
    *text = NULL;
    if (ref != NULL && node_type(ref) != NODE_SCALAR) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(ref),
                  "Value of 'ref' is not of the expected type 'scalar'");
        return FALSE;
    }
    *text = ref != NULL ? node_text(ref) : NULL;
    return TRUE;
}

static gboolean check_urls(const Source *source, GError **error)
{
    static const char *const keys[] = {"url", "index", "registry-url"};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const Node *url = node_find(source->node, keys[i]);
        if (url != NULL && node_type(url) == NODE_SCALAR && !source_check_url(source, node_text(url), error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static Source *load_source(ElementData *data, VariableScope *scope, const Node *node, guint index, GError **error)
{
    Element *element = &data->element;
    Project *project = element->project;
    if (node_type(node) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node),
                  "Value of 'sources' is not of the expected type 'dict'");
        return NULL;
    }
    Source *source = arena_new_of(project->session->arena, Source);
    source->element = element;
    source->index = index;
    source->where = *node_where(node);
    source->kind = find_kind(project, node, error);
    if (source->kind == NULL || !node_get_string(node, "directory", &source->directory, error) ||
        !load_provenance(source, node, error)) {
        return NULL;
    }
    if (source->directory != NULL && *source->directory == '\0') {
        source->directory = NULL;
    }
    Node *config =
        compose_config(project, data->first_pass ? &project->first : &project->full, source->kind, node, error);
    source->node = config != NULL ? variable_scope_expand(scope, config, error) : NULL;
    if (source->node == NULL || !source->kind->configure(source, source->node, error)) {
        return NULL;
    }
    if (source->kind->has_ref && !check_urls(source, error)) {
        return NULL;
    }
    source->ref = find_ref(source);
    if (source->kind->load_ref != NULL && !source->kind->load_ref(source, source->ref, error)) {
        return NULL;
    }
    return source;
}

/* The workspace's directory in place of all that the element lists. */
static gboolean load_workspace(Element *element, const Workspace *workspace, GError **error)
{
    Session *session = element->project->session;
    Arena *arena = session->arena;
    g_autofree char *directory = workspace_directory(session, workspace);
    Source *source = arena_new_of(arena, Source);
    source->element = element;
    source->where = element->where;
    source->kind = &source_kind_workspace;
    source->node = node_new_mapping(arena, NULL);
    element->workspace = arena_strdup(arena, directory);
    node_set(arena, source->node, "path", node_new_text(arena, element->workspace, NULL));
    gboolean trusted = workspace_is_trusted(session, workspace);
    if (!trusted) {
        event_send(
            session->options.events, EVENT_WARNING, NULL, element->full_name,
            "The workspace %s is outside of the project and has no .bstproject.yaml that names this element: it is "
            "not read until it is opened again with --no-checkout",
            directory);
    }
    source->ref = trusted && g_file_test(directory, G_FILE_TEST_EXISTS) ? node_find(source->node, "path") : NULL;
    element->sources = arena_alloc(arena, sizeof *element->sources);
    element->sources[0] = source;
    element->n_sources = 1;
    return source->kind->configure(source, source->node, error);
}

gboolean element_load_sources(ElementData *data, VariableScope *scope, GError **error)
{
    Element *element = &data->element;
    Node *list = NULL;
    const Workspace *workspace = workspace_find(element->project->session, element->full_name);
    if (workspace != NULL) {
        return load_workspace(element, workspace, error);
    }
    if (!node_get_sequence(data->node, "sources", &list, error)) {
        return FALSE;
    }
    if (list == NULL || node_size(list) == 0) {
        return TRUE;
    }
    element->sources = arena_alloc(element->project->session->arena, node_size(list) * sizeof *element->sources);
    for (guint i = 0; i < node_size(list); i++) {
        element->sources[i] = load_source(data, scope, node_at(list, i), i, error);
        if (element->sources[i] == NULL) {
            return FALSE;
        }
        element->n_sources = i + 1;
    }
    if (element->sources[0]->kind->needs_previous || element->sources[0]->kind->tracks_previous) {
        error_set(error, ERROR_ELEMENT, NULL, &element->sources[0]->where,
                  "%s cannot be the first source of an element as it requires access to previous sources",
                  element->sources[0]->kind->name);
        return FALSE;
    }
    return TRUE;
}
