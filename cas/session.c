/*
 * Sessions: what belongs to one living process.  tmp/ID.lock is locked (flock) for as long as the process lives, tmp/ID/ holds its
 * temporary files and work directories, and its leases carry the ID.  A lock that can be had belonged to a dead process; this
 * works across pid namespaces and with reused pids.
 */
#include "cas-private.h"
#include "disk-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

static char *random_id(void)
{
    uint8_t bytes[CAS_SESSION_ID_LENGTH / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return NULL;
    GString *id = g_string_new(NULL);
    for (gsize i = 0; i < sizeof bytes; i++)
        g_string_append_printf(id, "%02x", bytes[i]);
    return g_string_free(id, FALSE);
}

/* -1 with errno; EAGAIN: try another name (a sweeper was faster). */
static int create_lock(CasIndex *index, const char *name)
{
    struct stat status;
    int fd = openat(index->root_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &status) == 0 && status.st_nlink > 0)
        return fd;
    close(fd);
    errno = EAGAIN;
    return -1;
}

static gboolean start_session(CasIndex *index, GError **error)
{
    enum { ATTEMPTS = 16 };
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        g_autofree char *id = random_id();
        if (id == NULL)
            return cas_error_errno(error, errno, "no random numbers");
        g_autofree char *directory = g_strconcat("tmp/", id, NULL);
        g_autofree char *lock = g_strconcat(directory, ".lock", NULL);
        int fd = create_lock(index, lock);
        if (fd < 0 && (errno == EEXIST || errno == EAGAIN))
            continue;
        if (fd >= 0 && mkdirat(index->root_fd, directory, 0755) == 0) {
            index->session_fd = fd;
            index->session_id = g_steal_pointer(&id);
            return TRUE;
        }
        int code = errno;
        if (fd >= 0) {
            unlinkat(index->root_fd, lock, 0);
            close(fd);
        }
        return cas_error_errno(error, code, "cannot create %s/%s", index->path, directory);
    }
    return cas_error(error, SLUICE_CAS_ERROR_IO, "%s/tmp: cannot start a session", index->path);
}

gboolean cas_session_ensure(CasIndex *index, GError **error)
{
    if (!cas_require_writable(index, error))
        return FALSE;
    g_mutex_lock(&index->session_lock);
    gboolean ok = index->session_id != NULL || start_session(index, error);
    g_mutex_unlock(&index->session_lock);
    return ok;
}

/* Work directories that the caller has not removed are left to gc. */
void cas_session_close(CasIndex *index)
{
    if (index->session_id == NULL)
        return;
    g_autofree char *directory = g_strconcat("tmp/", index->session_id, NULL);
    g_autofree char *lock = g_strconcat(directory, ".lock", NULL);
    if (unlinkat(index->root_fd, directory, AT_REMOVEDIR) == 0 || errno == ENOENT)
        unlinkat(index->root_fd, lock, 0);
    close(index->session_fd);
    index->session_fd = -1;
    g_clear_pointer(&index->session_id, g_free);
}

char *cas_temporary_name(CasIndex *index, const char *purpose)
{
    return g_strdup_printf("tmp/%s/%s-%d", index->session_id, purpose,
                           g_atomic_int_add(&index->temporary_serial, 1) + 1);
}

int cas_open_temporary(CasIndex *index, gboolean executable, char **name, GError **error)
{
    if (!cas_session_ensure(index, error))
        return -1;
    *name = cas_temporary_name(index, "blob");
    int fd = openat(index->root_fd, *name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, executable ? 0755 : 0644);
    if (fd < 0) {
        cas_error_errno(error, errno, "cannot create %s/%s", index->path, *name);
        g_clear_pointer(name, g_free);
    }
    return fd;
}

/* ---- Sweeping what dead processes left -------------------------------------------------------------------------------------- */

/* TRUE: it is dead, and *fd holds its lock (-1: it has none).  Close it only when all is removed: a session that is just being
   started loses its lock to us and takes another name, but it would win an early closed one and use what we remove. */
static gboolean claim_dead_session(CasIndex *index, const char *id, int *fd)
{
    g_autofree char *lock = g_strconcat("tmp/", id, ".lock", NULL);
    *fd = openat(index->root_fd, lock, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return errno == ENOENT;
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return TRUE;
    close(*fd);
    return FALSE;
}

static gboolean session_is_alive(CasIndex *index, const char *id)
{
    int fd;
    if (!claim_dead_session(index, id, &fd))
        return TRUE;
    if (fd >= 0)
        close(fd);
    return FALSE;
}

/* Nothing where the session lives. */
static gboolean remove_dead_session(CasIndex *index, const char *id, uint64_t *removed, GError **error)
{
    int fd;
    if (!claim_dead_session(index, id, &fd))
        return TRUE;
    g_autofree char *directory = g_strconcat("tmp/", id, NULL);
    g_autofree char *lock = g_strconcat(directory, ".lock", NULL);
    gboolean ok = cas_remove_tree_at(index->root_fd, directory, error);
    if (ok) {
        unlinkat(index->root_fd, lock, 0);
        (*removed)++;
    }
    if (fd >= 0)
        close(fd);
    return ok;
}

static gboolean is_session_id(const char *text)
{
    return strlen(text) == CAS_SESSION_ID_LENGTH && strspn(text, "0123456789abcdef") == CAS_SESSION_ID_LENGTH;
}

/* Each lease of a session that is not alive; looked at under the writer lock, so that no lease can be added meanwhile. */
static gboolean drop_dead_leases(CasIndex *index, GError **error)
{
    g_auto(CasTxn) txn = {0};
    if (!cas_txn_write(index, &txn, error))
        return FALSE;
    MDB_cursor *cursor = NULL;
    MDB_val key = {0}, value;
    g_autoptr(GPtrArray) dead = g_ptr_array_new_with_free_func(g_free);
    char id[CAS_SESSION_ID_LENGTH + 1] = "", checked[CAS_SESSION_ID_LENGTH + 1] = "";
    int code = mdb_cursor_open(txn.mdb, index->db[CAS_DB_LEASES], &cursor);
    for (; code == 0 && mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0;) {
        memcpy(id, key.mv_data, MIN(key.mv_size, CAS_SESSION_ID_LENGTH));
        if (strcmp(id, checked) == 0)
            continue;
        memcpy(checked, id, sizeof id);
        if (!is_session_id(id) || !session_is_alive(index, id))
            g_ptr_array_add(dead, g_strdup(id));
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    for (guint i = 0; i < dead->len; i++)
        if (!cas_lease_drop(&txn, g_ptr_array_index(dead, i), 0, error))
            return FALSE;
    return dead->len == 0 || cas_txn_commit(&txn, error);
}

static GPtrArray *list_sessions(CasIndex *index, GError **error)
{
    g_autofree char *path = g_build_filename(index->path, "tmp", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    if (dir == NULL)
        return NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *id = g_strndup(name, CAS_SESSION_ID_LENGTH);
        const char *rest = name + strlen(id);
        if (!is_session_id(id) || (*rest != '\0' && strcmp(rest, ".lock") != 0) || !g_hash_table_add(seen, id))
            continue;
        g_ptr_array_add(ids, g_steal_pointer(&id));
    }
    return ids;
}

gboolean cas_session_sweep(CasIndex *index, uint64_t *removed, GError **error)
{
    g_autoptr(GPtrArray) ids = list_sessions(index, error);
    if (ids == NULL || !drop_dead_leases(index, error))
        return FALSE;
    for (guint i = 0; i < ids->len; i++)
        if (!remove_dead_session(index, g_ptr_array_index(ids, i), removed, error))
            return FALSE;
    return TRUE;
}

char *sluice_store_make_work_dir(SluiceStore *store, const char *purpose, GError **error)
{
    CasIndex *index = store->index;
    if (!cas_check_name(purpose, strlen(purpose), error) || !cas_session_ensure(index, error))
        return NULL;
    g_autofree char *name = cas_temporary_name(index, purpose);
    if (mkdirat(index->root_fd, name, 0700) != 0) {
        cas_error_errno(error, errno, "cannot create %s/%s", index->path, name);
        return NULL;
    }
    return g_build_filename(index->path, name, NULL);
}
