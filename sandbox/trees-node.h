/*
 * trees-node.h - what the kernel knows by number: the nodes of the served trees.
 *
 * Identity decides what the kernel caches once.  A file is the same node in every tree that has it at the same path with the same
 * content, mode and mtime, so its pages are shared between sandboxes; at another path it is another node, because `cp` and `tar` take two
 * names of one inode for one file.  A directory or link belongs to its parent: the kernel wants directories to have one.
 *
 * A node lives while the kernel refers to it or a node below it exists.  Any thread may call.
 */
#pragma once

#include "cas.h"

typedef struct Node Node;
struct Node {
    guint64 lookups;  /* the kernel's references */
    guint64 children; /* nodes that have this parent */
    Node *parent;     /* NULL: the top, and files */
    char *name;       /* NULL for files */
    guint64 path;     /* hash of the path within its tree, the tree's own name excluded */
    SluiceEntryType type;
    gboolean executable;
    gint64 mtime; /* of a file that has one of its own, else 0 */
    gboolean top;
    SluiceDigest digest;
    char *target;  /* of a link */
    gpointer open; /* of a large file that was read from; belongs to trees-content.c */
};

typedef struct Nodes Nodes;

Nodes *nodes_new(void);
/* All of them, whatever the kernel thinks. */
void nodes_free(Nodes *nodes);
Node *nodes_get_top(Nodes *nodes);
/* The node of `entry` in `parent`, with one more kernel reference. */
Node *nodes_lookup(Nodes *nodes, Node *parent, const SluiceEntry *entry);
/* `dropped` is called for a node that goes, before it goes. */
void nodes_forget(Nodes *nodes, Node *node, guint64 count, void (*dropped)(Node *node, gpointer data), gpointer data);
guint64 node_get_inode(const Node *node);
/* The same number, for an entry that has no node yet. */
guint64 node_inode_of(const Node *parent, const SluiceEntry *entry);
