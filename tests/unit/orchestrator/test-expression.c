#include "expression.h"

#include <string.h>

static const Value *lookup(const char *name, gpointer data)
{
    static const Value items[] = {{.type = VALUE_STRING, .text = "a"}, {.type = VALUE_STRING, .text = "b"}};
    static const struct {
        const char *name;
        Value value;
    } names[] = {
        {"yes", {.type = VALUE_BOOL, .number = 1}},
        {"no", {.type = VALUE_BOOL}},
        {"arch", {.type = VALUE_STRING, .text = "x86-64"}},
        {"empty", {.type = VALUE_STRING, .text = ""}},
        {"flags", {.type = VALUE_LIST, .items = items, .count = 2}},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i].name) == 0) {
            return &names[i].value;
        }
    }
    return NULL;
}

static const struct {
    const char *text;
    gboolean result;
} good[] = {
    {"yes", TRUE},
    {"not yes", FALSE},
    {"arch == 'x86-64'", TRUE},
    {"arch == \"i686\"", FALSE},
    {"arch != 'i686' and yes", TRUE},
    {"arch in ['aarch64', 'x86-64']", TRUE},
    {"arch not in ('aarch64', \"arm\")", TRUE},
    {"'a' in flags", TRUE},
    {"'c' in flags or no", FALSE},
    {"not no and not (arch == 'arm')", TRUE},
    {"'86' in arch", TRUE},
    {"empty", FALSE},
    {"flags", TRUE},
    {"flags == ['a', 'b']", TRUE},
    {"yes == True", TRUE},
    {"no == false", TRUE},
    {"1 < 2 < 3", TRUE},
    {"1 < 3 < 2", FALSE},
    {"1 + 2 * 3 == 7", TRUE},
    {"(1 + 2) * 3 == 9", TRUE},
    {"7 // 2 == 3 and -7 // 2 == -4 and 7 % 3 == 1 and -7 % 3 == 2", TRUE},
    {"2 ** 3 == 8", TRUE},
    {"1 / 2 == 0.5", TRUE},
    {"arch ~ '!' == 'x86-64!'", TRUE},
    {"'a' 'b' == 'ab'", TRUE},
    {"flags | length == 2", TRUE},
    {"arch | upper == 'X86-64'", TRUE},
    {"flags[0] == 'a' and flags[-1] == 'b'", TRUE},
    {"missing is defined", FALSE},
    {"missing is not defined and arch is defined", TRUE},
    {"no and missing", FALSE},
    {"yes or missing", TRUE},
    {"arch is string and yes is boolean and flags is sequence", TRUE},
    {"yes if no else yes", TRUE},
    {"no if yes else missing", FALSE},
    {"none is none", TRUE},
    {"'it\\'s' == \"it's\"", TRUE},
    {"[] or ()", FALSE},
};

static const struct {
    const char *text, *problem;
} bad[] = {
    {"missing", "'missing' is undefined"},
    {"yes and missing", "'missing' is undefined"},
    {"missing == 'x'", "'missing' is undefined"},
    {"arch ==", "Expected an expression, got 'end of statement block'"},
    {"", "Expected an expression, got 'end of statement block'"},
    {"(yes", "unexpected 'end of statement block', expected ')'"},
    {"yes yes", "expected token 'end of statement block', got 'yes'"},
    {"arch = 'x'", "expected token 'end of statement block', got '='"},
    {"'open", "unexpected char 'open'"},
    {"1 in 2", "argument of type 'int' is not iterable"},
    {"1 in arch", "'in <string>' requires string as left operand, not int"},
    {"arch < 1", "'<' not supported between instances of 'str' and 'int'"},
    {"1 // 0", "division by zero"},
    {"9223372036854775807 + 1", "the number is too large"},
    {"arch | frobnicate", "No filter named 'frobnicate' for a value of type 'str'."},
    {"arch is frobnicated", "No test named 'frobnicated'."},
    {"arch not 'x'", "unexpected 'x', expected 'in'"},
    {"and", "unexpected 'and'"},
    {"flags[5]", "'list object' has no element 5"},
    {"yes ? no", "expected token 'end of statement block', got '?'"},
};

static void test_good(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        gboolean result = !good[i].result;
        g_autofree char *problem = NULL;
        gboolean ok = expression_evaluate(good[i].text, lookup, NULL, &result, &problem);
        g_assert_cmpstr(problem, ==, NULL);
        g_assert_true(ok);
        if (result != good[i].result) {
            g_error("%s is %d", good[i].text, result);
        }
    }
}

static void test_bad(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        gboolean result = FALSE;
        g_autofree char *problem = NULL;
        g_assert_false(expression_evaluate(bad[i].text, lookup, NULL, &result, &problem));
        g_assert_cmpstr(problem, ==, bad[i].problem);
    }
}

static void test_limits(void)
{
    static const char *const repeated[] = {"(", "not ", "-", "2**", "[", "yes if yes else (", "((yes if no else "};
    for (gsize i = 0; i < G_N_ELEMENTS(repeated); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (int j = 0; j < 3000; j++) {
            g_string_append(text, repeated[i]);
        }
        gboolean result = FALSE;
        g_autofree char *problem = NULL;
        g_assert_false(expression_evaluate(text->str, lookup, NULL, &result, &problem));
        g_assert_nonnull(problem);
    }
    g_autofree char *huge = g_strnfill(100000, ' ');
    gboolean result = FALSE;
    g_autofree char *problem = NULL;
    g_assert_false(expression_evaluate(huge, lookup, NULL, &result, &problem));
    g_assert_cmpstr(problem, ==, "the expression is too long");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/expression/good", test_good);
    g_test_add_func("/expression/bad", test_bad);
    g_test_add_func("/expression/limits", test_limits);
    return g_test_run();
}
