#include "json.h"
#include "node-private.h"

#include <string.h>

static const NodeFile base_file = {.name = "base"}, over_file = {.name = "over"};

static const struct {
    const char *base, *over, *result;
} good[] = {
    {"{a: 1, b: 2}", "{b: 3, c: 4}", "{a: 1, b: 3, c: 4}"},
    {"{m: {x: 1, y: 2}}", "{m: {y: 3}}", "{m: {x: 1, y: 3}}"},
    {"{l: [a, b]}", "{l: [c]}", "{l: [c]}"},
    {"{l: [a, b]}", "{l: {(>): [c]}}", "{l: [a, b, c]}"},
    {"{l: [a, b]}", "{l: {(<): [c, d]}}", "{l: [c, d, a, b]}"},
    {"{l: [a, b]}", "{l: {(=): [c]}}", "{l: [c]}"},
    {"{l: [a]}", "{l: {(=): [x], (<): [b], (>): [c]}}", "{l: [b, x, c]}"},
    {"{l: {(>): [a]}}", "{l: {(>): [b]}}", "{l: {(>): [a, b]}}"},
    {"{l: {(<): [a]}}", "{l: {(<): [b]}}", "{l: {(<): [b, a]}}"},
    {"{l: {(>): [a]}}", "{l: [b]}", "{l: [b]}"},
    {"{}", "{l: {(>): [a]}}", "{l: {(>): [a]}}"},
    {"{(?): [{a: {}}]}", "{(?): [{b: {}}]}", "{(?): [{a: {}}, {b: {}}]}"},
    {"{a: 1}", "{}", "{a: 1}"},
    {"{}", "{m: {n: {o: 1}}}", "{m: {n: {o: 1}}}"},
};

static const struct {
    const char *base, *over, *reason, *message;
} bad[] = {
    {"{a: {x: 1}}", "{a: 1}", "ILLEGAL_COMPOSITE",
     "over [line 1 column 0]: Failure composing ['a']: over [line 1 column 4]: Cannot compose scalar on non-scalar at "
     "base [line 1 column 4]"},
    {"{m: {a: 1}}", "{m: {a: [x]}}", "ILLEGAL_COMPOSITE",
     "over [line 1 column 0]: Failure composing ['m', 'a']: over [line 1 column 8]: List cannot overwrite a at: base "
     "[line 1 column 8]"},
    {"{a: 1}", "{a: {(>): [x]}}", "ILLEGAL_COMPOSITE",
     "over [line 1 column 0]: Failure composing ['a']: over [line 1 column 4]: Cannot compose lists onto base [line 1 "
     "column 4]"},
    {"{a: 1}", "{a: {b: 2}}", "ILLEGAL_COMPOSITE",
     "over [line 1 column 0]: Failure composing ['a']: over [line 1 column 4]: Cannot compose dictionary on scalar at "
     "base [line 1 column 4]"},
    {"{}", "{a: {(>): [x], b: 1}}", "INVALID_DATA",
     "over [line 1 column 4]: Dictionary contains list composition directives and arbitrary keys"},
    {"{}", "{a: {(>): x}}", "INVALID_DATA",
     "over [line 1 column 10]: Value of '(>)' is not of the expected type 'list'"},
};

static Node *parse(Arena *arena, const NodeFile *file, const char *text)
{
    g_autoptr(GError) error = NULL;
    Node *node = node_parse(arena, file, text, strlen(text), &error);
    g_assert_no_error(error);
    return node;
}

static char *text_of(Arena *arena, const Node *node)
{
    GString *text = g_string_new(NULL);
    json_write(json_from_node(arena, node), text);
    return g_string_free(text, FALSE);
}

static void test_good(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        Arena *arena = arena_new();
        g_autoptr(GError) error = NULL;
        Node *base = parse(arena, &base_file, good[i].base), *over = parse(arena, &over_file, good[i].over);
        g_autofree char *base_before = text_of(arena, base), *over_before = text_of(arena, over);
        Node *result = node_compose(arena, base, over, &error);
        g_assert_no_error(error);
        g_autofree char *text = text_of(arena, result);
        g_autofree char *expected = text_of(arena, parse(arena, &base_file, good[i].result));
        g_assert_cmpstr(text, ==, expected);
        g_autofree char *base_after = text_of(arena, base), *over_after = text_of(arena, over);
        g_assert_cmpstr(base_before, ==, base_after);
        g_assert_cmpstr(over_before, ==, over_after);
        arena_free(arena);
    }
}

static void test_bad(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        Arena *arena = arena_new();
        g_autoptr(GError) error = NULL;
        Node *base = parse(arena, &base_file, bad[i].base), *over = parse(arena, &over_file, bad[i].over);
        g_assert_null(node_compose(arena, base, over, &error));
        g_assert_cmpstr(error_get_reason(error), ==, bad[i].reason);
        g_assert_cmpstr(error->message, ==, bad[i].message);
        arena_free(arena);
    }
}

static void test_order(void)
{
    Arena *arena = arena_new();
    Node *result =
        node_compose(arena, parse(arena, &base_file, "{b: 1, a: 2}"), parse(arena, &over_file, "{c: 3, a: 4}"), NULL);
    g_assert_cmpstr(node_key_at(result, 0), ==, "b");
    g_assert_cmpstr(node_key_at(result, 1), ==, "a");
    g_assert_cmpstr(node_key_at(result, 2), ==, "c");
    g_assert_cmpstr(node_where(result)->file->name, ==, "over");
    arena_free(arena);
}

static void test_trailing(void)
{
    Arena *arena = arena_new();
    g_autoptr(GError) error = NULL;
    g_assert_true(node_check_composed(parse(arena, &base_file, "{a: [{b: c}]}"), &error));
    g_assert_false(node_check_composed(parse(arena, &base_file, "{a: [{b: {(>): [x]}}]}"), &error));
    g_assert_cmpstr(error_get_reason(error), ==, "TRAILING_LIST_DIRECTIVE");
    g_assert_cmpstr(error->message, ==, "base [line 1 column 15]: Attempt to override non-existing list");
    arena_free(arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compose/good", test_good);
    g_test_add_func("/compose/bad", test_bad);
    g_test_add_func("/compose/order", test_order);
    g_test_add_func("/compose/trailing", test_trailing);
    return g_test_run();
}
