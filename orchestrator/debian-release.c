/* debian-release.c - `Release` files: which indices a suite has, their digests, and how long they are good. */
#include "debian-index.h"
#include "debian-stanza.h"

#include <stdio.h>
#include <string.h>

#define RELEASE_FILES_MAX 100000

gint64 debian_parse_date(const char *text)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const char *comma = strchr(text, ',');
    char month_name[4], zone[8] = "";
    int day, year, hour, minute, second;
    const char *rest = comma != NULL ? comma + 1 : text;
    if (sscanf(rest, " %2d %3s %4d %2d:%2d:%2d %7s", &day, month_name, &year, &hour, &minute, &second, zone) < 7 ||
        (strcmp(zone, "UTC") != 0 && strcmp(zone, "GMT") != 0 && strcmp(zone, "+0000") != 0)) {
        return 0;
    }
    for (gint month = 0; month < (gint)G_N_ELEMENTS(months); month++) {
        if (strcmp(months[month], month_name) == 0) {
            g_autoptr(GDateTime) time = g_date_time_new_utc(year, month + 1, day, hour, minute, second);
            return time != NULL ? g_date_time_to_unix(time) : 0;
        }
    }
    return 0;
}

static gboolean bad(const char *name, const char *problem, const char *near, GError **error)
{
    error_set(error, ERROR_SOURCE, "debian-index-invalid", NULL, "%s: %s '%s'", name, problem, near);
    return FALSE;
}

/* A line ` SHA256 SIZE PATH`. */
static gboolean add_file(DebianRelease *release, const char *line, const char *name, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);
    const char *parts[3];
    guint count = 0;
    for (char **word = words; *word != NULL; word++) {
        if (**word != '\0') {
            if (count == 3) {
                return bad(name, "more than three words in", line, error);
            }
            parts[count++] = *word;
        }
    }
    if (count == 0) {
        return TRUE;
    }
    SluiceDigest digest;
    guint64 size;
    if (count < 3 || !sluice_digest_parse_hex(parts[0], strlen(parts[0]), 0, &digest, NULL) ||
        !g_ascii_string_to_unsigned(parts[1], 10, 0, G_MAXINT64, &size, NULL) || !debian_path_is_safe(parts[2])) {
        return bad(name, "no digest, size and path in", line, error);
    }
    if (g_hash_table_size(release->files) >= RELEASE_FILES_MAX) {
        return bad(name, "too many files, at", line, error);
    }
    DebianReleaseFile *file = g_new0(DebianReleaseFile, 1);
    sluice_digest_hex(&digest, file->sha256);
    file->size = (gint64)size;
    g_hash_table_replace(release->files, g_strdup(parts[2]), file);
    return TRUE;
}

static gboolean parse_date_field(const DebianStanza *stanza, const char *field, gint64 *out, const char *name,
                                 GError **error)
{
    const char *text = debian_stanza_get(stanza, field);
    if (text == NULL) {
        return TRUE;
    }
    *out = debian_parse_date(text);
    return *out != 0 || bad(name, "no date in", text, error);
}

static gboolean fill(DebianRelease *release, const DebianStanza *stanza, const char *name, GError **error)
{
    const char *by_hash = debian_stanza_get(stanza, "Acquire-By-Hash");
    const char *files = debian_stanza_get(stanza, "SHA256");
    release->suite = g_strdup(debian_stanza_get(stanza, "Suite"));
    release->codename = g_strdup(debian_stanza_get(stanza, "Codename"));
    release->by_hash = by_hash != NULL && strcmp(by_hash, "yes") == 0;
    if (!parse_date_field(stanza, "Date", &release->date, name, error) ||
        !parse_date_field(stanza, "Valid-Until", &release->valid_until, name, error)) {
        return FALSE;
    }
    if (files == NULL) {
        return bad(name, "a Release file without", "SHA256", error);
    }
    g_auto(GStrv) lines = g_strsplit(files, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (!add_file(release, *line, name, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

DebianRelease *debian_release_parse(const char *text, gsize length, const char *name, GError **error)
{
    g_autoptr(DebianRelease) release = g_new0(DebianRelease, 1);
    g_autofree char *copy = g_malloc(length + 1);
    g_autofree DebianStanza *stanza = g_new(DebianStanza, 1);
    DebianReader reader;
    GError *problem = NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    release->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    debian_reader_init(&reader, copy, length, name);
    if (!debian_reader_next(&reader, stanza, &problem)) {
        if (problem != NULL) {
            g_propagate_error(error, problem);
        } else {
            bad(name, "an empty Release file", "", error);
        }
        return NULL;
    }
    return fill(release, stanza, name, error) ? g_steal_pointer(&release) : NULL;
}

void debian_release_free(DebianRelease *release)
{
    if (release != NULL) {
        g_free(release->suite);
        g_free(release->codename);
        g_hash_table_unref(release->files);
        g_free(release);
    }
}

const DebianReleaseFile *debian_release_find(const DebianRelease *release, const char *path)
{
    return g_hash_table_lookup(release->files, path);
}
