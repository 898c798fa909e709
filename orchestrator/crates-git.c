/* crates-git.c - crates whose files are those of a commit. */
#include "crates-private.h"
#include "element.h"
#include "source-git.h"
#include "toml.h"

#include <string.h>

#define MANIFEST           "Cargo.toml"
#define MANIFEST_MAX_BYTES ((gsize)16 << 20)
#define COMMIT_DIGITS      40

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

/* The crate must be the package at the top, and stand on its own: what members of a workspace inherit is not written into them. */
static gboolean check_manifest(Source *source, const SourceContext *context, const Crate *crate,
                               const SluiceDigest *files, GError **error)
{
    SourceContext in_files = *context;
    GError *problem = NULL;
    in_files.previous = files;
    g_autoptr(GBytes) bytes = source_read_previous(&in_files, MANIFEST, MANIFEST_MAX_BYTES, &problem);
    if (bytes == NULL) {
        g_autoptr(GError) cause = problem;
        return refuse(source, crate, cause != NULL ? cause->message : "there is no " MANIFEST " at its top", error);
    }
    Arena *arena = arena_new();
    gsize length;
    const char *text = g_bytes_get_data(bytes, &length);
    const Toml *manifest = toml_parse(arena, text, length, &problem);
    gboolean ok = FALSE;
    if (manifest == NULL) {
        g_autofree char *malformed = g_strdup_printf("malformed " MANIFEST ": %s", problem->message);
        refuse(source, crate, malformed, error);
        g_error_free(problem);
    } else if (toml_find(manifest, "workspace") != NULL) {
        refuse(source, crate, "crates of a Cargo workspace cannot be staged yet", error);
    } else if (g_strcmp0(toml_find_string(toml_find(manifest, "package"), "name"), crate->name) != 0) {
        refuse(source, crate, "not found in root manifest. No workspaces found.", error);
    } else {
        ok = TRUE;
    }
    arena_free(arena);
    return ok;
}

gboolean crates_stage_git(Source *source, const SourceContext *context, const Crate *crate, SluiceTree *tree,
                          const char *place, GError **error)
{
    GitCheckout checkout;
    SluiceDigest files;
    return prepare(source, crate, &checkout, error) && git_checkout_files(source, context, &checkout, &files, error) &&
           check_manifest(source, context, crate, &files, error) &&
           sluice_tree_merge(tree, place, &files, NULL, NULL, error);
}
