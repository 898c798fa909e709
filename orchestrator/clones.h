/*
 * clones.h - copies of foreign repositories below the store, as a cache: what they take, and which go first.
 *
 * A clone is all that source_clone_path names: NAME, NAME.git and NAME.shallow.git in STORE/sources/KIND.  NAME.used says in its time when the clone was used last and in its text
 * how many bytes it has; who uses it has a shared lock on it, so what is in use is never removed.  What was staged from a clone is in the store and stays.
 */
#pragma once

#include "cas.h"

typedef struct {
    guint64 clones, bytes;
} ClonesTotal;

/* Gives a clone its place among those that were used, and keeps it from being removed until the descriptor is closed.  -1: there is none (yet); with `make`, of a clone that is about to be
 * made, only where it cannot be marked. */
int clone_use(const char *base, gboolean make);
/* After a change: writes down how large it is. */
void clone_measure(const char *base);

/* As their files say, or (`exact`) measured again. */
void clones_total(SluiceStore *store, gboolean exact, ClonesTotal *out);
/* Removes the least recently used ones until they have at most `target` bytes; what was removed. */
void clones_evict(SluiceStore *store, guint64 target, ClonesTotal *removed);
/* Both together have at most `target` bytes then: clones go first, since they can be fetched again, and then what sluice_store_gc takes. */
gboolean clones_collect(SluiceStore *store, guint64 target, ClonesTotal *removed, SluiceGcStats *stats, GError **error);
/* The quota of the store is that of both.  Cheap where it is kept. */
gboolean clones_enforce_quota(SluiceStore *store, ClonesTotal *removed, SluiceGcStats *stats, GError **error);
