/* The action cache.  A record is the time of its last use (uint32), then the bytes of the ActionResult; in a table of their own, notes are the
 * time of their writing and their bytes. */
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

int cas_remove_result(CasTxn *txn, const void *key, gsize key_length)
{
    int code = cas_remove_record(txn, CAS_DB_NOTES, key, key_length);
    return code == 0 || code == MDB_NOTFOUND ? cas_remove_record(txn, CAS_DB_RESULTS, key, key_length) : code;
}

/* The time, then the bytes. */
static gboolean replace(CasTxn *txn, CasDb db, const uint8_t packed[CAS_PACKED_DIGEST], GBytes *bytes, GError **error)
{
    uint32_t now = cas_now();
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    g_autoptr(GByteArray) record = g_byte_array_sized_new((guint)(sizeof now + length));
    g_byte_array_append(record, (const uint8_t *)&now, sizeof now);
    if (length > 0)
        g_byte_array_append(record, data, (guint)length);
    return cas_replace_record(txn, db, packed, CAS_PACKED_DIGEST, record, error);
}

/* NULL: none; what was there goes. */
static gboolean replace_note(CasTxn *txn, const uint8_t packed[CAS_PACKED_DIGEST], GBytes *note, GError **error)
{
    if (note != NULL)
        return replace(txn, CAS_DB_NOTES, packed, note, error);
    int code = cas_remove_record(txn, CAS_DB_NOTES, packed, CAS_PACKED_DIGEST);
    return code == 0 || code == MDB_NOTFOUND ||
           cas_error_mdb(txn->index, error, code, "cannot delete the note of a result");
}

static gboolean check_length(GBytes *bytes, gsize most, const char *what, GError **error)
{
    gsize length = bytes != NULL ? g_bytes_get_size(bytes) : 0;
    return length <= most ||
           cas_error(error, SLUICE_CAS_ERROR_INVALID, "%s of %" G_GSIZE_FORMAT " bytes is too large", what, length);
}

gboolean sluice_store_put_result_with_note(SluiceStore *store, const SluiceDigest *key, GBytes *result, GBytes *note,
                                           GError **error)
{
    uint8_t packed[CAS_PACKED_DIGEST];
    g_auto(CasTxn) txn = {0};
    cas_pack_digest(key, packed);
    return check_length(result, CAS_RESULT_MAX, "an ActionResult", error) &&
           check_length(note, CAS_NOTE_MAX, "a note", error) && cas_txn_write(store->index, &txn, error) &&
           replace(&txn, CAS_DB_RESULTS, packed, result, error) && replace_note(&txn, packed, note, error) &&
           cas_txn_commit(&txn, error);
}

gboolean sluice_store_put_result(SluiceStore *store, const SluiceDigest *key, GBytes *result, GError **error)
{
    return sluice_store_put_result_with_note(store, key, result, NULL, error);
}

gboolean sluice_store_delete_result(SluiceStore *store, const SluiceDigest *key, GError **error)
{
    uint8_t packed[CAS_PACKED_DIGEST];
    g_auto(CasTxn) txn = {0};
    cas_pack_digest(key, packed);
    if (!cas_txn_write(store->index, &txn, error))
        return FALSE;
    int code = cas_remove_result(&txn, packed, sizeof packed);
    if (code == MDB_NOTFOUND)
        return no_result(key, error);
    if (code != 0)
        return cas_error_mdb(store->index, error, code, "cannot delete a result");
    return cas_txn_commit(&txn, error);
}

/* ---- Notes ------------------------------------------------------------------------------------------------------------------ */

GBytes *sluice_store_get_result_note(SluiceStore *store, const SluiceDigest *key, GError **error)
{
    uint8_t packed[CAS_PACKED_DIGEST];
    GBytes *bytes = NULL;
    MDB_val value;
    CasTxn txn;
    cas_pack_digest(key, packed);
    if (!cas_txn_read(store->index, &txn, error))
        return NULL;
    int code = cas_get(&txn, CAS_DB_NOTES, packed, sizeof packed, &value);
    if (code == 0 && value.mv_size >= sizeof(uint32_t))
        bytes = g_bytes_new((const uint8_t *)value.mv_data + sizeof(uint32_t), value.mv_size - sizeof(uint32_t));
    cas_txn_end(&txn);
    if (code != 0 && code != MDB_NOTFOUND)
        cas_error_mdb(store->index, error, code, "cannot read the note of a result");
    else if (bytes == NULL)
        cas_error(error, SLUICE_CAS_ERROR_NOT_FOUND, "there is no note on this result");
    return bytes;
}

static gboolean holds(const MDB_val *value, GBytes *bytes)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    return value->mv_size == sizeof(uint32_t) + length &&
           (length == 0 || memcmp((const uint8_t *)value->mv_data + sizeof(uint32_t), data, length) == 0);
}

gboolean sluice_store_change_result(SluiceStore *store, const SluiceDigest *key, GBytes *expected, GBytes *result,
                                    GBytes *note, gboolean *changed, GError **error)
{
    uint8_t packed[CAS_PACKED_DIGEST];
    MDB_val value;
    g_auto(CasTxn) txn = {0};
    *changed = FALSE;
    cas_pack_digest(key, packed);
    if (!check_length(result, CAS_RESULT_MAX, "an ActionResult", error) ||
        !check_length(note, CAS_NOTE_MAX, "a note", error) || !cas_txn_write(store->index, &txn, error))
        return FALSE;
    int code = cas_get(&txn, CAS_DB_RESULTS, packed, sizeof packed, &value);
    if (code == MDB_NOTFOUND || (code == 0 && !holds(&value, expected)))
        return TRUE;
    if (code == 0 && result == NULL)
        code = cas_remove_record(&txn, CAS_DB_RESULTS, packed, sizeof packed);
    if (code != 0)
        return cas_error_mdb(store->index, error, code, "cannot change a result");
    *changed = (result == NULL || replace(&txn, CAS_DB_RESULTS, packed, result, error)) &&
               replace_note(&txn, packed, note, error) && cas_txn_commit(&txn, error);
    return *changed;
}

/* ---- All of them -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    CasTxn *txn;
    const char *prefix;
    uint8_t first[CAS_PACKED_DIGEST]; /* the least key with the prefix */
    SluiceResultFunc func;
    gpointer data;
    gboolean ended;
} Walk;

static gboolean walk_init(Walk *walk, GError **error)
{
    gsize length = strlen(walk->prefix);
    if (length > 2 * SLUICE_HASH_BYTES || strspn(walk->prefix, "0123456789abcdef") != length)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "\"%s\" does not begin a hash", walk->prefix);
    for (gsize i = 0; i < length; i++)
        walk->first[i / 2] |= (uint8_t)(g_ascii_xdigit_value(walk->prefix[i]) << (i % 2 == 0 ? 4 : 0));
    return TRUE;
}

static gboolean has_prefix(const Walk *walk, const MDB_val *key)
{
    gsize digits = strlen(walk->prefix);
    const uint8_t *hash = key->mv_data;
    return key->mv_size == CAS_PACKED_DIGEST && memcmp(hash, walk->first, digits / 2) == 0 &&
           (digits % 2 == 0 || (hash[digits / 2] & 0xf0) == walk->first[digits / 2]);
}

static void tell(Walk *walk, CasDb db, const MDB_val *key, const MDB_val *value)
{
    SluiceResultEntry entry = {.stored = db == CAS_DB_RESULTS};
    MDB_val other;
    CasDb other_db = entry.stored ? CAS_DB_NOTES : CAS_DB_RESULTS;
    gboolean both = cas_get(walk->txn, other_db, key->mv_data, key->mv_size, &other) == 0;
    if (value->mv_size < sizeof entry.used || (both && !entry.stored))
        return; /* of both, the walk over results told */
    const MDB_val *note = entry.stored ? &other : value;
    cas_unpack_digest(key->mv_data, &entry.key);
    memcpy(&entry.used, value->mv_data, sizeof entry.used);
    entry.result_length = entry.stored ? value->mv_size - sizeof entry.used : 0;
    if ((both || !entry.stored) && note->mv_size >= sizeof entry.used) {
        entry.note = (const uint8_t *)note->mv_data + sizeof entry.used;
        entry.note_length = note->mv_size - sizeof entry.used;
    }
    walk->ended = !walk->func(&entry, walk->data);
}

static int walk_over(Walk *walk, CasDb db)
{
    MDB_cursor *cursor = NULL;
    MDB_val key = {.mv_size = sizeof walk->first, .mv_data = walk->first}, value;
    int code = mdb_cursor_open(walk->txn->mdb, walk->txn->index->db[db], &cursor);
    if (code == 0)
        code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && !walk->ended && has_prefix(walk, &key)) {
        tell(walk, db, &key, &value);
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

gboolean sluice_store_each_result(SluiceStore *store, const char *prefix, SluiceResultFunc func, gpointer data,
                                  GError **error)
{
    CasTxn txn;
    Walk walk = {.txn = &txn, .prefix = prefix, .func = func, .data = data};
    if (!walk_init(&walk, error) || !cas_txn_read(store->index, &txn, error))
        return FALSE;
    int code = walk_over(&walk, CAS_DB_RESULTS);
    if (code == 0)
        code = walk_over(&walk, CAS_DB_NOTES);
    cas_txn_end(&txn);
    return code == 0 || cas_error_mdb(store->index, error, code, "cannot read the results");
}
