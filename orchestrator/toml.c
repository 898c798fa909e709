/* toml.c - see toml.h */
#include "toml.h"
#include "error.h"

#include <string.h>

/* Of tables: how they came to be decides what may be added. */
enum { TABLE_HAS_HEADER = 1, TABLE_IS_DOTTED = 2, TABLE_IS_CLOSED = 4, ARRAY_OF_TABLES = 8 };

typedef struct {
    const char *key; /* of a table */
    Toml *value;
} Item;

struct Toml {
    TomlType type;
    guint flags;
    const char *text;
    Item *items;
    gsize count, capacity;
};

typedef struct {
    Arena *arena;
    const char *start, *at, *end;
    GRegex *integer, *real, *date;
    Toml *root, *section;
    int depth;
    GError **error;
} Parser;

/* ---- Values ---------------------------------------------------------------------------------------------------------------------- */

TomlType toml_type(const Toml *value)
{
    return value->type;
}

const char *toml_text(const Toml *value)
{
    return value->text;
}

gsize toml_size(const Toml *value)
{
    return value != NULL ? value->count : 0;
}

Toml *toml_at(const Toml *value, gsize index)
{
    g_assert(index < value->count);
    return value->items[index].value;
}

const char *toml_key_at(const Toml *table, gsize index)
{
    g_assert(index < table->count);
    return table->items[index].key;
}

Toml *toml_find(const Toml *table, const char *key)
{
    for (gsize i = 0; table != NULL && table->type == TOML_TABLE && i < table->count; i++) {
        if (strcmp(table->items[i].key, key) == 0) {
            return table->items[i].value;
        }
    }
    return NULL;
}

const char *toml_find_string(const Toml *table, const char *key)
{
    const Toml *value = toml_find(table, key);
    return value != NULL && value->type == TOML_STRING ? value->text : NULL;
}

static Toml *new_value(Arena *arena, TomlType type)
{
    Toml *value = arena_new_of(arena, Toml);
    value->type = type;
    return value;
}

static void add_item(Arena *arena, Toml *container, const char *key, Toml *value)
{
    if (container->count == container->capacity) {
        gsize capacity = MAX(4, container->capacity * 2);
        Item *items = arena_alloc(arena, capacity * sizeof *items);
        if (container->count > 0) {
            memcpy(items, container->items, container->count * sizeof *items);
        }
        container->items = items;
        container->capacity = capacity;
    }
    container->items[container->count++] = (Item){key, value};
}

void toml_set(Arena *arena, Toml *table, const char *key, Toml *value)
{
    for (gsize i = 0; i < table->count; i++) {
        if (strcmp(table->items[i].key, key) == 0) {
            table->items[i].value = value;
            return;
        }
    }
    add_item(arena, table, key, value);
}

void toml_remove(Toml *table, const char *key)
{
    for (gsize i = 0; i < table->count; i++) {
        if (strcmp(table->items[i].key, key) == 0) {
            table->count--;
            memmove(&table->items[i], &table->items[i + 1], (table->count - i) * sizeof *table->items);
            return;
        }
    }
}

Toml *toml_new_array(Arena *arena)
{
    return new_value(arena, TOML_ARRAY);
}

void toml_append(Arena *arena, Toml *array, Toml *value)
{
    add_item(arena, array, NULL, value);
}

/* ---- Text ------------------------------------------------------------------------------------------------------------------------ */

static gboolean fail(Parser *parser, const char *problem)
{
    int line = 1, column = 1;
    for (const char *c = parser->start; c < parser->at; c++) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    error_set(parser->error, ERROR_SOURCE, NULL, NULL, "line %d, column %d: %s", line, column, problem);
    return FALSE;
}

static int peek(const Parser *parser)
{
    return parser->at < parser->end ? (guchar)*parser->at : -1;
}

static gboolean looking_at(const Parser *parser, const char *text)
{
    gsize length = strlen(text);
    return (gsize)(parser->end - parser->at) >= length && memcmp(parser->at, text, length) == 0;
}

static gboolean take(Parser *parser, const char *text)
{
    if (!looking_at(parser, text)) {
        return FALSE;
    }
    parser->at += strlen(text);
    return TRUE;
}

static gboolean is_control(int c)
{
    return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

static void skip_blanks(Parser *parser)
{
    while (peek(parser) == ' ' || peek(parser) == '\t') {
        parser->at++;
    }
}

static gboolean at_newline(const Parser *parser)
{
    return looking_at(parser, "\n") || looking_at(parser, "\r\n");
}

static gboolean skip_comment(Parser *parser)
{
    if (peek(parser) != '#') {
        return TRUE;
    }
    while (parser->at < parser->end && !at_newline(parser)) {
        if (is_control(peek(parser))) {
            return fail(parser, "a control character in a comment");
        }
        parser->at++;
    }
    return TRUE;
}

/* Blanks, comments and line ends. */
static gboolean skip_lines(Parser *parser)
{
    for (;;) {
        skip_blanks(parser);
        if (!skip_comment(parser)) {
            return FALSE;
        }
        if (!take(parser, "\n") && !take(parser, "\r\n")) {
            return TRUE;
        }
    }
}

static gboolean end_line(Parser *parser)
{
    skip_blanks(parser);
    if (!skip_comment(parser)) {
        return FALSE;
    }
    return parser->at == parser->end || take(parser, "\n") || take(parser, "\r\n") ||
           fail(parser, "expected the end of the line");
}

/* ---- Strings --------------------------------------------------------------------------------------------------------------------- */

static gboolean take_code_point(Parser *parser, int digits, GString *out)
{
    gunichar c = 0;
    for (int i = 0; i < digits; i++) {
        int digit = parser->at < parser->end ? g_ascii_xdigit_value(*parser->at) : -1;
        if (digit < 0) {
            return fail(parser, "an escape without enough hexadecimal digits");
        }
        c = c << 4 | (gunichar)digit;
        parser->at++;
    }
    if (!g_unichar_validate(c) || c == 0) {
        return fail(parser, "an escape that is no character");
    }
    g_string_append_unichar(out, c);
    return TRUE;
}

/* A backslash at the end of a line joins it with the next text. */
static gboolean skip_joined_lines(Parser *parser)
{
    skip_blanks(parser);
    if (!at_newline(parser)) {
        return fail(parser, "an unknown escape");
    }
    while (parser->at < parser->end && g_ascii_isspace(*parser->at)) {
        parser->at++;
    }
    return TRUE;
}

static gboolean take_escape(Parser *parser, gboolean many_lines, GString *out)
{
    static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
    int c = peek(parser);
    const char *known = c > 0 ? strchr(names, c) : NULL;
    if (known != NULL) {
        g_string_append_c(out, values[known - names]);
        parser->at++;
        return TRUE;
    }
    if (c == 'u' || c == 'U') {
        parser->at++;
        return take_code_point(parser, c == 'u' ? 4 : 8, out);
    }
    if (many_lines) {
        return skip_joined_lines(parser);
    }
    return fail(parser, "an unknown escape");
}

/* At the quotes that end a string of many lines there may be up to two more, which belong to it. */
static gboolean take_end_quotes(Parser *parser, const char *quotes, GString *out)
{
    if (!take(parser, quotes)) {
        return FALSE;
    }
    for (int i = 0; i < 2 && quotes[1] != '\0' && peek(parser) == quotes[0]; i++) {
        g_string_append_c(out, quotes[0]);
        parser->at++;
    }
    return TRUE;
}

/* After the opening quotes. */
static const char *take_string(Parser *parser, const char *quotes)
{
    gboolean many_lines = quotes[1] != '\0', escapes = quotes[0] == '"';
    g_autoptr(GString) out = g_string_new(NULL);
    if (many_lines && !take(parser, "\n")) {
        take(parser, "\r\n");
    }
    while (!take_end_quotes(parser, quotes, out)) {
        int c = peek(parser);
        if (c < 0 || (!many_lines && at_newline(parser))) {
            fail(parser, "a string without an end");
            return NULL;
        }
        if (escapes && c == '\\') {
            parser->at++;
            if (!take_escape(parser, many_lines, out)) {
                return NULL;
            }
            continue;
        }
        if (is_control(c) && !at_newline(parser)) {
            fail(parser, "a control character in a string");
            return NULL;
        }
        g_string_append_c(out, (char)c);
        parser->at++;
    }
    return arena_strndup(parser->arena, out->str, out->len);
}

static const char *take_any_string(Parser *parser, gboolean many_lines)
{
    static const char *const quotes[] = {"\"\"\"", "'''", "\"", "'"};
    for (gsize i = many_lines ? 0 : 2; i < G_N_ELEMENTS(quotes); i++) {
        if (take(parser, quotes[i])) {
            return take_string(parser, quotes[i]);
        }
    }
    return NULL;
}

/* ---- Scalars --------------------------------------------------------------------------------------------------------------------- */

static gboolean is_word(int c)
{
    return c > 0 && (g_ascii_isalnum(c) || strchr("+-_.:", c) != NULL);
}

static Toml *take_scalar(Parser *parser)
{
    const char *start = parser->at, *text;
    while (is_word(peek(parser))) {
        parser->at++;
    }
    /* A blank may be between date and time. */
    if (parser->at - start == 10 && start[4] == '-' && start[7] == '-' && peek(parser) == ' ' &&
        parser->at + 1 < parser->end && g_ascii_isdigit(parser->at[1])) {
        parser->at++;
        while (is_word(peek(parser))) {
            parser->at++;
        }
    }
    text = arena_strndup(parser->arena, start, (gsize)(parser->at - start));
    Toml *value = new_value(parser->arena, TOML_INTEGER);
    value->text = text;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        value->type = TOML_BOOLEAN;
    } else if (g_regex_match(parser->integer, text, 0, NULL)) {
        value->type = TOML_INTEGER;
    } else if (g_regex_match(parser->real, text, 0, NULL)) {
        value->type = TOML_FLOAT;
    } else if (g_regex_match(parser->date, text, 0, NULL)) {
        value->type = TOML_DATE;
    } else {
        parser->at = start;
        fail(parser, "invalid value");
        return NULL;
    }
    return value;
}

/* ---- Keys and tables ------------------------------------------------------------------------------------------------------------- */

static const char *take_key(Parser *parser)
{
    int c = peek(parser);
    if (c == '"' || c == '\'') {
        return take_any_string(parser, FALSE);
    }
    const char *start = parser->at;
    while (peek(parser) > 0 && (g_ascii_isalnum(*parser->at) || *parser->at == '_' || *parser->at == '-')) {
        parser->at++;
    }
    if (parser->at == start) {
        fail(parser, "expected a key");
        return NULL;
    }
    return arena_strndup(parser->arena, start, (gsize)(parser->at - start));
}

static gboolean add_to_table(Parser *parser, Toml *table, const char *key, Toml *value)
{
    if (table->count >= TOML_MAX_KEYS) {
        return fail(parser, "too many keys in one table");
    }
    add_item(parser->arena, table, key, value);
    return TRUE;
}

/* The table `key` of `table`, made if it is not there; of an array of tables the last. */
static Toml *descend(Parser *parser, Toml *table, const char *key, guint flags)
{
    Toml *next = toml_find(table, key);
    if (next == NULL) {
        next = new_value(parser->arena, TOML_TABLE);
        next->flags = flags;
        return add_to_table(parser, table, key, next) ? next : NULL;
    }
    if (next->type == TOML_ARRAY && (next->flags & ARRAY_OF_TABLES) != 0 && (flags & TABLE_IS_DOTTED) == 0) {
        next = next->items[next->count - 1].value;
    }
    gboolean may_grow = (flags & TABLE_IS_DOTTED) == 0 || (next->flags & TABLE_HAS_HEADER) == 0;
    if (next->type != TOML_TABLE || (next->flags & TABLE_IS_CLOSED) != 0 || !may_grow) {
        fail(parser, "a key that has a value already");
        return NULL;
    }
    return next;
}

/* A dotted key: *table becomes the table of its last part, which is returned. */
static const char *take_dotted_key(Parser *parser, Toml **table, guint flags)
{
    for (int depth = 0; depth < TOML_MAX_DEPTH; depth++) {
        skip_blanks(parser);
        const char *key = take_key(parser);
        if (key == NULL) {
            return NULL;
        }
        skip_blanks(parser);
        if (!take(parser, ".")) {
            return key;
        }
        *table = descend(parser, *table, key, flags);
        if (*table == NULL) {
            return NULL;
        }
    }
    fail(parser, "a key of too many parts");
    return NULL;
}

static Toml *take_value(Parser *parser);

static gboolean take_pair(Parser *parser, Toml *table)
{
    const char *key = take_dotted_key(parser, &table, TABLE_IS_DOTTED);
    if (key == NULL) {
        return FALSE;
    }
    if (!take(parser, "=")) {
        return fail(parser, "expected '=' after a key");
    }
    if (toml_find(table, key) != NULL) {
        return fail(parser, "a key that has a value already");
    }
    skip_blanks(parser);
    Toml *value = take_value(parser);
    return value != NULL && add_to_table(parser, table, key, value);
}

static Toml *take_array(Parser *parser)
{
    Toml *array = new_value(parser->arena, TOML_ARRAY);
    while (skip_lines(parser)) {
        if (take(parser, "]")) {
            return array;
        }
        Toml *value = array->count < TOML_MAX_ITEMS ? take_value(parser) : NULL;
        if (value == NULL) {
            if (array->count >= TOML_MAX_ITEMS) {
                fail(parser, "too many elements in one array");
            }
            return NULL;
        }
        add_item(parser->arena, array, NULL, value);
        if (!skip_lines(parser)) {
            return NULL;
        }
        if (!take(parser, ",") && !looking_at(parser, "]")) {
            fail(parser, "expected ',' or ']' in an array");
            return NULL;
        }
    }
    return NULL;
}

static void close_tables(Toml *table)
{
    table->flags |= TABLE_IS_CLOSED;
    for (gsize i = 0; i < table->count; i++) {
        Toml *value = table->items[i].value;
        if (value->type == TOML_TABLE && (value->flags & TABLE_IS_CLOSED) == 0) {
            close_tables(value);
        }
    }
}

static Toml *take_inline_table(Parser *parser)
{
    Toml *table = new_value(parser->arena, TOML_TABLE);
    skip_blanks(parser);
    while (table->count > 0 || !take(parser, "}")) {
        if (!take_pair(parser, table)) {
            return NULL;
        }
        skip_blanks(parser);
        if (take(parser, "}")) {
            break;
        }
        if (!take(parser, ",")) {
            fail(parser, "expected ',' or '}' in an inline table");
            return NULL;
        }
    }
    close_tables(table);
    return table;
}

static Toml *take_compound(Parser *parser)
{
    Toml *value = NULL;
    if (++parser->depth > TOML_MAX_DEPTH) {
        fail(parser, "values nested too deeply");
    } else {
        value = take(parser, "[") ? take_array(parser) : (parser->at++, take_inline_table(parser));
    }
    parser->depth--;
    return value;
}

static Toml *take_value(Parser *parser)
{
    int c = peek(parser);
    if (c == '[' || c == '{') {
        return take_compound(parser);
    }
    if (c != '"' && c != '\'') {
        return take_scalar(parser);
    }
    const char *text = take_any_string(parser, TRUE);
    if (text == NULL) {
        return NULL;
    }
    Toml *value = new_value(parser->arena, TOML_STRING);
    value->text = text;
    return value;
}

/* ---- Lines ----------------------------------------------------------------------------------------------------------------------- */

static Toml *open_array_table(Parser *parser, Toml *table, const char *key)
{
    Toml *array = toml_find(table, key), *item = new_value(parser->arena, TOML_TABLE);
    if (array == NULL) {
        array = new_value(parser->arena, TOML_ARRAY);
        array->flags = ARRAY_OF_TABLES;
        if (!add_to_table(parser, table, key, array)) {
            return NULL;
        }
    }
    if (array->type != TOML_ARRAY || (array->flags & ARRAY_OF_TABLES) == 0) {
        fail(parser, "a key that has a value already");
        return NULL;
    }
    if (array->count >= TOML_MAX_ITEMS) {
        fail(parser, "too many elements in one array");
        return NULL;
    }
    item->flags = TABLE_HAS_HEADER;
    add_item(parser->arena, array, NULL, item);
    return item;
}

static Toml *open_table(Parser *parser, Toml *table, const char *key)
{
    Toml *section = toml_find(table, key);
    if (section == NULL) {
        section = new_value(parser->arena, TOML_TABLE);
        if (!add_to_table(parser, table, key, section)) {
            return NULL;
        }
    } else if (section->type != TOML_TABLE ||
               (section->flags & (TABLE_HAS_HEADER | TABLE_IS_DOTTED | TABLE_IS_CLOSED)) != 0) {
        fail(parser, "a table that is there already");
        return NULL;
    }
    section->flags |= TABLE_HAS_HEADER;
    return section;
}

static gboolean take_header(Parser *parser)
{
    gboolean many = take(parser, "[[");
    Toml *table = parser->root;
    if (!many) {
        parser->at++;
    }
    const char *key = take_dotted_key(parser, &table, 0);
    if (key == NULL) {
        return FALSE;
    }
    if (!take(parser, many ? "]]" : "]")) {
        return fail(parser, "a header without an end");
    }
    parser->section = many ? open_array_table(parser, table, key) : open_table(parser, table, key);
    return parser->section != NULL && end_line(parser);
}

static gboolean take_document(Parser *parser)
{
    while (skip_lines(parser)) {
        if (parser->at == parser->end) {
            return TRUE;
        }
        if (peek(parser) == '[' ? !take_header(parser) : !take_pair(parser, parser->section) || !end_line(parser)) {
            return FALSE;
        }
    }
    return FALSE;
}

#define DIGITS(set) set "(_?" set ")*"
#define DATE        "[0-9]{4}-[0-9]{2}-[0-9]{2}"
#define TIME        "[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?"

Toml *toml_parse(Arena *arena, const char *text, gsize length, GError **error)
{
    Toml *root = new_value(arena, TOML_TABLE);
    Parser parser = {.arena = arena, .start = text, .at = text, .end = text + length, .root = root, .section = root};
    const char *bad;
    parser.error = error;
    if (!g_utf8_validate(text, (gssize)length, &bad)) {
        parser.at = bad;
        fail(&parser, "not UTF-8");
        return NULL;
    }
    parser.integer = g_regex_new(
        "^([+-]?(0|[1-9](_?[0-9])*)|0x" DIGITS("[0-9a-fA-F]") "|0o" DIGITS("[0-7]") "|0b" DIGITS("[01]") ")$",
        G_REGEX_DOLLAR_ENDONLY, 0, NULL);
    parser.real =
        g_regex_new("^[+-]?((0|[1-9](_?[0-9])*)(\\." DIGITS("[0-9]") ")?([eE][+-]?" DIGITS("[0-9]") ")?|inf|nan)$",
                    G_REGEX_DOLLAR_ENDONLY, 0, NULL);
    parser.date = g_regex_new("^(" DATE "|" TIME "|" DATE "[Tt ]" TIME "([Zz]|[+-][0-9]{2}:[0-9]{2})?)$",
                              G_REGEX_DOLLAR_ENDONLY, 0, NULL);
    gboolean ok = take_document(&parser);
    g_regex_unref(parser.integer);
    g_regex_unref(parser.real);
    g_regex_unref(parser.date);
    return ok ? root : NULL;
}
