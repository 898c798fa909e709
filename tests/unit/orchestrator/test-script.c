/* test-script.c - batches: the text is run by the host's sh, which is what judges it */
#include "build-private.h"

#include <string.h>

static int run(const char *script, char **out, char **errors)
{
    const char *argv[] = {"/bin/sh", "-e", "-c", script, NULL};
    int status = -1;
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, out, errors, &status, NULL));
    return g_spawn_check_wait_status(status, NULL) ? 0 : status >> 8;
}

static void test_quoting(void)
{
    static const char *const texts[] = {"plain", "two words",           "it's",      "''",
                                        "",      "$HOME `id` \"x\" \\", "new\nline", "*"};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GString) script = g_string_new("printf %s ");
        g_autofree char *out = NULL;
        script_append_quoted(script, texts[i]);
        g_assert_cmpint(run(script->str, &out, NULL), ==, 0);
        g_assert_cmpstr(out, ==, texts[i]);
    }
}

static void test_batch(void)
{
    g_autoptr(GString) script = g_string_new(NULL);
    g_autofree char *out = NULL, *errors = NULL;
    script_append_command(script, "sh -c -e", "cd /tmp; echo one; exit 0; echo never");
    script_append_command(script, "sh -c -e", "pwd >/dev/null; echo two");
    g_assert_cmpint(run(script->str, &out, &errors), ==, 0);
    g_assert_cmpstr(out, ==, "one\ntwo\n");
    g_assert_nonnull(strstr(errors, "+ sh -c -e"));
}

static void test_first_failure(void)
{
    g_autoptr(GString) script = g_string_new(NULL);
    g_autofree char *out = NULL, *errors = NULL;
    script_append_command(script, "sh -c -e", "echo before");
    script_append_command(script, "sh -c -e", "echo \"it's\"; false; echo not reached");
    script_append_command(script, "sh -c -e", "echo after");
    g_assert_cmpint(run(script->str, &out, &errors), ==, 1);
    g_assert_cmpstr(out, ==, "before\nit's\n");
    g_assert_nonnull(strstr(errors, "Command 'echo \"it's\"; false; echo not reached' failed with exitcode 1\n"));
}

static void test_status(void)
{
    g_autoptr(GString) script = g_string_new(NULL);
    script_append_command(script, "sh -c -e", "exit 42");
    g_autofree char *errors = NULL;
    g_assert_cmpint(run(script->str, NULL, &errors), ==, 42);
    g_assert_nonnull(strstr(errors, "Command 'exit 42' failed with exitcode 42\n"));
}

static void test_environment(void)
{
    const char *const base[] = {"KEEP=a", "DROP=b", "not a name=c", NULL};
    const char *const wanted[] = {"KEEP=it's new", "ADD=x y", "also bad=z", NULL};
    g_autoptr(GString) script = g_string_new("KEEP=a DROP=b; export KEEP DROP; (\n");
    script_append_environment(script, base, wanted);
    g_string_append(script, "echo \"$KEEP/${DROP-none}/$ADD\" )\necho \"$KEEP/$DROP/${ADD-none}\"");
    g_autofree char *out = NULL;
    g_assert_cmpint(run(script->str, &out, NULL), ==, 0);
    g_assert_cmpstr(out, ==, "it's new/none/x y\na/b/none\n");
}

static void test_environment_values(void)
{
    Arena *arena = arena_new();
    const char *const base[] = {"A=1", "AB=2", NULL};
    g_assert_cmpstr(environment_get(base, "A"), ==, "1");
    g_assert_cmpstr(environment_get(base, "AB"), ==, "2");
    g_assert_null(environment_get(base, "B"));
    const char *const *more = environment_with(arena, base, "A", "3");
    g_assert_cmpstr(environment_get(more, "A"), ==, "3");
    g_assert_cmpuint(g_strv_length((char **)more), ==, 2);
    more = environment_with(arena, base, "B", "x=y");
    g_assert_cmpstr(environment_get(more, "B"), ==, "x=y");
    g_assert_cmpuint(g_strv_length((char **)more), ==, 3);
    arena_free(arena);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/script/quoting", test_quoting);
    g_test_add_func("/script/batch", test_batch);
    g_test_add_func("/script/first-failure", test_first_failure);
    g_test_add_func("/script/status", test_status);
    g_test_add_func("/script/environment", test_environment);
    g_test_add_func("/script/environment-values", test_environment_values);
    return g_test_run();
}
