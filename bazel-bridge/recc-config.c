#include "recc-config.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PREFIX "RECC_"

/* Settings by their names in the table's case; of a map, NAME_key. */
struct ReccConfig {
    GHashTable *settings; /* char * → char * */
    GPtrArray *notes;
};

typedef struct {
    const ReccVariable *variable;
    char *name, *value, *place;
} Setting;

static void setting_free(gpointer data)
{
    Setting *setting = data;
    g_free(setting->name);
    g_free(setting->value);
    g_free(setting->place);
    g_free(setting);
}

ReccConfig *recc_config_new(void)
{
    ReccConfig *config = g_new0(ReccConfig, 1);
    config->settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    config->notes = g_ptr_array_new_with_free_func(g_free);
    return config;
}

void recc_config_free(ReccConfig *config)
{
    g_hash_table_unref(config->settings);
    g_ptr_array_unref(config->notes);
    g_free(config);
}

static gboolean is_number(const char *value)
{
    char *end;
    errno = 0;
    g_ascii_strtoll(value, &end, 10);
    return errno == 0 && end != value && *end == '\0';
}

static gboolean is_reapi_version(const char *value)
{
    guint64 minor;
    return g_str_has_prefix(value, "2.") && g_ascii_string_to_unsigned(value + 2, 10, 1, 12, &minor, NULL) &&
           value[2] != '0';
}

static gboolean is_prefix_map(const char *value)
{
    g_auto(GStrv) pairs = g_strsplit(value, ":", -1);
    for (char **pair = pairs; *pair != NULL; pair++) {
        const char *equals = strchr(*pair, '=');
        if ((*pair)[0] != '/' || equals == NULL || equals[1] != '/')
            return FALSE;
    }
    return TRUE;
}

static gboolean is_digest_function(const char *value)
{
    return g_ascii_strcasecmp(value, "SHA256") == 0;
}

/* Values that are more than text. */
static const struct {
    const char *name;
    gboolean (*is_good)(const char *value);
    const char *wanted;
} checks[] = {
    {"CAS_DIGEST_FUNCTION", is_digest_function, "SHA256"},
    {"PREFIX_MAP", is_prefix_map, "/PATH=/PATH, with colons between several"},
    {"REAPI_VERSION", is_reapi_version, "2.1 to 2.12"},
};

static const char *what_is_wanted(const ReccVariable *variable, const char *value)
{
    if (value[0] == '\0')
        return NULL;
    if (variable->kind == RECC_NUMBER && !is_number(value))
        return "a number";
    for (gsize i = 0; i < G_N_ELEMENTS(checks); i++)
        if (strcmp(checks[i].name, variable->name) == 0)
            return checks[i].is_good(value) ? NULL : checks[i].wanted;
    return NULL;
}

static char *printable(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_autofree char *escaped = g_strescape(valid, NULL);
    if (strlen(escaped) > 200)
        strcpy(escaped + 197, "…");
    return g_utf8_make_valid(escaped, -1);
}

static gboolean fail(GError **error, const char *place, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean fail(GError **error, const char *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: %s", place, message);
    return FALSE;
}

/* Of what `name` and `value` say; what is unknown is left out. */
static gboolean collect(GPtrArray *found, const char *place, const char *name, const char *value, GError **error)
{
    const ReccVariable *variable = recc_variable_find(name);
    if (variable == NULL)
        return TRUE;
    const char *wanted = what_is_wanted(variable, value);
    if (wanted != NULL) {
        g_autofree char *shown = printable(value);
        return fail(error, place, "\"%s\" is not %s", shown, wanted);
    }
    Setting *setting = g_new0(Setting, 1);
    setting->variable = variable;
    setting->name = g_strconcat(variable->name, name + strlen(variable->name), NULL);
    setting->value = g_strdup(value);
    setting->place = g_strdup(place);
    g_ptr_array_add(found, setting);
    return TRUE;
}

static void note(ReccConfig *config, const Setting *setting)
{
    if (setting->variable->treatment != RECC_IGNORED || setting->value[0] == '\0')
        return;
    g_autofree char *place = printable(setting->place);
    g_ptr_array_add(config->notes, g_strdup_printf("%s: " PREFIX "%s has no effect: %s", place, setting->variable->name,
                                                   setting->variable->meaning));
}

/* In one place the last value counts, of several places the first. */
static gboolean merge(ReccConfig *config, GPtrArray *found, const char *place, GError **error)
{
    if (g_hash_table_size(config->settings) + found->len > RECC_CONFIG_SETTINGS_MAX)
        return fail(error, place, "there are more than %d settings", RECC_CONFIG_SETTINGS_MAX);
    for (guint i = found->len; i-- > 0;) {
        Setting *setting = g_ptr_array_index(found, i);
        if (g_hash_table_contains(config->settings, setting->name))
            g_ptr_array_remove_index(found, i);
        else
            g_hash_table_insert(config->settings, g_strdup(setting->name), g_strdup(setting->value));
    }
    for (guint i = 0; i < found->len; i++)
        note(config, g_ptr_array_index(found, i));
    return TRUE;
}

gboolean recc_config_add_environment(ReccConfig *config, char *const *environment, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(setting_free);
    for (; *environment != NULL; environment++) {
        const char *equals = strchr(*environment, '=');
        if (!g_str_has_prefix(*environment, PREFIX) || equals == NULL)
            continue;
        g_autofree char *name = g_strndup(*environment, (gsize)(equals - *environment));
        if (!collect(found, name, name + strlen(PREFIX), equals + 1, error))
            return FALSE;
    }
    return merge(config, found, "the environment", error);
}

static gboolean collect_line(GPtrArray *found, const char *place, const char *line, GError **error)
{
    const char *equals = strchr(line, '=');
    gsize blank = strspn(line, " \t\r");
    if (line[blank] == '\0' || line[blank] == '#')
        return TRUE;
    if (equals == NULL) {
        g_autofree char *shown = printable(line);
        return fail(error, place, "\"%s\" is not name=value", shown);
    }
    g_autofree char *name = g_strndup(line, (gsize)(equals - line));
    if (g_ascii_strcasecmp(name, "config_directory") == 0)
        return TRUE;
    return collect(found, place, name, equals + 1, error);
}

gboolean recc_config_add_file(ReccConfig *config, const char *place, const char *text, gsize length, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(setting_free);
    guint number = 1;
    for (const char *at = text, *end = text + length; at < end; number++) {
        const char *stop = memchr(at, '\n', (gsize)(end - at));
        gsize size = (gsize)((stop ? stop : end) - at);
        g_autofree char *where = g_strdup_printf("%s:%u", place, number);
        g_autofree char *line = g_strndup(at, size);
        if (memchr(at, '\0', size) != NULL)
            return fail(error, where, "there is a NUL in it");
        if (!collect_line(found, where, line, error))
            return FALSE;
        at = stop ? stop + 1 : end;
    }
    return merge(config, found, place, error);
}

char **recc_config_paths(char *const *environment)
{
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    const char *directory = g_environ_getenv((char **)environment, PREFIX "CONFIG_DIRECTORY");
    const char *home = g_environ_getenv((char **)environment, "HOME");
    g_autofree char *own = directory && directory[0] ? g_build_filename(directory, "recc.conf", NULL) : NULL;
    g_autofree char *users = home && home[0] == '/' ? g_build_filename(home, ".recc", "recc.conf", NULL) : NULL;
    const char *all[] = {"recc/recc.conf", own, users, "/etc/recc/recc.conf"};
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        if (all[i] != NULL)
            g_strv_builder_add(paths, all[i]);
    return g_strv_builder_end(paths);
}

/* -1 with an errno. */
static int open_beneath(const char *path, int cwd_fd, int root_fd)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_NO_MAGICLINKS};
    how.resolve |= path[0] == '/' ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
    return (int)syscall(SYS_openat2, path[0] == '/' ? root_fd : cwd_fd, path, &how, sizeof how);
}

static gboolean is_absent(int number)
{
    return number == ENOENT || number == ENOTDIR || number == EXDEV || number == EBADF;
}

/* NULL with an error. */
static char *read_whole(int fd, const char *place, gsize *length, GError **error)
{
    struct stat found;
    g_autofree char *text = g_malloc(RECC_CONFIG_FILE_MAX + 1);
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        fail(error, place, "it is not a file");
        return NULL;
    }
    for (*length = 0; *length <= RECC_CONFIG_FILE_MAX;) {
        ssize_t count = read(fd, text + *length, RECC_CONFIG_FILE_MAX + 1 - *length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            fail(error, place, "%s", g_strerror(errno));
            return NULL;
        }
        if (count == 0)
            return g_steal_pointer(&text);
        *length += (gsize)count;
    }
    fail(error, place, "it is larger than %d bytes", RECC_CONFIG_FILE_MAX);
    return NULL;
}

static gboolean add_path(ReccConfig *config, const char *path, int cwd_fd, int root_fd, GError **error)
{
    gsize length;
    int fd = open_beneath(path, cwd_fd, root_fd);
    if (fd < 0)
        return is_absent(errno) || fail(error, path, "%s", g_strerror(errno));
    g_autofree char *text = read_whole(fd, path, &length, error);
    close(fd);
    return text != NULL && recc_config_add_file(config, path, text, length, error);
}

ReccConfig *recc_config_load(char *const *environment, int cwd_fd, int root_fd, GError **error)
{
    g_autoptr(ReccConfig) config = recc_config_new();
    g_auto(GStrv) paths = recc_config_paths(environment);
    if (!recc_config_add_environment(config, environment, error))
        return NULL;
    for (char **path = paths; *path != NULL; path++)
        if (!add_path(config, *path, cwd_fd, root_fd, error))
            return NULL;
    return g_steal_pointer(&config);
}

static const ReccVariable *known(const char *name, ReccKind kind)
{
    gsize count;
    const ReccVariable *all = recc_variables(&count);
    for (gsize i = 0; i < count; i++)
        if (strcmp(all[i].name, name) == 0 && (all[i].kind == kind || kind == RECC_TEXT))
            return &all[i];
    g_assert_not_reached();
}

const char *recc_config_text(const ReccConfig *config, const char *name)
{
    return g_hash_table_lookup(config->settings, known(name, RECC_TEXT)->name);
}

gboolean recc_config_is_on(const ReccConfig *config, const char *name)
{
    const char *value = g_hash_table_lookup(config->settings, known(name, RECC_SWITCH)->name);
    return value != NULL && value[0] != '\0';
}

gint64 recc_config_number(const ReccConfig *config, const char *name, gint64 otherwise)
{
    const char *value = g_hash_table_lookup(config->settings, known(name, RECC_NUMBER)->name);
    return value != NULL && value[0] != '\0' ? g_ascii_strtoll(value, NULL, 10) : otherwise;
}

char **recc_config_list(const ReccConfig *config, const char *name)
{
    const char *value = g_hash_table_lookup(config->settings, known(name, RECC_LIST)->name);
    g_autoptr(GStrvBuilder) list = g_strv_builder_new();
    g_auto(GStrv) parts = g_strsplit(value ? value : "", ",", -1);
    for (char **part = parts; *part != NULL; part++)
        if ((*part)[0] != '\0')
            g_strv_builder_add(list, *part);
    return g_strv_builder_end(list);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *recc_config_map(const ReccConfig *config, const char *name)
{
    GHashTableIter iter;
    gpointer key, value;
    gsize length = strlen(known(name, RECC_MAP)->name);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    GPtrArray *map = g_ptr_array_new_with_free_func(g_free);
    g_hash_table_iter_init(&iter, config->settings);
    while (g_hash_table_iter_next(&iter, &key, &value))
        if (strncmp(key, name, length) == 0 && ((const char *)key)[length] == '_' && ((const char *)value)[0] != '\0')
            g_ptr_array_add(names, key);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *setting = g_ptr_array_index(names, i);
        g_ptr_array_add(map, g_strdup(setting + length + 1));
        g_ptr_array_add(map, g_strdup(g_hash_table_lookup(config->settings, setting)));
    }
    return map;
}

GPtrArray *recc_config_notes(const ReccConfig *config)
{
    return config->notes;
}
