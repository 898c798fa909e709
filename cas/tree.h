/* The nodes of a SluiceTree, shared by tree.c (editing), tree-merge.c and tree-walk.c. */
#pragma once

#include "cas-private.h"

typedef struct TreeNode TreeNode;
struct TreeNode {
    TreeNode *parent; /* NULL at the root */
    const char *name; /* in the tree's string pool */
    SluiceEntryType type;
    gboolean executable;
    int64_t mtime;
    gboolean loaded;      /* DIRECTORY: `children` tells what is in it (else the digest does) */
    gboolean changed;     /* DIRECTORY: the digest is not known */
    SluiceDigest digest;  /* FILE; DIRECTORY unless changed */
    const char *target;   /* SYMLINK, in the string pool */
    GHashTable *children; /* name -> TreeNode; NULL while empty */
};

struct SluiceTree {
    SluiceStore *store;
    GStringChunk *strings;
    TreeNode *root;
    gboolean strict; /* see sluice_tree_merge_strictly */
    gboolean lost;   /* a Directory could not be loaded: what it holds is unknown, not absent */
};

/* Makes the children known. */
gboolean tree_load(SluiceTree *tree, TreeNode *directory, GError **error);
TreeNode *tree_child(TreeNode *directory, const char *name);
/* Takes the place of an equally named child; parents become changed. */
TreeNode *tree_put_child(SluiceTree *tree, TreeNode *directory, const char *name, const SluiceEntry *entry);
void tree_remove_child(TreeNode *directory, TreeNode *child);
void tree_entry_of(const TreeNode *node, SluiceEntry *out);
/* Children in the bytewise order of their names; free with g_ptr_array_unref. */
GPtrArray *tree_sorted_children(TreeNode *directory);
unsigned tree_depth(const TreeNode *node);
/* Absolute in the tree. */
char *tree_path_of(const TreeNode *directory, const char *name);

typedef enum { TREE_FIND, TREE_CREATE } TreeWalkMode;
/* The directory that `path` leads to from `start`, through symlinks; TREE_CREATE makes what is absent. */
TreeNode *tree_walk_to(SluiceTree *tree, TreeNode *start, const char *path, TreeWalkMode mode, unsigned *hops,
                       GError **error);
/* Where a symlink in `directory` leads, if that is a directory that exists.  NULL without error: it does not. */
TreeNode *tree_link_directory(SluiceTree *tree, TreeNode *directory, const TreeNode *link, GError **error);
