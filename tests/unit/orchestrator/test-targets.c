/* test-targets.c - words of a command line that name elements: checks, globs, and what is said without a project */
#include "project-fixture.h"
#include "targets.h"

static const char files[] = "--- project.conf\nname: test\nmin-version: 2.0\nelement-path: elements\n"
                            "--- elements/app.bst\nkind: stack\n"
                            "--- elements/base.bst\nkind: stack\n"
                            "--- elements/sub/app.bst\nkind: stack\n"
                            "--- elements/sub/note.txt\nx\n";

static void count_warning(const Event *event, gpointer data)
{
    g_assert_cmpint(event->type, ==, EVENT_WARNING);
    g_assert_cmpstr(event->message, ==, "No elements matched the glob expression: none*.bst");
    (*(guint *)data)++;
}

static void test_expand(void)
{
    static const struct {
        const char *words, *names;
        guint warnings;
    } cases[] = {
        {"", "", 0},
        {"base.bst", "base.bst", 0},
        {"nowhere.bst base.bst base.bst", "nowhere.bst base.bst", 0},
        {"*.bst", "app.bst base.bst", 0},
        {"**.bst", "app.bst base.bst sub/app.bst", 0},
        {"sub/*.bst", "sub/app.bst", 0},
        {"**app.bst base.bst", "base.bst app.bst sub/app.bst", 0},
        {"[ab]*.bst app.bst", "app.bst base.bst", 0},
        {"none*.bst", "", 1},
        {"none*.bst ?ase.bst", "base.bst", 1},
    };
    char *directory = fixture_unpack(files);
    g_autoptr(GError) error = NULL;
    LoadOptions options = {.directory = directory, .strict = TRUE};
    g_autoptr(Session) session = session_load(&options, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint warnings = 0;
        EventSink sink = {count_warning, &warnings};
        g_auto(GStrv) words = *cases[i].words ? g_strsplit(cases[i].words, " ", -1) : g_new0(char *, 1);
        g_auto(GStrv) names = targets_expand(session, (const char *const *)words, &sink, &error);
        g_assert_no_error(error);
        g_autofree char *joined = g_strjoinv(" ", names);
        g_assert_cmpstr(joined, ==, cases[i].names);
        g_assert_cmpuint(warnings, ==, cases[i].warnings);
    }
    fixture_remove(directory);
}

static void test_refused(void)
{
    static const char *const good[] = {"a.bst", "*.bst", NULL}, *const bad[] = {"a.bst", "farm.pony", "sub/*", NULL};
    g_autoptr(GError) error = NULL;
    g_assert_true(targets_check(good, &error));
    g_assert_no_error(error);
    g_assert_false(targets_check(bad, &error));
    g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_STREAM);
    g_assert_cmpstr(error_get_reason(error), ==, "invalid-element-names");
    g_assert_cmpstr(error->message, ==,
                    "Invalid element names or element glob patterns were specified: farm.pony, sub/*");
}

static void test_no_project(void)
{
    static const struct {
        const char *words[3], *reason, *message;
    } cases[] = {
        {{NULL}, "project-not-loaded", "Unable to determine default targets"},
        {{"a.bst", "b.bst", NULL}, "project-not-loaded", "Unable to load elements: a.bst, b.bst"},
        {{"a.bst", "*.bst", NULL},
         "glob-elements-without-project",
         "Element glob expressions were specified without any project directory: *.bst"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        targets_set_no_project(cases[i].words, "nothing in /here", &error);
        g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_STREAM);
        g_assert_cmpstr(error_get_reason(error), ==, cases[i].reason);
        g_assert_cmpstr(error->message, ==, cases[i].message);
        g_assert_cmpstr(error_get_detail(error), ==,
                        "No project.conf or active workspace was located\nnothing in /here");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/targets/expand", test_expand);
    g_test_add_func("/targets/refused", test_refused);
    g_test_add_func("/targets/no-project", test_no_project);
    return g_test_run();
}
