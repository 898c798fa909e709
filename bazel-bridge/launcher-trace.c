#include "launcher-trace.h"
#include "bridge-limits.h"

#include <string.h>
#include <unistd.h>

/* As in recc-shim/trace.h, which is another program's. */
enum { HEAD = 8, FOUND = 'f', MISSING = 'm', WRITTEN = 'w', UNKNOWN = 'u' };

GBytes *launcher_trace_read(int fd)
{
    guint32 used = 0;
    if (pread(fd, &used, sizeof used, 0) != sizeof used || used > SLUICE_LIMIT_TRACE)
        return NULL;
    gsize length = HEAD + used, done = 0;
    g_autofree guint8 *bytes = g_try_malloc(length);
    while (bytes != NULL && done < length) {
        ssize_t got = pread(fd, bytes + done, length - done, (off_t)done);
        if (got <= 0)
            break;
        done += (gsize)got;
    }
    /* what the header says now, it may say no more */
    if (bytes == NULL || done < HEAD)
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&bytes), done);
}

/* A first look at something that was made later was a look at what was there before. */
static void note(LauncherTrace *log, const char *path, int kind)
{
    gpointer old = NULL;
    gboolean known = g_hash_table_lookup_extended(log->paths, path, NULL, &old);
    LauncherTraceKind state = kind == FOUND     ? LAUNCHER_TRACE_FOUND
                              : kind == MISSING ? LAUNCHER_TRACE_MISSING
                                                : LAUNCHER_TRACE_WRITTEN;
    if (known && kind == WRITTEN)
        state = GPOINTER_TO_INT(old) == LAUNCHER_TRACE_FOUND || GPOINTER_TO_INT(old) == LAUNCHER_TRACE_REWRITTEN
                    ? LAUNCHER_TRACE_REWRITTEN
                    : LAUNCHER_TRACE_WRITTEN;
    else if (known && GPOINTER_TO_INT(old) == LAUNCHER_TRACE_MISSING && kind == FOUND)
        log->unknown = TRUE; /* somebody else made it meanwhile */
    else if (known)
        return;
    g_hash_table_insert(log->paths, g_strdup(path), GINT_TO_POINTER(state));
}

gboolean launcher_trace_parse(const guint8 *bytes, gsize length, LauncherTrace *out)
{
    guint32 used = 0;
    *out = (LauncherTrace){.paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    if (length < HEAD)
        return FALSE;
    memcpy(&used, bytes, sizeof used);
    out->overflow = used > length - HEAD;
    const guint8 *at = bytes + HEAD, *end = at + MIN(used, length - HEAD);
    while (at < end && !out->overflow) {
        const guint8 *nul = memchr(at, '\0', (gsize)(end - at));
        if (nul == NULL || nul == at || g_hash_table_size(out->paths) >= SLUICE_LIMIT_TRACED)
            return FALSE;
        if (*at == UNKNOWN)
            out->unknown = TRUE;
        else if (*at == FOUND || *at == MISSING || *at == WRITTEN)
            note(out, (const char *)at + 1, *at);
        else
            return FALSE;
        at = nul + 1;
    }
    return TRUE;
}

void launcher_trace_clear(LauncherTrace *log)
{
    g_clear_pointer(&log->paths, g_hash_table_unref);
}
