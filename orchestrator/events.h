/*
 * events.h - what libraries tell the program while they work; the program shows it as a status line, a log or JSON lines.
 * An event and its strings live only during the call.  The function may be called from any thread.
 */
#pragma once

#include <glib.h>

typedef enum {
    EVENT_DEBUG,
    EVENT_STATUS,
    EVENT_INFO,
    EVENT_WARNING,
    EVENT_START,
    EVENT_SUCCESS,
    EVENT_FAILURE,
    EVENT_SKIPPED,
    EVENT_PROGRESS /* done of total; unit "B" for bytes; shown, never logged */
} EventType;

typedef struct {
    EventType type;
    const char *action;  /* "fetch", "track", "build", … */
    const char *element; /* full name, or NULL for the session */
    const char *key;     /* cache key, or NULL */
    const char *message;
    const char *detail; /* or NULL */
    gint64 elapsed_us;  /* of a SUCCESS, FAILURE or SKIPPED; -1 unknown */
    guint64 done, total;
    const char *unit;
} Event;

typedef void (*EventFunc)(const Event *event, gpointer data);
typedef struct {
    EventFunc func;
    gpointer data;
} EventSink;
/* Does nothing on a NULL sink. */
G_GNUC_PRINTF(5, 6)
void event_send(const EventSink *sink, EventType type, const char *action, const char *element, const char *format,
                ...);
void event_progress(const EventSink *sink, const char *action, const char *element, const char *message, guint64 done,
                    guint64 total, const char *unit);
