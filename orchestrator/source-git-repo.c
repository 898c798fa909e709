/* source-git-repo.c - `kind: git_repo`: a commit of a git repository, staged with as much history as `git describe` needs. */
#include "element.h"
#include "source-git.h"
#include "source-kinds.h"

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

const SourceKind source_kind_git_repo = {
    .name = "git_repo",
    .has_ref = TRUE,
    .configure = git_repo_configure,
    .load_ref = git_repo_load_ref,
    .unique_key = git_repo_unique_key,
};
