/* The bridge: the completion queue with its serving thread, the workers, and the RPC library's start and end. */
#include "access.h"

#include <grpc/support/log.h>
#include <malloc.h>

static gboolean queue_next(SluiceBridge *bridge)
{
    gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(bridge->sweep_interval, GPR_TIMESPAN));
    grpc_event event = grpc_completion_queue_next(bridge->queue, deadline, NULL);
    if (event.type == GRPC_OP_COMPLETE) {
        SluiceTag *tag = event.tag;
        SLUICE_TAKE_OVER(tag);
        tag->done(tag, event.success);
    }
    return event.type != GRPC_QUEUE_SHUTDOWN;
}

static void expire_uploads(SluiceBridge *bridge)
{
    int64_t before = g_get_monotonic_time() - (int64_t)bridge->parked_time * G_USEC_PER_SEC;
    g_mutex_lock(&bridge->lock);
    for (GList *item = bridge->endpoints.head; item != NULL; item = item->next)
        sluice_uploads_expire(((SluiceEndpoint *)item->data)->uploads, before);
    g_mutex_unlock(&bridge->lock);
}

/* A burst of large uploads would otherwise stay in the heap for good. */
static void sweep(SluiceBridge *bridge)
{
    expire_uploads(bridge);
    if (!sluice_calls_sweep(bridge) && atomic_exchange(&bridge->heap_grew, 0))
        malloc_trim(0);
}

static gpointer serve(gpointer data)
{
    SluiceBridge *bridge = data;
    int64_t next_sweep = 0;
    while (queue_next(bridge)) {
        int64_t now = g_get_monotonic_time();
        if (now >= next_sweep) {
            sweep(bridge);
            next_sweep = now + (int64_t)bridge->sweep_interval * G_USEC_PER_SEC;
        }
    }
    return NULL;
}

static void work(gpointer data, gpointer bridge)
{
    SluiceCall *call = data;
    SLUICE_TAKE_OVER(call);
    call->next(call);
}

/* A library does not write to its caller's terminal; what matters comes back as errors. */
static void drop_log(gpr_log_func_args *args)
{
}

void sluice_bridge_silence(void)
{
    if (g_getenv("GRPC_VERBOSITY") == NULL && g_getenv("GRPC_TRACE") == NULL)
        gpr_set_log_function(drop_log);
}

static gboolean start_threads(SluiceBridge *bridge, GError **error)
{
    int workers = CLAMP((int)g_get_num_processors(), SLUICE_WORKERS_MIN, SLUICE_WORKERS_MAX);
    bridge->workers = g_thread_pool_new(work, bridge, workers, FALSE, error);
    if (bridge->workers == NULL)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(bridge->threads); i++) {
        bridge->threads[i] = g_thread_try_new("sluice-serve", serve, bridge, error);
        if (bridge->threads[i] == NULL)
            return FALSE;
    }
    return TRUE;
}

/* One heap for all threads: messages are made by one and freed by another, which would leave free memory in the heap of each.  (Measured: 24 MiB
 * instead of 50 after bursts of uploads, and no slower.) */
SluiceBridge *sluice_bridge_new(SluiceStore *store, GError **error)
{
    SluiceBridge *bridge = g_new0(SluiceBridge, 1);
    sluice_bridge_silence();
    (void)mallopt(M_ARENA_MAX, 1); /* before threads are started */
    grpc_init();
    bridge->store = store;
    sluice_store_set_mapped_limit(store, SLUICE_LIMIT_MAPPED);
    bridge->stream_idle = SLUICE_LIMIT_STREAM_IDLE;
    bridge->busy_idle = SLUICE_LIMIT_BUSY_IDLE;
    bridge->sweep_interval = SLUICE_SWEEP_INTERVAL;
    bridge->execution_patience = SLUICE_EXECUTION_PATIENCE;
    bridge->parked_time = SLUICE_LIMIT_PARKED_TIME;
    g_mutex_init(&bridge->lock);
    g_cond_init(&bridge->changed);
    bridge->queue = grpc_completion_queue_create_for_next(NULL);
    bridge->quota = grpc_resource_quota_create("sluice");
    grpc_resource_quota_resize(bridge->quota, SLUICE_LIMIT_TRANSPORT);
    bridge->connections = sluice_connections_new();
    bridge->listeners = sluice_listeners_new(error);
    if (bridge->listeners != NULL && start_threads(bridge, error))
        return bridge;
    g_prefix_error(error, "cannot start the bridge: ");
    sluice_bridge_free(bridge);
    return NULL;
}

void sluice_bridge_free(SluiceBridge *bridge)
{
    while (!g_queue_is_empty(&bridge->endpoints))
        sluice_endpoint_close(g_queue_peek_head(&bridge->endpoints));
    grpc_completion_queue_shutdown(bridge->queue);
    for (gsize i = 0; i < G_N_ELEMENTS(bridge->threads); i++)
        g_clear_pointer(&bridge->threads[i], g_thread_join);
    while (grpc_completion_queue_next(bridge->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).type !=
           GRPC_QUEUE_SHUTDOWN)
        continue;
    grpc_completion_queue_destroy(bridge->queue);
    if (bridge->workers != NULL)
        g_thread_pool_free(bridge->workers, FALSE, TRUE);
    g_clear_pointer(&bridge->listeners, sluice_listeners_free);
    g_clear_pointer(&bridge->tunnels, sluice_tunnels_free);
    sluice_connections_free(bridge->connections);
    grpc_resource_quota_unref(bridge->quota);
    grpc_shutdown_blocking();
    g_mutex_clear(&bridge->lock);
    g_cond_clear(&bridge->changed);
    g_free(bridge);
}
