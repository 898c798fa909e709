/* test-show-format.c - the mini-language of `show`'s format, as Python 3.11 answers */
#include "show-format.h"

static void test_specifications(void)
{
    static const struct {
        const char *text, *specification, *result;
    } cases[] = {
        {"abc", "", "abc"},
        {"abc", "5", "abc  "},
        {"abc", ">5", "  abc"},
        {"abc", "^6", " abc  "},
        {"abc", " >12", "         abc"},
        {"abc", "*<5", "abc**"},
        {"abc", "<2", "abc"},
        {"abcdef", ".3", "abc"},
        {"abcdef", ">5.2s", "   ab"},
        {"abc", "05", "abc00"},
        {"abc", ">05", "00abc"},
        {"abc", "x>05", "xxabc"},
        {"abc", "s", "abc"},
        {"\xc3\xa9t\xc3\xa9", ">5", "  \xc3\xa9t\xc3\xa9"},
        {"\xc3\xa9t\xc3\xa9", ".1", "\xc3\xa9"},
        {"a", "\xe2\x86\x92<3", "a\xe2\x86\x92\xe2\x86\x92"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *result = format_string(cases[i].text, cases[i].specification, NULL);
        g_assert_cmpstr(result, ==, cases[i].result);
    }
}

static void test_refused(void)
{
    static const char *const bad[] = {"d", "5d", "x5", ">5x", ".", ".x", "99999999999", "\xff"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(format_string("abc", bad[i], &error));
        g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_APP);
    }
}

static void test_needs_states(void)
{
    g_assert_cmpint(show_format_needs("%{name} %{state: >12}"), ==, SHOW_NEEDS_ARTIFACTS);
    g_assert_cmpint(show_format_needs("%{artifact-cas-digest} %{key}"), ==, SHOW_NEEDS_ARTIFACTS);
    g_assert_cmpint(show_format_needs("%{full-key}"), ==, SHOW_NEEDS_KEYS);
    g_assert_cmpint(show_format_needs("%{name} %{vars} %{unknown} %{"), ==, SHOW_NEEDS_NOTHING);
}

static void test_finish(void)
{
    static const struct {
        const char *text;
        gboolean colors;
        const char *result;
    } cases[] = {
        {"a\n\n\n", FALSE, "a\n"},
        {"", FALSE, "\n"},
        /* What a token gave stays as it is. */
        {"\033[34m\033[1ma\n\033[0m\n\n", FALSE, "a\n\n"},
        {"\033[34ma\033[0m\n", TRUE, "\033[34ma\033[0m\n"},
        {"\033[x\033", FALSE, "\033\n"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new(cases[i].text);
        show_format_finish(text, cases[i].colors);
        g_assert_cmpstr(text->str, ==, cases[i].result);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/show-format/specifications", test_specifications);
    g_test_add_func("/show-format/refused", test_refused);
    g_test_add_func("/show-format/needs-states", test_needs_states);
    g_test_add_func("/show-format/finish", test_finish);
    return g_test_run();
}
