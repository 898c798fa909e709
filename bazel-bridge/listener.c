/* One thread accepts for all endpoints.  The sockets are ours and not the RPC library's, because some come from elsewhere (another
 * network namespace) and because it must be known whose socket a client came through. */
#include "bridge-private.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    uint64_t id;
    SluiceEndpoint *endpoint;
    int fd, lock;
    char *path;
} Listener;

struct SluiceListeners {
    int epoll, wake;
    GThread *thread;
    GMutex lock; /* held while a connection is handed over, so that removing waits for it */
    GHashTable *by_id;
    uint64_t last_id;
    gboolean ending;
};

enum { WAKE_ID = 0, OUT_OF_DESCRIPTORS_PAUSE = 50 * 1000 };

static void listener_free(gpointer data)
{
    Listener *listener = data;
    close(listener->fd);
    if (listener->path != NULL)
        sluice_address_release_unix(listener->path, listener->lock);
    g_free(listener->path);
    g_free(listener);
}

/* One connection; FALSE if no descriptor is left for it. */
static gboolean accept_one(SluiceListeners *listeners, uint64_t id)
{
    gboolean ok = TRUE;
    g_mutex_lock(&listeners->lock);
    Listener *listener = g_hash_table_lookup(listeners->by_id, &id);
    if (listener != NULL) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            sluice_endpoint_welcome(listener->endpoint, fd);
        else
            ok = errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    }
    g_mutex_unlock(&listeners->lock);
    return ok;
}

static gboolean is_ending(SluiceListeners *listeners)
{
    g_mutex_lock(&listeners->lock);
    gboolean ending = listeners->ending;
    g_mutex_unlock(&listeners->lock);
    return ending;
}

static gpointer accept_all(gpointer data)
{
    SluiceListeners *listeners = data;
    struct epoll_event event;
    for (;;) {
        int count = epoll_wait(listeners->epoll, &event, 1, -1);
        if (count == 1 && event.data.u64 == WAKE_ID) {
            if (is_ending(listeners))
                return NULL;
        } else if (count == 1 && !accept_one(listeners, event.data.u64)) {
            /* the peer waits in the backlog until others have gone */
            g_usleep(OUT_OF_DESCRIPTORS_PAUSE);
        }
    }
}

static gboolean watch(SluiceListeners *listeners, int fd, uint64_t id)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = id};
    return epoll_ctl(listeners->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

SluiceListeners *sluice_listeners_new(GError **error)
{
    SluiceListeners *listeners = g_new0(SluiceListeners, 1);
    g_mutex_init(&listeners->lock);
    listeners->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, listener_free);
    listeners->epoll = epoll_create1(EPOLL_CLOEXEC);
    listeners->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (listeners->epoll < 0 || listeners->wake < 0 || !watch(listeners, listeners->wake, WAKE_ID))
        g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START, "no event queue: %s", g_strerror(errno));
    else
        listeners->thread = g_thread_try_new("sluice-accept", accept_all, listeners, error);
    if (listeners->thread != NULL)
        return listeners;
    sluice_listeners_free(listeners);
    return NULL;
}

void sluice_listeners_free(SluiceListeners *listeners)
{
    uint64_t one = 1;
    g_mutex_lock(&listeners->lock);
    listeners->ending = TRUE;
    g_mutex_unlock(&listeners->lock);
    if (listeners->thread != NULL && write(listeners->wake, &one, sizeof one) == sizeof one)
        g_thread_join(listeners->thread);
    g_hash_table_unref(listeners->by_id);
    if (listeners->epoll >= 0)
        close(listeners->epoll);
    if (listeners->wake >= 0)
        close(listeners->wake);
    g_mutex_clear(&listeners->lock);
    g_free(listeners);
}

void sluice_listeners_add(SluiceListeners *listeners, SluiceEndpoint *endpoint, int fd, char *path, int lock)
{
    Listener *listener = g_new0(Listener, 1);
    *listener = (Listener){.endpoint = endpoint, .fd = fd, .lock = lock, .path = path};
    g_mutex_lock(&listeners->lock);
    listener->id = ++listeners->last_id;
    g_hash_table_insert(listeners->by_id, &listener->id, listener);
    gboolean ok = watch(listeners, fd, listener->id);
    g_mutex_unlock(&listeners->lock);
    g_assert(ok); /* a listening socket can always be watched */
}

static gboolean is_of_endpoint(gpointer key, gpointer value, gpointer endpoint)
{
    return ((Listener *)value)->endpoint == endpoint;
}

void sluice_listeners_remove(SluiceListeners *listeners, SluiceEndpoint *endpoint)
{
    g_mutex_lock(&listeners->lock);
    g_hash_table_foreach_remove(listeners->by_id, is_of_endpoint, endpoint);
    g_mutex_unlock(&listeners->lock);
}
