/*
 * git-stage.h - making the folder that a source in git stages: the files of a commit, and a repository beside them where the kind has one.
 *
 * The same commit gives the same bytes everywhere: what depends on the time, on the machine or on the clone that it was made from is left out of the repository (stat data of the
 * index, reflogs, remotes).
 */
#pragma once

#include "git.h"

/* What a staged repository must hold. */
typedef struct {
    const char *commit; /* 40 digits */
    const char *tag;    /* a tag of the mirror that it has too, with the history from there on; or NULL */
    guint commits;      /* how far the tag is away, in commits */
    gboolean clone;     /* as a clone would be: the contents of files too, and HEAD is the commit itself */
} GitHistory;

/* The files of `commit` in `folder`, which is made.  `plain`: as they are in the repository but for line ends. */
gboolean git_stage_files(const Git *mirror, const char *commit, gboolean plain, const char *folder, GError **error);
/* A repository folder/.git in which `git describe`, `git status` and `git log` work, HEAD being the commit; after git_stage_files. */
gboolean git_stage_repository(const Git *mirror, const GitHistory *history, const char *folder, GError **error);
/* Whether the mirror has all commits that this takes. */
gboolean git_has_history(const Git *mirror, const GitHistory *history);
