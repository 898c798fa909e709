/* serve-care.c - keeps the store within its quota while it serves */
#include "serve.h"

/* A store within its quota costs one look into its index. */
#define INTERVAL G_USEC_PER_SEC

struct ServeCare {
    SluiceStore *store;
    GThread *thread;
    GMutex lock; /* for what follows */
    GCond changed;
    gboolean ending;
    ServeCareStats stats;
    char *problem, *last_problem;
};

static void note(ServeCare *care, const SluiceGcStats *removed, const GError *error)
{
    if (removed->blobs_removed > 0 || removed->results_removed > 0) {
        care->stats.runs++;
        care->stats.blobs += removed->blobs_removed;
        care->stats.bytes += removed->bytes_removed;
    }
    const char *problem = error ? error->message : NULL;
    if (problem && g_strcmp0(problem, care->last_problem) != 0) {
        g_free(care->problem);
        care->problem = g_strdup(problem);
    }
    g_free(care->last_problem);
    care->last_problem = g_strdup(problem);
}

static gpointer run(gpointer data)
{
    ServeCare *care = data;
    g_mutex_lock(&care->lock);
    while (!care->ending) {
        g_autoptr(GError) error = NULL;
        SluiceGcStats removed = {0};
        g_mutex_unlock(&care->lock);
        (void)sluice_store_enforce_quota(care->store, &removed, &error);
        g_mutex_lock(&care->lock);
        note(care, &removed, error);
        if (!care->ending)
            g_cond_wait_until(&care->changed, &care->lock, g_get_monotonic_time() + INTERVAL);
    }
    g_mutex_unlock(&care->lock);
    return NULL;
}

ServeCare *serve_care_new(SluiceStore *store)
{
    ServeCare *care = g_new0(ServeCare, 1);
    care->store = store;
    g_mutex_init(&care->lock);
    g_cond_init(&care->changed);
    care->thread = g_thread_new("sluice-care", run, care);
    return care;
}

void serve_care_get_stats(ServeCare *care, ServeCareStats *stats)
{
    g_mutex_lock(&care->lock);
    *stats = care->stats;
    g_mutex_unlock(&care->lock);
}

char *serve_care_take_problem(ServeCare *care)
{
    g_mutex_lock(&care->lock);
    char *problem = g_steal_pointer(&care->problem);
    g_mutex_unlock(&care->lock);
    return problem;
}

void serve_care_free(ServeCare *care)
{
    g_mutex_lock(&care->lock);
    care->ending = TRUE;
    g_cond_signal(&care->changed);
    g_mutex_unlock(&care->lock);
    g_thread_join(care->thread);
    g_free(care->problem);
    g_free(care->last_problem);
    g_cond_clear(&care->changed);
    g_mutex_clear(&care->lock);
    g_free(care);
}
