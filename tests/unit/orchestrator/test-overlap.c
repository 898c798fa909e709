/* test-overlap.c - who may lie over whom, and what is said about it */
#include "build-fixture.h"
#include "overlap.h"

#include <string.h>

typedef struct {
    const char *element, *public_, *tree;
} Layer;

/* Stages the layers at `location`; "" as a last word of events means that nothing was said. */
static gboolean stage(BuildFixture *fixture, OverlapCollector *collector, SluiceTree *tree, const char *location,
                      const Layer *layers, gsize count, GError **error)
{
    overlap_session_begin(collector, location);
    for (gsize i = 0; i < count; i++) {
        SluiceDigest files = build_fixture_tree(fixture, layers[i].tree);
        Element *element = build_fixture_element(fixture, layers[i].element, layers[i].public_);
        if (!overlap_stage(collector, tree, element, &files, error))
            return FALSE;
    }
    return overlap_session_end(collector, error);
}

static void assert_staged(BuildFixture *fixture, const Layer *layers, gsize count, const char *result)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    g_autoptr(OverlapCollector) collector = overlap_collector_new(&fixture->build);
    SluiceDigest root, wanted = build_fixture_tree(fixture, result);
    stage(fixture, collector, tree, "/", layers, count, &error);
    g_assert_no_error(error);
    g_assert_true(sluice_tree_commit(tree, &root, &error));
    g_assert_true(sluice_digest_equal(&root, &wanted));
}

static void assert_said(BuildFixture *fixture, const char *text)
{
    if (!strstr(fixture->events->str, text))
        g_error("'%s' is not in the events:\n%s", text, fixture->events->str);
}

static void test_none(BuildFixture *fixture, gconstpointer data)
{
    const Layer layers[] = {{"a.bst", NULL, "etc/a=1 etc/d/x=x"}, {"b.bst", NULL, "etc/b=2 etc/d/y=x"}};
    assert_staged(fixture, layers, 2, "etc/a=1 etc/b=2 etc/d/x=x etc/d/y=x");
    g_assert_cmpstr(fixture->events->str, ==, "");
}

/* Equal files count too, and are told of in the order of trees: directories first. */
static void test_equal(BuildFixture *fixture, gconstpointer data)
{
    const Layer layers[] = {{"a.bst", NULL, "d/e/x=1 d/l>x f=1"}, {"b.bst", NULL, "d/e/x=1 d/l>x f=1"}};
    assert_staged(fixture, layers, 2, "d/e/x=1 d/l>x f=1");
    assert_said(fixture, "/d/e/x: b.bst is not permitted to overlap other elements, order b.bst above a.bst \n"
                         "/d/l: b.bst is not permitted to overlap other elements, order b.bst above a.bst \n"
                         "/f: b.bst");
}

static void test_three(BuildFixture *fixture, gconstpointer data)
{
    const Layer layers[] = {{"a.bst", NULL, "f=1"}, {"b.bst", NULL, "f=2"}, {"c.bst", NULL, "f=3"}};
    assert_staged(fixture, layers, 3, "f=3");
    assert_said(fixture, "[overlaps]: Non-whitelisted overlaps detected");
    assert_said(fixture, "Staged files overwrite existing files in staging area: /\n");
    assert_said(fixture,
                "/f: b.bst and c.bst are not permitted to overlap other elements, order c.bst above b.bst above a.bst");
}

static void test_whitelist(BuildFixture *fixture, gconstpointer data)
{
    const char *whitelist = "bst:\n  overlap-whitelist:\n  - /etc/*\n";
    const Layer layers[] = {{"a.bst", NULL, "etc/f=1"}, {"b.bst", whitelist, "etc/f=2"}};
    assert_staged(fixture, layers, 2, "etc/f=2");
    g_assert_cmpstr(fixture->events->str, ==, "");
    /* It is the one above that must be allowed. */
    const Layer swapped[] = {{"a.bst", whitelist, "etc/f=1"}, {"b.bst", NULL, "etc/f=2"}};
    assert_staged(fixture, swapped, 2, "etc/f=2");
    assert_said(fixture, "/etc/f: b.bst is not permitted");
}

static void test_fatal(BuildFixture *fixture, gconstpointer data)
{
    static const char *const fatal[] = {"overlaps", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    g_autoptr(OverlapCollector) collector = overlap_collector_new(&fixture->build);
    const Layer layers[] = {{"a.bst", NULL, "f=1"}, {"b.bst", NULL, "f=2"}};
    fixture->project.fatal_warnings = fatal;
    g_assert_false(stage(fixture, collector, tree, "/", layers, 2, &error));
    g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_PLUGIN);
    g_assert_cmpstr(error_get_reason(error), ==, "overlaps");
    g_assert_nonnull(strstr(error_get_detail(error), "order b.bst above a.bst"));
}

static void test_directory_stays(BuildFixture *fixture, gconstpointer data)
{
    const Layer layers[] = {{"a.bst", NULL, "d/x=1 e/y=1 empty"}, {"b.bst", NULL, "d=2 e>d empty=3 more=4"}};
    assert_staged(fixture, layers, 2, "d/x=1 e/y=1 empty=3 more=4");
    assert_said(fixture, "[unstaged-files]: Not staging files which would have replaced non-empty directories");
    assert_said(fixture, "From b.bst:\n  /d\n  /e\n");
}

static void test_clash(BuildFixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    g_autoptr(OverlapCollector) collector = overlap_collector_new(&fixture->build);
    const Layer layers[] = {{"a.bst", NULL, "f=1"}, {"b.bst", NULL, "f/x=2"}};
    g_assert_false(stage(fixture, collector, tree, "/", layers, 2, &error));
    g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_VIRTUAL_FS);
    g_assert_cmpstr(error->message, ==, "Destination is a regular file, not a directory: /f");
}

/* A link is not followed, also where it leads to a directory. */
static void test_link_clash(BuildFixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    g_autoptr(OverlapCollector) collector = overlap_collector_new(&fixture->build);
    const Layer layers[] = {{"a.bst", NULL, "d/x=1 l>d"}, {"b.bst", NULL, "l/y=2"}};
    g_assert_false(stage(fixture, collector, tree, "/", layers, 2, &error));
    g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_VIRTUAL_FS);
    g_assert_cmpstr(error->message, ==, "Destination is a symlink, not a directory: /l");
}

static void test_sessions(BuildFixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    g_autoptr(OverlapCollector) collector = overlap_collector_new(&fixture->build);
    const Layer below[] = {{"a.bst", NULL, "opt/f=1 opt/g=1"}}, above[] = {{"b.bst", NULL, "f=2"}};
    g_assert_true(stage(fixture, collector, tree, "/", below, 1, &error));
    g_assert_true(stage(fixture, collector, tree, "/opt", above, 1, &error));
    g_assert_no_error(error);
    assert_said(fixture, "Detected file overlaps while staging elements into: /opt\n");
    assert_said(fixture, "/opt/f: b.bst overlaps files previously staged by a.bst in: /\n");
}

#define TEST(name, function)                                                                                           \
    g_test_add("/overlap/" name, BuildFixture, NULL, build_fixture_set_up, function, build_fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST("none", test_none);
    TEST("equal", test_equal);
    TEST("three", test_three);
    TEST("whitelist", test_whitelist);
    TEST("fatal", test_fatal);
    TEST("directory-stays", test_directory_stays);
    TEST("clash", test_clash);
    TEST("link-clash", test_link_clash);
    TEST("sessions", test_sessions);
    return g_test_run();
}
