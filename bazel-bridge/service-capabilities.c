#include "bridge-private.h"

enum {
    SERVER_CACHE = 1,
    SERVER_EXECUTION = 2,
    SERVER_LOW_VERSION = 4,
    SERVER_HIGH_VERSION = 5,
    CACHE_FUNCTIONS = 1,
    CACHE_UPDATES = 2,
    CACHE_BATCH_LIMIT = 4,
    CACHE_SYMLINKS = 5,
    CACHE_COMPRESSORS = 6,
    CACHE_BATCH_COMPRESSORS = 7,
    EXECUTION_FUNCTION = 1,
    EXECUTION_ENABLED = 2,
    EXECUTION_PRIORITIES = 3,
    EXECUTION_FUNCTIONS = 5,
    PRIORITIES_RANGE = 1,
    RANGE_FIRST = 1,
    RANGE_LAST = 2,
    UPDATES_ENABLED = 1,
    VERSION_MAJOR = 1,
    VERSION_MINOR = 2,
    FUNCTION_SHA256 = 1,
    COMPRESSOR_ZSTD = 1,
    ABSOLUTE_SYMLINKS_ALLOWED = 2,
    /* Bazel 4 refuses a server that does not announce 2.0. */
    API_MAJOR = 2,
    API_LOW_MINOR = 0,
    API_HIGH_MINOR = 12
};

typedef struct {
    SluiceSpan instance;
} Request;

static const SluiceFieldSpec request_fields[] = {{1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Request, instance)}};

static void put_cache(GByteArray *out, gboolean accepts_results)
{
    g_autoptr(GByteArray) cache = g_byte_array_new();
    g_autoptr(GByteArray) updates = g_byte_array_new();
    const guint8 functions[] = {FUNCTION_SHA256}, compressors[] = {COMPRESSOR_ZSTD};
    sluice_wire_put_bytes(cache, CACHE_FUNCTIONS, functions, sizeof functions);
    if (accepts_results)
        sluice_wire_put_varint(updates, UPDATES_ENABLED, TRUE);
    sluice_wire_put_bytes(cache, CACHE_UPDATES, updates->data, updates->len);
    sluice_wire_put_varint(cache, CACHE_BATCH_LIMIT, SLUICE_LIMIT_BATCH);
    sluice_wire_put_varint(cache, CACHE_SYMLINKS, ABSOLUTE_SYMLINKS_ALLOWED);
    sluice_wire_put_bytes(cache, CACHE_COMPRESSORS, compressors, sizeof compressors);
    sluice_wire_put_bytes(cache, CACHE_BATCH_COMPRESSORS, compressors, sizeof compressors);
    sluice_wire_put_bytes(out, SERVER_CACHE, cache->data, cache->len);
}

static void put_priorities(GByteArray *out)
{
    g_autoptr(GByteArray) priorities = g_byte_array_new(), range = g_byte_array_new();
    sluice_wire_put_varint(range, RANGE_FIRST, (uint64_t)(int64_t)SLUICE_PRIORITY_FIRST);
    sluice_wire_put_varint(range, RANGE_LAST, SLUICE_PRIORITY_LAST);
    sluice_wire_put_bytes(priorities, PRIORITIES_RANGE, range->data, range->len);
    sluice_wire_put_bytes(out, EXECUTION_PRIORITIES, priorities->data, priorities->len);
}

static void put_execution(GByteArray *out)
{
    g_autoptr(GByteArray) execution = g_byte_array_new();
    const guint8 functions[] = {FUNCTION_SHA256};
    sluice_wire_put_varint(execution, EXECUTION_FUNCTION, FUNCTION_SHA256);
    sluice_wire_put_varint(execution, EXECUTION_ENABLED, TRUE);
    put_priorities(execution);
    sluice_wire_put_bytes(execution, EXECUTION_FUNCTIONS, functions, sizeof functions);
    sluice_wire_put_bytes(out, SERVER_EXECUTION, execution->data, execution->len);
}

static void put_version(GByteArray *out, uint32_t number, uint64_t minor)
{
    g_autoptr(GByteArray) version = g_byte_array_new();
    sluice_wire_put_varint(version, VERSION_MAJOR, API_MAJOR);
    if (minor != 0)
        sluice_wire_put_varint(version, VERSION_MINOR, minor);
    sluice_wire_put_bytes(out, number, version->data, version->len);
}

void sluice_handle_get_capabilities(SluiceCall *call)
{
    Request request = {0};
    GError *error = NULL;
    if (!sluice_fields_decode(call->message.data, call->message.length, request_fields, G_N_ELEMENTS(request_fields),
                              &request, &error) ||
        !sluice_request_check(request.instance, 0, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    SluiceReply *reply = sluice_reply_new();
    put_cache(reply->bytes, sluice_call_accepts_results(call));
    if (call->endpoint->executions != NULL)
        put_execution(reply->bytes);
    put_version(reply->bytes, SERVER_LOW_VERSION, API_LOW_MINOR);
    put_version(reply->bytes, SERVER_HIGH_VERSION, API_HIGH_MINOR);
    sluice_call_reply(call, reply);
}
