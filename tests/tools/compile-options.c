/*
 * Prints what a compiler's command line says, as JSON, one line for each:
 *
 *   compile-options [--family=gcc|clang] COMPILER ARGUMENT…
 *   compile-options --stream     from standard input: "gcc" or "clang", how many arguments, and those; each ends with NUL
 */
#include "compile-options.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static cJSON *strings(GPtrArray *list)
{
    cJSON *array = cJSON_CreateArray();
    for (guint i = 0; i < list->len; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(g_ptr_array_index(list, i)));
    return array;
}

static void add_string(cJSON *object, const char *name, const char *value)
{
    cJSON_AddItemToObject(object, name, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

static void print(const CompileOptions *options)
{
    cJSON *object = cJSON_CreateObject(), *paths = cJSON_AddArrayToObject(object, "key_paths");
    for (guint i = 0; i < options->key_paths->len; i++)
        cJSON_AddItemToArray(paths, cJSON_CreateNumber(g_array_index(options->key_paths, gint, i)));
    add_string(object, "reason", options->reason);
    add_string(object, "culprit", options->culprit);
    add_string(object, "language", options->language);
    add_string(object, "depfile", options->depfile);
    add_string(object, "deptarget", options->deptarget);
    const struct {
        const char *name;
        GPtrArray *list;
    } lists[] = {
        {"arguments", options->arguments},
        {"sources", options->sources},
        {"outputs", options->outputs},
        {"deptargets", options->deptargets},
        {"key_arguments", options->key_arguments},
        {"search_dirs", options->search_dirs},
        {"tool_dirs", options->tool_dirs},
        {"input_files", options->input_files},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        cJSON_AddItemToObject(object, lists[i].name, strings(lists[i].list));
    const struct {
        const char *name;
        gboolean value;
    } truths[] = {
        {"depfile_system", options->depfile_system},
        {"depfile_phony", options->depfile_phony},
        {"preprocesses", options->preprocesses},
        {"precompiles", options->precompiles},
        {"depends_on_cpu", options->depends_on_cpu},
        {"depends_on_cwd", options->depends_on_cwd},
        {"varies", options->varies},
        {"records_switches", options->records_switches},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(truths); i++)
        cJSON_AddBoolToObject(object, truths[i].name, truths[i].value);
    char *text = cJSON_PrintUnformatted(object);
    puts(text);
    cJSON_free(text);
    cJSON_Delete(object);
}

static CompileFamily family_named(const char *name)
{
    if (strcmp(name, "gcc") == 0)
        return COMPILE_FAMILY_GCC;
    return strcmp(name, "clang") == 0 ? COMPILE_FAMILY_CLANG : COMPILE_FAMILY_UNKNOWN;
}

static void parse_and_print(char **argv, CompileFamily family, int root_fd)
{
    g_autoptr(CompileOptions) options = compile_options_parse_as(argv, family, AT_FDCWD, root_fd);
    print(options);
}

/* FALSE at the end. */
static gboolean read_string(GString *text)
{
    g_string_truncate(text, 0);
    for (int c; (c = getchar_unlocked()) != EOF;) {
        if (c == '\0')
            return TRUE;
        g_string_append_c(text, (char)c);
    }
    return FALSE;
}

static void stream(int root_fd)
{
    g_autoptr(GString) text = g_string_new(NULL);
    while (read_string(text)) {
        g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
        CompileFamily family = family_named(text->str);
        g_autoptr(GString) count = g_string_new(NULL);
        read_string(count);
        for (guint64 i = g_ascii_strtoull(count->str, NULL, 10); i > 0 && read_string(text); i--)
            g_ptr_array_add(argv, g_strdup(text->str));
        g_ptr_array_add(argv, NULL);
        parse_and_print((char **)argv->pdata, family, root_fd);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const char *family = argc > 1 && g_str_has_prefix(argv[1], "--family=") ? strchr(argv[1], '=') + 1 : NULL;
    if (argc < 2) {
        fprintf(stderr, "usage: %s [--family=gcc|clang] COMPILER ARGUMENT… | --stream\n", argv[0]);
        return 2;
    }
    if (strcmp(argv[1], "--stream") == 0)
        stream(root_fd);
    else
        parse_and_print(argv + (family ? 2 : 1), family ? family_named(family) : COMPILE_FAMILY_UNKNOWN, root_fd);
    close(root_fd);
    return 0;
}
