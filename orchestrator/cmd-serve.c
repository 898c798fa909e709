/* cmd-serve.c - `serve` */
#include "cluster.h"
#include "serve-execution.h"
#include <signal.h>
#include <string.h>

/* "HOST:0" gets the port that was found. */
static void announce(const char *address, int port)
{
    const char *colon = strrchr(address, ':');
    g_autofree char *line = g_str_has_prefix(address, "unix:") || !colon
                                ? g_strdup_printf("Listening on %s\n", address)
                                : g_strdup_printf("Listening on %.*s:%d\n", (int)(colon - address), address, port);
    app_print(line);
}

static gboolean listen_on_all(SluiceEndpoint *endpoint, const char *const *addresses, GError **error)
{
    for (; *addresses; addresses++) {
        int port = 0;
        if (!sluice_endpoint_listen(endpoint, *addresses, &port, error)) {
            g_prefix_error(error, "Could not listen on %s: ", *addresses);
            return FALSE;
        }
        announce(*addresses, port);
    }
    return TRUE;
}

static void report_cluster(App *app, SluiceUpstream *upstream)
{
    SluiceUpstreamStats stats;
    sluice_upstream_get_stats(upstream, &stats);
    app_log(app, EVENT_INFO, NULL,
            "Cluster: %" G_GUINT64_FORMAT " lookups, %" G_GUINT64_FORMAT " hits, %" G_GUINT64_FORMAT
            " results given, %u wait",
            stats.lookups, stats.hits, stats.uploads, sluice_upstream_count_waiting(app->store));
}

static void report_stats(App *app, SluiceEndpoint *endpoint)
{
    SluiceEndpointStats stats = {0};
    sluice_endpoint_get_stats(endpoint, &stats);
    app_log(app, EVENT_INFO, NULL,
            "Action cache: %" G_GUINT64_FORMAT " lookups, %" G_GUINT64_FORMAT " hits, %" G_GUINT64_FORMAT
            " misses, %" G_GUINT64_FORMAT " updates",
            stats.lookups, stats.hits, stats.misses, stats.updates);
}

/* The signals are blocked in all threads, so that one call can wait for them. */
static gboolean serve(App *app, SluiceUpstream *upstream, ServeExecution *execution, const sigset_t *signals,
                      GError **error)
{
    g_autoptr(SluiceBridge) bridge = sluice_bridge_new(app->store, error);
    if (!bridge)
        return FALSE;
    SluiceEndpointPolicy policy = {
        .environment = NULL, .cache_writes = SLUICE_CACHE_WRITES_TRUSTED, .label = "serve", .upstream = upstream};
    serve_execution_apply(execution, &policy);
    SluiceEndpoint *endpoint = sluice_endpoint_new(bridge, &policy, error);
    if (!endpoint)
        return FALSE;
    gboolean success = listen_on_all(endpoint, arguments_list(app->arguments, "listen"), error);
    int number;
    if (success)
        sigwait(signals, &number);
    report_stats(app, endpoint);
    sluice_endpoint_close(endpoint);
    return success;
}

/* With the user's cluster behind it, if there is one. */
static gboolean serve_with_cluster(App *app, ServeExecution *execution, const sigset_t *signals, GError **error)
{
    g_autoptr(Cluster) cluster = cluster_new(app->config);
    if (!cluster)
        return serve(app, NULL, execution, signals, error);
    g_autoptr(SluiceUpstream) upstream = cluster_connect(cluster, app->store, &app->sink, error);
    if (!upstream || !cluster_check(cluster, upstream, &app->sink, error) ||
        !sluice_upstream_start_pushing(upstream, error))
        return FALSE;
    gboolean success = serve(app, upstream, execution, signals, error);
    report_cluster(app, upstream);
    return success;
}

int cmd_serve(App *app, GError **error)
{
    if (!arguments_has(app->arguments, "listen")) {
        g_set_error(error, USAGE_ERROR, 0, "Missing option '--listen'.");
        return EXIT_USAGE;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    ServeExecution *execution = NULL;
    if (!app_open_store(app, error) || !serve_execution_start(app, &execution, error))
        return EXIT_REPORT;
    gboolean success = serve_with_cluster(app, execution, &signals, error);
    serve_execution_stop(execution);
    return success ? 0 : EXIT_REPORT;
}
