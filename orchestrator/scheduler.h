/*
 * scheduler.h - runs the jobs of a session: elements go through queues (fetch, build), as many at once as there are tokens.
 *
 * Dynamic: a task is looked at when it is woken; what is not ready waits until somebody wakes it again, and costs nothing until then.  ^C and SIGTERM end the
 * session gracefully: jobs are asked to clean up, and killed when they do not.
 */
#pragma once

#include "app.h"
#include "job.h"

typedef struct Scheduler Scheduler;

typedef struct {
    Element *element;
    guint queue;   /* where it is */
    guint depth;   /* the owner's: of two that are ready, the deeper one runs first */
    gpointer data; /* the owner's */
    /* The scheduler's own: */
    gboolean awake, ready, running, finished;
    Job *job;
} Task;

typedef enum { TASK_WAIT, TASK_SKIP, TASK_READY } TaskStatus;
typedef enum { RESOURCE_FETCHER, RESOURCE_BUILDER, N_RESOURCES } Resource;

typedef struct {
    const char *name;   /* "Fetch" */
    const char *action; /* "fetch" */
    Resource resource;
    TaskStatus (*status)(Task *task, gpointer data);
    /* In the child. */
    gboolean (*run)(JobContext *context, Element *element, const char *log_path, gpointer data, GError **error);
    /* In the parent, after a job ended. FALSE with error: counts as a failure of the element. */
    gboolean (*done)(Task *task, const JobOutcome *outcome, gpointer data, GError **error);
    /* After the queue was passed by a success or a skip; may be NULL. */
    void (*passed)(Task *task, gboolean skipped, gpointer data);
} Queue;

Scheduler *scheduler_new(App *app, const Queue *queues, guint n_queues, gpointer data);
void scheduler_free(Scheduler *scheduler);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scheduler, scheduler_free)
/* A new task at the first queue; asleep. */
Task *scheduler_add(Scheduler *scheduler, Element *element, gpointer data);
void scheduler_wake(Scheduler *scheduler, Task *task);
/* Until nothing runs and nothing can.  FALSE if a job failed or the session was interrupted; the error is that of a failed session. */
gboolean scheduler_run(Scheduler *scheduler, GError **error);
/* "Failure Summary" and "Pipeline Summary", on the log. */
void scheduler_print_summary(Scheduler *scheduler, guint total, guint session);
