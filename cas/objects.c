/* The object files as a whole: listing them, and the variants that hard links need. */
#include "cas-private.h"
#include "disk-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static gboolean parse_object_name(const char *shard, const char *name, CasObject *out)
{
    gsize length = strlen(name);
    char hex[SLUICE_HASH_HEX + 1];
    SluiceDigest digest;
    out->executable = length == SLUICE_HASH_HEX && g_str_has_suffix(name, ".x");
    if (length != SLUICE_HASH_HEX - 2 && !out->executable)
        return FALSE;
    memcpy(hex, shard, 2);
    memcpy(hex + 2, name, SLUICE_HASH_HEX - 2);
    if (!sluice_digest_parse_hex(hex, SLUICE_HASH_HEX, 0, &digest, NULL))
        return FALSE;
    memcpy(out->hash, digest.hash, SLUICE_HASH_BYTES);
    cas_object_name(out->hash, out->executable, out->name);
    return TRUE;
}

static DIR *open_directory(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL && fd >= 0)
        close(fd);
    return dir;
}

static void list_shard(CasIndex *index, const char *shard, GArray *objects)
{
    g_autofree char *path = g_strconcat("objects/", shard, NULL);
    DIR *dir = open_directory(index->root_fd, path);
    for (struct dirent *entry; dir != NULL && (entry = cas_next_entry(dir)) != NULL;) {
        CasObject object;
        if (parse_object_name(shard, entry->d_name, &object))
            g_array_append_val(objects, object);
    }
    if (dir != NULL)
        closedir(dir);
}

GArray *cas_list_objects(CasIndex *index, GError **error)
{
    DIR *dir = open_directory(index->root_fd, "objects");
    if (dir == NULL) {
        cas_error_errno(error, errno, "cannot read %s/objects", index->path);
        return NULL;
    }
    GArray *objects = g_array_new(FALSE, FALSE, sizeof(CasObject));
    for (struct dirent *entry; (entry = cas_next_entry(dir)) != NULL;)
        if (strlen(entry->d_name) == 2)
            list_shard(index, entry->d_name, objects);
    closedir(dir);
    return objects;
}

/* ---- Variants ----------------------------------------------------------------------------------------------------------------- */

gboolean cas_copy_fd(int from, int to, int64_t size)
{
    int64_t left = size;
    while (left > 0) {
        ssize_t done = copy_file_range(from, NULL, to, NULL, (gsize)MIN(left, 1 << 30), 0);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            break; /* not between these file systems, or the end: below */
        left -= done;
    }
    if (left == 0)
        return TRUE;
    g_autofree uint8_t *buffer = g_malloc(CAS_COPY_BUFFER);
    while (left > 0) {
        ssize_t got = read(from, buffer, (gsize)MIN(left, CAS_COPY_BUFFER));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return FALSE;
        }
        if (!cas_write_all(to, buffer, (gsize)got))
            return FALSE;
        left -= got;
    }
    return TRUE;
}

static gboolean make_variant(CasIndex *index, const SluiceDigest *digest, int from, gboolean executable, GError **error)
{
    CasPending pending = {.digest = *digest, .executable = executable};
    int fd = cas_open_temporary(index, executable, &pending.temporary, error);
    if (fd < 0)
        return FALSE;
    gboolean ok = cas_copy_fd(from, fd, digest->size) && cas_finish_object(fd, executable);
    int code = errno;
    if (close(fd) != 0 && ok) {
        ok = FALSE;
        code = errno;
    }
    if (ok)
        return cas_commit_pending(index, &pending, 1, NULL, NULL, error);
    cas_discard_pending(index, &pending, 1);
    return cas_error_errno(error, code, "%s: cannot copy a blob", index->path);
}

gboolean cas_object_variant(CasIndex *index, const SluiceDigest *digest, gboolean executable,
                            char out[CAS_OBJECT_NAME_MAX], GError **error)
{
    CasBlobRecord record;
    CasTxn txn;
    if (digest->size == 0)
        return FALSE;
    if (!cas_txn_read(index, &txn, error))
        return FALSE;
    gboolean known = cas_blob_find(&txn, digest, &record, NULL);
    cas_txn_end(&txn);
    if (!known)
        return cas_error_missing(error, digest);
    if (record.flags & CAS_BLOB_INLINE)
        return FALSE;
    cas_touch(index, CAS_DB_BLOBS, digest->hash, SLUICE_HASH_BYTES, record.used);
    cas_object_name(digest->hash, executable, out);
    if (record.flags & (executable ? CAS_BLOB_EXEC : CAS_BLOB_PLAIN))
        return TRUE;
    int from = cas_open_object(index, digest, record.flags);
    if (from < 0) {
        cas_forget_damaged(index, digest);
        return cas_error_missing(error, digest);
    }
    gboolean ok = make_variant(index, digest, from, executable, error);
    close(from);
    return ok;
}
