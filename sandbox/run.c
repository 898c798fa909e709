/*
 * One command from start to end, as the calling process sees it: a plan for the helper, then messages until the helper is done.
 */
#include "sandbox-private.h"
#include "channel.h"
#include "plan.h"
#include "sandbox-spawn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HELPER_PROGRAM "sluice-sandbox"

typedef struct {
    const SluiceSandboxCommand *command;
    int control;
    gint64 deadline; /* monotonic; 0: none */
    gboolean ended;  /* the helper has said how it went, or is gone */
    gboolean stopping;
    GError *stop; /* why it was told to end */
    int status;
} Run;

static int plan_to_fd(const SandboxPlan *plan, GError **error)
{
    g_autoptr(GBytes) bytes = sandbox_plan_encode(plan);
    gsize length = 0, done = 0;
    const char *data = g_bytes_get_data(bytes, &length);
    int fd = length <= SANDBOX_PLAN_BYTES_MAX ? memfd_create("plan", MFD_CLOEXEC) : (errno = E2BIG, -1);
    while (fd >= 0 && done < length) {
        ssize_t written = write(fd, data + done, length - done);
        if (written < 0 && errno != EINTR) {
            int code = errno;
            close(fd);
            fd = -1;
            errno = code;
        }
        done += (gsize)MAX(written, 0);
    }
    if (fd < 0)
        sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot write the plan");
    return fd;
}

static gboolean start_helper(SluiceSandbox *sandbox, const SluiceSandboxCommand *command, pid_t *pid, int *control,
                             GError **error)
{
    g_autofree char *bwrap = sandbox_find_bwrap(error);
    if (bwrap == NULL)
        return FALSE;
    const SandboxPlace place = {.join = sandbox->staging->mode == SLUICE_STAGING_FUSE,
                                .work = sandbox->work,
                                .lower = sandbox->lower,
                                .base = sandbox->base,
                                .place = sandbox->place,
                                .serial = sandbox->runs++,
                                .bwrap = bwrap};
    g_autoptr(SandboxPlan) plan = sandbox_plan_for_command(&place, command, error);
    int plan_fd = plan != NULL ? plan_to_fd(plan, error) : -1;
    if (plan_fd < 0)
        return FALSE;
    char caller[16];
    g_snprintf(caller, sizeof caller, "%d", getpid());
    const char *args[] = {"run", caller, NULL};
    const SandboxSpawn spawn = {
        .program = HELPER_PROGRAM,
        .args = args,
        .fds = {[STDIN_FILENO] = command->stdin_fd,
                [STDOUT_FILENO] = command->stdout_fd,
                [STDERR_FILENO] = command->stderr_fd,
                [HELPER_FD_CONTROL] = -1,
                [HELPER_FD_PLAN] = plan_fd,
                [HELPER_FD_USER_NS] = sandbox->staging->user_ns,
                [HELPER_FD_MOUNT_NS] = sandbox->staging->mount_ns},
        .own_group = command->new_session,
    };
    gboolean ok = sandbox_spawn(&spawn, pid, control, error);
    close(plan_fd);
    return ok;
}

/* ---- Messages of the helper ---- */

static void on_listener(Run *run, SandboxMessage *message)
{
    if (message->n_fds == 0 || run->command->listener == NULL)
        return;
    run->command->listener(message->fds[0], run->command->listener_data);
    message->fds[0] = message->fds[--message->n_fds];
}

static void on_listening(Run *run, SandboxMessage *message)
{
    if (!run->stopping)
        sandbox_channel_send(run->control, "go", NULL, NULL, 0, NULL);
}

static void on_exit_status(Run *run, SandboxMessage *message)
{
    run->ended = TRUE;
    run->status = atoi(message->text);
}

static void end_with(Run *run, SluiceSandboxError kind, const char *text)
{
    run->ended = TRUE;
    if (run->stop == NULL)
        run->stop = g_error_new_literal(SLUICE_SANDBOX_ERROR, (int)kind, text);
}

static void on_error(Run *run, SandboxMessage *message)
{
    end_with(run, SLUICE_SANDBOX_ERROR_SETUP, message->text);
}

static void on_unavailable(Run *run, SandboxMessage *message)
{
    end_with(run, SLUICE_SANDBOX_ERROR_UNAVAILABLE, message->text);
}

static void on_limit(Run *run, SandboxMessage *message)
{
    end_with(run, SLUICE_SANDBOX_ERROR_LIMIT, message->text);
}

static const struct {
    const char *word;
    void (*handle)(Run *run, SandboxMessage *message);
} handlers[] = {
    {"listener", on_listener}, {"listening", on_listening},     {"exit", on_exit_status},
    {"error", on_error},       {"unavailable", on_unavailable}, {"limit", on_limit},
};

static void take_message(Run *run)
{
    SandboxMessage message = {.n_fds = 0};
    if (!sandbox_channel_receive(run->control, &message, NULL)) {
        end_with(run, SLUICE_SANDBOX_ERROR_SETUP, "the helper of the sandbox died");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(handlers); i++) {
        if (g_str_equal(handlers[i].word, message.word))
            handlers[i].handle(run, &message);
    }
    sandbox_message_close_fds(&message);
}

/* ---- The wait ---- */

static void stop(Run *run, GError *reason)
{
    run->stopping = TRUE;
    run->stop = reason;
    run->deadline = g_get_monotonic_time() + SANDBOX_END_SECONDS * G_TIME_SPAN_SECOND;
    sandbox_channel_send(run->control, "kill", NULL, NULL, 0, NULL);
}

static int milliseconds_left(const Run *run)
{
    if (run->deadline == 0)
        return -1;
    gint64 left = run->deadline - g_get_monotonic_time();
    return left <= 0 ? 0 : (int)MIN(left / 1000 + 1, G_MAXINT);
}

static void on_deadline(Run *run)
{
    if (run->stopping)
        run->ended = TRUE; /* it does not obey: sandbox_reap kills it, and bubblewrap dies with it */
    else
        stop(run, g_error_new(SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_TIMEOUT, "not done after %u seconds",
                              run->command->timeout));
}

static void wait_for_end(Run *run)
{
    GCancellable *cancellable = run->command->cancellable;
    int cancel_fd = cancellable != NULL ? g_cancellable_get_fd(cancellable) : -1;
    while (!run->ended) {
        struct pollfd waits[] = {{.fd = run->control, .events = POLLIN},
                                 {.fd = run->stopping ? -1 : cancel_fd, .events = POLLIN}};
        int ready = poll(waits, G_N_ELEMENTS(waits), milliseconds_left(run));
        if (ready > 0 && waits[0].revents != 0)
            take_message(run);
        else if (ready > 0)
            stop(run, g_error_new(SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_CANCELLED, "cancelled"));
        else if (ready == 0)
            on_deadline(run);
    }
    if (cancel_fd >= 0)
        g_cancellable_release_fd(cancellable);
}

gboolean sluice_sandbox_run(SluiceSandbox *sandbox, const SluiceSandboxCommand *command, int *status, GError **error)
{
    Run run = {.command = command, .control = -1};
    pid_t pid = 0;
    if (!start_helper(sandbox, command, &pid, &run.control, error))
        return FALSE;
    if (command->timeout > 0)
        run.deadline = g_get_monotonic_time() + command->timeout * G_TIME_SPAN_SECOND;
    wait_for_end(&run);
    sandbox_reap(pid, SANDBOX_END_SECONDS);
    close(run.control);
    g_autoptr(GError) stopped = run.stop;
    if (!sandbox_staging_is_alive(sandbox->staging))
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP,
                             "the server of staged files died while the command ran");
    if (stopped != NULL) {
        g_propagate_error(error, g_steal_pointer(&stopped));
        return FALSE;
    }
    *status = run.status;
    return TRUE;
}
