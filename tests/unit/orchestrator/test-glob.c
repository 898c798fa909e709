/* test-glob.c - globs of split rules, whitelists and artifact names */
#include "glob.h"

#include "error.h"

static const struct {
    const char *glob, *text;
    gboolean matches;
} cases[] = {
    {"/usr/bin/*", "/usr/bin/sh", TRUE},
    {"/usr/bin/*", "/usr/bin/deep/sh", FALSE},
    {"/usr/bin/*", "/usr/bin/", TRUE},
    {"/usr/bin/*", "/opt/usr/bin/sh", FALSE},
    {"/usr/**", "/usr/bin/deep/sh", TRUE},
    {"/usr/**/sh", "/usr/bin/deep/sh", TRUE},
    {"/usr/**", "/usr", FALSE},
    {"/a?c", "/abc", TRUE},
    {"/a?c", "/a/c", FALSE},
    {"/lib*.so.[0-9]", "/libz.so.1", TRUE},
    {"/lib*.so.[!0-9]", "/libz.so.1", FALSE},
    {"/lib*.so.[!0-9]", "/libz.so.x", TRUE},
    {"/[^a]", "/^", TRUE},
    {"/[^a]", "/b", FALSE},
    {"/[]a]", "/]", TRUE},
    {"/[a", "/[a", TRUE},
    {"/a.c", "/abc", FALSE},
    {"/a+(b)|c$", "/a+(b)|c$", TRUE},
    {"/c\\d", "/c\\d", TRUE},
    {"/new\nline*", "/new\nline\n", TRUE},
    {"/a", "/a\n", FALSE},
    {"/gr\xc3\xbc\xc3\x9f*",
     "/gr\xc3\xbc\xc3\x9f"
     "e",
     TRUE},
    {"/bytes-\xff*", "/bytes-\xff\xfe", TRUE},
};

static void test_cases(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GRegex) regex = glob_compile(&cases[i].glob, 1, &error);
        g_assert_no_error(error);
        gboolean matches = g_regex_match(regex, cases[i].text, 0, NULL);
        if (matches != cases[i].matches)
            g_error("glob '%s' on '%s': %d", cases[i].glob, cases[i].text, matches);
    }
}

static void test_several(void)
{
    const char *const globs[] = {"/a/*", "/b/**"};
    g_autoptr(GRegex) both = glob_compile(globs, 2, NULL), none = glob_compile(globs, 0, NULL);
    g_assert_true(g_regex_match(both, "/a/x", 0, NULL));
    g_assert_true(g_regex_match(both, "/b/x/y", 0, NULL));
    g_assert_false(g_regex_match(both, "/c/x", 0, NULL));
    g_assert_false(g_regex_match(none, "", 0, NULL));
    g_assert_false(g_regex_match(none, "/a/x", 0, NULL));
}

static void test_too_long(void)
{
    g_autofree char *many = g_strnfill(2 * 1024 * 1024, 'x');
    const char *globs[] = {many};
    g_autoptr(GError) error = NULL;
    g_assert_null(glob_compile(globs, 1, &error));
    g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_LOAD);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/glob/cases", test_cases);
    g_test_add_func("/glob/several", test_several);
    g_test_add_func("/glob/too-long", test_too_long);
    return g_test_run();
}
