/*
 * node-private.h - the inside of a Node, for the files that make and rewrite nodes: node.c, yaml.c, compose.c, include.c, variables.c.
 */
#pragma once

#include "node.h"

typedef struct {
    const char *key;
    Node *value;
} NodeEntry;

struct Node {
    Provenance where;
    guint8 type;
    guint8 capacity_log2; /* of items and entries; 0: none allocated */
    guint8 flags;
    guint32 size;
    union {
        const char *text;
        Node **items;
        NodeEntry *entries; /* entries[-1].value is the hash index of a large mapping, or NULL */
    };
};

/* How deep containers may nest: recursion over one document is bounded by this. */
#define NODE_MAX_DEPTH 200

enum {
    NODE_HAS_DIRECTIVE = 1 << 0, /* this mapping or something below it has a key in parentheses */
    NODE_HAS_VARIABLE = 1 << 1,  /* some scalar in here contains "%{" */
    NODE_IS_BUILTIN = 1 << 2     /* not from a file: its place never replaces another in composition */
};

/* Like node_set, but the key is already in the arena. */
void node_put(Arena *arena, Node *mapping, const char *key, Node *value);
/* A container with its own item array, sharing the items. */
Node *node_copy_shallow(Arena *arena, const Node *node);
/* Python's str.strip(): also Unicode blanks. */
const char *text_strip(const char *text, gsize *length);
/* Inserts at the front. */
void node_prepend(Arena *arena, Node *sequence, Node *item);
