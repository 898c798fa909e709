#include "helper-supervise.h"
#include "channel.h"
#include "sandbox-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    pid_t pid;
    int pidfd;
    int status_fd;  /* bubblewrap's JSON */
    int options_fd; /* bubblewrap's options */
} Launch;

static int pidfd_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* The options as a file of strings that end in NUL; not close-on-exec. */
static int write_options(const HelperRun *run)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (guint i = 0; i < run->options->len; i++) {
        const char *option = run->options->pdata[i];
        g_byte_array_append(bytes, (const guint8 *)option, (guint)strlen(option) + 1);
    }
    int fd = memfd_create("options", 0);
    if (fd < 0)
        return -1;
    for (gsize done = 0; done < bytes->len;) {
        ssize_t written = write(fd, bytes->data + done, bytes->len - done);
        if (written < 0 && errno != EINTR)
            return -1;
        done += (gsize)MAX(written, 0);
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* In the child. */
static void become_bwrap(const HelperRun *run, int options_fd, int status_fd)
{
    char options[16], status[16];
    g_snprintf(options, sizeof options, "%d", options_fd);
    g_snprintf(status, sizeof status, "%d", status_fd);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (gpointer) "bwrap");
    g_ptr_array_add(argv, (gpointer) "--json-status-fd");
    g_ptr_array_add(argv, status);
    g_ptr_array_add(argv, (gpointer) "--args");
    g_ptr_array_add(argv, options);
    g_ptr_array_add(argv, (gpointer) "--");
    for (char *const *arg = run->launch + 1; *arg != NULL; arg++)
        g_ptr_array_add(argv, *arg);
    g_ptr_array_add(argv, NULL);
    static char *const nothing[] = {NULL};
    for (int number = SIGHUP; number <= SIGTERM; number++)
        signal(number, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execve(run->launch[0], (char **)argv->pdata, nothing);
    _exit(127);
}

static gboolean launch(const HelperRun *run, Launch *out, GError **error)
{
    int status[2];
    *out = (Launch){.pidfd = -1, .status_fd = -1};
    int options = write_options(run);
    if (options < 0 || pipe2(status, O_CLOEXEC) != 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot prepare bubblewrap");
    fcntl(status[1], F_SETFD, 0);
    out->pid = fork();
    if (out->pid == 0)
        become_bwrap(run, options, status[1]);
    int code = errno;
    close(options);
    close(status[1]);
    out->status_fd = status[0];
    if (out->pid < 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, code, "cannot fork");
    out->pidfd = pidfd_open(out->pid);
    return out->pidfd >= 0 || sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot watch bubblewrap");
}

/* All children of this process, its own and those it inherited as the reaper. */
static void kill_children(void)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", getpid());
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return;
    for (char *at = text, *end = NULL;; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            return;
        kill((pid_t)pid, SIGKILL);
    }
}

/* The end of a pid namespace's first process is the end of all in it, and it can be reaped only after them. */
static void reap_all(void)
{
    for (;;) {
        kill_children();
        if (waitpid(-1, NULL, 0) < 0 && errno != EINTR)
            return;
    }
}

/* Until bubblewrap ends or has to. */
static void watch(const Launch *running, int caller_fd)
{
    for (;;) {
        struct pollfd waits[] = {{.fd = running->pidfd, .events = POLLIN},
                                 {.fd = HELPER_FD_CONTROL, .events = POLLIN},
                                 {.fd = caller_fd, .events = POLLIN}};
        if (poll(waits, G_N_ELEMENTS(waits), -1) < 0)
            continue;
        if (waits[0].revents != 0)
            return;
        if (waits[1].revents != 0) {
            SandboxMessage message = {.n_fds = 0};
            if (!sandbox_channel_receive(HELPER_FD_CONTROL, &message, NULL) || g_str_equal(message.word, "kill"))
                return;
        } else if (waits[2].revents != 0) {
            return;
        }
    }
}

/* Its end of the channel may go a moment before it does; but one that only does not listen any more keeps its sandbox. */
static gboolean is_dead(int caller_fd)
{
    enum { PATIENCE = 200 }; /* milliseconds */
    struct pollfd channel = {.fd = HELPER_FD_CONTROL, .events = POLLIN};
    struct pollfd process = {.fd = caller_fd, .events = POLLIN};
    gboolean silent = poll(&channel, 1, 0) > 0 && (channel.revents & POLLHUP) != 0;
    return poll(&process, 1, silent ? PATIENCE : 0) > 0;
}

/* bubblewrap writes this only if the command was started. */
static void read_status(int fd, HelperOutcome *outcome)
{
    static const char key[] = "\"exit-code\":";
    char text[4096];
    gsize length = 0;
    for (ssize_t got = 1; got > 0 && length < sizeof text - 1; length += (gsize)MAX(got, 0))
        got = read(fd, text + length, sizeof text - 1 - length);
    text[length] = '\0';
    const char *found = strstr(text, key);
    outcome->started = found != NULL;
    if (found != NULL)
        outcome->status = (int)strtol(found + strlen(key), NULL, 10);
}

gboolean helper_supervise(const HelperRun *run, pid_t caller, HelperOutcome *outcome, GError **error)
{
    Launch running;
    *outcome = (HelperOutcome){.started = FALSE};
    int caller_fd = pidfd_open(caller);
    if (caller_fd < 0 || getppid() != caller) {
        outcome->caller_gone = TRUE;
        return TRUE;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    gboolean ok = launch(run, &running, error);
    if (ok)
        watch(&running, caller_fd);
    reap_all();
    outcome->caller_gone = is_dead(caller_fd);
    if (ok)
        read_status(running.status_fd, outcome);
    return ok;
}
