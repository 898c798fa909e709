/*
 * overlap.h - files of one artifact over files of another: which elements overlap where, and which of that is worth a warning.
 *
 * What is staged to one location is a session.  Within a session the whitelists of the elements on top decide; a file over one of an
 * earlier session always warns.  Equal contents are no overlap.  The tree's merge tells of overlaps; whom a file belonged to is looked
 * up afterwards, so that staging costs nothing where nothing overlaps.
 */
#pragma once

#include "build.h"

typedef struct OverlapCollector OverlapCollector;
OverlapCollector *overlap_collector_new(Build *build);
void overlap_collector_free(OverlapCollector *collector);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OverlapCollector, overlap_collector_free)
void overlap_session_begin(OverlapCollector *collector, const char *location);
/* Merges the files of an artifact at the session's location. */
gboolean overlap_stage(OverlapCollector *collector, SluiceTree *tree, Element *element, const SluiceDigest *files,
                       GError **error);
/* Warns; FALSE if a warning is fatal in this project. */
gboolean overlap_session_end(OverlapCollector *collector, GError **error);
