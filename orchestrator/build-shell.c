/* build-shell.c - a command of the user's in an element's sandbox: what it is built in, or what it runs in. */
#include "build-private.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    Build *build;
    const ShellOptions *options;
    CommandPlan plan; /* root, directories, environment, proxy */
    GArray *binds;    /* SluiceSandboxBind */
} Shell;

/* ---- What the project says about shells ---------------------------------------------------------------------------------- */

/* `$NAME` and `${NAME}` of the host; in the arena. */
static const char *expand_host(Arena *arena, const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);
    while (*text) {
        const char *dollar = strchr(text, '$');
        g_string_append_len(out, text, dollar ? dollar - text : (gssize)strlen(text));
        if (!dollar)
            break;
        gboolean braced = dollar[1] == '{';
        const char *name = dollar + 1 + braced;
        gsize length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        gboolean valid = length > 0 && (!braced || name[length] == '}');
        g_autofree char *copy = g_strndup(name, length);
        const char *value = valid ? g_getenv(copy) : NULL;
        text = valid ? name + length + braced : dollar + 1;
        if (!value)
            g_string_append_len(out, dollar, text - dollar);
        else
            g_string_append(out, value);
    }
    return arena_strdup(arena, out->str);
}

static gboolean add_environment(Shell *shell, const Node *section, GError **error)
{
    Arena *arena = shell->build->arena;
    Node *variables = NULL;
    if (!node_get_mapping(section, "environment", &variables, error))
        return FALSE;
    for (gsize i = 0; variables && i < node_size(variables); i++) {
        const char *name = node_key_at(variables, i), *value = NULL;
        if (!node_get_string(variables, name, &value, error))
            return FALSE;
        shell->plan.environment = environment_with(arena, shell->plan.environment, name, expand_host(arena, value));
    }
    return TRUE;
}

static void add_bind(Shell *shell, const SluiceSandboxBind *bind, gboolean optional)
{
    if (access(bind->source, F_OK) == 0)
        g_array_append_vals(shell->binds, bind, 1);
    else if (!optional)
        build_event(shell->build, EVENT_WARNING, 0, NULL, "Not mounting non-existing host file: %s", bind->source);
}

static gboolean add_host_file(Shell *shell, const Node *item, GError **error)
{
    static const char *const keys[] = {"path", "host_path", "optional", NULL};
    Arena *arena = shell->build->arena;
    const char *path = NULL, *host_path = NULL;
    gboolean optional = FALSE;
    if (node_type(item) == NODE_SCALAR)
        path = node_text(item);
    else if (!node_check_keys(item, keys, error) || !node_need_string(item, "path", &path, error) ||
             !node_get_string(item, "host_path", &host_path, error) ||
             !node_get_bool(item, "optional", &optional, error))
        return FALSE;
    path = expand_host(arena, path);
    SluiceSandboxBind bind = {host_path ? expand_host(arena, host_path) : path, path, FALSE};
    add_bind(shell, &bind, optional);
    return TRUE;
}

static gboolean add_host_files(Shell *shell, const Node *section, GError **error)
{
    Node *files = NULL;
    if (!node_get_sequence(section, "host-files", &files, error))
        return FALSE;
    for (gsize i = 0; files && i < node_size(files); i++) {
        if (!add_host_file(shell, node_at(files, i), error))
            return FALSE;
    }
    return TRUE;
}

static const char *const *shell_command(Shell *shell, const Node *section, GError **error)
{
    static const char *const standard[] = {"sh", "-i", NULL};
    const char *const *command = standard;
    if (shell->options->argv)
        return shell->options->argv;
    if (section && !node_get_strings(section, "command", shell->build->arena, &command, error))
        return NULL;
    return *command ? command : standard;
}

/* ---- Staging ------------------------------------------------------------------------------------------------------------- */

static const char *const *environment_copy(Arena *arena, const char *const *variables)
{
    gsize count = g_strv_length((char **)variables);
    const char **copy = arena_alloc(arena, (count + 1) * sizeof *copy);
    for (gsize i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, variables[i]);
    copy[count] = NULL;
    return copy;
}

/* BuildStream's words for a buildtree that is not there. */
static gboolean missing_buildtree(const Artifact *artifact, GError **error)
{
    if (!artifact)
        error_set(error, ERROR_STREAM, "missing-buildtree-artifact-not-cached", NULL,
                  "Artifact not cached locally or in available remotes");
    else
        error_set(error, ERROR_STREAM, "missing-buildtree-artifact-created-without-buildtree", NULL,
                  "Artifact was created without buildtree");
    return FALSE;
}

/* The sandbox as the build left it; what it was made of need not be there any more. */
static gboolean stage_buildroot(Shell *shell, GError **error)
{
    Build *build = shell->build;
    GError *problem = NULL;
    g_autoptr(Artifact) artifact =
        artifact_find(build->context->store, build->element, build->context->strict, &problem);
    if (problem) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (!artifact || !artifact->has_buildroot)
        return missing_buildtree(artifact, error);
    if (!artifact->success)
        build_event(build, EVENT_WARNING, 0, NULL, "using a buildtree from a failed build.");
    CommandPlan *plan = &shell->plan;
    plan->root = artifact->buildroot;
    plan->root_read_only = TRUE;
    plan->cwd = artifact->work_directory && *artifact->work_directory
                    ? arena_strdup(build->arena, artifact->work_directory)
                    : "/";
    plan->environment = artifact->environment ? environment_copy(build->arena, artifact->environment)
                                              : environment_from_node(build->arena, build->element->environment);
    return build_plan_proxy(build, SLUICE_CACHE_WRITES_EXECUTED, &shell->plan, error);
}

static gboolean stage_build(Shell *shell, GError **error)
{
    CommandPlan *plan = &shell->plan;
    build_element_directories(shell->build, plan);
    return shell->options->use_buildtree ? stage_buildroot(shell, error)
                                         : build_element_plan(shell->build, plan, error);
}

static gboolean stage_runtime(Shell *shell, GError **error)
{
    Build *build = shell->build;
    g_autoptr(GPtrArray) all = element_scope(build->element, SCOPE_RUN);
    shell->plan.root_read_only = TRUE;
    shell->plan.cwd = "/";
    shell->plan.environment = build_environment(build, error);
    gint64 started = build_event_start(build, "Staging dependencies");
    gboolean staged = shell->plan.environment && build_stage_artifacts(build, all, &shell->plan.root, error);
    build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "Staging dependencies");
    return staged && build_integrate(build, all, &shell->plan.root, &shell->plan.root, error);
}

/* ---- Running ------------------------------------------------------------------------------------------------------------- */

static gboolean run_shell(Shell *shell, const char *const *argv, int *status, GError **error)
{
    Build *build = shell->build;
    g_autoptr(SluiceSandbox) sandbox = build_open_sandbox(build, &shell->plan.root, error);
    Proxy *proxy = NULL;
    SluiceSandboxBind bind;
    /* What a hand does with host files at hand is no result to share. */
    if (!shell->options->isolate || shell->binds->len > 0)
        shell->plan.cache_writes = SLUICE_CACHE_WRITES_OFF;
    if (!sandbox || (shell->plan.proxy_socket && !(proxy = proxy_start(build, &shell->plan, error))))
        return FALSE;
    if (proxy && proxy_get_bind(proxy, &bind))
        g_array_append_val(shell->binds, bind);
    RunPlan run = {
        .argv = argv,
        .environment = shell->plan.environment,
        .cwd = shell->plan.cwd,
        .root_read_only = shell->plan.root_read_only,
        .writable = shell->plan.writable,
        .binds = (const SluiceSandboxBind *)(void *)shell->binds->data,
        .n_binds = shell->binds->len,
        .network = !shell->options->isolate,
        .inherit_ids = !shell->options->isolate && !proxy,
        .interactive = shell->options->interactive,
        .fds = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO},
        .loopback_port = proxy && shell->options->isolate ? shell->plan.proxy_port : 0,
        .listener = proxy_take_listener,
        .listener_data = proxy,
    };
    gboolean ran = build_run_command(build, sandbox, &run, status, error);
    if (proxy)
        ran = proxy_finish(proxy, ran ? error : NULL) && ran;
    return ran;
}

static gboolean open_shell(Shell *shell, int *status, GError **error)
{
    const ShellOptions *options = shell->options;
    Arena *arena = shell->build->arena;
    const Node *section = project_shell(session_toplevel(project_session(shell->build->element->project)));
    const char *const *argv = shell_command(shell, section, error);
    if (!argv || !(options->build_scope ? stage_build(shell, error) : stage_runtime(shell, error)))
        return FALSE;
    if (options->prompt)
        shell->plan.environment = environment_with(arena, shell->plan.environment, "PS1", options->prompt);
    if (section && !options->isolate &&
        (!add_environment(shell, section, error) || !add_host_files(shell, section, error)))
        return FALSE;
    /* BuildStream forgets these in isolation; who asks for them wants them. */
    for (gsize i = 0; i < options->n_binds; i++)
        add_bind(shell, &options->binds[i], FALSE);
    return build_check_command(shell->build, &shell->plan.root, *argv, shell->plan.environment, error) &&
           run_shell(shell, argv, status, error);
}

gboolean build_shell(Element *element, const BuildContext *context, const ShellOptions *options, int *status,
                     GError **error)
{
    Build build;
    if (!build_begin(&build, element, context, "main", error))
        return FALSE;
    g_autoptr(GArray) binds = g_array_new(FALSE, FALSE, sizeof(SluiceSandboxBind));
    Shell shell = {.build = &build, .options = options, .binds = binds};
    gboolean ran = open_shell(&shell, status, error);
    build_end(&build);
    return ran;
}
