/* user-config.c - reads the user's configuration file */
#include "user-config.h"
#include <string.h>
#include <sys/statvfs.h>

/* More than anybody writes by hand. */
#define USER_CONFIG_MAX_BYTES (1024 * 1024)

static const char *const root_keys[] = {
    "sourcedir", "cachedir", "logdir", "workspacedir", "cache",         "scheduler",        "build",    "fetch",
    "track",     "logging",  "prompt", "artifacts",    "source-caches", "remote-execution", "projects", "execution",
    "sluice",    NULL};

gboolean on_error_parse(const char *text, OnError *out)
{
    static const char *const names[] = {"continue", "quit", "terminate"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return TRUE;
        }
    return FALSE;
}

gboolean size_parse(const char *text, guint64 *bytes, guint *percent)
{
    *bytes = *percent = 0;
    if (strcmp(text, "infinity") == 0)
        return TRUE;
    char *end;
    if (!g_ascii_isdigit(text[0]))
        return FALSE;
    guint64 number = g_ascii_strtoull(text, &end, 10);
    static const char units[] = "KMGT";
    const char *unit = *end ? strchr(units, g_ascii_toupper(*end)) : NULL;
    if (*end == '%') {
        *percent = number;
        return end[1] == '\0' && number >= 1 && number <= 100;
    }
    if (*end != '\0' && (!unit || end[1] != '\0'))
        return FALSE;
    guint shift = unit ? 10 * (unit - units + 1) : 0;
    *bytes = number << shift;
    return number > 0 && (*bytes >> shift) == number;
}

guint64 size_of_disk_share(const char *path, guint percent)
{
    g_autofree char *place = g_strdup(path);
    struct statvfs disk;
    while (statvfs(place, &disk) < 0) {
        char *parent = g_path_get_dirname(place);
        if (strcmp(parent, place) == 0) {
            g_free(parent);
            return 0;
        }
        g_free(place);
        place = parent;
    }
    return (guint64)disk.f_blocks * disk.f_frsize / 100 * percent;
}

/* A variable of the environment, with the defaults that the XDG directories have. */
static char *environment_value(const char *name)
{
    const char *value = g_getenv(name);
    if (value && *value)
        return g_strdup(value);
    static const struct {
        const char *name, *below;
    } defaults[] = {{"XDG_CACHE_HOME", ".cache"}, {"XDG_CONFIG_HOME", ".config"}, {"XDG_DATA_HOME", ".local/share"}};
    for (guint i = 0; i < G_N_ELEMENTS(defaults); i++)
        if (strcmp(name, defaults[i].name) == 0)
            return g_build_filename(g_get_home_dir(), defaults[i].below, NULL);
    return NULL;
}

/* Expands $NAME, ${NAME} and a leading ~ as a shell does; an unknown variable stays as it is. */
char *user_config_expand_path(const char *text)
{
    GString *out = g_string_new(NULL);
    if (text[0] == '~' && (text[1] == '/' || text[1] == '\0')) {
        g_string_append(out, g_get_home_dir());
        text++;
    }
    while (*text) {
        if (*text != '$') {
            g_string_append_c(out, *text++);
            continue;
        }
        gboolean braces = text[1] == '{';
        const char *start = text + 1 + braces, *end = start;
        while (g_ascii_isalnum(*end) || *end == '_')
            end++;
        g_autofree char *name = g_strndup(start, end - start);
        g_autofree char *value = end > start && (!braces || *end == '}') ? environment_value(name) : NULL;
        const char *next = end + (braces && *end == '}');
        if (value)
            g_string_append(out, value);
        else
            g_string_append_len(out, text, next - text);
        text = next;
    }
    return g_string_free(out, FALSE);
}

static gboolean read_path(Node *mapping, const char *key, char **out, GError **error)
{
    const char *text = NULL;
    if (!node_get_string(mapping, key, &text, error))
        return FALSE;
    if (text && *text)
        *out = user_config_expand_path(text);
    return TRUE;
}

/* Reads a key that must be one of `choices`, into its index. */
static gboolean read_choice(Node *mapping, const char *key, const char *const *choices, guint *out, GError **error)
{
    const char *text = NULL;
    if (!node_get_string(mapping, key, &text, error))
        return FALSE;
    if (!text)
        return TRUE;
    for (guint i = 0; choices[i]; i++)
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return TRUE;
        }
    g_autofree char *list = g_strjoinv(", ", (char **)choices);
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(mapping, key)),
              "Value of '%s' should be one of '%s'", key, list);
    return FALSE;
}

static gboolean read_count(Node *mapping, const char *key, gint64 minimum, gint64 *out, GError **error)
{
    if (!node_get_int(mapping, key, out, error))
        return FALSE;
    if (*out >= minimum && *out <= 1000000)
        return TRUE;
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(mapping, key)),
              "Value of '%s' must be between %" G_GINT64_FORMAT " and 1000000", key, minimum);
    return FALSE;
}

/* The mapping of a section with its keys checked; *section stays NULL if it is absent. */
static gboolean open_section(UserConfig *config, const char *name, const char *const *keys, Node **section,
                             GError **error)
{
    *section = NULL;
    if (!node_get_mapping(config->root, name, section, error))
        return FALSE;
    return !*section || node_check_keys(*section, keys, error);
}

static gboolean read_quota(UserConfig *config, Node *section, GError **error)
{
    const char *text = NULL;
    if (!node_get_string(section, "quota", &text, error))
        return FALSE;
    if (!text)
        return TRUE;
    config->has_quota = TRUE;
    if (size_parse(text, &config->quota, &config->quota_percent))
        return TRUE;
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(section, "quota")),
              "%s is not a valid data size; it is a number with one of K, M, G, T or %%, or 'infinity'", text);
    return FALSE;
}

static gboolean read_cache(UserConfig *config, GError **error)
{
    static const char *const keys[] = {
        "quota", "reserved-disk-space", "low-watermark", "pull-buildtrees", "cache-buildtrees", "storage-service",
        NULL};
    static const char *const buildtrees[] = {"always", "auto", "never", NULL};
    static const CacheBuildtrees values[] = {BUILDTREES_ALWAYS, BUILDTREES_AUTO, BUILDTREES_NEVER};
    Node *section;
    if (!open_section(config, "cache", keys, &section, error))
        return FALSE;
    if (!section)
        return TRUE;
    guint choice = 1;
    gboolean pull = FALSE;
    if (!read_quota(config, section, error) || !node_get_bool(section, "pull-buildtrees", &pull, error) ||
        !read_choice(section, "cache-buildtrees", buildtrees, &choice, error))
        return FALSE;
    config->buildtrees = values[choice];
    return TRUE;
}

static gboolean read_scheduler(UserConfig *config, GError **error)
{
    static const char *const keys[] = {"fetchers", "builders", "pushers", "network-retries", "on-error", NULL};
    static const char *const on_error[] = {"continue", "quit", "terminate", NULL};
    Node *section;
    if (!open_section(config, "scheduler", keys, &section, error))
        return FALSE;
    if (!section)
        return TRUE;
    guint choice = config->on_error;
    if (!read_count(section, "fetchers", 1, &config->fetchers, error) ||
        !read_count(section, "builders", 1, &config->builders, error) ||
        !read_count(section, "pushers", 1, &config->pushers, error) ||
        !read_count(section, "network-retries", 0, &config->network_retries, error) ||
        !read_choice(section, "on-error", on_error, &choice, error))
        return FALSE;
    config->on_error = choice;
    return TRUE;
}

static gboolean read_build(UserConfig *config, GError **error)
{
    static const char *const keys[] = {"max-jobs", "retry-failed", "dependencies", NULL};
    static const char *const dependencies[] = {"none", "run", "all", NULL};
    Node *section;
    if (!open_section(config, "build", keys, &section, error))
        return FALSE;
    if (!section)
        return TRUE;
    guint choice = 1;
    if (!read_count(section, "max-jobs", 0, &config->max_jobs, error) ||
        !node_get_bool(section, "retry-failed", &config->retry_failed, error) ||
        !read_choice(section, "dependencies", dependencies, &choice, error))
        return FALSE;
    config->dependencies = dependencies[choice];
    return TRUE;
}

static gboolean read_logging(UserConfig *config, GError **error)
{
    static const char *const keys[] = {"key-length", "verbose",        "error-lines",    "message-lines",
                                       "debug",      "element-format", "message-format", "throttle-ui-updates",
                                       NULL};
    Node *section;
    if (!open_section(config, "logging", keys, &section, error))
        return FALSE;
    if (!section)
        return TRUE;
    gboolean throttle = TRUE;
    if (!node_get_bool(section, "throttle-ui-updates", &throttle, error) ||
        !read_count(section, "key-length", 0, &config->key_length, error) ||
        !read_count(section, "error-lines", 0, &config->error_lines, error) ||
        !read_count(section, "message-lines", 0, &config->message_lines, error) ||
        !node_get_bool(section, "verbose", &config->verbose, error) ||
        !node_get_bool(section, "debug", &config->debug, error) ||
        !node_get_string(section, "element-format", &config->element_format, error) ||
        !node_get_string(section, "message-format", &config->message_format, error))
        return FALSE;
    config->key_length = MIN(config->key_length, 64);
    return TRUE;
}

/* ---- Parts that sluice has no use for yet: they are checked all the same ---- */

/* A mapping among others with its keys checked; *out stays NULL if it is absent. */
static gboolean open_mapping(Node *mapping, const char *name, const char *const *keys, Node **out, GError **error)
{
    *out = NULL;
    return node_get_mapping(mapping, name, out, error) && (!*out || node_check_keys(*out, keys, error));
}

static gboolean check_server(Node *server, GError **error)
{
    static const char *const keys[] = {"url", "instance-name", "type", "push", "auth", "connection-config", NULL};
    static const char *const auth_keys[] = {
        "server-cert", "client-cert", "client-key", "access-token", "access-token-reload-interval", NULL};
    static const char *const connection_keys[] = {"keepalive-time", "retry-limit", "retry-delay", "request-timeout",
                                                  NULL};
    static const char *const types[] = {"index", "storage", "endpoint", "all", NULL};
    const char *url = NULL;
    gboolean push = FALSE;
    guint type = 0;
    Node *inner;
    if (node_type(server) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(server),
                  "Value of 'servers' is not of the expected type 'dict'");
        return FALSE;
    }
    return node_check_keys(server, keys, error) && node_need_string(server, "url", &url, error) &&
           node_get_bool(server, "push", &push, error) && read_choice(server, "type", types, &type, error) &&
           open_mapping(server, "auth", auth_keys, &inner, error) &&
           open_mapping(server, "connection-config", connection_keys, &inner, error);
}

static gboolean check_caches(Node *mapping, const char *name, GError **error)
{
    static const char *const keys[] = {"override-project-caches", "servers", NULL};
    Node *section, *servers = NULL;
    gboolean override = FALSE;
    if (!open_mapping(mapping, name, keys, &section, error))
        return FALSE;
    if (!section)
        return TRUE;
    if (!node_get_bool(section, "override-project-caches", &override, error) ||
        !node_get_sequence(section, "servers", &servers, error))
        return FALSE;
    for (gsize i = 0; i < node_size(servers); i++)
        if (!check_server(node_at(servers, i), error))
            return FALSE;
    return TRUE;
}

static gboolean read_project_cluster(UserConfig *config, const char *name, const Node *project, GError **error)
{
    const ClusterConfig *cluster = NULL;
    if (!project || !node_find(project, "remote-execution"))
        return TRUE;
    if (!cluster_config_read(config->root, project, config->arena, &cluster, error))
        return FALSE;
    if (!config->project_clusters)
        config->project_clusters = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_insert(config->project_clusters, (gpointer)name, (gpointer)cluster);
    return TRUE;
}

const ClusterConfig *user_config_get_cluster(const UserConfig *config, const char *project)
{
    gpointer own = NULL;
    if (project && config->project_clusters &&
        g_hash_table_lookup_extended(config->project_clusters, project, NULL, &own))
        return own;
    return config->cluster;
}

static gboolean check_projects(UserConfig *config, GError **error)
{
    static const char *const keys[] = {"artifacts",      "source-caches", "options",          "strict",
                                       "default-mirror", "mirrors",       "remote-execution", NULL};
    Node *projects = NULL, *project;
    if (!node_get_mapping(config->root, "projects", &projects, error))
        return FALSE;
    for (gsize i = 0; i < node_size(projects); i++)
        if (!open_mapping(projects, node_key_at(projects, i), keys, &project, error) ||
            !check_caches(project, "artifacts", error) || !check_caches(project, "source-caches", error) ||
            !read_project_cluster(config, node_key_at(projects, i), project, error))
            return FALSE;
    return TRUE;
}

/* `fetch: source:` or `track: source:`. */
static gboolean check_source_policy(UserConfig *config, const char *name, GError **error)
{
    static const char *const keys[] = {"source", NULL};
    static const char *const policies[] = {"all", "aliases", "mirrors", "user", NULL};
    Node *section;
    guint choice = 0;
    return open_section(config, name, keys, &section, error) &&
           (!section || read_choice(section, "source", policies, &choice, error));
}

static gboolean read_root(UserConfig *config, GError **error)
{
    return node_check_keys(config->root, root_keys, error) &&
           read_path(config->root, "cachedir", &config->cachedir, error) &&
           read_path(config->root, "logdir", &config->logdir, error) &&
           read_path(config->root, "sourcedir", &config->sourcedir, error) &&
           read_path(config->root, "workspacedir", &config->workspacedir, error) && read_cache(config, error) &&
           read_scheduler(config, error) && read_build(config, error) && read_logging(config, error) &&
           execution_policy_read(config->root, &config->execution, error) &&
           check_source_policy(config, "fetch", error) && check_source_policy(config, "track", error) &&
           check_caches(config->root, "artifacts", error) && check_caches(config->root, "source-caches", error) &&
           cluster_config_read(config->root, NULL, config->arena, &config->cluster, error) &&
           check_projects(config, error);
}

static UserConfig *config_new(void)
{
    UserConfig *config = g_new0(UserConfig, 1);
    config->arena = arena_new();
    execution_policy_init(&config->execution);
    config->fetchers = 10;
    config->builders = config->pushers = 4;
    config->network_retries = 2;
    config->on_error = ON_ERROR_QUIT;
    config->dependencies = "run";
    config->key_length = 8;
    config->error_lines = config->message_lines = 20;
    config->verbose = TRUE;
    config->element_format = "%{state: >12} %{full-key} %{name} %{workspace-dirs}";
    config->message_format = "[%{elapsed}][%{key}][%{element}] %{action} %{message}";
    return config;
}

void user_config_free(UserConfig *config)
{
    g_clear_pointer(&config->project_clusters, g_hash_table_unref);
    arena_free(config->arena);
    g_free(config->path);
    g_free(config->cachedir);
    g_free(config->logdir);
    g_free(config->sourcedir);
    g_free(config->workspacedir);
    g_free(config);
}

UserConfig *user_config_parse(const char *name, const char *text, gsize length, GError **error)
{
    UserConfig *config = config_new();
    NodeFile *file = arena_new_of(config->arena, NodeFile);
    file->name = arena_strdup(config->arena, name);
    file->path = g_path_is_absolute(name) ? file->name : NULL;
    file->text = file->path ? NULL : arena_strndup(config->arena, text, length);
    config->root = node_parse(config->arena, file, text, length, error);
    if (config->root && read_root(config, error))
        return config;
    user_config_free(config);
    return NULL;
}

static char *default_path(const char *program)
{
    static const char *const names[] = {"sluice.conf", "buildstream2.conf", "buildstream.conf"};
    guint count = strcmp(program, "bst") == 0 ? G_N_ELEMENTS(names) : 1;
    for (guint i = 0; i < count; i++) {
        char *path = g_build_filename(g_get_user_config_dir(), names[i], NULL);
        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return path;
        g_free(path);
    }
    return NULL;
}

/* Its cache directory is BuildStream's, which keeps files of its own there. */
static gboolean is_foreign(const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    return g_str_has_prefix(name, "buildstream");
}

UserConfig *user_config_load(const char *program, const char *path, GError **error)
{
    g_autofree char *place = path ? g_canonicalize_filename(path, NULL) : default_path(program);
    if (!place) {
        UserConfig *config = config_new();
        config->root = node_new_mapping(config->arena, NULL);
        return config;
    }
    g_autofree char *text = NULL;
    gsize length;
    g_autoptr(GError) local = NULL;
    if (!g_file_get_contents(place, &text, &length, &local)) {
        gboolean absent = g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT);
        error_set(error, ERROR_LOAD, absent ? "MISSING_FILE" : "INVALID_DATA", NULL,
                  absent ? "Could not find file at %s" : "Could not read user configuration file %s", place);
        error_set_detail(error ? *error : NULL, absent ? NULL : local->message);
        return NULL;
    }
    if (length > USER_CONFIG_MAX_BYTES) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", NULL, "%s is larger than %d bytes", place, USER_CONFIG_MAX_BYTES);
        return NULL;
    }
    UserConfig *config = user_config_parse(path ? path : place, text, length, error);
    if (config) {
        config->foreign = is_foreign(place);
        config->path = g_steal_pointer(&place);
    }
    return config;
}
