/* executor.c - see executor.h */
#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Where the input root is in every action's sandbox: part of what an action can see, so a change is a new SLUICE_SANDBOX_LAYOUT. */
#define EXECUTION_ROOT "/sluice/action"

struct Executor {
    ExecutorPlace place;
    SluiceDigest base; /* the environment's root, with EXECUTION_ROOT in it */
    SluiceLease *lease;
    SluiceSandboxLimits limits;
};

typedef struct {
    Executor *executor;
    const SluiceExecution *execution;
    GCancellable *cancellable;
    SluiceSandbox *sandbox;
    int out, err;
} Run;

static gboolean failed(GError **error, const char *what)
{
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "%s: %s", what, g_strerror(errno));
    return FALSE;
}

/* An unnamed file on the store's disk: an action may write more than memory holds. */
static int open_output(SluiceStore *store, GError **error)
{
    int fd = open(sluice_store_get_path(store), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        failed(error, "cannot make a file for an action's output");
    return fd;
}

static gboolean open_outputs(Run *run, GError **error)
{
    SluiceStore *store = run->executor->place.store;
    run->out = open_output(store, error);
    run->err = run->out >= 0 ? open_output(store, error) : -1;
    return run->err >= 0;
}

static gboolean lay_over(const ExecutorPlace *place, const SluiceDigest *inputs, SluiceDigest *out, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(place->store, &place->environment_root, error);
    return tree && sluice_tree_merge(tree, "/", inputs, NULL, NULL, error) && sluice_tree_commit(tree, out, error);
}

static gboolean open_sandbox_over(Run *run, GError **error)
{
    const ExecutorPlace *place = &run->executor->place;
    SluiceDigest root;
    if (!lay_over(place, &run->execution->input_root, &root, error))
        return FALSE;
    run->sandbox = sluice_sandbox_new(place->staging, place->store, &root, error);
    return run->sandbox != NULL;
}

static gboolean open_sandbox(Run *run, GError **error)
{
    const Executor *executor = run->executor;
    if (run->execution->over_root)
        return open_sandbox_over(run, error);
    run->sandbox = sluice_sandbox_new_at(executor->place.staging, executor->place.store, &executor->base,
                                         EXECUTION_ROOT, &run->execution->input_root, error);
    return run->sandbox != NULL;
}

/* The sandbox's errors in the terms of bazel-bridge.h.  What was stopped by a limit has failed as a command does. */
static gboolean translate(GError *problem, SluiceExecutionOutcome *outcome, GError **error)
{
    enum { KILLED = 128 + 9 };
    static const struct {
        SluiceSandboxError from;
        GIOErrorEnum to;
    } codes[] = {{SLUICE_SANDBOX_ERROR_TIMEOUT, G_IO_ERROR_TIMED_OUT},
                 {SLUICE_SANDBOX_ERROR_CANCELLED, G_IO_ERROR_CANCELLED}};
    if (g_error_matches(problem, SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_LIMIT)) {
        outcome->exit_code = KILLED;
        outcome->stopped = g_strdup_printf("the action was stopped: %s", problem->message);
        g_error_free(problem);
        return TRUE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (g_error_matches(problem, SLUICE_SANDBOX_ERROR, (int)codes[i].from)) {
            g_set_error_literal(error, G_IO_ERROR, (int)codes[i].to, problem->message);
            g_error_free(problem);
            return FALSE;
        }
    }
    g_propagate_error(error, problem);
    return FALSE;
}

static gboolean run_command(Run *run, SluiceExecutionOutcome *outcome, GError **error)
{
    const SluiceExecution *execution = run->execution;
    const char *root = execution->over_root ? "/" : EXECUTION_ROOT;
    g_autofree char *cwd = g_build_path("/", root, execution->working_directory, NULL);
    SluiceSandboxCommand command = {
        .argv = execution->arguments,
        .envp = execution->environment,
        .cwd = cwd,
        .uid = run->executor->place.uid,
        .gid = run->executor->place.gid,
        .stdin_fd = -1,
        .stdout_fd = run->out,
        .stderr_fd = run->err,
        .timeout = (unsigned)((execution->timeout_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC),
        .limits = run->executor->limits,
        .cancellable = run->cancellable,
        .new_session = TRUE,
    };
    GError *problem = NULL;
    outcome->started = g_get_real_time();
    gboolean ok = sluice_sandbox_run(run->sandbox, &command, &outcome->exit_code, &problem);
    outcome->ended = g_get_real_time();
    return ok || translate(problem, outcome, error);
}

/* Of what was stopped, no more than it may say. */
static gboolean cut_output(const Run *run, int fd)
{
    off_t most = (off_t)run->executor->limits.output, size = lseek(fd, 0, SEEK_END);
    return size >= 0 && (most == 0 || size <= most || ftruncate(fd, most) == 0);
}

/* Not every client shows the message of an answer, but all show this. */
static gboolean append_reason(int fd, const char *reason)
{
    g_autofree char *line = g_strdup_printf("%ssluice: %s\n", lseek(fd, 0, SEEK_END) > 0 ? "\n" : "", reason);
    gssize length = (gssize)strlen(line);
    return write(fd, line, (gsize)length) == length;
}

static gboolean keep_output(const ExecutorPlace *place, int fd, SluiceDigest *digest, GError **error)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return failed(error, "cannot read an action's output");
    return sluice_store_put_fd(place->store, fd, NULL, digest, error) &&
           (!place->lease || sluice_lease_add_blob(place->lease, digest, error));
}

static gboolean collect_files(Run *run, SluiceExecutionOutcome *outcome, GError **error)
{
    SluiceLease *lease = run->executor->place.lease;
    return sluice_sandbox_capture(run->sandbox, "/", &outcome->root, NULL, error) &&
           (!lease || sluice_lease_add_tree(lease, &outcome->root, error));
}

static gboolean collect(Run *run, SluiceExecutionOutcome *outcome, GError **error)
{
    const ExecutorPlace *place = &run->executor->place;
    if (outcome->stopped &&
        (!cut_output(run, run->out) || !cut_output(run, run->err) || !append_reason(run->err, outcome->stopped)))
        return failed(error, "cannot write an action's output");
    return (outcome->stopped || collect_files(run, outcome, error)) &&
           keep_output(place, run->out, &outcome->standard_output, error) &&
           keep_output(place, run->err, &outcome->standard_error, error);
}

static void run_clear(Run *run)
{
    if (run->sandbox)
        sluice_sandbox_free(run->sandbox);
    if (run->out >= 0)
        close(run->out);
    if (run->err >= 0)
        close(run->err);
}

static gboolean execute(const SluiceExecution *execution, GCancellable *cancellable, SluiceExecutionOutcome *outcome,
                        gpointer data, GError **error)
{
    Executor *executor = data;
    int token = job_budget_take(executor->place.budget, cancellable, error);
    if (token < 0)
        return FALSE;
    Run run = {.executor = executor, .execution = execution, .cancellable = cancellable, .out = -1, .err = -1};
    gboolean ok = open_outputs(&run, error) && open_sandbox(&run, error) && run_command(&run, outcome, error) &&
                  collect(&run, outcome, error);
    run_clear(&run);
    job_budget_give(token);
    return ok;
}

/* ---- Executors ----------------------------------------------------------------------------------------------------------- */

Executor *executor_new(const ExecutorPlace *place, GError **error)
{
    Executor *executor = g_new0(Executor, 1);
    executor->place = *place;
    if (place->policy)
        execution_policy_get_limits(place->policy, sluice_store_get_path(place->store), &executor->limits);
    if (sluice_sandbox_make_base(place->store, &place->environment_root, EXECUTION_ROOT, &executor->base, error) &&
        (executor->lease = sluice_lease_new(place->store, error)) &&
        sluice_lease_add_tree(executor->lease, &executor->base, error))
        return executor;
    executor_free(executor);
    return NULL;
}

void executor_free(Executor *executor)
{
    if (!executor)
        return;
    sluice_lease_free(executor->lease);
    g_free(executor);
}

gboolean executor_store_environment(const ExecutorPlace *place, const char *os, const char *isa, SluiceDigest *out,
                                    GError **error)
{
    struct utsname host;
    uname(&host);
    const SluiceEnvironment environment = {
        .root = place->environment_root,
        .os = os ? os : host.sysname,
        .isa = isa ? isa : host.machine,
        .uid = place->uid,
        .gid = place->gid,
        .layout = SLUICE_SANDBOX_LAYOUT,
        .scope = place->scope ? place->scope : "full",
    };
    return sluice_environment_store(place->store, &environment, out, error);
}

void executor_describe(Executor *executor, SluiceExecutor *out)
{
    const ExecutorPlace *place = &executor->place;
    *out = (SluiceExecutor){
        .execute = execute,
        .data = executor,
        .parallel = job_budget_get_size(place->budget),
        .timeout_us = place->policy ? place->policy->timeout * G_USEC_PER_SEC : 0,
    };
}
