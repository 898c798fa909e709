/* Blobs: looking them up and reading them. */
#include "cas-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

gboolean cas_blob_find(CasTxn *txn, const SluiceDigest *digest, CasBlobRecord *record, const void **data)
{
    MDB_val value;
    if (cas_get(txn, CAS_DB_BLOBS, digest->hash, SLUICE_HASH_BYTES, &value) != 0 || value.mv_size < sizeof *record)
        return FALSE;
    memcpy(record, value.mv_data, sizeof *record);
    if (record->size != digest->size)
        return FALSE;
    gboolean is_inline = record->flags & CAS_BLOB_INLINE;
    if (is_inline && value.mv_size != sizeof *record + (gsize)record->size)
        return FALSE;
    if (data != NULL)
        *data = is_inline ? (const uint8_t *)value.mv_data + sizeof *record : NULL;
    return TRUE;
}

int64_t cas_blob_cost(const CasBlobRecord *record)
{
    if (record->flags & CAS_BLOB_INLINE)
        return cas_record_cost(sizeof *record + (gsize)record->size);
    int64_t pages = (record->size + 4095) / 4096 * 4096;
    int copies = ((record->flags & CAS_BLOB_PLAIN) != 0) + ((record->flags & CAS_BLOB_EXEC) != 0);
    return cas_record_cost(sizeof *record) + pages * copies;
}

void cas_object_name(const uint8_t hash[SLUICE_HASH_BYTES], gboolean executable, char out[CAS_OBJECT_NAME_MAX])
{
    SluiceDigest digest = {.size = 0};
    char hex[SLUICE_HASH_HEX + 1];
    memcpy(digest.hash, hash, SLUICE_HASH_BYTES);
    sluice_digest_hex(&digest, hex);
    g_snprintf(out, CAS_OBJECT_NAME_MAX, "objects/%.2s/%s%s", hex, hex + 2, executable ? ".x" : "");
}

gboolean sluice_store_has(SluiceStore *store, const SluiceDigest *digest)
{
    CasIndex *index = store->index;
    CasBlobRecord record;
    if (digest->size == 0)
        return sluice_digest_equal(digest, &sluice_digest_empty);
    g_auto(CasTxn) txn = {0};
    return cas_txn_read(index, &txn, NULL) && cas_blob_find(&txn, digest, &record, NULL);
}

gboolean sluice_store_find_missing(SluiceStore *store, const SluiceDigest *digests, gsize count, gboolean *missing,
                                   GError **error)
{
    CasIndex *index = store->index;
    CasTxn txn;
    if (!cas_txn_read(index, &txn, error))
        return FALSE;
    uint32_t now = cas_now();
    gsize unknown = cas_presence_find(index->presence, &txn, digests, count, missing, now - CAS_TOUCH_GRANULARITY);
    gboolean stale = FALSE;
    for (gsize i = 0; i < count && unknown > 0; i++) {
        CasBlobRecord record;
        if (!missing[i])
            continue;
        unknown--;
        missing[i] = !sluice_digest_equal(&digests[i], &sluice_digest_empty);
        if (!missing[i] || !cas_blob_find(&txn, &digests[i], &record, NULL))
            continue;
        missing[i] = FALSE;
        cas_presence_add(index->presence, &txn, &digests[i], record.used);
        if (now - record.used < CAS_TOUCH_GRANULARITY)
            continue;
        cas_touch(index, CAS_DB_BLOBS, digests[i].hash, SLUICE_HASH_BYTES, record.used);
        stale = TRUE;
    }
    cas_txn_end(&txn);
    /* The caller relies on what it was told: other processes' gc must see the use now. */
    return !stale || index->read_only || cas_touch_flush(index, error);
}

/* What a look-up found: the bytes (a copy), or the variants of the file. */
typedef struct {
    uint32_t flags;
    GBytes *bytes;
} Found;

static gboolean find_blob(CasIndex *index, const SluiceDigest *digest, Found *found, GError **error)
{
    CasBlobRecord record;
    const void *data;
    *found = (Found){.flags = CAS_BLOB_INLINE};
    if (sluice_digest_equal(digest, &sluice_digest_empty)) {
        found->bytes = g_bytes_new_static("", 0);
        return TRUE;
    }
    CasTxn txn;
    if (!cas_txn_read(index, &txn, error))
        return FALSE;
    gboolean there = cas_blob_find(&txn, digest, &record, &data);
    if (there && data != NULL)
        found->bytes = g_bytes_new(data, (gsize)record.size);
    cas_txn_end(&txn);
    if (!there)
        return cas_error_missing(error, digest);
    found->flags = record.flags;
    cas_touch(index, CAS_DB_BLOBS, digest->hash, SLUICE_HASH_BYTES, record.used);
    cas_touch_flush_if_due(index);
    return TRUE;
}

static int open_variant(CasIndex *index, const SluiceDigest *digest, gboolean executable)
{
    char name[CAS_OBJECT_NAME_MAX];
    struct stat status;
    cas_object_name(digest->hash, executable, name);
    int fd = openat(index->root_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || (fstat(fd, &status) == 0 && status.st_size == digest->size))
        return fd;
    close(fd);
    errno = ENOENT; /* a wrong size is damage: as good as absent */
    return -1;
}

int cas_open_object(CasIndex *index, const SluiceDigest *digest, uint32_t flags)
{
    int fd = -1;
    errno = ENOENT;
    if (flags & CAS_BLOB_PLAIN)
        fd = open_variant(index, digest, FALSE);
    if (fd < 0 && (flags & CAS_BLOB_EXEC))
        fd = open_variant(index, digest, TRUE);
    return fd;
}

void cas_forget_damaged(CasIndex *index, const SluiceDigest *digest)
{
    g_auto(CasTxn) txn = {0};
    CasBlobRecord record;
    if (index->read_only || !cas_txn_write(index, &txn, NULL) || !cas_blob_find(&txn, digest, &record, NULL) ||
        (record.flags & CAS_BLOB_INLINE))
        return;
    int fd = cas_open_object(index, digest, record.flags);
    if (fd >= 0) {
        close(fd); /* somebody has healed it */
    } else if (errno == ENOENT && cas_delete_blob_record(&txn, digest->hash) == 0) {
        cas_txn_commit(&txn, NULL);
    }
}

static int open_file_blob(CasIndex *index, const SluiceDigest *digest, uint32_t flags, GError **error)
{
    int fd = cas_open_object(index, digest, flags);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT) {
        cas_forget_damaged(index, digest);
        cas_error_missing(error, digest);
    } else {
        char text[SLUICE_DIGEST_STRING_MAX];
        cas_error_errno(error, errno, "cannot open blob %s", sluice_digest_string(digest, text));
    }
    return -1;
}

static gboolean read_all(int fd, uint8_t *out, gsize length)
{
    for (gsize done = 0; done < length;) {
        ssize_t got = read(fd, out + done, length - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return FALSE;
        }
        done += (gsize)got;
    }
    return TRUE;
}

/* `mapped` may be NULL. */
static GBytes *read_file_blob(int fd, const SluiceDigest *digest, gboolean *mapped, GError **error)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    gsize length = (gsize)digest->size;
    if (length >= CAS_MAP_MIN) {
        g_autoptr(GMappedFile) map = g_mapped_file_new_from_fd(fd, FALSE, NULL);
        if (map != NULL && g_mapped_file_get_length(map) == length) {
            if (mapped != NULL)
                *mapped = TRUE;
            return g_mapped_file_get_bytes(map);
        }
    }
    uint8_t *data = g_try_malloc(length);
    if (data != NULL && read_all(fd, data, length))
        return g_bytes_new_take(data, length);
    cas_error_errno(error, data == NULL ? ENOMEM : errno, "cannot read blob %s", sluice_digest_string(digest, text));
    g_free(data);
    return NULL;
}

GBytes *cas_read_object(CasIndex *index, const SluiceDigest *digest, uint32_t flags)
{
    int fd = cas_open_object(index, digest, flags);
    GBytes *bytes = fd >= 0 ? read_file_blob(fd, digest, NULL, NULL) : NULL;
    if (fd >= 0)
        close(fd);
    return bytes;
}

GBytes *cas_read_blob(SluiceStore *store, const SluiceDigest *digest, gboolean *mapped, GError **error)
{
    Found found;
    *mapped = FALSE;
    if (!find_blob(store->index, digest, &found, error))
        return NULL;
    if (found.bytes != NULL)
        return found.bytes;
    int fd = open_file_blob(store->index, digest, found.flags, error);
    if (fd < 0)
        return NULL;
    GBytes *bytes = read_file_blob(fd, digest, mapped, error);
    close(fd);
    return bytes;
}

GBytes *sluice_store_read(SluiceStore *store, const SluiceDigest *digest, GError **error)
{
    gboolean mapped;
    return cas_read_blob(store, digest, &mapped, error);
}

static int memory_file(GBytes *bytes, GError **error)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    int fd = memfd_create("sluice-blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && cas_write_all(fd, data, length) && lseek(fd, 0, SEEK_SET) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
        return fd;
    cas_error_errno(error, errno, "cannot make a file in memory");
    if (fd >= 0)
        close(fd);
    return -1;
}

int sluice_store_open_blob(SluiceStore *store, const SluiceDigest *digest, GError **error)
{
    Found found;
    if (!find_blob(store->index, digest, &found, error))
        return -1;
    if (found.bytes == NULL)
        return open_file_blob(store->index, digest, found.flags, error);
    int fd = memory_file(found.bytes, error);
    g_bytes_unref(found.bytes);
    return fd;
}
