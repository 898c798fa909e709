/*
 * Eviction.  A plan is made from one snapshot: every blob, result and ref with the time of its last use, where
 *   - what a ref keeps counts as used when the ref was,
 *   - what a lease holds is not in the plan at all.
 * It is sorted by that time (refs of one time with what only they keep, one ref after the other) and carried out from its old end until enough is free, in batches, each a transaction.  If a lease or ref
 * was added meanwhile (the generation changed), a new plan is made under the writer lock.  A batch skips what was used since.
 *
 * Files are removed after the records were committed, under the writer lock, if there is no record (again).
 */
#include "cas-private.h"

#include <string.h>

#define GC_BATCH       5000 /* evictions in one transaction */
#define GC_BATCH_TIGHT 25   /* where the disk is full: a transaction writes before it frees */

/* In this order where all else is equal.  A note counts, and goes, with its result; one alone is an item. */
typedef enum { ITEM_REF, ITEM_RESULT, ITEM_NOTE, ITEM_BLOB } ItemKind;

typedef struct {
    ItemKind kind;
    uint32_t used;      /* as recorded: unchanged, or it was used since */
    uint32_t effective; /* with what keeps it */
    guint group;        /* of equal times: the ref, or the last one of those that keep it */
    gboolean held;
    int64_t cost, size;
    const void *key; /* in the plan's pool */
    gsize key_length;
} Item;

typedef struct {
    CasTxn *txn;
    uint64_t generation;
    GArray *items;
    GHashTable *blobs; /* hash (32 bytes) -> index in items + 1 */
    GStringChunk *keys;
    int64_t total;
    guint next;
} Plan;

/* ---- Making a plan -------------------------------------------------------------------------------------------------------------- */

static guint hash_of_hash(gconstpointer key)
{
    guint value;
    memcpy(&value, key, sizeof value);
    return value;
}

static gboolean hashes_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, SLUICE_HASH_BYTES) == 0;
}

static void plan_free(Plan *plan)
{
    g_array_unref(plan->items);
    g_hash_table_unref(plan->blobs);
    g_string_chunk_free(plan->keys);
    g_free(plan);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

static void add_item(Plan *plan, ItemKind kind, const MDB_val *key, const MDB_val *value)
{
    MDB_val note;
    Item item = {.kind = kind, .key_length = key->mv_size, .cost = cas_record_cost(value->mv_size)};
    if (kind == ITEM_NOTE && cas_get(plan->txn, CAS_DB_RESULTS, key->mv_data, key->mv_size, &note) == 0)
        return;
    if (kind == ITEM_BLOB) {
        CasBlobRecord record = {0};
        memcpy(&record, value->mv_data, MIN(sizeof record, value->mv_size));
        item.used = record.used;
        item.size = record.size;
        item.cost = cas_blob_cost(&record);
    } else {
        memcpy(&item.used, value->mv_data, MIN(sizeof item.used, value->mv_size));
        if (kind == ITEM_RESULT && cas_get(plan->txn, CAS_DB_NOTES, key->mv_data, key->mv_size, &note) == 0)
            item.cost += cas_record_cost(note.mv_size);
    }
    item.effective = item.used;
    item.key = g_string_chunk_insert_len(plan->keys, key->mv_data, (gssize)key->mv_size);
    g_array_append_val(plan->items, item);
    plan->total += item.cost;
    if (kind == ITEM_BLOB && key->mv_size == SLUICE_HASH_BYTES)
        g_hash_table_insert(plan->blobs, (gpointer)item.key, GUINT_TO_POINTER(plan->items->len));
}

static gboolean add_items(Plan *plan, CasDb db, ItemKind kind, GError **error)
{
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int code = mdb_cursor_open(plan->txn->mdb, plan->txn->index->db[db], &cursor);
    while (code == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        add_item(plan, kind, &key, &value);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND || cas_error_mdb(plan->txn->index, error, code, "cannot read the index");
}

/* How what is marked now is kept: at least until `effective`, or for sure. */
typedef struct {
    Plan *plan;
    uint32_t effective;
    guint group;
    gboolean held;
    GHashTable *done; /* Directories that were marked with the same or a later time */
} Mark;

static Item *mark_blob(Mark *mark, const SluiceDigest *digest)
{
    guint at = GPOINTER_TO_UINT(g_hash_table_lookup(mark->plan->blobs, digest->hash));
    if (at == 0)
        return NULL;
    Item *item = &g_array_index(mark->plan->items, Item, at - 1);
    if (item->effective < mark->effective) {
        item->effective = mark->effective;
        item->group = mark->group;
    } else if (item->effective == mark->effective) {
        item->group = MAX(item->group, mark->group);
    }
    item->held = item->held || mark->held;
    return item;
}

/* NULL: absent or no Directory; then there is nothing below it to keep. */
static SluiceDirectory *read_directory(CasTxn *txn, const SluiceDigest *digest)
{
    CasBlobRecord record;
    const void *data;
    if (!cas_blob_find(txn, digest, &record, &data))
        return NULL;
    if (data != NULL)
        return sluice_directory_decode(data, (gsize)record.size, NULL);
    g_autoptr(GBytes) bytes = cas_read_object(txn->index, digest, record.flags);
    return bytes != NULL ? sluice_directory_decode(g_bytes_get_data(bytes, NULL), (gsize)record.size, NULL) : NULL;
}

static void mark_tree(Mark *mark, const SluiceDigest *digest, unsigned depth)
{
    Item *item = mark_blob(mark, digest);
    if (item == NULL || depth > CAS_DEPTH_MAX || !g_hash_table_add(mark->done, (gpointer)item->key))
        return;
    g_autoptr(SluiceDirectory) directory = read_directory(mark->plan->txn, digest);
    gsize count = 0;
    const SluiceEntry *entries = directory != NULL ? sluice_directory_get_entries(directory, &count) : NULL;
    for (gsize i = 0; i < count; i++) {
        if (entries[i].type == SLUICE_ENTRY_DIRECTORY)
            mark_tree(mark, &entries[i].digest, depth + 1);
        else if (entries[i].type == SLUICE_ENTRY_FILE)
            mark_blob(mark, &entries[i].digest);
    }
}

static gboolean mark_leases(Mark *mark, GError **error)
{
    CasTxn *txn = mark->plan->txn;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    int code = mdb_cursor_open(txn->mdb, txn->index->db[CAS_DB_LEASES], &cursor);
    while (code == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        SluiceDigest digest;
        if (key.mv_size != CAS_LEASE_KEY)
            continue;
        const uint8_t *packed = (const uint8_t *)key.mv_data + CAS_LEASE_KEY - CAS_PACKED_DIGEST;
        cas_unpack_digest(packed, &digest);
        if (packed[-1] == CAS_LEASE_TREE)
            mark_tree(mark, &digest, 0);
        else
            mark_blob(mark, &digest);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND || cas_error_mdb(txn->index, error, code, "cannot read the leases");
}

static void mark_ref(Mark *mark, const Item *ref)
{
    MDB_val key = {.mv_size = ref->key_length, .mv_data = (void *)ref->key}, value;
    CasRefView view;
    if (cas_get(mark->plan->txn, CAS_DB_REFS, ref->key, ref->key_length, &value) != 0 ||
        !cas_ref_parse(&key, &value, &view))
        return;
    mark->effective = view.used;
    for (gsize i = 0; i < view.n_trees + view.n_blobs; i++) {
        SluiceDigest digest;
        cas_unpack_digest(view.digests + i * CAS_PACKED_DIGEST, &digest);
        if (i < view.n_trees)
            mark_tree(mark, &digest, 0);
        else
            mark_blob(mark, &digest);
    }
}

static int by_use(gconstpointer a, gconstpointer b)
{
    const Item *x = a, *y = b;
    if (x->effective != y->effective)
        return x->effective < y->effective ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

/* Refs used last go first, so that a Directory is read once for the latest of those that keep it. */
static gboolean mark_all(Plan *plan, guint n_refs, GError **error)
{
    g_autoptr(GHashTable) done = g_hash_table_new(hash_of_hash, hashes_equal);
    Mark mark = {.plan = plan, .held = TRUE, .done = done};
    if (!mark_leases(&mark, error))
        return FALSE;
    g_hash_table_remove_all(done); /* not skipped below: a held tree is marked again, cheaply enough */
    mark.held = FALSE;
    for (guint i = n_refs; i > 0; i--) {
        Item *ref = &g_array_index(plan->items, Item, i - 1);
        ref->group = mark.group = i;
        mark_ref(&mark, ref);
    }
    return TRUE;
}

static void drop_held(Plan *plan)
{
    guint kept = 0;
    for (guint i = 0; i < plan->items->len; i++)
        if (!g_array_index(plan->items, Item, i).held)
            g_array_index(plan->items, Item, kept++) = g_array_index(plan->items, Item, i);
    g_array_set_size(plan->items, kept);
}

static Plan *plan_new(CasTxn *txn, GError **error)
{
    g_autoptr(Plan) plan = g_new0(Plan, 1);
    plan->txn = txn;
    plan->generation = cas_get_generation(txn);
    plan->items = g_array_new(FALSE, FALSE, sizeof(Item));
    plan->blobs = g_hash_table_new(hash_of_hash, hashes_equal);
    plan->keys = g_string_chunk_new(1 << 20);
    if (!add_items(plan, CAS_DB_REFS, ITEM_REF, error))
        return NULL;
    guint n_refs = plan->items->len;
    g_array_sort(plan->items, by_use);
    if (!add_items(plan, CAS_DB_RESULTS, ITEM_RESULT, error) || !add_items(plan, CAS_DB_NOTES, ITEM_NOTE, error) ||
        !add_items(plan, CAS_DB_BLOBS, ITEM_BLOB, error) || !mark_all(plan, n_refs, error))
        return NULL;
    drop_held(plan);
    g_array_sort(plan->items, by_use);
    plan->txn = NULL;
    return g_steal_pointer(&plan);
}

static Plan *plan_from_snapshot(CasIndex *index, GError **error)
{
    CasTxn txn;
    if (!cas_txn_read(index, &txn, error))
        return NULL;
    Plan *plan = plan_new(&txn, error);
    cas_txn_end(&txn);
    return plan;
}

/* ---- Carrying it out -------------------------------------------------------------------------------------------------------------- */

static const CasDb item_db[] = {
    [ITEM_REF] = CAS_DB_REFS, [ITEM_RESULT] = CAS_DB_RESULTS, [ITEM_NOTE] = CAS_DB_NOTES, [ITEM_BLOB] = CAS_DB_BLOBS};

static gboolean was_used_since(CasTxn *txn, const Item *item)
{
    MDB_val value;
    uint32_t used = 0;
    gsize offset = item->kind == ITEM_BLOB ? G_STRUCT_OFFSET(CasBlobRecord, used) : 0;
    if (cas_get(txn, item_db[item->kind], item->key, item->key_length, &value) != 0 ||
        value.mv_size < offset + sizeof used)
        return FALSE;
    memcpy(&used, (const uint8_t *)value.mv_data + offset, sizeof used);
    return used != item->used;
}

static int evict(CasTxn *txn, const Item *item, GArray *hashes, SluiceGcStats *stats)
{
    if (item->kind != ITEM_BLOB) {
        int code = item->kind == ITEM_RESULT ? cas_remove_result(txn, item->key, item->key_length)
                                             : cas_remove_record(txn, item_db[item->kind], item->key, item->key_length);
        stats->refs_removed += item->kind == ITEM_REF && code == 0;
        stats->results_removed += item->kind == ITEM_RESULT && code == 0;
        return code;
    }
    int code = cas_delete_blob_record(txn, item->key);
    if (code != 0)
        return code;
    g_array_append_vals(hashes, item->key, 1);
    stats->blobs_removed++;
    stats->bytes_removed += (uint64_t)item->size;
    return 0;
}

/* One transaction's worth; the objects to unlink are added to `hashes`. */
static gboolean evict_batch(CasIndex *index, Plan **plan, int64_t target, int batch, GArray *hashes,
                            SluiceGcStats *stats, GError **error)
{
    g_auto(CasTxn) txn = {0};
    if (!cas_txn_write(index, &txn, error))
        return FALSE;
    if (cas_get_generation(&txn) != (*plan)->generation) {
        g_clear_pointer(plan, plan_free);
        *plan = plan_new(&txn, error);
        if (*plan == NULL)
            return FALSE;
    }
    Plan *now = *plan;
    SluiceGcStats before = *stats;
    for (int i = 0; i < batch && now->total > target && now->next < now->items->len; i++) {
        const Item *item = &g_array_index(now->items, Item, now->next++);
        if (was_used_since(&txn, item))
            continue;
        int code = evict(&txn, item, hashes, stats);
        if (code != 0 && code != MDB_NOTFOUND) {
            *stats = before;
            return cas_error_mdb(index, error, code, "cannot evict");
        }
        now->total -= item->cost;
    }
    if (cas_txn_commit(&txn, error))
        return TRUE;
    *stats = before;
    return FALSE;
}

static gboolean evict_all(CasIndex *index, uint64_t target, int batch, SluiceGcStats *stats, GError **error)
{
    int64_t limit = (int64_t)MIN(target, G_MAXINT64);
    g_autoptr(Plan) plan = plan_from_snapshot(index, error);
    g_autoptr(GArray) hashes = g_array_new(FALSE, FALSE, SLUICE_HASH_BYTES);
    while (plan != NULL && plan->total > limit && plan->next < plan->items->len) {
        g_array_set_size(hashes, 0);
        if (!evict_batch(index, &plan, limit, batch, hashes, stats, error) ||
            !cas_unlink_unreferenced(index, hashes, NULL, error))
            return FALSE;
    }
    return plan != NULL;
}

/* Known files whose blob is gone would only be looked up in vain. */
static gboolean sweep_known_files(CasIndex *index, GError **error)
{
    g_auto(CasTxn) txn = {0};
    MDB_cursor *cursor = NULL;
    MDB_val key, value, blob;
    gboolean changed = FALSE;
    if (!cas_txn_write(index, &txn, error))
        return FALSE;
    uint32_t now = cas_now();
    int code = mdb_cursor_open(txn.mdb, index->db[CAS_DB_STAT], &cursor);
    while (code == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        CasStatRecord record = {0};
        memcpy(&record, value.mv_data, MIN(sizeof record, value.mv_size));
        if (now - record.seen < CAS_STAT_MAX_AGE && record.size > 0 &&
            cas_get(&txn, CAS_DB_BLOBS, record.hash, SLUICE_HASH_BYTES, &blob) == 0)
            continue;
        code = mdb_cursor_del(cursor, 0);
        changed = TRUE;
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (code != MDB_NOTFOUND)
        return cas_error_mdb(index, error, code, "cannot clean the index");
    return !changed || cas_txn_commit(&txn, error);
}

/* Files of processes that were killed between writing them and recording them. */
gboolean cas_sweep_objects(CasIndex *index, SluiceGcStats *stats, GError **error)
{
    g_autoptr(GArray) objects = cas_list_objects(index, error);
    g_autoptr(GArray) hashes = g_array_new(FALSE, FALSE, SLUICE_HASH_BYTES);
    CasTxn txn;
    if (objects == NULL || !cas_txn_read(index, &txn, error))
        return FALSE;
    for (guint i = 0; i < objects->len; i++) {
        const CasObject *object = &g_array_index(objects, CasObject, i);
        CasBlobRecord record = {0};
        MDB_val value;
        if (cas_get(&txn, CAS_DB_BLOBS, object->hash, SLUICE_HASH_BYTES, &value) == 0)
            memcpy(&record, value.mv_data, MIN(sizeof record, value.mv_size));
        if (!(record.flags & (object->executable ? CAS_BLOB_EXEC : CAS_BLOB_PLAIN)))
            g_array_append_vals(hashes, object->hash, 1);
    }
    cas_txn_end(&txn);
    return hashes->len == 0 || cas_unlink_unreferenced(index, hashes, &stats->temporaries_removed, error);
}

static gboolean collect(CasIndex *index, uint64_t target, int batch, SluiceGcStats *stats, GError **error)
{
    if (!cas_touch_flush(index, error) || !cas_session_sweep(index, &stats->temporaries_removed, error) ||
        !cas_sweep_objects(index, stats, error))
        return FALSE;
    if (target != G_MAXUINT64 && !evict_all(index, target, batch, stats, error))
        return FALSE;
    return sweep_known_files(index, error);
}

gboolean sluice_store_gc(SluiceStore *store, uint64_t target_bytes, SluiceGcStats *stats, GError **error)
{
    CasIndex *index = store->index;
    SluiceGcStats unused = {0};
    GError *problem = NULL;
    int dead = 0;
    if (stats == NULL)
        stats = &unused;
    *stats = (SluiceGcStats){0};
    if (!cas_require_writable(index, error))
        return FALSE;
    g_rw_lock_reader_lock(&index->map_lock);
    if (index->env != NULL)
        mdb_reader_check(index->env, &dead);
    g_rw_lock_reader_unlock(&index->map_lock);
    gboolean ok = collect(index, target_bytes, GC_BATCH, stats, &problem);
    if (g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_FULL) && cas_reserve_release(index)) {
        g_clear_error(&problem);
        ok = collect(index, target_bytes, GC_BATCH_TIGHT, stats, &problem);
    }
    cas_compact(index);
    cas_reserve_make(index);
    if (!ok)
        g_propagate_error(error, problem);
    return ok;
}
