/* git.c - see git.h */
#include "git.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const git_object_types[] = {"commit", "tree", "blob", "tag"};

/* ---- Environment and arguments ---------------------------------------------------------------------------------------------------- */

/* Variables of git that say how to reach the network, and not which repository to work on or what to run there. */
static gboolean is_harmless(const char *name)
{
    static const char *const prefixes[] = {"GIT_SSL_", "GIT_HTTP_"};
    static const char *const names[] = {"GIT_SSH",           "GIT_SSH_COMMAND", "GIT_SSH_VARIANT",
                                        "GIT_PROXY_COMMAND", "GIT_ASKPASS",     NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(name, prefixes[i])) {
            return TRUE;
        }
    }
    return g_strv_contains(names, name);
}

static char **make_environment(const Git *git)
{
    static const char *const always[][2] = {{"LC_ALL", "C"},
                                            {"GIT_TERMINAL_PROMPT", "0"},
                                            {"GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh"},
                                            {"GIT_LFS_SKIP_SMUDGE", "1"},
                                            {"GIT_OPTIONAL_LOCKS", "0"},
                                            {"GIT_NO_REPLACE_OBJECTS", "1"},
                                            /* ssh asks nobody. */
                                            {"SSH_ASKPASS", "/bin/false"},
                                            {"SSH_ASKPASS_REQUIRE", "force"}};
    char **environment = g_get_environ();
    g_auto(GStrv) names = g_listenv();
    for (char **name = names; *name != NULL; name++) {
        if (g_str_has_prefix(*name, "GIT_") && !(git->network && is_harmless(*name))) {
            environment = g_environ_unsetenv(environment, *name);
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(always); i++) {
        environment = g_environ_setenv(environment, always[i][0], always[i][1], TRUE);
    }
    environment = g_environ_setenv(environment, "GIT_ASKPASS", "/bin/false", FALSE);
    if (!git->network) {
        environment = g_environ_setenv(environment, "GIT_CONFIG_GLOBAL", "/dev/null", TRUE);
        environment = g_environ_setenv(environment, "GIT_CONFIG_NOSYSTEM", "1", TRUE);
        environment = g_environ_setenv(environment, "GIT_ATTR_NOSYSTEM", "1", TRUE);
    }
    if (git->repository != NULL) {
        environment = g_environ_setenv(environment, "GIT_DIR", git->repository, TRUE);
    }
    if (git->work_tree != NULL) {
        environment = g_environ_setenv(environment, "GIT_WORK_TREE", git->work_tree, TRUE);
    }
    if (git->index != NULL) {
        environment = g_environ_setenv(environment, "GIT_INDEX_FILE", git->index, TRUE);
    }
    return environment;
}

static GPtrArray *make_arguments(const Git *git, const char *program, const char *const *arguments)
{
    static const char *const settings[] = {
        "core.hooksPath=/dev/null",      "core.fsmonitor=false",      "gc.auto=0",
        "maintenance.auto=false",        "protocol.ext.allow=never",  "submodule.recurse=false",
        "fetch.recurseSubmodules=false", "fetch.prune=false",         "fetch.writeCommitGraph=false",
        "advice.detachedHead=false",     "init.defaultBranch=master", "safe.directory=*",
        "core.alternateRefsCommand=true"};
    static const char *const local[] = {"core.attributesFile=/dev/null", "core.excludesFile=/dev/null"};
    GPtrArray *all = g_ptr_array_new();
    g_ptr_array_add(all, (gpointer)program);
    for (gsize i = 0; i < G_N_ELEMENTS(settings); i++) {
        g_ptr_array_add(all, (gpointer) "-c");
        g_ptr_array_add(all, (gpointer)settings[i]);
    }
    for (gsize i = 0; !git->network && i < G_N_ELEMENTS(local); i++) {
        g_ptr_array_add(all, (gpointer) "-c");
        g_ptr_array_add(all, (gpointer)local[i]);
    }
    for (; *arguments != NULL; arguments++) {
        g_ptr_array_add(all, (gpointer)*arguments);
    }
    g_ptr_array_add(all, NULL);
    return all;
}

gboolean git_check_program(GError **error)
{
    g_autofree char *program = g_find_program_in_path("git");
    if (program == NULL) {
        error_set(error, ERROR_PROG_NOT_FOUND, NULL, NULL,
                  "Did not find 'git' in PATH; it is needed for sources in git");
    }
    return program != NULL;
}

/* ---- Processes -------------------------------------------------------------------------------------------------------------------- */

static gboolean start(const Git *git, const char *const *arguments, int in, int out, int err, GPid *pid, GError **error)
{
    g_autofree char *program = g_find_program_in_path("git");
    if (program == NULL) {
        return git_check_program(error);
    }
    g_autoptr(GPtrArray) all = make_arguments(git, program, arguments);
    g_auto(GStrv) environment = make_environment(git);
    const char *directory = git->directory != NULL ? git->directory : git->repository;
    return g_spawn_async_with_fds(directory, (char **)all->pdata, environment, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                  pid, in, out, err, error);
}

static gboolean run(const Git *git, const char *const *arguments, GBytes *input, const char *fail, int *status,
                    char **output, GError **error)
{
    g_autofree char *path = g_find_program_in_path("git");
    if (path == NULL) {
        return git_check_program(error);
    }
    g_autoptr(GPtrArray) all = make_arguments(git, path, arguments);
    g_auto(GStrv) environment = make_environment(git);
    const Program program = {.arguments = (const char *const *)all->pdata,
                             .environment = (const char *const *)environment,
                             .directory = git->directory != NULL ? git->directory : git->repository,
                             .cancellable = git->cancellable};
    return program_run(&program, input, fail, status, output, error);
}

gboolean git_run(const Git *git, const char *const *arguments, const char *fail, int *status, char **output,
                 GError **error)
{
    return run(git, arguments, NULL, fail, status, output, error);
}

gboolean git_run_with_input(const Git *git, const char *const *arguments, GBytes *input, const char *fail,
                            char **output, GError **error)
{
    return run(git, arguments, input, fail, NULL, output, error);
}

/* ---- Objects ---------------------------------------------------------------------------------------------------------------------- */

struct GitObjects {
    GPid pid;
    int in;    /* questions */
    FILE *out; /* answers */
};

GitObjects *git_objects_open(const Git *git, GError **error)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot make a pipe: %s", g_strerror(errno));
        return NULL;
    }
    if (pipe2(out, O_CLOEXEC) != 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot make a pipe: %s", g_strerror(errno));
        close(in[0]);
        close(in[1]);
        return NULL;
    }
    GitObjects *objects = g_new0(GitObjects, 1);
    gboolean ok = start(git, GIT_ARGUMENTS("cat-file", "--batch"), in[0], out[1], -1, &objects->pid, error);
    close(in[0]);
    close(out[1]);
    if (!ok) {
        close(in[1]);
        close(out[0]);
        g_free(objects);
        return NULL;
    }
    objects->in = in[1];
    objects->out = fdopen(out[0], "r");
    return objects;
}

void git_objects_close(GitObjects *objects)
{
    close(objects->in);
    fclose(objects->out);
    program_reap(objects->pid);
    g_free(objects);
}

static gboolean broken(const char *name, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "git cannot read the object %s", name);
    return FALSE;
}

/* "NAME TYPE SIZE" */
static gboolean parse_header(const char *name, const char *line, GitObjectType *type, guint64 *size, GError **error)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    if (g_strv_length(words) != 3 || strcmp(words[0], name) != 0 ||
        !g_ascii_string_to_unsigned(g_strchomp(words[2]), 10, 0, GIT_OBJECT_MAX, size, NULL)) {
        return broken(name, error);
    }
    for (guint i = 0; i < G_N_ELEMENTS(git_object_types); i++) {
        if (strcmp(words[1], git_object_types[i]) == 0) {
            *type = i;
            return TRUE;
        }
    }
    return broken(name, error);
}

GBytes *git_objects_read(GitObjects *objects, const char *name, GitObjectType *type, GError **error)
{
    char line[128];
    guint64 size;
    g_autofree char *question = g_strconcat(name, "\n", NULL);
    if (write(objects->in, question, strlen(question)) != (ssize_t)strlen(question) ||
        fgets(line, sizeof line, objects->out) == NULL) {
        broken(name, error);
        return NULL;
    }
    if (g_str_has_suffix(line, " missing\n")) {
        return NULL;
    }
    if (!parse_header(name, line, type, &size, error)) {
        return NULL;
    }
    char *data = g_malloc(size + 1);
    if (fread(data, 1, size + 1, objects->out) != size + 1) {
        g_free(data);
        broken(name, error);
        return NULL;
    }
    return g_bytes_new_take(data, size);
}

/* ---- Names ------------------------------------------------------------------------------------------------------------------------ */

gboolean git_url_is_local(const char *url)
{
    const char *colon = strchr(url, ':'), *slash = strchr(url, '/');
    return g_ascii_strncasecmp(url, "file:", 5) == 0 || colon == NULL || (slash != NULL && slash < colon);
}

gboolean git_url_check(const char *url, GError **error)
{
    static const char *const schemes[] = {"http://", "https://", "git://", "ssh://", "file://"};
    const char *helper = strstr(url, "::"), *scheme = strstr(url, "://");
    gboolean ok = *url != '-' && *url != '\0' && strpbrk(url, "\n\r\t") == NULL &&
                  (helper == NULL || (scheme != NULL && scheme < helper));
    if (ok && scheme != NULL) {
        ok = FALSE;
        for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
            ok |= g_str_has_prefix(url, schemes[i]);
        }
    } else if (ok && !git_url_is_local(url)) {
        /* HOST:PATH, by ssh */
        ok = url[strcspn(url, "@:")] != '@' || url[strcspn(url, "@") + 1] != '-';
    } else {
        ok = ok && g_path_is_absolute(url);
    }
    if (!ok) {
        error_set(error, ERROR_SOURCE, "git-url", NULL, "'%s' is no URL that git sources may be fetched from", url);
    }
    return ok;
}

gboolean git_ref_name_is_valid(const char *name)
{
    gsize length = strlen(name);
    if (length == 0 || length > 1024 || name[0] == '/' || name[length - 1] == '/' || name[length - 1] == '.' ||
        strcmp(name, "@") == 0 || name[0] == '-') {
        return FALSE;
    }
    for (const char *c = name; *c != '\0'; c++) {
        if ((guchar)*c < 0x20 || *c == 0x7f || strchr(" ~^:?*[\\", *c) != NULL) {
            return FALSE;
        }
    }
    if (strstr(name, "..") != NULL || strstr(name, "@{") != NULL || strstr(name, "//") != NULL) {
        return FALSE;
    }
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (**part == '.' || g_str_has_suffix(*part, ".lock")) {
            return FALSE;
        }
    }
    return TRUE;
}
