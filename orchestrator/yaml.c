/*
 * yaml.c - BuildStream's dialect of YAML, read from libyaml's events: one document, a mapping on top, every scalar a string; no anchors, no tags of one's
 * own, no key twice.
 */
#include "node-private.h"

#include <string.h>
#include <yaml.h>

/* A document of this size with nothing but list items still fits into memory. */
#define YAML_MAX_BYTES ((gsize)256 << 20)
/* Up to here a mapping's keys are compared one by one. */
#define LINEAR_KEYS 32

typedef struct {
    Arena *arena;
    const NodeFile *file;
    yaml_parser_t parser;
    struct {
        Node *node;
        const char *key; /* of the value that a mapping awaits */
        gsize first;     /* of its entries in `pending` */
    } stack[NODE_MAX_DEPTH];
    int depth;
    GArray *pending;  /* NodeEntry of all open containers; each gets exactly the room that it needs */
    GHashTable *keys; /* of one large mapping at a time: made when a second key may be there twice */
    Node *root;
    gboolean document_ended;
} Reader;

static gboolean malformed(const Reader *reader, yaml_mark_t mark, const char *problem, GError **error)
{
    Provenance where = {reader->file, (int)mark.line + 1, (int)mark.column};
    error_set(error, ERROR_LOAD, "INVALID_YAML", &where, "Malformed YAML: %s", problem);
    return FALSE;
}

static Node *node_of_event(Reader *reader, NodeType type, const yaml_event_t *event)
{
    Node *node = arena_new_of(reader->arena, Node);
    node->type = (guint8)type;
    node->where = (Provenance){reader->file, (int)event->start_mark.line + 1, (int)event->start_mark.column};
    return node;
}

static Node *scalar_of_event(Reader *reader, const yaml_event_t *event)
{
    Node *node = node_of_event(reader, NODE_SCALAR, event);
    gsize length = event->data.scalar.length;
    const char *text = text_strip((const char *)event->data.scalar.value, &length);
    node->text = arena_strndup(reader->arena, text, length);
    if (strstr(node->text, "%{") != NULL) {
        node->flags |= NODE_HAS_VARIABLE;
    }
    return node;
}

/* Puts a finished value into the container that waits for it. */
static void place(Reader *reader, Node *value)
{
    if (reader->depth == 0) {
        reader->root = value;
        return;
    }
    NodeEntry entry = {reader->stack[reader->depth - 1].key, value};
    reader->stack[reader->depth - 1].key = NULL;
    g_array_append_val(reader->pending, entry);
}

static gboolean waits_for_key(const Reader *reader)
{
    return reader->depth > 0 && reader->stack[reader->depth - 1].node->type == NODE_MAPPING &&
           reader->stack[reader->depth - 1].key == NULL;
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

static gboolean is_duplicate(Reader *reader, const char *key)
{
    gsize first = reader->stack[reader->depth - 1].first;
    gsize count = reader->pending->len - first;
    const NodeEntry *entries = &g_array_index(reader->pending, NodeEntry, first);
    if (count < LINEAR_KEYS) {
        for (gsize i = 0; i < count; i++) {
            if (entries[i].key == key) {
                return TRUE;
            }
        }
        return FALSE;
    }
    if (reader->keys == NULL) {
        reader->keys = g_hash_table_new_full(key_use_hash, key_use_equal, g_free, NULL);
    }
    const Node *mapping = reader->stack[reader->depth - 1].node;
    for (gsize i = count == LINEAR_KEYS ? 0 : count - 1; i < count; i++) {
        KeyUse *use = g_new(KeyUse, 1);
        *use = (KeyUse){mapping, entries[i].key};
        g_hash_table_add(reader->keys, use);
    }
    return g_hash_table_contains(reader->keys, &(KeyUse){mapping, key});
}

static gboolean on_scalar(Reader *reader, const yaml_event_t *event, GError **error)
{
    const char *tag = (const char *)event->data.scalar.tag;
    if (tag != NULL && !g_str_has_prefix(tag, "tag:yaml.org,2002:")) {
        return malformed(reader, event->start_mark, "a tag that is not of YAML's core is not allowed", error);
    }
    if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length) {
        return malformed(reader, event->start_mark, "a NUL character is not allowed", error);
    }
    if (reader->depth == 0) {
        return malformed(reader, event->start_mark, "the top level is not a mapping", error);
    }
    if (!waits_for_key(reader)) {
        place(reader, scalar_of_event(reader, event));
        return TRUE;
    }
    const char *key = arena_intern(reader->arena, (const char *)event->data.scalar.value, event->data.scalar.length);
    if (is_duplicate(reader, key)) {
        g_autofree char *problem = g_strdup_printf("Duplicate key %s", key);
        return malformed(reader, event->start_mark, problem, error);
    }
    reader->stack[reader->depth - 1].key = key;
    return TRUE;
}

static gboolean on_start(Reader *reader, NodeType type, const yaml_event_t *event, GError **error)
{
    if (reader->depth == 0 && type != NODE_MAPPING) {
        return malformed(reader, event->start_mark, "the top level is not a mapping", error);
    }
    if (waits_for_key(reader)) {
        return malformed(reader, event->start_mark, "the key of a mapping is not a scalar", error);
    }
    if (reader->depth == NODE_MAX_DEPTH) {
        return malformed(reader, event->start_mark, "nested too deeply", error);
    }
    reader->stack[reader->depth].node = node_of_event(reader, type, event);
    reader->stack[reader->depth].key = NULL;
    reader->stack[reader->depth].first = reader->pending->len;
    reader->depth++;
    return TRUE;
}

/* Containers are placed when they are complete, so that what is known about all their items can be passed upward. */
static void on_end(Reader *reader)
{
    reader->depth--;
    Node *done = reader->stack[reader->depth].node;
    gsize first = reader->stack[reader->depth].first;
    gsize count = reader->pending->len - first;
    NodeEntry *entries = (NodeEntry *)(void *)reader->pending->data + first;
    if (done->type == NODE_MAPPING) {
        node_fill_mapping(reader->arena, done, entries, count);
    } else {
        Node **items = (Node **)entries; /* in place: an item is never written before its entry was read */
        for (gsize i = 0; i < count; i++) {
            Node *item = entries[i].value;
            memcpy(&items[i], &item, sizeof item);
        }
        node_fill_sequence(reader->arena, done, items, count);
    }
    g_array_set_size(reader->pending, (guint)first);
    place(reader, done);
}

static gboolean has_anchor(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return TRUE;
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor != NULL;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor != NULL;
    default:
        return FALSE;
    }
}

static gboolean on_event(Reader *reader, const yaml_event_t *event, GError **error)
{
    if (has_anchor(event)) {
        return malformed(reader, event->start_mark, "anchors and aliases are not allowed", error);
    }
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return !reader->document_ended ||
               malformed(reader, event->start_mark, "more than one document in the file", error);
    case YAML_DOCUMENT_END_EVENT:
        reader->document_ended = TRUE;
        return TRUE;
    case YAML_SCALAR_EVENT:
        return on_scalar(reader, event, error);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(reader, NODE_SEQUENCE, event, error);
    case YAML_MAPPING_START_EVENT:
        return on_start(reader, NODE_MAPPING, event, error);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_end(reader);
        return TRUE;
    default:
        return TRUE;
    }
}

static gboolean parser_failed(const Reader *reader, GError **error)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_READER_ERROR) {
        g_autofree char *problem = g_strdup_printf("%s at byte %zu", parser->problem, parser->problem_offset);
        return malformed(reader, parser->mark, problem, error);
    }
    g_autofree char *problem =
        g_strdup_printf("%s%s%s", parser->context != NULL ? parser->context : "", parser->context != NULL ? ": " : "",
                        parser->problem != NULL ? parser->problem : "out of memory");
    return malformed(reader, parser->problem_mark, problem, error);
}

static gboolean read_events(Reader *reader, GError **error)
{
    for (gboolean more = TRUE; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) {
            return parser_failed(reader, error);
        }
        more = event.type != YAML_STREAM_END_EVENT;
        gboolean ok = on_event(reader, &event, error);
        yaml_event_delete(&event);
        if (!ok) {
            return FALSE;
        }
    }
    return TRUE;
}

Node *node_parse(Arena *arena, const NodeFile *file, const char *text, gsize length, GError **error)
{
    Provenance start = {file, 1, 0};
    if (length > YAML_MAX_BYTES) {
        error_set(error, ERROR_LOAD, "INVALID_YAML", &start, "The file is larger than %zu bytes", YAML_MAX_BYTES);
        return NULL;
    }
    g_autofree Reader *reader = g_new0(Reader, 1);
    reader->arena = arena;
    reader->file = file;
    if (!yaml_parser_initialize(&reader->parser)) {
        error_set(error, ERROR_LOAD, "INVALID_YAML", &start, "YAML parser initialization failed");
        return NULL;
    }
    reader->pending = g_array_sized_new(FALSE, FALSE, sizeof(NodeEntry), 64);
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, length);
    gboolean ok = read_events(reader, error);
    yaml_parser_delete(&reader->parser);
    g_array_unref(reader->pending);
    g_clear_pointer(&reader->keys, g_hash_table_unref);
    if (!ok) {
        return NULL;
    }
    return reader->root != NULL ? reader->root : node_new_mapping(arena, &start);
}
