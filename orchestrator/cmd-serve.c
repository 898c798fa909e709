/* cmd-serve.c - `serve` */
#include "audit-account.h"
#include "cluster.h"
#include "serve-execution.h"
#include "serve.h"
#include <signal.h>
#include <string.h>
#include <time.h>

/* How often files are looked at for changes, and the end is looked for; seconds. */
#define WATCH_INTERVAL 1
/* A certificate that ends sooner is warned of; seconds. */
#define EXPIRY_WARNING (14 * 24 * 60 * 60)

typedef struct {
    App *app;
    ServeConfig *config;
    GArray *sockets; /* ServeSocket */
    SluiceAccess *access;
    SluiceTls *tls;
    Cluster *cluster;          /* the user's, or NULL */
    SluiceUpstream *upstream;  /* its connection */
    ServeExecution *execution; /* NULL: nothing is executed */
    SluiceBridge *bridge;
    SluiceEndpoint *endpoint;
    AccessLog *log;
    ServeCare *care;
    ServeHttp *http;
    sigset_t signals;
} Server;

static const char *setting(const Server *server, ServeKey key)
{
    return server->config->settings[key].text;
}

/* The error of a file that was configured, with the place of its key. */
static gboolean blame(Server *server, GError *problem, GError **error)
{
    static const struct {
        SluiceBridgeError code;
        ServeKey key;
    } culprits[] = {
        {SLUICE_BRIDGE_ERROR_CERTIFICATE, SERVE_TLS_CERT},
        {SLUICE_BRIDGE_ERROR_KEY, SERVE_TLS_KEY},
        {SLUICE_BRIDGE_ERROR_CLIENT_CA, SERVE_CLIENT_CA},
        {SLUICE_BRIDGE_ERROR_TOKENS, SERVE_TOKEN_FILE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(culprits); i++)
        if (g_error_matches(problem, SLUICE_BRIDGE_ERROR, culprits[i].code)) {
            serve_config_error(server->config, culprits[i].key, error, "%s", problem->message);
            g_error_free(problem);
            return FALSE;
        }
    g_propagate_error(error, problem);
    return FALSE;
}

/* ---- Starting ------------------------------------------------------------------------------------------------------------------ */

static gboolean load_access(Server *server, GError **error)
{
    static const SluiceCertificateRole all_certificates[] = {{"*", SLUICE_ROLE_READ_WRITE}};
    const GArray *clients = server->config->clients;
    gboolean any = setting(server, SERVE_CLIENT_CA) && clients->len == 0;
    SluiceAccessOptions options = {
        .anonymous = server->config->anonymous,
        .token_file = setting(server, SERVE_TOKEN_FILE),
        .certificates = any ? all_certificates : (const SluiceCertificateRole *)(const void *)clients->data,
        .n_certificates = any ? G_N_ELEMENTS(all_certificates) : clients->len,
    };
    GError *problem = NULL;
    /* where everybody may do everything, nobody is looked at */
    if (options.anonymous == SLUICE_ROLE_READ_WRITE && !options.token_file && options.n_certificates == 0)
        return TRUE;
    server->access = sluice_access_new(&options, &problem);
    return server->access || blame(server, problem, error);
}

static void warn_of_expiry(Server *server)
{
    gint64 left = sluice_tls_get_expiry(server->tls) - g_get_real_time() / G_USEC_PER_SEC;
    if (left < EXPIRY_WARNING)
        app_log(server->app, EVENT_WARNING, NULL, "The certificate %s expires in %d days",
                setting(server, SERVE_TLS_CERT), (int)(left / (24 * 60 * 60)));
}

static gboolean load_tls(Server *server, GError **error)
{
    SluiceTlsOptions options = {
        .certificate = setting(server, SERVE_TLS_CERT),
        .key = setting(server, SERVE_TLS_KEY),
        .client_ca = setting(server, SERVE_CLIENT_CA),
        .require_client = server->config->anonymous == SLUICE_ROLE_NONE && !setting(server, SERVE_TOKEN_FILE),
    };
    GError *problem = NULL;
    if (!options.certificate)
        return TRUE;
    server->tls = sluice_tls_new(&options, &problem);
    if (!server->tls)
        return blame(server, problem, error);
    warn_of_expiry(server);
    return TRUE;
}

/* The user's cluster behind the store, if there is one. */
static gboolean connect_cluster(Server *server, GError **error)
{
    App *app = server->app;
    server->cluster = cluster_new(app);
    if (!server->cluster)
        return TRUE;
    if (!server->execution)
        cluster_use_without_environment(server->cluster);
    server->upstream = cluster_connect(server->cluster, app->store, &app->sink, error);
    if (!server->upstream || !cluster_check(server->cluster, server->upstream, &app->sink, error))
        return FALSE;
    if (cluster_executes(server->cluster))
        app_log(app, EVENT_INFO, NULL, "Actions are executed by the cluster%s",
                server->execution ? "" : ", as clients send them");
    else if (cluster_has_execution_service(server->cluster))
        app_log(app, EVENT_INFO, NULL,
                "Clients' actions are not executed there: its workers need an environment (options --execute and "
                "--environment)");
    return sluice_upstream_start_pushing(server->upstream, error);
}

static void log_call(const SluiceCallRecord *record, gpointer data)
{
    access_log_put(data, record);
}

static gboolean open_log(Server *server, GError **error)
{
    g_autoptr(GError) problem = NULL;
    const char *path = setting(server, SERVE_ACCESS_LOG);
    if (path)
        server->log = access_log_open(path, &problem);
    if (problem)
        serve_config_error(server->config, SERVE_ACCESS_LOG, error, "%s", problem->message);
    return !problem;
}

/* An audit that was not possible is only counted. */
static void warn_of_audit(const SluiceAuditReport *report, gpointer data)
{
    Server *server = data;
    AuditFinding *finding = audit_finding_new(report);
    g_autofree char *message =
        finding->token ? g_strdup_printf("[%s]: %s", finding->token, finding->message) : g_strdup(finding->message);
    const Event event = {
        .type = report->verdict == SLUICE_AUDIT_IMPOSSIBLE ? EVENT_DEBUG : EVENT_WARNING,
        .action = "main",
        .message = message,
        .detail = finding->detail,
        .elapsed_us = -1,
    };
    server->app->sink.func(&event, server->app->sink.data);
    audit_finding_free(finding);
}

static gboolean open_endpoint(Server *server, GError **error)
{
    SluiceCallObserver observer = {log_call, server->log};
    gboolean metered = setting(server, SERVE_METRICS) != NULL;
    for (guint i = 0; i < server->sockets->len; i++)
        metered = metered || strcmp(g_array_index(server->sockets, ServeSocket, i).name, "metrics") == 0;
    SluiceEndpointPolicy policy = {
        .environment = NULL,
        .cache_writes = SLUICE_CACHE_WRITES_TRUSTED,
        .label = "serve",
        .upstream = server->upstream,
        .access = server->access,
        .tls = server->tls,
        .observer = server->log ? &observer : NULL,
        .metered = metered,
        .audit = {(unsigned)server->config->audit_hits, warn_of_audit, server},
    };
    serve_execution_apply(server->execution, &policy);
    server->bridge = sluice_bridge_new(server->app->store, error);
    if (server->bridge)
        server->endpoint = sluice_endpoint_new(server->bridge, &policy, error);
    return server->endpoint != NULL;
}

/* "HOST:0" gets the port that was found. */
static void announce(const char *format, const char *address, int port)
{
    const char *colon = strrchr(address, ':');
    gboolean found = !g_str_has_prefix(address, "unix:") && colon;
    g_autofree char *place =
        found ? g_strdup_printf("%.*s:%d", (int)(colon - address), address, port) : g_strdup(address);
    g_autofree char *line = g_strdup_printf(format, place);
    app_print(line);
}

static gboolean listen_at(Server *server, const ServeSetting *address, GError **error)
{
    g_autoptr(GError) problem = NULL;
    int port = 0;
    if (sluice_endpoint_listen(server->endpoint, address->text, &port, &problem)) {
        announce("Listening on %s\n", address->text, port);
        return TRUE;
    }
    if (address->where)
        error_set(error, ERROR_LOAD, "INVALID_DATA", address->where, "listen: %s", problem->message);
    else
        error_set(error, ERROR_APP, NULL, NULL, "Could not listen on %s: %s", address->text, problem->message);
    return FALSE;
}

static gboolean serve_http(Server *server, int fd, GError **error)
{
    ServeFacts facts = {
        .store = server->app->store,
        .endpoint = server->endpoint,
        .tls = server->tls,
        .log = server->log,
        .care = server->care,
        .version = server->app->version,
    };
    server->http = serve_http_new(fd, &facts, error);
    return server->http != NULL;
}

/* FALSE: it cannot be had.  *fd is -1 if none is wanted. */
static gboolean bind_http(Server *server, int *fd, int *port, GError **error)
{
    g_autoptr(GError) problem = NULL;
    const char *address = setting(server, SERVE_METRICS);
    *fd = address ? sluice_address_bind_tcp(address, port, &problem) : -1;
    if (problem)
        serve_config_error(server->config, SERVE_METRICS, error, "%s", problem->message);
    return !problem;
}

/* A socket of systemd that is named "metrics" is for HTTP. */
static gboolean use_socket(Server *server, ServeSocket *handed, GError **error)
{
    int fd = handed->fd;
    handed->fd = -1;
    if (strcmp(handed->name, "metrics") == 0 && !server->http)
        return serve_http(server, fd, error);
    if (!sluice_endpoint_add_listener(server->endpoint, fd, error))
        return FALSE;
    app_print("Listening on a socket from systemd\n");
    return TRUE;
}

static gboolean listen_everywhere(Server *server, GError **error)
{
    int fd, port = 0;
    if (!bind_http(server, &fd, &port, error))
        return FALSE;
    if (fd >= 0 && !serve_http(server, fd, error))
        return FALSE;
    for (guint i = 0; i < server->config->listen->len; i++)
        if (!listen_at(server, &g_array_index(server->config->listen, ServeSetting, i), error))
            return FALSE;
    for (guint i = 0; i < server->sockets->len; i++)
        if (!use_socket(server, &g_array_index(server->sockets, ServeSocket, i), error))
            return FALSE;
    if (fd >= 0)
        announce("Metrics on http://%s/metrics\n", setting(server, SERVE_METRICS), port);
    return TRUE;
}

static gboolean start(Server *server, GError **error)
{
    App *app = server->app;
    if (setting(server, SERVE_CACHE) && !arguments_has(app->arguments, "cache")) {
        g_free(app->cache_path);
        app->cache_path = g_canonicalize_filename(setting(server, SERVE_CACHE), NULL);
    }
    app->store_options = server->config->store;
    app_raise_limits();
    /* what may fork comes before what has threads */
    if (!load_access(server, error) || !load_tls(server, error) || !app_open_store(app, error) ||
        !serve_execution_start(app, &server->execution, error) || !open_log(server, error))
        return FALSE;
    server->care = serve_care_new(app->store);
    return connect_cluster(server, error) && open_endpoint(server, error) && listen_everywhere(server, error);
}

/* ---- Serving ------------------------------------------------------------------------------------------------------------------- */

static void tell_reload(Server *server, const char *what, gboolean success, gboolean changed, GError *problem)
{
    if (!success)
        app_log(server->app, EVENT_WARNING, NULL, "%s not read again, the old ones count: %s", what, problem->message);
    else if (changed)
        app_log(server->app, EVENT_INFO, NULL, "%s read again", what);
    g_clear_error(&problem);
}

static void reload(Server *server)
{
    GError *problem = NULL;
    gboolean changed = FALSE, success;
    if (server->access) {
        success = sluice_access_reload(server->access, &changed, &problem);
        tell_reload(server, "Tokens", success, changed, g_steal_pointer(&problem));
    }
    if (server->tls) {
        success = sluice_tls_reload(server->tls, &changed, &problem);
        tell_reload(server, "Certificates", success, changed, g_steal_pointer(&problem));
        if (success && changed)
            warn_of_expiry(server);
    }
}

static void hang_up(Server *server)
{
    g_autoptr(GError) problem = NULL;
    reload(server);
    if (server->log && !access_log_reopen(server->log, &problem))
        app_log(server->app, EVENT_WARNING, NULL, "The access log was not reopened: %s", problem->message);
}

static void tell_problems(Server *server)
{
    g_autofree char *problem = serve_care_take_problem(server->care);
    if (problem)
        app_log(server->app, EVENT_WARNING, NULL, "The cache could not be kept within its size: %s", problem);
}

/* The signal that came within an interval; 0: none.  The signals are blocked in all threads. */
static int wait_for_signal(Server *server, gint seconds)
{
    struct timespec interval = {.tv_sec = seconds};
    int number = sigtimedwait(&server->signals, NULL, &interval);
    return number > 0 ? number : 0;
}

static void serve(Server *server)
{
    for (;;) {
        int number = wait_for_signal(server, WATCH_INTERVAL);
        if (number == SIGINT || number == SIGTERM)
            return;
        if (number == SIGHUP)
            hang_up(server);
        else
            reload(server);
        tell_problems(server);
    }
}

/* Calls in work may end; a second signal ends them. */
static void drain(Server *server)
{
    gint64 deadline = g_get_monotonic_time() + server->config->drain * G_USEC_PER_SEC;
    serve_notify("STOPPING=1");
    if (server->http)
        serve_http_set_unhealthy(server->http);
    sluice_endpoint_set_unhealthy(server->endpoint);
    gboolean ended = sluice_endpoint_drain(server->endpoint, 0);
    while (!ended && g_get_monotonic_time() < deadline) {
        int number = wait_for_signal(server, 0);
        if (number == SIGINT || number == SIGTERM)
            break;
        ended = sluice_endpoint_drain(server->endpoint, 1);
    }
    if (!ended)
        app_log(server->app, EVENT_WARNING, NULL, "Calls that were still in work are cut off");
}

static void report_stats(Server *server)
{
    SluiceEndpointStats stats = {0};
    sluice_endpoint_get_stats(server->endpoint, &stats);
    app_log(server->app, EVENT_INFO, NULL,
            "Action cache: %" G_GUINT64_FORMAT " lookups, %" G_GUINT64_FORMAT " hits, %" G_GUINT64_FORMAT
            " misses, %" G_GUINT64_FORMAT " updates",
            stats.lookups, stats.hits, stats.misses, stats.updates);
}

static void report_cluster(Server *server)
{
    SluiceUpstreamStats stats;
    sluice_upstream_get_stats(server->upstream, &stats);
    app_log(server->app, EVENT_INFO, NULL,
            "Cluster: %" G_GUINT64_FORMAT " lookups, %" G_GUINT64_FORMAT " hits, %" G_GUINT64_FORMAT
            " executed, %" G_GUINT64_FORMAT " results given, %u wait",
            stats.lookups, stats.hits, stats.executions, stats.uploads,
            sluice_upstream_count_waiting(server->app->store));
}

static void server_clear(Server *server)
{
    g_clear_pointer(&server->http, serve_http_free);
    if (server->endpoint)
        report_stats(server);
    g_clear_pointer(&server->endpoint, sluice_endpoint_close);
    g_clear_pointer(&server->bridge, sluice_bridge_free);
    g_clear_pointer(&server->execution, serve_execution_stop);
    if (server->upstream)
        report_cluster(server);
    g_clear_pointer(&server->upstream, sluice_upstream_free);
    g_clear_pointer(&server->cluster, cluster_free);
    g_clear_pointer(&server->care, serve_care_free);
    g_clear_pointer(&server->log, access_log_close);
    g_clear_pointer(&server->tls, sluice_tls_free);
    g_clear_pointer(&server->access, sluice_access_free);
    g_clear_pointer(&server->config, serve_config_free);
    g_clear_pointer(&server->sockets, g_array_unref);
}

int cmd_serve(App *app, GError **error)
{
    Server server = {.app = app, .sockets = serve_take_sockets()};
    sigemptyset(&server.signals);
    sigaddset(&server.signals, SIGINT);
    sigaddset(&server.signals, SIGTERM);
    sigaddset(&server.signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &server.signals, NULL);
    server.config = serve_config_new(app, server.sockets, error);
    gboolean success = server.config && start(&server, error);
    if (success) {
        serve_notify("READY=1");
        serve(&server);
        drain(&server);
    }
    server_clear(&server);
    return success ? 0 : EXIT_REPORT;
}
