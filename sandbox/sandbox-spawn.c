#include "sandbox-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

char *sandbox_find_helper(const char *name)
{
    static const char *const beside[] = {".", "../sandbox", "../libexec/sluice"};
    const char *given = g_getenv("SLUICE_LIBEXEC");
    if (given != NULL && *given != '\0') {
        g_autofree char *path = g_build_filename(given, name, NULL);
        if (access(path, X_OK) == 0)
            return g_steal_pointer(&path);
    }
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : NULL;
    for (gsize i = 0; folder != NULL && i < G_N_ELEMENTS(beside); i++) {
        g_autofree char *path = g_build_filename(folder, beside[i], name, NULL);
        if (access(path, X_OK) == 0)
            return g_steal_pointer(&path);
    }
    return NULL;
}

/* A copy of `fd` above all numbers that a helper knows, so that no dup2 overwrites the source of a later one. */
static int raised_copy(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, HELPER_FD_END);
}

static int raised_null(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int copy = fd >= 0 ? raised_copy(fd) : -1;
    if (fd >= 0)
        close(fd);
    return copy;
}

static gboolean raise_fds(const int *fds, int *raised, GError **error)
{
    for (int i = 0; i < HELPER_FD_END; i++) {
        if (fds[i] < 0 && i > STDERR_FILENO)
            continue;
        raised[i] = fds[i] >= 0 ? raised_copy(fds[i]) : raised_null();
        if (raised[i] < 0)
            return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot duplicate descriptor %d",
                                       fds[i]);
    }
    return TRUE;
}

static int spawn_raised(const SandboxSpawn *spawn, const char *path, const int *raised, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int i = 0; i < HELPER_FD_END; i++) {
        if (raised[i] >= 0)
            posix_spawn_file_actions_adddup2(&actions, raised[i], i);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions, HELPER_FD_END);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              (spawn->own_group ? POSIX_SPAWN_SETPGROUP : 0));
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (gpointer)spawn->program);
    for (const char *const *arg = spawn->args; arg != NULL && *arg != NULL; arg++)
        g_ptr_array_add(argv, (gpointer)*arg);
    g_ptr_array_add(argv, NULL);
    int code = posix_spawn(pid, path, &actions, &attributes, (char **)argv->pdata, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

gboolean sandbox_spawn(const SandboxSpawn *spawn, pid_t *pid, int *control, GError **error)
{
    g_autofree char *path = sandbox_find_helper(spawn->program);
    if (path == NULL)
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_UNAVAILABLE,
                             "the program %s is neither beside this program nor in $SLUICE_LIBEXEC", spawn->program);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot make a socket pair");
    int fds[HELPER_FD_END], raised[HELPER_FD_END];
    for (int i = 0; i < HELPER_FD_END; i++) {
        fds[i] = i == HELPER_FD_CONTROL ? pair[1] : spawn->fds[i];
        raised[i] = -1;
    }
    gboolean ok = raise_fds(fds, raised, error);
    int code = ok ? spawn_raised(spawn, path, raised, pid) : 0;
    for (int i = 0; i < HELPER_FD_END; i++) {
        if (raised[i] >= 0)
            close(raised[i]);
    }
    close(pair[1]);
    if (ok && code == 0) {
        *control = pair[0];
        return TRUE;
    }
    close(pair[0]);
    return ok ? sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, code, "cannot start %s", path) : FALSE;
}

int sandbox_reap(pid_t pid, unsigned seconds)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd >= 0) {
        gint64 end = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
        struct pollfd wait = {.fd = pidfd, .events = POLLIN};
        int ready = 0;
        do {
            gint64 left = end - g_get_monotonic_time();
            ready = poll(&wait, 1, left > 0 ? (int)(left / 1000) : 0);
        } while (ready < 0 && errno == EINTR);
        if (ready == 0)
            kill(pid, SIGKILL);
        close(pidfd);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return status;
}
