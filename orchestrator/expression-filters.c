/*
 * expression-filters.c - what may stand behind `|`, and behind a point.
 */
#include "expression-call.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const Callable *callable_find(const Callable *table, gsize count, const char *name)
{
    for (gsize i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

const Value *callable_apply(Evaluation *evaluation, const Callable *callable, const Value *value,
                            const Value *const *arguments, gsize count)
{
    Call call = {evaluation, callable->name, value, arguments, count};
    if (count > callable->most) {
        return evaluation_fail(evaluation, "%s() takes fewer than %zu arguments", callable->name, count);
    }
    const Value *result = callable->func(&call);
    return result != NULL ? result : evaluation_fail(evaluation, "%s() failed", callable->name);
}

static const Value *argument(const Call *call, gsize index)
{
    return index < call->count ? call->arguments[index] : NULL;
}

/* An argument as text; `missing` where there is none, NULL with a problem. */
static const char *text_argument(const Call *call, gsize index, const char *missing)
{
    const Value *value = argument(call, index);
    return value != NULL && value->type != VALUE_NONE ? value_to_text(call->evaluation, value) : missing;
}

static gboolean flag_argument(const Call *call, gsize index, gboolean *flag)
{
    const Value *value = argument(call, index);
    return value == NULL || value_truth(call->evaluation, value, flag);
}

static const Value *to_bool(const Call *call, gboolean value)
{
    return value_bool(call->evaluation, value);
}

/* ---- Filters on text ---- */

static const char *call_text(const Call *call)
{
    return value_to_text(call->evaluation, call->value);
}

static const Value *filter_lower(const Call *call)
{
    const char *text = call_text(call);
    return text != NULL ? value_take_text(call->evaluation, g_utf8_strdown(text, -1)) : NULL;
}

static const Value *filter_upper(const Call *call)
{
    const char *text = call_text(call);
    return text != NULL ? value_take_text(call->evaluation, g_utf8_strup(text, -1)) : NULL;
}

static void append_capitalized(GString *out, const char *text, gsize length)
{
    const char *rest = length > 0 ? g_utf8_next_char(text) : text;
    g_autofree char *first = g_utf8_strup(text, rest - text);
    g_autofree char *others = g_utf8_strdown(rest, (gssize)(length - (gsize)(rest - text)));
    g_string_append(out, first);
    g_string_append(out, others);
}

static const Value *filter_capitalize(const Call *call)
{
    const char *text = call_text(call);
    if (text == NULL) {
        return NULL;
    }
    GString *out = g_string_new(NULL);
    append_capitalized(out, text, strlen(text));
    return value_take_text(call->evaluation, g_string_free(out, FALSE));
}

static const Value *filter_title(const Call *call)
{
    static const char separators[] = "- \t\n\r\f\v({[<";
    const char *text = call_text(call);
    if (text == NULL) {
        return NULL;
    }
    GString *out = g_string_new(NULL);
    while (*text != '\0') {
        gsize length = strcspn(text, separators);
        append_capitalized(out, text, length);
        text += length;
        length = strspn(text, separators);
        g_string_append_len(out, text, (gssize)length);
        text += length;
    }
    return value_take_text(call->evaluation, g_string_free(out, FALSE));
}

static gboolean strips(const char *at, const char *characters)
{
    gunichar c = g_utf8_get_char(at);
    return characters != NULL ? g_utf8_strchr(characters, -1, c) != NULL : g_unichar_isspace(c);
}

/* Python's strip(), lstrip() and rstrip() with or without characters. */
static const Value *strip(const Call *call, gboolean left, gboolean right)
{
    const char *text = call_text(call), *characters = text_argument(call, 0, "");
    gboolean given = argument(call, 0) != NULL && argument(call, 0)->type != VALUE_NONE;
    if (text == NULL || characters == NULL) {
        return NULL;
    }
    characters = given ? characters : NULL;
    const char *end = text + strlen(text);
    while (left && text < end && strips(text, characters)) {
        text = g_utf8_next_char(text);
    }
    while (right && end > text && strips(g_utf8_prev_char(end), characters)) {
        end = g_utf8_prev_char(end);
    }
    return value_take_text(call->evaluation, g_strndup(text, (gsize)(end - text)));
}

static const Value *filter_trim(const Call *call)
{
    return strip(call, TRUE, TRUE);
}

static const Value *method_lstrip(const Call *call)
{
    return strip(call, TRUE, FALSE);
}

static const Value *method_rstrip(const Call *call)
{
    return strip(call, FALSE, TRUE);
}

static const Value *filter_string(const Call *call)
{
    const char *text = call_text(call);
    return text != NULL ? value_take_text(call->evaluation, g_strdup(text)) : NULL;
}

static const Value *filter_replace(const Call *call)
{
    const char *text = call_text(call), *from = text_argument(call, 0, ""), *to = text_argument(call, 1, "");
    const Value *times = argument(call, 2);
    if (text == NULL || from == NULL || to == NULL) {
        return NULL;
    }
    if (call->count < 2 || (times != NULL && !value_is_whole(times))) {
        return evaluation_fail(call->evaluation, "'replace' needs a text to look for and one to put there");
    }
    gint64 left = times != NULL && times->number >= 0 ? times->number : G_MAXINT64;
    GString *out = g_string_new(NULL);
    /* Nothing is found before every character, and at the end. */
    for (; *from == '\0' && *text != '\0' && left > 0; left--) {
        g_string_append(out, to);
        g_string_append_unichar(out, g_utf8_get_char(text));
        text = g_utf8_next_char(text);
        if (out->len > EXPRESSION_MAX_ARENA) {
            break;
        }
    }
    if (*from == '\0' && left > 0) {
        g_string_append(out, to);
        left = 0;
    }
    for (const char *found = strstr(text, from); found != NULL && left > 0; found = strstr(text, from), left--) {
        g_string_append_len(out, text, found - text);
        g_string_append(out, to);
        text = found + strlen(from);
        if (out->len > EXPRESSION_MAX_ARENA) {
            break;
        }
    }
    g_string_append(out, text);
    return value_take_text(call->evaluation, g_string_free(out, FALSE));
}

static const Value *filter_wordcount(const Call *call)
{
    const char *text = call_text(call);
    gint64 count = 0;
    gboolean inside = FALSE;
    for (const char *at = text; at != NULL && *at != '\0'; at = g_utf8_next_char(at)) {
        gboolean word = *at == '_' || g_unichar_isalnum(g_utf8_get_char(at));
        count += word && !inside;
        inside = word;
    }
    return text != NULL ? value_int(call->evaluation, count) : NULL;
}

/* ---- Filters on numbers ---- */

/* A whole text as a number, with Python's underscores.  `base` 0: a floating point number. */
static gboolean parse_number(const char *text, int base, gint64 *whole, double *real)
{
    g_autofree char *plain = g_strstrip(g_strdup(text));
    char *end = plain;
    for (const char *at = plain; *at != '\0'; at++) {
        if (*at == '_' && (at == plain || !g_ascii_isalnum(at[-1]) || !g_ascii_isalnum(at[1]))) {
            return FALSE;
        }
        if (*at != '_') {
            *end++ = *at;
        }
    }
    *end = '\0';
    if (*plain == '\0' || (base == 0 && (strpbrk(plain, "xX") != NULL))) {
        return FALSE;
    }
    errno = 0;
    if (base == 0) {
        *real = g_ascii_strtod(plain, &end);
    } else {
        *whole = g_ascii_strtoll(plain, &end, (guint)base);
    }
    return *end == '\0' && end != plain && (base == 0 || errno == 0);
}

static const Value *filter_int(const Call *call)
{
    const Value *value = call->value, *base = argument(call, 1);
    gint64 number = 0;
    double real = 0;
    if (!value_check_defined(call->evaluation, value)) {
        return NULL;
    }
    gboolean is_text = value->type == VALUE_STRING;
    int radix = base != NULL && value_is_whole(base) ? (int)CLAMP(base->number, 2, 36) : 10;
    if (value_is_whole(value) || (is_text && parse_number(value->text, radix, &number, NULL))) {
        return value_int(call->evaluation, is_text ? number : value->number);
    }
    if (value->type == VALUE_FLOAT || (is_text && parse_number(value->text, 0, NULL, &real))) {
        real = is_text ? real : value->real;
        if (fabs(real) < 9e18) {
            return value_int(call->evaluation, (gint64)real);
        }
    }
    return argument(call, 0) != NULL ? argument(call, 0) : value_int(call->evaluation, 0);
}

static const Value *filter_float(const Call *call)
{
    const Value *value = call->value;
    double real = 0;
    if (!value_check_defined(call->evaluation, value)) {
        return NULL;
    }
    if (value_is_number(value)) {
        real = value_to_real(value);
    } else if (value->type != VALUE_STRING || !parse_number(value->text, 0, NULL, &real)) {
        real = 0;
        if (argument(call, 0) != NULL) {
            return argument(call, 0);
        }
    }
    return value_new(call->evaluation, (Value){.type = VALUE_FLOAT, .real = real});
}

static const Value *filter_abs(const Call *call)
{
    if (!value_check_defined(call->evaluation, call->value) || !value_is_number(call->value)) {
        return evaluation_fail(call->evaluation, "bad operand type for abs(): '%s'", value_type_name(call->value));
    }
    if (call->value->type == VALUE_FLOAT) {
        return value_new(call->evaluation, (Value){.type = VALUE_FLOAT, .real = fabs(call->value->real)});
    }
    const Value zero = {.type = VALUE_INT};
    const Value *value = value_int(call->evaluation, call->value->number);
    return value->number < 0 ? value_arithmetic(call->evaluation, '-', &zero, value) : value;
}

static const Value *filter_round(const Call *call)
{
    const Value *value = call->value, *digits = argument(call, 0);
    const char *method = text_argument(call, 1, "common");
    gint64 precision = digits != NULL && value_is_whole(digits) ? digits->number : 0;
    if (!value_check_defined(call->evaluation, value) || method == NULL) {
        return NULL;
    }
    if (!value_is_number(value) || ABS(precision) > 15) {
        return evaluation_fail(call->evaluation, "'round' needs a number");
    }
    gboolean common = strcmp(method, "common") == 0;
    if (!common && strcmp(method, "ceil") != 0 && strcmp(method, "floor") != 0) {
        return evaluation_fail(call->evaluation, "method must be common, ceil or floor");
    }
    if (common && value_is_whole(value) && precision >= 0) {
        return value_int(call->evaluation, value->number);
    }
    double scale = pow(10, (double)precision), scaled = value_to_real(value) * scale;
    /* The mode is round half to even, as Python's. */
    double real = (common ? nearbyint(scaled) : *method == 'c' ? ceil(scaled) : floor(scaled)) / scale;
    return value_new(call->evaluation, common && value_is_whole(value)
                                           ? (Value){.type = VALUE_INT, .number = (gint64)real}
                                           : (Value){.type = VALUE_FLOAT, .real = real});
}

/* ---- Filters on lists ---- */

static const Value *filter_length(const Call *call)
{
    const Value *value = call->value;
    if (!value_check_defined(call->evaluation, value)) {
        return NULL;
    }
    if (value->type == VALUE_STRING) {
        return value_int(call->evaluation, g_utf8_strlen(value->text, -1));
    }
    if (!value_is_sequence(value) && value->type != VALUE_DICT) {
        return evaluation_fail(call->evaluation, "object of type '%s' has no len()", value_type_name(value));
    }
    return value_int(call->evaluation, (gint64)(value->type == VALUE_DICT ? value->count / 2 : value->count));
}

static const Value *filter_list(const Call *call)
{
    return value_to_list(call->evaluation, call->value);
}

static const Value *filter_first(const Call *call)
{
    const Value *list = filter_list(call);
    return list == NULL || list->count > 0
               ? list == NULL ? NULL : &list->items[0]
               : value_undefined(call->evaluation, g_strdup("No first item, sequence was empty."));
}

static const Value *filter_last(const Call *call)
{
    const Value *list = filter_list(call);
    return list == NULL || list->count > 0
               ? list == NULL ? NULL : &list->items[list->count - 1]
               : value_undefined(call->evaluation, g_strdup("No last item, sequence was empty."));
}

static const Value *filter_join(const Call *call)
{
    const Value *list = filter_list(call);
    const char *between = text_argument(call, 0, "");
    if (list == NULL || between == NULL) {
        return NULL;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    for (gsize i = 0; i < list->count && out->len <= EXPRESSION_MAX_ARENA; i++) {
        const char *text = value_to_text(call->evaluation, &list->items[i]);
        if (text == NULL) {
            return NULL;
        }
        g_string_append(out, i > 0 ? between : "");
        g_string_append(out, text);
    }
    return value_take_text(call->evaluation, g_strdup(out->str));
}

static const Value *filter_reverse(const Call *call)
{
    const Value *list = filter_list(call);
    if (list == NULL) {
        return NULL;
    }
    g_autofree Value *items = g_new(Value, list->count + 1);
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; i < list->count; i++) {
        items[i] = list->items[list->count - 1 - i];
        g_string_append(text, call->value->type == VALUE_STRING ? items[i].text : "");
    }
    return call->value->type == VALUE_STRING ? value_take_text(call->evaluation, g_strdup(text->str))
                                             : value_sequence(call->evaluation, VALUE_LIST, items, list->count);
}

/* What an item is compared by: text without its case, unless that matters. */
static Value sort_key(const Value *value, gboolean case_sensitive)
{
    Value key = *value;
    key.text = value->type == VALUE_STRING && !case_sensitive ? g_utf8_strdown(value->text, -1) : g_strdup(value->text);
    return key;
}

static gboolean compare_keys(const Call *call, const Value *a, const Value *b, gboolean case_sensitive, int *sign)
{
    Value key_a = sort_key(a, case_sensitive), key_b = sort_key(b, case_sensitive);
    gboolean ordered = value_order(&key_a, &key_b, sign);
    g_free((char *)key_a.text);
    g_free((char *)key_b.text);
    if (!ordered) {
        evaluation_fail(call->evaluation, "'<' not supported between instances of '%s' and '%s'", value_type_name(a),
                        value_type_name(b));
    }
    return ordered;
}

static const Value *filter_sort(const Call *call)
{
    const Value *list = filter_list(call);
    gboolean reverse = FALSE, case_sensitive = FALSE;
    if (list == NULL || !flag_argument(call, 0, &reverse) || !flag_argument(call, 1, &case_sensitive) ||
        !evaluation_may_compare(call->evaluation, list->count)) {
        return NULL;
    }
    g_autofree Value *items = g_new(Value, list->count + 1);
    for (gsize i = 0; i < list->count; i++) {
        gsize at = i;
        for (int sign = 0; at > 0; at--) {
            if (!compare_keys(call, &items[at - 1], &list->items[i], case_sensitive, &sign)) {
                return NULL;
            }
            if (reverse ? sign >= 0 : sign <= 0) {
                break;
            }
            items[at] = items[at - 1];
        }
        items[at] = list->items[i];
    }
    return value_sequence(call->evaluation, VALUE_LIST, items, list->count);
}

static const Value *extreme(const Call *call, int wanted)
{
    const Value *list = filter_list(call);
    gboolean case_sensitive = FALSE;
    if (list == NULL || !flag_argument(call, 0, &case_sensitive)) {
        return NULL;
    }
    if (list->count == 0) {
        return value_undefined(call->evaluation, g_strdup("No aggregated item, sequence was empty."));
    }
    const Value *best = &list->items[0];
    for (gsize i = 1; i < list->count; i++) {
        int sign = 0;
        if (!compare_keys(call, &list->items[i], best, case_sensitive, &sign)) {
            return NULL;
        }
        best = sign == wanted ? &list->items[i] : best;
    }
    return best;
}

static const Value *filter_min(const Call *call)
{
    return extreme(call, -1);
}

static const Value *filter_max(const Call *call)
{
    return extreme(call, 1);
}

static const Value *filter_unique(const Call *call)
{
    const Value *list = filter_list(call);
    gboolean case_sensitive = FALSE;
    if (list == NULL || !flag_argument(call, 0, &case_sensitive) ||
        !evaluation_may_compare(call->evaluation, list->count)) {
        return NULL;
    }
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    for (gsize i = 0; i < list->count; i++) {
        gboolean known = FALSE;
        for (guint j = 0; j < items->len && !known; j++) {
            Value a = sort_key(&list->items[i], case_sensitive);
            Value b = sort_key(&g_array_index(items, Value, j), case_sensitive);
            known = value_equal(&a, &b);
            g_free((char *)a.text);
            g_free((char *)b.text);
        }
        if (!known) {
            g_array_append_val(items, list->items[i]);
        }
    }
    return value_sequence(call->evaluation, VALUE_LIST, (const Value *)items->data, items->len);
}

static const Value *filter_sum(const Call *call)
{
    const Value *list = filter_list(call);
    const Value *total = value_int(call->evaluation, 0);
    for (gsize i = 0; list != NULL && total != NULL && i < list->count; i++) {
        total = value_arithmetic(call->evaluation, '+', total, &list->items[i]);
    }
    return list != NULL ? total : NULL;
}

static const Value *filter_default(const Call *call)
{
    gboolean falsy_too = FALSE, truth = TRUE;
    static const Value empty = {.type = VALUE_STRING, .text = ""};
    const Value *other = argument(call, 0) != NULL ? argument(call, 0) : &empty;
    if (call->value->type == VALUE_UNDEFINED) {
        return other;
    }
    if (!flag_argument(call, 1, &falsy_too) || (falsy_too && !value_truth(call->evaluation, call->value, &truth))) {
        return NULL;
    }
    return truth ? call->value : other;
}

/* Items for which a test holds: that of the first argument, or just being true. */
static const Value *choose(const Call *call, gboolean wanted)
{
    const Value *list = filter_list(call);
    const char *test = text_argument(call, 0, "");
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    for (gsize i = 0; list != NULL && test != NULL && i < list->count; i++) {
        gboolean truth = FALSE;
        const Value *result =
            call->count > 0 ? value_test(call->evaluation, test, &list->items[i], call->arguments + 1, call->count - 1)
                            : &list->items[i];
        if (result == NULL || !value_truth(call->evaluation, result, &truth)) {
            return NULL;
        }
        if (truth == wanted) {
            g_array_append_val(items, list->items[i]);
        }
    }
    return list != NULL && test != NULL
               ? value_sequence(call->evaluation, VALUE_LIST, (const Value *)items->data, items->len)
               : NULL;
}

static const Value *filter_select(const Call *call)
{
    return choose(call, TRUE);
}

static const Value *filter_reject(const Call *call)
{
    return choose(call, FALSE);
}

static const Value *filter_map(const Call *call)
{
    const Value *list = filter_list(call);
    const char *filter = text_argument(call, 0, NULL);
    if (list == NULL || filter == NULL) {
        return evaluation_fail(call->evaluation, "map requires a filter argument");
    }
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    for (gsize i = 0; i < list->count; i++) {
        const Value *item =
            value_filter(call->evaluation, filter, &list->items[i], call->arguments + 1, call->count - 1);
        if (item == NULL) {
            return NULL;
        }
        g_array_append_val(items, *item);
    }
    return value_sequence(call->evaluation, VALUE_LIST, (const Value *)items->data, items->len);
}

static const Callable filters[] = {
    {"abs", filter_abs, 0},
    {"capitalize", filter_capitalize, 0},
    {"count", filter_length, 0},
    {"d", filter_default, 2},
    {"default", filter_default, 2},
    {"first", filter_first, 0},
    {"float", filter_float, 1},
    {"int", filter_int, 2},
    {"join", filter_join, 1},
    {"last", filter_last, 0},
    {"length", filter_length, 0},
    {"list", filter_list, 0},
    {"lower", filter_lower, 0},
    {"map", filter_map, EXPRESSION_MAX_ARGUMENTS},
    {"max", filter_max, 1},
    {"min", filter_min, 1},
    {"reject", filter_reject, EXPRESSION_MAX_ARGUMENTS},
    {"replace", filter_replace, 3},
    {"reverse", filter_reverse, 0},
    {"round", filter_round, 2},
    {"select", filter_select, EXPRESSION_MAX_ARGUMENTS},
    {"sort", filter_sort, 2},
    {"string", filter_string, 0},
    {"sum", filter_sum, 0},
    {"title", filter_title, 0},
    {"trim", filter_trim, 1},
    {"unique", filter_unique, 1},
    {"upper", filter_upper, 0},
    {"wordcount", filter_wordcount, 0},
};

/* ---- Methods ---- */

/* Whether the text begins or ends with the argument, or with one of them. */
static const Value *method_affix(const Call *call)
{
    const Value *wanted = argument(call, 0);
    gboolean starts = *call->name == 's', found = FALSE;
    gsize count = wanted == NULL ? 0 : wanted->type == VALUE_TUPLE ? wanted->count : 1;
    for (gsize i = 0; i < count; i++) {
        const Value *affix = wanted->type == VALUE_TUPLE ? &wanted->items[i] : wanted;
        if (affix->type != VALUE_STRING) {
            return evaluation_fail(call->evaluation, "%s first arg must be str or a tuple of str, not %s", call->name,
                                   value_type_name(affix));
        }
        found |= starts ? g_str_has_prefix(call->value->text, affix->text)
                        : g_str_has_suffix(call->value->text, affix->text);
    }
    return wanted != NULL ? to_bool(call, found) : evaluation_fail(call->evaluation, "%s needs a text", call->name);
}

static const Value *method_split(const Call *call)
{
    const char *separator = text_argument(call, 0, "");
    g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(Value));
    if (separator == NULL || (argument(call, 0) != NULL && *separator == '\0')) {
        return evaluation_fail(call->evaluation, "empty separator");
    }
    g_auto(GStrv) parts = *separator != '\0' ? g_strsplit(call->value->text, separator, -1)
                                             : g_strsplit_set(call->value->text, " \t\n\r\f\v", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (*separator != '\0' || **part != '\0') {
            Value item = {.type = VALUE_STRING, .text = arena_strdup(call->evaluation->arena, *part)};
            g_array_append_val(items, item);
        }
    }
    if (items->len == 0 && *separator != '\0') {
        const Value empty = {.type = VALUE_STRING, .text = ""};
        g_array_append_val(items, empty);
    }
    return value_sequence(call->evaluation, VALUE_LIST, (const Value *)items->data, items->len);
}

static const Callable methods[] = {
    {"capitalize", filter_capitalize, 0}, {"endswith", method_affix, 1},   {"lower", filter_lower, 0},
    {"lstrip", method_lstrip, 1},         {"replace", filter_replace, 3},  {"rstrip", method_rstrip, 1},
    {"split", method_split, 1},           {"startswith", method_affix, 1}, {"strip", filter_trim, 1},
    {"upper", filter_upper, 0},
};

/* ---- Calls ---- */

gboolean filter_exists(const char *name)
{
    return callable_find(filters, G_N_ELEMENTS(filters), name) != NULL;
}

const Value *value_filter(Evaluation *evaluation, const char *name, const Value *value, const Value *const *arguments,
                          gsize count)
{
    const Callable *filter = callable_find(filters, G_N_ELEMENTS(filters), name);
    return filter != NULL ? callable_apply(evaluation, filter, value, arguments, count)
                          : evaluation_fail(evaluation, "No filter named '%s' found.", name);
}

const Value *value_method(Evaluation *evaluation, const char *name, const Value *value, const Value *const *arguments,
                          gsize count)
{
    const Callable *method = callable_find(methods, G_N_ELEMENTS(methods), name);
    if (!value_check_defined(evaluation, value)) {
        return NULL;
    }
    return method != NULL && value->type == VALUE_STRING
               ? callable_apply(evaluation, method, value, arguments, count)
               : evaluation_fail(evaluation, "'%s object' has no attribute '%s'", value_type_name(value), name);
}
