#include "helper-supervise.h"
#include "channel.h"
#include "helper-limits.h"
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
    int block_fd;  /* what it waits for before it starts the command; -1: nothing */
    int status_fd; /* bubblewrap's JSON, of which so much is here */
    gsize status_length;
    char status_text[4096];
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
static void become_bwrap(const HelperRun *run, int options_fd, int status_fd, int block_fd)
{
    char options[16], status[16], block[16];
    g_snprintf(options, sizeof options, "%d", options_fd);
    g_snprintf(status, sizeof status, "%d", status_fd);
    g_snprintf(block, sizeof block, "%d", block_fd);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (gpointer) "bwrap");
    g_ptr_array_add(argv, (gpointer) "--json-status-fd");
    g_ptr_array_add(argv, status);
    if (block_fd >= 0) {
        g_ptr_array_add(argv, (gpointer) "--block-fd");
        g_ptr_array_add(argv, block);
    }
    g_ptr_array_add(argv, (gpointer) "--args");
    g_ptr_array_add(argv, options);
    g_ptr_array_add(argv, (gpointer) "--");
    for (char *const *arg = run->launch + 1; *arg != NULL; arg++)
        g_ptr_array_add(argv, *arg);
    g_ptr_array_add(argv, NULL);
    static char *const nothing[] = {NULL};
    helper_limits_apply(&run->limits);
    for (int number = SIGHUP; number <= SIGTERM; number++)
        signal(number, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execve(run->launch[0], (char **)argv->pdata, nothing);
    _exit(127);
}

static gboolean launch(const HelperRun *run, Launch *out, GError **error)
{
    int status[2], block[2] = {-1, -1};
    *out = (Launch){.pidfd = -1, .status_fd = -1, .block_fd = -1};
    int options = write_options(run);
    if (options < 0 || pipe2(status, O_CLOEXEC) != 0 || fcntl(status[0], F_SETFL, O_NONBLOCK) != 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot prepare bubblewrap");
    if (run->limits.processes > 0 && (pipe2(block, O_CLOEXEC) != 0 || fcntl(block[0], F_SETFD, 0) != 0))
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot prepare bubblewrap");
    fcntl(status[1], F_SETFD, 0);
    out->pid = fork();
    if (out->pid == 0)
        become_bwrap(run, options, status[1], block[0]);
    int code = errno;
    close(options);
    close(status[1]);
    out->status_fd = status[0];
    out->block_fd = block[1];
    if (block[0] >= 0)
        close(block[0]);
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

/* A number of bubblewrap's status; FALSE if it has not said so. */
static gboolean find_status(const Launch *running, const char *key, int *out)
{
    const char *found = strstr(running->status_text, key);
    if (found != NULL)
        *out = (int)strtol(found + strlen(key), NULL, 10);
    return found != NULL;
}

/* All that is there. */
static void take_status(Launch *running)
{
    ssize_t got = 1;
    while (got > 0 && running->status_length < sizeof running->status_text - 1) {
        got = read(running->status_fd, running->status_text + running->status_length,
                   sizeof running->status_text - 1 - running->status_length);
        running->status_length += (gsize)MAX(got, 0);
    }
    running->status_text[running->status_length] = '\0';
}

/* The first process of the sandbox is there, and waits. */
static void let_go(Launch *running, const SluiceSandboxLimits *allowed)
{
    int init = 0;
    take_status(running);
    if (!find_status(running, "\"child-pid\":", &init))
        return;
    helper_limits_apply_to(allowed, init);
    if (write(running->block_fd, "", 1) == 1) {
        close(running->block_fd);
        running->block_fd = -1;
    }
}

/* bubblewrap and the first process would wait for the processor among those that they are to end. */
static void kill_group(const Launch *running)
{
    int init = 0;
    if (find_status(running, "\"child-pid\":", &init) && init > 1)
        kill(-init, SIGKILL);
}

static char *look(Launch *running, HelperLimits *limits)
{
    int init = 0;
    take_status(running);
    find_status(running, "\"child-pid\":", &init);
    return helper_limits_check(limits, init);
}

/* Until bubblewrap ends or has to: then what was exceeded, or NULL. */
static char *watch(Launch *running, int caller_fd, HelperLimits *limits)
{
    for (;;) {
        struct pollfd waits[] = {{.fd = running->pidfd, .events = POLLIN},
                                 {.fd = HELPER_FD_CONTROL, .events = POLLIN},
                                 {.fd = caller_fd, .events = POLLIN},
                                 {.fd = running->block_fd >= 0 ? running->status_fd : -1, .events = POLLIN}};
        int ready = poll(waits, G_N_ELEMENTS(waits), helper_limits_interval(limits));
        if (ready == 0) {
            char *exceeded = look(running, limits);
            if (exceeded != NULL) {
                kill_group(running);
                return exceeded;
            }
        }
        if (ready <= 0)
            continue;
        if (waits[0].revents != 0)
            return NULL;
        if (waits[1].revents != 0) {
            SandboxMessage message = {.n_fds = 0};
            if (!sandbox_channel_receive(HELPER_FD_CONTROL, &message, NULL) || g_str_equal(message.word, "kill"))
                return NULL;
        } else if (waits[2].revents != 0) {
            return NULL;
        } else if (waits[3].revents != 0) {
            let_go(running, &limits->allowed);
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
static void read_status(Launch *running, HelperOutcome *outcome)
{
    take_status(running);
    outcome->started = find_status(running, "\"exit-code\":", &outcome->status);
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
    HelperLimits limits;
    helper_limits_init(&limits, &run->limits);
    gboolean ok = launch(run, &running, error);
    g_autofree char *exceeded = ok ? watch(&running, caller_fd, &limits) : NULL;
    reap_all();
    outcome->caller_gone = is_dead(caller_fd);
    if (ok)
        read_status(&running, outcome);
    if (ok && exceeded == NULL)
        exceeded = helper_limits_check_end(&limits);
    helper_limits_clear(&limits);
    return exceeded == NULL ? ok : sandbox_error(error, SLUICE_SANDBOX_ERROR_LIMIT, "%s", exceeded);
}
