/* Binding sockets.
 *
 * A UNIX socket's path is claimed by a lock on PATH.lock for as long as it is served, so that "stale" is certain: binding alone
 * cannot tell a dead server's socket from a live one's, and the RPC library would take either away.  Servers that know
 * nothing of the lock are found by connecting. */
#include "bridge-private.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int address_error(GError **error, const char *address, const char *why)
{
    g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_ADDRESS, "cannot listen on %s: %s", address, why);
    return -1;
}

static gboolean same_file(int fd, const char *path)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

/* The lock, or -1 with errno; EWOULDBLOCK: somebody lives there. */
static int take_lock(const char *path)
{
    g_autofree char *name = g_strconcat(path, ".lock", NULL);
    for (;;) {
        int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int problem = errno;
            close(fd);
            errno = problem;
            return -1;
        }
        /* the holder before us removes its lock while it holds it: then this is no longer the file of that name */
        if (same_file(fd, name))
            return fd;
        close(fd);
    }
}

void sluice_address_release_unix(const char *path, int lock)
{
    g_autofree char *name = g_strconcat(path, ".lock", NULL);
    if (same_file(lock, name)) {
        unlink(path);
        unlink(name);
    }
    close(lock);
}

static gboolean answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return FALSE;
    /* EAGAIN: the queue of a live server is full */
    gboolean live = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
    close(fd);
    return live;
}

/* NULL if the path is free now. */
static const char *clear_path(const struct sockaddr_un *address)
{
    struct stat found;
    if (lstat(address->sun_path, &found) != 0)
        return errno == ENOENT ? NULL : g_strerror(errno);
    if (!S_ISSOCK(found.st_mode))
        return "the file there is not a socket";
    if (answers(address))
        return "a live server has this socket";
    return unlink(address->sun_path) == 0 || errno == ENOENT ? NULL : g_strerror(errno);
}

int sluice_address_bind_unix(const char *path, int *lock, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (*path == '\0')
        return address_error(error, "unix:", "the path is missing");
    if (strlen(path) >= sizeof address.sun_path)
        return address_error(error, path, "a socket's path has at most 107 bytes");
    memcpy(address.sun_path, path, strlen(path) + 1);
    *lock = take_lock(path);
    if (*lock < 0)
        return address_error(error, path, errno == EWOULDBLOCK ? "a live server has this socket" : g_strerror(errno));
    const char *why = clear_path(&address);
    if (why != NULL) {
        g_autofree char *name = g_strconcat(path, ".lock", NULL);
        unlink(name);
        close(*lock);
        return address_error(error, path, why);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, SLUICE_LISTEN_BACKLOG) == 0)
        return fd;
    why = g_strerror(errno);
    if (fd >= 0)
        close(fd);
    sluice_address_release_unix(path, *lock);
    return address_error(error, path, why);
}

/* Splits HOST:PORT and [HOST]:PORT; both parts are freed by the caller. */
static gboolean split(const char *address, char **host, char **port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || colon[1] == '\0')
        return FALSE;
    gsize length = (gsize)(colon - address);
    gboolean bracketed = address[0] == '[' && address[length - 1] == ']';
    if (!bracketed && memchr(address, ':', length) != NULL)
        return FALSE;
    guint64 number;
    if (!g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT16, &number, NULL))
        return FALSE;
    *host = bracketed ? g_strndup(address + 1, length - 2) : g_strndup(address, length);
    *port = g_strdup(colon + 1);
    return TRUE;
}

static int bind_one(const struct addrinfo *info)
{
    int one = 1;
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, info->ai_protocol);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SLUICE_LISTEN_BACKLOG) == 0)
        return fd;
    int problem = errno;
    close(fd);
    errno = problem;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    char service[NI_MAXSERV];
    if (getsockname(fd, (struct sockaddr *)&bound, &length) != 0 ||
        getnameinfo((struct sockaddr *)&bound, length, NULL, 0, service, sizeof service, NI_NUMERICSERV) != 0)
        return 0;
    return atoi(service);
}

int sluice_address_bind_tcp(const char *address, int *port, GError **error)
{
    g_autofree char *host = NULL, *service = NULL;
    if (!split(address, &host, &service))
        return address_error(error, address, "an address is unix:PATH, HOST:PORT or [IPV6]:PORT");
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int problem = getaddrinfo(host, service, &hints, &found);
    if (problem != 0)
        return address_error(error, address, gai_strerror(problem));
    int fd = -1;
    for (struct addrinfo *info = found; info != NULL && fd < 0; info = info->ai_next)
        fd = bind_one(info);
    int reason = errno;
    freeaddrinfo(found);
    if (fd < 0)
        return address_error(error, address, g_strerror(reason));
    if (port != NULL)
        *port = port_of(fd);
    return fd;
}

static gboolean is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (address->sa_family != AF_INET6)
        return address->sa_family == AF_UNIX;
    const struct in6_addr *ip = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == IN_LOOPBACKNET);
}

gboolean sluice_address_is_local(const char *address)
{
    g_autofree char *host = NULL, *service = NULL;
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    gboolean local = TRUE;
    if (g_str_has_prefix(address, "unix:") || !split(address, &host, &service) ||
        getaddrinfo(host, service, &hints, &found) != 0)
        return TRUE;
    for (struct addrinfo *info = found; info != NULL; info = info->ai_next)
        local = local && is_loopback(info->ai_addr);
    freeaddrinfo(found);
    return local;
}

gboolean sluice_listener_is_local(int fd)
{
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    return getsockname(fd, (struct sockaddr *)&bound, &length) == 0 && is_loopback((struct sockaddr *)&bound);
}
