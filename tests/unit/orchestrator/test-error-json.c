/* test-error-json.c - the object for programs: its fields, its file, and when there is none */
#include "error-json.h"
#include "cas.h"
#include "sandbox.h"
#include <glib/gstdio.h>
#include <sys/stat.h>

static void test_object(void)
{
    g_autoptr(GError) error = NULL;
    error_set(&error, ERROR_LOAD, "INVALID_DATA", NULL, "text with \"quotes\"");
    g_autoptr(ErrorRecord) record = error_record_new(error);
    g_autofree char *text = error_json_format(record, NULL);
    g_assert_cmpstr(text, ==,
                    "{\"detail\":null,\"domain\":\"LOAD\",\"message\":\"text with \\\"quotes\\\"\",\"provenance\":null,"
                    "\"reason\":\"INVALID_DATA\",\"task\":null}\n");
}

static void test_task(void)
{
    g_autoptr(GError) session = NULL, job = NULL;
    error_set(&session, ERROR_STREAM, NULL, NULL, "%s", "");
    error_set(&job, ERROR_SANDBOX, "missing-command", NULL, "no sh");
    error_set_detail(job, "more");
    g_autoptr(ErrorRecord) main_error = error_record_new(session), task = error_record_new(job);
    task->element = g_strdup("hello.bst");
    task->action = g_strdup("build");
    g_autofree char *text = error_json_format(main_error, task);
    g_assert_cmpstr(
        text, ==,
        "{\"detail\":null,\"domain\":\"STREAM\",\"message\":\"\",\"provenance\":null,\"reason\":null,"
        "\"task\":{\"action\":\"build\",\"detail\":\"more\",\"domain\":\"SANDBOX\",\"element\":\"hello.bst\","
        "\"message\":\"no sh\",\"reason\":\"missing-command\"}}\n");
}

static void test_domains(void)
{
    g_autoptr(GError) full = g_error_new(SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_FULL, "full");
    g_autoptr(GError) other = g_error_new(G_FILE_ERROR, G_FILE_ERROR_ACCES, "no");
    g_autoptr(ErrorRecord) a = error_record_new(full), c = error_record_new(other);
    g_assert_cmpstr(a->domain, ==, "CAS");
    g_assert_cmpstr(a->reason, ==, "cache-too-full");
    g_assert_cmpstr(c->domain, ==, "UTIL");
    g_assert_null(c->reason);
}

static void test_file(void)
{
    g_autofree char *folder = g_dir_make_tmp("error-json-XXXXXX", NULL),
                    *path = g_build_filename(folder, "error.json", NULL);
    g_assert_true(g_file_set_contents(path, "old", -1, NULL));
    g_setenv("SLUICE_ERROR_JSON", path, TRUE);
    g_autofree char *begun = error_json_begin();
    g_assert_cmpstr(begun, ==, path);
    g_assert_null(g_getenv("SLUICE_ERROR_JSON"));
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    ErrorRecord record = {.domain = (char *)"APP", .message = (char *)"bad \xff bytes"};
    g_autoptr(GError) error = NULL;
    g_assert_true(error_json_write(begun, &record, NULL, &error));
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_true(g_str_has_suffix(text, "}\n"));
    g_assert_true(g_utf8_validate(text, -1, NULL));
    g_unlink(path);
    g_rmdir(folder);
    g_assert_false(error_json_write(begun, &record, NULL, &error));
    g_assert_nonnull(error);
    g_setenv("SLUICE_ERROR_JSON", "", TRUE);
    g_assert_null(error_json_begin());
    g_assert_true(error_json_write(NULL, &record, NULL, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error-json/object", test_object);
    g_test_add_func("/error-json/task", test_task);
    g_test_add_func("/error-json/domains", test_domains);
    g_test_add_func("/error-json/file", test_file);
    return g_test_run();
}
