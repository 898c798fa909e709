/*
 * Notes of use, for the order of eviction.  A read must not write, so they are kept in memory, only for what was not noted within
 * the last hour, and written in batches.
 */
#include "cas-private.h"

#include <string.h>

static gsize used_offset(CasDb db)
{
    return db == CAS_DB_BLOBS ? G_STRUCT_OFFSET(CasBlobRecord, used) : 0; /* results and refs begin with it */
}

void cas_touch(CasIndex *index, CasDb db, const void *key, gsize key_length, uint32_t used)
{
    uint32_t now = cas_now();
    if (index->read_only || (used <= now && now - used < CAS_TOUCH_GRANULARITY))
        return;
    GByteArray *note = g_byte_array_sized_new((guint)key_length + 1);
    uint8_t kind = (uint8_t)db;
    g_byte_array_append(note, &kind, 1);
    g_byte_array_append(note, key, (guint)key_length);
    g_mutex_lock(&index->touch_lock);
    if (g_hash_table_size(index->touches) == 0)
        index->touches_since = now;
    g_hash_table_add(index->touches, g_byte_array_free_to_bytes(note));
    g_mutex_unlock(&index->touch_lock);
    /* cppcheck-suppress memleak ; the table has it */
}

static gboolean write_note(CasTxn *txn, GBytes *note, uint32_t now, GError **error)
{
    gsize length;
    const uint8_t *data = g_bytes_get_data(note, &length);
    CasDb db = (CasDb)data[0];
    MDB_val value;
    int code = cas_get(txn, db, data + 1, length - 1, &value);
    if (code == MDB_NOTFOUND || (code == 0 && value.mv_size < used_offset(db) + sizeof now))
        return TRUE; /* evicted meanwhile */
    if (code == 0) {
        g_autofree uint8_t *copy = g_memdup2(value.mv_data, value.mv_size);
        memcpy(copy + used_offset(db), &now, sizeof now);
        code = cas_put(txn, db, data + 1, length - 1, copy, value.mv_size);
    }
    return code == 0 || cas_error_mdb(txn->index, error, code, "cannot note a use");
}

static GHashTable *take_notes(CasIndex *index)
{
    GHashTable *fresh = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    g_mutex_lock(&index->touch_lock);
    GHashTable *notes = index->touches;
    index->touches = fresh;
    g_mutex_unlock(&index->touch_lock);
    return notes;
}

gboolean cas_touch_flush(CasIndex *index, GError **error)
{
    g_mutex_lock(&index->touch_lock);
    gboolean nothing = g_hash_table_size(index->touches) == 0;
    g_mutex_unlock(&index->touch_lock);
    if (nothing)
        return TRUE;
    g_autoptr(GHashTable) notes = take_notes(index);
    g_auto(CasTxn) txn = {0};
    if (!cas_txn_write(index, &txn, error))
        return FALSE;
    GHashTableIter iter;
    gpointer note;
    g_hash_table_iter_init(&iter, notes);
    for (uint32_t now = cas_now(); g_hash_table_iter_next(&iter, &note, NULL);)
        if (!write_note(&txn, note, now, error))
            return FALSE;
    return cas_txn_commit(&txn, error);
}

void cas_touch_flush_if_due(CasIndex *index)
{
    g_mutex_lock(&index->touch_lock);
    guint waiting = g_hash_table_size(index->touches);
    gboolean due = waiting >= CAS_TOUCH_BATCH || (waiting > 0 && cas_now() - index->touches_since >= CAS_TOUCH_DELAY);
    g_mutex_unlock(&index->touch_lock);
    if (due)
        cas_touch_flush(index, NULL); /* a lost note only makes eviction less exact */
}
