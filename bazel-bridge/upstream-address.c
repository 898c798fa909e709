/* From the URL of a configuration to what the RPC library connects to. */
#include "upstream.h"

static gboolean address_error(GError **error, const char *url, const char *why)
{
    g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_ADDRESS, "\"%s\" is no address of a server: %s", url,
                why);
    return FALSE;
}

static char *unix_address(const char *url, const char *path, gboolean *local, GError **error)
{
    enum { LONGEST_PATH = 107 };
    while (path[0] == '/' && path[1] == '/')
        path++;
    if (*path != '/' || strlen(path) > LONGEST_PATH) {
        address_error(error, url, *path != '/' ? "the socket's path is not absolute" : "the socket's path is too long");
        return NULL;
    }
    *local = TRUE;
    return g_strconcat("unix:", path, NULL);
}

static gboolean check_parts(const char *url, GUri *uri, GError **error)
{
    const char *host = g_uri_get_host(uri), *path = g_uri_get_path(uri);
    if (host == NULL || *host == '\0')
        return address_error(error, url, "it names no host");
    if (strcmp(path, "") != 0 && strcmp(path, "/") != 0)
        return address_error(error, url, "a path means nothing here; is it the instance-name?");
    if (g_uri_get_query(uri) != NULL || g_uri_get_fragment(uri) != NULL || g_uri_get_userinfo(uri) != NULL)
        return address_error(error, url,
                             "only a scheme, a host and a port are used; credentials belong into files below auth");
    return TRUE;
}

/* A name like 127.example.com is somebody else's. */
static gboolean is_local(const char *host)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    return g_ascii_strcasecmp(host, "localhost") == 0 || (address != NULL && g_inet_address_get_is_loopback(address));
}

char *sluice_remote_address(const char *url, gboolean *tls, gboolean *local, GError **error)
{
    static const struct {
        const char *scheme;
        gboolean tls;
        int port;
    } schemes[] = {{"http", FALSE, 80}, {"grpc", FALSE, 80}, {"https", TRUE, 443}, {"grpcs", TRUE, 443}};
    *tls = *local = FALSE;
    if (g_str_has_prefix(url, "unix:"))
        return unix_address(url, url + strlen("unix:"), local, error);
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
    if (uri == NULL) {
        address_error(error, url, "grpc://HOST:PORT, grpcs://HOST:PORT, http:, https: or unix:PATH is expected");
        return NULL;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (g_ascii_strcasecmp(g_uri_get_scheme(uri), schemes[i].scheme) != 0)
            continue;
        if (!check_parts(url, uri, error))
            return NULL;
        const char *host = g_uri_get_host(uri);
        int port = g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : schemes[i].port;
        *tls = schemes[i].tls;
        *local = is_local(host);
        return g_strdup_printf(strchr(host, ':') != NULL ? "dns:[%s]:%d" : "dns:%s:%d", host, port);
    }
    address_error(error, url, "its scheme is none of grpc, grpcs, http, https, unix");
    return NULL;
}
