/* cluster-config.c - reads how the cluster is reached */
#include "cluster-config.h"
#include "user-config.h"

/* Seconds, attempts, milliseconds: nobody means more. */
#define MAX_NUMBER 1000000

typedef struct {
    const char *key; /* in the configuration, and its name in messages */
    gboolean execution, action_cache;
} Role;

static const Role storage_role = {"storage-service", TRUE, FALSE};
static const Role cache_role = {"storage-service", FALSE, TRUE};
static const Role action_cache_role = {"action-cache-service", TRUE, TRUE};
static const Role execution_role = {"execution-service", TRUE, FALSE};

static gboolean refuse(const Node *node, const char *message, GError **error)
{
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node), "%s", message);
    return FALSE;
}

/* ---- One service ---------------------------------------------------------------------------------------------------------- */

/* Where a key stands. */
static void read_place(const Node *mapping, const char *key, Arena *arena, const char **out)
{
    const Node *node = node_find(mapping, key);
    g_autofree char *where = node ? provenance_to_string(node_where(node)) : NULL;
    *out = where ? arena_strdup(arena, where) : NULL;
}

static gboolean read_path(const Node *auth, const char *key, Arena *arena, const char **out, const char **where,
                          GError **error)
{
    read_place(auth, key, arena, where);
    const char *text = NULL;
    if (!node_get_string(auth, key, &text, error))
        return FALSE;
    if (!text || !*text)
        return TRUE;
    g_autofree char *expanded = user_config_expand_path(text);
    g_autofree char *absolute = g_canonicalize_filename(expanded, NULL);
    *out = arena_strdup(arena, absolute);
    return TRUE;
}

static gboolean check_pair(const Node *auth, const char *key, const char *value, const char *other, GError **error)
{
    static const struct {
        const char *key, *message;
    } messages[] = {{"client-key", "'client-key' was specified without 'client-cert'"},
                    {"client-cert", "'client-cert' was specified without 'client-key'"}};
    if (!value || other)
        return TRUE;
    return refuse(node_find(auth, key), messages[g_str_equal(key, messages[1].key)].message, error);
}

static gboolean read_auth(const Node *server, Arena *arena, SluiceRemote *remote, GError **error)
{
    static const char *const keys[] = {
        "server-cert", "client-key", "client-cert", "access-token", "access-token-reload-interval", NULL};
    Node *auth = NULL;
    gint64 interval = 0;
    if (!node_get_mapping(server, "auth", &auth, error))
        return FALSE;
    if (!auth)
        return TRUE;
    /* the interval has no meaning here: a token that changes is read again */
    return node_check_keys(auth, keys, error) &&
           read_path(auth, "server-cert", arena, &remote->server_cert, &remote->where[SLUICE_REMOTE_SERVER_CERT],
                     error) &&
           read_path(auth, "client-key", arena, &remote->client_key, &remote->where[SLUICE_REMOTE_CLIENT_KEY], error) &&
           read_path(auth, "client-cert", arena, &remote->client_cert, &remote->where[SLUICE_REMOTE_CLIENT_CERT],
                     error) &&
           read_path(auth, "access-token", arena, &remote->access_token, &remote->where[SLUICE_REMOTE_ACCESS_TOKEN],
                     error) &&
           node_get_int(auth, "access-token-reload-interval", &interval, error) &&
           check_pair(auth, "client-key", remote->client_key, remote->client_cert, error) &&
           check_pair(auth, "client-cert", remote->client_cert, remote->client_key, error);
}

/* Their zeroes mean what they mean to BuildStream's casd: no attempt after the first, no pause, no bound on an answer, no pings. */
static gboolean read_connection(const Node *server, SluiceRemote *remote, GError **error)
{
    static const char *const keys[] = {"keepalive-time", "retry-limit", "retry-delay", "request-timeout", NULL};
    const struct {
        unsigned *out, zero;
    } values[] = {{&remote->keepalive_time, MAX_NUMBER},
                  {&remote->retry_limit, 0},
                  {&remote->retry_delay, 1},
                  {&remote->request_timeout, MAX_NUMBER}};
    Node *connection = NULL;
    if (!node_get_mapping(server, "connection-config", &connection, error))
        return FALSE;
    if (!connection)
        return TRUE;
    if (!node_check_keys(connection, keys, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
        gint64 number = -1;
        const Node *node = node_find(connection, keys[i]);
        if (!node)
            continue;
        if (!node_get_int(connection, keys[i], &number, error))
            return FALSE;
        if (number < 0 || number > MAX_NUMBER)
            return refuse(node, "This number is negative or too large", error);
        *values[i].out = number > 0 ? (unsigned)number : values[i].zero;
        if (number == 0 && values[i].out == &remote->retry_limit)
            remote->no_retry = TRUE;
    }
    return TRUE;
}

static gboolean check_service_keys(const Node *server, const Role *role, GError **error)
{
    static const char *const plain[] = {"url", "instance-name", "auth", "connection-config", NULL};
    static const char *const cache[] = {"url", "instance-name", "auth", "connection-config", "push", NULL};
    static const char *const all[] = {"url", "instance-name", "auth", "connection-config", "type", "push", NULL};
    static const char *const types[] = {"index", "storage", "endpoint", "all", NULL};
    guint type = 0;
    return node_check_keys(server,
                           !role->execution     ? all
                           : role->action_cache ? cache
                                                : plain,
                           error) &&
           node_get_choice(server, "type", types, &type, error);
}

/* Leaves the URL NULL if the service is not there. */
static gboolean read_service(const Node *mapping, const Role *role, Arena *arena, SluiceRemote *remote, GError **error)
{
    Node *server = NULL;
    *remote = (SluiceRemote){.name = role->key};
    if (mapping && !node_get_mapping(mapping, role->key, &server, error))
        return FALSE;
    if (!server)
        return TRUE;
    if (!check_service_keys(server, role, error) || !node_need_string(server, "url", &remote->url, error) ||
        !node_get_string(server, "instance-name", &remote->instance, error) ||
        !node_get_bool(server, "push", &remote->push, error) || !read_auth(server, arena, remote, error) ||
        !read_connection(server, remote, error))
        return FALSE;
    const Node *url = node_find(server, "url");
    if (!*remote->url)
        return refuse(url, "empty artifact cache URL", error);
    read_place(server, "url", arena, &remote->where[SLUICE_REMOTE_URL]);
    read_place(server, "instance-name", arena, &remote->where[SLUICE_REMOTE_INSTANCE]);
    read_place(server, "push", arena, &remote->where[SLUICE_REMOTE_PUSH]);
    return TRUE;
}

/* ---- The cluster ------------------------------------------------------------------------------------------------------------ */

static gboolean read_execution(const Node *mapping, gboolean has_cache, Arena *arena, ClusterConfig *config,
                               GError **error)
{
    static const char *const keys[] = {"execution-service", "storage-service", "action-cache-service", NULL};
    Node *section = NULL;
    if (!node_get_mapping(mapping, "remote-execution", &section, error))
        return FALSE;
    if (!section)
        return TRUE;
    SluiceRemote storage;
    if (!node_check_keys(section, keys, error) || !read_service(section, &storage_role, arena, &storage, error) ||
        !read_service(section, &action_cache_role, arena, &config->action_cache, error) ||
        !read_service(section, &execution_role, arena, &config->execution, error))
        return FALSE;
    if (!storage.url && !has_cache)
        return refuse(
            section,
            "Remote execution requires 'storage-service' to be specified in the 'remote-execution' section if "
            "not already specified globally in the 'cache' section",
            error);
    if (!config->execution.url && !config->action_cache.url)
        return refuse(section,
                      "At least one of `execution-service` or `action-cache-service` need to be specified in the "
                      "'remote-execution' section",
                      error);
    if (storage.url)
        config->storage = storage;
    return TRUE;
}

static gboolean read_own(const Node *root, ClusterConfig *config, GError **error)
{
    static const char *const keys[] = {"remote", NULL}, *const remote_keys[] = {"required", "environment", NULL};
    /* in the order of SluiceRemoteEnvironment; the first is the default */
    static const char *const environments[] = {"none", "image", "chroot-root-digest", "input-root", NULL};
    guint environment = SLUICE_REMOTE_ENVIRONMENT_NONE;
    Node *own = NULL, *remote = NULL;
    if (!node_get_mapping(root, "sluice", &own, error) || (own && !node_check_keys(own, keys, error)) ||
        (own && !node_get_mapping(own, "remote", &remote, error)))
        return FALSE;
    if (remote && (!node_check_keys(remote, remote_keys, error) ||
                   !node_get_bool(remote, "required", &config->upstream.required, error) ||
                   !node_get_choice(remote, "environment", environments, &environment, error)))
        return FALSE;
    config->upstream.environment = environment;
    return TRUE;
}

gboolean cluster_config_read(const Node *root, const Node *project, Arena *arena, const ClusterConfig **out,
                             GError **error)
{
    ClusterConfig *config = arena_new_of(arena, ClusterConfig);
    const Node *of_execution = project && node_find(project, "remote-execution") ? project : root;
    Node *cache = NULL;
    *out = NULL;
    if (!node_get_mapping(root, "cache", &cache, error) ||
        !read_service(cache, &cache_role, arena, &config->storage, error) ||
        !read_execution(of_execution, config->storage.url != NULL, arena, config, error) ||
        !read_own(root, config, error))
        return FALSE;
    if (!config->storage.url)
        return TRUE;
    /* a cache alone holds the results as well */
    if (!config->action_cache.url && !config->execution.url)
        config->action_cache = config->storage;
    config->upstream.storage = &config->storage;
    config->upstream.action_cache = config->action_cache.url ? &config->action_cache : NULL;
    config->upstream.execution = config->execution.url ? &config->execution : NULL;
    *out = config;
    return TRUE;
}
