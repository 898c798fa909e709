/* ByteStream.Read: a blob in chunks that refer to the store's memory.  With compression each chunk is a frame of its own, so that nothing is
 * held for a stream between its chunks, however many streams there are. */
#include "bridge-private.h"

typedef struct {
    SluiceSpan resource_name;
    int64_t read_offset, read_limit;
    SluiceDigest digest;
    gboolean packed;
    SluiceBlobReader *reader;
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
    g_clear_pointer(&reading->reader, sluice_blob_reader_free);
    g_free(reading);
}

static void send_chunk(SluiceCall *call);

/* The last one ends the call. */
static void send_data(SluiceCall *call, GBytes *data)
{
    enum { RESPONSE_DATA = 10 };
    Reading *reading = call->state;
    SluiceReply *reply = sluice_reply_new();
    sluice_reply_put_blob(reply, RESPONSE_DATA, data);
    if (reading->offset == reading->end)
        sluice_call_reply(call, reply);
    else
        sluice_call_send(call, reply, send_chunk);
}

static GBytes *take_chunk(SluiceCall *call)
{
    Reading *reading = call->state;
    gsize length = MIN(reading->end - reading->offset, (gsize)SLUICE_CHUNK);
    GBytes *chunk = sluice_blob_reader_read(reading->reader, reading->offset, length);
    reading->offset += length;
    SLUICE_COUNT(call->endpoint, bytes_read, length);
    return chunk;
}

static void send_packed(SluiceCall *call)
{
    g_autoptr(SluicePacker) packer = sluice_packer_new();
    g_autoptr(GBytes) chunk = take_chunk(call);
    gsize length;
    const void *data = g_bytes_get_data(chunk, &length);
    g_autoptr(GBytes) frame = sluice_packer_pack(packer, length > 0 ? data : "", length);
    if (frame != NULL)
        send_data(call, frame);
    else
        sluice_call_fail(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "no memory to compress with");
}

static void send_chunk(SluiceCall *call)
{
    Reading *reading = call->state;
    if (reading->packed) { /* an empty blob is an empty frame */
        sluice_call_run(call, send_packed);
        return;
    }
    if (reading->offset == reading->end) {
        sluice_call_finish(call);
        return;
    }
    g_autoptr(GBytes) chunk = take_chunk(call);
    send_data(call, chunk);
}

static void open_blob(SluiceCall *call)
{
    Reading *reading = call->state;
    GError *error = NULL;
    reading->reader = sluice_blob_reader_new(sluice_call_get_store(call), &reading->digest, &error);
    if (reading->reader == NULL) {
        sluice_call_fail_error(call, error);
        return;
    }
    gsize size = (gsize)reading->digest.size;
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
    if (reading->packed && reading->read_limit != 0)
        return "a compressed blob cannot be read with a limit";
    *code = GRPC_STATUS_OUT_OF_RANGE;
    if (reading->read_offset < 0)
        return "the offset is negative";
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
    reading->digest = name.digest;
    reading->packed = name.compressor != SLUICE_COMPRESSOR_IDENTITY;
    const char *problem = check(call, reading, &name, &code);
    if (problem != NULL)
        sluice_call_fail(call, code, problem);
    else if (name.digest.size <= SLUICE_INLINE_BYTES)
        open_blob(call);
    else
        sluice_call_run(call, open_blob);
}
