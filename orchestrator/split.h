/*
 * split.h - parts of trees: what split rules, compose and filter leave of one.
 */
#pragma once

#include "element.h"

/* `path` is absolute in the tree. */
typedef gboolean (*SplitFunc)(const char *path, gpointer data);
/* Files and links that `keep` accepts.  A directory stays if something in it does, or if it is accepted itself. */
gboolean split_tree(SluiceStore *store, const SluiceDigest *root, SplitFunc keep, gpointer data, SluiceDigest *out,
                    GError **error);

/* A SplitFunc for one element's split rules: `data` is a SplitRules. */
typedef struct {
    const Element *element;
    const char *const *include; /* NULL or empty: all domains */
    const char *const *exclude;
    gboolean orphans; /* what is in no domain */
} SplitRules;
/* include, exclude (empty if they are not there) and include-orphans (stays) of a config. */
gboolean split_rules_read(SplitRules *rules, const Node *config, Arena *arena, GError **error);
gboolean split_rules_keep(const char *path, gpointer data);

/* Absolute paths of all that `keep` accepts, directories too; keys of `paths`, which frees them. */
gboolean split_manifest(SluiceStore *store, const SluiceDigest *root, SplitFunc keep, gpointer data, GHashTable *paths,
                        GError **error);
/* Adds paths that `after` has and `before` has not. */
gboolean split_added(SluiceStore *store, const SluiceDigest *before, const SluiceDigest *after, GHashTable *paths,
                     GError **error);
