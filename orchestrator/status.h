/*
 * status.h - the one line at the bottom of a terminal that says what runs; nothing anywhere else.
 */
#pragma once

#include <glib.h>

typedef struct StatusLine StatusLine;
/* A status line that never draws if `enabled` is FALSE. */
StatusLine *status_line_new(int fd, gboolean enabled, gboolean colors);
void status_line_free(StatusLine *status);
/* What stands before the running jobs: "build 3/10 fetch 2/2"; copies. */
void status_line_set_counts(StatusLine *status, const char *counts);
/* A job by its identity. */
void status_line_begin(StatusLine *status, gpointer job, const char *label);
void status_line_progress(StatusLine *status, gpointer job, const char *what, guint64 done, guint64 total,
                          const char *unit);
void status_line_end(StatusLine *status, gpointer job);
void status_line_clear(StatusLine *status);
/* At most ten times a second unless `now`. */
void status_line_draw(StatusLine *status, gboolean now);
/* The text for a terminal of `columns` columns; free with g_free. */
char *status_line_text(const StatusLine *status, guint columns);
