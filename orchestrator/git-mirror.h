/*
 * git-mirror.h - bare repositories below the store, one or two for each URL, that fetches fill and sources are staged from.
 *
 *   sources/git/NAME.git          all branches and tags
 *   sources/git/NAME.shallow.git  single commits without their history
 *   sources/git/NAME.lock         held by who fetches
 *
 * They are a cache (clones.h): those that nobody has a GitMirror for may be removed at any time.  Any number of processes may read while one fetches.
 */
#pragma once

#include "git.h"
#include "source.h"

typedef struct {
    const Source *source;
    const SourceContext *context;
    const char *url;      /* as the source or .gitmodules has it */
    char *full, *shallow; /* paths; they need not exist */
    char *base, *lock;
    int used; /* while it is not removed: see clones.h */
} GitMirror;

void git_mirror_init(GitMirror *mirror, const Source *source, const SourceContext *context, const char *url);
void git_mirror_clear(GitMirror *mirror);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GitMirror, git_mirror_clear)

/* The mirror's path that has the commit, and the tag if one is asked for; NULL if none has. */
const char *git_mirror_find(const GitMirror *mirror, const char *commit, const char *tag);
/* All branches and tags, from the first of the translations of the URL that answers; with retries.  Nothing to do if `commit` (or NULL: always) is there. */
gboolean git_mirror_fetch_all(GitMirror *mirror, const char *commit, SourceUrlUse use, GError **error);
/* One commit with `depth` commits of history (0: all of it), and a tag (or NULL); into the shallow mirror unless the depth is 0. A server that does not give out single
 * commits gives all.  Error if the commit is not there in the end. */
gboolean git_mirror_fetch_commit(GitMirror *mirror, const char *commit, const char *tag, guint depth, GError **error);
/* Branches, tags and other refs of the remote: names and what they name, as `git ls-remote` prints them.  Free with g_free. */
char *git_mirror_list_refs(GitMirror *mirror, SourceUrlUse use, GError **error);
