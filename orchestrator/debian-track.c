/*
 * debian-track.c - from suites to a list of packages: InRelease (signed), Packages (named there), closure.
 */
#include "archive-contents.h"
#include "debian-apt.h"
#include "debian-private.h"
#include "debian-resolve.h"
#include "debian-verify.h"
#include "download.h"
#include "element.h"

#include <string.h>
#include <time.h>

#define RELEASE_MAX_BYTES  ((gint64)16 << 20)
#define PACKAGES_MAX_BYTES ((gsize)1 << 30) /* of one index, decompressed */
#define CLOCK_TOLERANCE    (24 * 3600)      /* seconds that a mirror's date may be ahead of ours */

/* One suite, while it is tracked. */
typedef struct {
    const char *name;
    char *archive; /* the one that has it */
    DebianRelease *release;
} Suite;

/* One Packages file. */
typedef struct {
    const Suite *suite;
    char *path; /* below dists/SUITE/ */
    const DebianReleaseFile *file;
    char *urls[3];
} Packages;

typedef struct {
    Source *source;
    const SourceContext *context;
    Debian *debian;
    char *work;
    char *proxy;
    GArray *suites;   /* of Suite */
    GArray *packages; /* of Packages */
} Tracking;

static gboolean no_suite(const char *name, char **archives, GError **error)
{
    g_autofree char *list = g_strjoinv("\n", archives);
    error_set(error, ERROR_SOURCE, "debian-no-suite", NULL, "There is no suite '%s' on the mirror", name);
    error_set_detail(error != NULL ? *error : NULL, list);
    return FALSE;
}

/* ---- Release ---------------------------------------------------------------------------------------------------------------------- */

static GBytes *get_release(Tracking *tracking, Suite *suite, GError **error)
{
    g_autoptr(GPtrArray) urls = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) archives = debian_archives(tracking->source, apt_is_security(suite->name), error);
    if (archives == NULL) {
        return NULL;
    }
    for (char **archive = archives; *archive != NULL; archive++) {
        g_ptr_array_add(urls, g_strdup_printf("%s/dists/%s/InRelease", *archive, suite->name));
    }
    g_ptr_array_add(urls, NULL);
    if (tracking->proxy == NULL) {
        tracking->proxy = apt_proxy_for(archives[0]);
    }
    Download download = {
        .urls = (const char *const *)urls->pdata, .size = -1, .max_size = RELEASE_MAX_BYTES, .proxy = tracking->proxy};
    gboolean ok = download_run(&download, 1, tracking->context, tracking->source->element->full_name, "track",
                               "Fetching InRelease", error);
    if (!ok && download.absent) {
        g_clear_error(error);
        no_suite(suite->name, archives, error);
    }
    if (ok) {
        suite->archive = g_strdup(archives[download.url]);
    }
    download_clear(&download);
    return ok ? sluice_store_read(tracking->context->store, &download.digest, error) : NULL;
}

static char *date_text(gint64 when)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(when);
    return date != NULL ? g_date_time_format(date, "%Y-%m-%d %H:%M:%S UTC") : g_strdup("?");
}

static gboolean check_dates(const Tracking *tracking, const Suite *suite, GError **error)
{
    const DebianRelease *release = suite->release;
    gint64 now = (gint64)time(NULL);
    if (!tracking->debian->check_valid_until) {
        return TRUE;
    }
    if (release->valid_until != 0 && now > release->valid_until) {
        g_autofree char *date = date_text(release->valid_until);
        error_set(error, ERROR_SOURCE, "debian-expired", &tracking->source->where,
                  "The index of suite '%s' at %s expired on %s (Valid-Until)", suite->name, suite->archive, date);
        error_set_detail(error != NULL ? *error : NULL,
                         "The mirror is out of date, or somebody holds updates back. If that is expected, "
                         "set `check-valid-until: false` for this source.");
        return FALSE;
    }
    if (release->date > now + CLOCK_TOLERANCE) {
        g_autofree char *date = date_text(release->date);
        error_set(error, ERROR_SOURCE, "debian-expired", &tracking->source->where,
                  "The index of suite '%s' at %s is of %s, which is in the future: is the clock right?", suite->name,
                  suite->archive, date);
        return FALSE;
    }
    return TRUE;
}

/* A mirror must not answer with another suite's index, however well signed. */
static gboolean check_name(const Suite *suite, GError **error)
{
    const DebianRelease *release = suite->release;
    if ((release->suite == NULL && release->codename == NULL) || g_strcmp0(release->suite, suite->name) == 0 ||
        g_strcmp0(release->codename, suite->name) == 0) {
        return TRUE;
    }
    error_set(error, ERROR_SOURCE, "debian-index-invalid", NULL,
              "Asked for suite '%s', %s answers with the index of '%s' (%s)", suite->name, suite->archive,
              release->suite != NULL ? release->suite : "?", release->codename != NULL ? release->codename : "?");
    return FALSE;
}

static gboolean track_release(Tracking *tracking, Suite *suite, GError **error)
{
    g_autoptr(GBytes) signed_text = get_release(tracking, suite, error);
    if (signed_text == NULL) {
        return FALSE;
    }
    g_autofree char *name = g_strdup_printf("%s/dists/%s/InRelease", suite->archive, suite->name);
    g_autoptr(GBytes) text = debian_verify(tracking->debian->keyring, signed_text, name, tracking->work, error);
    if (text == NULL) {
        return FALSE;
    }
    gsize length;
    const char *data = g_bytes_get_data(text, &length);
    suite->release = debian_release_parse(data, length, name, error);
    return suite->release != NULL && check_name(suite, error) && check_dates(tracking, suite, error);
}

/* ---- Packages ---------------------------------------------------------------------------------------------------------------------- */

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean no_index(const Tracking *tracking, const Suite *suite, const char *component, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer path;
    g_hash_table_iter_init(&iter, suite->release->files);
    while (g_hash_table_iter_next(&iter, &path, NULL)) {
        const char *binary = strstr(path, "/binary-");
        if (binary == NULL) {
            continue;
        }
        const char *architecture = binary + strlen("/binary-");
        char *name = g_strdup_printf("%.*s for %.*s", (int)(binary - (const char *)path), (const char *)path,
                                     (int)strcspn(architecture, "/"), architecture);
        g_ptr_array_add(names, name);
        if (!g_hash_table_add(seen, name)) {
            g_ptr_array_set_size(names, (gint)names->len - 1);
        }
    }
    g_ptr_array_sort(names, compare_texts);
    g_ptr_array_add(names, NULL);
    g_autofree char *list = g_strjoinv("\n", (char **)names->pdata);
    error_set(error, ERROR_SOURCE, "debian-no-component", &tracking->source->where,
              "Suite '%s' has no component '%s' for architecture '%s'", suite->name, component,
              tracking->debian->architecture);
    error_set_detail(error != NULL ? *error : NULL, list);
    return FALSE;
}

static gboolean add_packages(Tracking *tracking, const Suite *suite, const char *component, GError **error)
{
    static const char *const endings[] = {".xz", ".gz", ".zst", ""};
    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++) {
        g_autofree char *folder = g_strdup_printf("%s/binary-%s", component, tracking->debian->architecture);
        g_autofree char *path = g_strdup_printf("%s/Packages%s", folder, endings[i]);
        const DebianReleaseFile *file = debian_release_find(suite->release, path);
        if (file == NULL) {
            continue;
        }
        Packages packages = {.suite = suite, .file = file};
        guint count = 0;
        if (suite->release->by_hash) {
            packages.urls[count++] =
                g_strdup_printf("%s/dists/%s/%s/by-hash/SHA256/%s", suite->archive, suite->name, folder, file->sha256);
        }
        packages.urls[count] = g_strdup_printf("%s/dists/%s/%s", suite->archive, suite->name, path);
        packages.path = g_steal_pointer(&path);
        g_array_append_val(tracking->packages, packages);
        return TRUE;
    }
    return no_index(tracking, suite, component, error);
}

static void packages_digest(const Packages *packages, SluiceDigest *digest)
{
    (void)sluice_digest_parse_hex(packages->file->sha256, SLUICE_HASH_HEX, packages->file->size, digest, NULL);
}

static gboolean get_packages(Tracking *tracking, GError **error)
{
    g_autofree Download *downloads = g_new0(Download, tracking->packages->len + 1);
    gsize count = 0;
    for (guint i = 0; i < tracking->packages->len; i++) {
        const Packages *packages = &g_array_index(tracking->packages, Packages, i);
        SluiceDigest digest;
        packages_digest(packages, &digest);
        if (!sluice_store_has(tracking->context->store, &digest)) {
            downloads[count++] = (Download){.name = packages->path,
                                            .urls = (const char *const *)packages->urls,
                                            .sha256 = packages->file->sha256,
                                            .size = packages->file->size,
                                            .proxy = tracking->proxy};
        }
    }
    gboolean ok = count == 0 || download_run(downloads, count, tracking->context, tracking->source->element->full_name,
                                             "track", "Fetching package lists", error);
    for (gsize i = 0; i < count; i++) {
        download_clear(&downloads[i]);
    }
    return ok;
}

static gboolean read_packages(Tracking *tracking, const Packages *packages, DebianIndex *index, GError **error)
{
    SluiceDigest digest;
    gsize length, text_length;
    packages_digest(packages, &digest);
    g_autoptr(GBytes) bytes = sluice_store_read(tracking->context->store, &digest, error);
    if (bytes == NULL) {
        return FALSE;
    }
    const void *data = g_bytes_get_data(bytes, &length);
    g_autofree char *name =
        g_strdup_printf("%s/dists/%s/%s", packages->suite->archive, packages->suite->name, packages->path);
    char *text = archive_decompress(data, length, PACKAGES_MAX_BYTES, name, &text_length, error);
    return text != NULL && debian_index_add(index, text, text_length, tracking->debian->architecture,
                                            packages->suite->name, name, error);
}

/* ---- Ref --------------------------------------------------------------------------------------------------------------------------- */

static void set_text(Arena *arena, Node *mapping, const char *key, const char *value)
{
    node_set(arena, mapping, key, node_new_scalar(arena, arena_strdup(arena, value), NULL));
}

static Node *make_ref(Arena *arena, GPtrArray *packages)
{
    Node *ref = node_new_sequence(arena, NULL);
    for (guint i = 0; i < packages->len; i++) {
        const DebianPackage *package = packages->pdata[i];
        Node *pin = node_new_mapping(arena, NULL);
        g_autofree char *size = g_strdup_printf("%" G_GINT64_FORMAT, package->size);
        set_text(arena, pin, "name", package->name);
        set_text(arena, pin, "version", package->version);
        set_text(arena, pin, "architecture", package->architecture);
        set_text(arena, pin, "path", package->path);
        set_text(arena, pin, "size", size);
        set_text(arena, pin, "sha256", package->sha256);
        node_append(arena, ref, pin);
    }
    return ref;
}

static Node *resolve(Tracking *tracking, GError **error)
{
    const Debian *debian = tracking->debian;
    g_autoptr(DebianIndex) index = debian_index_new();
    for (guint i = 0; i < tracking->packages->len; i++) {
        if (g_cancellable_set_error_if_cancelled(tracking->context->cancellable, error) ||
            !read_packages(tracking, &g_array_index(tracking->packages, Packages, i), index, error)) {
            return NULL;
        }
    }
    const DebianWish wish = {.packages = debian->packages,
                             .exclude = debian->exclude,
                             .architecture = debian->architecture,
                             .essential = debian->essential,
                             .dependencies = debian->dependencies,
                             .recommends = debian->recommends};
    g_autoptr(GPtrArray) packages = debian_resolve(index, &wish, error);
    if (packages == NULL) {
        return NULL;
    }
    guint64 bytes = 0;
    for (guint i = 0; i < packages->len; i++) {
        bytes += (guint64)((const DebianPackage *)packages->pdata[i])->size;
    }
    g_autofree char *size = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
    event_send(tracking->context->events, EVENT_INFO, "track", tracking->source->element->full_name,
               "%u packages, %s to download", packages->len, size);
    return make_ref(source_arena(tracking->source), packages);
}

static Node *track_all(Tracking *tracking, GError **error)
{
    for (const char *const *name = tracking->debian->suites; *name != NULL; name++) {
        const Suite suite = {.name = *name};
        g_array_append_val(tracking->suites, suite);
    }
    for (guint i = 0; i < tracking->suites->len; i++) {
        Suite *suite = &g_array_index(tracking->suites, Suite, i);
        if (!track_release(tracking, suite, error)) {
            return NULL;
        }
        for (const char *const *component = tracking->debian->components; *component != NULL; component++) {
            if (!add_packages(tracking, suite, *component, error)) {
                return NULL;
            }
        }
    }
    return get_packages(tracking, error) ? resolve(tracking, error) : NULL;
}

static void suite_clear(gpointer data)
{
    Suite *suite = data;
    g_free(suite->archive);
    debian_release_free(suite->release);
}

static void packages_clear(gpointer data)
{
    Packages *packages = data;
    g_free(packages->path);
    for (gsize i = 0; i < G_N_ELEMENTS(packages->urls); i++) {
        g_free(packages->urls[i]);
    }
}

Node *debian_track(Source *source, const SourceContext *context, GError **error)
{
    Tracking tracking = {.source = source, .context = context, .debian = source->data};
    tracking.work = sluice_store_make_work_dir(context->store, "debian", error);
    if (tracking.work == NULL) {
        return NULL;
    }
    tracking.suites = g_array_new(FALSE, TRUE, sizeof(Suite));
    tracking.packages = g_array_new(FALSE, TRUE, sizeof(Packages));
    g_array_set_clear_func(tracking.suites, suite_clear);
    g_array_set_clear_func(tracking.packages, packages_clear);
    Node *ref = track_all(&tracking, error);
    g_array_unref(tracking.packages);
    g_array_unref(tracking.suites);
    sluice_remove_tree(tracking.work, NULL);
    g_free(tracking.work);
    g_free(tracking.proxy);
    return ref;
}
