/*
 * archive-place.c - where the members of an archive go: the base directory, names through symlinks, and the tree.
 *
 * A member may be named through a symlink of the same archive.  Where that leads is worked out here, because a tree's own rule (links are followed
 * inside the tree, whatever they say) would put a member that means /etc/passwd somewhere harmless, but wrong: such an archive is refused.
 */
#include "archive-private.h"
#include "glob.h"

#include <string.h>

#define MAX_LINK_HOPS 40

/* ---- Base directory --------------------------------------------------------------------------------------------------------------- */

/* `path` and all its parents are directories of the archive. */
static void note_directories(GHashTable *directories, const char *path)
{
    g_autofree char *parent = g_strdup(path);
    while (parent[0] != '\0' && g_hash_table_add(directories, g_strdup(parent))) {
        char *slash = strrchr(parent, '/');
        if (slash == NULL) {
            return;
        }
        *slash = '\0';
    }
}

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? g_strndup(path, (gsize)(slash - path)) : g_strdup("");
}

char *archive_find_base_dir(const ArchiveContents *contents, const char *glob, GError **error)
{
    g_autoptr(GHashTable) directories = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < contents->members->len; i++) {
        const ArchiveMember *member = &g_array_index(contents->members, ArchiveMember, i);
        g_autofree char *parent = parent_of(member->path);
        note_directories(directories, member->type == SLUICE_ENTRY_DIRECTORY ? member->path : parent);
    }
    g_autofree char *pattern = g_strconcat(glob[0] == '/' ? "" : "/", glob, NULL);
    const char *globs[] = {pattern};
    g_autoptr(GRegex) regex = glob_compile(globs, 1, error);
    if (regex == NULL) {
        return NULL;
    }
    const char *best = NULL;
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, directories);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_autofree char *path = g_strconcat("/", (const char *)key, NULL);
        if (g_regex_match(regex, path, 0, NULL) && (best == NULL || strcmp(key, best) < 0)) {
            best = key;
        }
    }
    if (best == NULL) {
        error_set(error, ERROR_SOURCE, "archive-base-dir", NULL,
                  "%s: Could not find base directory matching pattern: %s", contents->name, glob);
        return NULL;
    }
    return g_strdup(best);
}

/* ---- Placing ---------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const ArchiveContents *contents;
    SluiceTree *tree;
    const char *directory;
    GHashTable *links; /* path below the base -> target, of the symlinks placed so far */
} Placing;

/* The path below the base directory; NULL if the member is not there, or is the base itself. */
static const char *below(const char *path, const char *base)
{
    if (base == NULL) {
        const char *slash = strchr(path, '/');
        return slash != NULL ? slash + 1 : NULL;
    }
    gsize length = strlen(base);
    if (length == 0) {
        return path[0] != '\0' ? path : NULL;
    }
    return strncmp(path, base, length) == 0 && path[length] == '/' && path[length + 1] != '\0' ? path + length + 1
                                                                                               : NULL;
}

/* The first symlink among the parents of `path`; `end` is where its name ends. */
static const char *link_on_the_way(Placing *placing, const char *path, gsize *end)
{
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        g_autofree char *prefix = g_strndup(path, (gsize)(slash - path));
        const char *target = g_hash_table_lookup(placing->links, prefix);
        if (target != NULL) {
            *end = (gsize)(slash - path);
            return target;
        }
    }
    return NULL;
}

/* Where `path` really is, with the links of the archive followed; NULL with error if that is outside. */
static char *resolve(Placing *placing, const char *path, GError **error)
{
    char *current = g_strdup(path);
    gsize end;
    const char *target;
    for (int hops = 0; g_hash_table_size(placing->links) > 0; hops++) {
        target = link_on_the_way(placing, current, &end);
        if (target == NULL) {
            break;
        }
        g_autofree char *link = g_strndup(current, end);
        g_autofree char *parent = parent_of(link);
        g_autofree char *joined =
            target[0] == '/' ? NULL : g_strconcat(parent, parent[0] != '\0' ? "/" : "", target, current + end, NULL);
        char *next = joined != NULL && hops < MAX_LINK_HOPS ? archive_normalise(joined) : NULL;
        if (next == NULL) {
            g_autofree char *place = g_strconcat(target, current + end, NULL);
            archive_outside(placing->contents->name, path, "be extracted to", place, error);
            g_free(current);
            return NULL;
        }
        g_free(current);
        current = next;
    }
    return current;
}

static gboolean place_directory(Placing *placing, const char *path, const char *place, GError **error)
{
    SluiceEntry there;
    /* A directory where a link or a file is: the link stays if it leads to one, as tar does. */
    if (sluice_tree_lookup(placing->tree, place, &there, NULL) && there.type == SLUICE_ENTRY_FILE) {
        if (!sluice_tree_remove(placing->tree, place, error)) {
            return FALSE;
        }
    }
    const char *target = g_hash_table_lookup(placing->links, path);
    if (target != NULL) {
        g_autofree char *through = g_strconcat(path, "/.", NULL);
        g_autofree char *resolved = resolve(placing, through, error);
        if (resolved == NULL) {
            return FALSE;
        }
    }
    return sluice_tree_make_directory(placing->tree, place, error);
}

static gboolean place_leaf(Placing *placing, const ArchiveMember *member, const char *path, const char *place,
                           GError **error)
{
    SluiceEntry there;
    if (sluice_tree_lookup(placing->tree, place, &there, NULL) && there.type == SLUICE_ENTRY_DIRECTORY) {
        error_set(error, ERROR_SOURCE, "archive-damaged", NULL,
                  "%s: Error staging source: '%s' is both a directory and something else", placing->contents->name,
                  member->path);
        return FALSE;
    }
    if (member->type == SLUICE_ENTRY_SYMLINK) {
        g_hash_table_replace(placing->links, g_strdup(path), member->target);
        return sluice_tree_add_symlink(placing->tree, place, member->target, error);
    }
    g_hash_table_remove(placing->links, path);
    return sluice_tree_add_file(placing->tree, place, &member->digest, member->executable, error);
}

static gboolean place(Placing *placing, const ArchiveMember *member, const char *path, GError **error)
{
    if (member->absent) {
        error_set(error, ERROR_SOURCE, "archive-damaged", NULL,
                  "%s: Error staging source: '%s' is a hard link to '%s', which is not in the archive",
                  placing->contents->name, member->path, member->target);
        return FALSE;
    }
    g_autofree char *resolved = resolve(placing, path, error);
    if (resolved == NULL) {
        return FALSE;
    }
    g_autofree char *whole = g_strconcat(placing->directory, "/", resolved, NULL);
    return member->type == SLUICE_ENTRY_DIRECTORY ? place_directory(placing, resolved, whole, error)
                                                  : place_leaf(placing, member, resolved, whole, error);
}

gboolean archive_add_to_tree(const ArchiveContents *contents, const char *base_dir, SluiceTree *tree,
                             const char *directory, GError **error)
{
    g_autoptr(GHashTable) links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Placing placing = {.contents = contents, .tree = tree, .directory = directory, .links = links};
    if (!sluice_tree_make_directory(tree, directory, error)) {
        return FALSE;
    }
    for (guint i = 0; i < contents->members->len; i++) {
        const ArchiveMember *member = &g_array_index(contents->members, ArchiveMember, i);
        const char *path = below(member->path, base_dir);
        if (path != NULL && !place(&placing, member, path, error)) {
            return FALSE;
        }
    }
    return TRUE;
}
