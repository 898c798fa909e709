/*
 * yaml-scan.c - the plain part of YAML, read ten times faster than by libyaml: block mappings and sequences, plain and quoted scalars of one line, literal and folded
 * blocks, comments.
 *
 * Whatever is not understood for certain (anchors, tags, flow collections, scalars of several lines, tabs, documents, every error) makes node_scan give up, and
 * libyaml reads the whole text instead.  So there is one rule: what is read here gives the same nodes, with the same places, as libyaml gives.
 * Recursion is bounded by the depth to which a NodeBuilder lets containers nest.
 */
#include "node-builder.h"

#include <string.h>

/* libyaml's limit for the length of a key is 1024. */
#define MAX_KEY 1000

typedef struct {
    NodeBuilder builder;
    const char *at, *end, *line_start;
    int line;
    gssize indent;    /* the column of what comes next; -1 at the end of the text */
    GString *scratch; /* text that is not a piece of the file */
} Scanner;

typedef struct {
    const char *text;
    gsize length;
    NodeMark mark;
    gboolean is_key; /* the scanner is at its colon */
} Token;

/* ---- Characters ---- */

/* Printable ASCII and newlines: eight at once, since every file is looked through.  How many are at the start of the text, in whole eights. */
static gsize count_ascii(const char *text, gsize length)
{
    const guint64 ones = 0x0101010101010101u, highs = ones << 7;
    gsize i = 0;
    for (guint64 eight; i + sizeof eight <= length; i += sizeof eight) {
        memcpy(&eight, text + i, sizeof eight);
        guint64 controls = ~((eight | highs) - ones * 0x20) & highs;
        guint64 newlines = ~(((eight ^ ones * '\n') | highs) - ones) & highs;
        if ((((eight + ones) | eight) & highs) != 0 || (controls & ~newlines) != 0) {
            break;
        }
    }
    return i;
}

/* Nothing that ends a line for libyaml but a newline, and nothing that it refuses. */
static gboolean has_plain_characters(const char *text, gsize length)
{
    guchar high = 0;
    for (gsize i = count_ascii(text, length); i < length; i++) {
        guchar c = (guchar)text[i];
        if ((c < 0x20 && c != '\n') || c == 0x7f) {
            return FALSE;
        }
        high |= c;
    }
    if (high < 0x80) {
        return TRUE;
    }
    if (!g_utf8_validate(text, (gssize)length, NULL)) {
        return FALSE;
    }
    for (gsize i = 0; i + 1 < length; i++) {
        const guchar *c = (const guchar *)text + i;
        /* Controls and the Unicode line ends; the byte order mark and non-characters. */
        if ((c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0xa8 || c[2] == 0xa9)) ||
            (c[0] == 0xef && (c[1] == 0xbb || (c[1] == 0xbf && c[2] >= 0xbe)))) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean ends_line(const Scanner *scanner, const char *at)
{
    return at == scanner->end || *at == '\n';
}

static gboolean ends_word(const Scanner *scanner, const char *at)
{
    return at == scanner->end || *at == '\n' || *at == ' ';
}

/* The column counts bytes: before a node on its line there is only ASCII. */
static NodeMark mark_at(const Scanner *scanner, const char *at)
{
    return (NodeMark){scanner->line, (int)(at - scanner->line_start)};
}

static gboolean is_dash(const Scanner *scanner)
{
    return scanner->at < scanner->end && *scanner->at == '-' && ends_word(scanner, scanner->at + 1);
}

/* ---- Lines ---- */

static void skip_spaces(Scanner *scanner)
{
    while (scanner->at < scanner->end && *scanner->at == ' ') {
        scanner->at++;
    }
}

/* At a comment, or nothing before the end of the line. */
static gboolean is_line_rest_empty(const Scanner *scanner)
{
    return ends_line(scanner, scanner->at) ||
           (*scanner->at == '#' && (scanner->at == scanner->line_start || scanner->at[-1] == ' '));
}

static void start_line(Scanner *scanner)
{
    scanner->line_start = scanner->at;
    scanner->line++;
}

/* Skips what is left of a line, which may be a comment. */
static gboolean finish_line(Scanner *scanner)
{
    skip_spaces(scanner);
    if (!is_line_rest_empty(scanner)) {
        return FALSE;
    }
    const char *newline = memchr(scanner->at, '\n', (gsize)(scanner->end - scanner->at));
    scanner->at = newline != NULL ? newline + 1 : scanner->end;
    if (newline != NULL) {
        start_line(scanner);
    }
    return TRUE;
}

/* At the start of a line: goes to the next that is neither empty nor a comment. */
static gboolean find_content(Scanner *scanner)
{
    for (;;) {
        skip_spaces(scanner);
        if (scanner->at == scanner->end) {
            scanner->indent = -1;
            return TRUE;
        }
        if (!is_line_rest_empty(scanner)) {
            break;
        }
        finish_line(scanner);
    }
    scanner->indent = scanner->at - scanner->line_start;
    /* Where documents may start and end. */
    return scanner->indent > 0 || scanner->end - scanner->at < 3 ||
           (memcmp(scanner->at, "---", 3) != 0 && memcmp(scanner->at, "...", 3) != 0);
}

static gboolean next_line(Scanner *scanner)
{
    return finish_line(scanner) && find_content(scanner);
}

/* ---- Scalars of one line ---- */

static gboolean scan_plain(Scanner *scanner, Token *token)
{
    const char *at = scanner->at;
    if (strchr("?:,[]{}#&*!|>%@`", *at) != NULL || (*at == '-' && ends_word(scanner, at + 1))) {
        return FALSE;
    }
    for (; !ends_line(scanner, at); at++) {
        if (*at == ':' && ends_word(scanner, at + 1)) {
            token->is_key = TRUE;
            break;
        }
        if (*at == '#' && at[-1] == ' ') {
            break;
        }
    }
    token->text = scanner->at;
    scanner->at = at;
    while (at[-1] == ' ') {
        at--;
    }
    token->length = (gsize)(at - token->text);
    return TRUE;
}

/* The character that a backslash and `c` stand for; 0 for the many that files hardly have. */
static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case '"':
    case '\\':
    case '/':
        return c;
    default:
        return 0;
    }
}

/* What stands for itself in a quoted scalar gives its length; escapes are put together in the scratch. */
static gboolean scan_escaped(Scanner *scanner, const char *at, char quote, Token *token)
{
    g_string_truncate(scanner->scratch, 0);
    for (; !ends_line(scanner, at); at++) {
        char c = *at;
        if (quote == '"' && c == '\\') {
            at++;
            c = ends_line(scanner, at) ? 0 : unescape(*at);
            if (c == 0) {
                return FALSE;
            }
        } else if (c == quote && (quote == '"' || at + 1 == scanner->end || at[1] != quote)) {
            token->text = scanner->scratch->str;
            token->length = scanner->scratch->len;
            scanner->at = at + 1;
            return TRUE;
        } else if (c == quote) {
            at++;
        }
        g_string_append_c(scanner->scratch, c);
    }
    return FALSE;
}

static gboolean scan_quoted(Scanner *scanner, Token *token)
{
    const char quote = *scanner->at;
    const char *start = scanner->at + 1, *at = start;
    while (!ends_line(scanner, at) && *at != quote && (quote == '\'' || *at != '\\')) {
        at++;
    }
    if (ends_line(scanner, at)) {
        return FALSE;
    }
    if (*at == '\\' || (quote == '\'' && at + 1 < scanner->end && at[1] == quote)) {
        if (!scan_escaped(scanner, start, quote, token)) {
            return FALSE;
        }
    } else {
        token->text = start;
        token->length = (gsize)(at - start);
        scanner->at = at + 1;
    }
    skip_spaces(scanner);
    token->is_key = !ends_line(scanner, scanner->at) && *scanner->at == ':';
    return !token->is_key || ends_word(scanner, scanner->at + 1);
}

static gboolean is_short_ascii(const char *text, const char *end)
{
    guchar high = 0;
    for (const char *at = text; at < end; at++) {
        high |= (guchar)*at;
    }
    return high < 0x80 && end - text <= MAX_KEY;
}

static gboolean scan_token(Scanner *scanner, Token *token)
{
    const char *start = scanner->at;
    *token = (Token){.mark = mark_at(scanner, start)};
    gboolean ok = *start == '\'' || *start == '"' ? scan_quoted(scanner, token) : scan_plain(scanner, token);
    return ok && (!token->is_key || is_short_ascii(start, scanner->at));
}

static gboolean add_token(Scanner *scanner, const Token *token)
{
    return node_builder_scalar(&scanner->builder, token->mark, token->text, token->length, NULL);
}

/* ---- Blocks of text ---- */

/* The column of a block's first line, 0 if there is none deeper than `parent`; -1 if lines before it are longer than its indentation. */
static gssize find_block_indent(const Scanner *scanner, gssize parent)
{
    gssize longest = 0;
    for (const char *at = scanner->at; at < scanner->end; at++) {
        const char *start = at;
        while (at < scanner->end && *at == ' ') {
            at++;
        }
        if (!ends_line(scanner, at)) {
            return at - start <= parent ? 0 : longest > at - start ? -1 : at - start;
        }
        longest = MAX(longest, at - start);
    }
    return 0;
}

/* Goes to the next line of the block, counting the empty ones before it; FALSE at its end. */
static gboolean find_block_line(Scanner *scanner, gssize indent, gsize *empty)
{
    for (;;) {
        const char *at = scanner->at;
        while (at < scanner->end && *at == ' ' && at - scanner->at < indent) {
            at++;
        }
        if (at == scanner->end || (*at != '\n' && at - scanner->at < indent)) {
            return FALSE;
        }
        if (*at != '\n') {
            scanner->at = at;
            return TRUE;
        }
        ++*empty;
        scanner->at = at + 1;
        start_line(scanner);
    }
}

/* Lines of a folded block are joined with a blank, unless one of them is indented further or empty lines are between. */
static void scan_block_lines(Scanner *scanner, gboolean folded, gssize indent)
{
    gboolean broken = FALSE, was_deeper = FALSE;
    for (gsize empty = 0; find_block_line(scanner, indent, &empty); empty = 0) {
        gboolean is_deeper = *scanner->at == ' ';
        gboolean joined = folded && broken && !was_deeper && !is_deeper;
        if (joined && empty == 0) {
            g_string_append_c(scanner->scratch, ' ');
        } else if (!joined && broken) {
            g_string_append_c(scanner->scratch, '\n');
        }
        while (empty-- > 0) {
            g_string_append_c(scanner->scratch, '\n');
        }
        was_deeper = is_deeper;
        const char *newline = memchr(scanner->at, '\n', (gsize)(scanner->end - scanner->at));
        const char *stop = newline != NULL ? newline : scanner->end;
        g_string_append_len(scanner->scratch, scanner->at, stop - scanner->at);
        broken = newline != NULL;
        scanner->at = stop;
        if (broken) {
            scanner->at++;
            start_line(scanner);
        }
    }
}

/* Line ends at the end are stripped from every value, so how they are to be treated does not matter. */
static gboolean scan_block(Scanner *scanner, gssize parent)
{
    NodeMark mark = mark_at(scanner, scanner->at);
    gboolean folded = *scanner->at++ == '>';
    if (scanner->at < scanner->end && (*scanner->at == '-' || *scanner->at == '+')) {
        scanner->at++;
    }
    if (!finish_line(scanner)) {
        return FALSE;
    }
    gssize indent = find_block_indent(scanner, parent);
    if (indent < 0) {
        return FALSE;
    }
    g_string_truncate(scanner->scratch, 0);
    if (indent > 0) {
        scan_block_lines(scanner, folded, indent);
    }
    return node_builder_scalar(&scanner->builder, mark, scanner->scratch->str, scanner->scratch->len, NULL) &&
           find_content(scanner);
}

/* ---- Collections ---- */

static gboolean scan_mapping(Scanner *scanner, gssize column, const Token *first);
static gboolean scan_sequence(Scanner *scanner, gssize column);

/* A collection on lines of its own. */
static gboolean scan_node(Scanner *scanner)
{
    Token token;
    if (is_dash(scanner)) {
        return scan_sequence(scanner, scanner->indent);
    }
    return scan_token(scanner, &token) && token.is_key && scan_mapping(scanner, scanner->indent, &token);
}

static gboolean is_block(const Scanner *scanner)
{
    return *scanner->at == '|' || *scanner->at == '>';
}

/* Behind the colon of a key. */
static gboolean scan_value(Scanner *scanner, gssize column)
{
    Token empty = {"", 0, mark_at(scanner, scanner->at), FALSE}, token;
    skip_spaces(scanner);
    if (is_line_rest_empty(scanner)) {
        if (!next_line(scanner)) {
            return FALSE;
        }
        if (scanner->indent > column) {
            return scan_node(scanner);
        }
        return scanner->indent == column && is_dash(scanner) ? scan_sequence(scanner, column)
                                                             : add_token(scanner, &empty);
    }
    if (is_block(scanner)) {
        return scan_block(scanner, column);
    }
    return scan_token(scanner, &token) && !token.is_key && add_token(scanner, &token) && next_line(scanner);
}

static gboolean scan_mapping(Scanner *scanner, gssize column, const Token *first)
{
    Token token = *first;
    if (!node_builder_start(&scanner->builder, token.mark, NODE_MAPPING, NULL)) {
        return FALSE;
    }
    for (;;) {
        if (!add_token(scanner, &token)) {
            return FALSE;
        }
        scanner->at++;
        if (!scan_value(scanner, column) || scanner->indent > column) {
            return FALSE;
        }
        if (scanner->indent < column) {
            node_builder_end(&scanner->builder);
            return TRUE;
        }
        if (!scan_token(scanner, &token) || !token.is_key) {
            return FALSE;
        }
    }
}

/* Behind a dash. */
static gboolean scan_item(Scanner *scanner, gssize column)
{
    Token empty = {"", 0, mark_at(scanner, scanner->at), FALSE}, token;
    skip_spaces(scanner);
    if (is_line_rest_empty(scanner)) {
        return next_line(scanner) && (scanner->indent > column ? scan_node(scanner) : add_token(scanner, &empty));
    }
    gssize inner = scanner->at - scanner->line_start;
    if (is_dash(scanner)) {
        return scan_sequence(scanner, inner);
    }
    if (is_block(scanner)) {
        return scan_block(scanner, column);
    }
    if (!scan_token(scanner, &token)) {
        return FALSE;
    }
    return token.is_key ? scan_mapping(scanner, inner, &token) : add_token(scanner, &token) && next_line(scanner);
}

static gboolean scan_sequence(Scanner *scanner, gssize column)
{
    if (!node_builder_start(&scanner->builder, mark_at(scanner, scanner->at), NODE_SEQUENCE, NULL)) {
        return FALSE;
    }
    do {
        scanner->at++;
        if (!scan_item(scanner, column) || scanner->indent > column) {
            return FALSE;
        }
    } while (scanner->indent == column && is_dash(scanner));
    node_builder_end(&scanner->builder);
    return TRUE;
}

Node *node_scan(Arena *arena, const NodeFile *file, const char *text, gsize length)
{
    if (!has_plain_characters(text, length)) {
        return NULL;
    }
    Scanner scanner = {.at = text, .end = text + length, .line_start = text, .line = 1};
    node_builder_init(&scanner.builder, arena, file);
    scanner.scratch = g_string_sized_new(512);
    gboolean ok = find_content(&scanner) && scanner.indent >= 0 && scan_node(&scanner) && scanner.indent < 0;
    g_string_free(scanner.scratch, TRUE);
    node_builder_clear(&scanner.builder);
    return ok ? scanner.builder.root : NULL;
}
