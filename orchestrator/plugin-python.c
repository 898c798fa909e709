/*
 * plugin-python.c - what can be told of a plugin's Python text without running it: whether it is nothing but a name for the build element.
 *
 * Most plugins of projects are: their YAML says all.  Only a text that has these lines, in this order, and beside them comments, texts in triple quotes
 * and empty lines, is taken for one; whatever else it has may do anything, so it is not.
 *
 *   from buildstream import BuildElement
 *   class NAME(BuildElement):
 *       BST_MIN_VERSION = "2.0"
 *   def setup():
 *       return NAME
 */
#include "plugin.h"
#include "project-private.h"

#include <string.h>

typedef struct {
    gboolean indented;
    const char *pattern; /* of the whole line, blanks around it stripped; the first group is a name */
} Line;

#define IDENTIFIER "([A-Za-z_][A-Za-z0-9_]*)"

static const Line lines[] = {
    {FALSE, "^from\\s+buildstream\\s+import\\s+(BuildElement)$"},
    {FALSE, "^class\\s+" IDENTIFIER "\\s*\\(\\s*BuildElement\\s*\\)\\s*:$"},
    {TRUE, "^BST_MIN_VERSION\\s*=\\s*[\"']2\\.[0-9]+[\"']()$"},
    {FALSE, "^def\\s+setup\\(\\)\\s*(?:->\\s*[A-Za-z\\[\\]]+\\s*)?:()$"},
    {TRUE, "^return\\s+" IDENTIFIER "$"},
};

/* Comments to the end of the line.  No line that is accepted has a # in it otherwise. */
static void strip_comment(char *line)
{
    char *hash = strchr(line, '#');
    if (hash != NULL) {
        *hash = '\0';
    }
    g_strchomp(line);
}

/* Takes out a text in triple quotes that is a statement of its own.  FALSE: it does not end, is followed by something, or escapes a quote. */
static gboolean skip_text(char **line, char ***rest)
{
    const char *start = *line + strspn(*line, " \t");
    start += (*start == 'r' || *start == 'R') && (start[1] == '"' || start[1] == '\'');
    if (!g_str_has_prefix(start, "\"\"\"") && !g_str_has_prefix(start, "'''")) {
        return TRUE;
    }
    g_autofree char *quote = g_strndup(start, 3);
    const char *inside = start + 3, *end = strstr(inside, quote);
    while (end == NULL && **rest != NULL && strstr(inside, "\\\"") == NULL && strstr(inside, "\\'") == NULL) {
        inside = *line = *(*rest)++;
        end = strstr(inside, quote);
    }
    if (end == NULL || (end > inside && end[-1] == '\\') || end[3 + strspn(end + 3, " \t\r")] != '\0') {
        return FALSE;
    }
    **line = '\0';
    return TRUE;
}

/* The name in the line, or NULL if the line is another. */
static char *match(const Line *line, const char *text)
{
    g_autoptr(GRegex) regex = g_regex_new(line->pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) info = NULL;
    gboolean indented = g_ascii_isspace(*text);
    const char *bare = text + strspn(text, " \t");
    if (indented != line->indented || !g_regex_match(regex, bare, 0, &info)) {
        return NULL;
    }
    return g_match_info_fetch(info, 1);
}

/* An encoding other than UTF-8 could hide anything in a comment. */
static gboolean declares_encoding(char **text)
{
    return text[0] != NULL &&
           (strstr(text[0], "coding") != NULL || (text[1] != NULL && strstr(text[1], "coding") != NULL));
}

gboolean python_is_build_element(const char *text)
{
    g_auto(GStrv) all = g_strsplit(text, "\n", -1);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    if (!g_utf8_validate(text, -1, NULL) || declares_encoding(all)) {
        return FALSE;
    }
    for (char **rest = all; *rest != NULL;) {
        char *line = *rest++;
        if (!skip_text(&line, &rest)) {
            return FALSE;
        }
        strip_comment(line);
        if (*line == '\0') {
            continue;
        }
        char *name = names->len < G_N_ELEMENTS(lines) ? match(&lines[names->len], line) : NULL;
        if (name == NULL) {
            return FALSE;
        }
        g_ptr_array_add(names, name);
    }
    /* The class that was made is the one that is given back, under a name that hides no other. */
    return names->len == G_N_ELEMENTS(lines) && g_strcmp0(names->pdata[1], names->pdata[4]) == 0 &&
           strcmp(names->pdata[1], "setup") != 0 && strcmp(names->pdata[1], "BuildElement") != 0;
}
