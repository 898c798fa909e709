/* targets.c - names of elements on a command line */
#include "targets.h"
#include "element-private.h"
#include "glob.h"
#include <string.h>

#define SUFFIX ".bst"

gboolean target_is_glob(const char *word)
{
    return strpbrk(word, "*?[") != NULL;
}

/* The words for which `matches` says so, as a text for a message; NULL if there is none. */
static char *join_words(const char *const *words, gboolean (*matches)(const char *word))
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    for (; *words; words++)
        if (matches(*words))
            g_ptr_array_add(found, (gpointer)*words);
    g_ptr_array_add(found, NULL);
    return found->len > 1 ? g_strjoinv(", ", (char **)found->pdata) : NULL;
}

static gboolean is_no_element(const char *word)
{
    return !g_str_has_suffix(word, SUFFIX);
}

gboolean targets_check(const char *const *words, GError **error)
{
    g_autofree char *bad = join_words(words, is_no_element);
    if (!bad)
        return TRUE;
    error_set(error, ERROR_STREAM, "invalid-element-names", NULL,
              "Invalid element names or element glob patterns were specified: %s", bad);
    error_set_detail(error ? *error : NULL, "Element names and element glob expressions must end in '.bst'");
    return FALSE;
}

void targets_set_no_project(const char *const *words, const char *detail, GError **error)
{
    g_autofree char *globs = join_words(words, target_is_glob), *all = g_strjoinv(", ", (char **)words);
    if (globs)
        error_set(error, ERROR_STREAM, "glob-elements-without-project", NULL,
                  "Element glob expressions were specified without any project directory: %s", globs);
    else if (*words)
        error_set(error, ERROR_STREAM, "project-not-loaded", NULL, "Unable to load elements: %s", all);
    else
        error_set(error, ERROR_STREAM, "project-not-loaded", NULL, "Unable to determine default targets");
    g_autofree char *both = g_strdup_printf("No project.conf or active workspace was located\n%s", detail);
    error_set_detail(error ? *error : NULL, both);
}

static gboolean add_matches(GPtrArray *elements, const char *glob, GPtrArray *names, GHashTable *seen, GError **error)
{
    g_autoptr(GRegex) regex = glob_compile(&glob, 1, error);
    for (guint i = 0; regex && i < elements->len; i++) {
        const char *name = elements->pdata[i];
        if (g_regex_match(regex, name, 0, NULL) && g_hash_table_add(seen, (gpointer)name))
            g_ptr_array_add(names, g_strdup(name));
    }
    return regex != NULL;
}

char **targets_expand(Session *session, const char *const *words, const EventSink *events, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free), elements = NULL;
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (const char *const *word = words; *word; word++)
        if (!target_is_glob(*word) && g_hash_table_add(seen, (gpointer)*word))
            g_ptr_array_add(names, g_strdup(*word));
    for (const char *const *word = words; *word; word++) {
        if (!target_is_glob(*word))
            continue;
        guint before = names->len;
        if (!elements)
            elements = project_list_elements(session_toplevel(session));
        if (!add_matches(elements, *word, names, seen, error))
            return NULL;
        if (names->len == before)
            event_send(events, EVENT_WARNING, "main", NULL, "No elements matched the glob expression: %s", *word);
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_steal(names, NULL);
}
