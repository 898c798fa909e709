#include "access.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct SluiceConnections {
    GMutex lock;
    GHashTable *
        by_fd; /* GINT_TO_POINTER → SluiceConnection *; also those that were closed, until their descriptor is another's */
};

static uint64_t socket_of(int fd)
{
    struct stat found;
    return fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode) ? (uint64_t)found.st_ino : 0;
}

static char *name_peer(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getpeername(fd, (struct sockaddr *)&address, &length) != 0)
        return g_strdup("");
    if (address.ss_family == AF_UNIX)
        return g_strdup("unix");
    if (getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return g_strdup("");
    return g_strdup_printf(address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

SluiceConnection *sluice_connection_new(int fd)
{
    SluiceConnection *connection = g_new0(SluiceConnection, 1);
    atomic_init(&connection->references, 1);
    connection->peer = name_peer(fd);
    return connection;
}

void sluice_connection_unref(SluiceConnection *connection)
{
    if (atomic_fetch_sub(&connection->references, 1) != 1)
        return;
    g_clear_pointer(&connection->user, g_ref_string_release);
    g_free(connection->peer);
    g_free(connection);
}

static void unref(gpointer connection)
{
    sluice_connection_unref(connection);
}

SluiceConnections *sluice_connections_new(void)
{
    SluiceConnections *connections = g_new0(SluiceConnections, 1);
    g_mutex_init(&connections->lock);
    connections->by_fd = g_hash_table_new_full(NULL, NULL, NULL, unref);
    return connections;
}

void sluice_connections_free(SluiceConnections *connections)
{
    g_hash_table_unref(connections->by_fd);
    g_mutex_clear(&connections->lock);
    g_free(connections);
}

void sluice_connections_add(SluiceConnections *connections, int fd, SluiceConnection *connection)
{
    connection->socket = socket_of(fd);
    g_mutex_lock(&connections->lock);
    g_hash_table_replace(connections->by_fd, GINT_TO_POINTER(fd), connection);
    g_mutex_unlock(&connections->lock);
}

SluiceConnection *sluice_connections_find(SluiceConnections *connections, const char *peer)
{
    if (peer == NULL || !g_str_has_prefix(peer, "fd:"))
        return NULL;
    int fd = atoi(peer + strlen("fd:"));
    g_mutex_lock(&connections->lock);
    SluiceConnection *connection = g_hash_table_lookup(connections->by_fd, GINT_TO_POINTER(fd));
    if (connection != NULL)
        atomic_fetch_add(&connection->references, 1);
    g_mutex_unlock(&connections->lock);
    return connection;
}

static gboolean is_closed(gpointer fd, gpointer connection, gpointer data)
{
    return socket_of(GPOINTER_TO_INT(fd)) != ((SluiceConnection *)connection)->socket;
}

unsigned sluice_connections_count(SluiceConnections *connections)
{
    g_mutex_lock(&connections->lock);
    g_hash_table_foreach_remove(connections->by_fd, is_closed, NULL);
    unsigned count = g_hash_table_size(connections->by_fd);
    g_mutex_unlock(&connections->lock);
    return count;
}
