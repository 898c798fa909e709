/*
 * junction-stage.h - the files of a subproject whose junction has more than one local directory as its source.
 *
 * As BuildStream lays it: PROJECT/.bst/staged-junctions/NAME/KEY, KEY being the junction's cache key, so what is there is what the sources are now.
 */
#pragma once

#include "app.h"

/* A SubprojectFunc; `app` is an App.  Fetches what is missing, with jobs.  Several processes may do it at once; one that dies leaves nothing that is taken
 * for a subproject. */
char *junction_stage(Element *junction, gpointer app, GError **error);
