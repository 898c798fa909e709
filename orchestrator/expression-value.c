/*
 * expression-value.c - values as Python has them.
 */
#include "expression-private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Texts, and lists with all that is in them. */
#define VALUE_MAX_SIZE ((gsize)1 << 20)
/* What an item takes of that, beside its text. */
#define ITEM_WEIGHT ((gsize)256)
/* Comparisons in filters that compare each item to each other. */
#define MAX_WORK ((gsize)64 << 20)

const Value *evaluation_fail(Evaluation *evaluation, const char *format, ...)
{
    if (*evaluation->problem == NULL) {
        va_list args;
        va_start(args, format);
        *evaluation->problem = g_strdup_vprintf(format, args);
        va_end(args);
    }
    return NULL;
}

static const Value *too_large(Evaluation *evaluation)
{
    return evaluation_fail(evaluation, "the value is too large");
}

gboolean evaluation_may_compare(Evaluation *evaluation, gsize count)
{
    evaluation->work += count * count;
    if (evaluation->work > MAX_WORK) {
        evaluation_fail(evaluation, "the expression is too complex");
    }
    return evaluation->work <= MAX_WORK;
}

/* ---- Making ---- */

const Value *value_new(Evaluation *evaluation, Value value)
{
    Value *copy = arena_new_of(evaluation->arena, Value);
    *copy = value;
    return copy;
}

const Value *value_bool(Evaluation *evaluation, gboolean value)
{
    return value_new(evaluation, (Value){.type = VALUE_BOOL, .number = value ? 1 : 0});
}

const Value *value_int(Evaluation *evaluation, gint64 number)
{
    return value_new(evaluation, (Value){.type = VALUE_INT, .number = number});
}

static const Value *value_float(Evaluation *evaluation, double real)
{
    return value_new(evaluation, (Value){.type = VALUE_FLOAT, .real = real});
}

const Value *value_take_text(Evaluation *evaluation, char *text)
{
    gsize length = strlen(text);
    gboolean fits = length <= VALUE_MAX_SIZE && arena_size(evaluation->arena) <= EXPRESSION_MAX_ARENA;
    const char *copy = fits ? arena_strndup(evaluation->arena, text, length) : NULL;
    g_free(text);
    return fits ? value_new(evaluation, (Value){.type = VALUE_STRING, .text = copy}) : too_large(evaluation);
}

const Value *value_sequence(Evaluation *evaluation, ValueType type, const Value *items, gsize count)
{
    gsize weight = 0;
    for (gsize i = 0; i < count && weight <= VALUE_MAX_SIZE; i++) {
        weight += ITEM_WEIGHT + items[i].weight + (items[i].type == VALUE_STRING ? strlen(items[i].text) : 0);
    }
    if (weight > VALUE_MAX_SIZE || arena_size(evaluation->arena) > EXPRESSION_MAX_ARENA) {
        return too_large(evaluation);
    }
    Value *copy = arena_alloc(evaluation->arena, MAX(count, 1) * sizeof *copy);
    if (count > 0) {
        memcpy(copy, items, count * sizeof *copy);
    }
    return value_new(evaluation, (Value){.type = type, .items = copy, .count = count, .weight = weight});
}

const Value *value_undefined(Evaluation *evaluation, char *message)
{
    const char *copy = arena_strdup(evaluation->arena, message);
    g_free(message);
    return value_new(evaluation, (Value){.type = VALUE_UNDEFINED, .text = copy});
}

/* ---- Asking ---- */

const char *value_type_name(const Value *value)
{
    static const char *const names[] = {
        [VALUE_NONE] = "NoneType", [VALUE_BOOL] = "bool",  [VALUE_INT] = "int",
        [VALUE_FLOAT] = "float",   [VALUE_STRING] = "str", [VALUE_LIST] = "list",
        [VALUE_TUPLE] = "tuple",   [VALUE_DICT] = "dict",  [VALUE_UNDEFINED] = "StrictUndefined"};
    return names[value->type];
}

gboolean value_is_sequence(const Value *value)
{
    return value->type == VALUE_LIST || value->type == VALUE_TUPLE;
}

gboolean value_is_whole(const Value *value)
{
    return value->type == VALUE_BOOL || value->type == VALUE_INT;
}

gboolean value_is_number(const Value *value)
{
    return value_is_whole(value) || value->type == VALUE_FLOAT;
}

double value_to_real(const Value *value)
{
    return value->type == VALUE_FLOAT ? value->real : (double)value->number;
}

gboolean value_check_defined(Evaluation *evaluation, const Value *value)
{
    if (value->type == VALUE_UNDEFINED) {
        evaluation_fail(evaluation, "%s", value->text);
        return FALSE;
    }
    return TRUE;
}

gboolean value_truth(Evaluation *evaluation, const Value *value, gboolean *truth)
{
    switch (value->type) {
    case VALUE_BOOL:
    case VALUE_INT:
        *truth = value->number != 0;
        return TRUE;
    case VALUE_FLOAT:
        *truth = value->real != 0;
        return TRUE;
    case VALUE_STRING:
        *truth = *value->text != '\0';
        return TRUE;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_DICT:
        *truth = value->count > 0;
        return TRUE;
    case VALUE_NONE:
    case VALUE_UNDEFINED:
        break;
    }
    *truth = FALSE;
    return value_check_defined(evaluation, value);
}

static const Value *dict_find(const Value *dict, const Value *key)
{
    for (gsize i = 0; i < dict->count; i += 2) {
        if (value_equal(&dict->items[i], key)) {
            return &dict->items[i + 1];
        }
    }
    return NULL;
}

static gboolean dicts_equal(const Value *a, const Value *b)
{
    gboolean same = a->count == b->count;
    for (gsize i = 0; same && i < a->count; i += 2) {
        const Value *other = dict_find(b, &a->items[i]);
        same = other != NULL && value_equal(&a->items[i + 1], other);
    }
    return same;
}

gboolean value_equal(const Value *a, const Value *b)
{
    if (value_is_number(a) && value_is_number(b)) {
        return value_is_whole(a) && value_is_whole(b) ? a->number == b->number : value_to_real(a) == value_to_real(b);
    }
    if (a->type != b->type) {
        return FALSE;
    }
    if (a->type == VALUE_STRING) {
        return strcmp(a->text, b->text) == 0;
    }
    if (a->type == VALUE_DICT) {
        return dicts_equal(a, b);
    }
    gboolean same = a->count == b->count;
    for (gsize i = 0; same && i < a->count; i++) {
        same = value_equal(&a->items[i], &b->items[i]);
    }
    return same;
}

gboolean value_order(const Value *a, const Value *b, int *result)
{
    if (value_is_whole(a) && value_is_whole(b)) {
        *result = (a->number > b->number) - (a->number < b->number);
        return TRUE;
    }
    if (value_is_number(a) && value_is_number(b)) {
        *result = (value_to_real(a) > value_to_real(b)) - (value_to_real(a) < value_to_real(b));
        return TRUE;
    }
    if (a->type != b->type || (a->type != VALUE_STRING && !value_is_sequence(a))) {
        return FALSE;
    }
    if (a->type == VALUE_STRING) {
        int compared = strcmp(a->text, b->text);
        *result = (compared > 0) - (compared < 0);
        return TRUE;
    }
    for (gsize i = 0; i < MIN(a->count, b->count); i++) {
        if (!value_equal(&a->items[i], &b->items[i])) {
            return value_order(&a->items[i], &b->items[i], result);
        }
    }
    *result = (a->count > b->count) - (a->count < b->count);
    return TRUE;
}

/* ---- Text ---- */

/* The fewest digits that read back as the same number, as Python writes them. */
static char *float_text(double real)
{
    char digits[40] = "", format[16] = "", *end = NULL;
    if (isinf(real) || isnan(real)) {
        return g_strdup(isnan(real) ? "nan" : real < 0 ? "-inf" : "inf");
    }
    int precision = 0;
    do {
        g_snprintf(format, sizeof format, "%%.%de", precision);
        g_ascii_formatd(digits, sizeof digits, format, real);
    } while (++precision < 18 && g_ascii_strtod(digits, &end) != real);
    int exponent = atoi(strchr(digits, 'e') + 1);
    if (exponent < -4 || exponent >= 16) {
        return g_strdup(digits);
    }
    g_snprintf(format, sizeof format, "%%.%df", MAX(precision - 1 - exponent, 1));
    return g_strdup(g_ascii_formatd(digits, sizeof digits, format, real));
}

static void append_repr(GString *out, const char *text)
{
    char quote = strchr(text, '\'') != NULL && strchr(text, '"') == NULL ? '"' : '\'';
    g_string_append_c(out, quote);
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        static const char from[] = "\n\r\t\\", to[] = "nrt\\";
        const char *known = c < 0x80 ? strchr(from, (int)c) : NULL;
        if (known != NULL || c == (gunichar)quote) {
            g_string_append_printf(out, "\\%c", known != NULL ? to[known - from] : quote);
        } else if (c == ' ' || (g_unichar_isprint(c) && !g_unichar_isspace(c))) {
            g_string_append_unichar(out, c);
        } else {
            g_string_append_printf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        }
    }
    g_string_append_c(out, quote);
}

static void append_text(GString *out, const Value *value, gboolean nested)
{
    static const char *const brackets[] = {[VALUE_LIST] = "[]", [VALUE_TUPLE] = "()", [VALUE_DICT] = "{}"};
    g_autofree char *real = NULL;
    switch (value->type) {
    case VALUE_STRING:
        if (nested) {
            append_repr(out, value->text);
        } else {
            g_string_append(out, value->text);
        }
        return;
    case VALUE_BOOL:
        g_string_append(out, value->number != 0 ? "True" : "False");
        return;
    case VALUE_INT:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value->number);
        return;
    case VALUE_FLOAT:
        real = float_text(value->real);
        g_string_append(out, real);
        return;
    case VALUE_NONE:
        g_string_append(out, "None");
        return;
    case VALUE_UNDEFINED:
        g_string_append(out, "Undefined");
        return;
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_DICT:
        break;
    }
    g_string_append_c(out, brackets[value->type][0]);
    for (gsize i = 0; i < value->count && out->len < VALUE_MAX_SIZE; i++) {
        gboolean is_value = value->type == VALUE_DICT && i % 2 == 1;
        g_string_append(out, i == 0 ? "" : is_value ? ": " : ", ");
        append_text(out, &value->items[i], TRUE);
    }
    g_string_append(out, value->type == VALUE_TUPLE && value->count == 1 ? "," : "");
    g_string_append_c(out, brackets[value->type][1]);
}

const char *value_to_text(Evaluation *evaluation, const Value *value)
{
    if (value->type == VALUE_STRING) {
        return value->text;
    }
    if (!value_check_defined(evaluation, value)) {
        return NULL;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    append_text(out, value, FALSE);
    return arena_strndup(evaluation->arena, out->str, out->len);
}

const Value *value_to_list(Evaluation *evaluation, const Value *value)
{
    if (value_is_sequence(value)) {
        return value_sequence(evaluation, VALUE_LIST, value->items, value->count);
    }
    if (!value_check_defined(evaluation, value)) {
        return NULL;
    }
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    if (value->type == VALUE_DICT) {
        for (gsize i = 0; i < value->count; i += 2) {
            g_array_append_val(items, value->items[i]);
        }
    } else if (value->type == VALUE_STRING) {
        for (const char *at = value->text; *at != '\0'; at = g_utf8_next_char(at)) {
            gsize length = (gsize)(g_utf8_next_char(at) - at);
            Value item = {.type = VALUE_STRING, .text = arena_strndup(evaluation->arena, at, length)};
            g_array_append_val(items, item);
        }
    } else {
        return evaluation_fail(evaluation, "'%s' object is not iterable", value_type_name(value));
    }
    return value_sequence(evaluation, VALUE_LIST, (const Value *)items->data, items->len);
}

/* ---- Operating ---- */

const Value *value_contains(Evaluation *evaluation, const Value *item, const Value *container)
{
    if (!value_check_defined(evaluation, container)) {
        return NULL;
    }
    if (container->type == VALUE_STRING) {
        if (!value_check_defined(evaluation, item)) {
            return NULL;
        }
        if (item->type != VALUE_STRING) {
            return evaluation_fail(evaluation, "'in <string>' requires string as left operand, not %s",
                                   value_type_name(item));
        }
        return value_bool(evaluation, strstr(container->text, item->text) != NULL);
    }
    if (container->type == VALUE_DICT) {
        return value_bool(evaluation, dict_find(container, item) != NULL);
    }
    if (!value_is_sequence(container)) {
        return evaluation_fail(evaluation, "argument of type '%s' is not iterable", value_type_name(container));
    }
    for (gsize i = 0; i < container->count; i++) {
        if (!value_check_defined(evaluation, item)) {
            return NULL;
        }
        if (value_equal(item, &container->items[i])) {
            return value_bool(evaluation, TRUE);
        }
    }
    return value_bool(evaluation, FALSE);
}

static const Value *join(Evaluation *evaluation, const Value *a, const Value *b)
{
    if (a->type == VALUE_STRING) {
        if (strlen(a->text) + strlen(b->text) > VALUE_MAX_SIZE) {
            return too_large(evaluation);
        }
        return value_take_text(evaluation, g_strconcat(a->text, b->text, NULL));
    }
    if (a->count + b->count > VALUE_MAX_SIZE) {
        return too_large(evaluation);
    }
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    g_array_append_vals(items, a->items, (guint)a->count);
    g_array_append_vals(items, b->items, (guint)b->count);
    return value_sequence(evaluation, a->type, (const Value *)items->data, items->len);
}

static const Value *repeat(Evaluation *evaluation, const Value *value, gint64 times)
{
    gsize size = value->type == VALUE_STRING ? strlen(value->text) : value->count;
    times = MAX(times, 0);
    if (size > 0 && (gsize)times > VALUE_MAX_SIZE / size) {
        return too_large(evaluation);
    }
    times = size > 0 ? times : 0;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    for (gint64 i = 0; i < times; i++) {
        if (value->type == VALUE_STRING) {
            g_string_append(text, value->text);
        } else {
            g_array_append_vals(items, value->items, (guint)value->count);
        }
    }
    return value->type == VALUE_STRING
               ? value_take_text(evaluation, g_strdup(text->str))
               : value_sequence(evaluation, value->type, (const Value *)items->data, items->len);
}

static const Value *float_arithmetic(Evaluation *evaluation, char symbol, double x, double y)
{
    double rest = 0;
    switch (symbol) {
    case '+':
        return value_float(evaluation, x + y);
    case '-':
        return value_float(evaluation, x - y);
    case '*':
        return value_float(evaluation, x * y);
    case '/':
        return value_float(evaluation, x / y);
    case '^':
        rest = pow(x, y);
        return isfinite(rest) ? value_float(evaluation, rest) : too_large(evaluation);
    default:
        break;
    }
    rest = fmod(x, y);
    rest += rest != 0 && (y < 0) != (rest < 0) ? y : 0;
    return value_float(evaluation, symbol == '%' ? rest : floor((x - rest) / y + 0.5));
}

static const Value *power(Evaluation *evaluation, gint64 base, gint64 exponent)
{
    gint64 result = 1;
    gboolean overflow = FALSE;
    if (base >= -1 && base <= 1) {
        exponent = base == -1 ? exponent % 2 : MIN(exponent, 1);
    }
    for (gint64 i = 0; i < exponent && !overflow; i++) {
        overflow = __builtin_mul_overflow(result, base, &result);
    }
    return overflow ? too_large(evaluation) : value_int(evaluation, result);
}

static const Value *whole_arithmetic(Evaluation *evaluation, char symbol, gint64 x, gint64 y)
{
    gint64 number = 0;
    gboolean overflow = FALSE;
    if (symbol == '^') {
        return power(evaluation, x, y);
    }
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
    return overflow ? too_large(evaluation) : value_int(evaluation, number);
}

const Value *value_arithmetic(Evaluation *evaluation, char symbol, const Value *a, const Value *b)
{
    gboolean text_a = a->type == VALUE_STRING || value_is_sequence(a);
    gboolean text_b = b->type == VALUE_STRING || value_is_sequence(b);
    if (!value_check_defined(evaluation, a) || !value_check_defined(evaluation, b)) {
        return NULL;
    }
    if (symbol == '+' && text_a && a->type == b->type) {
        return join(evaluation, a, b);
    }
    if (symbol == '*' && ((text_a && value_is_whole(b)) || (text_b && value_is_whole(a)))) {
        return text_a ? repeat(evaluation, a, b->number) : repeat(evaluation, b, a->number);
    }
    if (!value_is_number(a) || !value_is_number(b)) {
        return evaluation_fail(evaluation, "unsupported operand type(s) for %s: '%s' and '%s'",
                               symbol == 'd'   ? "//"
                               : symbol == '^' ? "**"
                                               : (char[]){symbol, '\0'},
                               value_type_name(a), value_type_name(b));
    }
    gboolean divides = symbol == '/' || symbol == 'd' || symbol == '%' || (symbol == '^' && value_to_real(b) < 0);
    if (divides && value_to_real(symbol == '^' ? a : b) == 0) {
        return evaluation_fail(evaluation, "division by zero");
    }
    gboolean whole = value_is_whole(a) && value_is_whole(b) && symbol != '/' && !(symbol == '^' && b->number < 0);
    return whole ? whole_arithmetic(evaluation, symbol, a->number, b->number)
                 : float_arithmetic(evaluation, symbol, value_to_real(a), value_to_real(b));
}

/* As Jinja2 names what lacks something. */
static char *object_name(const Value *value)
{
    return value->type == VALUE_NONE ? g_strdup("None") : g_strdup_printf("%s object", value_type_name(value));
}

static const Value *no_element(Evaluation *evaluation, const Value *value, const Value *index)
{
    g_autofree char *object = object_name(value);
    g_autoptr(GString) name = g_string_new(NULL);
    append_text(name, index, TRUE);
    return value_undefined(evaluation, index->type == VALUE_STRING
                                           ? g_strdup_printf("'%s' has no attribute %s", object, name->str)
                                           : g_strdup_printf("%s has no element %s", object, name->str));
}

const Value *value_index(Evaluation *evaluation, const Value *value, const Value *index)
{
    if (!value_check_defined(evaluation, value) || !value_check_defined(evaluation, index)) {
        return NULL;
    }
    if (value->type == VALUE_DICT) {
        const Value *found = dict_find(value, index);
        return found != NULL ? found : no_element(evaluation, value, index);
    }
    if ((value->type != VALUE_STRING && !value_is_sequence(value)) || !value_is_whole(index)) {
        return no_element(evaluation, value, index);
    }
    const Value *list = value_to_list(evaluation, value);
    if (list == NULL) {
        return NULL;
    }
    gint64 at = index->number < 0 ? index->number + (gint64)list->count : index->number;
    return at >= 0 && at < (gint64)list->count ? &list->items[at] : no_element(evaluation, value, index);
}

/* A bound of a slice, within what there is. */
static gint64 clamp_bound(const Value *bound, gint64 missing, gint64 count, gint64 step)
{
    if (bound == NULL || bound->type == VALUE_NONE) {
        return missing;
    }
    gint64 at = bound->number < 0 ? bound->number + count : bound->number;
    return step > 0 ? CLAMP(at, 0, count) : CLAMP(at, -1, count - 1);
}

const Value *value_slice(Evaluation *evaluation, const Value *value, const Value *const bounds[3])
{
    if (!value_check_defined(evaluation, value)) {
        return NULL;
    }
    gint64 step = bounds[2] != NULL && bounds[2]->type != VALUE_NONE ? bounds[2]->number : 1;
    for (int i = 0; i < 3; i++) {
        if (bounds[i] != NULL && bounds[i]->type != VALUE_NONE && !value_is_whole(bounds[i])) {
            return evaluation_fail(evaluation, "slice indices must be integers or None");
        }
    }
    if (step == 0 || step == G_MININT64 || (value->type != VALUE_STRING && !value_is_sequence(value))) {
        return evaluation_fail(evaluation, "'%s' object cannot be sliced like that", value_type_name(value));
    }
    const Value *list = value_to_list(evaluation, value);
    if (list == NULL) {
        return NULL;
    }
    gint64 count = (gint64)list->count;
    gint64 start = clamp_bound(bounds[0], step > 0 ? 0 : count - 1, count, step);
    gint64 end = clamp_bound(bounds[1], step > 0 ? count : -1, count, step);
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    g_autoptr(GString) text = g_string_new(NULL);
    for (gint64 i = start; step > 0 ? i < end : i > end; i += step) {
        g_array_append_val(items, list->items[i]);
        g_string_append(text, value->type == VALUE_STRING ? list->items[i].text : "");
        if (step > count || step < -count) {
            break;
        }
    }
    return value->type == VALUE_STRING
               ? value_take_text(evaluation, g_strdup(text->str))
               : value_sequence(evaluation, value->type, (const Value *)items->data, items->len);
}
