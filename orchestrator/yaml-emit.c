/*
 * yaml-emit.c - nodes as YAML text, in the layout in which BuildStream shows them: block style, two blanks, lists not indented below their key.
 *
 * Scalars are plain where the text allows it, quoted otherwise: twice with an apostrophe or a line break in the text, once without.  Nothing is folded before
 * column 9999; what is longer is folded at blanks as BuildStream's writer folds it, which is not always where one would expect.
 */
#include "node-private.h"

#include <string.h>

#define FOLD_COLUMN 9999
/* A key that is longer, with its tag, is written as "? key". */
#define MAX_SIMPLE_KEY (128 - (int)sizeof "!!str" + 1)
#define INDENT         2

typedef struct {
    GString *out;
    int column, indent;
    gboolean whitespace; /* the last thing written separates */
    gboolean indention;  /* only indentation and indicators are on the line */
} Emitter;

typedef struct {
    const gunichar *at;
    glong length;
    gboolean is_key;
} Text;

/* ---- Writing ---- */

static void put_char(Emitter *emitter, gunichar c)
{
    g_string_append_unichar(emitter->out, c);
    emitter->column++;
}

static void put_chars(Emitter *emitter, const gunichar *at, glong count)
{
    for (glong i = 0; i < count; i++) {
        put_char(emitter, at[i]);
    }
}

static void put_ascii(Emitter *emitter, const char *text)
{
    g_string_append(emitter->out, text);
    emitter->column += (int)strlen(text);
}

static void put_break(Emitter *emitter, gunichar c)
{
    g_string_append_unichar(emitter->out, c);
    emitter->whitespace = emitter->indention = TRUE;
    emitter->column = 0;
}

static void put_indent(Emitter *emitter)
{
    if (!emitter->indention || emitter->column > emitter->indent ||
        (emitter->column == emitter->indent && !emitter->whitespace)) {
        put_break(emitter, '\n');
    }
    while (emitter->column < emitter->indent) {
        emitter->whitespace = TRUE;
        put_char(emitter, ' ');
    }
}

static void put_indicator(Emitter *emitter, const char *text, gboolean separate, gboolean indention)
{
    if (separate && !emitter->whitespace) {
        put_char(emitter, ' ');
    }
    put_ascii(emitter, text);
    emitter->whitespace = FALSE;
    emitter->indention = emitter->indention && indention;
}

static void continue_line(Emitter *emitter)
{
    put_indent(emitter);
    emitter->whitespace = emitter->indention = FALSE;
}

/* ---- What a text is like ---- */

static gboolean is_break(gunichar c)
{
    return c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static gboolean is_blank_or_end(const Text *text, glong index)
{
    gunichar c = index < text->length ? text->at[index] : '\0';
    return c == '\0' || c == ' ' || c == '\t' || c == '\r' || is_break(c);
}

static gboolean is_ascii_of(gunichar c, const char *set)
{
    return c > 0 && c < 0x80 && strchr(set, (int)c) != NULL;
}

static gboolean is_printable(gunichar c)
{
    return (c >= 0x20 && c <= 0x7e) || (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xe000 && c <= 0xfffd && c != 0xfeff) ||
           c >= 0x10000;
}

static gboolean is_multiline(const Text *text)
{
    for (glong i = 0; i < text->length; i++) {
        if (is_break(text->at[i])) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Characters that would be read as something else than text outside of quotes. */
static gboolean is_indicator(const Text *text, glong index)
{
    gunichar c = text->at[index];
    gboolean before = index == 0 || is_blank_or_end(text, index - 1);
    gboolean after = is_blank_or_end(text, index + 1);
    if (index == 0 && is_ascii_of(c, "#,[]{}&*!|>'\"%@`")) {
        return TRUE;
    }
    if (index == 0 && is_ascii_of(c, "?:-") && after) {
        return TRUE;
    }
    return index > 0 && ((c == ':' && after) || (c == '#' && before));
}

static gboolean has_document_marker(const Text *text)
{
    for (const char *mark = "-."; *mark != '\0'; mark++) {
        gunichar c = (gunichar)*mark;
        if (text->length >= 3 && text->at[0] == c && text->at[1] == c && text->at[2] == c) {
            return TRUE;
        }
    }
    return FALSE;
}

typedef enum { STYLE_PLAIN, STYLE_SINGLE, STYLE_DOUBLE } Style;

static Style choose_style(const Text *text)
{
    const gunichar *at = text->at;
    glong length = text->length;
    if (length == 0) {
        return text->is_key ? STYLE_SINGLE : STYLE_PLAIN;
    }
    gboolean plain = !has_document_marker(text) && at[0] != ' ' && at[length - 1] != ' ';
    gboolean single = TRUE, wants_double = FALSE;
    for (glong i = 0; i < length; i++) {
        gboolean break_here = is_break(at[i]);
        if (!break_here && !is_printable(at[i])) {
            return STYLE_DOUBLE;
        }
        if (i + 1 < length && ((break_here && at[i + 1] == ' ') || (at[i] == ' ' && is_break(at[i + 1])))) {
            single = FALSE;
        }
        plain = plain && !break_here && !is_indicator(text, i);
        wants_double = wants_double || at[i] == '\'' || at[i] == '\n';
    }
    if (plain) {
        return STYLE_PLAIN;
    }
    if (wants_double || !single || (text->is_key && is_multiline(text))) {
        return STYLE_DOUBLE;
    }
    return STYLE_SINGLE;
}

/* ---- Scalars ---- */

static void put_plain(Emitter *emitter, const Text *text)
{
    const gunichar *at = text->at;
    gboolean spaces = FALSE;
    glong start = 0;
    if (text->length == 0) {
        return;
    }
    if (!emitter->whitespace) {
        put_char(emitter, ' ');
    }
    emitter->whitespace = emitter->indention = FALSE;
    for (glong end = 0; end <= text->length; end++) {
        gboolean is_end = end == text->length;
        if (spaces && (is_end || at[end] != ' ')) {
            if (start + 1 == end && emitter->column >= FOLD_COLUMN && !text->is_key) {
                continue_line(emitter);
            } else {
                put_chars(emitter, at + start, end - start);
            }
            start = end;
        } else if (!spaces && (is_end || at[end] == ' ')) {
            if (end - start + emitter->column > FOLD_COLUMN && emitter->column > emitter->indent) {
                put_indent(emitter);
            }
            put_chars(emitter, at + start, end - start);
            start = end;
        }
        spaces = !is_end && at[end] == ' ';
    }
}

static void put_breaks(Emitter *emitter, const gunichar *at, glong count)
{
    if (at[0] == '\n') {
        put_break(emitter, '\n');
    }
    for (glong i = 0; i < count; i++) {
        put_break(emitter, at[i]);
    }
    put_indent(emitter);
}

static void put_single_quoted(Emitter *emitter, const Text *text)
{
    const gunichar *at = text->at;
    gboolean spaces = FALSE, breaks = FALSE;
    glong start = 0;
    put_indicator(emitter, "'", TRUE, FALSE);
    for (glong end = 0; end <= text->length; end++) {
        gboolean is_end = end == text->length;
        gunichar c = is_end ? '\0' : at[end];
        if (spaces) {
            gboolean fold = start + 1 == end && emitter->column > FOLD_COLUMN && !text->is_key && start != 0 && !is_end;
            if (c != ' ' && fold) {
                put_indent(emitter);
            } else if (c != ' ') {
                put_chars(emitter, at + start, end - start);
            }
            start = c != ' ' ? end : start;
        } else if (breaks) {
            if (!is_break(c)) {
                put_breaks(emitter, at + start, end - start);
                start = end;
            }
        } else if (is_end || c == ' ' || c == '\'' || is_break(c)) {
            put_chars(emitter, at + start, end - start);
            start = end;
        }
        if (c == '\'') {
            put_ascii(emitter, "''");
            start = end + 1;
        }
        spaces = c == ' ';
        breaks = is_break(c);
    }
    put_indicator(emitter, "'", FALSE, FALSE);
}

void yaml_escape(gunichar c, char out[YAML_ESCAPE_MAX])
{
    static const struct {
        gunichar c;
        char name;
    } short_forms[] = {
        {0x07, 'a'}, {'\b', 'b'}, {'\t', 't'},  {'\n', 'n'}, {'\v', 'v'},   {'\f', 'f'},   {'\r', 'r'},
        {0x1b, 'e'}, {'"', '"'},  {'\\', '\\'}, {0x85, 'N'}, {0x2028, 'L'}, {0x2029, 'P'},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(short_forms); i++) {
        if (short_forms[i].c == c) {
            g_snprintf(out, YAML_ESCAPE_MAX, "\\%c", short_forms[i].name);
            return;
        }
    }
    g_snprintf(out, YAML_ESCAPE_MAX, c <= 0xff ? "\\x%02X" : c <= 0xffff ? "\\u%04X" : "\\U%08X", c);
}

static void put_escape(Emitter *emitter, gunichar c)
{
    char text[YAML_ESCAPE_MAX];
    yaml_escape(c, text);
    put_ascii(emitter, text);
}

static gboolean needs_escape(gunichar c)
{
    return c == '"' || c == '\\' || c == 0x2028 || c == 0x2029 || !is_printable(c);
}

static gboolean has_quote(const gunichar *at, glong from, glong to)
{
    for (glong i = from; i < to; i++) {
        if (at[i] == '"' || at[i] == '\'') {
            return TRUE;
        }
    }
    return FALSE;
}

/* Whether the line that is folded at `end` needs a backslash, so that reading it back gives neither more nor fewer blanks. */
static gboolean needs_backslash(const Text *text, glong start, glong end)
{
    const gunichar *at = text->at;
    glong stop = end;
    while (stop < text->length && at[stop] != ' ') {
        stop++;
    }
    if (stop == text->length) {
        return TRUE;
    }
    for (glong i = end; i < stop; i++) {
        if (at[i] == '\n') {
            stop = i;
            break;
        }
    }
    if (stop + 1 >= text->length) {
        return TRUE;
    }
    if (at[stop] == '\n' && at[stop + 1] != ' ') {
        return TRUE;
    }
    gboolean two_blanks = end > 0 && at[end - 1] == ' ' && at[end] == ' ';
    return has_quote(at, end, stop) || at[stop + 1] == ' ' || at[stop + 1] == '\n' || two_blanks || start == end;
}

/* Ends the line before text[end]; gives where what is still to be written begins. */
static glong fold_double_quoted(Emitter *emitter, const Text *text, glong start, glong end)
{
    gboolean backslash = needs_backslash(text, start, end);
    put_chars(emitter, text->at + start, end - start);
    put_ascii(emitter, backslash ? "\\" : "");
    start = MAX(start, end);
    continue_line(emitter);
    if (text->at[start] == ' ') {
        put_ascii(emitter, backslash ? "\\" : "");
        start += !backslash;
    }
    return start;
}

static void put_double_quoted(Emitter *emitter, const Text *text)
{
    glong start = 0;
    put_indicator(emitter, "\"", TRUE, FALSE);
    for (glong end = 0; end <= text->length; end++) {
        gboolean is_end = end == text->length;
        gunichar c = is_end ? '\0' : text->at[end];
        if (is_end || needs_escape(c)) {
            if (start < end) {
                put_chars(emitter, text->at + start, end - start);
                start = end;
            }
            if (!is_end) {
                put_escape(emitter, c);
                start = end + 1;
            }
        }
        if (end > 0 && end < text->length - 1 && (c == ' ' || start >= end) &&
            emitter->column + (end - start) > FOLD_COLUMN && !text->is_key) {
            start = fold_double_quoted(emitter, text, start, end);
        }
    }
    put_indicator(emitter, "\"", FALSE, FALSE);
}

static void put_scalar(Emitter *emitter, const char *utf8, gboolean is_key, gboolean is_item)
{
    g_autofree gunichar *characters = NULL;
    Text text = {.is_key = is_key};
    text.at = characters = g_utf8_to_ucs4_fast(utf8, -1, &text.length);
    emitter->indent += INDENT;
    if (is_item) {
        put_indent(emitter);
    }
    switch (choose_style(&text)) {
    case STYLE_PLAIN:
        put_plain(emitter, &text);
        break;
    case STYLE_SINGLE:
        put_single_quoted(emitter, &text);
        break;
    case STYLE_DOUBLE:
        put_double_quoted(emitter, &text);
        break;
    }
    emitter->indent -= INDENT;
}

/* ---- Containers ---- */

typedef enum { AT_ROOT, AT_VALUE, AT_ITEM } Place;

static void put_node(Emitter *emitter, const Node *node, Place place);

static gboolean is_simple_key(const char *key)
{
    g_autofree gunichar *characters = NULL;
    Text text = {0};
    text.at = characters = g_utf8_to_ucs4_fast(key, -1, &text.length);
    return text.length < MAX_SIMPLE_KEY && !is_multiline(&text);
}

static void put_entry(Emitter *emitter, const NodeEntry *entry)
{
    put_indent(emitter);
    if (is_simple_key(entry->key)) {
        put_scalar(emitter, entry->key, TRUE, FALSE);
        put_indicator(emitter, ":", FALSE, FALSE);
    } else {
        put_indicator(emitter, "?", TRUE, TRUE);
        put_scalar(emitter, entry->key, FALSE, FALSE);
        put_indent(emitter);
        put_indicator(emitter, ":", TRUE, TRUE);
    }
    put_node(emitter, entry->value, AT_VALUE);
}

static void put_mapping(Emitter *emitter, const Node *node, Place place)
{
    int step = place == AT_ROOT ? 0 : INDENT;
    emitter->indent += step;
    for (guint32 i = 0; i < node->size; i++) {
        put_entry(emitter, &node->entries[i]);
    }
    emitter->indent -= step;
}

static void put_sequence(Emitter *emitter, const Node *node, Place place)
{
    int step = place == AT_ROOT || (place == AT_VALUE && !emitter->indention) ? 0 : INDENT;
    emitter->indent += step;
    for (guint32 i = 0; i < node->size; i++) {
        put_indent(emitter);
        put_indicator(emitter, "-", TRUE, TRUE);
        put_node(emitter, node->items[i], AT_ITEM);
    }
    emitter->indent -= step;
}

static void put_node(Emitter *emitter, const Node *node, Place place)
{
    if (node->type == NODE_SCALAR) {
        put_scalar(emitter, node->text, FALSE, place == AT_ITEM);
    } else if (node->size == 0) {
        put_indicator(emitter, node->type == NODE_MAPPING ? "{}" : "[]", TRUE, FALSE);
    } else if (node->type == NODE_MAPPING) {
        put_mapping(emitter, node, place);
    } else {
        put_sequence(emitter, node, place);
    }
}

char *node_emit(const Node *node)
{
    Emitter emitter = {.out = g_string_new(NULL), .whitespace = TRUE, .indention = TRUE};
    put_node(&emitter, node, AT_ROOT);
    put_break(&emitter, '\n');
    return g_string_free(emitter.out, FALSE);
}
