/*
 * The sandbox library as a command, for the scripts beside this file.
 *
 *   sandbox-tool STORE import DIRECTORY
 *   sandbox-tool STORE list DIGEST
 *   sandbox-tool STORE checkout DIGEST DIRECTORY
 *   sandbox-tool STORE gc
 *   sandbox-tool STORE probe
 *   sandbox-tool STORE run ROOT [OPTION…] -- COMMAND… [--then COMMAND…]
 *
 * `run` says on the descriptor of --report (default: standard error) what happened, one line for each thing.
 */
#include "sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    SluiceStagingMode mode;
    SluiceSandboxCommand command;
    GPtrArray *environment, *writable, *captures;
    GArray *binds;
    int cancel_after; /* ms */
    int repeat, parallel;
    gboolean serve, timing;
    FILE *report;
} Options;

static int fail(GError *error)
{
    fprintf(stderr, "sandbox-tool: %s\n", error->message);
    return 1;
}

static gboolean print_entry(const char *path, const SluiceEntry *entry, gpointer data)
{
    char digest[SLUICE_DIGEST_STRING_MAX];
    g_autofree char *escaped = g_strescape(path, NULL);
    switch (entry->type) {
    case SLUICE_ENTRY_FILE:
        printf("%s %c %s\n", escaped, entry->executable ? 'x' : 'f', sluice_digest_string(&entry->digest, digest));
        break;
    case SLUICE_ENTRY_SYMLINK:
        printf("%s l %s\n", escaped, entry->target);
        break;
    default:
        printf("%s d\n", escaped);
    }
    return TRUE;
}

static int do_import(SluiceStore *store, char **args)
{
    g_autoptr(GError) error = NULL;
    const SluiceImportOptions options = {.by_link = FALSE};
    SluiceDigest root;
    char text[SLUICE_DIGEST_STRING_MAX];
    if (!sluice_store_import(store, AT_FDCWD, args[0], &options, &root, &error))
        return fail(error);
    puts(sluice_digest_string(&root, text));
    return 0;
}

static int do_list(SluiceStore *store, char **args)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    if (!sluice_digest_parse(args[0], &root, &error) ||
        !sluice_store_walk_tree(store, &root, print_entry, NULL, &error))
        return fail(error);
    return 0;
}

static int do_checkout(SluiceStore *store, char **args)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    if (!sluice_digest_parse(args[0], &root, &error) ||
        !sluice_store_checkout(store, &root, AT_FDCWD, args[1], SLUICE_CHECKOUT_COPY, &error))
        return fail(error);
    return 0;
}

static int do_gc(SluiceStore *store, char **args)
{
    g_autoptr(GError) error = NULL;
    SluiceGcStats stats;
    return sluice_store_gc(store, G_MAXUINT64, &stats, &error) ? 0 : fail(error);
}

static int do_probe(SluiceStore *store, char **args)
{
    SluiceSandboxProbe probe;
    sluice_sandbox_probe(&probe);
    printf("user_namespaces %d\noverlay %d\nfuse %d\nbubblewrap %d\nreason %s\n", probe.user_namespaces, probe.overlay,
           probe.fuse, probe.bubblewrap, probe.reason != NULL ? probe.reason : "-");
    sluice_sandbox_probe_clear(&probe);
    return 0;
}

/* ---- run ---- */

static void set_mode(Options *options, const char *value)
{
    options->mode = g_str_equal(value, "fuse")       ? SLUICE_STAGING_FUSE
                    : g_str_equal(value, "checkout") ? SLUICE_STAGING_CHECKOUT
                                                     : SLUICE_STAGING_AUTO;
}

static void set_bind(Options *options, const char *value)
{
    char **parts = g_strsplit(value, ":", 3);
    const SluiceSandboxBind bind = {.source = parts[0], .target = parts[1], .read_only = parts[2] != NULL};
    g_array_append_val(options->binds, bind);
}

static void set_report(Options *options, const char *value)
{
    options->report = fdopen(atoi(value), "w");
}

static void set_env(Options *options, const char *value)
{
    g_ptr_array_add(options->environment, (gpointer)value);
}

static void set_writable(Options *options, const char *value)
{
    options->command.root_read_only = TRUE;
    g_ptr_array_add(options->writable, (gpointer)value);
}

static void set_capture(Options *options, const char *value)
{
    g_ptr_array_add(options->captures, (gpointer)value);
}

static void set_uid(Options *options, const char *value)
{
    options->command.uid = (uid_t)atoi(value);
}

static void set_gid(Options *options, const char *value)
{
    options->command.gid = (gid_t)atoi(value);
}

static void set_cwd(Options *options, const char *value)
{
    options->command.cwd = value;
}

static void set_timeout(Options *options, const char *value)
{
    options->command.timeout = (unsigned)atoi(value);
}

/* NAME=NUMBER */
static void set_limit(Options *options, const char *value)
{
    SluiceSandboxLimits *limits = &options->command.limits;
    const struct {
        const char *name;
        uint64_t *number;
    } names[] = {{"processes=", &limits->processes}, {"memory=", &limits->memory}, {"disk=", &limits->disk},
                 {"files=", &limits->files},         {"output=", &limits->output}, {"free=", &limits->free_space}};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_has_prefix(value, names[i].name))
            *names[i].number = g_ascii_strtoull(value + strlen(names[i].name), NULL, 10);
    }
}

static void set_cancel(Options *options, const char *value)
{
    options->cancel_after = atoi(value);
}

static void set_port(Options *options, const char *value)
{
    options->command.loopback_port = (unsigned)atoi(value);
}

static void set_repeat(Options *options, const char *value)
{
    options->repeat = atoi(value);
}

static void set_parallel(Options *options, const char *value)
{
    options->parallel = atoi(value);
}

static void set_flag(Options *options, const char *value)
{
    if (g_str_equal(value, "network"))
        options->command.network = TRUE;
    else if (g_str_equal(value, "serve"))
        options->serve = TRUE;
    else if (g_str_equal(value, "timing"))
        options->timing = TRUE;
    else if (g_str_equal(value, "stdin"))
        options->command.stdin_fd = 0;
    else if (g_str_equal(value, "read-only"))
        options->command.root_read_only = TRUE;
}

static const struct {
    const char *name;
    void (*set)(Options *options, const char *value);
} option_table[] = {
    {"--mode", set_mode},       {"--env", set_env},       {"--writable", set_writable}, {"--bind", set_bind},
    {"--capture", set_capture}, {"--uid", set_uid},       {"--gid", set_gid},           {"--cwd", set_cwd},
    {"--timeout", set_timeout}, {"--cancel", set_cancel}, {"--port", set_port},         {"--repeat", set_repeat},
    {"--flag", set_flag},       {"--report", set_report}, {"--parallel", set_parallel}, {"--limit", set_limit},
};

static char **parse_options(Options *options, char **args)
{
    for (; *args != NULL && !g_str_equal(*args, "--"); args += 2) {
        gsize i = 0;
        while (i < G_N_ELEMENTS(option_table) && !g_str_equal(option_table[i].name, *args))
            i++;
        if (i == G_N_ELEMENTS(option_table) || args[1] == NULL)
            return NULL;
        option_table[i].set(options, args[1]);
    }
    return *args != NULL ? args + 1 : NULL;
}

static gpointer cancel_later(gpointer data)
{
    Options *options = data;
    g_usleep((gulong)options->cancel_after * 1000);
    g_cancellable_cancel(options->command.cancellable);
    return NULL;
}

/* Answers each connection with one line. */
static gpointer serve(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);
    for (int client; (client = accept(fd, NULL, NULL)) >= 0; close(client)) {
        if (write(client, "hello from outside\n", 19) != 19)
            break;
    }
    return NULL;
}

static void on_listener(int fd, gpointer data)
{
    Options *options = data;
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &length);
    fprintf(options->report, "listener %s\n", address.ss_family == AF_INET6 ? "v6" : "v4");
    if (options->serve)
        g_thread_unref(g_thread_new("serve", serve, GINT_TO_POINTER(fd)));
    else
        close(fd);
}

static gboolean run_one(Options *options, SluiceSandbox *sandbox, char **argv)
{
    g_autoptr(GError) error = NULL;
    GThread *canceller = NULL;
    int status = -1;
    options->command.argv = (const char *const *)argv;
    if (options->cancel_after > 0) {
        options->command.cancellable = g_cancellable_new();
        canceller = g_thread_new("cancel", cancel_later, options);
    }
    gint64 start = g_get_monotonic_time();
    gboolean ok = sluice_sandbox_run(sandbox, &options->command, &status, &error);
    if (options->timing)
        fprintf(options->report, "run_us %d\n", (int)(g_get_monotonic_time() - start));
    if (canceller != NULL)
        g_thread_join(canceller);
    if (ok)
        fprintf(options->report, "status %d\n", status);
    else
        fprintf(options->report, "error %d %s\n", error->code, error->message);
    return ok;
}

static void report_capture(Options *options, SluiceSandbox *sandbox, const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) skipped = g_ptr_array_new_with_free_func(g_free);
    SluiceDigest root;
    char text[SLUICE_DIGEST_STRING_MAX];
    gint64 start = g_get_monotonic_time();
    gboolean ok = sluice_sandbox_capture(sandbox, path, &root, skipped, &error);
    if (options->timing)
        fprintf(options->report, "capture_us %d\n", (int)(g_get_monotonic_time() - start));
    if (ok)
        fprintf(options->report, "capture %s %s\n", path, sluice_digest_string(&root, text));
    else
        fprintf(options->report, "capture-error %s %d %s\n", path, error->code, error->message);
    for (guint i = 0; i < skipped->len; i++)
        fprintf(options->report, "skipped %s\n", (char *)skipped->pdata[i]);
}

static gboolean run_all(Options *options, SluiceStaging *staging, SluiceStore *store, const SluiceDigest *root,
                        char **commands)
{
    g_autoptr(GError) error = NULL;
    gint64 start = g_get_monotonic_time();
    g_autoptr(SluiceSandbox) sandbox = sluice_sandbox_new(staging, store, root, &error);
    if (options->timing)
        fprintf(options->report, "new_us %d\n", (int)(g_get_monotonic_time() - start));
    if (sandbox == NULL) {
        fprintf(options->report, "error %d %s\n", error->code, error->message);
        return FALSE;
    }
    gboolean ok = TRUE;
    for (char **at = commands; at != NULL && *at != NULL;) {
        char **end = at;
        while (*end != NULL && !g_str_equal(*end, "--then"))
            end++;
        gboolean more = *end != NULL;
        *end = NULL;
        ok = run_one(options, sandbox, at) && ok;
        if (more)
            *end = (char *)"--then";
        at = more ? end + 1 : end;
    }
    for (guint i = 0; i < options->captures->len; i++)
        report_capture(options, sandbox, options->captures->pdata[i]);
    fflush(options->report);
    return ok;
}

/* Each child opens the store again, as cas.h demands; all use the one server of trees. */
static gboolean run_parallel(Options *options, SluiceStaging *staging, const char *path, const SluiceDigest *root,
                             char **commands)
{
    gboolean ok = TRUE;
    g_autofree pid_t *children = g_new(pid_t, (gsize)options->parallel);
    for (int i = 0; i < options->parallel; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            g_autoptr(SluiceStore) store = sluice_store_open(path, NULL, NULL);
            _exit(!run_all(options, staging, store, root, commands));
        }
    }
    for (int i = 0, status; i < options->parallel; i++) /* not wait(): the server of trees is a child, too */
        ok = waitpid(children[i], &status, 0) > 0 && status == 0 && ok;
    return ok;
}

static int do_run(SluiceStore *store, char **args)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    Options options = {.report = stderr,
                       .environment = g_ptr_array_new(),
                       .writable = g_ptr_array_new(),
                       .captures = g_ptr_array_new(),
                       .binds = g_array_new(FALSE, FALSE, sizeof(SluiceSandboxBind)),
                       .repeat = 1,
                       .command = {.cwd = "/",
                                   .stdin_fd = -1,
                                   .stdout_fd = STDOUT_FILENO,
                                   .stderr_fd = STDERR_FILENO,
                                   .new_session = TRUE,
                                   .listener = on_listener}};
    if (args[0] == NULL || !sluice_digest_parse(args[0], &root, &error))
        return 2;
    char **commands = parse_options(&options, args + 1);
    if (commands == NULL)
        return 2;
    if (options.environment->len == 0)
        g_ptr_array_add(options.environment, (gpointer) "PATH=/usr/bin:/bin");
    g_ptr_array_add(options.environment, NULL);
    g_ptr_array_add(options.writable, NULL);
    options.command.envp = (const char *const *)options.environment->pdata;
    options.command.writable = (const char *const *)options.writable->pdata;
    options.command.binds = (const SluiceSandboxBind *)(gpointer)options.binds->data;
    options.command.n_binds = options.binds->len;
    options.command.listener_data = &options;
    gint64 start = g_get_monotonic_time();
    SluiceStaging *staging = sluice_staging_start(store, options.mode, &error);
    if (staging == NULL)
        return fail(error);
    if (options.timing)
        fprintf(options.report, "start_us %d\n", (int)(g_get_monotonic_time() - start));
    fprintf(options.report, "mode %s\n", sluice_staging_get_mode(staging) == SLUICE_STAGING_FUSE ? "fuse" : "checkout");
    fflush(options.report);
    gboolean ok = TRUE;
    if (options.parallel > 0)
        ok = run_parallel(&options, staging, sluice_store_get_path(store), &root, commands);
    for (int i = 0; options.parallel == 0 && i < options.repeat; i++)
        ok = run_all(&options, staging, store, &root, commands) && ok;
    sluice_staging_stop(staging);
    return ok ? 0 : 1;
}

static const struct {
    const char *name;
    int (*run)(SluiceStore *store, char **args);
    int least;
} verbs[] = {
    {"import", do_import, 1}, {"list", do_list, 1},   {"checkout", do_checkout, 2},
    {"gc", do_gc, 0},         {"probe", do_probe, 0}, {"run", do_run, 1},
};

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (argc < 3)
        return 2;
    g_autoptr(SluiceStore) store = sluice_store_open(argv[1], NULL, &error);
    if (store == NULL)
        return fail(error);
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (g_str_equal(verbs[i].name, argv[2]) && argc >= 3 + verbs[i].least)
            return verbs[i].run(store, argv + 3);
    }
    return 2;
}
