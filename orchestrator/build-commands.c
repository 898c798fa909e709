/* build-commands.c - the commands of an element, from the staged root to the collected files. */
#include "build-private.h"

/* `greeting`: what comes before anything of the element's, or "". */
static char *batch_script(const CommandPlan *plan, const char *greeting)
{
    GString *script = g_string_new(greeting);
    for (gsize i = 0; i < plan->n_steps; i++) {
        const char *const *commands = plan->steps[i].commands;
        for (; commands && *commands; commands++)
            script_append_command(script, "sh -c -e", *commands);
        if (plan->steps[i].marker) {
            g_string_append(script, ": >");
            script_append_quoted(script, plan->steps[i].marker);
            g_string_append_c(script, '\n');
        }
    }
    return g_string_free(script, FALSE);
}

static char *commands_text(const CommandPlan *plan)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < plan->n_steps; i++) {
        const char *const *commands = plan->steps[i].commands;
        for (; commands && *commands; commands++)
            g_string_append_printf(text, "%s\n", *commands);
    }
    return g_string_free(text, FALSE);
}

/* Whether more than the result is kept: on demand, of failures, and where the next build of a workspace goes on. */
static gboolean keeps_root(const Build *build, gboolean success)
{
    CacheBuildtrees kept = build->context->buildtrees;
    return kept == BUILDTREES_ALWAYS || (kept == BUILDTREES_AUTO && (!success || build->element->workspace));
}

/* The sandbox as it is, and the build root in it. */
static gboolean keep_root(Build *build, SluiceSandbox *sandbox, const CommandPlan *plan, GError **error)
{
    SluiceEntry entry;
    sluice_sandbox_keep_times(sandbox, build->element->workspace != NULL);
    build->has_buildroot = build_capture(build, sandbox, "/", &build->buildroot, error);
    sluice_sandbox_keep_times(sandbox, FALSE);
    build->work_directory = plan->cwd;
    build->environment = plan->environment;
    if (!build->has_buildroot || !plan->buildtree)
        return build->has_buildroot;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, &build->buildroot, error);
    build->has_buildtree =
        tree && sluice_tree_lookup_follow(tree, plan->buildtree, &entry, NULL) && entry.type == SLUICE_ENTRY_DIRECTORY;
    if (build->has_buildtree)
        build->buildtree = entry.digest;
    return tree != NULL;
}

/* What a failed build leaves for those who want to know why. */
static void keep_remains(Build *build, SluiceSandbox *sandbox, const CommandPlan *plan)
{
    build->has_failed_files =
        plan->collect_failed && build_capture(build, sandbox, plan->collect, &build->failed_files, NULL);
    if (keeps_root(build, FALSE))
        (void)keep_root(build, sandbox, plan, NULL);
}

static gboolean collect(Build *build, SluiceSandbox *sandbox, const CommandPlan *plan, SluiceDigest *files,
                        GError **error)
{
    GError *problem = NULL;
    if (build_capture(build, sandbox, plan->collect, files, &problem))
        return !keeps_root(build, TRUE) || keep_root(build, sandbox, plan, error);
    if (g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND)) {
        g_clear_error(&problem);
        error_set(&problem, ERROR_ELEMENT, NULL, NULL,
                  "Directory '%s' was not found inside the sandbox, unable to collect artifact contents",
                  plan->collect);
    }
    g_propagate_error(error, problem);
    return FALSE;
}

static void report_cluster(Build *build)
{
    const SluiceUpstreamStats *stats = &build->upstream;
    if (!build->context->cluster)
        return;
    g_autofree char *read = g_format_size_full(stats->bytes_read, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *written = g_format_size_full(stats->bytes_written, G_FORMAT_SIZE_IEC_UNITS);
    build_event(build, EVENT_INFO, 0, NULL,
                "Cluster: %" G_GUINT64_FORMAT " lookups, %" G_GUINT64_FORMAT " hits, %" G_GUINT64_FORMAT
                " executed, %" G_GUINT64_FORMAT " results given, %s read, %s written",
                stats->lookups, stats->hits, stats->executions, stats->uploads, read, written);
}

static void report_account(Build *build)
{
    const SluiceEndpointStats *stats = &build->proxy;
    g_autofree char *read = g_format_size(stats->bytes_read), *written = g_format_size(stats->bytes_written);
    build_event(build, EVENT_INFO, 0, NULL,
                "Action cache: %" G_GUINT64_FORMAT " lookups, %" G_GUINT64_FORMAT " hits, %" G_GUINT64_FORMAT
                " misses, %" G_GUINT64_FORMAT " executed, %" G_GUINT64_FORMAT " stored; %s read, %s written",
                stats->lookups, stats->hits, stats->misses, stats->executed, stats->updates, read, written);
    report_cluster(build);
    if (stats->updates_refused > 0)
        build_event(build, EVENT_INFO, 0, NULL,
                    "Action cache: %" G_GUINT64_FORMAT " results were refused (cache-writes is not `trusted`)",
                    stats->updates_refused);
}

static gboolean check_called(Build *build, const CommandPlan *plan, GError **error)
{
    if (!plan->proxy_required || build->proxy.calls > 0)
        return TRUE;
    GError *problem = NULL;
    error_set(&problem, ERROR_ELEMENT, "action-proxy-unused", NULL, "%s never called the action-proxy",
              plan->proxy_required);
    error_set_detail(problem,
                     "The build succeeded, but nothing was cached: the client did not use the cache it was "
                     "given.\nEither its options say otherwise (--remote_cache in bazelrc or build-options), or "
                     "it cannot use it and went on without.\nTo build without a cache, say so: set `cache: false` "
                     "in the element's config.");
    g_propagate_error(error, problem);
    return FALSE;
}

/* Runs the batch with its proxy around it.  There is room for one more bind. */
static gboolean run_with_proxy(Build *build, SluiceSandbox *sandbox, const CommandPlan *plan, RunPlan *run,
                               SluiceSandboxBind *binds, const char *greeting, GError **error)
{
    g_autofree char *script = batch_script(plan, greeting);
    if (!plan->proxy_socket && !plan->proxy_port)
        return build_run_script(build, sandbox, run, script, error);

    Proxy *proxy = proxy_start(build, plan, error);
    if (!proxy)
        return FALSE;
    run->n_binds += proxy_get_bind(proxy, &binds[run->n_binds]) ? 1 : 0;
    run->loopback_port = plan->proxy_port;
    run->listener = proxy_take_listener;
    run->listener_data = proxy;
    gboolean ok = build_run_script(build, sandbox, run, script, error);
    ok = proxy_finish(proxy, ok ? error : NULL) && ok;
    report_account(build);
    return ok && check_called(build, plan, error);
}

/* `root`: what is staged in the sandbox. */
static gboolean run_batch(Build *build, SluiceSandbox *sandbox, const CommandPlan *plan, const SluiceDigest *root,
                          GError **error)
{
    enum { RECC, PROXY, N_BINDS };
    SluiceSandboxBind binds[N_BINDS];
    RunPlan run;
    run_plan_init(build, &run);
    run.environment = plan->environment;
    run.cwd = plan->cwd;
    run.root_read_only = plan->root_read_only;
    run.writable = plan->root_read_only ? plan->writable : NULL;
    run.binds = binds;
    if (!build->element->sandbox.recc || !build->has_environment_root)
        return run_with_proxy(build, sandbox, plan, &run, binds, "", error);

    Recc *recc = recc_start(build, plan, sandbox, root, error);
    if (!recc)
        return FALSE;
    recc_get_bind(recc, &binds[run.n_binds++]);
    run.environment = recc_environment(build, plan->environment);
    gboolean ok = run_with_proxy(build, sandbox, plan, &run, binds, recc_get_greeting(), error);
    recc_finish(recc);
    return ok;
}

static gboolean run_announced(Build *build, SluiceSandbox *sandbox, const CommandPlan *plan, const SluiceDigest *root,
                              const char *text, GError **error)
{
    build_event(build, EVENT_START, 0, text, "Running commands");
    gint64 started = g_get_monotonic_time();
    gboolean ran = run_batch(build, sandbox, plan, root, error);
    build_event(build, ran ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "Running commands");
    return ran;
}

gboolean build_commands(Build *build, const CommandPlan *plan, SluiceDigest *files, GError **error)
{
    g_autofree char *text = commands_text(plan);
    SluiceDigest root = plan->root;
    if (*text && !build_check_command(build, &root, "sh", plan->environment, error))
        return FALSE;
    if (*text && !plan->root_read_only && !build_add_mount_points(build, plan->cwd, &root, error))
        return FALSE;
    g_autoptr(SluiceSandbox) sandbox = build_open_sandbox(build, &root, error);
    if (!sandbox)
        return FALSE;
    if (!*text || run_announced(build, sandbox, plan, &root, text, error))
        return collect(build, sandbox, plan, files, error);
    keep_remains(build, sandbox, plan);
    return FALSE;
}
