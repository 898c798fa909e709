/* serve-execution.c - see serve-execution.h */
#include "serve-execution.h"
#include "executor.h"

#include <string.h>

struct ServeExecution {
    SluiceStaging *staging;
    JobBudget *budget;
    SluiceLease *lease;
    ExecutorPlace place;
    Executor *executor;
    SluiceExecutor described;
    SluiceDigest environment;
};

static gboolean stage_element(App *app, ServeExecution *execution, const char *name, GError **error)
{
    const char *const names[] = {name, NULL};
    g_autoptr(GPtrArray) targets = app_load(app, names, error);
    if (!targets)
        return FALSE;
    Element *element = targets->pdata[0];
    g_autoptr(States) states = app_query(app, targets, error);
    if (!states)
        return FALSE;
    BuildContext context = {
        .store = app->store, .staging = execution->staging, .events = &app->sink, .log_fd = -1, .strict = app->strict};
    execution->place.uid = (uid_t)MAX(element->sandbox.build_uid, 0);
    execution->place.gid = (gid_t)MAX(element->sandbox.build_gid, 0);
    return build_stage_elements(&element, 1, SCOPE_RUN, TRUE, &context, &execution->place.environment_root, error);
}

/* A digest has no point in its name, an element ends in .bst. */
static gboolean find_root(App *app, ServeExecution *execution, GError **error)
{
    const char *name = arguments_get(app->arguments, "environment");
    SluiceDigest *root = &execution->place.environment_root;
    if (!sluice_digest_parse(name, root, NULL))
        return stage_element(app, execution, name, error);
    g_autoptr(SluiceDirectory) directory = sluice_directory_read(app->store, root, error);
    if (!directory)
        g_prefix_error(error, "--environment: ");
    return directory != NULL;
}

static gboolean open_executor(App *app, ServeExecution *execution, GError **error)
{
    ExecutorPlace *place = &execution->place;
    place->store = app->store;
    place->policy = &app->config->execution;
    place->lease = execution->lease = sluice_lease_new(app->store, error);
    place->staging = execution->staging = sluice_staging_start(app->store, app->staging_mode, error);
    place->budget = execution->budget = app_make_job_budget(app);
    if (!execution->lease || !execution->staging || !execution->budget || !find_root(app, execution, error) ||
        !sluice_lease_add_tree(execution->lease, &place->environment_root, error) ||
        !executor_store_environment(place, NULL, NULL, &execution->environment, error) ||
        !(execution->executor = executor_new(place, error)))
        return FALSE;
    char text[SLUICE_DIGEST_STRING_MAX];
    executor_describe(execution->executor, &execution->described);
    app_log(app, EVENT_INFO, NULL, "Actions are executed in environment %s, %u at a time",
            sluice_digest_string(&execution->environment, text), execution->described.parallel);
    return TRUE;
}

gboolean serve_execution_start(App *app, ServeExecution **out, GError **error)
{
    gboolean wanted = arguments_has(app->arguments, "execute");
    *out = NULL;
    if (wanted != arguments_has(app->arguments, "environment")) {
        g_set_error(error, USAGE_ERROR, 0, "Missing option '%s'.", wanted ? "--environment" : "--execute");
        return FALSE;
    }
    if (!wanted)
        return TRUE;
    ServeExecution *execution = g_new0(ServeExecution, 1);
    if (open_executor(app, execution, error)) {
        *out = execution;
        return TRUE;
    }
    serve_execution_stop(execution);
    return FALSE;
}

void serve_execution_apply(ServeExecution *execution, SluiceEndpointPolicy *policy)
{
    if (!execution)
        return;
    policy->environment = &execution->environment;
    policy->cache_writes = SLUICE_CACHE_WRITES_EXECUTED;
    policy->executor = &execution->described;
}

void serve_execution_stop(ServeExecution *execution)
{
    if (!execution)
        return;
    executor_free(execution->executor);
    sluice_lease_free(execution->lease);
    g_clear_pointer(&execution->staging, sluice_staging_stop);
    g_clear_pointer(&execution->budget, job_budget_free);
    g_free(execution);
}
