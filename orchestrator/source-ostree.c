/*
 * source-ostree.c - `kind: ostree`: a commit of an OSTree repository, pulled by the host's ostree program into a repository below the store.
 */
#include "clones.h"
#include "element.h"
#include "program.h"
#include "source-clone.h"
#include "source-git.h"
#include "source-kinds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const char *url, *track;
    const char *ref;     /* or NULL */
    const char *gpg_key; /* path in the project, or NULL */
} OSTree;

static gboolean ostree_load_ref(Source *source, const Node *ref, GError **error)
{
    OSTree *ostree = source->data;
    return source_ref_text(source, ref, &ostree->ref, error);
}

static gboolean check_gpg_key(const Source *source, const Node *config, GError **error)
{
    const OSTree *ostree = source->data;
    const Node *node = node_find(config, "gpg-key");
    struct stat st;
    if (node == NULL) {
        return TRUE;
    }
    int fd = source_open_project_path(source, ostree->gpg_key, node_where(node), error);
    if (fd < 0) {
        return FALSE;
    }
    gboolean is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    close(fd);
    if (!is_file) {
        error_set(error, ERROR_LOAD, "PROJ_PATH_INVALID_KIND", node_where(node),
                  "Specified path '%s' is not a regular file", ostree->gpg_key);
    }
    return is_file;
}

static gboolean ostree_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"url", "ref", "track", "gpg-key", NULL};
    OSTree *ostree = arena_new_of(source_arena(source), OSTree);
    source->data = ostree;
    return node_check_keys(config, keys, error) && node_need_string(config, "url", &ostree->url, error) &&
           node_get_string(config, "track", &ostree->track, error) &&
           source_need_ref_or_track(source, config, "OSTree", error) &&
           node_get_string(config, "gpg-key", &ostree->gpg_key, error) && check_gpg_key(source, config, error);
}

static Json *ostree_unique_key(Source *source, Arena *arena, GError **error)
{
    const OSTree *ostree = source->data;
    Json *key = json_array(arena);
    json_append(key, json_string(arena, ostree->url));
    json_append(key, json_string(arena, ostree->ref));
    return key;
}

/* ---- The program ----------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const Source *source;
    const SourceContext *context;
    char *path; /* of the repository; it need not exist */
    const char *wanted;
    char *commit; /* what a branch led to when it was pulled */
    int used;     /* while it is not removed: see clones.h */
} Clone;

/* Runs `ostree COMMAND --repo=PATH ARGUMENTS…`. */
static gboolean run(const Clone *clone, const char *command, const char *const *arguments, const char *fail,
                    int *status, char **output, GError **error)
{
    g_autofree char *path = g_find_program_in_path("ostree");
    g_autofree char *repository = g_strconcat("--repo=", clone->path, NULL);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    if (path == NULL) {
        error_set(error, ERROR_PROG_NOT_FOUND, NULL, NULL,
                  "Did not find 'ostree' in PATH; it is needed for ostree sources (on Debian: the package ostree)");
        return FALSE;
    }
    g_ptr_array_add(all, path);
    g_ptr_array_add(all, (gpointer)command);
    /* `remote add` and `config set` take the option behind the second word. */
    g_ptr_array_add(all, repository);
    for (; *arguments != NULL; arguments++) {
        g_ptr_array_add(all, (gpointer)*arguments);
    }
    g_ptr_array_add(all, NULL);
    const Program program = {.arguments = (const char *const *)all->pdata, .cancellable = clone->context->cancellable};
    return program_run(&program, NULL, fail, status, output, error);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static gboolean ensure_repository(Clone *clone, GError **error)
{
    static const char *const fail = "Unable to create local mirror for repository";
    if (g_file_test(clone->path, G_FILE_TEST_IS_DIR)) {
        return TRUE;
    }
    g_autofree char *work = sluice_store_make_work_dir(clone->context->store, "ostree", error);
    if (work == NULL) {
        return FALSE;
    }
    Clone fresh = *clone;
    fresh.path = g_build_filename(work, "new", NULL);
    gboolean ok = run(&fresh, "init", WORDS("--mode=archive"), fail, NULL, NULL, error) &&
                  run(&fresh, "config", WORDS("set", "core.min-free-space-percent", "0"), fail, NULL, NULL, error);
    if (ok && rename(fresh.path, clone->path) != 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s: %s", fail, g_strerror(errno));
        ok = FALSE;
    }
    sluice_remove_tree(work, NULL);
    g_free(fresh.path);
    return ok;
}

static gboolean check_url(const char *url, GError **error)
{
    static const char *const schemes[] = {"http://", "https://", "file://"};
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (g_str_has_prefix(url, schemes[i])) {
            return TRUE;
        }
    }
    error_set(error, ERROR_SOURCE, NULL, NULL, "'%s' is no URL that ostree sources may be fetched from", url);
    return FALSE;
}

/* Remotes are named after their URL and key, so that a repository may have many. */
static char *add_remote(const Clone *clone, const char *url, GError **error)
{
    const OSTree *ostree = clone->source->data;
    g_autofree char *identity = g_strconcat(url, "\n", ostree->gpg_key, NULL);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, identity, -1);
    g_autofree char *name = g_strdup_printf("remote-%.16s", hash);
    g_autofree char *fail = g_strdup_printf("Failed to configure origin %s", url);
    g_autofree char *key =
        ostree->gpg_key != NULL
            ? g_strdup_printf("--gpg-import=%s/%s", project_directory(source_project(clone->source)), ostree->gpg_key)
            : g_strdup("--no-gpg-verify");
    return run(clone, "remote", WORDS("add", "--if-not-exists", key, name, url), fail, NULL, NULL, error)
               ? g_steal_pointer(&name)
               : NULL;
}

/* What the branch leads to in this remote; others may have one of the same name. */
static gboolean resolve(Clone *clone, const char *remote, GError **error)
{
    g_autofree char *name = g_strconcat(remote, ":", clone->wanted, NULL);
    g_autofree char *fail = g_strdup_printf("Failed to compute checksum of '%s' on '%s'", clone->wanted, clone->path);
    return run(clone, "rev-parse", WORDS("--", name), fail, NULL, &clone->commit, error);
}

static gboolean pull(Clone *clone, const char *url, char **remote, GError **error)
{
    g_autofree char *fail = g_strdup_printf("Failed to fetch ref '%s' from origin: %s", clone->wanted, url);
    if (!check_url(url, error) || !ensure_repository(clone, error)) {
        return FALSE;
    }
    *remote = add_remote(clone, url, error);
    return *remote != NULL && run(clone, "pull", WORDS("--", *remote, clone->wanted), fail, NULL, NULL, error);
}

static gboolean pull_commit(const char *url, gpointer data, GError **error)
{
    g_autofree char *remote = NULL;
    return pull(data, url, &remote, error);
}

static gboolean pull_branch(const char *url, gpointer data, GError **error)
{
    g_autofree char *remote = NULL;
    return pull(data, url, &remote, error) && resolve(data, remote, error);
}

static void clone_init(Clone *clone, const Source *source, const SourceContext *context, const char *wanted)
{
    const OSTree *ostree = source->data;
    *clone = (Clone){source, context, source_clone_path(context->store, "ostree", ostree->url), wanted, NULL, -1};
    clone->used = clone_use(clone->path, FALSE);
}

static void clone_end(const Clone *clone)
{
    if (clone->used >= 0) {
        close(clone->used);
    }
    g_free(clone->path);
}

static gboolean pull_locked(Clone *clone, SourceUrlUse use, GError **error)
{
    const OSTree *ostree = clone->source->data;
    g_autofree char *lock = g_strconcat(clone->path, ".lock", NULL);
    int fd = source_clone_lock(lock, clone->context->cancellable, error);
    if (fd < 0) {
        return FALSE;
    }
    if (clone->used < 0) {
        clone->used = clone_use(clone->path, TRUE);
    }
    gboolean ok = source_try_urls(clone->source, clone->context, ostree->url, use,
                                  use == SOURCE_URL_TRACK ? pull_branch : pull_commit, clone, error);
    clone_measure(clone->path);
    close(fd);
    return ok;
}

/* Whole: an interrupted pull leaves a mark beside the commit. */
static gboolean has_commit(const Clone *clone)
{
    g_autofree char *mark = g_strdup_printf("%s/state/%s.commitpartial", clone->path, clone->wanted);
    int status = -1;
    return g_file_test(clone->path, G_FILE_TEST_IS_DIR) && !g_file_test(mark, G_FILE_TEST_EXISTS) &&
           run(clone, "show", WORDS("--", clone->wanted), "", &status, NULL, NULL) && status == 0;
}

/* ---- Tracking, fetching, staging ------------------------------------------------------------------------------------------------ */

static gboolean check_word(const Source *source, const char *word, GError **error)
{
    if (*word == '-' || *word == '\0' || strpbrk(word, ":\n") != NULL) {
        error_set(error, ERROR_SOURCE, NULL, &source->where, "'%s' is no name of a branch or commit", word);
        return FALSE;
    }
    return TRUE;
}

static Node *ostree_track(Source *source, const SourceContext *context, GError **error)
{
    const OSTree *ostree = source->data;
    Clone clone;
    if (ostree->track == NULL || *ostree->track == '\0' || !check_word(source, ostree->track, error)) {
        return NULL;
    }
    clone_init(&clone, source, context, ostree->track);
    Node *ref = pull_locked(&clone, SOURCE_URL_TRACK, error)
                    ? node_new_scalar(source_arena(source), g_strchomp(clone.commit), NULL)
                    : NULL;
    clone_end(&clone);
    g_free(clone.commit);
    return ref;
}

static gboolean ostree_fetch(Source *source, const SourceContext *context, GError **error)
{
    const OSTree *ostree = source->data;
    Clone clone;
    if (!check_word(source, ostree->ref, error)) {
        return FALSE;
    }
    clone_init(&clone, source, context, ostree->ref);
    gboolean ok = has_commit(&clone) || pull_locked(&clone, SOURCE_URL_FETCH, error);
    clone_end(&clone);
    return ok;
}

/* The clone may have been dropped since it was fetched. */
static gboolean ostree_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                             GError **error)
{
    const OSTree *ostree = source->data;
    g_autofree char *fail = g_strdup_printf("Failed to checkout ref '%s' from origin: %s", ostree->ref, ostree->url);
    Clone clone;
    if (!ostree_fetch(source, context, error)) {
        return FALSE;
    }
    g_autofree char *work = sluice_store_make_work_dir(context->store, "ostree", error);
    if (work == NULL) {
        return FALSE;
    }
    g_autofree char *folder = g_build_filename(work, "checkout", NULL);
    clone_init(&clone, source, context, ostree->ref);
    gboolean ok = run(&clone, "checkout", WORDS("--user-mode", "--", ostree->ref, folder), fail, NULL, NULL, error) &&
                  git_take_folder(context, folder, tree, directory, "", error);
    sluice_remove_tree(work, NULL);
    clone_end(&clone);
    return ok;
}

const SourceKind source_kind_ostree = {
    .name = "ostree",
    .has_ref = TRUE,
    .configure = ostree_configure,
    .load_ref = ostree_load_ref,
    .unique_key = ostree_unique_key,
    .track = ostree_track,
    .fetch = ostree_fetch,
    .stage = ostree_stage,
};
