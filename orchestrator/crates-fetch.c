/* crates-fetch.c - the files of crates, from the registry into the store. */
#include "crates-private.h"
#include "download.h"
#include "element.h"

#include <string.h>

static char *crate_url(const Source *source, const Crate *crate)
{
    const Crates *crates = source->data;
    return g_strdup_printf("%s%s/%s-%s.crate", crates->base, crate->name, crate->name, crate->version);
}

static gboolean is_there(const Crate *crate, SluiceStore *store)
{
    SluiceDigest digest;
    return crate->sha != NULL && download_find(store, crate->sha, &digest);
}

static gboolean check_digest(const Source *source, const Crate *crate, GError **error)
{
    SluiceDigest digest;
    if (crate->sha == NULL || sluice_digest_parse_hex(crate->sha, strlen(crate->sha), 0, &digest, NULL)) {
        return TRUE;
    }
    error_set(error, ERROR_SOURCE, NULL, source->ref != NULL ? node_where(source->ref) : &source->where,
              "The sha '%s' of crate %s is not a SHA-256 (64 lower-case hexadecimal digits)", crate->sha, crate->name);
    return FALSE;
}

static gboolean prepare(Source *source, const SourceContext *context, const Crate *crates, gsize count,
                        GArray *downloads, GArray *places, GError **error)
{
    for (gsize i = 0; i < count; i++) {
        if (crates[i].is_git || is_there(&crates[i], context->store)) {
            continue;
        }
        g_autofree char *url = crate_url(source, &crates[i]);
        char **urls = check_digest(source, &crates[i], error) ? source_translate_url(source, url, error) : NULL;
        if (urls == NULL) {
            return FALSE;
        }
        Download download = {
            .urls = (const char *const *)urls, .sha256 = crates[i].sha, .size = -1, .retry_absent = TRUE};
        g_array_append_val(downloads, download);
        g_array_append_val(places, i);
    }
    return TRUE;
}

static gboolean keep_results(const Source *source, const SourceContext *context, Crate *crates, GArray *downloads,
                             GArray *places, GError **error)
{
    for (guint i = 0; i < downloads->len; i++) {
        const Download *download = &g_array_index(downloads, Download, i);
        Crate *crate = &crates[g_array_index(places, gsize, i)];
        if (!download_remember(context->store, &download->digest, error)) {
            return FALSE;
        }
        if (crate->sha == NULL) {
            char hex[SLUICE_HASH_HEX + 1];
            sluice_digest_hex(&download->digest, hex);
            crate->sha = arena_strdup(source_arena(source), hex);
        }
    }
    return TRUE;
}

static void clear_download(gpointer data)
{
    Download *download = data;
    g_strfreev((char **)download->urls);
    download_clear(download);
}

gboolean crates_download(Source *source, const SourceContext *context, const char *action, Crate *crates, gsize count,
                         GError **error)
{
    g_autoptr(GArray) downloads = g_array_new(FALSE, TRUE, sizeof(Download));
    g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(gsize));
    g_array_set_clear_func(downloads, clear_download);
    if (!prepare(source, context, crates, count, downloads, places, error)) {
        return FALSE;
    }
    if (downloads->len == 0) {
        return TRUE;
    }
    const char *first = g_array_index(downloads, Download, 0).urls[0];
    g_autofree char *message = downloads->len == 1 ? g_strdup_printf("Downloading: %s", first)
                                                   : g_strdup_printf("Downloading %u crates", downloads->len);
    event_send(context->events, EVENT_STATUS, action, source->element->full_name, "%s", message);
    return download_run((Download *)downloads->data, downloads->len, context, source->element->full_name, action,
                        message, error) &&
           keep_results(source, context, crates, downloads, places, error);
}

gboolean crates_fetch(Source *source, const SourceContext *context, GError **error)
{
    const Crates *crates = source->data;
    g_autofree Crate *copy = g_memdup2(crates->crates, crates->n_crates * sizeof *copy);
    if (!crates_download(source, context, "fetch", copy, crates->n_crates, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < crates->n_crates; i++) {
        if (crates->crates[i].is_git && !crates_fetch_git(source, context, &crates->crates[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}
