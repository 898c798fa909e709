/*
 * helper-execute.h - carries out a plan up to the point where bubblewrap can be started.
 *
 * Operations up to `root` act on this process and its namespaces; the later ones prepare the root and collect bubblewrap's options.
 */
#pragma once

#include "helper-root.h"
#include "plan.h"

/* A path inside that something is mounted on, and the one without links that it leads to. */
typedef struct {
    char *path, *inside;
} HelperCover;

typedef struct {
    HelperRoot root;
    HelperRoot inner;  /* what is at `place` in the root */
    const char *place; /* NULL: there is no such thing */
    gboolean mounted;
    GPtrArray *options;     /* of bubblewrap, in order */
    GArray *covered;        /* HelperCover: where something is mounted, other than the root */
    GPtrArray *environment; /* NAME=VALUE; borrowed from the plan */
    const char *directory;  /* the command starts there */
    char *const *launch;    /* bubblewrap and the command; borrowed from the plan */
    const char *work;
    SluiceSandboxLimits limits;
} HelperRun;

void helper_run_init(HelperRun *run);
void helper_run_clear(HelperRun *run);
gboolean helper_run_execute(HelperRun *run, const SandboxPlan *plan, GError **error);
/* TRUE if something other than the root is mounted at or above `path`. */
gboolean helper_run_is_covered(const HelperRun *run, const char *path);
/* Of a path below the run's place: the rest of it, with its slash; else NULL. */
const char *helper_run_below_place(const HelperRun *run, const char *path);
