/*
 * checkouts.h - staged roots as directories, for machines without FUSE: STORE/checkouts/HASH-SIZE/, made once and kept for the next.
 *
 * A checkout appears complete (it is made elsewhere and renamed), and never changes.  HASH-SIZE.lock beside it is locked shared by
 * those who use it, and exclusively by who makes or removes it.
 */
#pragma once

#include "sandbox-error.h"

/* The path of the checkout of `root` (free with g_free); `lock` gets a descriptor that keeps it while open. */
char *sandbox_checkout_acquire(SluiceStore *store, const SluiceDigest *root, int *lock, GError **error);
