#include "project-fixture.h"
#include "cas.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every change is of the same time: the keys of workspaces depend on it. */
static void set_time(const char *path)
{
    const struct timespec times[2] = {{.tv_sec = 1321009871}, {.tv_sec = 1321009871}};
    g_assert_cmpint(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

/* "PATH", "PATH +x" or "PATH -> TARGET". */
static void write_part(const char *directory, const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) link = g_strsplit(name, " -> ", 2);
    g_auto(GStrv) mode = g_strsplit(link[0], " +", 2);
    g_autofree char *path = g_build_filename(directory, mode[0], NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    if (link[1] != NULL) {
        g_assert_cmpint(symlink(link[1], path), ==, 0);
    } else {
        g_file_set_contents(path, text, -1, &error);
        g_assert_no_error(error);
        g_assert_cmpint(chmod(path, mode[1] != NULL ? 0755 : 0644), ==, 0);
    }
    set_time(path);
}

/* Folders get the time of their last entry otherwise. */
static void set_times_of_parents(const char *directory, const char *name)
{
    g_auto(GStrv) words = g_strsplit(name, " ", 2);
    g_autofree char *folder = g_path_get_dirname(words[0]);
    while (strcmp(folder, ".") != 0) {
        g_autofree char *path = g_build_filename(directory, folder, NULL);
        char *parent = g_path_get_dirname(folder);
        set_time(path);
        g_free(folder);
        folder = parent;
    }
}

char *fixture_unpack(const char *text)
{
    g_autoptr(GError) error = NULL;
    char *directory = g_dir_make_tmp("sluice-test-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *all = g_strconcat("\n", text, NULL);
    g_auto(GStrv) parts = g_strsplit(all, "\n--- ", -1);
    for (char **part = parts + 1; *part != NULL; part++) {
        char *line_end = strchr(*part, '\n');
        g_autofree char *name = line_end != NULL ? g_strndup(*part, (gsize)(line_end - *part)) : g_strdup(*part);
        g_autofree char *content =
            line_end != NULL ? g_strconcat(line_end + 1, part[1] != NULL ? "\n" : "", NULL) : g_strdup("");
        write_part(directory, name, content);
    }
    for (char **part = parts + 1; *part != NULL; part++) {
        g_autofree char *name = g_strndup(*part, strcspn(*part, "\n"));
        set_times_of_parents(directory, name);
    }
    return directory;
}

void fixture_remove(char *directory)
{
    g_autoptr(GError) error = NULL;
    sluice_remove_tree(directory, &error);
    g_assert_no_error(error);
    g_free(directory);
}

/* As the program does it, with a store in the project's directory. */
static char *stage_junction(Element *junction, gpointer data, GError **error)
{
    g_autofree char *path = g_build_filename(data, "test-store", NULL);
    g_autofree char *staged = g_build_filename(data, "test-staged", junction->weak_key, NULL);
    g_autofree char *parent = g_path_get_dirname(staged);
    g_autoptr(SluiceStore) store = sluice_store_open(path, NULL, error);
    const SourceContext context = {.store = store};
    SluiceDigest root;
    if (store == NULL || g_file_test(staged, G_FILE_TEST_EXISTS)) {
        return store != NULL ? g_steal_pointer(&staged) : NULL;
    }
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    return sources_stage(junction, &context, &root, error) &&
                   sluice_store_checkout(store, &root, AT_FDCWD, staged, SLUICE_CHECKOUT_COPY, error)
               ? g_steal_pointer(&staged)
               : NULL;
}

GPtrArray *fixture_load(const char *directory, const char *const *options, const char *const *targets,
                        Session **session, GError **error)
{
    LoadOptions load = {.directory = directory, .options = options, .strict = TRUE, .max_jobs = 4};
    *session = session_load(&load, error);
    if (*session == NULL) {
        return NULL;
    }
    session_set_subproject_func(*session, stage_junction, (gpointer)directory);
    return session_load_elements(*session, targets, error);
}

Element *fixture_element(Session *session, const char *full_name)
{
    gsize count = 0;
    Element *const *elements = session_elements(session, &count);
    for (gsize i = 0; i < count; i++) {
        if (strcmp(elements[i]->full_name, full_name) == 0) {
            return elements[i];
        }
    }
    g_error("no element %s", full_name);
}
