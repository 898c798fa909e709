/* git-history.h - which objects a staged repository holds. */
#pragma once

#include "git-stage.h"

typedef struct {
    GHashTable *commits; /* name → GBytes *, the commit objects */
    GHashTable *shallow; /* of those, the ones whose parents are not all there */
    GPtrArray *tags;     /* names of annotated tag objects that lead to the base */
    char *tag_target;    /* what the tag names, or NULL */
} GitCommits;

/* The commit and those between it and the tag, as a clone of `commits` + 1 commits of depth has them.  FALSE without error: the repository does not have them all. */
gboolean git_commits_collect(GitObjects *objects, const Git *git, const GitHistory *history, GitCommits *out,
                             GError **error);
void git_commits_clear(GitCommits *commits);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GitCommits, git_commits_clear)
/* "tree", "parent", "object": the lines of a commit's or tag's head.  Calls back with each 40 digits. */
char *git_header_value(GBytes *object, const char *key, gsize *position);
