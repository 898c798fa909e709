/*
 * expression-words.c - see expression-words.h.
 */
#include "expression-words.h"

#include <errno.h>
#include <string.h>

/* Words read, again and again for nested conditions. */
#define EXPRESSION_MAX_STEPS 1000000u
/* Where the text stands in Jinja2's template, for messages that say so: behind "{% if ". */
#define TEMPLATE_OFFSET 6

static void end_reading(Parser *parser)
{
    parser->type = TOKEN_END;
    parser->cursor = "";
    parser->at_block_end = FALSE;
    parser->n_brackets = 0;
    parser->text = arena_strdup(parser->evaluation->arena, "end of statement block");
}

static void bad_character(Parser *parser, const char *at)
{
    g_autofree char *character = g_strndup(at, (gsize)(g_utf8_next_char(at) - at));
    const char *quote = *character == '\'' ? "\"" : "'";
    fail(parser, "unexpected char %s%s%s at %ld", quote, character, quote,
         g_utf8_pointer_to_offset(parser->start, at) + TEMPLATE_OFFSET);
    end_reading(parser);
}

/* The digits of \x, \u, \U and octal escapes. */
static gboolean read_code(const char **at, int digits, int base, GString *text)
{
    gunichar code = 0;
    int count = 0;
    for (; count < digits && g_ascii_xdigit_value(**at) >= 0 && g_ascii_xdigit_value(**at) < base; count++) {
        code = code * (gunichar)base + (gunichar)g_ascii_xdigit_value(*(*at)++);
    }
    if ((base == 16 && count < digits) || !g_unichar_validate(code)) {
        return FALSE;
    }
    g_string_append_unichar(text, code);
    return TRUE;
}

/* A backslash was read. */
static gboolean read_escape(const char **at, GString *text)
{
    static const char from[] = "ntrabfv\\'\"", to[] = "\n\t\r\a\b\f\v\\'\"";
    char c = *(*at)++;
    const char *known = c != '\0' ? strchr(from, c) : NULL;
    if (known != NULL) {
        g_string_append_c(text, to[known - from]);
    } else if (c == 'x' || c == 'u' || c == 'U') {
        return read_code(at, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, text);
    } else if (c >= '0' && c <= '7') {
        (*at)--;
        return read_code(at, 3, 8, text);
    } else if (c != '\n') {
        g_string_append_printf(text, "\\%c", c);
    }
    return TRUE;
}

static void read_string(Parser *parser)
{
    const char *start = parser->cursor, *end = start + 1;
    g_autoptr(GString) text = g_string_new(NULL);
    while (*end != *start && *end != '\0') {
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    }
    if (*end == '\0') {
        bad_character(parser, start);
        return;
    }
    for (const char *at = start + 1; at < end;) {
        if (*at != '\\') {
            g_string_append_c(text, *at++);
            continue;
        }
        at++;
        char kind = *at;
        if (!read_escape(&at, text)) {
            fail(parser, "truncated \\%s escape", kind == 'x' ? "xXX" : kind == 'u' ? "uXXXX" : "UXXXXXXXX");
            end_reading(parser);
            return;
        }
    }
    parser->type = TOKEN_STRING;
    parser->cursor = end + 1;
    parser->text = arena_strndup(parser->evaluation->arena, text->str, text->len);
}

/* Digits with single underscores between them. */
static const char *skip_digits(const char *at, int base, GString *digits)
{
    for (; g_ascii_isxdigit(*at) || (*at == '_' && g_ascii_isxdigit(at[1])); at++) {
        char c = *at == '_' ? at[1] : *at;
        if (g_ascii_xdigit_value(c) >= base) {
            break;
        }
        if (*at != '_') {
            g_string_append_c(digits, *at);
        }
    }
    return at;
}

/* The rest of a floating point number; NULL if what is there does not make it one. */
static const char *skip_fraction(const char *at, GString *digits)
{
    const char *end = at;
    if (*end == '.' && g_ascii_isdigit(end[1])) {
        g_string_append_c(digits, '.');
        end = skip_digits(end + 1, 10, digits);
    }
    const char *power = end + 1 + (*end != '\0' && (end[1] == '+' || end[1] == '-'));
    if (g_ascii_tolower(*end) == 'e' && g_ascii_isdigit(*power)) {
        g_string_append_len(digits, end, power - end);
        end = skip_digits(power, 10, digits);
    }
    return end != at ? end : NULL;
}

static void read_number(Parser *parser)
{
    static const struct {
        char letter;
        int base;
    } prefixes[] = {{'b', 2}, {'o', 8}, {'x', 16}};
    const char *start = parser->cursor;
    int base = 10;
    for (gsize i = 0; *start == '0' && i < G_N_ELEMENTS(prefixes); i++) {
        const char *first = start + 2 + (start[1] != '\0' && start[2] == '_');
        int digit = g_ascii_tolower(start[1]) == prefixes[i].letter ? g_ascii_xdigit_value(*first) : -1;
        base = digit >= 0 && digit < prefixes[i].base ? prefixes[i].base : base;
    }
    g_autoptr(GString) digits = g_string_new(NULL);
    const char *end = skip_digits(start + (base != 10 ? 2 : 0), base, digits);
    const char *real_end = base == 10 ? skip_fraction(end, digits) : NULL;
    if (real_end == NULL && base == 10 && *start == '0') {
        /* Zeros are a number of their own; what follows is the next. */
        end = start + strspn(start, "0");
        g_string_assign(digits, "0");
    }
    parser->real = g_ascii_strtod(digits->str, NULL);
    errno = 0;
    parser->number = g_ascii_strtoll(digits->str, NULL, (guint)base);
    parser->type = real_end != NULL ? TOKEN_FLOAT : TOKEN_INT;
    parser->cursor = real_end != NULL ? real_end : end;
    parser->text = arena_strdup(parser->evaluation->arena, real_end != NULL ? "float" : "integer");
    if (real_end == NULL && errno == ERANGE) {
        fail(parser, "the number is too large");
        end_reading(parser);
    }
}

/* Inside brackets, the end of the block does not end it: it is read as a percent sign and a brace. */
static void read_end(Parser *parser)
{
    if (parser->n_brackets == 0) {
        end_reading(parser);
    } else if (!parser->at_block_end) {
        parser->at_block_end = TRUE;
        parser->type = TOKEN_OPERATOR;
        parser->text = arena_strdup(parser->evaluation->arena, "%");
    } else if (parser->brackets[parser->n_brackets - 1] == '}') {
        parser->text = arena_strdup(parser->evaluation->arena, "}");
    } else {
        fail(parser, "unexpected '}', expected '%c'", parser->brackets[parser->n_brackets - 1]);
        end_reading(parser);
    }
}

static void read_operator(Parser *parser)
{
    static const char *const doubles[] = {"==", "!=", "<=", ">=", "//", "**"};
    static const char opening[] = "([{", closing[] = ")]}";
    const char *start = parser->cursor;
    gsize size = 1;
    for (gsize i = 0; i < G_N_ELEMENTS(doubles); i++) {
        size = strncmp(start, doubles[i], 2) == 0 ? 2 : size;
    }
    if (size == 1 && strchr("<>()[]{},~+-*/%|.:=;", *start) == NULL) {
        bad_character(parser, start);
        return;
    }
    parser->type = TOKEN_OPERATOR;
    parser->cursor += size;
    parser->text = arena_strndup(parser->evaluation->arena, start, size);
    if (strchr(opening, *start) != NULL) {
        if (parser->n_brackets == EXPRESSION_MAX_DEPTH) {
            fail(parser, "nested too deeply");
            end_reading(parser);
            return;
        }
        parser->brackets[parser->n_brackets++] = closing[strchr(opening, *start) - opening];
    } else if (strchr(closing, *start) != NULL) {
        char expected = parser->n_brackets > 0 ? parser->brackets[--parser->n_brackets] : '\0';
        if (expected == '\0') {
            fail(parser, "unexpected '%c'", *start);
        } else if (expected != *start) {
            fail(parser, "unexpected '%c', expected '%c'", *start, expected);
        }
    }
}

void parser_next(Parser *parser)
{
    while (g_ascii_isspace(*parser->cursor)) {
        parser->cursor++;
    }
    const char *start = parser->cursor;
    if (++*parser->steps > EXPRESSION_MAX_STEPS || arena_size(parser->evaluation->arena) > EXPRESSION_MAX_ARENA) {
        fail(parser, "the expression is too complex");
    }
    if (*parser->evaluation->problem != NULL) {
        end_reading(parser);
    } else if (*start == '\0') {
        read_end(parser);
    } else if (*start == '_' || g_unichar_isalpha(g_utf8_get_char(start))) {
        while (*parser->cursor == '_' || g_unichar_isalnum(g_utf8_get_char(parser->cursor))) {
            parser->cursor = g_utf8_next_char(parser->cursor);
        }
        parser->type = TOKEN_NAME;
        parser->text = arena_strndup(parser->evaluation->arena, start, (gsize)(parser->cursor - start));
    } else if (g_ascii_isdigit(*start)) {
        read_number(parser);
    } else if (*start == '"' || *start == '\'') {
        read_string(parser);
    } else {
        read_operator(parser);
    }
}
