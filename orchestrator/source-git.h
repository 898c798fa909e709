/* source-git.h - what the kinds git, git_repo and git_module share. */
#pragma once

#include "git-mirror.h"
#include "git-stage.h"
#include "source-version.h"

typedef struct {
    const char *name, *commit;
    gboolean annotated;
} GitTag;

typedef struct {
    const char *path;
    const char *url; /* or NULL: what .gitmodules says */
    gboolean checkout, has_checkout;
} GitSubmodule;

typedef struct {
    const char *url, *track;
    const char *ref; /* or NULL */
    guint ref_format;
    gboolean track_tags, checkout_submodules;
    GitTag *tags;
    gsize n_tags;
    GitSubmodule *submodules;
    gsize n_submodules;
    SourceVersion version;
} GitSource;

/* `ref-format`: indices of the table. */
enum { GIT_REF_SHA1, GIT_REF_DESCRIBE };
extern const char *const git_ref_formats[];
/* The commit of a ref that may be a `git describe`. */
const char *git_strip_tag(const char *ref);
/* The tag of a ref "TAG-0-gCOMMIT", which is at the commit itself; NULL for others.  Free with g_free. */
char *git_exact_tag(const char *ref);
/* Error where a source has neither. */
gboolean source_need_ref_or_track(const Source *source, const Node *config, const char *what, GError **error);

/* A ref as git_repo reads it: "TAG-COUNT-gCOMMIT" or "COMMIT". */
typedef struct {
    const char *tag;     /* or NULL */
    const char *commits; /* after the tag, or NULL */
    const char *sha;
} GitRef;
/* FALSE: no such form.  Strings in `arena`. */
gboolean git_ref_parse(Arena *arena, const char *text, GitRef *out);

/* ---- git-source.c: what git_repo and git_module do alike ---- */

/* One commit with its own repository. */
typedef struct {
    const char *url;
    const char *path; /* below the source's directory, "" for its top */
    GitRef ref;
    gboolean lfs; /* files of Git LFS are fetched too */
} GitCheckout;
gboolean git_checkout_fetch(const Source *source, const SourceContext *context, const GitCheckout *checkout,
                            gboolean as_clone, GError **error);
gboolean git_checkout_stage(const Source *source, const SourceContext *context, const GitCheckout *checkout,
                            gboolean as_clone, SluiceTree *tree, const char *directory, GError **error);
/* The files of a commit alone, as a tree of their own; fetched if they are not there. */
gboolean git_checkout_files(const Source *source, const SourceContext *context, const GitCheckout *checkout,
                            SluiceDigest *root, GError **error);
/* git-lfs.c: replaces the pointers among the files of `commit`, which are in `folder`, by what they stand for.  May use folder + ".lfs". */
gboolean git_lfs_fill(const GitMirror *mirror, const char *clone, const char *commit, const char *folder,
                      GError **error);
/* Appends the description of a commit with what its tag says of the version. */
gboolean git_append_info(const Source *source, Arena *arena, Node *list, const char *url, const GitRef *ref,
                         const SourceVersion *version, gboolean with_tag, GError **error);
/* Imports a folder into `tree` below `directory`/`path`, and removes it. */
gboolean git_take_folder(const SourceContext *context, const char *folder, SluiceTree *tree, const char *directory,
                         const char *path, GError **error);

/* ---- git-track.c: the newest of the branches and tags that match a pattern ---- */

typedef struct {
    const char *url, *pattern;
    const char *const *exclude; /* patterns, or NULL */
    gboolean describe;          /* as `git describe` writes it */
} GitTracking;
/* Free with g_free. */
char *git_track_newest(const Source *source, const SourceContext *context, const GitTracking *tracking, GError **error);
/* Shell patterns as Python's fnmatch has them, against refs/heads/… and refs/tags/… unless they begin with refs/. */
gboolean git_ref_matches(const char *ref, const char *pattern);
/* Orders names so that later versions come later: letters before digits, digits as numbers. */
int git_version_compare(const char *a, const char *b);

/* ---- git-tags.c: the kind git's ---- */

/* GitTag *, freed with the array: what `git describe` finds from a commit, with and without lightweight tags and side branches. */
GPtrArray *git_reachable_tags(const Git *git, const char *commit, GError **error);
/* A repository folder/.git with the commits from the tags to `commit` and without any files, for `git describe`.  `work` is a scratch folder. */
gboolean git_stage_tags(const Git *mirror, const char *commit, const GitTag *tags, gsize n_tags, const char *folder,
                        const char *work, GError **error);
