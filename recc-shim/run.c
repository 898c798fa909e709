/*
 * run.c - the real compiler: in place of this process, or watched.
 *
 * Watched, it has trace.so in LD_PRELOAD, which notes what is looked for and read into a shared memory file, and pipes for what it says.  The
 * signals that would have ended it are passed on to it; what it dies of, this process dies of.
 */
#include "recc.h"
#include "trace.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

extern char **environ;

int recc_become(char *const *arguments)
{
    execv(arguments[0], arguments);
    fprintf(stderr, "recc: cannot run %s: %s\n", arguments[0], strerror(errno));
    return errno == ENOENT ? RECC_EXIT_ABSENT : RECC_EXIT_ABSENT - 1;
}

/* ---- Signals ---- */

static volatile pid_t watched;

static void pass_on(int number)
{
    if (watched > 0)
        kill(watched, number);
}

static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
enum { N_PASSED = sizeof passed / sizeof *passed };
static struct sigaction before[N_PASSED];

static void catch_signals(void)
{
    for (int i = 0; i < N_PASSED; i++) {
        struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
        sigaction(passed[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(passed[i], &action, NULL);
    }
}

static void die_of(int number)
{
    const struct rlimit no_core = {0, 0};
    sigset_t one;
    setrlimit(RLIMIT_CORE, &no_core);
    signal(number, SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    raise(number);
}

/* ---- The environment of a watched compiler ---- */

static char *preload(const char *folder)
{
    const char *old = getenv("LD_PRELOAD");
    size_t room = strlen(folder) + (old ? strlen(old) : 0) + sizeof "LD_PRELOAD=/trace.so:";
    char *text = malloc(room);
    if (text)
        snprintf(text, room, "LD_PRELOAD=%s/trace.so%s%s", folder, old && *old ? ":" : "", old ? old : "");
    return text;
}

static char **watched_environment(const char *folder, int trace)
{
    static char variable[sizeof TRACE_VARIABLE + 12];
    size_t count = 0, used = 0;
    while (environ[count])
        count++;
    char **all = malloc((count + 3) * sizeof *all);
    char *load = preload(folder);
    if (!all || !load)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], "LD_PRELOAD=", sizeof "LD_PRELOAD=" - 1) != 0)
            all[used++] = environ[i];
    }
    snprintf(variable, sizeof variable, TRACE_VARIABLE "=%d", trace);
    all[used++] = load;
    all[used++] = variable;
    all[used] = NULL;
    return all;
}

/* A loader that does not find it would complain. */
static bool has_trace(const char *folder)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/trace.so", folder) < (int)sizeof path && access(path, R_OK) == 0;
}

/* A loader of another machine would complain about our object. */
static bool is_foreign(const char *program)
{
    Elf64_Ehdr ours, theirs;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool known = fd >= 0 && recc_read_all(fd, &ours, sizeof ours);
    if (fd >= 0)
        close(fd);
    fd = open(program, O_RDONLY | O_CLOEXEC);
    known = known && fd >= 0 && recc_read_all(fd, &theirs, sizeof theirs);
    if (fd >= 0)
        close(fd);
    return !known || (memcmp(theirs.e_ident, ELFMAG, SELFMAG) == 0 &&
                      (theirs.e_ident[EI_CLASS] != ours.e_ident[EI_CLASS] || theirs.e_machine != ours.e_machine));
}

static int open_trace(void)
{
    int fd = memfd_create("recc-trace", 0);
    if (fd >= 0 && ftruncate(fd, TRACE_BYTES) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- The watch ---- */

typedef struct {
    int out, errors, process;
    bool terminal;   /* standard error is one, and what is written for it is for nobody else */
    ReccBuffer kept; /* of what it wrote to standard error */
    bool incomplete;
} Watch;

/* FALSE: nothing more comes from there now. */
static bool forward(Watch *watch, int *from, int to)
{
    char chunk[16 << 10];
    ssize_t got = read(*from, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR)
        return true;
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        close(*from);
        *from = -1;
    }
    if (got <= 0)
        return false;
    recc_write_all(to, chunk, (size_t)got);
    if (to == STDOUT_FILENO || watch->terminal || watch->kept.length + (size_t)got > RECC_ERRORS_MAX)
        watch->incomplete = true;
    else
        recc_buffer_append(&watch->kept, chunk, (size_t)got);
    return true;
}

/* Until the compiler has ended; what it left running may keep the pipes. */
static void follow(Watch *watch)
{
    for (;;) {
        struct pollfd waits[] = {{.fd = watch->errors, .events = POLLIN},
                                 {.fd = watch->out, .events = POLLIN},
                                 {.fd = watch->process, .events = POLLIN}};
        if (poll(waits, 3, -1) < 0 && errno != EINTR)
            return;
        if (waits[0].revents)
            forward(watch, &watch->errors, STDERR_FILENO);
        if (waits[1].revents)
            forward(watch, &watch->out, STDOUT_FILENO);
        /* without a descriptor of the process, its end is that of its streams */
        if (waits[2].revents || (watch->process < 0 && watch->errors < 0 && watch->out < 0))
            break;
    }
    while (watch->errors >= 0 && forward(watch, &watch->errors, STDERR_FILENO))
        continue;
    while (watch->out >= 0 && forward(watch, &watch->out, STDOUT_FILENO))
        continue;
}

/* Where there is a terminal the compiler gets one of the same size, which changes nothing of what is written to it. */
static bool open_terminal(int ends[2])
{
    struct winsize size;
    struct termios mode;
    ends[1] = -1;
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[0] >= 0 && unlockpt(ends[0]) == 0)
        ends[1] = ioctl(ends[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ends[1] >= 0 && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && ioctl(ends[1], TIOCSWINSZ, &size) == 0 &&
        tcgetattr(ends[1], &mode) == 0) {
        mode.c_oflag &= ~(tcflag_t)OPOST;
        if (tcsetattr(ends[1], TCSANOW, &mode) == 0)
            return true;
    }
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
    }
    return false;
}

static bool open_ends(int out[2], int errors[2], bool terminal)
{
    if (pipe2(out, O_CLOEXEC) != 0)
        return false;
    if (terminal ? !open_terminal(errors) : pipe2(errors, O_CLOEXEC) != 0) {
        close(out[0]);
        close(out[1]);
        return false;
    }
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(errors[0], F_SETFL, O_NONBLOCK);
    return true;
}

static pid_t start(char *const *arguments, char *const *environment, int out, int errors)
{
    pid_t parent = getpid();
    signal(SIGCHLD, SIG_DFL); /* who ignores it gets no status */
    pid_t pid = vfork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(RECC_EXIT_ABSENT);
    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    execve(arguments[0], arguments, environment);
    _exit(RECC_EXIT_ABSENT);
}

static int end(int fd, Watch *watch, pid_t pid, int trace)
{
    int status = 0;
    pid_t ended = 0;
    do
        ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    watched = 0;
    if (ended != pid)
        return RECC_EXIT_ABSENT;
    bool succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (recc_send_report(fd, succeeded, &watch->kept, watch->incomplete || watch->kept.failed, trace) && succeeded)
        recc_await_receipt(fd);
    if (WIFSIGNALED(status))
        die_of(WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : RECC_EXIT_ABSENT;
}

int recc_run_watched(int fd, const char *folder, char *const *arguments)
{
    int out[2], errors[2], trace;
    char **environment;
    bool terminal = isatty(STDERR_FILENO);
    if (!has_trace(folder) || is_foreign(arguments[0]) || (trace = open_trace()) < 0)
        return recc_become(arguments);
    if (!(environment = watched_environment(folder, trace)) || !open_ends(out, errors, terminal)) {
        close(trace);
        return recc_become(arguments);
    }
    pid_t pid = start(arguments, environment, out[1], errors[1]);
    close(out[1]);
    close(errors[1]);
    if (pid < 0) {
        close(trace);
        return recc_become(arguments);
    }
    watched = pid;
    catch_signals();
    Watch watch = {
        .out = out[0], .errors = errors[0], .terminal = terminal, .process = (int)syscall(SYS_pidfd_open, pid, 0)};
    follow(&watch);
    return end(fd, &watch, pid, trace);
}
