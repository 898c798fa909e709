/*
 * launcher-roam.c - results that are used in another build folder than that where they were made.
 *
 * Build systems write absolute paths into their commands, so what an element compiles would be of no use to an element of another name, which is built in
 * another folder.  Where a command may roam, the folder is a mark in its key and in the paths of its manifest.
 *
 * Compilers can make of a folder's name what does not show it: a number, a hash, a shorter path.  So a result roams only if its command has nothing but
 * options that are known to do no such thing, if no file that was read may ask for the names of files, and if neither what was made nor what was
 * read has the folder's name in it.
 *
 * A folder's name has nothing in it that make rules or regular text would write in another way.
 */
#include "compile-depfile.h"
#include "launcher-private.h"

#include <string.h>

enum { FOLDER_LEAST = 4 };

gboolean launcher_is_roaming_folder(const char *folder)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-";
    gsize length = strlen(folder);
    return length >= FOLDER_LEAST && length < PATH_MAX && folder[0] == '/' && folder[length - 1] != '/' &&
           strspn(folder, good) == length && strstr(folder, "//") == NULL && strstr(folder, "/.") == NULL;
}

/* ---- Texts --------------------------------------------------------------------------------------------------------------------------- */

/* Where the name of a file or folder ends. */
static gboolean is_end(char c)
{
    return c == '\0' || c == '/';
}

char *launcher_move_text(const char *text, const char *from, const char *to)
{
    GString *out = g_string_new(NULL);
    gsize length = strlen(from);
    for (const char *found; (found = strstr(text, from)) != NULL; text = found + length) {
        g_string_append_len(out, text, found - text);
        g_string_append(out, is_end(found[length]) || found[length] == ' ' ? to : from);
    }
    g_string_append(out, text);
    return g_string_free(out, FALSE);
}

char *launcher_move_path(const char *path, const char *from, const char *to)
{
    gsize length = strlen(from);
    return g_str_has_prefix(path, from) && is_end(path[length]) ? g_strconcat(to, path + length, NULL) : g_strdup(path);
}

/* Some compilers make symbols of a file's name: of what is neither letter nor digit becomes "_". */
static char *symbol_of(const char *folder)
{
    char *symbol = g_strdup(folder);
    for (char *c = symbol; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c))
            *c = '_';
    }
    return symbol;
}

gboolean launcher_shows(GBytes *bytes, const char *folder)
{
    gsize length = 0;
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    g_autofree char *symbol = symbol_of(folder);
    return length > 0 && (memmem(data, length, folder, strlen(folder)) != NULL ||
                          memmem(data, length, symbol, strlen(symbol)) != NULL);
}

gboolean launcher_names_files(const void *bytes, gsize length)
{
    /* clang's __PRETTY_FUNCTION__ says where lambdas are; what assert() calls may be a macro of the source */
    static const char *const words[] = {"__FILE__",        "__BASE_FILE__",       "__builtin_FILE",
                                        "source_location", "__PRETTY_FUNCTION__", "__assert"};
    for (gsize i = 0; i < G_N_ELEMENTS(words) && length > 0; i++) {
        if (memmem(bytes, length, words[i], strlen(words[i])) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* ---- Inputs -------------------------------------------------------------------------------------------------------------------------- */

/* The C library's and the compilers' own: they name files only in assertions, as the plain texts that an output shows. */
static gboolean is_known_well(const ManifestInput *input)
{
    const char *path = input->path;
    static const char *const places[] = {"/usr/include/assert.h", "/usr/include/c++/", "/usr/lib/gcc/",
                                         "/usr/include/x86_64-linux-gnu/c++/", "/usr/include/aarch64-linux-gnu/c++/"};
    if (input->file.changing || (strstr(path, "/../") != NULL && strstr(path, "/../include/c++/") == NULL))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        if (g_str_has_prefix(path, places[i]))
            return TRUE;
    }
    return FALSE;
}

gboolean launcher_input_stays(const SluiceLauncher *launcher, SluiceLook *look, const ManifestInput *input,
                              gboolean names_files)
{
    if (input->file.kind != SLUICE_STAGED_FILE)
        return FALSE;
    if (names_files && !is_known_well(input))
        return TRUE;
    /* gcc calls a header of the system's by its real name if that is shorter, which it may be in one folder and not in another */
    g_autofree char *above = g_path_get_dirname(input->path);
    g_autofree char *real = g_strconcat("/", input->file.place, NULL);
    const SluiceStagedFolder *folder = sluice_look_find_folder(look, above);
    gboolean inside = g_str_has_prefix(above, launcher->folder) || g_str_has_prefix(real, launcher->folder);
    gboolean renamed = input->file.linked || (*above == '/' && !g_str_equal(real, above));
    return folder == NULL || folder->mounted || (inside && renamed);
}

/* ---- Rules of make ------------------------------------------------------------------------------------------------------------------- */

GBytes *launcher_move_rules(GBytes *rules, const LauncherCompile *compile, const char *from, const char *to)
{
    const CompileFamily family = compile->is_clang ? COMPILE_FAMILY_CLANG : COMPILE_FAMILY_GCC;
    g_autoptr(GPtrArray) before = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *targets = compile->options->deptargets;
    gsize length = 0;
    const char *text = g_bytes_get_data(rules, &length);
    for (guint i = 0; i < targets->len; i++)
        g_ptr_array_add(before, launcher_move_text(targets->pdata[i], to, from));
    CompileDepfile *depfile = compile_depfile_parse(family, before, text, length, NULL);
    if (depfile == NULL)
        return NULL;
    compile_depfile_rewrite(depfile, from, to);
    char *moved = compile_depfile_print(family, targets, depfile, &length);
    compile_depfile_free(depfile);
    return g_bytes_new_take(moved, length);
}

/* ---- Commands ------------------------------------------------------------------------------------------------------------------------ */

/* Whether a text has the folder's name, or what looks like its mark. */
static gboolean stays(const char *text, const char *folder)
{
    return strstr(text, folder) != NULL || strstr(text, LAUNCHER_FOLDER_MARK) != NULL;
}

static gboolean variables_stay(char *const *variables, const char *folder)
{
    for (; *variables != NULL; variables++) {
        if (!g_str_has_prefix(*variables, "PWD=") && stays(*variables, folder))
            return TRUE;
    }
    return FALSE;
}

/* But for the path that begins at `path`, which may be in the folder. */
static gboolean argument_stays(const char *argument, int path, const char *folder)
{
    g_autofree char *option = g_strndup(argument, (gsize)MAX(path, 0));
    g_autofree char *rest = path >= 0 ? launcher_move_path(argument + path, folder, "") : g_strdup(argument);
    return stays(option, folder) || stays(rest, folder) || launcher_names_files(argument, strlen(argument));
}

/* The only options that results roam with, but for warnings; what ends with "*" begins so. */
static const char harmless[] =
    "-ansi -c -pedantic* -pipe -pthread -w -D* -I* -MD -MMD -MP -O* -U* -iquote* -isystem -isystem/* -m* -std=* -x* "
    "-fPIC -fPIE -fpic "
    "-fpie -fasynchronous-unwind-tables -fcf-protection* -fchar8_t -fcommon -fconcepts* -fcoroutines -fdata-sections "
    "-fdiagnostics-color* -fexceptions -ffast-math -ffloat-store -ffp-contract=* -ffunction-sections -fgnu89-inline "
    "-fmax-errors=* -fno-* -fnon-call-exceptions -fomit-frame-pointer -fpermissive -frtti -fshort-enums "
    "-fsigned-char -fstack-clash-protection -fstack-protector* -fstrict-aliasing -ftree-* -ftrivial-auto-var-init=* "
    "-funroll-loops -funsigned-char -funwind-tables -fvisibility-* -fvisibility=* -fwrapv -fzero-call-used-regs=*";

static gboolean is_harmless(const char *argument)
{
    static const char *const others[] = {"-Wa,", "-Wp,", "-Wl,", "-mllvm"};
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        if (g_str_has_prefix(argument, others[i]))
            return FALSE;
    }
    if (argument[0] != '-' || g_str_has_prefix(argument, "-W"))
        return TRUE;
    for (const char *option = harmless; *option != '\0';) {
        gsize length = strcspn(option, " ");
        gboolean begins = option[length - 1] == '*';
        if (strncmp(argument, option, length - begins) == 0 && (begins || argument[length] == '\0'))
            return TRUE;
        option += length + strspn(option + length, " ");
    }
    return FALSE;
}

static gboolean paths_stay(const GPtrArray *paths, const char *folder)
{
    for (guint i = 0; i < paths->len; i++) {
        if (stays(paths->pdata[i], folder))
            return TRUE;
    }
    return FALSE;
}

/* Whether names after `depth` of them lead above where those began. */
static gboolean leaves(const char *names, int depth)
{
    g_auto(GStrv) all = g_strsplit(names, "/", -1);
    for (char **name = all; *name != NULL && depth >= 0; name++) {
        if (g_str_equal(*name, ".."))
            depth--;
        else if (**name != '\0' && !g_str_equal(*name, "."))
            depth++;
    }
    return depth < 0;
}

static int depth_of(const char *names)
{
    int depth = 0;
    for (; *names != '\0'; names++)
        depth += *names == '/' && names[1] != '/' && names[1] != '\0';
    return depth;
}

/* How deep in the folder the command runs, and that no directory that it searches is reached from there by leaving it: what is above is not the
 * same for all folders. */
static gboolean stays_within(const LauncherCompile *compile, const char *folder)
{
    const GPtrArray *places = compile->options->search_dirs;
    g_autofree char *below = launcher_move_path(compile->question.directory, folder, "");
    if (g_str_equal(below, compile->question.directory) || leaves(below, 0))
        return FALSE;
    for (guint i = 0; i < places->len; i++) {
        const char *place = places->pdata[i];
        g_autofree char *rest = launcher_move_path(place, folder, "");
        if (*place != '/' ? leaves(place, depth_of(below)) : !g_str_equal(rest, place) && leaves(rest, 0))
            return FALSE;
    }
    return TRUE;
}

/* More directories that are searched, of which nobody says how they are reached. */
static gboolean searches_more(char *const *variables)
{
    static const char *const names[] = {"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH",
                                        "OBJCPLUS_INCLUDE_PATH"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_environ_getenv((char **)variables, names[i]) != NULL)
            return TRUE;
    }
    return FALSE;
}

gboolean launcher_may_roam(const SluiceLauncher *launcher, const LauncherCompile *compile)
{
    const CompileOptions *options = compile->options;
    const char *folder = launcher->folder;
    /* what may not be read is said in names, and these may have the folder's in them */
    if (folder == NULL || (compile->wishes.refused != NULL && compile->wishes.refused->len > 0) ||
        options->depends_on_cwd || options->records_switches || options->varies || options->outputs->len != 1 ||
        stays(compile->question.arguments[0], folder) || variables_stay(compile->question.environment, folder) ||
        searches_more(compile->question.environment) || paths_stay(options->tool_dirs, folder) ||
        !stays_within(compile, folder))
        return FALSE;
    if (options->deptarget != NULL && strstr(options->deptarget, LAUNCHER_FOLDER_MARK) != NULL)
        return FALSE;
    for (guint i = 0; i < options->key_arguments->len; i++) {
        const char *argument = options->key_arguments->pdata[i];
        /* gcc shortens what is relative by where it runs */
        gboolean system = i > 0 && g_str_equal(options->key_arguments->pdata[i - 1], "-isystem");
        if (!is_harmless(argument) || (system && argument[0] != '/') ||
            argument_stays(argument, g_array_index(options->key_paths, gint, i), folder))
            return FALSE;
    }
    return TRUE;
}
