/*
 * log.h - log lines as `bst` prints them, on standard error and into --log-file.
 *
 * Not thread-safe: the main process has one thread.  Every text is stripped of control characters on the way.
 */
#pragma once

#include "events.h"
#include "status.h"

typedef struct {
    const char *message_format; /* borrowed */
    guint key_length;
    guint message_lines; /* of a detail that is no failure; 0: all */
    gboolean verbose, debug, colors;
    int fd;             /* normally 2 */
    StatusLine *status; /* cleared before a line and drawn again after it; or NULL */
} LogOptions;

typedef struct Log Log;
Log *log_new(const LogOptions *options);
void log_free(Log *log);
/* Every line, without colours, also goes there from now on. */
gboolean log_open_file(Log *log, const char *path, GError **error);
void log_event(Log *log, const Event *event);
/* An EventFunc; data is the Log. */
void log_event_func(const Event *event, gpointer data);
/* Text as it is (headings, summaries), sanitized, with its newlines. */
void log_text(Log *log, const char *text);

/* The line of an event with its detail, newline included.  Free with g_free. */
char *log_format(const Log *log, const Event *event, gboolean colors);
/* "HH:MM:SS", or "--:--:--" below 0. */
char *log_elapsed(gint64 elapsed_us);
const char *event_type_name(EventType type);

/* Valid UTF-8 without control characters but newline and tab. Free with g_free. */
char *text_sanitize(const char *text, gssize length);
/* The same, on one line: what peers say of themselves. */
char *text_one_line(const char *text);
/* Each line that is not empty behind `by` blanks. Free with g_free. */
char *text_indent(const char *text, guint by);
/* The last `lines` lines of a file, sanitized; "" if it cannot be read. Free with g_free. */
char *file_tail(const char *path, guint lines);
