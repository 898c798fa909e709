/*
 * trees-content.h - the bytes of served files.
 *
 * A small file is read at once and answered from memory.  A large one is read in many requests, so its descriptor is kept open,
 * least recently used ones close first.  Any thread may call.
 */
#pragma once

#include "trees-node.h"

typedef struct Contents Contents;
typedef struct OpenFile OpenFile;

Contents *contents_new(SluiceStore *store);
/* Nothing may be in use. */
void contents_free(Contents *contents);
/* The descriptor of a large file; give it back with contents_release. */
OpenFile *contents_acquire(Contents *contents, Node *node, GError **error);
int open_file_get_fd(const OpenFile *file);
void contents_release(Contents *contents, OpenFile *file);
/* Forgets what is kept for a node that goes. */
void contents_drop(Contents *contents, Node *node);
