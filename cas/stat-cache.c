/*
 * Files that were imported before.  Key: device, inode (big-endian, so that neighbours are neighbours); the record holds what must
 * be the same for the content to be the same.
 *
 * A file that is written twice within one tick of the file system's clock has the same times both times, so a file whose change time
 * is not clearly older than the moment when it was read is not remembered ("racy git").
 */
#include "cas-private.h"

#include <string.h>

#define SETTLE_TIME_NS (20 * 1000 * 1000) /* two ticks of a slow (100 Hz) clock */

static void make_key(const struct stat *status, uint64_t key[2])
{
    key[0] = GUINT64_TO_BE((uint64_t)status->st_dev);
    key[1] = GUINT64_TO_BE((uint64_t)status->st_ino);
}

gboolean cas_stat_find(CasTxn *txn, const struct stat *status, SluiceDigest *out, uint32_t *seen)
{
    uint64_t key[2];
    MDB_val value;
    CasStatRecord record;
    make_key(status, key);
    if (cas_get(txn, CAS_DB_STAT, key, sizeof key, &value) != 0 || value.mv_size != sizeof record)
        return FALSE;
    memcpy(&record, value.mv_data, sizeof record);
    if (record.size != status->st_size || record.mtime_sec != status->st_mtim.tv_sec ||
        record.mtime_nsec != (uint32_t)status->st_mtim.tv_nsec || record.ctime_sec != status->st_ctim.tv_sec ||
        record.ctime_nsec != (uint32_t)status->st_ctim.tv_nsec)
        return FALSE;
    memcpy(out->hash, record.hash, SLUICE_HASH_BYTES);
    out->size = record.size;
    *seen = record.seen;
    return TRUE;
}

gboolean cas_stat_is_settled(const struct stat *status, const struct timespec *read_started)
{
    int64_t seconds = read_started->tv_sec - status->st_ctim.tv_sec;
    if (seconds < 0 || seconds > 1)
        return seconds > 1; /* a change in the future: the clock was set */
    return seconds * 1000000000 + read_started->tv_nsec - status->st_ctim.tv_nsec >= SETTLE_TIME_NS;
}

int cas_stat_store(CasTxn *txn, const struct stat *status, const SluiceDigest *digest)
{
    uint64_t key[2];
    CasStatRecord record = {
        .size = status->st_size,
        .mtime_sec = status->st_mtim.tv_sec,
        .ctime_sec = status->st_ctim.tv_sec,
        .mtime_nsec = (uint32_t)status->st_mtim.tv_nsec,
        .ctime_nsec = (uint32_t)status->st_ctim.tv_nsec,
        .seen = cas_now(),
    };
    memcpy(record.hash, digest->hash, SLUICE_HASH_BYTES);
    make_key(status, key);
    return cas_put(txn, CAS_DB_STAT, key, sizeof key, &record, sizeof record);
}

gboolean sluice_store_find_files(SluiceStore *store, const struct stat *files, gsize count, SluiceDigest *digests,
                                 gboolean *known)
{
    CasTxn txn;
    uint32_t seen;
    if (!cas_txn_read(store->index, &txn, NULL))
        return FALSE;
    for (gsize i = 0; i < count; i++)
        known[i] = cas_stat_find(&txn, &files[i], &digests[i], &seen);
    cas_txn_end(&txn);
    return TRUE;
}
