#include "helper-execute.h"
#include "channel.h"
#include "helper-limits.h"
#include "helper-mount.h"
#include "helper-namespaces.h"
#include "sandbox-limits.h"
#include "sandbox-spawn.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean bad_value(const SandboxOp *op, GError **error)
{
    return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "plan: %s cannot be '%s'", sandbox_op_name(op->type),
                         op->args[0]);
}

static void add_options_v(HelperRun *run, const char *const *options)
{
    for (; *options != NULL; options++)
        g_ptr_array_add(run->options, g_strdup(*options));
}

#define add_options(run, ...) add_options_v(run, (const char *const[]){__VA_ARGS__, NULL})

/* The innermost mount at or above `path`, or NULL. */
static const HelperCover *find_cover(const HelperRun *run, const char *path)
{
    const HelperCover *found = NULL;
    for (guint i = 0; i < run->covered->len; i++) {
        const HelperCover *cover = &g_array_index(run->covered, HelperCover, i);
        gsize length = strlen(cover->path);
        if (strncmp(path, cover->path, length) == 0 && (path[length] == '\0' || path[length] == '/') &&
            (found == NULL || length > strlen(found->path)))
            found = cover;
    }
    return found;
}

gboolean helper_run_is_covered(const HelperRun *run, const char *path)
{
    return find_cover(run, path) != NULL;
}

const char *helper_run_below_place(const HelperRun *run, const char *path)
{
    gsize length = run->place != NULL ? strlen(run->place) : 0;
    return length > 0 && strncmp(path, run->place, length) == 0 && path[length] == '/' ? path + length : NULL;
}

/* Something is mounted at `inside`, where `path` leads to. */
static void cover(HelperRun *run, const char *path, const char *inside)
{
    HelperCover cover = {g_strdup(path), g_strdup(inside)};
    g_array_append_val(run->covered, cover);
    if (!g_str_equal(path, inside)) {
        HelperCover itself = {g_strdup(inside), g_strdup(inside)};
        g_array_append_val(run->covered, itself);
    }
}

static void cover_clear(gpointer data)
{
    HelperCover *cover = data;
    g_free(cover->path);
    g_free(cover->inside);
}

/* A path below something that is mounted, by its place: bubblewrap would follow the root's links while the host can still be seen through them.  NULL if it is not. */
static char *covered_path(const HelperRun *run, const char *path)
{
    const HelperCover *cover = find_cover(run, path);
    return cover != NULL ? g_strconcat(cover->inside, path + strlen(cover->path), NULL) : NULL;
}

/* ---- This process ---- */

static gboolean do_limits(HelperRun *run, const SandboxOp *op, GError **error)
{
    uint64_t *const numbers[] = {&run->limits.processes, &run->limits.memory, &run->limits.disk,
                                 &run->limits.files,     &run->limits.output, &run->limits.free_space};
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        guint64 number = 0;
        if (!g_ascii_string_to_unsigned(op->args[i], 10, 0, G_MAXUINT64, &number, error))
            return FALSE;
        *numbers[i] = number;
    }
    helper_limits_hurry();
    return TRUE;
}

static gboolean do_namespaces(HelperRun *run, const SandboxOp *op, GError **error)
{
    if (g_str_equal(op->args[0], "new"))
        return helper_new_user_namespace(error);
    if (g_str_equal(op->args[0], "join"))
        return helper_join_namespaces(HELPER_FD_USER_NS, HELPER_FD_MOUNT_NS, error);
    return bad_value(op, error);
}

static gboolean do_network(HelperRun *run, const SandboxOp *op, GError **error)
{
    if (g_str_equal(op->args[0], "none"))
        return helper_new_network(error);
    return g_str_equal(op->args[0], "host") || bad_value(op, error);
}

/* The caller has its listeners, and somebody behind them, before anything runs. */
static gboolean await_go(GError **error)
{
    SandboxMessage message = {.n_fds = 0};
    if (!sandbox_channel_send(HELPER_FD_CONTROL, "listening", NULL, NULL, 0, error))
        return FALSE;
    if (!sandbox_channel_receive(HELPER_FD_CONTROL, &message, error) || !g_str_equal(message.word, "go"))
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_CANCELLED, "cancelled before it began");
    return TRUE;
}

static gboolean do_listen(HelperRun *run, const SandboxOp *op, GError **error)
{
    guint64 port = 0;
    int fds[SANDBOX_LISTENERS_MAX];
    if (!g_ascii_string_to_unsigned(op->args[0], 10, 1, G_MAXUINT16, &port, NULL))
        return bad_value(op, error);
    unsigned count = helper_listen((guint16)port, fds, error);
    gboolean ok = count > 0;
    for (unsigned i = 0; i < count; i++) {
        ok = ok && sandbox_channel_send(HELPER_FD_CONTROL, "listener", NULL, &fds[i], 1, error);
        close(fds[i]);
    }
    return ok && await_go(error);
}

/* ---- The root ---- */

static gboolean do_work(HelperRun *run, const SandboxOp *op, GError **error)
{
    static const char *const folders[] = {"upper", "lower", "root"};
    if (chdir(op->args[0]) != 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot enter %s", op->args[0]);
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        if (mkdir(folders[i], 0755) != 0 && errno != EEXIST)
            return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot make %s/%s", op->args[0],
                                       folders[i]);
    }
    run->work = op->args[0];
    return TRUE;
}

static gboolean do_lower(HelperRun *run, const SandboxOp *op, GError **error)
{
    return helper_mount_lower(op->args[0], error);
}

static gboolean do_overlay(HelperRun *run, const SandboxOp *op, GError **error)
{
    if (!helper_mount_overlay(op->args[0], error))
        return FALSE;
    run->mounted = TRUE;
    return helper_root_open(&run->root, "root", error);
}

static gboolean do_root(HelperRun *run, const SandboxOp *op, GError **error)
{
    gboolean read_only = g_str_equal(op->args[0], "read-only");
    if (run->root.place == NULL || (!read_only && !g_str_equal(op->args[0], "writable")))
        return bad_value(op, error);
    add_options(run, read_only ? "--ro-bind" : "--bind", run->root.place, "/");
    return TRUE;
}

/* The overlay is not the root, but at a place in it. */
static gboolean do_base(HelperRun *run, const SandboxOp *op, GError **error)
{
    run->inner = run->root;
    run->place = op->args[1];
    run->mounted = FALSE;
    if (!helper_root_open(&run->root, op->args[0], error))
        return FALSE;
    if (helper_root_has_link(&run->root, run->place))
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "%s in the sandbox is a link", run->place);
    add_options(run, "--ro-bind", run->root.place, "/", "--bind", run->inner.place, run->place);
    cover(run, run->place, run->place);
    return TRUE;
}

/* ---- Over the root ---- */

/* As helper_root_ensure, for what bubblewrap is to mount.  A link of the root that leads below a mount would lead bubblewrap elsewhere: below /proc, to the host. */
static char *ensure_outside(HelperRun *run, const char *path, gboolean file, gboolean transient, GError **error)
{
    char *inside = helper_root_ensure(&run->root, path, file, transient, error);
    const HelperCover *cover = inside != NULL ? find_cover(run, inside) : NULL;
    if (cover == NULL || g_str_equal(cover->path, inside))
        return inside;
    sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "%s in the sandbox leads below %s, where something is mounted",
                  path, cover->path);
    g_free(inside);
    return NULL;
}

/* A place inside to mount something on.  What lies on something else that is mounted is made there by bubblewrap. */
static char *mount_point(HelperRun *run, const char *path, gboolean file, gboolean transient, GError **error)
{
    char *covered = covered_path(run, path);
    return covered != NULL ? covered : ensure_outside(run, path, file, transient, error);
}

/* Where it was mounted, no links in it; NULL with error. */
static char *mount_special(HelperRun *run, const char *option, const char *path, GError **error)
{
    char *inside = mount_point(run, path, FALSE, TRUE, error);
    if (inside != NULL) {
        add_options(run, option, inside);
        cover(run, path, inside);
    }
    return inside;
}

static void add_size(HelperRun *run)
{
    char size[24];
    g_snprintf(size, sizeof size, "%" G_GUINT64_FORMAT, (guint64)run->limits.memory);
    if (run->limits.memory > 0)
        add_options(run, "--size", size);
}

/* What can be written there is in memory: where that has a bound, only in /dev/shm, which then has it, too. */
static gboolean do_dev(HelperRun *run, const SandboxOp *op, GError **error)
{
    g_autofree char *inside = mount_special(run, "--dev", op->args[0], error);
    if (inside == NULL || run->limits.memory == 0)
        return inside != NULL;
    g_autofree char *shared = g_build_filename(inside, "shm", NULL);
    add_options(run, "--perms", "1777");
    add_size(run);
    add_options(run, "--tmpfs", shared, "--remount-ro", inside);
    return TRUE;
}

/*
 * Many files below /proc are root's, and ask for no capability: if the caller is the host's root, so is the command, and it could set
 * kernel.core_pattern.  Those are covered, for every caller alike.
 */
static gboolean do_proc(HelperRun *run, const SandboxOp *op, GError **error)
{
    static const char *const read_only[] = {"acpi", "fs", "scsi", "sys",
                                            "sysrq-trigger"}; /* bubblewrap covers two more */
    g_autofree char *place = mount_special(run, "--proc", op->args[0], error);
    for (gsize i = 0; place != NULL && i < G_N_ELEMENTS(read_only); i++) {
        g_autofree char *path = g_build_filename("/proc", read_only[i], NULL);
        g_autofree char *inside = g_build_filename(place, read_only[i], NULL);
        if (access(path, F_OK) == 0)
            add_options(run, "--ro-bind", path, inside);
    }
    return place != NULL;
}

static gboolean do_tmpfs(HelperRun *run, const SandboxOp *op, GError **error)
{
    add_options(run, "--perms", "1777");
    add_size(run);
    g_autofree char *inside = mount_special(run, "--tmpfs", op->args[0], error);
    return inside != NULL;
}

static gboolean do_writable(HelperRun *run, const SandboxOp *op, GError **error)
{
    g_autofree char *covered = covered_path(run, op->args[0]);
    g_autofree char *inside = covered != NULL ? helper_root_ensure(&run->root, op->args[0], FALSE, FALSE, error)
                                              : ensure_outside(run, op->args[0], FALSE, FALSE, error);
    if (inside == NULL)
        return FALSE;
    g_autofree char *source = g_strconcat(run->root.place, inside, NULL);
    add_options(run, "--bind", source, covered != NULL ? covered : inside);
    return TRUE;
}

static gboolean do_bind(HelperRun *run, const SandboxOp *op, GError **error)
{
    struct stat status;
    if (stat(op->args[0], &status) != 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot bind %s", op->args[0]);
    g_autofree char *inside = mount_point(run, op->args[1], !S_ISDIR(status.st_mode), TRUE, error);
    if (inside == NULL)
        return FALSE;
    add_options(run, g_str_equal(op->args[2], "read-only") ? "--ro-bind" : "--bind", op->args[0], inside);
    cover(run, op->args[1], inside);
    return TRUE;
}

static gboolean do_directory(HelperRun *run, const SandboxOp *op, GError **error)
{
    const char *path = run->directory = op->args[0], *below = helper_run_below_place(run, path);
    g_autofree char *covered = below == NULL ? covered_path(run, path) : NULL;
    if (covered != NULL) {
        add_options(run, "--dir", covered, "--chdir", path);
        return TRUE;
    }
    g_autofree char *inside = below != NULL ? helper_root_ensure(&run->inner, below, FALSE, FALSE, error)
                                            : helper_root_ensure(&run->root, path, FALSE, FALSE, error);
    if (inside != NULL)
        add_options(run, "--chdir", path);
    return inside != NULL;
}

/* ---- Who runs what ---- */

static gboolean do_identity(HelperRun *run, const SandboxOp *op, GError **error)
{
    add_options(run, "--unshare-user", "--uid", op->args[0], "--gid", op->args[1], "--unshare-ipc", "--unshare-pid",
                "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL", "--die-with-parent");
    return TRUE;
}

static gboolean do_hostname(HelperRun *run, const SandboxOp *op, GError **error)
{
    add_options(run, "--hostname", op->args[0]);
    return TRUE;
}

static gboolean do_session(HelperRun *run, const SandboxOp *op, GError **error)
{
    if (g_str_equal(op->args[0], "new"))
        add_options(run, "--new-session");
    return TRUE;
}

static gboolean do_environment(HelperRun *run, const SandboxOp *op, GError **error)
{
    add_options(run, "--clearenv");
    for (char **variable = op->args; *variable != NULL; variable++) {
        const char *value = strchr(*variable, '=');
        if (value == NULL)
            return bad_value(op, error);
        g_autofree char *name = g_strndup(*variable, (gsize)(value - *variable));
        add_options(run, "--setenv", name, value + 1);
        g_ptr_array_add(run->environment, *variable);
    }
    return TRUE;
}

static gboolean do_launch(HelperRun *run, const SandboxOp *op, GError **error)
{
    run->launch = op->args;
    if (run->options->len > SANDBOX_LAUNCH_ARGS_MAX)
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP,
                             "too many environment variables and mounts for one command (%u options of at most %u)",
                             run->options->len, SANDBOX_LAUNCH_ARGS_MAX);
    return TRUE;
}

typedef gboolean (*OpFunc)(HelperRun *run, const SandboxOp *op, GError **error);

static const OpFunc handlers[SANDBOX_N_OPS] = {
    [SANDBOX_OP_NAMESPACES] = do_namespaces,
    [SANDBOX_OP_NETWORK] = do_network,
    [SANDBOX_OP_LISTEN] = do_listen,
    [SANDBOX_OP_LIMITS] = do_limits,
    [SANDBOX_OP_WORK] = do_work,
    [SANDBOX_OP_LOWER] = do_lower,
    [SANDBOX_OP_OVERLAY] = do_overlay,
    [SANDBOX_OP_ROOT] = do_root,
    [SANDBOX_OP_BASE] = do_base,
    [SANDBOX_OP_DEV] = do_dev,
    [SANDBOX_OP_PROC] = do_proc,
    [SANDBOX_OP_TMPFS] = do_tmpfs,
    [SANDBOX_OP_WRITABLE] = do_writable,
    [SANDBOX_OP_BIND] = do_bind,
    [SANDBOX_OP_DIRECTORY] = do_directory,
    [SANDBOX_OP_IDENTITY] = do_identity,
    [SANDBOX_OP_HOSTNAME] = do_hostname,
    [SANDBOX_OP_SESSION] = do_session,
    [SANDBOX_OP_ENVIRONMENT] = do_environment,
    [SANDBOX_OP_LAUNCH] = do_launch,
};

void helper_run_init(HelperRun *run)
{
    *run = (HelperRun){.root = {.fd = -1},
                       .inner = {.fd = -1},
                       .options = g_ptr_array_new_with_free_func(g_free),
                       .covered = g_array_new(FALSE, FALSE, sizeof(HelperCover)),
                       .environment = g_ptr_array_new()};
    g_array_set_clear_func(run->covered, cover_clear);
}

void helper_run_clear(HelperRun *run)
{
    helper_root_clear(&run->root);
    helper_root_clear(&run->inner);
    g_ptr_array_unref(run->options);
    g_array_unref(run->covered);
    g_ptr_array_unref(run->environment);
}

gboolean helper_run_execute(HelperRun *run, const SandboxPlan *plan, GError **error)
{
    for (guint i = 0; i < plan->ops->len; i++) {
        const SandboxOp *op = plan->ops->pdata[i];
        if (!handlers[op->type](run, op, error))
            return FALSE;
    }
    return run->launch != NULL || sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "plan: nothing to launch");
}
