/*
 * trees-server.h - every tree of a store as a directory /HASH-SIZE/ of one read-only FUSE mount.
 *
 * A tree never changes, so the kernel may keep for ever what it was told once: names (also those that do not exist), attributes,
 * links, pages.  Nothing is asked for open, close and extended attributes.  Metadata is the normalised one: 0:0, 0644 or 0755,
 * one fixed time.
 */
#pragma once

#include "cas.h"

typedef struct TreesServer TreesServer;
/* `fuse_fd` is an opened and mounted /dev/fuse.  Starts threads of its own. */
TreesServer *trees_server_start(SluiceStore *store, int fuse_fd, GError **error);
