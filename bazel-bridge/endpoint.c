/* An endpoint: one grpc_server on the bridge's queue, with one identity and one account. */
#include "access.h"
#include "upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static grpc_arg integer_arg(const char *key, int value)
{
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value};
}

static grpc_server *create_server(SluiceBridge *bridge)
{
    enum { MILLISECONDS = 1000, NO_COMPRESSION = 1 << GRPC_COMPRESS_NONE };
    grpc_arg args[] = {
        integer_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, SLUICE_LIMIT_MESSAGE),
        integer_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, SLUICE_LIMIT_STREAMS),
        integer_arg(GRPC_ARG_MAX_METADATA_SIZE, SLUICE_LIMIT_METADATA),
        integer_arg(GRPC_ARG_KEEPALIVE_TIME_MS, SLUICE_KEEPALIVE_TIME * MILLISECONDS),
        integer_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, SLUICE_KEEPALIVE_TIMEOUT * MILLISECONDS),
        integer_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        integer_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        /* clients keep their connections alive as they like */
        integer_arg(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0),
        integer_arg(GRPC_ARG_MAX_CONNECTION_IDLE_MS, SLUICE_LIMIT_CONNECTION_IDLE * MILLISECONDS),
        /* a compressed message would be a bomb below our size limit, and costs more than a local socket */
        integer_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, NO_COMPRESSION),
        {.type = GRPC_ARG_POINTER,
         .key = (char *)GRPC_ARG_RESOURCE_QUOTA,
         .value.pointer = {.p = bridge->quota, .vtable = grpc_resource_quota_arg_vtable()}},
    };
    grpc_channel_args all = {.num_args = G_N_ELEMENTS(args), .args = args};
    return grpc_server_create(&all, NULL);
}

static void endpoint_stopped(SluiceTag *tag, gboolean ok)
{
    SluiceEndpoint *endpoint = (SluiceEndpoint *)((char *)tag - G_STRUCT_OFFSET(SluiceEndpoint, stopped_tag));
    SluiceBridge *bridge = endpoint->bridge;
    g_mutex_lock(&bridge->lock);
    endpoint->stopped = TRUE;
    g_cond_broadcast(&bridge->changed);
    g_mutex_unlock(&bridge->lock);
}

static void register_methods(SluiceEndpoint *endpoint)
{
    endpoint->registered = g_new0(void *, SLUICE_N_METHODS);
    endpoint->loads = g_new0(SluiceLoad, SLUICE_N_METHODS + 1);
    for (gsize i = 0; i < SLUICE_N_METHODS; i++)
        endpoint->registered[i] = grpc_server_register_method(endpoint->server, sluice_methods[i].name, NULL,
                                                              sluice_methods[i].kind == SLUICE_METHOD_CLIENT_STREAM
                                                                  ? GRPC_SRM_PAYLOAD_NONE
                                                                  : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER,
                                                              0);
}

/* Few endpoints have TLS: its thread is started for the first. */
static gboolean start_tunnels(SluiceBridge *bridge, GError **error)
{
    g_mutex_lock(&bridge->lock);
    if (bridge->tunnels == NULL)
        bridge->tunnels = sluice_tunnels_new(error);
    gboolean started = bridge->tunnels != NULL;
    g_mutex_unlock(&bridge->lock);
    return started;
}

SluiceEndpoint *sluice_endpoint_new(SluiceBridge *bridge, const SluiceEndpointPolicy *policy, GError **error)
{
    if (policy->tls != NULL && !start_tunnels(bridge, error))
        return NULL;
    SluiceEndpoint *endpoint = g_new0(SluiceEndpoint, 1);
    endpoint->bridge = bridge;
    endpoint->keyed = policy->environment != NULL;
    if (endpoint->keyed)
        endpoint->environment = *policy->environment;
    endpoint->cache_writes = policy->cache_writes;
    endpoint->label = g_strdup(policy->label);
    endpoint->project = g_strdup(policy->project);
    endpoint->uploads = sluice_uploads_new();
    endpoint->upstream = policy->upstream;
    endpoint->access = policy->access;
    endpoint->tls = policy->tls;
    if (policy->observer != NULL)
        endpoint->observer = *policy->observer;
    if (policy->metered)
        endpoint->metrics = sluice_metrics_new();
    endpoint->attended = policy->access != NULL || policy->observer != NULL || policy->metered;
    endpoint->health = sluice_health_new();
    if (policy->executor != NULL ||
        (policy->upstream != NULL && sluice_upstream_has_execution(policy->upstream, endpoint->keyed)))
        endpoint->executions = sluice_executions_new(endpoint, policy->executor);
    if (policy->executor != NULL && policy->audit.percent > 0)
        endpoint->audits = sluice_audits_new(endpoint, policy->executor, &policy->audit);
    endpoint->stopped_tag.done = endpoint_stopped;
    endpoint->server = create_server(bridge);
    grpc_server_register_completion_queue(endpoint->server, bridge->queue, NULL);
    register_methods(endpoint);
    grpc_server_start(endpoint->server);
    for (gsize i = 0; i <= SLUICE_N_METHODS; i++)
        sluice_call_await(endpoint, i);
    g_mutex_lock(&bridge->lock);
    g_queue_push_tail(&bridge->endpoints, endpoint);
    g_mutex_unlock(&bridge->lock);
    return endpoint;
}

void sluice_endpoint_release(SluiceEndpoint *endpoint)
{
    SluiceBridge *bridge = endpoint->bridge;
    /* the endpoint may be freed as soon as it is seen to have no calls, so nothing of it is touched after that */
    if (atomic_fetch_sub(&endpoint->calls, 1) != 1)
        return;
    g_mutex_lock(&bridge->lock);
    g_cond_broadcast(&bridge->changed);
    g_mutex_unlock(&bridge->lock);
}

void sluice_endpoint_adopt(SluiceEndpoint *endpoint, int fd, SluiceConnection *connection)
{
    if (connection != NULL)
        sluice_connections_add(endpoint->bridge->connections, fd, connection);
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    grpc_server_add_channel_from_fd(endpoint->server, fd, credentials);
    grpc_server_credentials_release(credentials);
}

static gboolean is_local(int fd)
{
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) == 0 && family == AF_UNIX;
}

void sluice_endpoint_welcome(SluiceEndpoint *endpoint, int fd)
{
    int one = 1;
    SLUICE_COUNT(endpoint, connections, 1);
    if (endpoint->tls != NULL && !is_local(fd)) {
        sluice_tunnels_add(endpoint->bridge->tunnels, endpoint, fd);
        return;
    }
    /* fails for UNIX sockets, which do not delay */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sluice_endpoint_adopt(endpoint, fd, endpoint->attended ? sluice_connection_new(fd) : NULL);
}

gboolean sluice_endpoint_add_listener(SluiceEndpoint *endpoint, int fd, GError **error)
{
    int listening = 0;
    socklen_t length = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0 || !listening ||
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_ADDRESS,
                    "descriptor %d is not a socket that listens", fd);
        close(fd);
        return FALSE;
    }
    sluice_listeners_add(endpoint->bridge->listeners, endpoint, fd, NULL, -1);
    return TRUE;
}

gboolean sluice_endpoint_listen(SluiceEndpoint *endpoint, const char *address, int *port, GError **error)
{
    int lock = -1, fd = -1;
    const char *path = g_str_has_prefix(address, "unix:") ? address + strlen("unix:") : NULL;
    if (port != NULL)
        *port = 0;
    if (path != NULL)
        fd = sluice_address_bind_unix(path, &lock, error);
    else
        fd = sluice_address_bind_tcp(address, port, error);
    if (fd < 0)
        return FALSE;
    sluice_listeners_add(endpoint->bridge->listeners, endpoint, fd, g_strdup(path), lock);
    return TRUE;
}

void sluice_endpoint_get_stats(SluiceEndpoint *endpoint, SluiceEndpointStats *stats)
{
    SluiceCounters *counters = &endpoint->counters;
    *stats = (SluiceEndpointStats){
        .calls = counters->calls,
        .lookups = counters->lookups,
        .hits = counters->hits,
        .misses = counters->misses,
        .updates = counters->updates,
        .updates_refused = counters->updates_refused,
        .bytes_read = counters->bytes_read,
        .bytes_written = counters->bytes_written,
        .errors = counters->errors,
        .executed = counters->executed,
    };
    for (gsize i = 0; i < G_N_ELEMENTS(stats->audits); i++)
        stats->audits[i] = counters->audits[i];
}

static void put_counter(GString *out, const char *name, const char *help, uint64_t value)
{
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %" G_GUINT64_FORMAT "\n", name, help, name, name,
                           value);
}

static void put_pair(GString *out, const char *name, const char *help, const char *label, const char *const values[2],
                     uint64_t first, uint64_t second)
{
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
    g_string_append_printf(out, "%s{%s=\"%s\"} %" G_GUINT64_FORMAT "\n", name, label, values[0], first);
    g_string_append_printf(out, "%s{%s=\"%s\"} %" G_GUINT64_FORMAT "\n", name, label, values[1], second);
}

static void put_audits(GString *out, SluiceCounters *counters)
{
    static const char *const verdicts[] = {
        [SLUICE_AUDIT_NONE] = "pending",      [SLUICE_AUDIT_SAME] = "same",   [SLUICE_AUDIT_MESSAGES] = "messages",
        [SLUICE_AUDIT_UNSTABLE] = "unstable", [SLUICE_AUDIT_WRONG] = "wrong", [SLUICE_AUDIT_IMPOSSIBLE] = "impossible",
    };
    g_string_append(out, "# HELP sluice_audited_hits Hits that were chosen to be executed again, by what that told.\n"
                         "# TYPE sluice_audited_hits gauge\n");
    for (gsize i = 0; i < G_N_ELEMENTS(verdicts); i++)
        g_string_append_printf(out, "sluice_audited_hits{verdict=\"%s\"} %" G_GUINT64_FORMAT "\n", verdicts[i],
                               (uint64_t)counters->audits[i]);
}

void sluice_endpoint_put_metrics(SluiceEndpoint *endpoint, GString *out)
{
    static const char *const results[] = {"hit", "miss"}, *const updates[] = {"stored", "refused"};
    static const char *const directions[] = {"read", "written"}, *const reasons[] = {"unauthenticated", "forbidden"};
    SluiceCounters *counters = &endpoint->counters;
    SluiceTunnels *tunnels = endpoint->bridge->tunnels;
    if (endpoint->metrics != NULL)
        sluice_metrics_put(endpoint->metrics, out);
    put_pair(out, "sluice_action_cache_lookups_total", "Lookups of action results.", "result", results, counters->hits,
             counters->misses);
    put_pair(out, "sluice_action_cache_updates_total", "Action results that were sent.", "result", updates,
             counters->updates, counters->updates_refused);
    put_pair(out, "sluice_blob_bytes_total", "Contents of blobs that were moved.", "direction", directions,
             counters->bytes_read, counters->bytes_written);
    put_pair(out, "sluice_refused_calls_total", "Calls refused for who made them.", "reason", reasons,
             counters->unauthenticated, counters->forbidden);
    put_counter(out, "sluice_executed_actions_total", "Actions that were run to their end.", counters->executed);
    if (endpoint->audits != NULL)
        put_audits(out, counters);
    put_counter(out, "sluice_connections_accepted_total", "Connections accepted.", counters->connections);
    put_counter(out, "sluice_tls_handshake_failures_total", "Clients that did not get through the TLS handshake.",
                tunnels != NULL ? sluice_tunnels_count_failures(tunnels) : 0);
    g_string_append_printf(out,
                           "# HELP sluice_connections Open connections.\n# TYPE sluice_connections gauge\n"
                           "sluice_connections %u\n",
                           sluice_connections_count(endpoint->bridge->connections));
}

void sluice_endpoint_set_unhealthy(SluiceEndpoint *endpoint)
{
    sluice_health_set_unhealthy(endpoint->health);
}

/* The RPC library tells clients to open no more calls on their connections; those in work go on. */
static void shut_down(SluiceEndpoint *endpoint)
{
    SluiceBridge *bridge = endpoint->bridge;
    sluice_health_set_unhealthy(endpoint->health);
    sluice_listeners_remove(bridge->listeners, endpoint);
    if (endpoint->tls != NULL)
        sluice_tunnels_remove(bridge->tunnels, endpoint);
    if (atomic_exchange(&endpoint->closing, 1))
        return;
    SLUICE_HAND_OVER(&endpoint->stopped_tag);
    grpc_server_shutdown_and_notify(endpoint->server, bridge->queue, &endpoint->stopped_tag);
}

gboolean sluice_endpoint_drain(SluiceEndpoint *endpoint, unsigned seconds)
{
    SluiceBridge *bridge = endpoint->bridge;
    int64_t deadline = g_get_monotonic_time() + (int64_t)seconds * G_USEC_PER_SEC;
    shut_down(endpoint);
    g_mutex_lock(&bridge->lock);
    gboolean in_time = TRUE;
    while (in_time && (!endpoint->stopped || atomic_load(&endpoint->calls) > 0))
        in_time = g_cond_wait_until(&bridge->changed, &bridge->lock, deadline);
    gboolean ended = endpoint->stopped && atomic_load(&endpoint->calls) == 0;
    g_mutex_unlock(&bridge->lock);
    return ended;
}

void sluice_endpoint_close(SluiceEndpoint *endpoint)
{
    SluiceBridge *bridge = endpoint->bridge;
    shut_down(endpoint);
    grpc_server_cancel_all_calls(endpoint->server);
    g_mutex_lock(&bridge->lock);
    while (!endpoint->stopped || atomic_load(&endpoint->calls) > 0)
        g_cond_wait(&bridge->changed, &bridge->lock);
    g_queue_remove(&bridge->endpoints, endpoint);
    g_mutex_unlock(&bridge->lock);
    grpc_server_destroy(endpoint->server);
    g_clear_pointer(&endpoint->executions, sluice_executions_free);
    g_clear_pointer(&endpoint->audits, sluice_audits_free);
    sluice_uploads_free(endpoint->uploads);
    g_clear_pointer(&endpoint->metrics, sluice_metrics_free);
    sluice_health_free(endpoint->health);
    g_free(endpoint->registered);
    g_free(endpoint->loads);
    g_free(endpoint->label);
    g_free(endpoint->project);
    g_free(endpoint);
}
