/* glob.c - globs become one anchored alternation, so that a path is tried against hundreds of rules at once. */
#include "glob.h"

#include "error.h"

#include <string.h>

/* More than this is no rule but an attack on the compiler of expressions. */
#define GLOBS_LENGTH_MAX (1024 * 1024)

/* `at` is behind the bracket.  Returns where to go on, or NULL if the bracket is never closed. */
static const char *append_class(GString *out, const char *at)
{
    const char *end = at + (*at == '!');
    end += *end == ']';
    end = strchr(end, ']');
    if (!end)
        return NULL;
    g_string_append_c(out, '[');
    if (*at == '!') {
        g_string_append_c(out, '^');
        at++;
    } else if (*at == '^') {
        g_string_append_c(out, '\\');
    }
    for (; at < end; at++) {
        if (*at == '\\' || *at == '[')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *at);
    }
    g_string_append_c(out, ']');
    return end + 1;
}

static void append_glob(GString *out, const char *glob)
{
    while (*glob) {
        char c = *glob++;
        if (c == '*') {
            g_string_append(out, *glob == '*' ? ".*" : "[^/]*");
            glob += *glob == '*';
        } else if (c == '?') {
            g_string_append(out, "[^/]");
        } else if (c == '[') {
            const char *next = append_class(out, glob);
            if (next)
                glob = next;
            else
                g_string_append(out, "\\[");
        } else {
            if (g_ascii_ispunct(c))
                g_string_append_c(out, '\\');
            g_string_append_c(out, c);
        }
    }
}

GRegex *glob_compile(const char *const *globs, gsize count, GError **error)
{
    g_autoptr(GString) pattern = g_string_new("\\A(?:");
    for (gsize i = 0; i < count; i++) {
        if (i > 0)
            g_string_append_c(pattern, '|');
        append_glob(pattern, globs[i]);
    }
    g_string_append(pattern, count > 0 ? ")\\z" : "(?!))\\z");
    if (pattern->len > GLOBS_LENGTH_MAX) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", NULL, "too many or too long globs (%" G_GSIZE_FORMAT " bytes)",
                  pattern->len);
        return NULL;
    }
    return g_regex_new(pattern->str, G_REGEX_RAW | G_REGEX_DOTALL | G_REGEX_OPTIMIZE, 0, error);
}
