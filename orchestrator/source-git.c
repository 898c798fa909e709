/*
 * source-git.c - `kind: git`: a commit of a git repository with its submodules; configuration, ref and key.
 *
 * The ref is a commit, or what `git describe` says of one, and perhaps tags that the staged repository must know.
 */
#include "element.h"
#include "git-submodule.h"
#include "source-info.h"
#include "source-kinds.h"

#include <string.h>

static const char *const git_ref_keys[] = {"ref", "tags", NULL};

/* ---- Configuration -------------------------------------------------------------------------------------------------------------- */

static gboolean load_tags(Source *source, GitSource *git, const Node *list, GError **error)
{
    static const char *const keys[] = {"tag", "commit", "annotated", NULL};
    git->n_tags = 0;
    git->tags = arena_alloc(source_arena(source), (node_size(list) + 1) * sizeof *git->tags);
    for (gsize i = 0; i < node_size(list); i++) {
        const Node *node = node_at(list, i);
        GitTag *tag = &git->tags[i];
        if (node_type(node) != NODE_MAPPING) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node),
                      "Value of 'tags' is not of the expected type 'dict'");
            return FALSE;
        }
        if (!node_check_keys(node, keys, error) || !node_need_string(node, "tag", &tag->name, error) ||
            !node_need_string(node, "commit", &tag->commit, error) ||
            !node_need_string(node, "annotated", &(const char *){NULL}, error) ||
            !node_get_bool(node, "annotated", &tag->annotated, error)) {
            return FALSE;
        }
        git->n_tags++;
    }
    return TRUE;
}

static gboolean load_submodules(Source *source, GitSource *git, const Node *config, GError **error)
{
    Node *modules = NULL;
    if (!node_get_mapping(config, "submodules", &modules, error)) {
        return FALSE;
    }
    git->n_submodules = node_size(modules);
    git->submodules = arena_alloc(source_arena(source), (git->n_submodules + 1) * sizeof *git->submodules);
    for (gsize i = 0; i < git->n_submodules; i++) {
        GitSubmodule *submodule = &git->submodules[i];
        Node *node = NULL;
        submodule->path = node_key_at(modules, i);
        submodule->checkout = git->checkout_submodules;
        if (!node_get_mapping(modules, submodule->path, &node, error) ||
            !node_get_string(node, "url", &submodule->url, error) ||
            !node_get_bool(node, "checkout", &submodule->checkout, error)) {
            return FALSE;
        }
        submodule->has_checkout = node_find(node, "checkout") != NULL;
        if (submodule->url != NULL && !source_check_url(source, submodule->url, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean source_need_ref_or_track(const Source *source, const Node *config, const char *what, GError **error)
{
    if (node_find(config, "ref") != NULL || node_find(config, "track") != NULL) {
        return TRUE;
    }
    error_set(error, ERROR_SOURCE, "missing-track-and-ref", &source->where, "%s sources require a ref and/or track",
              what);
    return FALSE;
}

static gboolean git_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"url",        "track",      "ref",  "submodules",        "checkout-submodules",
                                       "ref-format", "track-tags", "tags", SOURCE_VERSION_KEYS, NULL};
    GitSource *git = arena_new_of(source_arena(source), GitSource);
    const char *ref = NULL;
    Node *tags = NULL;
    source->data = git;
    git->checkout_submodules = TRUE;
    return node_get_string(config, "ref", &ref, error) && node_check_keys(config, keys, error) &&
           node_get_sequence(config, "tags", &tags, error) && load_tags(source, git, tags, error) &&
           node_get_bool(config, "track-tags", &git->track_tags, error) &&
           node_need_string(config, "url", &git->url, error) && node_get_string(config, "track", &git->track, error) &&
           node_get_choice(config, "ref-format", git_ref_formats, &git->ref_format, error) &&
           source_version_configure(&git->version, config, error) &&
           source_need_ref_or_track(source, config, "Git", error) &&
           node_get_bool(config, "checkout-submodules", &git->checkout_submodules, error) &&
           load_submodules(source, git, config, error);
}

static gboolean git_load_ref(Source *source, const Node *ref, GError **error)
{
    GitSource *git = source->data;
    Node *tags = NULL;
    git->ref = NULL;
    return (ref == NULL ||
            (node_get_string(ref, "ref", &git->ref, error) && node_get_sequence(ref, "tags", &tags, error))) &&
           load_tags(source, git, tags, error);
}

/* ---- Key ------------------------------------------------------------------------------------------------------------------------- */

static void append_wrapped(Arena *arena, Json *key, const char *name, Json *value)
{
    Json *wrapper = json_object(arena);
    json_set(wrapper, name, value);
    json_append(key, wrapper);
}

static Json *tags_key(const GitSource *git, Arena *arena)
{
    Json *tags = json_object(arena);
    for (gsize i = 0; i < git->n_tags; i++) {
        Json *tag = json_array(arena);
        json_append(tag, json_string(arena, git->tags[i].commit));
        json_append(tag, json_bool(arena, git->tags[i].annotated));
        json_set(tags, git->tags[i].name, tag);
    }
    return tags;
}

static void append_submodules(const GitSource *git, Arena *arena, Json *key)
{
    Json *urls = json_object(arena), *checkouts = json_object(arena);
    gboolean any_checkout = FALSE;
    for (gsize i = 0; i < git->n_submodules; i++) {
        const GitSubmodule *submodule = &git->submodules[i];
        json_set(urls, submodule->path, submodule->url != NULL ? json_string(arena, submodule->url) : json_null(arena));
        if (submodule->has_checkout) {
            json_set(checkouts, submodule->path, json_bool(arena, submodule->checkout));
            any_checkout = TRUE;
        }
    }
    if (git->n_submodules > 0) {
        json_append(key, urls);
    }
    if (any_checkout) {
        append_wrapped(arena, key, "submodule_checkout_overrides", checkouts);
    }
}

static Json *git_unique_key(Source *source, Arena *arena, GError **error)
{
    const GitSource *git = source->data;
    Json *key = json_array(arena);
    json_append(key, json_string(arena, git->url));
    json_append(key, json_string(arena, git_strip_tag(git->ref)));
    if (git->n_tags > 0) {
        append_wrapped(arena, key, "tags", tags_key(git, arena));
    }
    if (!git->checkout_submodules) {
        append_wrapped(arena, key, "checkout_submodules", json_bool(arena, FALSE));
    }
    append_submodules(git, arena, key);
    source_version_append_key(&git->version, arena, key);
    return key;
}

/* ---- Tracking ------------------------------------------------------------------------------------------------------------------- */

static Node *tags_node(Arena *arena, GPtrArray *tags)
{
    Node *list = node_new_sequence(arena, NULL);
    for (guint i = 0; tags != NULL && i < tags->len; i++) {
        const GitTag *tag = tags->pdata[i];
        Node *node = node_new_mapping(arena, NULL);
        node_set(arena, node, "tag", node_new_scalar(arena, tag->name, NULL));
        node_set(arena, node, "commit", node_new_scalar(arena, tag->commit, NULL));
        node_set(arena, node, "annotated", node_new_scalar(arena, tag->annotated ? "True" : "False", NULL));
        node_append(arena, list, node);
    }
    return list;
}

static Node *make_ref(Source *source, const Git *git, const char *commit, GError **error)
{
    const GitSource *data = source->data;
    Arena *arena = source_arena(source);
    g_autofree char *fail = g_strdup_printf("Unable to find revision %s", commit);
    g_autofree char *described = NULL;
    g_autoptr(GPtrArray) tags = data->track_tags ? git_reachable_tags(git, commit, error) : NULL;
    if (data->track_tags && tags == NULL) {
        return NULL;
    }
    if (data->ref_format == GIT_REF_DESCRIBE &&
        !git_run(git, GIT_ARGUMENTS("describe", "--tags", "--abbrev=40", "--long", "--always", commit), fail, NULL,
                 &described, error)) {
        return NULL;
    }
    Node *ref = node_new_mapping(arena, NULL);
    const char *text = described != NULL ? g_strchomp(described) : commit;
    node_set(arena, ref, "ref", node_new_scalar(arena, text, NULL));
    if ((tags != NULL && tags->len > 0) || data->n_tags > 0) {
        node_set(arena, ref, "tags", tags_node(arena, tags));
    }
    return ref;
}

static Node *git_track(Source *source, const SourceContext *context, GError **error)
{
    const GitSource *git = source->data;
    g_auto(GitMirror) mirror = {NULL};
    if (git->track == NULL || *git->track == '\0') {
        if (git->ref == NULL) {
            error_set(error, ERROR_SOURCE, "track-attempt-no-track", &source->where, "No track or ref");
            error_set_detail(error != NULL ? *error : NULL,
                             "Without a tracking branch ref can not be updated. Please provide a ref or a track.");
        }
        return NULL;
    }
    git_mirror_init(&mirror, source, context, git->url);
    const Git full = {.repository = mirror.full, .cancellable = context->cancellable};
    g_autofree char *fail = g_strdup_printf("Unable to find revision %s", git->track);
    g_autofree char *commit = NULL;
    if (!git_mirror_fetch_all(&mirror, NULL, SOURCE_URL_TRACK, error) ||
        !git_run(&full, GIT_ARGUMENTS("rev-list", "-n", "1", "--end-of-options", git->track), fail, NULL, &commit,
                 error)) {
        return NULL;
    }
    return make_ref(source, &full, g_strchomp(commit), error);
}

/* ---- Fetching ------------------------------------------------------------------------------------------------------------------- */

static gboolean ignore_visit(const GitVisit *visit, gpointer data, GError **error)
{
    return TRUE;
}

typedef struct {
    const GitSource *git;
    GHashTable *found; /* paths */
    GString *unlisted;
} Discovery;

static const GitSubmodule *find_submodule(const GitSource *git, const char *path)
{
    for (gsize i = 0; i < git->n_submodules; i++) {
        if (strcmp(git->submodules[i].path, path) == 0) {
            return &git->submodules[i];
        }
    }
    return NULL;
}

static void append_submodule(GString *text, const char *url, const char *path)
{
    g_string_append_printf(text, "%s  Submodule URL '%s' at path '%s'", text->len > 0 ? "\n" : "",
                           url != NULL ? url : "None", path);
}

static gboolean discover(const GitVisit *visit, gpointer data, GError **error)
{
    Discovery *discovery = data;
    if (*visit->path == '\0') {
        return TRUE;
    }
    g_hash_table_add(discovery->found, g_strdup(visit->path));
    if (discovery->git->checkout_submodules && find_submodule(discovery->git, visit->path) == NULL) {
        append_submodule(discovery->unlisted, visit->url, visit->path);
    }
    return TRUE;
}

static gboolean warn_of_submodules(const Source *source, const SourceContext *context, const char *token,
                                   const char *message, const char *intro, const GString *list, GError **error)
{
    g_autofree char *detail = g_strconcat(intro, "\n\n", list->str, NULL);
    return list->len == 0 || source_warn(source, context, token, message, detail, error);
}

static gboolean check_submodules(const Source *source, const SourceContext *context, GError **error)
{
    const GitSource *git = source->data;
    g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GString) unlisted = g_string_new(NULL), invalid = g_string_new(NULL);
    Discovery discovery = {git, found, unlisted};
    const GitWalk walk = {.source = source, .context = context, .func = discover, .data = &discovery};
    if (!git_walk_submodules(&walk, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < git->n_submodules; i++) {
        if (!g_hash_table_contains(found, git->submodules[i].path)) {
            append_submodule(invalid, git->submodules[i].url, git->submodules[i].path);
        }
    }
    return warn_of_submodules(source, context, "git:invalid-submodule", "Invalid submodules specified",
                              "The following submodules are specified in the source "
                              "description but do not exist according to the repository",
                              invalid, error) &&
           warn_of_submodules(source, context, "git:unlisted-submodule", "Unlisted submodules exist",
                              "The following submodules exist but are not specified in the source description",
                              unlisted, error);
}

/* The branch or tag that the source tracks must lead to its commit. */
static gboolean check_track(const Source *source, const SourceContext *context, GError **error)
{
    static const char *const lists[] = {"branch", "tag"};
    const GitSource *git = source->data;
    g_autofree char *exact = git_exact_tag(git->ref);
    g_auto(GitMirror) mirror = {NULL};
    if (exact != NULL || git->track == NULL || *git->track == '\0') {
        return TRUE;
    }
    git_mirror_init(&mirror, source, context, git->url);
    const Git full = {.repository = mirror.full, .cancellable = context->cancellable};
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autofree char *found = NULL;
        g_autofree char *contains = g_strconcat("--contains=", git_strip_tag(git->ref), NULL);
        int status = -1;
        if (!git_run(&full, GIT_ARGUMENTS(lists[i], "--list", contains, "--", git->track), "git", &status, &found,
                     error)) {
            return FALSE;
        }
        if (*found != '\0') {
            return TRUE;
        }
    }
    g_autofree char *message =
        g_strdup_printf("expected ref '%s' was not found in given track '%s' for staged repository: '%s'", git->ref,
                        git->track, git->url);
    g_autofree char *detail = g_strdup_printf(
        "The ref provided for the element does not exist locally in the provided track branch / tag '%s'.\n"
        "You may wish to track the element to update the ref from '%s' with `bst source track`,\n"
        "or examine the upstream at '%s' for the specific ref.",
        git->track, git->track, git->url);
    return source_warn(source, context, "ref-not-in-track", message, detail, error);
}

static gboolean git_fetch(Source *source, const SourceContext *context, GError **error)
{
    const GitWalk walk = {
        .source = source, .context = context, .configured = TRUE, .fetch = TRUE, .func = ignore_visit};
    return git_walk_submodules(&walk, error) && check_submodules(source, context, error) &&
           check_track(source, context, error);
}

/* ---- Staging -------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const GitSource *git;
    const SourceContext *context;
    SluiceTree *tree;
    const char *directory, *work;
    guint count;
} Staging;

/* The name in full, of a ref that may be short. */
static char *full_commit(const Git *git, const char *commit, GError **error)
{
    g_autofree char *rev = g_strconcat(commit, "^{commit}", NULL);
    g_autofree char *fail = g_strdup_printf("Failed to parse commit %s", commit);
    char *name = NULL;
    return git_run(git, GIT_ARGUMENTS("rev-parse", "--verify", "--end-of-options", rev), fail, NULL, &name, error)
               ? g_strchomp(name)
               : NULL;
}

static gboolean stage_visit(const GitVisit *visit, gpointer data, GError **error)
{
    Staging *staging = data;
    const Git git = {.repository = visit->repository, .cancellable = staging->context->cancellable};
    g_autofree char *folder = g_strdup_printf("%s/files%u", staging->work, staging->count++);
    gboolean with_tags = *visit->path == '\0' && staging->git->n_tags > 0;
    if (visit->repository == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "expected ref '%s' was not found in git repository: '%s'",
                  visit->commit, visit->url);
        return FALSE;
    }
    g_autofree char *commit = full_commit(&git, visit->commit, error);
    return commit != NULL && git_stage_files(&git, commit, FALSE, folder, error) &&
           (!with_tags ||
            git_stage_tags(&git, commit, staging->git->tags, staging->git->n_tags, folder, staging->work, error)) &&
           git_take_folder(staging->context, folder, staging->tree, staging->directory, visit->path, error);
}

/* The clones may have been dropped since they were fetched. */
static gboolean git_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                          GError **error)
{
    g_autofree char *work = sluice_store_make_work_dir(context->store, "git", error);
    Staging staging = {source->data, context, tree, directory, work, 0};
    const GitWalk walk = {
        .source = source, .context = context, .configured = TRUE, .fetch = TRUE, .func = stage_visit, .data = &staging};
    if (work == NULL) {
        return FALSE;
    }
    gboolean ok = git_walk_submodules(&walk, error);
    sluice_remove_tree(work, NULL);
    return ok;
}

/* ---- Description ---------------------------------------------------------------------------------------------------------------- */

static gboolean git_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const GitSource *git = source->data;
    GitRef ref = {.sha = git->ref};
    const char *mark = git->ref != NULL ? g_strrstr(git->ref, "-g") : NULL;
    if (mark != NULL) {
        g_autofree char *head = g_strndup(git->ref, (gsize)(mark - git->ref));
        char *dash = strrchr(head, '-');
        ref.sha = mark + 2;
        ref.commits = dash != NULL && strcmp(dash, "-0") != 0 ? arena_strdup(arena, dash + 1) : NULL;
        ref.tag = arena_strndup(arena, head, dash != NULL ? (gsize)(dash - head) : strlen(head));
    }
    return git_append_info(source, arena, list, git->url, &ref, &git->version, FALSE, error);
}

const SourceKind source_kind_git = {
    .name = "git",
    .has_ref = TRUE,
    .ref_keys = git_ref_keys,
    .configure = git_configure,
    .load_ref = git_load_ref,
    .unique_key = git_unique_key,
    .track = git_track,
    .fetch = git_fetch,
    .stage = git_stage,
    .collect_info = git_collect_info,
};
