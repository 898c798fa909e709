/*
 * Command lines: whatever is said of one holds together, and saying it again changes nothing.
 *
 * The input is lines: the first ones are arguments, and what comes after an empty line is the text of the response file that "@r" names.
 */
#include "compile-options.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGUMENTS_MAX 200

static void check(gboolean condition)
{
    if (!condition)
        abort();
}

static void check_reason(const CompileOptions *options)
{
    if (options->reason != NULL)
        check(g_strv_contains(compile_options_reasons(), options->reason));
    else
        check(options->sources->len == 1 && options->outputs->len >= 1 && options->language != NULL);
    check((options->depfile == NULL) == (options->deptarget == NULL));
}

static void check_key(const CompileOptions *options)
{
    check(options->key_arguments->len == options->key_paths->len);
    for (guint i = 0; i < options->key_paths->len; i++) {
        int path = g_array_index(options->key_paths, gint, i);
        check(path >= -1 && path <= (int)strlen(g_ptr_array_index(options->key_arguments, i)));
    }
}

static gboolean same(GPtrArray *a, GPtrArray *b)
{
    if (a->len != b->len)
        return FALSE;
    for (guint i = 0; i < a->len; i++)
        if (strcmp(g_ptr_array_index(a, i), g_ptr_array_index(b, i)) != 0)
            return FALSE;
    return TRUE;
}

/* With response files expanded already, it is the same command line, unless an argument of theirs looks like one more. */
static void check_expanded(const CompileOptions *options)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    for (guint i = 0; i < options->arguments->len; i++) {
        if (i > 0 && ((const char *)g_ptr_array_index(options->arguments, i))[0] == '@')
            return;
        g_ptr_array_add(argv, g_ptr_array_index(options->arguments, i));
    }
    g_ptr_array_add(argv, NULL);
    g_autoptr(CompileOptions) again = compile_options_parse_as((char **)argv->pdata, COMPILE_FAMILY_UNKNOWN, -1, -1);
    check(g_strcmp0(again->reason, options->reason) == 0);
    check(same(again->outputs, options->outputs) && same(again->key_arguments, options->key_arguments));
}

static int directory_with(const char *text)
{
    static char path[] = "/tmp/fuzz-compile-options-XXXXXX";
    static int directory = -1;
    if (directory == -1) {
        check(mkdtemp(path) != NULL);
        directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    int fd = openat(directory, "r", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    return directory;
}

static void remove_directory(void)
{
    int directory = directory_with("");
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", directory);
    g_autofree char *path = g_file_read_link(link, NULL);
    unlinkat(directory, "r", 0);
    if (path != NULL)
        rmdir(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static gboolean cleans;
    g_autofree char *text = g_strndup((const char *)data, size);
    char *response = strstr(text, "\n\n");
    if (!cleans)
        cleans = atexit(remove_directory) == 0;
    if (response != NULL)
        *response = '\0';
    int directory = directory_with(response ? response + 2 : "");
    g_auto(GStrv) argv = g_strsplit(text, "\n", ARGUMENTS_MAX);
    g_autoptr(CompileOptions) options = compile_options_parse_as(argv, COMPILE_FAMILY_UNKNOWN, directory, -1);
    check_reason(options);
    check_key(options);
    if (g_strcmp0(options->reason, "response-file") != 0)
        check_expanded(options);
    return 0;
}
