/* daemon.c - the user's own proxy, where no sandbox is around: where it is found, and how it is started. */
#include "recc.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What is there answers for our compiles, and its object is loaded into it. */
static bool is_own(const char *folder)
{
    struct stat info;
    return lstat(folder, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == getuid() &&
           (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Who became another user may have that one's XDG_RUNTIME_DIR still. */
const char *recc_user_folder(void)
{
    static const char divides[] = " :$"; /* an LD_PRELOAD */
    static char folder[PATH_MAX];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool usable = runtime && *runtime == '/' && !strpbrk(runtime, divides) && is_own(runtime);
    int length = usable ? snprintf(folder, sizeof folder, "%s/sluice-recc", runtime)
                        : snprintf(folder, sizeof folder, "/tmp/sluice-recc-%u", (unsigned)getuid());
    return length < (int)sizeof folder ? folder : RECC_FOLDER;
}

/* Beside this program; or what PATH has. */
static const char *find_sluice(void)
{
    static const char *const beside[] = {"sluice", "../bin/sluice"};
    static char found[PATH_MAX];
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash = length > 0 ? memrchr(self, '/', (size_t)length) : NULL;
    for (size_t i = 0; slash && i < sizeof beside / sizeof *beside; i++) {
        int folder = (int)(slash - self);
        if (snprintf(found, sizeof found, "%.*s/%s", folder, self, beside[i]) < (int)sizeof found &&
            access(found, X_OK) == 0)
            return found;
    }
    return "sluice";
}

/* What belongs to this build, and not to what outlives it. */
static bool is_of_build(const char *variable)
{
    static const char *const names[] = {"LD_", "GLIBC_TUNABLES=", "MAKEFLAGS=", "MAKELEVEL=", "MFLAGS="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

static char **daemon_environment(void)
{
    size_t count = 0, used = 0;
    while (environ[count])
        count++;
    char **kept = malloc((count + 1) * sizeof *kept);
    for (size_t i = 0; kept && i < count; i++) {
        if (!is_of_build(environ[i]))
            kept[used++] = environ[i];
    }
    if (kept)
        kept[used] = NULL;
    return kept;
}

/* Nothing that this build holds open may stay open in it. */
static void become_daemon(const char *sluice, const char *folder, char *const *environment)
{
    enum { DESCRIPTORS = 1 << 16 };
    char *const arguments[] = {"sluice", "recc-daemon", "--detach", "--folder", (char *)folder, NULL};
    int nowhere = open("/dev/null", O_RDWR);
    if (nowhere < 0 || dup2(nowhere, STDIN_FILENO) < 0 || dup2(nowhere, STDOUT_FILENO) < 0 ||
        dup2(nowhere, STDERR_FILENO) < 0)
        _exit(RECC_EXIT_ABSENT);
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) != 0) {
        for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS; fd++)
            close(fd);
    }
    execvpe(sluice, arguments, environment);
    _exit(RECC_EXIT_ABSENT);
}

/* It ends when the daemon answers, or cannot. */
static bool start(const char *sluice, const char *folder)
{
    int status = 0;
    char **const environment = daemon_environment();
    signal(SIGCHLD, SIG_DFL); /* who ignores it gets no status */
    pid_t pid = environment ? fork() : -1;
    if (pid == 0)
        become_daemon(sluice, folder, environment);
    if (pid < 0)
        return false;
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd end = {.fd = process, .events = POLLIN};
    bool ended = process >= 0 && poll(&end, 1, RECC_PATIENCE_SECONDS * 1000) == 1;
    if (process >= 0)
        close(process);
    if (!ended)
        kill(pid, SIGKILL); /* the compiler is to have no child that it does not know */
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int recc_connect_user(const char *folder)
{
    int fd = is_own(folder) ? recc_connect(folder) : -1;
    if (fd < 0 && start(find_sluice(), folder) && is_own(folder))
        fd = recc_connect(folder);
    return fd;
}
