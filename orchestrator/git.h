/*
 * git.h - running the host's git so that nothing that others wrote makes it run something else.
 *
 * No hooks, no filters, no helpers of transports, no prompts, nothing of the environment's GIT_ variables that names a repository.  The user's own configuration counts
 * only where the network is used, for proxies and credentials; repositories are made by us, so theirs is ours.  Calls block; cancelling ends git.
 */
#pragma once

#include "error.h"
#include <gio/gio.h>

typedef struct {
    const char *repository; /* GIT_DIR, or NULL */
    const char *work_tree;  /* or NULL */
    const char *index;      /* another index file, or NULL */
    const char *directory;  /* where it runs; NULL: in the repository */
    gboolean network;       /* may use the network and the user's configuration */
    GCancellable *cancellable;
} Git;

/* Runs git with `arguments` (NULL-terminated, without "git").  *status (or NULL) gets its exit status, and then one that is not 0 is no error; without it, it is:
 * SOURCE, `fail` as message, what git said as detail.  *output (or NULL) gets what it printed; free with g_free. */
gboolean git_run(const Git *git, const char *const *arguments, const char *fail, int *status, char **output,
                 GError **error);
#define GIT_ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* The same with standard input. */
gboolean git_run_with_input(const Git *git, const char *const *arguments, GBytes *input, const char *fail,
                            char **output, GError **error);
/* PROG_NOT_FOUND unless there is a git. */
gboolean git_check_program(GError **error);

/* Reads objects of a repository, one after the other. */
typedef struct GitObjects GitObjects;
typedef enum { GIT_OBJECT_COMMIT, GIT_OBJECT_TREE, GIT_OBJECT_BLOB, GIT_OBJECT_TAG } GitObjectType;
extern const char *const git_object_types[]; /* their names, by type */
#define GIT_OBJECT_MAX ((guint64)1 << 30)
GitObjects *git_objects_open(const Git *git, GError **error);
void git_objects_close(GitObjects *objects);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GitObjects, git_objects_close)
/* NULL without error if the repository does not have it.  `name`: 40 digits. */
GBytes *git_objects_read(GitObjects *objects, const char *name, GitObjectType *type, GError **error);

/* Where fetching may go to: a scheme that git itself speaks, or a path; never one that runs programs. */
gboolean git_url_check(const char *url, GError **error);
/* On this machine: a path, or file:. */
gboolean git_url_is_local(const char *url);
/* What `git check-ref-format` wants of the name of a branch or tag. */
gboolean git_ref_name_is_valid(const char *name);
