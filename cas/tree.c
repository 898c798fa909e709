/*
 * A tree that is being made.  Directories are loaded from the store when they are first looked into; what is only linked stays a
 * digest, so the costs are those of what is touched.
 */
#include "tree.h"

#include <string.h>

/* ---- Nodes ---------------------------------------------------------------------------------------------------------------- */

static void free_node(gpointer data)
{
    TreeNode *node = data;
    if (node->children != NULL)
        g_hash_table_unref(node->children);
    g_slice_free(TreeNode, node);
}

static TreeNode *new_node(SluiceTree *tree, TreeNode *parent, const char *name, const SluiceEntry *entry)
{
    TreeNode *node = g_slice_new0(TreeNode);
    node->parent = parent;
    node->name = g_string_chunk_insert_const(tree->strings, name);
    node->type = entry->type;
    node->executable = entry->type == SLUICE_ENTRY_FILE && entry->executable;
    node->mtime = entry->type == SLUICE_ENTRY_FILE ? entry->mtime : 0;
    node->digest = entry->digest;
    if (entry->type == SLUICE_ENTRY_SYMLINK)
        node->target = g_string_chunk_insert_const(tree->strings, entry->target);
    return node;
}

static TreeNode *insert_node(TreeNode *directory, TreeNode *node)
{
    if (directory->children == NULL)
        directory->children = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_node);
    g_hash_table_replace(directory->children, (gpointer)node->name, node);
    return node;
}

static void mark_changed(TreeNode *directory)
{
    for (; directory != NULL && !directory->changed; directory = directory->parent)
        directory->changed = TRUE;
}

TreeNode *tree_child(TreeNode *directory, const char *name)
{
    return directory->children != NULL ? g_hash_table_lookup(directory->children, name) : NULL;
}

TreeNode *tree_put_child(SluiceTree *tree, TreeNode *directory, const char *name, const SluiceEntry *entry)
{
    mark_changed(directory);
    return insert_node(directory, new_node(tree, directory, name, entry));
}

void tree_remove_child(TreeNode *directory, TreeNode *child)
{
    mark_changed(directory);
    g_hash_table_remove(directory->children, child->name);
}

void tree_entry_of(const TreeNode *node, SluiceEntry *out)
{
    *out = (SluiceEntry){.name = node->name,
                         .type = node->type,
                         .executable = node->executable,
                         .mtime = node->mtime,
                         .target = node->target};
    if (node->type == SLUICE_ENTRY_FILE || (node->type == SLUICE_ENTRY_DIRECTORY && !node->changed))
        out->digest = node->digest;
}

unsigned tree_depth(const TreeNode *node)
{
    unsigned depth = 0;
    for (; node->parent != NULL; node = node->parent)
        depth++;
    return depth;
}

char *tree_path_of(const TreeNode *directory, const char *name)
{
    GString *path = g_string_new(name);
    g_string_prepend_c(path, '/');
    for (; directory->parent != NULL; directory = directory->parent) {
        g_string_prepend(path, directory->name);
        g_string_prepend_c(path, '/');
    }
    return g_string_free(path, FALSE);
}

gboolean tree_load(SluiceTree *tree, TreeNode *directory, GError **error)
{
    if (directory->loaded)
        return TRUE;
    if (tree_depth(directory) >= CAS_DEPTH_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a tree of more than %d levels", CAS_DEPTH_MAX);
    g_autoptr(SluiceDirectory) decoded = sluice_directory_read(tree->store, &directory->digest, error);
    tree->lost = decoded == NULL;
    if (decoded == NULL)
        return FALSE;
    gsize count;
    const SluiceEntry *entries = sluice_directory_get_entries(decoded, &count);
    for (gsize i = 0; i < count; i++)
        insert_node(directory, new_node(tree, directory, entries[i].name, &entries[i]));
    directory->loaded = TRUE;
    return TRUE;
}

static int compare_nodes(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const TreeNode *const *)a)->name, (*(const TreeNode *const *)b)->name);
}

GPtrArray *tree_sorted_children(TreeNode *directory)
{
    guint count = directory->children != NULL ? g_hash_table_size(directory->children) : 0;
    GPtrArray *children = g_ptr_array_sized_new(count);
    GHashTableIter iter;
    gpointer child;
    if (count > 0)
        g_hash_table_iter_init(&iter, directory->children);
    for (guint i = 0; i < count && g_hash_table_iter_next(&iter, NULL, &child); i++)
        g_ptr_array_add(children, child);
    g_ptr_array_sort(children, compare_nodes);
    return children;
}

/* ---- Life ------------------------------------------------------------------------------------------------------------------- */

SluiceTree *sluice_tree_new(SluiceStore *store)
{
    SluiceTree *tree = g_new0(SluiceTree, 1);
    tree->store = store;
    tree->strings = g_string_chunk_new(64 * 1024);
    const SluiceEntry root = {.type = SLUICE_ENTRY_DIRECTORY, .digest = sluice_digest_empty};
    tree->root = new_node(tree, NULL, "", &root);
    tree->root->loaded = TRUE;
    return tree;
}

SluiceTree *sluice_tree_new_from(SluiceStore *store, const SluiceDigest *root, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(store);
    return sluice_tree_set_directory(tree, "/", root, error) ? g_steal_pointer(&tree) : NULL;
}

void sluice_tree_free(SluiceTree *tree)
{
    if (tree == NULL)
        return;
    free_node(tree->root);
    g_string_chunk_free(tree->strings);
    g_free(tree);
}

/* ---- Paths ------------------------------------------------------------------------------------------------------------------- */

static gboolean not_a_directory(const TreeNode *parent, const char *name, TreeWalkMode mode, GError **error)
{
    g_autofree char *path = tree_path_of(parent, name);
    return cas_error(error, mode == TREE_CREATE ? SLUICE_CAS_ERROR_OVERLAP : SLUICE_CAS_ERROR_NOT_FOUND,
                     "%s is a file, not a directory", path);
}

static gboolean nothing_there(const TreeNode *parent, const char *name, GError **error)
{
    g_autofree char *path = tree_path_of(parent, name);
    return cas_error(error, SLUICE_CAS_ERROR_NOT_FOUND, "%s does not exist in the tree", path);
}

static TreeNode *make_child_directory(SluiceTree *tree, TreeNode *parent, const char *name, GError **error)
{
    const SluiceEntry empty = {.type = SLUICE_ENTRY_DIRECTORY, .digest = sluice_digest_empty};
    if (tree_depth(parent) + 1 >= CAS_DEPTH_MAX) {
        cas_error(error, SLUICE_CAS_ERROR_INVALID, "a tree of more than %d levels", CAS_DEPTH_MAX);
        return NULL;
    }
    TreeNode *made = tree_put_child(tree, parent, name, &empty);
    made->loaded = TRUE;
    return made;
}

/* One step down, through symlinks. */
static TreeNode *step_into(SluiceTree *tree, TreeNode *directory, const char *name, TreeWalkMode mode, unsigned *hops,
                           GError **error)
{
    if (!tree_load(tree, directory, error))
        return NULL;
    TreeNode *child = tree_child(directory, name);
    if (child == NULL && mode == TREE_CREATE)
        return make_child_directory(tree, directory, name, error);
    if (child == NULL) {
        nothing_there(directory, name, error);
        return NULL;
    }
    if (child->type == SLUICE_ENTRY_DIRECTORY)
        return child;
    if (child->type == SLUICE_ENTRY_FILE) {
        not_a_directory(directory, name, mode, error);
        return NULL;
    }
    if (++*hops > CAS_LINK_HOPS_MAX) {
        g_autofree char *path = tree_path_of(directory, name);
        cas_error(error, SLUICE_CAS_ERROR_INVALID, "%s: too many symlinks on the way (a loop?)", path);
        return NULL;
    }
    return tree_walk_to(tree, child->target[0] == '/' ? tree->root : directory, child->target, mode, hops, error);
}

TreeNode *tree_walk_to(SluiceTree *tree, TreeNode *start, const char *path, TreeWalkMode mode, unsigned *hops,
                       GError **error)
{
    TreeNode *directory = start;
    char name[CAS_NAME_MAX + 1];
    for (const char *rest = path; directory != NULL && *rest != '\0';) {
        gsize length = strcspn(rest, "/");
        const char *segment = rest;
        rest += length + (rest[length] == '/');
        if (length == 0 || (length == 1 && segment[0] == '.'))
            continue;
        if (length == 2 && strncmp(segment, "..", 2) == 0) {
            directory = directory->parent != NULL ? directory->parent : directory;
            continue;
        }
        if (!cas_check_name(segment, length, error))
            return NULL;
        memcpy(name, segment, length);
        name[length] = '\0';
        directory = step_into(tree, directory, name, mode, hops, error);
    }
    return directory;
}

TreeNode *tree_link_directory(SluiceTree *tree, TreeNode *directory, const TreeNode *link, GError **error)
{
    unsigned hops = 1;
    GError *problem = NULL;
    TreeNode *start = link->target[0] == '/' ? tree->root : directory;
    TreeNode *found = tree_walk_to(tree, start, link->target, TREE_FIND, &hops, &problem);
    if (found != NULL)
        return found;
    if (g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO))
        g_propagate_error(error, problem);
    else
        g_error_free(problem); /* dangling, a loop, or a file */
    return NULL;
}

/* A path from outside: its segments must be names. */
static gboolean check_path(const char *path, GError **error)
{
    if (strlen(path) > CAS_PATH_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a path of more than %d bytes", CAS_PATH_MAX);
    for (const char *rest = path; *rest != '\0';) {
        gsize length = strcspn(rest, "/");
        GError *problem = NULL;
        if (length > 0 && !cas_check_name(rest, length, &problem)) {
            g_propagate_prefixed_error(error, problem, "path \"%s\": ", path);
            return FALSE;
        }
        rest += length + (rest[length] == '/');
    }
    return TRUE;
}

/* The directory that holds the last segment of `path`, loaded; `name` gets that segment, empty for the root itself. */
static TreeNode *find_parent(SluiceTree *tree, const char *path, TreeWalkMode mode, char name[CAS_NAME_MAX + 1],
                             GError **error)
{
    unsigned hops = 0;
    if (!check_path(path, error))
        return NULL;
    gsize length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    gsize start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    memcpy(name, path + start, length - start);
    name[length - start] = '\0';
    g_autofree char *parent_path = g_strndup(path, start);
    TreeNode *parent = tree_walk_to(tree, tree->root, parent_path, mode, &hops, error);
    return parent != NULL && tree_load(tree, parent, error) ? parent : NULL;
}

/* ---- Editing --------------------------------------------------------------------------------------------------------------------- */

static gboolean add_leaf(SluiceTree *tree, const char *path, const SluiceEntry *entry, GError **error)
{
    char name[CAS_NAME_MAX + 1];
    TreeNode *parent = find_parent(tree, path, TREE_CREATE, name, error);
    if (parent == NULL)
        return FALSE;
    if (name[0] == '\0')
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "path \"%s\" names no entry", path);
    TreeNode *old = tree_child(parent, name);
    if (old != NULL && old->type == SLUICE_ENTRY_DIRECTORY)
        return cas_error(error, SLUICE_CAS_ERROR_OVERLAP, "/%s is a directory already", path + strspn(path, "/"));
    tree_put_child(tree, parent, name, entry);
    return TRUE;
}

gboolean sluice_tree_add_file(SluiceTree *tree, const char *path, const SluiceDigest *digest, gboolean executable,
                              GError **error)
{
    return sluice_tree_add_timed_file(tree, path, digest, executable, 0, error);
}

gboolean sluice_tree_add_timed_file(SluiceTree *tree, const char *path, const SluiceDigest *digest, gboolean executable,
                                    int64_t mtime, GError **error)
{
    const SluiceEntry entry = {
        .type = SLUICE_ENTRY_FILE, .digest = *digest, .executable = executable, .mtime = MAX(mtime, 0)};
    return add_leaf(tree, path, &entry, error);
}

gboolean sluice_tree_add_symlink(SluiceTree *tree, const char *path, const char *target, GError **error)
{
    const SluiceEntry entry = {.type = SLUICE_ENTRY_SYMLINK, .target = target};
    if (target[0] == '\0' || strlen(target) > CAS_TARGET_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "symlink \"%s\": a target must have 1 to %d bytes", path,
                         CAS_TARGET_MAX);
    return add_leaf(tree, path, &entry, error);
}

gboolean sluice_tree_make_directory(SluiceTree *tree, const char *path, GError **error)
{
    unsigned hops = 0;
    return check_path(path, error) && tree_walk_to(tree, tree->root, path, TREE_CREATE, &hops, error) != NULL;
}

static gboolean set_root(SluiceTree *tree, const SluiceDigest *digest, GError **error)
{
    const SluiceEntry entry = {.type = SLUICE_ENTRY_DIRECTORY, .digest = *digest};
    TreeNode *root = new_node(tree, NULL, "", &entry);
    if (!tree_load(tree, root, error)) {
        free_node(root);
        return FALSE;
    }
    free_node(tree->root);
    tree->root = root;
    return TRUE;
}

gboolean sluice_tree_set_directory(SluiceTree *tree, const char *path, const SluiceDigest *digest, GError **error)
{
    char name[CAS_NAME_MAX + 1];
    const SluiceEntry entry = {.type = SLUICE_ENTRY_DIRECTORY, .digest = *digest};
    TreeNode *parent = find_parent(tree, path, TREE_CREATE, name, error);
    if (parent == NULL)
        return FALSE;
    if (name[0] == '\0')
        return set_root(tree, digest, error);
    if (!sluice_store_has(tree->store, digest))
        return cas_error_missing(error, digest);
    tree_put_child(tree, parent, name, &entry);
    return TRUE;
}

gboolean sluice_tree_remove(SluiceTree *tree, const char *path, GError **error)
{
    char name[CAS_NAME_MAX + 1];
    GError *problem = NULL;
    tree->lost = FALSE;
    TreeNode *parent = find_parent(tree, path, TREE_FIND, name, &problem);
    if (parent == NULL) {
        gboolean absent = g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND) && !tree->lost;
        if (!absent)
            g_propagate_error(error, problem);
        else
            g_error_free(problem);
        return absent;
    }
    if (name[0] == '\0')
        return set_root(tree, &sluice_digest_empty, error);
    TreeNode *child = tree_child(parent, name);
    if (child != NULL)
        tree_remove_child(parent, child);
    return TRUE;
}

/* ---- Looking ------------------------------------------------------------------------------------------------------------------------ */

static TreeNode *find_node(SluiceTree *tree, const char *path, GError **error)
{
    char name[CAS_NAME_MAX + 1];
    TreeNode *parent = find_parent(tree, path, TREE_FIND, name, error);
    if (parent == NULL || name[0] == '\0')
        return parent;
    TreeNode *node = tree_child(parent, name);
    if (node == NULL)
        nothing_there(parent, name, error);
    return node;
}

/* Where a link leads: the last segment of its target may be anything. */
static TreeNode *follow(SluiceTree *tree, TreeNode *link, unsigned *hops, GError **error)
{
    TreeNode *node = link;
    while (node != NULL && node->type == SLUICE_ENTRY_SYMLINK) {
        if (++*hops > CAS_LINK_HOPS_MAX) {
            cas_error(error, SLUICE_CAS_ERROR_INVALID, "%s: too many symlinks on the way (a loop?)", link->name);
            return NULL;
        }
        gsize length = strlen(node->target);
        while (length > 0 && node->target[length - 1] == '/')
            length--;
        gsize start = length;
        while (start > 0 && node->target[start - 1] != '/')
            start--;
        g_autofree char *leading = g_strndup(node->target, start);
        g_autofree char *last = g_strndup(node->target + start, length - start);
        TreeNode *base = node->target[0] == '/' ? tree->root : node->parent;
        TreeNode *parent = tree_walk_to(tree, base, leading, TREE_FIND, hops, error);
        if (parent == NULL || !tree_load(tree, parent, error))
            return NULL;
        if (last[0] == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
            return tree_walk_to(tree, parent, last, TREE_FIND, hops, error);
        node = tree_child(parent, last);
        if (node == NULL)
            nothing_there(parent, last, error);
    }
    return node;
}

static gboolean lookup(SluiceTree *tree, const char *path, gboolean to_the_end, SluiceEntry *out, GError **error)
{
    unsigned hops = 0;
    GError *problem = NULL;
    tree->lost = FALSE;
    TreeNode *node = find_node(tree, path, &problem);
    if (node != NULL && to_the_end)
        node = follow(tree, node, &hops, &problem);
    if (node != NULL) {
        tree_entry_of(node, out);
        return TRUE;
    }
    if (tree->lost) /* "not found" would mean that the tree does not have it */
        problem->code = SLUICE_CAS_ERROR_IO;
    g_propagate_error(error, problem);
    return FALSE;
}

gboolean sluice_tree_lookup(SluiceTree *tree, const char *path, SluiceEntry *out, GError **error)
{
    return lookup(tree, path, FALSE, out, error);
}

gboolean sluice_tree_lookup_follow(SluiceTree *tree, const char *path, SluiceEntry *out, GError **error)
{
    return lookup(tree, path, TRUE, out, error);
}
