/* ByteStream.Write and QueryWriteStatus.
 *
 * An upload lives as long as its call: what was sent in a call that broke off is thrown away, and QueryWriteStatus says so by
 * answering 0.  Small pieces are hashed on the serving thread, large ones and the commit on a worker. */
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
    char *name; /* of the first message; later ones may repeat it */
    SluiceDigest digest;
    SluiceBlobWriter *writer;
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
    answer(call, stored.size, FALSE);
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
        (piece.data.length > 0 &&
         !sluice_blob_writer_append(upload->writer, piece.data.data, piece.data.length, &error)))
        sluice_call_fail_error(call, error);
    else if (piece.finish_write)
        sluice_call_run(call, commit);
    else
        sluice_call_receive(call, got_piece);
}

static const char *check_first(SluiceCall *call, const Piece *piece, const SluiceResourceName *name,
                               grpc_status_code *code)
{
    *code = GRPC_STATUS_INVALID_ARGUMENT;
    if (!name->upload)
        return "this is a name for reading";
    if (!sluice_bytestream_header_agrees(call, piece->resource_name))
        return "the header names another resource than the request";
    *code = GRPC_STATUS_UNIMPLEMENTED;
    if (name->compressor != SLUICE_COMPRESSOR_IDENTITY)
        return "compressed blobs are not accepted";
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
    if (sluice_store_has(sluice_call_get_store(call), &name.digest)) {
        answer(call, name.digest.size, FALSE);
        return FALSE;
    }
    upload->name = sluice_span_dup(piece->resource_name);
    upload->digest = name.digest;
    upload->writer = sluice_blob_writer_new(sluice_call_get_store(call), &name.digest, &error);
    if (upload->writer == NULL)
        sluice_call_fail_error(call, error);
    return upload->writer != NULL;
}

static const char *check_piece(const Upload *upload, const Piece *piece)
{
    if (piece->resource_name.length > 0 && !sluice_span_is(piece->resource_name, upload->name, strlen(upload->name)))
        return "the resource name changed within the stream";
    if (piece->write_offset != sluice_blob_writer_get_size(upload->writer))
        return "the offset is not where the upload stands";
    return NULL;
}

static void got_piece(SluiceCall *call)
{
    Upload *upload = call->state;
    Piece piece = {0};
    GError *error = NULL;
    if (call->half_closed) {
        sluice_call_fail(call, GRPC_STATUS_INVALID_ARGUMENT, "the stream ended before finish_write");
        return;
    }
    if (!sluice_fields_decode(call->message.data, call->message.length, piece_fields, G_N_ELEMENTS(piece_fields),
                              &piece, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    if (upload->writer == NULL && !start_upload(call, &piece))
        return;
    const char *problem = check_piece(upload, &piece);
    if (problem != NULL)
        sluice_call_fail(call, GRPC_STATUS_INVALID_ARGUMENT, problem);
    else if (piece.data.length <= SLUICE_INLINE_BYTES)
        append(call);
    else
        sluice_call_run(call, append);
}

void sluice_handle_write(SluiceCall *call)
{
    sluice_call_set_state(call, g_new0(Upload, 1), upload_free);
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
        answer(call, 0, FALSE);
}
