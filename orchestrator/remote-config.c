/* remote-config.c - checks of the descriptions of servers */
#include "remote-config.h"

static gboolean refuse(const Node *node, const char *message, GError **error)
{
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node), "%s", message);
    return FALSE;
}

static gboolean check_pair(const Node *auth, const char *key, const char *other, GError **error)
{
    if (!node_find(auth, key) || node_find(auth, other))
        return TRUE;
    g_autofree char *message = g_strdup_printf("'%s' was specified without '%s'", key, other);
    return refuse(node_find(auth, key), message, error);
}

static gboolean check_auth(const Node *remote, GError **error)
{
    static const char *const keys[] = {
        "server-cert", "client-key", "client-cert", "access-token", "access-token-reload-interval", NULL};
    Node *auth = NULL;
    if (!node_get_mapping(remote, "auth", &auth, error))
        return FALSE;
    if (!auth)
        return TRUE;
    const char *text = NULL;
    gint64 number = 0;
    for (guint i = 0; i < 4; i++)
        if (!node_get_string(auth, keys[i], &text, error))
            return FALSE;
    return node_check_keys(auth, keys, error) && node_get_int(auth, keys[4], &number, error) &&
           check_pair(auth, "client-key", "client-cert", error) && check_pair(auth, "client-cert", "client-key", error);
}

static gboolean check_remote(const Node *remote, GError **error)
{
    static const char *const keys[] = {"url", "instance-name", "auth", "connection-config", "type", "push", NULL};
    static const char *const types[] = {"index", "storage", "endpoint", "all", NULL};
    const char *url = NULL, *instance = NULL;
    gboolean push = FALSE;
    guint type = 0;
    Node *connection = NULL;
    if (!node_check_keys(remote, keys, error) || !node_get_choice(remote, "type", types, &type, error) ||
        !node_get_bool(remote, "push", &push, error) || !node_need_string(remote, "url", &url, error) ||
        !node_get_string(remote, "instance-name", &instance, error) ||
        !node_get_mapping(remote, "connection-config", &connection, error))
        return FALSE;
    return *url ? check_auth(remote, error) : refuse(node_find(remote, "url"), "empty artifact cache URL", error);
}

static gboolean check_list(const Node *mapping, const char *key, GError **error)
{
    Node *list = NULL;
    if (!node_get_sequence(mapping, key, &list, error))
        return FALSE;
    for (gsize i = 0; i < node_size(list); i++) {
        const Node *remote = node_at(list, i);
        if (node_type(remote) != NODE_MAPPING)
            return refuse(remote, "Value is not one of the following: dict.", error);
        if (!check_remote(remote, error))
            return FALSE;
    }
    return TRUE;
}

gboolean project_caches_check(const Node *conf, GError **error)
{
    return check_list(conf, "artifacts", error) && check_list(conf, "source-caches", error);
}
