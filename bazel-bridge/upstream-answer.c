/* What servers send, decoded by tables and checked; a lying server must not get further than here and the hash of its bytes. */
#include "upstream.h"

enum { FUNCTION_SHA256 = 1 };

#define DECODE(bytes, specs, out, error) decode(bytes, specs, G_N_ELEMENTS(specs), out, error)

static gboolean decode(GBytes *bytes, const SluiceFieldSpec *specs, gsize count, void *out, GError **error)
{
    gsize length = 0;
    const void *data = g_bytes_get_data(bytes, &length);
    return sluice_fields_decode(data, length, specs, count, out, error);
}

/* ---- Blobs --------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    GArray *items;
} Repeated;

gboolean sluice_answer_missing(GBytes *answer, GArray *out, GError **error)
{
    static const SluiceFieldSpec specs[] = {{2, SLUICE_FIELD_DIGESTS, G_STRUCT_OFFSET(Repeated, items)}};
    Repeated missing = {0};
    gboolean ok = DECODE(answer, specs, &missing, error);
    if (ok && missing.items != NULL)
        g_array_append_vals(out, missing.items->data, missing.items->len);
    sluice_fields_clear(specs, G_N_ELEMENTS(specs), &missing);
    return ok;
}

typedef struct {
    SluiceDigestField digest;
    SluiceSpan data, status;
    int64_t compressor;
} Item;

typedef struct {
    int64_t code;
    SluiceSpan message;
} Status;

static gboolean take_item(SluiceSpan span, const SluiceFieldSpec *specs, gsize count, GArray *out, GError **error)
{
    static const SluiceFieldSpec status_specs[] = {
        {1, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Status, code)},
        {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Status, message)},
    };
    Item item = {0};
    Status status = {0};
    if (!sluice_fields_decode(span.data, span.length, specs, count, &item, error) ||
        !sluice_fields_decode(item.status.data, item.status.length, status_specs, G_N_ELEMENTS(status_specs), &status,
                              error))
        return FALSE;
    if (!item.digest.present || item.compressor != 0) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE,
                            "a blob comes without its digest, or compressed");
        return FALSE;
    }
    SluiceBlobAnswer answer = {item.digest.value, item.data, status.code, status.message};
    g_array_append_val(out, answer);
    return TRUE;
}

static GArray *take_items(GBytes *bytes, const SluiceFieldSpec *item_specs, gsize count, GError **error)
{
    static const SluiceFieldSpec specs[] = {{1, SLUICE_FIELD_SPANS, G_STRUCT_OFFSET(Repeated, items)}};
    Repeated responses = {0};
    g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(SluiceBlobAnswer));
    gboolean ok = DECODE(bytes, specs, &responses, error);
    for (guint i = 0; ok && i < sluice_array_length(responses.items); i++)
        ok = take_item(g_array_index(responses.items, SluiceSpan, i), item_specs, count, out, error);
    sluice_fields_clear(specs, G_N_ELEMENTS(specs), &responses);
    return ok ? g_steal_pointer(&out) : NULL;
}

GArray *sluice_answer_read(GBytes *answer, GError **error)
{
    static const SluiceFieldSpec specs[] = {
        {1, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Item, digest)},
        {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Item, data)},
        {3, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Item, status)},
        {4, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Item, compressor)},
    };
    return take_items(answer, specs, G_N_ELEMENTS(specs), error);
}

GArray *sluice_answer_update(GBytes *answer, GError **error)
{
    static const SluiceFieldSpec specs[] = {
        {1, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Item, digest)},
        {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Item, status)},
    };
    return take_items(answer, specs, G_N_ELEMENTS(specs), error);
}

gboolean sluice_answer_chunk(GBytes *answer, SluiceSpan *data, GError **error)
{
    static const SluiceFieldSpec specs[] = {{10, SLUICE_FIELD_BYTES, 0}};
    *data = (SluiceSpan){NULL, 0};
    return DECODE(answer, specs, data, error);
}

gboolean sluice_answer_committed(GBytes *answer, int64_t *size, GError **error)
{
    static const SluiceFieldSpec specs[] = {{1, SLUICE_FIELD_INTEGER, 0}};
    *size = 0;
    return DECODE(answer, specs, size, error);
}

/* ---- Capabilities ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceSpan cache, execution;
} Capabilities;

typedef struct {
    GArray *functions;
    SluiceSpan updates;
    int64_t batch_limit;
} CacheCapabilities;

typedef struct {
    int64_t function, enabled;
    GArray *functions;
} ExecutionCapabilities;

static gboolean has_sha256(const GArray *functions)
{
    for (guint i = 0; i < sluice_array_length(functions); i++)
        if (g_array_index(functions, int64_t, i) == FUNCTION_SHA256)
            return TRUE;
    return FALSE;
}

static gboolean take_cache(SluiceSpan span, SluiceServerCapabilities *out, GError **error)
{
    static const SluiceFieldSpec specs[] = {
        {1, SLUICE_FIELD_INTEGERS, G_STRUCT_OFFSET(CacheCapabilities, functions)},
        {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(CacheCapabilities, updates)},
        {4, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(CacheCapabilities, batch_limit)},
    };
    static const SluiceFieldSpec update_specs[] = {{1, SLUICE_FIELD_INTEGER, 0}};
    CacheCapabilities cache = {0};
    int64_t enabled = 0;
    gboolean ok = sluice_fields_decode(span.data, span.length, specs, G_N_ELEMENTS(specs), &cache, error) &&
                  sluice_fields_decode(cache.updates.data, cache.updates.length, update_specs,
                                       G_N_ELEMENTS(update_specs), &enabled, error);
    out->cache = TRUE;
    out->sha256 = has_sha256(cache.functions);
    out->updates = enabled != 0;
    out->batch_limit = MAX(cache.batch_limit, 0);
    sluice_fields_clear(specs, G_N_ELEMENTS(specs), &cache);
    return ok;
}

static gboolean take_execution(SluiceSpan span, SluiceServerCapabilities *out, GError **error)
{
    static const SluiceFieldSpec specs[] = {
        {1, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(ExecutionCapabilities, function)},
        {2, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(ExecutionCapabilities, enabled)},
        {5, SLUICE_FIELD_INTEGERS, G_STRUCT_OFFSET(ExecutionCapabilities, functions)},
    };
    ExecutionCapabilities execution = {0};
    gboolean ok = sluice_fields_decode(span.data, span.length, specs, G_N_ELEMENTS(specs), &execution, error);
    out->execution = execution.enabled != 0;
    out->execution_sha256 = execution.function == FUNCTION_SHA256 || has_sha256(execution.functions);
    sluice_fields_clear(specs, G_N_ELEMENTS(specs), &execution);
    return ok;
}

gboolean sluice_answer_capabilities(GBytes *answer, SluiceServerCapabilities *out, GError **error)
{
    static const SluiceFieldSpec specs[] = {
        {1, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Capabilities, cache)},
        {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Capabilities, execution)},
    };
    Capabilities capabilities = {0};
    *out = (SluiceServerCapabilities){0};
    return DECODE(answer, specs, &capabilities, error) &&
           (capabilities.cache.data == NULL || take_cache(capabilities.cache, out, error)) &&
           (capabilities.execution.data == NULL || take_execution(capabilities.execution, out, error));
}
