/* The methods that an endpoint offers. */
#include "bridge-private.h"

#define REAPI "/build.bazel.remote.execution.v2."

/* What a call may hold times its limit is what clients can make an endpoint hold, by not taking their answers. */
const SluiceMethod sluice_methods[SLUICE_N_METHODS] = {
    {REAPI "Capabilities/GetCapabilities", SLUICE_METHOD_UNARY, 4, 64, sluice_handle_get_capabilities,
     SLUICE_NEEDS_READ},
    {REAPI "ActionCache/GetActionResult", SLUICE_METHOD_UNARY, 64, 256, sluice_handle_get_result, SLUICE_NEEDS_READ},
    {REAPI "ActionCache/UpdateActionResult", SLUICE_METHOD_UNARY, 16, 32, sluice_handle_update_result},
    {REAPI "ContentAddressableStorage/FindMissingBlobs", SLUICE_METHOD_UNARY, 64, 128, sluice_handle_find_missing,
     SLUICE_NEEDS_READ},
    {REAPI "ContentAddressableStorage/BatchUpdateBlobs", SLUICE_METHOD_UNARY, 16, 32, sluice_handle_batch_update},
    {REAPI "ContentAddressableStorage/BatchReadBlobs", SLUICE_METHOD_UNARY, 32, 64, sluice_handle_batch_read,
     SLUICE_NEEDS_READ},
    {REAPI "ContentAddressableStorage/GetTree", SLUICE_METHOD_SERVER_STREAM, 8, 32, sluice_handle_get_tree,
     SLUICE_NEEDS_READ},
    {"/google.bytestream.ByteStream/Read", SLUICE_METHOD_SERVER_STREAM, 32, 1024, sluice_handle_read,
     SLUICE_NEEDS_READ},
    {"/google.bytestream.ByteStream/Write", SLUICE_METHOD_CLIENT_STREAM, 32, 512, sluice_handle_write},
    {"/google.bytestream.ByteStream/QueryWriteStatus", SLUICE_METHOD_UNARY, 8, 64, sluice_handle_query_write,
     SLUICE_NEEDS_READ},
    {REAPI "Execution/Execute", SLUICE_METHOD_SERVER_STREAM, 32, SLUICE_LIMIT_EXECUTIONS, sluice_handle_execute},
    {REAPI "Execution/WaitExecution", SLUICE_METHOD_SERVER_STREAM, 8, 64, sluice_handle_wait_execution},
    {"/grpc.health.v1.Health/Check", SLUICE_METHOD_UNARY, 4, 64, sluice_handle_health_check, SLUICE_NEEDS_NOTHING},
    {"/grpc.health.v1.Health/Watch", SLUICE_METHOD_SERVER_STREAM, 4, SLUICE_LIMIT_HEALTH_WATCHERS,
     sluice_handle_health_watch, SLUICE_NEEDS_NOTHING},
};

static void handle_unknown(SluiceCall *call)
{
    sluice_call_fail(call, GRPC_STATUS_UNIMPLEMENTED, "this server has no such method");
}

const SluiceMethod sluice_unknown_method = {"", SLUICE_METHOD_UNARY, 8, 64, handle_unknown, SLUICE_NEEDS_NOTHING};

static gboolean is_reserved(const char *segment, gsize length)
{
    static const char *const words[] = {"blobs",      "uploads",      "actions",         "actionResults",
                                        "operations", "capabilities", "compressed-blobs"};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strlen(words[i]) == length && memcmp(words[i], segment, length) == 0)
            return TRUE;
    return FALSE;
}

static gboolean check_instance(SluiceSpan instance)
{
    if (instance.length > SLUICE_LIMIT_INSTANCE_NAME)
        return FALSE;
    const char *at = (const char *)instance.data, *end = at + instance.length;
    while (at < end) {
        const char *slash = memchr(at, '/', (gsize)(end - at));
        gsize length = (gsize)((slash != NULL ? slash : end) - at);
        if (is_reserved(at, length))
            return FALSE;
        at += length + 1;
    }
    return TRUE;
}

gboolean sluice_request_check(SluiceSpan instance, int64_t digest_function, GError **error)
{
    enum { FUNCTION_INFERRED = 0, FUNCTION_SHA256 = 1 };
    if (instance.length > 0 && !check_instance(instance)) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_RESOURCE_NAME,
                            "the instance name is too long or holds a reserved word");
        return FALSE;
    }
    if (digest_function != FUNCTION_INFERRED && digest_function != FUNCTION_SHA256) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_DIGEST,
                            "SHA256 is the only digest function here");
        return FALSE;
    }
    return TRUE;
}
