/* Merging: what exists on one side only is linked by its digest, so the costs are those of the names that both have. */
#include "tree.h"

#include <string.h>

typedef struct {
    SluiceTree *tree;
    SluiceOverlapFunc overlap;
    gpointer data;
    GPtrArray *active; /* directories that are being merged into: links may lead back to them */
    gsize entries;
} Merge;

static gboolean merge_directory(Merge *merge, TreeNode *into, const SluiceDigest *added, unsigned depth,
                                GError **error);

static gboolean same_content(const TreeNode *old, const SluiceEntry *added)
{
    if (old->type != added->type)
        return FALSE;
    if (old->type == SLUICE_ENTRY_SYMLINK)
        return strcmp(old->target, added->target) == 0;
    return old->executable == added->executable && old->mtime == added->mtime && !old->changed &&
           sluice_digest_equal(&old->digest, &added->digest);
}

static gboolean new_one_wins(Merge *merge, TreeNode *directory, const TreeNode *old, const SluiceEntry *added)
{
    if (merge->overlap == NULL)
        return TRUE;
    SluiceEntry entry;
    tree_entry_of(old, &entry);
    g_autofree char *path = tree_path_of(directory, added->name);
    return merge->overlap(path, &entry, added, merge->data);
}

static gboolean is_empty_directory(Merge *merge, TreeNode *node, gboolean *empty, GError **error)
{
    if (!tree_load(merge->tree, node, error))
        return FALSE;
    *empty = node->children == NULL || g_hash_table_size(node->children) == 0;
    return TRUE;
}

static gboolean cannot_merge(TreeNode *directory, const TreeNode *old, const SluiceEntry *added, GError **error)
{
    static const char *const kinds[] = {"a file", "a directory", "a symlink"};
    g_autofree char *path = tree_path_of(directory, added->name);
    return cas_error(error, SLUICE_CAS_ERROR_OVERLAP, "%s is %s in one tree and %s in the other", path,
                     kinds[old->type], kinds[added->type]);
}

/* Replacing `node` would take a directory away that is being merged into. */
static gboolean holds_active(const Merge *merge, const TreeNode *node)
{
    for (guint i = 0; i < merge->active->len; i++)
        for (const TreeNode *up = g_ptr_array_index(merge->active, i); up != NULL; up = up->parent)
            if (up == node)
                return TRUE;
    return FALSE;
}

/* Different things under one name, at least one of them no directory. */
static gboolean resolve_overlap(Merge *merge, TreeNode *directory, TreeNode *old, const SluiceEntry *added,
                                GError **error)
{
    gboolean replace = FALSE;
    if (old->type == SLUICE_ENTRY_DIRECTORY && holds_active(merge, old))
        return cannot_merge(directory, old, added, error);
    if (old->type == SLUICE_ENTRY_DIRECTORY && !is_empty_directory(merge, old, &replace, error))
        return FALSE;
    if (!replace)
        replace = new_one_wins(merge, directory, old, added);
    if (replace)
        tree_put_child(merge->tree, directory, added->name, added);
    else if (added->type == SLUICE_ENTRY_DIRECTORY || (old->type == SLUICE_ENTRY_DIRECTORY && !merge->tree->strict))
        return cannot_merge(directory, old, added, error);
    return TRUE;
}

static gboolean merge_entry(Merge *merge, TreeNode *directory, const SluiceEntry *added, unsigned depth, GError **error)
{
    TreeNode *old = tree_child(directory, added->name);
    if (old == NULL) {
        tree_put_child(merge->tree, directory, added->name, added);
        return TRUE;
    }
    if (same_content(old, added) && (!merge->tree->strict || added->type != SLUICE_ENTRY_DIRECTORY)) {
        if (merge->tree->strict)
            (void)new_one_wins(merge, directory, old, added);
        return TRUE;
    }
    TreeNode *target = added->type == SLUICE_ENTRY_DIRECTORY && old->type == SLUICE_ENTRY_DIRECTORY ? old : NULL;
    if (added->type == SLUICE_ENTRY_DIRECTORY && old->type == SLUICE_ENTRY_SYMLINK && !merge->tree->strict) {
        /* /lib -> usr/lib on one side, a real /lib on the other: its files belong into usr/lib. */
        GError *problem = NULL;
        target = tree_link_directory(merge->tree, directory, old, &problem);
        if (problem != NULL) {
            g_propagate_error(error, problem);
            return FALSE;
        }
    }
    return target != NULL ? merge_directory(merge, target, &added->digest, depth + 1, error)
                          : resolve_overlap(merge, directory, old, added, error);
}

static gboolean merge_directory(Merge *merge, TreeNode *into, const SluiceDigest *added, unsigned depth, GError **error)
{
    if (!merge->tree->strict && !into->changed && sluice_digest_equal(&into->digest, added))
        return TRUE;
    if (depth >= CAS_DEPTH_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a tree of more than %d levels", CAS_DEPTH_MAX);
    g_autoptr(SluiceDirectory) directory = sluice_directory_read(merge->tree->store, added, error);
    if (directory == NULL || !tree_load(merge->tree, into, error))
        return FALSE;
    gsize count;
    const SluiceEntry *entries = sluice_directory_get_entries(directory, &count);
    merge->entries += count;
    if (merge->entries > CAS_TREE_ENTRIES_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a tree of more than %d entries", CAS_TREE_ENTRIES_MAX);
    gboolean ok = TRUE;
    g_ptr_array_add(merge->active, into);
    /* Directories first when it is told of in order, as others tell of it. */
    for (gsize pass = 0; pass < (merge->tree->strict ? 2 : 1); pass++) {
        for (gsize i = 0; i < count && ok; i++) {
            if (!merge->tree->strict || (entries[i].type == SLUICE_ENTRY_DIRECTORY) == (pass == 0))
                ok = merge_entry(merge, into, &entries[i], depth, error);
        }
    }
    g_ptr_array_set_size(merge->active, (gint)merge->active->len - 1);
    return ok;
}

void sluice_tree_merge_strictly(SluiceTree *tree)
{
    tree->strict = TRUE;
}

gboolean sluice_tree_merge(SluiceTree *tree, const char *path, const SluiceDigest *root, SluiceOverlapFunc overlap,
                           gpointer data, GError **error)
{
    g_autoptr(GPtrArray) active = g_ptr_array_new();
    Merge merge = {.tree = tree, .overlap = overlap, .data = data, .active = active};
    unsigned hops = 0;
    if (!sluice_tree_make_directory(tree, path, error))
        return FALSE;
    TreeNode *into = tree_walk_to(tree, tree->root, path, TREE_FIND, &hops, error);
    return into != NULL && merge_directory(&merge, into, root, tree_depth(into), error);
}
