/* test-json-read.c - JSON as a tree: what is read, what is refused */
#include "json-read.h"

#include <string.h>

static void test_read(void)
{
    static const char text[] = "{\"a\": [1, true, \"x\\u00e9\\ud83d\\ude00\\n\\\"\"], \"b\": {}, \"c\": []}";
    Arena *arena = arena_new();
    const JsonTree *tree = json_read(arena, text, strlen(text), NULL);
    g_assert_nonnull(tree);
    const JsonTree *list = json_tree_find(tree, "a");
    g_assert_cmpint(list->type, ==, JSON_TREE_ARRAY);
    g_assert_cmpstr(list->first->text, ==, "1");
    g_assert_cmpint(list->first->next->type, ==, JSON_TREE_WORD);
    g_assert_cmpstr(list->first->next->next->text, ==, "x\xc3\xa9\xf0\x9f\x98\x80\n\"");
    g_assert_null(json_tree_find(tree, "d"));
    g_assert_null(json_tree_find(list, "a"));
    g_autoptr(GString) out = g_string_new(NULL);
    json_tree_write(tree, 0, out);
    g_assert_cmpstr(
        out->str, ==,
        "{\n    \"a\": [\n        1,\n        true,\n        \"x\\u00e9\\ud83d\\ude00\\n\\\"\"\n    ],\n    \"b\": "
        "{},\n    \"c\": []\n}");
    arena_free(arena);
}

static void test_refused(void)
{
    static const char *const bad[] = {"",        "{",         "[1,]",     "{\"a\" 1}", "{a:1}", "\"x",
                                      "\"\\q\"", "\"\\u12\"", "\"\xff\"", "[1] [2]",   "[}",    "\"\\ud800\\u1\""};
    Arena *arena = arena_new();
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(json_read(arena, bad[i], strlen(bad[i]), &error));
        g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_ARTIFACT);
    }
    g_autofree char *deep = g_strnfill(JSON_MAX_DEPTH + 1, '[');
    g_autoptr(GError) error = NULL;
    g_assert_null(json_read(arena, deep, strlen(deep), &error));
    g_assert_nonnull(strstr(error->message, "too deep"));
    arena_free(arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json-read/read", test_read);
    g_test_add_func("/json-read/refused", test_refused);
    return g_test_run();
}
