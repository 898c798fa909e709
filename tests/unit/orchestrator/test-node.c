#include "json.h"
#include "node-private.h"

#include <string.h>

static const NodeFile file = {.name = "test.yml"};

static Node *parse(Arena *arena, const char *text)
{
    g_autoptr(GError) error = NULL;
    Node *node = node_parse(arena, &file, text, strlen(text), &error);
    g_assert_no_error(error);
    return node;
}

static void assert_error(GError *error, const char *reason, const char *message)
{
    g_assert_nonnull(error);
    g_assert_cmpstr(error_get_reason(error), ==, reason);
    g_assert_cmpstr(error->message, ==, message);
    g_error_free(error);
}

static void test_arena(void)
{
    Arena *arena = arena_new();
    const char *a = arena_intern(arena, "word and more", 4), *b = arena_intern(arena, "word", 4);
    g_assert_true(a == b);
    g_assert_cmpstr(a, ==, "word");
    g_assert_cmpstr(arena_printf(arena, "%s-%d", "x", 7), ==, "x-7");
    g_assert_null(arena_strdup(arena, NULL));
    for (int i = 0; i < 2000; i++) {
        guint64 *numbers = arena_alloc(arena, (gsize)(i % 97) * 16);
        g_assert_cmpuint((guintptr)numbers % 16, ==, 0);
        arena_strndup(arena, "odd", (gsize)(i % 3));
        if (i % 97 > 0) {
            g_assert_cmpuint(numbers[0], ==, 0);
            numbers[0] = 1;
        }
    }
    memset(arena_alloc(arena, 5 << 20), 1, 5 << 20);
    g_assert_cmpuint(arena_size(arena), >, 5 << 20);
    arena_free(arena);
    arena_free(NULL);
}

static void test_scalars(void)
{
    static const struct {
        const char *yaml, *text;
    } cases[] = {
        {"k: 1.0", "1.0"},
        {"k: yes", "yes"},
        {"k: ~", "~"},
        {"k:", ""},
        {"k: ' a b '", "a b"},
        {"k: |\n  one\n  two\n\n", "one\ntwo"},
        {"k: >-\n  a\n  b\n", "a b"},
        {"k: \"\\u2003x\\u00a0\"", "x"},
        {"k: !!int 5", "5"},
        {"k: \"\\u2003\"", ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Arena *arena = arena_new();
        const Node *node = parse(arena, cases[i].yaml);
        g_assert_cmpstr(node_text(node_find(node, "k")), ==, cases[i].text);
        arena_free(arena);
    }
}

static void test_places(void)
{
    Arena *arena = arena_new();
    const Node *node = parse(arena, "a: 1\nlist:\n- x\n- {é: y, z: w}\n");
    const Node *item = node_find(node_at(node_find(node, "list"), 1), "z");
    g_assert_cmpint(node_where(item)->line, ==, 4);
    g_assert_cmpint(node_where(item)->column, ==, 12);
    g_assert_cmpstr(node_type_name(node), ==, "dict");
    g_assert_cmpstr(node_type_name(node_find(node, "list")), ==, "list");
    g_assert_cmpstr(node_type_name(item), ==, "scalar");
    g_assert_cmpuint(node_size(parse(arena, "# only a comment\n")), ==, 0);
    arena_free(arena);
}

static void test_malformed(void)
{
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"a: &x 1\n", "test.yml [line 1 column 3]: Malformed YAML: anchors and aliases are not allowed"},
        {"a: *x\n", "test.yml [line 1 column 3]: Malformed YAML: anchors and aliases are not allowed"},
        {"a: !own 1\n", "test.yml [line 1 column 3]: Malformed YAML: a tag that is not of YAML's core is not allowed"},
        {"a: 1\nb: 2\na: 3\n", "test.yml [line 3 column 0]: Malformed YAML: Duplicate key a"},
        {"- a\n", "test.yml [line 1 column 0]: Malformed YAML: the top level is not a mapping"},
        {"text\n", "test.yml [line 1 column 0]: Malformed YAML: the top level is not a mapping"},
        {"a: 1\n---\nb: 2\n", "test.yml [line 2 column 0]: Malformed YAML: more than one document in the file"},
        {"? [a]\n: 1\n", "test.yml [line 1 column 2]: Malformed YAML: the key of a mapping is not a scalar"},
        {"a: \"x\\0y\"\n", "test.yml [line 1 column 3]: Malformed YAML: a NUL character is not allowed"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Arena *arena = arena_new();
        GError *error = NULL;
        g_assert_null(node_parse(arena, &file, cases[i].yaml, strlen(cases[i].yaml), &error));
        assert_error(error, "INVALID_YAML", cases[i].message);
        arena_free(arena);
    }
    static const char *const broken[] = {"a: [1\n",   "a: 'x\n",   "\ta: 1\n",
                                         "a: b: c\n", "a: \xff\n", "%YAML 9.9\n--- a\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(broken); i++) {
        Arena *arena = arena_new();
        g_autoptr(GError) error = NULL;
        g_assert_null(node_parse(arena, &file, broken[i], strlen(broken[i]), &error));
        g_assert_cmpstr(error_get_reason(error), ==, "INVALID_YAML");
        arena_free(arena);
    }
}

static void test_limits(void)
{
    Arena *arena = arena_new();
    g_autoptr(GString) deep = g_string_new("a: ");
    for (int i = 0; i < NODE_MAX_DEPTH; i++) {
        g_string_append_c(deep, '[');
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(node_parse(arena, &file, deep->str, deep->len, &error));
    g_assert_nonnull(strstr(error->message, "nested too deeply"));
    g_autoptr(GString) wide = g_string_new(NULL);
    for (int i = 0; i < 5000; i++) {
        g_string_append_printf(wide, "key-%d: {a: %d}\n", i, i);
    }
    Node *node = parse(arena, wide->str);
    g_assert_cmpuint(node_size(node), ==, 5000);
    g_assert_cmpstr(node_text(node_find(node_find(node, "key-4711"), "a")), ==, "4711");
    g_assert_null(node_find(node, "key-5000"));
    node_unset(node, "key-17");
    g_assert_null(node_find(node, "key-17"));
    g_assert_nonnull(node_find(node, "key-18"));
    node_set(arena, node, "key-17", node_new_scalar(arena, "back", NULL));
    g_assert_cmpstr(node_key_at(node, 4999), ==, "key-17");
    g_string_append(wide, "key-3: again\n");
    g_clear_error(&error);
    g_assert_null(node_parse(arena, &file, wide->str, wide->len, &error));
    g_assert_nonnull(strstr(error->message, "Duplicate key key-3"));
    arena_free(arena);
}

static void test_access(void)
{
    Arena *arena = arena_new();
    GError *error = NULL;
    const Node *node = parse(arena, "s: text\nb: True\nn: -1_000\nl: [a, b]\nm: {}\nbad: [a, [b]]\n");
    const char *text = "default";
    const char *const *strings = NULL;
    gboolean flag = FALSE;
    gint64 number = 5;
    Node *child = NULL;
    g_assert_true(node_get_string(node, "absent", &text, NULL));
    g_assert_cmpstr(text, ==, "default");
    g_assert_true(node_need_string(node, "s", &text, NULL));
    g_assert_cmpstr(text, ==, "text");
    g_assert_true(node_get_bool(node, "b", &flag, NULL) && flag);
    g_assert_true(node_get_int(node, "n", &number, NULL));
    g_assert_cmpint(number, ==, -1000);
    g_assert_true(node_get_strings(node, "l", arena, &strings, NULL));
    g_assert_cmpstr(strings[1], ==, "b");
    g_assert_null(strings[2]);
    g_assert_true(node_get_mapping(node, "m", &child, NULL));
    g_assert_true(node_get_sequence(node, "l", &child, NULL));
    g_assert_cmpuint(node_size(child), ==, 2);

    g_assert_false(node_need_string(node, "absent", &text, &error));
    assert_error(g_steal_pointer(&error), "INVALID_DATA",
                 "test.yml [line 1 column 0]: Dictionary did not contain expected key 'absent'");
    g_assert_false(node_get_string(node, "l", &text, &error));
    assert_error(g_steal_pointer(&error), "INVALID_DATA",
                 "test.yml [line 4 column 3]: Value of 'l' is not of the expected type 'scalar'");
    g_assert_false(node_get_bool(node, "s", &flag, &error));
    assert_error(g_steal_pointer(&error), "INVALID_DATA",
                 "test.yml [line 1 column 3]: Value of 's' is not of the expected type 'boolean'");
    g_assert_false(node_get_int(node, "s", &number, &error));
    assert_error(g_steal_pointer(&error), "INVALID_DATA",
                 "test.yml [line 1 column 3]: Value of 's' is not of the expected type 'int'");
    g_assert_false(node_get_mapping(node, "s", &child, &error));
    assert_error(g_steal_pointer(&error), "INVALID_DATA",
                 "test.yml [line 1 column 3]: Value of 's' is not of the expected type 'dict'");
    g_assert_false(node_get_sequence(node, "m", &child, &error));
    assert_error(g_steal_pointer(&error), "INVALID_DATA",
                 "test.yml [line 5 column 3]: Value of 'm' is not of the expected type 'list'");
    g_assert_false(node_get_strings(node, "bad", arena, &strings, &error));
    assert_error(g_steal_pointer(&error), "INVALID_DATA",
                 "test.yml [line 6 column 9]: List item is not of the expected type 'scalar'");
    g_assert_false(node_to_bool(node_find(node, "s"), &flag, &error));
    g_clear_error(&error);
    g_assert_false(node_to_int(node_find(node, "b"), &number, &error));
    g_clear_error(&error);
    static const char *const keys[] = {"s", "b", "n", "l", "m", "bat", NULL};
    g_assert_false(node_check_keys(node, keys, &error));
    g_assert_cmpstr(error_get_suggestion(error), ==, "bat");
    assert_error(g_steal_pointer(&error), "INVALID_DATA", "test.yml [line 6 column 5]: Unexpected key: bad");
    arena_free(arena);
}

static void test_integers(void)
{
    static const char *const bad[] = {"", "-", "1__0", "1_", "_1", "0x1", "1.5", "99999999999999999999"};
    Arena *arena = arena_new();
    gint64 number = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(node_to_int(node_new_scalar(arena, bad[i], NULL), &number, NULL));
    }
    g_assert_true(node_to_int(node_new_scalar(arena, "+42", NULL), &number, NULL));
    g_assert_cmpint(number, ==, 42);
    arena_free(arena);
}

static void test_emit(void)
{
    static const char text[] = "a: 1\nempty: ''\nlist:\n- x: y\n  z: ''\n- - deep\nmulti: |-\n  one\n  two\nnone: {}\n";
    Arena *arena = arena_new();
    Node *node = parse(arena, text);
    g_autofree char *written = node_emit(node);
    g_autofree char *again = node_emit(parse(arena, written));
    g_assert_cmpstr(written, ==, again);
    char a[65], b[65];
    json_key(json_from_node(arena, node), a);
    json_key(json_from_node(arena, parse(arena, written)), b);
    g_assert_cmpstr(a, ==, b);
    Node *copy = node_clone(arena, node);
    node_set(arena, node_at(node_find(copy, "list"), 0), "x", node_new_scalar(arena, "changed", NULL));
    g_assert_cmpstr(node_text(node_find(node_at(node_find(node, "list"), 0), "x")), ==, "y");
    arena_free(arena);
}

static void test_json(void)
{
    Arena *arena = arena_new();
    Json *object = json_object(arena), *list = json_array(arena);
    json_append(list, json_null(arena));
    json_append(list, json_bool(arena, TRUE));
    json_append(list, json_int(arena, -3));
    json_append(list, json_string(arena, "a\"\\/\n\x01\x7f\xc3\xa9\xf0\x9f\x98\x80"));
    json_append(list, json_raw(arena, "{\"raw\":1}"));
    json_set(object, "b", list);
    json_set(object, "a", json_string(arena, "first"));
    json_set(object, "a", json_string(arena, "second"));
    g_autoptr(GString) text = g_string_new(NULL);
    json_write(object, text);
    g_assert_cmpstr(
        text->str, ==,
        "{\"a\":\"second\",\"b\":[null,true,-3,\"a\\\"\\\\/\\n\\u0001\x7f\\u00e9\\ud83d\\ude00\",{\"raw\":1}]}");
    char key[65];
    json_key(json_object(arena), key);
    g_assert_cmpstr(key, ==, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    arena_free(arena);
}

static void test_errors(void)
{
    static const NodeFile builtin = {.name = "builtin.yaml", .text = "first: 1\nsecond: value\n"};
    Provenance includer = {&builtin, 1, 0};
    NodeFile included = {.name = "inc.yml", .text = "a: b\n", .included_at = &includer};
    Provenance where = {&included, 1, 3};
    GError *error = NULL;
    static const char *const names[] = {"depends", "sources", "config"};
    error_set(&error, ERROR_LOAD, "INVALID_DATA", &where, "Unexpected key: %s", "dpends");
    error_set_detail(error, "more\nwords");
    error_suggest(error, "dpends", names, 3);
    g_autoptr(GError) copy = g_error_copy(error);
    g_error_free(error);
    g_assert_cmpint(copy->code, ==, ERROR_LOAD);
    g_assert_cmpstr(copy->message, ==, "inc.yml [line 1 column 3]: Unexpected key: dpends");
    g_assert_cmpstr(error_get_reason(copy), ==, "INVALID_DATA");
    g_assert_cmpstr(error_get_provenance(copy), ==, "inc.yml [line 1 column 3]");
    g_assert_cmpstr(error_get_detail(copy), ==, "more\nwords");
    g_autofree char *report = error_report(copy);
    g_assert_cmpstr(
        report, ==,
        "inc.yml [line 1 column 3]: Unexpected key: dpends\n\n    a: b\n       ^\n"
        "    included from builtin.yaml [line 1 column 0]\n\n    Did you mean 'depends'?\n\n    more\n    words");
    g_assert_cmpstr(error_domain_name(ERROR_VIRTUAL_FS), ==, "VIRTUAL_FS");
    g_assert_null(error_domain_name(99));
    error_set(NULL, ERROR_LOAD, NULL, NULL, "ignored");
    error_set_detail(NULL, "ignored");
    g_autoptr(GError) foreign = g_error_new_literal(G_FILE_ERROR, 1, "other");
    g_assert_null(error_get_reason(foreign));
    error_suggest(foreign, "x", names, 3);
    g_autofree char *plain = error_report(foreign);
    g_assert_cmpstr(plain, ==, "other");
}

/* What the scanner leaves to libyaml, and that node_parse reads or refuses it all the same; equality is what fuzz-yaml-scan proves. */
static void test_scan(void)
{
    static const struct {
        const char *text;
        gboolean scanned, parsed;
    } cases[] = {
        {"a: b\nc:\n- d\n- e: |\n    f\n", TRUE, TRUE},
        {"a: 'it''s' # comment\n", TRUE, TRUE},
        {"a: >-\n  b\n  c\n", TRUE, TRUE},
        {"", FALSE, TRUE},
        {"a: [b, c]\n", FALSE, TRUE},
        {"a: b\n  c\n", FALSE, TRUE},
        {"a: \"b\n  c\"\n", FALSE, TRUE},
        {"? a\n: b\n", FALSE, TRUE},
        {"--- \na: b\n", FALSE, TRUE},
        {"a: |2\n   b\n", FALSE, TRUE},
        {"a:\tb\n", FALSE, TRUE},
        {"a: b\r\n", FALSE, TRUE},
        {"a: \"\\x41\"\n", FALSE, TRUE},
        {"a: &b c\n", FALSE, FALSE},
        {"a: b: c\n", FALSE, FALSE},
        {"a: b\na: c\n", FALSE, FALSE},
        {"- a\n", FALSE, FALSE},
        {"a: 'b\n", FALSE, FALSE},
        {"a: b\n c: d\n", FALSE, FALSE},
        {"a: \xff\n", FALSE, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        NodeFile source = {.name = "scan.bst", .text = cases[i].text};
        Arena *arena = arena_new();
        gsize length = strlen(cases[i].text);
        g_assert_cmpint(node_scan(arena, &source, cases[i].text, length) != NULL, ==, cases[i].scanned);
        g_assert_cmpint(node_parse(arena, &source, cases[i].text, length, NULL) != NULL, ==, cases[i].parsed);
        arena_free(arena);
    }
}

/* A mapping whose last entry was taken out has room left, which its copies must not share. */
static void test_copies(void)
{
    Arena *arena = arena_new();
    Node *node = parse(arena, "(?): []\n");
    Node *other = node_copy_shallow(arena, node);
    node_unset(other, "(?)");
    Node *first = node_copy_shallow(arena, other), *second = node_copy_with_values(arena, other, NULL);
    Node *third = node_copy_shallow(arena, other);
    node_set(arena, first, "first", node_new_scalar(arena, "1", NULL));
    node_set(arena, second, "second", node_new_scalar(arena, "2", NULL));
    node_set(arena, third, "third", node_new_scalar(arena, "3", NULL));
    g_assert_cmpstr(node_text(node_find(first, "first")), ==, "1");
    g_assert_cmpstr(node_text(node_find(second, "second")), ==, "2");
    g_assert_cmpstr(node_text(node_find(third, "third")), ==, "3");
    g_assert_cmpuint(node_size(other), ==, 0);
    g_assert_cmpuint(node_size(node), ==, 1);
    arena_free(arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/node/arena", test_arena);
    g_test_add_func("/node/scalars", test_scalars);
    g_test_add_func("/node/places", test_places);
    g_test_add_func("/node/malformed", test_malformed);
    g_test_add_func("/node/scan", test_scan);
    g_test_add_func("/node/limits", test_limits);
    g_test_add_func("/node/copies", test_copies);
    g_test_add_func("/node/access", test_access);
    g_test_add_func("/node/integers", test_integers);
    g_test_add_func("/node/emit", test_emit);
    g_test_add_func("/node/json", test_json);
    g_test_add_func("/node/errors", test_errors);
    return g_test_run();
}
