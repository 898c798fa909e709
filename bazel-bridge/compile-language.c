/* Languages, as -x names them and as the names of files tell. */
#include "compile-parse.h"

#include <string.h>

enum { PREPROCESSES = 1, HEADER = 2, ASSEMBLER = 4 };

static const struct {
    const char *name;
    int kind;
} languages[] = {
    {"assembler", ASSEMBLER},
    {"assembler-with-cpp", ASSEMBLER | PREPROCESSES},
    {"c", PREPROCESSES},
    {"c++", PREPROCESSES},
    {"c++-cpp-output", 0},
    {"c++-header", HEADER | PREPROCESSES},
    {"c-header", HEADER | PREPROCESSES},
    {"cpp-output", 0},
    {"objective-c", PREPROCESSES},
    {"objective-c++", PREPROCESSES},
    {"objective-c++-cpp-output", 0},
    {"objective-c++-header", HEADER | PREPROCESSES},
    {"objective-c-cpp-output", 0},
    {"objective-c-header", HEADER | PREPROCESSES},
};

/* What g++ and clang++ take for C++: `plus_plus` is the language then, NULL where the two disagree. */
static const struct {
    const char *suffix;
    int family;
    const char *language, *plus_plus;
} suffixes[] = {
    {"C", FOR_BOTH, "c++", "c++"},
    {"CC", FOR_CLANG, "c++", "c++"},
    {"CPP", FOR_BOTH, "c++", "c++"},
    {"CXX", FOR_CLANG, "c++", "c++"},
    {"H", FOR_BOTH, "c++-header", "c++-header"},
    {"HPP", FOR_GCC, "c++-header", "c++-header"},
    {"M", FOR_BOTH, "objective-c++", "objective-c++"},
    {"S", FOR_BOTH, "assembler-with-cpp", "assembler-with-cpp"},
    {"c", FOR_BOTH, "c", "c++"},
    {"c++", FOR_BOTH, "c++", "c++"},
    {"cc", FOR_BOTH, "c++", "c++"},
    {"cp", FOR_BOTH, "c++", "c++"},
    {"cpp", FOR_BOTH, "c++", "c++"},
    {"cxx", FOR_BOTH, "c++", "c++"},
    {"h", FOR_BOTH, "c-header", "c++-header"},
    {"h++", FOR_GCC, "c++-header", "c++-header"},
    {"hh", FOR_BOTH, "c++-header", "c++-header"},
    {"hp", FOR_GCC, "c++-header", "c++-header"},
    {"hpp", FOR_BOTH, "c++-header", "c++-header"},
    {"hxx", FOR_BOTH, "c++-header", "c++-header"},
    {"i", FOR_BOTH, "cpp-output", NULL},
    {"ii", FOR_BOTH, "c++-cpp-output", "c++-cpp-output"},
    {"m", FOR_BOTH, "objective-c", "objective-c"},
    {"mi", FOR_BOTH, "objective-c-cpp-output", "objective-c-cpp-output"},
    {"mii", FOR_BOTH, "objective-c++-cpp-output", "objective-c++-cpp-output"},
    {"mm", FOR_BOTH, "objective-c++", "objective-c++"},
    {"s", FOR_BOTH, "assembler", "assembler"},
    {"sx", FOR_GCC, "assembler-with-cpp", "assembler-with-cpp"},
    {"tcc", FOR_GCC, "c++-header", "c++-header"},
};

static const char *const module_suffixes[] = {"c++m", "cppm", "cxxm", "ccm", "ixx", "pcm"};

static int kind_of(const char *language)
{
    for (gsize i = 0; language != NULL && i < G_N_ELEMENTS(languages); i++)
        if (strcmp(languages[i].name, language) == 0)
            return languages[i].kind;
    return 0;
}

const char *compile_language_of_name(const char *name, const char **reason)
{
    for (gsize i = 0; i < G_N_ELEMENTS(languages); i++)
        if (strcmp(languages[i].name, name) == 0)
            return languages[i].name;
    gboolean modules = strstr(name, "module") != NULL || strstr(name, "-header-unit") != NULL ||
                       g_str_has_prefix(name, "c++-system-header") || g_str_has_prefix(name, "c++-user-header");
    *reason = modules ? "modules" : "language";
    return NULL;
}

const char *compile_language_of_file(const char *path, CompileFamily family, gboolean plus_plus, const char **reason)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    *reason = "linker-input";
    for (gsize i = 0; dot != NULL && i < G_N_ELEMENTS(module_suffixes); i++)
        if (strcmp(dot + 1, module_suffixes[i]) == 0)
            *reason = "modules";
    for (gsize i = 0; dot != NULL && i < G_N_ELEMENTS(suffixes); i++) {
        if (strcmp(dot + 1, suffixes[i].suffix) != 0)
            continue;
        if (suffixes[i].family != FOR_BOTH && suffixes[i].family != (int)family)
            continue;
        *reason = "language";
        return plus_plus ? suffixes[i].plus_plus : suffixes[i].language;
    }
    return NULL;
}

gboolean compile_language_preprocesses(const char *language)
{
    return (kind_of(language) & PREPROCESSES) != 0;
}

gboolean compile_language_is_header(const char *language)
{
    return (kind_of(language) & HEADER) != 0;
}

gboolean compile_language_is_assembler(const char *language)
{
    return (kind_of(language) & ASSEMBLER) != 0;
}
