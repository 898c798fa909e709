/* The cluster as a whole: made, asked what it can, watched, given up. */
#include "upstream.h"

typedef struct {
    gpointer data;
    SluiceCallFunc func;
} Errand;

/* ---- Health ----------------------------------------------------------------------------------------------------------------------------- */

gboolean sluice_upstream_is_usable(SluiceUpstream *upstream)
{
    return sluice_health_allows(upstream->health);
}

/* Bytes that are not what their digest says, or messages that mean nothing. */
static gboolean is_lie(const GError *problem)
{
    return problem->domain == SLUICE_PROTO_ERROR ||
           g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_MISMATCH) ||
           g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_DATA_LOSS) ||
           g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_OUT_OF_RANGE);
}

/* Of the call, not of the server: what was asked for is not there, or we ended it. */
static gboolean is_answer(const GError *problem)
{
    return problem == NULL || g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_NOT_FOUND) ||
           g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_CANCELLED);
}

static void warn(SluiceUpstream *upstream, const SluicePeer *peer, const char *what, const char *why)
{
    if (!sluice_health_claim_warning(upstream->health) || upstream->warn == NULL)
        return;
    g_autofree char *problem = g_strdup_printf("%s (%s)", what, why);
    g_autofree char *message = sluice_peer_describe(peer, SLUICE_REMOTE_URL, problem);
    upstream->warn(message, upstream->warn_data);
}

static void warn_of_change(SluiceUpstream *upstream, const SluicePeer *peer, SluiceHealthChange change, const char *why)
{
    static const char *const texts[] = {
        [SLUICE_HEALTH_FAILING] = "it fails; work goes on without it",
        [SLUICE_HEALTH_SLOW] = "it answers too slowly to be of use; work goes on without it",
        [SLUICE_HEALTH_LYING] = "it sent contents that are wrong; they were dropped",
    };
    if (change != SLUICE_HEALTH_FINE)
        warn(upstream, peer, texts[change], why);
}

static gboolean is_gone(const GError *problem)
{
    return g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_UNAVAILABLE) ||
           g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_DEADLINE_EXCEEDED);
}

/* As often as it takes for the breaker. */
static SluiceHealthChange note_failed(SluiceUpstream *upstream)
{
    SluiceHealthChange change = SLUICE_HEALTH_FINE;
    for (int i = 0; i < SLUICE_BREAKER_FAILURES && change == SLUICE_HEALTH_FINE; i++)
        change = sluice_health_note(upstream->health, FALSE, 0);
    return change;
}

void sluice_upstream_note(SluiceUpstream *upstream, const SluicePeer *peer, const GError *problem, int64_t elapsed_us)
{
    SluiceHealthChange change;
    if (problem != NULL && problem->domain == SLUICE_CAS_ERROR && !is_lie(problem))
        return; /* our own store */
    if (!is_answer(problem))
        atomic_fetch_add(&upstream->failures, 1);
    gboolean executing = peer != NULL && peer == upstream->execution;
    if (executing && is_gone(problem)) {
        /* it was tried for as long as makes sense, and a client waited for it */
        change = note_failed(upstream);
        warn_of_change(upstream, peer, change, problem->message);
        return;
    }
    if (executing && problem != NULL && sluice_status_is_refusal(problem)) {
        warn(upstream, peer, "it refuses to run an action", problem->message);
        return;
    }
    if (elapsed_us == 0 && problem != NULL && sluice_status_is_refusal(problem)) {
        warn(upstream, peer, "it refuses results; they stay here", problem->message);
        return;
    }
    if (problem != NULL && is_lie(problem)) {
        change = sluice_health_note_lie(upstream->health);
    } else if (elapsed_us == 0 && g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_RESOURCE_EXHAUSTED)) {
        /* a full server can still be read from */
        warn(upstream, peer, "it takes nothing more; results stay here until it does", problem->message);
        return;
    } else {
        change = sluice_health_note(upstream->health, is_answer(problem), elapsed_us);
    }
    warn_of_change(upstream, peer, change, problem != NULL ? problem->message : "on average");
}

gboolean sluice_upstream_give_up(SluiceUpstream *upstream)
{
    note_failed(upstream);
    return sluice_health_claim_warning(upstream->health);
}

/* ---- Threads ------------------------------------------------------------------------------------------------------------------------------ */

static void errand_thread(gpointer data, gpointer upstream)
{
    g_autofree Errand *errand = data;
    SLUICE_TAKE_OVER(errand->data);
    errand->func(errand->data);
}

void sluice_upstream_run(SluiceUpstream *upstream, SluiceCall *call, SluiceCallFunc func)
{
    Errand errand = {call, func};
    SLUICE_HAND_OVER(call);
    g_thread_pool_push(upstream->threads, g_memdup2(&errand, sizeof errand), NULL);
}

/* ---- Capabilities -------------------------------------------------------------------------------------------------------------------------- */

static gboolean check_error(const SluicePeer *peer, SluiceRemoteKey key, int code, const char *problem, GError **error)
{
    g_autofree char *message = sluice_peer_describe(peer, key, problem);
    g_set_error_literal(error, SLUICE_BRIDGE_ERROR, code, message);
    return FALSE;
}

/* What the user can do about it, and the key to begin with. */
static const char *advice(const SluicePeer *peer, const GError *problem, SluiceRemoteKey *key)
{
    *key = SLUICE_REMOTE_URL;
    if (problem->domain == SLUICE_PROTO_ERROR)
        return "this does not speak the Remote Execution API";
    switch (problem->code) {
    case GRPC_STATUS_UNAUTHENTICATED:
    case GRPC_STATUS_PERMISSION_DENIED:
        *key = peer->token != NULL ? SLUICE_REMOTE_ACCESS_TOKEN : SLUICE_REMOTE_CLIENT_CERT;
        return "it does not let us in: check `auth` (access-token, client-cert, client-key)";
    case GRPC_STATUS_INVALID_ARGUMENT:
    case GRPC_STATUS_NOT_FOUND:
        *key = SLUICE_REMOTE_INSTANCE;
        return *peer->instance != '\0' ? "it does not know this instance: check `instance-name`"
                                       : "it has no instance without a name: an `instance-name` is needed";
    case GRPC_STATUS_UNIMPLEMENTED:
        return "there is no service of the Remote Execution API here: check `url`";
    default:
        return NULL;
    }
}

/* The library has no code for it, only words; a server that is being restarted has none of them. */
static gboolean is_about_certificates(const char *message)
{
    static const char *const words[] = {"certificate", "CERTIFICATE", "handshake failed", "WRONG_VERSION_NUMBER"};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strstr(message, words[i]) != NULL)
            return TRUE;
    return FALSE;
}

static gboolean explain(const SluicePeer *peer, const GError *problem, GError **error)
{
    SluiceRemoteKey key;
    const char *hint = advice(peer, problem, &key);
    if (hint == NULL && is_about_certificates(problem->message))
        hint = "no secure connection: check `url`, and `auth` (server-cert, client-cert, client-key)";
    g_autofree char *text = hint != NULL ? g_strdup_printf("%s (%s)", hint, problem->message)
                                         : g_strdup_printf("it does not answer (%s)", problem->message);
    return check_error(peer, key, hint != NULL ? SLUICE_BRIDGE_ERROR_START : SLUICE_BRIDGE_ERROR_UNREACHABLE, text,
                       error);
}

typedef struct {
    SluicePeer *peer;
    GBytes *answer;
} Question;

static gboolean ask_capabilities(gpointer data, GError **error)
{
    enum { REQUEST_INSTANCE = 1 };
    Question *question = data;
    SluiceReply *request = sluice_reply_new();
    if (*question->peer->instance != '\0')
        sluice_wire_put_string(request->bytes, REQUEST_INSTANCE, question->peer->instance);
    question->answer = sluice_peer_call(question->peer, SLUICE_REAPI("Capabilities/GetCapabilities"), request,
                                        sluice_peer_timeout(question->peer, SLUICE_WAITED_FOR), error);
    return question->answer != NULL;
}

static gboolean get_capabilities(SluicePeer *peer, SluiceServerCapabilities *out, GError **error)
{
    Question question = {peer, NULL};
    GError *problem = NULL;
    gboolean ok = sluice_peer_try(peer, SLUICE_WAITED_FOR, ask_capabilities, &question, &problem) &&
                  sluice_answer_capabilities(question.answer, out, &problem);
    g_clear_pointer(&question.answer, g_bytes_unref);
    if (ok)
        return TRUE;
    explain(peer, problem, error);
    g_error_free(problem);
    return FALSE;
}

static gboolean check_cache(const SluicePeer *peer, const SluiceServerCapabilities *can, GError **error)
{
    if (!can->cache)
        return check_error(peer, SLUICE_REMOTE_URL, SLUICE_BRIDGE_ERROR_START,
                           "it is no cache: check `url` and `instance-name`", error);
    if (!can->sha256)
        return check_error(peer, SLUICE_REMOTE_URL, SLUICE_BRIDGE_ERROR_START, "it does not know SHA-256 digests",
                           error);
    return TRUE;
}

static gboolean check_execution(SluiceUpstream *upstream, GError **error)
{
    SluiceServerCapabilities can;
    SluicePeer *peer = upstream->execution;
    if (peer == NULL || upstream->environment == SLUICE_REMOTE_ENVIRONMENT_NONE)
        return TRUE;
    if (!get_capabilities(peer, &can, error))
        return FALSE;
    if (!can.execution)
        return check_error(peer, SLUICE_REMOTE_URL, SLUICE_BRIDGE_ERROR_START,
                           "it executes nothing: check `url` and `instance-name`, or leave execution-service out",
                           error);
    return can.execution_sha256 ||
           check_error(peer, SLUICE_REMOTE_URL, SLUICE_BRIDGE_ERROR_START, "it does not know SHA-256 digests", error);
}

gboolean sluice_upstream_check(SluiceUpstream *upstream, GError **error)
{
    SluiceServerCapabilities can;
    if (!get_capabilities(upstream->storage, &can, error) || !check_cache(upstream->storage, &can, error))
        return FALSE;
    atomic_store(&upstream->batch_limit, can.batch_limit);
    if (!check_execution(upstream, error))
        return FALSE;
    if (upstream->action_cache == NULL)
        return TRUE;
    if (!get_capabilities(upstream->action_cache, &can, error) || !check_cache(upstream->action_cache, &can, error))
        return FALSE;
    if (upstream->action_cache->push && !can.updates)
        return check_error(upstream->action_cache, SLUICE_REMOTE_PUSH, SLUICE_BRIDGE_ERROR_START,
                           "it does not take results from us: remove `push: true`, or check `auth`", error);
    return TRUE;
}

/* ---- Life ----------------------------------------------------------------------------------------------------------------------------------- */

/* Results for another server, or another instance of it, wait apart. */
static char *queue_prefix(const SluicePeer *peer)
{
    SluiceDigest digest;
    char hex[SLUICE_HASH_HEX + 1];
    g_autofree char *identity = g_strconcat(peer->url, "\n", peer->instance, NULL);
    sluice_digest_of(identity, strlen(identity), &digest);
    sluice_digest_hex(&digest, hex);
    return g_strdup_printf("%.16s/", hex);
}

SluiceUpstream *sluice_upstream_new(SluiceStore *store, const SluiceUpstreamConfig *config,
                                    SluiceUpstreamHealth *health, SluiceUpstreamWarnFunc warn_func, gpointer data,
                                    GError **error)
{
    SluiceUpstream *upstream = g_new0(SluiceUpstream, 1);
    grpc_init();
    sluice_bridge_silence();
    upstream->store = store;
    upstream->required = config->required;
    upstream->environment = config->environment;
    upstream->own_health = health == NULL ? sluice_upstream_health_new() : NULL;
    upstream->health = health != NULL ? health : upstream->own_health;
    upstream->warn = warn_func;
    upstream->warn_data = data;
    upstream->cancellable = g_cancellable_new();
    upstream->waiting = g_async_queue_new_full(g_free);
    upstream->given = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    upstream->absent = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, g_free);
    g_mutex_init(&upstream->lock);
    upstream->threads = g_thread_pool_new(errand_thread, upstream, SLUICE_UPSTREAM_THREADS, FALSE, NULL);
    upstream->storage = sluice_peer_new(config->storage, error);
    if (upstream->storage != NULL && config->action_cache != NULL) {
        upstream->action_cache = sluice_peer_new(config->action_cache, error);
        if (upstream->action_cache != NULL)
            upstream->queue_prefix = queue_prefix(upstream->action_cache);
    }
    if (upstream->storage != NULL && config->execution != NULL)
        upstream->execution = sluice_peer_new(config->execution, error == NULL || *error == NULL ? error : NULL);
    if (upstream->storage != NULL && (config->action_cache == NULL || upstream->action_cache != NULL) &&
        (config->execution == NULL || upstream->execution != NULL))
        return upstream;
    sluice_upstream_free(upstream);
    return NULL;
}

void sluice_upstream_get_stats(SluiceUpstream *upstream, SluiceUpstreamStats *stats)
{
    *stats = (SluiceUpstreamStats){
        .lookups = upstream->lookups,
        .hits = upstream->hits,
        .uploads = upstream->uploads,
        .bytes_read = upstream->bytes_read,
        .bytes_written = upstream->bytes_written,
        .blobs_read = upstream->blobs_read,
        .blobs_written = upstream->blobs_written,
        .failures = upstream->failures,
        .executions = upstream->executions,
    };
}

static void stop_pusher(SluiceUpstream *upstream)
{
    static const SluiceDigest end;
    if (upstream->pusher == NULL)
        return;
    SluiceDigest *copy = g_memdup2(&end, sizeof end);
    SLUICE_HAND_OVER(copy);
    g_async_queue_push(upstream->waiting, copy);
    g_thread_join(upstream->pusher);
}

void sluice_upstream_free(SluiceUpstream *upstream)
{
    g_cancellable_cancel(upstream->cancellable);
    if (upstream->storage != NULL)
        sluice_peer_stop(upstream->storage);
    if (upstream->action_cache != NULL)
        sluice_peer_stop(upstream->action_cache);
    if (upstream->execution != NULL)
        sluice_peer_stop(upstream->execution);
    stop_pusher(upstream);
    g_thread_pool_free(upstream->threads, FALSE, TRUE);
    g_clear_pointer(&upstream->storage, sluice_peer_free);
    g_clear_pointer(&upstream->action_cache, sluice_peer_free);
    g_clear_pointer(&upstream->execution, sluice_peer_free);
    g_clear_pointer(&upstream->own_health, sluice_upstream_health_free);
    g_async_queue_unref(upstream->waiting);
    g_hash_table_unref(upstream->absent);
    g_hash_table_unref(upstream->given);
    g_object_unref(upstream->cancellable);
    g_mutex_clear(&upstream->lock);
    g_free(upstream->queue_prefix);
    g_free(upstream);
    grpc_shutdown_blocking();
}

char *sluice_upstream_name(const SluicePeer *peer)
{
    g_autofree char *text =
        *peer->instance != '\0' ? g_strdup_printf("%s (%s)", peer->url, peer->instance) : g_strdup(peer->url);
    return sluice_client_name((SluiceSpan){(const uint8_t *)text, strlen(text)});
}
