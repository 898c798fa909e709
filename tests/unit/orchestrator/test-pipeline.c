/* test-pipeline.c - what --except takes away, order by name, missing refs; on a graph made by hand */
#include "pipeline.h"
#include <string.h>

enum { TOP, LEFT, RIGHT, SHARED, DEEP, N_ELEMENTS };

static Element elements[N_ELEMENTS];
static Dependency dependencies[N_ELEMENTS][2];

static void depend(int from, int to)
{
    Element *element = &elements[from];
    element->dependencies = dependencies[from];
    element->dependencies[element->n_dependencies++] =
        (Dependency){.element = &elements[to], .types = DEP_BUILD | DEP_RUNTIME};
}

/* top -> left -> shared -> deep, top -> right -> shared */
static GPtrArray *make_graph(void)
{
    static const char *const names[] = {"top.bst", "left.bst", "right.bst", "shared.bst", "deep.bst"};
    memset(elements, 0, sizeof elements);
    for (int i = 0; i < N_ELEMENTS; i++)
        elements[i].name = elements[i].full_name = names[i];
    depend(TOP, LEFT);
    depend(TOP, RIGHT);
    depend(LEFT, SHARED);
    depend(RIGHT, SHARED);
    depend(SHARED, DEEP);
    GPtrArray *order = g_ptr_array_new();
    static const int staging[] = {DEEP, SHARED, LEFT, RIGHT, TOP};
    for (guint i = 0; i < G_N_ELEMENTS(staging); i++)
        g_ptr_array_add(order, &elements[staging[i]]);
    return order;
}

static char *names_of(GPtrArray *some)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < some->len; i++)
        g_string_append_printf(out, "%s ", ((Element *)some->pdata[i])->name);
    return g_string_free(out, FALSE);
}

static char *without(guint count, const int *excepted)
{
    g_autoptr(GPtrArray) all = make_graph(), targets = g_ptr_array_new(), taken = g_ptr_array_new();
    g_ptr_array_add(targets, &elements[TOP]);
    for (guint i = 0; i < count; i++)
        g_ptr_array_add(taken, &elements[excepted[i]]);
    g_autoptr(GPtrArray) kept = pipeline_except(all, targets, taken);
    return names_of(kept);
}

static void test_except(void)
{
    g_autofree char *none = without(0, NULL);
    g_assert_cmpstr(none, ==, "deep.bst shared.bst left.bst right.bst top.bst ");
    g_autofree char *left = without(1, (int[]){LEFT});
    g_assert_cmpstr(left, ==, "deep.bst shared.bst right.bst top.bst ");
    g_autofree char *both = without(2, (int[]){LEFT, RIGHT});
    g_assert_cmpstr(both, ==, "top.bst ");
    g_autofree char *shared = without(1, (int[]){SHARED});
    g_assert_cmpstr(shared, ==, "left.bst right.bst top.bst ");
    g_autofree char *top = without(1, (int[]){TOP});
    g_assert_cmpstr(top, ==, "");
}

static void test_order(void)
{
    g_autoptr(GPtrArray) all = make_graph();
    pipeline_sort_by_name(all);
    g_autofree char *names = names_of(all);
    g_assert_cmpstr(names, ==, "deep.bst left.bst right.bst shared.bst top.bst ");
}

static void test_refs(void)
{
    g_autoptr(GPtrArray) all = make_graph();
    g_assert_true(pipeline_check_refs(all, NULL));
    static const SourceKind kind = {.name = "tar", .has_ref = TRUE}, plain = {.name = "local"};
    static const NodeFile file = {.name = "left.bst"};
    Source with = {.kind = &plain}, missing = {.kind = &kind, .where = {&file, 3, 2}};
    Source *sources[] = {&with, &missing};
    elements[LEFT].sources = sources;
    elements[LEFT].n_sources = 1;
    g_assert_true(pipeline_check_refs(all, NULL));
    elements[LEFT].n_sources = 2;
    g_autoptr(GError) error = NULL;
    g_assert_false(pipeline_check_refs(all, &error));
    g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_PIPELINE);
    g_assert_cmpstr(error_get_reason(error), ==, "inconsistent-pipeline");
    g_assert_nonnull(strstr(error_get_detail(error), "tar source at left.bst [line 3 column 2] is missing ref"));
}

static void test_names(void)
{
    g_assert_cmpint(deps_selection_parse("build"), ==, DEPS_BUILD);
    g_assert_cmpint(deps_selection_parse("all"), ==, DEPS_ALL);
    g_assert_cmpstr(element_state_name(STATE_FETCH_NEEDED), ==, "fetch needed");
    g_assert_cmpstr(element_state_name(STATE_WAITING), ==, "waiting");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pipeline/except", test_except);
    g_test_add_func("/pipeline/order", test_order);
    g_test_add_func("/pipeline/refs", test_refs);
    g_test_add_func("/pipeline/names", test_names);
    return g_test_run();
}
