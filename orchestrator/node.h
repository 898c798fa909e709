/*
 * node.h - YAML as BuildStream sees it: mappings, sequences and strings, each with the place it came from.
 *
 * Nodes live in an arena and borrow its strings.  After loading and composition they are only read, so several threads and
 * forked children may read them.  Line counts from 1, column from 0, as BuildStream prints them.
 */
#pragma once

#include "arena.h"
#include "error.h"

typedef enum { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING } NodeType;
typedef struct Node Node;

/* A file that was loaded, or "synthetic" text such as builtin defaults. */
typedef struct {
    const char *name;              /* as shown: relative to its project, "junction.bst:" in front for subprojects */
    const char *path;              /* absolute on disk; NULL for builtin text */
    gpointer project;              /* Project *, or NULL */
    const char *text;              /* for builtin text: the text, for quoting the line */
    const Provenance *included_at; /* of an include: the place that is being served now; NULL for others */
} NodeFile;

struct Provenance {
    const NodeFile *file;
    int line, column;
};

NodeType node_type(const Node *node);
const Provenance *node_where(const Node *node);
const char *node_type_name(const Node *node); /* for messages */

/* Scalars: stripped text, never NULL. */
const char *node_text(const Node *node);
gboolean node_to_bool(const Node *node, gboolean *out, GError **error);
gboolean node_to_int(const Node *node, gint64 *out, GError **error);

/* Sequences and mappings.  Mappings keep their order. */
gsize node_size(const Node *node); /* 0 for NULL and scalars */
Node *node_at(const Node *sequence, gsize index);
const char *node_key_at(const Node *mapping, gsize index);
Node *node_value_at(const Node *mapping, gsize index);
Node *node_find(const Node *mapping, const char *key); /* NULL if absent */

/* Typed access to a mapping; a wrong type is LOAD/INVALID_DATA with the place.  An absent key leaves *out alone and succeeds, so
 * callers set their default first; the _need forms fail on absence. */
gboolean node_need(const Node *mapping, const char *key, GError **error);
gboolean node_get_string(const Node *mapping, const char *key, const char **out, GError **error);
gboolean node_need_string(const Node *mapping, const char *key, const char **out, GError **error);
gboolean node_get_bool(const Node *mapping, const char *key, gboolean *out, GError **error);
gboolean node_get_int(const Node *mapping, const char *key, gint64 *out, GError **error);
/* A string that must be one of `choices` (NULL-terminated); *out is its index. */
gboolean node_get_choice(const Node *mapping, const char *key, const char *const *choices, guint *out, GError **error);
gboolean node_get_mapping(const Node *mapping, const char *key, Node **out, GError **error);
gboolean node_get_sequence(const Node *mapping, const char *key, Node **out, GError **error);
/* A sequence of strings as a NULL-terminated array in the arena. */
gboolean node_get_strings(const Node *mapping, const char *key, Arena *arena, const char *const **out, GError **error);
/* Each key must be in `keys` (NULL-terminated): "Unexpected key: …" otherwise, with "did you mean". */
gboolean node_check_keys(const Node *mapping, const char *const *keys, GError **error);

/* Making nodes (refs, defaults). `where` may be NULL. */
Node *node_new_scalar(Arena *arena, const char *text, const Provenance *where);
Node *node_new_sequence(Arena *arena, const Provenance *where);
Node *node_new_mapping(Arena *arena, const Provenance *where);
void node_append(Arena *arena, Node *sequence, Node *item);
void node_set(Arena *arena, Node *mapping, const char *key, Node *value);
void node_unset(Node *mapping, const char *key);
Node *node_clone(Arena *arena, const Node *node);

/* Parsing (yaml.c). */
Node *node_parse(Arena *arena, const NodeFile *file, const char *text, gsize length, GError **error);
/* YAML text that parses to the same node; for `show` and stored metadata. Free with g_free. */
char *node_emit(const Node *node);

/* Composition (compose.c): `over` wins; both stay usable, the result may share nodes.  List directives included. */
Node *node_compose(Arena *arena, Node *base, Node *over, GError **error);
