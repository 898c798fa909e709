/*
 * Every error of the format: tests/data/bad/NAME.case holds a small project and what loading it must say.
 *
 *   domain LOAD            reason INVALID_DATA     at FILE [line L column C]
 *   says part of the text  suggests near miss      detail part of the detail
 *   option NAME VALUE      target NAME.bst         --- PATH starts a file
 */
#include "project-fixture.h"

#include <string.h>

typedef struct {
    char *domain, *reason, *at, *says, *suggests, *detail;
    GPtrArray *options, *targets;
} Case;

static void read_line(Case *expected, const char *line)
{
    struct {
        const char *word;
        char **field;
    } fields[] = {{"domain ", &expected->domain}, {"reason ", &expected->reason},     {"at ", &expected->at},
                  {"says ", &expected->says},     {"suggests ", &expected->suggests}, {"detail ", &expected->detail}};
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (g_str_has_prefix(line, fields[i].word)) {
            *fields[i].field = g_strdup(line + strlen(fields[i].word));
            return;
        }
    }
    if (g_str_has_prefix(line, "target ")) {
        g_ptr_array_add(expected->targets, g_strdup(line + strlen("target ")));
    } else if (g_str_has_prefix(line, "option ")) {
        g_auto(GStrv) words = g_strsplit(line, " ", 3);
        g_ptr_array_add(expected->options, g_strdup(words[1]));
        g_ptr_array_add(expected->options, g_strdup(words[2]));
    } else if (*line != '\0') {
        g_error("what is '%s'?", line);
    }
}

static void check(const Case *expected, const GError *error)
{
    g_assert_nonnull(error);
    g_assert_cmpstr(error_domain_name(error->code), ==, expected->domain);
    g_assert_cmpstr(error_get_reason(error), ==, expected->reason);
    const char *place = error_get_provenance(error);
    if (expected->at == NULL) {
        g_assert_cmpstr(place, ==, NULL);
    } else if (strchr(expected->at, '[') != NULL) {
        g_assert_cmpstr(place, ==, expected->at);
    } else {
        g_assert_true(place != NULL && g_str_has_prefix(place, expected->at));
    }
    if (place != NULL) {
        g_assert_true(g_str_has_prefix(error->message, place));
    }
    if (strstr(error->message, expected->says) == NULL) {
        g_error("'%s' does not say '%s'", error->message, expected->says);
    }
    if (expected->suggests != NULL) {
        g_assert_cmpstr(error_get_suggestion(error), ==, expected->suggests);
    }
    if (expected->detail != NULL) {
        g_assert_nonnull(error_get_detail(error));
        g_assert_nonnull(strstr(error_get_detail(error), expected->detail));
    }
    g_autofree char *report = error_report(error);
    g_assert_true(g_str_has_prefix(report, error->message));
    g_assert_true(place == NULL || strstr(place, "[line") == NULL || strchr(report, '^') != NULL);
}

static void clear_case(Case *expected)
{
    g_free(expected->domain);
    g_free(expected->reason);
    g_free(expected->at);
    g_free(expected->says);
    g_free(expected->suggests);
    g_free(expected->detail);
    g_ptr_array_unref(expected->options);
    g_ptr_array_unref(expected->targets);
}

static void test_case(gconstpointer path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    Case expected = {.options = g_ptr_array_new_with_free_func(g_free),
                     .targets = g_ptr_array_new_with_free_func(g_free)};
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    const char *files = strstr(text, "--- ");
    g_autofree char *head = g_strndup(text, (gsize)(files - text));
    g_auto(GStrv) lines = g_strsplit(head, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        read_line(&expected, *line);
    }
    g_ptr_array_add(expected.options, NULL);
    g_ptr_array_add(expected.targets, NULL);
    char *directory = fixture_unpack(files);
    Session *session = NULL;
    GPtrArray *loaded = fixture_load(directory, (const char *const *)expected.options->pdata,
                                     (const char *const *)expected.targets->pdata, &session, &error);
    g_assert_null(loaded);
    check(&expected, error);
    session_free(session);
    fixture_remove(directory);
    clear_case(&expected);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    g_autoptr(GDir) directory = g_dir_open(argv[1], 0, NULL);
    g_assert_nonnull(directory);
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; (name = g_dir_read_name(directory)) != NULL;) {
        if (g_str_has_suffix(name, ".case")) {
            g_autofree char *test = g_strdup_printf("/bad/%.*s", (int)(strlen(name) - strlen(".case")), name);
            char *path = g_build_filename(argv[1], name, NULL);
            g_ptr_array_add(paths, path);
            g_test_add_data_func(test, path, test_case);
        }
    }
    return g_test_run();
}
