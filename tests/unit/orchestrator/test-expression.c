/*
 * Conditionals: tests/data/expressions.txt holds what Jinja2 says (made by tests/tools/make-expressions).
 */
#include "expression.h"

#include <string.h>

static const Value *lookup(const char *name, gpointer data)
{
    static const Value items[] = {{.type = VALUE_STRING, .text = "a"}, {.type = VALUE_STRING, .text = "b"}};
    static const Value words[] = {{.type = VALUE_STRING, .text = "b"},
                                  {.type = VALUE_STRING, .text = "C"},
                                  {.type = VALUE_STRING, .text = "a"},
                                  {.type = VALUE_STRING, .text = "B"}};
    static const struct {
        const char *name;
        Value value;
    } names[] = {
        {"yes", {.type = VALUE_BOOL, .number = 1}},
        {"no", {.type = VALUE_BOOL}},
        {"arch", {.type = VALUE_STRING, .text = "x86-64"}},
        {"empty", {.type = VALUE_STRING, .text = ""}},
        {"level", {.type = VALUE_STRING, .text = "High"}},
        {"flags", {.type = VALUE_LIST, .items = items, .count = G_N_ELEMENTS(items)}},
        {"none_set", {.type = VALUE_LIST}},
        {"words", {.type = VALUE_LIST, .items = words, .count = G_N_ELEMENTS(words)}},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i].name) == 0) {
            return &names[i].value;
        }
    }
    return NULL;
}

/* CONDITION, a tab, what Jinja2 says: "True", "False", "error WORDS", or "fails" where Python itself gives up. */
static guint check_line(const char *line)
{
    const char *expected = strrchr(line, '\t');
    g_assert_nonnull(expected);
    g_autofree char *condition = g_strndup(line, (gsize)(expected++ - line));
    g_autofree char *problem = NULL;
    gboolean result = FALSE;
    gboolean ok = expression_evaluate(condition, lookup, NULL, &result, &problem);
    g_assert_true(ok == (problem == NULL));
    g_autofree char *actual = ok ? g_strdup(result ? "True" : "False") : g_strdup_printf("error %s", problem);
    if (strcmp(actual, expected) == 0 || (!ok && strcmp(expected, "fails") == 0)) {
        return 0;
    }
    g_printerr("%s\n    expected %s\n    is       %s\n", condition, expected, actual);
    return 1;
}

static void test_conditions(gconstpointer path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    guint wrong = 0;
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), >, 100);
    for (char **line = lines; *line != NULL && **line != '\0'; line++) {
        wrong += check_line(*line);
    }
    g_assert_cmpuint(wrong, ==, 0);
}

/* What BuildStream crashes with, or takes further than we do. */
static void test_refused(void)
{
    static const struct {
        const char *text, *problem;
    } bad[] = {
        {"arch < 1", "'<' not supported between instances of 'str' and 'int'"},
        {"1 // 0", "division by zero"},
        {"9223372036854775806 + 2", "the value is too large"},
        {"99999999999999999999", "the number is too large"},
        {"arch * 10000000", "the value is too large"},
        {"10 ** 100", "the value is too large"},
        {"('x' * 1000000) | replace('x', 'x' * 1000000)", "the value is too large"},
        {"'x' | replace('', 'x' * 1000000) | replace('', 'x' * 1000000)", "the value is too large"},
        {"([1] * 4000) | join('x' * 1000000)", "the value is too large"},
        {"[1] * 5000", "the value is too large"},
        {"[[[1] * 1000] * 1000] * 1000 == []", "the value is too large"},
        {"('x' * 100000) | list", "the value is too large"},
        {"(['x'] * 4000) | map('replace', 'x', 'x' * 100000) | length", "the value is too large"},
        {"[([1] * 4000) | sort, ([1] * 4000) | sort, ([1] * 4000) | sort, ([1] * 4000) | unique, ([1] * 4000) | "
         "unique] == 1",
         "the expression is too complex"},
        {"flags | round(method='floor')", "expected token ',', got '='"},
    };
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
    g_assert_cmpint(argc, ==, 2);
    g_test_add_data_func("/expression/conditions", argv[1], test_conditions);
    g_test_add_func("/expression/refused", test_refused);
    g_test_add_func("/expression/limits", test_limits);
    return g_test_run();
}
