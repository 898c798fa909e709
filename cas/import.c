/*
 * Import of a directory.  Each directory is a job of a thread pool: it is listed, files that the stat cache knows are done, and the
 * rest is read, in this job or (if that is much) in further ones.  When all is read, the Directories are encoded from the
 * bottom up.
 *
 * Directories are opened by their path from the top (never through a symlink), so that their number is not limited by the number of
 * descriptors.
 */
#include "ingest.h"
#include "disk-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define JOB_BYTES (2 * 1024 * 1024) /* read by one job */
#define JOB_FILES 128
#define SEEN_AGE  (24 * 3600) /* seconds after which a known file is noted as seen again */

typedef struct ImportDirectory ImportDirectory;

typedef struct {
    char *name;
    SluiceEntryType type;
    gboolean executable;
    SluiceDigest digest;
    char *target;
    ImportDirectory *child;
    struct stat status;
    gboolean done;
} ImportEntry;

struct ImportDirectory {
    char *path; /* from the top; "" there */
    unsigned depth;
    GArray *entries; /* ImportEntry */
};

typedef struct {
    Ingest ingest;
    CasIndex *index;
    int top_fd;
    GThreadPool *pool;
    GMutex lock;
    GCond idle;
    guint unfinished;
    GError *error;
    gint failed;
} Import;

typedef struct {
    ImportDirectory *directory;
    guint first, end; /* the files to read; (0, 0): list the directory */
} Job;

/* ---- Memory and jobs --------------------------------------------------------------------------------------------------------- */

static void clear_entry(gpointer data)
{
    ImportEntry *entry = data;
    g_free(entry->name);
    g_free(entry->target);
}

static ImportDirectory *new_directory(char *path, unsigned depth)
{
    ImportDirectory *directory = g_new0(ImportDirectory, 1);
    directory->path = path;
    directory->depth = depth;
    directory->entries = g_array_new(FALSE, TRUE, sizeof(ImportEntry));
    g_array_set_clear_func(directory->entries, clear_entry);
    return directory;
}

static void free_directory(ImportDirectory *directory)
{
    for (guint i = 0; i < directory->entries->len; i++) {
        ImportDirectory *child = g_array_index(directory->entries, ImportEntry, i).child;
        if (child != NULL)
            free_directory(child);
    }
    g_array_unref(directory->entries);
    g_free(directory->path);
    g_free(directory);
}

static void push(Import *import, ImportDirectory *directory, guint first, guint end)
{
    Job *job = g_new(Job, 1);
    *job = (Job){.directory = directory, .first = first, .end = end};
    g_mutex_lock(&import->lock);
    import->unfinished++;
    g_mutex_unlock(&import->lock);
    g_thread_pool_push(import->pool, job, NULL);
    /* cppcheck-suppress memleak ; run_job frees it */
}

/* Takes `error`; the first one is kept. */
static void fail(Import *import, const ImportDirectory *directory, GError *error)
{
    g_atomic_int_set(&import->failed, 1);
    if (directory->path[0] != '\0')
        g_prefix_error(&error, "%s: ", directory->path);
    g_mutex_lock(&import->lock);
    if (import->error == NULL)
        import->error = error;
    else
        g_error_free(error);
    g_mutex_unlock(&import->lock);
}

/* ---- Listing ------------------------------------------------------------------------------------------------------------------- */

static int open_below(int top_fd, const char *path)
{
    static gint lacking;
    enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    if (path[0] == '\0')
        path = ".";
    if (g_atomic_int_get(&lacking) == 0) {
        int fd = (int)syscall(SYS_openat2, top_fd, path, &how, sizeof how);
        if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
            return fd;
        g_atomic_int_set(&lacking, 1);
    }
    return openat(top_fd, path, FLAGS);
}

static gboolean read_link(int dirfd, ImportEntry *entry, GError **error)
{
    char target[CAS_TARGET_MAX + 2];
    ssize_t length = readlinkat(dirfd, entry->name, target, sizeof target);
    if (length < 0)
        return cas_error_errno(error, errno, "cannot read the link %s", entry->name);
    if (length == 0 || length > CAS_TARGET_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "%s: the target of the link is too long", entry->name);
    entry->target = g_strndup(target, (gsize)length);
    entry->type = SLUICE_ENTRY_SYMLINK;
    entry->done = TRUE;
    return TRUE;
}

static gboolean classify(int dirfd, ImportEntry *entry, GError **error)
{
    if (fstatat(dirfd, entry->name, &entry->status, AT_SYMLINK_NOFOLLOW) != 0)
        return cas_error_errno(error, errno, "cannot look at %s", entry->name);
    switch (entry->status.st_mode & S_IFMT) {
    case S_IFDIR:
        entry->type = SLUICE_ENTRY_DIRECTORY;
        entry->done = TRUE;
        return TRUE;
    case S_IFLNK:
        return read_link(dirfd, entry, error);
    case S_IFREG:
        entry->type = SLUICE_ENTRY_FILE;
        entry->executable = (entry->status.st_mode & S_IXUSR) != 0;
        entry->digest = sluice_digest_empty;
        entry->done = entry->status.st_size == 0;
        return TRUE;
    default:
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "%s is a socket, a pipe or a device, which cannot be stored",
                         entry->name);
    }
}

static gboolean list_entries(ImportDirectory *directory, DIR *dir, GError **error)
{
    for (;;) {
        struct dirent *item = cas_next_entry(dir);
        if (item == NULL)
            return errno == 0 || cas_error_errno(error, errno, "cannot read the directory");
        if (directory->entries->len >= CAS_DIRECTORY_ENTRIES_MAX)
            return cas_error(error, SLUICE_CAS_ERROR_INVALID, "the directory has too many entries");
        const ImportEntry entry = {.name = g_strdup(item->d_name)};
        g_array_append_val(directory->entries, entry);
        ImportEntry *added = &g_array_index(directory->entries, ImportEntry, directory->entries->len - 1);
        if (item->d_type == DT_LNK ? !read_link(dirfd(dir), added, error) : !classify(dirfd(dir), added, error))
            return FALSE;
    }
}

static gboolean remember_again(Import *import, const ImportEntry *entry, uint32_t seen, GError **error)
{
    return cas_now() - seen < SEEN_AGE || ingest_remember(&import->ingest, &entry->status, &entry->digest, error);
}

/* What the stat cache knows, if the blob is still there.  The notes are written after the transaction has ended. */
static gboolean find_known(Import *import, ImportDirectory *directory, GError **error)
{
    g_autofree uint32_t *seen = g_new0(uint32_t, directory->entries->len + 1);
    CasTxn txn;
    if (!cas_txn_read(import->index, &txn, error))
        return FALSE;
    for (guint i = 0; i < directory->entries->len; i++) {
        ImportEntry *entry = &g_array_index(directory->entries, ImportEntry, i);
        CasBlobRecord record;
        if (entry->done || !cas_stat_find(&txn, &entry->status, &entry->digest, &seen[i]) ||
            !cas_blob_find(&txn, &entry->digest, &record, NULL))
            continue;
        cas_touch(import->index, CAS_DB_BLOBS, entry->digest.hash, SLUICE_HASH_BYTES, record.used);
        entry->done = TRUE;
    }
    cas_txn_end(&txn);
    for (guint i = 0; i < directory->entries->len; i++) {
        const ImportEntry *entry = &g_array_index(directory->entries, ImportEntry, i);
        if (entry->done && seen[i] != 0 && !remember_again(import, entry, seen[i], error))
            return FALSE;
    }
    return TRUE;
}

static gboolean push_children(Import *import, ImportDirectory *directory, GError **error)
{
    for (guint i = 0; i < directory->entries->len; i++) {
        ImportEntry *entry = &g_array_index(directory->entries, ImportEntry, i);
        if (entry->type != SLUICE_ENTRY_DIRECTORY)
            continue;
        if (directory->depth + 1 >= CAS_DEPTH_MAX)
            return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a tree of more than %d levels", CAS_DEPTH_MAX);
        char *path =
            directory->path[0] == '\0' ? g_strdup(entry->name) : g_strconcat(directory->path, "/", entry->name, NULL);
        entry->child = new_directory(path, directory->depth + 1);
        push(import, entry->child, 0, 0);
    }
    return TRUE;
}

/* ---- Reading -------------------------------------------------------------------------------------------------------------------- */

static gboolean read_files(Import *import, ImportDirectory *directory, int dirfd, guint first, guint end,
                           GError **error)
{
    for (guint i = first; i < end && g_atomic_int_get(&import->failed) == 0; i++) {
        ImportEntry *entry = &g_array_index(directory->entries, ImportEntry, i);
        if (!entry->done &&
            !ingest_file(&import->ingest, dirfd, entry->name, &entry->digest, &entry->executable, error))
            return FALSE;
    }
    return TRUE;
}

/* Splits what is to be read; the last part is read here. */
static gboolean read_or_push(Import *import, ImportDirectory *directory, int dirfd, GError **error)
{
    guint first = 0, files = 0;
    int64_t bytes = 0;
    for (guint i = 0; i < directory->entries->len; i++) {
        const ImportEntry *entry = &g_array_index(directory->entries, ImportEntry, i);
        if (entry->done)
            continue;
        files++;
        bytes += entry->status.st_size;
        if (files < JOB_FILES && bytes < JOB_BYTES)
            continue;
        push(import, directory, first, i + 1);
        first = i + 1;
        files = 0;
        bytes = 0;
    }
    return read_files(import, directory, dirfd, first, directory->entries->len, error);
}

static gboolean do_directory(Import *import, const Job *job, DIR *dir, GError **error)
{
    ImportDirectory *directory = job->directory;
    if (job->end > 0)
        return read_files(import, directory, dirfd(dir), job->first, job->end, error);
    return list_entries(directory, dir, error) && push_children(import, directory, error) &&
           find_known(import, directory, error) && read_or_push(import, directory, dirfd(dir), error);
}

static void run_job(gpointer data, gpointer user_data)
{
    g_autofree Job *job = data;
    Import *import = user_data;
    GError *error = NULL;
    if (g_atomic_int_get(&import->failed) == 0) {
        int fd = open_below(import->top_fd, job->directory->path);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        gboolean ok = dir != NULL ? do_directory(import, job, dir, &error)
                                  : cas_error_errno(&error, errno, "cannot open the directory");
        if (dir != NULL)
            closedir(dir);
        else if (fd >= 0)
            close(fd);
        if (!ok)
            fail(import, job->directory, error);
    }
    g_mutex_lock(&import->lock);
    if (--import->unfinished == 0)
        g_cond_signal(&import->idle);
    g_mutex_unlock(&import->lock);
}

static void wait_idle(Import *import)
{
    g_mutex_lock(&import->lock);
    while (import->unfinished > 0)
        g_cond_wait(&import->idle, &import->lock);
    g_mutex_unlock(&import->lock);
}

/* ---- Encoding --------------------------------------------------------------------------------------------------------------------- */

/* Whole microseconds, as keys of workspaces count them; 0 before the epoch. */
static int64_t mtime_of(const struct stat *status)
{
    return MAX(status->st_mtim.tv_sec, 0) * INT64_C(1000000000) + status->st_mtim.tv_nsec / 1000 * 1000;
}

static gboolean encode(ImportDirectory *directory, gboolean times, GPtrArray *blobs, SluiceDigest *out, GError **error)
{
    guint count = directory->entries->len;
    g_autofree SluiceEntry *entries = g_new0(SluiceEntry, count + 1);
    for (guint i = 0; i < count; i++) {
        const ImportEntry *entry = &g_array_index(directory->entries, ImportEntry, i);
        entries[i] = (SluiceEntry){.name = entry->name, .type = entry->type, .digest = entry->digest};
        entries[i].executable = entry->type == SLUICE_ENTRY_FILE && entry->executable;
        entries[i].mtime = times && entry->type == SLUICE_ENTRY_FILE ? mtime_of(&entry->status) : 0;
        entries[i].target = entry->target;
        if (entry->child != NULL && !encode(entry->child, times, blobs, &entries[i].digest, error))
            return FALSE;
    }
    GBytes *bytes = sluice_directory_encode(entries, count, error);
    if (bytes == NULL)
        return FALSE;
    sluice_digest_of_bytes(bytes, out);
    g_ptr_array_add(blobs, bytes);
    return TRUE;
}

static gboolean store_directories(SluiceStore *store, ImportDirectory *top, const SluiceImportOptions *options,
                                  SluiceDigest *root, GError **error)
{
    g_autoptr(GPtrArray) blobs = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    if (!encode(top, options != NULL && options->times, blobs, root, error))
        return FALSE;
    g_autofree SluiceDigest *digests = g_new(SluiceDigest, blobs->len);
    return sluice_store_put_many(store, (GBytes *const *)blobs->pdata, blobs->len, digests, error);
}

/* ---- All of it ---------------------------------------------------------------------------------------------------------------------- */

static void import_init(Import *import, SluiceStore *store, const SluiceImportOptions *options, int top_fd)
{
    *import = (Import){.index = store->index, .top_fd = top_fd};
    ingest_init(&import->ingest, store->index, options != NULL && options->by_link);
    g_mutex_init(&import->lock);
    g_cond_init(&import->idle);
}

static void start_pool(Import *import, const SluiceImportOptions *options)
{
    unsigned threads = options != NULL && options->threads > 0 ? options->threads : g_get_num_processors();
    import->pool = cas_thread_pool_new(run_job, import, MIN(threads, 64));
}

static void import_clear(Import *import)
{
    if (import->pool != NULL)
        g_thread_pool_free(import->pool, FALSE, TRUE);
    ingest_clear(&import->ingest);
    g_cond_clear(&import->idle);
    g_mutex_clear(&import->lock);
}

static gboolean import_directory(SluiceStore *store, int top_fd, const SluiceImportOptions *options, SluiceDigest *root,
                                 GError **error)
{
    Import import;
    ImportDirectory *top = new_directory(g_strdup(""), 0);
    import_init(&import, store, options, top_fd);
    start_pool(&import, options);
    push(&import, top, 0, 0);
    wait_idle(&import);
    gboolean ok = import.error == NULL && ingest_flush(&import.ingest, error) &&
                  store_directories(store, top, options, root, error);
    if (import.error != NULL)
        g_propagate_error(error, import.error);
    import_clear(&import);
    free_directory(top);
    return ok;
}

/* A file or a link: a Directory that holds it alone. */
static gboolean import_single(SluiceStore *store, int dirfd, const char *path, const SluiceImportOptions *options,
                              SluiceDigest *root, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    int fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cas_error_errno(error, errno, "cannot open %s", parent);
    ImportDirectory *top = new_directory(g_strdup(""), 0);
    ImportEntry entry = {.name = g_steal_pointer(&name)};
    Import import;
    import_init(&import, store, options, fd);
    gboolean ok = classify(fd, &entry, error);
    g_array_append_val(top->entries, entry);
    ok = ok && find_known(&import, top, error) && read_files(&import, top, fd, 0, 1, error) &&
         ingest_flush(&import.ingest, error) && store_directories(store, top, options, root, error);
    import_clear(&import);
    free_directory(top);
    close(fd);
    return ok;
}

gboolean sluice_store_import(SluiceStore *store, int dirfd, const char *path, const SluiceImportOptions *options,
                             SluiceDigest *root, GError **error)
{
    struct stat status;
    GError *problem = NULL;
    gboolean ok;
    if (!cas_require_writable(store->index, error))
        return FALSE;
    if (fstatat(dirfd, path, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return cas_error_errno(error, errno, "cannot import %s", path);
    if (S_ISDIR(status.st_mode)) {
        int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        ok = fd >= 0 ? import_directory(store, fd, options, root, &problem)
                     : cas_error_errno(&problem, errno, "cannot open the directory");
        if (fd >= 0)
            close(fd);
    } else {
        ok = import_single(store, dirfd, path, options, root, &problem);
    }
    if (!ok)
        g_propagate_prefixed_error(error, problem, "import of %s: ", path);
    return ok;
}
