/* test-kind-bazel.c - what the config of a bazel element may say, and that all of it is in the key */
#include "build-fixture.h"
#include "json.h"

#include <string.h>

extern const ElementKind element_kind_bazel;

static Element *make_element(BuildFixture *fixture, const char *config)
{
    g_autoptr(GError) error = NULL;
    Element *element = build_fixture_element(fixture, "it.bst", NULL);
    NodeFile *file = arena_new_of(fixture->arena, NodeFile);
    file->name = "it.bst";
    file->text = config;
    element->config = node_parse(fixture->arena, file, config, strlen(config), &error);
    g_assert_no_error(error);
    return element;
}

static const struct {
    const char *config, *problem; /* NULL: is right */
} cases[] = {
    {"targets: ['//:a']", NULL},
    {"query: deps(//:a)", NULL},
    {"{targets: ['//:a'], repositories: {rules_cc: /usr/share}, distdir: [/tmp], build-options: [--x]}", NULL},
    {"{targets: ['//:a'], install: [{from: 'lib/*.a', to: /usr/lib, mode: 644}]}", NULL},
    {"{targets: ['//:a'], cache: False, cache-writes: executed}", NULL},
    {"{}", "either `targets` or `query`"},
    {"{targets: ['//:a'], query: deps(//:a)}", "either `targets` or `query`"},
    {"{targets: []}", "either `targets` or `query`"},
    {"{targets: //:a}", "targets"},
    {"{targets: ['//:a'], target: x}", "target"},
    {"{targets: ['//:a'], cache: maybe}", "cache"},
    {"{targets: ['//:a'], cache-writes: always}", "off, executed, trusted"},
    {"{targets: ['//:a'], cache-writes: [off]}", "off, executed, trusted"},
    {"{targets: ['//:a'], repositories: [x]}", "repositories"},
    {"{targets: ['//:a'], repositories: {x: [y]}}", "x"},
    {"{targets: ['//:a'], install: [lib/*.a]}", "mapping of from and to"},
    {"{targets: ['//:a'], install: [{from: x}]}", "to"},
    {"{targets: ['//:a'], install: [{from: x, to: /y, owner: me}]}", "owner"},
    {"{targets: ['//:a'], install: [{from: x, to: /y, mode: 8}]}", "octal"},
    {"{targets: ['//:a'], install: [{from: x, to: /y, mode: '755; rm'}]}", "octal"},
};

static void test_configure(BuildFixture *fixture, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Element *element = make_element(fixture, cases[i].config);
        gboolean right = element_kind_bazel.configure(element, &error);
        if (right != (cases[i].problem == NULL) || (error && !strstr(error->message, cases[i].problem)))
            g_error("%s: %s", cases[i].config, error ? error->message : "was accepted");
        if (error)
            g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_LOAD);
    }
}

static void test_key(BuildFixture *fixture, gconstpointer data)
{
    static const char *const configs[] = {
        "targets: ['//:a']",
        "targets: ['//:b']",
        "{targets: ['//:a'], build-options: [-c, opt]}",
        "{targets: ['//:a'], repositories: {x: /y}}",
        "{targets: ['//:a'], install: [{from: x, to: y}]}",
    };
    g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(configs); i++) {
        char key[65];
        Element *element = make_element(fixture, configs[i / 2]);
        json_key(element_kind_bazel.unique_key(element, fixture->arena), key);
        g_hash_table_add(keys, g_strdup(key));
    }
    g_assert_cmpuint(g_hash_table_size(keys), ==, G_N_ELEMENTS(configs));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/kind-bazel/configure", BuildFixture, NULL, build_fixture_set_up, test_configure,
               build_fixture_tear_down);
    g_test_add("/kind-bazel/key", BuildFixture, NULL, build_fixture_set_up, test_key, build_fixture_tear_down);
    return g_test_run();
}
