/* cluster.c - the cluster of a session */
#include "cluster.h"
#include "job.h"
#include <string.h>

struct Cluster {
    const ClusterConfig *config;
    SluiceUpstreamConfig upstream; /* as it is used */
    SluiceUpstreamHealth *health;
};

Cluster *cluster_new(const App *app)
{
    const char *project = app->session ? project_name(session_toplevel(app->session)) : NULL;
    const ClusterConfig *config = user_config_get_cluster(app->config, project);
    return config ? cluster_new_from(config) : NULL;
}

Cluster *cluster_new_from(const ClusterConfig *config)
{
    Cluster *cluster = g_new0(Cluster, 1);
    cluster->config = config;
    cluster->upstream = config->upstream;
    cluster->health = sluice_upstream_health_new();
    return cluster;
}

void cluster_use_without_environment(Cluster *cluster)
{
    SluiceRemoteEnvironment *environment = &cluster->upstream.environment;
    gboolean brought =
        *environment == SLUICE_REMOTE_ENVIRONMENT_CHROOT || *environment == SLUICE_REMOTE_ENVIRONMENT_INPUT_ROOT;
    /* workers that have nothing of their own execute nothing for a client that brings nothing */
    if (brought)
        cluster->upstream.execution = NULL;
    else
        *environment = SLUICE_REMOTE_ENVIRONMENT_CLIENT;
}

gboolean cluster_executes(const Cluster *cluster)
{
    return cluster->upstream.execution != NULL && cluster->upstream.environment != SLUICE_REMOTE_ENVIRONMENT_NONE;
}

gboolean cluster_has_execution_service(const Cluster *cluster)
{
    return cluster->config->upstream.execution != NULL;
}

void cluster_free(Cluster *cluster)
{
    sluice_upstream_health_free(cluster->health);
    g_free(cluster);
}

/* ---- In a job ----------------------------------------------------------------------------------------------------------- */

static void on_warning(const char *message, gpointer data)
{
    event_send(data, EVENT_WARNING, "main", NULL, "%s", message);
}

static gboolean translate(GError *problem, GError **error)
{
    error_set(error, ERROR_REMOTE, "cluster", NULL, "%s", problem->message);
    g_error_free(problem);
    return FALSE;
}

SluiceUpstream *cluster_connect(const Cluster *cluster, SluiceStore *store, const EventSink *events, GError **error)
{
    GError *problem = NULL;
    SluiceUpstream *upstream =
        sluice_upstream_new(store, &cluster->upstream, cluster->health, on_warning, (gpointer)events, &problem);
    if (!upstream)
        translate(problem, error);
    return upstream;
}

/* Nobody but its operator knows what is installed on the workers. */
static gboolean check_environment(const Cluster *cluster, const EventSink *events, GError **error)
{
    const SluiceUpstreamConfig *config = &cluster->upstream;
    static const char *const message =
        "%s: execution-service: actions are not executed there, because it is not known how their environment gets "
        "there; "
        "say so in `sluice: remote: environment:` (image, chroot-root-digest or input-root)";
    if (!config->execution || config->environment != SLUICE_REMOTE_ENVIRONMENT_NONE)
        return TRUE;
    if (config->required)
        error_set(error, ERROR_REMOTE, "cluster", NULL, message, config->execution->where[SLUICE_REMOTE_URL]);
    else
        event_send(events, EVENT_WARNING, "main", NULL, message, config->execution->where[SLUICE_REMOTE_URL]);
    return !config->required;
}

SluiceUpstream *cluster_join(const Cluster *cluster, SluiceStore *store, const EventSink *events, GError **error)
{
    SluiceUpstream *upstream = cluster_connect(cluster, store, events, error);
    if (upstream && sluice_upstream_start_pushing(upstream, error))
        return upstream;
    if (upstream)
        sluice_upstream_free(upstream);
    return NULL;
}

gboolean cluster_check(const Cluster *cluster, SluiceUpstream *upstream, const EventSink *events, GError **error)
{
    GError *problem = NULL;
    if (sluice_upstream_check(upstream, &problem))
        return check_environment(cluster, events, error);
    if (cluster->upstream.required || !g_error_matches(problem, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_UNREACHABLE))
        return translate(problem, error);
    if (sluice_upstream_give_up(upstream))
        event_send(events, EVENT_WARNING, "main", NULL, "%s; work goes on without it", problem->message);
    g_error_free(problem);
    return TRUE;
}

/* ---- Jobs of the main process ------------------------------------------------------------------------------------------------ */

typedef struct {
    App *app;
    const Cluster *cluster;
    GMainLoop *loop;
    char *failure; /* or NULL */
    guint uploaded, left;
} Errand;

static void on_event(Job *job, const Event *event, gpointer data)
{
    Errand *errand = data;
    log_event(errand->app->log, event);
}

static void on_done(Job *job, const JobOutcome *outcome, gpointer data)
{
    Errand *errand = data;
    if (!outcome->success)
        errand->failure = g_strdup(outcome->error->message);
    if (outcome->result) {
        g_variant_lookup(outcome->result, "uploaded", "u", &errand->uploaded);
        g_variant_lookup(outcome->result, "left", "u", &errand->left);
    }
    g_main_loop_quit(errand->loop);
}

/* FALSE with error, or with errand->failure. */
static gboolean run_errand(Errand *errand, const char *action, JobFunc func, GError **error)
{
    g_autofree char *log = g_build_filename(errand->app->log_directory, "cluster.log", NULL);
    JobSpec spec = {action, "", "", log, action, func, errand};
    errand->loop = g_main_loop_new(NULL, FALSE);
    gboolean started = job_start(&spec, on_event, on_done, errand, error) != NULL;
    if (started)
        g_main_loop_run(errand->loop);
    g_main_loop_unref(errand->loop);
    return started && !errand->failure;
}

static gboolean run_check(JobContext *context, gpointer data, GError **error)
{
    const Errand *errand = data;
    g_autoptr(SluiceStore) store = app_open_store_in_job(errand->app, error);
    g_autoptr(SluiceUpstream) upstream = store ? cluster_connect(errand->cluster, store, context->events, error) : NULL;
    return upstream && cluster_check(errand->cluster, upstream, context->events, error);
}

gboolean cluster_check_in_job(App *app, const Cluster *cluster, GError **error)
{
    Errand errand = {.app = app, .cluster = cluster};
    gboolean ok = run_errand(&errand, "check", run_check, error);
    if (errand.failure)
        error_set(error, ERROR_REMOTE, "cluster", NULL, "%s", errand.failure);
    g_free(errand.failure);
    return ok;
}

static gboolean run_push(JobContext *context, gpointer data, GError **error)
{
    const Errand *errand = data;
    guint uploaded = 0, left = 0;
    g_autoptr(SluiceStore) store = app_open_store_in_job(errand->app, error);
    g_autoptr(SluiceUpstream) upstream = store ? cluster_connect(errand->cluster, store, context->events, error) : NULL;
    gboolean ok = upstream && sluice_upstream_push(upstream, context->cancellable, &uploaded, &left, error);
    g_variant_dict_insert(context->result, "uploaded", "u", uploaded);
    g_variant_dict_insert(context->result, "left", "u", left);
    return ok;
}

void cluster_push_in_job(App *app, const Cluster *cluster)
{
    Errand errand = {.app = app, .cluster = cluster};
    g_autoptr(GError) error = NULL;
    guint waiting = sluice_upstream_count_waiting(app->store);
    if (waiting == 0 || !cluster->config->action_cache.push)
        return;
    if (!sluice_upstream_health_is_bad(cluster->health))
        run_errand(&errand, "push", run_push, &error);
    waiting = sluice_upstream_count_waiting(app->store);
    if (errand.uploaded > 0)
        app_log(app, EVENT_INFO, NULL, "Cluster: %u more results were given to it", errand.uploaded);
    if (waiting > 0)
        app_log(app, EVENT_INFO, NULL, "Cluster: %u results wait to be given to it, with the next build", waiting);
    g_free(errand.failure);
}
