/* Walking over whole trees, and writing them into the store. */
#include "tree.h"

#include <string.h>

/* ---- Walking ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceStore *store;
    SluiceWalkFunc func;
    gpointer data;
    GString *path;
    gboolean stopped;
    gsize entries; /* seen so far: a few small Directories can describe trees without end */
} Walk;

static gboolean walk_stored(Walk *walk, const SluiceDigest *digest, unsigned depth, GError **error);

/* Calls the callback for one entry with the path extended; *length is what to truncate it to afterwards. */
static void visit(Walk *walk, const SluiceEntry *entry, gsize *length)
{
    *length = walk->path->len;
    g_string_append_c(walk->path, '/');
    g_string_append(walk->path, entry->name);
    walk->stopped = !walk->func(walk->path->str, entry, walk->data);
}

static gboolean walk_stored(Walk *walk, const SluiceDigest *digest, unsigned depth, GError **error)
{
    if (depth > CAS_DEPTH_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a tree of more than %d levels", CAS_DEPTH_MAX);
    g_autoptr(SluiceDirectory) directory = sluice_directory_read(walk->store, digest, error);
    if (directory == NULL)
        return FALSE;
    gsize count, length;
    sluice_directory_get_entries(directory, &count);
    walk->entries += count;
    if (walk->entries > CAS_TREE_ENTRIES_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a tree of more than %d entries", CAS_TREE_ENTRIES_MAX);
    g_autofree const SluiceEntry **sorted = cas_directory_sorted(directory);
    for (gsize i = 0; i < count && !walk->stopped; i++) {
        visit(walk, sorted[i], &length);
        if (!walk->stopped && sorted[i]->type == SLUICE_ENTRY_DIRECTORY &&
            !walk_stored(walk, &sorted[i]->digest, depth + 1, error))
            return FALSE;
        g_string_truncate(walk->path, length);
    }
    return TRUE;
}

static gboolean walk_node(Walk *walk, TreeNode *directory, unsigned depth, GError **error)
{
    if (!directory->loaded) /* as it is in the store: no need to make nodes of it */
        return walk_stored(walk, &directory->digest, depth, error);
    g_autoptr(GPtrArray) children = tree_sorted_children(directory);
    for (guint i = 0; i < children->len && !walk->stopped; i++) {
        TreeNode *child = g_ptr_array_index(children, i);
        SluiceEntry entry;
        gsize length;
        tree_entry_of(child, &entry);
        visit(walk, &entry, &length);
        if (!walk->stopped && child->type == SLUICE_ENTRY_DIRECTORY && !walk_node(walk, child, depth + 1, error))
            return FALSE;
        g_string_truncate(walk->path, length);
    }
    return TRUE;
}

gboolean sluice_tree_walk(SluiceTree *tree, SluiceWalkFunc func, gpointer data, GError **error)
{
    g_autoptr(GString) path = g_string_new(NULL);
    Walk walk = {.store = tree->store, .func = func, .data = data, .path = path};
    return walk_node(&walk, tree->root, 0, error);
}

gboolean sluice_store_walk_tree(SluiceStore *store, const SluiceDigest *root, SluiceWalkFunc func, gpointer data,
                                GError **error)
{
    g_autoptr(GString) path = g_string_new(NULL);
    Walk walk = {.store = store, .func = func, .data = data, .path = path};
    return walk_stored(&walk, root, 0, error);
}

/* ---- Committing -------------------------------------------------------------------------------------------------------------- */

static GBytes *encode_children(TreeNode *directory, GError **error)
{
    guint count = directory->children != NULL ? g_hash_table_size(directory->children) : 0;
    g_autofree SluiceEntry *entries = g_new(SluiceEntry, count + 1);
    GHashTableIter iter;
    gpointer child;
    if (count > 0)
        g_hash_table_iter_init(&iter, directory->children);
    for (guint i = 0; i < count && g_hash_table_iter_next(&iter, NULL, &child); i++)
        tree_entry_of(child, &entries[i]);
    return sluice_directory_encode(entries, count, error);
}

/* Children first: their digests are in the parent's bytes.  The nodes stay marked until all is stored. */
static gboolean encode_changed(TreeNode *directory, GPtrArray *blobs, GPtrArray *nodes, GError **error)
{
    GHashTableIter iter;
    gpointer value;
    if (directory->children != NULL) {
        g_hash_table_iter_init(&iter, directory->children);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
            TreeNode *child = value;
            if (child->type == SLUICE_ENTRY_DIRECTORY && child->changed && !encode_changed(child, blobs, nodes, error))
                return FALSE;
        }
    }
    GBytes *bytes = encode_children(directory, error);
    if (bytes == NULL)
        return FALSE;
    sluice_digest_of_bytes(bytes, &directory->digest);
    directory->changed = FALSE;
    g_ptr_array_add(blobs, bytes);
    g_ptr_array_add(nodes, directory);
    return TRUE;
}

gboolean sluice_tree_commit(SluiceTree *tree, SluiceDigest *root, GError **error)
{
    g_autoptr(GPtrArray) blobs = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GPtrArray) nodes = g_ptr_array_new();
    gboolean ok = !tree->root->changed || encode_changed(tree->root, blobs, nodes, error);
    if (ok && blobs->len > 0) {
        g_autofree SluiceDigest *digests = g_new(SluiceDigest, blobs->len);
        ok = sluice_store_put_many(tree->store, (GBytes *const *)blobs->pdata, blobs->len, digests, error);
    }
    for (guint i = 0; !ok && i < nodes->len; i++)
        ((TreeNode *)g_ptr_array_index(nodes, i))->changed = TRUE;
    if (ok)
        *root = tree->root->digest;
    return ok;
}
