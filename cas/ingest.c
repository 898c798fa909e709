#include "ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define READ_WHOLE_MAX (4 * 1024 * 1024) /* up to this, a file is hashed in memory before anything is written */
#define READ_ATTEMPTS  3                 /* of a file that changes while it is read */

void ingest_init(Ingest *ingest, CasIndex *index, gboolean by_link)
{
    *ingest = (Ingest){.index = index, .by_link = by_link};
    g_mutex_init(&ingest->lock);
    ingest->pending = g_array_new(FALSE, FALSE, sizeof(CasPending));
    ingest->known = g_array_new(FALSE, FALSE, sizeof(IngestKnown));
}

static void free_data(GArray *pending)
{
    for (guint i = 0; i < pending->len; i++)
        g_free((gpointer)g_array_index(pending, CasPending, i).data);
    g_array_unref(pending);
}

void ingest_clear(Ingest *ingest)
{
    cas_discard_pending(ingest->index, (CasPending *)(void *)ingest->pending->data, ingest->pending->len);
    free_data(ingest->pending);
    g_array_unref(ingest->known);
    g_mutex_clear(&ingest->lock);
}

/* ---- Batches ---------------------------------------------------------------------------------------------------------------- */

static int store_known(CasTxn *txn, gpointer data)
{
    const GArray *known = data;
    int code = 0;
    for (guint i = 0; i < known->len && code == 0; i++) {
        const IngestKnown *entry = &g_array_index(known, IngestKnown, i);
        code = cas_stat_store(txn, &entry->status, &entry->digest);
    }
    return code;
}

static gboolean write_batch(CasIndex *index, GArray *pending, GArray *known, GError **error)
{
    gboolean ok = TRUE;
    if (pending->len > 0 || known->len > 0)
        ok = cas_commit_pending(index, (CasPending *)(void *)pending->data, pending->len, store_known, known, error);
    free_data(pending);
    g_array_unref(known);
    return ok;
}

/* Called with the lock, which is released while the batch is written. */
static gboolean flush_locked(Ingest *ingest, GError **error)
{
    GArray *pending = ingest->pending, *known = ingest->known;
    ingest->pending = g_array_new(FALSE, FALSE, sizeof(CasPending));
    ingest->known = g_array_new(FALSE, FALSE, sizeof(IngestKnown));
    ingest->inline_bytes = 0;
    g_mutex_unlock(&ingest->lock);
    gboolean ok = write_batch(ingest->index, pending, known, error);
    g_mutex_lock(&ingest->lock);
    return ok;
}

gboolean ingest_flush(Ingest *ingest, GError **error)
{
    g_mutex_lock(&ingest->lock);
    gboolean ok = flush_locked(ingest, error);
    g_mutex_unlock(&ingest->lock);
    return ok && cas_touch_flush(ingest->index, error);
}

static gboolean enqueue(Ingest *ingest, const CasPending *pending, const IngestKnown *known, GError **error)
{
    gboolean ok = TRUE;
    g_mutex_lock(&ingest->lock);
    if (pending != NULL) {
        g_array_append_val(ingest->pending, *pending);
        ingest->inline_bytes += pending->data != NULL ? (gsize)pending->digest.size : 0;
    }
    if (known != NULL)
        g_array_append_val(ingest->known, *known);
    if (ingest->inline_bytes >= CAS_BATCH_BYTES || ingest->pending->len + ingest->known->len >= CAS_BATCH_ENTRIES)
        ok = flush_locked(ingest, error);
    g_mutex_unlock(&ingest->lock);
    return ok;
}

gboolean ingest_remember(Ingest *ingest, const struct stat *status, const SluiceDigest *digest, GError **error)
{
    const IngestKnown known = {.status = *status, .digest = *digest};
    return enqueue(ingest, NULL, &known, error);
}

/* ---- One file ----------------------------------------------------------------------------------------------------------------- */

typedef enum { READ_OK, READ_CHANGED, READ_FAILED } ReadResult;

typedef struct {
    Ingest *ingest;
    int dirfd, fd;
    const char *name;
    struct stat status;
    CasPending pending;
    gboolean linked;
} Reading;

static ReadResult read_failed(const Reading *reading, int number, GError **error)
{
    cas_error_errno(error, number, "cannot read %s", reading->name);
    return READ_FAILED;
}

/* Reads as much as there was; if there is more by now, the times and the size tell afterwards. */
static ReadResult read_whole(Reading *reading, uint8_t *data, GError **error)
{
    gsize size = (gsize)reading->status.st_size, length = 0;
    while (length < size) {
        ssize_t got = read(reading->fd, data + length, size - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return read_failed(reading, errno, error);
        if (got == 0)
            return READ_CHANGED;
        length += (gsize)got;
    }
    sluice_digest_of(data, length, &reading->pending.digest);
    return READ_OK;
}

static ReadResult link_object(Reading *reading, gboolean *done, GError **error)
{
    CasIndex *index = reading->ingest->index;
    struct stat linked;
    *done = FALSE;
    if (!reading->ingest->by_link || reading->status.st_uid != geteuid())
        return READ_OK;
    if (!cas_session_ensure(index, error))
        return READ_FAILED;
    g_autofree char *temporary = cas_temporary_name(index, "link");
    if (linkat(reading->dirfd, reading->name, index->root_fd, temporary, 0) != 0)
        return READ_OK; /* another file system, too many links: copy */
    gboolean same = fstatat(index->root_fd, temporary, &linked, AT_SYMLINK_NOFOLLOW) == 0 &&
                    linked.st_ino == reading->status.st_ino && linked.st_size == reading->status.st_size &&
                    linked.st_mtim.tv_sec == reading->status.st_mtim.tv_sec &&
                    linked.st_mtim.tv_nsec == reading->status.st_mtim.tv_nsec;
    if (same && cas_finish_object(reading->fd, reading->pending.executable)) {
        reading->pending.temporary = g_steal_pointer(&temporary);
        reading->linked = *done = TRUE;
        return READ_OK;
    }
    unlinkat(index->root_fd, temporary, 0);
    return same ? READ_OK : READ_CHANGED;
}

static ReadResult read_small(Reading *reading, GError **error)
{
    g_autofree uint8_t *data = g_malloc(MAX((gsize)reading->status.st_size, 1));
    gboolean linked;
    ReadResult result = read_whole(reading, data, error);
    if (result != READ_OK || cas_blob_is_known(reading->ingest->index, &reading->pending.digest))
        return result;
    if (reading->status.st_size <= CAS_INLINE_MAX) {
        reading->pending.data = g_steal_pointer(&data);
        return READ_OK;
    }
    result = link_object(reading, &linked, error);
    if (result != READ_OK || linked)
        return result;
    return cas_write_temporary(reading->ingest->index, data, (gsize)reading->status.st_size, &reading->pending, error)
               ? READ_OK
               : READ_FAILED;
}

/* Hashes, and copies to `out` unless that is -1. */
static ReadResult stream(Reading *reading, int out, GError **error)
{
    g_autoptr(SluiceHasher) hasher = sluice_hasher_new();
    g_autofree uint8_t *buffer = g_malloc(CAS_COPY_BUFFER);
    int64_t length = 0;
    for (;;) {
        ssize_t got = read(reading->fd, buffer, CAS_COPY_BUFFER);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return read_failed(reading, errno, error);
        if (got == 0)
            break;
        length += got;
        if (length > reading->status.st_size)
            return READ_CHANGED;
        sluice_hasher_update(hasher, buffer, (gsize)got);
        if (out >= 0 && !cas_write_all(out, buffer, (gsize)got)) {
            cas_error_errno(error, errno, "%s: cannot write a blob", reading->ingest->index->path);
            return READ_FAILED;
        }
    }
    sluice_hasher_finish(hasher, &reading->pending.digest);
    return length == reading->status.st_size ? READ_OK : READ_CHANGED;
}

static ReadResult copy_large(Reading *reading, GError **error)
{
    CasIndex *index = reading->ingest->index;
    int out = cas_open_temporary(index, FALSE, &reading->pending.temporary, error);
    if (out < 0)
        return READ_FAILED;
    ReadResult result = stream(reading, out, error);
    reading->pending.executable = FALSE;
    gboolean finished = result == READ_OK && cas_finish_object(out, FALSE);
    int code = errno;
    if (close(out) != 0 && finished) {
        finished = FALSE;
        code = errno;
    }
    if (result == READ_OK && !finished) {
        cas_error_errno(error, code, "%s: cannot write a blob", index->path);
        result = READ_FAILED;
    }
    if (result != READ_OK || cas_blob_is_known(index, &reading->pending.digest))
        cas_discard_pending(index, &reading->pending, 1);
    return result;
}

static ReadResult read_large(Reading *reading, GError **error)
{
    gboolean linked = FALSE;
    if (!reading->ingest->by_link)
        return copy_large(reading, error);
    ReadResult result = stream(reading, -1, error);
    if (result != READ_OK || cas_blob_is_known(reading->ingest->index, &reading->pending.digest))
        return result;
    result = link_object(reading, &linked, error);
    if (result != READ_OK || linked)
        return result;
    if (lseek(reading->fd, 0, SEEK_SET) != 0)
        return read_failed(reading, errno, error);
    return copy_large(reading, error);
}

static gboolean same_state(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void drop_attempt(Reading *reading)
{
    cas_discard_pending(reading->ingest->index, &reading->pending, 1);
    g_free((gpointer)reading->pending.data);
    reading->pending.data = NULL;
}

/* With the file open. */
static ReadResult read_once(Reading *reading, gboolean *settled, GError **error)
{
    struct timespec started;
    struct stat after;
    if (fstat(reading->fd, &reading->status) != 0)
        return read_failed(reading, errno, error);
    if (!S_ISREG(reading->status.st_mode)) {
        cas_error(error, SLUICE_CAS_ERROR_INVALID, "%s is no regular file any more", reading->name);
        return READ_FAILED;
    }
    reading->pending.executable = (reading->status.st_mode & S_IXUSR) != 0;
    clock_gettime(CLOCK_REALTIME, &started);
    *settled = cas_stat_is_settled(&reading->status, &started);
    ReadResult result =
        reading->status.st_size <= READ_WHOLE_MAX ? read_small(reading, error) : read_large(reading, error);
    if (result == READ_OK && !reading->linked &&
        (fstat(reading->fd, &after) != 0 || !same_state(&reading->status, &after)))
        result = READ_CHANGED;
    if (result != READ_OK)
        drop_attempt(reading);
    return result;
}

static gboolean finish(Reading *reading, gboolean settled, GError **error)
{
    const IngestKnown known = {.status = reading->status, .digest = reading->pending.digest};
    gboolean remember = settled && !reading->linked && known.digest.size > 0;
    gboolean waiting = reading->pending.data != NULL || reading->pending.temporary != NULL;
    return (!waiting && !remember) ||
           enqueue(reading->ingest, waiting ? &reading->pending : NULL, remember ? &known : NULL, error);
}

gboolean ingest_file(Ingest *ingest, int dirfd, const char *name, SluiceDigest *out, gboolean *executable,
                     GError **error)
{
    for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        Reading reading = {.ingest = ingest, .dirfd = dirfd, .name = name};
        gboolean settled = FALSE;
        reading.fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (reading.fd < 0)
            return cas_error_errno(error, errno, "cannot open %s", name);
        ReadResult result = read_once(&reading, &settled, error);
        close(reading.fd);
        if (result == READ_FAILED)
            return FALSE;
        if (result == READ_CHANGED)
            continue;
        *out = reading.pending.digest;
        *executable = (reading.status.st_mode & S_IXUSR) != 0;
        return finish(&reading, settled, error);
    }
    return cas_error(error, SLUICE_CAS_ERROR_IO, "%s changes while it is read", name);
}
