/* build-fixture.h - a store, and elements made by hand, for tests of builds without a project on disk. */
#pragma once

#include "build-private.h"
#include "project-private.h"

typedef struct {
    char *folder;
    SluiceStore *store;
    Arena *arena;
    Project project; /* no more than a name and fatal warnings */
    BuildContext context;
    EventSink sink;
    GString *events; /* "TYPE message\ndetail\n" of what was sent */
    Build build;     /* of an element "under-test.bst" */
} BuildFixture;

void build_fixture_set_up(BuildFixture *fixture, gconstpointer data);
void build_fixture_tear_down(BuildFixture *fixture, gconstpointer data);
/* An element with keys, and `public_` from YAML text (or NULL). */
Element *build_fixture_element(BuildFixture *fixture, const char *name, const char *public_);
/* A tree of words: "path=content" is a file, "path/" a directory, "path>target" a link. */
SluiceDigest build_fixture_tree(BuildFixture *fixture, const char *words);
