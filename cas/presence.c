/*
 * Which blobs are there, remembered by this process, so that clients that ask for the same digests again and again cost no search of the index.
 *
 * The index counts the transactions that remove blobs (CAS_DB_META, "removals").  What was there when the count was N is there in every
 * snapshot whose count is N as well, whichever process wrote meanwhile: an entry is valid for the count that it was made with.
 */
#include "cas-private.h"

#include <string.h>

/* A digest has one place; a new one takes it. */
enum { SLOTS = 1 << 16 };

typedef struct {
    SluiceDigest digest;
    uint32_t removals; /* the count plus one; 0: empty */
    uint32_t used;
} Slot;

struct CasPresence {
    GMutex lock;
    Slot *slots; /* made when it is needed; pages that are never used take no memory */
};

CasPresence *cas_presence_new(void)
{
    CasPresence *presence = g_new0(CasPresence, 1);
    g_mutex_init(&presence->lock);
    return presence;
}

void cas_presence_free(CasPresence *presence)
{
    g_mutex_clear(&presence->lock);
    g_free(presence->slots);
    g_free(presence);
}

static uint32_t stored_removals(CasTxn *txn)
{
    MDB_val value;
    uint32_t removals = 0;
    if (cas_get(txn, CAS_DB_META, "removals", 8, &value) == 0 && value.mv_size == sizeof removals)
        memcpy(&removals, value.mv_data, sizeof removals);
    return removals;
}

int cas_count_removal(CasTxn *txn)
{
    uint32_t removals = stored_removals(txn) + 1;
    return cas_put(txn, CAS_DB_META, "removals", 8, &removals, sizeof removals);
}

static Slot *slot_of(CasPresence *presence, const SluiceDigest *digest)
{
    uint32_t place; /* the hash is uniform */
    memcpy(&place, digest->hash, sizeof place);
    return &presence->slots[place % SLOTS];
}

gsize cas_presence_find(CasPresence *presence, CasTxn *txn, const SluiceDigest *digests, gsize count, gboolean *missing,
                        uint32_t since)
{
    uint32_t valid = stored_removals(txn) + 1;
    gsize unknown = 0;
    g_mutex_lock(&presence->lock);
    for (gsize i = 0; i < count; i++) {
        const Slot *slot = presence->slots != NULL ? slot_of(presence, &digests[i]) : NULL;
        missing[i] = slot == NULL || slot->removals != valid || slot->used < since ||
                     !sluice_digest_equal(&slot->digest, &digests[i]);
        unknown += (gsize)missing[i];
    }
    g_mutex_unlock(&presence->lock);
    return unknown;
}

void cas_presence_add(CasPresence *presence, CasTxn *txn, const SluiceDigest *digest, uint32_t used)
{
    uint32_t valid = stored_removals(txn) + 1;
    g_mutex_lock(&presence->lock);
    if (presence->slots == NULL)
        presence->slots = g_try_new0(Slot, SLOTS);
    if (presence->slots != NULL)
        *slot_of(presence, digest) = (Slot){*digest, valid, used};
    g_mutex_unlock(&presence->lock);
}
