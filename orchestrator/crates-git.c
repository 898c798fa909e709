/* crates-git.c - crates whose files are those of a commit.  BuildStream leaves the repository that it checks out with beside a crate at the top; cargo does not look at it, and
 * it is different each time, so it is not staged here. */
#include "crates-private.h"
#include "element.h"
#include "source-git.h"

#include <string.h>

#define COMMIT_DIGITS 40

/* Says which crate of the ref it is about. */
static gboolean refuse(const Source *source, const Crate *crate, const char *problem, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, source->ref != NULL ? node_where(source->ref) : &source->where,
              "Crate %s %s of %s at commit '%s': %s", crate->name, crate->version, crate->repo, crate->commit, problem);
    return FALSE;
}

static gboolean prepare(Source *source, const Crate *crate, GitCheckout *checkout, GError **error)
{
    const Crates *crates = source->data;
    if (strlen(crate->commit) != COMMIT_DIGITS || strspn(crate->commit, "0123456789abcdef") != COMMIT_DIGITS) {
        return refuse(source, crate, "this is not 40 lower-case hexadecimal digits", error);
    }
    *checkout = (GitCheckout){.url = crates_mirrored_url(crates, source_arena(source), crate->repo),
                              .path = "",
                              .ref = {.sha = crate->commit}};
    return TRUE;
}

gboolean crates_fetch_git(Source *source, const SourceContext *context, const Crate *crate, GError **error)
{
    GitCheckout checkout;
    return prepare(source, crate, &checkout, error) && git_checkout_fetch(source, context, &checkout, FALSE, error);
}

/* The folder that is the crate, and a manifest to put there (NULL: the one that is there). */
static Toml *find_crate(const SourceContext *context, Arena *arena, const Crate *crate, const char **folder,
                        GError **error)
{
    Toml *top = crates_read_manifest(context, arena, "", error);
    *folder = "";
    if (top == NULL) {
        if (error != NULL && *error == NULL) {
            error_set(error, ERROR_SOURCE, NULL, NULL, "there is no " CRATE_MANIFEST " at its top");
        }
        return NULL;
    }
    const Toml *workspace = toml_find(top, "workspace");
    if (workspace != NULL && toml_type(workspace) == TOML_TABLE) {
        return crates_find_member(context, arena, top, crate->name, folder, error);
    }
    if (g_strcmp0(toml_find_string(toml_find(top, "package"), "name"), crate->name) == 0) {
        return top;
    }
    error_set(error, ERROR_SOURCE, NULL, NULL, "not found in root manifest. No workspaces found.");
    return NULL;
}

static gboolean put_manifest(const SourceContext *context, const Toml *manifest, SluiceTree *tree, const char *place,
                             GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *path = g_build_path("/", place, CRATE_MANIFEST, NULL);
    SluiceDigest digest;
    SluiceEntry entry;
    if (!toml_write(manifest, CRATE_MANIFEST_MAX_BYTES, text)) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "its manifest has more than %" G_GSIZE_FORMAT " bytes",
                  CRATE_MANIFEST_MAX_BYTES);
        return FALSE;
    }
    gboolean executable = sluice_tree_lookup(tree, path, &entry, NULL) && entry.executable;
    return sluice_store_put(context->store, text->str, text->len, NULL, &digest, error) &&
           sluice_tree_add_file(tree, path, &digest, executable, error);
}

static gboolean stage_files(const SourceContext *context, Arena *arena, const Crate *crate, SluiceTree *tree,
                            const char *place, GError **error)
{
    const char *folder;
    SluiceEntry entry = {.type = SLUICE_ENTRY_DIRECTORY, .digest = *context->previous};
    const Toml *manifest = find_crate(context, arena, crate, &folder, error);
    g_autoptr(SluiceTree) files =
        manifest != NULL ? sluice_tree_new_from(context->store, context->previous, error) : NULL;
    if (files == NULL || (*folder != '\0' && !sluice_tree_lookup_follow(files, folder, &entry, error)) ||
        !sluice_tree_merge(tree, place, &entry.digest, NULL, NULL, error)) {
        return FALSE;
    }
    return toml_find(manifest, "workspace") == NULL && *folder == '\0'
               ? TRUE
               : put_manifest(context, manifest, tree, place, error);
}

gboolean crates_stage_git(Source *source, const SourceContext *context, const Crate *crate, SluiceTree *tree,
                          const char *place, GError **error)
{
    GitCheckout checkout;
    SluiceDigest files;
    SourceContext in_files = *context;
    g_autoptr(GError) problem = NULL;
    if (!prepare(source, crate, &checkout, error) || !git_checkout_files(source, context, &checkout, &files, error)) {
        return FALSE;
    }
    in_files.previous = &files;
    Arena *arena = arena_new();
    gboolean ok = stage_files(&in_files, arena, crate, tree, place, &problem);
    arena_free(arena);
    return ok || refuse(source, crate, problem->message, error);
}
