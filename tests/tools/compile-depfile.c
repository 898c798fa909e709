/*
 * Reads a depfile from standard input, moves the files in it from one place to another, and prints it as the compiler would there:
 *
 *   compile-depfile gcc|clang FROM TO OLD-TARGET… -- NEW-TARGET…        targets are escaped as in the file
 */
#include "compile-depfile.h"

#include <stdio.h>
#include <string.h>

static char *read_input(gsize *length)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[65536];
    for (gsize count; (count = fread(buffer, 1, sizeof buffer, stdin)) > 0;)
        g_string_append_len(text, buffer, (gssize)count);
    *length = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

int main(int argc, char **argv)
{
    gsize length;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) before = g_ptr_array_new(), after = g_ptr_array_new();
    GPtrArray *targets = before;
    if (argc < 6) {
        fprintf(stderr, "usage: %s gcc|clang FROM TO OLD-TARGET… -- NEW-TARGET…\n", argv[0]);
        return 2;
    }
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            targets = after;
        else
            g_ptr_array_add(targets, argv[i]);
    }
    CompileFamily family = strcmp(argv[1], "gcc") == 0 ? COMPILE_FAMILY_GCC : COMPILE_FAMILY_CLANG;
    g_autofree char *text = read_input(&length);
    g_autoptr(CompileDepfile) depfile = compile_depfile_parse(family, before, text, length, &error);
    if (depfile == NULL) {
        fprintf(stderr, "%s: %s\n", argv[0], error->message);
        return 1;
    }
    compile_depfile_rewrite(depfile, argv[2], argv[3]);
    g_autofree char *printed = compile_depfile_print(family, after, depfile, &length);
    return fwrite(printed, 1, length, stdout) == length ? 0 : 1;
}
