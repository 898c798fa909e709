/*
 * cas-private.h - what the files of cas/ share.  Nothing outside this folder includes it.
 *
 * A SluiceStore is a thin handle on a CasIndex, which is shared by all handles that this process has on one directory: LMDB
 * forbids opening an environment twice in a process (closing one would drop the file locks of the other).
 *
 * Lock order: map_lock (shared by every transaction) before LMDB's own writer lock before touch_lock and pool_lock.  A thread
 * never opens a transaction while it has another one.
 */
#pragma once

#include "cas.h"
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* ---- Limits and policies ---------------------------------------------------------------------------------------------- */

/* Blobs up to this size live in the index: writes are equal to files at 64 KiB, but only files can be hard-linked. */
#define CAS_INLINE_MAX (16 * 1024)
/* Files larger than this are mapped when they are read whole; below, a read is cheaper than the page faults. */
#define CAS_MAP_MIN (256 * 1024)
/* The index is written out at most this often while there are writes, by whichever process notices. */
#define CAS_SYNC_INTERVAL 5 /* seconds */
/* A use is noted again only when the last note is older than this, so that warm reads write nothing. */
#define CAS_TOUCH_GRANULARITY 3600 /* seconds */
#define CAS_TOUCH_BATCH       2048 /* notes kept in memory before they are written */
#define CAS_TOUCH_DELAY       60   /* seconds after which they are written anyway */
#define CAS_MAX_READERS       4096
#define CAS_BATCH_BYTES       (8 * 1024 * 1024) /* of inline data in one transaction */
#define CAS_BATCH_ENTRIES     4096
#define CAS_COPY_BUFFER       (256 * 1024)

#define CAS_HIGH_WATERMARK 95 /* percent of the quota */
#define CAS_LOW_WATERMARK  80

#define CAS_STAT_MAX_AGE (30 * 24 * 3600) /* seconds after which a file that was not seen again is forgotten */

#define CAS_REF_VALUE_MAX   (64 * 1024)
#define CAS_REF_NAME_MAX    4096
#define CAS_REF_DIGESTS_MAX 1000000
#define CAS_RESULT_MAX      (64 * 1024 * 1024)
#define CAS_NOTE_MAX        (16 * 1024)

#define CAS_NAME_MAX              255 /* one path segment */
#define CAS_TARGET_MAX            4095
#define CAS_PATH_MAX              65535
#define CAS_DEPTH_MAX             256
#define CAS_LINK_HOPS_MAX         40
#define CAS_TREE_ENTRIES_MAX      20000000 /* visited by one walk */
#define CAS_DIRECTORY_BYTES_MAX   (256 * 1024 * 1024)
#define CAS_DIRECTORY_ENTRIES_MAX 1000000
#define CAS_DIRECTORY_CACHE_BYTES (48 * 1024 * 1024)

/* ---- Errors ------------------------------------------------------------------------------------------------------------- */

/* All of these return FALSE, to be returned in turn. */
gboolean cas_error(GError **error, SluiceCasError code, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* FULL for what means "no room", IO otherwise; ": strerror" is appended. */
gboolean cas_error_errno(GError **error, int number, const char *format, ...) G_GNUC_PRINTF(3, 4);
gboolean cas_error_missing(GError **error, const SluiceDigest *digest);

/* A pool whose threads are gone when it was freed: those that GLib keeps for the next pool would be missing in a child that is forked later, and waited for. */
GThreadPool *cas_thread_pool_new(GFunc func, gpointer data, unsigned threads);

/* ---- Index -------------------------------------------------------------------------------------------------------------- */

typedef enum {
    CAS_DB_META,    /* "counters", "generation", "quota" */
    CAS_DB_BLOBS,   /* hash -> CasBlobRecord, inline data */
    CAS_DB_RESULTS, /* hash, size (big-endian) -> uint32 used, bytes of the ActionResult */
    CAS_DB_REFS,    /* see ref.c */
    CAS_DB_LEASES,  /* session id, serial, kind, hash, size -> nothing */
    CAS_DB_STAT,    /* device, inode -> CasStatRecord */
    CAS_DB_NOTES, /* as CAS_DB_RESULTS -> uint32 written, bytes of the note; an older store has none until it is opened for writing */
    CAS_DB_COUNT
} CasDb;

typedef struct {
    int64_t blob_bytes, inline_blobs, disk_bytes;
} CasCounters;

typedef struct CasPresence CasPresence;

typedef struct CasIndex {
    int references; /* guarded by the registry's lock */
    pid_t pid;
    dev_t device;
    ino_t inode;
    gboolean read_only;
    char *path;
    int root_fd, lock_fd;
    char *notice; /* what had to be healed when it was opened, or NULL */

    MDB_env *env;
    MDB_dbi db[CAS_DB_COUNT];
    gsize map_size;
    GRWLock map_lock; /* exclusive: the map is being resized */
    GMutex pool_lock;
    GPtrArray *pool; /* reset read transactions, ready to be renewed */

    GMutex session_lock;
    char *session_id;
    int session_fd;
    gint temporary_serial, lease_serial;

    GMutex touch_lock;
    GHashTable *touches; /* GBytes: kind, key */
    int64_t touches_since;

    gint wrote;
    gint64 sync_checked; /* monotonic seconds, atomic enough under touch_lock */

    CasPresence *presence;

    _Atomic(gsize) mapped_limit;                    /* see mapped.c */
    _Atomic(gint64) mapped_checked, mapped_trimmed; /* monotonic */
    _Atomic(gpointer) map_start;                    /* where the index is mapped; NULL: not known */

    GMutex cache_lock;
    GHashTable *cache; /* SluiceDigest * -> CasCachedDirectory * */
    GQueue cache_order;
    gsize cache_bytes;
} CasIndex;

struct SluiceStore {
    CasIndex *index;
    unsigned high_watermark, low_watermark;
    uint64_t quota_override;
};

CasIndex *cas_index_open(const char *path, gboolean read_only, GError **error);
void cas_index_close(CasIndex *index);
/* At the end of a transaction, with map_lock held. */
void cas_mapped_check(CasIndex *index);
/* Begins to write the index out to the disk, if that is due. */
void cas_index_sync(CasIndex *index, gboolean force);

/* Gives the space of free pages back, if that is worth it and nobody else uses the store. */
gboolean cas_compact(CasIndex *index);

/* One transaction.  `mdb` is for mdb_* calls; the deltas are added to the stored counters by cas_txn_commit. */
typedef struct {
    CasIndex *index;
    MDB_txn *mdb;
    gboolean writing;
    gboolean removes; /* blobs */
    CasCounters delta;
} CasTxn;
gboolean cas_txn_read(CasIndex *index, CasTxn *txn, GError **error);
gboolean cas_txn_write(CasIndex *index, CasTxn *txn, GError **error);
gboolean cas_txn_commit(CasTxn *txn, GError **error);
/* Ends a read transaction, drops a write transaction; harmless after either or cas_txn_commit. */
void cas_txn_end(CasTxn *txn);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CasTxn, cas_txn_end)

/* 0, MDB_NOTFOUND or another LMDB code. */
int cas_get(CasTxn *txn, CasDb db, const void *key, gsize key_length, MDB_val *value);
int cas_put(CasTxn *txn, CasDb db, const void *key, gsize key_length, const void *data, gsize length);
int cas_delete(CasTxn *txn, CasDb db, const void *key, gsize key_length);
gboolean cas_error_mdb(CasIndex *index, GError **error, int code, const char *doing);
/* One more than any before: changed whenever something is protected from eviction. */
gboolean cas_bump_generation(CasTxn *txn, GError **error);
uint64_t cas_get_generation(CasTxn *txn);
gboolean cas_get_counters(CasTxn *txn, CasCounters *counters);
gsize cas_db_entries(CasTxn *txn, CasDb db);
gboolean cas_require_writable(CasIndex *index, GError **error);

/* Deleting writes, too: this much is kept aside, so that eviction works on a full disk. */
#define CAS_RESERVE_BYTES (2 * 1024 * 1024)
#define CAS_RESERVE_LEAST (512 * 1024)
void cas_reserve_make(CasIndex *index);
/* FALSE: there was none. */
gboolean cas_reserve_release(CasIndex *index);

uint32_t cas_now(void);
/* What a record of this length takes in the index, roughly: rounding and page fill included. */
int64_t cas_record_cost(gsize length);

/* ---- Damage (recover.c) ------------------------------------------------------------------------------------------------- */

/* Looks at an index in a child process, so that what would kill a reader kills only the child. */
gboolean cas_index_is_sound(const char *directory);
/* Hashes an object file; *digest tells what it is. */
typedef struct CasObject CasObject;
gboolean cas_object_is_good(CasIndex *index, const CasObject *object, SluiceDigest *digest);
/* After an unclean restart of the machine: heals, and sets index->notice.  Called with the store locked. */
gboolean cas_recover_blobs(CasIndex *index, gboolean rebuild, GError **error);
/* Has the machine been restarted since the store was last opened? */
gboolean cas_boot_changed(CasIndex *index);
gboolean cas_boot_note(CasIndex *index, GError **error);

/* ---- Sessions: the temporary files and leases of one process --------------------------------------------------------------- */

#define CAS_SESSION_ID_LENGTH 24
/* Makes tmp/ID/ and locks tmp/ID.lock for the life of the process.  Idempotent. */
gboolean cas_session_ensure(CasIndex *index, GError **error);
void cas_session_close(CasIndex *index);
/* A name relative to root_fd that nobody else uses. */
char *cas_temporary_name(CasIndex *index, const char *purpose);
/* Removes what dead sessions left: leases, files; *removed counts the sessions. */
gboolean cas_session_sweep(CasIndex *index, uint64_t *removed, GError **error);

/* ---- Blobs -------------------------------------------------------------------------------------------------------------- */

enum { CAS_BLOB_INLINE = 1, CAS_BLOB_PLAIN = 2, CAS_BLOB_EXEC = 4 };
typedef struct {
    int64_t size;
    uint32_t used;  /* seconds since 1970 */
    uint32_t flags; /* CAS_BLOB_… */
} CasBlobRecord;

/* The whole blob; whether it is mapped. */
GBytes *cas_read_blob(SluiceStore *store, const SluiceDigest *digest, gboolean *mapped, GError **error);
/* FALSE without error: absent (or there with another size).  `data` (NULL allowed) points into the map. */
gboolean cas_blob_find(CasTxn *txn, const SluiceDigest *digest, CasBlobRecord *record, const void **data);
int64_t cas_blob_cost(const CasBlobRecord *record);
#define CAS_OBJECT_NAME_MAX 96
/* "objects/ab/cdef…[.x]", relative to root_fd. */
void cas_object_name(const uint8_t hash[SLUICE_HASH_BYTES], gboolean executable, char out[CAS_OBJECT_NAME_MAX]);

/* What this process knows to be there (presence.c). */
CasPresence *cas_presence_new(void);
void cas_presence_free(CasPresence *presence);
/* missing[i] is cleared for what is known to be there in the snapshot, and was used after `since`; gives the number of the others. */
gsize cas_presence_find(CasPresence *presence, CasTxn *txn, const SluiceDigest *digests, gsize count, gboolean *missing,
                        uint32_t since);
/* It was found in the snapshot, last used then. */
void cas_presence_add(CasPresence *presence, CasTxn *txn, const SluiceDigest *digest, uint32_t used);
/* The transaction removes blobs.  An LMDB code. */
int cas_count_removal(CasTxn *txn);

/* A blob on its way into the store: inline bytes, or a temporary file that is renamed. */
typedef struct {
    SluiceDigest digest;
    const void *data;    /* NULL: file */
    char *temporary;     /* relative to root_fd; consumed (renamed or removed) and freed */
    gboolean executable; /* variant of the file */
} CasPending;
/* All or nothing, in one transaction, with what `extra` (NULL allowed; gives an LMDB code) adds to it.  Temporaries are gone afterwards
 * in either case. */
typedef int (*CasExtraFunc)(CasTxn *txn, gpointer data);
gboolean cas_commit_pending(CasIndex *index, CasPending *pending, gsize count, CasExtraFunc extra, gpointer data,
                            GError **error);
/* Is it there already?  Counts as use; cas_touch_flush before this is told to anybody. */
gboolean cas_blob_is_known(CasIndex *index, const SluiceDigest *digest);
gboolean cas_write_temporary(CasIndex *index, const void *data, gsize length, CasPending *pending, GError **error);
gboolean cas_insert_pending(CasTxn *txn, CasPending *pending, GError **error);
void cas_discard_pending(CasIndex *index, CasPending *pending, gsize count);
/* Creates a temporary file of the right mode; *name is relative to root_fd. */
int cas_open_temporary(CasIndex *index, gboolean executable, char **name, GError **error);
gboolean cas_write_all(int fd, const void *data, gsize length);
/* Mode and time of an object file. */
gboolean cas_finish_object(int fd, gboolean executable);
/* Removes object files that no record knows any more; holds the writer lock meanwhile.  Keys are hashes. */
gboolean cas_unlink_unreferenced(CasIndex *index, GArray *hashes, uint64_t *removed, GError **error);
/* Deletes the record; the files stay for cas_unlink_unreferenced. */
int cas_delete_blob_record(CasTxn *txn, const uint8_t hash[SLUICE_HASH_BYTES]);
/* Changes which variants a file blob has (made if absent; 0: it is deleted).  An LMDB code. */
int cas_set_blob_flags(CasTxn *txn, const SluiceDigest *digest, uint32_t flags);
gboolean cas_copy_fd(int from, int to, int64_t size);
/* The record promised a file that is absent or has a wrong size: forget it. */
void cas_forget_damaged(CasIndex *index, const SluiceDigest *digest);
/* Opens one variant of a file blob; -1 with errno. */
int cas_open_object(CasIndex *index, const SluiceDigest *digest, uint32_t flags);
/* The bytes of a file blob; NULL if it cannot be read. */
GBytes *cas_read_object(CasIndex *index, const SluiceDigest *digest, uint32_t flags);
/* Makes sure that the variant exists for hard links, and writes its name.  FALSE without error: not possible here (inline). */
gboolean cas_object_variant(CasIndex *index, const SluiceDigest *digest, gboolean executable,
                            char out[CAS_OBJECT_NAME_MAX], GError **error);

/* Notes of use, written later. */
void cas_touch(CasIndex *index, CasDb db, const void *key, gsize key_length, uint32_t used);
gboolean cas_touch_flush(CasIndex *index, GError **error);
void cas_touch_flush_if_due(CasIndex *index);

/* Results and refs: writes or removes a record and keeps the sum of what is used. */
gboolean cas_replace_record(CasTxn *txn, CasDb db, const void *key, gsize key_length, GByteArray *record,
                            GError **error);
int cas_remove_record(CasTxn *txn, CasDb db, const void *key, gsize key_length);
/* A result with its note.  An LMDB code. */
int cas_remove_result(CasTxn *txn, const void *key, gsize key_length);

/* ---- Refs and leases, as gc and fsck see them ----------------------------------------------------------------------------- */

typedef struct {
    uint32_t used;
    const char *space, *name; /* not terminated */
    gsize space_length, name_length;
    const uint8_t *value;
    gsize value_length;
    gsize n_trees, n_blobs;
    const uint8_t *digests; /* trees, then blobs; CAS_PACKED_DIGEST bytes each */
} CasRefView;
#define CAS_PACKED_DIGEST 40
void cas_pack_digest(const SluiceDigest *digest, uint8_t out[CAS_PACKED_DIGEST]);
void cas_unpack_digest(const uint8_t in[CAS_PACKED_DIGEST], SluiceDigest *out);
gboolean cas_ref_parse(const MDB_val *key, const MDB_val *value, CasRefView *out);

enum { CAS_LEASE_BLOB = 0, CAS_LEASE_TREE = 1 };
#define CAS_LEASE_KEY (CAS_SESSION_ID_LENGTH + 4 + 1 + CAS_PACKED_DIGEST)
/* Drops the leases of one session (serial 0: all of them). */
gboolean cas_lease_drop(CasTxn *txn, const char *session_id, uint32_t serial, GError **error);

/* ---- Known files (stat-cache.c) --------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t size, mtime_sec, ctime_sec;
    uint32_t mtime_nsec, ctime_nsec;
    uint8_t hash[SLUICE_HASH_BYTES];
    uint32_t seen;
    uint32_t reserved;
} CasStatRecord;
gboolean cas_stat_find(CasTxn *txn, const struct stat *status, SluiceDigest *out, uint32_t *seen);
/* FALSE if the file is so young that it could change again without a visible change of its times. */
gboolean cas_stat_is_settled(const struct stat *status, const struct timespec *read_started);
int cas_stat_store(CasTxn *txn, const struct stat *status, const SluiceDigest *digest);

/* ---- Directories ------------------------------------------------------------------------------------------------------------ */

/* Shares one decoded copy among readers. */
SluiceDirectory *cas_directory_ref(SluiceDirectory *directory);
gsize cas_directory_memory(const SluiceDirectory *directory);
void cas_directory_cache_clear(CasIndex *index);
gboolean cas_check_name(const char *name, gsize length, GError **error);
/* Entries in the bytewise order of names over all types; free with g_free. */
const SluiceEntry **cas_directory_sorted(const SluiceDirectory *directory);

/* ---- Object files ----------------------------------------------------------------------------------------------------------- */

struct CasObject {
    uint8_t hash[SLUICE_HASH_BYTES];
    gboolean executable;
    char name[CAS_OBJECT_NAME_MAX];
};
/* Removes files that have no record. */
gboolean cas_sweep_objects(CasIndex *index, SluiceGcStats *stats, GError **error);
/* An array of CasObject.  Names that are none of ours are left alone. */
GArray *cas_list_objects(CasIndex *index, GError **error);

G_END_DECLS
