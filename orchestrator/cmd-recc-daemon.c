/*
 * cmd-recc-daemon.c - `recc-daemon`: what answers the compiler launchers of one user on the machine itself.
 *
 * Nothing is staged there: every file that a compiler reads is hashed when it is new, the compiler and its libraries too.  So results are good wherever
 * the same files are; what compilers might look at beside them is the release of the distribution, which is their environment.
 */
#include "cluster.h"
#include "executor.h"
#include "recc-folder.h"
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Seconds. */
#define IDLE_DEFAULT 900
#define PATIENCE     10
#define OS_RELEASE   "/etc/os-release"
/* What divides names in an LD_PRELOAD, or begins a variable there; as recc-shim/daemon.c has it. */
#define DIVIDES " :$"

typedef struct {
    App *app;
    Arena *arena; /* of the configuration */
    char *path;
    gboolean locked;         /* it is this process that answers, or will */
    int folder, lock, ready; /* descriptors; `ready` of a pipe to who waits, or -1 */
    Cluster *cluster;        /* the user's, or NULL */
    SluiceUpstream *upstream;
    ServeCare *care;
    SluiceLauncher *launcher;
    char *counts; /* as kept */
    sigset_t signals;
} Daemon;

static gboolean fail(GError **error, const Daemon *daemon, const char *what)
{
    error_set(error, ERROR_APP, NULL, NULL, "%s %s: %s", what, daemon->path, g_strerror(errno));
    return FALSE;
}

/* ---- Its folder ---------------------------------------------------------------------------------------------------------------- */

static gboolean is_safe(const struct stat *status)
{
    return S_ISDIR(status->st_mode) && status->st_uid == getuid() && (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Who became another user may have that one's XDG_RUNTIME_DIR still. */
static gboolean is_own(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && is_safe(&status);
}

static char *find_folder(const App *app)
{
    const char *given = arguments_get(app->arguments, "folder");
    const char *runtime = g_getenv("XDG_RUNTIME_DIR");
    if (given)
        return g_canonicalize_filename(given, NULL);
    return runtime && *runtime == '/' && !strpbrk(runtime, DIVIDES) && is_own(runtime)
               ? g_build_filename(runtime, "sluice-recc", NULL)
               : g_strdup_printf("/tmp/sluice-recc-%u", (unsigned)getuid());
}

/* Launchers believe what answers there. */
static gboolean open_folder(Daemon *daemon, GError **error)
{
    struct stat status;
    if (strpbrk(daemon->path, DIVIDES)) {
        error_set(error, ERROR_APP, NULL, NULL,
                  "The path %s has a blank, colon or dollar sign in it: name another --folder", daemon->path);
        return FALSE;
    }
    if (mkdir(daemon->path, 0700) != 0 && errno != EEXIST)
        return fail(error, daemon, "Cannot make");
    daemon->folder = open(daemon->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (daemon->folder < 0 || fstat(daemon->folder, &status) != 0)
        return fail(error, daemon, "Cannot open");
    if (strlen(daemon->path) + sizeof "/socket" > sizeof((struct sockaddr_un *)NULL)->sun_path) {
        error_set(error, ERROR_APP, NULL, NULL, "The path %s is too long for a socket: name another --folder",
                  daemon->path);
        return FALSE;
    }
    if (!is_safe(&status)) {
        error_set(error, ERROR_APP, NULL, NULL, "Others can write to %s: remove it, or name another --folder",
                  daemon->path);
        return FALSE;
    }
    daemon->lock = openat(daemon->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return daemon->lock >= 0 || fail(error, daemon, "Cannot write to");
}

/* Of the one that has the lock; 0: it is just starting. */
static pid_t read_pid(const Daemon *daemon)
{
    char text[32] = "";
    ssize_t length = pread(daemon->lock, text, sizeof text - 1, 0);
    return length > 0 ? (pid_t)g_ascii_strtoll(text, NULL, 10) : 0;
}

static gboolean write_pid(const Daemon *daemon, pid_t pid)
{
    char text[32] = "";
    int length = pid > 0 ? g_snprintf(text, sizeof text, "%d\n", pid) : 0;
    return ftruncate(daemon->lock, 0) == 0 && pwrite(daemon->lock, text, (size_t)length, 0) == length;
}

/* Whose pid is there from now on is ours, or nobody's. */
static gboolean take_lock(Daemon *daemon)
{
    return flock(daemon->lock, LOCK_EX | LOCK_NB) == 0 && write_pid(daemon, 0);
}

static gboolean wait_until(gboolean (*holds)(Daemon *daemon), Daemon *daemon)
{
    enum { PER_SECOND = 100 };
    for (int i = 0; i < PATIENCE * PER_SECOND; i++) {
        if (holds(daemon))
            return TRUE;
        g_usleep(G_USEC_PER_SEC / PER_SECOND);
    }
    return FALSE;
}

/* Its pid is written when it answers. */
static gboolean is_ready(Daemon *daemon)
{
    return read_pid(daemon) > 0;
}

/* Or it has ended, without ever being ready, perhaps. */
static gboolean is_settled(Daemon *daemon)
{
    daemon->locked = take_lock(daemon);
    return daemon->locked || is_ready(daemon);
}

static int stop(Daemon *daemon, GError **error)
{
    if (take_lock(daemon)) {
        app_print("No recc-daemon runs\n");
        return EXIT_SUCCESS;
    }
    pid_t pid = wait_until(is_ready, daemon) ? read_pid(daemon) : 0;
    if ((pid > 0 && kill(pid, SIGTERM) != 0 && errno != ESRCH) || !wait_until(take_lock, daemon)) {
        error_set(error, ERROR_APP, NULL, NULL, "The recc-daemon (process %d) did not end", (int)pid);
        return EXIT_REPORT;
    }
    return EXIT_SUCCESS;
}

/* ---- Starting ------------------------------------------------------------------------------------------------------------------ */

/* That of recc's variables and files, or of the user's configuration. */
static gboolean connect_cluster(Daemon *daemon, GError **error)
{
    App *app = daemon->app;
    const ClusterConfig *config;
    if (!cluster_config_read_recc(daemon->arena, &config, error))
        return FALSE;
    daemon->cluster = config ? cluster_new_from(config) : cluster_new(app);
    if (!daemon->cluster)
        return TRUE;
    cluster_use_without_environment(daemon->cluster);
    daemon->upstream = cluster_connect(daemon->cluster, app->store, &app->sink, error);
    return daemon->upstream && cluster_check(daemon->cluster, daemon->upstream, &app->sink, error) &&
           sluice_upstream_start_pushing(daemon->upstream, error);
}

static gboolean make_root(Daemon *daemon, SluiceDigest *root, GError **error)
{
    SluiceDigest digest;
    g_autoptr(SluiceTree) tree = sluice_tree_new(daemon->app->store);
    int fd = open(OS_RELEASE, O_RDONLY | O_CLOEXEC);
    gboolean made = fd < 0 || (sluice_store_put_fd(daemon->app->store, fd, NULL, &digest, error) &&
                               sluice_tree_add_file(tree, OS_RELEASE, &digest, FALSE, error));
    if (fd >= 0)
        close(fd);
    return made && sluice_tree_commit(tree, root, error);
}

static gboolean start_launcher(Daemon *daemon, GError **error)
{
    /* what compilers write for themselves is no change of folders beside it */
    static const char *const mounted[] = {"/tmp", "/var/tmp", "/dev", "/proc", "/sys", NULL};
    g_autoptr(SluiceTree) nothing = sluice_tree_new(daemon->app->store);
    g_auto(GStrv) variables = g_get_environ();
    g_auto(GStrv) settings = recc_variables_dup(variables, RECC_REMOTE_ONLY);
    SluiceLauncherPlace place = {
        .upper = -1, .mounted = mounted, .upstream = daemon->upstream, .settings = (const char *const *)settings};
    ExecutorPlace environment = {.store = daemon->app->store, .scope = "recc-daemon"};
    if (!make_root(daemon, &environment.environment_root, error) ||
        !executor_store_environment(&environment, NULL, NULL, &place.environment, error) ||
        !sluice_tree_commit(nothing, &place.root, error))
        return FALSE;
    place.environment_root = place.root;
    place.upper = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place.upper < 0)
        return fail(error, daemon, "Cannot open / for");
    daemon->launcher = sluice_launcher_new(daemon->app->store, &place, error);
    int listener = daemon->launcher && recc_folder_fill(daemon->folder, error)
                       ? recc_folder_listen(daemon->folder, 0600, error)
                       : -1;
    return listener >= 0 && sluice_launcher_add_listener(daemon->launcher, listener, error);
}

/* Which root and mounts are those that it sees itself, a launcher says. */
static gboolean tell_root(Daemon *daemon, GError **error)
{
    g_autofree char *program = g_build_filename(daemon->path, "bin", "recc", NULL);
    char *arguments[] = {program, (char *)"--tell-root", NULL};
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "SLUICE_RECC_FOLDER", daemon->path, TRUE);
    int status = 0;
    return g_spawn_sync("/", arguments, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, error) &&
           g_spawn_check_wait_status(status, error);
}

/* Whether anything was asked since the last time. */
static gboolean keep_counts(Daemon *daemon)
{
    SluiceLauncherStats stats;
    sluice_launcher_get_stats(daemon->launcher, &stats);
    g_auto(GStrv) reasons = sluice_launcher_dup_reasons(daemon->launcher);
    g_autofree char *counts = recc_folder_describe_counts(&stats, reasons);
    if (g_strcmp0(counts, daemon->counts) == 0)
        return FALSE;
    recc_folder_keep_counts(daemon->app->store, RECC_STATS_DAEMON, counts);
    g_free(daemon->counts);
    daemon->counts = g_steal_pointer(&counts);
    return TRUE;
}

static gboolean start(Daemon *daemon, GError **error)
{
    App *app = daemon->app;
    app_raise_limits();
    if (!app_open_store(app, error) || !connect_cluster(daemon, error) || !start_launcher(daemon, error) ||
        !tell_root(daemon, error))
        return FALSE;
    daemon->care = serve_care_new(app->store);
    keep_counts(daemon);
    return write_pid(daemon, getpid()) || fail(error, daemon, "Cannot write to");
}

/* From now on it has nothing of who started it. */
static gboolean move_streams(const Daemon *daemon, GError **error)
{
    int log = openat(daemon->folder, "log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    gboolean moved = log >= 0 && nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
                     dup2(log, STDERR_FILENO) >= 0;
    if (log >= 0)
        close(log);
    if (nothing >= 0)
        close(nothing);
    return moved || fail(error, daemon, "Cannot write to");
}

/* Who waits for it goes on. */
static gboolean let_go(Daemon *daemon, GError **error)
{
    if (daemon->ready < 0)
        return TRUE;
    if (chdir("/") != 0 || write(daemon->ready, "", 1) != 1)
        return fail(error, daemon, "Cannot go on in");
    close(daemon->ready);
    daemon->ready = -1;
    return TRUE;
}

/* ---- Running --------------------------------------------------------------------------------------------------------------------- */

static gboolean has_folder(const Daemon *daemon)
{
    struct stat there, ours;
    return lstat(daemon->path, &there) == 0 && fstat(daemon->folder, &ours) == 0 && there.st_dev == ours.st_dev &&
           there.st_ino == ours.st_ino;
}

/* Until a signal, long quiet, or the loss of its folder. */
static void answer(Daemon *daemon, gint64 idle)
{
    const struct timespec second = {.tv_sec = 1};
    gint64 quiet = 0;
    while (idle == 0 || quiet < idle) {
        int number = sigtimedwait(&daemon->signals, NULL, &second);
        if (number == SIGINT || number == SIGTERM || !has_folder(daemon))
            break;
        quiet = keep_counts(daemon) ? 0 : quiet + 1;
        g_autofree char *problem = serve_care_take_problem(daemon->care);
        if (problem)
            app_log(daemon->app, EVENT_WARNING, NULL, "The cache could not be kept within its size: %s", problem);
    }
}

static void daemon_clear(Daemon *daemon)
{
    if (daemon->launcher) {
        unlinkat(daemon->folder, "socket", 0);
        sluice_launcher_stop(daemon->launcher);
        keep_counts(daemon);
        sluice_launcher_free(daemon->launcher);
    }
    g_clear_pointer(&daemon->care, serve_care_free);
    g_clear_pointer(&daemon->upstream, sluice_upstream_free);
    g_clear_pointer(&daemon->cluster, cluster_free);
    /* `ready` closes with the process, when its error has been written */
    for (const int *fd = (const int[]){daemon->folder, daemon->lock, -1}; *fd >= 0; fd++)
        close(*fd);
    g_free(daemon->counts);
    g_free(daemon->path);
    arena_free(daemon->arena);
}

static int run(Daemon *daemon, GError **error)
{
    gint64 idle = arguments_int(daemon->app->arguments, "idle", IDLE_DEFAULT);
    sigemptyset(&daemon->signals);
    sigaddset(&daemon->signals, SIGINT);
    sigaddset(&daemon->signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &daemon->signals, NULL);
    if (!start(daemon, error) || !let_go(daemon, error))
        return EXIT_REPORT;
    if (!arguments_has(daemon->app->arguments, "detach")) {
        g_autofree char *line = g_strdup_printf("Answering compilers at %s\n", daemon->path);
        app_print(line);
    }
    answer(daemon, idle);
    write_pid(daemon, 0);
    return EXIT_SUCCESS;
}

static void show_log(const Daemon *daemon)
{
    char bytes[4096];
    ssize_t got = 0;
    int log = openat(daemon->folder, "log", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    while (log >= 0 && (got = read(log, bytes, sizeof bytes)) > 0)
        fwrite(bytes, 1, (size_t)got, stderr);
    if (log >= 0)
        close(log);
}

/* The parent ends when the child answers, or with what that said. */
static int detach(Daemon *daemon, GError **error)
{
    int pipe[2];
    char byte;
    pid_t pid = pipe2(pipe, O_CLOEXEC) == 0 ? fork() : -1;
    if (pid < 0) {
        fail(error, daemon, "Cannot start in");
        return EXIT_REPORT;
    }
    close(pipe[pid != 0]);
    if (pid == 0) {
        setsid();
        daemon->ready = pipe[1];
        return move_streams(daemon, error) ? run(daemon, error) : EXIT_REPORT;
    }
    gboolean answers = read(pipe[0], &byte, 1) == 1;
    close(pipe[0]);
    if (!answers)
        show_log(daemon);
    return answers ? EXIT_SUCCESS : EXIT_REPORT;
}

/* Unless another runs, which is as good for who only wants one. */
static int start_one(Daemon *daemon, GError **error)
{
    gboolean detached = arguments_has(daemon->app->arguments, "detach");
    gboolean settled = wait_until(is_settled, daemon);
    if (daemon->locked)
        return detached ? detach(daemon, error) : run(daemon, error);
    if (settled && detached)
        return EXIT_SUCCESS;
    error_set(error, ERROR_APP, NULL, NULL, "A recc-daemon runs already (process %d); --stop ends it",
              (int)read_pid(daemon));
    return EXIT_REPORT;
}

int cmd_recc_daemon(App *app, GError **error)
{
    Daemon daemon = {.app = app, .arena = arena_new(), .path = find_folder(app), .folder = -1, .lock = -1, .ready = -1};
    int status = EXIT_REPORT;
    if (open_folder(&daemon, error))
        status = arguments_has(app->arguments, "stop") ? stop(&daemon, error) : start_one(&daemon, error);
    daemon_clear(&daemon);
    return status;
}
