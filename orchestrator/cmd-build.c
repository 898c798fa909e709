/*
 * cmd-build.c - `build`
 *
 * An element is required when it was asked for, when something required needs it at runtime, or when something that must be built needs it to build.  Only what is
 * required is looked at.  An element is usable when it is cached and all it needs at runtime is usable; a build waits until all its build dependencies are.
 */
#include "audit-account.h"
#include "build.h"
#include "cluster.h"
#include "fetch.h"
#include "scheduler.h"
#include "session-report.h"
#include "workspaces.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct Plan Plan;

typedef struct {
    Task *task;
    gboolean required, usable, to_build;
    guint missing_build, missing_runtime;   /* direct dependencies that are not usable yet */
    GPtrArray *build_users, *runtime_users; /* Step *; or NULL */
} Step;

struct Plan {
    App *app;
    States *states;
    Scheduler *scheduler;
    GHashTable *steps; /* Element -> Step */
    SluiceLease *lease;
    SluiceStaging *staging;
    JobBudget *budget;
    Cluster *cluster; /* or NULL */
    AuditAccount *audits;
    unsigned audit_hits;
    gboolean retry_failed;
    guint n_required;
};

static void step_free(gpointer data)
{
    Step *step = data;
    g_clear_pointer(&step->build_users, g_ptr_array_unref);
    g_clear_pointer(&step->runtime_users, g_ptr_array_unref);
    g_free(step);
}

static Step *step_of(Plan *plan, Element *element)
{
    Step *step = g_hash_table_lookup(plan->steps, element);
    if (!step) {
        step = g_new0(Step, 1);
        step->task = scheduler_add(plan->scheduler, element, step);
        g_hash_table_insert(plan->steps, element, step);
    }
    return step;
}

/* ---- What is required, and what is usable --------------------------------------------------------------------------------- */

static void add_user(GPtrArray **users, Step *user)
{
    if (!*users)
        *users = g_ptr_array_new();
    g_ptr_array_add(*users, user);
}

/* The blobs of an artifact that something will be built on must not be evicted. */
static void keep(Plan *plan, Element *element)
{
    const Artifact *artifact = states_artifact(plan->states, element);
    if (plan->lease && artifact && artifact->success)
        (void)sluice_lease_add_tree(plan->lease, &artifact->files, NULL);
}

static void set_usable(Plan *plan, Step *first)
{
    g_autoptr(GPtrArray) stack = g_ptr_array_new();
    g_ptr_array_add(stack, first);
    while (stack->len > 0) {
        Step *step = g_ptr_array_steal_index_fast(stack, stack->len - 1);
        step->usable = TRUE;
        for (guint i = 0; step->build_users && i < step->build_users->len; i++) {
            Step *user = step->build_users->pdata[i];
            if (--user->missing_build == 0)
                scheduler_wake(plan->scheduler, user->task);
        }
        for (guint i = 0; step->runtime_users && i < step->runtime_users->len; i++) {
            Step *user = step->runtime_users->pdata[i];
            if (--user->missing_runtime == 0 && !user->to_build)
                g_ptr_array_add(stack, user);
        }
    }
}

/* Wires one dependency of a required step. */
static void depend(Plan *plan, Step *step, const Dependency *dependency, GPtrArray *stack)
{
    Step *other = step_of(plan, dependency->element);
    gboolean runtime = dependency->types & DEP_RUNTIME, build = step->to_build && (dependency->types & DEP_BUILD);
    if (!runtime && !build)
        return;
    g_ptr_array_add(stack, other);
    if (other->usable)
        return;
    if (runtime) {
        step->missing_runtime++;
        add_user(&other->runtime_users, step);
    }
    if (build) {
        step->missing_build++;
        add_user(&other->build_users, step);
    }
}

static void require(Plan *plan, Element *target)
{
    g_autoptr(GPtrArray) stack = g_ptr_array_new();
    g_ptr_array_add(stack, step_of(plan, target));
    while (stack->len > 0) {
        Step *step = g_ptr_array_steal_index_fast(stack, stack->len - 1);
        if (step->required)
            continue;
        Element *element = step->task->element;
        step->required = TRUE;
        step->to_build = !states_is_cached(plan->states, element);
        plan->n_required++;
        for (gsize i = 0; i < element->n_dependencies; i++)
            depend(plan, step, &element->dependencies[i], stack);
        if (!step->to_build && step->missing_runtime == 0)
            set_usable(plan, step);
    }
}

/* ---- Queues --------------------------------------------------------------------------------------------------------------- */

static gboolean will_not_run(Plan *plan, const Step *step)
{
    const Artifact *artifact = states_artifact(plan->states, step->task->element);
    return artifact && (artifact->success || !plan->retry_failed);
}

static TaskStatus fetch_status(Task *task, gpointer data)
{
    Plan *plan = data;
    const Step *step = task->data;
    if (!step->required)
        return TASK_WAIT;
    if (will_not_run(plan, step) || states_sources_cached(plan->states, task->element))
        return TASK_SKIP;
    return TASK_READY;
}

static TaskStatus build_status(Task *task, gpointer data)
{
    Plan *plan = data;
    const Step *step = task->data;
    if (!step->to_build)
        return TASK_SKIP;
    if (step->missing_build > 0)
        return TASK_WAIT;
    /* The job finds it again, and says what is wrong. */
    (void)states_find_key(plan->states, task->element, NULL);
    return TASK_READY;
}

/* Only what is started here, in the parent, can be used by all jobs; and only when something is built it is needed. */
static SluiceStaging *start_staging(Plan *plan)
{
    g_autoptr(GError) error = NULL;
    SluiceStaging *staging = sluice_staging_start(plan->app->store, plan->app->staging_mode, &error);
    if (!staging)
        app_log(plan->app, EVENT_WARNING, NULL, "Elements that run commands cannot be built: %s", error->message);
    return staging;
}

static gboolean run_fetch(JobContext *context, Element *element, const char *log_path, gpointer data, GError **error)
{
    const Plan *plan = data;
    return fetch_in_job(plan->app, context, element, error);
}

static gboolean fetch_done(Task *task, const JobOutcome *outcome, gpointer data, GError **error)
{
    Plan *plan = data;
    states_forget(plan->states, task->element);
    return TRUE;
}

/* Shows a cached failure again: its log becomes this job's log, its error this job's error. */
static gboolean replay_failure(JobContext *context, SluiceStore *store, const Artifact *artifact, GError **error)
{
    for (gsize i = 0; i < artifact->n_logs; i++) {
        g_autoptr(GBytes) log = artifact_read_log(store, artifact, i, NULL);
        gsize length = 0;
        const char *text = log ? g_bytes_get_data(log, &length) : NULL;
        if (text && write(context->log_fd, text, length) < 0)
            break;
    }
    error_set(error, ERROR_SANDBOX, "command-failed", NULL, "%s",
              *artifact->error ? artifact->error : "Command failed");
    error_set_detail(error ? *error : NULL, *artifact->error_detail ? artifact->error_detail : NULL);
    return FALSE;
}

static gboolean run_build(JobContext *context, Element *element, const char *log_path, gpointer data, GError **error)
{
    Plan *plan = data;
    g_autoptr(SluiceStore) store = app_open_store_in_job(plan->app, error);
    if (!store)
        return FALSE;
    g_autoptr(Artifact) old = plan->retry_failed ? NULL : artifact_find(store, element, plan->app->strict, NULL);
    if (old && !old->success)
        return replay_failure(context, store, old, error);
    if (old)
        return TRUE; /* another process was faster */
    g_autofree char *log_name = g_path_get_basename(log_path);
    g_autoptr(AuditAccount) audits = audit_account_new(); /* the session's is what its parent has of all jobs */
    BuildContext build = {
        .store = store,
        .cluster = plan->cluster,
        .staging = plan->staging,
        .budget = plan->budget,
        .events = context->events,
        .cancellable = context->cancellable,
        .log_fd = context->log_fd,
        .log_name = log_name,
        .strict = plan->app->strict,
        .buildtrees = plan->app->config->buildtrees,
        .execution = &plan->app->config->execution,
        .audits = audits,
        .audit_hits = plan->audit_hits,
    };
    gboolean success = build_run(element, &build, error);
    if (audit_account_total(audits) > 0)
        g_variant_dict_insert_value(context->result, "audits", audit_account_to_variant(audits));
    return success;
}

/* Where the next build of a workspace goes on; after failures, too. */
static gboolean keep_last_build(Plan *plan, Element *element, GError **error)
{
    Session *session = plan->app->session;
    Workspace *workspace = element->workspace ? workspace_find(session, element->full_name) : NULL;
    if (!workspace || !states_artifact(plan->states, element) || !*element->strong_key)
        return TRUE;
    g_free(workspace->last_build);
    workspace->last_build = g_strdup(element->strong_key);
    return workspaces_save(session, error);
}

static gboolean build_done(Task *task, const JobOutcome *outcome, gpointer data, GError **error)
{
    Plan *plan = data;
    Step *step = task->data;
    g_autoptr(GVariant) audits = outcome->result ? g_variant_lookup_value(outcome->result, "audits", NULL) : NULL;
    if (audits)
        audit_account_add_variant(plan->audits, audits);
    states_forget(plan->states, task->element);
    if (!outcome->success)
        return keep_last_build(plan, task->element, error);
    if (!states_is_cached(plan->states, task->element)) {
        const GError *failure = states_error(plan->states);
        error_set(error, ERROR_ARTIFACT, NULL, NULL, "%s was built but is not in the cache%s%s",
                  task->element->full_name, failure ? ": " : "", failure ? failure->message : "");
        return FALSE;
    }
    step->to_build = FALSE;
    if (!states_find_key(plan->states, task->element, error) || !keep_last_build(plan, task->element, error))
        return FALSE;
    keep(plan, task->element);
    app_enforce_quota(plan->app);
    if (step->missing_runtime == 0)
        set_usable(plan, step);
    return TRUE;
}

static const Queue queues[] = {
    {"Fetch", "fetch", RESOURCE_FETCHER, fetch_status, run_fetch, fetch_done, NULL},
    {"Build", "build", RESOURCE_BUILDER, build_status, run_build, build_done, NULL},
};

/* ---- The session ---------------------------------------------------------------------------------------------------------- */

static void log_discarded(Plan *plan, Element *element, const char *key, const char *reason)
{
    g_autofree char *detail = g_strdup_printf("Discarded '%s'\n%s", key, reason);
    Event event = {
        .type = EVENT_INFO, .action = "main", .message = "Discarded failed build", .detail = detail, .elapsed_us = -1};
    event.element = element->full_name;
    event.key = element->strong_key;
    log_event(plan->app->log, &event);
}

/* Failures are built again when that was asked for; and, with --no-strict, when what they were built on may have changed. */
static gboolean discard_failures(Plan *plan, GPtrArray *elements, GError **error)
{
    for (guint i = 0; i < elements->len; i++) {
        Element *element = elements->pdata[i];
        const Artifact *artifact = states_artifact(plan->states, element);
        if (!artifact || artifact->success ||
            (!plan->retry_failed && strcmp(artifact->strong_key, element->strict_key) == 0))
            continue;
        g_autofree char *strong = g_strdup(artifact->strong_key);
        const char *const keys[] = {strong, element->weak_key};
        for (guint j = 0; j < G_N_ELEMENTS(keys); j++) {
            g_autofree char *name = artifact_ref_name(element, keys[j]);
            (void)artifact_delete(plan->app->store, name, NULL);
        }
        log_discarded(plan, element, strong,
                      plan->retry_failed ? "because retrying failed builds is enabled."
                                         : "in non strict mode because intermediate dependencies may have changed.");
        states_forget(plan->states, element);
        if (!states_find_key(plan->states, element, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean needs_staging(Plan *plan)
{
    GHashTableIter iterator;
    gpointer key, value;
    g_hash_table_iter_init(&iterator, plan->steps);
    while (g_hash_table_iter_next(&iterator, &key, &value)) {
        const Element *element = key;
        const Step *step = value;
        if (step->required && step->to_build && (element->kind->flags & KIND_RUNS_COMMANDS) &&
            !will_not_run(plan, step))
            return TRUE;
    }
    return FALSE;
}

static Step *required_step(Plan *plan, Element *element)
{
    Step *step = g_hash_table_lookup(plan->steps, element);
    return step && step->required ? step : NULL;
}

/* How many builds wait for one at most, one after another.  Dependents come after what they need in `elements`. */
static void set_depths(Plan *plan, GPtrArray *elements)
{
    for (guint i = elements->len; i-- > 0;) {
        const Element *element = elements->pdata[i];
        const Step *step = required_step(plan, elements->pdata[i]);
        for (gsize j = 0; step && j < element->n_dependencies; j++) {
            const Dependency *dependency = &element->dependencies[j];
            Step *other = required_step(plan, dependency->element);
            gboolean build = step->to_build && (dependency->types & DEP_BUILD);
            if (other && (build || (dependency->types & DEP_RUNTIME)))
                other->task->depth = MAX(other->task->depth, step->task->depth + (build ? 1 : 0));
        }
    }
}

static gint compare_depths(gconstpointer a, gconstpointer b, gpointer data)
{
    const Step *first = required_step(data, *(Element *const *)a), *second = required_step(data, *(Element *const *)b);
    guint x = first ? first->task->depth : 0, y = second ? second->task->depth : 0;
    return (x < y) - (x > y);
}

/* In a steady order: what most builds wait for is looked at first, and of those what stands first in the pipeline. */
static void wake_all(Plan *plan, GPtrArray *elements)
{
    gboolean any = FALSE;
    set_depths(plan, elements);
    g_autoptr(GPtrArray) ordered = g_ptr_array_copy(elements, NULL, NULL);
    g_ptr_array_sort_with_data(ordered, compare_depths, plan);
    for (guint i = 0; i < ordered->len; i++) {
        const Step *step = required_step(plan, ordered->pdata[i]);
        if (!step)
            continue;
        scheduler_wake(plan->scheduler, step->task);
        any |= step->to_build;
    }
    if (!any)
        return;
    plan->lease = sluice_lease_new(plan->app->store, NULL);
    for (guint i = 0; i < elements->len; i++)
        keep(plan, elements->pdata[i]);
    if (needs_staging(plan)) {
        plan->staging = start_staging(plan);
        plan->budget = app_make_job_budget(plan->app);
    }
}

static gboolean run_plan(Plan *plan, GPtrArray *wanted, GPtrArray *elements, GError **error)
{
    for (guint i = 0; i < wanted->len; i++)
        require(plan, wanted->pdata[i]);
    wake_all(plan, elements);
    gboolean success = scheduler_run(plan->scheduler, error);
    g_clear_pointer(&plan->lease, sluice_lease_free);
    g_clear_pointer(&plan->staging, sluice_staging_stop);
    g_clear_pointer(&plan->budget, job_budget_free);
    return success;
}

/* Before there is a scheduler, because its tasks would run while the cluster's job is waited for.  Nothing to build needs no cluster. */
static gboolean open_cluster(Plan *plan, GPtrArray *wanted, GError **error)
{
    gboolean any = FALSE;
    for (guint i = 0; i < wanted->len; i++)
        any |= !states_is_cached(plan->states, wanted->pdata[i]);
    plan->cluster = cluster_new(plan->app);
    return !plan->cluster || !any || cluster_check_in_job(plan->app, plan->cluster, error);
}

static void close_cluster(Plan *plan)
{
    if (plan->cluster)
        cluster_push_in_job(plan->app, plan->cluster);
    g_clear_pointer(&plan->cluster, cluster_free);
}

/* `wanted`: what is asked for; `elements`: all that these can need, in staging order. */
static gboolean build_elements(App *app, Activity *session, GPtrArray *targets, GPtrArray *wanted, GError **error)
{
    g_autoptr(GPtrArray) elements = elements_scope((Element *const *)wanted->pdata, wanted->len, SCOPE_ALL);
    if (!pipeline_check_refs(elements, error))
        return FALSE;
    g_autoptr(States) states = app_query(app, elements, error);
    if (!states)
        return FALSE;
    g_autoptr(AuditAccount) audits = audit_account_new();
    Plan plan = {.app = app, .states = states, .audits = audits};
    plan.audit_hits = (unsigned)arguments_int(app->arguments, "audit-hits", app->config->execution.audit_hits);
    plan.retry_failed = arguments_has(app->arguments, "retry-failed") || app->config->retry_failed;
    if (!discard_failures(&plan, elements, error))
        return FALSE;
    session_print_heading(app, targets, elements, states);
    g_autoptr(Scheduler) scheduler = scheduler_new(app, queues, G_N_ELEMENTS(queues), &plan);
    g_autoptr(GHashTable) steps = g_hash_table_new_full(NULL, NULL, NULL, step_free);
    plan.scheduler = scheduler;
    plan.steps = steps;
    gboolean success =
        app_finish(session, open_cluster(&plan, wanted, error) && run_plan(&plan, wanted, elements, error));
    close_cluster(&plan);
    scheduler_print_summary(scheduler, elements->len, plan.n_required);
    g_autofree char *summary = audit_account_summary(audits);
    if (summary)
        log_text(app->log, summary);
    return success;
}

static gboolean check_options(const App *app, GError **error)
{
    enum { PERCENT = 100 };
    if (arguments_int(app->arguments, "audit-hits", 0) <= PERCENT)
        return TRUE;
    g_set_error(error, USAGE_ERROR, 0, "Invalid value for '--audit-hits': '%s' is not a percentage (0 to 100).",
                arguments_get(app->arguments, "audit-hits"));
    return FALSE;
}

int cmd_build(App *app, GError **error)
{
    if (!check_options(app, error))
        return EXIT_REPORT;
    Activity session = app_begin(app, NULL, "Build");
    g_autoptr(GPtrArray) targets = NULL;
    g_autoptr(GPtrArray) wanted = app_load_selection(app, app->config->dependencies, &targets, error);
    guint named;
    arguments_words(app->arguments, &named);
    if (wanted && named == 0) {
        pipeline_drop_junctions(targets);
        pipeline_drop_junctions(wanted);
    }
    gboolean success = wanted && build_elements(app, &session, targets, wanted, error);
    app_finish(&session, success);
    return success ? 0 : EXIT_REPORT;
}
