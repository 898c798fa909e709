/* test-yaml-emit.c - YAML as BuildStream 2.8.1 writes it: tests/data/emit, and long lines by the hash of what it makes of the same text */
#include "json.h"
#include "project-fixture.h"
#include "source-info.h"

#include <string.h>

static const char *data_directory;

static Node *read_node(Arena *arena, const char *name)
{
    g_autofree char *path = g_build_filename(data_directory, name, NULL);
    char *text;
    gsize length;
    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    NodeFile *file = arena_new_of(arena, NodeFile);
    file->name = "input.yaml";
    file->text = arena_strndup(arena, text, length);
    g_free(text);
    Node *node = node_parse(arena, file, file->text, length, NULL);
    g_assert_nonnull(node);
    return node;
}

static void test_styles(void)
{
    Arena *arena = arena_new();
    g_autofree char *path = g_build_filename(data_directory, "expected.yaml", NULL), *expected = NULL;
    g_assert_true(g_file_get_contents(path, &expected, NULL, NULL));
    g_autofree char *written = node_emit(read_node(arena, "input.yaml"));
    g_assert_cmpstr(written, ==, expected);
    char a[65], b[65];
    json_key(json_from_node(arena, read_node(arena, "input.yaml")), a);
    json_key(json_from_node(arena, read_node(arena, "expected.yaml")), b);
    g_assert_cmpstr(a, ==, b);
    arena_free(arena);
}

static void test_empty(void)
{
    Arena *arena = arena_new();
    g_autofree char *mapping = node_emit(node_new_mapping(arena, NULL));
    g_autofree char *sequence = node_emit(node_new_sequence(arena, NULL));
    g_assert_cmpstr(mapping, ==, "{}\n");
    g_assert_cmpstr(sequence, ==, "[]\n");
    arena_free(arena);
}

static void set_words(Arena *arena, Node *mapping, const char *key, const char *start, const char *before,
                      const char *after, int count)
{
    g_autoptr(GString) text = g_string_new(start);
    for (int i = 0; i < count; i++) {
        g_string_append_printf(text, "%s%s%d%s", i > 0 ? " " : "", before, i, after);
    }
    node_set(arena, mapping, key, node_new_scalar(arena, text->str, NULL));
}

static void test_folding(void)
{
    Arena *arena = arena_new();
    Node *mapping = node_new_mapping(arena, NULL);
    set_words(arena, mapping, "plain", "", "word", "", 3000);
    set_words(arena, mapping, "single", "# ", "word", "", 3000);
    set_words(arena, mapping, "double", "it's\n", "word", "", 3000);
    set_words(arena, mapping, "quoted", "", "\"word", "\"\n", 3000);
    set_words(arena, mapping, "gaps", "# ", "  w", "'", 4000);
    g_autofree char *written = node_emit(mapping);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, written, -1);
    g_assert_cmpstr(hash, ==, "fe96db6d2b805b1a0fa4324232c7efd255aea669d6f821313dfc9be9e3c86c6e");
    arena_free(arena);
}

static void assert_guess(const char *text, const char *pattern, const char *expected)
{
    g_autofree char *guess = NULL;
    g_assert_true(version_guess(text, pattern, &guess, NULL));
    g_assert_cmpstr(guess, ==, expected);
}

static void test_version_guess(void)
{
    assert_guess("https://example.com/releases/1.2/release-1.2.3.tgz", NULL, "1.2.3");
    assert_guess("https://example.com/release-10.20.tgz", NULL, "10.20");
    assert_guess("https://example.com/release.tgz", NULL, NULL);
    assert_guess("release-1_2_3-r2", "(\\d+)_(\\d+)(?:_(\\d+))?(?:\\-(r\\d+))?", "1.2.3.r2");
    assert_guess("release-1_2", "(\\d+)_(\\d+)(?:_(\\d+))?(?:\\-(r\\d+))?", "1.2");
    assert_guess("x-77", "\\d+", "77");
    g_autofree char *guess = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_false(version_guess("x", "(", &guess, &error));
    g_assert_error(error, G_REGEX_ERROR, G_REGEX_ERROR_UNMATCHED_PARENTHESIS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    data_directory = argv[1];
    g_test_add_func("/yaml-emit/styles", test_styles);
    g_test_add_func("/yaml-emit/empty", test_empty);
    g_test_add_func("/yaml-emit/folding", test_folding);
    g_test_add_func("/yaml-emit/version-guess", test_version_guess);
    return g_test_run();
}
