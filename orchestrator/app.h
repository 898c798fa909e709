/*
 * app.h - what one invocation of the program works with: options, user configuration, log, store, session.
 *
 * Passed to every command; made and freed by app_main.  The main process has no threads when it forks.
 */
#pragma once

#include "command.h"
#include "error-json.h"
#include "job-budget.h"
#include "log.h"
#include "pipeline.h"
#include "project.h"
#include "user-config.h"

#define EXIT_USAGE  2
#define EXIT_REPORT 255

struct App {
    const char *program; /* the name it was called by: "sluice" or "bst" */
    const char *version;
    char *error_json; /* where to write why it failed, or NULL */
    Arguments *arguments;
    const Command *command;
    UserConfig *config;
    char *cache_path, *log_directory;
    gint64 builders, fetchers, retries, max_jobs;
    guint error_lines;
    OnError on_error;
    gboolean on_error_given, strict, interactive, colors;
    gboolean unknown_kinds; /* elements of kinds that are not implemented may be loaded */
    SluiceStagingMode staging_mode;
    StatusLine *status;
    Log *log;
    EventSink sink; /* into the log */
    SluiceStoreOptions store_options;
    SluiceStore *store; /* after app_open_store */
    Session *session;   /* after app_load_project */
    ErrorRecord *task;  /* the error of the last job that failed */
    gint64 started;
};

/* The whole program: gives the exit status. */
int app_main(const char *version, int argc, char **argv);

gboolean app_open_store(App *app, GError **error);
/* At the end of a session that may have filled the cache. */
void app_enforce_quota(const App *app);
/* For what has a connection with each client: as many descriptors as there may be. */
void app_raise_limits(void);
/* In a job, which must not use the parent's. */
SluiceStore *app_open_store_in_job(const App *app, GError **error);
/* For the actions that clients in sandboxes want executed: as many at a time as --max-jobs says, or the machine has processors. NULL with a
 * warning: nothing is executed. */
JobBudget *app_make_job_budget(App *app);
/* Loads project.conf; does nothing if that was done. */
gboolean app_load_project(App *app, GError **error);
/* A session of another project, or with other options (pairs, NULL-terminated; they must stay), beside app->session. */
Session *app_load_session(App *app, const char *directory, const char *const *project_options, GError **error);
/* Loads elements and what they depend on, as an activity in the log.  `names` may have globs, and may be empty: the project's default targets. */
GPtrArray *app_load(App *app, const char *const *names, GError **error);
/* For commands that work on one: without words it is the element whose workspace the command was started in, which app_load finds too; or APP. */
gboolean app_need_target(App *app, const char *argument, GError **error);
/* As app_load, then --except and --deps of the command line (`deps` is the default). Elements in staging order;
 * `targets` may be NULL. */
GPtrArray *app_load_selection(App *app, const char *deps, GPtrArray **targets, GError **error);
/* States of elements from the store, asked under "Query cache" for `elements`. */
States *app_query(App *app, GPtrArray *elements, GError **error);
/* The same for who wants their keys only: artifacts are not looked for where builds are strict. */
States *app_query_keys(App *app, GPtrArray *elements, GError **error);

/* An activity of the main process: START now, SUCCESS or FAILURE when it is finished. */
typedef struct {
    App *app;
    Element *element; /* or NULL */
    char *text;
    gint64 started;
} Activity;
Activity app_begin(App *app, Element *element, const char *text);
/* Gives `success` back.  Only the first call for an activity logs. */
gboolean app_finish(Activity *activity, gboolean success);
G_GNUC_PRINTF(4, 5)
void app_log(App *app, EventType type, Element *element, const char *format, ...);

/* Results go to standard output: whole texts, written at once.  A reader that has gone away is no error. */
void app_print(const char *text);
/* The session failed because of a job; its error is in app->task. */
void app_set_session_failed(GError **error);
/* A missing argument is a reported error, not one of usage. */
void app_set_missing_argument(App *app, const char *name, GError **error);
