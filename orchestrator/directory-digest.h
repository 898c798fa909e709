/*
 * directory-digest.h - what a directory on disk would be in the store, without importing it: for keys.
 */
#pragma once

#include "cas.h"

/* The digest that sluice_store_import gives for the same path: contents, owner's executable bits, links; sockets, fifos and devices are an error.  Blocks; uses
 * several threads while it runs and has none left when it returns.  `store` (NULL allowed) is asked for files that it imported before; nothing is written. */
gboolean directory_digest(int dirfd, const char *path, SluiceStore *store, SluiceDigest *out, GError **error);
