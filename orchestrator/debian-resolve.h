/* debian-resolve.h - from a list of wanted packages to all that they need. */
#pragma once

#include "debian-index.h"

typedef struct {
    const char *const *packages; /* NULL-terminated */
    const char *const *exclude;  /* never taken; what depends on them does without */
    const char *architecture;
    gboolean essential;    /* and all packages marked Essential */
    gboolean dependencies; /* FALSE: exactly `packages` and the essential ones */
    gboolean recommends;
} DebianWish;

/*
 * The closure: what is wished, and for each package its Pre-Depends and Depends (and Recommends, where they can be had).  The same input always gives the same
 * result.  Of `a | b` the first that can be had is taken, if none of them is taken for another reason; of the providers of a virtual package the one of
 * the highest priority, then the first by name.  Result: DebianPackage pointers (the index's), sorted by name; free the array.
 * SOURCE/debian-unresolvable, with the chain of dependencies that leads there as its detail.
 */
GPtrArray *debian_resolve(DebianIndex *index, const DebianWish *wish, GError **error);
