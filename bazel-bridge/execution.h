/*
 * execution.h - actions that are executed: what they ask for, their operations, their results.  For service-execution.c, execution.c, action.c,
 * outputs.c and operation.c.
 */
#pragma once

#include "bridge-private.h"

/* ---- Requests (service-execution.c) ---------------------------------------------------------------------------------------------- */

/* Spans lie in the message of the call. */
typedef struct {
    SluiceSpan instance, policy;
    SluiceDigestField action;
    int64_t skip_cache_lookup, digest_function, inline_stdout, inline_stderr;
    GArray *inline_files;
    int priority; /* less comes sooner */
} SluiceExecuteRequest;
void sluice_execute_request_free(SluiceExecuteRequest *request);
/* The result with what the client wants in it; as it is if that fails.  `request` may be NULL. */
GBytes *sluice_execute_request_inline(SluiceStore *store, const SluiceExecuteRequest *request, GBytes *result);

/* ---- Actions (action.c) ------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceDigest digest; /* the client's */
    SluiceDigest command, input_root;
    gboolean skip_lookup; /* a result that is known elsewhere is not wanted */
    int64_t timeout_us;   /* 0: none */
    gboolean do_not_cache;
    gboolean over_root;        /* as in SluiceExecution */
    gboolean directories_only; /* output directories without a Tree */
    GPtrArray *arguments;      /* char *, NULL-terminated like the next two */
    GPtrArray *environment;    /* char *, "NAME=value" */
    GPtrArray *outputs;        /* char *, relative to the working directory */
    gboolean outputs_by_kind;  /* by the older fields: the first `n_files` are files, the others directories */
    guint n_files;
    char *working_directory; /* "" or relative, without `.` and `..` */
} SluiceAction;

/* Reads the action and its command from the store and checks them; PROTO errors for what the client did wrong.  What is not in the store
 * (inputs included) is appended to `missing` (SluiceDigest); then the action is not complete. */
SluiceAction *sluice_action_load(SluiceStore *store, const SluiceDigest *digest, GArray *missing, GError **error);
void sluice_action_free(SluiceAction *action);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceAction, sluice_action_free)
/* The input root with the parents of all outputs, and the working directory. */
gboolean sluice_action_make_parents(SluiceStore *store, const SluiceAction *action, SluiceDigest *root, GError **error);

/* Executes it as `executor` does. */
gboolean sluice_action_run(SluiceStore *store, const SluiceExecutor *executor, const SluiceAction *action,
                           GCancellable *cancellable, SluiceExecutionOutcome *outcome, GError **error);

/* ---- Results (outputs.c) --------------------------------------------------------------------------------------------------------- */

/* When what happened to an action: g_get_real_time(). */
typedef struct {
    int64_t queued, started;
} SluiceExecutionTimes;

/* An encoded ActionResult of what the command left. */
GBytes *sluice_outputs_collect(SluiceStore *store, const SluiceAction *action, const SluiceExecutionOutcome *outcome,
                               const SluiceExecutionTimes *times, GError **error);

/* ---- Operations (operation.c): google.longrunning.Operation messages --------------------------------------------------------------- */

typedef enum { SLUICE_STAGE_CACHE_CHECK = 1, SLUICE_STAGE_QUEUED, SLUICE_STAGE_EXECUTING } SluiceExecutionStage;
GBytes *sluice_operation_running(const char *name, SluiceExecutionStage stage, const SluiceDigest *action);
/* With an ActionResult; `message` for the user, or NULL. */
GBytes *sluice_operation_succeeded(const char *name, const SluiceDigest *action, GBytes *result, gboolean cached,
                                   const char *message);
GBytes *sluice_operation_failed(const char *name, const SluiceDigest *action, grpc_status_code code,
                                const char *message);
/* FAILED_PRECONDITION that names the blobs. */
GBytes *sluice_operation_missing(const char *name, const SluiceDigest *action, const GArray *missing);

/* ---- Executions (execution.c) -------------------------------------------------------------------------------------------------------- */

typedef struct SluiceJob SluiceJob;
/* The longest time that an action may ask for; 0: any. */
int64_t sluice_executions_get_timeout(const SluiceExecutions *executions);
/* Runs the action (taken, as the request is), or joins the same one that runs; the call is answered when it ends.  The call is in the table's hand
 * then. */
void sluice_executions_start(SluiceExecutions *executions, SluiceCall *call, SluiceExecuteRequest *request,
                             SluiceAction *action);
/* FALSE: there is no such execution, and the call is still the caller's. */
gboolean sluice_executions_join(SluiceExecutions *executions, SluiceCall *call, const char *name);
