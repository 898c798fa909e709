/*
 * git-submodule.h - a commit and its submodules, theirs, and so on, each fetched before its own are looked at.
 */
#pragma once

#include "source-git.h"

#define GIT_SUBMODULES_MAX      10000
#define GIT_SUBMODULE_DEPTH_MAX 50

/* One repository of the walk.  Strings live during the call. */
typedef struct {
    const char *path; /* below the source's directory; "" for the repository itself */
    const char *url;  /* as .gitmodules or the configuration has it */
    const char *commit;
    const char *repository; /* the clone; NULL: it is not there */
} GitVisit;
typedef gboolean (*GitVisitFunc)(const GitVisit *visit, gpointer data, GError **error);

typedef struct {
    const Source *source;
    const SourceContext *context;
    gboolean configured; /* leave out those that the configuration leaves out, and take its URLs */
    gboolean fetch;      /* what is not there */
    GitVisitFunc func;
    gpointer data;
} GitWalk;
/* Parents before children, in the order of .gitmodules.  Nothing is known of the submodules of a repository that is not there. */
gboolean git_walk_submodules(const GitWalk *walk, GError **error);

/* ---- Parts, for tests ---- */

/* What a relative URL of a submodule means; NULL with error if it leads above the top, or out of the network to this machine. */
char *git_submodule_url(const char *parent, const char *url, GError **error);
/* Below the repository, not into a .git. */
gboolean git_submodule_path_is_valid(const char *path);
