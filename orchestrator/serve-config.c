/* serve-config.c - what `serve` was told, by options and by a file whose keys are the options' names */
#include "serve.h"
#include <string.h>

/* More than anybody writes by hand. */
#define CONFIG_MAX_BYTES (1024 * 1024)
#define DRAIN_DEFAULT    30
#define DRAIN_MAX        86400

typedef enum { KEY_TEXT, KEY_FILE, KEY_FLAG } KeyType;

static const struct {
    const char *name;
    KeyType type;
} keys[N_SERVE_SETTINGS] = {
    [SERVE_TLS_CERT] = {"tls-cert", KEY_FILE},
    [SERVE_TLS_KEY] = {"tls-key", KEY_FILE},
    [SERVE_CLIENT_CA] = {"client-ca", KEY_FILE},
    [SERVE_TOKEN_FILE] = {"token-file", KEY_FILE},
    [SERVE_ANONYMOUS] = {"anonymous", KEY_TEXT},
    [SERVE_ALLOW_PLAINTEXT] = {"allow-plaintext", KEY_FLAG},
    [SERVE_MAX_SIZE] = {"max-size", KEY_TEXT},
    [SERVE_HIGH_WATERMARK] = {"high-watermark", KEY_TEXT},
    [SERVE_LOW_WATERMARK] = {"low-watermark", KEY_TEXT},
    [SERVE_METRICS] = {"metrics", KEY_TEXT},
    [SERVE_ACCESS_LOG] = {"access-log", KEY_FILE},
    [SERVE_AUDIT_HITS] = {"audit-hits", KEY_TEXT},
    [SERVE_DRAIN] = {"drain", KEY_TEXT},
    [SERVE_CACHE] = {"cache", KEY_FILE},
};

static gboolean is_given(const ServeConfig *config, ServeKey key)
{
    return config->settings[key].text != NULL;
}

G_GNUC_PRINTF(4, 0)
static void set_error(const ServeSetting *setting, const char *name, GError **error, const char *format, va_list values)
{
    g_autofree char *message = g_strdup_vprintf(format, values);
    if (setting->where)
        error_set(error, ERROR_LOAD, "INVALID_DATA", setting->where, "%s: %s", name, message);
    else
        error_set(error, ERROR_APP, NULL, NULL, "Option '--%s': %s", name, message);
}

void serve_config_error(const ServeConfig *config, ServeKey key, GError **error, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    set_error(&config->settings[key], keys[key].name, error, format, values);
    va_end(values);
}

G_GNUC_PRINTF(3, 4)
static gboolean listen_error(const ServeSetting *address, GError **error, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    set_error(address, "listen", error, format, values);
    va_end(values);
    return FALSE;
}

/* ---- The file ------------------------------------------------------------------------------------------------------------------ */

static gboolean read_setting(ServeConfig *config, Node *root, const char *directory, ServeKey key, GError **error)
{
    ServeSetting *setting = &config->settings[key];
    Node *node = node_find(root, keys[key].name);
    if (!node)
        return TRUE;
    setting->where = node_where(node);
    if (keys[key].type == KEY_FLAG) {
        gboolean value = FALSE;
        gboolean success = node_get_bool(root, keys[key].name, &value, error);
        setting->text = value ? "true" : NULL;
        return success;
    }
    if (!node_get_string(root, keys[key].name, &setting->text, error))
        return FALSE;
    if (!*setting->text) {
        serve_config_error(config, key, error, "the value is empty");
        return FALSE;
    }
    if (keys[key].type != KEY_FILE || g_path_is_absolute(setting->text) || strcmp(setting->text, "-") == 0)
        return TRUE;
    g_autofree char *path = g_build_filename(directory, setting->text, NULL);
    setting->text = arena_strdup(config->arena, path);
    return TRUE;
}

static gboolean read_listen(ServeConfig *config, Node *root, GError **error)
{
    Node *list = NULL;
    const char *const *texts = NULL;
    if (!node_get_sequence(root, "listen", &list, error) ||
        !node_get_strings(root, "listen", config->arena, &texts, error))
        return FALSE;
    for (gsize i = 0; i < node_size(list); i++) {
        ServeSetting address = {texts[i], node_where(node_at(list, i))};
        g_array_append_val(config->listen, address);
    }
    return TRUE;
}

static gboolean add_client(ServeConfig *config, const char *name, const char *role, const Provenance *where,
                           GError **error)
{
    SluiceCertificateRole client = {.name = name};
    ServeSetting setting = {role, where};
    if (sluice_role_parse(role, &client.role)) {
        g_array_append_val(config->clients, client);
        return TRUE;
    }
    if (setting.where)
        error_set(error, ERROR_LOAD, "INVALID_DATA", where, "client: '%s' is no role: none, read or read-write", role);
    else
        error_set(error, ERROR_APP, NULL, NULL, "Option '--client': '%s' is no role: none, read or read-write", role);
    return FALSE;
}

static gboolean read_clients(ServeConfig *config, Node *root, GError **error)
{
    Node *clients = NULL;
    if (!node_get_mapping(root, "client", &clients, error))
        return FALSE;
    for (gsize i = 0; i < node_size(clients); i++) {
        const char *name = node_key_at(clients, i), *role = NULL;
        if (!node_need_string(clients, name, &role, error) ||
            !add_client(config, name, role, node_where(node_value_at(clients, i)), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean read_root(ServeConfig *config, Node *root, const char *directory, GError **error)
{
    const char *names[N_SERVE_SETTINGS + 3] = {"listen", "client"};
    for (guint i = 0; i < N_SERVE_SETTINGS; i++)
        names[i + 2] = keys[i].name;
    if (!node_check_keys(root, names, error) || !read_listen(config, root, error) || !read_clients(config, root, error))
        return FALSE;
    for (guint i = 0; i < N_SERVE_SETTINGS; i++)
        if (!read_setting(config, root, directory, i, error))
            return FALSE;
    return TRUE;
}

static gboolean read_file(ServeConfig *config, const char *name, GError **error)
{
    g_autofree char *path = g_canonicalize_filename(name, NULL), *directory = g_path_get_dirname(path), *text = NULL;
    g_autoptr(GError) local = NULL;
    gsize length;
    if (!g_file_get_contents(path, &text, &length, &local)) {
        error_set(error, ERROR_LOAD, "MISSING_FILE", NULL, "Option '--config': %s", local->message);
        return FALSE;
    }
    if (length > CONFIG_MAX_BYTES) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", NULL, "%s is larger than %d bytes", name, CONFIG_MAX_BYTES);
        return FALSE;
    }
    NodeFile *file = arena_new_of(config->arena, NodeFile);
    *file = (NodeFile){.name = arena_strdup(config->arena, name), .path = arena_strdup(config->arena, path)};
    Node *root = node_parse(config->arena, file, text, length, error);
    return root && read_root(config, root, directory, error);
}

/* ---- Options ------------------------------------------------------------------------------------------------------------------- */

static void set_option(ServeConfig *config, const Arguments *arguments, ServeKey key)
{
    const char *text = arguments_get(arguments, keys[key].name);
    if (arguments_has(arguments, keys[key].name))
        config->settings[key] = (ServeSetting){text ? text : "true", NULL};
}

/* What is given here replaces what the file says. */
static gboolean read_options(ServeConfig *config, const Arguments *arguments, GError **error)
{
    const char *const *addresses = arguments_list(arguments, "listen");
    const char *const *clients = arguments_list(arguments, "client");
    if (*addresses)
        g_array_set_size(config->listen, 0);
    for (; *addresses; addresses++) {
        ServeSetting address = {*addresses, NULL};
        g_array_append_val(config->listen, address);
    }
    if (*clients)
        g_array_set_size(config->clients, 0);
    for (; *clients; clients += 2)
        if (!add_client(config, clients[0], clients[1], NULL, error))
            return FALSE;
    for (guint i = 0; i < N_SERVE_SETTINGS; i++)
        set_option(config, arguments, i);
    return TRUE;
}

/* ---- Values -------------------------------------------------------------------------------------------------------------------- */

static gboolean read_number(const ServeConfig *config, ServeKey key, gint64 minimum, gint64 maximum, gint64 *out,
                            GError **error)
{
    if (!is_given(config, key))
        return TRUE;
    if (g_ascii_string_to_signed(config->settings[key].text, 10, minimum, maximum, out, NULL))
        return TRUE;
    serve_config_error(config, key, error, "'%s' is not a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                       config->settings[key].text, minimum, maximum);
    return FALSE;
}

static gboolean read_store(ServeConfig *config, const char *cache, GError **error)
{
    gint64 high = 0, low = 0;
    guint percent = 0;
    const char *size = config->settings[SERVE_MAX_SIZE].text;
    if (!read_number(config, SERVE_HIGH_WATERMARK, 1, 100, &high, error) ||
        !read_number(config, SERVE_LOW_WATERMARK, 1, 100, &low, error))
        return FALSE;
    if (size && (!size_parse(size, &config->store.quota, &percent) || strcmp(size, "infinity") == 0)) {
        serve_config_error(config, SERVE_MAX_SIZE, error, "'%s' is not a size: bytes, K, M, G, T or 1%% to 100%%",
                           size);
        return FALSE;
    }
    if (percent)
        config->store.quota = size_of_disk_share(cache, percent);
    if (low > (high ? high : 95)) {
        serve_config_error(config, SERVE_LOW_WATERMARK, error, "the low watermark is above the high one");
        return FALSE;
    }
    config->store.high_watermark = high;
    config->store.low_watermark = low;
    return TRUE;
}

/* Of nothing that is executed, there is nothing to execute again. */
static gboolean read_audit_hits(ServeConfig *config, const App *app, GError **error)
{
    enum { PERCENT = 100 };
    if (!read_number(config, SERVE_AUDIT_HITS, 0, PERCENT, &config->audit_hits, error))
        return FALSE;
    if (config->audit_hits == 0 || arguments_has(app->arguments, "execute"))
        return TRUE;
    serve_config_error(config, SERVE_AUDIT_HITS, error, "hits are executed again only with --execute");
    return FALSE;
}

static gboolean read_anonymous(ServeConfig *config, GError **error)
{
    const char *text = config->settings[SERVE_ANONYMOUS].text;
    gboolean authenticated = is_given(config, SERVE_TOKEN_FILE) || is_given(config, SERVE_CLIENT_CA);
    config->anonymous = authenticated ? SLUICE_ROLE_NONE : SLUICE_ROLE_READ_WRITE;
    if (!text || sluice_role_parse(text, &config->anonymous))
        return TRUE;
    serve_config_error(config, SERVE_ANONYMOUS, error, "'%s' is no role: none, read or read-write", text);
    return FALSE;
}

/* ---- What does not fit together ------------------------------------------------------------------------------------------------- */

static gboolean check_pairs(ServeConfig *config, GError **error)
{
    static const struct {
        ServeKey key, needs;
        const char *why;
    } pairs[] = {
        {SERVE_TLS_CERT, SERVE_TLS_KEY, "a certificate needs its key: give tls-key"},
        {SERVE_TLS_KEY, SERVE_TLS_CERT, "a key needs its certificate: give tls-cert"},
        {SERVE_CLIENT_CA, SERVE_TLS_CERT, "clients show certificates in TLS only: give tls-cert and tls-key"},
        {SERVE_HIGH_WATERMARK, SERVE_MAX_SIZE, "it is a percentage of max-size, which is missing"},
        {SERVE_LOW_WATERMARK, SERVE_MAX_SIZE, "it is a percentage of max-size, which is missing"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
        if (is_given(config, pairs[i].key) && !is_given(config, pairs[i].needs)) {
            serve_config_error(config, pairs[i].key, error, "%s", pairs[i].why);
            return FALSE;
        }
    if (config->clients->len == 0 || is_given(config, SERVE_CLIENT_CA))
        return TRUE;
    error_set(error, ERROR_APP, NULL, NULL, "Roles of certificates ('client') need their authority: give client-ca");
    return FALSE;
}

/* An address that others can reach. */
static gboolean check_public(const ServeConfig *config, const ServeSetting *address, GError **error)
{
    gboolean tokens = is_given(config, SERVE_TOKEN_FILE);
    if (!tokens && !is_given(config, SERVE_CLIENT_CA) && !is_given(config, SERVE_ANONYMOUS))
        return listen_error(address, error,
                            "everybody who reaches %s could read and write: give token-file or client-ca, or say with "
                            "anonymous what everybody may",
                            address->text);
    if (tokens && !is_given(config, SERVE_TLS_CERT) && !is_given(config, SERVE_ALLOW_PLAINTEXT))
        return listen_error(address, error,
                            "tokens would come to %s unencrypted: give tls-cert and tls-key, or allow-plaintext if "
                            "something in between encrypts",
                            address->text);
    return TRUE;
}

static gboolean check_addresses(const ServeConfig *config, const GArray *sockets, GError **error)
{
    for (guint i = 0; i < config->listen->len; i++) {
        const ServeSetting *address = &g_array_index(config->listen, ServeSetting, i);
        if (!sluice_address_is_local(address->text) && !check_public(config, address, error))
            return FALSE;
    }
    for (guint i = 0; i < sockets->len; i++) {
        const ServeSocket *handed = &g_array_index(sockets, ServeSocket, i);
        const ServeSetting address = {"the socket from systemd", NULL};
        if (strcmp(handed->name, "metrics") != 0 && !sluice_listener_is_local(handed->fd) &&
            !check_public(config, &address, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean has_address(const ServeConfig *config, const GArray *sockets)
{
    gboolean found = config->listen->len > 0;
    for (guint i = 0; i < sockets->len; i++)
        found = found || strcmp(g_array_index(sockets, ServeSocket, i).name, "metrics") != 0;
    return found;
}

ServeConfig *serve_config_new(App *app, const GArray *sockets, GError **error)
{
    g_autoptr(ServeConfig) config = g_new0(ServeConfig, 1);
    const char *file = arguments_get(app->arguments, "serve-config");
    config->arena = arena_new();
    config->listen = g_array_new(FALSE, FALSE, sizeof(ServeSetting));
    config->clients = g_array_new(FALSE, FALSE, sizeof(SluiceCertificateRole));
    config->drain = DRAIN_DEFAULT;
    if ((file && !read_file(config, file, error)) || !read_options(config, app->arguments, error))
        return NULL;
    if (!has_address(config, sockets)) {
        g_set_error(error, USAGE_ERROR, 0, "Missing option '--listen'.");
        return NULL;
    }
    const char *cache = is_given(config, SERVE_CACHE) ? config->settings[SERVE_CACHE].text : app->cache_path;
    gboolean success = read_number(config, SERVE_DRAIN, 0, DRAIN_MAX, &config->drain, error) &&
                       read_audit_hits(config, app, error) && read_store(config, cache, error) &&
                       read_anonymous(config, error) && check_pairs(config, error) &&
                       check_addresses(config, sockets, error);
    return success ? g_steal_pointer(&config) : NULL;
}

void serve_config_free(ServeConfig *config)
{
    g_array_unref(config->listen);
    g_array_unref(config->clients);
    arena_free(config->arena);
    g_free(config);
}
