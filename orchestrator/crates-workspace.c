/* crates-workspace.c - the crate of a Cargo workspace: which folder it is in, and its manifest with what it inherits from the one at the top. */
#include "crates-private.h"
#include "element.h"

#include <fnmatch.h>
#include <string.h>

/* More manifests than this are not read to find a crate. */
#define MANIFESTS_MAX 20000u

typedef struct {
    const char *path; /* of its folder, "" for the top */
    Toml *manifest;
} Member;

typedef struct {
    SourceContext context; /* `previous` is the repository */
    Arena *arena;
    const Toml *workspace;
    GHashTable *members; /* name -> Member * */
    GQueue found;        /* Member *: whose dependencies are still to be looked at */
    guint manifests;
} Search;

Toml *crates_read_manifest(const SourceContext *context, Arena *arena, const char *folder, GError **error)
{
    gsize length;
    GError *problem = NULL;
    g_autofree char *path = g_build_filename(folder, CRATE_MANIFEST, NULL);
    g_autoptr(GBytes) bytes = source_read_previous(context, path, CRATE_MANIFEST_MAX_BYTES, error);
    const char *text = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    Toml *manifest = text != NULL ? toml_parse(arena, text, length, &problem) : NULL;
    if (problem != NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "malformed %s: %s", path, problem->message);
        g_error_free(problem);
    }
    return manifest;
}

/* A folder named from another one; NULL if it is not in the repository. */
static const char *folder_from(Arena *arena, const char *folder, const char *path)
{
    g_autofree char *joined = g_build_filename(folder, path, NULL);
    g_auto(GStrv) parts = g_strsplit(joined, "/", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    for (char **part = parts; *part != NULL; part++) {
        if (strcmp(*part, "..") != 0) {
            if (**part != '\0' && strcmp(*part, ".") != 0) {
                g_ptr_array_add(kept, *part);
            }
        } else if (kept->len == 0) {
            return NULL;
        } else {
            g_ptr_array_set_size(kept, (gint)kept->len - 1);
        }
    }
    g_ptr_array_add(kept, NULL);
    g_autofree char *result = g_strjoinv("/", (char **)kept->pdata);
    return g_path_is_absolute(path) ? NULL : arena_strdup(arena, result);
}

/* `implied`: by a dependency of another member, and then one that is known stays. */
static gboolean add_member(Search *search, const char *folder, gboolean implied, GError **error)
{
    GError *problem = NULL;
    if (++search->manifests > MANIFESTS_MAX) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "its workspace has more than %u manifests", MANIFESTS_MAX);
        return FALSE;
    }
    Toml *manifest = crates_read_manifest(&search->context, search->arena, folder, &problem);
    const char *name = toml_find_string(toml_find(manifest, "package"), "name");
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (name == NULL || (implied && g_hash_table_contains(search->members, name))) {
        return TRUE;
    }
    if (implied && !crates_inherit(search->arena, manifest, search->workspace, error)) {
        return FALSE;
    }
    Member *member = arena_new_of(search->arena, Member);
    *member = (Member){folder, manifest};
    g_hash_table_replace(search->members, (gpointer)name, member);
    g_queue_push_tail(&search->found, member);
    return TRUE;
}

/* What members depend on by path is a member. */
static gboolean add_implied(Search *search, GError **error)
{
    const Member *member;
    while ((member = g_queue_pop_head(&search->found)) != NULL) {
        const Toml *dependencies = toml_find(member->manifest, "dependencies");
        for (gsize i = 0; i < toml_size(dependencies); i++) {
            const char *path = toml_find_string(toml_at(dependencies, i), "path");
            const char *folder = path != NULL && *path != '\0' ? folder_from(search->arena, member->path, path) : NULL;
            if (folder != NULL && !add_member(search, folder, TRUE, error)) {
                return FALSE;
            }
        }
    }
    return TRUE;
}

typedef struct {
    const char *pattern;
    Arena *arena;
    GPtrArray *folders;
} Listing;

static gboolean note_folder(const char *path, const SluiceEntry *entry, gpointer data)
{
    const Listing *listing = data;
    const char *name = strrchr(path, '/');
    g_autofree char *folder = name > path ? g_strndup(path + 1, (gsize)(name - path - 1)) : g_strdup("");
    if (strcmp(name + 1, CRATE_MANIFEST) == 0 && entry->type != SLUICE_ENTRY_DIRECTORY &&
        fnmatch(listing->pattern, folder, FNM_NOESCAPE | FNM_PATHNAME | FNM_PERIOD) == 0) {
        g_ptr_array_add(listing->folders, (gpointer)arena_strdup(listing->arena, folder));
    }
    return TRUE;
}

static gboolean add_matching(Search *search, const char *pattern, GError **error)
{
    g_autoptr(GPtrArray) folders = g_ptr_array_new();
    Listing listing = {pattern, search->arena, folders};
    if (strpbrk(pattern, "*?[") == NULL) {
        g_ptr_array_add(folders, (gpointer)pattern);
    } else if (!sluice_store_walk_tree(search->context.store, search->context.previous, note_folder, &listing, error)) {
        return FALSE;
    }
    for (guint i = 0; i < folders->len; i++) {
        if (!add_member(search, folders->pdata[i], FALSE, error) || !add_implied(search, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* `members` are patterns; a package at the top is always one. */
static gboolean add_members(Search *search, const Toml *top, const char *name, GError **error)
{
    const Toml *patterns = toml_find(search->workspace, "members");
    for (gsize i = 0; patterns != NULL && toml_type(patterns) == TOML_ARRAY && i < toml_size(patterns); i++) {
        const Toml *item = toml_at(patterns, i);
        const char *pattern = toml_type(item) == TOML_STRING ? folder_from(search->arena, "", toml_text(item)) : NULL;
        if (pattern != NULL && !add_matching(search, pattern, error)) {
            return FALSE;
        }
    }
    return g_strcmp0(toml_find_string(toml_find(top, "package"), "name"), name) != 0 || add_matching(search, "", error);
}

Toml *crates_find_member(const SourceContext *context, Arena *arena, const Toml *top, const char *name,
                         const char **folder, GError **error)
{
    Search search = {.context = *context, .arena = arena, .workspace = toml_find(top, "workspace")};
    search.members = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean ok = add_members(&search, top, name, error);
    const Member *member = ok ? g_hash_table_lookup(search.members, name) : NULL;
    if (ok && member == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "neither found in root nor workspace manifests");
    }
    g_queue_clear(&search.found);
    g_hash_table_unref(search.members);
    if (member == NULL || !crates_inherit(arena, member->manifest, search.workspace, error)) {
        return NULL;
    }
    *folder = member->path;
    return member->manifest;
}
