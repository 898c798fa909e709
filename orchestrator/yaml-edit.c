/*
 * yaml-edit.c - see yaml-edit.h.
 *
 * libyaml tells where each value begins and ends.  The end of a block collection it gives as the place of whatever comes next, behind blank lines and comments;
 * so the end of a collection is taken to be the end of the last scalar in it.
 */
#include "yaml-edit.h"
#include "node-private.h"

#include <string.h>
#include <yaml.h>

typedef struct Span Span;
struct Span {
    NodeType type;
    gboolean flow;
    yaml_scalar_style_t style;
    gsize start, end; /* bytes */
    int line, column; /* of the start, as Provenance counts */
    const char *text; /* of a scalar */
    Span *parent;
    GPtrArray *items; /* Span *; of a mapping: key, value, key, value … */
};

typedef struct {
    const char *text;
    gsize length;
    GArray *lines; /* gsize: where each line starts */
    Arena *arena;
    GPtrArray *arrays; /* to be freed */
} Document;

static gsize offset_of(const Document *document, yaml_mark_t mark)
{
    if (mark.line >= document->lines->len) {
        return document->length;
    }
    const char *start = document->text + g_array_index(document->lines, gsize, mark.line);
    const char *end = document->text + document->length;
    for (gsize i = 0; i < mark.column && start < end; i++) {
        start = g_utf8_next_char(start);
    }
    return (gsize)(MIN(start, end) - document->text);
}

static void find_lines(Document *document)
{
    gsize start = 0;
    document->lines = g_array_new(FALSE, FALSE, sizeof(gsize));
    g_array_append_val(document->lines, start);
    for (gsize i = 0; i < document->length; i++) {
        if (document->text[i] == '\n') {
            start = i + 1;
            g_array_append_val(document->lines, start);
        }
    }
}

static Span *span_new(Document *document, Span *parent, NodeType type, const yaml_event_t *event)
{
    Span *span = arena_new_of(document->arena, Span);
    span->type = type;
    span->parent = parent;
    span->line = (int)event->start_mark.line + 1;
    span->column = (int)event->start_mark.column;
    span->start = offset_of(document, event->start_mark);
    span->end = offset_of(document, event->end_mark);
    while (type == NODE_SCALAR && span->end > span->start && g_ascii_isspace(document->text[span->end - 1])) {
        span->end--;
    }
    if (type != NODE_SCALAR) {
        span->items = g_ptr_array_new();
        g_ptr_array_add(document->arrays, span->items);
    }
    if (parent != NULL) {
        g_ptr_array_add(parent->items, span);
    }
    return span;
}

static void span_close(Document *document, Span *span, const yaml_event_t *event)
{
    if (span->flow) {
        span->end = offset_of(document, event->end_mark);
    } else if (span->items->len > 0) {
        span->end = ((const Span *)g_ptr_array_index(span->items, span->items->len - 1))->end;
    }
}

/* The spans of the document; NULL for an empty one.  The text was parsed before, so there are no errors left. */
static Span *read_spans(Document *document)
{
    yaml_parser_t parser;
    Span *root = NULL, *open = NULL;
    if (!yaml_parser_initialize(&parser)) {
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)document->text, document->length);
    for (gboolean more = TRUE; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            break;
        }
        Span *span = NULL;
        switch (event.type) {
        case YAML_SCALAR_EVENT:
            span = span_new(document, open, NODE_SCALAR, &event);
            span->style = event.data.scalar.style;
            span->text =
                arena_strndup(document->arena, (const char *)event.data.scalar.value, event.data.scalar.length);
            break;
        case YAML_SEQUENCE_START_EVENT:
            open = span = span_new(document, open, NODE_SEQUENCE, &event);
            span->flow = event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
            break;
        case YAML_MAPPING_START_EVENT:
            open = span = span_new(document, open, NODE_MAPPING, &event);
            span->flow = event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
            break;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
            span_close(document, open, &event);
            open = open->parent;
            break;
        default:
            more = event.type != YAML_STREAM_END_EVENT;
            break;
        }
        root = root == NULL ? span : root;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return root;
}

static Span *find_start(Span *span, const Provenance *where)
{
    if (span == NULL || (span->type == NODE_MAPPING && span->line == where->line && span->column == where->column)) {
        return span;
    }
    for (guint i = 0; span->items != NULL && i < span->items->len; i++) {
        Span *found = find_start(g_ptr_array_index(span->items, i), where);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static Span *find_step(const Span *span, const YamlStep *step)
{
    if (step->key == NULL) {
        return span->type == NODE_SEQUENCE && step->index < span->items->len
                   ? g_ptr_array_index(span->items, step->index)
                   : NULL;
    }
    for (guint i = 0; span->type == NODE_MAPPING && i + 1 < span->items->len; i += 2) {
        const Span *key = g_ptr_array_index(span->items, i);
        if (key->text != NULL && strcmp(key->text, step->key) == 0) {
            return g_ptr_array_index(span->items, i + 1);
        }
    }
    return NULL;
}

/* ---- Writing ---- */

static void append_indent(GString *out, int column)
{
    g_string_append_printf(out, "%*s", column, "");
}

/* Whether other tools, too, read the text as this string where it stands plain. */
static gboolean is_plain(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null"};
    if (*text == '\0' || strchr("-?:,[]{}#&*!|>'\"%@` ", *text) != NULL) {
        return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(text, words[i]) == 0) {
            return FALSE;
        }
    }
    for (const char *c = text; *c != '\0'; c++) {
        gboolean special = (guchar)*c < 0x20 || strchr("{}[],\"'\\", *c) != NULL;
        if (special || (*c == ':' && (c[1] == ' ' || c[1] == '\0')) || (*c == '#' && c[-1] == ' ')) {
            return FALSE;
        }
    }
    return text[strlen(text) - 1] != ' ';
}

static void append_quoted(GString *out, const char *text, yaml_scalar_style_t style)
{
    gboolean control = FALSE;
    for (const char *c = text; *c != '\0'; c++) {
        control |= (guchar)*c < 0x20 || (guchar)*c == 0x7f;
    }
    char quote = control || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE ? '"' : '\'';
    g_string_append_c(out, quote);
    for (const char *c = text; *c != '\0'; c++) {
        if (quote == '\'' && *c == '\'') {
            g_string_append(out, "''");
        } else if (quote == '"' && (*c == '"' || *c == '\\' || (guchar)*c < 0x20 || *c == 0x7f)) {
            char escape[YAML_ESCAPE_MAX];
            yaml_escape((guchar)*c, escape);
            g_string_append(out, escape);
        } else {
            g_string_append_c(out, *c);
        }
    }
    g_string_append_c(out, quote);
}

static void append_scalar(GString *out, const char *text, yaml_scalar_style_t style)
{
    gboolean quoted = style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (!quoted && is_plain(text)) {
        g_string_append(out, text);
    } else {
        append_quoted(out, text, style);
    }
}

static void append_block(GString *out, const Node *value, int column);

/* " value" after a key's colon or an item's dash, or the lines below it. */
static void append_value(GString *out, const Node *value, int column, gboolean after_key, yaml_scalar_style_t style)
{
    if (node_type(value) == NODE_SCALAR) {
        g_string_append_c(out, ' ');
        append_scalar(out, node_text(value), style);
    } else if (node_size(value) == 0) {
        g_string_append(out, node_type(value) == NODE_MAPPING ? " {}" : " []");
    } else if (after_key) {
        g_string_append_c(out, '\n');
        append_block(out, value, node_type(value) == NODE_SEQUENCE ? column : column + 2);
    } else {
        /* "- key: value": the first line goes behind the dash. */
        gsize at = out->len;
        append_block(out, value, column + 2);
        g_string_overwrite(out, at, " ");
        g_string_erase(out, (gssize)at + 1, column + 1);
    }
}

static void append_block(GString *out, const Node *value, int column)
{
    for (gsize i = 0; i < node_size(value); i++) {
        gboolean mapping = node_type(value) == NODE_MAPPING;
        const Node *item = mapping ? node_value_at(value, i) : node_at(value, i);
        if (i > 0) {
            g_string_append_c(out, '\n');
        }
        append_indent(out, column);
        if (mapping) {
            append_scalar(out, node_key_at(value, i), YAML_ANY_SCALAR_STYLE);
        }
        g_string_append_c(out, mapping ? ':' : '-');
        append_value(out, item, column, mapping, YAML_ANY_SCALAR_STYLE);
    }
}

static void append_flow(GString *out, const Node *value)
{
    if (node_type(value) == NODE_SCALAR) {
        append_scalar(out, node_text(value), YAML_ANY_SCALAR_STYLE);
        return;
    }
    gboolean mapping = node_type(value) == NODE_MAPPING;
    g_string_append_c(out, mapping ? '{' : '[');
    for (gsize i = 0; i < node_size(value); i++) {
        g_string_append(out, i > 0 ? ", " : "");
        if (mapping) {
            append_scalar(out, node_key_at(value, i), YAML_ANY_SCALAR_STYLE);
            g_string_append(out, ": ");
        }
        append_flow(out, mapping ? node_value_at(value, i) : node_at(value, i));
    }
    g_string_append_c(out, mapping ? '}' : ']');
}

/* The value wrapped in what the rest of the path asks for. */
static Node *wrap(Arena *arena, const YamlStep *path, gsize n_path, const Node *value)
{
    Node *inner = (Node *)value;
    for (gsize i = n_path; i > 0; i--) {
        Node *outer = NULL;
        if (path[i - 1].key != NULL) {
            outer = node_new_mapping(arena, NULL);
            node_set(arena, outer, path[i - 1].key, inner);
        } else {
            outer = node_new_sequence(arena, NULL);
            for (gsize j = 0; j < path[i - 1].index; j++) {
                node_append(arena, outer, node_new_mapping(arena, NULL));
            }
            node_append(arena, outer, inner);
        }
        inner = outer;
    }
    return inner;
}

static gboolean in_flow(const Span *span)
{
    return span != NULL && (span->flow || in_flow(span->parent));
}

/* Where the key of a mapping's value, or the dash of a list's item, stands. */
static int column_of(const Span *span)
{
    const Span *parent = span->parent;
    if (parent == NULL) {
        return -2;
    }
    if (parent->type == NODE_SEQUENCE) {
        return parent->column;
    }
    return parent->items->len > 0 ? ((const Span *)g_ptr_array_index(parent->items, 0))->column : parent->column;
}

static void replace_value(const Document *document, GString *out, const Span *span, const Node *value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gsize start = span->start;
    if (in_flow(span->parent)) {
        append_flow(text, value);
    } else {
        gboolean after_key = span->parent != NULL && span->parent->type == NODE_MAPPING;
        append_value(text, value, column_of(span), after_key, span->style);
        /* From the colon on, so that a value may move to lines of its own. */
        while (start > 0 && strchr(" \n", document->text[start - 1]) != NULL) {
            start--;
        }
    }
    g_string_append_len(out, document->text, (gssize)start);
    g_string_append_len(out, text->str, (gssize)text->len);
    g_string_append(out, document->text + span->end);
}

/* Adds an entry or items behind the last one of a container that has some. */
static void insert_behind(const Document *document, GString *out, const Span *span, const Node *added)
{
    gsize at = span->end;
    g_autoptr(GString) text = g_string_new(NULL);
    if (in_flow(span)) {
        for (at = span->end - 1; at > 0 && g_ascii_isspace(document->text[at - 1]); at--) {
        }
        append_flow(text, added);
        /* Without its own brackets. */
        g_string_truncate(text, text->len - 1);
        g_string_erase(text, 0, 1);
        g_string_prepend(text, document->text[at - 1] == ',' ? " " : ", ");
    } else {
        const char *line_end = memchr(document->text + at, '\n', document->length - at);
        at = line_end != NULL ? (gsize)(line_end - document->text) : document->length;
        g_string_append_c(text, '\n');
        append_block(text, added, span->column);
    }
    g_string_append_len(out, document->text, (gssize)at);
    g_string_append_len(out, text->str, (gssize)text->len);
    g_string_append(out, document->text + at);
}

static Node *missing_items(Document *document, const Span *span, const YamlStep *step, Node *inner)
{
    if (step->key != NULL) {
        return wrap(document->arena, step, 1, inner);
    }
    YamlStep shorter = {NULL, step->index - span->items->len};
    return wrap(document->arena, &shorter, 1, inner);
}

static gboolean edit(Document *document, GString *out, const Provenance *start, const YamlStep *path, gsize n_path,
                     const Node *value)
{
    Span *span = read_spans(document);
    if (span != NULL && start != NULL) {
        span = find_start(span, start);
        if (span == NULL) {
            return FALSE;
        }
    }
    if (span == NULL) {
        g_string_append_len(out, document->text, (gssize)document->length);
        if (out->len > 0 && out->str[out->len - 1] != '\n') {
            g_string_append_c(out, '\n');
        }
        append_block(out, wrap(document->arena, path, n_path, value), 0);
        g_string_append_c(out, '\n');
        return TRUE;
    }
    gsize i = 0;
    for (Span *next = span; i < n_path && (next = find_step(span, &path[i])) != NULL; i++) {
        span = next;
    }
    if (i == n_path) {
        replace_value(document, out, span, value);
        return TRUE;
    }
    gboolean fits = span->type == (path[i].key != NULL ? NODE_MAPPING : NODE_SEQUENCE);
    if (fits && span->items->len > 0) {
        Node *inner = wrap(document->arena, path + i + 1, n_path - i - 1, value);
        insert_behind(document, out, span, missing_items(document, span, &path[i], inner));
        return TRUE;
    }
    gboolean empty = span->type == NODE_SCALAR ? *span->text == '\0' : span->items->len == 0;
    if (empty) {
        replace_value(document, out, span, wrap(document->arena, path + i, n_path - i, value));
    }
    return empty;
}

static gboolean same(const Node *a, const Node *b)
{
    if (a == NULL || b == NULL || node_type(a) != node_type(b) || node_size(a) != node_size(b)) {
        return FALSE;
    }
    gboolean equal = strcmp(node_text(a), node_text(b)) == 0;
    for (gsize i = 0; equal && i < node_size(a); i++) {
        equal = node_type(a) == NODE_SEQUENCE ? same(node_at(a, i), node_at(b, i))
                                              : same(node_value_at(a, i), node_find(b, node_key_at(a, i)));
    }
    return equal;
}

/* The mapping that the path starts from, in the parsed text. */
static const Node *parsed_start(const Node *node, const Provenance *start)
{
    const Provenance *where = node_where(node);
    if (start == NULL ||
        (node_type(node) == NODE_MAPPING && where->line == start->line && where->column == start->column)) {
        return node;
    }
    for (gsize i = 0; i < node_size(node); i++) {
        const Node *child = node_type(node) == NODE_SEQUENCE ? node_at(node, i) : node_value_at(node, i);
        const Node *found = parsed_start(child, start);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* An edit that would not read back as what was meant is never written. */
static gboolean check(Arena *arena, const NodeFile *file, const GString *text, const Provenance *start,
                      const YamlStep *path, gsize n_path, const Node *value)
{
    const Node *node = node_parse(arena, file, text->str, text->len, NULL);
    node = node != NULL ? parsed_start(node, start) : NULL;
    for (gsize i = 0; node != NULL && i < n_path; i++) {
        if (path[i].key != NULL) {
            node = node_find(node, path[i].key);
        } else {
            node = path[i].index < node_size(node) ? node_at(node, path[i].index) : NULL;
        }
    }
    return same(value, node);
}

char *yaml_edit_set(const char *text, gsize length, const Provenance *start, const YamlStep *path, gsize n_path,
                    const Node *value, GError **error)
{
    gsize mark = yaml_byte_order_mark(text, length);
    Document document = {.text = text + mark, .length = length - mark, .arena = arena_new()};
    const NodeFile anonymous = {.name = "document"};
    const NodeFile *file = start != NULL ? start->file : &anonymous;
    document.arrays = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    find_lines(&document);
    g_autoptr(GString) out = g_string_new(NULL);
    gboolean ok = node_parse(document.arena, file, document.text, document.length, error) != NULL;
    if (ok) {
        ok = edit(&document, out, start, path, n_path, value) &&
             check(document.arena, file, out, start, path, n_path, value);
        if (!ok) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", start, "Cannot change this file in place");
        }
        g_string_prepend_len(out, text, (gssize)mark);
    }
    g_ptr_array_unref(document.arrays);
    g_array_unref(document.lines);
    arena_free(document.arena);
    return ok ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}
