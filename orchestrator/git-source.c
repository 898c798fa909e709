/* git-source.c - fetching and staging of one commit with a repository of its own: the kinds git_repo and git_module. */
#include "source-git.h"
#include "source-info.h"

#include <fcntl.h>
#include <string.h>

static gboolean check_tag(const GitRef *ref, GError **error)
{
    if (ref->tag != NULL && !git_ref_name_is_valid(ref->tag)) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "'%s' is no name that a tag can have", ref->tag);
        return FALSE;
    }
    return TRUE;
}

static gboolean make_history(const GitRef *ref, gboolean as_clone, GitHistory *history, GError **error)
{
    guint64 commits = 0;
    if (!check_tag(ref, error) ||
        (ref->commits != NULL && !g_ascii_string_to_unsigned(ref->commits, 10, 0, G_MAXINT32 - 1, &commits, error))) {
        return FALSE;
    }
    *history = (GitHistory){.commit = ref->sha, .tag = ref->tag, .commits = (guint)commits, .clone = as_clone};
    return TRUE;
}

/* The clone that has all of it, or NULL. */
static const char *find_clone(const GitMirror *mirror, const GitHistory *history)
{
    const char *path = git_mirror_find(mirror, history->commit, history->tag);
    const Git git = {.repository = path, .cancellable = mirror->context->cancellable};
    return path != NULL && git_has_history(&git, history) ? path : NULL;
}

gboolean git_checkout_fetch(const Source *source, const SourceContext *context, const GitCheckout *checkout,
                            gboolean as_clone, GError **error)
{
    g_auto(GitMirror) mirror = {NULL};
    GitHistory history;
    if (!make_history(&checkout->ref, as_clone, &history, error)) {
        return FALSE;
    }
    git_mirror_init(&mirror, source, context, checkout->url);
    return find_clone(&mirror, &history) != NULL ||
           git_mirror_fetch_commit(&mirror, history.commit, history.tag, history.commits + 1, error);
}

gboolean git_take_folder(const SourceContext *context, const char *folder, SluiceTree *tree, const char *directory,
                         const char *path, GError **error)
{
    const SluiceImportOptions options = {.by_link = FALSE};
    g_autofree char *place = g_build_path("/", directory, path, NULL);
    SluiceDigest root;
    return sluice_store_import(context->store, AT_FDCWD, folder, &options, &root, error) &&
           sluice_tree_merge(tree, place, &root, NULL, NULL, error);
}

static gboolean stage_in(const GitMirror *mirror, const GitHistory *history, const GitCheckout *checkout,
                         const char *work, SluiceTree *tree, const char *directory, GError **error)
{
    g_autofree char *folder = g_build_filename(work, "files", NULL);
    const Git git = {.repository = find_clone(mirror, history), .cancellable = mirror->context->cancellable};
    if (git.repository == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "expected ref '%s' was not found in git repository: '%s'",
                  history->commit, mirror->url);
        return FALSE;
    }
    return git_stage_files(&git, history->commit, TRUE, folder, error) &&
           (!checkout->lfs || git_lfs_fill(mirror, git.repository, history->commit, folder, error)) &&
           git_stage_repository(&git, history, folder, error) &&
           git_take_folder(mirror->context, folder, tree, directory, checkout->path, error);
}

gboolean git_checkout_stage(const Source *source, const SourceContext *context, const GitCheckout *checkout,
                            gboolean as_clone, SluiceTree *tree, const char *directory, GError **error)
{
    g_auto(GitMirror) mirror = {NULL};
    GitHistory history;
    /* The clone may have been dropped since it was fetched. */
    if (!git_checkout_fetch(source, context, checkout, as_clone, error) ||
        !make_history(&checkout->ref, as_clone, &history, error)) {
        return FALSE;
    }
    g_autofree char *work = sluice_store_make_work_dir(context->store, "git", error);
    if (work == NULL) {
        return FALSE;
    }
    git_mirror_init(&mirror, source, context, checkout->url);
    gboolean ok = stage_in(&mirror, &history, checkout, work, tree, directory, error);
    sluice_remove_tree(work, NULL);
    return ok;
}

static gboolean import_files(const GitMirror *mirror, const GitRef *ref, const char *work, SluiceDigest *root,
                             GError **error)
{
    const SluiceImportOptions options = {.by_link = FALSE};
    g_autofree char *folder = g_build_filename(work, "files", NULL);
    const Git git = {.repository = git_mirror_find(mirror, ref->sha, ref->tag),
                     .cancellable = mirror->context->cancellable};
    if (git.repository == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s not found in remote %s", ref->sha, mirror->url);
        return FALSE;
    }
    return git_stage_files(&git, ref->sha, TRUE, folder, error) &&
           sluice_store_import(mirror->context->store, AT_FDCWD, folder, &options, root, error);
}

gboolean git_checkout_files(const Source *source, const SourceContext *context, const GitCheckout *checkout,
                            SluiceDigest *root, GError **error)
{
    g_auto(GitMirror) mirror = {NULL};
    if (!git_checkout_fetch(source, context, checkout, FALSE, error)) {
        return FALSE;
    }
    g_autofree char *work = sluice_store_make_work_dir(context->store, "git", error);
    if (work == NULL) {
        return FALSE;
    }
    git_mirror_init(&mirror, source, context, checkout->url);
    gboolean ok = import_files(&mirror, &checkout->ref, work, root, error);
    sluice_remove_tree(work, NULL);
    return ok;
}

gboolean git_append_info(const Source *source, Arena *arena, Node *list, const char *url, const GitRef *ref,
                         const SourceVersion *version, gboolean with_tag, GError **error)
{
    g_autofree char *guess = NULL;
    Node *extra = node_new_mapping(arena, NULL);
    if (version->version == NULL && ref->tag != NULL && !version_guess(ref->tag, version->pattern, &guess, error)) {
        return FALSE;
    }
    if (with_tag && ref->tag != NULL && *ref->tag != '\0') {
        node_set(arena, extra, "tag-name", node_new_scalar(arena, ref->tag, NULL));
    }
    if (ref->commits != NULL) {
        node_set(arena, extra, "commit-offset", node_new_scalar(arena, ref->commits, NULL));
    }
    const SourceInfo info = {.url = url,
                             .medium = "git",
                             .version_type = "commit",
                             .version = ref->sha,
                             .version_guess = version->version != NULL ? version->version : guess,
                             .extra_data = extra};
    source_info_append(source, arena, list, &info);
    return TRUE;
}
