/* json-read.c - see json-read.h */
#include "json-read.h"
#include "json.h"

#include <string.h>

#define INDENT 4

typedef struct {
    Arena *arena;
    const char *start, *at, *end;
    int depth;
} Reader;

static gboolean refuse(const Reader *reader, const char *what, GError **error)
{
    error_set(error, ERROR_ARTIFACT, NULL, NULL, "Not JSON at byte %td: %s", reader->at - reader->start, what);
    return FALSE;
}

static void skip_blanks(Reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL && *reader->at != '\0') {
        reader->at++;
    }
}

static gboolean take(Reader *reader, char c)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != c) {
        return FALSE;
    }
    reader->at++;
    return TRUE;
}

/* Four digits after "\u". */
static gboolean read_unit(Reader *reader, gunichar *out)
{
    *out = 0;
    if (reader->end - reader->at < 4) {
        return FALSE;
    }
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(*reader->at++);
        if (digit < 0) {
            return FALSE;
        }
        *out = *out << 4 | (gunichar)digit;
    }
    return TRUE;
}

/* What follows "\u": one unit or a pair of surrogates.  What is half of a pair, or NUL, is replaced. */
static gboolean read_unicode(Reader *reader, GString *out)
{
    gunichar c, low;
    if (!read_unit(reader, &c)) {
        return FALSE;
    }
    if (c >= 0xd800 && c < 0xdc00 && reader->end - reader->at >= 6 && strncmp(reader->at, "\\u", 2) == 0) {
        reader->at += 2;
        if (!read_unit(reader, &low)) {
            return FALSE;
        }
        c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
    }
    g_string_append_unichar(out, c == 0 || (c >= 0xd800 && c < 0xe000) ? 0xfffd : c);
    return TRUE;
}

static gboolean read_escape(Reader *reader, GString *out)
{
    static const char names[] = "bfnrt\"\\/", values[] = "\b\f\n\r\t\"\\/";
    char c = reader->at < reader->end ? *reader->at++ : '\0';
    const char *known = c != '\0' ? strchr(names, c) : NULL;
    if (known != NULL) {
        g_string_append_c(out, values[known - names]);
    }
    return known != NULL || (c == 'u' && read_unicode(reader, out));
}

static const char *read_string(Reader *reader, GError **error)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (!take(reader, '"')) {
        refuse(reader, "a string is missing", error);
        return NULL;
    }
    while (reader->at < reader->end && *reader->at != '"') {
        char c = *reader->at++;
        if (c == '\0' || (c == '\\' && !read_escape(reader, out))) {
            refuse(reader, "bad character in a string", error);
            return NULL;
        }
        if (c != '\\') {
            g_string_append_c(out, c);
        }
    }
    if (!take(reader, '"') || !g_utf8_validate(out->str, (gssize)out->len, NULL)) {
        refuse(reader, "the string does not end, or is not UTF-8", error);
        return NULL;
    }
    return arena_strndup(reader->arena, out->str, out->len);
}

static JsonTree *read_value(Reader *reader, GError **error);

static JsonTree *read_member(Reader *reader, gboolean is_object, GError **error)
{
    const char *key = is_object ? read_string(reader, error) : NULL;
    if (is_object && key == NULL) {
        return NULL;
    }
    if (is_object && !take(reader, ':')) {
        refuse(reader, "a colon is missing", error);
        return NULL;
    }
    JsonTree *value = read_value(reader, error);
    if (value != NULL) {
        value->key = key;
    }
    return value;
}

static gboolean read_members(Reader *reader, JsonTree *into, char close, GError **error)
{
    JsonTree **last = &into->first;
    if (take(reader, close)) {
        return TRUE;
    }
    do {
        *last = read_member(reader, close == '}', error);
        if (*last == NULL) {
            return FALSE;
        }
        last = &(*last)->next;
    } while (take(reader, ','));
    return take(reader, close) || refuse(reader, "a list or mapping does not end", error);
}

static gboolean read_word(Reader *reader, JsonTree *value, GError **error)
{
    const char *start = reader->at;
    while (reader->at < reader->end && (g_ascii_isalnum(*reader->at) || strchr("+-.", *reader->at) != NULL) &&
           *reader->at != '\0') {
        reader->at++;
    }
    value->type = JSON_TREE_WORD;
    value->text = arena_strndup(reader->arena, start, (gsize)(reader->at - start));
    return reader->at > start || refuse(reader, "a value is missing", error);
}

static JsonTree *read_value(Reader *reader, GError **error)
{
    JsonTree *value = arena_new_of(reader->arena, JsonTree);
    skip_blanks(reader);
    char c = reader->at < reader->end ? *reader->at : '\0';
    gboolean ok;
    if (reader->depth == JSON_MAX_DEPTH) {
        refuse(reader, "too deep", error);
        return NULL;
    }
    reader->depth++;
    if (c == '{' || c == '[') {
        reader->at++;
        value->type = c == '{' ? JSON_TREE_OBJECT : JSON_TREE_ARRAY;
        ok = read_members(reader, value, c == '{' ? '}' : ']', error);
    } else if (c == '"') {
        value->type = JSON_TREE_STRING;
        value->text = read_string(reader, error);
        ok = value->text != NULL;
    } else {
        ok = read_word(reader, value, error);
    }
    reader->depth--;
    return ok ? value : NULL;
}

const JsonTree *json_read(Arena *arena, const char *text, gsize length, GError **error)
{
    Reader reader = {.arena = arena, .start = text, .at = text, .end = text + length};
    if (length > JSON_MAX_BYTES) {
        refuse(&reader, "too long", error);
        return NULL;
    }
    const JsonTree *tree = read_value(&reader, error);
    skip_blanks(&reader);
    if (tree != NULL && reader.at != reader.end) {
        refuse(&reader, "something follows", error);
        return NULL;
    }
    return tree;
}

const JsonTree *json_tree_find(const JsonTree *object, const char *key)
{
    const JsonTree *member = object != NULL && object->type == JSON_TREE_OBJECT ? object->first : NULL;
    while (member != NULL && strcmp(member->key, key) != 0) {
        member = member->next;
    }
    return member;
}

static void write_line_start(int indent, GString *out)
{
    g_string_append_printf(out, "\n%*s", indent, "");
}

void json_tree_write(const JsonTree *tree, int indent, GString *out)
{
    const char *brackets = tree->type == JSON_TREE_OBJECT ? "{}" : "[]";
    if (tree->type == JSON_TREE_STRING) {
        json_write_string(tree->text, out);
        return;
    }
    if (tree->type == JSON_TREE_WORD) {
        g_string_append(out, tree->text);
        return;
    }
    g_string_append_c(out, brackets[0]);
    for (const JsonTree *member = tree->first; member != NULL; member = member->next) {
        write_line_start(indent + INDENT, out);
        if (member->key != NULL) {
            json_write_string(member->key, out);
            g_string_append(out, ": ");
        }
        json_tree_write(member, indent + INDENT, out);
        g_string_append(out, member->next != NULL ? "," : "");
    }
    if (tree->first != NULL) {
        write_line_start(indent, out);
    }
    g_string_append_c(out, brackets[1]);
}
