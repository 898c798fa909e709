/*
 * project-config.c - one pass over project.conf: options, then what depends on them.
 *
 * There are two, because junctions must be known before includes from other projects can be read: the first sees only the project's own files and serves
 * junctions and links, the second sees everything and serves all other elements.
 */
#include "element-private.h"
#include "include.h"
#include "kind-junction.h"
#include "kinds-table.h"
#include "node-private.h"
#include "source-mirror.h"

#include <string.h>

static const char *const not_conditional[] = {"min-version",    "name",        "element-path", "junctions", "defaults",
                                              "fatal-warnings", "ref-storage", "options",      "plugins",   NULL};

Node *project_builtin_config(Session *session, GError **error)
{
    if (session->builtin == NULL) {
        NodeFile *file = arena_new_of(session->arena, NodeFile);
        file->name = "projectconfig.yaml";
        file->text = project_defaults_yaml;
        session->builtin = node_parse(session->arena, file, file->text, strlen(file->text), error);
    }
    return session->builtin;
}

/* The user configuration's section for this project, or NULL. */
static const Node *user_section(const Project *project)
{
    const Node *projects = node_find(project->session->options.user_config, "projects");
    return node_find(projects, project->name);
}

static gboolean load_options(Project *project, ProjectConfig *config, const Node *conf, GError **error)
{
    Node *definitions = NULL;
    const Session *session = project->session;
    config->options = option_pool_new(session->arena, project->element_path);
    if (!node_get_mapping(conf, "options", &definitions, error) ||
        (definitions != NULL && !option_pool_define(config->options, definitions, error))) {
        return FALSE;
    }
    if (project->junction != NULL) {
        const Junction *junction = project->junction->data;
        if (junction->options != NULL && !option_pool_set_from_node(config->options, junction->options, error)) {
            return FALSE;
        }
    }
    Node *from_user = NULL;
    const Node *user = user_section(project);
    if (user != NULL && (!node_get_mapping(user, "options", &from_user, error) ||
                         (from_user != NULL && !option_pool_set_from_node(config->options, from_user, error)))) {
        return FALSE;
    }
    if (project->parent == NULL &&
        !option_pool_set_from_arguments(config->options, session->options.options, config->first_pass, error)) {
        return FALSE;
    }
    return option_pool_resolve(config->options, error);
}

/* Sets a variable that only sluice may set; one that the project wrote keeps its place, by which it is found out later. */
static void set_protected(Arena *arena, Node *variables, const char *name, const char *value)
{
    const Node *old = node_find(variables, name);
    node_set(arena, variables, name, node_new_scalar(arena, value, old != NULL ? node_where(old) : NULL));
}

static char *file_uri(const char *directory)
{
    g_autofree char *escaped = g_uri_escape_string(directory, "/", FALSE);
    return g_strconcat("file://", escaped, NULL);
}

/* Aliases and mirrors may use the project's variables and four that name directories. */
static Node *expand_urls(Project *project, const ProjectConfig *config, Node *node, GError **error)
{
    if (node == NULL || (node->flags & NODE_HAS_VARIABLE) == 0) {
        return node;
    }
    Arena *arena = project->session->arena;
    const Project *toplevel = project->session->toplevel != NULL ? project->session->toplevel : project;
    g_autofree char *root_uri = file_uri(project->directory), *toplevel_uri = file_uri(toplevel->directory);
    Node *variables = node_copy_shallow(arena, config->variables);
    node_set(arena, variables, "project-root", node_new_scalar(arena, project->directory, NULL));
    node_set(arena, variables, "toplevel-root", node_new_scalar(arena, toplevel->directory, NULL));
    node_set(arena, variables, "project-root-uri", node_new_scalar(arena, root_uri, NULL));
    node_set(arena, variables, "toplevel-root-uri", node_new_scalar(arena, toplevel_uri, NULL));
    VariableBase *base = variable_base_new(arena, variables, NULL, error);
    VariableScope *scope = base != NULL ? variable_scope_begin(base, NULL, NULL, error) : NULL;
    Node *expanded = scope != NULL ? variable_scope_expand(scope, node, error) : NULL;
    variable_base_free(base);
    return expanded;
}

static gboolean check_aliases(const Node *aliases, GError **error)
{
    for (gsize i = 0; aliases != NULL && i < node_size(aliases); i++) {
        const char *text = NULL;
        if (!node_get_string(aliases, node_key_at(aliases, i), &text, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* A mirror of a kind that is declared and not implemented is left out where unknown kinds are allowed.  Junctions that plugins come from can be loaded in
 * the second pass only, so the first takes no offence. */
static gboolean check_mirror(Project *project, const ProjectConfig *config, const Node *mirror, GError **error)
{
    GError *problem = NULL;
    if (source_mirror_check(mirror, &problem)) {
        return TRUE;
    }
    if (g_strcmp0(error_get_reason(problem), "plugin-not-found") != 0) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    const Node *kind = node_find(mirror, "kind");
    const char *name = node_text(kind);
    g_clear_error(&problem);
    if (config->first_pass && g_hash_table_contains(project->plugins[PLUGIN_SOURCE_MIRROR], name)) {
        return TRUE;
    }
    const PluginPlace *place = plugin_locate(project, PLUGIN_SOURCE_MIRROR, name, error);
    if (place == NULL) {
        return FALSE;
    }
    static const char *const no_names[] = {NULL};
    plugin_not_found(place, PLUGIN_SOURCE_MIRROR, name, node_where(kind), no_names, &problem);
    return session_allow_unknown(project->session, place, PLUGIN_SOURCE_MIRROR, name, problem, error);
}

static gboolean load_mirrors(Project *project, ProjectConfig *config, const Node *conf, GError **error)
{
    Node *mirrors = NULL;
    const Node *user = user_section(project);
    const char *preferred = project->session->options.default_mirror;
    if (preferred == NULL && user != NULL && !node_get_string(user, "default-mirror", &preferred, error)) {
        return FALSE;
    }
    if (user != NULL && !node_get_sequence(user, "mirrors", &mirrors, error)) {
        return FALSE;
    }
    project->mirrors_from_user = mirrors != NULL;
    if (mirrors == NULL && !node_get_sequence(conf, "mirrors", &mirrors, error)) {
        return FALSE;
    }
    for (gsize i = 0; mirrors != NULL && i < node_size(mirrors); i++) {
        if (!check_mirror(project, config, node_at(mirrors, i), error)) {
            return FALSE;
        }
    }
    if (mirrors != NULL) {
        config->mirrors = expand_urls(project, config, mirrors, error);
        if (config->mirrors == NULL) {
            return FALSE;
        }
        if (preferred == NULL && node_size(config->mirrors) > 0) {
            preferred = node_text(node_find(node_at(config->mirrors, 0), "name"));
        }
    }
    config->default_mirror = preferred;
    return TRUE;
}

static gboolean load_variables(Project *project, ProjectConfig *config, const Node *conf, GError **error)
{
    Arena *arena = project->session->arena;
    Node *variables = NULL;
    if (!node_get_mapping(conf, "variables", &variables, error)) {
        return FALSE;
    }
    config->variables = node_copy_shallow(arena, variables);
    set_protected(arena, config->variables, "project-name", project->name);
    set_protected(arena, config->variables, "max-jobs", project->session->max_jobs);
    option_pool_export(config->options, arena, config->variables);
    return TRUE;
}

gboolean project_load_pass(Project *project, ProjectConfig *config, Node *conf, GError **error)
{
    Arena *arena = project->session->arena;
    Node *aliases = NULL;
    config->first_pass = config == &project->first;
    config->kinds = g_hash_table_new(g_str_hash, g_str_equal);
    if (!load_options(project, config, conf, error)) {
        return FALSE;
    }
    conf = conditionals_process(config->options, arena, conf, not_conditional, error);
    if (conf == NULL || !node_get_mapping(conf, "elements", &config->element_overrides, error) ||
        !node_get_mapping(conf, "sources", &config->source_overrides, error)) {
        return FALSE;
    }
    /* What `elements` and `sources` say is composed onto something later: directives may stay there. */
    conf = node_copy_shallow(arena, conf);
    node_unset(conf, "elements");
    node_unset(conf, "sources");
    if (!node_check_composed(conf, error) || !load_variables(project, config, conf, error) ||
        !load_mirrors(project, config, conf, error) || !node_get_mapping(conf, "aliases", &aliases, error) ||
        !check_aliases(aliases, error)) {
        return FALSE;
    }
    if (aliases != NULL) {
        config->aliases = expand_urls(project, config, aliases, error);
    }
    project->conf_now = conf;
    return aliases == NULL || config->aliases != NULL;
}
