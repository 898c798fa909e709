/* test-options.c - the command line by tables: values, choices, pairs, letters, and what is refused */
#include "options.h"

static const OptionSpec table[] = {
    {"deps", 'd', OPTION_STRING, FALSE, "none|run|all", ""},
    {"except", 0, OPTION_STRING, TRUE, "ELEMENT", ""},
    {"option", 'o', OPTION_PAIR, TRUE, "NAME VALUE", ""},
    {"builders", 0, OPTION_INT, FALSE, "N", ""},
    {"strict", 0, OPTION_SWITCH, FALSE, NULL, ""},
    {"force", 'f', OPTION_FLAG, FALSE, NULL, ""},
    {NULL},
};
static const OptionSpec *const tables[] = {table, NULL};

static Arguments *parse(guint max_words, gboolean take_rest, const char *line, int *position, GError **error)
{
    Arguments *arguments = arguments_new();
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    *position = 0;
    if (arguments_parse(arguments, tables, max_words, take_rest, words, position, error))
        return arguments;
    arguments_free(arguments);
    return NULL;
}

static void test_values(void)
{
    int position;
    g_autoptr(GError) error = NULL;
    g_autoptr(Arguments) arguments =
        parse(G_MAXUINT, FALSE, "a.bst -d all --except x --except=y -o name value --no-strict -f b.bst --builders 7",
              &position, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(arguments_get(arguments, "deps"), ==, "all");
    const char *const *except = arguments_list(arguments, "except");
    g_assert_cmpstr(except[0], ==, "x");
    g_assert_cmpstr(except[1], ==, "y");
    g_assert_null(except[2]);
    const char *const *pair = arguments_list(arguments, "option");
    g_assert_cmpstr(pair[0], ==, "name");
    g_assert_cmpstr(pair[1], ==, "value");
    g_assert_false(arguments_switch(arguments, "strict", TRUE));
    g_assert_true(arguments_has(arguments, "force"));
    g_assert_cmpint(arguments_int(arguments, "builders", 1), ==, 7);
    guint count;
    const char *const *words = arguments_words(arguments, &count);
    g_assert_cmpuint(count, ==, 2);
    g_assert_cmpstr(words[1], ==, "b.bst");
    g_assert_null(arguments_rest(arguments));
}

static void test_absent(void)
{
    int position;
    g_autoptr(Arguments) arguments = parse(G_MAXUINT, FALSE, "a", &position, NULL);
    g_assert_null(arguments_get(arguments, "deps"));
    g_assert_null(arguments_list(arguments, "except")[0]);
    g_assert_true(arguments_switch(arguments, "strict", TRUE));
    g_assert_cmpint(arguments_int(arguments, "builders", 4), ==, 4);
}

static void test_letters(void)
{
    int position;
    g_autoptr(Arguments) arguments = parse(G_MAXUINT, FALSE, "-fdrun", &position, NULL);
    g_assert_true(arguments_has(arguments, "force"));
    g_assert_cmpstr(arguments_get(arguments, "deps"), ==, "run");
}

static void test_stop_and_rest(void)
{
    int position;
    g_autoptr(Arguments) first = parse(0, FALSE, "-o a b build -f", &position, NULL);
    g_assert_cmpint(position, ==, 3);
    g_assert_false(arguments_has(first, "force"));
    g_autoptr(Arguments) second = parse(1, TRUE, "e.bst -f -- sh -c exit", &position, NULL);
    g_assert_cmpstr(arguments_rest(second)[0], ==, "sh");
    g_assert_cmpstr(arguments_rest(second)[1], ==, "-c");
    g_assert_true(arguments_has(second, "force"));
    g_autoptr(Arguments) third = parse(1, TRUE, "e.bst sh -f -- x", &position, NULL);
    g_assert_cmpstr(arguments_rest(third)[0], ==, "sh");
    g_assert_cmpstr(arguments_rest(third)[1], ==, "-f");
    g_assert_cmpstr(arguments_rest(third)[2], ==, "--");
    g_assert_false(arguments_has(third, "force"));
    g_autoptr(Arguments) fourth = parse(1, FALSE, "a.bst b.bst", &position, NULL);
    g_assert_null(arguments_rest(fourth));
    g_assert_cmpint(position, ==, 1);
}

static void test_refused(void)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--deps some", "Invalid value for '--deps' / '-d': 'some' is not one of 'none', 'run', 'all'."},
        {"--depz all", "No such option: --depz Did you mean --deps?"},
        {"--no-deps", "No such option: --no-deps Did you mean --deps?"},
        {"-x", "No such option: -x"},
        {"--deps", "Option '--deps' requires an argument."},
        {"--option a", "Option '--option' requires 2 arguments."},
        {"--force=1", "Option '--force' does not take a value."},
        {"--builders -1", "Invalid value for '--builders': '-1' is not a valid integer of 0 or more."},
        {"--builders 99999999999999999999",
         "Invalid value for '--builders': '99999999999999999999' is not a valid integer of 0 or more."},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        int position;
        g_autoptr(GError) error = NULL;
        g_assert_null(parse(G_MAXUINT, FALSE, cases[i].line, &position, &error));
        g_assert_error(error, USAGE_ERROR, 0);
        g_assert_cmpstr(error->message, ==, cases[i].message);
    }
}

static void test_nearest(void)
{
    static const char *const names[] = {"build", "show", "shell", NULL};
    g_assert_cmpstr(nearest_word("biuld", names), ==, "build");
    g_assert_cmpstr(nearest_word("shwo", names), ==, "show");
    g_assert_null(nearest_word("xyzzy", names));
    g_assert_cmpuint(word_distance("kitten", "sitting", 5), ==, 3);
    g_assert_cmpuint(word_distance("a", "abcdefgh", 2), ==, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/values", test_values);
    g_test_add_func("/options/absent", test_absent);
    g_test_add_func("/options/letters", test_letters);
    g_test_add_func("/options/stop-and-rest", test_stop_and_rest);
    g_test_add_func("/options/refused", test_refused);
    g_test_add_func("/options/nearest", test_nearest);
    return g_test_run();
}
