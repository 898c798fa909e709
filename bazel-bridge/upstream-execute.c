/* An action on the cluster: its inputs given, Execute, the stream of its Operation followed through interruptions, its result taken home. */
#include "execution.h"
#include "upstream.h"

enum {
    EXECUTE_INSTANCE = 1,
    EXECUTE_SKIP_LOOKUP = 3,
    EXECUTE_ACTION = 6,
    WAIT_NAME = 1,
    CANCEL_NAME = 1,
    CANCEL_TIME = 5, /* seconds, for telling it */
    RESTARTS = 5     /* of one action, whose stream broke off or whose inputs were lost */
};

/* ---- Operations ------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceSpan name, metadata, error, response;
    int64_t done;
} Operation;

typedef struct {
    SluiceSpan type, value;
} Any;

typedef struct {
    SluiceSpan result, status, message;
    int64_t cached;
} Response;

typedef struct {
    int64_t code;
    SluiceSpan message;
} Status;

static gboolean take_status(SluiceSpan span, SluiceClusterOutcome *out, GError **error)
{
    static const SluiceFieldSpec specs[] = {
        {1, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Status, code)},
        {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Status, message)},
    };
    enum { LONGEST = 1000, LAST_CODE = GRPC_STATUS_UNAUTHENTICATED };
    Status status = {0};
    if (!sluice_fields_decode(span.data, span.length, specs, G_N_ELEMENTS(specs), &status, error))
        return FALSE;
    out->code = status.code >= 0 && status.code <= LAST_CODE ? (int)status.code : GRPC_STATUS_UNKNOWN;
    status.message.length = MIN(status.message.length, (gsize)LONGEST);
    g_autofree char *raw = sluice_span_dup(status.message);
    g_free(out->message);
    out->message = g_utf8_make_valid(raw, -1);
    return TRUE;
}

static gboolean take_response(SluiceSpan span, SluiceClusterOutcome *out, GError **error)
{
    static const SluiceFieldSpec any_specs[] = {
        {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Any, type)},
        {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Any, value)},
    };
    static const SluiceFieldSpec specs[] = {
        {1, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Response, result)},
        {2, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Response, cached)},
        {3, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Response, status)},
        {5, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Response, message)},
    };
    Any any = {0};
    Response response = {0};
    if (!sluice_fields_decode(span.data, span.length, any_specs, G_N_ELEMENTS(any_specs), &any, error) ||
        !sluice_fields_decode(any.value.data, any.value.length, specs, G_N_ELEMENTS(specs), &response, error) ||
        !take_status(response.status, out, error))
        return FALSE;
    g_autofree char *type = sluice_span_dup(any.type);
    if (!g_str_has_suffix(type, "/build.bazel.remote.execution.v2.ExecuteResponse") ||
        (out->code == GRPC_STATUS_OK && response.result.data == NULL)) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "an execution ended without a result");
        return FALSE;
    }
    out->cached = response.cached != 0;
    out->result = g_bytes_new(response.result.data, response.result.length);
    return TRUE;
}

/* What says nothing that we know has no stage: servers may put what they like there. */
static void take_stage(SluiceSpan span, SluiceClusterOutcome *out)
{
    static const SluiceFieldSpec any_specs[] = {
        {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Any, type)},
        {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Any, value)},
    };
    static const SluiceFieldSpec specs[] = {{1, SLUICE_FIELD_INTEGER, 0}};
    Any any = {0};
    int64_t stage = 0;
    if (span.data == NULL ||
        !sluice_fields_decode(span.data, span.length, any_specs, G_N_ELEMENTS(any_specs), &any, NULL))
        return;
    g_autofree char *type = sluice_span_dup(any.type);
    if (g_str_has_suffix(type, "/build.bazel.remote.execution.v2.ExecuteOperationMetadata") && any.value.data != NULL &&
        sluice_fields_decode(any.value.data, any.value.length, specs, G_N_ELEMENTS(specs), &stage, NULL) && stage > 0 &&
        stage <= SLUICE_STAGE_EXECUTING)
        out->stage = (unsigned)stage;
}

gboolean sluice_answer_operation(GBytes *answer, SluiceClusterOutcome *out, GError **error)
{
    static const SluiceFieldSpec specs[] = {
        {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Operation, name)},
        {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Operation, metadata)},
        {3, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Operation, done)},
        {4, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Operation, error)},
        {5, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Operation, response)},
    };
    Operation operation = {0};
    gsize length = 0;
    const void *data = g_bytes_get_data(answer, &length);
    if (!sluice_fields_decode(data, length, specs, G_N_ELEMENTS(specs), &operation, error))
        return FALSE;
    g_free(out->name);
    out->name = sluice_span_dup(operation.name);
    out->done = operation.done != 0;
    if (!out->done) {
        take_stage(operation.metadata, out);
        return TRUE;
    }
    g_clear_pointer(&out->result, g_bytes_unref);
    if (operation.error.data == NULL)
        return take_response(operation.response, out, error);
    gboolean ok = take_status(operation.error, out, error);
    if (out->code == GRPC_STATUS_OK)
        out->code = GRPC_STATUS_UNKNOWN; /* an error that is none, and no response */
    return ok;
}

void sluice_cluster_outcome_clear(SluiceClusterOutcome *outcome)
{
    g_clear_pointer(&outcome->name, g_free);
    g_clear_pointer(&outcome->message, g_free);
    g_clear_pointer(&outcome->result, g_bytes_unref);
}

/* ---- Streams ------------------------------------------------------------------------------------------------------------------------ */

static void on_cancelled(GCancellable *cancellable, gpointer stream)
{
    sluice_stream_cancel(stream);
}

typedef struct {
    SluiceUpstream *upstream;
    const SluiceDigest *action;
    const SluiceClusterRequest *request;
    GCancellable *cancellable;
    SluiceClusterOutcome *out;
} Attempt;

static gboolean take_message(const Attempt *attempt, GBytes *message, GError **error)
{
    unsigned before = attempt->out->stage;
    gboolean ok = sluice_answer_operation(message, attempt->out, error);
    g_bytes_unref(message);
    if (ok && attempt->out->stage != before && attempt->request->staged != NULL)
        attempt->request->staged(attempt->out->stage, attempt->request->data);
    return ok;
}

/* Until the operation is done, or the stream ends without that. */
static gboolean follow(const Attempt *attempt, const char *method, SluiceReply *request, GError **error)
{
    SluiceClusterOutcome *out = attempt->out;
    const int64_t patience = (int64_t)SLUICE_UPSTREAM_PATIENCE * G_USEC_PER_SEC;
    SluiceStream stream;
    GError *problem = NULL;
    if (!sluice_stream_open(&stream, attempt->upstream->execution, method, patience, error)) {
        sluice_reply_free(request);
        return FALSE;
    }
    gulong handler = g_cancellable_connect(attempt->cancellable, G_CALLBACK(on_cancelled), &stream, NULL);
    sluice_stream_send(&stream, request, TRUE);
    GBytes *message;
    while (problem == NULL && !out->done && (message = sluice_stream_receive(&stream)) != NULL)
        take_message(attempt, message, &problem);
    if (problem != NULL)
        sluice_stream_cancel(&stream);
    g_cancellable_disconnect(attempt->cancellable, handler);
    if (out->done && problem == NULL)
        sluice_stream_cancel(&stream); /* nothing more is of interest */
    gboolean ok = sluice_stream_finish(&stream, problem == NULL && !out->done ? error : NULL);
    if (problem == NULL)
        return ok || out->done;
    g_propagate_error(error, problem);
    return FALSE;
}

static SluiceReply *execute_request(const SluiceUpstream *upstream, const SluiceDigest *action, gboolean skip_lookup)
{
    SluiceReply *request = sluice_reply_new();
    if (*upstream->execution->instance != '\0')
        sluice_wire_put_string(request->bytes, EXECUTE_INSTANCE, upstream->execution->instance);
    if (skip_lookup)
        sluice_wire_put_varint(request->bytes, EXECUTE_SKIP_LOOKUP, TRUE);
    sluice_wire_put_digest(request->bytes, EXECUTE_ACTION, action);
    return request;
}

static SluiceReply *wait_request(const char *name)
{
    SluiceReply *request = sluice_reply_new();
    sluice_wire_put_string(request->bytes, WAIT_NAME, name);
    return request;
}

/* A stream that ended too early is gone on with by the operation's name; where the server does not know it any more, from the start. */
static gboolean execute_attempt(gpointer data, GError **error)
{
    Attempt *attempt = data;
    SluiceClusterOutcome *out = attempt->out;
    GError *problem = NULL;
    gboolean ok = FALSE;
    for (int i = 0; i < RESTARTS && problem == NULL && !out->done; i++) {
        if (g_cancellable_set_error_if_cancelled(attempt->cancellable, error))
            return FALSE;
        gboolean known = out->name != NULL && *out->name != '\0';
        ok = known
                 ? follow(attempt, SLUICE_REAPI("Execution/WaitExecution"), wait_request(out->name), &problem)
                 : follow(attempt, SLUICE_REAPI("Execution/Execute"),
                          execute_request(attempt->upstream, attempt->action, attempt->request->skip_lookup), &problem);
        if (!ok && known && g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_NOT_FOUND)) {
            g_clear_error(&problem);
            g_clear_pointer(&out->name, g_free);
        }
    }
    if (ok && out->done)
        return TRUE;
    if (problem != NULL)
        g_propagate_error(error, problem);
    else
        g_set_error_literal(error, SLUICE_STATUS_ERROR, GRPC_STATUS_UNAVAILABLE, "an execution has no end");
    return FALSE;
}

/* ---- One action --------------------------------------------------------------------------------------------------------------------------- */

/* Everything that the action needs there. */
static gboolean give_inputs(SluiceUpstream *upstream, const SluiceClusterAction *action, const SluiceDigest *command,
                            GError **error)
{
    g_autoptr(GArray) blobs = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_array_append_val(blobs, action->digest);
    g_array_append_vals(blobs, command, 1);
    return sluice_closure_collect(upstream->store, &action->input_root, blobs, error) &&
           (!action->has_environment_root ||
            sluice_closure_collect(upstream->store, &action->environment_root, blobs, error)) &&
           sluice_upstream_give(upstream, blobs, SLUICE_WAITED_FOR, error);
}

static gboolean take_home(SluiceUpstream *upstream, const SluiceDigest *key, const SluiceClusterOutcome *outcome,
                          gboolean *failed, GError **error)
{
    g_auto(SluiceResult) result = {0};
    if (!sluice_result_accept(outcome->result, &result, error) || !sluice_result_fetch(upstream, &result, error))
        return FALSE;
    *failed = result.exit_code != 0;
    /* under a client's own digest it is for the endpoint to keep */
    return *failed || upstream->environment == SLUICE_REMOTE_ENVIRONMENT_CLIENT ||
           sluice_store_put_result(upstream->store, key, outcome->result, error);
}

/* Nobody wants it any more.  Servers that do not know this call notice that the stream has ended. */
static void cancel_operation(SluiceUpstream *upstream, const char *name)
{
    SluiceReply *request = sluice_reply_new();
    sluice_wire_put_string(request->bytes, CANCEL_NAME, name);
    GBytes *answer = sluice_peer_call(upstream->execution, "/google.longrunning.Operations/CancelOperation", request,
                                      CANCEL_TIME * G_USEC_PER_SEC, NULL);
    g_clear_pointer(&answer, g_bytes_unref);
}

/* What the cluster says of the action; all else is the cluster's own trouble. */
static gboolean is_verdict(int code)
{
    return code == GRPC_STATUS_OK || code == GRPC_STATUS_DEADLINE_EXCEEDED;
}

/* Some servers say it of the operation, some of the call. */
static gboolean are_inputs_lost(int code)
{
    return code == GRPC_STATUS_FAILED_PRECONDITION || code == GRPC_STATUS_NOT_FOUND;
}

static gboolean run(SluiceUpstream *upstream, const SluiceClusterAction *action, const SluiceClusterRequest *request,
                    GCancellable *cancellable, SluiceClusterOutcome *out, GError **error)
{
    for (int i = 0; i < RESTARTS; i++) {
        Attempt attempt = {upstream, &action->digest, request, cancellable, out};
        GError *problem = NULL;
        gboolean told = give_inputs(upstream, action, &request->command, &problem) &&
                        sluice_peer_try(upstream->execution, SLUICE_BACKGROUND, execute_attempt, &attempt, &problem);
        if (!told && (problem->domain != SLUICE_STATUS_ERROR || !are_inputs_lost(problem->code) || i + 1 == RESTARTS)) {
            g_propagate_error(error, problem);
            return FALSE;
        }
        g_clear_error(&problem);
        if (told && !are_inputs_lost(out->code))
            break;
        /* inputs that were there have been lost: they are given again */
        sluice_upstream_forget_given(upstream);
        out->done = FALSE;
        g_clear_pointer(&out->name, g_free);
    }
    if (is_verdict(out->code))
        return out->code != GRPC_STATUS_OK || take_home(upstream, &action->digest, out, &out->failed, error);
    g_set_error(error, SLUICE_STATUS_ERROR, out->code, "%s", out->message != NULL ? out->message : "");
    return FALSE;
}

gboolean sluice_upstream_has_execution(const SluiceUpstream *upstream, gboolean keyed)
{
    gboolean plain = upstream->environment == SLUICE_REMOTE_ENVIRONMENT_CLIENT;
    return upstream->execution != NULL && upstream->environment != SLUICE_REMOTE_ENVIRONMENT_NONE && plain != keyed;
}

gboolean sluice_upstream_execute(SluiceUpstream *upstream, const SluiceClusterRequest *request,
                                 GCancellable *cancellable, SluiceClusterOutcome *out, GError **error)
{
    SluiceClusterAction action;
    GError *problem = NULL;
    *out = (SluiceClusterOutcome){0};
    g_autoptr(GBytes) bytes = sluice_store_read(upstream->store, &request->action, error);
    if (bytes == NULL || !sluice_cluster_action_make(upstream->store, upstream->environment, &request->environment,
                                                     bytes, &request->input_root, &action, error))
        return FALSE;
    gboolean ok = run(upstream, &action, request, cancellable, out, &problem);
    if (!g_cancellable_is_cancelled(cancellable))
        sluice_upstream_note(upstream, upstream->execution, problem, 0);
    else if (!out->done && out->name != NULL && *out->name != '\0')
        cancel_operation(upstream, out->name);
    if (ok) {
        atomic_fetch_add(&upstream->executions, 1);
        return TRUE;
    }
    g_propagate_error(error, problem);
    return FALSE;
}
