/*
 * The index file never shrinks by itself.  After an eviction that emptied much of it, it is copied without its free pages, if no other
 * process uses the store at the moment: the lock of openers is held, and that of users exclusively.
 */
#include "cas-private.h"
#include "open.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define COMPACT_MIN (32 * 1024 * 1024) /* free bytes that are worth it */
#define COPY        "index/data.mdb.new"

/* Free pages, and all pages of the file, in bytes. */
static gboolean measure(CasIndex *index, uint64_t *free_bytes, uint64_t *all_bytes)
{
    g_auto(CasTxn) txn = {0};
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    MDB_envinfo info;
    MDB_stat status;
    uint64_t pages = 0;
    if (!cas_txn_read(index, &txn, NULL) || mdb_env_info(index->env, &info) != 0 ||
        mdb_env_stat(index->env, &status) != 0 || mdb_cursor_open(txn.mdb, 0, &cursor) != 0)
        return FALSE;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
        pages += value.mv_size >= sizeof(gsize) ? *(const gsize *)value.mv_data : 0; /* a list, after its length */
    mdb_cursor_close(cursor);
    *free_bytes = pages * status.ms_psize;
    *all_bytes = (info.me_last_pgno + 1) * status.ms_psize;
    return TRUE;
}

/* With everybody else, and all threads, kept out. */
static gboolean copy_and_swap(CasIndex *index)
{
    int code = 0;
    int fd = openat(index->root_fd, COPY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return FALSE;
    gboolean ok = mdb_env_copyfd2(index->env, fd, MDB_CP_COMPACT) == 0 && fdatasync(fd) == 0;
    close(fd);
    if (ok) {
        cas_environment_close(index);
        ok = renameat(index->root_fd, COPY, index->root_fd, "index/data.mdb") == 0;
        cas_environment_open(index, &code); /* a failure shows at the next transaction */
    }
    if (!ok)
        unlinkat(index->root_fd, COPY, 0);
    return ok;
}

gboolean cas_compact(CasIndex *index)
{
    uint64_t free_bytes, all_bytes;
    gboolean done = FALSE;
    if (!measure(index, &free_bytes, &all_bytes) || free_bytes < COMPACT_MIN || free_bytes < all_bytes / 2)
        return FALSE;
    int lock = openat(index->root_fd, "lock", O_RDWR | O_CLOEXEC);
    if (lock < 0)
        return FALSE;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
        g_rw_lock_writer_lock(&index->map_lock);
        if (flock(index->lock_fd, LOCK_EX | LOCK_NB) == 0)
            done = copy_and_swap(index);
        flock(index->lock_fd, LOCK_SH); /* at once: who could hold it exclusively would hold `lock` */
        g_rw_lock_writer_unlock(&index->map_lock);
    }
    close(lock);
    return done;
}
