/* archive-text.c - compressed text, and single members, straight into memory. */
#include "archive-private.h"
#include "late-archive.h"

#include <string.h>

#define BUFFER_SIZE (256 * 1024)
#define MEMBERS_MAX 10000

static gboolean damaged(struct archive *archive, const char *name, guint after, GError **error)
{
    const char *text = libarchive->error_string(archive);
    error_set(error, ERROR_SOURCE, "archive-damaged", NULL, "%s: damaged or truncated after %u bytes: %s", name, after,
              text != NULL ? text : "unknown format");
    return FALSE;
}

/* What is left of the current member, and a NUL; NULL with error. */
static char *read_rest(struct archive *archive, gsize limit, const char *name, gsize *out_length, GError **error)
{
    g_autofree guint8 *buffer = g_malloc(BUFFER_SIZE);
    g_autoptr(GByteArray) out = g_byte_array_new();
    la_ssize_t length;
    while ((length = libarchive->read_data(archive, buffer, BUFFER_SIZE)) > 0) {
        if (out->len + (gsize)length > limit) {
            error_set(error, ERROR_SOURCE, "archive-too-large", NULL,
                      "%s: more than %" G_GSIZE_FORMAT " bytes when decompressed; refused", name, limit);
            return NULL;
        }
        g_byte_array_append(out, buffer, (guint)length);
    }
    if (length < 0) {
        damaged(archive, name, out->len, error);
        return NULL;
    }
    *out_length = out->len;
    g_byte_array_append(out, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(g_steal_pointer(&out), FALSE);
}

char *archive_decompress(const void *data, gsize length, gsize limit, const char *name, gsize *out_length,
                         GError **error)
{
    struct archive *archive = libarchive->read_new();
    struct archive_entry *entry;
    char *text = NULL;
    archive_allow_filters(archive);
    libarchive->read_support_format_raw(archive);
    libarchive->read_support_format_empty(archive);
    int status = libarchive->read_open_memory(archive, data, length);
    status = status == ARCHIVE_OK ? libarchive->read_next_header(archive, &entry) : status;
    if (status == ARCHIVE_EOF) { /* an empty file */
        *out_length = 0;
        text = g_strdup("");
    } else if (status >= ARCHIVE_WARN) {
        text = read_rest(archive, MIN(limit, G_MAXUINT / 2), name, out_length, error);
    } else {
        damaged(archive, name, 0, error);
    }
    libarchive->read_free(archive);
    return text;
}

static char *find_member(struct archive *archive, const char *member, gsize limit, const char *name, GError **error)
{
    struct archive_entry *entry;
    int status;
    for (int i = 0; i < MEMBERS_MAX && (status = libarchive->read_next_header(archive, &entry)) != ARCHIVE_EOF; i++) {
        gsize length;
        if (status < ARCHIVE_WARN) {
            damaged(archive, name, 0, error);
            return NULL;
        }
        const char *raw = libarchive->entry_pathname(entry);
        g_autofree char *path = raw != NULL ? archive_normalise(raw) : NULL;
        if (path != NULL && strcmp(path, member) == 0) {
            return read_rest(archive, limit, name, &length, error);
        }
    }
    return g_strdup("");
}

char *archive_read_text(const void *data, gsize length, const char *member, gsize limit, const char *name,
                        GError **error)
{
    struct archive *archive = libarchive->read_new();
    char *text = NULL;
    archive_allow_filters(archive);
    libarchive->read_support_format_tar(archive);
    if (libarchive->read_open_memory(archive, data, length) == ARCHIVE_OK) {
        text = find_member(archive, member, limit, name, error);
    } else {
        damaged(archive, name, 0, error);
    }
    libarchive->read_free(archive);
    return text;
}
