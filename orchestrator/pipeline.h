/*
 * pipeline.h - which elements a command works on, and in what state they are.
 */
#pragma once

#include "artifact.h"
#include "element.h"
#include "kind.h"

/* DEPS_REDIRECT: as DEPS_NONE, with what filters filter in their place. */
typedef enum { DEPS_NONE, DEPS_RUN, DEPS_BUILD, DEPS_ALL, DEPS_REDIRECT } DepsSelection;
/* One of none, run, build, all, redirect: a table of options has checked it. */
DepsSelection deps_selection_parse(const char *text);

/* Elements in staging order, dependencies first.  Free the array, the elements are borrowed. */
GPtrArray *pipeline_select(GPtrArray *targets, DepsSelection deps);
/* Takes out the excepted elements and all that is reached through them alone (not from `targets` in any other way).  One that the targets do not reach takes out what
 * both need.  Gives a new array. */
GPtrArray *pipeline_except(GPtrArray *elements, GPtrArray *targets, GPtrArray *excepted);
void pipeline_sort_by_name(GPtrArray *elements);
/* Junctions cannot be built: they are no targets where nobody names them. */
void pipeline_drop_junctions(GPtrArray *elements);

typedef enum {
    STATE_NO_REFERENCE,
    STATE_JUNCTION,
    STATE_FAILED,
    STATE_CACHED,
    STATE_FETCH_NEEDED,
    STATE_BUILDABLE,
    STATE_WAITING
} ElementState;
const char *element_state_name(ElementState state);

/* What the store knows about elements, asked once for each. */
typedef struct States States;
States *states_new(SluiceStore *store, gboolean strict);
void states_free(States *states);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(States, states_free)
/* `states` NULL: nothing was asked, so whatever could be cached is waiting. */
ElementState states_get(States *states, Element *element);
/* The artifact of a success or a failure; NULL if there is none; borrowed until states_forget. */
const Artifact *states_artifact(States *states, Element *element);
gboolean states_is_cached(States *states, Element *element); /* a success */
gboolean states_sources_cached(States *states, Element *element);
/* With --no-strict: the strong keys of `elements` and of all below them, from the artifacts that are there; of what has none, from the keys of what it would be built
 * on.  Otherwise nothing is to be found. */
gboolean states_find_keys(States *states, GPtrArray *elements, GError **error);
/* The same for one element, after its own artifact or those that it is built on have changed. */
gboolean states_find_key(States *states, Element *element, GError **error);
/* After something was built or fetched. */
void states_forget(States *states, Element *element);
/* The first error of the store that was met, or NULL. */
const GError *states_error(const States *states);

/* All sources have what they need to be fetched. */
gboolean element_has_refs(const Element *element);
/* PIPELINE/inconsistent-pipeline that lists all that have none. */
gboolean pipeline_check_refs(GPtrArray *elements, GError **error);
