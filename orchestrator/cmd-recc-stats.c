/* cmd-recc-stats.c - `recc-stats`: what compile caching counted in the last build of each element */
#include "app.h"
#include "recc-folder.h"

#include <stdlib.h>
#include <string.h>

static void add_line(GHashTable *sums, GPtrArray *names, const char *line)
{
    const char *space = strchr(line, ' ');
    if (!space)
        return;
    g_autofree char *name = g_strndup(line, (gsize)(space - line));
    guint64 *sum = g_hash_table_lookup(sums, name);
    if (!sum) {
        sum = g_new0(guint64, 1);
        g_ptr_array_add(names, g_strdup(name));
        g_hash_table_insert(sums, g_steal_pointer(&name), sum);
    }
    *sum += g_ascii_strtoull(space + 1, NULL, 10);
}

static gboolean add_element(App *app, const char *name, GHashTable *sums, GPtrArray *names, GError **error)
{
    gsize length = 0;
    g_autoptr(GBytes) value = sluice_store_get_ref(app->store, RECC_STATS_SPACE, name, error);
    if (!value)
        return FALSE;
    const char *text = g_bytes_get_data(value, &length);
    g_autofree char *copy = g_strndup(text, length);
    g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
    for (char **line = lines; *line; line++)
        add_line(sums, names, *line);
    return TRUE;
}

/* "PROJECT:ELEMENT" is the whole name, "ELEMENT" that of any project. */
static gboolean is_wanted(const char *name, const char *const *words)
{
    const char *colon = strchr(name, ':');
    if (!*words)
        return TRUE;
    for (; *words; words++) {
        if (strcmp(name, *words) == 0 || (colon && strcmp(colon + 1, *words) == 0))
            return TRUE;
    }
    return FALSE;
}

static void print_sums(GHashTable *sums, const GPtrArray *names, guint elements)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "%-24s %u\n", "elements", elements);
    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(out, "%-24s %" G_GUINT64_FORMAT "\n", (const char *)names->pdata[i],
                               *(guint64 *)g_hash_table_lookup(sums, names->pdata[i]));
    app_print(out->str);
}

int cmd_recc_stats(App *app, GError **error)
{
    if (!app_open_store(app, error))
        return EXIT_REPORT;
    const char *const *words = arguments_words(app->arguments, NULL);
    g_autoptr(GPtrArray) all = sluice_store_list_refs(app->store, RECC_STATS_SPACE, "", error);
    g_autoptr(GHashTable) sums = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    guint elements = 0;
    for (guint i = 0; all && i < all->len; i++) {
        if (!is_wanted(all->pdata[i], words))
            continue;
        if (!add_element(app, all->pdata[i], sums, names, error))
            return EXIT_REPORT;
        elements += strcmp(all->pdata[i], RECC_STATS_DAEMON) != 0;
    }
    if (!all)
        return EXIT_REPORT;
    if (*words && names->len == 0) {
        error_set(error, ERROR_STREAM, NULL, NULL, "No compiles of %s were counted in this cache", *words);
        return EXIT_REPORT;
    }
    print_sums(sums, names, elements);
    return EXIT_SUCCESS;
}
