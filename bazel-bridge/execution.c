/*
 * execution.c - what an endpoint executes: one job for equal actions that are wanted at the same time, threads that run them, and the calls
 * that wait for each.
 *
 * A call that waits is in its job's hand: nothing of it is in flight but the notice of its client's going.  When a job ends, all its calls are
 * answered; when the last client has gone and none has come back for a while, the job is cancelled.
 */
#include "execution.h"
#include "upstream.h"

struct SluiceJob {
    SluiceExecutions *executions;
    int references;
    char *name;
    SluiceAction *action;
    SluiceOrigin *origin; /* of the call that began it */
    SluiceDigest key;
    gboolean joinable; /* is in `by_key` */
    int priority;
    uint64_t serial; /* among equal priorities, the first comes first */
    SluiceExecutionStage stage;
    gboolean ended;
    GCancellable *cancellable;
    GQueue waiting;    /* SluiceCall *, in our hand */
    unsigned clients;  /* that have not gone */
    int64_t abandoned; /* monotonic time since when there is none; 0: there is one */
    SluiceExecutionTimes times;
    /* When it has ended: its result, with a message or NULL; or the whole answer of a failure. */
    GBytes *result, *failure;
    gboolean cached; /* by the cluster */
    char *message;
};

struct SluiceExecutions {
    SluiceEndpoint *endpoint;
    SluiceExecutor executor;
    GThreadPool *threads;
    GMutex lock;         /* for all below, and for the jobs */
    GHashTable *by_name; /* char * → SluiceJob *, owned */
    GHashTable *by_key;  /* SluiceDigest * → SluiceJob *: what runs and may be joined */
    GQueue ended;        /* SluiceJob *, oldest first */
    uint64_t serial;
    unsigned parallel;
    gboolean remote;  /* there is a cluster that executes */
    unsigned active;  /* jobs that have not ended */
    GThread *watcher; /* of abandoned jobs; NULL: there was none yet */
    GCond abandoned;
    gboolean closing;
};

/* ---- Jobs: under the lock -------------------------------------------------------------------------------------------------------- */

static void job_unref(SluiceJob *job)
{
    if (--job->references > 0)
        return;
    sluice_action_free(job->action);
    sluice_origin_free(job->origin);
    g_object_unref(job->cancellable);
    g_clear_pointer(&job->result, g_bytes_unref);
    g_clear_pointer(&job->failure, g_bytes_unref);
    g_free(job->message);
    g_free(job->name);
    g_free(job);
}

static void remove_from_table(gpointer data)
{
    job_unref(data);
}

static SluiceJob *job_new(SluiceExecutions *executions, SluiceAction *action, const SluiceDigest *key, int priority,
                          SluiceOrigin *origin)
{
    SluiceJob *job = g_new0(SluiceJob, 1);
    g_autofree char *id = g_uuid_string_random();
    job->executions = executions;
    job->name = g_strconcat("executions/", id, NULL);
    job->action = action;
    job->origin = origin;
    job->key = *key;
    job->cancellable = g_cancellable_new();
    job->joinable = !action->do_not_cache;
    job->priority = priority;
    job->serial = executions->serial++;
    job->times.queued = g_get_real_time();
    executions->active++;
    /* a cluster says itself when it runs; here it does as good as */
    job->stage =
        executions->remote || executions->active > executions->parallel ? SLUICE_STAGE_QUEUED : SLUICE_STAGE_EXECUTING;
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

static gint compare_jobs(gconstpointer a, gconstpointer b, gpointer data)
{
    const SluiceJob *first = a, *second = b;
    if (first->priority != second->priority)
        return first->priority < second->priority ? -1 : 1;
    return first->serial < second->serial ? -1 : first->serial > second->serial;
}

/* ---- Jobs that nobody waits for ------------------------------------------------------------------------------------------------------- */

/* Cancels those whose time is over; when the next one's is, or 0. */
static int64_t cancel_abandoned(SluiceExecutions *executions)
{
    int64_t patience = executions->endpoint->bridge->execution_patience * G_TIME_SPAN_MILLISECOND, next = 0;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, executions->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        SluiceJob *job = value;
        if (job->ended || job->abandoned == 0 || g_cancellable_is_cancelled(job->cancellable))
            continue;
        int64_t end = job->abandoned + patience;
        if (end > g_get_monotonic_time()) {
            next = next == 0 ? end : MIN(next, end);
            continue;
        }
        make_unjoinable(job);
        g_cancellable_cancel(job->cancellable);
    }
    return next;
}

static gpointer watch_abandoned(gpointer data)
{
    SluiceExecutions *executions = data;
    g_mutex_lock(&executions->lock);
    while (!executions->closing) {
        int64_t next = cancel_abandoned(executions);
        if (next == 0)
            g_cond_wait(&executions->abandoned, &executions->lock);
        else
            g_cond_wait_until(&executions->abandoned, &executions->lock, next);
    }
    g_mutex_unlock(&executions->lock);
    return NULL;
}

static void abandon(SluiceJob *job)
{
    SluiceExecutions *executions = job->executions;
    job->abandoned = g_get_monotonic_time();
    if (executions->watcher == NULL)
        executions->watcher = g_thread_new("sluice-abandoned", watch_abandoned, executions);
    g_cond_signal(&executions->abandoned);
}

/* ---- Calls ------------------------------------------------------------------------------------------------------------------------ */

/* What a call of ours has as its state. */
typedef struct {
    SluiceJob *job;
    SluiceExecuteRequest *request; /* NULL: it only waits */
    SluiceExecutionStage told;     /* to the client */
    gboolean gone;
} Watch;

static void watch_free(gpointer data)
{
    Watch *watch = data;
    SluiceExecutions *executions = watch->job->executions;
    g_mutex_lock(&executions->lock);
    job_unref(watch->job);
    g_mutex_unlock(&executions->lock);
    sluice_execute_request_free(watch->request);
    g_free(watch);
}

static void client_gone(SluiceCall *call)
{
    Watch *watch = call->state;
    SluiceJob *job = watch->job;
    g_mutex_lock(&job->executions->lock);
    watch->gone = TRUE;
    gboolean ours = g_queue_remove(&job->waiting, call);
    if (--job->clients == 0 && !job->ended)
        abandon(job);
    g_mutex_unlock(&job->executions->lock);
    if (ours)
        sluice_call_fail(call, GRPC_STATUS_CANCELLED, "the client has gone");
}

/* Of a job that has ended: nothing of it changes any more. */
static void answer_call(SluiceCall *call)
{
    const Watch *watch = call->state;
    const SluiceJob *job = watch->job;
    g_autoptr(GBytes) answer = NULL;
    if (job->failure != NULL) {
        answer = g_bytes_ref(job->failure);
    } else {
        g_autoptr(GBytes) result =
            sluice_execute_request_inline(sluice_call_get_store(call), watch->request, job->result);
        answer = sluice_operation_succeeded(job->name, &job->action->digest, result, job->cached, job->message);
    }
    sluice_call_reply(call, sluice_reply_new_from(answer));
}

static void send_stage(SluiceCall *call, SluiceExecutionStage stage);

/* A message is out: the call waits, unless there is something to say already. */
static void wait_for_news(SluiceCall *call)
{
    Watch *watch = call->state;
    SluiceJob *job = watch->job;
    g_mutex_lock(&job->executions->lock);
    gboolean gone = watch->gone, ended = job->ended;
    SluiceExecutionStage stage = job->stage;
    gboolean waits = !gone && !ended && stage == watch->told;
    if (waits) {
        sluice_call_set_patient(call);
        SLUICE_HAND_OVER(call);
        g_queue_push_tail(&job->waiting, call);
    }
    g_mutex_unlock(&job->executions->lock);
    if (gone)
        sluice_call_fail(call, GRPC_STATUS_CANCELLED, "the client has gone");
    else if (ended)
        sluice_call_run(call, answer_call);
    else if (!waits)
        send_stage(call, stage);
}

static void send_stage(SluiceCall *call, SluiceExecutionStage stage)
{
    Watch *watch = call->state;
    g_autoptr(GBytes) message = sluice_operation_running(watch->job->name, stage, &watch->job->action->digest);
    watch->told = stage;
    sluice_call_send(call, sluice_reply_new_from(message), wait_for_news);
}

/* Under the lock, which it gives back. */
static void attach(SluiceJob *job, SluiceCall *call, SluiceExecuteRequest *request)
{
    Watch *watch = g_new0(Watch, 1);
    watch->job = job;
    watch->request = request;
    job->references++;
    job->clients++;
    job->abandoned = 0;
    SluiceExecutionStage stage = job->stage;
    g_mutex_unlock(&job->executions->lock);
    sluice_call_set_state(call, watch, watch_free);
    sluice_call_watch(call, client_gone);
    send_stage(call, stage);
}

/* All calls that wait; they are in the caller's hand then. */
static GQueue take_waiting(SluiceJob *job)
{
    GQueue waiting = job->waiting;
    g_queue_init(&job->waiting);
    return waiting;
}

/* Those who wait are told; those whose last message is not out yet, after it. */
static void set_stage(SluiceJob *job, SluiceExecutionStage stage)
{
    GQueue waiting = G_QUEUE_INIT;
    SluiceCall *call;
    g_mutex_lock(&job->executions->lock);
    if (job->stage != stage)
        waiting = take_waiting(job);
    job->stage = stage;
    g_mutex_unlock(&job->executions->lock);
    while ((call = g_queue_pop_head(&waiting)) != NULL) {
        SLUICE_TAKE_OVER(call);
        send_stage(call, stage);
    }
}

/* ---- Running ---------------------------------------------------------------------------------------------------------------------- */

static void set_failure(SluiceJob *job, GError *error)
{
    grpc_status_code code = sluice_status_of_error(error);
    const char *message = error->message;
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        code = GRPC_STATUS_DEADLINE_EXCEEDED;
    else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        code = GRPC_STATUS_CANCELLED;
    else if (error->domain == SLUICE_CAS_ERROR)
        message = sluice_status_message(error);
    job->failure = sluice_operation_failed(job->name, &job->action->digest, code, message);
    g_error_free(error);
}

gboolean sluice_action_run(SluiceStore *store, const SluiceExecutor *executor, const SluiceAction *action,
                           GCancellable *cancellable, SluiceExecutionOutcome *outcome, GError **error)
{
    SluiceExecution execution = {
        .arguments = (const char *const *)action->arguments->pdata,
        .environment = (const char *const *)action->environment->pdata,
        .working_directory = action->working_directory,
        .over_root = action->over_root,
        .timeout_us = action->timeout_us > 0 ? action->timeout_us : executor->timeout_us,
    };
    return sluice_action_make_parents(store, action, &execution.input_root, error) &&
           executor->execute(&execution, cancellable, outcome, executor->data, error);
}

static void set_producer(SluiceJob *job, SluiceProducer producer)
{
    job->origin->producer = producer;
    job->origin->stored = g_get_real_time() / G_USEC_PER_SEC;
    if (producer == SLUICE_PRODUCER_CLUSTER && job->origin->cluster == NULL)
        job->origin->cluster = sluice_upstream_name(job->executions->endpoint->upstream->execution);
}

/* Only what succeeded, and only where the client asked for nothing else. */
static gboolean keep(SluiceJob *job, int exit_code, GBytes *result, SluiceProducer producer, GError **error)
{
    SluiceEndpoint *endpoint = job->executions->endpoint;
    if (exit_code != 0 || job->action->do_not_cache || endpoint->cache_writes == SLUICE_CACHE_WRITES_OFF)
        return TRUE;
    SLUICE_COUNT(endpoint, updates, 1);
    set_producer(job, producer);
    return sluice_proxy_store(endpoint, result, job->origin, NULL, error);
}

/* The cluster has it under a client's own digest already. */
static gboolean keep_of_cluster(SluiceJob *job, const SluiceClusterOutcome *outcome, GError **error)
{
    SluiceEndpoint *endpoint = job->executions->endpoint;
    if (endpoint->keyed)
        return keep(job, outcome->failed, outcome->result, SLUICE_PRODUCER_CLUSTER, error);
    if (outcome->failed || job->action->do_not_cache)
        return TRUE;
    set_producer(job, SLUICE_PRODUCER_CLUSTER);
    g_autoptr(GBytes) note = sluice_origin_encode(job->origin);
    return sluice_store_put_result_with_note(endpoint->bridge->store, &job->action->digest, outcome->result, note,
                                             error);
}

static void take_cluster_outcome(SluiceJob *job, const SluiceClusterOutcome *outcome)
{
    GError *error = NULL;
    if (outcome->code != GRPC_STATUS_OK) {
        job->failure = sluice_operation_failed(job->name, &job->action->digest, outcome->code, outcome->message);
    } else if (!keep_of_cluster(job, outcome, &error)) {
        set_failure(job, error);
    } else {
        job->result = g_bytes_ref(outcome->result);
        job->cached = outcome->cached;
    }
}

static void on_staged(unsigned stage, gpointer job)
{
    set_stage(job, (SluiceExecutionStage)stage);
}

/* Whether it is a result that an audit here has shown to be wrong. */
static gboolean is_refused(SluiceJob *job, const SluiceClusterOutcome *outcome)
{
    return outcome->code == GRPC_STATUS_OK && !outcome->failed &&
           sluice_origin_refuses(job->executions->endpoint->bridge->store, &job->key, outcome->result, job->origin);
}

/* Where nothing is executed here, the cluster has to do again what it had a wrong result of. */
static gboolean execute_there(SluiceJob *job, SluiceClusterOutcome *outcome, GError **error)
{
    SluiceEndpoint *endpoint = job->executions->endpoint;
    const SluiceAction *action = job->action;
    SluiceClusterRequest request = {endpoint->environment,
                                    action->digest,
                                    action->command,
                                    action->input_root,
                                    action->skip_lookup || action->do_not_cache,
                                    on_staged,
                                    job};
    gboolean done = sluice_upstream_execute(endpoint->upstream, &request, job->cancellable, outcome, error);
    if (!done || request.skip_lookup || job->executions->executor.execute != NULL || !is_refused(job, outcome))
        return done;
    request.skip_lookup = TRUE;
    sluice_cluster_outcome_clear(outcome);
    *outcome = (SluiceClusterOutcome){0};
    return sluice_upstream_execute(endpoint->upstream, &request, job->cancellable, outcome, error);
}

/* FALSE: it has to be run here.  A cluster that was demanded, or is all that there is, and cannot is the action's failure. */
static gboolean run_on_cluster(SluiceJob *job)
{
    SluiceEndpoint *endpoint = job->executions->endpoint;
    const SluiceDigest *digest = &job->action->digest;
    gboolean here = job->executions->executor.execute != NULL;
    g_auto(SluiceClusterOutcome) outcome = {0};
    GError *error = NULL;
    if (execute_there(job, &outcome, &error)) {
        gboolean refused = is_refused(job, &outcome);
        if (refused && !here)
            job->failure = sluice_operation_failed(job->name, digest, GRPC_STATUS_ABORTED,
                                                   "the cluster makes a result that an audit has shown to be wrong");
        if (refused)
            return !here;
        SLUICE_COUNT(endpoint, executed, 1);
        take_cluster_outcome(job, &outcome);
        return TRUE;
    }
    gboolean final = endpoint->upstream->required || !here || g_cancellable_is_cancelled(job->cancellable) ||
                     error->domain == SLUICE_PROTO_ERROR;
    if (final)
        job->failure = sluice_operation_failed(job->name, digest,
                                               error->domain == SLUICE_PROTO_ERROR ? GRPC_STATUS_INVALID_ARGUMENT
                                                                                   : GRPC_STATUS_UNAVAILABLE,
                                               error->message);
    g_error_free(error);
    return final;
}

static void run_here(SluiceJob *job)
{
    SluiceEndpoint *endpoint = job->executions->endpoint;
    SluiceExecutionOutcome outcome = {0};
    GError *error = NULL;
    set_stage(job, SLUICE_STAGE_EXECUTING);
    if (g_cancellable_set_error_if_cancelled(job->cancellable, &error) ||
        !sluice_action_run(endpoint->bridge->store, &job->executions->executor, job->action, job->cancellable, &outcome,
                           &error)) {
        set_failure(job, error);
        return;
    }
    SLUICE_COUNT(endpoint, executed, 1);
    g_autoptr(GBytes) result =
        sluice_outputs_collect(endpoint->bridge->store, job->action, &outcome, &job->times, &error);
    if (result == NULL || !keep(job, outcome.exit_code, result, SLUICE_PRODUCER_EXECUTOR, &error)) {
        set_failure(job, error);
        g_free(outcome.stopped);
        return;
    }
    job->result = g_steal_pointer(&result);
    job->message = outcome.stopped;
}

static void run_job(SluiceJob *job)
{
    SluiceExecutions *executions = job->executions;
    gboolean here = executions->executor.execute != NULL;
    job->times.started = g_get_real_time();
    /* one that fails is asked all the same where there is nothing else */
    gboolean usable = executions->remote && (sluice_upstream_is_usable(executions->endpoint->upstream) || !here);
    if (!usable || !run_on_cluster(job))
        run_here(job);
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
    run_job(job);
    g_mutex_lock(&executions->lock);
    job->ended = TRUE;
    executions->active--;
    make_unjoinable(job);
    GQueue waiting = take_waiting(job);
    remember_ended(executions, job);
    job_unref(job); /* each call has a reference of its own */
    g_mutex_unlock(&executions->lock);
    SluiceCall *call;
    while ((call = g_queue_pop_head(&waiting)) != NULL) {
        SLUICE_TAKE_OVER(call);
        answer_call(call);
    }
}

/* ---- The table -------------------------------------------------------------------------------------------------------------------- */

SluiceExecutions *sluice_executions_new(SluiceEndpoint *endpoint, const SluiceExecutor *executor)
{
    SluiceExecutions *executions = g_new0(SluiceExecutions, 1);
    executions->endpoint = endpoint;
    if (executor != NULL)
        executions->executor = *executor;
    executions->remote =
        endpoint->upstream != NULL && sluice_upstream_has_execution(endpoint->upstream, endpoint->keyed);
    /* those that wait for a cluster need no processor; the executor has its own measure of the others */
    executions->parallel = executions->remote ? SLUICE_UPSTREAM_CALLS - 4 : MAX(executions->executor.parallel, 1u);
    executions->threads = g_thread_pool_new(job_thread, NULL, (gint)executions->parallel, FALSE, NULL);
    g_thread_pool_set_sort_function(executions->threads, compare_jobs, NULL);
    g_mutex_init(&executions->lock);
    g_cond_init(&executions->abandoned);
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
    executions->closing = TRUE;
    g_cond_signal(&executions->abandoned);
    g_mutex_unlock(&executions->lock);
    g_clear_pointer(&executions->watcher, g_thread_join);
    g_thread_pool_free(executions->threads, FALSE, TRUE);
    g_queue_clear(&executions->ended);
    g_hash_table_unref(executions->by_key);
    g_hash_table_unref(executions->by_name);
    g_mutex_clear(&executions->lock);
    g_cond_clear(&executions->abandoned);
    g_free(executions);
}

int64_t sluice_executions_get_timeout(const SluiceExecutions *executions)
{
    return executions->executor.timeout_us;
}

void sluice_executions_start(SluiceExecutions *executions, SluiceCall *call, SluiceExecuteRequest *request,
                             SluiceAction *action)
{
    SluiceDigest key;
    sluice_proxy_key(executions->endpoint, &action->digest, &key, NULL);
    g_autoptr(SluiceOrigin) origin = sluice_origin_new(call, &action->digest);
    g_mutex_lock(&executions->lock);
    SluiceJob *job = action->do_not_cache ? NULL : g_hash_table_lookup(executions->by_key, &key);
    if (job != NULL) {
        sluice_action_free(action);
    } else {
        job = job_new(executions, action, &key, request->priority, g_steal_pointer(&origin));
        g_thread_pool_push(executions->threads, job, NULL);
    }
    attach(job, call, request);
}

gboolean sluice_executions_join(SluiceExecutions *executions, SluiceCall *call, const char *name)
{
    g_mutex_lock(&executions->lock);
    SluiceJob *job = g_hash_table_lookup(executions->by_name, name);
    if (job == NULL) {
        g_mutex_unlock(&executions->lock);
        return FALSE;
    }
    attach(job, call, NULL);
    return TRUE;
}
