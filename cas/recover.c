/*
 * Damage.  Nothing is synced when it is committed, so after a power cut (seen as: another boot id) the index may have lost or stale
 * pages, and object files written shortly before may be short or empty.
 *
 * The index is walked in a child process, since a damaged one can make its reader crash; what is not sound is discarded, and
 * rebuilt from the object files (small blobs, results and refs are lost: this is a cache).  Object files that were written
 * shortly before the last sign of life are hashed again; older ones the kernel had written out.
 */
#include "cas-private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITE_OUT_TIME  600 /* seconds: kernels write dirty pages out after 30 */
#define WALK_TIME_LIMIT 900 /* seconds */

/* ---- Is it sound?  (in the child) ---------------------------------------------------------------------------------------- */

static void assertion_failed(MDB_env *env, const char *message)
{
    _exit(1);
}

static gboolean record_is_sound(const MDB_val *key, const MDB_val *value)
{
    CasBlobRecord record;
    SluiceDigest digest;
    if (key->mv_size != SLUICE_HASH_BYTES || value->mv_size < sizeof record)
        return FALSE;
    memcpy(&record, value->mv_data, sizeof record);
    if (!(record.flags & CAS_BLOB_INLINE))
        return value->mv_size == sizeof record;
    if (value->mv_size != sizeof record + (gsize)record.size)
        return FALSE;
    sluice_digest_of((const uint8_t *)value->mv_data + sizeof record, (gsize)record.size, &digest);
    return memcmp(digest.hash, key->mv_data, SLUICE_HASH_BYTES) == 0;
}

static gboolean is_sorted(const MDB_val *before, const MDB_val *after)
{
    int order = memcmp(before->mv_data, after->mv_data, MIN(before->mv_size, after->mv_size));
    return order < 0 || (order == 0 && before->mv_size < after->mv_size);
}

static unsigned touch_bytes(const MDB_val *value)
{
    unsigned sum = 0;
    for (gsize i = 0; i < value->mv_size; i += 512)
        sum += ((const uint8_t *)value->mv_data)[i];
    return sum;
}

static gboolean database_is_sound(MDB_txn *txn, MDB_dbi db, gboolean blobs, uint64_t *limit)
{
    MDB_cursor *cursor = NULL;
    MDB_stat status;
    MDB_val key, value, last = {0};
    uint64_t count = 0;
    volatile unsigned sum = 0;
    if (mdb_stat(txn, db, &status) != 0 || mdb_cursor_open(txn, db, &cursor) != 0)
        return FALSE;
    int code;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if ((count > 0 && !is_sorted(&last, &key)) || (blobs && !record_is_sound(&key, &value)) || (*limit)-- == 0)
            return FALSE;
        sum = sum + touch_bytes(&value);
        last = key;
        count++;
    }
    return code == MDB_NOTFOUND && count == status.ms_entries;
}

static gboolean all_is_sound(const char *directory)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi main_db = 0;
    MDB_envinfo info;
    if (mdb_env_create(&env) != 0)
        return FALSE;
    mdb_env_set_assert(env, assertion_failed);
    mdb_env_set_maxdbs(env, CAS_DB_COUNT);
    if (mdb_env_open(env, directory, MDB_RDONLY | MDB_NOLOCK, 0644) != 0 || mdb_env_info(env, &info) != 0 ||
        mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0 || mdb_dbi_open(txn, NULL, 0, &main_db) != 0)
        return FALSE;
    uint64_t limit = (info.me_last_pgno + 2) * 512; /* no page holds more: a damaged tree may be endless */
    MDB_cursor *names = NULL;
    MDB_val key, value;
    if (mdb_cursor_open(txn, main_db, &names) != 0)
        return FALSE;
    int code;
    while ((code = mdb_cursor_get(names, &key, &value, MDB_NEXT)) == 0) {
        g_autofree char *name = g_strndup(key.mv_data, key.mv_size);
        MDB_dbi db;
        if (mdb_dbi_open(txn, name, 0, &db) != 0 || !database_is_sound(txn, db, strcmp(name, "blobs") == 0, &limit))
            return FALSE;
    }
    /* The list of free pages is damage that would spread. */
    return code == MDB_NOTFOUND && database_is_sound(txn, 0, FALSE, &limit);
}

static void run_child(int pipe_fd, const char *directory)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
        signal(signals[i], SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    alarm(WALK_TIME_LIMIT);
    if (all_is_sound(directory))
        (void)!write(pipe_fd, "+", 1);
    _exit(0);
}

gboolean cas_index_is_sound(const char *directory)
{
    int fds[2];
    char answer = '-';
    if (pipe2(fds, O_CLOEXEC) != 0)
        return FALSE;
    sluice_digest_of("", 0, &(SluiceDigest){0}); /* what must be set up once is set up before the fork */
    pid_t child = fork();
    if (child == 0)
        run_child(fds[1], directory);
    close(fds[1]);
    ssize_t got = -1;
    while (child > 0 && (got = read(fds[0], &answer, 1)) < 0 && errno == EINTR)
        ;
    close(fds[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    return got == 1 && answer == '+';
}

/* ---- Healing ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
    CasIndex *index;
    gboolean rebuild;
    struct timespec suspicious; /* written after this: may be damaged */
    GMutex lock;
    GArray *good; /* CasPending-like: rebuilt records */
    guint bad;
} Healing;

typedef struct {
    CasObject object;
    SluiceDigest digest;
    gboolean good;
} Examined;

static gboolean hash_file(int fd, SluiceDigest *out)
{
    g_autoptr(SluiceHasher) hasher = sluice_hasher_new();
    g_autofree uint8_t *buffer = g_malloc(CAS_COPY_BUFFER);
    for (;;) {
        ssize_t got = read(fd, buffer, CAS_COPY_BUFFER);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FALSE;
        if (got == 0)
            break;
        sluice_hasher_update(hasher, buffer, (gsize)got);
    }
    sluice_hasher_finish(hasher, out);
    return TRUE;
}

gboolean cas_object_is_good(CasIndex *index, const CasObject *object, SluiceDigest *digest)
{
    int fd = openat(index->root_fd, object->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    gboolean good = fd >= 0 && hash_file(fd, digest) && memcmp(digest->hash, object->hash, SLUICE_HASH_BYTES) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static gboolean is_suspicious(const Healing *healing, const CasObject *object)
{
    struct stat status;
    return healing->rebuild || fstatat(healing->index->root_fd, object->name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
           status.st_ctim.tv_sec >= healing->suspicious.tv_sec;
}

static void examine(gpointer data, gpointer user_data)
{
    Examined *examined = data;
    Healing *healing = user_data;
    examined->good = cas_object_is_good(healing->index, &examined->object, &examined->digest);
}

static gboolean insert_record(CasTxn *txn, const Examined *examined)
{
    CasBlobRecord record = {.size = examined->digest.size};
    const uint32_t flag = examined->object.executable ? CAS_BLOB_EXEC : CAS_BLOB_PLAIN;
    if (cas_blob_find(txn, &examined->digest, &record, NULL) && (record.flags & (CAS_BLOB_INLINE | flag)))
        return TRUE;
    return cas_set_blob_flags(txn, &examined->digest, record.flags | flag) == 0;
}

/* A bad file goes, and its record if no other variant is left. */
static gboolean remove_bad(CasTxn *txn, const Examined *examined)
{
    MDB_val value;
    CasBlobRecord record;
    unlinkat(txn->index->root_fd, examined->object.name, 0);
    if (cas_get(txn, CAS_DB_BLOBS, examined->object.hash, SLUICE_HASH_BYTES, &value) != 0 ||
        value.mv_size < sizeof record)
        return TRUE;
    memcpy(&record, value.mv_data, sizeof record);
    SluiceDigest digest = {.size = record.size};
    memcpy(digest.hash, examined->object.hash, SLUICE_HASH_BYTES);
    uint32_t left = record.flags & ~(uint32_t)(examined->object.executable ? CAS_BLOB_EXEC : CAS_BLOB_PLAIN);
    return left == record.flags || cas_set_blob_flags(txn, &digest, left) == 0;
}

static gboolean apply(Healing *healing, GPtrArray *all, GError **error)
{
    g_auto(CasTxn) txn = {0};
    if (!cas_txn_write(healing->index, &txn, error))
        return FALSE;
    for (guint i = 0; i < all->len; i++) {
        const Examined *examined = g_ptr_array_index(all, i);
        gboolean ok = examined->good ? insert_record(&txn, examined) : remove_bad(&txn, examined);
        healing->bad += !examined->good;
        if (!ok)
            return cas_error(error, SLUICE_CAS_ERROR_IO, "%s: cannot heal the index", healing->index->path);
    }
    return cas_txn_commit(&txn, error);
}

static char *describe(const Healing *healing, guint found)
{
    if (healing->rebuild)
        return g_strdup_printf("%s: the index of the store was damaged; it was rebuilt from %u object files (small "
                               "blobs, results and names of artifacts are lost and will be made again)",
                               healing->index->path, found - healing->bad);
    if (healing->bad > 0)
        return g_strdup_printf("%s: %u blobs were damaged when the machine went down; they were dropped",
                               healing->index->path, healing->bad);
    return NULL;
}

gboolean cas_recover_blobs(CasIndex *index, gboolean rebuild, GError **error)
{
    Healing healing = {.index = index, .rebuild = rebuild};
    struct stat status;
    g_autoptr(GArray) objects = cas_list_objects(index, error);
    if (objects == NULL)
        return FALSE;
    if (fstatat(index->root_fd, "index/data.mdb", &status, 0) == 0)
        healing.suspicious.tv_sec = status.st_mtim.tv_sec - WRITE_OUT_TIME;
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    GThreadPool *pool = cas_thread_pool_new(examine, &healing, g_get_num_processors());
    for (guint i = 0; i < objects->len; i++) {
        const CasObject *object = &g_array_index(objects, CasObject, i);
        if (!is_suspicious(&healing, object))
            continue;
        Examined *examined = g_new0(Examined, 1);
        examined->object = *object;
        g_ptr_array_add(all, examined);
        g_thread_pool_push(pool, examined, NULL);
    }
    g_thread_pool_free(pool, FALSE, TRUE);
    if (all->len > 0 && !apply(&healing, all, error))
        return FALSE;
    index->notice = describe(&healing, all->len);
    return TRUE;
}
