/*
 * The keys that BuildStream itself computes for the projects in tests/data/projects (made by tests/tools/make-golden).
 */
#include "kind.h"
#include "project-fixture.h"

#include <string.h>

/* Keys hold for the machine they were made on. */
static gboolean right_machine(void)
{
#if defined(__x86_64__) && defined(__linux__)
    return TRUE;
#else
    return FALSE;
#endif
}

static GHashTable *load_all(const char *directory, char **options, Session **session)
{
    g_autoptr(GError) error = NULL;
    static const char *const none[] = {NULL};
    GHashTable *lines = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, NULL);
    g_autoptr(GPtrArray) targets = fixture_load(directory, (const char *const *)options, none, session, &error);
    if (targets == NULL) {
        g_autofree char *report = error_report(error);
        g_error("%s", report);
    }
    g_autoptr(GPtrArray) all = elements_scope((Element *const *)targets->pdata, targets->len, SCOPE_ALL);
    for (guint i = 0; i < all->len; i++) {
        Element *element = g_ptr_array_index(all, i);
        g_hash_table_insert(lines, (gpointer)element->full_name, element);
    }
    return lines;
}

static const char *or_dash(const char *key)
{
    return *key != '\0' ? key : "-";
}

static void finish_set(GHashTable *elements, Session *session)
{
    if (elements != NULL) {
        g_assert_cmpuint(g_hash_table_size(elements), ==, 0);
        g_hash_table_unref(elements);
        session_free(session);
    }
}

static void test_project(gconstpointer data)
{
    const char *path = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL, *keys = NULL;
    g_autofree char *keys_path = g_strdup_printf("%.*s.keys", (int)(strlen(path) - strlen(".project")), path);
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_file_get_contents(keys_path, &keys, NULL, &error);
    g_assert_no_error(error);
    char *directory = fixture_unpack(strstr(text, "--- "));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(keys), "\n", -1);
    GHashTable *elements = NULL;
    Session *session = NULL;
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) words = g_strsplit(*line, " ", -1);
        if (strcmp(words[0], "options") == 0) {
            finish_set(elements, session);
            elements = load_all(directory, words + 1, &session);
            continue;
        }
        g_assert_cmpuint(g_strv_length(words), ==, 3);
        const Element *element = g_hash_table_lookup(elements, words[0]);
        if (element == NULL) {
            g_error("%s is not loaded", words[0]);
        }
        if (strcmp(or_dash(element->strict_key), words[1]) != 0 || strcmp(or_dash(element->weak_key), words[2]) != 0) {
            g_error("%s: strict %s, weak %s; expected %s", words[0], element->strict_key, element->weak_key, *line);
        }
        g_hash_table_remove(elements, words[0]);
    }
    finish_set(elements, session);
    fixture_remove(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    if (!right_machine()) {
        g_print("SKIP: the expected keys are those of x86-64 Linux\n");
        return 77;
    }
    g_autoptr(GDir) directory = g_dir_open(argv[1], 0, NULL);
    g_assert_nonnull(directory);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(directory)) != NULL;) {
        if (g_str_has_suffix(name, ".project")) {
            g_autofree char *test = g_strdup_printf("/golden/%.*s", (int)(strlen(name) - strlen(".project")), name);
            char *path = g_build_filename(argv[1], name, NULL);
            g_ptr_array_add(paths, path);
            g_test_add_data_func(test, path, test_project);
        }
    }
    return g_test_run();
}
