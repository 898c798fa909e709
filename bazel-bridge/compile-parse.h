/* compile-parse.h - what is known while a command line is parsed.  Private to compile-*.c. */
#pragma once

#include "compile-options.h"
#include "compile-table.h"

typedef struct {
    const char *text; /* borrowed from the arguments */
    gboolean quoted;  /* -MQ */
} CompileTarget;

typedef struct {
    CompileOptions *options;
    CompileFamily family;
    gboolean plus_plus;   /* called as g++ or the like */
    const char *language; /* of -x; NULL: by the file's name */
    int flags[FLAG_COUNT];
    const char *output, *depfile, *sysroot, *prefix; /* borrowed from the arguments, or NULL */
    const char *dumpbase, *dumpbase_ext, *dumpdir;
    GArray *targets;                                /* CompileTarget */
    GPtrArray *preprocessor, *assembler, *frontend; /* char *: what -Wp, and -Wa, and -Xclang and their like hold */
    guint driver_dependencies, preprocessor_dependencies; /* how many options of dependencies were for whom */
    guint driver_inputs;                                  /* files that options of the driver name */
    gboolean one_by_one;                                  /* -Xpreprocessor */
    gboolean names;                                       /* the outputs' names get into their bytes */
} CompileParse;

/* The first reason stays; `culprit` is copied. */
void compile_parse_refuse(CompileParse *parse, const char *reason, const char *culprit);

/* Appends a copy of `text` to the key; its path begins at `path`, or -1. */
void compile_parse_key(CompileParse *parse, const char *text, int path);

/* Names of what is written, from all that was said: sets outputs, depfile, deptarget. */
void compile_parse_outputs(CompileParse *parse);

/* Languages (compile-language.c).  NULL: not a source that is known; `reason` says so. */
const char *compile_language_of_name(const char *name, const char **reason);
const char *compile_language_of_file(const char *path, CompileFamily family, gboolean plus_plus, const char **reason);
gboolean compile_language_preprocesses(const char *language);
gboolean compile_language_is_header(const char *language);
gboolean compile_language_is_assembler(const char *language);

/* argv with its response files expanded (compile-response.c), or NULL with `culprit` set, to be freed. */
GPtrArray *compile_response_expand(char *const *argv, int cwd_fd, int root_fd, char **culprit);

/* The arguments in a response file's text, appended to `arguments`; FALSE if compilers disagree about what they are. */
gboolean compile_response_split(const char *text, gsize length, GPtrArray *arguments);
