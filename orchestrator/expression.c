/*
 * expression.c - evaluates while it parses: conditionals are short, and a project has few different ones.
 *
 * A part whose value does not matter (the right side of a short-circuited `and`) is parsed with `skip` set: it must be well-formed, but undefined names
 * in it are no error, as in Jinja2.  The whole is first parsed so, to find what is malformed before anything else.
 *
 *   condition := or { "," or }                                  (several: a tuple, which is true)
 *   ternary   := or { "if" or [ "else" ternary ] }
 *   or        := and { "or" and }
 *   and       := not { "and" not }
 *   not       := "not" not | compare
 *   compare   := sum { ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in" ) sum }
 *   sum       := concat { ( "+" | "-" ) concat }
 *   concat    := product { "~" product }
 *   product   := power { ( "*" | "/" | "//" | "%" ) power }
 *   power     := unary { "**" unary }
 *   unary     := signed { "|" filter | "is" [ "not" ] test }
 *   signed    := ( "-" | "+" ) signed | postfix
 *   postfix   := primary { "[" subscript "]" | "." name [ arguments ] }
 */
#include "expression-words.h"

#include <string.h>

#define EXPRESSION_MAX_TEXT 65536

static const Value none = {.type = VALUE_NONE};
/* Stands for the value of what is skipped. */
static const Value skipped = {.type = VALUE_UNDEFINED, .text = ""};

/* A word as messages name it: by itself, or by what it is. */
static const char *token_name(const Parser *parser)
{
    return parser->type == TOKEN_STRING ? "string" : parser->text;
}

static gboolean at_operator(const Parser *parser, const char *text)
{
    return parser->type == TOKEN_OPERATOR && strcmp(parser->text, text) == 0;
}

static gboolean at_word(const Parser *parser, const char *text)
{
    return parser->type == TOKEN_NAME && strcmp(parser->text, text) == 0;
}

static const Value *unexpected(Parser *parser, const char *expected)
{
    return fail(parser, "expected token '%s', got '%s'", expected, token_name(parser));
}

/* The symbol must come, and is read; messages say that `missed` is missing. */
static gboolean expect(Parser *parser, const char *symbol, const char *missed)
{
    if (!at_operator(parser, symbol)) {
        unexpected(parser, missed);
        return FALSE;
    }
    parser_next(parser);
    return TRUE;
}

/* Which of the words or operators comes next; consumes it.  -1: none. */
static int accept(Parser *parser, const char *const *texts)
{
    for (int i = 0; texts[i] != NULL; i++) {
        if (at_operator(parser, texts[i]) || at_word(parser, texts[i])) {
            parser_next(parser);
            return i;
        }
    }
    return -1;
}

static gboolean enter(Parser *parser)
{
    if (++parser->depth > EXPRESSION_MAX_DEPTH) {
        fail(parser, "nested too deeply");
        return FALSE;
    }
    return TRUE;
}

/* ---- Grammar ---- */

static const Value *parse_ternary(Parser *parser, gboolean skip);

/* Up to the closing bracket, which is read. */
static gboolean parse_items(Parser *parser, const char *close, GArray *items, gboolean *had_comma, gboolean skip)
{
    while (!at_operator(parser, close)) {
        const Value *item = parse_ternary(parser, skip);
        if (item == NULL) {
            return FALSE;
        }
        g_array_append_val(items, *item);
        if (!at_operator(parser, ",")) {
            break;
        }
        *had_comma = TRUE;
        parser_next(parser);
    }
    return expect(parser, close, *close == ')' ? ")" : ",");
}

/* "(" or "[" was read. */
static const Value *parse_sequence(Parser *parser, const char *close, gboolean skip)
{
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    gboolean had_comma = FALSE;
    if (!parse_items(parser, close, items, &had_comma, skip)) {
        return NULL;
    }
    if (*close == ')' && !had_comma && items->len == 1) {
        return value_new(parser->evaluation, g_array_index(items, Value, 0));
    }
    return value_sequence(parser->evaluation, *close == ')' ? VALUE_TUPLE : VALUE_LIST, (const Value *)items->data,
                          items->len);
}

/* A later pair with the same key takes the place of an earlier one. */
static void add_pair(GArray *items, const Value *key, const Value *value)
{
    for (guint i = 0; i < items->len; i += 2) {
        if (value_equal(&g_array_index(items, Value, i), key)) {
            g_array_index(items, Value, i + 1) = *value;
            return;
        }
    }
    g_array_append_val(items, *key);
    g_array_append_val(items, *value);
}

/* "{" was read. */
static const Value *parse_dict(Parser *parser, gboolean skip)
{
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    while (!at_operator(parser, "}")) {
        const Value *key = parse_ternary(parser, skip);
        const Value *value = key != NULL && expect(parser, ":", ":") ? parse_ternary(parser, skip) : NULL;
        if (value == NULL) {
            return NULL;
        }
        if (!skip) {
            add_pair(items, key, value);
        }
        if (!at_operator(parser, ",")) {
            break;
        }
        parser_next(parser);
    }
    return expect(parser, "}", ",")
               ? value_sequence(parser->evaluation, VALUE_DICT, (const Value *)items->data, items->len)
               : NULL;
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
    const char *name = parser->text;
    parser_next(parser);
    for (gsize i = 0; i < G_N_ELEMENTS(constants); i++) {
        if (strcmp(name, constants[i].name) == 0) {
            return &constants[i].value;
        }
    }
    const Value *value = skip ? &skipped : parser->lookup(name, parser->data);
    return value != NULL ? value : value_undefined(parser->evaluation, g_strdup_printf("'%s' is undefined", name));
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
        if (at_operator(parser, "(") || at_operator(parser, "[") || at_operator(parser, "{")) {
            char open = *parser->text;
            parser_next(parser);
            return open == '{' ? parse_dict(parser, skip) : parse_sequence(parser, open == '(' ? ")" : "]", skip);
        }
        return fail(parser, "unexpected '%s'", parser->text);
    case TOKEN_END:
    default:
        return fail(parser, "unexpected '%s'", parser->text);
    }
    parser_next(parser);
    /* Adjacent strings are one. */
    while (literal.type == VALUE_STRING && parser->type == TOKEN_STRING) {
        literal.text = arena_printf(parser->evaluation->arena, "%s%s", literal.text, parser->text);
        parser_next(parser);
    }
    return value_new(parser->evaluation, literal);
}

/* "(" comes next.  -1 on failure, else how many there are. */
static gssize parse_arguments(Parser *parser, const Value *arguments[EXPRESSION_MAX_ARGUMENTS], gboolean skip)
{
    gssize count = 0;
    parser_next(parser);
    while (!at_operator(parser, ")")) {
        const Value *value = count < EXPRESSION_MAX_ARGUMENTS ? parse_ternary(parser, skip)
                                                              : fail(parser, "there are too many arguments");
        if (value == NULL) {
            return -1;
        }
        arguments[count++] = value;
        if (!at_operator(parser, ",")) {
            break;
        }
        parser_next(parser);
    }
    return expect(parser, ")", ",") ? count : -1;
}

/* A colon or what ends a bound comes next; *bound is NULL if nothing does. */
static gboolean parse_bound(Parser *parser, const Value **bound, gboolean skip)
{
    if (at_operator(parser, ":") || at_operator(parser, "]") || at_operator(parser, ",")) {
        return TRUE;
    }
    *bound = parse_ternary(parser, skip);
    return *bound != NULL;
}

/* One index, a slice, or a tuple of indexes. */
static const Value *parse_subscript(Parser *parser, const Value *value, gboolean skip)
{
    const Value *bounds[3] = {NULL, NULL, NULL};
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    int count = 0;
    gboolean several = FALSE;
    do {
        count = 0;
        parser_next(parser);
        while (parse_bound(parser, &bounds[count++], skip) && count < 3 && at_operator(parser, ":")) {
            parser_next(parser);
        }
        g_array_append_vals(items, bounds[0], bounds[0] != NULL ? 1 : 0);
        several |= at_operator(parser, ",");
    } while (at_operator(parser, ","));
    if (!expect(parser, "]", ",")) {
        return NULL;
    }
    if (skip) {
        return &skipped;
    }
    if (count == 1 && (several || items->len != 1)) {
        const Value *index = value_sequence(parser->evaluation, VALUE_TUPLE, (const Value *)items->data, items->len);
        return index != NULL ? value_index(parser->evaluation, value, index) : NULL;
    }
    return count == 1 ? value_index(parser->evaluation, value, bounds[0])
                      : value_slice(parser->evaluation, value, bounds);
}

/* A point comes next: an item by its number, an attribute, which only dictionaries have, or a method. */
static const Value *parse_attribute(Parser *parser, const Value *value, gboolean skip)
{
    const Value *arguments[EXPRESSION_MAX_ARGUMENTS];
    parser_next(parser);
    if (parser->type != TOKEN_NAME && parser->type != TOKEN_INT) {
        return fail(parser, "expected name or number");
    }
    Value name = {
        .type = parser->type == TOKEN_NAME ? VALUE_STRING : VALUE_INT, .text = parser->text, .number = parser->number};
    parser_next(parser);
    if (name.type == VALUE_STRING && at_operator(parser, "(")) {
        gssize count = parse_arguments(parser, arguments, skip);
        return count < 0 || skip ? (count < 0 ? NULL : &skipped)
                                 : value_method(parser->evaluation, name.text, value, arguments, (gsize)count);
    }
    return skip ? &skipped : value_index(parser->evaluation, value, value_new(parser->evaluation, name));
}

/* "(" comes next: nothing that has a name here can be called. */
static const Value *parse_call(Parser *parser, const Value *value, gboolean skip)
{
    const Value *arguments[EXPRESSION_MAX_ARGUMENTS];
    if (parse_arguments(parser, arguments, skip) < 0 || skip) {
        return *parser->evaluation->problem == NULL ? &skipped : NULL;
    }
    return value_check_defined(parser->evaluation, value)
               ? fail(parser, "'%s' object is not callable", value_type_name(value))
               : NULL;
}

static const Value *parse_postfix(Parser *parser, const Value *value, gboolean skip)
{
    while (value != NULL) {
        if (at_operator(parser, "[")) {
            value = parse_subscript(parser, value, skip);
        } else if (at_operator(parser, ".")) {
            value = parse_attribute(parser, value, skip);
        } else if (at_operator(parser, "(")) {
            value = parse_call(parser, value, skip);
        } else {
            break;
        }
    }
    return value;
}

/* A filter's or test's name, which may have points in it. */
static const char *parse_callable(Parser *parser)
{
    if (parser->type != TOKEN_NAME) {
        unexpected(parser, "name");
        return NULL;
    }
    const char *name = parser->text;
    parser_next(parser);
    while (at_operator(parser, ".")) {
        parser_next(parser);
        if (parser->type != TOKEN_NAME) {
            unexpected(parser, "name");
            return NULL;
        }
        name = arena_printf(parser->evaluation->arena, "%s.%s", name, parser->text);
        parser_next(parser);
    }
    return name;
}

static const Value *parse_filter(Parser *parser, const Value *value, gboolean skip)
{
    const Value *arguments[EXPRESSION_MAX_ARGUMENTS];
    parser_next(parser);
    const char *name = parse_callable(parser);
    gssize count = name != NULL && at_operator(parser, "(") ? parse_arguments(parser, arguments, skip) : 0;
    if (name == NULL || count < 0) {
        return NULL;
    }
    return skip ? &skipped : value_filter(parser->evaluation, name, value, arguments, (gsize)count);
}

/* Whether an argument without parentheses follows the name of a test. */
static gboolean at_test_argument(const Parser *parser)
{
    static const char *const ends[] = {"else", "or", "and"};
    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        if (at_word(parser, ends[i])) {
            return FALSE;
        }
    }
    return (parser->type != TOKEN_OPERATOR && parser->type != TOKEN_END) || at_operator(parser, "[") ||
           at_operator(parser, "{");
}

static const Value *parse_test(Parser *parser, const Value *value, gboolean skip)
{
    const Value *arguments[EXPRESSION_MAX_ARGUMENTS];
    gssize count = 0;
    gboolean truth = FALSE;
    parser_next(parser);
    gboolean negate = at_word(parser, "not");
    if (negate) {
        parser_next(parser);
    }
    const char *name = parse_callable(parser);
    if (name != NULL && at_operator(parser, "(")) {
        count = parse_arguments(parser, arguments, skip);
    } else if (name != NULL && at_test_argument(parser)) {
        if (at_word(parser, "is")) {
            return fail(parser, "You cannot chain multiple tests with is");
        }
        arguments[0] = parse_postfix(parser, parse_primary(parser, skip), skip);
        count = arguments[0] != NULL ? 1 : -1;
    }
    if (name == NULL || count < 0) {
        return NULL;
    }
    const Value *result = skip ? &skipped : value_test(parser->evaluation, name, value, arguments, (gsize)count);
    if (result == NULL || skip || !negate) {
        return result;
    }
    return value_truth(parser->evaluation, result, &truth) ? value_bool(parser->evaluation, !truth) : NULL;
}

static const Value *parse_signed(Parser *parser, gboolean skip)
{
    static const Value zero = {.type = VALUE_INT};
    if (!at_operator(parser, "-") && !at_operator(parser, "+")) {
        return parse_postfix(parser, parse_primary(parser, skip), skip);
    }
    char sign = *parser->text;
    if (!enter(parser)) {
        return NULL;
    }
    parser_next(parser);
    const Value *operand = parse_signed(parser, skip);
    parser->depth--;
    if (operand != NULL && !skip) {
        operand = value_arithmetic(parser->evaluation, sign, &zero, operand);
    }
    return parse_postfix(parser, operand, skip);
}

static const Value *parse_unary(Parser *parser, gboolean skip)
{
    const Value *value = parse_signed(parser, skip);
    while (value != NULL) {
        if (at_operator(parser, "|")) {
            value = parse_filter(parser, value, skip);
        } else if (at_word(parser, "is")) {
            value = parse_test(parser, value, skip);
        } else if (at_operator(parser, "(")) {
            value = parse_call(parser, value, skip);
        } else {
            break;
        }
    }
    return value;
}

typedef const Value *(*ParseFunc)(Parser *parser, gboolean skip);

/* operand { symbol operand }, from left to right; `codes` are the symbols for value_arithmetic(). */
static const Value *parse_chain(Parser *parser, ParseFunc operand, const char *const *symbols, const char *codes,
                                gboolean skip)
{
    const Value *value = operand(parser, skip);
    for (int which; value != NULL && (which = accept(parser, symbols)) >= 0;) {
        const Value *right = operand(parser, skip);
        value = right == NULL || skip ? right : value_arithmetic(parser->evaluation, codes[which], value, right);
    }
    return value;
}

static const Value *parse_power(Parser *parser, gboolean skip)
{
    static const char *const symbols[] = {"**", NULL};
    return parse_chain(parser, parse_unary, symbols, "^", skip);
}

static const Value *parse_product(Parser *parser, gboolean skip)
{
    static const char *const symbols[] = {"*", "/", "//", "%", NULL};
    return parse_chain(parser, parse_power, symbols, "*/d%", skip);
}

static const Value *parse_concat(Parser *parser, gboolean skip)
{
    const Value *value = parse_product(parser, skip);
    while (value != NULL && at_operator(parser, "~")) {
        parser_next(parser);
        const Value *right = parse_product(parser, skip);
        if (right == NULL || skip) {
            value = right;
            continue;
        }
        const char *first = value_to_text(parser->evaluation, value);
        const char *second = first != NULL ? value_to_text(parser->evaluation, right) : NULL;
        value = second != NULL ? value_take_text(parser->evaluation, g_strconcat(first, second, NULL)) : NULL;
    }
    return value;
}

static const Value *parse_sum(Parser *parser, gboolean skip)
{
    static const char *const symbols[] = {"+", "-", NULL};
    return parse_chain(parser, parse_concat, symbols, "+-", skip);
}

enum { EQUAL, NOT_EQUAL, LESS_EQUAL, GREATER_EQUAL, LESS, GREATER, IN, NOT };

static const Value *compare(Parser *parser, int which, const Value *a, const Value *b)
{
    static const char *const symbols[] = {[LESS_EQUAL] = "<=", [GREATER_EQUAL] = ">=", [LESS] = "<", [GREATER] = ">"};
    Evaluation *evaluation = parser->evaluation;
    if (which == IN || which == NOT) {
        const Value *found = value_contains(evaluation, a, b);
        return found == NULL || which == IN ? found : value_bool(evaluation, found->number == 0);
    }
    if (!value_check_defined(evaluation, a) || !value_check_defined(evaluation, b)) {
        return NULL;
    }
    if (which == EQUAL || which == NOT_EQUAL) {
        return value_bool(evaluation, value_equal(a, b) == (which == EQUAL));
    }
    int sign = 0;
    if (!value_order(a, b, &sign)) {
        return fail(parser, "'%s' not supported between instances of '%s' and '%s'", symbols[which], value_type_name(a),
                    value_type_name(b));
    }
    gboolean holds = which == LESS         ? sign < 0
                     : which == GREATER    ? sign > 0
                     : which == LESS_EQUAL ? sign <= 0
                                           : sign >= 0;
    return value_bool(evaluation, holds);
}

static const Value *parse_compare(Parser *parser, gboolean skip)
{
    static const char *const symbols[] = {"==", "!=", "<=", ">=", "<", ">", "in", "not", NULL};
    const Value *left = parse_sum(parser, skip);
    const Value *result = left;
    Parser before = *parser;
    for (int which; result != NULL && (which = accept(parser, symbols)) >= 0; before = *parser) {
        if (which == NOT && !at_word(parser, "in")) {
            *parser = before;
            break;
        }
        if (which == NOT) {
            parser_next(parser);
        }
        /* a < b < c means a < b and b < c. */
        gboolean known = result != left && !skip && result->number == 0;
        const Value *right = parse_sum(parser, skip || known);
        if (right == NULL) {
            return NULL;
        }
        if (!skip && !known) {
            result = compare(parser, which, left, right);
        } else if (skip) {
            result = &skipped;
        }
        left = right;
    }
    return result;
}

static const Value *parse_not(Parser *parser, gboolean skip)
{
    gboolean truth = FALSE;
    if (!at_word(parser, "not")) {
        return parse_compare(parser, skip);
    }
    if (!enter(parser)) {
        return NULL;
    }
    parser_next(parser);
    const Value *value = parse_not(parser, skip);
    parser->depth--;
    if (value == NULL || skip) {
        return value;
    }
    return value_truth(parser->evaluation, value, &truth) ? value_bool(parser->evaluation, !truth) : NULL;
}

/* `decisive`: what the left side must be for the right one not to matter. */
static const Value *parse_logic(Parser *parser, ParseFunc operand, const char *word, gboolean decisive, gboolean skip)
{
    const Value *value = operand(parser, skip);
    while (value != NULL && at_word(parser, word)) {
        gboolean truth = decisive;
        parser_next(parser);
        if (!skip && !value_truth(parser->evaluation, value, &truth)) {
            return NULL;
        }
        gboolean decided = truth == decisive;
        const Value *right = operand(parser, decided);
        value = right == NULL || !decided ? right : value;
    }
    return value;
}

static const Value *parse_and(Parser *parser, gboolean skip)
{
    return parse_logic(parser, parse_not, "and", FALSE, skip);
}

static const Value *parse_or(Parser *parser, gboolean skip)
{
    return parse_logic(parser, parse_and, "or", TRUE, skip);
}

/* Behind "if": which side is taken, and the value of the other one if it is that.  FALSE on failure. */
static gboolean parse_alternative(Parser *parser, gboolean skip, gboolean *chosen, const Value **other)
{
    /* Undefined, but of a kind that may be asked for its truth and its text. */
    static const Value nothing = {.type = VALUE_STRING, .text = ""};
    const Value *condition = parse_or(parser, skip);
    if (condition == NULL || (!skip && !value_truth(parser->evaluation, condition, chosen))) {
        return FALSE;
    }
    *other = &nothing;
    if (at_word(parser, "else")) {
        parser_next(parser);
        *other = parse_ternary(parser, skip || *chosen);
    }
    return *other != NULL;
}

/* The value of a condition must be known before it is: so the text before "if" is skipped, and read again where it is what counts. */
static const Value *parse_ternary(Parser *parser, gboolean skip)
{
    if (!enter(parser)) {
        return NULL;
    }
    Parser start = *parser;
    const Value *value = parse_or(parser, TRUE);
    gboolean first = TRUE;
    gboolean plain = value != NULL && !at_word(parser, "if");
    if (plain && !skip) {
        *parser = start;
        value = parse_or(parser, FALSE);
    }
    while (value != NULL && at_word(parser, "if")) {
        gboolean chosen = FALSE;
        const Value *other = &none;
        parser_next(parser);
        if (!parse_alternative(parser, skip, &chosen, &other)) {
            return NULL;
        }
        Parser end = *parser;
        if (chosen && !skip && first) {
            *parser = start;
            value = parse_or(parser, FALSE);
            *parser = end;
        } else if (!chosen) {
            value = other;
        }
        first = FALSE;
    }
    parser->depth--;
    return value;
}

/* Several conditions with commas between them are a tuple, which has items and so is true. */
static const Value *parse_condition(Parser *parser, gboolean skip)
{
    const Value *value = parse_or(parser, skip);
    gboolean several = FALSE;
    while (value != NULL && at_operator(parser, ",")) {
        several = TRUE;
        parser_next(parser);
        value = parser->type != TOKEN_END ? parse_or(parser, skip) : value;
    }
    if (value != NULL && parser->type != TOKEN_END) {
        return unexpected(parser, "end of statement block");
    }
    return several && value != NULL ? value_bool(parser->evaluation, TRUE) : value;
}

gboolean expression_evaluate(const char *text, ExpressionLookup lookup, gpointer data, gboolean *result, char **problem)
{
    *problem = NULL;
    if (strlen(text) > EXPRESSION_MAX_TEXT) {
        *problem = g_strdup("the expression is too long");
        return FALSE;
    }
    Evaluation evaluation = {.arena = arena_new(), .problem = problem};
    unsigned steps = 0;
    const Value *value = &none;
    for (int pass = 0; value != NULL && pass < 2; pass++) {
        Parser parser = {
            .start = text, .cursor = text, .steps = &steps, .lookup = lookup, .data = data, .evaluation = &evaluation};
        parser_next(&parser);
        if (parser.type == TOKEN_END && *problem == NULL) {
            fail(&parser, "Expected an expression, got 'end of statement block'");
        }
        value = *problem == NULL ? parse_condition(&parser, pass == 0) : NULL;
        value = *problem == NULL ? value : NULL;
    }
    gboolean ok = value != NULL && value_truth(&evaluation, value, result);
    arena_free(evaluation.arena);
    return ok;
}
