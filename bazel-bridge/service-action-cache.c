/* GetActionResult and UpdateActionResult, under the endpoint's keys. */
#include "upstream.h"

/* ---- Get ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    SluiceSpan instance;
    SluiceDigestField action;
    int64_t inline_stdout, inline_stderr, digest_function;
    GArray *inline_files;
    GBytes *result;
    gboolean asked; /* the cluster */
} Lookup;

static const SluiceFieldSpec get_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Lookup, instance)},
    {2, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Lookup, action)},
    {3, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Lookup, inline_stdout)},
    {4, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Lookup, inline_stderr)},
    {5, SLUICE_FIELD_STRINGS, G_STRUCT_OFFSET(Lookup, inline_files)},
    {6, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Lookup, digest_function)},
};

static void lookup_free(gpointer data)
{
    Lookup *lookup = data;
    sluice_fields_clear(get_fields, G_N_ELEMENTS(get_fields), lookup);
    g_clear_pointer(&lookup->result, g_bytes_unref);
    g_free(lookup);
}

static gboolean no_digest(GError **error)
{
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_DIGEST, "the action's digest is missing");
    return FALSE;
}

static void hit(SluiceCall *call);

static void miss(SluiceCall *call)
{
    SLUICE_COUNT(call->endpoint, misses, 1);
    sluice_call_fail(call, GRPC_STATUS_NOT_FOUND, "no result for this action");
}

/* The cluster is asked on one of its own threads.  A failure of it is a miss, unless the user demanded it. */
static void ask_upstream(SluiceCall *call)
{
    Lookup *lookup = call->state;
    SluiceUpstream *upstream = call->endpoint->upstream;
    SluiceDigest key;
    GError *error = NULL;
    g_clear_pointer(&lookup->result, g_bytes_unref);
    sluice_proxy_key(call->endpoint, &lookup->action.value, &key, NULL);
    g_autoptr(SluiceOrigin) origin = sluice_origin_new(call, &lookup->action.value);
    lookup->result = sluice_upstream_lookup(upstream, &key, origin, &error);
    lookup->asked = TRUE;
    if (lookup->result != NULL) {
        hit(call);
    } else if (error != NULL && upstream->required) {
        SLUICE_COUNT(call->endpoint, misses, 1);
        sluice_call_fail(call, GRPC_STATUS_UNAVAILABLE, error->message);
        g_error_free(error);
    } else {
        g_clear_error(&error);
        miss(call);
    }
}

static void miss_here(SluiceCall *call)
{
    Lookup *lookup = call->state;
    if (call->endpoint->upstream != NULL && !lookup->asked)
        sluice_upstream_run(call->endpoint->upstream, call, ask_upstream);
    else
        miss(call);
}

/* What cannot be read back counts as a miss; a client runs the action after any error. */
static void miss_by_error(SluiceCall *call, GError *error)
{
    if (sluice_status_of_error(error) == GRPC_STATUS_NOT_FOUND || error->domain == SLUICE_PROTO_ERROR) {
        g_error_free(error);
        miss_here(call);
        return;
    }
    SLUICE_COUNT(call->endpoint, misses, 1);
    sluice_call_fail_error(call, error);
}

static void inline_result(SluiceCall *call)
{
    Lookup *lookup = call->state;
    SluiceInlining inlining = {lookup->inline_stdout != 0, lookup->inline_stderr != 0, lookup->inline_files};
    GError *error = NULL;
    g_autoptr(GBytes) bytes = sluice_result_inline(sluice_call_get_store(call), lookup->result, &inlining, &error);
    if (bytes == NULL) {
        miss_by_error(call, error);
        return;
    }
    SLUICE_COUNT(call->endpoint, hits, 1);
    sluice_audits_note_hit(call, &lookup->action.value, lookup->result);
    sluice_call_reply(call, sluice_reply_new_from(bytes));
}

static void hit(SluiceCall *call)
{
    Lookup *lookup = call->state;
    if (lookup->inline_stdout || lookup->inline_stderr || lookup->inline_files != NULL) {
        inline_result(call);
        return;
    }
    SLUICE_COUNT(call->endpoint, hits, 1);
    sluice_audits_note_hit(call, &lookup->action.value, lookup->result);
    sluice_call_reply(call, sluice_reply_new_from(lookup->result));
}

static void check_result(SluiceCall *call)
{
    Lookup *lookup = call->state;
    GError *error = NULL;
    g_auto(SluiceResult) result = {0};
    if (!sluice_result_decode(lookup->result, &result, &error))
        miss_by_error(call, error);
    else if (result.exit_code == 0 && sluice_result_is_complete(sluice_call_get_store(call), &result, &error))
        hit(call);
    else if (error != NULL)
        miss_by_error(call, error);
    else
        miss_here(call);
}

/* Trees are read and walked, contents are read: that is for a worker. */
static gboolean is_quick(Lookup *lookup)
{
    g_auto(SluiceResult) result = {0};
    return sluice_result_decode(lookup->result, &result, NULL) && result.directories == NULL &&
           sluice_array_length(result.files) <= SLUICE_INLINE_LOOKUPS && !lookup->inline_stdout &&
           !lookup->inline_stderr && lookup->inline_files == NULL;
}

void sluice_handle_get_result(SluiceCall *call)
{
    Lookup *lookup = g_new0(Lookup, 1);
    GError *error = NULL;
    sluice_call_set_state(call, lookup, lookup_free);
    if (!sluice_fields_decode(call->message.data, call->message.length, get_fields, G_N_ELEMENTS(get_fields), lookup,
                              &error) ||
        !sluice_request_check(lookup->instance, lookup->digest_function, &error) ||
        (!lookup->action.present && !no_digest(&error))) {
        sluice_call_fail_error(call, error);
        return;
    }
    SLUICE_COUNT(call->endpoint, lookups, 1);
    lookup->result = sluice_proxy_lookup(call->endpoint, &lookup->action.value, &error);
    if (lookup->result == NULL)
        miss_by_error(call, error);
    else if (is_quick(lookup))
        check_result(call);
    else
        sluice_call_run(call, check_result);
}

/* ---- Update ----------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceSpan instance, result;
    SluiceDigestField action;
    int64_t digest_function;
} Update;

static const SluiceFieldSpec update_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Update, instance)},
    {2, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Update, action)},
    {3, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Update, result)},
    {5, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Update, digest_function)},
};

static gboolean update_check(const Update *update, GError **error)
{
    if (!sluice_request_check(update->instance, update->digest_function, error))
        return FALSE;
    if (!update->action.present)
        return no_digest(error);
    if (update->result.data != NULL && update->result.length <= SLUICE_LIMIT_RESULT)
        return TRUE;
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE,
                        update->result.data == NULL ? "the result is missing" : "the result is too large");
    return FALSE;
}

/* A failed action's result, and one that an audit has shown to be wrong, is given back as if it were kept, because clients upload them without need (recc) and would take an
 * error for a broken cache. */
static void keep_result(SluiceCall *call, const Update *update)
{
    GError *error = NULL;
    g_auto(SluiceResult) result = {0};
    g_autoptr(GBytes) bytes = g_bytes_new(update->result.data, update->result.length);
    if (!sluice_result_decode(bytes, &result, &error) || !sluice_result_check(&result, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    g_autoptr(SluiceOrigin) origin = sluice_origin_new(call, &update->action.value);
    origin->producer = SLUICE_PRODUCER_CLIENT;
    origin->stored = g_get_real_time() / G_USEC_PER_SEC;
    gboolean kept = FALSE;
    if (result.exit_code == 0 && !sluice_proxy_store(call->endpoint, bytes, origin, &kept, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    if (kept)
        SLUICE_COUNT(call->endpoint, updates, 1);
    else
        SLUICE_COUNT(call->endpoint, updates_refused, 1);
    sluice_call_reply(call, sluice_reply_new_from(bytes));
}

static void update_result(SluiceCall *call)
{
    keep_result(call, call->state);
}

void sluice_handle_update_result(SluiceCall *call)
{
    Update *update = g_new0(Update, 1);
    GError *error = NULL;
    sluice_call_set_state(call, update, g_free);
    if (!sluice_call_accepts_results(call)) {
        SLUICE_COUNT(call->endpoint, updates_refused, 1);
        sluice_call_fail(call, GRPC_STATUS_PERMISSION_DENIED, "results are not accepted from this client");
    } else if (!sluice_fields_decode(call->message.data, call->message.length, update_fields,
                                     G_N_ELEMENTS(update_fields), update, &error) ||
               !update_check(update, &error)) {
        sluice_call_fail_error(call, error);
    } else {
        sluice_call_run(call, update_result);
    }
}
