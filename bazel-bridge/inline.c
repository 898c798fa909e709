/* Contents that a client wants to find in the ActionResult itself.  They are added to the bytes; nothing else is touched. */
#include "bridge-private.h"

enum { RESULT_FILES = 2, RESULT_STDOUT_RAW = 5, RESULT_STDERR_RAW = 7, FILE_CONTENTS = 5 };

/* NULL without error: absent, or too large for what is left of the budget. */
static GBytes *fetch(SluiceStore *store, const SluiceDigest *digest, gsize *budget, GError **error)
{
    GError *problem = NULL;
    if ((uint64_t)digest->size > *budget)
        return NULL;
    GBytes *blob = sluice_store_read(store, digest, &problem);
    if (blob != NULL)
        *budget -= g_bytes_get_size(blob);
    else if (g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND))
        g_error_free(problem);
    else
        g_propagate_error(error, problem);
    return blob;
}

static gboolean is_wanted(const GArray *paths, SluiceSpan path)
{
    for (guint i = 0; i < sluice_array_length(paths); i++) {
        SluiceSpan wanted = g_array_index(paths, SluiceSpan, i);
        if (sluice_span_is(wanted, (const char *)path.data, path.length))
            return TRUE;
    }
    return FALSE;
}

static gboolean put_file(SluiceStore *store, GByteArray *out, const SluiceWireField *field, const GArray *paths,
                         gsize *budget, GError **error)
{
    SluiceOutputFile file;
    GError *problem = NULL;
    g_autoptr(GBytes) blob = NULL;
    if (!sluice_output_file_decode((SluiceSpan){field->data, field->length}, &file, error))
        return FALSE;
    if (file.digest.present && file.contents.data == NULL && is_wanted(paths, file.path))
        blob = fetch(store, &file.digest.value, budget, &problem);
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (blob == NULL) {
        g_byte_array_append(out, field->start, (guint)(field->end - field->start));
        return TRUE;
    }
    gsize size = g_bytes_get_size(blob);
    sluice_reply_put_prefix(out, RESULT_FILES, field->length + sluice_reply_field_size(size));
    g_byte_array_append(out, field->data, (guint)field->length);
    sluice_wire_put_bytes(out, FILE_CONTENTS, g_bytes_get_data(blob, NULL), size);
    return TRUE;
}

static gboolean put_stream(SluiceStore *store, GByteArray *out, uint32_t number, gboolean wanted, SluiceSpan raw,
                           const SluiceDigestField *digest, gsize *budget, GError **error)
{
    GError *problem = NULL;
    if (!wanted || raw.data != NULL || !digest->present || digest->value.size == 0)
        return TRUE;
    g_autoptr(GBytes) blob = fetch(store, &digest->value, budget, &problem);
    if (blob != NULL)
        sluice_wire_put_bytes(out, number, g_bytes_get_data(blob, NULL), g_bytes_get_size(blob));
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, problem);
    return FALSE;
}

GBytes *sluice_result_inline(SluiceStore *store, GBytes *bytes, const SluiceInlining *inlining, GError **error)
{
    g_auto(SluiceResult) result = {0};
    SluiceWireReader reader;
    SluiceWireField field;
    gsize length = 0, budget = SLUICE_LIMIT_INLINE;
    const void *data = g_bytes_get_data(bytes, &length);
    if (length == 0)
        return g_bytes_ref(bytes);
    if (!sluice_result_decode(bytes, &result, error))
        return NULL;
    g_autoptr(GByteArray) out = g_byte_array_new();
    sluice_wire_reader_init(&reader, data, length);
    while (sluice_wire_next(&reader, &field, NULL)) {
        if (field.number != RESULT_FILES)
            g_byte_array_append(out, field.start, (guint)(field.end - field.start));
        else if (!put_file(store, out, &field, inlining->paths, &budget, error))
            return NULL;
    }
    if (!put_stream(store, out, RESULT_STDOUT_RAW, inlining->standard_output, result.stdout_raw, &result.stdout_digest,
                    &budget, error) ||
        !put_stream(store, out, RESULT_STDERR_RAW, inlining->standard_error, result.stderr_raw, &result.stderr_digest,
                    &budget, error))
        return NULL;
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}
