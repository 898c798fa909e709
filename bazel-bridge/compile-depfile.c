/*
 * gcc breaks a line before a name that would end behind column 72, counting what it prints; clang keeps to 75, with room for a backslash, and
 * counts the names of files as they are, not as it prints them.
 */
#include "compile-depfile.h"

#include <gio/gio.h>
#include <string.h>

#define GCC_COLUMNS   72
#define CLANG_COLUMNS 75

typedef struct {
    GString *text;
    gsize column;
} Printer;

/* A blank takes a backslash, and so does each backslash before it; clang leaves tabs alone. */
static void append_escaped(GString *out, const char *name, CompileFamily family)
{
    gsize backslashes = 0;
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == ' ' || (*c == '\t' && family == COMPILE_FAMILY_GCC))
            for (gsize i = 0; i <= backslashes; i++)
                g_string_append_c(out, '\\');
        else if (*c == '#')
            g_string_append_c(out, '\\');
        else if (*c == '$')
            g_string_append_c(out, '$');
        backslashes = *c == '\\' ? backslashes + 1 : 0;
        g_string_append_c(out, *c);
    }
}

static void print_gcc(Printer *printer, const char *escaped, gsize length)
{
    if (printer->column > 0) {
        if (printer->column + length > GCC_COLUMNS) {
            g_string_append(printer->text, " \\\n");
            printer->column = 0;
        }
        g_string_append_c(printer->text, ' ');
        printer->column++;
    }
    g_string_append(printer->text, escaped);
    printer->column += length;
}

static void print_target_clang(Printer *printer, const char *target)
{
    gsize length = strlen(target);
    if (printer->column == 0) {
        printer->column = length;
    } else if (printer->column + length + 2 > CLANG_COLUMNS) {
        g_string_append(printer->text, " \\\n  ");
        printer->column = length + 2;
    } else {
        g_string_append_c(printer->text, ' ');
        printer->column += length + 1;
    }
    g_string_append(printer->text, target);
}

static void print_file_clang(Printer *printer, const char *file, const char *escaped)
{
    gsize length = strlen(file);
    if (printer->column + length + 3 > CLANG_COLUMNS) {
        g_string_append(printer->text, " \\\n ");
        printer->column = 2;
    }
    g_string_append_c(printer->text, ' ');
    g_string_append(printer->text, escaped);
    printer->column += length + 1;
}

static void print_targets(Printer *printer, CompileFamily family, GPtrArray *targets)
{
    for (guint i = 0; i < targets->len; i++) {
        const char *target = g_ptr_array_index(targets, i);
        if (family == COMPILE_FAMILY_GCC)
            print_gcc(printer, target, strlen(target));
        else
            print_target_clang(printer, target);
    }
    g_string_append_c(printer->text, ':');
    printer->column++;
}

static void print_file(Printer *printer, CompileFamily family, const char *file)
{
    g_autoptr(GString) escaped = g_string_new(NULL);
    append_escaped(escaped, file, family);
    if (family == COMPILE_FAMILY_GCC)
        print_gcc(printer, escaped->str, escaped->len);
    else
        print_file_clang(printer, file, escaped->str);
}

static void append_phony(GString *out, const CompileDepfile *depfile, guint file, CompileFamily family)
{
    g_string_append(out, depfile->spaced ? "\n" : "");
    append_escaped(out, g_ptr_array_index(depfile->files, file), family);
    g_string_append(out, ":\n");
}

char *compile_depfile_print(CompileFamily family, GPtrArray *targets, const CompileDepfile *depfile, gsize *length)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Printer printer = {.text = text};
    print_targets(&printer, family, targets);
    for (guint i = 0; i < depfile->files->len; i++)
        print_file(&printer, family, g_ptr_array_index(depfile->files, i));
    g_string_append_c(text, '\n');
    for (guint i = 0; depfile->phony && i < depfile->files->len; i++) {
        if (i == depfile->source)
            continue;
        append_phony(text, depfile, i, family);
    }
    *length = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

void compile_depfile_free(CompileDepfile *depfile)
{
    g_ptr_array_unref(depfile->files);
    g_free(depfile);
}

static gboolean is_blank(char c, CompileFamily family)
{
    return c == ' ' || (c == '\t' && family == COMPILE_FAMILY_GCC);
}

/* The name from *at on, up to a blank or the end. */
static char *take_name(const char **at, const char *end, CompileFamily family)
{
    g_autoptr(GString) name = g_string_new(NULL);
    const char *c = *at;
    while (c < end && !is_blank(*c, family)) {
        gsize backslashes = 0;
        while (c + backslashes < end && c[backslashes] == '\\')
            backslashes++;
        const char *after = c + backslashes;
        gboolean escapes = after < end && (is_blank(*after, family) || *after == '#') && backslashes % 2 == 1;
        if (escapes && *after != '#')
            backslashes /= 2;
        else if (after < end && *after == '#' && backslashes > 0)
            backslashes--, escapes = TRUE;
        for (gsize i = 0; i < backslashes; i++)
            g_string_append_c(name, '\\');
        if (escapes)
            g_string_append_c(name, *after++);
        else if (after < end && after[0] == '$' && after + 1 < end && after[1] == '$')
            after += 2, g_string_append_c(name, '$');
        else if (after < end && !is_blank(*after, family) && *after != '\\')
            g_string_append_c(name, *after++);
        c = after;
    }
    *at = c;
    return g_string_free(g_steal_pointer(&name), FALSE);
}

static const char *skip_blanks(const char *at, const char *end)
{
    for (;;) {
        if (at < end && *at == ' ')
            at++;
        else if (end - at >= 2 && at[0] == '\\' && at[1] == '\n')
            at += 2;
        else
            return at;
    }
}

/* The end of the rule: a newline that no backslash is before. */
static const char *end_of_rule(const char *at, const char *end)
{
    for (; at < end; at++)
        if (*at == '\n' && at[-1] != '\\')
            return at;
    return end;
}

static gboolean take_files(CompileDepfile *depfile, CompileFamily family, const char *at, const char *end)
{
    for (at = skip_blanks(at, end); at < end; at = skip_blanks(at, end)) {
        if (depfile->files->len == COMPILE_DEPFILE_FILES_MAX)
            return FALSE;
        const char *before = at;
        g_ptr_array_add(depfile->files, take_name(&at, end, family));
        if (at == before)
            return FALSE;
    }
    return TRUE;
}

/* The one that has no rule of its own is the source. */
static void take_phony(CompileDepfile *depfile, CompileFamily family, const char *at, const char *end)
{
    depfile->phony = at < end;
    depfile->spaced = at < end && *at == '\n';
    for (guint i = 0; at < end && i < depfile->files->len; i++) {
        g_autoptr(GString) rule = g_string_new(NULL);
        append_phony(rule, depfile, i, family);
        if ((gsize)(end - at) < rule->len || memcmp(at, rule->str, rule->len) != 0) {
            depfile->source = i;
            return;
        }
        at += rule->len;
        depfile->source = i + 1;
    }
}

static char *targets_of(CompileFamily family, GPtrArray *targets, gsize *length)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Printer printer = {.text = text};
    print_targets(&printer, family, targets);
    *length = text->len;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean parse(CompileDepfile *depfile, CompileFamily family, GPtrArray *targets, const char *text, gsize length)
{
    gsize start, printed;
    g_autofree char *before = targets_of(family, targets, &start);
    if (length > COMPILE_DEPFILE_SIZE_MAX || length < start || memcmp(text, before, start) != 0 ||
        memchr(text, '\0', length) != NULL)
        return FALSE;
    const char *end = text + length, *stop = end_of_rule(text + start, end);
    if (stop == end || !take_files(depfile, family, text + start, stop))
        return FALSE;
    take_phony(depfile, family, stop + 1, end);
    g_autofree char *again = compile_depfile_print(family, targets, depfile, &printed);
    return printed == length && memcmp(again, text, length) == 0;
}

CompileDepfile *compile_depfile_parse(CompileFamily family, GPtrArray *targets, const char *text, gsize length,
                                      GError **error)
{
    g_autoptr(CompileDepfile) depfile = g_new0(CompileDepfile, 1);
    depfile->files = g_ptr_array_new_with_free_func(g_free);
    if (parse(depfile, family, targets, text, length))
        return g_steal_pointer(&depfile);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the depfile is not as %s writes it",
                family == COMPILE_FAMILY_GCC ? "gcc" : "clang");
    return NULL;
}

guint compile_depfile_rewrite(CompileDepfile *depfile, const char *from, const char *to)
{
    guint count = 0;
    gsize length = strlen(from);
    for (guint i = 0; i < depfile->files->len; i++) {
        char *file = g_ptr_array_index(depfile->files, i);
        if (strncmp(file, from, length) != 0 || (file[length] != '/' && file[length] != '\0'))
            continue;
        depfile->files->pdata[i] = g_strconcat(to, file + length, NULL);
        g_free(file);
        count++;
    }
    return count;
}
