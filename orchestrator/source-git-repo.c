/* source-git-repo.c - `kind: git_repo`: a commit of a git repository, staged with as much history as `git describe` needs. */
#include "element.h"
#include "source-git.h"
#include "source-info.h"
#include "source-kinds.h"

#include <string.h>

typedef struct {
    const char *url, *track;
    const char *const *exclude; /* or NULL */
    guint ref_format;
    const char *ref; /* as written, or NULL */
    GitRef parsed;
    SourceVersion version;
} GitRepo;

static gboolean take_ref(Source *source, const Node *node, GError **error)
{
    GitRepo *repo = source->data;
    if (!source_ref_text(source, node, &repo->ref, error)) {
        return FALSE;
    }
    if (!git_ref_parse(source_arena(source), repo->ref, &repo->parsed)) {
        error_set(error, ERROR_SOURCE, NULL, node_where(node), "ref %s is not in the expected format", repo->ref);
        return FALSE;
    }
    return TRUE;
}

static gboolean git_repo_load_ref(Source *source, const Node *ref, GError **error)
{
    GitRepo *repo = source->data;
    repo->ref = NULL;
    return ref == NULL || take_ref(source, ref, error);
}

static gboolean git_repo_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"ref", "url", "track", "exclude", "ref-format", SOURCE_VERSION_KEYS, NULL};
    GitRepo *repo = arena_new_of(source_arena(source), GitRepo);
    const Node *ref = node_find(config, "ref");
    source->data = repo;
    return node_check_keys(config, keys, error) && (ref == NULL || take_ref(source, ref, error)) &&
           node_need_string(config, "url", &repo->url, error) &&
           node_get_string(config, "track", &repo->track, error) &&
           node_get_strings(config, "exclude", source_arena(source), &repo->exclude, error) &&
           node_get_choice(config, "ref-format", git_ref_formats, &repo->ref_format, error) &&
           source_version_configure(&repo->version, config, error);
}

static Json *git_repo_unique_key(Source *source, Arena *arena, GError **error)
{
    const GitRepo *repo = source->data;
    Json *key = json_object(arena);
    json_set(key, "ref", json_string(arena, repo->ref));
    json_set(key, "bugfix", json_int(arena, 1));
    source_version_set_key(&repo->version, arena, key);
    return key;
}

/* ---- Tracking ------------------------------------------------------------------------------------------------------------------- */

static Node *git_repo_track(Source *source, const SourceContext *context, GError **error)
{
    const GitRepo *repo = source->data;
    const GitTracking tracking = {.url = repo->url,
                                  .pattern = repo->track,
                                  .exclude = repo->exclude,
                                  .describe = repo->ref_format == GIT_REF_DESCRIBE};
    if (repo->track == NULL || *repo->track == '\0') {
        return NULL;
    }
    g_autofree char *ref = git_track_newest(source, context, &tracking, error);
    return ref != NULL ? node_new_scalar(source_arena(source), ref, NULL) : NULL;
}

/* ---- Fetching and staging ------------------------------------------------------------------------------------------------------ */

static gboolean git_repo_fetch(Source *source, const SourceContext *context, GError **error)
{
    const GitRepo *repo = source->data;
    const GitCheckout checkout = {.url = repo->url, .path = "", .ref = repo->parsed};
    return git_checkout_fetch(source, context, &checkout, FALSE, error);
}

static gboolean git_repo_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                               GError **error)
{
    const GitRepo *repo = source->data;
    const GitCheckout checkout = {.url = repo->url, .path = "", .ref = repo->parsed};
    return git_checkout_stage(source, context, &checkout, FALSE, tree, directory, error);
}

static gboolean git_repo_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const GitRepo *repo = source->data;
    const GitRef none = {.tag = NULL};
    g_autofree char *url = source_primary_url(source, repo->url, error);
    return url != NULL && git_append_info(source, arena, list, url, repo->ref != NULL ? &repo->parsed : &none,
                                          &repo->version, TRUE, error);
}

const SourceKind source_kind_git_repo = {
    .name = "git_repo",
    .has_ref = TRUE,
    .configure = git_repo_configure,
    .load_ref = git_repo_load_ref,
    .unique_key = git_repo_unique_key,
    .track = git_repo_track,
    .fetch = git_repo_fetch,
    .stage = git_repo_stage,
    .collect_info = git_repo_collect_info,
};
