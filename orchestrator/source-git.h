/* source-git.h - what the kinds git, git_repo and git_module share. */
#pragma once

#include "source-version.h"
#include "source.h"

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
} Git;

/* `ref-format`: indices of the table. */
enum { GIT_REF_SHA1, GIT_REF_DESCRIBE };
extern const char *const git_ref_formats[];
/* The commit of a ref that may be a `git describe`. */
const char *git_strip_tag(const char *ref);
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
