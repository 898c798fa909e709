/*
 * Opening a store directory.
 *
 *   version       "sluice-cas 1": the layout that this file describes
 *   lock          held for the moment of opening, so that healing is done by one process
 *   users         locked shared by each process that has the store open
 *   boot          the machine's boot id when it was opened last: another one means that a power cut may lie between
 *   index/        the LMDB environment (index.c), the mark "synced", and "reserve": room for eviction on a full disk
 *   objects/ab/   one file a blob that is too large for the index: "cdef…", and "cdef….x" where it is needed executable
 *   tmp/          ID.lock and ID/ of each living process (session.c)
 */
#include "cas-private.h"
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LAYOUT_VERSION "sluice-cas 1\n"

/* LMDB must not open one environment twice in a process.  Entries of the parent process are ignored after fork(). */
static GMutex registry_lock;
static GSList *registry;

static gboolean make_directories(CasIndex *index, GError **error)
{
    static const char *const names[] = {"index", "objects", "tmp"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (mkdirat(index->root_fd, names[i], 0755) != 0 && errno != EEXIST)
            return cas_error_errno(error, errno, "cannot create %s/%s", index->path, names[i]);
    return TRUE;
}

static gboolean is_strange_directory(CasIndex *index)
{
    g_autoptr(GDir) dir = g_dir_open(index->path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;)
        if (strcmp(name, "lock") != 0 && strcmp(name, "users") != 0 && strncmp(name, "version", 7) != 0)
            return TRUE;
    return FALSE;
}

static gboolean write_small_file(CasIndex *index, const char *name, const char *text, GError **error)
{
    g_autofree char *temporary = g_strconcat(name, ".new", NULL);
    int fd = openat(index->root_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    gboolean ok = fd >= 0 && cas_write_all(fd, text, strlen(text));
    int code = errno;
    if (fd >= 0)
        close(fd);
    if (ok && renameat(index->root_fd, temporary, index->root_fd, name) == 0)
        return TRUE;
    if (ok)
        code = errno;
    unlinkat(index->root_fd, temporary, 0);
    return cas_error_errno(error, code, "cannot write %s/%s", index->path, name);
}

static char *read_small_file(CasIndex *index, const char *name)
{
    char buffer[256];
    int fd = openat(index->root_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    ssize_t length = read(fd, buffer, sizeof buffer - 1);
    close(fd);
    return length < 0 ? NULL : g_strndup(buffer, (gsize)length);
}

static gboolean check_version(CasIndex *index, GError **error)
{
    g_autofree char *version = read_small_file(index, "version");
    if (g_strcmp0(version, LAYOUT_VERSION) == 0)
        return TRUE;
    if (version != NULL)
        return cas_error(error, SLUICE_CAS_ERROR_BUSY, "%s: the store has another layout (%s), not %s", index->path,
                         g_strchomp(version), "sluice-cas 1");
    if (is_strange_directory(index))
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "%s is neither empty nor a store", index->path);
    if (index->read_only)
        return cas_error(error, SLUICE_CAS_ERROR_NOT_FOUND, "%s: there is no store", index->path);
    return write_small_file(index, "version", LAYOUT_VERSION, error);
}

static char *current_boot(void)
{
    g_autofree char *text = NULL;
    return g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL) ? g_strdup(g_strstrip(text))
                                                                                     : g_strdup("unknown");
}

gboolean cas_boot_changed(CasIndex *index)
{
    g_autofree char *now = current_boot();
    g_autofree char *noted = read_small_file(index, "boot");
    return g_strcmp0(now, noted) != 0;
}

gboolean cas_boot_note(CasIndex *index, GError **error)
{
    g_autofree char *now = current_boot();
    return write_small_file(index, "boot", now, error);
}

static int open_lock_file(CasIndex *index, const char *name)
{
    int fd = openat(index->root_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 && index->read_only)
        fd = openat(index->root_fd, name, O_RDONLY | O_CLOEXEC);
    return fd;
}

static gboolean is_damage(int code)
{
    return code == MDB_INVALID || code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_VERSION_MISMATCH ||
           code == MDB_INCOMPATIBLE || code == MDB_PANIC;
}

static gboolean discard_index(CasIndex *index, GError **error)
{
    static const char *const names[] = {"index/data.mdb", "index/lock.mdb"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (unlinkat(index->root_fd, names[i], 0) != 0 && errno != ENOENT)
            return cas_error_errno(error, errno, "cannot remove %s/%s", index->path, names[i]);
    return TRUE;
}

/* An index that ends before its last page is suspect (pages that were never used may be missing at its end, though). */
static gboolean index_is_short(CasIndex *index)
{
    MDB_envinfo info;
    MDB_stat page;
    struct stat status;
    return mdb_env_info(index->env, &info) == 0 && mdb_env_stat(index->env, &page) == 0 &&
           fstatat(index->root_fd, "index/data.mdb", &status, 0) == 0 &&
           (uint64_t)status.st_size < (info.me_last_pgno + 1) * (uint64_t)page.ms_psize;
}

/*
 * LMDB writes to its lock file through a mapping, where a full disk would mean SIGBUS: so its blocks are there before.  LMDB takes
 * a file that is large enough as it is.
 */
static gboolean reserve_lock_file(CasIndex *index, GError **error)
{
    enum { READER_SLOT = 64, HEADER = 4096 };
    int fd = openat(index->root_fd, "index/lock.mdb", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return cas_error_errno(error, errno, "cannot create %s/index/lock.mdb", index->path);
    int code = posix_fallocate(fd, 0, CAS_MAX_READERS * READER_SLOT + HEADER);
    close(fd); /* before LMDB opens it: closing drops a process' locks on a file */
    return code == 0 || code == EOPNOTSUPP || code == EINVAL ||
           cas_error_errno(error, code, "cannot create %s/index/lock.mdb", index->path);
}

#define RESERVE "index/reserve"

/* Best effort: a disk that is full already has no reserve. */
void cas_reserve_make(CasIndex *index)
{
    int fd = openat(index->root_fd, RESERVE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return; /* there is one */
    off_t size = CAS_RESERVE_BYTES;
    while (size >= CAS_RESERVE_LEAST && posix_fallocate(fd, 0, size) != 0)
        size /= 2;
    if (size < CAS_RESERVE_LEAST)
        unlinkat(index->root_fd, RESERVE, 0);
    close(fd);
}

gboolean cas_reserve_release(CasIndex *index)
{
    return unlinkat(index->root_fd, RESERVE, 0) == 0;
}

static gboolean index_exists(CasIndex *index)
{
    return faccessat(index->root_fd, "index/data.mdb", F_OK, 0) == 0;
}

/* Opens the environment; *damaged if that cannot be done, or should not be. */
static gboolean open_checked(CasIndex *index, gboolean suspicious, gboolean *damaged, GError **error)
{
    g_autofree char *directory = g_build_filename(index->path, "index", NULL);
    int code = 0;
    if (!index->read_only && !reserve_lock_file(index, error))
        return FALSE;
    *damaged = suspicious && index_exists(index) && !cas_index_is_sound(directory);
    if (*damaged)
        return TRUE;
    if (!cas_environment_open(index, &code)) {
        *damaged = is_damage(code);
        return *damaged || cas_error_mdb(index, error, code, "cannot open the index");
    }
    /* While others use it, it changes under the eyes of who looks; and they would have noticed. */
    gboolean alone = flock(index->lock_fd, LOCK_EX | LOCK_NB) == 0;
    if (!suspicious && alone && index_is_short(index) && !cas_index_is_sound(directory)) {
        cas_environment_close(index);
        *damaged = TRUE;
    }
    return TRUE;
}

static gboolean reopen_empty(CasIndex *index, GError **error)
{
    int code = 0;
    if (index->read_only)
        return cas_error(error, SLUICE_CAS_ERROR_IO, "%s: the index is damaged; open the store for writing to heal it",
                         index->path);
    if (flock(index->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return cas_error(error, SLUICE_CAS_ERROR_BUSY, "%s: the index is damaged, and other processes use the store",
                         index->path);
    if (!discard_index(index, error) || !reserve_lock_file(index, error))
        return FALSE;
    return cas_environment_open(index, &code) || cas_error_mdb(index, error, code, "cannot create the index");
}

/* With the lock held. */
static gboolean open_locked(CasIndex *index, GError **error)
{
    gboolean damaged = FALSE;
    if (!check_version(index, error) || (!index->read_only && !make_directories(index, error)))
        return FALSE;
    index->lock_fd = open_lock_file(index, "users");
    if (index->lock_fd < 0)
        return cas_error_errno(error, errno, "cannot open %s/users", index->path);
    gboolean rebooted = cas_boot_changed(index), existed = index_exists(index);
    if (!open_checked(index, rebooted, &damaged, error) || (damaged && !reopen_empty(index, error)))
        return FALSE;
    if ((damaged || (rebooted && existed)) && !index->read_only && !cas_recover_blobs(index, damaged, error))
        return FALSE;
    if (rebooted && !index->read_only && !cas_boot_note(index, error))
        return FALSE;
    if (!index->read_only)
        cas_reserve_make(index);
    if (flock(index->lock_fd, LOCK_SH) != 0)
        return cas_error_errno(error, errno, "cannot lock %s/users", index->path);
    return TRUE;
}

static gboolean open_index(CasIndex *index, GError **error)
{
    int lock = open_lock_file(index, "lock");
    if (lock < 0)
        return cas_error_errno(error, errno, "cannot open %s/lock", index->path);
    int status;
    while ((status = flock(lock, LOCK_EX)) != 0 && errno == EINTR)
        ;
    gboolean ok =
        status == 0 ? open_locked(index, error) : cas_error_errno(error, errno, "cannot lock %s/lock", index->path);
    close(lock);
    return ok;
}

static void free_index(CasIndex *index)
{
    cas_session_close(index);
    cas_directory_cache_clear(index);
    cas_environment_close(index);
    g_ptr_array_unref(index->pool);
    g_hash_table_unref(index->touches);
    g_hash_table_unref(index->cache);
    if (index->lock_fd >= 0)
        close(index->lock_fd);
    close(index->root_fd);
    g_rw_lock_clear(&index->map_lock);
    g_mutex_clear(&index->pool_lock);
    g_mutex_clear(&index->session_lock);
    g_mutex_clear(&index->touch_lock);
    g_mutex_clear(&index->cache_lock);
    cas_presence_free(index->presence);
    g_free(index->notice);
    g_free(index->path);
    g_free(index);
}

static CasIndex *new_index(const char *path, int root_fd, const struct stat *status, gboolean read_only)
{
    CasIndex *index = g_new0(CasIndex, 1);
    index->references = 1;
    index->pid = getpid();
    index->device = status->st_dev;
    index->inode = status->st_ino;
    index->read_only = read_only;
    index->path = g_strdup(path);
    index->root_fd = root_fd;
    index->lock_fd = index->session_fd = -1;
    index->pool = g_ptr_array_new();
    index->touches = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    index->cache = g_hash_table_new(sluice_digest_hash, sluice_digest_equal_ptr);
    g_rw_lock_init(&index->map_lock);
    g_mutex_init(&index->pool_lock);
    g_mutex_init(&index->session_lock);
    g_mutex_init(&index->touch_lock);
    g_mutex_init(&index->cache_lock);
    index->presence = cas_presence_new();
    return index;
}

static CasIndex *find_registered(const struct stat *status)
{
    for (GSList *item = registry; item != NULL; item = item->next) {
        CasIndex *index = item->data;
        if (index->pid == getpid() && index->device == status->st_dev && index->inode == status->st_ino)
            return index;
    }
    return NULL;
}

/* Takes `root_fd`. */
static CasIndex *open_registered(const char *path, int root_fd, gboolean read_only, GError **error)
{
    struct stat status;
    if (fstat(root_fd, &status) != 0) {
        cas_error_errno(error, errno, "cannot look at %s", path);
        close(root_fd);
        return NULL;
    }
    CasIndex *index = find_registered(&status);
    if (index != NULL) {
        close(root_fd);
        if (index->read_only && !read_only) {
            cas_error(error, SLUICE_CAS_ERROR_BUSY, "%s is open for reading only in this process", path);
            return NULL;
        }
        index->references++;
        return index;
    }
    index = new_index(path, root_fd, &status, read_only);
    if (!open_index(index, error)) {
        free_index(index);
        return NULL;
    }
    registry = g_slist_prepend(registry, index);
    return index;
}

CasIndex *cas_index_open(const char *path, gboolean read_only, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    if (!read_only && g_mkdir_with_parents(absolute, 0755) != 0) {
        cas_error_errno(error, errno, "cannot create %s", absolute);
        return NULL;
    }
    int fd = open(absolute, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            cas_error(error, SLUICE_CAS_ERROR_NOT_FOUND, "%s: there is no store", absolute);
        else
            cas_error_errno(error, errno, "cannot open the store %s", absolute);
        return NULL;
    }
    g_mutex_lock(&registry_lock);
    CasIndex *index = open_registered(absolute, fd, read_only, error);
    g_mutex_unlock(&registry_lock);
    return index;
}

void cas_index_close(CasIndex *index)
{
    if (index->pid != getpid())
        return; /* a forked child: everything belongs to its parent */
    g_mutex_lock(&registry_lock);
    if (--index->references == 0) {
        if (!index->read_only) {
            cas_touch_flush(index, NULL);
            if (g_atomic_int_get(&index->wrote)) {
                index->sync_checked = 0;
                cas_index_sync(index, FALSE);
            }
        }
        registry = g_slist_remove(registry, index);
        free_index(index);
    }
    g_mutex_unlock(&registry_lock);
}
