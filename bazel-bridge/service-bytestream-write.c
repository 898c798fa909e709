/* ByteStream.Write and QueryWriteStatus.
 *
 * Offsets: of an uncompressed upload they count its bytes.  Of a compressed one the first offset counts uncompressed bytes, later ones add the
 * compressed bytes that were sent since, as the specification has it.
 * What was received in a call that broke off is parked (uploads.c); a call that begins where it stands goes on with it.
 * Small pieces are hashed on the serving thread, large ones, compressed ones and the commit on a worker. */
#include "bridge-private.h"

typedef struct {
    SluiceSpan resource_name, data;
    int64_t write_offset, finish_write;
} Piece;

static const SluiceFieldSpec piece_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Piece, resource_name)},
    {2, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Piece, write_offset)},
    {3, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Piece, finish_write)},
    {10, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Piece, data)},
};

typedef struct {
    SluiceBridge *bridge;
    char *name; /* of the first message; later ones may repeat it */
    SluiceDigest digest;
    int64_t offset; /* that the next message has to have */
    SluiceBlobWriter *writer;
    SluiceUnpacker *unpacker; /* of a compressed upload */
    int64_t unpacker_memory;  /* as counted in bridge->unpacking */
} Upload;

gboolean sluice_bytestream_parse_name(SluiceSpan text, SluiceResourceName *out, GError **error)
{
    g_autofree char *name = sluice_span_dup(text);
    if (!sluice_resource_name_parse(name, out, error))
        return FALSE;
    out->instance = out->uuid = NULL; /* they pointed into the copy, and nobody needs them here */
    return TRUE;
}

gboolean sluice_bytestream_header_agrees(SluiceCall *call, SluiceSpan name)
{
    const grpc_slice *header = sluice_call_find_header(call, "build.bazel.remote.execution.v2.resource-name");
    return header == NULL ||
           sluice_span_is(name, (const char *)GRPC_SLICE_START_PTR(*header), GRPC_SLICE_LENGTH(*header));
}

static void upload_free(gpointer data)
{
    Upload *upload = data;
    g_clear_pointer(&upload->writer, sluice_blob_writer_free);
    g_clear_pointer(&upload->unpacker, sluice_unpacker_free);
    atomic_fetch_sub(&upload->bridge->unpacking, upload->unpacker_memory);
    g_free(upload->name);
    g_free(upload);
}

static void answer(SluiceCall *call, int64_t committed, gboolean complete)
{
    enum { STATUS_COMMITTED = 1, STATUS_COMPLETE = 2 };
    SluiceReply *reply = sluice_reply_new();
    if (committed != 0)
        sluice_wire_put_varint(reply->bytes, STATUS_COMMITTED, (uint64_t)committed);
    if (complete)
        sluice_wire_put_varint(reply->bytes, STATUS_COMPLETE, TRUE);
    sluice_call_reply(call, reply);
}

static void commit(SluiceCall *call)
{
    Upload *upload = call->state;
    GError *error = NULL;
    SluiceDigest stored;
    if (!sluice_blob_writer_commit(upload->writer, &stored, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    SLUICE_COUNT(call->endpoint, bytes_written, (uint64_t)stored.size);
    answer(call, upload->offset, FALSE);
}

static gboolean write_unpacked(const void *data, gsize length, gpointer writer, GError **error)
{
    return sluice_blob_writer_append(writer, data, length, error);
}

/* FALSE: all streams together hold too much. */
static gboolean count_memory(Upload *upload)
{
    int64_t memory = (int64_t)sluice_unpacker_get_memory(upload->unpacker);
    int64_t before = atomic_fetch_add(&upload->bridge->unpacking, memory - upload->unpacker_memory);
    gboolean ok =
        memory <= upload->unpacker_memory || before + memory - upload->unpacker_memory <= SLUICE_LIMIT_UNPACKING;
    upload->unpacker_memory = memory;
    return ok;
}

static gboolean take_data(Upload *upload, SluiceSpan data, GError **error)
{
    upload->offset += (int64_t)data.length;
    if (data.length == 0)
        return TRUE;
    if (upload->unpacker == NULL)
        return sluice_blob_writer_append(upload->writer, data.data, data.length, error);
    return sluice_unpacker_feed(upload->unpacker, data.data, data.length, write_unpacked, upload->writer, error);
}

static gboolean is_whole(const Upload *upload)
{
    return upload->unpacker == NULL || sluice_unpacker_is_whole(upload->unpacker);
}

static void got_piece(SluiceCall *call);

/* On a worker, or on the serving thread for small ones.  The message was checked. */
static void append(SluiceCall *call)
{
    Upload *upload = call->state;
    GError *error = NULL;
    Piece piece = {0};
    if (!sluice_fields_decode(call->message.data, call->message.length, piece_fields, G_N_ELEMENTS(piece_fields),
                              &piece, &error) ||
        !take_data(upload, piece.data, &error))
        sluice_call_fail_error(call, error);
    else if (upload->unpacker != NULL && !count_memory(upload))
        sluice_call_fail(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "too many compressed uploads at a time");
    else if (!piece.finish_write)
        sluice_call_receive(call, got_piece);
    else if (!is_whole(upload))
        sluice_call_fail(call, GRPC_STATUS_INVALID_ARGUMENT, "the compressed data ends in the middle");
    else
        sluice_call_run(call, commit);
}

static const char *check_first(SluiceCall *call, const Piece *piece, const SluiceResourceName *name,
                               grpc_status_code *code)
{
    *code = GRPC_STATUS_INVALID_ARGUMENT;
    if (!name->upload)
        return "this is a name for reading";
    if (!sluice_bytestream_header_agrees(call, piece->resource_name))
        return "the header names another resource than the request";
    return NULL;
}

/* Whether the upload can go on; otherwise the call was answered. */
static gboolean start_upload(SluiceCall *call, const Piece *piece)
{
    Upload *upload = call->state;
    SluiceResourceName name;
    GError *error = NULL;
    grpc_status_code code;
    if (!sluice_bytestream_parse_name(piece->resource_name, &name, &error)) {
        sluice_call_fail_error(call, error);
        return FALSE;
    }
    const char *problem = check_first(call, piece, &name, &code);
    if (problem != NULL) {
        sluice_call_fail(call, code, problem);
        return FALSE;
    }
    upload->name = sluice_span_dup(piece->resource_name);
    upload->digest = name.digest;
    if (name.compressor != SLUICE_COMPRESSOR_IDENTITY)
        upload->unpacker = sluice_unpacker_new();
    if (piece->write_offset > 0)
        upload->writer = sluice_uploads_take(call->endpoint->uploads, upload->name, piece->write_offset);
    if (upload->writer == NULL)
        upload->writer = sluice_blob_writer_new(sluice_call_get_store(call), &name.digest, &error);
    if (upload->writer == NULL) {
        sluice_call_fail_error(call, error);
        return FALSE;
    }
    upload->offset = sluice_blob_writer_get_size(upload->writer);
    return TRUE;
}

static const char *check_piece(const Upload *upload, const Piece *piece)
{
    if (piece->resource_name.length > 0 && !sluice_span_is(piece->resource_name, upload->name, strlen(upload->name)))
        return "the resource name changed within the stream";
    if (piece->write_offset != upload->offset)
        return "the offset is not where the upload stands";
    return NULL;
}

/* The client has gone, or has ended its side without finish_write.  What is whole is kept all the same, because it is verified; the rest is
 * parked. */
static void suspend(SluiceCall *call)
{
    Upload *upload = call->state;
    if (upload->writer == NULL) {
        sluice_call_fail(call, GRPC_STATUS_INVALID_ARGUMENT, "the stream ended before its first message");
        return;
    }
    int64_t size = sluice_blob_writer_get_size(upload->writer);
    if (size == upload->digest.size && is_whole(upload)) {
        sluice_call_run(call, commit);
    } else if (size < SLUICE_PARK_ABOVE) {
        answer(call, 0, FALSE);
    } else {
        sluice_uploads_park(call->endpoint->uploads, upload->name, g_steal_pointer(&upload->writer));
        answer(call, size, FALSE);
    }
}

static void got_piece(SluiceCall *call)
{
    Upload *upload = call->state;
    Piece piece = {0};
    GError *error = NULL;
    if (call->half_closed) {
        suspend(call);
        return;
    }
    if (!sluice_fields_decode(call->message.data, call->message.length, piece_fields, G_N_ELEMENTS(piece_fields),
                              &piece, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    if (upload->writer == NULL && !start_upload(call, &piece))
        return;
    if (sluice_store_has(sluice_call_get_store(call), &upload->digest)) { /* another client was faster */
        answer(call, upload->unpacker != NULL ? -1 : upload->digest.size, FALSE);
        return;
    }
    const char *problem = check_piece(upload, &piece);
    if (problem != NULL)
        sluice_call_fail(call, GRPC_STATUS_INVALID_ARGUMENT, problem);
    else if (piece.data.length <= SLUICE_INLINE_BYTES && upload->unpacker == NULL)
        append(call);
    else
        sluice_call_run(call, append);
}

void sluice_handle_write(SluiceCall *call)
{
    Upload *upload = g_new0(Upload, 1);
    upload->bridge = call->endpoint->bridge;
    sluice_call_set_state(call, upload, upload_free);
    sluice_call_receive(call, got_piece);
}

/* ---- QueryWriteStatus -------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceSpan resource_name;
} QueryRequest;

static const SluiceFieldSpec query_fields[] = {{1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(QueryRequest, resource_name)}};

void sluice_handle_query_write(SluiceCall *call)
{
    QueryRequest request = {0};
    SluiceResourceName name;
    g_autofree char *text = NULL;
    GError *error = NULL;
    if (!sluice_fields_decode(call->message.data, call->message.length, query_fields, G_N_ELEMENTS(query_fields),
                              &request, &error) ||
        !sluice_bytestream_parse_name(request.resource_name, &name, &error))
        sluice_call_fail_error(call, error);
    else if (!name.upload)
        sluice_call_fail(call, GRPC_STATUS_INVALID_ARGUMENT, "this is a name for reading");
    else if (sluice_store_has(sluice_call_get_store(call), &name.digest))
        answer(call, name.digest.size, TRUE);
    else
        answer(call, sluice_uploads_get_size(call->endpoint->uploads, text = sluice_span_dup(request.resource_name)),
               FALSE);
}
