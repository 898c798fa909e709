/* Many blobs, either way: what is missing is asked for, small ones travel in batches, large ones by ByteStream. */
#include "upstream.h"

enum {
    REQUEST_INSTANCE = 1,
    FIND_DIGESTS = 2,
    READ_DIGESTS = 2,
    UPDATE_REQUESTS = 2,
    UPDATE_DIGEST = 1,
    UPDATE_DATA = 2
};

typedef struct {
    SluiceUpstream *upstream;
    const SluiceDigest *digests;
    gsize count;
    SluiceUrgency urgency;
    GArray *missing; /* of the question for missing blobs */
} Batch;

static SluiceReply *request_new(const SluicePeer *peer)
{
    SluiceReply *request = sluice_reply_new();
    if (*peer->instance != '\0')
        sluice_wire_put_string(request->bytes, REQUEST_INSTANCE, peer->instance);
    return request;
}

static int64_t room_of_batch(SluiceUpstream *upstream)
{
    int64_t told = atomic_load(&upstream->batch_limit);
    return told > 0 ? MIN(told, SLUICE_UPSTREAM_BATCH) : SLUICE_UPSTREAM_BATCH;
}

/* How many of the digests, in order, go into the next batch; 0: the first one is too large for any. */
static gsize next_batch(SluiceUpstream *upstream, const SluiceDigest *digests, gsize count)
{
    int64_t room = room_of_batch(upstream), used = 0;
    gsize taken = 0;
    while (taken < MIN(count, (gsize)SLUICE_UPSTREAM_BATCH_BLOBS)) {
        int64_t size = digests[taken].size + SLUICE_UPSTREAM_FRAMING;
        if (digests[taken].size > room || used + size > room)
            break;
        used += size;
        taken++;
    }
    return taken;
}

static gboolean each_batch(SluiceUpstream *upstream, const GArray *digests, SluiceUrgency urgency,
                           SluiceAttemptFunc batch_attempt,
                           gboolean (*large)(SluiceUpstream *, const SluiceDigest *, SluiceUrgency, GError **),
                           GError **error)
{
    const SluiceDigest *at = (const SluiceDigest *)(void *)digests->data;
    for (gsize done = 0; done < digests->len;) {
        Batch batch = {upstream, at + done, next_batch(upstream, at + done, digests->len - done), urgency, NULL};
        gboolean ok = batch.count == 0 ? large(upstream, batch.digests, urgency, error)
                                       : sluice_peer_try(upstream->storage, urgency, batch_attempt, &batch, error);
        if (!ok)
            return FALSE;
        done += MAX(batch.count, 1u);
    }
    return TRUE;
}

/* ---- To us ----------------------------------------------------------------------------------------------------------------------- */

static gboolean answer_error(const SluiceBlobAnswer *answer, GError **error)
{
    enum { LONGEST = 200, LAST_CODE = GRPC_STATUS_UNAUTHENTICATED };
    g_autofree char *raw = g_strndup((const char *)answer->message.data, MIN(answer->message.length, (gsize)LONGEST));
    g_autofree char *text = g_utf8_make_valid(raw != NULL ? raw : "", -1);
    int code = answer->code > 0 && answer->code <= LAST_CODE ? (int)answer->code : GRPC_STATUS_UNKNOWN;
    g_set_error(error, SLUICE_STATUS_ERROR, code, "a blob is refused: %s", text);
    return FALSE;
}

static const SluiceBlobAnswer *find_answer(const GArray *answers, const SluiceDigest *digest)
{
    for (guint i = 0; i < answers->len; i++) {
        const SluiceBlobAnswer *answer = &g_array_index(answers, SluiceBlobAnswer, i);
        if (sluice_digest_equal(&answer->digest, digest))
            return answer;
    }
    return NULL;
}

/* Servers answer in the order of the question; those that do not are searched. */
static const SluiceBlobAnswer *answer_for(const GArray *answers, gsize index, const SluiceDigest *digest)
{
    const SluiceBlobAnswer *same = index < answers->len ? &g_array_index(answers, SluiceBlobAnswer, index) : NULL;
    return same != NULL && sluice_digest_equal(&same->digest, digest) ? same : find_answer(answers, digest);
}

static gboolean keep_answers(const Batch *batch, const GArray *answers, GError **error)
{
    SluiceUpstream *upstream = batch->upstream;
    for (gsize i = 0; i < batch->count; i++) {
        const SluiceDigest *digest = &batch->digests[i];
        const SluiceBlobAnswer *answer = answer_for(answers, i, digest);
        if (answer == NULL) {
            g_set_error_literal(error, SLUICE_STATUS_ERROR, GRPC_STATUS_NOT_FOUND, "a blob is left out of an answer");
            return FALSE;
        }
        if (answer->code != GRPC_STATUS_OK)
            return answer_error(answer, error);
        if (!sluice_store_put(upstream->store, answer->data.data, answer->data.length, digest, NULL, error))
            return FALSE;
        atomic_fetch_add(&upstream->blobs_read, 1);
        atomic_fetch_add(&upstream->bytes_read, answer->data.length);
    }
    return TRUE;
}

static gboolean read_batch(gpointer data, GError **error)
{
    const Batch *batch = data;
    SluicePeer *peer = batch->upstream->storage;
    SluiceReply *request = request_new(peer);
    for (gsize i = 0; i < batch->count; i++)
        sluice_wire_put_digest(request->bytes, READ_DIGESTS, &batch->digests[i]);
    g_autoptr(GBytes) answer = sluice_peer_call(peer, SLUICE_REAPI("ContentAddressableStorage/BatchReadBlobs"), request,
                                                sluice_transfer_timeout(SLUICE_UPSTREAM_BATCH), error);
    g_autoptr(GArray) answers = answer != NULL ? sluice_answer_read(answer, error) : NULL;
    return answers != NULL && keep_answers(batch, answers, error);
}

static gboolean read_large(SluiceUpstream *upstream, const SluiceDigest *digest, SluiceUrgency urgency, GError **error)
{
    const int64_t limit = (int64_t)SLUICE_UPSTREAM_BLOB_GIB * SLUICE_MIB * SLUICE_KIB;
    if (digest->size <= limit)
        return sluice_upstream_read_blob(upstream, digest, error);
    g_set_error(error, SLUICE_STATUS_ERROR, GRPC_STATUS_OUT_OF_RANGE, "a blob is larger than %d GiB",
                SLUICE_UPSTREAM_BLOB_GIB);
    return FALSE;
}

/* Each digest once. */
static GArray *absent_here(SluiceStore *store, const GArray *digests, GError **error)
{
    g_autofree gboolean *missing = g_new0(gboolean, digests->len + 1);
    const SluiceDigest *all = (const SluiceDigest *)(void *)digests->data;
    g_autoptr(GHashTable) seen = g_hash_table_new(sluice_digest_hash, sluice_digest_equal_ptr);
    g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    if (digests->len > 0 && !sluice_store_find_missing(store, all, digests->len, missing, error))
        return NULL;
    for (guint i = 0; i < digests->len; i++)
        if (missing[i] && g_hash_table_add(seen, (gpointer)&all[i]))
            g_array_append_val(out, all[i]);
    return g_steal_pointer(&out);
}

gboolean sluice_upstream_fetch(SluiceUpstream *upstream, const GArray *digests, GError **error)
{
    g_autoptr(GArray) wanted = absent_here(upstream->store, digests, error);
    return wanted != NULL && each_batch(upstream, wanted, SLUICE_WAITED_FOR, read_batch, read_large, error);
}

/* ---- To the cluster ---------------------------------------------------------------------------------------------------------------- */

static gboolean find_attempt(gpointer data, GError **error)
{
    Batch *batch = data;
    SluicePeer *peer = batch->upstream->storage;
    SluiceReply *request = request_new(peer);
    for (gsize i = 0; i < batch->count; i++)
        sluice_wire_put_digest(request->bytes, FIND_DIGESTS, &batch->digests[i]);
    g_autoptr(GBytes) answer = sluice_peer_call(peer, SLUICE_REAPI("ContentAddressableStorage/FindMissingBlobs"),
                                                request, sluice_peer_timeout(peer, batch->urgency), error);
    return answer != NULL && sluice_answer_missing(answer, batch->missing, error);
}

/* Only what was asked for counts: a server must not make us send what it names. */
static GArray *absent_there(SluiceUpstream *upstream, const GArray *digests, SluiceUrgency urgency, GError **error)
{
    const SluiceDigest *all = (const SluiceDigest *)(void *)digests->data;
    g_autoptr(GHashTable) asked = g_hash_table_new(sluice_digest_hash, sluice_digest_equal_ptr);
    g_autoptr(GArray) told = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GArray) out = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    for (guint i = 0; i < digests->len; i++)
        g_hash_table_add(asked, (gpointer)&all[i]);
    for (guint done = 0; done < digests->len; done += SLUICE_UPSTREAM_FIND) {
        Batch batch = {upstream, all + done, MIN(digests->len - done, (guint)SLUICE_UPSTREAM_FIND), urgency, told};
        if (!sluice_peer_try(upstream->storage, urgency, find_attempt, &batch, error))
            return NULL;
    }
    for (guint i = 0; i < told->len; i++) {
        const SluiceDigest *digest = &g_array_index(told, SluiceDigest, i);
        if (g_hash_table_remove(asked, digest) && !sluice_digest_equal(digest, &sluice_digest_empty))
            g_array_append_vals(out, digest, 1);
    }
    return g_steal_pointer(&out);
}

static gboolean put_update(const Batch *batch, SluiceReply *request, const SluiceDigest *digest, GError **error)
{
    g_autoptr(GByteArray) head = g_byte_array_sized_new(96);
    g_autoptr(GBytes) blob = sluice_store_read(batch->upstream->store, digest, error);
    if (blob == NULL)
        return FALSE;
    sluice_wire_put_digest(head, UPDATE_DIGEST, digest);
    sluice_reply_put_prefix(request->bytes, UPDATE_REQUESTS,
                            head->len + sluice_reply_field_size(g_bytes_get_size(blob)));
    g_byte_array_append(request->bytes, head->data, head->len);
    sluice_reply_put_blob(request, UPDATE_DATA, blob);
    return TRUE;
}

static gboolean check_updates(const Batch *batch, const GArray *answers, GError **error)
{
    for (gsize i = 0; i < batch->count; i++) {
        const SluiceBlobAnswer *answer = answer_for(answers, i, &batch->digests[i]);
        if (answer != NULL && answer->code != GRPC_STATUS_OK)
            return answer_error(answer, error);
        atomic_fetch_add(&batch->upstream->blobs_written, 1);
        atomic_fetch_add(&batch->upstream->bytes_written, (uint64_t)batch->digests[i].size);
    }
    return TRUE;
}

static gboolean write_batch(gpointer data, GError **error)
{
    const Batch *batch = data;
    SluicePeer *peer = batch->upstream->storage;
    SluiceReply *request = request_new(peer);
    for (gsize i = 0; i < batch->count; i++)
        if (!put_update(batch, request, &batch->digests[i], error)) {
            sluice_reply_free(request);
            return FALSE;
        }
    g_autoptr(GBytes) answer = sluice_peer_call(peer, SLUICE_REAPI("ContentAddressableStorage/BatchUpdateBlobs"),
                                                request, sluice_transfer_timeout(SLUICE_UPSTREAM_BATCH), error);
    g_autoptr(GArray) answers = answer != NULL ? sluice_answer_update(answer, error) : NULL;
    return answers != NULL && check_updates(batch, answers, error);
}

/* What we do not know it to have; each digest once. */
static GArray *not_given(SluiceUpstream *upstream, const GArray *digests)
{
    GArray *out = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    const SluiceDigest *all = (const SluiceDigest *)(void *)digests->data;
    g_autoptr(GHashTable) seen = g_hash_table_new(sluice_digest_hash, sluice_digest_equal_ptr);
    g_mutex_lock(&upstream->lock);
    for (guint i = 0; i < digests->len; i++)
        if (!g_hash_table_contains(upstream->given, &all[i]) && g_hash_table_add(seen, (gpointer)&all[i]))
            g_array_append_val(out, all[i]);
    g_mutex_unlock(&upstream->lock);
    return out;
}

static void remember_given(SluiceUpstream *upstream, const GArray *digests)
{
    g_mutex_lock(&upstream->lock);
    if (g_hash_table_size(upstream->given) + digests->len > SLUICE_UPSTREAM_GIVEN)
        g_hash_table_remove_all(upstream->given);
    for (guint i = 0; i < digests->len; i++)
        g_hash_table_add(upstream->given, g_memdup2(&g_array_index(digests, SluiceDigest, i), sizeof(SluiceDigest)));
    g_mutex_unlock(&upstream->lock);
}

void sluice_upstream_forget_given(SluiceUpstream *upstream)
{
    g_mutex_lock(&upstream->lock);
    g_hash_table_remove_all(upstream->given);
    g_mutex_unlock(&upstream->lock);
}

gboolean sluice_upstream_give(SluiceUpstream *upstream, const GArray *digests, SluiceUrgency urgency, GError **error)
{
    g_autoptr(GArray) unknown = not_given(upstream, digests);
    g_autoptr(GArray) wanted = absent_there(upstream, unknown, urgency, error);
    if (wanted == NULL || !each_batch(upstream, wanted, urgency, write_batch, sluice_upstream_write_blob, error))
        return FALSE;
    remember_given(upstream, unknown);
    return TRUE;
}
