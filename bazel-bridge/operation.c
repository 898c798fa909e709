/* google.longrunning.Operation messages of executions, encoded. */
#include "execution.h"

#define TYPE_REAPI "type.googleapis.com/build.bazel.remote.execution.v2."
#define TYPE_RPC   "type.googleapis.com/google.rpc."

enum {
    OPERATION_NAME = 1,
    OPERATION_METADATA = 2,
    OPERATION_DONE = 3,
    OPERATION_RESPONSE = 5,
    ANY_TYPE = 1,
    ANY_VALUE = 2,
    METADATA_STAGE = 1,
    METADATA_ACTION = 2,
    STAGE_COMPLETED = 4,
    RESPONSE_RESULT = 1,
    RESPONSE_CACHED = 2,
    RESPONSE_STATUS = 3,
    RESPONSE_MESSAGE = 5,
    STATUS_CODE = 1,
    STATUS_MESSAGE = 2,
    STATUS_DETAILS = 3,
    PRECONDITION_VIOLATIONS = 1,
    VIOLATION_TYPE = 1,
    VIOLATION_SUBJECT = 2
};

static void put_any(GByteArray *out, uint32_t number, const char *type, const GByteArray *message)
{
    g_autoptr(GByteArray) any = g_byte_array_new();
    sluice_wire_put_string(any, ANY_TYPE, type);
    sluice_wire_put_bytes(any, ANY_VALUE, message->data, message->len);
    sluice_wire_put_bytes(out, number, any->data, any->len);
}

static GByteArray *operation_new(const char *name, uint64_t stage, const SluiceDigest *action)
{
    GByteArray *operation = g_byte_array_new();
    g_autoptr(GByteArray) metadata = g_byte_array_new();
    sluice_wire_put_varint(metadata, METADATA_STAGE, stage);
    sluice_wire_put_digest(metadata, METADATA_ACTION, action);
    sluice_wire_put_string(operation, OPERATION_NAME, name);
    put_any(operation, OPERATION_METADATA, TYPE_REAPI "ExecuteOperationMetadata", metadata);
    return operation;
}

GBytes *sluice_operation_running(const char *name, SluiceExecutionStage stage, const SluiceDigest *action)
{
    return g_byte_array_free_to_bytes(operation_new(name, stage, action));
}

static GBytes *finished(const char *name, const SluiceDigest *action, const GByteArray *response)
{
    GByteArray *operation = operation_new(name, STAGE_COMPLETED, action);
    sluice_wire_put_varint(operation, OPERATION_DONE, TRUE);
    put_any(operation, OPERATION_RESPONSE, TYPE_REAPI "ExecuteResponse", response);
    return g_byte_array_free_to_bytes(operation);
}

GBytes *sluice_operation_succeeded(const char *name, const SluiceDigest *action, GBytes *result, gboolean cached,
                                   const char *message)
{
    g_autoptr(GByteArray) response = g_byte_array_new();
    gsize length = 0;
    const void *data = g_bytes_get_data(result, &length);
    sluice_wire_put_bytes(response, RESPONSE_RESULT, data, length);
    if (cached)
        sluice_wire_put_varint(response, RESPONSE_CACHED, TRUE);
    if (message != NULL)
        sluice_wire_put_string(response, RESPONSE_MESSAGE, message);
    return finished(name, action, response);
}

static void put_status(GByteArray *response, grpc_status_code code, const char *message, const GByteArray *violations)
{
    g_autoptr(GByteArray) status = g_byte_array_new();
    sluice_wire_put_varint(status, STATUS_CODE, code);
    sluice_wire_put_string(status, STATUS_MESSAGE, message);
    if (violations != NULL)
        put_any(status, STATUS_DETAILS, TYPE_RPC "PreconditionFailure", violations);
    sluice_wire_put_bytes(response, RESPONSE_STATUS, status->data, status->len);
    sluice_wire_put_string(response, RESPONSE_MESSAGE, message);
}

GBytes *sluice_operation_failed(const char *name, const SluiceDigest *action, grpc_status_code code,
                                const char *message)
{
    g_autoptr(GByteArray) response = g_byte_array_new();
    put_status(response, code, message, NULL);
    return finished(name, action, response);
}

GBytes *sluice_operation_missing(const char *name, const SluiceDigest *action, const GArray *missing)
{
    g_autoptr(GByteArray) response = g_byte_array_new(), violations = g_byte_array_new();
    for (guint i = 0; i < missing->len; i++) {
        char text[SLUICE_DIGEST_STRING_MAX];
        g_autoptr(GByteArray) violation = g_byte_array_new();
        g_autofree char *subject =
            g_strconcat("blobs/", sluice_digest_string(&g_array_index(missing, SluiceDigest, i), text), NULL);
        sluice_wire_put_string(violation, VIOLATION_TYPE, "MISSING");
        sluice_wire_put_string(violation, VIOLATION_SUBJECT, subject);
        sluice_wire_put_bytes(violations, PRECONDITION_VIOLATIONS, violation->data, violation->len);
    }
    put_status(response, GRPC_STATUS_FAILED_PRECONDITION, "inputs of the action are not in the cache", violations);
    return finished(name, action, response);
}
