/* What is to be given to the cluster waits as refs in the store, which keep the blobs alive; a restart, or another process, goes on with them.
 * A result is given after all that it names, as the API demands: its blobs, the Action that it is kept under, and that one's Command. */
#include "upstream.h"

#define QUEUE "upload"

enum { UPDATE_INSTANCE = 1, UPDATE_ACTION = 2, UPDATE_RESULT = 3, ACTION_COMMAND = 1 };

static char *entry_name(SluiceUpstream *upstream, const SluiceDigest *key)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    return g_strconcat(upstream->queue_prefix, sluice_digest_string(key, text), NULL);
}

/* ---- Waiting -------------------------------------------------------------------------------------------------------------------------- */

gboolean sluice_upstream_enqueue(SluiceUpstream *upstream, const SluiceDigest *key, GBytes *bytes, GError **error)
{
    if (upstream->action_cache == NULL || !upstream->action_cache->push)
        return TRUE;
    g_auto(SluiceResult) result = {0};
    g_autofree char *name = entry_name(upstream, key);
    g_autoptr(GArray) blobs = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GArray) absent = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    if (!sluice_result_decode(bytes, &result, error) ||
        !sluice_result_collect(upstream->store, &result, blobs, absent, error))
        return FALSE;
    if (absent->len > 0)
        return TRUE; /* of no use to anybody */
    g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
    SluiceRef ref = {.value = nothing, .blobs = (const SluiceDigest *)(void *)blobs->data, .n_blobs = blobs->len};
    if (!sluice_store_set_ref(upstream->store, QUEUE, name, &ref, error))
        return FALSE;
    if (upstream->pusher == NULL)
        return TRUE;
    SluiceDigest *copy = g_memdup2(key, sizeof *key);
    SLUICE_HAND_OVER(copy);
    g_async_queue_push(upstream->waiting, copy);
    return TRUE;
}

unsigned sluice_upstream_count_waiting(SluiceStore *store)
{
    g_autoptr(GPtrArray) names = sluice_store_list_refs(store, QUEUE, "", NULL);
    return names != NULL ? names->len : 0;
}

/* ---- Giving --------------------------------------------------------------------------------------------------------------------------- */

static gboolean put_if_present(SluiceUpstream *upstream, const SluiceDigest *digest, GArray *out, GError **error)
{
    gboolean missing = FALSE;
    if (!sluice_store_find_missing(upstream->store, digest, 1, &missing, error))
        return FALSE;
    if (!missing)
        g_array_append_vals(out, digest, 1);
    return TRUE;
}

/* The Action under whose digest it is kept, and its Command: where they are here. */
static gboolean add_action(SluiceUpstream *upstream, const SluiceDigest *key, GArray *out, GError **error)
{
    static const SluiceFieldSpec specs[] = {{ACTION_COMMAND, SLUICE_FIELD_DIGEST, 0}};
    SluiceDigestField command = {0};
    guint before = out->len;
    if (key->size > SLUICE_LIMIT_ACTION || !put_if_present(upstream, key, out, error))
        return key->size > SLUICE_LIMIT_ACTION;
    g_autoptr(GBytes) action = out->len > before ? sluice_store_read(upstream->store, key, error) : NULL;
    gsize length = 0;
    const void *data = action != NULL ? g_bytes_get_data(action, &length) : NULL;
    if (action == NULL)
        return out->len == before;
    return !sluice_fields_decode(data, length, specs, G_N_ELEMENTS(specs), &command, NULL) || !command.present ||
           put_if_present(upstream, &command.value, out, error);
}

typedef struct {
    SluicePeer *peer;
    const SluiceDigest *key;
    GBytes *result;
} Update;

static gboolean update(gpointer data, GError **error)
{
    Update *update = data;
    SluiceReply *request = sluice_reply_new();
    if (*update->peer->instance != '\0')
        sluice_wire_put_string(request->bytes, UPDATE_INSTANCE, update->peer->instance);
    sluice_wire_put_digest(request->bytes, UPDATE_ACTION, update->key);
    sluice_reply_put_blob(request, UPDATE_RESULT, update->result);
    g_autoptr(GBytes) answer = sluice_peer_call(update->peer, SLUICE_REAPI("ActionCache/UpdateActionResult"), request,
                                                sluice_peer_timeout(update->peer, SLUICE_BACKGROUND), error);
    return answer != NULL;
}

static gboolean give_result(SluiceUpstream *upstream, const SluiceDigest *key, GError **error)
{
    g_auto(SluiceResult) result = {0};
    g_autoptr(GArray) blobs = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GArray) absent = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GBytes) bytes = sluice_store_get_result(upstream->store, key, error);
    if (bytes == NULL || !sluice_result_decode(bytes, &result, error) ||
        !sluice_result_collect(upstream->store, &result, blobs, absent, error) ||
        !add_action(upstream, key, blobs, error))
        return FALSE;
    if (absent->len > 0) {
        g_set_error_literal(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND, "its blobs are gone");
        return FALSE;
    }
    Update question = {upstream->action_cache, key, bytes};
    return sluice_upstream_give(upstream, blobs, SLUICE_BACKGROUND, error) &&
           sluice_peer_try(question.peer, SLUICE_BACKGROUND, update, &question, error);
}

/* What can never be given need not wait: it is gone, or the server does not want it. */
static gboolean is_hopeless(const GError *problem)
{
    return problem->domain == SLUICE_PROTO_ERROR ||
           g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND) || sluice_status_is_refusal(problem);
}

/* TRUE: it waits no longer. */
static gboolean give_entry(SluiceUpstream *upstream, const SluiceDigest *key, GError **error)
{
    g_autofree char *name = entry_name(upstream, key);
    GError *problem = NULL;
    if (give_result(upstream, key, &problem)) {
        atomic_fetch_add(&upstream->uploads, 1);
    } else {
        sluice_upstream_note(upstream, upstream->storage, problem, 0);
        if (!is_hopeless(problem)) {
            g_propagate_error(error, problem);
            return FALSE;
        }
    }
    g_clear_error(&problem);
    return sluice_store_delete_ref(upstream->store, QUEUE, name, error);
}

gboolean sluice_upstream_push(SluiceUpstream *upstream, GCancellable *cancellable, unsigned *uploaded, unsigned *left,
                              GError **error)
{
    uint64_t before = upstream->uploads;
    g_autoptr(GPtrArray) names = sluice_store_list_refs(upstream->store, QUEUE, upstream->queue_prefix, error);
    gboolean ok = names != NULL;
    guint done = 0;
    for (; ok && done < names->len; done += ok) {
        SluiceDigest key;
        const char *text = (const char *)names->pdata[done] + strlen(upstream->queue_prefix);
        if (!sluice_digest_parse(text, &key, NULL))
            ok = sluice_store_delete_ref(upstream->store, QUEUE, names->pdata[done], error);
        else
            ok = !g_cancellable_set_error_if_cancelled(cancellable, error) && give_entry(upstream, &key, error);
    }
    if (uploaded != NULL)
        *uploaded = (unsigned)(upstream->uploads - before);
    if (left != NULL)
        *left = names != NULL ? names->len - done : 0;
    return ok;
}

/* ---- In a thread ------------------------------------------------------------------------------------------------------------------------ */

/* An entry that fails stays in the store for whoever comes next: when it is quiet, this is us. */
static gpointer push_thread(gpointer data)
{
    SluiceUpstream *upstream = data;
    const uint64_t pause = (uint64_t)SLUICE_UPSTREAM_PUSH_PAUSE * G_USEC_PER_SEC;
    for (;;) {
        g_autofree SluiceDigest *key = g_async_queue_timeout_pop(upstream->waiting, pause);
        SLUICE_TAKE_OVER(key);
        if (g_cancellable_is_cancelled(upstream->cancellable))
            return NULL;
        if (!sluice_upstream_is_usable(upstream))
            continue;
        if (key != NULL)
            give_entry(upstream, key, NULL);
        else
            sluice_upstream_push(upstream, upstream->cancellable, NULL, NULL, NULL);
    }
}

gboolean sluice_upstream_start_pushing(SluiceUpstream *upstream, GError **error)
{
    if (upstream->action_cache == NULL || !upstream->action_cache->push)
        return TRUE;
    upstream->pusher = g_thread_try_new("sluice-push", push_thread, upstream, error);
    return upstream->pusher != NULL;
}
