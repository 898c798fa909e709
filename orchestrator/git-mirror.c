/* git-mirror.c - see git-mirror.h */
#include "git-mirror.h"
#include "clones.h"
#include "element.h"
#include "source-clone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- Places ------------------------------------------------------------------------------------------------------------------------- */

void git_mirror_init(GitMirror *mirror, const Source *source, const SourceContext *context, const char *url)
{
    char *base = source_clone_path(context->store, "git", url);
    mirror->source = source;
    mirror->context = context;
    mirror->url = url;
    mirror->full = g_strconcat(base, ".git", NULL);
    mirror->shallow = g_strconcat(base, ".shallow.git", NULL);
    mirror->lock = g_strconcat(base, ".lock", NULL);
    mirror->base = base;
    mirror->used = clone_use(base, FALSE);
}

void git_mirror_clear(GitMirror *mirror)
{
    g_free(mirror->full);
    g_free(mirror->shallow);
    g_free(mirror->lock);
    if (mirror->base != NULL && mirror->used >= 0) {
        close(mirror->used);
    }
    g_free(mirror->base);
}

static Git local_git(const GitMirror *mirror, const char *path)
{
    return (Git){.repository = path, .cancellable = mirror->context->cancellable};
}

static gboolean has(const GitMirror *mirror, const char *path, const char *name)
{
    const Git git = local_git(mirror, path);
    int status = -1;
    return g_file_test(path, G_FILE_TEST_IS_DIR) &&
           git_run(&git, GIT_ARGUMENTS("cat-file", "-e", name), "", &status, NULL, NULL) && status == 0;
}

static gboolean has_both(const GitMirror *mirror, const char *path, const char *commit, const char *tag)
{
    g_autofree char *object = g_strconcat(commit, "^{commit}", NULL);
    g_autofree char *ref = tag != NULL ? g_strconcat("refs/tags/", tag, NULL) : NULL;
    return has(mirror, path, object) && (ref == NULL || has(mirror, path, ref));
}

const char *git_mirror_find(const GitMirror *mirror, const char *commit, const char *tag)
{
    const char *const paths[] = {mirror->full, mirror->shallow};
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (has_both(mirror, paths[i], commit, tag)) {
            return paths[i];
        }
    }
    return NULL;
}

/* ---- Making and locking ------------------------------------------------------------------------------------------------------------- */

/* What fetches that were killed left behind. */
static void remove_leftovers(const char *path)
{
    g_autofree char *folder = g_build_filename(path, "objects/pack", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        if (g_str_has_prefix(name, "tmp_")) {
            g_autofree char *file = g_build_filename(folder, name, NULL);
            unlink(file);
        }
    }
    g_autofree char *shallow = g_build_filename(path, "shallow.lock", NULL);
    unlink(shallow);
}

/* For a fetch: the lock of those who change it, and it is in use from now on. */
static int begin_fetch(GitMirror *mirror, GError **error)
{
    int fd = source_clone_lock(mirror->lock, mirror->context->cancellable, error);
    if (fd >= 0 && mirror->used < 0) {
        mirror->used = clone_use(mirror->base, TRUE);
    }
    return fd;
}

static void end_fetch(const GitMirror *mirror, int fd)
{
    clone_measure(mirror->base);
    close(fd);
}

static gboolean cannot_make(const char *path, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot make %s: %s", path, g_strerror(errno));
    return FALSE;
}

/* An empty repository at once, or not at all. */
static gboolean ensure_repository(const GitMirror *mirror, const char *path, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        remove_leftovers(path);
        return TRUE;
    }
    g_autofree char *work = sluice_store_make_work_dir(mirror->context->store, "git", error);
    if (work == NULL) {
        return FALSE;
    }
    g_autofree char *fresh = g_build_filename(work, "new.git", NULL);
    const Git git = {.directory = work, .cancellable = mirror->context->cancellable};
    gboolean ok = git_run(&git, GIT_ARGUMENTS("init", "--quiet", "--bare", "--template=", "--", fresh),
                          "Failed to initialise repository", NULL, NULL, error) &&
                  (rename(fresh, path) == 0 || errno == EEXIST || errno == ENOTEMPTY || cannot_make(path, error));
    sluice_remove_tree(work, NULL);
    return ok;
}

/* ---- Talking to remotes ------------------------------------------------------------------------------------------------------------- */

typedef gboolean (*RemoteFunc)(GitMirror *mirror, const char *url, gpointer data, GError **error);

typedef struct {
    GitMirror *mirror;
    RemoteFunc func;
    gpointer data;
} Attempt;

static gboolean attempt(const char *url, gpointer data, GError **error)
{
    const Attempt *now = data;
    return git_url_check(url, error) && now->func(now->mirror, url, now->data, error);
}

static gboolean try_urls(GitMirror *mirror, SourceUrlUse use, RemoteFunc func, gpointer data, GError **error)
{
    Attempt now = {mirror, func, data};
    return source_try_urls(mirror->source, mirror->context, mirror->url, use, attempt, &now, error);
}

static Git remote_git(const GitMirror *mirror, const char *path)
{
    return (Git){.repository = path, .network = TRUE, .cancellable = mirror->context->cancellable};
}

static gboolean list_refs(GitMirror *mirror, const char *url, gpointer data, GError **error)
{
    const Git git = {.directory = sluice_store_get_path(mirror->context->store),
                     .network = TRUE,
                     .cancellable = mirror->context->cancellable};
    g_autofree char *fail = g_strdup_printf("Failed to list advertised remote refs from git repository %s", url);
    return git_run(&git, GIT_ARGUMENTS("ls-remote", "--quiet", "--", url), fail, NULL, data, error);
}

char *git_mirror_list_refs(GitMirror *mirror, SourceUrlUse use, GError **error)
{
    char *output = NULL;
    return try_urls(mirror, use, list_refs, &output, error) ? output : NULL;
}

static gboolean fetch_everything(GitMirror *mirror, const char *path, const char *url, GError **error)
{
    const Git git = remote_git(mirror, path);
    g_autofree char *fail = g_strdup_printf("Failed to fetch from remote git repository: %s", url);
    return git_run(&git,
                   GIT_ARGUMENTS("fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--force", "--",
                                 url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"),
                   fail, NULL, NULL, error);
}

static gboolean not_found(const GitMirror *mirror, const char *commit, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "expected ref '%s' was not found in git repository: '%s'", commit,
              mirror->url);
    return FALSE;
}

static gboolean fetch_all_from(GitMirror *mirror, const char *url, gpointer data, GError **error)
{
    const char *commit = data;
    return ensure_repository(mirror, mirror->full, error) && fetch_everything(mirror, mirror->full, url, error) &&
           (commit == NULL || has_both(mirror, mirror->full, commit, NULL) || not_found(mirror, commit, error));
}

gboolean git_mirror_fetch_all(GitMirror *mirror, const char *commit, SourceUrlUse use, GError **error)
{
    int fd = begin_fetch(mirror, error);
    if (fd < 0) {
        return FALSE;
    }
    gboolean ok = (commit != NULL && has_both(mirror, mirror->full, commit, NULL)) ||
                  try_urls(mirror, use, fetch_all_from, (gpointer)commit, error);
    end_fetch(mirror, fd);
    return ok;
}

typedef struct {
    const char *commit, *tag;
    guint depth;
} Wanted;

/* Many servers give out any commit by its name; those of the first version of the protocol say "not our ref". */
static gboolean fetch_exactly(GitMirror *mirror, const char *path, const char *url, const Wanted *wanted, int *status,
                              GError **error)
{
    const Git git = remote_git(mirror, path);
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    g_autofree char *depth = g_strdup_printf("--depth=%u", wanted->depth);
    g_autofree char *tag =
        wanted->tag != NULL ? g_strdup_printf("refs/tags/%s:refs/tags/%s", wanted->tag, wanted->tag) : NULL;
    static const char *const words[] = {"fetch", "--quiet", "--no-tags", "--no-write-fetch-head"};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        g_ptr_array_add(arguments, (gpointer)words[i]);
    }
    if (wanted->depth > 0) {
        g_ptr_array_add(arguments, depth);
    }
    g_ptr_array_add(arguments, (gpointer) "--");
    g_ptr_array_add(arguments, (gpointer)url);
    g_ptr_array_add(arguments, (gpointer)wanted->commit);
    if (tag != NULL) {
        g_ptr_array_add(arguments, tag);
    }
    g_ptr_array_add(arguments, NULL);
    return git_run(&git, (const char *const *)arguments->pdata, "git fetch", status, NULL, error);
}

static gboolean fetch_wanted_from(GitMirror *mirror, const char *url, gpointer data, GError **error)
{
    const Wanted *wanted = data;
    const char *path = wanted->depth > 0 ? mirror->shallow : mirror->full;
    int status = -1;
    if (!ensure_repository(mirror, path, error) || !fetch_exactly(mirror, path, url, wanted, &status, error)) {
        return FALSE;
    }
    if (status == 0 && has_both(mirror, path, wanted->commit, wanted->tag)) {
        return TRUE;
    }
    event_send(mirror->context->events, EVENT_STATUS, "fetch", mirror->source->element->full_name,
               "%s cannot be fetched alone from %s. Fetching all Git refs", wanted->commit, url);
    if (!ensure_repository(mirror, mirror->full, error) || !fetch_everything(mirror, mirror->full, url, error)) {
        return FALSE;
    }
    if (!has_both(mirror, mirror->full, wanted->commit, NULL)) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s not found in remote %s", wanted->commit, url);
        return FALSE;
    }
    if (!has_both(mirror, mirror->full, wanted->commit, wanted->tag)) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "ref refs/tags/%s not found in remote %s", wanted->tag, url);
        return FALSE;
    }
    return TRUE;
}

gboolean git_mirror_fetch_commit(GitMirror *mirror, const char *commit, const char *tag, guint depth, GError **error)
{
    Wanted wanted = {commit, tag, depth};
    int fd = begin_fetch(mirror, error);
    if (fd < 0) {
        return FALSE;
    }
    gboolean ok = git_mirror_find(mirror, commit, tag) != NULL ||
                  try_urls(mirror, SOURCE_URL_FETCH, fetch_wanted_from, &wanted, error);
    end_fetch(mirror, fd);
    return ok;
}
