/*
 * From a command to its plan.  The order is the order of what happens: namespaces, then the root, then what is mounted over it
 * (a later mount hides an earlier one), then who runs what.
 */
#include "plan.h"
#include "sandbox-error.h"
#include "sandbox-limits.h"

#include <string.h>

/* Absolute, and without components that could lead somewhere else than they say. */
static gboolean check_path(const char *what, const char *path, GError **error)
{
    if (path == NULL || path[0] != '/')
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "%s must be an absolute path: %s", what,
                             path != NULL ? path : "(none)");
    if (strlen(path) >= PATH_MAX)
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "%s is too long: %.100s…", what, path);
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (g_str_equal(*part, "..") || g_str_equal(*part, "."))
            return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "%s must not contain '%s': %s", what, *part, path);
    }
    return TRUE;
}

static gboolean check_environment(const char *const *envp, GError **error)
{
    for (; envp != NULL && *envp != NULL; envp++) {
        if (strchr(*envp, '=') == NULL || (*envp)[0] == '=')
            return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "environment: '%s' is not NAME=value", *envp);
    }
    return TRUE;
}

static gboolean check_mounts(const SluiceSandboxCommand *command, GError **error)
{
    for (const char *const *path = command->writable; path != NULL && *path != NULL; path++) {
        if (!check_path("a writable directory", *path, error))
            return FALSE;
        if ((*path)[strspn(*path, "/")] == '\0')
            return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "a read-only root cannot be writable as a whole");
    }
    for (gsize i = 0; i < command->n_binds; i++) {
        if (!check_path("the source of a bind", command->binds[i].source, error) ||
            !check_path("the target of a bind", command->binds[i].target, error))
            return FALSE;
        if (command->binds[i].target[strspn(command->binds[i].target, "/")] == '\0')
            return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "a bind cannot replace the root");
    }
    return TRUE;
}

static gboolean check_command(const SluiceSandboxCommand *command, GError **error)
{
    if (command->argv == NULL || command->argv[0] == NULL || command->argv[0][0] == '\0')
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "the command is empty");
    if (command->loopback_port > G_MAXUINT16)
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "%u is no port", command->loopback_port);
    if (command->loopback_port > 0 && (command->network || command->listener == NULL))
        return sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP,
                             "a loopback listener needs a private network and somebody to take it");
    return check_path("the working directory", command->cwd, error) && check_environment(command->envp, error) &&
           check_mounts(command, error);
}

static void add_number(SandboxPlan *plan, SandboxOpType type, unsigned number)
{
    char text[16];
    g_snprintf(text, sizeof text, "%u", number);
    sandbox_plan_add(plan, type, text);
}

static void plan_limits(SandboxPlan *plan, const SluiceSandboxLimits *limits)
{
    const uint64_t numbers[] = {limits->processes, limits->memory, limits->disk,
                                limits->files,     limits->output, limits->free_space};
    char texts[G_N_ELEMENTS(numbers)][24];
    const char *args[G_N_ELEMENTS(numbers) + 1] = {NULL};
    uint64_t any = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        g_snprintf(texts[i], sizeof texts[i], "%" G_GUINT64_FORMAT, numbers[i]);
        args[i] = texts[i];
        any |= numbers[i];
    }
    if (any != 0)
        sandbox_plan_addv(plan, SANDBOX_OP_LIMITS, args);
}

static void plan_root(SandboxPlan *plan, const SandboxPlace *place, const SluiceSandboxCommand *command)
{
    char own[32];
    g_snprintf(own, sizeof own, "overlay-%u", place->serial);
    plan_limits(plan, &command->limits);
    sandbox_plan_add(plan, SANDBOX_OP_NAMESPACES, place->join ? "join" : "new");
    sandbox_plan_add(plan, SANDBOX_OP_NETWORK, command->network ? "host" : "none");
    if (command->loopback_port > 0)
        add_number(plan, SANDBOX_OP_LISTEN, command->loopback_port);
    sandbox_plan_add(plan, SANDBOX_OP_WORK, place->work);
    sandbox_plan_add(plan, SANDBOX_OP_LOWER, place->lower);
    sandbox_plan_add(plan, SANDBOX_OP_OVERLAY, own);
    if (place->base != NULL)
        sandbox_plan_add(plan, SANDBOX_OP_BASE, place->base, place->place);
    else
        sandbox_plan_add(plan, SANDBOX_OP_ROOT, command->root_read_only ? "read-only" : "writable");
}

static void plan_mounts(SandboxPlan *plan, const SluiceSandboxCommand *command)
{
    sandbox_plan_add(plan, SANDBOX_OP_DEV, "/dev");
    sandbox_plan_add(plan, SANDBOX_OP_PROC, "/proc");
    sandbox_plan_add(plan, SANDBOX_OP_TMPFS, "/tmp");
    for (const char *const *path = command->writable; path != NULL && *path != NULL; path++)
        sandbox_plan_add(plan, SANDBOX_OP_WRITABLE, *path);
    for (gsize i = 0; i < command->n_binds; i++) {
        const SluiceSandboxBind *bind = &command->binds[i];
        sandbox_plan_add(plan, SANDBOX_OP_BIND, bind->source, bind->target, bind->read_only ? "read-only" : "writable");
    }
    sandbox_plan_add(plan, SANDBOX_OP_DIRECTORY, command->cwd);
}

static void plan_launch(SandboxPlan *plan, const SandboxPlace *place, const SluiceSandboxCommand *command)
{
    static const char *const nothing[] = {NULL};
    char uid[16], gid[16];
    g_snprintf(uid, sizeof uid, "%u", command->uid);
    g_snprintf(gid, sizeof gid, "%u", command->gid);
    sandbox_plan_add(plan, SANDBOX_OP_IDENTITY, uid, gid);
    sandbox_plan_add(plan, SANDBOX_OP_HOSTNAME, SANDBOX_HOSTNAME);
    sandbox_plan_add(plan, SANDBOX_OP_SESSION, command->new_session ? "new" : "same");
    sandbox_plan_addv(plan, SANDBOX_OP_ENVIRONMENT, command->envp != NULL ? command->envp : nothing);
    g_autoptr(GPtrArray) launch = g_ptr_array_new();
    g_ptr_array_add(launch, (gpointer)place->bwrap);
    for (const char *const *arg = command->argv; *arg != NULL; arg++)
        g_ptr_array_add(launch, (gpointer)*arg);
    g_ptr_array_add(launch, NULL);
    sandbox_plan_addv(plan, SANDBOX_OP_LAUNCH, (const char *const *)launch->pdata);
}

SandboxPlan *sandbox_plan_for_command(const SandboxPlace *place, const SluiceSandboxCommand *command, GError **error)
{
    if (!check_command(command, error))
        return NULL;
    SandboxPlan *plan = sandbox_plan_new();
    plan_root(plan, place, command);
    plan_mounts(plan, command);
    plan_launch(plan, place, command);
    return plan;
}
