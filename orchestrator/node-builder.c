/*
 * node-builder.c - see node-builder.h: a mapping on top, every scalar a string, no key twice.
 */
#include "node-builder.h"

#include <string.h>

/* Up to here a mapping's keys are compared one by one. */
#define LINEAR_KEYS 32

void node_builder_init(NodeBuilder *builder, Arena *arena, const NodeFile *file)
{
    builder->arena = arena;
    builder->file = file;
    builder->depth = 0;
    builder->pending = g_array_sized_new(FALSE, FALSE, sizeof(NodeEntry), 64);
    builder->keys = NULL;
    builder->root = NULL;
}

void node_builder_clear(NodeBuilder *builder)
{
    g_array_unref(builder->pending);
    g_clear_pointer(&builder->keys, g_hash_table_unref);
}

gboolean node_builder_malformed(const NodeBuilder *builder, NodeMark mark, const char *problem, GError **error)
{
    Provenance where = {builder->file, mark.line, mark.column};
    error_set(error, ERROR_LOAD, "INVALID_YAML", &where, "Malformed YAML: %s", problem);
    return FALSE;
}

static Node *new_node(const NodeBuilder *builder, NodeType type, NodeMark mark)
{
    Node *node = arena_new_of(builder->arena, Node);
    node->type = (guint8)type;
    node->where = (Provenance){builder->file, mark.line, mark.column};
    return node;
}

static Node *new_scalar(const NodeBuilder *builder, NodeMark mark, const char *text, gsize length)
{
    Node *node = new_node(builder, NODE_SCALAR, mark);
    text = text_strip(text, &length);
    node->text = arena_strndup(builder->arena, text, length);
    /* The search for one character is ten times faster than that for two, and hardly ever finds one. */
    if (length > 2 && memchr(node->text, '%', length) != NULL && strstr(node->text, "%{") != NULL) {
        node->flags |= NODE_HAS_VARIABLE;
    }
    return node;
}

/* Puts a finished value into the container that waits for it. */
static void place(NodeBuilder *builder, Node *value)
{
    if (builder->depth == 0) {
        builder->root = value;
        return;
    }
    NodeEntry entry = {builder->stack[builder->depth - 1].key, value};
    builder->stack[builder->depth - 1].key = NULL;
    g_array_append_val(builder->pending, entry);
}

static gboolean waits_for_key(const NodeBuilder *builder)
{
    return builder->depth > 0 && builder->stack[builder->depth - 1].node->type == NODE_MAPPING &&
           builder->stack[builder->depth - 1].key == NULL;
}

/* Keys are interned.  Large mappings remember theirs in a set of (mapping, key), so that no document costs quadratic time. */
typedef struct {
    const Node *mapping;
    const char *key;
} KeyUse;

static guint key_use_hash(gconstpointer data)
{
    const KeyUse *use = data;
    return g_direct_hash(use->mapping) * 31 + g_direct_hash(use->key);
}

static gboolean key_use_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(KeyUse)) == 0;
}

static gboolean is_duplicate(NodeBuilder *builder, const char *key)
{
    gsize first = builder->stack[builder->depth - 1].first;
    gsize count = builder->pending->len - first;
    const NodeEntry *entries = &g_array_index(builder->pending, NodeEntry, first);
    if (count < LINEAR_KEYS) {
        for (gsize i = 0; i < count; i++) {
            if (entries[i].key == key) {
                return TRUE;
            }
        }
        return FALSE;
    }
    if (builder->keys == NULL) {
        builder->keys = g_hash_table_new_full(key_use_hash, key_use_equal, g_free, NULL);
    }
    const Node *mapping = builder->stack[builder->depth - 1].node;
    for (gsize i = count == LINEAR_KEYS ? 0 : count - 1; i < count; i++) {
        KeyUse *use = g_new(KeyUse, 1);
        *use = (KeyUse){mapping, entries[i].key};
        g_hash_table_add(builder->keys, use);
    }
    return g_hash_table_contains(builder->keys, &(KeyUse){mapping, key});
}

gboolean node_builder_scalar(NodeBuilder *builder, NodeMark mark, const char *text, gsize length, GError **error)
{
    if (builder->depth == 0) {
        return node_builder_malformed(builder, mark, "the top level is not a mapping", error);
    }
    if (!waits_for_key(builder)) {
        place(builder, new_scalar(builder, mark, text, length));
        return TRUE;
    }
    const char *key = arena_intern(builder->arena, text, length);
    if (is_duplicate(builder, key)) {
        g_autofree char *problem = g_strdup_printf("Duplicate key %s", key);
        return node_builder_malformed(builder, mark, problem, error);
    }
    builder->stack[builder->depth - 1].key = key;
    return TRUE;
}

gboolean node_builder_start(NodeBuilder *builder, NodeMark mark, NodeType type, GError **error)
{
    if (builder->depth == 0 && type != NODE_MAPPING) {
        return node_builder_malformed(builder, mark, "the top level is not a mapping", error);
    }
    if (waits_for_key(builder)) {
        return node_builder_malformed(builder, mark, "the key of a mapping is not a scalar", error);
    }
    if (builder->depth == NODE_MAX_DEPTH) {
        return node_builder_malformed(builder, mark, "nested too deeply", error);
    }
    builder->stack[builder->depth].node = new_node(builder, type, mark);
    builder->stack[builder->depth].key = NULL;
    builder->stack[builder->depth].first = builder->pending->len;
    builder->depth++;
    return TRUE;
}

/* Containers are placed when they are complete, so that what is known about all their items can be passed upward. */
void node_builder_end(NodeBuilder *builder)
{
    builder->depth--;
    Node *done = builder->stack[builder->depth].node;
    gsize first = builder->stack[builder->depth].first;
    gsize count = builder->pending->len - first;
    NodeEntry *entries = (NodeEntry *)(void *)builder->pending->data + first;
    if (done->type == NODE_MAPPING) {
        node_fill_mapping(builder->arena, done, entries, count);
    } else {
        Node **items = (Node **)entries; /* in place: an item is never written before its entry was read */
        for (gsize i = 0; i < count; i++) {
            Node *item = entries[i].value;
            memcpy(&items[i], &item, sizeof item);
        }
        node_fill_sequence(builder->arena, done, items, count);
    }
    g_array_set_size(builder->pending, (guint)first);
    place(builder, done);
}
