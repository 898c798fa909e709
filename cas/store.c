/* The store as its users see it: opening, facts about it, quota. */
#include "cas-private.h"

#include <errno.h>
#include <string.h>

char *sluice_store_default_path(void)
{
    const char *path = g_getenv("SLUICE_CACHE");
    return path != NULL && *path != '\0' ? g_strdup(path) : g_build_filename(g_get_user_cache_dir(), "sluice", NULL);
}

SluiceStore *sluice_store_open(const char *path, const SluiceStoreOptions *options, GError **error)
{
    const SluiceStoreOptions defaults = {0};
    if (options == NULL)
        options = &defaults;
    unsigned high = options->high_watermark ? options->high_watermark : CAS_HIGH_WATERMARK;
    unsigned low = options->low_watermark ? options->low_watermark : MIN(CAS_LOW_WATERMARK, high);
    if (high > 100 || low > high) {
        cas_error(error, SLUICE_CAS_ERROR_INVALID,
                  "watermarks of %u and %u percent: the low one must not be above the high one, nor that above 100",
                  low, high);
        return NULL;
    }
    CasIndex *index = cas_index_open(path, options->read_only, error);
    if (index == NULL)
        return NULL;
    SluiceStore *store = g_new0(SluiceStore, 1);
    store->index = index;
    store->high_watermark = high;
    store->low_watermark = low;
    store->quota_override = options->quota;
    return store;
}

void sluice_store_close(SluiceStore *store)
{
    if (store == NULL)
        return;
    cas_index_close(store->index);
    g_free(store);
}

const char *sluice_store_get_path(SluiceStore *store)
{
    return store->index->path;
}

const char *sluice_store_get_notice(SluiceStore *store)
{
    return store->index->notice;
}

/* ---- Quota ------------------------------------------------------------------------------------------------------------------ */

static uint64_t stored_quota(CasTxn *txn)
{
    MDB_val value;
    uint64_t quota = 0;
    if (cas_get(txn, CAS_DB_META, "quota", 5, &value) == 0 && value.mv_size == sizeof quota)
        memcpy(&quota, value.mv_data, sizeof quota);
    return quota;
}

gboolean sluice_store_set_quota(SluiceStore *store, uint64_t bytes, GError **error)
{
    g_auto(CasTxn) txn = {0};
    if (!cas_txn_write(store->index, &txn, error))
        return FALSE;
    int code = cas_put(&txn, CAS_DB_META, "quota", 5, &bytes, sizeof bytes);
    if (code != 0)
        return cas_error_mdb(store->index, error, code, "cannot set the quota");
    if (!cas_txn_commit(&txn, error))
        return FALSE;
    store->quota_override = 0;
    return TRUE;
}

gboolean sluice_store_get_info(SluiceStore *store, SluiceStoreInfo *info, GError **error)
{
    CasIndex *index = store->index;
    CasCounters counters;
    CasTxn txn;
    if (!cas_txn_read(index, &txn, error))
        return FALSE;
    cas_get_counters(&txn, &counters);
    *info = (SluiceStoreInfo){
        .blobs = cas_db_entries(&txn, CAS_DB_BLOBS),
        .blob_bytes = (uint64_t)MAX(counters.blob_bytes, 0),
        .inline_blobs = (uint64_t)MAX(counters.inline_blobs, 0),
        .results = cas_db_entries(&txn, CAS_DB_RESULTS),
        .refs = cas_db_entries(&txn, CAS_DB_REFS),
        .leases = cas_db_entries(&txn, CAS_DB_LEASES),
        .disk_bytes = (uint64_t)MAX(counters.disk_bytes, 0),
        .quota = store->quota_override ? store->quota_override : stored_quota(&txn),
    };
    cas_txn_end(&txn);
    return TRUE;
}

gboolean sluice_store_enforce_quota(SluiceStore *store, SluiceGcStats *stats, GError **error)
{
    SluiceStoreInfo info;
    if (stats != NULL)
        *stats = (SluiceGcStats){0};
    if (!sluice_store_get_info(store, &info, error))
        return FALSE;
    if (info.quota == 0 || info.disk_bytes <= info.quota / 100 * store->high_watermark)
        return TRUE;
    return sluice_store_gc(store, info.quota / 100 * store->low_watermark, stats, error);
}
