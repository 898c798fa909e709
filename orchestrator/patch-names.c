/*
 * patch-names.c - the file names in the headers of a patch: unified, context and git's.
 *
 * More names than patch(1) will use are no harm: each only means one more file in its folder.
 */
#include "patch-names.h"

#include <string.h>

#define LINE_MAX_BYTES 8192 /* of a line with a name in it */
#define GIT_SPACES_MAX 16   /* in the two names of a `diff --git` line */

/* What stands before a name. */
static const char *const headers[] = {
    "--- ", "+++ ", "*** ", "Index: ", "rename from ", "rename to ", "copy from ", "copy to "};

/* The end of an unquoted name: a tab (before the date), or the end of the line. */
static char *plain_name(const char *text, gsize length)
{
    const char *tab = memchr(text, '\t', length);
    gsize size = tab != NULL ? (gsize)(tab - text) : length;
    while (size > 0 && (text[size - 1] == '\r' || text[size - 1] == ' ')) {
        size--;
    }
    return g_strndup(text, size);
}

static char *name_of(const char *text, gsize length)
{
    if (length < 2 || text[0] != '"') {
        return plain_name(text, length);
    }
    /* Quoted as in C. */
    GString *quoted = g_string_new(NULL);
    for (gsize i = 1; i < length && text[i] != '"'; i++) {
        if (text[i] == '\\' && (i + 1 == length || text[i + 1] == '\0')) {
            break; /* nothing is quoted by it */
        }
        if (text[i] == '\\') {
            g_string_append_c(quoted, text[i++]);
        }
        g_string_append_c(quoted, text[i]);
    }
    char *name = g_strcompress(quoted->str);
    g_string_free(quoted, TRUE);
    return name;
}

/* Takes off `strip` segments; consecutive slashes count once.  NULL if there are not so many. */
static const char *stripped(const char *name, guint strip)
{
    for (; strip > 0; strip--) {
        const char *slash = strchr(name, '/');
        if (slash == NULL) {
            return NULL;
        }
        name = slash + strspn(slash, "/");
    }
    return name;
}

static gboolean leaves_top(const char *name)
{
    g_auto(GStrv) segments = g_strsplit(name, "/", -1);
    return name[0] == '/' || g_strv_contains((const char *const *)segments, "..");
}

static gboolean add_name(GHashTable *names, const char *text, gsize length, guint strip, const char *patch,
                         GError **error)
{
    g_autofree char *name = name_of(text, length);
    if (name[0] == '\0' || strcmp(name, "/dev/null") == 0) {
        return TRUE;
    }
    const char *rest = stripped(name, strip);
    if (rest == NULL || rest[0] == '\0') {
        return TRUE;
    }
    if (leaves_top(rest)) {
        return TRUE; /* patch(1) refuses it; or it is no name, but a removed line of a hunk */
    }
    g_hash_table_add(names, g_strdup(rest));
    if (g_hash_table_size(names) > PATCH_NAMES_MAX) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "The patch %s names more than %d files", patch, PATCH_NAMES_MAX);
        return FALSE;
    }
    return TRUE;
}

/* `diff --git a/x b/x` is the only place of a name when a file is only created empty, removed or made executable. */
static gboolean add_git_names(GHashTable *names, const char *text, gsize length, guint strip, const char *patch,
                              GError **error)
{
    g_autofree char *line = g_strndup(text, length);
    char *space = strchr(line, ' ');
    for (int i = 0; space != NULL && i < GIT_SPACES_MAX; i++, space = strchr(space + 1, ' ')) {
        if (!add_name(names, line, (gsize)(space - line), strip, patch, error) ||
            !add_name(names, space + 1, strlen(space + 1), strip, patch, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean read_line(GHashTable *names, const char *line, gsize length, guint strip, const char *patch,
                          GError **error)
{
    static const char git[] = "diff --git ";
    if (length > sizeof git - 1 && memcmp(line, git, sizeof git - 1) == 0) {
        return add_git_names(names, line + sizeof git - 1, MIN(length, LINE_MAX_BYTES) - (sizeof git - 1), strip, patch,
                             error);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(headers); i++) {
        gsize size = strlen(headers[i]);
        if (length > size && memcmp(line, headers[i], size) == 0) {
            return add_name(names, line + size, MIN(length, LINE_MAX_BYTES) - size, strip, patch, error);
        }
    }
    return TRUE;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *patch_names(GBytes *patch, guint strip, const char *name, GError **error)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    gsize length;
    const char *line = g_bytes_get_data(patch, &length);
    const char *end = line + length;
    while (line < end) {
        const char *stop = memchr(line, '\n', (gsize)(end - line));
        stop = stop != NULL ? stop : end;
        if (!read_line(names, line, (gsize)(stop - line), strip, name, error)) {
            return NULL;
        }
        line = stop + 1;
    }
    GPtrArray *sorted = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_ptr_array_add(sorted, g_strdup(key));
    }
    g_ptr_array_sort(sorted, compare_names);
    return sorted;
}
