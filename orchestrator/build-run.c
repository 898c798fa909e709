/* build-run.c - commands in a sandbox: plans become sluice_sandbox_run, its errors become BuildStream's. */
#include "build-private.h"
#include "project-options.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel takes 128 KiB in one argument; longer scripts come in on standard input. */
#define SCRIPT_ARGUMENT_MAX (100 * 1024)
/* How far back in the log the name of the failed command is looked for. */
#define LOG_TAIL 8192

uid_t build_uid(const Build *build)
{
    return (uid_t)MAX(build->element->sandbox.build_uid, 0);
}

gid_t build_gid(const Build *build)
{
    return (gid_t)MAX(build->element->sandbox.build_gid, 0);
}

/* ---- Errors -------------------------------------------------------------------------------------------------------------- */

static const char *sandbox_reason(const GError *problem)
{
    return problem->code == SLUICE_SANDBOX_ERROR_UNAVAILABLE ? "unavailable-local-sandbox" : NULL;
}

static gboolean translate_error(GError *problem, GError **error)
{
    if (problem->domain != SLUICE_SANDBOX_ERROR) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (problem->code == SLUICE_SANDBOX_ERROR_CANCELLED)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "%s", problem->message);
    else if (problem->code == SLUICE_SANDBOX_ERROR_LIMIT)
        error_set(error, ERROR_SANDBOX, NULL, NULL, "The build was stopped: %s", problem->message);
    else
        error_set(error, ERROR_SANDBOX, sandbox_reason(problem), NULL, "%s", problem->message);
    g_error_free(problem);
    return FALSE;
}

/* ---- Sandboxes ----------------------------------------------------------------------------------------------------------- */

/* What else a machine runs beside its own kind. */
static const struct {
    const char *host, *also;
} compatible[] = {{"x86-64", "x86-32"}, {"aarch64", "aarch32"}};

static gboolean check_platform(const SandboxConfig *config, GError **error)
{
    const char *host = arch_of_host();
    gboolean runs = !config->build_arch || g_strcmp0(config->build_arch, host) == 0;
    for (gsize i = 0; i < G_N_ELEMENTS(compatible) && !runs; i++)
        runs = g_strcmp0(compatible[i].host, host) == 0 && strcmp(compatible[i].also, config->build_arch) == 0;
    if (!runs)
        error_set(error, ERROR_SANDBOX, "unavailable-local-sandbox", NULL,
                  "ISA '%s' is not supported by this machine, which is '%s'", config->build_arch,
                  host ? host : "unknown");
    else if (config->build_os && g_ascii_strcasecmp(config->build_os, "linux") != 0)
        error_set(error, ERROR_SANDBOX, "unavailable-local-sandbox", NULL,
                  "OS '%s' is not supported by this machine, which runs Linux", config->build_os);
    else
        return TRUE;
    return FALSE;
}

gboolean build_add_mount_points(Build *build, const char *cwd, SluiceDigest *root, GError **error)
{
    const char *const places[] = {"/dev", "/proc", "/tmp", cwd};
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, root, error);
    for (gsize i = 0; tree && i < G_N_ELEMENTS(places); i++) {
        if (!sluice_tree_make_directory(tree, places[i], error))
            return FALSE;
    }
    return tree && sluice_tree_commit(tree, root, error);
}

SluiceSandbox *build_open_sandbox(Build *build, const SluiceDigest *root, GError **error)
{
    if (!build->context->staging) {
        error_set(error, ERROR_SANDBOX, "unavailable-local-sandbox", NULL, "There is no sandbox to run commands in");
        return NULL;
    }
    if (!check_platform(&build->element->sandbox, error) ||
        (build->lease && !sluice_lease_add_tree(build->lease, root, error)))
        return NULL;
    GError *problem = NULL;
    SluiceSandbox *sandbox = sluice_sandbox_new(build->context->staging, build->context->store, root, &problem);
    if (!sandbox)
        translate_error(problem, error);
    return sandbox;
}

gboolean build_capture(Build *build, SluiceSandbox *sandbox, const char *path, SluiceDigest *out, GError **error)
{
    g_autoptr(GPtrArray) skipped = g_ptr_array_new_with_free_func(g_free);
    GError *problem = NULL;
    if (!sluice_sandbox_capture(sandbox, path, out, skipped, &problem))
        return translate_error(problem, error);
    if (skipped->len > 0) {
        g_ptr_array_add(skipped, NULL);
        g_autofree char *detail = g_strjoinv("\n", (char **)skipped->pdata);
        build_event(build, EVENT_WARNING, 0, detail, "Sockets, fifos and devices are not part of the artifact");
    }
    return !build->lease || sluice_lease_add_tree(build->lease, out, error);
}

gboolean build_check_command(Build *build, const SluiceDigest *root, const char *command,
                             const char *const *environment, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, root, error);
    if (!tree)
        return FALSE;
    const char *path = environment_get(environment, "PATH");
    g_auto(GStrv) folders = g_strsplit(strchr(command, '/') ? "" : path ? path : "/usr/bin:/bin", ":", -1);
    SluiceEntry entry;
    if (strchr(command, '/') && sluice_tree_lookup_follow(tree, command, &entry, NULL))
        return TRUE;
    for (gsize i = 0; folders[i]; i++) {
        g_autofree char *file = g_build_filename(folders[i], command, NULL);
        if (*folders[i] == '/' && sluice_tree_lookup_follow(tree, file, &entry, NULL) &&
            entry.type == SLUICE_ENTRY_FILE && entry.executable)
            return TRUE;
    }
    error_set(error, ERROR_SANDBOX, "missing-command", NULL, "Staged artifacts do not provide command '%s'", command);
    return FALSE;
}

/* ---- Commands ------------------------------------------------------------------------------------------------------------ */

void run_plan_init(Build *build, RunPlan *plan)
{
    *plan = (RunPlan){.cwd = "/", .fds = {-1, build->log_fd, build->log_fd}};
}

gboolean build_run_command(Build *build, SluiceSandbox *sandbox, const RunPlan *plan, int *status, GError **error)
{
    SluiceSandboxCommand command = {
        .argv = plan->argv,
        .envp = plan->environment,
        .cwd = plan->cwd,
        .uid = plan->inherit_ids ? getuid() : build_uid(build),
        .gid = plan->inherit_ids ? getgid() : build_gid(build),
        .root_read_only = plan->root_read_only,
        .writable = plan->writable,
        .network = plan->network,
        .binds = plan->binds,
        .n_binds = plan->n_binds,
        .loopback_port = plan->loopback_port,
        .listener = plan->listener,
        .listener_data = plan->listener_data,
        .stdin_fd = plan->fds[0],
        .stdout_fd = plan->fds[1],
        .stderr_fd = plan->fds[2],
        .timeout = plan->interactive ? 0 : build->context->timeout,
        .cancellable = build->context->cancellable,
        .new_session = !plan->interactive,
    };
    if (build->context->execution) {
        SluiceSandboxLimits limits;
        execution_policy_get_limits(build->context->execution, sluice_store_get_path(build->context->store), &limits);
        command.limits.free_space = limits.free_space;
    }
    GError *problem = NULL;
    return sluice_sandbox_run(sandbox, &command, status, &problem) || translate_error(problem, error);
}

int build_open_log(Build *build)
{
    struct stat info;
    if (build->log_fd < 0 || fstat(build->log_fd, &info) < 0 || !S_ISREG(info.st_mode))
        return -1;
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", build->log_fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* "Command '…' failed with exitcode N", the batch's last words; NULL if they are not there. */
static char *failed_command(Build *build)
{
    char tail[LOG_TAIL + 1];
    int fd = build_open_log(build);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    gssize length = fd < 0 ? 0 : pread(fd, tail, LOG_TAIL, MAX(size - LOG_TAIL, 0));
    tail[MAX(length, 0)] = '\0';
    if (fd >= 0)
        close(fd);
    char *words = g_strrstr(tail, "Command '");
    return words && strstr(words, "failed with exitcode") ? g_strchomp(g_strdup(words)) : NULL;
}

static void set_command_failed(Build *build, int status, GError **error)
{
    g_autofree char *words = failed_command(build);
    g_autofree char *detail = words ? NULL : g_strdup_printf("The batch of commands ended with status %d", status);
    GError *problem = NULL;
    error_set(&problem, ERROR_SANDBOX, "command-failed", NULL, "Command failed");
    error_set_detail(problem, words ? words : detail);
    g_propagate_error(error, problem);
}

/* An anonymous file of the script's text, to be read from its start. */
static int script_file(const char *script, GError **error)
{
    int fd = memfd_create("sluice-batch", MFD_CLOEXEC);
    gsize length = strlen(script);
    for (gsize done = 0; fd >= 0 && done < length;) {
        gssize written = write(fd, script + done, length - done);
        if (written <= 0)
            break;
        done += (gsize)written;
    }
    if (fd < 0 || lseek(fd, 0, SEEK_CUR) != (off_t)length || lseek(fd, 0, SEEK_SET) != 0) {
        error_set(error, ERROR_SANDBOX, NULL, NULL, "Cannot write the script of the build: %s", g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* The braces make the shell read all of it before anything runs, so the commands cannot eat the script. */
static gboolean run_long_script(Build *build, SluiceSandbox *sandbox, RunPlan plan, const char *script, int *status,
                                GError **error)
{
    g_autofree char *guarded = g_strconcat("{\n", script, "} </dev/null\n", NULL);
    int fd = script_file(guarded, error);
    if (fd < 0)
        return FALSE;
    const char *const argv[] = {"sh", "-e", NULL};
    plan.argv = argv;
    plan.fds[0] = fd;
    gboolean ok = build_run_command(build, sandbox, &plan, status, error);
    close(fd);
    return ok;
}

gboolean build_run_script(Build *build, SluiceSandbox *sandbox, const RunPlan *plan, const char *script, GError **error)
{
    RunPlan run = *plan;
    const char *const argv[] = {"sh", "-e", "-c", script, NULL};
    run.argv = argv;
    int status = 0;
    gboolean ok = strlen(script) < SCRIPT_ARGUMENT_MAX ? build_run_command(build, sandbox, &run, &status, error)
                                                       : run_long_script(build, sandbox, run, script, &status, error);
    if (ok && status != 0)
        set_command_failed(build, status, error);
    return ok && status == 0;
}
