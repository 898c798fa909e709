/* Environment variables that compilers look at.  What begins with one of the names that end in "*" counts too. */
#include "compile-options.h"

#include <string.h>

static const struct {
    const char *name;
    CompileVariable kind;
} variables[] = {
    {"CCC_*", COMPILE_VARIABLE_REFUSED}, /* clang: other arguments than those of the command line */
    {"CC_LOG_*", COMPILE_VARIABLE_REFUSED},
    {"CC_PRINT_*", COMPILE_VARIABLE_REFUSED},
    {"CLANG_*", COMPILE_VARIABLE_REFUSED},
    {"COLLECT_*", COMPILE_VARIABLE_REFUSED}, /* set by gcc for what it runs */
    {"COLUMNS", COMPILE_VARIABLE_KEY},
    {"COMPILER_PATH", COMPILE_VARIABLE_KEY},
    {"CPATH", COMPILE_VARIABLE_KEY},
    {"CPLUS_INCLUDE_PATH", COMPILE_VARIABLE_KEY},
    {"C_INCLUDE_PATH", COMPILE_VARIABLE_KEY},
    {"DEPENDENCIES_OUTPUT", COMPILE_VARIABLE_REFUSED}, /* a depfile more */
    {"GCC_COLORS", COMPILE_VARIABLE_KEY},
    {"GCC_COMPARE_DEBUG", COMPILE_VARIABLE_REFUSED},
    {"GCC_EXEC_PREFIX", COMPILE_VARIABLE_REFUSED},
    {"GCC_EXTRA_DIAGNOSTIC_OUTPUT", COMPILE_VARIABLE_REFUSED},
    {"GCC_URLS", COMPILE_VARIABLE_KEY},
    {"GCONV_PATH", COMPILE_VARIABLE_KEY},
    {"LANG", COMPILE_VARIABLE_KEY},
    {"LANGUAGE", COMPILE_VARIABLE_KEY},
    {"LC_*", COMPILE_VARIABLE_KEY},
    {"LD_AUDIT", COMPILE_VARIABLE_REFUSED},
    {"LD_LIBRARY_PATH", COMPILE_VARIABLE_REFUSED},
    {"LD_PRELOAD", COMPILE_VARIABLE_REFUSED},
    {"LIBCLANG_*", COMPILE_VARIABLE_REFUSED},
    {"LIBRARY_PATH", COMPILE_VARIABLE_IRRELEVANT}, /* of links alone */
    {"LOCPATH", COMPILE_VARIABLE_KEY},
    {"NLSPATH", COMPILE_VARIABLE_KEY},
    {"OBJCPLUS_INCLUDE_PATH", COMPILE_VARIABLE_KEY},
    {"OBJC_INCLUDE_PATH", COMPILE_VARIABLE_KEY},
    {"PATH", COMPILE_VARIABLE_KEY}, /* where gcc looks for an assembler that is not its own */
    {"RC_DEBUG_OPTIONS", COMPILE_VARIABLE_REFUSED},
    {"SOURCE_DATE_EPOCH", COMPILE_VARIABLE_KEY},
    {"SUNPRO_DEPENDENCIES", COMPILE_VARIABLE_REFUSED},
    {"TERM", COMPILE_VARIABLE_KEY},
    {"TERM_URLS", COMPILE_VARIABLE_KEY},
};

CompileVariable compile_options_environment(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(variables); i++) {
        gsize length = strlen(variables[i].name);
        gboolean prefix = variables[i].name[length - 1] == '*';
        if (prefix ? strncmp(name, variables[i].name, length - 1) == 0 : strcmp(name, variables[i].name) == 0)
            return variables[i].kind;
    }
    return COMPILE_VARIABLE_IRRELEVANT;
}
