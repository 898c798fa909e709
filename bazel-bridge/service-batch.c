/* BatchUpdateBlobs and BatchReadBlobs: every blob has a status of its own. */
#include "bridge-private.h"

enum { ANSWER_RESPONSES = 1, COMPRESSOR_IDENTITY = 0, COMPRESSOR_ZSTD = 1 };

static void too_large(SluiceCall *call)
{
    g_autofree char *message = g_strdup_printf("a batch holds at most %d bytes here", SLUICE_LIMIT_BATCH);
    sluice_call_fail(call, GRPC_STATUS_INVALID_ARGUMENT, message);
}

/* ---- Update -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceSpan instance;
    GArray *items; /* SluiceSpan */
    int64_t digest_function;
} UpdateRequest;

typedef struct {
    SluiceDigestField digest;
    SluiceSpan data;
    int64_t compressor;
} UpdateItem;

static const SluiceFieldSpec update_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(UpdateRequest, instance)},
    {2, SLUICE_FIELD_SPANS, G_STRUCT_OFFSET(UpdateRequest, items)},
    {5, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(UpdateRequest, digest_function)},
};

static const SluiceFieldSpec item_fields[] = {
    {1, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(UpdateItem, digest)},
    {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(UpdateItem, data)},
    {3, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(UpdateItem, compressor)},
};

/* A blob of the batch: its claimed digest, what is wrong with it, and where it stands among those that are stored. */
typedef struct {
    SluiceDigest digest;
    const char *problem;
    guint position;
} Upload;

static gboolean decode_item(SluiceSpan span, UpdateItem *item, GError **error)
{
    *item = (UpdateItem){0};
    if (!sluice_fields_decode(span.data, span.length, item_fields, G_N_ELEMENTS(item_fields), item, error))
        return FALSE;
    if (item->digest.present)
        return TRUE;
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_DIGEST, "a blob comes without its digest");
    return FALSE;
}

/* The blob, or NULL with what is wrong.  Unpacking makes as many bytes as the digest says, whose sum was checked, or fails. */
static GBytes *blob_of(const UpdateItem *item, const char **problem)
{
    uint64_t size = (uint64_t)item->digest.value.size;
    GBytes *blob = NULL;
    *problem = NULL;
    if (item->compressor == COMPRESSOR_ZSTD)
        blob = sluice_unpack(item->data.data, item->data.length, size);
    else if (item->compressor == COMPRESSOR_IDENTITY && size == item->data.length)
        blob = g_bytes_new_static(item->data.data, item->data.length);
    if (blob != NULL)
        return blob;
    if (item->compressor == COMPRESSOR_ZSTD)
        *problem = "the blob is no Zstandard data of the size of its digest";
    else if (item->compressor == COMPRESSOR_IDENTITY)
        *problem = "the blob does not have the size of its digest";
    else
        *problem = "zstd is the only compressor here";
    return NULL;
}

static gboolean collect_uploads(const UpdateRequest *request, GArray *uploads, GPtrArray *blobs, GError **error)
{
    for (guint i = 0; i < sluice_array_length(request->items); i++) {
        UpdateItem item;
        if (!decode_item(g_array_index(request->items, SluiceSpan, i), &item, error))
            return FALSE;
        Upload upload = {.digest = item.digest.value, .position = blobs->len};
        GBytes *blob = blob_of(&item, &upload.problem);
        if (blob != NULL)
            g_ptr_array_add(blobs, blob);
        g_array_append_val(uploads, upload);
    }
    return TRUE;
}

static void put_upload_status(GByteArray *out, const Upload *upload, const char *problem)
{
    enum { RESPONSE_DIGEST = 1, RESPONSE_STATUS = 2 };
    g_autoptr(GByteArray) response = g_byte_array_new();
    sluice_wire_put_digest(response, RESPONSE_DIGEST, &upload->digest);
    sluice_reply_put_status(response, RESPONSE_STATUS, problem != NULL ? GRPC_STATUS_INVALID_ARGUMENT : GRPC_STATUS_OK,
                            problem);
    sluice_wire_put_bytes(out, ANSWER_RESPONSES, response->data, response->len);
}

static void answer_uploads(SluiceCall *call, const GArray *uploads, const SluiceDigest *stored)
{
    SluiceReply *reply = sluice_reply_new();
    uint64_t bytes = 0;
    for (guint i = 0; i < uploads->len; i++) {
        const Upload *upload = &g_array_index(uploads, Upload, i);
        const char *problem = upload->problem;
        /* a blob with a wrong digest was kept under its own: it is what the client has, not what it claimed */
        if (problem == NULL && !sluice_digest_equal(&stored[upload->position], &upload->digest))
            problem = "the blob does not have this digest";
        if (problem == NULL)
            bytes += (uint64_t)upload->digest.size;
        put_upload_status(reply->bytes, upload, problem);
    }
    SLUICE_COUNT(call->endpoint, bytes_written, bytes);
    sluice_call_reply(call, reply);
}

static void update_blobs(SluiceCall *call)
{
    UpdateRequest *request = call->state;
    GError *error = NULL;
    g_autoptr(GArray) uploads = g_array_new(FALSE, FALSE, sizeof(Upload));
    g_autoptr(GPtrArray) blobs = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    if (!collect_uploads(request, uploads, blobs, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    g_autofree SluiceDigest *stored = g_new0(SluiceDigest, blobs->len + 1);
    if (blobs->len > 0 && !sluice_store_put_many(sluice_call_get_store(call), (GBytes *const *)blobs->pdata, blobs->len,
                                                 stored, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    answer_uploads(call, uploads, stored);
}

static void update_request_free(gpointer request)
{
    sluice_fields_clear(update_fields, G_N_ELEMENTS(update_fields), request);
    g_free(request);
}

/* What matters is what we have to hold, unpacked. */
static gboolean is_over_limit(const UpdateRequest *request)
{
    uint64_t total = 0;
    for (guint i = 0; i < sluice_array_length(request->items) && total <= SLUICE_LIMIT_BATCH; i++) {
        UpdateItem item;
        if (!decode_item(g_array_index(request->items, SluiceSpan, i), &item, NULL))
            continue;
        uint64_t unpacked = item.compressor != COMPRESSOR_IDENTITY ? (uint64_t)item.digest.value.size : 0;
        total += MIN(MAX(item.data.length, unpacked), (uint64_t)SLUICE_LIMIT_BATCH + 1);
    }
    return total > SLUICE_LIMIT_BATCH;
}

void sluice_handle_batch_update(SluiceCall *call)
{
    UpdateRequest *request = g_new0(UpdateRequest, 1);
    GError *error = NULL;
    sluice_call_set_state(call, request, update_request_free);
    if (!sluice_fields_decode(call->message.data, call->message.length, update_fields, G_N_ELEMENTS(update_fields),
                              request, &error) ||
        !sluice_request_check(request->instance, request->digest_function, &error))
        sluice_call_fail_error(call, error);
    else if (is_over_limit(request))
        too_large(call);
    else
        sluice_call_run(call, update_blobs);
}

/* ---- Read ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    SluiceSpan instance;
    GArray *digests, *compressors;
    int64_t digest_function;
} ReadRequest;

static const SluiceFieldSpec read_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(ReadRequest, instance)},
    {2, SLUICE_FIELD_DIGESTS, G_STRUCT_OFFSET(ReadRequest, digests)},
    {3, SLUICE_FIELD_INTEGERS, G_STRUCT_OFFSET(ReadRequest, compressors)},
    {4, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(ReadRequest, digest_function)},
};

enum { RESPONSE_DIGEST = 1, RESPONSE_DATA = 2, RESPONSE_STATUS = 3, RESPONSE_COMPRESSOR = 4 };

/* `packer`: NULL if the client takes only identity. */
static void put_blob(SluiceReply *reply, const SluiceDigest *digest, GBytes *blob, SluicePacker *packer)
{
    g_autoptr(GByteArray) head = g_byte_array_sized_new(96);
    g_autoptr(GBytes) packed = NULL;
    gsize size;
    const void *data = g_bytes_get_data(blob, &size);
    if (packer != NULL && size > SLUICE_PACK_ABOVE)
        packed = sluice_packer_pack(packer, data, size);
    if (packed != NULL && g_bytes_get_size(packed) < size)
        blob = packed;
    sluice_wire_put_digest(head, RESPONSE_DIGEST, digest);
    sluice_wire_put_bytes(head, RESPONSE_STATUS, NULL, 0);
    if (blob == packed)
        sluice_wire_put_varint(head, RESPONSE_COMPRESSOR, COMPRESSOR_ZSTD);
    gsize length = head->len + sluice_reply_field_size(g_bytes_get_size(blob));
    sluice_reply_put_prefix(reply->bytes, ANSWER_RESPONSES, length);
    g_byte_array_append(reply->bytes, head->data, head->len);
    sluice_reply_put_blob(reply, RESPONSE_DATA, blob);
}

static void put_failure(SluiceReply *reply, const SluiceDigest *digest, grpc_status_code code, const char *message)
{
    g_autoptr(GByteArray) response = g_byte_array_new();
    sluice_wire_put_digest(response, RESPONSE_DIGEST, digest);
    sluice_reply_put_status(response, RESPONSE_STATUS, code, message);
    sluice_wire_put_bytes(reply->bytes, ANSWER_RESPONSES, response->data, response->len);
}

static uint64_t read_one(SluiceCall *call, SluiceReply *reply, const SluiceDigest *digest, SluicePacker *packer)
{
    g_autoptr(GError) error = NULL;
    if (digest->size > SLUICE_LIMIT_BATCH) {
        put_failure(reply, digest, GRPC_STATUS_INVALID_ARGUMENT, "too large for a batch: use ByteStream");
        return 0;
    }
    g_autoptr(GBytes) blob = sluice_store_read(sluice_call_get_store(call), digest, &error);
    if (blob == NULL) {
        put_failure(reply, digest, sluice_status_of_error(error), sluice_status_message(error));
        return 0;
    }
    put_blob(reply, digest, blob, packer);
    return g_bytes_get_size(blob);
}

static gboolean takes_zstd(const ReadRequest *request)
{
    for (guint i = 0; i < sluice_array_length(request->compressors); i++)
        if (g_array_index(request->compressors, int64_t, i) == COMPRESSOR_ZSTD)
            return TRUE;
    return FALSE;
}

static void read_blobs(SluiceCall *call)
{
    ReadRequest *request = call->state;
    g_autoptr(SluicePacker) packer = takes_zstd(request) ? sluice_packer_new() : NULL;
    SluiceReply *reply = sluice_reply_new();
    uint64_t bytes = 0;
    for (guint i = 0; i < sluice_array_length(request->digests); i++)
        bytes += read_one(call, reply, &g_array_index(request->digests, SluiceDigest, i), packer);
    SLUICE_COUNT(call->endpoint, bytes_read, bytes);
    sluice_call_reply(call, reply);
}

static void read_request_free(gpointer request)
{
    sluice_fields_clear(read_fields, G_N_ELEMENTS(read_fields), request);
    g_free(request);
}

/* What the answer can hold; blobs that are too large by themselves only get a status. */
static uint64_t total_of(const ReadRequest *request)
{
    uint64_t total = 0;
    for (guint i = 0; i < sluice_array_length(request->digests); i++) {
        int64_t size = g_array_index(request->digests, SluiceDigest, i).size;
        if (size <= SLUICE_LIMIT_BATCH)
            total += (uint64_t)size;
    }
    return total;
}

void sluice_handle_batch_read(SluiceCall *call)
{
    ReadRequest *request = g_new0(ReadRequest, 1);
    GError *error = NULL;
    sluice_call_set_state(call, request, read_request_free);
    if (!sluice_fields_decode(call->message.data, call->message.length, read_fields, G_N_ELEMENTS(read_fields), request,
                              &error) ||
        !sluice_request_check(request->instance, request->digest_function, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    uint64_t total = total_of(request);
    if (total > SLUICE_LIMIT_BATCH)
        too_large(call);
    else if (total <= SLUICE_INLINE_BYTES && request->compressors == NULL &&
             sluice_array_length(request->digests) <= SLUICE_INLINE_LOOKUPS)
        read_blobs(call);
    else
        sluice_call_run(call, read_blobs);
}
