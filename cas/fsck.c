/*
 * Checking the whole store: every blob is hashed (a blob's name is never trusted), results and refs are read and what they name is
 * looked up.  Others may go on using the store meanwhile; what they change is skipped.
 */
#include "cas-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 64 /* blobs in one job */

typedef struct {
    SluiceDigest digest;
    uint32_t flags, bad; /* CAS_BLOB_… */
    gboolean malformed;
} Checked;

typedef struct {
    SluiceStore *store;
    CasIndex *index;
    gboolean repair;
    SluiceFsckFunc report;
    SluiceProgressFunc progress;
    gpointer data;
    SluiceFsckStats *stats;
    GArray *blobs;       /* Checked */
    GPtrArray *dangling; /* GBytes: kind, key of results and refs to remove */
    GMutex lock;
} Fsck;

static void report(Fsck *fsck, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void report(Fsck *fsck, const char *format, ...)
{
    if (fsck->report == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    fsck->report(text, fsck->data);
}

/* ---- Blobs ---------------------------------------------------------------------------------------------------------------------- */

static gboolean list_blobs(Fsck *fsck, GError **error)
{
    g_auto(CasTxn) txn = {0};
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    if (!cas_txn_read(fsck->index, &txn, error))
        return FALSE;
    int code = mdb_cursor_open(txn.mdb, fsck->index->db[CAS_DB_BLOBS], &cursor);
    while (code == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        Checked checked = {0};
        CasBlobRecord record = {0};
        memcpy(checked.digest.hash, key.mv_data, MIN(key.mv_size, SLUICE_HASH_BYTES));
        memcpy(&record, value.mv_data, MIN(value.mv_size, sizeof record));
        checked.digest.size = record.size;
        checked.flags = record.flags;
        gsize expected = sizeof record + (record.flags & CAS_BLOB_INLINE ? (gsize)record.size : 0);
        checked.malformed = key.mv_size != SLUICE_HASH_BYTES || value.mv_size != expected || record.flags == 0;
        g_array_append_val(fsck->blobs, checked);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND || cas_error_mdb(fsck->index, error, code, "cannot read the index");
}

/* The flag if the inline bytes are wrong. */
static uint32_t check_inline(Fsck *fsck, const Checked *checked)
{
    g_auto(CasTxn) txn = {0};
    CasBlobRecord record;
    const void *data;
    SluiceDigest actual;
    if (!cas_txn_read(fsck->index, &txn, NULL) || !cas_blob_find(&txn, &checked->digest, &record, &data) ||
        data == NULL)
        return 0; /* evicted meanwhile */
    sluice_digest_of(data, (gsize)record.size, &actual);
    return sluice_digest_equal(&actual, &checked->digest) ? 0 : CAS_BLOB_INLINE;
}

static gboolean still_recorded(Fsck *fsck, const Checked *checked, uint32_t flag)
{
    g_auto(CasTxn) txn = {0};
    CasBlobRecord record;
    return cas_txn_read(fsck->index, &txn, NULL) && cas_blob_find(&txn, &checked->digest, &record, NULL) &&
           (record.flags & flag);
}

/* A build could run it, or not: modes are part of what is linked. */
static gboolean mode_is_right(Fsck *fsck, const CasObject *object)
{
    struct stat status;
    mode_t wanted = object->executable ? 0755 : 0644;
    if (fstatat(fsck->index->root_fd, object->name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        (status.st_mode & 07777) == wanted)
        return TRUE;
    if (fsck->repair)
        fchmodat(fsck->index->root_fd, object->name, wanted, 0);
    return FALSE;
}

static uint32_t check_variant(Fsck *fsck, const Checked *checked, gboolean executable, gboolean *bad_mode)
{
    CasObject object = {.executable = executable};
    SluiceDigest actual;
    uint32_t flag = executable ? CAS_BLOB_EXEC : CAS_BLOB_PLAIN;
    if (!(checked->flags & flag))
        return 0;
    memcpy(object.hash, checked->digest.hash, SLUICE_HASH_BYTES);
    cas_object_name(object.hash, executable, object.name);
    if (cas_object_is_good(fsck->index, &object, &actual) && actual.size == checked->digest.size) {
        *bad_mode = *bad_mode || !mode_is_right(fsck, &object);
        return 0;
    }
    return still_recorded(fsck, checked, flag) ? flag : 0;
}

static void check_blob(Fsck *fsck, Checked *checked, gboolean *bad_mode)
{
    if (checked->malformed)
        checked->bad = checked->flags;
    else if (checked->flags & CAS_BLOB_INLINE)
        checked->bad = check_inline(fsck, checked);
    else
        checked->bad = check_variant(fsck, checked, FALSE, bad_mode) | check_variant(fsck, checked, TRUE, bad_mode);
}

static void check_chunk(gpointer data, gpointer user_data)
{
    Fsck *fsck = user_data;
    guint first = GPOINTER_TO_UINT(data) - 1, end = MIN(first + CHUNK, fsck->blobs->len);
    for (guint i = first; i < end; i++) {
        Checked *checked = &g_array_index(fsck->blobs, Checked, i);
        char text[SLUICE_DIGEST_STRING_MAX];
        gboolean bad_mode = FALSE;
        check_blob(fsck, checked, &bad_mode);
        sluice_digest_string(&checked->digest, text);
        g_mutex_lock(&fsck->lock);
        fsck->stats->blobs_checked++;
        fsck->stats->bytes_checked += (uint64_t)MAX(checked->digest.size, 0);
        if (checked->malformed || checked->bad != 0) {
            fsck->stats->damaged++;
            report(fsck, "blob %s is damaged%s", text, fsck->repair ? "; it is removed" : "");
        } else if (bad_mode) {
            report(fsck, "blob %s: its file has the wrong mode%s", text, fsck->repair ? "; it is set right" : "");
        }
        if (fsck->progress != NULL)
            fsck->progress(fsck->stats->blobs_checked, fsck->blobs->len, fsck->data);
        g_mutex_unlock(&fsck->lock);
    }
}

static void check_blobs(Fsck *fsck)
{
    GThreadPool *pool = cas_thread_pool_new(check_chunk, fsck, g_get_num_processors());
    for (guint i = 0; i < fsck->blobs->len; i += CHUNK)
        g_thread_pool_push(pool, GUINT_TO_POINTER(i + 1), NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
}

/* ---- Results and refs -------------------------------------------------------------------------------------------------------- */

static gboolean is_present(CasTxn *txn, const SluiceDigest *digest)
{
    CasBlobRecord record;
    return sluice_digest_equal(digest, &sluice_digest_empty) || cas_blob_find(txn, digest, &record, NULL);
}

/* Where ActionResult has digests: field, and the field inside of that message (0: it is the Digest itself). */
static const struct {
    uint32_t field, inner;
} result_digests[] = {{2, 2}, {3, 3}, {6, 0}, {8, 0}}; /* output_files, output_directories, stdout, stderr */

static gboolean inner_is_present(CasTxn *txn, const SluiceWireField *outer, uint32_t number)
{
    SluiceWireReader reader;
    SluiceWireField field;
    SluiceDigest digest;
    GError *error = NULL;
    if (number == 0)
        return sluice_wire_get_digest(outer->data, outer->length, &digest, NULL) && is_present(txn, &digest);
    sluice_wire_reader_init(&reader, outer->data, outer->length);
    while (sluice_wire_next(&reader, &field, &error))
        if (field.number == number && field.type == SLUICE_WIRE_BYTES && !inner_is_present(txn, &field, 0))
            return FALSE;
    gboolean ok = error == NULL;
    g_clear_error(&error);
    return ok;
}

static gboolean result_is_complete(CasTxn *txn, const void *data, gsize length)
{
    SluiceWireReader reader;
    SluiceWireField field;
    GError *error = NULL;
    sluice_wire_reader_init(&reader, data, length);
    while (sluice_wire_next(&reader, &field, &error))
        for (gsize i = 0; i < G_N_ELEMENTS(result_digests); i++)
            if (field.number == result_digests[i].field && field.type == SLUICE_WIRE_BYTES &&
                !inner_is_present(txn, &field, result_digests[i].inner))
                return FALSE;
    gboolean ok = error == NULL;
    g_clear_error(&error);
    return ok;
}

/* All Directories and files below; `done` holds what was found complete before. */
static gboolean tree_is_complete(Fsck *fsck, CasTxn *txn, const SluiceDigest *root, GHashTable *done, unsigned depth)
{
    if (g_hash_table_contains(done, root))
        return TRUE;
    CasBlobRecord record;
    const void *data = "";
    g_autoptr(GBytes) bytes = NULL;
    if (!sluice_digest_equal(root, &sluice_digest_empty)) {
        if (depth > CAS_DEPTH_MAX || !cas_blob_find(txn, root, &record, &data))
            return FALSE;
        if (data == NULL)
            bytes = cas_read_object(fsck->index, root, record.flags);
        if (bytes != NULL)
            data = g_bytes_get_data(bytes, NULL);
    }
    g_autoptr(SluiceDirectory) directory = data != NULL ? sluice_directory_decode(data, (gsize)root->size, NULL) : NULL;
    gsize count = 0;
    const SluiceEntry *entries = directory != NULL ? sluice_directory_get_entries(directory, &count) : NULL;
    for (gsize i = 0; i < count; i++) {
        if (entries[i].type == SLUICE_ENTRY_FILE && !is_present(txn, &entries[i].digest))
            return FALSE;
        if (entries[i].type == SLUICE_ENTRY_DIRECTORY &&
            !tree_is_complete(fsck, txn, &entries[i].digest, done, depth + 1))
            return FALSE;
    }
    if (directory != NULL)
        g_hash_table_add(done, g_memdup2(root, sizeof *root));
    return directory != NULL;
}

static gboolean ref_is_complete(Fsck *fsck, CasTxn *txn, const CasRefView *ref, GHashTable *done)
{
    for (gsize i = 0; i < ref->n_trees + ref->n_blobs; i++) {
        SluiceDigest digest;
        cas_unpack_digest(ref->digests + i * CAS_PACKED_DIGEST, &digest);
        if (i < ref->n_trees ? !tree_is_complete(fsck, txn, &digest, done, 0) : !is_present(txn, &digest))
            return FALSE;
    }
    return TRUE;
}

static void note_dangling(Fsck *fsck, CasDb db, const MDB_val *key)
{
    GByteArray *note = g_byte_array_new();
    uint8_t kind = (uint8_t)db;
    g_byte_array_append(note, &kind, 1);
    g_byte_array_append(note, key->mv_data, (guint)key->mv_size);
    g_ptr_array_add(fsck->dangling, g_byte_array_free_to_bytes(note));
}

static void check_result(Fsck *fsck, CasTxn *txn, const MDB_val *key, const MDB_val *value)
{
    SluiceDigest digest = {0};
    char text[SLUICE_DIGEST_STRING_MAX];
    gsize header = sizeof(uint32_t);
    if (key->mv_size == CAS_PACKED_DIGEST && value->mv_size >= header &&
        result_is_complete(txn, (const uint8_t *)value->mv_data + header, value->mv_size - header))
        return;
    if (key->mv_size == CAS_PACKED_DIGEST)
        cas_unpack_digest(key->mv_data, &digest);
    fsck->stats->dangling_results++;
    report(fsck, "the result of action %s is malformed, or names blobs that are not in the store%s",
           sluice_digest_string(&digest, text), fsck->repair ? "; it is removed" : "");
    note_dangling(fsck, CAS_DB_RESULTS, key);
}

static void check_ref(Fsck *fsck, CasTxn *txn, const MDB_val *key, const MDB_val *value, GHashTable *done)
{
    CasRefView view = {.space = "?", .space_length = 1, .name = "?", .name_length = 1};
    if (cas_ref_parse(key, value, &view) && ref_is_complete(fsck, txn, &view, done))
        return;
    fsck->stats->dangling_refs++;
    report(fsck, "%.*s \"%.*s\" is malformed, or names blobs that are not in the store%s", (int)view.space_length,
           view.space, (int)view.name_length, view.name, fsck->repair ? "; it is removed" : "");
    note_dangling(fsck, CAS_DB_REFS, key);
}

static gboolean check_names(Fsck *fsck, CasDb db, GError **error)
{
    g_auto(CasTxn) txn = {0};
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    g_autoptr(GHashTable) done = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    if (!cas_txn_read(fsck->index, &txn, error))
        return FALSE;
    int code = mdb_cursor_open(txn.mdb, fsck->index->db[db], &cursor);
    while (code == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (db == CAS_DB_RESULTS)
            check_result(fsck, &txn, &key, &value);
        else
            check_ref(fsck, &txn, &key, &value, done);
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND || cas_error_mdb(fsck->index, error, code, "cannot read the index");
}

/* ---- Repair --------------------------------------------------------------------------------------------------------------------- */

static int repair_blob(CasTxn *txn, const Checked *checked)
{
    CasBlobRecord record;
    if (checked->malformed)
        return cas_delete_blob_record(txn, checked->digest.hash);
    if (!cas_blob_find(txn, &checked->digest, &record, NULL) || !(record.flags & checked->bad))
        return 0;
    if (record.flags & CAS_BLOB_INLINE)
        return cas_delete_blob_record(txn, checked->digest.hash);
    return cas_set_blob_flags(txn, &checked->digest, record.flags & ~checked->bad);
}

/* Sums everything up anew. */
static gboolean recount(CasTxn *txn, GError **error)
{
    static const CasDb dbs[] = {CAS_DB_BLOBS, CAS_DB_RESULTS, CAS_DB_REFS, CAS_DB_NOTES};
    CasCounters counters = {0};
    for (gsize i = 0; i < G_N_ELEMENTS(dbs); i++) {
        MDB_cursor *cursor = NULL;
        MDB_val key, value;
        int code = mdb_cursor_open(txn->mdb, txn->index->db[dbs[i]], &cursor);
        while (code == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
            CasBlobRecord record = {0};
            memcpy(&record, value.mv_data, MIN(value.mv_size, sizeof record));
            gboolean blob = dbs[i] == CAS_DB_BLOBS;
            counters.blob_bytes += blob ? record.size : 0;
            counters.inline_blobs += blob && (record.flags & CAS_BLOB_INLINE);
            counters.disk_bytes += blob ? cas_blob_cost(&record) : cas_record_cost(value.mv_size);
        }
        if (cursor != NULL)
            mdb_cursor_close(cursor);
        if (code != MDB_NOTFOUND)
            return cas_error_mdb(txn->index, error, code, "cannot read the index");
    }
    txn->delta = (CasCounters){0};
    int code = cas_put(txn, CAS_DB_META, "counters", 8, &counters, sizeof counters);
    return code == 0 || cas_error_mdb(txn->index, error, code, "cannot write to the index");
}

static gboolean repair_records(Fsck *fsck, GArray *hashes, GError **error)
{
    g_auto(CasTxn) txn = {0};
    int code = 0;
    if (!cas_txn_write(fsck->index, &txn, error))
        return FALSE;
    for (guint i = 0; i < fsck->blobs->len && code == 0; i++) {
        const Checked *checked = &g_array_index(fsck->blobs, Checked, i);
        if (!checked->malformed && checked->bad == 0)
            continue;
        code = repair_blob(&txn, checked);
        g_array_append_vals(hashes, checked->digest.hash, 1);
        if (code == MDB_NOTFOUND)
            code = 0;
    }
    for (guint i = 0; i < fsck->dangling->len && code == 0; i++) {
        gsize length;
        const uint8_t *note = g_bytes_get_data(g_ptr_array_index(fsck->dangling, i), &length);
        if (note[0] == CAS_DB_RESULTS)
            code = cas_remove_result(&txn, note + 1, length - 1);
        else
            code = cas_remove_record(&txn, (CasDb)note[0], note + 1, length - 1);
        if (code == MDB_NOTFOUND)
            code = 0;
    }
    if (code != 0)
        return cas_error_mdb(fsck->index, error, code, "cannot repair the index");
    return recount(&txn, error) && cas_txn_commit(&txn, error);
}

static gboolean repair_all(Fsck *fsck, GError **error)
{
    g_autoptr(GArray) hashes = g_array_new(FALSE, FALSE, SLUICE_HASH_BYTES);
    SluiceGcStats rubbish = {0};
    if (!repair_records(fsck, hashes, error) || !cas_unlink_unreferenced(fsck->index, hashes, NULL, error))
        return FALSE;
    cas_directory_cache_clear(fsck->index);
    return cas_sweep_objects(fsck->index, &rubbish, error);
}

gboolean sluice_store_fsck(SluiceStore *store, gboolean repair, SluiceFsckFunc report_func, SluiceProgressFunc progress,
                           gpointer data, SluiceFsckStats *stats, GError **error)
{
    SluiceFsckStats unused = {0};
    g_autoptr(GArray) blobs = g_array_new(FALSE, FALSE, sizeof(Checked));
    g_autoptr(GPtrArray) dangling = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    Fsck fsck = {.store = store, .index = store->index, .repair = repair, .report = report_func, .progress = progress};
    fsck.data = data;
    fsck.stats = stats != NULL ? stats : &unused;
    fsck.blobs = blobs;
    fsck.dangling = dangling;
    *fsck.stats = (SluiceFsckStats){0};
    if ((repair && !cas_require_writable(store->index, error)) || !list_blobs(&fsck, error))
        return FALSE;
    g_mutex_init(&fsck.lock);
    check_blobs(&fsck);
    g_mutex_clear(&fsck.lock);
    /* Names of blobs that are found damaged dangle, once those are gone. */
    if (repair) {
        g_autoptr(GArray) hashes = g_array_new(FALSE, FALSE, SLUICE_HASH_BYTES);
        if (!repair_records(&fsck, hashes, error))
            return FALSE;
    }
    return check_names(&fsck, CAS_DB_RESULTS, error) && check_names(&fsck, CAS_DB_REFS, error) &&
           (!repair || repair_all(&fsck, error));
}
