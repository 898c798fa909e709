/*
 * sluice-sandbox: sets one sandbox up, runs one command in it and clears up.
 *
 *   sluice-sandbox run CALLER
 *
 * Started by sluice_sandbox_run only.  The plan comes on a descriptor; CALLER is the process whose end is the end of all this.  Not
 * linked with more than it needs: it is started for every command.
 */
#include "channel.h"
#include "helper-command.h"
#include "helper-mount.h"
#include "helper-probe.h"
#include "helper-supervise.h"
#include "sandbox-spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static SandboxPlan *read_plan(GError **error)
{
    struct stat status;
    if (fstat(HELPER_FD_PLAN, &status) != 0 || status.st_size <= 0 || status.st_size > SANDBOX_PLAN_BYTES_MAX) {
        sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "there is no plan");
        return NULL;
    }
    gsize length = (gsize)status.st_size;
    void *data = mmap(NULL, length, PROT_READ, MAP_PRIVATE, HELPER_FD_PLAN, 0);
    close(HELPER_FD_PLAN);
    if (data == MAP_FAILED) {
        sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "the plan cannot be read");
        return NULL;
    }
    SandboxPlan *plan = sandbox_plan_decode(data, length, error);
    munmap(data, length);
    return plan;
}

static gboolean run_command(HelperRun *run, const SandboxPlan *plan, pid_t caller, HelperOutcome *outcome,
                            GError **error)
{
    if (!helper_run_execute(run, plan, error) || !helper_command_check(run, error))
        return FALSE;
    return helper_supervise(run, caller, outcome, error);
}

/* A caller that is gone cannot take its sandbox away. */
static void clear_up(HelperRun *run, const HelperOutcome *outcome)
{
    if (run->mounted)
        helper_root_tidy(&run->root);
    helper_root_clear(&run->root);
    if (run->work == NULL || !outcome->caller_gone)
        return;
    helper_unmount();
    if (chdir("/") == 0)
        sluice_remove_tree(run->work, NULL);
}

/* After clearing up: the caller may look at the upper at once. */
static void report(const HelperOutcome *outcome, const GError *error)
{
    char status[16];
    g_snprintf(status, sizeof status, "%d", outcome->status);
    if (error == NULL)
        sandbox_channel_send(HELPER_FD_CONTROL, "exit", status, NULL, 0, NULL);
    else if (error->code == SLUICE_SANDBOX_ERROR_UNAVAILABLE)
        sandbox_channel_send(HELPER_FD_CONTROL, "unavailable", error->message, NULL, 0, NULL);
    else if (error->code == SLUICE_SANDBOX_ERROR_LIMIT)
        sandbox_channel_send(HELPER_FD_CONTROL, "limit", error->message, NULL, 0, NULL);
    else
        sandbox_channel_send(HELPER_FD_CONTROL, "error", error->message, NULL, 0, NULL);
}

static int run_verb(pid_t caller)
{
    g_autoptr(GError) error = NULL;
    HelperRun run;
    HelperOutcome outcome = {.started = FALSE};
    helper_run_init(&run);
    g_autoptr(SandboxPlan) plan = read_plan(&error);
    if (plan != NULL && run_command(&run, plan, caller, &outcome, &error) && !outcome.started)
        helper_command_explain(&run, &error);
    clear_up(&run, &outcome);
    report(&outcome, error);
    helper_run_clear(&run);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2 || fcntl(HELPER_FD_CONTROL, F_GETFD) < 0) {
        static const char text[] = "sluice-sandbox is started by sluice only\n";
        return write(STDERR_FILENO, text, sizeof text - 1) < 0 ? 1 : 2;
    }
    for (int fd = HELPER_FD_CONTROL; fd < HELPER_FD_END; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC); /* nothing of this is for the command */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* the command's business; the caller says when to end */
    signal(SIGQUIT, SIG_IGN);
    umask(022);
    if (g_str_equal(argv[1], "run") && argc == 3)
        return run_verb((pid_t)atoi(argv[2]));
    if (g_str_equal(argv[1], "probe") && argc == 3)
        return helper_probe(argv[2]);
    return 2;
}
