/* source-cpan.c - `kind: cpan`: the archive of a Perl module, found by the index of the Comprehensive Perl Archive Network. */
#include "archive-contents.h"
#include "download.h"
#include "element.h"
#include "source-info.h"
#include "source-kinds.h"
#include "source-package.h"

#include <string.h>

#define DEFAULT_INDEX     "https://cpan.metacpan.org/"
#define PACKAGES          "modules/02packages.details.txt.gz"
#define BY_AUTHOR         "authors/id/"
#define INDEX_MAX_BYTES   ((gint64)256 << 20)
#define LISTING_MAX_BYTES ((gsize)1 << 30)

static gboolean cpan_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"name", "suffix", "sha256sum", "index", "version", "version-guess-pattern",
                                       NULL};
    return package_configure(source, arena_new_of(source_arena(source), Package), config, keys, "index", DEFAULT_INDEX,
                             error);
}

/* ---- Tracking ----------------------------------------------------------------------------------------------------------------------- */

char *cpan_index_find(const char *listing, const char *name)
{
    const char *line = listing;
    while (line != NULL && *line != '\n' && *line != '\r') { /* the head */
        line = strchr(line, '\n');
        line += line != NULL;
    }
    gsize length = strlen(name);
    for (; line != NULL; line = strchr(line, '\n'), line += line != NULL) {
        if (strncmp(line, name, length) != 0 || (line[length] != ' ' && line[length] != '\t')) {
            continue;
        }
        g_autofree char *copy = g_strndup(line, strcspn(line, "\r\n"));
        g_auto(GStrv) words = g_strsplit_set(copy, " \t", -1);
        const char *last = NULL;
        guint count = 0;
        for (char **word = words; *word != NULL; word++) {
            if (**word != '\0') {
                last = *word;
                count++;
            }
        }
        return count == 3 ? g_strdup(last) : NULL;
    }
    return NULL;
}

static char *get_listing(Source *source, const SourceContext *context, const char *url, GError **error)
{
    const char *const urls[] = {url, NULL};
    const char *name = source->element->full_name;
    Download download = {.urls = urls, .size = -1, .max_size = INDEX_MAX_BYTES};
    g_autofree char *message = g_strdup_printf("Tracking %s", url);
    event_send(context->events, EVENT_STATUS, "track", name, "%s", message);
    g_autoptr(GBytes) packed = download_text(&download, context, name, "track", message, error);
    download_clear(&download);
    if (packed == NULL) {
        return NULL;
    }
    gsize length, text_length;
    const void *data = g_bytes_get_data(packed, &length);
    return archive_decompress(data, length, LISTING_MAX_BYTES, url, &text_length, error);
}

/* The index says where the newest archive is, not what is in it. */
static Node *track_archive(Source *source, const SourceContext *context, const char *suffix, GError **error)
{
    Package *package = source->data;
    Downloadable before = package->file;
    package->file.ref = NULL;
    package->file.url = arena_printf(source_arena(source), "%s%s", package->base, suffix);
    const Node *sha256 = downloadable_track(source, context, error);
    package->file = before;
    return sha256 != NULL ? package_ref_new(source, FALSE, suffix, node_text(sha256)) : NULL;
}

static Node *cpan_track(Source *source, const SourceContext *context, GError **error)
{
    const Package *package = source->data;
    g_autofree char *base = source_primary_url(source, package->base, error);
    g_autofree char *url = base != NULL ? g_strconcat(base, PACKAGES, NULL) : NULL;
    g_autofree char *listing = url != NULL ? get_listing(source, context, url, error) : NULL;
    g_autofree char *found = listing != NULL ? cpan_index_find(listing, package->name) : NULL;
    g_autofree char *suffix = found != NULL ? g_strconcat(BY_AUTHOR, found, NULL) : NULL;
    if (listing != NULL && found == NULL) {
        error_set(error, ERROR_SOURCE, NULL, &source->where, "\"%s\" not found in %s", package->name, base);
    }
    return suffix != NULL ? track_archive(source, context, suffix, error) : NULL;
}

static const char *const ref_keys[] = {"suffix", "sha256sum", NULL};

const SourceKind source_kind_cpan = {
    .name = "cpan",
    .has_ref = TRUE,
    .ref_keys = ref_keys,
    .configure = cpan_configure,
    .load_ref = package_load_ref,
    .unique_key = package_unique_key,
    .track = cpan_track,
    .is_cached = downloadable_is_cached,
    .fetch = downloadable_fetch,
    .stage = package_stage,
    .collect_info = package_collect_info,
};
