/* test-vcs.c - refs of git sources. */
#include "git-index.h"
#include "git-submodule.h"

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

static void test_matches(void)
{
    g_assert_true(git_ref_matches("refs/heads/main", "main"));
    g_assert_true(git_ref_matches("refs/tags/v1/2", "v*2"));
    g_assert_true(git_ref_matches("refs/tags/v1", "v[0-9]"));
    g_assert_true(git_ref_matches("refs/tags/v]", "v[]]"));
    g_assert_true(git_ref_matches("refs/tags/v[", "v["));
    g_assert_true(git_ref_matches("refs/pull/1/head", "refs/pull/*/head"));
    g_assert_true(git_ref_matches("refs/tags/abab", "*ab"));
    g_assert_false(git_ref_matches("refs/tags/v1", "v[!0-9]"));
    g_assert_false(git_ref_matches("refs/tags/v12", "v?"));
    g_assert_false(git_ref_matches("refs/pull/1/head", "*"));
    g_assert_false(git_ref_matches("refs/heads/main", "refs/tags/*"));
}

static void test_versions(void)
{
    static const char *const rising[] = {"v1.beta", "v1.0", "v1.0.rc", "v1.0.1", "v1.2", "v1.10", "v2", "v10"};
    for (gsize i = 0; i < G_N_ELEMENTS(rising); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(rising); j++) {
            int order = git_version_compare(rising[i], rising[j]);
            g_assert_cmpint((order > 0) - (order < 0), ==, (i > j) - (i < j));
        }
    }
    g_assert_cmpint(git_version_compare("1.beta", "1~beta"), ==, 0);
    g_assert_cmpint(git_version_compare("1.007", "1.7"), ==, 0);
}

static void test_urls(void)
{
    static const char *const good[] = {"https://example.com/a",   "http://[::1]/a", "ssh://git@example.com/a",
                                       "git@example.com:a/b.git", "file:///a",      "/a/b",
                                       "git://example.com/a"};
    static const char *const bad[] = {"",
                                      "-x",
                                      "--upload-pack=x",
                                      "ext::sh -c x",
                                      "fd::3",
                                      "../a",
                                      "a/b",
                                      "ftp://x/y",
                                      "https://x/\ny",
                                      "http::https://x",
                                      "git@-oProxyCommand=x:a"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(git_url_check(good[i], NULL));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(git_url_check(bad[i], &error));
        g_assert_cmpstr(error_get_reason(error), ==, "git-url");
    }
    g_assert_true(git_url_is_local("file:///x"));
    g_assert_true(git_url_is_local("FILE:///x"));
    g_assert_true(git_url_is_local("/x:y"));
    g_assert_false(git_url_is_local("host:x"));
}

static void check_submodule_url(const char *parent, const char *url, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *result = git_submodule_url(parent, url, &error);
    g_assert_cmpstr(result, ==, expected);
    g_assert_true((expected == NULL) == (error != NULL));
}

static void test_submodule_urls(void)
{
    check_submodule_url("up:a.git", "https://x/y", "https://x/y");
    check_submodule_url("up:a.git", "../b.git", "up:b.git");
    check_submodule_url("up:a/b/", "../../c", "up:c");
    check_submodule_url("up:a", "./b", "up:a/b");
    check_submodule_url("https://example.com/x/a", "../../b", "https://example.com/b");
    check_submodule_url("https://example.com/a", "../../b", NULL);
    check_submodule_url("up:a", "../../b", NULL);
}

static void test_submodule_paths(void)
{
    static const char *const bad[] = {"", "/a", "a/", "a//b", "..", "a/../b", ".", "a/.git", ".GIT/x", "-a"};
    g_assert_true(git_submodule_path_is_valid("a"));
    g_assert_true(git_submodule_path_is_valid("a/b.c/-d"));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(git_submodule_path_is_valid(bad[i]));
    }
}

static void test_ref_names(void)
{
    static const char *const bad[] = {"",   "/a",   "a/", "a..b", "a b", "a:b", "a~1",  "a^",     "a?",   "a*",  "a[",
                                      "-a", "a\\b", "@",  "a@{b", "a.",  ".a",  "a/.b", "a.lock", "a//b", "a\nb"};
    g_assert_true(git_ref_name_is_valid("v1.0-rc/2"));
    g_assert_true(git_ref_name_is_valid("Z\xc3\xbcrich"));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(git_ref_name_is_valid(bad[i]));
    }
}

static void test_exact_tag(void)
{
    g_autofree char *tag = git_exact_tag("v-0-g1-0-g" SHA);
    g_assert_cmpstr(tag, ==, "v-0-g1");
    g_assert_null(git_exact_tag("v-1-g" SHA));
}

/* One entry: header, 62 bytes of fields, a name of 1 and one zero to make 72, checksum. */
static void test_index(void)
{
    GitIndexEntry entries[] = {{.mode = 0100644, .size = 5, .name = "b"}, {.mode = 0120000, .size = 1, .name = "a"}};
    g_autoptr(GBytes) index = git_index_encode(entries, G_N_ELEMENTS(entries));
    gsize length;
    const guint8 *data = g_bytes_get_data(index, &length);
    g_assert_cmpuint(length, ==, 12 + 2 * 64 + 20);
    g_assert_cmpmem(data, 12, "DIRC\0\0\0\2\0\0\0\2", 12);
    g_assert_cmpint(data[12 + 62], ==, 'a');
    g_assert_cmpint(data[12 + 64 + 62], ==, 'b');
}

static void test_program(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_strdup(g_getenv("PATH"));
    const Git git = {.directory = "/"};
    int status = -1;
    g_assert_false(git_run(&git, GIT_ARGUMENTS("no-such-command"), "It failed", NULL, NULL, &error));
    g_assert_cmpstr(error->message, ==, "It failed");
    g_assert_nonnull(strstr(error_get_detail(error), "no-such-command"));
    g_clear_error(&error);
    g_assert_true(git_run(&git, GIT_ARGUMENTS("no-such-command"), "It failed", &status, NULL, &error));
    g_assert_cmpint(status, ==, 1);
    g_setenv("PATH", "/nowhere", TRUE);
    g_assert_false(git_run(&git, GIT_ARGUMENTS("version"), "It failed", NULL, NULL, &error));
    g_assert_cmpint(error->code, ==, ERROR_PROG_NOT_FOUND);
    g_setenv("PATH", path, TRUE);
}

static void test_cancelled(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    const Git git = {.directory = "/", .cancellable = cancellable};
    g_cancellable_cancel(cancellable);
    g_assert_false(git_run(&git, GIT_ARGUMENTS("-c", "alias.wait=!sleep 60", "wait"), "It failed", NULL, NULL, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vcs/ref", test_ref);
    g_test_add_func("/vcs/strip-tag", test_strip);
    g_test_add_func("/vcs/version-configure", test_version_configure);
    g_test_add_func("/vcs/choice", test_choice);
    g_test_add_func("/vcs/matches", test_matches);
    g_test_add_func("/vcs/versions", test_versions);
    g_test_add_func("/vcs/urls", test_urls);
    g_test_add_func("/vcs/submodule-urls", test_submodule_urls);
    g_test_add_func("/vcs/submodule-paths", test_submodule_paths);
    g_test_add_func("/vcs/ref-names", test_ref_names);
    g_test_add_func("/vcs/exact-tag", test_exact_tag);
    g_test_add_func("/vcs/index", test_index);
    g_test_add_func("/vcs/program", test_program);
    g_test_add_func("/vcs/cancelled", test_cancelled);
    return g_test_run();
}
