/*
 * python-package.c - see python-package.h.
 */
#include "python-package.h"
#include "python-version.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Larger files of a package are not read. */
#define MAX_METADATA ((off_t)1 << 20)

/* ---- Names ---- */

/* Packages go by one name, however it is written: runs of -, _ and . are one _. */
static char *normal_name(const char *name, gsize length)
{
    GString *out = g_string_new(NULL);
    for (gsize i = 0; i < length; i++) {
        if (strchr("-_.", name[i]) == NULL) {
            g_string_append_c(out, g_ascii_tolower(name[i]));
        } else if (out->len == 0 || out->str[out->len - 1] != '_') {
            g_string_append_c(out, '_');
        }
    }
    return g_string_free(out, FALSE);
}

gboolean python_requirement_parse(Arena *arena, const char *text, const char **name, const char **specifiers)
{
    gboolean valid = FALSE;
    while (g_ascii_isspace(*text)) {
        text++;
    }
    gsize length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
    if (length == 0 || !g_ascii_isalnum(text[0]) || !g_ascii_isalnum(text[length - 1])) {
        return FALSE;
    }
    *name = arena_strndup(arena, text, length);
    const char *rest = text + length + strspn(text + length, " \t");
    if (*rest == '[') {
        const char *end = strchr(rest, ']');
        rest = end != NULL ? end + 1 : rest;
    }
    gsize left = strcspn(rest, ";");
    char *kept = g_strstrip(arena_strndup(arena, rest, left));
    gsize kept_length = strlen(kept);
    if (kept_length >= 2 && kept[0] == '(' && kept[kept_length - 1] == ')') {
        kept[kept_length - 1] = '\0';
        kept++;
    }
    *specifiers = kept;
    (void)python_version_satisfies("0", kept, &valid);
    return valid;
}

/* ---- Site directories ---- */

static void add_site(GPtrArray *sites, char *directory)
{
    if (g_file_test(directory, G_FILE_TEST_IS_DIR) &&
        !g_ptr_array_find_with_equal_func(sites, directory, g_str_equal, NULL)) {
        g_ptr_array_add(sites, directory);
    } else {
        g_free(directory);
    }
}

static gint compare_newest(gconstpointer a, gconstpointer b)
{
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    return (gint)(g_ascii_strtoll(right + strlen("python3."), NULL, 10) -
                  g_ascii_strtoll(left + strlen("python3."), NULL, 10));
}

/* PREFIX/lib/python3.N/site-packages and what distributions call it, newest first. */
static void add_prefix(GPtrArray *sites, const char *prefix)
{
    g_autofree char *lib = g_build_filename(prefix, "lib", NULL);
    g_autoptr(GDir) dir = g_dir_open(lib, 0, NULL);
    g_autoptr(GPtrArray) pythons = g_ptr_array_new_with_free_func(g_free);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        if (g_str_has_prefix(name, "python3.")) {
            g_ptr_array_add(pythons, g_strdup(name));
        }
    }
    g_ptr_array_sort(pythons, compare_newest);
    for (guint i = 0; i < pythons->len; i++) {
        add_site(sites, g_build_filename(lib, pythons->pdata[i], "site-packages", NULL));
        add_site(sites, g_build_filename(lib, pythons->pdata[i], "dist-packages", NULL));
    }
    add_site(sites, g_build_filename(lib, "python3", "dist-packages", NULL));
}

/* The environments that BuildStream itself is installed in. */
static void add_programs(GPtrArray *sites)
{
    const char *path = g_getenv("PATH");
    g_auto(GStrv) directories = g_strsplit(path != NULL ? path : "", ":", -1);
    for (char **directory = directories; *directory != NULL; directory++) {
        g_autofree char *program = g_build_filename(*directory, "bst", NULL);
        g_autofree char *resolved = g_path_is_absolute(program) ? realpath(program, NULL) : NULL;
        if (resolved != NULL) {
            g_autofree char *bin = g_path_get_dirname(resolved);
            g_autofree char *prefix = g_path_get_dirname(bin);
            add_prefix(sites, prefix);
        }
    }
}

static GPtrArray *list_sites(void)
{
    GPtrArray *sites = g_ptr_array_new_with_free_func(g_free);
    const char *given = g_getenv("PYTHONPATH"), *environment = g_getenv("VIRTUAL_ENV");
    g_auto(GStrv) directories = g_strsplit(given != NULL ? given : "", ":", -1);
    for (char **directory = directories; *directory != NULL; directory++) {
        if (g_path_is_absolute(*directory)) {
            add_site(sites, g_strdup(*directory));
        }
    }
    if (environment != NULL && g_path_is_absolute(environment)) {
        add_prefix(sites, environment);
    }
    add_programs(sites);
    g_autofree char *user = g_build_filename(g_get_home_dir(), ".local", NULL);
    add_prefix(sites, user);
    add_prefix(sites, "/usr/local");
    add_prefix(sites, "/usr");
    return sites;
}

/* ---- Packages ---- */

static char *read_text(const char *directory, const char *name)
{
    g_autofree char *path = name != NULL ? g_build_filename(directory, name, NULL) : g_strdup(directory);
    struct stat status;
    char *text = NULL;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= MAX_METADATA) {
        g_file_get_contents(path, &text, NULL, NULL);
    }
    return text;
}

/* A header of the metadata, which ends with the first empty line. */
static const char *find_header(Arena *arena, const char *metadata, const char *name)
{
    gsize length = strlen(name);
    for (const char *line = metadata; line != NULL && *line != '\n' && *line != '\r' && *line != '\0';) {
        if (g_ascii_strncasecmp(line, name, length) == 0 && line[length] == ':') {
            return g_strstrip(arena_strndup(arena, line + length + 1, strcspn(line + length + 1, "\r\n")));
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return NULL;
}

static const PythonPackage *read_package(Arena *arena, const char *site, const char *info)
{
    g_autofree char *path = g_build_filename(site, info, NULL);
    g_autofree char *metadata = read_text(path, "METADATA");
    if (metadata == NULL) {
        metadata = read_text(path, "PKG-INFO");
    }
    const char *name = find_header(arena, metadata, "Name"), *version = find_header(arena, metadata, "Version");
    if (name == NULL || version == NULL) {
        return NULL;
    }
    PythonPackage *package = arena_new_of(arena, PythonPackage);
    *package = (PythonPackage){name, version, arena_strdup(arena, site), arena_strdup(arena, path)};
    return package;
}

/* "buildstream_plugins-2.5.0.dist-info" is metadata of buildstream-plugins. */
static gboolean is_metadata_of(const char *entry, const char *normal)
{
    const char *end = strrchr(entry, '.');
    if (end == NULL || (strcmp(end, ".dist-info") != 0 && strcmp(end, ".egg-info") != 0)) {
        return FALSE;
    }
    g_autofree char *name = normal_name(entry, MIN(strcspn(entry, "-"), (gsize)(end - entry)));
    return strcmp(name, normal) == 0;
}

const PythonPackage *python_package_find(Arena *arena, const char *name)
{
    g_autofree char *normal = normal_name(name, strlen(name));
    g_autoptr(GPtrArray) sites = list_sites();
    for (guint i = 0; i < sites->len; i++) {
        g_autoptr(GDir) dir = g_dir_open(sites->pdata[i], 0, NULL);
        for (const char *entry; dir != NULL && (entry = g_dir_read_name(dir)) != NULL;) {
            const PythonPackage *found =
                is_metadata_of(entry, normal) ? read_package(arena, sites->pdata[i], entry) : NULL;
            if (found != NULL) {
                return found;
            }
        }
    }
    return NULL;
}

/* entry_points.txt: sections of lines "NAME = MODULE:OBJECT [extras]". */
const char *python_package_entry(const PythonPackage *package, Arena *arena, const char *group, const char *name)
{
    g_autofree char *text = read_text(package->info, "entry_points.txt");
    g_autofree char *section = g_strdup_printf("[%s]", group);
    g_auto(GStrv) lines = g_strsplit(text != NULL ? text : "", "\n", -1);
    gboolean inside = FALSE;
    for (char **line = lines; *line != NULL; line++) {
        char *equals = strchr(g_strstrip(*line), '=');
        if (**line == '[') {
            inside = strcmp(*line, section) == 0;
        }
        if (!inside || equals == NULL || **line == '#' || **line == ';') {
            continue;
        }
        *equals = '\0';
        if (strcmp(g_strchomp(*line), name) == 0) {
            char *module = g_strchug(equals + 1);
            return arena_strndup(arena, module, strcspn(module, ": \t["));
        }
    }
    return NULL;
}

const char *python_package_module(const PythonPackage *package, Arena *arena, const char *module)
{
    g_autofree char *relative = g_strdelimit(g_strdup(module), ".", '/');
    static const char *const forms[] = {"", "/__init__"};
    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autofree char *file = g_strdup_printf("%s/%s%s.py", package->site, relative, forms[i]);
        if (g_file_test(file, G_FILE_TEST_IS_REGULAR)) {
            return arena_strndup(arena, file, strlen(file) - strlen(".py"));
        }
    }
    return NULL;
}
