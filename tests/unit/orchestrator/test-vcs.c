/* test-vcs.c - refs of git sources. */
#include "source-git.h"

#include <string.h>

static void check_ref(const char *text, const char *tag, const char *commits, const char *sha)
{
    Arena *arena = arena_new();
    GitRef ref;
    gboolean ok = git_ref_parse(arena, text, &ref);
    g_assert_cmpint(ok, ==, sha != NULL);
    if (ok) {
        g_assert_cmpstr(ref.tag, ==, tag);
        g_assert_cmpstr(ref.commits, ==, commits);
        g_assert_cmpstr(ref.sha, ==, sha);
    }
    arena_free(arena);
}

#define SHA "0123456789abcdef0123456789abcdef01234567"

static void test_ref(void)
{
    check_ref(SHA, NULL, NULL, SHA);
    check_ref(SHA "89", NULL, NULL, SHA);
    check_ref("v1-0-g" SHA, "v1", "0", SHA);
    check_ref("v1-12-g" SHA "x", "v1", "12", SHA);
    check_ref("a-1-g" SHA "-2-g" SHA, "a-1-g" SHA, "2", SHA);
    check_ref("-3-g" SHA, "", "3", SHA);
    check_ref("v1-x-g" SHA, NULL, NULL, NULL);
    check_ref("3-g" SHA, NULL, NULL, NULL);
    check_ref("v1-3-g0123", NULL, NULL, NULL);
    check_ref("v\n1-3-g" SHA, NULL, NULL, NULL);
    check_ref("", NULL, NULL, NULL);
    check_ref("0123456789ABCDEF0123456789abcdef01234567", NULL, NULL, NULL);
}

static void test_strip(void)
{
    g_assert_cmpstr(git_strip_tag(SHA), ==, SHA);
    g_assert_cmpstr(git_strip_tag("v-g-0-g" SHA), ==, SHA);
    g_assert_cmpstr(git_strip_tag("a-gg-g"), ==, "");
    g_assert_cmpstr(git_strip_tag("a-g-gx"), ==, "x");
}

static Node *parse(Arena *arena, const char *text)
{
    static const NodeFile file = {.name = "test"};
    g_autoptr(GError) error = NULL;
    Node *node = node_parse(arena, &file, text, strlen(text), &error);
    g_assert_no_error(error);
    return node;
}

static void test_version_configure(void)
{
    Arena *arena = arena_new();
    g_autoptr(GError) error = NULL;
    SourceVersion version = {NULL, NULL};
    g_assert_true(source_version_configure(&version, parse(arena, "{version: 1.0, version-guess-pattern: x}"), &error));
    g_assert_cmpstr(version.version, ==, "1.0");
    g_assert_false(source_version_configure(&version, parse(arena, "version-guess-pattern: (x"), &error));
    g_assert_cmpstr(error_get_reason(error), ==, "INVALID_DATA");
    g_clear_error(&error);
    g_assert_false(source_version_configure(&version, parse(arena, "version: [1]"), &error));
    arena_free(arena);
}

static void test_choice(void)
{
    static const char *const choices[] = {"one", "two", NULL};
    Arena *arena = arena_new();
    g_autoptr(GError) error = NULL;
    guint choice = 7;
    Node *node = parse(arena, "{a: two, b: ona, c: [one]}");
    g_assert_true(node_get_choice(node, "a", choices, &choice, &error));
    g_assert_cmpuint(choice, ==, 1);
    g_assert_true(node_get_choice(node, "none", choices, &choice, &error));
    g_assert_cmpuint(choice, ==, 1);
    g_assert_false(node_get_choice(node, "b", choices, &choice, &error));
    g_assert_nonnull(strstr(error->message, "Value of 'b' should be one of 'one, two'"));
    g_assert_cmpstr(error_get_suggestion(error), ==, "one");
    g_clear_error(&error);
    g_assert_false(node_get_choice(node, "c", choices, &choice, &error));
    arena_free(arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vcs/ref", test_ref);
    g_test_add_func("/vcs/strip-tag", test_strip);
    g_test_add_func("/vcs/version-configure", test_version_configure);
    g_test_add_func("/vcs/choice", test_choice);
    return g_test_run();
}
