/* app.c - one invocation of the program */
#include "app.h"
#include "clones.h"
#include "complete.h"
#include "junction-stage.h"
#include "targets.h"
#include "write-all.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- Output --------------------------------------------------------------------------------------------------------------- */

void app_print(const char *text)
{
    write_all(STDOUT_FILENO, text, strlen(text));
}

void app_log(App *app, EventType type, Element *element, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    Event event = {.type = type, .action = "main", .message = message, .elapsed_us = -1};
    event.element = element ? element->full_name : NULL;
    event.key = element ? element->strong_key : NULL;
    log_event(app->log, &event);
}

static void log_activity(const Activity *activity, EventType type, gint64 elapsed)
{
    Element *element = activity->element;
    Event event = {.type = type, .action = "main", .message = activity->text, .elapsed_us = elapsed};
    event.element = element ? element->full_name : NULL;
    event.key = element ? element->strong_key : NULL;
    log_event(activity->app->log, &event);
}

Activity app_begin(App *app, Element *element, const char *text)
{
    Activity activity = {app, element, g_strdup(text), g_get_monotonic_time()};
    log_activity(&activity, EVENT_START, -1);
    return activity;
}

gboolean app_finish(Activity *activity, gboolean success)
{
    if (activity->text)
        log_activity(activity, success ? EVENT_SUCCESS : EVENT_FAILURE, g_get_monotonic_time() - activity->started);
    g_clear_pointer(&activity->text, g_free);
    return success;
}

void app_set_session_failed(GError **error)
{
    error_set(error, ERROR_STREAM, NULL, NULL, "%s", "");
}

void app_set_missing_argument(App *app, const char *name, GError **error)
{
    error_set(error, ERROR_APP, NULL, NULL, "Missing argument \"%s\".", name);
}

/* ---- Store, project and elements ------------------------------------------------------------------------------------------ */

static gboolean open_with_quota(App *app, GError **error)
{
    app->store = sluice_store_open(app->cache_path, &app->store_options, error);
    if (!app->store || !app->config->has_quota)
        return app->store != NULL;
    guint64 quota = app->config->quota_percent ? size_of_disk_share(app->cache_path, app->config->quota_percent)
                                               : app->config->quota;
    SluiceStoreInfo info;
    if (!sluice_store_get_info(app->store, &info, error))
        return FALSE;
    return info.quota == quota || sluice_store_set_quota(app->store, quota, error);
}

gboolean app_open_store(App *app, GError **error)
{
    if (app->store)
        return TRUE;
    if (open_with_quota(app, error))
        return TRUE;
    g_prefix_error(error, "Could not open the cache %s: ", app->cache_path);
    return FALSE;
}

void app_enforce_quota(const App *app)
{
    ClonesTotal clones;
    (void)clones_enforce_quota(app->store, &clones, NULL, NULL);
}

void app_raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

SluiceStore *app_open_store_in_job(const App *app, GError **error)
{
    SluiceStore *store = sluice_store_open(app->cache_path, NULL, error);
    if (!store)
        g_prefix_error(error, "Could not open the cache %s: ", app->cache_path);
    return store;
}

JobBudget *app_make_job_budget(App *app)
{
    g_autoptr(GError) error = NULL;
    guint tokens = app->max_jobs > 0 ? (guint)app->max_jobs : g_get_num_processors();
    JobBudget *budget = job_budget_new(tokens, &error);
    if (!budget)
        app_log(app, EVENT_WARNING, NULL, "Actions cannot be executed: %s", error->message);
    return budget;
}

Session *app_load_session(App *app, const char *directory, const char *const *project_options, GError **error)
{
    LoadOptions options = {
        .directory = directory,
        .options = project_options,
        .max_jobs = app->max_jobs,
        .strict = app->strict,
        .unknown_kinds = app->unknown_kinds,
        .default_mirror = arguments_get(app->arguments, "default-mirror"),
        .user_config = app->config->root,
        .events = &app->sink,
        .store = app->store,
    };
    Session *session = session_load(&options, error);
    if (session)
        session_set_subproject_func(session, junction_stage, app);
    return session;
}

static Session *load_session(App *app, GError **error)
{
    const char *directory = arguments_get(app->arguments, "project-directory");
    return app_load_session(app, directory ? directory : ".", arguments_list(app->arguments, "option"), error);
}

/* `projects: NAME: strict:` of the user configuration, unless the command line says; the name is known only now. */
static gboolean read_strict(App *app, gboolean *strict, GError **error)
{
    Node *projects = NULL, *own = NULL;
    if (!node_get_mapping(app->config->root, "projects", &projects, error))
        return FALSE;
    const char *name = project_name(session_toplevel(app->session));
    if (!projects || arguments_has(app->arguments, "strict") || !node_find(projects, name))
        return TRUE;
    return node_get_mapping(projects, name, &own, error) && node_get_bool(own, "strict", strict, error);
}

gboolean app_load_project(App *app, GError **error)
{
    if (app->session)
        return TRUE;
    /* A help to loading only: who needs the store opens it again and hears why it cannot be. */
    if (!app->store && app->cache_path && g_file_test(app->cache_path, G_FILE_TEST_IS_DIR))
        (void)app_open_store(app, NULL);
    app->session = load_session(app, error);
    gboolean strict = app->strict;
    if (!app->session || !read_strict(app, &strict, error))
        return FALSE;
    if (strict == app->strict)
        return TRUE;
    app->strict = strict;
    session_free(app->session);
    app->session = load_session(app, error);
    return app->session != NULL;
}

/* Loads what words name; no words: the default targets.  Globs that match nothing give no elements. */
static GPtrArray *load_words(App *app, const char *const *words, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (!targets_check(words, error))
        return NULL;
    if (!app_load_project(app, &problem)) {
        if (g_strcmp0(error_get_reason(problem), "MISSING_PROJECT_CONF") == 0)
            targets_set_no_project(words, problem->message, error);
        else
            g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    g_auto(GStrv) names = targets_expand(app->session, words, &app->sink, error);
    if (!names)
        return NULL;
    return *words && !*names ? g_ptr_array_new()
                             : session_load_elements(app->session, (const char *const *)names, error);
}

gboolean app_need_target(App *app, const char *argument, GError **error)
{
    g_autoptr(GError) problem = NULL;
    guint count;
    arguments_words(app->arguments, &count);
    if (count > 0)
        return TRUE;
    if (!app_load_project(app, &problem) && g_strcmp0(error_get_reason(problem), "MISSING_PROJECT_CONF") != 0) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (app->session && session_workspace_element(app->session))
        return TRUE;
    app_set_missing_argument(app, argument, error);
    return FALSE;
}

GPtrArray *app_load(App *app, const char *const *names, GError **error)
{
    Activity activity = app_begin(app, NULL, "Loading elements");
    GPtrArray *targets = load_words(app, names, error);
    app_finish(&activity, targets != NULL);
    return targets;
}

static GPtrArray *apply_except(App *app, GPtrArray *elements, GPtrArray *targets, GError **error)
{
    const char *const *names = arguments_list(app->arguments, "except");
    if (!*names)
        return g_ptr_array_ref(elements);
    g_autoptr(GPtrArray) excepted = load_words(app, names, error);
    return excepted ? pipeline_except(elements, targets, excepted) : NULL;
}

GPtrArray *app_load_selection(App *app, const char *deps, GPtrArray **targets, GError **error)
{
    g_autoptr(GPtrArray) loaded = app_load(app, arguments_words(app->arguments, NULL), error);
    if (!loaded)
        return NULL;
    const char *wanted = arguments_get(app->arguments, "deps");
    DepsSelection fallback = deps_selection_parse(deps), selection = wanted ? deps_selection_parse(wanted) : fallback;
    if (selection == DEPS_NONE && fallback == DEPS_REDIRECT)
        selection = DEPS_REDIRECT;
    g_autoptr(GPtrArray) elements = pipeline_select(loaded, selection);
    GPtrArray *kept = apply_except(app, elements, loaded, error);
    if (kept && targets)
        *targets = g_steal_pointer(&loaded);
    return kept;
}

static States *query(App *app, GPtrArray *elements, gboolean artifacts, GError **error)
{
    if (!app_open_store(app, error))
        return NULL;
    Activity activity = app_begin(app, NULL, "Query cache");
    g_autoptr(States) states = states_new(app->store, app->strict);
    for (guint i = 0; artifacts && i < elements->len; i++)
        states_artifact(states, elements->pdata[i]);
    gboolean success = states_error(states) || states_find_keys(states, elements, error);
    const GError *failure = success ? states_error(states) : NULL;
    if (failure) {
        g_propagate_error(error, g_error_copy(failure));
        success = FALSE;
    }
    return app_finish(&activity, success) ? g_steal_pointer(&states) : NULL;
}

States *app_query(App *app, GPtrArray *elements, GError **error)
{
    return query(app, elements, TRUE, error);
}

States *app_query_keys(App *app, GPtrArray *elements, GError **error)
{
    return query(app, elements, FALSE, error);
}

/* ---- Setting up ----------------------------------------------------------------------------------------------------------- */

static gboolean wants_colors(App *app)
{
    const char *none = g_getenv("NO_COLOR"), *term = g_getenv("TERM");
    gboolean automatic = isatty(STDERR_FILENO) && !(none && *none) && g_strcmp0(term, "dumb") != 0;
    return arguments_switch(app->arguments, "colors", automatic);
}

static void set_cache(App *app)
{
    const char *given = arguments_get(app->arguments, "cache"), *environment = g_getenv("SLUICE_CACHE");
    if (given)
        app->cache_path = g_canonicalize_filename(given, NULL);
    else if (environment && *environment)
        app->cache_path = g_canonicalize_filename(environment, NULL);
    else if (app->config->cachedir)
        app->cache_path = app->config->foreign ? g_build_filename(app->config->cachedir, "sluice", NULL)
                                               : g_canonicalize_filename(app->config->cachedir, NULL);
    else
        app->cache_path = sluice_store_default_path();
    app->log_directory = app->config->logdir ? g_canonicalize_filename(app->config->logdir, NULL)
                                             : g_build_filename(app->cache_path, "logs", NULL);
}

static void set_numbers(App *app)
{
    const Arguments *arguments = app->arguments;
    const UserConfig *config = app->config;
    app->builders = MAX(arguments_int(arguments, "builders", config->builders), 1);
    app->fetchers = MAX(arguments_int(arguments, "fetchers", config->fetchers), 1);
    app->retries = arguments_int(arguments, "network-retries", config->network_retries);
    app->max_jobs = arguments_int(arguments, "max-jobs", config->max_jobs);
    app->error_lines = arguments_int(arguments, "error-lines", config->error_lines);
    app->strict = arguments_switch(arguments, "strict", TRUE);
    app->on_error = config->on_error;
    const char *on_error = arguments_get(arguments, "on-error");
    app->on_error_given = on_error && on_error_parse(on_error, &app->on_error);
    app->interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !arguments_has(arguments, "no-interactive");
}

static void set_modes(App *app)
{
    const char *staging = arguments_get(app->arguments, "staging");
    const char *buildtrees = arguments_get(app->arguments, "cache-buildtrees");
    if (g_strcmp0(staging, "fuse") == 0)
        app->staging_mode = SLUICE_STAGING_FUSE;
    else if (g_strcmp0(staging, "checkout") == 0)
        app->staging_mode = SLUICE_STAGING_CHECKOUT;
    if (buildtrees)
        app->config->buildtrees = strcmp(buildtrees, "always") == 0  ? BUILDTREES_ALWAYS
                                  : strcmp(buildtrees, "never") == 0 ? BUILDTREES_NEVER
                                                                     : BUILDTREES_AUTO;
}

static gboolean set_log(App *app, GError **error)
{
    app->colors = wants_colors(app);
    app->status = status_line_new(STDERR_FILENO, isatty(STDERR_FILENO), app->colors);
    LogOptions options = {
        .message_format = app->config->message_format,
        .key_length = app->config->key_length,
        .message_lines = arguments_int(app->arguments, "message-lines", app->config->message_lines),
        .verbose = arguments_switch(app->arguments, "verbose", app->config->verbose),
        .debug = arguments_switch(app->arguments, "debug", app->config->debug),
        .colors = app->colors,
        .fd = STDERR_FILENO,
        .status = app->status,
    };
    app->log = log_new(&options);
    app->sink = (EventSink){log_event_func, app->log};
    const char *path = arguments_get(app->arguments, "log-file");
    return !path || log_open_file(app->log, path, error);
}

static gboolean set_up(App *app, GError **error)
{
    app->config = user_config_load(app->program, arguments_get(app->arguments, "config"), error);
    if (!app->config)
        return FALSE;
    set_cache(app);
    set_numbers(app);
    set_modes(app);
    return set_log(app, error);
}

static void app_clear(App *app)
{
    g_clear_pointer(&app->session, session_free);
    g_clear_pointer(&app->store, sluice_store_close);
    g_clear_pointer(&app->log, log_free);
    g_clear_pointer(&app->status, status_line_free);
    g_clear_pointer(&app->config, user_config_free);
    g_clear_pointer(&app->arguments, arguments_free);
    g_clear_pointer(&app->task, error_record_free);
    g_free(app->cache_path);
    g_free(app->log_directory);
    g_free(app->error_json);
}

/* ---- The command line ----------------------------------------------------------------------------------------------------- */

static int usage_error(App *app, const char *group, const GError *error)
{
    g_autofree char *usage = command_usage(app->program, app->command, group);
    g_autofree char *message = text_sanitize(error->message, -1);
    g_printerr("%s\nError: %s\n", usage, message);
    return EXIT_USAGE;
}

static int report_error(App *app, const GError *error)
{
    g_autoptr(ErrorRecord) record = error_record_new(error);
    g_autofree char *report = text_sanitize(record->report, -1);
    g_strchomp(report);
    if (*record->message) {
        const char *prefix = app->config ? "" : "Error loading user configuration: ";
        g_autofree char *text = g_strdup_printf("\n%s%s\n", prefix, report);
        if (app->log)
            log_text(app->log, text);
        else
            g_printerr("%s", text);
    }
    g_autoptr(GError) failure = NULL;
    if (!error_json_write(app->error_json, record, app->task, &failure))
        g_printerr("Warning: could not write %s: %s\n", app->error_json, failure->message);
    return EXIT_REPORT;
}

/* Global options, the command's name, its options and words.  NULL command without error: only a group, or nothing, was named. */
static gboolean parse(App *app, char **argv, const char **group, GError **error)
{
    static const OptionSpec *const global[] = {global_options, NULL};
    int position = 1;
    if (!arguments_parse(app->arguments, global, 0, FALSE, argv, &position, error))
        return FALSE;
    app->command = command_take(argv, &position, group, error);
    if (error && *error)
        return FALSE;
    const OptionSpec *const both[] = {app->command ? app->command->options : global_options, global_options, NULL};
    guint max_words = app->command ? app->command->max_words : 0;
    gboolean has_rest = app->command && app->command->has_rest;
    if (!arguments_parse(app->arguments, both, max_words, has_rest, argv, &position, error))
        return FALSE;
    const char *const *rest = arguments_rest(app->arguments);
    const char *extra = argv[position] ? argv[position] : rest && !has_rest ? rest[0] : NULL;
    if (extra)
        g_set_error(error, USAGE_ERROR, 0, "Got unexpected extra argument (%s)", extra);
    return !extra;
}

static int show_help(App *app, const char *group)
{
    g_autofree char *text =
        app->command ? command_help(app->program, app->command) : command_overview(app->program, group);
    app_print(text);
    return 0;
}

static int run_command(App *app, char **argv)
{
    g_autoptr(GError) error = NULL;
    const char *group = NULL;
    if (!parse(app, argv, &group, &error))
        return usage_error(app, group, error);
    if (arguments_has(app->arguments, "version")) {
        g_autofree char *text = g_strdup_printf("%s\n", app->version);
        app_print(text);
        return 0;
    }
    if (arguments_has(app->arguments, "help") || !app->command)
        return show_help(app, group);
    if (!set_up(app, &error))
        return report_error(app, error);
    int status = app->command->run(app, &error);
    if (g_error_matches(error, USAGE_ERROR, 0))
        return usage_error(app, group, error);
    return error ? report_error(app, error) : status;
}

static void on_broken_pipe(int number)
{
}

int app_main(const char *version, int argc, char **argv)
{
    g_autofree char *name = argc > 0 ? g_path_get_basename(argv[0]) : NULL;
    App app = {
        .program = g_strcmp0(name, "bst") == 0 ? "bst" : "sluice",
        .version = version,
        .started = g_get_monotonic_time(),
        .arguments = arguments_new(),
    };
    /* A handler, not SIG_IGN, which programs in sandboxes would inherit. */
    signal(SIGPIPE, on_broken_pipe);
    int status = 0;
    if (complete_requested()) {
        complete_print(app.program);
    } else {
        app.error_json = error_json_begin();
        status = run_command(&app, argv);
    }
    app_clear(&app);
    return status;
}
