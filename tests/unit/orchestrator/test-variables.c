#include "node-private.h"
#include "variables.h"

#include <string.h>

static const NodeFile file = {.name = "vars"};

static Node *parse(Arena *arena, const char *text)
{
    g_autoptr(GError) error = NULL;
    Node *node = node_parse(arena, &file, text, strlen(text), &error);
    g_assert_no_error(error);
    return node;
}

typedef struct {
    Arena *arena;
    VariableBase *base;
} Fixture;

static void set_up(Fixture *fixture, const char *variables)
{
    g_autoptr(GError) error = NULL;
    fixture->arena = arena_new();
    fixture->base = variable_base_new(fixture->arena, parse(fixture->arena, variables), "name", &error);
    g_assert_no_error(error);
}

static void tear_down(Fixture *fixture)
{
    variable_base_free(fixture->base);
    arena_free(fixture->arena);
}

static void assert_value(VariableScope *scope, const char *name, const char *expected)
{
    g_autoptr(GError) error = NULL;
    gboolean found = FALSE;
    const char *value = variable_scope_get(scope, name, &found, &error);
    g_assert_no_error(error);
    g_assert_true(found);
    g_assert_cmpstr(value, ==, expected);
}

static const char base_text[] = "prefix: /usr\nbin: \"%{prefix}/bin\"\nboth: \"%{bin}:%{bin}\"\nroot: \"/b/%{name}\"\n"
                                "literal: \"%{} %{1x} % {prefix} %{no end\"\nname: ''\n";

static void test_scopes(void)
{
    Fixture fixture;
    set_up(&fixture, base_text);
    VariableScope *scope = variable_scope_begin(fixture.base, NULL, "a.bst", NULL);
    assert_value(scope, "both", "/usr/bin:/usr/bin");
    assert_value(scope, "root", "/b/a.bst");
    assert_value(scope, "literal", "%{} %{1x} % {prefix} %{no end");
    const Node *over = parse(fixture.arena, "prefix: /opt\nnew: \"%{both}!\"\n");
    scope = variable_scope_begin(fixture.base, over, "b.bst", NULL);
    assert_value(scope, "both", "/opt/bin:/opt/bin");
    assert_value(scope, "new", "/opt/bin:/opt/bin!");
    assert_value(scope, "root", "/b/b.bst");
    const VariableValues *values = variable_scope_resolve_all(scope, NULL);
    const Node *all = variable_values_to_node(values);
    g_assert_cmpuint(node_size(all), ==, 7);
    g_assert_cmpstr(node_key_at(all, 5), ==, "new");
    g_assert_cmpstr(node_key_at(all, 6), ==, "name");
    g_assert_cmpstr(node_text(node_find(all, "bin")), ==, "/opt/bin");
    scope = variable_scope_begin(fixture.base, NULL, "c.bst", NULL);
    assert_value(scope, "both", "/usr/bin:/usr/bin");
    const VariableValues *others = variable_scope_resolve_all(scope, NULL);
    g_assert_cmpuint(node_size(variable_values_to_node(others)), ==, 6);
    /* Of each scope its own, also after the next. */
    g_assert_cmpstr(variable_values_get(values, "both"), ==, "/opt/bin:/opt/bin");
    g_assert_cmpstr(variable_values_get(others, "both"), ==, "/usr/bin:/usr/bin");
    g_assert_cmpstr(variable_values_get(values, "root"), ==, "/b/b.bst");
    g_assert_cmpstr(variable_values_get(values, "new"), ==, "/opt/bin:/opt/bin!");
    g_assert_null(variable_values_get(others, "new"));
    gboolean found = TRUE;
    g_assert_null(variable_scope_get(scope, "new", &found, NULL));
    g_assert_false(found);
    tear_down(&fixture);
}

/* What no override touches is one node for all elements; what one does is its own. */
static void test_sharing(void)
{
    Fixture fixture;
    set_up(&fixture, base_text);
    Node *shared = parse(fixture.arena, "list: [\"%{bin}/x\", \"%{root}\", plain]\nplain: {a: b}\n");
    node_mark_shared(shared);
    VariableScope *scope = variable_scope_begin(fixture.base, NULL, "a.bst", NULL);
    Node *list = node_find(shared, "list");
    Node *first = variable_scope_expand(scope, node_at(list, 0), NULL);
    const Node *whole = variable_scope_expand(scope, shared, NULL);
    g_assert_cmpstr(node_text(node_at(node_find(whole, "list"), 1)), ==, "/b/a.bst");
    g_assert_true(node_find(whole, "plain") == node_find(shared, "plain"));
    scope = variable_scope_begin(fixture.base, NULL, "b.bst", NULL);
    g_assert_true(variable_scope_expand(scope, node_at(list, 0), NULL) == first);
    whole = variable_scope_expand(scope, shared, NULL);
    g_assert_cmpstr(node_text(node_at(node_find(whole, "list"), 1)), ==, "/b/b.bst");
    g_assert_true(node_at(node_find(whole, "list"), 0) == first);
    scope = variable_scope_begin(fixture.base, parse(fixture.arena, "prefix: /x"), "c.bst", NULL);
    const Node *other = variable_scope_expand(scope, node_at(list, 0), NULL);
    g_assert_cmpstr(node_text(other), ==, "/x/bin/x");
    g_assert_cmpstr(node_text(node_at(list, 0)), ==, "%{bin}/x");
    tear_down(&fixture);
}

static const struct {
    const char *base, *over, *reason, *message;
} bad[] = {
    {"{a: '%{b}', name: ''}", NULL, "UNRESOLVED_VARIABLE",
     "vars [line 1 column 4]: Reference to undefined variable 'b'"},
    {"{a: x, name: ''}", "{c: '%{a} %{zz}'}", "UNRESOLVED_VARIABLE",
     "vars [line 1 column 4]: Reference to undefined variable 'zz'"},
    {"{a: '%{b}', b: '%{a}', name: ''}", NULL, "CIRCULAR_REFERENCE_VARIABLE",
     "Circular dependency detected on variable 'a'"},
    {"{a: '%{b}', b: x, name: ''}", "{b: 'y%{a}'}", "CIRCULAR_REFERENCE_VARIABLE",
     "Circular dependency detected on variable 'a'"},
    {"{a: '%{a}', name: ''}", NULL, "CIRCULAR_REFERENCE_VARIABLE", "Circular dependency detected on variable 'a'"},
};

static void test_bad(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        Fixture fixture;
        g_autoptr(GError) error = NULL;
        set_up(&fixture, bad[i].base);
        const Node *over = bad[i].over != NULL ? parse(fixture.arena, bad[i].over) : NULL;
        VariableScope *scope = variable_scope_begin(fixture.base, over, "x.bst", &error);
        g_assert_no_error(error);
        g_assert_null(variable_scope_resolve_all(scope, &error));
        g_assert_cmpstr(error_get_reason(error), ==, bad[i].reason);
        g_assert_cmpstr(error->message, ==, bad[i].message);
        tear_down(&fixture);
    }
}

/* What is undefined in the base may be defined by an element. */
static void test_completed_by_element(void)
{
    Fixture fixture;
    set_up(&fixture, "a: '%{mine}/x'\nb: '%{a}'\nname: ''\n");
    VariableScope *scope = variable_scope_begin(fixture.base, parse(fixture.arena, "mine: /m"), "x.bst", NULL);
    assert_value(scope, "b", "/m/x");
    tear_down(&fixture);
}

static void test_types(void)
{
    Arena *arena = arena_new();
    g_autoptr(GError) error = NULL;
    g_assert_null(variable_base_new(arena, parse(arena, "a: [x]"), NULL, &error));
    g_assert_cmpstr(error->message, ==, "vars [line 1 column 3]: Value of 'a' is not of the expected type 'scalar'");
    arena_free(arena);
}

static void test_limits(void)
{
    g_autoptr(GString) text = g_string_new("v0: 0123456789abcdef\n");
    for (int i = 1; i < 64; i++) {
        g_string_append_printf(text, "v%d: \"%%{v%d}%%{v%d}\"\n", i, i - 1, i - 1);
    }
    g_string_append(text, "name: ''\n");
    Fixture fixture;
    g_autoptr(GError) error = NULL;
    set_up(&fixture, text->str);
    VariableScope *scope = variable_scope_begin(fixture.base, NULL, "x.bst", &error);
    g_assert_null(variable_scope_resolve_all(scope, &error));
    g_assert_cmpstr(error_get_reason(error), ==, "INVALID_DATA");
    tear_down(&fixture);
    g_clear_error(&error);
    g_string_assign(text, "name: ''\n");
    for (int i = 0; i < 5000; i++) {
        g_string_append_printf(text, "v%d: x\n", i);
    }
    Arena *arena = arena_new();
    g_assert_null(variable_base_new(arena, parse(arena, text->str), NULL, &error));
    g_assert_nonnull(strstr(error->message, "more than 4096 variables"));
    arena_free(arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/variables/scopes", test_scopes);
    g_test_add_func("/variables/sharing", test_sharing);
    g_test_add_func("/variables/bad", test_bad);
    g_test_add_func("/variables/completed", test_completed_by_element);
    g_test_add_func("/variables/types", test_types);
    g_test_add_func("/variables/limits", test_limits);
    return g_test_run();
}
