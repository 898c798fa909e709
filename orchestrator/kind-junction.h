/*
 * kind-junction.h - what a junction element says about its project.
 */
#pragma once

#include "node.h"

typedef struct {
    const char *path; /* of the project in the sources */
    Node *options;    /* or NULL, as the others */
    Node *overrides;
    Node *aliases; /* alias there → alias here */
    gboolean map_all_aliases;
} Junction;
