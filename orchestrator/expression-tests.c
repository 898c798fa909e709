/*
 * expression-tests.c - what may stand behind `is`.
 */
#include "expression-call.h"

#include <string.h>

static const Value *argument(const Call *call, gsize index)
{
    return index < call->count ? call->arguments[index] : NULL;
}

static const Value *to_bool(const Call *call, gboolean value)
{
    return value_bool(call->evaluation, value);
}

static const Value *test_defined(const Call *call)
{
    return to_bool(call, (call->value->type == VALUE_UNDEFINED) == (*call->name == 'u'));
}

static const Value *test_none(const Call *call)
{
    return to_bool(call, call->value->type == VALUE_NONE);
}

static const Value *test_constant(const Call *call)
{
    return to_bool(call, call->value->type == VALUE_BOOL && (call->value->number != 0) == (*call->name == 't'));
}

static const Value *test_boolean(const Call *call)
{
    return to_bool(call, call->value->type == VALUE_BOOL);
}

static const Value *test_integer(const Call *call)
{
    return to_bool(call, call->value->type == VALUE_INT);
}

static const Value *test_float(const Call *call)
{
    return to_bool(call, call->value->type == VALUE_FLOAT);
}

static const Value *test_number(const Call *call)
{
    return to_bool(call, value_is_number(call->value));
}

static const Value *test_string(const Call *call)
{
    return to_bool(call, call->value->type == VALUE_STRING);
}

static const Value *test_mapping(const Call *call)
{
    return to_bool(call, call->value->type == VALUE_DICT);
}

static const Value *test_sequence(const Call *call)
{
    ValueType type = call->value->type;
    return to_bool(call, value_is_sequence(call->value) || type == VALUE_STRING || type == VALUE_DICT);
}

static const Value *test_iterable(const Call *call)
{
    return value_check_defined(call->evaluation, call->value) ? test_sequence(call) : NULL;
}

/* An undefined value can be called, if only to say that it is none. */
static const Value *test_callable(const Call *call)
{
    return to_bool(call, call->value->type == VALUE_UNDEFINED);
}

static const Value *test_escaped(const Call *call)
{
    return to_bool(call, FALSE);
}

static const Value *divisible(const Call *call, const Value *by, gint64 rest)
{
    const Value wanted = {.type = VALUE_INT, .number = rest};
    const Value *actual = value_arithmetic(call->evaluation, '%', call->value, by);
    return actual != NULL ? to_bool(call, value_equal(actual, &wanted)) : NULL;
}

static const Value *test_parity(const Call *call)
{
    static const Value two = {.type = VALUE_INT, .number = 2};
    return divisible(call, &two, *call->name == 'o');
}

static const Value *test_divisibleby(const Call *call)
{
    return call->count == 1 ? divisible(call, call->arguments[0], 0)
                            : evaluation_fail(call->evaluation, "'divisibleby' needs a number");
}

static const Value *test_in(const Call *call)
{
    return call->count == 1 ? value_contains(call->evaluation, call->value, call->arguments[0])
                            : evaluation_fail(call->evaluation, "'in' needs a sequence");
}

static const Value *test_sameas(const Call *call)
{
    const Value *other = argument(call, 0);
    return to_bool(call, other != NULL && other->type == call->value->type && other->type != VALUE_UNDEFINED &&
                             value_equal(call->value, other));
}

/* eq, ne, lt, le, gt, ge and their other names. */
static const Value *test_order(const Call *call)
{
    static const struct {
        const char *names[4];
        gboolean less, equal, greater;
    } relations[] = {
        {{"eq", "==", "equalto"}, FALSE, TRUE, FALSE},    {{"ne", "!="}, TRUE, FALSE, TRUE},
        {{"lt", "<", "lessthan"}, TRUE, FALSE, FALSE},    {{"le", "<="}, TRUE, TRUE, FALSE},
        {{"gt", ">", "greaterthan"}, FALSE, FALSE, TRUE}, {{"ge", ">="}, FALSE, TRUE, TRUE},
    };
    gsize which = 0;
    while (!g_strv_contains(relations[which].names, call->name)) {
        which++;
    }
    const Value *other = argument(call, 0);
    if (other == NULL || !value_check_defined(call->evaluation, call->value) ||
        !value_check_defined(call->evaluation, other)) {
        return evaluation_fail(call->evaluation, "'%s' needs something to compare with", call->name);
    }
    if (relations[which].less == relations[which].greater) {
        return to_bool(call, value_equal(call->value, other) == relations[which].equal);
    }
    int sign = 0;
    if (!value_order(call->value, other, &sign)) {
        return evaluation_fail(call->evaluation, "'%s' not supported between instances of '%s' and '%s'", call->name,
                               value_type_name(call->value), value_type_name(other));
    }
    return to_bool(call, sign < 0    ? relations[which].less
                         : sign == 0 ? relations[which].equal
                                     : relations[which].greater);
}

/* Python's islower() and isupper(): letters with a case, all of this one. */
static const Value *test_case(const Call *call)
{
    const char *text = value_to_text(call->evaluation, call->value);
    gboolean found = FALSE, other = FALSE;
    for (const char *at = text; at != NULL && *at != '\0'; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);
        gboolean lower = g_unichar_islower(c), upper = g_unichar_isupper(c);
        found |= *call->name == 'l' ? lower : upper;
        other |= *call->name == 'l' ? upper : lower;
    }
    return text != NULL ? to_bool(call, found && !other) : NULL;
}

static const Value *test_filter(const Call *call)
{
    return to_bool(call, call->value->type == VALUE_STRING && filter_exists(call->value->text));
}

static const Callable tests[] = {
    {"!=", test_order, 1},
    {"<", test_order, 1},
    {"<=", test_order, 1},
    {"==", test_order, 1},
    {">", test_order, 1},
    {">=", test_order, 1},
    {"boolean", test_boolean, 0},
    {"callable", test_callable, 0},
    {"defined", test_defined, 0},
    {"divisibleby", test_divisibleby, 1},
    {"eq", test_order, 1},
    {"equalto", test_order, 1},
    {"escaped", test_escaped, 0},
    {"even", test_parity, 0},
    {"false", test_constant, 0},
    {"filter", test_filter, 0},
    {"float", test_float, 0},
    {"ge", test_order, 1},
    {"greaterthan", test_order, 1},
    {"gt", test_order, 1},
    {"in", test_in, 1},
    {"integer", test_integer, 0},
    {"iterable", test_iterable, 0},
    {"le", test_order, 1},
    {"lessthan", test_order, 1},
    {"lower", test_case, 0},
    {"lt", test_order, 1},
    {"mapping", test_mapping, 0},
    {"ne", test_order, 1},
    {"none", test_none, 0},
    {"number", test_number, 0},
    {"odd", test_parity, 0},
    {"sameas", test_sameas, 1},
    {"sequence", test_sequence, 0},
    {"string", test_string, 0},
    {"true", test_constant, 0},
    {"undefined", test_defined, 0},
    {"upper", test_case, 0},
};

const Value *value_test(Evaluation *evaluation, const char *name, const Value *value, const Value *const *arguments,
                        gsize count)
{
    const Callable *test = callable_find(tests, G_N_ELEMENTS(tests), name);
    return test != NULL ? callable_apply(evaluation, test, value, arguments, count)
                        : evaluation_fail(evaluation, "No test named '%s' found.", name);
}
