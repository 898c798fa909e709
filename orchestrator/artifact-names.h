/*
 * artifact-names.h - the words of a command line that name artifacts: elements, artifacts (PROJECT/ELEMENT/KEY), globs over both.
 */
#pragma once

#include "app.h"

/* What a word stands for. */
typedef struct {
    char *shown;      /* how it is called in output */
    char *ref;        /* name in the store */
    Element *element; /* or NULL: named by its ref */
    gboolean matched; /* by a glob */
} Named;

/* All that the command line names, with their dependencies; Named *, in an array that frees them.  Artifact names work without a project, and have only
 * build dependencies (STREAM deps-not-supported for others).  STREAM unrecognized-target-format for a word that is neither. */
GPtrArray *artifacts_named(App *app, DepsSelection deps, GError **error);
/* NULL without error if it is not cached. */
Artifact *named_load(App *app, const Named *named, GError **error);
