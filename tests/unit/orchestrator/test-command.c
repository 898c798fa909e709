/* test-command.c - the table of commands, its help, completion from it */
#include "app.h"
#include "complete.h"
#include <glib/gstdio.h>
#include <string.h>

static const Command *take(const char *line, const char **group, int *position, GError **error)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    *position = 0;
    return command_take(words, position, group, error);
}

static void test_find(void)
{
    const char *group;
    int position;
    g_assert_cmpstr(take("build x.bst", &group, &position, NULL)->name, ==, "build");
    g_assert_cmpint(position, ==, 1);
    g_assert_cmpstr(take("source track x.bst", &group, &position, NULL)->name, ==, "source track");
    g_assert_cmpint(position, ==, 2);
    g_assert_null(take("source --help", &group, &position, NULL));
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"biuld", "No such command 'biuld'. Did you mean 'build'?"},
        {"source trak", "No such command 'trak'. Did you mean 'track'?"},
        {"quux", "No such command 'quux'."},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(take(cases[i].line, &group, &position, &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
    }
}

static const char *value_key(const OptionSpec *option)
{
    return option->key ? option->key : option->name;
}

/* Every command can be helped with, has a summary, and none of its options takes the value of a global one. */
static void test_table(void)
{
    for (const Command *command = commands; command->name; command++) {
        g_autofree char *help = command_help("sluice", command);
        g_assert_nonnull(strstr(help, command->summary));
        for (const OptionSpec *option = command->options; option->name; option++) {
            const OptionSpec *hidden = option_find(global_options, option->name);
            g_assert_true(!hidden || strcmp(value_key(hidden), value_key(option)) != 0);
            g_assert_nonnull(strstr(help, option->name));
        }
    }
    g_autofree char *all = command_overview("sluice", NULL), *group = command_overview("sluice", "source");
    for (const Command *command = commands; command->name; command++)
        g_assert_nonnull(strstr(all, command->name));
    g_assert_nonnull(strstr(group, "track"));
    g_assert_null(strstr(group, "list-contents"));
}

static char *complete(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    g_autoptr(GPtrArray) found = complete_words(words, g_strv_length(words) - 1);
    g_ptr_array_add(found, NULL);
    return g_strjoinv("|", (char **)found->pdata);
}

static void test_complete(void)
{
    g_autofree char *folder = g_dir_make_tmp("complete-XXXXXX", NULL);
    g_autofree char *project = g_build_filename(folder, "project.conf", NULL);
    g_autofree char *elements = g_build_filename(folder, "el", NULL), *sub = g_build_filename(elements, "sub", NULL);
    g_autofree char *file = g_build_filename(sub, "a.bst", NULL);
    g_assert_true(g_file_set_contents(project, "name: x\nelement-path: el\n", -1, NULL));
    g_mkdir_with_parents(sub, 0755);
    g_assert_true(g_file_set_contents(file, "kind: stack\n", -1, NULL));
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"sluice bu", "build "},
        {"sluice so", "source "},
        {"sluice source t", "track "},
        {"sluice --colors sh", "shell |show "},
        {"sluice show --ord", "--order "},
        {"sluice show --order s", "stage "},
        {"sluice --on-error q", "quit "},
        {"sluice -o a b bui", "build "},
        {"sluice help sou", "source "},
        {"sluice cache info x", ""},
        {"sluice help source t", "track "},
        {"sluice show --deps=b", "build "},
        {"sluice show --deps = b", "build "},
        {"sluice show --deps =", "all |build |none |run "},
        {"sluice show --nonsense=b", ""},
        {"sluice --config /pony/rainbow", ""},
        {"sluice help source track ", ""},
        {"sluice source nonsense tr", "track "},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *words = complete(cases[i].line);
        g_assert_cmpstr(words, ==, cases[i].words);
    }
    g_autofree char *first = g_strdup_printf("sluice -C %s build ", folder), *second = g_strdup_printf("%ssub/", first);
    g_autofree char *a = complete(first), *b = complete(second);
    g_assert_cmpstr(a, ==, "sub/");
    g_assert_cmpstr(b, ==, "sub/a.bst ");
    g_autofree char *blank = g_build_filename(folder, "a b", NULL);
    g_assert_true(g_file_set_contents(blank, "", -1, NULL));
    g_autofree char *files = g_strdup_printf("sluice --config %s/", folder),
                    *folders = g_strdup_printf("sluice -C %s/", folder);
    g_autofree char *c = complete(files), *d = complete(folders);
    g_autofree char *in_files = g_strdup_printf("%s/a\\ b |%s/el/|%s/project.conf ", folder, folder, folder);
    g_autofree char *in_folders = g_strdup_printf("%s/el/", folder);
    g_assert_cmpstr(c, ==, in_files);
    g_assert_cmpstr(d, ==, in_folders);
    g_autofree char *written = g_strdup_printf("sluice -C %s/el", folder), *e = complete(written);
    g_autofree char *inside = g_strdup_printf("%s/el/sub/", folder);
    g_assert_cmpstr(e, ==, inside);
    g_unlink(blank);
    g_unlink(file);
    g_rmdir(sub);
    g_rmdir(elements);
    g_unlink(project);
    g_rmdir(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/command/find", test_find);
    g_test_add_func("/command/table", test_table);
    g_test_add_func("/command/complete", test_complete);
    return g_test_run();
}
