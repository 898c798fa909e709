/* Decoded Directories are immutable, so readers share them; the least recently used go when there are too many bytes. */
#include "cas-private.h"

#include <string.h>

typedef struct {
    SluiceDigest digest;
    SluiceDirectory *directory;
    GList link; /* in cache_order, newest first */
} Cached;

static void drop_oldest(CasIndex *index)
{
    Cached *cached = g_queue_peek_tail(&index->cache_order);
    g_queue_unlink(&index->cache_order, &cached->link);
    g_hash_table_remove(index->cache, &cached->digest);
    index->cache_bytes -= cas_directory_memory(cached->directory);
    sluice_directory_free(cached->directory);
    g_free(cached);
}

void cas_directory_cache_clear(CasIndex *index)
{
    g_mutex_lock(&index->cache_lock);
    while (index->cache_order.length > 0)
        drop_oldest(index);
    g_mutex_unlock(&index->cache_lock);
}

static SluiceDirectory *find(CasIndex *index, const SluiceDigest *digest)
{
    SluiceDirectory *found = NULL;
    g_mutex_lock(&index->cache_lock);
    Cached *cached = g_hash_table_lookup(index->cache, digest);
    if (cached != NULL) {
        g_queue_unlink(&index->cache_order, &cached->link);
        g_queue_push_head_link(&index->cache_order, &cached->link);
        found = cas_directory_ref(cached->directory);
    }
    g_mutex_unlock(&index->cache_lock);
    return found;
}

static void insert(CasIndex *index, const SluiceDigest *digest, SluiceDirectory *directory)
{
    gsize memory = cas_directory_memory(directory);
    if (memory > CAS_DIRECTORY_CACHE_BYTES / 4)
        return;
    g_mutex_lock(&index->cache_lock);
    if (!g_hash_table_contains(index->cache, digest)) {
        Cached *cached = g_new0(Cached, 1);
        cached->digest = *digest;
        cached->directory = cas_directory_ref(directory);
        cached->link.data = cached;
        g_hash_table_insert(index->cache, &cached->digest, cached);
        g_queue_push_head_link(&index->cache_order, &cached->link);
        index->cache_bytes += memory;
        while (index->cache_bytes > CAS_DIRECTORY_CACHE_BYTES)
            drop_oldest(index);
    }
    g_mutex_unlock(&index->cache_lock);
}

static SluiceDirectory *decode(const SluiceDigest *digest, GBytes *bytes, GError **error)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    GError *problem = NULL;
    SluiceDirectory *directory = sluice_directory_decode(data, length, &problem);
    if (directory == NULL)
        g_propagate_prefixed_error(error, problem, "blob %s: ", sluice_digest_string(digest, text));
    return directory;
}

SluiceDirectory *sluice_directory_read(SluiceStore *store, const SluiceDigest *digest, GError **error)
{
    SluiceDirectory *directory = find(store->index, digest);
    if (directory != NULL)
        return directory;
    g_autoptr(GBytes) bytes = sluice_store_read(store, digest, error);
    if (bytes == NULL)
        return NULL;
    directory = decode(digest, bytes, error);
    if (directory != NULL)
        insert(store->index, digest, directory);
    return directory;
}
