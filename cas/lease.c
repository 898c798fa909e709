/* Leases.  Key: session id, serial of the lease (big-endian), kind, digest.  They end with the lease, or with the session. */
#include "cas-private.h"

#include <string.h>

struct SluiceLease {
    CasIndex *index;
    uint32_t serial;
    GMutex lock;
    GHashTable *added; /* GBytes: keys that are in the index already */
};

SluiceLease *sluice_lease_new(SluiceStore *store, GError **error)
{
    if (!cas_session_ensure(store->index, error))
        return NULL;
    SluiceLease *lease = g_new0(SluiceLease, 1);
    lease->index = store->index;
    lease->serial = (uint32_t)g_atomic_int_add(&store->index->lease_serial, 1) + 1;
    g_mutex_init(&lease->lock);
    lease->added = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    return lease;
}

static gsize make_prefix(const char *session_id, uint32_t serial, uint8_t out[CAS_LEASE_KEY])
{
    uint32_t big_endian = GUINT32_TO_BE(serial);
    memcpy(out, session_id, CAS_SESSION_ID_LENGTH);
    memcpy(out + CAS_SESSION_ID_LENGTH, &big_endian, sizeof big_endian);
    return CAS_SESSION_ID_LENGTH + sizeof big_endian;
}

static gboolean write_lease(CasIndex *index, const uint8_t *key, const SluiceDigest *digest, GError **error)
{
    g_auto(CasTxn) txn = {0};
    CasBlobRecord record;
    if (!cas_txn_write(index, &txn, error))
        return FALSE;
    /* Under the writer lock: once this is committed, what was there stays there. */
    if (!sluice_digest_equal(digest, &sluice_digest_empty) && !cas_blob_find(&txn, digest, &record, NULL))
        return cas_error_missing(error, digest);
    int code = cas_put(&txn, CAS_DB_LEASES, key, CAS_LEASE_KEY, "", 0);
    if (code != 0)
        return cas_error_mdb(index, error, code, "cannot write a lease");
    return cas_bump_generation(&txn, error) && cas_txn_commit(&txn, error);
}

static gboolean add(SluiceLease *lease, uint8_t kind, const SluiceDigest *digest, GError **error)
{
    uint8_t key[CAS_LEASE_KEY];
    gsize prefix = make_prefix(lease->index->session_id, lease->serial, key);
    key[prefix] = kind;
    cas_pack_digest(digest, key + prefix + 1);
    GBytes *added = g_bytes_new(key, sizeof key);
    g_mutex_lock(&lease->lock);
    gboolean ok = g_hash_table_contains(lease->added, added) || write_lease(lease->index, key, digest, error);
    if (ok)
        g_hash_table_add(lease->added, g_steal_pointer(&added));
    g_mutex_unlock(&lease->lock);
    g_clear_pointer(&added, g_bytes_unref);
    /* cppcheck-suppress memleak ; it was cleared, or the table has it */
    return ok;
}

gboolean sluice_lease_add_blob(SluiceLease *lease, const SluiceDigest *digest, GError **error)
{
    return add(lease, CAS_LEASE_BLOB, digest, error);
}

gboolean sluice_lease_add_tree(SluiceLease *lease, const SluiceDigest *root, GError **error)
{
    return add(lease, CAS_LEASE_TREE, root, error);
}

gboolean cas_lease_drop(CasTxn *txn, const char *session_id, uint32_t serial, GError **error)
{
    uint8_t prefix[CAS_LEASE_KEY];
    gsize length = serial != 0 ? make_prefix(session_id, serial, prefix) : strlen(session_id);
    MDB_cursor *cursor = NULL;
    MDB_val key = {.mv_size = length, .mv_data = prefix}, value;
    if (serial == 0)
        memcpy(prefix, session_id, length);
    int code = mdb_cursor_open(txn->mdb, txn->index->db[CAS_DB_LEASES], &cursor);
    if (code == 0)
        code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && key.mv_size >= length && memcmp(key.mv_data, prefix, length) == 0) {
        code = mdb_cursor_del(cursor, 0);
        if (code == 0)
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    return code == 0 || code == MDB_NOTFOUND || cas_error_mdb(txn->index, error, code, "cannot drop a lease");
}

void sluice_lease_free(SluiceLease *lease)
{
    if (lease == NULL)
        return;
    if (g_hash_table_size(lease->added) > 0) {
        g_auto(CasTxn) txn = {0};
        /* A failure leaves the lease to the next gc after the end of this process. */
        if (cas_txn_write(lease->index, &txn, NULL) &&
            cas_lease_drop(&txn, lease->index->session_id, lease->serial, NULL))
            cas_txn_commit(&txn, NULL);
    }
    g_hash_table_unref(lease->added);
    g_mutex_clear(&lease->lock);
    g_free(lease);
}
