/* source-pypi.c - `kind: pypi`: the source archive of a Python package, found by the simple API of an index. */
#include "download.h"
#include "element.h"
#include "pypi-index.h"
#include "source-kinds.h"
#include "source-package.h"

#include <string.h>

#define STORAGE_ROOT    "https://files.pythonhosted.org/packages/"
#define DEFAULT_INDEX   "https://pypi.org/simple"
#define INDEX_MAX_BYTES ((gint64)128 << 20)

typedef struct {
    Package package;
    PypiFilter filter;
} Pypi;

static gboolean pypi_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {
        "url", "name", "ref", "prereleases", "include", "exclude", "version", "version-guess-pattern", NULL};
    static const char *const none[] = {NULL};
    Arena *arena = source_arena(source);
    Pypi *pypi = arena_new_of(arena, Pypi);
    pypi->filter.include = pypi->filter.exclude = none;
    return package_configure(source, &pypi->package, config, keys, "url", STORAGE_ROOT, error) &&
           node_get_bool(config, "prereleases", &pypi->filter.prereleases, error) &&
           node_get_strings(config, "include", arena, &pypi->filter.include, error) &&
           node_get_strings(config, "exclude", arena, &pypi->filter.exclude, error);
}

/* ---- Tracking ----------------------------------------------------------------------------------------------------------------------- */

/* The index of the user's pip where that is another one. */
static char *index_url(const char *name)
{
    const char *own = g_getenv("PIP_INDEX_URL");
    const char *index = own != NULL && *own != '\0' ? own : DEFAULT_INDEX;
    return g_strdup_printf("%s%s%s", index, g_str_has_suffix(index, "/") ? "" : "/", name);
}

/* The place below the storage root, whatever host an index that mirrors it names. */
static const char *suffix_of(const char *url)
{
    const char *packages = strstr(url, "/packages/");
    if (g_str_has_prefix(url, STORAGE_ROOT)) {
        return url + strlen(STORAGE_ROOT);
    }
    return packages != NULL ? packages + strlen("/packages/") : url;
}

static GBytes *get_index(Source *source, const SourceContext *context, const char *url, GError **error)
{
    static const char *const headers[] = {"Accept: application/vnd.pypi.simple.v1+json", NULL};
    const char *const urls[] = {url, NULL};
    const char *name = source->element->full_name;
    Download download = {.urls = urls, .size = -1, .max_size = INDEX_MAX_BYTES, .headers = headers};
    g_autofree char *message = g_strdup_printf("Tracking %s", url);
    event_send(context->events, EVENT_STATUS, "track", name, "%s", message);
    GBytes *text = download_text(&download, context, name, "track", message, error);
    download_clear(&download);
    return text;
}

static Node *pypi_track(Source *source, const SourceContext *context, GError **error)
{
    const Pypi *pypi = source->data;
    g_autofree char *index = index_url(pypi->package.name), *url = NULL, *sha256 = NULL;
    g_autoptr(GBytes) bytes = get_index(source, context, index, error);
    gsize length;
    if (bytes == NULL) {
        return NULL;
    }
    const char *text = g_bytes_get_data(bytes, &length);
    switch (pypi_index_find(text, length, &pypi->filter, &url, &sha256)) {
    case PYPI_FOUND:
        return package_ref_new(source, TRUE, suffix_of(url), sha256);
    case PYPI_FILTERED:
        event_send(context->events, EVENT_WARNING, "track", source->element->full_name, "No matching release found");
        return NULL;
    case PYPI_EMPTY:
        error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot find any tracking for %s", pypi->package.name);
        return NULL;
    case PYPI_MALFORMED:
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s did not answer with the files of a package in JSON", index);
        return NULL;
    }
    return NULL;
}

const SourceKind source_kind_pypi = {
    .name = "pypi",
    .has_ref = TRUE,
    .configure = pypi_configure,
    .load_ref = package_load_ref,
    .unique_key = package_unique_key,
    .track = pypi_track,
    .is_cached = downloadable_is_cached,
    .fetch = downloadable_fetch,
    .stage = package_stage,
    .collect_info = package_collect_info,
};
