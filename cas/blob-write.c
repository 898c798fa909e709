/*
 * Blobs: writing them.
 *
 * Files are written below tmp/, and renamed into objects/ under the writer lock of the index, before the record is committed:
 * a process killed between the two leaves a file without a record, never a record without its file.  Files are removed only under
 * the same lock, when no record knows them.
 */
#include "cas-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

gboolean cas_write_all(int fd, const void *data, gsize length)
{
    const uint8_t *position = data;
    while (length > 0) {
        ssize_t done = write(fd, position, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return FALSE;
        position += done;
        length -= (gsize)done;
    }
    return TRUE;
}

gboolean cas_finish_object(int fd, gboolean executable)
{
    const struct timespec times[2] = {{.tv_sec = SLUICE_STAGED_MTIME}, {.tv_sec = SLUICE_STAGED_MTIME}};
    return fchmod(fd, executable ? 0755 : 0644) == 0 && futimens(fd, times) == 0;
}

/* ---- Into the index --------------------------------------------------------------------------------------------------------- */

static int put_record(CasTxn *txn, const SluiceDigest *digest, const CasBlobRecord *record, const void *data)
{
    gsize inline_size = data != NULL ? (gsize)record->size : 0;
    MDB_val key = {.mv_size = SLUICE_HASH_BYTES, .mv_data = (void *)digest->hash};
    MDB_val value = {.mv_size = sizeof *record + inline_size};
    int code = mdb_put(txn->mdb, txn->index->db[CAS_DB_BLOBS], &key, &value, MDB_RESERVE);
    if (code != 0)
        return code;
    memcpy(value.mv_data, record, sizeof *record);
    if (inline_size > 0)
        memcpy((uint8_t *)value.mv_data + sizeof *record, data, inline_size);
    return 0;
}

static void count_record(CasTxn *txn, const CasBlobRecord *record, int sign)
{
    txn->delta.blob_bytes += sign * record->size;
    txn->delta.disk_bytes += sign * cas_blob_cost(record);
    txn->delta.inline_blobs += sign * ((record->flags & CAS_BLOB_INLINE) != 0);
}

static gboolean rename_object(CasIndex *index, CasPending *pending, GError **error)
{
    char name[CAS_OBJECT_NAME_MAX];
    cas_object_name(pending->digest.hash, pending->executable, name);
    int status = renameat(index->root_fd, pending->temporary, index->root_fd, name);
    if (status != 0 && errno == ENOENT) {
        g_autofree char *parent = g_path_get_dirname(name);
        if (mkdirat(index->root_fd, parent, 0755) == 0 || errno == EEXIST)
            status = renameat(index->root_fd, pending->temporary, index->root_fd, name);
    }
    if (status != 0)
        return cas_error_errno(error, errno, "cannot create %s/%s", index->path, name);
    g_clear_pointer(&pending->temporary, g_free);
    return TRUE;
}

gboolean cas_insert_pending(CasTxn *txn, CasPending *pending, GError **error)
{
    CasBlobRecord record = {.size = pending->digest.size};
    uint32_t variant = pending->temporary == NULL ? CAS_BLOB_INLINE
                       : pending->executable      ? CAS_BLOB_EXEC
                                                  : CAS_BLOB_PLAIN;
    if (pending->digest.size == 0)
        return TRUE;
    gboolean known = cas_blob_find(txn, &pending->digest, &record, NULL);
    if (known && (record.flags & (CAS_BLOB_INLINE | variant)))
        return TRUE; /* another process was faster */
    if (pending->temporary != NULL && !rename_object(txn->index, pending, error))
        return FALSE;
    if (known)
        count_record(txn, &record, -1);
    else
        record = (CasBlobRecord){.size = pending->digest.size};
    record.used = cas_now();
    record.flags |= variant;
    count_record(txn, &record, 1);
    int code = put_record(txn, &pending->digest, &record, pending->data);
    return code == 0 || cas_error_mdb(txn->index, error, code, "cannot write to the index");
}

void cas_discard_pending(CasIndex *index, CasPending *pending, gsize count)
{
    for (gsize i = 0; i < count; i++) {
        if (pending[i].temporary == NULL)
            continue;
        unlinkat(index->root_fd, pending[i].temporary, 0);
        g_clear_pointer(&pending[i].temporary, g_free);
    }
}

/* Objects that were renamed for a transaction that failed then. */
static void drop_unrecorded(CasIndex *index, const CasPending *pending, gsize count)
{
    g_autoptr(GArray) hashes = g_array_new(FALSE, FALSE, SLUICE_HASH_BYTES);
    for (gsize i = 0; i < count; i++)
        if (pending[i].data == NULL && pending[i].temporary == NULL && pending[i].digest.size != 0)
            g_array_append_vals(hashes, pending[i].digest.hash, 1);
    if (hashes->len > 0)
        cas_unlink_unreferenced(index, hashes, NULL, NULL);
}

static gboolean insert_all(CasIndex *index, CasPending *pending, gsize count, CasExtraFunc extra, gpointer data,
                           GError **error)
{
    g_auto(CasTxn) txn = {0};
    if (!cas_txn_write(index, &txn, error))
        return FALSE;
    for (gsize i = 0; i < count; i++)
        if (!cas_insert_pending(&txn, &pending[i], error))
            return FALSE;
    int code = extra != NULL ? extra(&txn, data) : 0;
    if (code != 0)
        return cas_error_mdb(index, error, code, "cannot write to the index");
    return cas_txn_commit(&txn, error);
}

gboolean cas_commit_pending(CasIndex *index, CasPending *pending, gsize count, CasExtraFunc extra, gpointer data,
                            GError **error)
{
    gboolean ok = insert_all(index, pending, count, extra, data, error);
    cas_discard_pending(index, pending, count);
    if (!ok)
        drop_unrecorded(index, pending, count);
    return ok;
}

/* ---- Removing ------------------------------------------------------------------------------------------------------------------ */

int cas_delete_blob_record(CasTxn *txn, const uint8_t hash[SLUICE_HASH_BYTES])
{
    MDB_val value;
    CasBlobRecord record;
    int code = cas_get(txn, CAS_DB_BLOBS, hash, SLUICE_HASH_BYTES, &value);
    if (code != 0)
        return code;
    if (value.mv_size >= sizeof record) {
        memcpy(&record, value.mv_data, sizeof record);
        count_record(txn, &record, -1);
    }
    return cas_delete(txn, CAS_DB_BLOBS, hash, SLUICE_HASH_BYTES);
}

int cas_set_blob_flags(CasTxn *txn, const SluiceDigest *digest, uint32_t flags)
{
    CasBlobRecord record;
    if (cas_blob_find(txn, digest, &record, NULL))
        count_record(txn, &record, -1);
    else
        record = (CasBlobRecord){.size = digest->size, .used = cas_now()};
    record.flags = flags;
    if (flags == 0)
        return cas_delete(txn, CAS_DB_BLOBS, digest->hash, SLUICE_HASH_BYTES);
    count_record(txn, &record, 1);
    return put_record(txn, digest, &record, NULL);
}

gboolean cas_unlink_unreferenced(CasIndex *index, GArray *hashes, uint64_t *removed, GError **error)
{
    g_auto(CasTxn) txn = {0};
    if (!cas_txn_write(index, &txn, error))
        return FALSE;
    for (guint i = 0; i < hashes->len; i++) {
        const uint8_t *hash = (const uint8_t *)hashes->data + (gsize)i * SLUICE_HASH_BYTES;
        MDB_val value;
        CasBlobRecord record = {0};
        if (cas_get(&txn, CAS_DB_BLOBS, hash, SLUICE_HASH_BYTES, &value) == 0 && value.mv_size >= sizeof record)
            memcpy(&record, value.mv_data, sizeof record);
        for (int executable = 0; executable <= 1; executable++) {
            char name[CAS_OBJECT_NAME_MAX];
            if (record.flags & (executable ? CAS_BLOB_EXEC : CAS_BLOB_PLAIN))
                continue;
            cas_object_name(hash, executable, name);
            if (unlinkat(index->root_fd, name, 0) == 0 && removed != NULL)
                (*removed)++;
        }
    }
    return TRUE;
}

/* ---- Putting --------------------------------------------------------------------------------------------------------------------- */

static gboolean check_expected(const SluiceDigest *expected, const SluiceDigest *actual, GError **error)
{
    char wanted[SLUICE_DIGEST_STRING_MAX], found[SLUICE_DIGEST_STRING_MAX];
    if (expected == NULL || sluice_digest_equal(expected, actual))
        return TRUE;
    return cas_error(error, SLUICE_CAS_ERROR_MISMATCH, "the bytes have the digest %s, not %s",
                     sluice_digest_string(actual, found), sluice_digest_string(expected, wanted));
}

gboolean cas_blob_is_known(CasIndex *index, const SluiceDigest *digest)
{
    CasBlobRecord record;
    CasTxn txn;
    if (digest->size == 0)
        return TRUE;
    if (!cas_txn_read(index, &txn, NULL))
        return FALSE;
    gboolean known = cas_blob_find(&txn, digest, &record, NULL);
    cas_txn_end(&txn);
    if (known && !(record.flags & CAS_BLOB_INLINE)) {
        int fd = cas_open_object(index, digest, record.flags);
        if (fd >= 0) {
            close(fd);
        } else { /* damaged: heal it by writing it again */
            cas_forget_damaged(index, digest);
            known = FALSE;
        }
    }
    if (known)
        cas_touch(index, CAS_DB_BLOBS, digest->hash, SLUICE_HASH_BYTES, record.used);
    return known;
}

gboolean cas_write_temporary(CasIndex *index, const void *data, gsize length, CasPending *pending, GError **error)
{
    int fd = cas_open_temporary(index, pending->executable, &pending->temporary, error);
    if (fd < 0)
        return FALSE;
    gboolean ok = cas_write_all(fd, data, length) && cas_finish_object(fd, pending->executable);
    int code = errno;
    if (close(fd) != 0 && ok) {
        ok = FALSE;
        code = errno;
    }
    if (ok)
        return TRUE;
    cas_discard_pending(index, pending, 1);
    return cas_error_errno(error, code, "%s: cannot write a blob of %" G_GSIZE_FORMAT " bytes", index->path, length);
}

gboolean sluice_store_put(SluiceStore *store, const void *data, gsize length, const SluiceDigest *expected,
                          SluiceDigest *out, GError **error)
{
    CasIndex *index = store->index;
    CasPending pending = {0};
    if (!cas_require_writable(index, error))
        return FALSE;
    sluice_digest_of(data, length, &pending.digest);
    if (!check_expected(expected, &pending.digest, error))
        return FALSE;
    if (out != NULL)
        *out = pending.digest;
    if (cas_blob_is_known(index, &pending.digest))
        return cas_touch_flush(index, error); /* what is acknowledged must look used to gc */
    if (length <= CAS_INLINE_MAX)
        pending.data = data;
    else if (!cas_write_temporary(index, data, length, &pending, error))
        return FALSE;
    return cas_commit_pending(index, &pending, 1, NULL, NULL, error);
}

static gboolean put_batch(CasIndex *index, GBytes *const *blobs, gsize count, const SluiceDigest *digests,
                          GError **error)
{
    g_autofree CasPending *pending = g_new0(CasPending, count);
    gsize used = 0;
    gboolean ok = TRUE;
    for (gsize i = 0; i < count && ok; i++) {
        gsize length;
        const void *data = g_bytes_get_data(blobs[i], &length);
        if (cas_blob_is_known(index, &digests[i]))
            continue;
        pending[used].digest = digests[i];
        if (length <= CAS_INLINE_MAX)
            pending[used].data = data;
        else
            ok = cas_write_temporary(index, data, length, &pending[used], error);
        used += ok;
    }
    if (!ok) {
        cas_discard_pending(index, pending, used);
        return FALSE;
    }
    return used == 0 || cas_commit_pending(index, pending, used, NULL, NULL, error);
}

gboolean sluice_store_put_many(SluiceStore *store, GBytes *const *blobs, gsize count, SluiceDigest *digests,
                               GError **error)
{
    if (!cas_require_writable(store->index, error))
        return FALSE;
    gsize start = 0, bytes = 0;
    for (gsize i = 0; i < count; i++) {
        sluice_digest_of_bytes(blobs[i], &digests[i]);
        bytes += MIN(g_bytes_get_size(blobs[i]), CAS_INLINE_MAX);
        if (bytes < CAS_BATCH_BYTES * 4 && i + 1 < count)
            continue;
        if (!put_batch(store->index, blobs + start, i + 1 - start, digests + start, error))
            return FALSE;
        start = i + 1;
        bytes = 0;
    }
    return cas_touch_flush(store->index, error);
}

gboolean sluice_store_put_fd(SluiceStore *store, int fd, const SluiceDigest *expected, SluiceDigest *out,
                             GError **error)
{
    g_autoptr(SluiceBlobWriter) writer = sluice_blob_writer_new(store, expected, error);
    g_autofree uint8_t *buffer = g_malloc(CAS_COPY_BUFFER);
    if (writer == NULL)
        return FALSE;
    for (;;) {
        ssize_t got = read(fd, buffer, CAS_COPY_BUFFER);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cas_error_errno(error, errno, "cannot read what is to be stored");
        if (got == 0)
            return sluice_blob_writer_commit(writer, out, error);
        if (!sluice_blob_writer_append(writer, buffer, (gsize)got, error))
            return FALSE;
    }
}

/* ---- Streaming ----------------------------------------------------------------------------------------------------------------------- */

struct SluiceBlobWriter {
    SluiceStore *store;
    gboolean has_expected, committed;
    SluiceDigest expected;
    SluiceHasher *hasher;
    int64_t size;
    GByteArray *start; /* until it is too large for the index */
    int fd;
    char *temporary;
};

SluiceBlobWriter *sluice_blob_writer_new(SluiceStore *store, const SluiceDigest *expected, GError **error)
{
    if (!cas_require_writable(store->index, error))
        return NULL;
    SluiceBlobWriter *writer = g_new0(SluiceBlobWriter, 1);
    writer->store = store;
    writer->fd = -1;
    writer->hasher = sluice_hasher_new();
    writer->start = g_byte_array_new();
    writer->has_expected = expected != NULL;
    if (expected != NULL)
        writer->expected = *expected;
    return writer;
}

static gboolean write_to_file(SluiceBlobWriter *writer, const void *data, gsize length, GError **error)
{
    CasIndex *index = writer->store->index;
    if (writer->fd < 0)
        writer->fd = cas_open_temporary(index, FALSE, &writer->temporary, error);
    if (writer->fd < 0)
        return FALSE;
    if (cas_write_all(writer->fd, writer->start->data, writer->start->len) && cas_write_all(writer->fd, data, length)) {
        g_byte_array_set_size(writer->start, 0);
        return TRUE;
    }
    return cas_error_errno(error, errno, "%s: cannot write a blob", index->path);
}

gboolean sluice_blob_writer_append(SluiceBlobWriter *writer, const void *data, gsize length, GError **error)
{
    if (writer->committed)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "this upload is finished already");
    if (writer->has_expected && length > (guint64)(writer->expected.size - writer->size))
        return cas_error(error, SLUICE_CAS_ERROR_MISMATCH,
                         "more bytes than the %" G_GINT64_FORMAT " that were announced", writer->expected.size);
    sluice_hasher_update(writer->hasher, data, length);
    writer->size += (int64_t)length;
    if (writer->size > CAS_INLINE_MAX)
        return write_to_file(writer, data, length, error);
    g_byte_array_append(writer->start, data, (guint)length);
    return TRUE;
}

int64_t sluice_blob_writer_get_size(SluiceBlobWriter *writer)
{
    return writer->size;
}

static gboolean finish_file(SluiceBlobWriter *writer, GError **error)
{
    if (writer->fd < 0)
        return TRUE;
    gboolean ok = cas_finish_object(writer->fd, FALSE);
    int code = errno;
    if (close(writer->fd) != 0 && ok) {
        ok = FALSE;
        code = errno;
    }
    writer->fd = -1;
    return ok || cas_error_errno(error, code, "%s: cannot write a blob", writer->store->index->path);
}

gboolean sluice_blob_writer_commit(SluiceBlobWriter *writer, SluiceDigest *out, GError **error)
{
    CasPending pending = {0};
    if (writer->committed)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "this upload is finished already");
    sluice_hasher_finish(writer->hasher, &pending.digest);
    writer->committed = TRUE;
    if (!check_expected(writer->has_expected ? &writer->expected : NULL, &pending.digest, error) ||
        !finish_file(writer, error))
        return FALSE;
    if (out != NULL)
        *out = pending.digest;
    if (cas_blob_is_known(writer->store->index, &pending.digest))
        return cas_touch_flush(writer->store->index, error);
    pending.temporary = g_steal_pointer(&writer->temporary);
    if (pending.temporary == NULL)
        pending.data = writer->start->data;
    return cas_commit_pending(writer->store->index, &pending, 1, NULL, NULL, error);
}

void sluice_blob_writer_free(SluiceBlobWriter *writer)
{
    if (writer == NULL)
        return;
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->temporary != NULL)
        unlinkat(writer->store->index->root_fd, writer->temporary, 0);
    sluice_hasher_free(writer->hasher);
    g_byte_array_unref(writer->start);
    g_free(writer->temporary);
    g_free(writer);
}
