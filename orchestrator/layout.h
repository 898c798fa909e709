/*
 * layout.h - where an element has its dependencies staged: locations, each with the elements that go there.
 */
#pragma once

#include "element.h"
#include "json.h"

typedef struct {
    const char *location;
    const char *path; /* the dependency as cache keys name it */
    Element *element;
} LayoutPlace;

/* Places in the order in which they were added; starts as {.arena = …}. */
typedef struct {
    Arena *arena;
    LayoutPlace *places;
    gsize count, capacity;
} Layout;

/* Borrows the strings. */
void layout_add(Layout *layout, const char *location, const char *path, Element *element);
/* Adds the build dependencies, by what their config has under `config_key`; without it, at `fallback` (NULL: left out).  One that is written with and without
 * config counts only where it has config, as in BuildStream. */
void layout_add_dependencies(Layout *layout, const Element *element, const char *config_key, const char *fallback);
/* Whether anything is staged elsewhere than at `location`. */
gboolean layout_is_special(const Layout *layout, const char *location);
/* {location: [path, …], …} */
Json *layout_key(const Layout *layout, Arena *arena);
