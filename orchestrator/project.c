/*
 * project.c - sessions, and the loading of project.conf.
 */
#include "element-private.h"
#include "format-version.h"
#include "include.h"
#include "kind-junction.h"
#include "node-private.h"
#include "remote-config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* More jobs hardly ever help one build. */
#define AUTOMATIC_MAX_JOBS 8

#define PROJECT_FILE   "project.conf"
#define WORKSPACE_FILE ".bstproject.yaml"

static const char *const toplevel_keys[] = {"min-version",
                                            "element-path",
                                            "variables",
                                            "environment",
                                            "environment-nocache",
                                            "split-rules",
                                            "elements",
                                            "plugins",
                                            "aliases",
                                            "name",
                                            "defaults",
                                            "artifacts",
                                            "options",
                                            "fail-on-overlap",
                                            "shell",
                                            "fatal-warnings",
                                            "ref-storage",
                                            "sandbox",
                                            "mirrors",
                                            "sources",
                                            "source-caches",
                                            "junctions",
                                            "source-provenance-attributes",
                                            "(@)",
                                            "(?)",
                                            NULL};

/* ---- Checks of project.conf ---- */

static gboolean with_detail(GError **error, char *detail)
{
    if (error != NULL) {
        error_set_detail(*error, detail);
    }
    g_free(detail);
    return FALSE;
}

/* `written` is project.conf itself, `conf` has the defaults below it. */
static gboolean check_version(const Node *written, const Node *conf, GError **error)
{
    const Node *node = node_find(conf, "min-version");
    gint64 major = 0, minor = 0;
    if (node == NULL) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(written),
                  "Dictionary did not contain expected key 'min-version'");
        return with_detail(error,
                           g_strdup("If you are trying to use a BuildStream 1 project, please install BuildStream "
                                    "1 to use this project."));
    }
    const char *text = NULL;
    if (!node_get_string(conf, "min-version", &text, error)) {
        return FALSE;
    }
    if (!format_version_parse(text, &major, &minor)) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node), "Malformed version string: %s", text);
        return with_detail(error, g_strdup("The min-version must be specified as MAJOR.MINOR with numeric major and "
                                           "minor minimum required version numbers"));
    }
    if (major != FORMAT_MAJOR) {
        error_set(error, ERROR_LOAD, "UNSUPPORTED_PROJECT", node_where(node), "Version mismatch");
        return with_detail(error, g_strdup_printf("The project requires format %" G_GINT64_FORMAT
                                                  " of BuildStream, this program understands format %d.",
                                                  major, FORMAT_MAJOR));
    }
    if (minor > FORMAT_MINOR) {
        error_set(error, ERROR_LOAD, "UNSUPPORTED_PROJECT", node_where(node), "Version mismatch");
        return with_detail(error, g_strdup_printf("The project requires at least BuildStream %" G_GINT64_FORMAT
                                                  ".%" G_GINT64_FORMAT ", this program is compatible with %d.%d.",
                                                  major, minor, FORMAT_MAJOR, FORMAT_MINOR));
    }
    return TRUE;
}

/* These decide how includes are read, so they cannot come from one. */
static gboolean check_origin(const Project *project, const Node *conf, GError **error)
{
    static const char *const keys[] = {"name", "element-path", "min-version", "plugins"};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const Node *value = node_find(conf, keys[i]);
        if (value == NULL || value->where.file == project->conf->where.file ||
            value->where.file == project->session->builtin->where.file) {
            continue;
        }
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(value), "Unexpected key: %s", keys[i]);
        return with_detail(error, g_strdup_printf("The '%s' configuration must be specified in project.conf", keys[i]));
    }
    return TRUE;
}

/* ---- Parts of project.conf ---- */

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean load_fatal_warnings(Project *project, const Node *conf, GError **error)
{
    const char *const *listed = NULL;
    Arena *arena = project->session->arena;
    if (!node_get_strings(conf, "fatal-warnings", arena, &listed, error)) {
        return FALSE;
    }
    gsize count = listed != NULL ? g_strv_length((char **)listed) : 0;
    const char **sorted = arena_alloc(arena, (count + 3) * sizeof *sorted);
    for (gsize i = 0; i < count; i++) {
        sorted[i] = listed[i];
    }
    if (project->parent != NULL && project->parent->disallow_subproject_uris &&
        !g_strv_contains(sorted, "unaliased-url")) {
        sorted[count++] = "unaliased-url";
    }
    qsort(sorted, count, sizeof *sorted, compare_strings);
    project->fatal_warnings = sorted;
    return TRUE;
}

static void add_fatal_warning(Project *project, const char *token)
{
    gsize count = g_strv_length((char **)project->fatal_warnings);
    const char **sorted = arena_alloc(project->session->arena, (count + 2) * sizeof *sorted);
    memcpy(sorted, project->fatal_warnings, count * sizeof *sorted);
    sorted[count++] = token;
    qsort(sorted, count, sizeof *sorted, compare_strings);
    project->fatal_warnings = sorted;
}

static gboolean load_junctions(Project *project, const Node *conf, GError **error)
{
    static const char *const keys[] = {"duplicates", "internal", "disallow-subproject-uris", NULL};
    Node *junctions = NULL;
    if (!node_get_mapping(conf, "junctions", &junctions, error)) {
        return FALSE;
    }
    if (junctions != NULL &&
        (!node_check_keys(junctions, keys, error) ||
         !node_get_mapping(junctions, "duplicates", &project->duplicates, error) ||
         !node_get_sequence(junctions, "internal", &project->internal, error) ||
         !node_get_bool(junctions, "disallow-subproject-uris", &project->disallow_subproject_uris, error))) {
        return FALSE;
    }
    project->disallow_subproject_uris |= project->parent != NULL && project->parent->disallow_subproject_uris;
    return TRUE;
}

static gboolean load_defaults(Project *project, const Node *conf, GError **error)
{
    static const char *const keys[] = {"targets", NULL};
    Node *defaults = NULL;
    return node_get_mapping(conf, "defaults", &defaults, error) && node_check_keys(defaults, keys, error) &&
           node_get_strings(defaults, "targets", project->session->arena, &project->default_targets, error);
}

static gboolean load_element_path(Project *project, const Node *conf, GError **error)
{
    Arena *arena = project->session->arena;
    const char *path = NULL;
    if (!node_need_string(conf, "element-path", &path, error) ||
        !project_check_path(project, path, node_where(node_find(conf, "element-path")), PATH_DIRECTORY, error)) {
        return FALSE;
    }
    g_autofree char *full = g_canonicalize_filename(path, project->directory);
    project->element_path = arena_strdup(arena, full);
    gsize length = strlen(project->directory);
    const char *below = strlen(full) > length ? full + length : "";
    project->element_dir = arena_strdup(arena, *below == '/' ? below + 1 : below);
    return TRUE;
}

static gboolean load_ref_storage(Project *project, const Node *conf, GError **error)
{
    const char *storage = NULL;
    if (!node_need_string(conf, "ref-storage", &storage, error)) {
        return FALSE;
    }
    project->refs_file = strcmp(storage, "project.refs") == 0;
    if (!project->refs_file && strcmp(storage, "inline") != 0) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(conf, "ref-storage")),
                  "Invalid value '%s' specified for ref-storage", storage);
        return FALSE;
    }
    return !project->refs_file || refs_load(project, &project->junction_refs, project->first.options, error);
}

/* ---- The two passes ---- */

static gboolean load_first_pass(Project *project, GError **error)
{
    Arena *arena = project->session->arena;
    Node *conf = includes_process(project, project->conf, INCLUDE_LOCAL_ONLY | INCLUDE_NO_CONDITIONS, error);
    if (conf != NULL) {
        conf = node_compose(arena, project->session->builtin, conf, error);
    }
    return conf != NULL && plugins_load(project, project->conf, error) &&
           project_load_pass(project, &project->first, conf, error);
}

static gboolean load_shell(Project *project, const Node *conf, GError **error)
{
    static const char *const keys[] = {"command", "environment", "host-files", NULL};
    static const char *const file_keys[] = {"path", "host_path", "optional", NULL};
    const char *const *command = NULL;
    Node *environment = NULL, *files = NULL;
    if (!node_get_mapping(conf, "shell", &project->shell, error) || !node_check_keys(project->shell, keys, error) ||
        !node_get_strings(project->shell, "command", project->session->arena, &command, error) ||
        !node_get_mapping(project->shell, "environment", &environment, error) ||
        !node_get_sequence(project->shell, "host-files", &files, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < node_size(files); i++) {
        const Node *file = node_at(files, i);
        const char *path = NULL, *host_path = NULL;
        gboolean optional = FALSE;
        if (node_type(file) == NODE_MAPPING &&
            (!node_check_keys(file, file_keys, error) || !node_need_string(file, "path", &path, error) ||
             !node_get_string(file, "host_path", &host_path, error) ||
             !node_get_bool(file, "optional", &optional, error))) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean load_second_pass(Project *project, GError **error)
{
    Arena *arena = project->session->arena;
    Node *own = includes_process(project, project->conf, INCLUDE_NO_CONDITIONS, error);
    Node *conf = own != NULL ? node_compose(arena, project->session->builtin, own, error) : NULL;
    if (conf == NULL || !project_load_pass(project, &project->full, conf, error)) {
        return FALSE;
    }
    conf = project->conf_now;
    gboolean fail_on_overlap = FALSE;
    if (!node_check_keys(conf, toplevel_keys, error) || !check_origin(project, conf, error) ||
        !node_get_mapping(conf, "environment", &project->environment, error) ||
        !node_get_strings(conf, "environment-nocache", arena, &project->environment_nocache, error) ||
        !node_get_mapping(conf, "sandbox", &project->sandbox, error) ||
        !node_get_mapping(conf, "split-rules", &project->splits, error) ||
        !node_get_bool(conf, "fail-on-overlap", &fail_on_overlap, error) || !load_shell(project, conf, error) ||
        !project_caches_check(conf, error)) {
        return FALSE;
    }
    if (node_find(conf, "fail-on-overlap") != NULL) {
        event_send(project->session->options.events, EVENT_WARNING, NULL, NULL,
                   "Use of fail-on-overlap within project.conf is deprecated. Consider using fatal-warnings instead.");
    }
    if (fail_on_overlap && !project_is_fatal_warning(project, "overlaps")) {
        add_fatal_warning(project, "overlaps");
    }
    /* Attributes that the project lists are all there are; they do not add to the builtin ones. */
    project->provenance_attributes = node_find(own, "source-provenance-attributes");
    if (project->provenance_attributes == NULL) {
        project->provenance_attributes = node_find(conf, "source-provenance-attributes");
    }
    return !project->refs_file || refs_load(project, &project->refs, project->full.options, error);
}

gboolean project_ensure_fully_loaded(Project *project, GError **error)
{
    if (project->fully_loaded) {
        return TRUE;
    }
    if (project->parent != NULL && !project_ensure_fully_loaded(project->parent, error)) {
        return FALSE;
    }
    if (project->fully_loaded) {
        return TRUE;
    }
    project->fully_loaded = TRUE;
    return load_second_pass(project, error);
}

/* ---- Projects ---- */

static Project *project_new(Session *session, const char *directory, Project *parent, Element *junction)
{
    Project *project = g_new0(Project, 1);
    g_autofree char *canonical = realpath(directory, NULL);
    project->session = session;
    project->parent = parent;
    project->junction = junction;
    project->directory = arena_strdup(session->arena, canonical != NULL ? canonical : directory);
    project->prefix = junction != NULL ? arena_printf(session->arena, "%s:", junction->name) : "";
    project->refs.name = "project.refs";
    project->junction_refs.name = "junction.refs";
    for (int type = 0; type < PLUGIN_TYPES; type++) {
        project->plugins[type] = g_hash_table_new(g_str_hash, g_str_equal);
        project->plugin_places[type] = g_hash_table_new(g_str_hash, g_str_equal);
    }
    project->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    project->elements = g_hash_table_new(g_str_hash, g_str_equal);
    project->prefetch = prefetch_new(project);
    project->subprojects = g_hash_table_new(g_str_hash, g_str_equal);
    project->searching = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    project->digests = g_hash_table_new(g_str_hash, g_str_equal);
    project->links = g_ptr_array_new();
    project->dirfd = open(project->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    g_ptr_array_add(session->projects, project);
    return project;
}

static void config_clear(ProjectConfig *config)
{
    option_pool_free(config->options);
    if (config->kinds != NULL) {
        GHashTableIter iter;
        gpointer defaults = NULL;
        g_hash_table_iter_init(&iter, config->kinds);
        while (g_hash_table_iter_next(&iter, NULL, &defaults)) {
            kind_defaults_free(defaults);
        }
        g_hash_table_unref(config->kinds);
    }
}

void project_free(Project *project)
{
    prefetch_free(project->prefetch);
    config_clear(&project->first);
    config_clear(&project->full);
    for (int type = 0; type < PLUGIN_TYPES; type++) {
        g_hash_table_unref(project->plugins[type]);
        g_hash_table_unref(project->plugin_places[type]);
    }
    g_hash_table_unref(project->files);
    g_hash_table_unref(project->elements);
    g_hash_table_unref(project->subprojects);
    g_hash_table_unref(project->searching);
    g_hash_table_unref(project->digests);
    g_ptr_array_unref(project->links);
    g_clear_pointer(&project->also_parents, g_ptr_array_unref);
    if (project->dirfd >= 0) {
        close(project->dirfd);
    }
    g_free(project);
}

static gboolean load_basics(Project *project, const Node *conf, GError **error)
{
    return check_version(project->conf, conf, error) && node_check_keys(conf, toplevel_keys, error) &&
           node_need_string(project->conf, "name", &project->name, error) &&
           check_symbol_name(project->name, "project name", node_where(node_find(project->conf, "name")), TRUE,
                             error) &&
           load_element_path(project, conf, error) && load_defaults(project, conf, error) &&
           load_fatal_warnings(project, conf, error) && load_junctions(project, conf, error);
}

Project *project_load(Session *session, const char *directory, Project *parent, Element *junction,
                      const Provenance *loaded_at, GError **error)
{
    if (project_builtin_config(session, error) == NULL) {
        return NULL;
    }
    Project *project = project_new(session, directory, parent, junction);
    if (loaded_at != NULL) {
        project->loaded_at = *loaded_at;
    }
    if (session->toplevel == NULL) {
        session->toplevel = project;
    }
    GError *problem = NULL;
    project->conf = project_read_yaml(project, PROJECT_FILE, PROJECT_FILE, &problem);
    if (project->conf == NULL) {
        gboolean missing = g_strcmp0(error_get_reason(problem), "MISSING_FILE") == 0 || project->dirfd < 0;
        if (missing) {
            error_set(error, ERROR_LOAD, "MISSING_PROJECT_CONF", NULL, "%s", problem->message);
            g_error_free(problem);
        } else {
            g_propagate_error(error, problem);
        }
        return NULL;
    }
    Node *conf = node_compose(session->arena, session->builtin, project->conf, error);
    if (conf == NULL || !load_basics(project, conf, error) || !load_first_pass(project, error) ||
        !load_ref_storage(project, conf, error)) {
        return NULL;
    }
    return project;
}

const char *project_name(const Project *project)
{
    return project->name;
}

const char *project_directory(const Project *project)
{
    return project->directory;
}

const char *project_element_path(const Project *project)
{
    return project->element_path;
}

const char *session_workspace_element(const Session *session)
{
    return session->workspace_element;
}

Session *project_session(const Project *project)
{
    return project->session;
}

const EventSink *project_events(const Project *project)
{
    return project->session->options.events;
}

SluiceStore *project_store(const Project *project)
{
    return project->session->options.store;
}

int project_dirfd(const Project *project)
{
    return project->dirfd;
}

gboolean project_uses_refs_file(const Project *project)
{
    return project->refs_file;
}

const Node *project_alias(const Project *project, const char *alias)
{
    const ProjectConfig *config = project->fully_loaded ? &project->full : &project->first;
    return config->aliases != NULL ? node_find(config->aliases, alias) : NULL;
}

gboolean project_is_fatal_warning(const Project *project, const char *token)
{
    return g_strv_contains(project->fatal_warnings, token);
}

const Node *project_shell(const Project *project)
{
    return project->shell;
}

/* ---- Sessions ---- */

/* The nearest directory at or above that has a project.conf or a workspace's marker. */
static char *find_upward(const char *directory, gboolean *is_workspace)
{
    g_autofree char *current = g_canonicalize_filename(directory, NULL);
    for (;;) {
        g_autofree char *conf = g_build_filename(current, PROJECT_FILE, NULL);
        g_autofree char *marker = g_build_filename(current, WORKSPACE_FILE, NULL);
        *is_workspace = FALSE;
        if (g_file_test(conf, G_FILE_TEST_EXISTS)) {
            return g_steal_pointer(&current);
        }
        if (g_file_test(marker, G_FILE_TEST_EXISTS)) {
            *is_workspace = TRUE;
            return g_steal_pointer(&current);
        }
        char *parent = g_path_get_dirname(current);
        gboolean top = strcmp(parent, current) == 0;
        g_free(current);
        current = parent;
        if (top) {
            return NULL;
        }
    }
}

/* A workspace's marker names the project and the element that it belongs to. */
static char *follow_workspace(Session *session, const char *directory, GError **error)
{
    Project *here = project_new(session, directory, NULL, NULL);
    const Node *marker = project_read_yaml(here, WORKSPACE_FILE, WORKSPACE_FILE, error);
    g_ptr_array_remove(session->projects, here);
    project_free(here);
    Node *projects = NULL;
    const char *path = NULL;
    if (marker == NULL || !node_get_sequence(marker, "projects", &projects, error)) {
        return NULL;
    }
    const Node *first = projects != NULL && node_size(projects) > 0 ? node_at(projects, 0) : NULL;
    if (first == NULL || node_type(first) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(marker), "The workspace belongs to no project");
        return NULL;
    }
    if (!node_need_string(first, "project-path", &path, error) ||
        !node_get_string(first, "element-name", &session->workspace_element, error)) {
        return NULL;
    }
    return g_strdup(path);
}

static char *automatic_max_jobs(gint64 wanted)
{
    cpu_set_t cpus;
    if (wanted > 0) {
        return g_strdup_printf("%" G_GINT64_FORMAT, wanted);
    }
    int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return g_strdup_printf("%d", MIN(count, AUTOMATIC_MAX_JOBS));
}

static Session *session_new(const LoadOptions *options)
{
    Session *session = g_new0(Session, 1);
    struct utsname host;
    session->arena = arena_new();
    session->key_arena = arena_new();
    session->thread_arenas = g_ptr_array_new_with_free_func((GDestroyNotify)arena_free);
    session->options = *options;
    session->projects = g_ptr_array_new();
    session->elements = g_ptr_array_new();
    session->unknown = g_ptr_array_new_with_free_func(g_free);
    session->regexes = g_ptr_array_new_with_free_func((GDestroyNotify)g_regex_unref);
    session->unknown_told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    session->unknown_sources = g_hash_table_new(g_str_hash, g_str_equal);
    session->key_texts = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_autofree char *max_jobs = automatic_max_jobs(options->max_jobs);
    session->max_jobs = arena_strdup(session->arena, max_jobs);
    session->host_arch = arch_of_host();
    g_autofree char *os = g_ascii_strdown(uname(&host) == 0 ? host.sysname : "linux", -1);
    session->host_os = arena_strdup(session->arena, os);
    return session;
}

Session *session_load(const LoadOptions *options, GError **error)
{
    g_autoptr(Session) session = session_new(options);
    gboolean is_workspace = FALSE;
    const char *start = options->directory != NULL ? options->directory : ".";
    g_autofree char *directory = find_upward(start, &is_workspace);
    if (directory == NULL) {
        g_autofree char *shown = g_canonicalize_filename(start, NULL);
        error_set(error, ERROR_LOAD, "MISSING_PROJECT_CONF", NULL,
                  "None of ['%s', '%s'] found in '%s' or any of its parent directories", PROJECT_FILE, WORKSPACE_FILE,
                  shown);
        return NULL;
    }
    if (is_workspace) {
        char *target = follow_workspace(session, directory, error);
        if (target == NULL) {
            return NULL;
        }
        g_free(directory);
        directory = target;
    }
    if (project_load(session, directory, NULL, NULL, NULL, error) == NULL || !workspaces_load(session, error)) {
        return NULL;
    }
    return g_steal_pointer(&session);
}

void session_free(Session *session)
{
    if (session == NULL) {
        return;
    }
    for (guint i = 0; i < session->projects->len; i++) {
        project_free(g_ptr_array_index(session->projects, i));
    }
    g_ptr_array_unref(session->projects);
    g_clear_pointer(&session->workspaces, g_ptr_array_unref);
    g_ptr_array_unref(session->elements);
    g_ptr_array_unref(session->unknown);
    g_ptr_array_unref(session->regexes);
    g_hash_table_unref(session->unknown_told);
    g_hash_table_unref(session->unknown_sources);
    g_hash_table_unref(session->key_texts);
    g_ptr_array_unref(session->thread_arenas);
    arena_free(session->key_arena);
    arena_free(session->arena);
    g_free(session);
}

gboolean session_allow_unknown(Session *session, const PluginPlace *place, PluginType type, const char *kind,
                               GError *problem, GError **error)
{
    if (!session->options.unknown_kinds || place->display == NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (g_hash_table_add(session->unknown_told, g_strdup_printf("%s %s", plugin_type_name(type), kind))) {
        g_ptr_array_add(session->unknown, g_strdup(problem->message));
    }
    g_error_free(problem);
    return TRUE;
}

Arena *session_arena(Session *session)
{
    return session->arena;
}

void session_set_subproject_func(Session *session, SubprojectFunc func, gpointer data)
{
    session->stage_subproject = func;
    session->stage_subproject_data = data;
}

Project *session_toplevel(Session *session)
{
    return session->toplevel;
}

Element *const *session_elements(Session *session, gsize *count)
{
    *count = session->elements->len;
    return (Element *const *)session->elements->pdata;
}
