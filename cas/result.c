/* The action cache.  A record is the time of its last use (uint32), then the bytes of the ActionResult. */
#include "cas-private.h"

#include <string.h>

void cas_pack_digest(const SluiceDigest *digest, uint8_t out[CAS_PACKED_DIGEST])
{
    uint64_t size = GUINT64_TO_BE((uint64_t)digest->size);
    memcpy(out, digest->hash, SLUICE_HASH_BYTES);
    memcpy(out + SLUICE_HASH_BYTES, &size, sizeof size);
}

void cas_unpack_digest(const uint8_t in[CAS_PACKED_DIGEST], SluiceDigest *out)
{
    uint64_t size;
    memcpy(out->hash, in, SLUICE_HASH_BYTES);
    memcpy(&size, in + SLUICE_HASH_BYTES, sizeof size);
    out->size = (int64_t)GUINT64_FROM_BE(size);
}

static gboolean no_result(const SluiceDigest *key, GError **error)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    return cas_error(error, SLUICE_CAS_ERROR_NOT_FOUND, "no result is cached for action %s",
                     sluice_digest_string(key, text));
}

GBytes *sluice_store_get_result(SluiceStore *store, const SluiceDigest *key, GError **error)
{
    uint8_t packed[CAS_PACKED_DIGEST];
    uint32_t used;
    GBytes *bytes = NULL;
    MDB_val value;
    CasTxn txn;
    cas_pack_digest(key, packed);
    if (!cas_txn_read(store->index, &txn, error))
        return NULL;
    int code = cas_get(&txn, CAS_DB_RESULTS, packed, sizeof packed, &value);
    if (code == 0 && value.mv_size >= sizeof used) {
        memcpy(&used, value.mv_data, sizeof used);
        bytes = g_bytes_new((const uint8_t *)value.mv_data + sizeof used, value.mv_size - sizeof used);
    }
    cas_txn_end(&txn);
    if (code != 0 && code != MDB_NOTFOUND)
        cas_error_mdb(store->index, error, code, "cannot read a result");
    else if (bytes == NULL)
        no_result(key, error);
    if (bytes == NULL)
        return NULL;
    cas_touch(store->index, CAS_DB_RESULTS, packed, sizeof packed, used);
    cas_touch_flush_if_due(store->index);
    return bytes;
}

/* Removes the old record from the sum of what is used. */
static gsize old_length(CasTxn *txn, CasDb db, const void *key, gsize key_length)
{
    MDB_val value;
    if (cas_get(txn, db, key, key_length, &value) != 0)
        return 0;
    txn->delta.disk_bytes -= cas_record_cost(value.mv_size);
    return value.mv_size;
}

gboolean cas_replace_record(CasTxn *txn, CasDb db, const void *key, gsize key_length, GByteArray *record,
                            GError **error)
{
    old_length(txn, db, key, key_length);
    txn->delta.disk_bytes += cas_record_cost(record->len);
    int code = cas_put(txn, db, key, key_length, record->data, record->len);
    return code == 0 || cas_error_mdb(txn->index, error, code, "cannot write to the index");
}

int cas_remove_record(CasTxn *txn, CasDb db, const void *key, gsize key_length)
{
    old_length(txn, db, key, key_length);
    return cas_delete(txn, db, key, key_length);
}

gboolean sluice_store_put_result(SluiceStore *store, const SluiceDigest *key, GBytes *result, GError **error)
{
    uint8_t packed[CAS_PACKED_DIGEST];
    uint32_t now = cas_now();
    gsize length;
    const void *data = g_bytes_get_data(result, &length);
    if (length > CAS_RESULT_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "an ActionResult of %" G_GSIZE_FORMAT " bytes is too large",
                         length);
    cas_pack_digest(key, packed);
    g_autoptr(GByteArray) record = g_byte_array_sized_new((guint)(sizeof now + length));
    g_byte_array_append(record, (const uint8_t *)&now, sizeof now);
    if (length > 0)
        g_byte_array_append(record, data, (guint)length);
    g_auto(CasTxn) txn = {0};
    return cas_txn_write(store->index, &txn, error) &&
           cas_replace_record(&txn, CAS_DB_RESULTS, packed, sizeof packed, record, error) &&
           cas_txn_commit(&txn, error);
}

gboolean sluice_store_delete_result(SluiceStore *store, const SluiceDigest *key, GError **error)
{
    uint8_t packed[CAS_PACKED_DIGEST];
    g_auto(CasTxn) txn = {0};
    cas_pack_digest(key, packed);
    if (!cas_txn_write(store->index, &txn, error))
        return FALSE;
    int code = cas_remove_record(&txn, CAS_DB_RESULTS, packed, sizeof packed);
    if (code == MDB_NOTFOUND)
        return no_result(key, error);
    if (code != 0)
        return cas_error_mdb(store->index, error, code, "cannot delete a result");
    return cas_txn_commit(&txn, error);
}
