/*
 * execution.c - what an endpoint executes: one job for equal actions that are wanted at the same time, threads that run them, and the calls
 * that wait for each.
 *
 * A call that waits is in its job's hand: nothing of it is in flight but the notice of its client's going.  When a job ends, all its calls are
 * answered; when the last client has gone, the job is cancelled.
 */
#include "execution.h"
#include "upstream.h"

struct SluiceJob {
    SluiceExecutions *executions;
    int references;
    char *name;
    SluiceAction *action;
    SluiceDigest key;
    gboolean joinable; /* is in `by_key` */
    GCancellable *cancellable;
    GQueue waiting;   /* SluiceCall *, in our hand */
    unsigned clients; /* that have not gone */
    GBytes *answer;   /* the last message, when it has ended */
};

struct SluiceExecutions {
    SluiceEndpoint *endpoint;
    SluiceExecutor executor;
    GThreadPool *threads;
    GMutex lock;         /* for all below, and for the jobs */
    GHashTable *by_name; /* char * → SluiceJob *, owned */
    GHashTable *by_key;  /* SluiceDigest * → SluiceJob *: what runs and may be joined */
    GQueue ended;        /* SluiceJob *, oldest first */
};

/* ---- Jobs: under the lock -------------------------------------------------------------------------------------------------------- */

static void job_unref(SluiceJob *job)
{
    if (--job->references > 0)
        return;
    sluice_action_free(job->action);
    g_object_unref(job->cancellable);
    g_clear_pointer(&job->answer, g_bytes_unref);
    g_free(job->name);
    g_free(job);
}

static void remove_from_table(gpointer data)
{
    job_unref(data);
}

static SluiceJob *job_new(SluiceExecutions *executions, SluiceAction *action, const SluiceDigest *key)
{
    SluiceJob *job = g_new0(SluiceJob, 1);
    g_autofree char *id = g_uuid_string_random();
    job->executions = executions;
    job->name = g_strconcat("executions/", id, NULL);
    job->action = action;
    job->key = *key;
    job->cancellable = g_cancellable_new();
    job->joinable = !action->do_not_cache;
    job->references = 2; /* the table, and the thread that runs it */
    g_hash_table_insert(executions->by_name, job->name, job);
    if (job->joinable)
        g_hash_table_insert(executions->by_key, &job->key, job);
    return job;
}

static void make_unjoinable(SluiceJob *job)
{
    if (job->joinable)
        g_hash_table_remove(job->executions->by_key, &job->key);
    job->joinable = FALSE;
}

/* ---- Calls ------------------------------------------------------------------------------------------------------------------------ */

/* What a call of ours has as its state. */
typedef struct {
    SluiceJob *job;
    gboolean gone;
} Watch;

static void watch_free(gpointer data)
{
    Watch *watch = data;
    SluiceExecutions *executions = watch->job->executions;
    g_mutex_lock(&executions->lock);
    job_unref(watch->job);
    g_mutex_unlock(&executions->lock);
    g_free(watch);
}

static void client_gone(SluiceCall *call)
{
    Watch *watch = call->state;
    SluiceJob *job = watch->job;
    g_mutex_lock(&job->executions->lock);
    watch->gone = TRUE;
    gboolean ours = g_queue_remove(&job->waiting, call);
    if (--job->clients == 0 && job->answer == NULL) {
        make_unjoinable(job);
        g_cancellable_cancel(job->cancellable);
    }
    g_mutex_unlock(&job->executions->lock);
    if (ours)
        sluice_call_fail(call, GRPC_STATUS_CANCELLED, "the client has gone");
}

/* The first message is out: the call waits, unless there is nothing to wait for. */
static void wait_for_end(SluiceCall *call)
{
    Watch *watch = call->state;
    SluiceJob *job = watch->job;
    g_mutex_lock(&job->executions->lock);
    gboolean gone = watch->gone;
    g_autoptr(GBytes) answer = job->answer != NULL ? g_bytes_ref(job->answer) : NULL;
    if (!gone && answer == NULL) {
        sluice_call_set_patient(call);
        SLUICE_HAND_OVER(call);
        g_queue_push_tail(&job->waiting, call);
    }
    g_mutex_unlock(&job->executions->lock);
    if (gone)
        sluice_call_fail(call, GRPC_STATUS_CANCELLED, "the client has gone");
    else if (answer != NULL)
        sluice_call_reply(call, sluice_reply_new_from(answer));
}

/* Under the lock, which it gives back. */
static void attach(SluiceJob *job, SluiceCall *call)
{
    Watch *watch = g_new0(Watch, 1);
    watch->job = job;
    job->references++;
    job->clients++;
    g_mutex_unlock(&job->executions->lock);
    sluice_call_set_state(call, watch, watch_free);
    sluice_call_watch(call, client_gone);
    g_autoptr(GBytes) first = sluice_operation_running(job->name, SLUICE_STAGE_EXECUTING, &job->action->digest);
    sluice_call_send(call, sluice_reply_new_from(first), wait_for_end);
}

/* ---- Running ---------------------------------------------------------------------------------------------------------------------- */

static GBytes *answer_of_error(SluiceJob *job, GError *error)
{
    grpc_status_code code = sluice_status_of_error(error);
    const char *message = error->message;
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        code = GRPC_STATUS_DEADLINE_EXCEEDED;
    else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        code = GRPC_STATUS_CANCELLED;
    else if (error->domain == SLUICE_CAS_ERROR)
        message = sluice_status_message(error);
    GBytes *answer = sluice_operation_failed(job->name, &job->action->digest, code, message);
    g_error_free(error);
    return answer;
}

static gboolean run_action(SluiceJob *job, SluiceExecutionOutcome *outcome, GError **error)
{
    SluiceExecutions *executions = job->executions;
    const SluiceAction *action = job->action;
    SluiceExecution execution = {
        .arguments = (const char *const *)action->arguments->pdata,
        .environment = (const char *const *)action->environment->pdata,
        .working_directory = action->working_directory,
        .timeout_us = action->timeout_us > 0 ? action->timeout_us : executions->executor.timeout_us,
    };
    return sluice_action_make_parents(executions->endpoint->bridge->store, action, &execution.input_root, error) &&
           executions->executor.execute(&execution, job->cancellable, outcome, executions->executor.data, error);
}

/* Only what succeeded, and only where the client asked for nothing else. */
static gboolean keep(SluiceJob *job, int exit_code, GBytes *result, GError **error)
{
    SluiceEndpoint *endpoint = job->executions->endpoint;
    if (exit_code != 0 || job->action->do_not_cache || endpoint->cache_writes == SLUICE_CACHE_WRITES_OFF)
        return TRUE;
    SLUICE_COUNT(endpoint, updates, 1);
    return sluice_proxy_store(endpoint, &job->action->digest, result, error);
}

static GBytes *answer_of_outcome(SluiceJob *job, const SluiceExecutionOutcome *outcome, int64_t started)
{
    GError *error = NULL;
    g_autoptr(GBytes) result = sluice_outputs_collect(job->executions->endpoint->bridge->store, job->action, outcome,
                                                      started, g_get_real_time(), &error);
    if (result == NULL || !keep(job, outcome->exit_code, result, &error))
        return answer_of_error(job, error);
    return sluice_operation_succeeded(job->name, &job->action->digest, result, FALSE, outcome->stopped);
}

static GBytes *answer_of_cluster(SluiceJob *job, const SluiceClusterOutcome *outcome)
{
    GError *error = NULL;
    const SluiceDigest *digest = &job->action->digest;
    if (outcome->code != GRPC_STATUS_OK)
        return sluice_operation_failed(job->name, digest, outcome->code, outcome->message);
    if (!keep(job, outcome->failed, outcome->result, &error))
        return answer_of_error(job, error);
    return sluice_operation_succeeded(job->name, digest, outcome->result, outcome->cached, NULL);
}

/* NULL: it has to be run here.  A cluster that was demanded and cannot is the action's failure. */
static GBytes *run_on_cluster(SluiceJob *job)
{
    SluiceEndpoint *endpoint = job->executions->endpoint;
    const SluiceAction *action = job->action;
    g_auto(SluiceClusterOutcome) outcome = {0};
    GError *error = NULL;
    SluiceClusterRequest request = {endpoint->environment, action->digest, action->command, action->input_root,
                                    action->skip_lookup || action->do_not_cache};
    if (sluice_upstream_execute(endpoint->upstream, &request, job->cancellable, &outcome, &error)) {
        SLUICE_COUNT(endpoint, executed, 1);
        return answer_of_cluster(job, &outcome);
    }
    gboolean final = endpoint->upstream->required || g_cancellable_is_cancelled(job->cancellable) ||
                     error->domain == SLUICE_PROTO_ERROR;
    GBytes *answer = final ? sluice_operation_failed(job->name, &action->digest,
                                                     error->domain == SLUICE_PROTO_ERROR ? GRPC_STATUS_INVALID_ARGUMENT
                                                                                         : GRPC_STATUS_UNAVAILABLE,
                                                     error->message)
                           : NULL;
    g_error_free(error);
    return answer;
}

static GBytes *run_here(SluiceJob *job)
{
    SluiceExecutionOutcome outcome = {0};
    GError *error = NULL;
    int64_t started = g_get_real_time();
    if (!run_action(job, &outcome, &error))
        return answer_of_error(job, error);
    SLUICE_COUNT(job->executions->endpoint, executed, 1);
    GBytes *answer = answer_of_outcome(job, &outcome, started);
    g_free(outcome.stopped);
    return answer;
}

static GBytes *run_job(SluiceJob *job)
{
    SluiceEndpoint *endpoint = job->executions->endpoint;
    gboolean remote = endpoint->keyed && endpoint->upstream != NULL && sluice_upstream_executes(endpoint->upstream);
    GBytes *answer = remote ? run_on_cluster(job) : NULL;
    return answer != NULL ? answer : run_here(job);
}

/* Those that ended long ago are forgotten. */
static void remember_ended(SluiceExecutions *executions, SluiceJob *job)
{
    g_queue_push_tail(&executions->ended, job);
    while (executions->ended.length > SLUICE_LIMIT_ENDED_EXECUTIONS) {
        SluiceJob *oldest = g_queue_pop_head(&executions->ended);
        g_hash_table_remove(executions->by_name, oldest->name);
    }
}

static void job_thread(gpointer data, gpointer user_data)
{
    SluiceJob *job = data;
    SluiceExecutions *executions = job->executions;
    GBytes *answer = run_job(job);
    g_mutex_lock(&executions->lock);
    job->answer = answer;
    make_unjoinable(job);
    GQueue waiting = job->waiting;
    g_queue_init(&job->waiting);
    remember_ended(executions, job);
    g_autoptr(GBytes) kept = g_bytes_ref(answer);
    job_unref(job);
    g_mutex_unlock(&executions->lock);
    SluiceCall *call;
    while ((call = g_queue_pop_head(&waiting)) != NULL) {
        SLUICE_TAKE_OVER(call);
        sluice_call_reply(call, sluice_reply_new_from(kept));
    }
}

/* ---- The table -------------------------------------------------------------------------------------------------------------------- */

SluiceExecutions *sluice_executions_new(SluiceEndpoint *endpoint, const SluiceExecutor *executor)
{
    SluiceExecutions *executions = g_new0(SluiceExecutions, 1);
    executions->endpoint = endpoint;
    executions->executor = *executor;
    /* those that wait for a cluster need no processor; the executor has its own measure of the others */
    gboolean remote = endpoint->upstream != NULL && endpoint->upstream->execution != NULL;
    gint parallel = remote ? SLUICE_UPSTREAM_CALLS - 4 : (gint)MAX(executor->parallel, 1u);
    executions->threads = g_thread_pool_new(job_thread, NULL, parallel, FALSE, NULL);
    g_mutex_init(&executions->lock);
    executions->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, remove_from_table);
    executions->by_key = g_hash_table_new(sluice_digest_hash, sluice_digest_equal_ptr);
    return executions;
}

void sluice_executions_free(SluiceExecutions *executions)
{
    GHashTableIter iter;
    gpointer job;
    g_mutex_lock(&executions->lock);
    g_hash_table_iter_init(&iter, executions->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &job))
        g_cancellable_cancel(((SluiceJob *)job)->cancellable);
    g_mutex_unlock(&executions->lock);
    g_thread_pool_free(executions->threads, FALSE, TRUE);
    g_queue_clear(&executions->ended);
    g_hash_table_unref(executions->by_key);
    g_hash_table_unref(executions->by_name);
    g_mutex_clear(&executions->lock);
    g_free(executions);
}

int64_t sluice_executions_get_timeout(const SluiceExecutions *executions)
{
    return executions->executor.timeout_us;
}

void sluice_executions_start(SluiceExecutions *executions, SluiceCall *call, SluiceAction *action)
{
    SluiceDigest key;
    sluice_proxy_key(executions->endpoint, &action->digest, &key, NULL);
    g_mutex_lock(&executions->lock);
    SluiceJob *job = action->do_not_cache ? NULL : g_hash_table_lookup(executions->by_key, &key);
    if (job != NULL) {
        sluice_action_free(action);
    } else {
        job = job_new(executions, action, &key);
        g_thread_pool_push(executions->threads, job, NULL);
    }
    attach(job, call);
}

gboolean sluice_executions_join(SluiceExecutions *executions, SluiceCall *call, const char *name)
{
    g_mutex_lock(&executions->lock);
    SluiceJob *job = g_hash_table_lookup(executions->by_name, name);
    if (job == NULL) {
        g_mutex_unlock(&executions->lock);
        return FALSE;
    }
    attach(job, call);
    return TRUE;
}
