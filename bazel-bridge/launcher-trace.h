/*
 * launcher-trace.h - what a watched compiler looked for, from the records of recc-shim/trace.h.  Who wrote them is not trusted.
 */
#pragma once

#include <glib.h>

typedef enum {
    LAUNCHER_TRACE_FOUND,    /* first found, and not written before */
    LAUNCHER_TRACE_MISSING,  /* looked for in vain */
    LAUNCHER_TRACE_WRITTEN,  /* written, whatever was there before */
    LAUNCHER_TRACE_REWRITTEN /* read, and later written */
} LauncherTraceKind;

typedef struct {
    GHashTable *paths; /* path as the compiler gave it → LauncherTraceKind */
    gboolean overflow; /* more than there was room for */
    gboolean unknown;  /* it did something that records cannot tell */
} LauncherTrace;

/* The records of a trace file, as much as there is; NULL: it is none.  Its owner may be changing it. */
GBytes *launcher_trace_read(int fd);
/* FALSE: these are no records. */
gboolean launcher_trace_parse(const guint8 *bytes, gsize length, LauncherTrace *out);
void launcher_trace_clear(LauncherTrace *log);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LauncherTrace, launcher_trace_clear)
