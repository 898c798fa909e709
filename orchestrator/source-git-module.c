/* source-git-module.c - `kind: git_module`: a submodule as a source of its own, tracked by what the sources before it say. */
#include "element.h"
#include "source-git.h"
#include "source-info.h"
#include "source-kinds.h"

#include <string.h>

#define SHA_LENGTH      40
#define INDEX_MAX_BYTES ((gsize)256 << 20)

typedef struct {
    const char *url, *path;
    const char *ref; /* or NULL */
    gboolean full_clone, use_lfs;
    SourceVersion version;
} GitModule;

static gboolean git_module_load_ref(Source *source, const Node *ref, GError **error)
{
    GitModule *module = source->data;
    return source_ref_text(source, ref, &module->ref, error);
}

/* An absolute path is taken from the top of the sources. */
static const char *relative_path(Arena *arena, const char *path)
{
    if (!g_path_is_absolute(path)) {
        return path;
    }
    g_autofree char *canonical = g_canonicalize_filename(path, "/");
    return canonical[1] != '\0' ? arena_strdup(arena, canonical + 1) : ".";
}

static gboolean git_module_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"url", "ref", "full-clone", "use-lfs", SOURCE_VERSION_KEYS, "path", NULL};
    GitModule *module = arena_new_of(source_arena(source), GitModule);
    source->data = module;
    if (!node_check_keys(config, keys, error) || !node_need_string(config, "url", &module->url, error) ||
        !node_get_bool(config, "full-clone", &module->full_clone, error) ||
        !node_get_bool(config, "use-lfs", &module->use_lfs, error) ||
        !source_version_configure(&module->version, config, error) ||
        !node_need_string(config, "path", &module->path, error)) {
        return FALSE;
    }
    module->path = relative_path(source_arena(source), module->path);
    return TRUE;
}

static Json *git_module_unique_key(Source *source, Arena *arena, GError **error)
{
    const GitModule *module = source->data;
    Json *key = json_array(arena);
    json_append(key, json_string(arena, module->url));
    json_append(key, json_string(arena, module->ref));
    if (*module->path != '\0') {
        Json *path = json_object(arena);
        json_set(path, "path", json_string(arena, module->path));
        json_append(key, path);
    }
    if (module->use_lfs) {
        json_append(key, json_string(arena, "use-lfs"));
    }
    source_version_append_key(&module->version, arena, key);
    return key;
}

/* ---- Tracking ------------------------------------------------------------------------------------------------------------------- */

/* The commit that an index, "MODE SHA STAGE\tPATH" each, has for a submodule. */
static char *find_link(const char *listing)
{
    g_auto(GStrv) words = g_strsplit_set(listing, " \t", 3);
    gboolean is_link = g_strv_length(words) == 3 && strcmp(words[0], "160000") == 0 && strlen(words[1]) == SHA_LENGTH;
    return is_link ? g_strdup(words[1]) : NULL;
}

/* `index` is the file of a repository that another source staged; nothing else of that repository is looked at, for its configuration could name programs to run. */
static char *read_link(const SourceContext *context, GBytes *index, const char *path, const char *work, GError **error)
{
    g_autofree char *repository = g_build_filename(work, "empty.git", NULL);
    g_autofree char *file = g_build_filename(work, "index", NULL);
    g_autofree char *literal = g_strconcat(":(top,literal)", path, NULL);
    g_autofree char *fail = g_strdup_printf("Failed to run 'git submodule status %s'", path);
    g_autofree char *listing = NULL;
    const Git maker = {.directory = work, .cancellable = context->cancellable};
    const Git git = {.repository = repository, .index = file, .cancellable = context->cancellable};
    if (!g_file_set_contents(file, g_bytes_get_data(index, NULL), (gssize)g_bytes_get_size(index), error) ||
        !git_run(&maker, GIT_ARGUMENTS("init", "--quiet", "--bare", "--template=", "--", repository), fail, NULL, NULL,
                 error) ||
        !git_run(&git, GIT_ARGUMENTS("ls-files", "--stage", "--", literal), fail, NULL, &listing, error)) {
        return NULL;
    }
    return find_link(listing);
}

static Node *git_module_track(Source *source, const SourceContext *context, GError **error)
{
    const GitModule *module = source->data;
    GError *problem = NULL;
    g_autofree char *work = sluice_store_make_work_dir(context->store, "git", error);
    if (work == NULL) {
        return NULL;
    }
    g_autoptr(GBytes) index = source_read_previous(context, ".git/index", INDEX_MAX_BYTES, &problem);
    g_autofree char *link = index != NULL ? read_link(context, index, module->path, work, &problem) : NULL;
    sluice_remove_tree(work, NULL);
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return NULL;
    }
    if (link == NULL) {
        error_set(error, ERROR_SOURCE, NULL, &source->where, "'%s' is no submodule of what the sources before it stage",
                  module->path);
        return NULL;
    }
    return node_new_scalar(source_arena(source), link, NULL);
}

/* ---- Fetching and staging ------------------------------------------------------------------------------------------------------ */

static gboolean make_checkout(const Source *source, GitCheckout *checkout, GError **error)
{
    const GitModule *module = source->data;
    checkout->url = module->url;
    checkout->lfs = module->use_lfs;
    checkout->path = strcmp(module->path, ".") == 0 ? "" : module->path;
    if (!git_ref_parse(source_arena(source), module->ref, &checkout->ref)) {
        error_set(error, ERROR_SOURCE, NULL, node_where(source->ref), "ref %s is not in the expected format",
                  module->ref);
        return FALSE;
    }
    return TRUE;
}

static gboolean git_module_fetch(Source *source, const SourceContext *context, GError **error)
{
    GitCheckout checkout;
    return make_checkout(source, &checkout, error) && git_checkout_fetch(source, context, &checkout, TRUE, error);
}

static gboolean git_module_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                                 GError **error)
{
    GitCheckout checkout;
    return make_checkout(source, &checkout, error) &&
           git_checkout_stage(source, context, &checkout, TRUE, tree, directory, error);
}

static gboolean git_module_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const GitModule *module = source->data;
    GitRef ref = {.tag = NULL};
    if (module->ref != NULL) {
        git_ref_parse(arena, module->ref, &ref);
    }
    g_autofree char *url = source_primary_url(source, module->url, error);
    return url != NULL && git_append_info(source, arena, list, url, &ref, &module->version, FALSE, error);
}

const SourceKind source_kind_git_module = {
    .name = "git_module",
    .has_ref = TRUE,
    .tracks_previous = TRUE,
    .configure = git_module_configure,
    .load_ref = git_module_load_ref,
    .unique_key = git_module_unique_key,
    .track = git_module_track,
    .fetch = git_module_fetch,
    .stage = git_module_stage,
    .collect_info = git_module_collect_info,
};
