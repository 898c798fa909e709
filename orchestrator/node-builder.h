/*
 * node-builder.h - puts nodes together from what a reader of YAML finds, one scalar, start and end after the other.
 *
 * Both readers (yaml.c over libyaml, yaml-scan.c for the plain part of the language) build through it, so that nodes and errors are the same whoever reads.
 */
#pragma once

#include "node-private.h"

typedef struct {
    int line, column; /* as in Provenance: from 1, from 0 */
} NodeMark;

typedef struct {
    Arena *arena;
    const NodeFile *file;
    struct {
        Node *node;
        const char *key; /* of the value that a mapping awaits */
        gsize first;     /* of its entries in `pending` */
    } stack[NODE_MAX_DEPTH];
    int depth;
    GArray *pending;  /* NodeEntry of all open containers; each gets exactly the room that it needs */
    GHashTable *keys; /* of one large mapping at a time: made when a second key may be there twice */
    Node *root;       /* when it is complete */
} NodeBuilder;

void node_builder_init(NodeBuilder *builder, Arena *arena, const NodeFile *file);
void node_builder_clear(NodeBuilder *builder);
/* INVALID_YAML "Malformed YAML: …"; always FALSE. */
gboolean node_builder_malformed(const NodeBuilder *builder, NodeMark mark, const char *problem, GError **error);
/* A key or a value, whatever is awaited.  Values are stripped, keys are not. */
gboolean node_builder_scalar(NodeBuilder *builder, NodeMark mark, const char *text, gsize length, GError **error);
gboolean node_builder_start(NodeBuilder *builder, NodeMark mark, NodeType type, GError **error);
void node_builder_end(NodeBuilder *builder);
