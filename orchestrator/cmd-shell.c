/* cmd-shell.c - `shell` */
#include "build.h"
#include "cluster.h"
#include "fetch.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void on_signal(int number)
{
}

/* ^C is for the command, which is in our process group; a handler that does nothing is not inherited by it. */
static void leave_interrupts_to_command(void)
{
    signal(SIGINT, on_signal);
    signal(SIGQUIT, on_signal);
}

static gboolean wrap_error(GError **error)
{
    if (!error || !*error)
        return FALSE;
    g_autoptr(GError) inner = g_steal_pointer(error);
    gboolean ours = inner->domain == ORCHESTRATOR_ERROR;
    error_set(error, ERROR_APP, ours ? error_get_reason(inner) : NULL, NULL, "Error launching shell: %s",
              inner->message);
    error_set_detail(*error, ours ? error_get_detail(inner) : NULL);
    return FALSE;
}

static GArray *read_mounts(App *app)
{
    const char *const *mounts = arguments_list(app->arguments, "mount");
    GArray *binds = g_array_new(FALSE, FALSE, sizeof(SluiceSandboxBind));
    for (; mounts[0] && mounts[1]; mounts += 2) {
        SluiceSandboxBind bind = {.source = mounts[0], .target = mounts[1]};
        g_array_append_val(binds, bind);
    }
    return binds;
}

static gboolean check_mounts(GArray *binds, GError **error)
{
    for (guint i = 0; i < binds->len; i++) {
        const SluiceSandboxBind *bind = &g_array_index(binds, SluiceSandboxBind, i);
        if (!g_file_test(bind->source, G_FILE_TEST_EXISTS)) {
            g_set_error(error, USAGE_ERROR, 0, "Invalid value for '--mount': Path '%s' does not exist.", bind->source);
            return FALSE;
        }
        if (!g_path_is_absolute(bind->target)) {
            g_set_error(error, USAGE_ERROR, 0, "Invalid value for '--mount': '%s' is not an absolute path.",
                        bind->target);
            return FALSE;
        }
    }
    return TRUE;
}

/* `--use-buildtree` is of a build. */
static gboolean in_build_scope(App *app)
{
    return arguments_has(app->arguments, "build") || arguments_has(app->arguments, "use-buildtree");
}

static void log_command(App *app, Element *element, const char *const *argv)
{
    g_autofree char *line = argv ? g_strjoinv(" ", (char **)argv) : NULL;
    Event event = {
        .type = EVENT_STATUS, .action = "main", .message = "Running command", .detail = line, .elapsed_us = -1};
    event.element = element->full_name;
    event.key = element->strong_key;
    log_event(app->log, &event);
}

static gboolean run_shell(App *app, Element *element, GArray *binds, int *status, GError **error)
{
    const char *const *argv = arguments_rest(app->arguments);
    g_autofree char *prompt = g_strdup_printf("[%.8s@%s:${PWD}]$ ", element->strong_key, element->full_name);
    ShellOptions options = {
        .argv = argv && *argv ? argv : NULL,
        .build_scope = in_build_scope(app),
        .prompt = prompt,
        .use_buildtree = arguments_has(app->arguments, "use-buildtree"),
        .isolate = arguments_has(app->arguments, "isolate"),
        .binds = (const SluiceSandboxBind *)binds->data,
        .n_binds = binds->len,
        .interactive = isatty(STDIN_FILENO),
    };
    BuildContext context = {.store = app->store,
                            .events = &app->sink,
                            .log_fd = -1,
                            .strict = app->strict,
                            .execution = &app->config->execution};
    context.staging = sluice_staging_start(app->store, app->staging_mode, error);
    if (!context.staging)
        return FALSE;
    context.budget = app_make_job_budget(app);
    g_autoptr(Cluster) cluster = cluster_new(app);
    context.cluster = cluster;
    log_command(app, element, options.argv);
    leave_interrupts_to_command();
    gboolean success = build_shell(element, &context, &options, status, error);
    sluice_staging_stop(context.staging);
    job_budget_free(context.budget);
    return success;
}

/* What the sandbox is made of must have been built. */
static gboolean check_dependencies(App *app, GPtrArray *targets, GError **error)
{
    g_autoptr(GPtrArray) scope = element_scope(targets->pdata[0], in_build_scope(app) ? SCOPE_BUILD : SCOPE_RUN);
    g_autoptr(States) states = app_query(app, scope, error);
    g_autoptr(GString) missing = g_string_new(NULL);
    for (guint i = 0; states && i < scope->len; i++) {
        const Element *element = scope->pdata[i];
        if (!states_artifact(states, scope->pdata[i]))
            g_string_append_printf(missing, "%s%s", missing->len > 0 ? "\n" : "", element->full_name);
    }
    if (!states || missing->len == 0)
        return states != NULL;
    error_set(error, ERROR_STREAM, "shell-missing-deps", NULL,
              "Elements need to be built or downloaded before staging a shell environment");
    error_set_detail(error ? *error : NULL, missing->str);
    return FALSE;
}

/* Sources that are missing are fetched for a build shell. */
static gboolean prepare(App *app, GPtrArray *targets, GError **error)
{
    if (arguments_has(app->arguments, "use-buildtree")) {
        g_autoptr(States) states = app_query(app, targets, error);
        return states != NULL;
    }
    return (check_dependencies(app, targets, error) || wrap_error(error)) &&
           (!in_build_scope(app) || fetch_session(app, NULL, targets, targets, TRUE, error));
}

int cmd_shell(App *app, GError **error)
{
    guint count;
    const char *const *words = arguments_words(app->arguments, &count);
    int status = EXIT_REPORT;
    g_autoptr(GArray) binds = read_mounts(app);
    if (!check_mounts(binds, error))
        return EXIT_USAGE;
    if (!app_load_project(app, error))
        return EXIT_REPORT;
    const char *here[] = {session_workspace_element(app->session), NULL};
    if (count == 0 && !here[0]) {
        app_set_missing_argument(app, "TARGET", error);
        return EXIT_REPORT;
    }
    g_autoptr(GPtrArray) targets = app_load(app, count > 0 ? words : here, error);
    if (!targets || !prepare(app, targets, error))
        return EXIT_REPORT;
    if (!run_shell(app, targets->pdata[0], binds, &status, error))
        wrap_error(error);
    return status;
}
