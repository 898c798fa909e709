/*
 * The index: one LMDB environment, its transactions, and the registry of environments open in this process.
 *
 * Durability: commits are not synced (MDB_NOSYNC), so what is committed is in the page cache: safe from the death of any process.
 * Without MDB_WRITEMAP a stray write cannot damage it.  After a power cut it may be damaged; recover.c finds out.
 */
#include "cas-private.h"
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char *const db_names[CAS_DB_COUNT] = {
    [CAS_DB_META] = "meta",     [CAS_DB_BLOBS] = "blobs", [CAS_DB_RESULTS] = "results", [CAS_DB_REFS] = "refs",
    [CAS_DB_LEASES] = "leases", [CAS_DB_STAT] = "stat",   [CAS_DB_NOTES] = "notes",
};

/* Address space only; the next smaller one is taken where it is limited. */
static const uint64_t map_sizes[] = {UINT64_C(1) << 40, UINT64_C(1) << 36, UINT64_C(1) << 33, UINT64_C(1) << 30,
                                     UINT64_C(1) << 28};
#define MAP_SIZE_STANDARD (UINT64_C(1) << 40)
#define SYNC_MARK         "index/synced"

uint32_t cas_now(void)
{
    return (uint32_t)(g_get_real_time() / G_USEC_PER_SEC);
}

int64_t cas_record_cost(gsize length)
{
    const int64_t page = 4096, page_header = 16, largest_shared = 2000, node = 56;
    if ((int64_t)length > largest_shared)
        return ((int64_t)length + page_header + page - 1) / page * page + node;
    return ((int64_t)length + node) * 3 / 2; /* pages are two thirds full on average */
}

/* ---- Errors ------------------------------------------------------------------------------------------------------------- */

/* LMDB answers EIO for a short write, which is what a full disk looks like. */
static gboolean disk_is_full(CasIndex *index)
{
    struct statvfs status;
    return fstatvfs(index->root_fd, &status) == 0 && (uint64_t)status.f_bavail * status.f_frsize < 1024 * 1024;
}

gboolean cas_error_mdb(CasIndex *index, GError **error, int code, const char *doing)
{
    if (code == MDB_MAP_FULL || (code == EIO && disk_is_full(index)))
        code = ENOSPC;
    if (code > 0)
        return cas_error_errno(error, code, "%s: %s", index->path, doing);
    return cas_error(error, SLUICE_CAS_ERROR_IO, "%s: %s: %s", index->path, doing, mdb_strerror(code));
}

gboolean cas_require_writable(CasIndex *index, GError **error)
{
    if (!index->read_only)
        return TRUE;
    return cas_error(error, SLUICE_CAS_ERROR_IO, "%s: the store is open for reading only", index->path);
}

/* ---- Environment --------------------------------------------------------------------------------------------------------- */

static int try_open_environment(CasIndex *index, gsize map_size)
{
    g_autofree char *directory = g_build_filename(index->path, "index", NULL);
    unsigned flags = MDB_NOSYNC | MDB_NOTLS | (index->read_only ? MDB_RDONLY : 0);
    int code = mdb_env_create(&index->env);
    if (code != 0)
        return code;
    mdb_env_set_maxreaders(index->env, CAS_MAX_READERS);
    mdb_env_set_maxdbs(index->env, CAS_DB_COUNT);
    mdb_env_set_mapsize(index->env, map_size);
    code = mdb_env_open(index->env, directory, flags, 0644);
    if (code != 0)
        g_clear_pointer(&index->env, mdb_env_close);
    return code;
}

static int open_databases(CasIndex *index, unsigned txn_flags, unsigned db_flags)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(index->env, NULL, txn_flags, &txn);
    for (int i = 0; code == 0 && i < CAS_DB_COUNT; i++) {
        code = mdb_dbi_open(txn, db_names[i], db_flags, &index->db[i]);
        if (code == MDB_NOTFOUND && i == CAS_DB_NOTES && index->read_only)
            code = 0; /* who only reads blobs of an older store gets on without */
    }
    if (code == 0)
        return mdb_txn_commit(txn);
    if (txn != NULL)
        mdb_txn_abort(txn);
    return code;
}

static int open_environment(CasIndex *index)
{
    int code = ENOMEM;
    for (gsize i = 0; i < G_N_ELEMENTS(map_sizes) && code == ENOMEM; i++) {
        if (map_sizes[i] > G_MAXSIZE / 4)
            continue;
        index->map_size = (gsize)map_sizes[i];
        code = try_open_environment(index, index->map_size);
    }
    if (code != 0)
        return code;
    int dead = 0;
    mdb_reader_check(index->env, &dead);
    code = open_databases(index, MDB_RDONLY, 0);
    if (code == MDB_NOTFOUND && !index->read_only)
        code = open_databases(index, 0, MDB_CREATE);
    if (code != 0)
        g_clear_pointer(&index->env, mdb_env_close);
    return code;
}

/* The smallest map that can be had is used up, or another process has a larger one. */
static int resize_map(CasIndex *index, gsize size)
{
    g_rw_lock_writer_lock(&index->map_lock);
    int code = mdb_env_set_mapsize(index->env, size);
    index->map_start = NULL;
    MDB_envinfo info;
    if (mdb_env_info(index->env, &info) == 0)
        index->map_size = info.me_mapsize;
    g_rw_lock_writer_unlock(&index->map_lock);
    return code;
}

/* The size to grow to, or 0. */
static gsize wanted_map_size(CasIndex *index)
{
    MDB_envinfo info;
    MDB_stat page;
    gsize wanted = 0;
    g_rw_lock_reader_lock(&index->map_lock);
    if (index->env != NULL && index->map_size < MAP_SIZE_STANDARD && mdb_env_info(index->env, &info) == 0 &&
        mdb_env_stat(index->env, &page) == 0) {
        gsize used = (info.me_last_pgno + 1) * page.ms_psize;
        if (info.me_mapsize - MIN(used, info.me_mapsize) < MAX(64u << 20, info.me_mapsize / 4))
            wanted = info.me_mapsize * 2;
    }
    g_rw_lock_reader_unlock(&index->map_lock);
    return wanted;
}

static void grow_map_if_tight(CasIndex *index)
{
    gsize size = wanted_map_size(index);
    if (size > 0)
        resize_map(index, size); /* failure shows as MDB_MAP_FULL later, if at all */
}

/* ---- Transactions ---------------------------------------------------------------------------------------------------------- */

static MDB_txn *take_pooled(CasIndex *index)
{
    g_mutex_lock(&index->pool_lock);
    MDB_txn *txn = index->pool->len > 0 ? g_ptr_array_steal_index_fast(index->pool, index->pool->len - 1) : NULL;
    g_mutex_unlock(&index->pool_lock);
    return txn;
}

static int begin_read(CasIndex *index, MDB_txn **out)
{
    *out = take_pooled(index);
    if (*out == NULL)
        return mdb_txn_begin(index->env, NULL, MDB_RDONLY, out);
    int code = mdb_txn_renew(*out);
    if (code != 0) {
        mdb_txn_abort(*out);
        *out = NULL;
    }
    return code;
}

static gboolean begin(CasIndex *index, gboolean writing, CasTxn *txn, GError **error)
{
    enum { ATTEMPTS = 8 }; /* others may go on growing the map meanwhile */
    int code = 0;
    *txn = (CasTxn){.index = index, .writing = writing};
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        g_rw_lock_reader_lock(&index->map_lock);
        if (index->env == NULL) { /* it could not be opened again after it was compacted */
            g_rw_lock_reader_unlock(&index->map_lock);
            return cas_error(error, SLUICE_CAS_ERROR_IO, "%s: the index cannot be opened any more", index->path);
        }
        code = writing ? mdb_txn_begin(index->env, NULL, 0, &txn->mdb) : begin_read(index, &txn->mdb);
        if (code == 0)
            return TRUE;
        txn->mdb = NULL;
        g_rw_lock_reader_unlock(&index->map_lock);
        int dead = 0;
        if (code == MDB_MAP_RESIZED)
            resize_map(index, 0);
        else if (code == MDB_READERS_FULL && attempt == 0)
            mdb_reader_check(index->env, &dead);
        else
            break;
    }
    return cas_error_mdb(index, error, code, "cannot begin a transaction");
}

gboolean cas_txn_read(CasIndex *index, CasTxn *txn, GError **error)
{
    return begin(index, FALSE, txn, error);
}

gboolean cas_txn_write(CasIndex *index, CasTxn *txn, GError **error)
{
    *txn = (CasTxn){0};
    if (!cas_require_writable(index, error))
        return FALSE;
    grow_map_if_tight(index);
    return begin(index, TRUE, txn, error);
}

void cas_txn_end(CasTxn *txn)
{
    enum { POOL_MAX = 64 };
    if (txn->mdb == NULL)
        return;
    CasIndex *index = txn->index;
    if (txn->writing) {
        mdb_txn_abort(txn->mdb);
    } else {
        mdb_txn_reset(txn->mdb);
        g_mutex_lock(&index->pool_lock);
        if (index->pool->len < POOL_MAX)
            g_ptr_array_add(index->pool, g_steal_pointer(&txn->mdb));
        g_mutex_unlock(&index->pool_lock);
        if (txn->mdb != NULL)
            mdb_txn_abort(txn->mdb);
    }
    txn->mdb = NULL;
    cas_mapped_check(index);
    g_rw_lock_reader_unlock(&index->map_lock);
}

static int store_counters(CasTxn *txn)
{
    const CasCounters *delta = &txn->delta;
    if (delta->blob_bytes == 0 && delta->inline_blobs == 0 && delta->disk_bytes == 0)
        return 0;
    CasCounters counters;
    cas_get_counters(txn, &counters);
    counters.blob_bytes += delta->blob_bytes;
    counters.inline_blobs += delta->inline_blobs;
    counters.disk_bytes += delta->disk_bytes;
    return cas_put(txn, CAS_DB_META, "counters", 8, &counters, sizeof counters);
}

gboolean cas_txn_commit(CasTxn *txn, GError **error)
{
    CasIndex *index = txn->index;
    int code = store_counters(txn);
    if (code == 0 && txn->removes)
        code = cas_count_removal(txn);
    if (code != 0) {
        cas_txn_end(txn);
        return cas_error_mdb(index, error, code, "cannot write to the index");
    }
    code = mdb_txn_commit(txn->mdb);
    txn->mdb = NULL;
    cas_mapped_check(index);
    g_rw_lock_reader_unlock(&index->map_lock);
    if (code != 0)
        return cas_error_mdb(index, error, code, "cannot write to the index");
    g_atomic_int_set(&index->wrote, 1);
    cas_index_sync(index, FALSE);
    return TRUE;
}

int cas_get(CasTxn *txn, CasDb db, const void *key, gsize key_length, MDB_val *value)
{
    MDB_val k = {.mv_size = key_length, .mv_data = (void *)key};
    return mdb_get(txn->mdb, txn->index->db[db], &k, value);
}

int cas_put(CasTxn *txn, CasDb db, const void *key, gsize key_length, const void *data, gsize length)
{
    MDB_val k = {.mv_size = key_length, .mv_data = (void *)key};
    MDB_val v = {.mv_size = length, .mv_data = (void *)data};
    return mdb_put(txn->mdb, txn->index->db[db], &k, &v, 0);
}

int cas_delete(CasTxn *txn, CasDb db, const void *key, gsize key_length)
{
    txn->removes = txn->removes || db == CAS_DB_BLOBS;
    MDB_val k = {.mv_size = key_length, .mv_data = (void *)key};
    return mdb_del(txn->mdb, txn->index->db[db], &k, NULL);
}

/* ---- Small facts in CAS_DB_META ---------------------------------------------------------------------------------------------- */

gboolean cas_get_counters(CasTxn *txn, CasCounters *counters)
{
    MDB_val value;
    *counters = (CasCounters){0};
    if (cas_get(txn, CAS_DB_META, "counters", 8, &value) != 0 || value.mv_size != sizeof *counters)
        return FALSE;
    memcpy(counters, value.mv_data, sizeof *counters);
    return TRUE;
}

uint64_t cas_get_generation(CasTxn *txn)
{
    MDB_val value;
    uint64_t generation = 0;
    if (cas_get(txn, CAS_DB_META, "generation", 10, &value) == 0 && value.mv_size == sizeof generation)
        memcpy(&generation, value.mv_data, sizeof generation);
    return generation;
}

gboolean cas_bump_generation(CasTxn *txn, GError **error)
{
    uint64_t generation = cas_get_generation(txn) + 1;
    int code = cas_put(txn, CAS_DB_META, "generation", 10, &generation, sizeof generation);
    return code == 0 || cas_error_mdb(txn->index, error, code, "cannot write to the index");
}

gsize cas_db_entries(CasTxn *txn, CasDb db)
{
    MDB_stat status;
    return mdb_stat(txn->mdb, txn->index->db[db], &status) == 0 ? status.ms_entries : 0;
}

/* ---- Sync -------------------------------------------------------------------------------------------------------------------- */

/*
 * Writing out is begun every few seconds, never waited for: a build must not stand still because some other program floods the disk,
 * and since later commits go on without order, waiting would not make an index whole that a power cut hits anyway.  It keeps short
 * the time in which that can happen.
 */

static void note_sync(CasIndex *index)
{
    int fd = openat(index->root_fd, SYNC_MARK, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    futimens(fd, NULL);
    close(fd);
}

/* The age of the mark tells all processes when one of them synced last. */
static gboolean sync_is_due(CasIndex *index)
{
    struct stat status;
    if (fstatat(index->root_fd, SYNC_MARK, &status, 0) != 0) {
        note_sync(index); /* a new store: the time begins now */
        return FALSE;
    }
    gint64 age = g_get_real_time() / G_USEC_PER_SEC - status.st_mtim.tv_sec;
    return age < 0 || age >= CAS_SYNC_INTERVAL;
}

void cas_index_sync(CasIndex *index, gboolean force)
{
    gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;
    g_mutex_lock(&index->touch_lock);
    gboolean look = force || now - index->sync_checked >= CAS_SYNC_INTERVAL;
    if (look)
        index->sync_checked = now;
    g_mutex_unlock(&index->touch_lock);
    if (!look || (!force && !sync_is_due(index)))
        return;
    note_sync(index); /* first, so that others do not join in */
    g_rw_lock_reader_lock(&index->map_lock);
    int fd = -1;
    if (index->env != NULL && mdb_env_get_fd(index->env, &fd) == 0)
        sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    g_rw_lock_reader_unlock(&index->map_lock);
}

/* ---- Life ---------------------------------------------------------------------------------------------------------------------- */

gboolean cas_environment_open(CasIndex *index, int *code)
{
    *code = open_environment(index);
    return *code == 0;
}

void cas_environment_close(CasIndex *index)
{
    if (index->env == NULL)
        return;
    for (guint i = 0; i < index->pool->len; i++)
        mdb_txn_abort(g_ptr_array_index(index->pool, i));
    g_ptr_array_set_size(index->pool, 0);
    g_clear_pointer(&index->env, mdb_env_close);
    index->map_start = NULL;
}
