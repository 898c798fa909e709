/* cmd-cache.c - `cache info|fsck|gc` */
#include "app.h"
#include "clones.h"
#include <string.h>
#include <unistd.h>

/* ---- info ------------------------------------------------------------------------------------------------------------------- */

/* Where a number of SluiceStoreInfo is, and what it is called. */
static const struct {
    const char *name, *json;
    gsize offset;
    gboolean bytes;
} info_rows[] = {
    {"Blobs:", "blobs", G_STRUCT_OFFSET(SluiceStoreInfo, blobs), FALSE},
    {"  of them in the index:", "inline-blobs", G_STRUCT_OFFSET(SluiceStoreInfo, inline_blobs), FALSE},
    {"Size of blobs:", "blob-bytes", G_STRUCT_OFFSET(SluiceStoreInfo, blob_bytes), TRUE},
    {"Size on disk:", "disk-bytes", G_STRUCT_OFFSET(SluiceStoreInfo, disk_bytes), TRUE},
    {"Quota:", "quota", G_STRUCT_OFFSET(SluiceStoreInfo, quota), TRUE},
    {"Action results:", "results", G_STRUCT_OFFSET(SluiceStoreInfo, results), FALSE},
    {"References:", "refs", G_STRUCT_OFFSET(SluiceStoreInfo, refs), FALSE},
    {"Leases:", "leases", G_STRUCT_OFFSET(SluiceStoreInfo, leases), FALSE},
};

static guint64 row_value(const SluiceStoreInfo *info, guint row)
{
    guint64 value;
    memcpy(&value, (const char *)info + info_rows[row].offset, sizeof value);
    return value;
}

static char *info_json(const App *app, const SluiceStoreInfo *info, const ClonesTotal *clones)
{
    Arena *arena = arena_new();
    Json *object = json_object(arena);
    g_autofree char *path = g_utf8_make_valid(app->cache_path, -1);
    json_set(object, "path", json_string(arena, path));
    for (guint i = 0; i < G_N_ELEMENTS(info_rows); i++)
        json_set(object, info_rows[i].json, json_int(arena, row_value(info, i)));
    json_set(object, "clones", json_int(arena, clones->clones));
    json_set(object, "clone-bytes", json_int(arena, clones->bytes));
    GString *out = g_string_new(NULL);
    json_write(object, out);
    g_string_append_c(out, '\n');
    arena_free(arena);
    return g_string_free(out, FALSE);
}

static char *info_table(const App *app, const SluiceStoreInfo *info, const ClonesTotal *clones)
{
    GString *out = g_string_new(NULL);
    g_string_printf(out, "%-24s %s\n", "Cache:", app->cache_path);
    for (guint i = 0; i < G_N_ELEMENTS(info_rows); i++) {
        guint64 value = row_value(info, i);
        g_autofree char *size = info_rows[i].bytes ? g_format_size_full(value, G_FORMAT_SIZE_IEC_UNITS) : NULL;
        g_autofree char *text = size ? g_steal_pointer(&size) : g_strdup_printf("%" G_GUINT64_FORMAT, value);
        gboolean no_quota = value == 0 && strcmp(info_rows[i].json, "quota") == 0;
        g_string_append_printf(out, "%-24s %s\n", info_rows[i].name, no_quota ? "none" : text);
    }
    g_autofree char *size = g_format_size_full(clones->bytes, G_FORMAT_SIZE_IEC_UNITS);
    g_string_append_printf(out, "%-24s %" G_GUINT64_FORMAT "\n%-24s %s\n", "Clones of repositories:", clones->clones,
                           "Size of clones:", size);
    return g_string_free(out, FALSE);
}

int cmd_cache_info(App *app, GError **error)
{
    SluiceStoreInfo info = {0};
    if (!app_open_store(app, error) || !sluice_store_get_info(app->store, &info, error))
        return EXIT_REPORT;
    ClonesTotal clones;
    clones_total(app->store, TRUE, &clones);
    g_autofree char *text =
        arguments_has(app->arguments, "json") ? info_json(app, &info, &clones) : info_table(app, &info, &clones);
    app_print(text);
    return 0;
}

/* ---- fsck ------------------------------------------------------------------------------------------------------------------- */

static void on_problem(const char *problem, gpointer data)
{
    app_log(data, EVENT_WARNING, NULL, "%s", problem);
}

static void on_progress(uint64_t done, uint64_t total, gpointer data)
{
    App *app = data;
    status_line_progress(app->status, app, "checking", done, total, "B");
}

int cmd_cache_fsck(App *app, GError **error)
{
    if (!app_open_store(app, error))
        return EXIT_REPORT;
    gboolean repair = arguments_switch(app->arguments, "repair", TRUE);
    SluiceFsckStats stats = {0};
    status_line_begin(app->status, app, "fsck");
    gboolean success = sluice_store_fsck(app->store, repair, on_problem, on_progress, app, &stats, error);
    status_line_end(app->status, app);
    if (!success)
        return EXIT_REPORT;
    guint64 problems = stats.damaged + stats.dangling_results + stats.dangling_refs;
    g_autofree char *size = g_format_size_full(stats.bytes_checked, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *text =
        g_strdup_printf("Checked %" G_GUINT64_FORMAT " blobs (%s): %" G_GUINT64_FORMAT " damaged, %" G_GUINT64_FORMAT
                        " dangling results, %" G_GUINT64_FORMAT " dangling references%s\n",
                        stats.blobs_checked, size, stats.damaged, stats.dangling_results, stats.dangling_refs,
                        problems == 0 ? ""
                        : repair      ? "; removed"
                                      : "; use --repair to remove them");
    app_print(text);
    return problems > 0 && !repair ? 1 : 0;
}

/* ---- gc --------------------------------------------------------------------------------------------------------------------- */

static gboolean read_size(App *app, const char *option, guint64 *bytes, GError **error)
{
    const char *text = arguments_get(app->arguments, option);
    guint percent;
    if (!size_parse(text, bytes, &percent)) {
        g_set_error(error, USAGE_ERROR, 0, "Invalid value for '--%s': '%s' is not a size.", option, text);
        return FALSE;
    }
    if (percent > 0)
        *bytes = size_of_disk_share(app->cache_path, percent);
    return TRUE;
}

static gboolean run_gc(App *app, SluiceGcStats *stats, ClonesTotal *clones, GError **error)
{
    guint64 size = 0;
    if (arguments_has(app->arguments, "all"))
        return clones_collect(app->store, 0, clones, stats, error);
    if (arguments_has(app->arguments, "size")) {
        if (!read_size(app, "size", &size, error))
            return FALSE;
        return clones_collect(app->store, size > 0 ? size : G_MAXUINT64, clones, stats, error);
    }
    SluiceGcStats more = {0};
    if (!sluice_store_gc(app->store, G_MAXUINT64, stats, error) ||
        !clones_enforce_quota(app->store, clones, &more, error))
        return FALSE;
    stats->blobs_removed += more.blobs_removed;
    stats->bytes_removed += more.bytes_removed;
    stats->refs_removed += more.refs_removed;
    stats->results_removed += more.results_removed;
    stats->temporaries_removed += more.temporaries_removed;
    return TRUE;
}

int cmd_cache_gc(App *app, GError **error)
{
    guint64 quota = 0;
    gboolean has_quota = arguments_has(app->arguments, "quota");
    if ((has_quota && !read_size(app, "quota", &quota, error)) || !app_open_store(app, error))
        return EXIT_REPORT;
    if (has_quota && !sluice_store_set_quota(app->store, quota, error))
        return EXIT_REPORT;
    SluiceGcStats stats = {0};
    ClonesTotal clones = {0};
    if (!run_gc(app, &stats, &clones, error))
        return EXIT_REPORT;
    g_autofree char *size = g_format_size_full(stats.bytes_removed, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *clone_size = g_format_size_full(clones.bytes, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *text = g_strdup_printf("Removed %" G_GUINT64_FORMAT " blobs (%s), %" G_GUINT64_FORMAT
                                            " references, %" G_GUINT64_FORMAT " results, %" G_GUINT64_FORMAT
                                            " temporary files, %" G_GUINT64_FORMAT " clones of repositories (%s)\n",
                                            stats.blobs_removed, size, stats.refs_removed, stats.results_removed,
                                            stats.temporaries_removed, clones.clones, clone_size);
    app_print(text);
    return 0;
}
