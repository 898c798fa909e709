/* One blob of any size, by ByteStream: read with every byte hashed before it is kept, written in chunks.  What breaks off goes on where it was. */
#include "upstream.h"

static char *resource_name(const SluicePeer *peer, const char *verb, const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    const char *slash = *peer->instance != '\0' ? "/" : "";
    return g_strconcat(peer->instance, slash, verb, "blobs/", sluice_digest_string(digest, text), NULL);
}

static gboolean status_error(GError **error, grpc_status_code code, const char *message)
{
    g_set_error_literal(error, SLUICE_STATUS_ERROR, (int)code, message);
    return FALSE;
}

/* ---- Read ------------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    SluiceUpstream *upstream;
    const SluiceDigest *digest;
    SluiceBlobWriter *writer;
} Reading;

/* FALSE with an error that no other attempt can change: the bytes are wrong, or the store failed. */
static gboolean receive_all(Reading *reading, SluiceStream *stream, GError **error)
{
    GBytes *message;
    while ((message = sluice_stream_receive(stream)) != NULL) {
        SluiceSpan data;
        gboolean ok = sluice_answer_chunk(message, &data, error) &&
                      sluice_blob_writer_append(reading->writer, data.data, data.length, error);
        atomic_fetch_add(&reading->upstream->bytes_read, data.length);
        g_bytes_unref(message);
        if (!ok)
            return FALSE;
    }
    return TRUE;
}

static gboolean read_attempt(gpointer data, GError **error)
{
    enum { READ_NAME = 1, READ_OFFSET = 2 };
    Reading *reading = data;
    SluicePeer *peer = reading->upstream->storage;
    SluiceStream stream;
    GError *problem = NULL;
    int64_t offset = sluice_blob_writer_get_size(reading->writer);
    if (!sluice_stream_open(&stream, peer, SLUICE_BYTESTREAM("Read"),
                            sluice_transfer_timeout(reading->digest->size - offset), error))
        return FALSE;
    g_autofree char *name = resource_name(peer, "", reading->digest);
    SluiceReply *request = sluice_reply_new();
    sluice_wire_put_string(request->bytes, READ_NAME, name);
    if (offset > 0)
        sluice_wire_put_varint(request->bytes, READ_OFFSET, (uint64_t)offset);
    sluice_stream_send(&stream, request, TRUE);
    if (!receive_all(reading, &stream, &problem))
        sluice_stream_cancel(&stream);
    gboolean ok = sluice_stream_finish(&stream, problem == NULL ? error : NULL);
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (ok && sluice_blob_writer_get_size(reading->writer) < reading->digest->size)
        return status_error(error, GRPC_STATUS_DATA_LOSS, "a blob is shorter than its digest says");
    return ok;
}

gboolean sluice_upstream_read_blob(SluiceUpstream *upstream, const SluiceDigest *digest, GError **error)
{
    g_autoptr(SluiceBlobWriter) writer = sluice_blob_writer_new(upstream->store, digest, error);
    Reading reading = {upstream, digest, writer};
    if (writer == NULL || !sluice_peer_try(upstream->storage, SLUICE_WAITED_FOR, read_attempt, &reading, error) ||
        !sluice_blob_writer_commit(writer, NULL, error))
        return FALSE;
    atomic_fetch_add(&upstream->blobs_read, 1);
    return TRUE;
}

/* ---- Write ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceUpstream *upstream;
    const SluiceDigest *digest;
    GBytes *blob;
} Writing;

static void send_all(const Writing *writing, const char *name, SluiceStream *stream)
{
    enum { WRITE_NAME = 1, WRITE_OFFSET = 2, WRITE_FINISH = 3, WRITE_DATA = 10 };
    gsize size = g_bytes_get_size(writing->blob), offset = 0;
    gboolean last = FALSE;
    while (!last) {
        gsize length = MIN(size - offset, (gsize)SLUICE_CHUNK);
        g_autoptr(GBytes) chunk = g_bytes_new_from_bytes(writing->blob, offset, length);
        SluiceReply *request = sluice_reply_new();
        last = offset + length == size;
        if (offset == 0)
            sluice_wire_put_string(request->bytes, WRITE_NAME, name);
        else
            sluice_wire_put_varint(request->bytes, WRITE_OFFSET, offset);
        if (last)
            sluice_wire_put_varint(request->bytes, WRITE_FINISH, TRUE);
        sluice_reply_put_blob(request, WRITE_DATA, chunk);
        offset += length;
        if (!sluice_stream_send(stream, request, last))
            return; /* it has answered already, or failed: the status tells */
    }
}

static gboolean write_attempt(gpointer data, GError **error)
{
    Writing *writing = data;
    SluicePeer *peer = writing->upstream->storage;
    SluiceStream stream;
    int64_t committed = -1;
    if (!sluice_stream_open(&stream, peer, SLUICE_BYTESTREAM("Write"), sluice_transfer_timeout(writing->digest->size),
                            error))
        return FALSE;
    g_autofree char *id = g_uuid_string_random();
    g_autofree char *verb = g_strdup_printf("uploads/%s/", id);
    g_autofree char *name = resource_name(peer, verb, writing->digest);
    send_all(writing, name, &stream);
    g_autoptr(GBytes) answer = sluice_stream_receive(&stream);
    if (!sluice_stream_finish(&stream, error))
        return FALSE;
    if (answer == NULL || !sluice_answer_committed(answer, &committed, NULL) || committed != writing->digest->size)
        return status_error(error, GRPC_STATUS_UNAVAILABLE, "a blob was not taken whole");
    return TRUE;
}

gboolean sluice_upstream_write_blob(SluiceUpstream *upstream, const SluiceDigest *digest, SluiceUrgency urgency,
                                    GError **error)
{
    g_autoptr(GBytes) blob = sluice_store_read(upstream->store, digest, error);
    Writing writing = {upstream, digest, blob};
    if (blob == NULL || !sluice_peer_try(upstream->storage, urgency, write_attempt, &writing, error))
        return FALSE;
    atomic_fetch_add(&upstream->blobs_written, 1);
    atomic_fetch_add(&upstream->bytes_written, g_bytes_get_size(blob));
    return TRUE;
}
