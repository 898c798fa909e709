/*
 * yaml.c - BuildStream's dialect of YAML, read from libyaml's events: one document, a mapping on top, every scalar a string; no anchors, no tags of one's
 * own, no key twice.
 */
#include "node-builder.h"

#include <string.h>
#include <yaml.h>

/* A document of this size with nothing but list items still fits into memory. */
#define YAML_MAX_BYTES ((gsize)256 << 20)

typedef struct {
    NodeBuilder builder;
    yaml_parser_t parser;
    gboolean document_ended;
} Reader;

static NodeMark mark_of(yaml_mark_t mark)
{
    return (NodeMark){(int)mark.line + 1, (int)mark.column};
}

static gboolean malformed(const Reader *reader, yaml_mark_t mark, const char *problem, GError **error)
{
    return node_builder_malformed(&reader->builder, mark_of(mark), problem, error);
}

static gboolean on_scalar(Reader *reader, const yaml_event_t *event, GError **error)
{
    const char *tag = (const char *)event->data.scalar.tag;
    const char *text = (const char *)event->data.scalar.value;
    gsize length = event->data.scalar.length;
    if (tag != NULL && !g_str_has_prefix(tag, "tag:yaml.org,2002:")) {
        return malformed(reader, event->start_mark, "a tag that is not of YAML's core is not allowed", error);
    }
    if (strlen(text) != length) {
        return malformed(reader, event->start_mark, "a NUL character is not allowed", error);
    }
    return node_builder_scalar(&reader->builder, mark_of(event->start_mark), text, length, error);
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
        return node_builder_start(&reader->builder, mark_of(event->start_mark), NODE_SEQUENCE, error);
    case YAML_MAPPING_START_EVENT:
        return node_builder_start(&reader->builder, mark_of(event->start_mark), NODE_MAPPING, error);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        node_builder_end(&reader->builder);
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

Node *node_parse_full(Arena *arena, const NodeFile *file, const char *text, gsize length, GError **error)
{
    Provenance start = {file, 1, 0};
    g_autofree Reader *reader = g_new(Reader, 1);
    if (!yaml_parser_initialize(&reader->parser)) {
        error_set(error, ERROR_LOAD, "INVALID_YAML", &start, "YAML parser initialization failed");
        return NULL;
    }
    node_builder_init(&reader->builder, arena, file);
    reader->document_ended = FALSE;
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, length);
    gboolean ok = read_events(reader, error);
    yaml_parser_delete(&reader->parser);
    node_builder_clear(&reader->builder);
    if (!ok) {
        return NULL;
    }
    return reader->builder.root != NULL ? reader->builder.root : node_new_mapping(arena, &start);
}

/* It is no part of the first line. */
gsize yaml_byte_order_mark(const char *text, gsize length)
{
    return length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

Node *node_parse(Arena *arena, const NodeFile *file, const char *text, gsize length, GError **error)
{
    Provenance start = {file, 1, 0};
    if (length > YAML_MAX_BYTES) {
        error_set(error, ERROR_LOAD, "INVALID_YAML", &start, "The file is larger than %zu bytes", YAML_MAX_BYTES);
        return NULL;
    }
    gsize mark = yaml_byte_order_mark(text, length);
    text += mark;
    length -= mark;
    Node *root = node_scan(arena, file, text, length);
    return root != NULL ? root : node_parse_full(arena, file, text, length, error);
}
