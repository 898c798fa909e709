/*
 * node.c - nodes in memory: making, reading, and typed access with BuildStream's messages.
 */
#include "node-private.h"

#include <stdlib.h>
#include <string.h>

/* Mappings that have room for this many entries (as a power of two) are found by hash. */
#define INDEX_FROM_LOG2 5

static const char *const no_text = "";

NodeType node_type(const Node *node)
{
    return (NodeType)node->type;
}

const Provenance *node_where(const Node *node)
{
    return &node->where;
}

const char *node_type_name(const Node *node)
{
    static const char *const names[] = {[NODE_SCALAR] = "scalar", [NODE_SEQUENCE] = "list", [NODE_MAPPING] = "dict"};
    return names[node->type];
}

const char *node_text(const Node *node)
{
    return node->type == NODE_SCALAR ? node->text : no_text;
}

gsize node_size(const Node *node)
{
    return node == NULL || node->type == NODE_SCALAR ? 0 : node->size;
}

Node *node_at(const Node *sequence, gsize index)
{
    g_assert(sequence->type == NODE_SEQUENCE && index < sequence->size);
    return sequence->items[index];
}

const char *node_key_at(const Node *mapping, gsize index)
{
    g_assert(mapping->type == NODE_MAPPING && index < mapping->size);
    return mapping->entries[index].key;
}

Node *node_value_at(const Node *mapping, gsize index)
{
    g_assert(mapping->type == NODE_MAPPING && index < mapping->size);
    return mapping->entries[index].value;
}

/* ---- The index of large mappings: open addressing, slots hold position + 1 ----
 *
 * Mappings that have the keys of another share its index. */

typedef struct {
    guint32 mask;
    guint32 slots[];
} Index;

static Index *index_of(const Node *mapping)
{
    return mapping->capacity_log2 < INDEX_FROM_LOG2 ? NULL : (Index *)mapping->entries[-1].value;
}

/* Room for entries, with the slot for the index where there is one. */
static NodeEntry *new_entries(Arena *arena, gsize count, gboolean indexed)
{
    NodeEntry *entries = arena_alloc(arena, (count + (indexed ? 1 : 0)) * sizeof *entries);
    return indexed ? entries + 1 : entries;
}

static void index_add(Index *index, const char *key, guint32 position)
{
    guint32 slot = g_str_hash(key) & index->mask;
    while (index->slots[slot] != 0) {
        slot = (slot + 1) & index->mask;
    }
    index->slots[slot] = position + 1;
}

static void index_rebuild(Arena *arena, Node *mapping)
{
    guint32 slots = 4u << mapping->capacity_log2; /* twice the room, which is less than twice the power */
    Index *index = index_of(mapping);
    if (index == NULL || index->mask + 1 < slots) {
        index = arena_alloc(arena, sizeof(Index) + slots * sizeof(guint32));
        index->mask = slots - 1;
        mapping->entries[-1].value = (Node *)index;
    } else {
        memset(index->slots, 0, ((gsize)index->mask + 1) * sizeof(guint32));
    }
    for (guint32 i = 0; i < mapping->size; i++) {
        index_add(index, mapping->entries[i].key, i);
    }
}

static gint64 find_position(const Node *mapping, const char *key)
{
    const Index *index = index_of(mapping);
    for (guint32 i = 0; index == NULL && i < mapping->size; i++) {
        const char *candidate = mapping->entries[i].key;
        if (candidate == key || (candidate[0] == key[0] && strcmp(candidate, key) == 0)) {
            return i;
        }
    }
    if (index == NULL) {
        return -1;
    }
    for (guint32 slot = g_str_hash(key) & index->mask; index->slots[slot] != 0; slot = (slot + 1) & index->mask) {
        guint32 position = index->slots[slot] - 1;
        if (position < mapping->size && strcmp(mapping->entries[position].key, key) == 0) {
            return position;
        }
    }
    return -1;
}

Node *node_find(const Node *mapping, const char *key)
{
    if (mapping == NULL || mapping->type != NODE_MAPPING) {
        return NULL;
    }
    gint64 position = find_position(mapping, key);
    return position < 0 ? NULL : mapping->entries[position].value;
}

/* ---- Making ---- */

static Node *new_node(Arena *arena, NodeType type, const Provenance *where)
{
    Node *node = arena_new_of(arena, Node);
    node->type = (guint8)type;
    if (where != NULL) {
        node->where = *where;
    } else {
        node->flags = NODE_IS_BUILTIN;
    }
    return node;
}

/* Python's idea of white space, as UTF-8. */
static gsize blank_at(const char *text, gsize length)
{
    guchar c = (guchar)text[0];
    if (c < 0x80) {
        return c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f) ? 1 : 0;
    }
    static const char *const wide[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83",
        "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wide); i++) {
        gsize size = strlen(wide[i]);
        if (size <= length && memcmp(text, wide[i], size) == 0) {
            return size;
        }
    }
    return 0;
}

const char *text_strip(const char *text, gsize *length)
{
    if (*length > 0 && g_ascii_isgraph(text[0]) && g_ascii_isgraph(text[*length - 1])) {
        return text;
    }
    while (*length > 0) {
        gsize blank = blank_at(text, *length);
        if (blank == 0) {
            break;
        }
        text += blank;
        *length -= blank;
    }
    while (*length > 0) {
        gsize start = *length - 1;
        while (start > 0 && ((guchar)text[start] & 0xc0) == 0x80) {
            start--;
        }
        if (blank_at(text + start, *length - start) != *length - start) {
            break;
        }
        *length = start;
    }
    return text;
}

Node *node_new_text(Arena *arena, const char *text, const Provenance *where)
{
    Node *node = new_node(arena, NODE_SCALAR, where);
    node->text = text;
    if (strstr(text, "%{") != NULL) {
        node->flags |= NODE_HAS_VARIABLE;
    }
    return node;
}

Node *node_new_scalar(Arena *arena, const char *text, const Provenance *where)
{
    gsize length = strlen(text);
    const char *stripped = text_strip(text, &length);
    return node_new_text(arena, arena_strndup(arena, stripped, length), where);
}

Node *node_new_sequence(Arena *arena, const Provenance *where)
{
    return new_node(arena, NODE_SEQUENCE, where);
}

Node *node_new_mapping(Arena *arena, const Provenance *where)
{
    return new_node(arena, NODE_MAPPING, where);
}

static void grow(Arena *arena, Node *node)
{
    gsize capacity = node->capacity_log2 == 0 ? 0 : (gsize)1 << node->capacity_log2;
    if (node->size < capacity) {
        return;
    }
    node->capacity_log2++;
    capacity = (gsize)1 << node->capacity_log2;
    if (node->type == NODE_SEQUENCE) {
        Node **items = arena_alloc(arena, capacity * sizeof *items);
        if (node->size > 0) {
            memcpy(items, node->items, node->size * sizeof *items);
        }
        node->items = items;
        return;
    }
    NodeEntry *entries = new_entries(arena, capacity, node->capacity_log2 >= INDEX_FROM_LOG2);
    if (node->size > 0) {
        memcpy(entries, node->entries, node->size * sizeof *entries);
    }
    node->entries = entries;
    if (node->capacity_log2 >= INDEX_FROM_LOG2) {
        index_rebuild(arena, node);
    }
}

/* What a container says about everything below it. */
static void inherit_flags(Node *container, const Node *item)
{
    container->flags |= item->flags & (NODE_HAS_DIRECTIVE | NODE_HAS_CONDITION | NODE_HAS_VARIABLE);
}

static void note_key(Node *mapping, const char *key)
{
    if (key[0] == '(' && key[1] != '\0' && key[2] == ')' && key[3] == '\0') {
        mapping->flags |= strchr("<>=", key[1]) != NULL   ? NODE_HAS_DIRECTIVE
                          : strchr("?!@", key[1]) != NULL ? NODE_HAS_CONDITION
                                                          : 0;
    }
}

void node_refresh_flags(Node *container)
{
    container->flags &= (guint8) ~(NODE_HAS_DIRECTIVE | NODE_HAS_CONDITION | NODE_HAS_VARIABLE);
    for (guint32 i = 0; container->type == NODE_SEQUENCE && i < container->size; i++) {
        inherit_flags(container, container->items[i]);
    }
    for (guint32 i = 0; container->type == NODE_MAPPING && i < container->size; i++) {
        inherit_flags(container, container->entries[i].value);
        note_key(container, container->entries[i].key);
    }
}

void node_append(Arena *arena, Node *sequence, Node *item)
{
    g_assert(sequence->type == NODE_SEQUENCE);
    grow(arena, sequence);
    sequence->items[sequence->size++] = item;
    inherit_flags(sequence, item);
}

void node_put(Arena *arena, Node *mapping, const char *key, Node *value)
{
    g_assert(mapping->type == NODE_MAPPING);
    inherit_flags(mapping, value);
    note_key(mapping, key);
    gint64 position = find_position(mapping, key);
    if (position >= 0) {
        mapping->entries[position].value = value;
        return;
    }
    grow(arena, mapping);
    mapping->entries[mapping->size] = (NodeEntry){key, value};
    mapping->size++;
    Index *index = index_of(mapping);
    if (index != NULL) {
        index_add(index, key, mapping->size - 1);
    }
}

/* The largest power of two that fits, so that the next append makes new room. */
static void set_exact_capacity(Node *node, gsize count)
{
    node->size = (guint32)count;
    node->capacity_log2 = (guint8)(g_bit_storage(count) - 1);
}

void node_fill_sequence(Arena *arena, Node *sequence, Node *const *items, gsize count)
{
    if (count == 0) {
        return;
    }
    sequence->items = arena_alloc(arena, count * sizeof *items);
    memcpy(sequence->items, items, count * sizeof *items);
    set_exact_capacity(sequence, count);
    for (gsize i = 0; i < count; i++) {
        inherit_flags(sequence, items[i]);
    }
}

void node_fill_mapping(Arena *arena, Node *mapping, const NodeEntry *entries, gsize count)
{
    if (count == 0) {
        return;
    }
    set_exact_capacity(mapping, count);
    mapping->entries = new_entries(arena, count, mapping->capacity_log2 >= INDEX_FROM_LOG2);
    memcpy(mapping->entries, entries, count * sizeof *entries);
    for (gsize i = 0; i < count; i++) {
        inherit_flags(mapping, entries[i].value);
        note_key(mapping, entries[i].key);
    }
    if (mapping->capacity_log2 >= INDEX_FROM_LOG2) {
        index_rebuild(arena, mapping);
    }
}

/* What most mappings have is in place before qsort would have got its memory. */
#define FEW_ENTRIES 24u

static int compare_entries(const void *a, const void *b)
{
    return strcmp((*(const NodeEntry *const *)a)->key, (*(const NodeEntry *const *)b)->key);
}

void node_sort_entries(const Node *mapping, const NodeEntry **sorted)
{
    if (mapping->size > FEW_ENTRIES) {
        for (guint32 i = 0; i < mapping->size; i++) {
            sorted[i] = &mapping->entries[i];
        }
        qsort(sorted, mapping->size, sizeof *sorted, compare_entries);
        return;
    }
    for (guint32 i = 0; i < mapping->size; i++) {
        const NodeEntry *entry = &mapping->entries[i];
        guint32 place = i;
        for (; place > 0 && strcmp(sorted[place - 1]->key, entry->key) > 0; place--) {
            sorted[place] = sorted[place - 1];
        }
        sorted[place] = entry;
    }
}

void node_mark_shared(Node *node)
{
    if ((node->flags & NODE_IS_SHARED) != 0) {
        return;
    }
    node->flags |= NODE_IS_SHARED;
    for (guint32 i = 0; node->type == NODE_SEQUENCE && i < node->size; i++) {
        node_mark_shared(node->items[i]);
    }
    for (guint32 i = 0; node->type == NODE_MAPPING && i < node->size; i++) {
        node_mark_shared(node->entries[i].value);
    }
}

void node_set(Arena *arena, Node *mapping, const char *key, Node *value)
{
    node_put(arena, mapping, arena_intern(arena, key, strlen(key)), value);
}

void node_unset(Node *mapping, const char *key)
{
    gint64 position = find_position(mapping, key);
    if (position < 0) {
        return;
    }
    memmove(mapping->entries + position, mapping->entries + position + 1,
            (mapping->size - (gsize)position - 1) * sizeof *mapping->entries);
    mapping->size--;
    if (index_of(mapping) != NULL) {
        index_rebuild(NULL, mapping);
    }
}

Node *node_copy_shallow(Arena *arena, const Node *node)
{
    Node *copy = arena_new_of(arena, Node);
    *copy = *node;
    copy->flags &= (guint8)~NODE_IS_SHARED;
    if (node->type == NODE_SCALAR) {
        return copy;
    }
    /* Room that the original has left is not the copy's. */
    copy->capacity_log2 = 0;
    if (node->size == 0) {
        return copy;
    }
    while (((gsize)1 << copy->capacity_log2) < MAX(node->size, 2)) {
        copy->capacity_log2++;
    }
    gsize capacity = (gsize)1 << copy->capacity_log2;
    if (node->type == NODE_SEQUENCE) {
        copy->items = arena_alloc(arena, capacity * sizeof *copy->items);
        memcpy(copy->items, node->items, node->size * sizeof *copy->items);
        return copy;
    }
    copy->entries = new_entries(arena, capacity, copy->capacity_log2 >= INDEX_FROM_LOG2);
    memcpy(copy->entries, node->entries, node->size * sizeof *copy->entries);
    if (copy->capacity_log2 >= INDEX_FROM_LOG2) {
        index_rebuild(arena, copy);
    }
    return copy;
}

Node *node_copy_with_values(Arena *arena, const Node *mapping, Node *const *values)
{
    Node *copy = arena_new_of(arena, Node);
    *copy = *mapping;
    copy->flags &= (guint8)~NODE_IS_SHARED;
    if (mapping->size == 0) {
        copy->capacity_log2 = 0;
        return copy;
    }
    set_exact_capacity(copy, mapping->size);
    gboolean indexed = copy->capacity_log2 >= INDEX_FROM_LOG2;
    copy->entries = new_entries(arena, mapping->size, indexed);
    if (indexed) {
        /* Never written through this copy: its next new key makes an index of its own. */
        copy->entries[-1] = mapping->entries[-1];
    }
    for (guint32 i = 0; i < mapping->size; i++) {
        copy->entries[i] = (NodeEntry){mapping->entries[i].key, values[i]};
    }
    node_refresh_flags(copy);
    return copy;
}

Node *node_clone(Arena *arena, const Node *node)
{
    Node *copy = node_copy_shallow(arena, node);
    for (guint32 i = 0; node->type == NODE_SEQUENCE && i < node->size; i++) {
        copy->items[i] = node_clone(arena, node->items[i]);
    }
    for (guint32 i = 0; node->type == NODE_MAPPING && i < node->size; i++) {
        copy->entries[i].value = node_clone(arena, node->entries[i].value);
    }
    return copy;
}

/* ---- Typed access ---- */

static gboolean wrong_type(const Node *node, const char *key, const char *expected, GError **error)
{
    error_set(error, ERROR_LOAD, "INVALID_DATA", &node->where, "Value of '%s' is not of the expected type '%s'", key,
              expected);
    return FALSE;
}

static gboolean text_to_bool(const char *text, gboolean *out)
{
    static const struct {
        const char *text;
        gboolean value;
    } words[] = {{"True", TRUE}, {"true", TRUE}, {"1", TRUE}, {"False", FALSE}, {"false", FALSE}, {"0", FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(text, words[i].text) == 0) {
            *out = words[i].value;
            return TRUE;
        }
    }
    return FALSE;
}

/* Python's int(): a sign, digits, single underscores between digits. */
static gboolean text_to_int(const char *text, gint64 *out)
{
    gboolean negative = *text == '-';
    if (*text == '-' || *text == '+') {
        text++;
    }
    gint64 value = 0;
    gboolean after_digit = FALSE;
    for (; *text != '\0'; text++) {
        if (*text == '_' && after_digit && g_ascii_isdigit(text[1])) {
            after_digit = FALSE;
            continue;
        }
        if (!g_ascii_isdigit(*text) || value > (G_MAXINT64 - 9) / 10) {
            return FALSE;
        }
        value = value * 10 + (*text - '0');
        after_digit = TRUE;
    }
    *out = negative ? -value : value;
    return after_digit;
}

gboolean node_to_bool(const Node *node, gboolean *out, GError **error)
{
    if (node->type == NODE_SCALAR && text_to_bool(node->text, out)) {
        return TRUE;
    }
    return wrong_type(node, node_text(node), "boolean", error);
}

gboolean node_to_int(const Node *node, gint64 *out, GError **error)
{
    if (node->type == NODE_SCALAR && text_to_int(node->text, out)) {
        return TRUE;
    }
    return wrong_type(node, node_text(node), "int", error);
}

static gboolean get_typed(const Node *mapping, const char *key, NodeType type, Node **out, GError **error)
{
    static const char *const names[] = {[NODE_SCALAR] = "scalar", [NODE_SEQUENCE] = "list", [NODE_MAPPING] = "dict"};
    Node *value = node_find(mapping, key);
    if (value == NULL) {
        return TRUE;
    }
    if (value->type != type) {
        return wrong_type(value, key, names[type], error);
    }
    *out = value;
    return TRUE;
}

gboolean node_get_string(const Node *mapping, const char *key, const char **out, GError **error)
{
    Node *value = NULL;
    if (!get_typed(mapping, key, NODE_SCALAR, &value, error)) {
        return FALSE;
    }
    if (value != NULL) {
        *out = value->text;
    }
    return TRUE;
}

gboolean node_need(const Node *mapping, const char *key, GError **error)
{
    if (node_find(mapping, key) == NULL) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", &mapping->where, "Dictionary did not contain expected key '%s'",
                  key);
        return FALSE;
    }
    return TRUE;
}

gboolean node_need_string(const Node *mapping, const char *key, const char **out, GError **error)
{
    return node_need(mapping, key, error) && node_get_string(mapping, key, out, error);
}

gboolean node_get_bool(const Node *mapping, const char *key, gboolean *out, GError **error)
{
    Node *value = NULL;
    if (!get_typed(mapping, key, NODE_SCALAR, &value, error)) {
        return FALSE;
    }
    if (value != NULL && !text_to_bool(value->text, out)) {
        return wrong_type(value, key, "boolean", error);
    }
    return TRUE;
}

gboolean node_get_int(const Node *mapping, const char *key, gint64 *out, GError **error)
{
    Node *value = NULL;
    if (!get_typed(mapping, key, NODE_SCALAR, &value, error)) {
        return FALSE;
    }
    if (value != NULL && !text_to_int(value->text, out)) {
        return wrong_type(value, key, "int", error);
    }
    return TRUE;
}

gboolean node_get_choice(const Node *mapping, const char *key, const char *const *choices, guint *out, GError **error)
{
    const char *text = NULL;
    if (!node_get_string(mapping, key, &text, error) || text == NULL) {
        return text == NULL && node_find(mapping, key) == NULL;
    }
    for (guint i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return TRUE;
        }
    }
    g_autofree char *valid = g_strjoinv(", ", (char **)choices);
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(mapping, key)),
              "Value of '%s' should be one of '%s'", key, valid);
    if (error != NULL) {
        error_suggest(*error, text, choices, g_strv_length((char **)choices));
    }
    return FALSE;
}

gboolean node_get_mapping(const Node *mapping, const char *key, Node **out, GError **error)
{
    return get_typed(mapping, key, NODE_MAPPING, out, error);
}

gboolean node_get_sequence(const Node *mapping, const char *key, Node **out, GError **error)
{
    return get_typed(mapping, key, NODE_SEQUENCE, out, error);
}

gboolean node_get_strings(const Node *mapping, const char *key, Arena *arena, const char *const **out, GError **error)
{
    Node *sequence = NULL;
    if (!get_typed(mapping, key, NODE_SEQUENCE, &sequence, error)) {
        return FALSE;
    }
    if (sequence == NULL) {
        return TRUE;
    }
    const char **strings = arena_alloc(arena, (sequence->size + 1) * sizeof *strings);
    for (guint32 i = 0; i < sequence->size; i++) {
        const Node *item = sequence->items[i];
        if (item->type != NODE_SCALAR) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", &item->where,
                      "List item is not of the expected type 'scalar'");
            return FALSE;
        }
        strings[i] = item->text;
    }
    *out = strings;
    return TRUE;
}

/* Few of the keys begin alike. */
static gboolean is_among(const char *key, const char *const *keys)
{
    for (; *keys != NULL; keys++) {
        if (**keys == *key && strcmp(*keys, key) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean node_check_keys(const Node *mapping, const char *const *keys, GError **error)
{
    for (guint32 i = 0; i < mapping->size; i++) {
        const char *key = mapping->entries[i].key;
        if (is_among(key, keys)) {
            continue;
        }
        error_set(error, ERROR_LOAD, "INVALID_DATA", &mapping->entries[i].value->where, "Unexpected key: %s", key);
        if (error != NULL) {
            error_suggest(*error, key, keys, g_strv_length((char **)keys));
        }
        return FALSE;
    }
    return TRUE;
}
