/*
 * reach.h - which elements depend on which, directly or not: asked for millions of pairs when dependencies are sorted.
 */
#pragma once

#include "element.h"

typedef struct ReachGraph ReachGraph;
/* Everything at and below the targets.  The order of dependencies may change while the graph is in use, nothing else of them. */
ReachGraph *reach_new(Element *const *targets, gsize count);
void reach_free(ReachGraph *graph);
/* Dependencies before what depends on them. */
Element *const *reach_elements(const ReachGraph *graph, gsize *count);

/* What one thread needs to ask; several may ask at once. */
typedef struct ReachSearch ReachSearch;
ReachSearch *reach_search_new(const ReachGraph *graph);
void reach_search_free(ReachSearch *search);
gboolean reach_depends(ReachSearch *search, const Element *a, const Element *b);
