/* Depfiles: what gcc 12 and clang 14 and 19 wrote, moved to another place.  Compared with the compilers by tests/integration/bridge/test-compile-depfile. */
#include "compile-depfile.h"

#include <gio/gio.h>
#include <string.h>

static GPtrArray *targets_of(const char *names)
{
    g_auto(GStrv) words = g_strsplit(names, ",", -1);
    GPtrArray *targets = g_ptr_array_new_with_free_func(g_free);
    for (char **word = words; *word != NULL; word++)
        g_ptr_array_add(targets, g_strdup(*word));
    return targets;
}

static const struct {
    CompileFamily family;
    const char *targets, *text, *files, *moved; /* from /old to /a/new */
    gboolean phony;
} rows[] = {
    {COMPILE_FAMILY_GCC, "a.o", "a.o: a.c\n", "a.c", "a.o: a.c\n", FALSE},
    {COMPILE_FAMILY_GCC, "a.o", "a.o: /old/a.c /older/b.h /old\n", "/old/a.c|/older/b.h|/old",
     "a.o: /a/new/a.c /older/b.h /a/new\n", FALSE},
    {COMPILE_FAMILY_GCC, "t,q\\ x", "t q\\ x: a.c\n", "a.c", "t q\\ x: a.c\n", FALSE},
    {COMPILE_FAMILY_GCC, "a.o", "a.o: a.c /old/b.h c.h\n/old/b.h:\nc.h:\n", "a.c|/old/b.h|c.h",
     "a.o: a.c /a/new/b.h c.h\n/a/new/b.h:\nc.h:\n", TRUE},
    {COMPILE_FAMILY_GCC, "a.o", "a.o: a\\ b d$$l h\\#s s\\\\ e\\\\\\ x t\\\ty c:d q'q\n",
     "a b|d$l|h#s|s\\\\|e\\ x|t\ty|c:d|q'q", "a.o: a\\ b d$$l h\\#s s\\\\ e\\\\\\ x t\\\ty c:d q'q\n", FALSE},
    /* 72 columns fit, 73 do not */
    {COMPILE_FAMILY_GCC, "a.o", "a.o: /old/aaaaaaaaaaaaaaaaaaaaaaaaaaaaa /old/bbbbbbbbbbbbbbbbbbbbbbbbbbb\n",
     "/old/aaaaaaaaaaaaaaaaaaaaaaaaaaaaa|/old/bbbbbbbbbbbbbbbbbbbbbbbbbbb",
     "a.o: /a/new/aaaaaaaaaaaaaaaaaaaaaaaaaaaaa \\\n /a/new/bbbbbbbbbbbbbbbbbbbbbbbbbbb\n", FALSE},
    {COMPILE_FAMILY_CLANG, "a.o",
     "a.o: a.c \\\n  /old/very-long-name-of-a-directory-or-a-file/and-of-a-header-too-indeed.h\n",
     "a.c|/old/very-long-name-of-a-directory-or-a-file/and-of-a-header-too-indeed.h",
     "a.o: a.c \\\n  /a/new/very-long-name-of-a-directory-or-a-file/and-of-a-header-too-indeed.h\n", FALSE},
    {COMPILE_FAMILY_CLANG, "#", "#: h\\#0/a.c /old/d$$l0.h\n\n/old/d$$l0.h:\n", "h#0/a.c|/old/d$l0.h",
     "#: h\\#0/a.c /a/new/d$$l0.h\n\n/a/new/d$$l0.h:\n", TRUE},
    {COMPILE_FAMILY_CLANG, "a.o", "a.o: a.c b\tc.h\nb\tc.h:\n", "a.c|b\tc.h", "a.o: a.c b\tc.h\nb\tc.h:\n", TRUE},
    {COMPILE_FAMILY_CLANG, "a.o", "a.o: list a.c\nlist:\n", "list|a.c", "a.o: list a.c\nlist:\n", TRUE},
};

static char *join(GPtrArray *files)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < files->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "|" : "", (const char *)g_ptr_array_index(files, i));
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void test_rows(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        gsize length;
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) targets = targets_of(rows[i].targets);
        g_autoptr(CompileDepfile) depfile =
            compile_depfile_parse(rows[i].family, targets, rows[i].text, strlen(rows[i].text), &error);
        g_assert_no_error(error);
        g_autofree char *files = join(depfile->files);
        g_assert_cmpstr(files, ==, rows[i].files);
        g_assert_cmpint(depfile->phony, ==, rows[i].phony);
        compile_depfile_rewrite(depfile, "/old", "/a/new");
        g_autofree char *moved = compile_depfile_print(rows[i].family, targets, depfile, &length);
        g_assert_cmpstr(moved, ==, rows[i].moved);
        g_assert_cmpuint(length, ==, strlen(moved));
    }
}

static void test_targets(void)
{
    gsize length;
    g_autoptr(GPtrArray) before = targets_of("a.o"), after = targets_of("other/place.o,second");
    g_autoptr(CompileDepfile) depfile = compile_depfile_parse(COMPILE_FAMILY_GCC, before, "a.o: a.c\n", 9, NULL);
    g_autofree char *text = compile_depfile_print(COMPILE_FAMILY_GCC, after, depfile, &length);
    g_assert_cmpstr(text, ==, "other/place.o second: a.c\n");
}

static void test_count(void)
{
    g_autoptr(GPtrArray) targets = targets_of("a.o");
    g_autoptr(CompileDepfile) depfile =
        compile_depfile_parse(COMPILE_FAMILY_GCC, targets, "a.o: /p/a.c /pp/b.h /p q\n", 25, NULL);
    g_assert_cmpuint(compile_depfile_rewrite(depfile, "/p", "."), ==, 2);
    g_assert_cmpstr(g_ptr_array_index(depfile->files, 0), ==, "./a.c");
    g_assert_cmpstr(g_ptr_array_index(depfile->files, 1), ==, "/pp/b.h");
}

/* What is not as the compiler itself writes it. */
static void test_refused(void)
{
    static const char *const texts[] = {
        "",
        "a.o",
        "a.o:",
        "a.o: a.c",
        "b.o: a.c\n",
        "a.o:a.c\n",
        "a.o: a.c \n",
        "a.o: a.c  b.h\n",
        "a.o: a.c \\\n b.h\n",
        "a.o: a.c\n\tcc a.c\n",
        "a.o: a.c\nb.h:\n",
        "a.o: a.c b.h c.h\nc.h:\nb.h:\n",
        "a.o: a.c b.h\nb.h: c.h\n",
        "a.o: a.c\na.o: b.h\n",
        "a.o: a.c b.h\nb.h:\nCXX_IMPORTS += m\n",
        "a.o: $(A)\n",
        "a.o: a$\n",
        "a.o: a#b\n",
        "a.o: a.c | order\n.PHONY: x\n",
        "# comment\na.o: a.c\n",
        "a.o: a.c\n\n",
        "a.o: a.c\r\n\n",
    };
    g_autoptr(GPtrArray) targets = targets_of("a.o");
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(CompileDepfile) depfile =
            compile_depfile_parse(COMPILE_FAMILY_GCC, targets, texts[i], strlen(texts[i]), &error);
        if (depfile != NULL)
            g_error("this should have been refused: %s", texts[i]);
        g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
    g_assert_null(compile_depfile_parse(COMPILE_FAMILY_GCC, targets, "a.o: a\0c\n", 9, NULL));
}

static void test_large(void)
{
    g_autoptr(GPtrArray) targets = targets_of("a.o");
    g_autofree char *large = g_strnfill(COMPILE_DEPFILE_SIZE_MAX + 1, 'x');
    memcpy(large, "a.o: ", 5);
    large[COMPILE_DEPFILE_SIZE_MAX] = '\n';
    g_assert_null(compile_depfile_parse(COMPILE_FAMILY_GCC, targets, large, COMPILE_DEPFILE_SIZE_MAX + 1, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compile-depfile/rows", test_rows);
    g_test_add_func("/compile-depfile/targets", test_targets);
    g_test_add_func("/compile-depfile/count", test_count);
    g_test_add_func("/compile-depfile/refused", test_refused);
    g_test_add_func("/compile-depfile/large", test_large);
    return g_test_run();
}
