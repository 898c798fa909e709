/* program-confined.c - programs of the host in a sandbox: see program.h. */
#include "program.h"
#include "error.h"
#include "sandbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOME "/tmp"

/* What a program needs of the system: code, and how to find and trust servers. */
static const char *const system_paths[] = {
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/ssl",
};

/* Variables that the network needs; of `file` ones the value is a path. */
static const struct {
    const char *name;
    gboolean file;
} network_variables[] = {
    {"all_proxy", FALSE},         {"ALL_PROXY", FALSE},   {"CURL_CA_BUNDLE", TRUE}, {"http_proxy", FALSE},
    {"https_proxy", FALSE},       {"HTTPS_PROXY", FALSE}, {"no_proxy", FALSE},      {"NO_PROXY", FALSE},
    {"REQUESTS_CA_BUNDLE", TRUE}, {"SSL_CERT_DIR", TRUE}, {"SSL_CERT_FILE", TRUE},
};

static gboolean below(const char *path, const char *folder)
{
    gsize length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* At the same place as here.  What is there already need not be added, and what is too much is not. */
static void add_readable(GArray *binds, const char *path)
{
    if (path == NULL || !g_path_is_absolute(path) || path[strspn(path, "/")] == '\0' || below(path, "/tmp") ||
        below(path, "/proc") || below(path, "/dev") || access(path, R_OK) != 0) {
        return;
    }
    for (guint i = 0; i < binds->len; i++) {
        if (below(path, g_array_index(binds, SluiceSandboxBind, i).target)) {
            return;
        }
    }
    const SluiceSandboxBind bind = {path, path, TRUE};
    g_array_append_val(binds, bind);
}

static GArray *make_binds(const ProgramConfinement *confinement)
{
    GArray *binds = g_array_new(FALSE, FALSE, sizeof(SluiceSandboxBind));
    for (gsize i = 0; i < G_N_ELEMENTS(system_paths); i++) {
        add_readable(binds, system_paths[i]);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(network_variables); i++) {
        if (network_variables[i].file) {
            add_readable(binds, g_getenv(network_variables[i].name));
        }
    }
    for (const char *const *path = confinement->readable; path != NULL && *path != NULL; path++) {
        add_readable(binds, *path);
    }
    const SluiceSandboxBind own = {confinement->folder, confinement->folder, FALSE};
    g_array_append_val(binds, own);
    return binds;
}

static char **make_environment(const Program *program)
{
    const char *path = g_getenv("PATH");
    char **environment = g_environ_setenv(NULL, "PATH", path != NULL ? path : "/usr/bin:/bin", TRUE);
    environment = g_environ_setenv(environment, "HOME", HOME, TRUE);
    environment = g_environ_setenv(environment, "LC_ALL", "C.UTF-8", TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(network_variables); i++) {
        const char *value = g_getenv(network_variables[i].name);
        if (value != NULL) {
            environment = g_environ_setenv(environment, network_variables[i].name, value, TRUE);
        }
    }
    for (const char *const *more = program->environment; more != NULL && *more != NULL; more++) {
        g_autofree char *name = g_strndup(*more, strcspn(*more, "="));
        environment = g_environ_setenv(environment, name, *more + strlen(name) + 1, TRUE);
    }
    return environment;
}

/* An empty root: all that is in it is mounted over it. */
static SluiceSandbox *open_sandbox(SluiceStore *store, SluiceStaging *staging, GError **error)
{
    SluiceDigest empty;
    g_autoptr(SluiceTree) tree = sluice_tree_new(store);
    return sluice_tree_commit(tree, &empty, error) ? sluice_sandbox_new(staging, store, &empty, error) : NULL;
}

static gboolean run(const Program *program, const ProgramConfinement *confinement, SluiceStaging *staging, int err,
                    int *status, GError **error)
{
    g_autoptr(SluiceSandbox) sandbox = open_sandbox(confinement->store, staging, error);
    g_autoptr(GArray) binds = make_binds(confinement);
    g_auto(GStrv) environment = make_environment(program);
    const SluiceSandboxCommand command = {
        .argv = program->arguments,
        .envp = (const char *const *)environment,
        .cwd = program->directory != NULL ? program->directory : confinement->folder,
        .uid = getuid(),
        .gid = getgid(),
        .root_read_only = TRUE,
        .network = TRUE,
        .binds = (const SluiceSandboxBind *)(void *)binds->data,
        .n_binds = binds->len,
        .stdin_fd = -1,
        .stdout_fd = err,
        .stderr_fd = err,
        .cancellable = program->cancellable,
        .new_session = TRUE,
    };
    return sandbox != NULL && sluice_sandbox_run(sandbox, &command, status, error);
}

/* BuildStream has nothing of the kind, so these have its domain of sources. */
static gboolean translate(GError *problem, const char *fail, GError **error)
{
    if (g_error_matches(problem, SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_CANCELLED)) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, problem->message);
    } else {
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s: it runs in a sandbox only: %s", fail, problem->message);
    }
    g_error_free(problem);
    return FALSE;
}

gboolean program_run_confined(const Program *program, const ProgramConfinement *confinement, const char *fail,
                              GError **error)
{
    GError *problem = NULL;
    int status = -1, err = memfd_create("errors", MFD_CLOEXEC);
    SluiceStaging *staging = sluice_staging_start(confinement->store, SLUICE_STAGING_CHECKOUT, &problem);
    gboolean ok = staging != NULL && run(program, confinement, staging, err, &status, &problem);
    if (!ok) {
        translate(problem, fail, error);
    } else if (status != 0) {
        ok = program_report(err, fail, error);
    }
    if (staging != NULL) {
        sluice_staging_stop(staging);
    }
    if (err >= 0) {
        close(err);
    }
    return ok;
}
