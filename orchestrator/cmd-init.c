/* cmd-init.c - `init`: a new project */
#include "app.h"
#include "format-version.h"
#include "project-options.h"
#include "prompt.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STRINGIFY(x)               #x
#define VERSION_TEXT(major, minor) STRINGIFY(major) "." STRINGIFY(minor)
#define DEFAULT_VERSION            VERSION_TEXT(FORMAT_MAJOR, FORMAT_MINOR)
#define DEFAULT_ELEMENT_PATH       "elements"

/* ---- Checks ----------------------------------------------------------------------------------------------------------------- */

static gboolean check_name(const char *text, GError **error)
{
    return check_symbol_name(text, "project name", NULL, TRUE, error);
}

static gboolean check_version(const char *text, GError **error)
{
    gint64 major = 0, minor = 0;
    if (!format_version_parse(text, &major, &minor)) {
        error_set(error, ERROR_APP, "invalid-min-version", NULL, "Malformed version string: %s", text);
        return FALSE;
    }
    if (major != FORMAT_MAJOR || minor > FORMAT_MINOR) {
        error_set(error, ERROR_APP, "invalid-min-version", NULL,
                  "The minimum version must be a known version of BuildStream %d", FORMAT_MAJOR);
        return FALSE;
    }
    return TRUE;
}

static gboolean check_element_path(const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, "/", -1);
    if (*text && !g_path_is_absolute(text) && !g_strv_contains((const char *const *)parts, ".."))
        return TRUE;
    error_set(error, ERROR_APP, "invalid-element-path", NULL,
              "The element path cannot be an absolute path or contain any '..' components");
    return FALSE;
}

/* ---- What the project shall be ------------------------------------------------------------------------------------------ */

typedef struct {
    const char *option, *question, *fallback;
    gboolean (*check)(const char *text, GError **error);
} Setting;

enum { SETTING_NAME, SETTING_VERSION, SETTING_ELEMENT_PATH, N_SETTINGS };

static const Setting settings[N_SETTINGS] = {
    {"project-name", "Project name (letters, digits, - and _; it stands in cache keys and artifact names)", NULL,
     check_name},
    {"min-version", "Lowest version of the format that the project needs", DEFAULT_VERSION, check_version},
    {"element-path", "Directory of the elements", DEFAULT_ELEMENT_PATH, check_element_path},
};

/* Asks until the answer is good; NULL at the end of input. */
static char *ask(const Setting *setting)
{
    for (;;) {
        g_autofree char *answer = prompt_text(setting->question, setting->fallback);
        g_autoptr(GError) problem = NULL;
        if (!answer || setting->check(answer, &problem))
            return g_steal_pointer(&answer);
        g_printerr("%s\n", problem->message);
    }
}

static gboolean collect(App *app, char **values, GError **error)
{
    gboolean asks = !arguments_get(app->arguments, settings[SETTING_NAME].option);
    if (asks && !app->interactive) {
        error_set(error, ERROR_APP, "unspecified-project-name", NULL,
                  "Cannot initialize a new project without specifying the project name");
        return FALSE;
    }
    for (guint i = 0; i < N_SETTINGS; i++) {
        const char *given = arguments_get(app->arguments, settings[i].option);
        values[i] = asks && !given ? ask(&settings[i]) : g_strdup(given ? given : settings[i].fallback);
        if (!values[i]) {
            error_set(error, ERROR_APP, "unspecified-project-name", NULL, "Nothing was written");
            return FALSE;
        }
        if (!settings[i].check(values[i], error))
            return FALSE;
    }
    return TRUE;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------------------- */

static gboolean make_directory(const char *what, const char *path, GError **error)
{
    if (g_mkdir_with_parents(path, 0777) == 0)
        return TRUE;
    error_set(error, ERROR_APP, NULL, NULL, "Error creating %s %s: %s", what, path, g_strerror(errno));
    return FALSE;
}

static gboolean write_project(const char *directory, const char *conf, char **values, GError **error)
{
    g_autofree char *elements = g_build_filename(directory, values[SETTING_ELEMENT_PATH], NULL);
    g_autofree char *text =
        g_strdup_printf("# Unique project name\nname: %s\n\n"
                        "# Required BuildStream version\nmin-version: %s\n\n"
                        "# Subdirectory where elements are stored\nelement-path: %s\n",
                        values[SETTING_NAME], values[SETTING_VERSION], values[SETTING_ELEMENT_PATH]);
    if (!make_directory("project directory", directory, error) ||
        !make_directory("elements sub-directory", elements, error))
        return FALSE;
    GError *problem = NULL;
    if (g_file_set_contents(conf, text, -1, &problem))
        return TRUE;
    error_set(error, ERROR_APP, NULL, NULL, "Error writing %s: %s", conf, problem->message);
    g_error_free(problem);
    return FALSE;
}

static gboolean check_place(App *app, const char *directory, const char *conf, GError **error)
{
    const char *set = arguments_get(app->arguments, "project-directory");
    if (set) {
        g_autofree char *full = g_canonicalize_filename(set, NULL);
        g_autofree char *detail = g_strdup_printf("Please use '%s init %s' instead.", app->program, full);
        error_set(error, ERROR_APP, "init-with-set-directory", NULL, "Attempted to use -C or --directory with init.");
        error_set_detail(error ? *error : NULL, detail);
        return FALSE;
    }
    if (g_file_test(directory, G_FILE_TEST_EXISTS) && !g_file_test(directory, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, USAGE_ERROR, 0, "Invalid value for '[TARGET_DIRECTORY]': Directory '%s' is a file.",
                    directory);
        return FALSE;
    }
    if (!arguments_has(app->arguments, "force") && g_file_test(conf, G_FILE_TEST_EXISTS)) {
        error_set(error, ERROR_APP, "project-exists", NULL, "A project.conf already exists at: %s", conf);
        return FALSE;
    }
    return TRUE;
}

int cmd_init(App *app, GError **error)
{
    guint count;
    const char *const *words = arguments_words(app->arguments, &count);
    g_autofree char *directory = g_canonicalize_filename(count > 0 ? words[0] : ".", NULL);
    g_autofree char *conf = g_build_filename(directory, "project.conf", NULL);
    char *values[N_SETTINGS + 1] = {NULL};
    gboolean made = check_place(app, directory, conf, error) && collect(app, values, error) &&
                    write_project(directory, conf, values, error);
    for (guint i = 0; i < N_SETTINGS; i++)
        g_free(values[i]);
    if (!made)
        return EXIT_REPORT;
    g_printerr("Created project.conf at: %s\n", conf);
    return 0;
}
