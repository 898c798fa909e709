/*
 * Depfiles: what is accepted is printed as it was, and can be moved there and back.
 *
 * The input: a byte that chooses the compiler, targets with commas between to the end of the line, and the depfile.
 */
#include "compile-depfile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition)
        abort();
}

static void check_same(CompileFamily family, GPtrArray *targets, const CompileDepfile *depfile, const char *text,
                       gsize length)
{
    gsize printed;
    g_autofree char *again = compile_depfile_print(family, targets, depfile, &printed);
    check(printed == length && memcmp(again, text, length) == 0);
}

/* Nothing lies at the new place before. */
static void check_moved(CompileFamily family, GPtrArray *targets, CompileDepfile *depfile, const char *text,
                        gsize length)
{
    gsize printed;
    guint moved = compile_depfile_rewrite(depfile, "/old", "/never/seen");
    g_autofree char *elsewhere = compile_depfile_print(family, targets, depfile, &printed);
    g_autoptr(CompileDepfile) again = compile_depfile_parse(family, targets, elsewhere, printed, NULL);
    check(again != NULL && again->files->len == depfile->files->len);
    check(compile_depfile_rewrite(depfile, "/never/seen", "/old") == moved);
    check_same(family, targets, depfile, text, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;
    if (line == NULL)
        return 0;
    CompileFamily family = data[0] % 2 == 0 ? COMPILE_FAMILY_GCC : COMPILE_FAMILY_CLANG;
    gsize length = size - (gsize)(line + 1 - text);
    g_autofree char *names = g_strndup(text + 1, (gsize)(line - text - 1));
    g_auto(GStrv) words = g_strsplit(names, ",", 100);
    g_autoptr(GPtrArray) targets = g_ptr_array_new();
    for (char **word = words; *word != NULL; word++)
        g_ptr_array_add(targets, *word);
    g_autoptr(CompileDepfile) depfile = compile_depfile_parse(family, targets, line + 1, length, NULL);
    if (depfile == NULL)
        return 0;
    check_same(family, targets, depfile, line + 1, length);
    if (memmem(line + 1, length, "/never/seen", 11) == NULL)
        check_moved(family, targets, depfile, line + 1, length);
    return 0;
}
