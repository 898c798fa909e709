#include "helper-limits.h"
#include "sandbox-limits.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define UPPER "upper"

/* A walk may take this part of the time. */
enum { WALK_SHARE = 10 };

void helper_limits_init(HelperLimits *limits, const SluiceSandboxLimits *allowed)
{
    struct statvfs disk;
    *limits = (HelperLimits){.allowed = *allowed, .processes = -1};
    if (statvfs(UPPER, &disk) == 0) {
        limits->free_bytes = (guint64)disk.f_bfree * disk.f_frsize;
        limits->free_inodes = disk.f_ffree;
    }
}

void helper_limits_clear(HelperLimits *limits)
{
    if (limits->processes >= 0)
        close(limits->processes);
    limits->processes = -1;
}

int helper_limits_interval(const HelperLimits *limits)
{
    const SluiceSandboxLimits *allowed = &limits->allowed;
    return allowed->processes | allowed->memory | allowed->disk | allowed->files | allowed->output | allowed->free_space
               ? SANDBOX_LIMITS_INTERVAL
               : -1;
}

static void apply(int resource, guint64 value)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0)
        return;
    limit.rlim_max = MIN(limit.rlim_max, value);
    limit.rlim_cur = MIN(limit.rlim_cur, limit.rlim_max);
    setrlimit(resource, &limit);
}

void helper_limits_apply(const SluiceSandboxLimits *allowed)
{
    enum { MORE = 4096 }; /* so that what was stopped by the kernel is seen to be too large */
    if (allowed->disk == 0)
        return;
    apply(RLIMIT_FSIZE, allowed->disk + MORE);
    apply(RLIMIT_CORE, 0);
}

/* Thousands of processes that only fork would let it wait for seconds. */
void helper_limits_hurry(void)
{
    const struct sched_param first = {.sched_priority = 1}, other = {.sched_priority = 0};
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first) == 0)
        return;
    sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &other);
    (void)setpriority(PRIO_PROCESS, 0, -20);
}

/* Not before the sandbox has its user namespace: the bound in force then also counts for all the namespaces beside it. */
void helper_limits_apply_to(const SluiceSandboxLimits *allowed, pid_t init)
{
    struct rlimit limit;
    if (allowed->processes == 0 || prlimit(init, RLIMIT_NPROC, NULL, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max = MIN(limit.rlim_max, allowed->processes);
    (void)prlimit(init, RLIMIT_NPROC, &limit, NULL);
}

static char *exceeds_bytes(guint64 used, guint64 allowed, const char *what)
{
    if (allowed == 0 || used <= allowed)
        return NULL;
    g_autofree char *size = g_format_size_full(allowed, G_FORMAT_SIZE_IEC_UNITS);
    return g_strdup_printf("more than %s of %s", size, what);
}

static char *exceeds_count(guint64 used, guint64 allowed, const char *what)
{
    return allowed > 0 && used > allowed ? g_strdup_printf("more than %" G_GUINT64_FORMAT " %s", allowed, what) : NULL;
}

/* ---- Processes and memory ---- */

/* While bubblewrap sets the sandbox up, its first process still sees the host's /proc. */
static gboolean is_own_proc(int proc, pid_t init)
{
    struct stat first, other;
    g_autofree char *path = g_strdup_printf("/proc/%d/ns/pid", init);
    return fstatat(proc, "1/ns/pid", &first, 0) == 0 && stat(path, &other) == 0 && first.st_ino == other.st_ino &&
           first.st_dev == other.st_dev;
}

static void open_proc(HelperLimits *limits, pid_t init)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/root/proc", init);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && is_own_proc(fd, init))
        limits->processes = fd;
    else if (fd >= 0)
        close(fd);
}

/* Bytes that the process has for itself: what is resident, less what is of files. */
static guint64 memory_of(int proc, const char *pid)
{
    char path[32], text[128];
    g_snprintf(path, sizeof path, "%.16s/statm", pid);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (got <= 0)
        return 0;
    text[got] = '\0';
    char *at = text;
    strtoull(at, &at, 10);
    guint64 resident = strtoull(at, &at, 10), shared = strtoull(at, &at, 10);
    return resident > shared ? (resident - shared) * (guint64)sysconf(_SC_PAGESIZE) : 0;
}

/* Its threads: the links of the directory that has one for each. */
static guint64 tasks_of(int proc, const char *pid)
{
    char path[32];
    struct stat status;
    g_snprintf(path, sizeof path, "%.16s/task", pid);
    return fstatat(proc, path, &status, 0) == 0 && status.st_nlink > 2 ? status.st_nlink - 2 : 1;
}

static guint64 memory_of_disks(pid_t init)
{
    static const char *const places[] = {"tmp", "dev/shm"};
    guint64 used = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        struct statvfs disk;
        g_autofree char *path = g_strdup_printf("/proc/%d/root/%s", init, places[i]);
        if (statvfs(path, &disk) == 0)
            used += (guint64)(disk.f_blocks - disk.f_bfree) * disk.f_frsize;
    }
    return used;
}

/* Looks no further than to the first bound that is passed: a bomb has thousands. */
static char *count_processes(const HelperLimits *limits, DIR *dir, guint64 memory)
{
    guint64 tasks = 0;
    const struct dirent *entry;
    char *problem = NULL;
    while (problem == NULL && (entry = readdir(dir)) != NULL) { /* cppcheck-suppress readdirCalled */
        if (!isdigit((guint8)entry->d_name[0]))
            continue;
        tasks += tasks_of(dirfd(dir), entry->d_name);
        memory += limits->allowed.memory > 0 ? memory_of(dirfd(dir), entry->d_name) : 0;
        problem = exceeds_count(tasks, limits->allowed.processes, "processes and threads at a time");
        if (problem == NULL)
            problem = exceeds_bytes(memory, limits->allowed.memory, "memory");
    }
    return problem;
}

static char *check_processes(HelperLimits *limits, pid_t init)
{
    if (limits->processes < 0)
        open_proc(limits, init);
    int copy = limits->processes >= 0 ? openat(limits->processes, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        if (copy >= 0)
            close(copy);
        return NULL;
    }
    char *problem = count_processes(limits, dir, memory_of_disks(init));
    closedir(dir);
    return problem;
}

/* ---- Files ---- */

static void walk(HelperLimits *limits, int parent, const char *name, unsigned depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) { /* cppcheck-suppress readdirCalled */
        struct stat status;
        if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, "..") ||
            fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        limits->files++;
        if (S_ISDIR(status.st_mode) && depth < SANDBOX_CAPTURE_DEPTH)
            walk(limits, fd, entry->d_name, depth + 1);
        else if (S_ISREG(status.st_mode)) /* a sparse file is as large as it says when it is stored */
            limits->bytes += (guint64)MAX(status.st_size, status.st_blocks * 512);
    }
    closedir(dir);
}

static char *measure_files(HelperLimits *limits)
{
    gint64 start = g_get_monotonic_time();
    limits->bytes = limits->files = 0;
    walk(limits, AT_FDCWD, UPPER, 0);
    limits->next_walk = g_get_monotonic_time() + WALK_SHARE * (g_get_monotonic_time() - start);
    char *problem = exceeds_bytes(limits->bytes, limits->allowed.disk, "files");
    return problem != NULL ? problem : exceeds_count(limits->files, limits->allowed.files, "files and directories");
}

/* Whether the disk lost so much since the last walk that the bound may be passed. */
static gboolean may_exceed(guint64 before, guint64 now, guint64 found, guint64 allowed)
{
    return allowed > 0 && before > now && before - now + found > allowed;
}

static char *check_disk(HelperLimits *limits)
{
    struct statvfs disk;
    const SluiceSandboxLimits *allowed = &limits->allowed;
    if (statvfs(UPPER, &disk) != 0)
        return NULL;
    if (allowed->free_space > 0 && (guint64)disk.f_bavail * disk.f_frsize < allowed->free_space) {
        g_autofree char *size = g_format_size_full(allowed->free_space, G_FORMAT_SIZE_IEC_UNITS);
        return g_strdup_printf("less than %s left on the disk of the cache", size);
    }
    guint64 free_bytes = (guint64)disk.f_bfree * disk.f_frsize;
    if (g_get_monotonic_time() < limits->next_walk ||
        (!may_exceed(limits->free_bytes, free_bytes, limits->bytes, allowed->disk) &&
         !may_exceed(limits->free_inodes, disk.f_ffree, limits->files, allowed->files)))
        return NULL;
    limits->free_bytes = free_bytes;
    limits->free_inodes = disk.f_ffree;
    return measure_files(limits);
}

/* ---- What it says ---- */

static char *check_output(const HelperLimits *limits)
{
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        struct stat status;
        if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
            continue;
        char *problem = exceeds_bytes((guint64)status.st_size, limits->allowed.output,
                                      fd == STDOUT_FILENO ? "standard output" : "standard error");
        if (problem != NULL)
            return problem;
    }
    return NULL;
}

char *helper_limits_check(HelperLimits *limits, pid_t init)
{
    char *problem = check_output(limits);
    if (problem == NULL)
        problem = check_disk(limits);
    if (problem == NULL && init > 0 && (limits->allowed.processes > 0 || limits->allowed.memory > 0))
        problem = check_processes(limits, init);
    return problem;
}

char *helper_limits_check_end(HelperLimits *limits)
{
    char *problem = check_output(limits);
    return problem == NULL && (limits->allowed.disk > 0 || limits->allowed.files > 0) ? measure_files(limits) : problem;
}
