/*
 * proxy.c - the action-proxy of one sandbox: an endpoint of bazel-bridge/ with the element's environment and policy, reached by
 * a UNIX socket that is bound into the sandbox and by a TCP port on its own loopback interface.
 */
#include "build-private.h"
#include "audit-account.h"
#include "cluster.h"
#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME    "reapi.sock"
#define SOCKET_BACKLOG 64

struct Proxy {
    Build *build;
    SluiceUpstream *upstream; /* or NULL */
    SluiceBridge *bridge;
    SluiceEndpoint *endpoint;
    Executor *executor; /* or NULL */
    char *work_dir;     /* of the UNIX socket, or NULL */
    char *socket_path;
    const char *bind_path; /* in the sandbox */
    GError *problem;       /* of a listener, found while the sandbox started */
};

static void proxy_free(Proxy *proxy)
{
    if (proxy->endpoint)
        sluice_endpoint_close(proxy->endpoint);
    if (proxy->bridge)
        sluice_bridge_free(proxy->bridge);
    if (proxy->upstream)
        sluice_upstream_free(proxy->upstream);
    executor_free(proxy->executor);
    if (proxy->work_dir)
        sluice_remove_tree(proxy->work_dir, NULL);
    g_clear_error(&proxy->problem);
    g_free(proxy->work_dir);
    g_free(proxy->socket_path);
    g_free(proxy);
}

/* Bound through /proc/self/fd, because the store's path may be longer than a socket's address can be. */
static int listen_below(const char *directory, GError **error)
{
    int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir, SOCKET_NAME);
    gboolean ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                  fchmodat(dir, SOCKET_NAME, 0666, 0) == 0 && listen(fd, SOCKET_BACKLOG) == 0;
    if (!ok)
        error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot make the socket of the action-proxy below %s: %s",
                  directory, g_strerror(errno));
    if (!ok && fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return ok ? fd : -1;
}

static gboolean open_socket(Proxy *proxy, const char *bind_path, GError **error)
{
    proxy->work_dir = sluice_store_make_work_dir(proxy->build->context->store, "proxy", error);
    int fd = proxy->work_dir ? listen_below(proxy->work_dir, error) : -1;
    if (fd < 0)
        return FALSE;
    proxy->socket_path = g_build_filename(proxy->work_dir, SOCKET_NAME, NULL);
    proxy->bind_path = bind_path;
    return sluice_endpoint_add_listener(proxy->endpoint, fd, error);
}

/* What it is given is in the store; a session that ends before it is given goes on with it at its end. */
static gboolean connect_cluster(Proxy *proxy, GError **error)
{
    const BuildContext *context = proxy->build->context;
    if (!context->cluster)
        return TRUE;
    proxy->upstream = cluster_join(context->cluster, context->store, context->events, error);
    return proxy->upstream != NULL;
}

/* The element's environment, and what runs actions in it where there is something. */
static gboolean open_place(Proxy *proxy, SluiceDigest *environment, GError **error)
{
    Build *build = proxy->build;
    const BuildContext *context = build->context;
    const SandboxConfig *config = &build->element->sandbox;
    const ExecutorPlace place = {
        .store = context->store,
        .staging = context->staging,
        .budget = context->budget,
        .lease = build->lease,
        .environment_root = build->environment_root,
        .uid = build_uid(build),
        .gid = build_gid(build),
        .policy = context->execution,
    };
    if (!executor_store_environment(&place, config->build_os, config->build_arch, environment, error))
        return FALSE;
    if (context->budget && context->staging)
        proxy->executor = executor_new(&place, error);
    return proxy->executor || !context->budget || !context->staging;
}

Proxy *proxy_start(Build *build, const CommandPlan *plan, GError **error)
{
    g_return_val_if_fail(build->has_environment_root, NULL);
    Proxy *proxy = g_new0(Proxy, 1);
    proxy->build = build;
    SluiceDigest environment = {0};
    SluiceExecutor executor;
    SluiceEndpointPolicy policy = {&environment, plan->cache_writes, build->element->full_name};
    gboolean ready = open_place(proxy, &environment, error) && connect_cluster(proxy, error);
    build->proxy_environment = environment;
    policy.upstream = proxy->upstream;
    policy.project = project_name(build->element->project);
    if (proxy->executor) {
        executor_describe(proxy->executor, &executor);
        policy.executor = &executor;
    }
    if (proxy->executor && build->context->audits)
        policy.audit = (SluiceAuditPolicy){build->context->audit_hits, audit_account_report, build->context->audits};
    if (ready && (proxy->bridge = sluice_bridge_new(build->context->store, error)) &&
        (proxy->endpoint = sluice_endpoint_new(proxy->bridge, &policy, error)) &&
        (!plan->proxy_socket || open_socket(proxy, plan->proxy_socket, error))) {
        char text[SLUICE_DIGEST_STRING_MAX];
        build_event(build, EVENT_DEBUG, 0, NULL, "Action-proxy: environment %s",
                    sluice_digest_string(&environment, text));
        return proxy;
    }
    proxy_free(proxy);
    return NULL;
}

gboolean proxy_get_bind(Proxy *proxy, SluiceSandboxBind *bind)
{
    if (!proxy->socket_path)
        return FALSE;
    *bind = (SluiceSandboxBind){proxy->socket_path, proxy->bind_path, FALSE};
    return TRUE;
}

void proxy_take_listener(int fd, gpointer data)
{
    Proxy *proxy = data;
    GError *problem = NULL;
    if (!sluice_endpoint_add_listener(proxy->endpoint, fd, &problem) && !proxy->problem)
        proxy->problem = g_steal_pointer(&problem);
    g_clear_error(&problem);
}

/* What the element's own log says.  Where the project made a warning fatal it is the failure, if there is none yet. */
static gboolean report_audits(Build *build, AuditAccount *account, GError **error)
{
    guint more = 0;
    const GPtrArray *findings = audit_account_findings(account, &more);
    GError *fatal = NULL;
    for (guint i = 0; i < findings->len; i++) {
        const AuditFinding *finding = findings->pdata[i];
        if (fatal || !error)
            build_event(build, EVENT_WARNING, 0, finding->detail, "[%s]: %s", finding->token, finding->message);
        else
            build_warn(build, finding->token, finding->message, finding->detail, &fatal);
    }
    if (more > 0)
        build_event(build, EVENT_WARNING, 0, NULL, "%u more results differ from what was executed", more);
    if (audit_account_total(account) > 0) {
        g_autofree char *sentence = audit_account_sentence(account);
        build_event(build, EVENT_INFO, 0, NULL, "Audit: %s", sentence);
    }
    if (!fatal)
        return TRUE;
    g_propagate_error(error, fatal);
    return FALSE;
}

static gboolean finish_audits(Proxy *proxy, GError **error)
{
    Build *build = proxy->build;
    AuditAccount *account = build->context->audits;
    if (!account || build->context->audit_hits == 0)
        return TRUE;
    sluice_endpoint_finish_audits(proxy->endpoint, build->context->cancellable);
    SluiceEndpointStats stats;
    sluice_endpoint_get_stats(proxy->endpoint, &stats);
    audit_account_count(account, &stats);
    return report_audits(build, account, error);
}

gboolean proxy_finish(Proxy *proxy, GError **error)
{
    Build *build = proxy->build;
    gboolean trusted = finish_audits(proxy, error);
    build->proxy_used = TRUE;
    sluice_endpoint_get_stats(proxy->endpoint, &build->proxy);
    if (proxy->upstream)
        sluice_upstream_get_stats(proxy->upstream, &build->upstream);
    gboolean served = proxy->problem == NULL;
    if (!served && trusted)
        g_propagate_error(error, g_steal_pointer(&proxy->problem));
    proxy_free(proxy);
    return served && trusted;
}

/* ---- Policy -------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    SluiceCacheWrites writes;
} cache_writes_names[] = {
    {"off", SLUICE_CACHE_WRITES_OFF},
    {"executed", SLUICE_CACHE_WRITES_EXECUTED},
    {"trusted", SLUICE_CACHE_WRITES_TRUSTED},
};

gboolean cache_writes_parse(const Node *node, SluiceCacheWrites *out, GError **error)
{
    const char *text = node_type(node) == NODE_SCALAR ? node_text(node) : "";
    for (gsize i = 0; i < G_N_ELEMENTS(cache_writes_names); i++) {
        if (strcmp(cache_writes_names[i].name, text) == 0) {
            *out = cache_writes_names[i].writes;
            return TRUE;
        }
    }
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node),
              "cache-writes must be one of: off, executed, trusted");
    return FALSE;
}

gboolean build_plan_proxy(Build *build, SluiceCacheWrites default_writes, CommandPlan *plan, GError **error)
{
    const Element *element = build->element;
    static const char *const keys[] = {"cache-writes", NULL};
    Node *ours = NULL;
    plan->cache_writes = element->sandbox.action_cache_enable_update ? SLUICE_CACHE_WRITES_TRUSTED : default_writes;
    if (element->public_ && !node_get_mapping(element->public_, "sluice", &ours, error))
        return FALSE;
    if (ours && !node_check_keys(ours, keys, error))
        return FALSE;
    Node *writes = ours ? node_find(ours, "cache-writes") : NULL;
    if (writes && !cache_writes_parse(writes, &plan->cache_writes, error))
        return FALSE;
    plan->proxy_socket = element->sandbox.remote_apis_socket;
    plan->proxy_port = plan->proxy_socket ? ACTION_PROXY_PORT : 0;
    return TRUE;
}
