/*
 * executor.c - runs the actions of an element's clients: each in a sandbox of its own, whose root is the element's environment with the
 * action's inputs at one fixed place; nothing else of the element is there.
 */
#include "build-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Where the input root is in every action's sandbox: part of what an action can see, so a change is a new SLUICE_SANDBOX_LAYOUT. */
#define EXECUTION_ROOT "/sluice/action"

typedef struct {
    Build *build;
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
    SluiceStore *store = run->build->context->store;
    run->out = open_output(store, error);
    run->err = run->out >= 0 ? open_output(store, error) : -1;
    return run->err >= 0;
}

static gboolean open_sandbox(Run *run, GError **error)
{
    Build *build = run->build;
    SluiceStore *store = build->context->store;
    SluiceDigest root;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(store, &build->environment_root, error);
    if (!tree || !sluice_tree_set_directory(tree, EXECUTION_ROOT, &run->execution->input_root, error) ||
        !sluice_tree_commit(tree, &root, error))
        return FALSE;
    run->sandbox = sluice_sandbox_new(build->context->staging, store, &root, error);
    return run->sandbox != NULL;
}

/* The sandbox's errors in the terms of bazel-bridge.h. */
static gboolean translate(GError *problem, GError **error)
{
    if (g_error_matches(problem, SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_TIMEOUT))
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, problem->message);
    else if (g_error_matches(problem, SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_CANCELLED))
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, problem->message);
    else {
        g_propagate_error(error, problem);
        return FALSE;
    }
    g_error_free(problem);
    return FALSE;
}

static gboolean run_command(Run *run, int *status, GError **error)
{
    const SluiceExecution *execution = run->execution;
    static const char *const writable[] = {EXECUTION_ROOT, NULL};
    g_autofree char *cwd = g_build_path("/", EXECUTION_ROOT, execution->working_directory, NULL);
    SluiceSandboxCommand command = {
        .argv = execution->arguments,
        .envp = execution->environment,
        .cwd = cwd,
        .uid = build_uid(run->build),
        .gid = build_gid(run->build),
        .root_read_only = TRUE,
        .writable = writable,
        .stdin_fd = -1,
        .stdout_fd = run->out,
        .stderr_fd = run->err,
        .timeout = (unsigned)((execution->timeout_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC),
        .cancellable = run->cancellable,
        .new_session = TRUE,
    };
    GError *problem = NULL;
    return sluice_sandbox_run(run->sandbox, &command, status, &problem) || translate(problem, error);
}

static gboolean keep_output(Build *build, int fd, SluiceDigest *digest, GError **error)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return failed(error, "cannot read an action's output");
    return sluice_store_put_fd(build->context->store, fd, NULL, digest, error) &&
           (!build->lease || sluice_lease_add_blob(build->lease, digest, error));
}

static gboolean collect(Run *run, SluiceExecutionOutcome *outcome, GError **error)
{
    Build *build = run->build;
    return sluice_sandbox_capture(run->sandbox, EXECUTION_ROOT, &outcome->root, NULL, error) &&
           (!build->lease || sluice_lease_add_tree(build->lease, &outcome->root, error)) &&
           keep_output(build, run->out, &outcome->standard_output, error) &&
           keep_output(build, run->err, &outcome->standard_error, error);
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
    Build *build = data;
    int token = job_budget_take(build->context->budget, cancellable, error);
    if (token < 0)
        return FALSE;
    Run run = {.build = build, .execution = execution, .cancellable = cancellable, .out = -1, .err = -1};
    gboolean ok = open_outputs(&run, error) && open_sandbox(&run, error) &&
                  run_command(&run, &outcome->exit_code, error) && collect(&run, outcome, error);
    run_clear(&run);
    job_budget_give(token);
    return ok;
}

void executor_init(SluiceExecutor *executor, Build *build)
{
    *executor = (SluiceExecutor){execute, build, job_budget_get_size(build->context->budget)};
}
