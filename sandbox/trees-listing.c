#include "trees-listing.h"
#include "sandbox-limits.h"

struct Listing {
    gatomicrefcount references;
    SluiceDigest digest;
    SluiceDirectory *directory;
    gsize entries;
    GList link; /* in `recent` */
};

struct Listings {
    SluiceStore *store;
    GMutex mutex;
    GHashTable *by_digest; /* &listing->digest -> Listing; holds a reference */
    GQueue recent;         /* most recently used first */
    gsize entries;
};

Listings *listings_new(SluiceStore *store)
{
    Listings *listings = g_new0(Listings, 1);
    listings->store = store;
    g_mutex_init(&listings->mutex);
    listings->by_digest = g_hash_table_new(sluice_digest_hash, sluice_digest_equal_ptr);
    g_queue_init(&listings->recent);
    return listings;
}

void listing_unref(Listing *listing)
{
    if (listing == NULL || !g_atomic_ref_count_dec(&listing->references))
        return;
    sluice_directory_free(listing->directory);
    g_free(listing);
}

const SluiceDirectory *listing_peek(const Listing *listing)
{
    return listing->directory;
}

void listings_free(Listings *listings)
{
    for (GList *link; (link = g_queue_pop_head_link(&listings->recent)) != NULL;)
        listing_unref(link->data);
    g_hash_table_unref(listings->by_digest);
    g_mutex_clear(&listings->mutex);
    g_free(listings);
}

static Listing *find(Listings *listings, const SluiceDigest *digest)
{
    Listing *listing = g_hash_table_lookup(listings->by_digest, digest);
    if (listing == NULL)
        return NULL;
    g_queue_unlink(&listings->recent, &listing->link);
    g_queue_push_head_link(&listings->recent, &listing->link);
    g_atomic_ref_count_inc(&listing->references);
    return listing;
}

static void drop_oldest(Listings *listings)
{
    while (listings->entries > TREES_LISTED_ENTRIES_MAX && listings->recent.length > 1) {
        Listing *oldest = g_queue_pop_tail_link(&listings->recent)->data;
        g_hash_table_remove(listings->by_digest, &oldest->digest);
        listings->entries -= oldest->entries;
        listing_unref(oldest);
    }
}

static void insert(Listings *listings, Listing *listing)
{
    g_atomic_ref_count_inc(&listing->references);
    g_hash_table_insert(listings->by_digest, &listing->digest, listing);
    g_queue_push_head_link(&listings->recent, &listing->link);
    listings->entries += listing->entries;
    drop_oldest(listings);
}

Listing *listings_get(Listings *listings, const SluiceDigest *digest, GError **error)
{
    g_mutex_lock(&listings->mutex);
    Listing *listing = find(listings, digest);
    g_mutex_unlock(&listings->mutex);
    if (listing != NULL)
        return listing;
    SluiceDirectory *directory = sluice_directory_read(listings->store, digest, error);
    if (directory == NULL)
        return NULL;
    listing = g_new0(Listing, 1);
    g_atomic_ref_count_init(&listing->references);
    listing->digest = *digest;
    listing->directory = directory;
    listing->link.data = listing;
    sluice_directory_get_entries(directory, &listing->entries);
    listing->entries++; /* an empty one costs memory, too */
    g_mutex_lock(&listings->mutex);
    Listing *other = find(listings, digest); /* another thread may have been faster */
    if (other == NULL)
        insert(listings, listing);
    g_mutex_unlock(&listings->mutex);
    if (other == NULL)
        return listing;
    listing_unref(listing);
    return other;
}
