/* scheduler.c - queues, tokens, and what happens when a job fails or the user interrupts */
#include "scheduler.h"
#include "prompt.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STATUS_INTERVAL_MS 250

typedef struct {
    guint processed, skipped, failed, entered;
} Counts;

struct Scheduler {
    App *app;
    const Queue *queues;
    guint n_queues;
    gpointer data;
    GPtrArray *tasks; /* owned */
    GQueue awake;
    GQueue *ready; /* of each queue */
    Counts *counts;
    guint free_tokens[N_RESOURCES];
    guint running;
    gboolean stopping, terminating, interrupted, failed;
    GPtrArray *failures; /* text of "Failure Summary" */
    GMainLoop *loop;
    guint idle;
};

static void schedule(Scheduler *scheduler);

Scheduler *scheduler_new(App *app, const Queue *queues, guint n_queues, gpointer data)
{
    Scheduler *scheduler = g_new0(Scheduler, 1);
    scheduler->app = app;
    scheduler->queues = queues;
    scheduler->n_queues = n_queues;
    scheduler->data = data;
    scheduler->tasks = g_ptr_array_new_with_free_func(g_free);
    scheduler->failures = g_ptr_array_new_with_free_func(g_free);
    g_queue_init(&scheduler->awake);
    scheduler->ready = g_new0(GQueue, n_queues);
    scheduler->counts = g_new0(Counts, n_queues);
    scheduler->free_tokens[RESOURCE_FETCHER] = app->fetchers;
    scheduler->free_tokens[RESOURCE_BUILDER] = app->builders;
    scheduler->loop = g_main_loop_new(NULL, FALSE);
    return scheduler;
}

void scheduler_free(Scheduler *scheduler)
{
    g_clear_handle_id(&scheduler->idle, g_source_remove);
    g_queue_clear(&scheduler->awake);
    for (guint i = 0; i < scheduler->n_queues; i++)
        g_queue_clear(&scheduler->ready[i]);
    g_free(scheduler->ready);
    g_free(scheduler->counts);
    g_ptr_array_unref(scheduler->tasks);
    g_ptr_array_unref(scheduler->failures);
    g_main_loop_unref(scheduler->loop);
    g_free(scheduler);
}

Task *scheduler_add(Scheduler *scheduler, Element *element, gpointer data)
{
    Task *task = g_new0(Task, 1);
    task->element = element;
    task->data = data;
    g_ptr_array_add(scheduler->tasks, task);
    return task;
}

static gboolean on_idle(gpointer data)
{
    Scheduler *scheduler = data;
    scheduler->idle = 0;
    schedule(scheduler);
    return G_SOURCE_REMOVE;
}

void scheduler_wake(Scheduler *scheduler, Task *task)
{
    if (task->awake || task->ready || task->running || task->finished)
        return;
    task->awake = TRUE;
    g_queue_push_tail(&scheduler->awake, task);
    if (!scheduler->idle)
        scheduler->idle = g_idle_add(on_idle, scheduler);
}

static void show_counts(Scheduler *scheduler)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < scheduler->n_queues; i++) {
        const Counts *counts = &scheduler->counts[i];
        if (counts->processed + counts->failed + scheduler->ready[i].length == 0)
            continue;
        g_string_append_printf(text, "%s%s %u", text->len ? ", " : "", scheduler->queues[i].action, counts->processed);
        if (counts->failed)
            g_string_append_printf(text, " (%u failed)", counts->failed);
    }
    status_line_set_counts(scheduler->app->status, text->str);
}

/* ---- Names and log files of jobs ------------------------------------------------------------------------------------------ */

static char *log_name(const Task *task, const char *action)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%Y%m%d-%H%M%S");
    g_autofree char *name = element_normal_name(task->element);
    const char *key = task->element->strong_key[0] ? task->element->strong_key : "????????";
    return g_strdup_printf("%s/%s/%.8s-%s.%s.log", project_name(task->element->project), name, key, action, time);
}

typedef struct {
    Scheduler *scheduler;
    Task *task;
    const Queue *queue;
    char *log_name, *log_path;
} Running;

static void running_free(Running *running)
{
    g_free(running->log_name);
    g_free(running->log_path);
    g_free(running);
}

static void log_job(const Running *running, EventType type, const char *message, const char *detail, gint64 elapsed)
{
    Event event = {.type = type, .message = message, .detail = detail, .elapsed_us = elapsed};
    event.action = running->queue->action;
    event.element = running->task->element->full_name;
    event.key = running->task->element->strong_key;
    log_event(running->scheduler->app->log, &event);
}

/* ---- Ends of jobs --------------------------------------------------------------------------------------------------------- */

/* The lines of a report without the indentation that the log gives to all. */
static void append_outdented(GString *out, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text + strspn(text, "\n"), "\n", -1);
    for (char **line = lines; *line; line++) {
        gsize blanks = strspn(*line, " ");
        g_string_append_printf(out, "%s%s", line == lines ? "" : "\n", *line + MIN(blanks, 4));
    }
}

static char *failure_detail(const Running *running, const ErrorRecord *error)
{
    guint lines = running->scheduler->app->error_lines;
    g_autofree char *tail = lines > 0 ? file_tail(running->log_path, lines) : g_strdup("");
    GString *out = g_string_new(NULL);
    /* The report is the message and more: what comes after the message belongs here. */
    if (error->report && g_str_has_prefix(error->report, error->message))
        append_outdented(out, g_strchomp(error->report + strlen(error->message)));
    else if (error->detail)
        g_string_append(out, error->detail);
    if (*tail) {
        static const char rule[] = "======================================================================";
        g_string_append_printf(out, "%sPrinting the last %u lines from log file:\n%s\n%s\n%s\n%s",
                               out->len ? "\n\n" : "", lines, running->log_path, rule, tail, rule);
    }
    return g_string_free(out, FALSE);
}

static void record_failure(Running *running, const JobOutcome *outcome, const char *detail)
{
    Scheduler *scheduler = running->scheduler;
    Event event = {.type = EVENT_FAILURE, .message = outcome->error->message, .detail = detail};
    event.action = running->queue->action;
    event.element = running->task->element->full_name;
    event.key = running->task->element->strong_key;
    event.elapsed_us = outcome->elapsed_us;
    g_autofree char *line = log_format(scheduler->app->log, &event, FALSE);
    g_autofree char *indented = text_indent(line, 4);
    g_ptr_array_add(scheduler->failures, g_strdup_printf("    %s:\n%s", event.element, indented));
}

static void terminate_all(Scheduler *scheduler)
{
    scheduler->stopping = scheduler->terminating = TRUE;
    for (guint i = 0; i < scheduler->tasks->len; i++) {
        Task *task = scheduler->tasks->pdata[i];
        if (task->job)
            job_terminate(task->job);
    }
}

static void retry_task(Scheduler *scheduler, Task *task)
{
    task->finished = FALSE;
    scheduler_wake(scheduler, task);
}

/* What the user wants after a failure; the configured policy where nobody can be asked. */
static void after_failure(Running *running)
{
    Scheduler *scheduler = running->scheduler;
    App *app = scheduler->app;
    if (scheduler->stopping)
        return;
    OnError policy = app->on_error;
    if (app->interactive && !app->on_error_given) {
        status_line_clear(app->status);
        PromptAnswer answer = prompt_after_failure(running->task->element->full_name, running->log_path);
        if (answer == PROMPT_RETRY) {
            scheduler->counts[running->task->queue].failed--;
            g_ptr_array_set_size(scheduler->failures, scheduler->failures->len - 1);
            scheduler->failed = scheduler->failures->len > 0;
            retry_task(scheduler, running->task);
            return;
        }
        policy = answer == PROMPT_CONTINUE    ? ON_ERROR_CONTINUE
                 : answer == PROMPT_TERMINATE ? ON_ERROR_TERMINATE
                                              : ON_ERROR_QUIT;
    }
    if (policy == ON_ERROR_TERMINATE)
        terminate_all(scheduler);
    else if (policy == ON_ERROR_QUIT)
        scheduler->stopping = TRUE;
}

static void job_failed(Running *running, const JobOutcome *outcome)
{
    Scheduler *scheduler = running->scheduler;
    running->task->finished = TRUE;
    if (outcome->cancelled && scheduler->terminating) {
        log_job(running, EVENT_FAILURE, "Terminated", NULL, outcome->elapsed_us);
        return;
    }
    scheduler->failed = TRUE;
    scheduler->counts[running->task->queue].failed++;
    g_autofree char *detail = failure_detail(running, outcome->error);
    log_job(running, EVENT_FAILURE, outcome->error->message, detail, outcome->elapsed_us);
    record_failure(running, outcome, detail);
    if (outcome->crashed && scheduler->app->store)
        (void)sluice_store_gc(scheduler->app->store, G_MAXUINT64, NULL, NULL);
    g_clear_pointer(&scheduler->app->task, error_record_free);
    if (!outcome->crashed) {
        ErrorRecord *task = g_new0(ErrorRecord, 1);
        const ErrorRecord *error = outcome->error;
        *task = (ErrorRecord){g_strdup(error->domain),  g_strdup(error->reason),     g_strdup(error->message),
                              g_strdup(error->detail),  g_strdup(error->provenance), g_strdup(error->report),
                              g_strdup(error->element), g_strdup(error->action)};
        scheduler->app->task = task;
    }
    after_failure(running);
}

static void pass_queue(Scheduler *scheduler, Task *task, gboolean skipped)
{
    const Queue *queue = &scheduler->queues[task->queue];
    task->queue++;
    if (queue->passed)
        queue->passed(task, skipped, scheduler->data);
    if (task->queue == scheduler->n_queues)
        task->finished = TRUE;
    else
        scheduler_wake(scheduler, task);
}

static void job_succeeded(Running *running, const JobOutcome *outcome)
{
    log_job(running, EVENT_SUCCESS, running->log_name, NULL, outcome->elapsed_us);
    running->scheduler->counts[running->task->queue].processed++;
    pass_queue(running->scheduler, running->task, FALSE);
}

static void on_done(Job *job, const JobOutcome *outcome, gpointer data)
{
    Running *running = data;
    Scheduler *scheduler = running->scheduler;
    running->task->running = FALSE;
    running->task->job = NULL;
    scheduler->running--;
    scheduler->free_tokens[running->queue->resource]++;
    status_line_end(scheduler->app->status, job);
    g_autoptr(GError) error = NULL;
    JobOutcome local = *outcome;
    g_autoptr(ErrorRecord) record = NULL;
    if (running->queue->done && !running->queue->done(running->task, outcome, scheduler->data, &error) &&
        outcome->success) {
        local.success = FALSE;
        record = error_record_new(error);
        record->element = g_strdup(running->task->element->full_name);
        record->action = g_strdup(running->queue->action);
        local.error = record;
    }
    if (local.success)
        job_succeeded(running, &local);
    else
        job_failed(running, &local);
    running_free(running);
    show_counts(scheduler);
    schedule(scheduler);
}

static void on_event(Job *job, const Event *event, gpointer data)
{
    Running *running = data;
    App *app = running->scheduler->app;
    if (event->type == EVENT_PROGRESS)
        status_line_progress(app->status, job, event->message, event->done, event->total, event->unit);
    else
        log_event(app->log, event);
}

/* ---- Starts of jobs ------------------------------------------------------------------------------------------------------- */

static gboolean run_in_child(JobContext *context, gpointer data, GError **error)
{
    Running *running = data;
    return running->queue->run(context, running->task->element, running->log_path, running->scheduler->data, error);
}

static char *log_title(const Running *running)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%A, %d-%m-%Y at %H:%M:%S");
    g_autofree char *action = g_strdup(running->queue->name);
    Event event = {.type = EVENT_START, .message = action, .elapsed_us = -1};
    event.element = running->task->element->full_name;
    event.key = running->task->element->strong_key;
    g_autofree char *start = g_strchomp(job_log_line(&event));
    return g_strdup_printf("sluice %s - %s\n%s", running->scheduler->app->version, time, start);
}

static void start_task(Scheduler *scheduler, Task *task)
{
    Running *running = g_new0(Running, 1);
    running->scheduler = scheduler;
    running->task = task;
    running->queue = &scheduler->queues[task->queue];
    running->log_name = log_name(task, running->queue->action);
    running->log_path = g_build_filename(scheduler->app->log_directory, running->log_name, NULL);
    log_job(running, EVENT_START, running->log_name, NULL, -1);
    g_autofree char *title = log_title(running);
    JobSpec spec = {running->queue->action,
                    task->element->full_name,
                    task->element->strong_key,
                    running->log_path,
                    title,
                    run_in_child,
                    running};
    g_autoptr(GError) error = NULL;
    task->running = TRUE;
    scheduler->running++;
    scheduler->free_tokens[running->queue->resource]--;
    task->job = job_start(&spec, on_event, on_done, running, &error);
    if (!task->job) {
        JobOutcome outcome = {.error = error_record_new(error)};
        on_done(NULL, &outcome, running);
        error_record_free(outcome.error);
        return;
    }
    g_autofree char *label = g_strdup_printf("%s:%s", running->queue->action, task->element->full_name);
    status_line_begin(scheduler->app->status, task->job, label);
}

/* Behind all that are as deep; near the end, as tasks are mostly woken in that order. */
static void enqueue(GQueue *ready, Task *task)
{
    GList *before = ready->tail;
    while (before && ((Task *)before->data)->depth < task->depth)
        before = before->prev;
    if (before)
        g_queue_insert_after(ready, before, task);
    else
        g_queue_push_head(ready, task);
}

static void look_at(Scheduler *scheduler, Task *task)
{
    task->awake = FALSE;
    switch (scheduler->queues[task->queue].status(task, scheduler->data)) {
    case TASK_SKIP:
        scheduler->counts[task->queue].skipped++;
        pass_queue(scheduler, task, TRUE);
        break;
    case TASK_READY:
        task->ready = TRUE;
        enqueue(&scheduler->ready[task->queue], task);
        break;
    case TASK_WAIT:
        break;
    }
}

static gboolean start_one(Scheduler *scheduler)
{
    if (scheduler->stopping)
        return FALSE;
    for (guint i = scheduler->n_queues; i-- > 0;) {
        if (scheduler->ready[i].length == 0 || scheduler->free_tokens[scheduler->queues[i].resource] == 0)
            continue;
        Task *task = g_queue_pop_head(&scheduler->ready[i]);
        task->ready = FALSE;
        start_task(scheduler, task);
        return TRUE;
    }
    return FALSE;
}

static void schedule(Scheduler *scheduler)
{
    Task *task;
    while ((task = g_queue_pop_head(&scheduler->awake)))
        look_at(scheduler, task);
    while (start_one(scheduler))
        ;
    if (scheduler->running == 0 && scheduler->awake.length == 0)
        g_main_loop_quit(scheduler->loop);
}

/* ---- Interruption --------------------------------------------------------------------------------------------------------- */

static int signal_eventfd = -1; /* a signal handler can reach nothing else */

/* The lower half counts SIGINT, the upper half all others. */
static void on_signal(int number)
{
    int saved = errno;
    guint64 value = number == SIGINT ? 1 : (guint64)1 << 32;
    (void)!write(signal_eventfd, &value, sizeof value);
    errno = saved;
}

static void kill_all(Scheduler *scheduler)
{
    for (guint i = 0; i < scheduler->tasks->len; i++) {
        Task *task = scheduler->tasks->pdata[i];
        if (task->job)
            job_kill(task->job);
    }
}

static gboolean on_interrupt(gint fd, GIOCondition condition, gpointer data)
{
    Scheduler *scheduler = data;
    guint64 value;
    if (read(fd, &value, sizeof value) != sizeof value)
        return G_SOURCE_CONTINUE;
    if (scheduler->terminating) {
        kill_all(scheduler);
        return G_SOURCE_CONTINUE;
    }
    App *app = scheduler->app;
    status_line_clear(app->status);
    PromptAnswer answer = PROMPT_TERMINATE;
    if (app->interactive && value >> 32 == 0)
        answer = prompt_after_interrupt();
    if (answer == PROMPT_CONTINUE)
        return G_SOURCE_CONTINUE;
    scheduler->interrupted = TRUE;
    app_log(app, EVENT_WARNING, NULL,
            answer == PROMPT_QUIT ? "Interrupted: waiting for running jobs" : "Interrupted: terminating jobs");
    if (answer == PROMPT_QUIT)
        scheduler->stopping = TRUE;
    else
        terminate_all(scheduler);
    schedule(scheduler);
    return G_SOURCE_CONTINUE;
}

static gboolean on_tick(gpointer data)
{
    Scheduler *scheduler = data;
    status_line_draw(scheduler->app->status, FALSE);
    return G_SOURCE_CONTINUE;
}

static const int handled_signals[] = {SIGINT, SIGTERM, SIGHUP};

static void run_loop(Scheduler *scheduler)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before[G_N_ELEMENTS(handled_signals)];
    signal_eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (guint i = 0; i < G_N_ELEMENTS(handled_signals); i++) {
        sigaction(handled_signals[i], &action, &before[i]);
        if (handled_signals[i] == SIGHUP && before[i].sa_handler == SIG_IGN) /* nohup */
            sigaction(SIGHUP, &before[i], NULL);
    }
    guint watch = g_unix_fd_add(signal_eventfd, G_IO_IN, on_interrupt, scheduler);
    guint tick = isatty(STDERR_FILENO) ? g_timeout_add(STATUS_INTERVAL_MS, on_tick, scheduler) : 0;
    if (!scheduler->idle)
        scheduler->idle = g_idle_add(on_idle, scheduler);
    g_main_loop_run(scheduler->loop);
    g_clear_handle_id(&tick, g_source_remove);
    g_source_remove(watch);
    for (guint i = 0; i < G_N_ELEMENTS(handled_signals); i++)
        sigaction(handled_signals[i], &before[i], NULL);
    close(signal_eventfd);
    status_line_clear(scheduler->app->status);
}

gboolean scheduler_run(Scheduler *scheduler, GError **error)
{
    run_loop(scheduler);
    if (!scheduler->failed && !scheduler->interrupted)
        return TRUE;
    app_set_session_failed(error);
    return FALSE;
}

/* ---- Summary -------------------------------------------------------------------------------------------------------------- */

void scheduler_print_summary(Scheduler *scheduler, guint total, guint session)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (scheduler->failures->len > 0)
        g_string_append(out, "\nFailure Summary\n");
    for (guint i = 0; i < scheduler->failures->len; i++)
        g_string_append(out, scheduler->failures->pdata[i]);
    gsize width = strlen("Session:");
    for (guint i = 0; i < scheduler->n_queues; i++)
        width = MAX(width, strlen(scheduler->queues[i].name) + strlen(" Queue:"));
    if (!g_str_has_suffix(out->str, "\n\n"))
        g_string_append_c(out, '\n');
    g_string_append_printf(out, "Pipeline Summary\n    %-*s %u\n    %-*s %u\n", (int)width, "Total:", total, (int)width,
                           "Session:", session);
    for (guint i = 0; i < scheduler->n_queues; i++) {
        const Counts *counts = &scheduler->counts[i];
        g_autofree char *name = g_strdup_printf("%s Queue:", scheduler->queues[i].name);
        g_string_append_printf(out, "    %-*s processed %u, skipped %u, failed %u \n", (int)width, name,
                               counts->processed, counts->skipped, counts->failed);
    }
    log_text(scheduler->app->log, out->str);
}
