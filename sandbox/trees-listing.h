/*
 * trees-listing.h - decoded Directories, kept for the next lookup up to a limit.
 *
 * The kernel asks for each name once and remembers the answer, so this is only about neighbours.  Any thread may call.
 */
#pragma once

#include "cas.h"

typedef struct Listing Listing;
typedef struct Listings Listings;

Listings *listings_new(SluiceStore *store);
/* Listings that are in use live on. */
void listings_free(Listings *listings);
/* Gives a reference; drop it with listing_unref. */
Listing *listings_get(Listings *listings, const SluiceDigest *digest, GError **error);
void listing_unref(Listing *listing);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listing, listing_unref)
const SluiceDirectory *listing_peek(const Listing *listing);
