/*
 * plugin.c - see plugin.h.
 */
#include "plugin.h"
#include "node-private.h"
#include "python-package.h"
#include "python-version.h"
#include "element-private.h"

#include <string.h>

/* Junctions from one project's plugin to the next. */
#define MAX_PLUGIN_HOPS 64

typedef enum { ORIGIN_LOCAL, ORIGIN_PIP, ORIGIN_JUNCTION } OriginType;

struct PluginOrigin {
    OriginType type;
    const char *place; /* a directory of the project, a package with a version, or a junction */
    Provenance where;
    gboolean searched; /* of a package: whether it is installed */
    const PythonPackage *package;
};

static const struct {
    const char *name, *place_key;
} origin_types[] = {{"local", "path"}, {"pip", "package-name"}, {"junction", "junction"}};

static const struct {
    const char *name, *list_key, *entry_points;
} plugin_types[PLUGIN_TYPES] = {
    {"element", "elements", "buildstream.plugins.elements"},
    {"source", "sources", "buildstream.plugins.sources"},
    {"source-mirror", "source-mirrors", "buildstream.plugins.sourcemirrors"},
};

const char *plugin_type_name(PluginType type)
{
    return plugin_types[type].name;
}

/* ---- Reading project.conf ---- */

/* An item of a list of plugins: a kind, or a kind with a word on deprecation, which no implementation of ours needs. */
static const char *read_item(const Node *item, GError **error)
{
    static const char *const keys[] = {"kind", "allow-deprecated", NULL};
    const char *kind = NULL;
    gboolean allow_deprecated = FALSE;
    if (node_type(item) == NODE_SCALAR) {
        return node_text(item);
    }
    if (node_type(item) == NODE_SEQUENCE) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(item),
                  "Plugin is not specified as a string or a dictionary");
        return NULL;
    }
    return node_check_keys(item, keys, error) && node_need_string(item, "kind", &kind, error) &&
                   node_get_bool(item, "allow-deprecated", &allow_deprecated, error)
               ? kind
               : NULL;
}

static gboolean register_list(Project *project, PluginType type, const Node *node, PluginOrigin *origin, GError **error)
{
    Node *list = NULL;
    if (!node_get_sequence(node, plugin_types[type].list_key, &list, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < node_size(list); i++) {
        const char *kind = read_item(node_at(list, i), error);
        if (kind == NULL) {
            return FALSE;
        }
        /* Twice in one origin is once. */
        const PluginOrigin *other = g_hash_table_lookup(project->plugins[type], kind);
        if (other != NULL && other != origin) {
            error_set(error, ERROR_PLUGIN, "duplicate-plugin", node_where(node_at(list, i)),
                      "More than one %s plugin registered as kind '%s'", plugin_types[type].name, kind);
            return FALSE;
        }
        g_hash_table_insert(project->plugins[type], (gpointer)kind, origin);
    }
    return TRUE;
}

static gboolean read_type(const Node *node, OriginType *out, GError **error)
{
    const char *name = NULL;
    if (!node_need_string(node, "origin", &name, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(origin_types); i++) {
        if (strcmp(origin_types[i].name, name) == 0) {
            *out = (OriginType)i;
            return TRUE;
        }
    }
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(node, "origin")),
              "Value of 'origin' should be one of 'local, pip, junction'");
    return FALSE;
}

static gboolean load_origin(Project *project, const Node *node, GError **error)
{
    PluginOrigin *origin = arena_new_of(project->session->arena, PluginOrigin);
    gboolean allow_deprecated = FALSE;
    if (node_type(node) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node),
                  "Value of 'plugins' is not of the expected type 'dict'");
        return FALSE;
    }
    if (!read_type(node, &origin->type, error)) {
        return FALSE;
    }
    const char *place_key = origin_types[origin->type].place_key;
    const char *const keys[] = {place_key, "origin", "sources", "elements", "source-mirrors", "allow-deprecated", NULL};
    if (!node_check_keys(node, keys, error) || !node_need_string(node, place_key, &origin->place, error) ||
        !node_get_bool(node, "allow-deprecated", &allow_deprecated, error) ||
        (origin->type == ORIGIN_LOCAL &&
         !project_check_path(project, origin->place, node_where(node_find(node, place_key)), PATH_DIRECTORY, error))) {
        return FALSE;
    }
    origin->where = *node_where(node);
    for (int type = 0; type < PLUGIN_TYPES; type++) {
        if (!register_list(project, (PluginType)type, node, origin, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean plugins_load(Project *project, const Node *conf, GError **error)
{
    Node *origins = NULL;
    if (!node_get_sequence(conf, "plugins", &origins, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < node_size(origins); i++) {
        if (!load_origin(project, node_at(origins, i), error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- Following origins ---- */

static const PluginPlace *locate(Project *project, PluginType type, const char *kind, int hops, GError **error);

/* The installed package, or NULL without error. */
static gboolean find_package(Arena *arena, PluginOrigin *origin, PluginType type, const char *kind, GError **error)
{
    const char *name = NULL, *specifiers = NULL;
    gboolean valid = FALSE;
    if (!python_requirement_parse(arena, origin->place, &name, &specifiers)) {
        error_set(error, ERROR_PLUGIN, "package-malformed-requirement", &origin->where,
                  "Malformed package-name '%s' encountered", origin->place);
        return FALSE;
    }
    const PythonPackage *package = python_package_find(arena, name);
    if (package != NULL && !python_version_satisfies(package->version, specifiers, &valid)) {
        error_set(error, ERROR_PLUGIN, "package-version-conflict", &origin->where,
                  "Version conflict encountered while loading %s plugin '%s'", plugin_types[type].name, kind);
        if (error != NULL) {
            g_autofree char *detail = g_strdup_printf("%s %s is installed but %s is required", package->name,
                                                      package->version, origin->place);
            error_set_detail(*error, detail);
        }
        return FALSE;
    }
    origin->package = package;
    origin->searched = TRUE;
    return TRUE;
}

/* A package that is not installed does no harm: no Python is needed for a kind that is built in. */
static gboolean locate_installed(Arena *arena, PluginOrigin *origin, PluginType type, const char *kind,
                                 PluginPlace *place, GError **error)
{
    if (!origin->searched && !find_package(arena, origin, type, kind, error)) {
        return FALSE;
    }
    const PythonPackage *package = origin->package;
    if (package == NULL) {
        place->display = arena_printf(arena, "python package '%s', not installed", origin->place);
        return TRUE;
    }
    const char *module = python_package_entry(package, arena, plugin_types[type].entry_points, kind);
    if (module == NULL) {
        error_set(error, ERROR_PLUGIN, "plugin-not-found", &origin->where,
                  "Pip package %s does not contain a %s plugin named '%s'", origin->place, plugin_types[type].name,
                  kind);
        return FALSE;
    }
    const char *file = python_package_module(package, arena, module);
    place->defaults = file != NULL ? arena_printf(arena, "%s.yaml", file) : NULL;
    place->display =
        arena_printf(arena, "python package '%s' version %s at: %s", package->name, package->version, package->site);
    return TRUE;
}

static gboolean undeclared(const Project *project, const PluginOrigin *origin, PluginType type, const char *kind,
                           GError **error)
{
    error_set(error, ERROR_PLUGIN, "junction-plugin-not-found", &origin->where,
              "project '%s' referred to by junction '%s' does not declare a %s plugin named: '%s'", project->name,
              origin->place, plugin_types[type].name, kind);
    return FALSE;
}

/* The subproject's own declaration of the plugin counts. */
static gboolean locate_behind_junction(Project *project, const PluginOrigin *origin, PluginType type, const char *kind,
                                       int hops, PluginPlace *place, GError **error)
{
    Project *other = project_get_subproject(project, origin->place, &origin->where, error);
    GError *problem = NULL;
    if (other == NULL) {
        return FALSE;
    }
    const PluginPlace *found = locate(other, type, kind, hops + 1, &problem);
    if (found == NULL) {
        if (problem->code != ERROR_PLUGIN) {
            g_propagate_error(error, problem);
            return FALSE;
        }
        error_set(error, ERROR_PLUGIN, "junction-plugin-load-error", &origin->where,
                  "Error loading %s plugin '%s' from project '%s' referred to by junction '%s': %s",
                  plugin_types[type].name, kind, other->name, origin->place, problem->message);
        if (error != NULL) {
            error_set_detail(*error, error_get_detail(problem));
        }
        g_error_free(problem);
        return FALSE;
    }
    if (found->display == NULL) {
        return undeclared(other, origin, type, kind, error);
    }
    *place = *found;
    place->display =
        arena_printf(project->session->arena, "junction: %s (%s)",
                     other->junction != NULL ? other->junction->full_name : "toplevel project", found->display);
    return TRUE;
}

static gboolean follow(Project *project, PluginOrigin *origin, PluginType type, const char *kind, int hops,
                       PluginPlace *place, GError **error)
{
    Arena *arena = project->session->arena;
    if (hops > MAX_PLUGIN_HOPS) {
        error_set(error, ERROR_LOAD, "CIRCULAR_REFERENCE", &origin->where,
                  "Circular reference while searching for the %s plugin '%s'", plugin_types[type].name, kind);
        return FALSE;
    }
    switch (origin->type) {
    case ORIGIN_LOCAL:
        place->project = project;
        place->defaults = arena_printf(arena, "%s/%s.yaml", origin->place, kind);
        place->display = arena_printf(arena, "project directory: %s", origin->place);
        return TRUE;
    case ORIGIN_PIP:
        return locate_installed(arena, origin, type, kind, place, error);
    case ORIGIN_JUNCTION:
        return locate_behind_junction(project, origin, type, kind, hops, place, error);
    }
    g_assert_not_reached();
}

static const PluginPlace *locate(Project *project, PluginType type, const char *kind, int hops, GError **error)
{
    static const PluginPlace nowhere = {0};
    PluginOrigin *origin = g_hash_table_lookup(project->plugins[type], kind);
    PluginPlace *place = g_hash_table_lookup(project->plugin_places[type], kind);
    if (origin == NULL || place != NULL) {
        return origin != NULL ? place : &nowhere;
    }
    place = arena_new_of(project->session->arena, PluginPlace);
    if (!follow(project, origin, type, kind, hops, place, error)) {
        return NULL;
    }
    kind = arena_intern(project->session->arena, kind, strlen(kind));
    g_hash_table_insert(project->plugin_places[type], (gpointer)kind, place);
    return place;
}

const PluginPlace *plugin_locate(Project *project, PluginType type, const char *kind, GError **error)
{
    return locate(project, type, kind, 0, error);
}

/* ---- What lies beside a plugin ---- */

Node *plugin_read_defaults(Project *project, const PluginPlace *place, GError **error)
{
    GError *problem = NULL;
    if (place->defaults == NULL) {
        return NULL;
    }
    g_autofree char *shown = g_path_get_basename(place->defaults);
    Node *node = place->project != NULL ? project_read_yaml(place->project, place->defaults, shown, &problem)
                                        : session_read_yaml(project->session, place->defaults, shown, &problem);
    if (node == NULL && g_strcmp0(error_get_reason(problem), "MISSING_FILE") == 0) {
        g_error_free(problem);
    } else if (node == NULL) {
        g_propagate_error(error, problem);
    }
    return node;
}

gboolean plugin_is_build_element(const PluginPlace *place)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    if (place->defaults == NULL) {
        return FALSE;
    }
    g_autofree char *stem = g_strndup(place->defaults, strlen(place->defaults) - strlen(".yaml"));
    g_autofree char *path = g_strconcat(stem, ".py", NULL);
    return project_read_file(place->project, path, &text, &length, NULL) && strlen(text) == length &&
           python_is_build_element(text);
}

void plugin_not_found(const PluginPlace *place, PluginType type, const char *kind, const Provenance *where,
                      const char *const *names, GError **error)
{
    if (place->display != NULL) {
        error_set(error, ERROR_PLUGIN, "plugin-not-found", where,
                  "No %s plugin registered for kind '%s': the declared one (%s) is not implemented",
                  plugin_types[type].name, kind, place->display);
        if (error != NULL) {
            error_set_detail(*error, "plugins written in Python cannot be run here, and this kind is not built in.");
        }
        return;
    }
    error_set(error, ERROR_PLUGIN, "plugin-not-found", where, "No %s plugin registered for kind '%s'",
              plugin_types[type].name, kind);
    if (error != NULL) {
        error_suggest(*error, kind, names, g_strv_length((char **)names));
    }
}
