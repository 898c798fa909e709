/* fetch.c - sessions of fetching and tracking */
#include "fetch.h"
#include "session-report.h"
#include <string.h>

/* A ref travels as YAML; one of a Debian closure has some hundred packages. */
#define REF_MAX_BYTES (32 * 1024 * 1024)

/* ---- Fetching --------------------------------------------------------------------------------------------------------------- */

gboolean fetch_in_job(const App *app, JobContext *context, Element *element, GError **error)
{
    g_autoptr(SluiceStore) store = app_open_store_in_job(app, error);
    if (!store)
        return FALSE;
    SourceContext source = {store, context->events, context->cancellable, app->fetchers, app->retries};
    for (gsize i = 0; i < element->n_sources; i++)
        if (!source_is_cached(element->sources[i], store) && !source_fetch(element->sources[i], &source, error))
            return FALSE;
    return TRUE;
}

typedef struct {
    App *app;
    States *states;
    Scheduler *scheduler;
    gboolean changed; /* a ref is new */
} SourceSession;

static TaskStatus fetch_status(Task *task, gpointer data)
{
    SourceSession *session = data;
    return states_sources_cached(session->states, task->element) ? TASK_SKIP : TASK_READY;
}

static gboolean run_fetch(JobContext *context, Element *element, const char *log_path, gpointer data, GError **error)
{
    SourceSession *session = data;
    return fetch_in_job(session->app, context, element, error);
}

static const Queue fetch_queue = {"Fetch", "fetch", RESOURCE_FETCHER, fetch_status, run_fetch, NULL, NULL};

static gboolean run_session(SourceSession *session, const Queue *queue, Activity *activity, GPtrArray *elements,
                            gboolean quiet, GError **error)
{
    g_autoptr(Scheduler) scheduler = scheduler_new(session->app, queue, 1, session);
    session->scheduler = scheduler;
    for (guint i = 0; i < elements->len; i++)
        scheduler_wake(scheduler, scheduler_add(scheduler, elements->pdata[i], NULL));
    gboolean success = scheduler_run(scheduler, error);
    app_enforce_quota(session->app);
    if (activity)
        app_finish(activity, success);
    if (!quiet || !success)
        scheduler_print_summary(scheduler, elements->len, elements->len);
    return success;
}

gboolean fetch_session(App *app, Activity *activity, GPtrArray *targets, GPtrArray *elements, gboolean quiet,
                       GError **error)
{
    if (!pipeline_check_refs(elements, error))
        return FALSE;
    g_autoptr(States) states = app_query(app, elements, error);
    if (!states)
        return FALSE;
    if (!quiet)
        session_print_heading(app, targets, elements, states);
    SourceSession session = {.app = app, .states = states};
    return run_session(&session, &fetch_queue, activity, elements, quiet, error);
}

/* ---- Tracking --------------------------------------------------------------------------------------------------------------- */

static gboolean is_trackable(const Source *source)
{
    return source->kind->has_ref && source->kind->track;
}

static TaskStatus track_status(Task *task, gpointer data)
{
    SourceSession *session = data;
    const Element *element = task->element;
    for (gsize i = 0; i < element->n_sources; i++)
        if (is_trackable(element->sources[i]))
            return TASK_READY;
    const Event event = {.type = EVENT_SKIPPED,
                         .action = "track",
                         .element = element->full_name,
                         .key = element->strong_key,
                         .message = "Element sources are not trackable"};
    if (element->n_sources > 0)
        log_event(session->app->log, &event);
    return TASK_SKIP;
}

static char *ref_text(Arena *arena, Node *ref)
{
    Node *wrapper = node_new_mapping(arena, NULL);
    node_set(arena, wrapper, "ref", ref);
    return node_emit(wrapper);
}

static gboolean same_ref(Arena *arena, Node *a, Node *b)
{
    if (!a || !b)
        return FALSE;
    g_autofree char *old_text = ref_text(arena, a), *new_text = ref_text(arena, b);
    return strcmp(old_text, new_text) == 0;
}

static gboolean track_source(Source *source, const SourceContext *context, JobContext *job, GError **error)
{
    Node *ref = NULL;
    Node *before = source->ref;
    if (!source_track(source, context, &ref, error))
        return FALSE;
    Arena *arena = source_arena(source);
    if (!ref || same_ref(arena, before, ref))
        return TRUE;
    if (node_type(ref) == NODE_SCALAR)
        event_send(context->events, EVENT_INFO, NULL, NULL, "Found new revision: %s", node_text(ref));
    else
        event_send(context->events, EVENT_INFO, NULL, NULL, "Found a new revision");
    g_autofree char *name = g_strdup_printf("%u", source->index);
    g_autofree char *text = ref_text(arena, ref);
    g_variant_dict_insert(job->result, name, "s", text);
    return source_take_ref(source, ref, error);
}

static gboolean run_track(JobContext *context, Element *element, const char *log_path, gpointer data, GError **error)
{
    SourceSession *session = data;
    g_autoptr(SluiceStore) store = app_open_store_in_job(session->app, error);
    if (!store)
        return FALSE;
    SourceContext source = {store, context->events, context->cancellable, session->app->fetchers,
                            session->app->retries};
    for (gsize i = 0; i < element->n_sources; i++)
        if (is_trackable(element->sources[i]) && !track_source(element->sources[i], &source, context, error))
            return FALSE;
    return TRUE;
}

static gboolean take_ref(Source *source, const char *text, GError **error)
{
    Arena *arena = source_arena(source);
    NodeFile *file = arena_new_of(arena, NodeFile);
    file->name = "new ref";
    file->text = arena_strdup(arena, text);
    Node *wrapper = strlen(text) <= REF_MAX_BYTES ? node_parse(arena, file, file->text, strlen(text), error) : NULL;
    Node *ref = wrapper ? node_find(wrapper, "ref") : NULL;
    if (!ref) {
        if (!wrapper && error && *error)
            return FALSE;
        error_set(error, ERROR_SOURCE, "save-ref-error", &source->where, "The new ref cannot be stored");
        return FALSE;
    }
    if (!project_store_ref(source, ref, error))
        return FALSE;
    source->ref = ref;
    return source->kind->load_ref(source, ref, error);
}

static gboolean track_done(Task *task, const JobOutcome *outcome, gpointer data, GError **error)
{
    SourceSession *session = data;
    if (!outcome->success || !outcome->result)
        return TRUE;
    /* From the last to the first: a longer ref moves what is below it in the file. */
    for (gsize i = task->element->n_sources; i > 0; i--) {
        Source *source = task->element->sources[i - 1];
        g_autofree char *name = g_strdup_printf("%u", source->index);
        const char *text = NULL;
        if (!g_variant_lookup(outcome->result, name, "&s", &text))
            continue;
        if (!take_ref(source, text, error))
            return FALSE;
        session->changed = TRUE;
    }
    return TRUE;
}

static const Queue track_queue = {"Track", "track", RESOURCE_FETCHER, track_status, run_track, track_done, NULL};

gboolean track_session(App *app, Activity *activity, GPtrArray *targets, GPtrArray *elements, GError **error)
{
    if (!app_open_store(app, error))
        return FALSE;
    g_autoptr(States) states = states_new(app->store, app->strict);
    session_print_heading(app, targets, elements, states);
    SourceSession session = {.app = app, .states = states};
    gboolean success = run_session(&session, &track_queue, activity, elements, FALSE, error);
    if (!session.changed)
        return success;
    if (!session_compute_keys(app->session, success ? error : NULL))
        return FALSE;
    for (guint i = 0; i < elements->len; i++)
        states_forget(states, elements->pdata[i]);
    session_print_pipeline(app, "Resolved key Summary", elements, states);
    return success;
}
