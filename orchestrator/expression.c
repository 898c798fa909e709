/*
 * expression.c - evaluates while it parses: conditionals are short, and a project has few different ones.
 *
 * A part whose value does not matter (the right side of a short-circuited `and`) is parsed with `skip` set: it must be well-formed, but undefined names
 * in it are no error, as in Jinja2.
 *
 *   ternary  := or [ "if" or [ "else" ternary ] ]
 *   or       := and { "or" and }
 *   and      := not { "and" not }
 *   not      := "not" not | compare
 *   compare  := sum { ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in" ) sum }
 *   sum      := concat { ( "+" | "-" ) concat }
 *   concat   := product { "~" product }
 *   product  := unary { ( "*" | "/" | "//" | "%" ) unary }
 *   unary    := ( "-" | "+" ) unary | power
 *   power    := postfix [ "**" unary ]
 *   postfix  := primary { "[" or "]" | "|" filter | "is" [ "not" ] test }
 */
#include "expression.h"

#include <math.h>
#include <string.h>

#define EXPRESSION_MAX_DEPTH 100
#define EXPRESSION_MAX_TEXT  65536
/* Words read, again and again for nested conditions. */
#define EXPRESSION_MAX_STEPS 1000000u

typedef enum { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_INT, TOKEN_FLOAT, TOKEN_OPERATOR, TOKEN_BAD } TokenType;

typedef struct {
    const char *cursor;
    TokenType type;
    char *text; /* of a name, string or operator; in the arena */
    gint64 number;
    double real;
    Arena *arena;
    ExpressionLookup lookup;
    gpointer data;
    char **problem;
    int depth;
    unsigned *steps;
} Parser;

static const Value none = {.type = VALUE_NONE};
/* What an undefined name becomes where that is no error. */
static const Value undefined = {.type = VALUE_NONE};

G_GNUC_PRINTF(2, 3)
static const Value *fail(Parser *parser, const char *format, ...)
{
    if (*parser->problem == NULL) {
        va_list args;
        va_start(args, format);
        *parser->problem = g_strdup_vprintf(format, args);
        va_end(args);
    }
    return NULL;
}

/* ---- Words ---- */

static void read_string(Parser *parser)
{
    char quote = *parser->cursor++;
    g_autoptr(GString) text = g_string_new(NULL);
    while (*parser->cursor != quote && *parser->cursor != '\0') {
        char c = *parser->cursor++;
        if (c == '\\' && *parser->cursor != '\0') {
            static const char from[] = "ntr0", to[] = "\n\t\r";
            char escaped = *parser->cursor++;
            const char *known = strchr(from, escaped);
            if (known != NULL && escaped != '0') {
                g_string_append_c(text, to[known - from]);
            } else if (escaped == '\\' || escaped == '\'' || escaped == '"') {
                g_string_append_c(text, escaped);
            } else {
                g_string_append_c(text, '\\');
                g_string_append_c(text, escaped);
            }
        } else {
            g_string_append_c(text, c);
        }
    }
    parser->type = *parser->cursor == quote ? TOKEN_STRING : TOKEN_BAD;
    parser->cursor += *parser->cursor == quote;
    parser->text = arena_strndup(parser->arena, text->str, text->len);
}

static void read_number(Parser *parser)
{
    char *end = NULL;
    parser->number = g_ascii_strtoll(parser->cursor, &end, 10);
    parser->type = TOKEN_INT;
    if (*end == '.' && g_ascii_isdigit(end[1])) {
        parser->real = g_ascii_strtod(parser->cursor, &end);
        parser->type = TOKEN_FLOAT;
    }
    parser->text = arena_strndup(parser->arena, parser->cursor, (gsize)(end - parser->cursor));
    parser->cursor = end;
}

static void next(Parser *parser)
{
    static const char *const doubles[] = {"==", "!=", "<=", ">=", "//", "**"};
    while (g_ascii_isspace(*parser->cursor)) {
        parser->cursor++;
    }
    const char *start = parser->cursor;
    if (++*parser->steps > EXPRESSION_MAX_STEPS) {
        fail(parser, "the expression is too complex");
        parser->cursor = "";
    }
    if (*start == '\0') {
        parser->type = TOKEN_END;
        parser->text = arena_strdup(parser->arena, "end of statement block");
        return;
    }
    if (g_ascii_isalpha(*start) || *start == '_') {
        while (g_ascii_isalnum(*parser->cursor) || *parser->cursor == '_') {
            parser->cursor++;
        }
        parser->type = TOKEN_NAME;
    } else if (g_ascii_isdigit(*start)) {
        read_number(parser);
        return;
    } else if (*start == '"' || *start == '\'') {
        read_string(parser);
        return;
    } else {
        gsize size = 1;
        for (gsize i = 0; i < G_N_ELEMENTS(doubles); i++) {
            size = strncmp(start, doubles[i], 2) == 0 ? 2 : size;
        }
        parser->type = size == 2 || strchr("<>()[],~+-*/%|.:", *start) != NULL ? TOKEN_OPERATOR : TOKEN_BAD;
        parser->cursor += size;
    }
    parser->text = arena_strndup(parser->arena, start, (gsize)(parser->cursor - start));
}

static gboolean at_operator(const Parser *parser, const char *text)
{
    return parser->type == TOKEN_OPERATOR && strcmp(parser->text, text) == 0;
}

static gboolean at_word(const Parser *parser, const char *text)
{
    return parser->type == TOKEN_NAME && strcmp(parser->text, text) == 0;
}

/* Which of the words or operators comes next; consumes it.  -1: none. */
static int accept(Parser *parser, const char *const *texts)
{
    for (int i = 0; texts[i] != NULL; i++) {
        if (at_operator(parser, texts[i]) || at_word(parser, texts[i])) {
            next(parser);
            return i;
        }
    }
    return -1;
}

/* ---- Values ---- */

static const Value *new_value(Parser *parser, Value value)
{
    Value *copy = arena_new_of(parser->arena, Value);
    *copy = value;
    return copy;
}

static const Value *new_bool(Parser *parser, gboolean value)
{
    return new_value(parser, (Value){.type = VALUE_BOOL, .number = value ? 1 : 0});
}

static gboolean is_true(const Value *value)
{
    switch (value->type) {
    case VALUE_BOOL:
    case VALUE_INT:
        return value->number != 0;
    case VALUE_FLOAT:
        return value->real != 0;
    case VALUE_STRING:
        return *value->text != '\0';
    case VALUE_LIST:
        return value->count > 0;
    case VALUE_NONE:
        break;
    }
    return FALSE;
}

static gboolean is_whole(const Value *value)
{
    return value->type == VALUE_BOOL || value->type == VALUE_INT;
}

static gboolean is_number(const Value *value)
{
    return is_whole(value) || value->type == VALUE_FLOAT;
}

static double to_real(const Value *value)
{
    return value->type == VALUE_FLOAT ? value->real : (double)value->number;
}

static gboolean equal(const Value *a, const Value *b)
{
    if (is_number(a) && is_number(b)) {
        return is_whole(a) && is_whole(b) ? a->number == b->number : to_real(a) == to_real(b);
    }
    if (a->type != b->type) {
        return FALSE;
    }
    if (a->type == VALUE_STRING) {
        return strcmp(a->text, b->text) == 0;
    }
    if (a->type != VALUE_LIST) {
        return TRUE;
    }
    gboolean same = a->count == b->count;
    for (gsize i = 0; same && i < a->count; i++) {
        same = equal(&a->items[i], &b->items[i]);
    }
    return same;
}

/* -1, 0, 1; FALSE if the two have no order. */
static gboolean order(const Value *a, const Value *b, int *result)
{
    if (is_number(a) && is_number(b)) {
        *result = (to_real(a) > to_real(b)) - (to_real(a) < to_real(b));
        return TRUE;
    }
    if (a->type != b->type || (a->type != VALUE_STRING && a->type != VALUE_LIST)) {
        return FALSE;
    }
    if (a->type == VALUE_STRING) {
        int compared = strcmp(a->text, b->text);
        *result = (compared > 0) - (compared < 0);
        return TRUE;
    }
    for (gsize i = 0; i < MIN(a->count, b->count); i++) {
        if (!equal(&a->items[i], &b->items[i])) {
            return order(&a->items[i], &b->items[i], result);
        }
    }
    *result = (a->count > b->count) - (a->count < b->count);
    return TRUE;
}

static const char *type_name(const Value *value)
{
    static const char *const names[] = {[VALUE_NONE] = "NoneType", [VALUE_BOOL] = "bool",  [VALUE_INT] = "int",
                                        [VALUE_FLOAT] = "float",   [VALUE_STRING] = "str", [VALUE_LIST] = "list"};
    return names[value->type];
}

static const char *to_text(Parser *parser, const Value *value)
{
    switch (value->type) {
    case VALUE_STRING:
        return value->text;
    case VALUE_BOOL:
        return value->number != 0 ? "True" : "False";
    case VALUE_INT:
        return arena_printf(parser->arena, "%" G_GINT64_FORMAT, value->number);
    case VALUE_FLOAT:
        return arena_printf(parser->arena, "%g", value->real);
    case VALUE_LIST:
    case VALUE_NONE:
        break;
    }
    return value->type == VALUE_NONE ? "None" : "[…]";
}

static const Value *contains(Parser *parser, const Value *item, const Value *container)
{
    if (container->type == VALUE_STRING) {
        if (item->type != VALUE_STRING) {
            return fail(parser, "'in <string>' requires string as left operand, not %s", type_name(item));
        }
        return new_bool(parser, strstr(container->text, item->text) != NULL);
    }
    if (container->type != VALUE_LIST) {
        return fail(parser, "argument of type '%s' is not iterable", type_name(container));
    }
    for (gsize i = 0; i < container->count; i++) {
        if (equal(item, &container->items[i])) {
            return new_bool(parser, TRUE);
        }
    }
    return new_bool(parser, FALSE);
}

static const Value *arithmetic(Parser *parser, char symbol, const Value *a, const Value *b)
{
    if (symbol == '+' && a->type == VALUE_STRING && b->type == VALUE_STRING) {
        const char *text = arena_printf(parser->arena, "%s%s", a->text, b->text);
        return new_value(parser, (Value){.type = VALUE_STRING, .text = text});
    }
    if (!is_number(a) || !is_number(b)) {
        return fail(parser, "unsupported operand type(s) for %c: '%s' and '%s'", symbol, type_name(a), type_name(b));
    }
    gboolean divides = symbol == '/' || symbol == 'd' || symbol == '%';
    if (divides && to_real(b) == 0) {
        return fail(parser, "division by zero");
    }
    if (!is_whole(a) || !is_whole(b) || symbol == '/' || symbol == '^') {
        double x = to_real(a), y = to_real(b);
        double real = symbol == '+'   ? x + y
                      : symbol == '-' ? x - y
                      : symbol == '*' ? x * y
                      : symbol == '/' ? x / y
                      : symbol == 'd' ? floor(x / y)
                      : symbol == '%' ? x - y * floor(x / y)
                                      : pow(x, y);
        gboolean whole = symbol == '^' && is_whole(a) && is_whole(b) && b->number >= 0 && fabs(real) < 9e15;
        return new_value(parser, whole ? (Value){.type = VALUE_INT, .number = (gint64)real}
                                       : (Value){.type = VALUE_FLOAT, .real = real});
    }
    gint64 x = a->number, y = b->number, number = 0;
    gboolean overflow = FALSE;
    if (symbol == '+') {
        overflow = __builtin_add_overflow(x, y, &number);
    } else if (symbol == '-') {
        overflow = __builtin_sub_overflow(x, y, &number);
    } else if (symbol == '*') {
        overflow = __builtin_mul_overflow(x, y, &number);
    } else if (y == -1) {
        overflow = symbol == 'd' && __builtin_sub_overflow(0, x, &number);
    } else {
        gint64 quotient = x / y - ((x % y != 0) && ((x < 0) != (y < 0)));
        number = symbol == 'd' ? quotient : x - y * quotient;
    }
    if (overflow) {
        return fail(parser, "the number is too large");
    }
    return new_value(parser, (Value){.type = VALUE_INT, .number = number});
}

/* ---- Grammar ---- */

static const Value *parse_ternary(Parser *parser, gboolean skip);

static const Value *parse_items(Parser *parser, const char *close, GArray *items, gboolean *had_comma, gboolean skip)
{
    while (!at_operator(parser, close)) {
        const Value *item = parse_ternary(parser, skip);
        if (item == NULL) {
            return NULL;
        }
        g_array_append_val(items, *item);
        if (!at_operator(parser, ",")) {
            break;
        }
        *had_comma = TRUE;
        next(parser);
    }
    if (!at_operator(parser, close)) {
        return fail(parser, "unexpected '%s', expected '%s'", parser->text, close);
    }
    next(parser);
    return &none;
}

/* "(" or "[" was read. */
static const Value *parse_sequence(Parser *parser, const char *close, gboolean skip)
{
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    gboolean had_comma = FALSE;
    if (parse_items(parser, close, items, &had_comma, skip) == NULL) {
        return NULL;
    }
    if (*close == ')' && !had_comma && items->len == 1) {
        return new_value(parser, g_array_index(items, Value, 0));
    }
    Value *copy = arena_alloc(parser->arena, MAX(items->len, 1) * sizeof *copy);
    if (items->len > 0) {
        memcpy(copy, items->data, items->len * sizeof *copy);
    }
    return new_value(parser, (Value){.type = VALUE_LIST, .items = copy, .count = items->len});
}

static const Value *parse_name(Parser *parser, gboolean skip)
{
    static const struct {
        const char *name;
        Value value;
    } constants[] = {
        {"true", {.type = VALUE_BOOL, .number = 1}},
        {"True", {.type = VALUE_BOOL, .number = 1}},
        {"false", {.type = VALUE_BOOL, .number = 0}},
        {"False", {.type = VALUE_BOOL, .number = 0}},
        {"none", {.type = VALUE_NONE}},
        {"None", {.type = VALUE_NONE}},
    };
    static const char *const reserved[] = {"and", "or", "in", "is", "if", "else", "not", NULL};
    char *name = parser->text;
    for (gsize i = 0; i < G_N_ELEMENTS(constants); i++) {
        if (strcmp(name, constants[i].name) == 0) {
            next(parser);
            return &constants[i].value;
        }
    }
    if (g_strv_contains(reserved, name)) {
        return fail(parser, "unexpected '%s'", name);
    }
    next(parser);
    const Value *value = parser->lookup(name, parser->data);
    if (value != NULL || skip || at_word(parser, "is")) {
        return value != NULL ? value : &undefined;
    }
    return fail(parser, "'%s' is undefined", name);
}

static const Value *parse_primary(Parser *parser, gboolean skip)
{
    Value literal = {.type = VALUE_NONE};
    switch (parser->type) {
    case TOKEN_NAME:
        return parse_name(parser, skip);
    case TOKEN_STRING:
        literal = (Value){.type = VALUE_STRING, .text = parser->text};
        break;
    case TOKEN_INT:
        literal = (Value){.type = VALUE_INT, .number = parser->number};
        break;
    case TOKEN_FLOAT:
        literal = (Value){.type = VALUE_FLOAT, .real = parser->real};
        break;
    case TOKEN_OPERATOR:
        if (at_operator(parser, "(") || at_operator(parser, "[")) {
            const char *close = *parser->text == '(' ? ")" : "]";
            next(parser);
            return parse_sequence(parser, close, skip);
        }
        return fail(parser, "unexpected '%s'", parser->text);
    case TOKEN_END:
        return fail(parser, "Expected an expression, got '%s'", parser->text);
    case TOKEN_BAD:
    default:
        return fail(parser, "unexpected char '%s'", parser->text);
    }
    next(parser);
    /* Adjacent strings are one. */
    while (literal.type == VALUE_STRING && parser->type == TOKEN_STRING) {
        literal.text = arena_printf(parser->arena, "%s%s", literal.text, parser->text);
        next(parser);
    }
    return new_value(parser, literal);
}

static const Value *string_of(Parser *parser, char *text)
{
    const char *copy = arena_strdup(parser->arena, text);
    g_free(text);
    return new_value(parser, (Value){.type = VALUE_STRING, .text = copy});
}

static const Value *apply_filter(Parser *parser, const char *name, const Value *value)
{
    gboolean is_length = strcmp(name, "length") == 0 || strcmp(name, "count") == 0;
    if (is_length && value->type == VALUE_LIST) {
        return new_value(parser, (Value){.type = VALUE_INT, .number = (gint64)value->count});
    }
    const char *text = to_text(parser, value);
    if (is_length && value->type == VALUE_STRING) {
        return new_value(parser, (Value){.type = VALUE_INT, .number = g_utf8_strlen(text, -1)});
    }
    if (strcmp(name, "lower") == 0) {
        return string_of(parser, g_utf8_strdown(text, -1));
    }
    if (strcmp(name, "upper") == 0) {
        return string_of(parser, g_utf8_strup(text, -1));
    }
    if (strcmp(name, "trim") == 0) {
        return string_of(parser, g_strstrip(g_strdup(text)));
    }
    if (strcmp(name, "string") == 0) {
        return new_value(parser, (Value){.type = VALUE_STRING, .text = text});
    }
    if (strcmp(name, "int") == 0) {
        gint64 number = value->type == VALUE_FLOAT ? (gint64)value->real : value->number;
        return new_value(parser,
                         (Value){.type = VALUE_INT,
                                 .number = value->type == VALUE_STRING ? g_ascii_strtoll(text, NULL, 10) : number});
    }
    if (strcmp(name, "list") == 0 && value->type == VALUE_LIST) {
        return value;
    }
    if ((strcmp(name, "first") == 0 || strcmp(name, "last") == 0) && value->type == VALUE_LIST && value->count > 0) {
        return &value->items[*name == 'f' ? 0 : value->count - 1];
    }
    return fail(parser, "No filter named '%s' for a value of type '%s'.", name, type_name(value));
}

static const Value *apply_test(Parser *parser, const char *name, const Value *value, gboolean negate, gboolean skip)
{
    gboolean known = TRUE, result = FALSE;
    if (strcmp(name, "defined") == 0 || strcmp(name, "undefined") == 0) {
        result = (value != &undefined) == (*name == 'd');
        return new_bool(parser, result != negate);
    }
    if (value == &undefined && !skip) {
        return fail(parser, "the operand of 'is %s' is undefined", name);
    }
    if (strcmp(name, "none") == 0) {
        result = value->type == VALUE_NONE;
    } else if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0) {
        result = value->type == VALUE_BOOL && (value->number != 0) == (*name == 't');
    } else if (strcmp(name, "string") == 0) {
        result = value->type == VALUE_STRING;
    } else if (strcmp(name, "boolean") == 0) {
        result = value->type == VALUE_BOOL;
    } else if (strcmp(name, "number") == 0) {
        result = is_number(value);
    } else if (strcmp(name, "sequence") == 0 || strcmp(name, "iterable") == 0) {
        result = value->type == VALUE_LIST || value->type == VALUE_STRING;
    } else if (strcmp(name, "odd") == 0 || strcmp(name, "even") == 0) {
        result = is_whole(value) && (value->number % 2 != 0) == (*name == 'o');
    } else {
        known = FALSE;
    }
    return known ? new_bool(parser, result != negate) : fail(parser, "No test named '%s'.", name);
}

static const Value *parse_subscript(Parser *parser, const Value *value, gboolean skip)
{
    const Value *index = parse_ternary(parser, skip);
    if (index == NULL) {
        return NULL;
    }
    if (!at_operator(parser, "]")) {
        return fail(parser, "unexpected '%s', expected ']'", parser->text);
    }
    next(parser);
    if (skip) {
        return &undefined;
    }
    gint64 at = index->number < 0 ? index->number + (gint64)value->count : index->number;
    if (value->type != VALUE_LIST || index->type != VALUE_INT || at < 0 || at >= (gint64)value->count) {
        return fail(parser, "'%s object' has no element %s", type_name(value), to_text(parser, index));
    }
    return &value->items[at];
}

static const Value *parse_postfix(Parser *parser, gboolean skip)
{
    const Value *value = parse_primary(parser, skip);
    while (value != NULL) {
        if (at_operator(parser, "[")) {
            next(parser);
            value = parse_subscript(parser, value, skip);
            continue;
        }
        gboolean filter = at_operator(parser, "|");
        if (!filter && !at_word(parser, "is")) {
            break;
        }
        next(parser);
        gboolean negate = !filter && at_word(parser, "not");
        if (negate) {
            next(parser);
        }
        if (parser->type != TOKEN_NAME) {
            return fail(parser, "unexpected '%s'", parser->text);
        }
        const char *name = parser->text;
        next(parser);
        if (filter && skip) {
            continue;
        }
        value = filter ? apply_filter(parser, name, value) : apply_test(parser, name, value, negate, skip);
    }
    return value;
}

static const Value *parse_unary(Parser *parser, gboolean skip)
{
    if (at_operator(parser, "-") || at_operator(parser, "+")) {
        gboolean minus = *parser->text == '-';
        if (++parser->depth > EXPRESSION_MAX_DEPTH) {
            return fail(parser, "nested too deeply");
        }
        next(parser);
        const Value *operand = parse_unary(parser, skip);
        parser->depth--;
        static const Value zero = {.type = VALUE_INT};
        return operand == NULL || skip ? operand : arithmetic(parser, minus ? '-' : '+', &zero, operand);
    }
    const Value *base = parse_postfix(parser, skip);
    if (base == NULL || !at_operator(parser, "**")) {
        return base;
    }
    if (++parser->depth > EXPRESSION_MAX_DEPTH) {
        return fail(parser, "nested too deeply");
    }
    next(parser);
    const Value *exponent = parse_unary(parser, skip);
    parser->depth--;
    return exponent == NULL || skip ? exponent : arithmetic(parser, '^', base, exponent);
}

static const Value *parse_product(Parser *parser, gboolean skip)
{
    static const char *const symbols[] = {"*", "/", "//", "%", NULL};
    const Value *value = parse_unary(parser, skip);
    for (int which; value != NULL && (which = accept(parser, symbols)) >= 0;) {
        const Value *right = parse_unary(parser, skip);
        value = right == NULL || skip ? right : arithmetic(parser, "*/d%"[which], value, right);
    }
    return value;
}

static const Value *parse_concat(Parser *parser, gboolean skip)
{
    const Value *value = parse_product(parser, skip);
    while (value != NULL && at_operator(parser, "~")) {
        next(parser);
        const Value *right = parse_product(parser, skip);
        if (right == NULL || skip) {
            value = right;
            continue;
        }
        const char *text = arena_printf(parser->arena, "%s%s", to_text(parser, value), to_text(parser, right));
        value = new_value(parser, (Value){.type = VALUE_STRING, .text = text});
    }
    return value;
}

static const Value *parse_sum(Parser *parser, gboolean skip)
{
    static const char *const symbols[] = {"+", "-", NULL};
    const Value *value = parse_concat(parser, skip);
    for (int which; value != NULL && (which = accept(parser, symbols)) >= 0;) {
        const Value *right = parse_concat(parser, skip);
        value = right == NULL || skip ? right : arithmetic(parser, "+-"[which], value, right);
    }
    return value;
}

enum { EQUAL, NOT_EQUAL, LESS_EQUAL, GREATER_EQUAL, LESS, GREATER, IN, NOT };

static const Value *compare(Parser *parser, int which, const Value *a, const Value *b)
{
    static const char *const symbols[] = {[LESS_EQUAL] = "<=", [GREATER_EQUAL] = ">=", [LESS] = "<", [GREATER] = ">"};
    if (which == EQUAL || which == NOT_EQUAL) {
        return new_bool(parser, equal(a, b) == (which == EQUAL));
    }
    if (which == IN || which == NOT) {
        const Value *found = contains(parser, a, b);
        return found == NULL ? NULL : new_bool(parser, is_true(found) == (which == IN));
    }
    int sign = 0;
    if (!order(a, b, &sign)) {
        return fail(parser, "'%s' not supported between instances of '%s' and '%s'", symbols[which], type_name(a),
                    type_name(b));
    }
    gboolean holds = which == LESS         ? sign < 0
                     : which == GREATER    ? sign > 0
                     : which == LESS_EQUAL ? sign <= 0
                                           : sign >= 0;
    return new_bool(parser, holds);
}

static const Value *parse_compare(Parser *parser, gboolean skip)
{
    static const char *const symbols[] = {"==", "!=", "<=", ">=", "<", ">", "in", "not", NULL};
    const Value *left = parse_sum(parser, skip);
    const Value *result = left;
    for (int which; result != NULL && (which = accept(parser, symbols)) >= 0;) {
        if (which == NOT) {
            if (!at_word(parser, "in")) {
                return fail(parser, "unexpected '%s', expected 'in'", parser->text);
            }
            next(parser);
        }
        /* a < b < c means a < b and b < c. */
        gboolean known = result != left && !skip && !is_true(result);
        const Value *right = parse_sum(parser, skip || known);
        if (right == NULL) {
            return NULL;
        }
        if (!skip && !known) {
            result = compare(parser, which, left, right);
        } else if (skip) {
            result = &undefined;
        }
        left = right;
    }
    return result;
}

static const Value *parse_not(Parser *parser, gboolean skip)
{
    if (!at_word(parser, "not")) {
        return parse_compare(parser, skip);
    }
    if (++parser->depth > EXPRESSION_MAX_DEPTH) {
        return fail(parser, "nested too deeply");
    }
    next(parser);
    const Value *value = parse_not(parser, skip);
    parser->depth--;
    return value == NULL || skip ? value : new_bool(parser, !is_true(value));
}

static const Value *parse_and(Parser *parser, gboolean skip)
{
    const Value *value = parse_not(parser, skip);
    while (value != NULL && at_word(parser, "and")) {
        next(parser);
        gboolean decided = skip || !is_true(value);
        const Value *right = parse_not(parser, decided);
        value = right == NULL || !decided ? right : value;
    }
    return value;
}

static const Value *parse_or(Parser *parser, gboolean skip)
{
    const Value *value = parse_and(parser, skip);
    while (value != NULL && at_word(parser, "or")) {
        next(parser);
        gboolean decided = skip || is_true(value);
        const Value *right = parse_and(parser, decided);
        value = right == NULL || !decided ? right : value;
    }
    return value;
}

/* The value of a condition must be known before it is: so the text before "if" is read twice. */
static const Value *parse_ternary(Parser *parser, gboolean skip)
{
    if (++parser->depth > EXPRESSION_MAX_DEPTH) {
        return fail(parser, "nested too deeply");
    }
    Parser start = *parser;
    const Value *value = parse_or(parser, skip);
    if (value != NULL && at_word(parser, "if")) {
        next(parser);
        const Value *condition = parse_or(parser, skip);
        if (condition == NULL) {
            return NULL;
        }
        gboolean chosen = is_true(condition);
        const Value *other = &none;
        if (at_word(parser, "else")) {
            next(parser);
            other = parse_ternary(parser, skip || chosen);
        }
        if (other == NULL) {
            return NULL;
        }
        value = chosen ? parse_or(&start, skip) : other;
    }
    parser->depth--;
    return value;
}

gboolean expression_evaluate(const char *text, ExpressionLookup lookup, gpointer data, gboolean *result, char **problem)
{
    *problem = NULL;
    if (strlen(text) > EXPRESSION_MAX_TEXT) {
        *problem = g_strdup("the expression is too long");
        return FALSE;
    }
    Arena *arena = arena_new();
    unsigned steps = 0;
    Parser parser = {
        .steps = &steps, .cursor = text, .arena = arena, .lookup = lookup, .data = data, .problem = problem};
    next(&parser);
    const Value *value = parse_ternary(&parser, FALSE);
    if (value == &undefined && *problem == NULL) {
        *problem = g_strdup("the value is undefined");
    }
    if (value != NULL && parser.type != TOKEN_END && *problem == NULL) {
        *problem = g_strdup_printf("expected token 'end of statement block', got '%s'", parser.text);
    }
    if (*problem == NULL && value != NULL) {
        *result = is_true(value);
    }
    arena_free(arena);
    return *problem == NULL && value != NULL;
}
