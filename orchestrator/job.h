/*
 * job.h - one piece of work in a forked child under supervision.
 *
 * The child writes its events, and last its outcome, as frames into a pipe; the parent reads them in its main loop and hears of the child's end from a
 * pidfd.  So a child that crashes, is killed or runs out of memory is an outcome like any other, and takes nobody with it.
 *
 * Caveats: the calling process must have no threads.  The child inherits all memory, but must open the store itself.  A child gets SIGTERM when its parent dies; SIGTERM cancels
 * its `cancellable` so that it cleans up.
 */
#pragma once

#include "error-json.h"
#include "events.h"
#include <gio/gio.h>

typedef struct Job Job;

/* What the work sees, in the child. */
typedef struct {
    const EventSink *events; /* from any thread: into the log file and to the parent */
    GCancellable *cancellable;
    int log_fd;           /* the job's log file, for appending; also standard output and standard error */
    GVariantDict *result; /* to be filled: what the parent gets */
} JobContext;
typedef gboolean (*JobFunc)(JobContext *context, gpointer data, GError **error);

typedef struct {
    const char *action;    /* "build" */
    const char *element;   /* full name */
    const char *key;       /* or "" */
    const char *log_path;  /* absolute; its folder is made */
    const char *log_title; /* first line of the log */
    JobFunc func;
    gpointer data;
} JobSpec;

typedef struct {
    gboolean success;
    gboolean crashed; /* killed by a signal, or gone without a word */
    gboolean cancelled;
    ErrorRecord *error; /* NULL on success */
    GVariant *result;   /* a{sv}, or NULL */
    gint64 elapsed_us;
} JobOutcome;

/* Strings of an event live during the call.  `done` is the last call for a job, which is freed after it. */
typedef void (*JobEventFunc)(Job *job, const Event *event, gpointer data);
typedef void (*JobDoneFunc)(Job *job, const JobOutcome *outcome, gpointer data);

/* Copies the strings of `spec`. */
Job *job_start(const JobSpec *spec, JobEventFunc event, JobDoneFunc done, gpointer data, GError **error);
pid_t job_pid(const Job *job);
/* Asks it to clean up and end; kills it with all it started when that takes longer than ten seconds. */
void job_terminate(Job *job);
void job_kill(Job *job);

/* `[ELAPSED] ACTION  [KEY8] ELEMENT: TEXT`, with its detail, as it stands in a job's log. Free with g_free. */
char *job_log_line(const Event *event);
