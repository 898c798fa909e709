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
            error_set(error, ERROR_APP, NULL, NULL, "Cannot mount '%s': there is no such file", bind->source);
            return FALSE;
        }
        if (!g_path_is_absolute(bind->target)) {
            error_set(error, ERROR_APP, NULL, NULL, "Cannot mount at '%s': it is not an absolute path", bind->target);
            return FALSE;
        }
    }
    return TRUE;
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

static gboolean run_shell(App *app, Element *element, int *status, GError **error)
{
    g_autoptr(GArray) binds = read_mounts(app);
    const char *const *argv = arguments_rest(app->arguments);
    ShellOptions options = {
        .argv = argv && *argv ? argv : NULL,
        .build_scope = arguments_has(app->arguments, "build"),
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
    if (!check_mounts(binds, error) || !(context.staging = sluice_staging_start(app->store, app->staging_mode, error)))
        return FALSE;
    context.budget = app_make_job_budget(app);
    g_autoptr(Cluster) cluster = cluster_new(app->config);
    context.cluster = cluster;
    log_command(app, element, options.argv);
    leave_interrupts_to_command();
    gboolean success = build_shell(element, &context, &options, status, error);
    sluice_staging_stop(context.staging);
    job_budget_free(context.budget);
    return success;
}

/* Sources that are missing are fetched for a build shell. */
static gboolean prepare(App *app, GPtrArray *targets, GError **error)
{
    if (arguments_has(app->arguments, "build") && !arguments_has(app->arguments, "use-buildtree"))
        return fetch_session(app, NULL, targets, targets, TRUE, error);
    g_autoptr(States) states = app_query(app, targets, error);
    return states != NULL;
}

int cmd_shell(App *app, GError **error)
{
    guint count;
    const char *const *words = arguments_words(app->arguments, &count);
    if (count == 0) {
        app_set_missing_argument(app, "ELEMENT", error);
        return EXIT_REPORT;
    }
    int status = EXIT_REPORT;
    g_autoptr(GPtrArray) targets = app_load(app, words, error);
    if (!targets || !prepare(app, targets, error))
        return EXIT_REPORT;
    if (!run_shell(app, targets->pdata[0], &status, error))
        wrap_error(error);
    return status;
}
