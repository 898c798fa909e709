/* compile-table.h - the options of gcc and clang, with what they mean for caching.  Private to compile-*.c. */
#pragma once

#include <glib.h>

/* How an option and its value are written. */
enum {
    SHAPE_EXACT = 1 << 0,    /* no value */
    SHAPE_JOINED = 1 << 1,   /* -Idir; the value is not empty */
    SHAPE_SEPARATE = 1 << 2, /* -I dir */
    SHAPE_PREFIX = 1 << 3,   /* whatever begins so, with nothing or something behind it */
};

/* Of whom it is: 0 is both. */
enum { FOR_BOTH, FOR_GCC, FOR_CLANG };

/* What is known of it; without any of these: it is in the key, and that is all. */
enum {
    PROP_UNKEYED = 1 << 0,  /* neither bytes nor messages depend on it */
    PROP_PATH = 1 << 1,     /* the value is a path */
    PROP_SEARCH = 1 << 2,   /* … of a directory in which headers are looked for */
    PROP_INPUT = 1 << 3,    /* … of a file that is read */
    PROP_TOOLS = 1 << 4,    /* … where parts of the compiler come from */
    PROP_CPU = 1 << 5,      /* depends on the processor of this machine */
    PROP_CWD = 1 << 6,      /* the working directory gets into the outputs */
    PROP_NAMES = 1 << 7,    /* the outputs' names do */
    PROP_SWITCHES = 1 << 8, /* the command line does */
    PROP_FLAG = 1 << 9,     /* sets `flag` to `setting` */
};

/* Things that options switch on and off; the last one counts. */
typedef enum {
    FLAG_MODE,      /* MODE_… */
    FLAG_DEBUG,     /* debug information, as far as clang needs it for .dwo */
    FLAG_VAGUE,     /* there may be some, or not */
    FLAG_SPLIT,     /* .dwo */
    FLAG_NOTES,     /* .gcno */
    FLAG_COVERAGE,  /* --coverage, which nothing takes back */
    FLAG_STAMPS,    /* of profiles and coverage: other bytes each time */
    FLAG_TEMPORARY, /* the assembler writes the name of its input, which is a temporary file */
    FLAG_STACK,     /* .su */
    FLAG_CALLGRAPH, /* .ci */
    FLAG_LTO,
    FLAG_DEPENDENCIES, /* DEPENDENCIES_… */
    FLAG_PHONY,
    FLAG_DIRECTORY, /* of debug information: some versions of clang look for .dwo files there */
    FLAG_TIMELESS,  /* clang's precompiled headers hold no times */
    FLAG_HEADER,    /* it is told to make one */
    FLAG_CHAINED,   /* its front end is told to use one */
    FLAG_COUNT,
} CompileFlag;

enum { MODE_LINK, MODE_COMPILE, MODE_ASSEMBLE };
enum { SPLIT_NONE, SPLIT_FILE, SPLIT_SINGLE };
enum { DEPENDENCIES_NONE, DEPENDENCIES_ALL, DEPENDENCIES_USER };

/* Values that are kept; the last one counts, and a second one is a reason where it says so. */
typedef enum {
    VALUE_NONE,
    VALUE_OUTPUT,
    VALUE_DEPFILE,
    VALUE_TARGET,
    VALUE_QUOTED_TARGET,
    VALUE_LANGUAGE,
    VALUE_DUMPBASE,
    VALUE_DUMPBASE_EXT,
    VALUE_DUMPDIR,
    VALUE_SYSROOT,
    VALUE_PREFIX,        /* -iprefix */
    VALUE_WITH_PREFIX,   /* -iwithprefix */
    VALUE_PREPROCESSOR,  /* one argument of the preprocessor */
    VALUE_PREPROCESSORS, /* several, with commas between */
    VALUE_ASSEMBLER,
    VALUE_ASSEMBLERS,
    VALUE_FRONTEND, /* -Xclang */
} CompileValue;

typedef struct {
    const char *name;
    guint8 shape, family;
    guint16 properties;
    const char *reason; /* not to be cached, whatever the rest says */
    guint8 value;       /* CompileValue */
    guint8 flag;        /* CompileFlag, with PROP_FLAG */
    guint8 setting;
} CompileOption;

/* Which table: of the driver, of what goes to the preprocessor (-Wp,), to the assembler (-Wa,) or to clang's front end (-Xclang). */
typedef enum { TABLE_DRIVER, TABLE_PREPROCESSOR, TABLE_ASSEMBLER, TABLE_FRONTEND } CompileTable;

/* The option that `argument` is, by the longest name that fits; NULL: unknown.  `value` is what is joined to it, or NULL; `separate` is whether the
 * next argument belongs to it. */
const CompileOption *compile_table_find(CompileTable table, guint family, const char *argument, const char **value,
                                        gboolean *separate);
