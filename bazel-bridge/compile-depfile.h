/*
 * compile-depfile.h - the make rules that a compiler writes (-MD, -MMD, -MP), taken apart and printed again as it would.
 *
 * For results that are used in another place than that where they were made: the files that a rule names have paths of the place, and lines
 * are broken where names end.  So the rules for the new place are printed anew, with the targets of the command line there
 * (CompileOptions.deptargets).
 *
 * Caveats: pure; any thread.  Only what the compiler itself would print from what was understood is accepted, byte by byte: anything else (older
 * or newer compilers, C++ modules, a file that something else wrote) is an error, and then the depfile is to be kept as it is or not at all.  A name
 * that ends with a backslash cannot be told from one with a blank: make cannot either.
 */
#pragma once

#include "compile-options.h"

#define COMPILE_DEPFILE_SIZE_MAX  (16 << 20)
#define COMPILE_DEPFILE_FILES_MAX 200000

typedef struct {
    GPtrArray *files; /* char *: not escaped, in their order */
    gboolean phony;   /* there is a rule without anything for each file but the source (-MP) */
    gboolean spaced;  /* with an empty line before each of them: clang up to some version */
    guint source;     /* which of them that is; 0 where there is nothing to tell it by */
} CompileDepfile;

/* `targets` (char *) are those that the command line asked for, escaped as in the file.  NULL with G_IO_ERROR_INVALID_DATA. */
CompileDepfile *compile_depfile_parse(CompileFamily family, GPtrArray *targets, const char *text, gsize length,
                                      GError **error);
void compile_depfile_free(CompileDepfile *depfile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CompileDepfile, compile_depfile_free)

/* Files that are `from` or below it are `to` or below it now; both without a slash at the end.  Returns how many that are. */
guint compile_depfile_rewrite(CompileDepfile *depfile, const char *from, const char *to);

/* The text of the file; free with g_free. */
char *compile_depfile_print(CompileFamily family, GPtrArray *targets, const CompileDepfile *depfile, gsize *length);
