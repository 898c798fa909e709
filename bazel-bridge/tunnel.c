/*
 * tunnel.c - TLS in front of the RPC library: one thread moves bytes between clients' sockets and pairs of sockets whose other ends the RPC
 * library has.
 *
 * The RPC library could do TLS itself, but only on sockets that it bound itself; ours come from systemd, and it must be known who comes through them
 * before anything of HTTP/2 is looked at.  Nothing is read from one side while the other does not take it: a tunnel holds at most BUFFER
 * bytes each way.  Both sockets are watched edge-triggered, so each step goes on until neither side moves.
 */
#include "access.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BUFFER = 64 * SLUICE_KIB,
    /* Rounds of a step: then others come first. */
    ROUNDS = 32,
    EVENTS = 64,
    SWEEP_INTERVAL = 1, /* seconds */
    /* Tunnels that still carry last words when everything ends get so long; seconds. */
    ENDING = 2
};

typedef struct {
    guint8 *data; /* what the other side did not take yet; or NULL */
    gsize offset, length;
} Rest;

typedef enum { TUNNEL_GREETING, TUNNEL_OPEN, TUNNEL_DEAD } TunnelState;

typedef struct {
    TunnelState state;
    SluiceEndpoint *endpoint; /* while GREETING */
    SSL *session;
    int client, inner; /* inner: -1 while GREETING */
    Rest up, down;     /* to the RPC library; to the client */
    gboolean client_ended, waiting;
    int64_t deadline; /* for the greeting, or for a client that takes nothing; 0: none */
    GList link;       /* in `all`, or in `dead` */
} Tunnel;

struct SluiceTunnels {
    int epoll, wake;
    GThread *thread;
    _Atomic uint64_t failures;
    GMutex lock; /* for what follows */
    GCond changed;
    GQueue incoming;         /* Tunnel * */
    SluiceEndpoint *leaving; /* its greeting tunnels are to be dropped */
    gboolean ending;
    /* of the thread alone */
    GQueue all, again, dead; /* Tunnel *; `again`: those that have more to do */
    int64_t next_sweep;
    guint8 scratch[BUFFER];
};

/* ---- One tunnel ------------------------------------------------------------------------------------------------------------------- */

static Tunnel *tunnel_new(SluiceEndpoint *endpoint, int fd)
{
    Tunnel *tunnel = g_new0(Tunnel, 1);
    tunnel->endpoint = endpoint;
    tunnel->client = fd;
    tunnel->inner = -1;
    tunnel->link.data = tunnel;
    return tunnel;
}

static void tunnel_free(Tunnel *tunnel)
{
    if (tunnel->session != NULL)
        SSL_free(tunnel->session);
    close(tunnel->client);
    if (tunnel->inner >= 0)
        close(tunnel->inner);
    g_free(tunnel->up.data);
    g_free(tunnel->down.data);
    g_free(tunnel);
}

static void set_deadline(Tunnel *tunnel, int seconds)
{
    tunnel->deadline = g_get_monotonic_time() + (int64_t)seconds * G_USEC_PER_SEC;
}

/* It is freed when no event of this round can name it any more. */
static void end_tunnel(SluiceTunnels *tunnels, Tunnel *tunnel)
{
    if (tunnel->state == TUNNEL_DEAD)
        return;
    if (tunnel->state == TUNNEL_GREETING)
        atomic_fetch_add_explicit(&tunnels->failures, 1, memory_order_relaxed);
    tunnel->state = TUNNEL_DEAD;
    g_queue_unlink(&tunnels->all, &tunnel->link);
    g_queue_push_tail_link(&tunnels->dead, &tunnel->link);
}

static gboolean watch(SluiceTunnels *tunnels, Tunnel *tunnel, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = tunnel};
    return epoll_ctl(tunnels->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* ---- Greeting ---------------------------------------------------------------------------------------------------------------------- */

static SluiceConnection *identify(Tunnel *tunnel)
{
    SluiceConnection *connection = sluice_connection_new(tunnel->client);
    g_autoptr(GPtrArray) names = sluice_tls_peer_names(tunnel->session);
    connection->tls = TRUE;
    if (names != NULL && names->len > 0 && tunnel->endpoint->access != NULL) {
        connection->user = g_ref_string_new(g_ptr_array_index(names, 0));
        connection->role = sluice_access_of_certificate(tunnel->endpoint->access, names);
    }
    return connection;
}

static gboolean open_tunnel(SluiceTunnels *tunnels, Tunnel *tunnel)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return FALSE;
    tunnel->inner = pair[0];
    if (!watch(tunnels, tunnel, tunnel->inner)) {
        close(pair[1]);
        return FALSE;
    }
    tunnel->deadline = 0;
    tunnel->state = TUNNEL_OPEN;
    sluice_endpoint_adopt(tunnel->endpoint, pair[1], identify(tunnel));
    tunnel->endpoint = NULL;
    return TRUE;
}

static gboolean greet(SluiceTunnels *tunnels, Tunnel *tunnel)
{
    ERR_clear_error();
    int result = SSL_do_handshake(tunnel->session);
    if (result == 1)
        return open_tunnel(tunnels, tunnel);
    int problem = SSL_get_error(tunnel->session, result);
    return problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE;
}

/* ---- Moving bytes ------------------------------------------------------------------------------------------------------------------ */

typedef enum { MOVED, BLOCKED, ENDED, BROKEN } Progress;

static Progress of_session(Tunnel *tunnel, int result)
{
    switch (SSL_get_error(tunnel->session, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return BLOCKED;
    case SSL_ERROR_ZERO_RETURN:
        return ENDED;
    default:
        return BROKEN;
    }
}

static Progress write_client(Tunnel *tunnel, const guint8 *data, gsize length, gsize *written)
{
    for (*written = 0; *written < length;) {
        ERR_clear_error();
        int count = SSL_write(tunnel->session, data + *written, (int)(length - *written));
        if (count <= 0)
            return of_session(tunnel, count);
        *written += (gsize)count;
    }
    return MOVED;
}

static Progress write_inner(Tunnel *tunnel, const guint8 *data, gsize length, gsize *written)
{
    for (*written = 0; *written < length;) {
        ssize_t count = send(tunnel->inner, data + *written, length - *written, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno == EAGAIN ? BLOCKED : BROKEN;
        *written += (gsize)count;
    }
    return MOVED;
}

/* As much as there is, up to a buffer: records are small. */
static Progress read_client(Tunnel *tunnel, guint8 *data, gsize *length)
{
    for (*length = 0; *length < BUFFER;) {
        ERR_clear_error();
        int count = SSL_read(tunnel->session, data + *length, (int)(BUFFER - *length));
        if (count <= 0)
            return *length > 0 ? MOVED : of_session(tunnel, count);
        *length += (gsize)count;
    }
    return MOVED;
}

static Progress read_inner(Tunnel *tunnel, guint8 *data, gsize *length)
{
    ssize_t count;
    do
        count = recv(tunnel->inner, data, BUFFER, 0);
    while (count < 0 && errno == EINTR);
    *length = count > 0 ? (gsize)count : 0;
    return count > 0 ? MOVED : count == 0 ? ENDED : errno == EAGAIN ? BLOCKED : BROKEN;
}

typedef struct {
    Progress (*read)(Tunnel *tunnel, guint8 *data, gsize *length);
    Progress (*write)(Tunnel *tunnel, const guint8 *data, gsize length, gsize *written);
} Direction;

static const Direction upwards = {read_client, write_inner}, downwards = {read_inner, write_client};

/* What was left over goes first, and only when it is gone something new is read. */
static Progress move(SluiceTunnels *tunnels, Tunnel *tunnel, const Direction *direction, Rest *rest)
{
    gsize length = 0, written = 0;
    if (rest->data != NULL) {
        Progress progress = direction->write(tunnel, rest->data + rest->offset, rest->length - rest->offset, &written);
        rest->offset += written;
        if (rest->offset == rest->length)
            g_clear_pointer(&rest->data, g_free);
        return progress;
    }
    Progress progress = direction->read(tunnel, tunnels->scratch, &length);
    if (progress != MOVED)
        return progress;
    progress = direction->write(tunnel, tunnels->scratch, length, &written);
    if (written < length)
        *rest = (Rest){g_memdup2(tunnels->scratch + written, length - written), 0, length - written};
    return progress;
}

static Progress move_up(SluiceTunnels *tunnels, Tunnel *tunnel)
{
    if (tunnel->client_ended)
        return BLOCKED;
    Progress progress = move(tunnels, tunnel, &upwards, &tunnel->up);
    if (progress != ENDED)
        return progress;
    /* the RPC library then closes its end */
    tunnel->client_ended = TRUE;
    shutdown(tunnel->inner, SHUT_WR);
    return BLOCKED;
}

/* A client that takes nothing is not waited for without end: the RPC library may have given it up long ago. */
static Progress move_down(SluiceTunnels *tunnels, Tunnel *tunnel)
{
    Progress progress = move(tunnels, tunnel, &downwards, &tunnel->down);
    if (progress == MOVED || tunnel->down.data == NULL)
        tunnel->deadline = 0;
    else if (tunnel->deadline == 0)
        set_deadline(tunnel, SLUICE_LIMIT_TLS_STALL);
    return progress;
}

/* TRUE: there is more to do. */
static gboolean carry(SluiceTunnels *tunnels, Tunnel *tunnel)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        Progress down = move_down(tunnels, tunnel), up = down != ENDED ? move_up(tunnels, tunnel) : ENDED;
        if (down == ENDED)
            SSL_shutdown(tunnel->session);
        if (down == ENDED || down == BROKEN || up == BROKEN) {
            end_tunnel(tunnels, tunnel);
            return FALSE;
        }
        if (down == BLOCKED && up == BLOCKED)
            return FALSE;
    }
    return TRUE;
}

static void step(SluiceTunnels *tunnels, Tunnel *tunnel)
{
    if (tunnel->state == TUNNEL_GREETING && !greet(tunnels, tunnel))
        end_tunnel(tunnels, tunnel);
    if (tunnel->state == TUNNEL_OPEN && carry(tunnels, tunnel) && !tunnel->waiting) {
        tunnel->waiting = TRUE;
        g_queue_push_tail(&tunnels->again, tunnel);
    }
}

/* ---- The thread ---------------------------------------------------------------------------------------------------------------------- */

static void begin(SluiceTunnels *tunnels, Tunnel *tunnel)
{
    int one = 1;
    (void)setsockopt(tunnel->client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    tunnel->session = sluice_tls_accept(tunnel->endpoint->tls, tunnel->client);
    g_queue_push_tail_link(&tunnels->all, &tunnel->link);
    set_deadline(tunnel, SLUICE_LIMIT_TLS_GREETING);
    if (tunnel->session == NULL || !watch(tunnels, tunnel, tunnel->client))
        end_tunnel(tunnels, tunnel);
}

/* What other threads asked for.  TRUE: everything is to end. */
static gboolean take_requests(SluiceTunnels *tunnels)
{
    Tunnel *tunnel;
    uint64_t count;
    (void)!read(tunnels->wake, &count, sizeof count);
    g_mutex_lock(&tunnels->lock);
    while ((tunnel = g_queue_pop_head(&tunnels->incoming)) != NULL)
        begin(tunnels, tunnel);
    for (GList *item = tunnels->leaving != NULL ? tunnels->all.head : NULL, *next; item != NULL; item = next) {
        tunnel = item->data;
        next = item->next;
        if (tunnel->endpoint == tunnels->leaving && tunnel->state == TUNNEL_GREETING)
            end_tunnel(tunnels, tunnel);
    }
    tunnels->leaving = NULL;
    gboolean ending = tunnels->ending;
    g_cond_broadcast(&tunnels->changed);
    g_mutex_unlock(&tunnels->lock);
    return ending;
}

static void sweep(SluiceTunnels *tunnels)
{
    int64_t now = g_get_monotonic_time();
    if (now < tunnels->next_sweep)
        return;
    tunnels->next_sweep = now + (int64_t)SWEEP_INTERVAL * G_USEC_PER_SEC;
    for (GList *item = tunnels->all.head, *next; item != NULL; item = next) {
        Tunnel *tunnel = item->data;
        next = item->next;
        if (tunnel->deadline != 0 && tunnel->deadline <= now)
            end_tunnel(tunnels, tunnel);
    }
}

static void bury(SluiceTunnels *tunnels)
{
    GList *item;
    while ((item = g_queue_pop_head_link(&tunnels->dead)) != NULL) {
        if (((Tunnel *)item->data)->waiting)
            g_queue_remove(&tunnels->again, item->data);
        tunnel_free(item->data);
    }
}

static void go_on(SluiceTunnels *tunnels)
{
    for (guint count = tunnels->again.length; count > 0; count--) {
        Tunnel *tunnel = g_queue_pop_head(&tunnels->again);
        tunnel->waiting = FALSE;
        step(tunnels, tunnel);
    }
}

static gpointer run(gpointer data)
{
    SluiceTunnels *tunnels = data;
    struct epoll_event events[EVENTS];
    int64_t end = 0;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE); /* OpenSSL writes to sockets that were closed */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    while (end == 0 || (!g_queue_is_empty(&tunnels->all) && g_get_monotonic_time() < end)) {
        int timeout = !g_queue_is_empty(&tunnels->again) ? 0 : SWEEP_INTERVAL * 1000;
        int count = epoll_wait(tunnels->epoll, events, EVENTS, timeout);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL)
                step(tunnels, events[i].data.ptr);
            else if (take_requests(tunnels) && end == 0)
                end = g_get_monotonic_time() + (int64_t)ENDING * G_USEC_PER_SEC;
        }
        go_on(tunnels);
        sweep(tunnels);
        bury(tunnels);
    }
    return NULL;
}

/* ---- For others ----------------------------------------------------------------------------------------------------------------------- */

static void wake(SluiceTunnels *tunnels)
{
    uint64_t one = 1;
    (void)!write(tunnels->wake, &one, sizeof one);
}

SluiceTunnels *sluice_tunnels_new(GError **error)
{
    SluiceTunnels *tunnels = g_new0(SluiceTunnels, 1);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    g_mutex_init(&tunnels->lock);
    g_cond_init(&tunnels->changed);
    tunnels->epoll = epoll_create1(EPOLL_CLOEXEC);
    tunnels->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (tunnels->epoll < 0 || tunnels->wake < 0 || epoll_ctl(tunnels->epoll, EPOLL_CTL_ADD, tunnels->wake, &event) != 0)
        g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START, "no event queue: %s", g_strerror(errno));
    else
        tunnels->thread = g_thread_try_new("sluice-tls", run, tunnels, error);
    if (tunnels->thread != NULL)
        return tunnels;
    sluice_tunnels_free(tunnels);
    return NULL;
}

void sluice_tunnels_free(SluiceTunnels *tunnels)
{
    Tunnel *tunnel;
    g_mutex_lock(&tunnels->lock);
    tunnels->ending = TRUE;
    g_mutex_unlock(&tunnels->lock);
    if (tunnels->thread != NULL) {
        wake(tunnels);
        g_thread_join(tunnels->thread);
    }
    while ((tunnel = g_queue_peek_head(&tunnels->all)) != NULL)
        end_tunnel(tunnels, tunnel);
    bury(tunnels);
    g_queue_clear(&tunnels->again);
    if (tunnels->epoll >= 0)
        close(tunnels->epoll);
    if (tunnels->wake >= 0)
        close(tunnels->wake);
    g_cond_clear(&tunnels->changed);
    g_mutex_clear(&tunnels->lock);
    g_free(tunnels);
}

void sluice_tunnels_add(SluiceTunnels *tunnels, SluiceEndpoint *endpoint, int fd)
{
    g_mutex_lock(&tunnels->lock);
    g_queue_push_tail(&tunnels->incoming, tunnel_new(endpoint, fd));
    g_mutex_unlock(&tunnels->lock);
    wake(tunnels);
}

void sluice_tunnels_remove(SluiceTunnels *tunnels, SluiceEndpoint *endpoint)
{
    g_mutex_lock(&tunnels->lock);
    while (tunnels->leaving != NULL)
        g_cond_wait(&tunnels->changed, &tunnels->lock);
    tunnels->leaving = endpoint;
    wake(tunnels);
    while (tunnels->leaving == endpoint)
        g_cond_wait(&tunnels->changed, &tunnels->lock);
    g_mutex_unlock(&tunnels->lock);
}

uint64_t sluice_tunnels_count_failures(SluiceTunnels *tunnels)
{
    return atomic_load_explicit(&tunnels->failures, memory_order_relaxed);
}
