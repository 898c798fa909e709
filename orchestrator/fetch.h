/*
 * fetch.h - sessions that fetch or track sources.
 */
#pragma once

#include "scheduler.h"

/* In a job: fetches what is not cached of an element's sources. */
gboolean fetch_in_job(const App *app, JobContext *context, Element *element, GError **error);
/* Fetches what is missing of all `elements` with parallel jobs; without a heading and a summary where nothing is missing and `quiet`. */
gboolean fetch_session(App *app, Activity *session, GPtrArray *targets, GPtrArray *elements, gboolean quiet,
                       GError **error);
/* Tracks all sources of `elements` and writes new refs down. */
gboolean track_session(App *app, Activity *session, GPtrArray *targets, GPtrArray *elements, GError **error);
