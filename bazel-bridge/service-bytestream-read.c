/* ByteStream.Read: a blob in chunks that refer to the store's memory. */
#include "bridge-private.h"

typedef struct {
    SluiceSpan resource_name;
    int64_t read_offset, read_limit;
    SluiceDigest digest;
    GBytes *blob;
    gsize offset, end;
} Reading;

static const SluiceFieldSpec request_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Reading, resource_name)},
    {2, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Reading, read_offset)},
    {3, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Reading, read_limit)},
};

static void reading_free(gpointer data)
{
    Reading *reading = data;
    g_clear_pointer(&reading->blob, g_bytes_unref);
    g_free(reading);
}

static void send_chunk(SluiceCall *call)
{
    enum { RESPONSE_DATA = 10 };
    Reading *reading = call->state;
    gsize length = MIN(reading->end - reading->offset, (gsize)SLUICE_CHUNK);
    if (length == 0) {
        sluice_call_finish(call);
        return;
    }
    g_autoptr(GBytes) chunk = g_bytes_new_from_bytes(reading->blob, reading->offset, length);
    SluiceReply *reply = sluice_reply_new();
    sluice_reply_put_blob(reply, RESPONSE_DATA, chunk);
    reading->offset += length;
    SLUICE_COUNT(call->endpoint, bytes_read, length);
    if (reading->offset == reading->end)
        sluice_call_reply(call, reply);
    else
        sluice_call_send(call, reply, send_chunk);
}

static void open_blob(SluiceCall *call)
{
    Reading *reading = call->state;
    GError *error = NULL;
    reading->blob = sluice_store_read(sluice_call_get_store(call), &reading->digest, &error);
    if (reading->blob == NULL) {
        sluice_call_fail_error(call, error);
        return;
    }
    gsize size = g_bytes_get_size(reading->blob);
    if ((uint64_t)reading->read_offset > size) {
        sluice_call_fail(call, GRPC_STATUS_OUT_OF_RANGE, "the offset lies behind the end of the blob");
        return;
    }
    reading->offset = (gsize)reading->read_offset;
    reading->end = size;
    if (reading->read_limit > 0 && (uint64_t)reading->read_limit < size - reading->offset)
        reading->end = reading->offset + (gsize)reading->read_limit;
    send_chunk(call);
}

static const char *check(SluiceCall *call, Reading *reading, const SluiceResourceName *name, grpc_status_code *code)
{
    *code = GRPC_STATUS_INVALID_ARGUMENT;
    if (name->upload)
        return "this is a name for writing";
    if (reading->read_limit < 0)
        return "the limit is negative";
    if (!sluice_bytestream_header_agrees(call, reading->resource_name))
        return "the header names another resource than the request";
    *code = GRPC_STATUS_OUT_OF_RANGE;
    if (reading->read_offset < 0)
        return "the offset is negative";
    *code = GRPC_STATUS_UNIMPLEMENTED;
    if (name->compressor != SLUICE_COMPRESSOR_IDENTITY)
        return "compressed blobs are not served";
    return NULL;
}

void sluice_handle_read(SluiceCall *call)
{
    Reading *reading = g_new0(Reading, 1);
    SluiceResourceName name;
    GError *error = NULL;
    grpc_status_code code;
    sluice_call_set_state(call, reading, reading_free);
    if (!sluice_fields_decode(call->message.data, call->message.length, request_fields, G_N_ELEMENTS(request_fields),
                              reading, &error) ||
        !sluice_bytestream_parse_name(reading->resource_name, &name, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    const char *problem = check(call, reading, &name, &code);
    reading->digest = name.digest;
    if (problem != NULL)
        sluice_call_fail(call, code, problem);
    else if (name.digest.size <= SLUICE_INLINE_BYTES)
        open_blob(call);
    else
        sluice_call_run(call, open_blob);
}
