/* format-version.c - see format-version.h. */
#include "format-version.h"

gboolean format_version_parse(const char *text, gint64 *major, gint64 *minor)
{
    g_auto(GStrv) parts = g_strsplit(text, ".", -1);
    char *end = NULL;
    if (parts[0] == NULL || parts[1] == NULL || !g_ascii_isdigit(*parts[0]) || !g_ascii_isdigit(*parts[1])) {
        return FALSE;
    }
    *major = g_ascii_strtoll(parts[0], &end, 10);
    if (*end != '\0') {
        return FALSE;
    }
    *minor = g_ascii_strtoll(parts[1], &end, 10);
    return *end == '\0';
}
