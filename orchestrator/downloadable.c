/* downloadable.c - see downloadable.h */
#include "downloadable.h"
#include "debian-apt.h"
#include "download.h"
#include "element.h"
#include "source-info.h"

#include <string.h>

gboolean downloadable_configure(Source *source, Downloadable *file, const Node *config, const char *const *keys,
                                GError **error)
{
    source->data = file;
    return node_need_string(config, "url", &file->url, error) &&
           node_get_string(config, "version", &file->version, error) &&
           node_get_string(config, "version-guess-pattern", &file->version_guess_pattern, error) &&
           node_check_keys(config, keys, error);
}

gboolean downloadable_load_ref(Source *source, const Node *ref, GError **error)
{
    Downloadable *file = source->data;
    if (ref != NULL && node_type(ref) != NODE_SCALAR) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(ref),
                  "Value of 'ref' is not of the expected type 'scalar'");
        return FALSE;
    }
    file->ref = ref != NULL ? node_text(ref) : NULL;
    return TRUE;
}

Json *downloadable_unique_key(Source *source, Arena *arena)
{
    const Downloadable *file = source->data;
    Json *key = json_array(arena);
    const char *version = file->version != NULL ? file->version : file->version_guess_pattern;
    json_append(key, json_string(arena, file->url));
    json_append(key, json_string(arena, file->ref));
    if (version != NULL) {
        json_append(key, json_string(arena, version));
    }
    return key;
}

static gboolean check_ref(const Source *source, GError **error)
{
    const Downloadable *file = source->data;
    SluiceDigest digest;
    if (file->ref != NULL && sluice_digest_parse_hex(file->ref, strlen(file->ref), 0, &digest, NULL)) {
        return TRUE;
    }
    error_set(error, ERROR_SOURCE, NULL, source->ref != NULL ? node_where(source->ref) : &source->where,
              "The ref '%s' is not a SHA-256 (64 lower-case hexadecimal digits)", file->ref != NULL ? file->ref : "");
    return FALSE;
}

/* Files of the distribution's mirrors come by the way that apt would take. */
static char *proxy_of(const Downloadable *file, char **urls)
{
    return g_str_has_prefix(file->url, "debian:") ? apt_proxy_for(urls[0]) : NULL;
}

static gboolean get_file(Source *source, const SourceContext *context, const char *action, const char *sha256,
                         SluiceDigest *digest, GError **error)
{
    const Downloadable *file = source->data;
    g_auto(GStrv) urls =
        source_translate_url_for(source, file->url, sha256 != NULL ? SOURCE_URL_FETCH : SOURCE_URL_TRACK, error);
    if (urls == NULL) {
        return FALSE;
    }
    g_autofree char *proxy = proxy_of(file, urls);
    g_autofree char *message = g_strdup_printf("%s %s", sha256 != NULL ? "Fetching" : "Tracking", urls[0]);
    Download download = {.urls = (const char *const *)urls, .sha256 = sha256, .size = -1, .proxy = proxy};
    download.retry_absent = TRUE;
    event_send(context->events, EVENT_STATUS, action, source->element->full_name, "%s", message);
    gboolean ok = download_run(&download, 1, context, source->element->full_name, action, message, error) &&
                  download_remember(context->store, &download.digest, error);
    *digest = download.digest;
    download_clear(&download);
    return ok;
}

static void warn_of_change(Source *source, const SourceContext *context, const char *hex)
{
    const Downloadable *file = source->data;
    g_autofree char *detail = g_strdup_printf("When tracking, new ref differs from current ref:\n"
                                              "  Tracked URL: %s\n  Current ref: %s\n  New ref: %s\n",
                                              file->url, file->ref, hex);
    const Event event = {.type = EVENT_WARNING,
                         .action = "track",
                         .element = source->element->full_name,
                         .message = "Potential man-in-the-middle attack!",
                         .detail = detail,
                         .elapsed_us = -1};
    if (context->events != NULL && context->events->func != NULL) {
        context->events->func(&event, context->events->data);
    }
}

Node *downloadable_track(Source *source, const SourceContext *context, GError **error)
{
    const Downloadable *file = source->data;
    SluiceDigest digest;
    char hex[SLUICE_HASH_HEX + 1];
    if (!get_file(source, context, "track", NULL, &digest, error)) {
        return NULL;
    }
    sluice_digest_hex(&digest, hex);
    if (file->ref != NULL && strcmp(file->ref, hex) != 0) {
        warn_of_change(source, context, hex);
    }
    return node_new_scalar(source_arena(source), hex, NULL);
}

gboolean downloadable_fetch(Source *source, const SourceContext *context, GError **error)
{
    const Downloadable *file = source->data;
    SluiceDigest digest;
    return check_ref(source, error) && (download_find(context->store, file->ref, &digest) ||
                                        get_file(source, context, "fetch", file->ref, &digest, error));
}

gboolean downloadable_is_cached(Source *source, SluiceStore *store)
{
    const Downloadable *file = source->data;
    SluiceDigest digest;
    return check_ref(source, NULL) && download_find(store, file->ref, &digest);
}

gboolean downloadable_find(Source *source, SluiceStore *store, SluiceDigest *out, GError **error)
{
    const Downloadable *file = source->data;
    if (!check_ref(source, error)) {
        return FALSE;
    }
    if (!download_find(store, file->ref, out)) {
        error_set(error, ERROR_SOURCE, NULL, &source->where,
                  "%s with sha256sum '%s' is not in the cache; fetch it first", file->url, file->ref);
        return FALSE;
    }
    return TRUE;
}

gboolean downloadable_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const Downloadable *file = source->data;
    g_autofree char *url = source_primary_url(source, file->url, error);
    g_autofree char *guess = g_strdup(file->version);
    if (url == NULL || (guess == NULL && !version_guess(file->url, file->version_guess_pattern, &guess, error))) {
        return FALSE;
    }
    const SourceInfo info = {
        .url = url, .medium = "remote-file", .version_type = "sha256", .version = file->ref, .version_guess = guess};
    source_info_append(source, arena, list, &info);
    return TRUE;
}
