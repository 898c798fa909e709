/* Execute and WaitExecution: the cache first, then the endpoint's executor. */
#include "execution.h"
#include "upstream.h"

#define FIELD(member) G_STRUCT_OFFSET(SluiceExecuteRequest, member)

static const SluiceFieldSpec execute_fields[] = {
    {1, SLUICE_FIELD_STRING, FIELD(instance)},         {3, SLUICE_FIELD_INTEGER, FIELD(skip_cache_lookup)},
    {6, SLUICE_FIELD_DIGEST, FIELD(action)},           {7, SLUICE_FIELD_BYTES, FIELD(policy)},
    {9, SLUICE_FIELD_INTEGER, FIELD(digest_function)}, {10, SLUICE_FIELD_INTEGER, FIELD(inline_stdout)},
    {11, SLUICE_FIELD_INTEGER, FIELD(inline_stderr)},  {12, SLUICE_FIELD_STRINGS, FIELD(inline_files)},
};

typedef struct {
    int64_t priority;
} Policy;

static const SluiceFieldSpec policy_fields[] = {{1, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Policy, priority)}};

void sluice_execute_request_free(SluiceExecuteRequest *request)
{
    if (request == NULL)
        return;
    sluice_fields_clear(execute_fields, G_N_ELEMENTS(execute_fields), request);
    g_free(request);
}

static void free_request(gpointer data)
{
    sluice_execute_request_free(data);
}

GBytes *sluice_execute_request_inline(SluiceStore *store, const SluiceExecuteRequest *request, GBytes *result)
{
    if (request == NULL || (!request->inline_stdout && !request->inline_stderr && request->inline_files == NULL))
        return g_bytes_ref(result);
    const SluiceInlining inlining = {request->inline_stdout != 0, request->inline_stderr != 0, request->inline_files};
    GBytes *full = sluice_result_inline(store, result, &inlining, NULL);
    return full != NULL ? full : g_bytes_ref(result);
}

typedef struct {
    SluiceSpan name;
} WaitRequest;

static const SluiceFieldSpec wait_fields[] = {{1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(WaitRequest, name)}};

/* Of an execution that needed no job. */
#define ANSWERED_NAME "executions/answered"

static gboolean check_executor(SluiceCall *call)
{
    if (call->endpoint->executions != NULL)
        return TRUE;
    sluice_call_fail(call, GRPC_STATUS_UNIMPLEMENTED,
                     "nothing is executed here: use this server as a cache (for Bazel, --remote_cache)");
    return FALSE;
}

/* The cluster's; its failure is no failure of the execution. */
static GBytes *find_upstream(SluiceCall *call, const SluiceDigest *action)
{
    SluiceUpstream *upstream = call->endpoint->upstream;
    SluiceDigest key;
    if (upstream == NULL)
        return NULL;
    sluice_proxy_key(call->endpoint, action, &key, NULL);
    g_autoptr(SluiceOrigin) origin = sluice_origin_new(call, action);
    return sluice_upstream_lookup(upstream, &key, origin, NULL);
}

/* NULL without error: there is none that can be used. */
static GBytes *find_result(SluiceCall *call, const SluiceDigest *action, GError **error)
{
    GError *problem = NULL;
    g_autoptr(GBytes) bytes = sluice_proxy_lookup(call->endpoint, action, &problem);
    g_auto(SluiceResult) result = {0};
    if (bytes != NULL && sluice_result_decode(bytes, &result, &problem) && result.exit_code == 0 &&
        sluice_result_is_complete(sluice_call_get_store(call), &result, &problem))
        return g_steal_pointer(&bytes);
    if (problem != NULL && problem->domain != SLUICE_PROTO_ERROR &&
        !g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND))
        g_propagate_error(error, problem);
    else
        g_clear_error(&problem);
    return problem == NULL ? find_upstream(call, action) : NULL;
}

static void answer(SluiceCall *call, GBytes *operation)
{
    sluice_call_reply(call, sluice_reply_new_from(operation));
    g_bytes_unref(operation);
}

static gboolean check_timeout(SluiceCall *call, const SluiceAction *action, GError **error)
{
    int64_t most = sluice_executions_get_timeout(call->endpoint->executions);
    if (most == 0 || action->timeout_us <= most)
        return TRUE;
    g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE,
                "the action wants a timeout of %.0f seconds, more than the %.0f that it may have",
                (double)action->timeout_us / G_USEC_PER_SEC, (double)most / G_USEC_PER_SEC);
    return FALSE;
}

static SluiceAction *load(SluiceCall *call, const SluiceDigest *digest, GArray *missing, GError **error)
{
    g_autoptr(SluiceAction) action = sluice_action_load(sluice_call_get_store(call), digest, missing, error);
    return action != NULL && check_timeout(call, action, error) ? g_steal_pointer(&action) : NULL;
}

static void answer_known(SluiceCall *call, const SluiceExecuteRequest *request, GBytes *known)
{
    sluice_audits_note_hit(call, &request->action.value, known);
    g_autoptr(GBytes) result = sluice_execute_request_inline(sluice_call_get_store(call), request, known);
    answer(call, sluice_operation_succeeded(ANSWERED_NAME, &request->action.value, result, TRUE, NULL));
}

static void execute(SluiceCall *call)
{
    SluiceExecuteRequest *request = call->state;
    const SluiceDigest *digest = &request->action.value;
    GError *error = NULL;
    g_autoptr(GBytes) known = request->skip_cache_lookup ? NULL : find_result(call, digest, &error);
    if (known != NULL) {
        answer_known(call, request, known);
        return;
    }
    g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    SluiceAction *action = error == NULL ? load(call, digest, missing, &error) : NULL;
    if (action == NULL) {
        sluice_call_fail_error(call, error);
    } else if (missing->len > 0) {
        sluice_action_free(action);
        answer(call, sluice_operation_missing(ANSWERED_NAME, digest, missing));
    } else {
        action->skip_lookup = request->skip_cache_lookup != 0;
        sluice_call_set_state(call, NULL, NULL);
        sluice_executions_start(call->endpoint->executions, call, request, action);
    }
}

static gboolean decode(SluiceCall *call, SluiceExecuteRequest *request, GError **error)
{
    Policy policy = {0};
    if (!sluice_fields_decode(call->message.data, call->message.length, execute_fields, G_N_ELEMENTS(execute_fields),
                              request, error) ||
        !sluice_request_check(request->instance, request->digest_function, error) ||
        (request->policy.data != NULL &&
         !sluice_fields_decode(request->policy.data, request->policy.length, policy_fields, G_N_ELEMENTS(policy_fields),
                               &policy, error)))
        return FALSE;
    request->priority = (int)CLAMP(policy.priority, SLUICE_PRIORITY_FIRST, SLUICE_PRIORITY_LAST);
    if (request->action.present)
        return TRUE;
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_DIGEST, "the action's digest is missing");
    return FALSE;
}

void sluice_handle_execute(SluiceCall *call)
{
    SluiceExecuteRequest *request = g_new0(SluiceExecuteRequest, 1);
    GError *error = NULL;
    sluice_call_set_state(call, request, free_request);
    if (!check_executor(call))
        return;
    if (decode(call, request, &error))
        sluice_call_run(call, execute);
    else
        sluice_call_fail_error(call, error);
}

void sluice_handle_wait_execution(SluiceCall *call)
{
    WaitRequest request = {0};
    GError *error = NULL;
    if (!check_executor(call))
        return;
    if (!sluice_fields_decode(call->message.data, call->message.length, wait_fields, G_N_ELEMENTS(wait_fields),
                              &request, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    g_autofree char *name = sluice_span_dup(request.name);
    if (!sluice_executions_join(call->endpoint->executions, call, name))
        sluice_call_fail(call, GRPC_STATUS_NOT_FOUND, "there is no such execution");
}
