/*
 * session-report.h - the heading of a session: versions, configuration, plugins, and the pipeline.
 */
#pragma once

#include "app.h"

void session_print_heading(App *app, GPtrArray *targets, GPtrArray *elements, States *states);
/* The lines of `elements` in the configured format, under `title`. */
void session_print_pipeline(App *app, const char *title, GPtrArray *elements, States *states);
