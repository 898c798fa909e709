/*
 * Storing the files of a capture.  Small ones go many to a transaction; several threads take turns, since most of the work is hashing.
 */
#include "capture.h"
#include "sandbox-limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define WORKERS_MAX     8u
#define FILES_A_WORKER  32u /* fewer are not worth another thread */
#define BATCH_FILES_MAX 1024u
#define SUSPECT_SIZE    (1LL << 30) /* from here on the space is asked for first: a sparse file may be of any size */

typedef struct {
    SandboxUpper *upper;
    SluiceStore *store;
    GMutex mutex;
    guint next; /* index in `changes` */
    GError *error;
} Work;

typedef struct {
    GPtrArray *changes; /* borrowed */
    GPtrArray *bytes;
    gsize size;
} Batch;

/* The next run of files: some small ones, or one large one. */
static void take_batch(Work *work, Batch *batch)
{
    const GPtrArray *changes = work->upper->changes;
    g_ptr_array_set_size(batch->changes, 0);
    g_ptr_array_set_size(batch->bytes, 0);
    batch->size = 0;
    g_mutex_lock(&work->mutex);
    while (work->error == NULL && work->next < changes->len && batch->changes->len < BATCH_FILES_MAX &&
           batch->size < SANDBOX_CAPTURE_BATCH) {
        SandboxChange *change = changes->pdata[work->next];
        gboolean large = change->type == SANDBOX_CHANGE_FILE && change->size > SANDBOX_CAPTURE_SMALL;
        if (large && batch->changes->len > 0)
            break;
        work->next++;
        if (change->type != SANDBOX_CHANGE_FILE)
            continue;
        g_ptr_array_add(batch->changes, change);
        batch->size += (gsize)change->size;
        if (large)
            break;
    }
    g_mutex_unlock(&work->mutex);
}

static gboolean file_error(const SandboxChange *change, int code, GError **error)
{
    g_autofree char *path = sandbox_escape_path(change->path);
    return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_CAPTURE, code, "%s", path);
}

static int open_file(Work *work, const SandboxChange *change, GError **error)
{
    struct stat status;
    g_mutex_lock(&work->mutex); /* the list of changed modes */
    int fd = fstatat(work->upper->fd, change->path, &status, AT_SYMLINK_NOFOLLOW) != 0
                 ? -1
                 : sandbox_upper_open(work->upper, change->path, status.st_mode);
    int code = errno;
    g_mutex_unlock(&work->mutex);
    if (fd < 0)
        file_error(change, code, error);
    return fd;
}

static gboolean read_small(Work *work, Batch *batch, const SandboxChange *change, GError **error)
{
    int fd = open_file(work, change, error);
    if (fd < 0)
        return FALSE;
    gsize done = 0, size = (gsize)change->size;
    char *data = g_malloc(size + 1);
    ssize_t got = 0;
    while (done < size && ((got = read(fd, data + done, size - done)) > 0 || (got < 0 && errno == EINTR)))
        done += (gsize)MAX(got, 0);
    int code = errno;
    close(fd);
    if (done == size) {
        g_ptr_array_add(batch->bytes, g_bytes_new_take(data, size));
        return TRUE;
    }
    g_free(data);
    return file_error(change, got < 0 ? code : EIO, error);
}

static gboolean store_small(Work *work, Batch *batch, GError **error)
{
    for (guint i = 0; i < batch->changes->len; i++) {
        if (!read_small(work, batch, batch->changes->pdata[i], error))
            return FALSE;
    }
    g_autofree SluiceDigest *digests = g_new(SluiceDigest, batch->changes->len);
    if (!sluice_store_put_many(work->store, (GBytes *const *)batch->bytes->pdata, batch->bytes->len, digests, error))
        return FALSE;
    for (guint i = 0; i < batch->changes->len; i++)
        ((SandboxChange *)batch->changes->pdata[i])->digest = digests[i];
    return TRUE;
}

static gboolean has_space(Work *work, const SandboxChange *change, GError **error)
{
    struct statvfs system;
    if (change->size < SUSPECT_SIZE || statvfs(sluice_store_get_path(work->store), &system) != 0 ||
        (guint64)change->size / system.f_frsize < system.f_bavail)
        return TRUE;
    g_autofree char *path = sandbox_escape_path(change->path);
    return sandbox_error(error, SLUICE_SANDBOX_ERROR_CAPTURE,
                         "%s: %" G_GINT64_FORMAT " bytes, more than the store's disk has left", path, change->size);
}

static gboolean store_large(Work *work, SandboxChange *change, GError **error)
{
    if (!has_space(work, change, error))
        return FALSE;
    int fd = open_file(work, change, error);
    if (fd < 0)
        return FALSE;
    gboolean ok = sluice_store_put_fd(work->store, fd, NULL, &change->digest, error);
    close(fd);
    if (!ok)
        g_prefix_error(error, "%s: ", change->path);
    return ok;
}

static gpointer run_worker(gpointer data)
{
    Work *work = data;
    Batch batch = {.changes = g_ptr_array_new(),
                   .bytes = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref)};
    gboolean ok = TRUE;
    while (ok) {
        g_autoptr(GError) error = NULL;
        take_batch(work, &batch);
        if (batch.changes->len == 0)
            break;
        ok = batch.size > SANDBOX_CAPTURE_SMALL && batch.changes->len == 1
                 ? store_large(work, batch.changes->pdata[0], &error)
                 : store_small(work, &batch, &error);
        g_mutex_lock(&work->mutex);
        if (!ok && work->error == NULL)
            work->error = g_steal_pointer(&error);
        g_mutex_unlock(&work->mutex);
    }
    g_ptr_array_unref(batch.changes);
    g_ptr_array_unref(batch.bytes);
    return NULL;
}

gboolean sandbox_store_files(SandboxUpper *upper, SluiceStore *store, GError **error)
{
    Work work = {.upper = upper, .store = store};
    GThread *threads[WORKERS_MAX];
    guint wanted = MIN(MIN(g_get_num_processors(), WORKERS_MAX), upper->changes->len / FILES_A_WORKER + 1);
    guint started = 0;
    g_mutex_init(&work.mutex);
    while (started + 1 < wanted && (threads[started] = g_thread_try_new("capture", run_worker, &work, NULL)) != NULL)
        started++;
    run_worker(&work);
    for (guint i = 0; i < started; i++)
        g_thread_join(threads[i]);
    g_mutex_clear(&work.mutex);
    if (work.error == NULL)
        return TRUE;
    g_propagate_error(error, work.error);
    return FALSE;
}
