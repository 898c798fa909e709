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
    guint8 capacity_log2; /* of items and entries, rounded down; 0: at most one */
    guint8 flags;
    guint32 size;
    union {
        const char *text;
        Node **items;
        NodeEntry *entries; /* of a large mapping, entries[-1].value is its hash index */
    };
};

/* How deep containers may nest: recursion over one document is bounded by this. */
#define NODE_MAX_DEPTH 200

enum {
    NODE_HAS_DIRECTIVE = 1 << 0, /* here or below is a key (<), (>) or (=) */
    NODE_HAS_CONDITION = 1 << 1, /* here or below is a key (?), (!) or (@) */
    NODE_HAS_VARIABLE = 1 << 2,  /* some scalar in here contains "%{" */
    NODE_IS_BUILTIN = 1 << 3,    /* not from a file: its place never replaces another in composition */
    NODE_IS_SHARED = 1 << 4      /* part of a project's defaults: what is computed from it is worth remembering */
};

/* Like node_set, but the key is already in the arena. */
void node_put(Arena *arena, Node *mapping, const char *key, Node *value);
/* A container with its own item array, sharing the items. */
Node *node_copy_shallow(Arena *arena, const Node *node);
/* Python's str.strip(): also Unicode blanks. */
const char *text_strip(const char *text, gsize *length);
/* Fills an empty container of the parser; no slack is left. */
void node_fill_sequence(Arena *arena, Node *sequence, Node *const *items, gsize count);
void node_fill_mapping(Arena *arena, Node *mapping, const NodeEntry *entries, gsize count);
/* A scalar with text as it is, which stays in the arena. */
Node *node_new_text(Arena *arena, const char *text, const Provenance *where);
/* A mapping with the same keys and other values, sharing the hash index. */
Node *node_copy_with_values(Arena *arena, const Node *mapping, Node *const *values);
/* Computes again what a container says about what is below it, after children were replaced. */
void node_refresh_flags(Node *container);
/* Fills `sorted`, which has room for all, with the mapping's entries by key. */
void node_sort_entries(const Node *mapping, const NodeEntry **sorted);
/* Sets NODE_IS_SHARED on the node and all below it. */
void node_mark_shared(Node *node);
/* TRAILING_LIST_DIRECTIVE if a list directive is left anywhere. */
gboolean node_check_composed(const Node *node, GError **error);

/* ---- yaml.c ---- */
/* How many bytes of a byte order mark the text begins with. */
gsize yaml_byte_order_mark(const char *text, gsize length);

/* ---- yaml-scan.c ---- */
/* The plain part of YAML, which is nearly all that projects are written in; NULL for all else and for every doubt: node_parse_full decides. */
Node *node_scan(Arena *arena, const NodeFile *file, const char *text, gsize length);
/* ---- yaml.c ---- */
/* The whole language, by libyaml.  What node_scan reads, it reads in the same way. */
Node *node_parse_full(Arena *arena, const NodeFile *file, const char *text, gsize length, GError **error);
/* ---- yaml-emit.c ---- */
#define YAML_ESCAPE_MAX 12
/* A character as it is written between double quotes: "\n", "\x7F", "\u2028". */
void yaml_escape(gunichar c, char out[YAML_ESCAPE_MAX]);
