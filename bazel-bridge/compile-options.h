/*
 * compile-options.h - what a compiler's command line says, for those who want to keep a compile's results: what it reads, what it
 * writes, and which of its arguments the results depend on.
 *
 * Of gcc 11 to 15 and clang 14 to 19, and as cautious as can be: `reason` is set unless everything on the command line is known
 * (compile-table.c), and then the real compiler must be run with the original arguments.  It says nothing about whether the command is
 * right: a compiler that fails writes what it likes, and its results are not to be kept.
 *
 * What influences a compile without being here, and is for the caller to see to:
 *   - the environment variables of compile_options_environment(), the compiler itself and what is installed around it;
 *   - the working directory where `depends_on_cwd` is set, the machine's processor where `depends_on_cpu` is;
 *   - what is read: the headers, which a depfile names; `input_files`, which it mostly does not; what `.incbin` and `.include` of assembler
 *     text name, also of assembler in C, which it never does; profiles and plugins are refused here.  A file X.gch or X.pch beside a header X,
 *     or in an earlier directory of the search path, is taken instead of it;
 *   - descriptors: a terminal makes colours.
 *
 * Caveats: reads only response files, and may block where they do.  No global state; any thread.  Paths are as on the command line: relative to the
 * working directory, not normalised, and hostile ("../../etc/passwd" may be an output).
 */
#pragma once

#include <glib.h>

/* Which compiler: they write different files for the same options. */
typedef enum {
    COMPILE_FAMILY_UNKNOWN, /* "cc": see where its links lead */
    COMPILE_FAMILY_GCC,
    COMPILE_FAMILY_CLANG,
} CompileFamily;

/* Limits of response files. */
#define COMPILE_RESPONSE_SIZE_MAX      (4 << 20)
#define COMPILE_RESPONSE_FILES_MAX     64 /* opened for one command line; they may name each other */
#define COMPILE_RESPONSE_ARGUMENTS_MAX 100000

typedef struct {
    /* NULL: its results can be kept.  Else one of compile_options_reasons(), and the argument that it is about, or NULL. */
    const char *reason;
    char *culprit;

    /* argv with response files expanded, argv[0] included; complete even when there is a reason, unless that is "response-file".  All lists are of
     * char *, in the order of the command line. */
    GPtrArray *arguments;

    /* With a reason, what follows is what was understood so far, and good for nothing but messages. */

    /* As written; exactly one when there is no reason. */
    GPtrArray *sources;

    /* As -x names it: "c", "c++", "objective-c", "assembler-with-cpp", "c-header", "cpp-output"…; NULL if unknown. */
    const char *language;

    /* Each file that a successful run makes besides the depfile: all of them are made, whatever is in the source.  The first one is the object,
     * the assembler text of -S, or the precompiled header. */
    GPtrArray *outputs;

    /* The file of make rules, or NULL when none is written; its targets, escaped as they are in the file, in one line and one by one (none without
     * depfile). */
    char *depfile;
    char *deptarget;
    GPtrArray *deptargets;
    gboolean depfile_system; /* it names the headers of system directories as well (-MD, not -MMD) */
    gboolean depfile_phony;  /* -MP */

    /*
     * What the outputs' bytes and the messages depend on, argv[0] not included: without the output's and the depfile's names, unless those get
     * into the bytes too.  What there is to write is in it: command lines with the same key have as many outputs, of the same kinds.
     * `key_paths` (gint, as many) is where in the argument a path begins, which goes on to its end; -1: nowhere.  A path "=DIR" is relative to the sysroot;
     * -f…-prefix-map=OLD=NEW is two, and counts as one.
     */
    GPtrArray *key_arguments;
    GArray *key_paths;

    /* In which headers are looked for (-I, -iquote, -isystem, -idirafter…), besides the compiler's own. */
    GPtrArray *search_dirs;

    /* Of -B, --sysroot, --gcc-toolchain, -resource-dir…: where parts of the compiler, or its headers, come from. */
    GPtrArray *tool_dirs;

    /* Files named by options and read by the compiler: -include, -imacros, -include-pch, -specs=, lists of sanitizers… */
    GPtrArray *input_files;

    gboolean
        preprocesses; /* there are macros and #include in the source; else its text alone counts, but for .incbin and .include */
    gboolean precompiles;      /* makes a precompiled header */
    gboolean splits;           /* debugging information goes into a .dwo, which is the second output */
    gboolean depends_on_cpu;   /* -march=native and the like */
    gboolean depends_on_cwd;   /* the working directory is written into the outputs: debug information, coverage */
    gboolean records_switches; /* the command line is written into the object: key_arguments is all of it */
    gboolean
        varies; /* each run makes other bytes, as good as the others: precompiled headers, stamps of coverage, -flto */
} CompileOptions;

/* By a program's name (its last component counts): "x86_64-linux-gnu-gcc-12", "g++", "clang-14"; "cc" and "c++" are of no family. */
CompileFamily compile_family_of(const char *program);

/*
 * `argv` ends with NULL; argv[0] is the name that the compiler was called by: with "++" in it, .c files are C++ too.  `family` is what its
 * links lead to; COMPILE_FAMILY_UNKNOWN: goes by its name.
 * Response files: relative names are opened beneath `cwd_fd` (which a name with ".." cannot leave), absolute ones beneath `root_fd` as if it was "/"
 * (AT_FDCWD will do for the first; -1: there are none to be had).  Not there, too large, too many, or quoted in a way that compilers disagree about:
 * "response-file".
 * Never NULL; free with compile_options_free.
 */
CompileOptions *compile_options_parse_as(char *const *argv, CompileFamily family, int cwd_fd, int root_fd);

/* The same with the family of argv[0]'s name.  NULL with G_IO_ERROR_INVALID_ARGUMENT only if argv is empty. */
CompileOptions *compile_options_parse(char **argv, int cwd_fd, int root_fd, GError **error);
void compile_options_free(CompileOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CompileOptions, compile_options_free)

/* All reasons that there can be, ending with NULL: names of counters, which stay as they are. */
const char *const *compile_options_reasons(void);

typedef enum {
    COMPILE_VARIABLE_IRRELEVANT, /* nothing a compiler looks at */
    COMPILE_VARIABLE_KEY,        /* changes results or messages */
    COMPILE_VARIABLE_REFUSED,    /* makes it write further files, or is too strange: no caching */
} CompileVariable;

/* What the environment variable `name` is to a compile. */
CompileVariable compile_options_environment(const char *name);
