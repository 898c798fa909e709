/*
 * json.c - values and their canonical text: what Python's ujson writes with sorted keys and no blanks, because BuildStream's keys are hashes of it.
 */
#include "json.h"
#include "cas.h"
#include "node-private.h"

#include <stdlib.h>
#include <string.h>

typedef enum { JSON_NULL, JSON_BOOL, JSON_INT, JSON_STRING, JSON_ARRAY, JSON_OBJECT, JSON_RAW, JSON_NODE } JsonType;

typedef struct {
    const char *key; /* of an object's member */
    Json *value;
} Member;

struct Json {
    JsonType type;
    Arena *arena;
    union {
        gint64 number;
        const char *text;
        const Node *node;
        struct {
            Member *members;
            gsize count, capacity;
        };
    };
};

static Json *json_new(Arena *arena, JsonType type)
{
    Json *value = arena_new_of(arena, Json);
    value->type = type;
    value->arena = arena;
    return value;
}

Json *json_null(Arena *arena)
{
    return json_new(arena, JSON_NULL);
}

Json *json_bool(Arena *arena, gboolean value)
{
    Json *json = json_new(arena, JSON_BOOL);
    json->number = value ? 1 : 0;
    return json;
}

Json *json_int(Arena *arena, gint64 value)
{
    Json *json = json_new(arena, JSON_INT);
    json->number = value;
    return json;
}

Json *json_string(Arena *arena, const char *text)
{
    Json *json = json_new(arena, JSON_STRING);
    json->text = arena_strdup(arena, text);
    return json;
}

Json *json_raw(Arena *arena, const char *text)
{
    Json *json = json_new(arena, JSON_RAW);
    json->text = text;
    return json;
}

Json *json_array(Arena *arena)
{
    return json_new(arena, JSON_ARRAY);
}

Json *json_object(Arena *arena)
{
    return json_new(arena, JSON_OBJECT);
}

static void add_member(Json *container, const char *key, Json *value)
{
    if (container->count == container->capacity) {
        gsize capacity = MAX(4, container->capacity * 2);
        Member *members = arena_alloc(container->arena, capacity * sizeof *members);
        if (container->count > 0) {
            memcpy(members, container->members, container->count * sizeof *members);
        }
        container->members = members;
        container->capacity = capacity;
    }
    container->members[container->count++] = (Member){key, value};
}

void json_append(Json *array, Json *value)
{
    g_assert(array->type == JSON_ARRAY);
    add_member(array, NULL, value);
}

void json_set(Json *object, const char *key, Json *value)
{
    g_assert(object->type == JSON_OBJECT);
    for (gsize i = 0; i < object->count; i++) {
        if (strcmp(object->members[i].key, key) == 0) {
            object->members[i].value = value;
            return;
        }
    }
    add_member(object, arena_strdup(object->arena, key), value);
}

Json *json_from_node(Arena *arena, const Node *node)
{
    Json *json = json_new(arena, JSON_NODE);
    json->node = node;
    return json;
}

/* ---- Writing ---- */

void json_put(GString *out, const char *text, gsize length)
{
    if (out->len + length >= out->allocated_len) {
        g_string_append_len(out, text, (gssize)length);
        return;
    }
    memcpy(out->str + out->len, text, length);
    out->len += length;
    out->str[out->len] = '\0';
}

static void write_unit(GString *out, unsigned unit)
{
    static const char digits[] = "0123456789abcdef";
    char escape[6] = {
        '\\', 'u', digits[unit >> 12 & 15], digits[unit >> 8 & 15], digits[unit >> 4 & 15], digits[unit & 15]};
    g_string_append_len(out, escape, sizeof escape);
}

static void write_escape(GString *out, gunichar c)
{
    static const char short_names[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\') {
        g_string_append_c(out, '\\');
        g_string_append_c(out, (char)c);
    } else if (c < sizeof short_names && short_names[c] != 0) {
        g_string_append_c(out, '\\');
        g_string_append_c(out, short_names[c]);
    } else if (c < 0x10000) {
        write_unit(out, c);
    } else {
        write_unit(out, 0xd800 + ((c - 0x10000) >> 10));
        write_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
    }
}

/* The length of what stands for itself at the start of a text; eight characters at once. */
static gsize count_plain(const char *text, gsize length)
{
    const guint64 ones = 0x0101010101010101u, highs = ones << 7;
    gsize i = 0;
    for (guint64 eight; i + sizeof eight <= length; i += sizeof eight) {
        memcpy(&eight, text + i, sizeof eight);
        /* Of ASCII, the highest bit stays where a character is large enough, or another. */
        guint64 plain = ((eight | highs) - ones * 0x20) & (((eight ^ ones * '"') | highs) - ones) &
                        (((eight ^ ones * '\\') | highs) - ones) & ~eight;
        if ((plain & highs) != highs) {
            break;
        }
    }
    for (; i < length; i++) {
        guchar c = (guchar)text[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') {
            break;
        }
    }
    return i;
}

void json_write_string(const char *text, GString *out)
{
    const char *end = text + strlen(text);
    json_put(out, "\"", 1);
    for (;;) {
        gsize plain = count_plain(text, (gsize)(end - text));
        json_put(out, text, plain);
        text += plain;
        if (text == end) {
            break;
        }
        guchar c = (guchar)*text;
        gunichar point = c < 0x80 ? c : g_utf8_get_char_validated(text, -1);
        gboolean valid = point < 0x110000;
        write_escape(out, valid ? point : 0xfffd);
        text = valid && c >= 0x80 ? g_utf8_next_char(text) : text + 1;
    }
    json_put(out, "\"", 1);
}

/* UTF-8 in byte order is in code point order. */
static int compare_members(const void *a, const void *b)
{
    return strcmp(((const Member *)a)->key, ((const Member *)b)->key);
}

static gboolean is_sorted(const Json *object)
{
    for (gsize i = 1; i < object->count; i++) {
        if (compare_members(&object->members[i - 1], &object->members[i]) > 0) {
            return FALSE;
        }
    }
    return TRUE;
}

static void write_object(const Json *object, GString *out)
{
    if (!is_sorted(object)) {
        qsort(object->members, object->count, sizeof *object->members, compare_members);
    }
    g_string_append_c(out, '{');
    for (gsize i = 0; i < object->count; i++) {
        if (i > 0) {
            g_string_append_c(out, ',');
        }
        json_write_string(object->members[i].key, out);
        g_string_append_c(out, ':');
        json_write(object->members[i].value, out);
    }
    g_string_append_c(out, '}');
}

static void write_node(const Node *node, GString *out);

static void write_node_mapping(const Node *mapping, GString *out)
{
    g_autofree const NodeEntry **sorted = g_new(const NodeEntry *, mapping->size);
    node_sort_entries(mapping, sorted);
    g_string_append_c(out, '{');
    for (guint32 i = 0; i < mapping->size; i++) {
        if (i > 0) {
            g_string_append_c(out, ',');
        }
        json_write_string(sorted[i]->key, out);
        g_string_append_c(out, ':');
        write_node(sorted[i]->value, out);
    }
    g_string_append_c(out, '}');
}

static void write_node(const Node *node, GString *out)
{
    switch (node_type(node)) {
    case NODE_SCALAR:
        json_write_string(node->text, out);
        break;
    case NODE_SEQUENCE:
        g_string_append_c(out, '[');
        for (guint32 i = 0; i < node->size; i++) {
            if (i > 0) {
                g_string_append_c(out, ',');
            }
            write_node(node->items[i], out);
        }
        g_string_append_c(out, ']');
        break;
    case NODE_MAPPING:
        write_node_mapping(node, out);
        break;
    }
}

void json_write(const Json *value, GString *out)
{
    switch (value->type) {
    case JSON_NULL:
        g_string_append(out, "null");
        break;
    case JSON_BOOL:
        g_string_append(out, value->number != 0 ? "true" : "false");
        break;
    case JSON_INT:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value->number);
        break;
    case JSON_STRING:
        json_write_string(value->text, out);
        break;
    case JSON_RAW:
        g_string_append(out, value->text);
        break;
    case JSON_NODE:
        write_node(value->node, out);
        break;
    case JSON_ARRAY:
        g_string_append_c(out, '[');
        for (gsize i = 0; i < value->count; i++) {
            if (i > 0) {
                g_string_append_c(out, ',');
            }
            json_write(value->members[i].value, out);
        }
        g_string_append_c(out, ']');
        break;
    case JSON_OBJECT:
        write_object(value, out);
        break;
    }
}

static void write_line_start(GString *out, unsigned depth)
{
    g_string_append_printf(out, "\n%*s", (int)(2 * depth), "");
}

/* Members in the node's own order, as those of an object are. */
static void write_node_indented(const Node *node, unsigned depth, GString *out)
{
    gboolean mapping = node_type(node) == NODE_MAPPING;
    if (node_type(node) == NODE_SCALAR || node->size == 0) {
        write_node(node, out);
        return;
    }
    g_string_append_c(out, mapping ? '{' : '[');
    for (guint32 i = 0; i < node->size; i++) {
        if (i > 0) {
            g_string_append_c(out, ',');
        }
        write_line_start(out, depth + 1);
        if (mapping) {
            json_write_string(node->entries[i].key, out);
            g_string_append(out, ": ");
        }
        write_node_indented(mapping ? node->entries[i].value : node->items[i], depth + 1, out);
    }
    write_line_start(out, depth);
    g_string_append_c(out, mapping ? '}' : ']');
}

static void write_indented(const Json *value, unsigned depth, GString *out)
{
    if (value->type == JSON_NODE) {
        write_node_indented(value->node, depth, out);
        return;
    }
    gboolean object = value->type == JSON_OBJECT;
    if ((!object && value->type != JSON_ARRAY) || value->count == 0) {
        json_write(value, out);
        return;
    }
    g_string_append_c(out, object ? '{' : '[');
    for (gsize i = 0; i < value->count; i++) {
        if (i > 0) {
            g_string_append_c(out, ',');
        }
        write_line_start(out, depth + 1);
        if (object) {
            json_write_string(value->members[i].key, out);
            g_string_append(out, ": ");
        }
        write_indented(value->members[i].value, depth + 1, out);
    }
    write_line_start(out, depth);
    g_string_append_c(out, object ? '}' : ']');
}

void json_write_indented(const Json *value, GString *out)
{
    write_indented(value, 0, out);
}

void json_key(const Json *value, char out[65])
{
    g_autoptr(GString) text = g_string_sized_new(4096);
    json_write(value, text);
    json_key_of_text(text->str, text->len, out);
}

void json_key_of_text(const char *text, gsize length, char out[65])
{
    SluiceDigest digest;
    sluice_digest_of(text, length, &digest);
    sluice_digest_hex(&digest, out);
}
