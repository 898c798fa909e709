/* lfs.c - see lfs.h */
#include "lfs.h"

#include <cjson/cJSON.h>
#include <string.h>

#define VERSION_LINE "version https://git-lfs.github.com/spec/v1\n"
#define OID_PREFIX   "sha256:"
#define OID_LENGTH   64
#define HEADERS_MAX  64

/* The value of a line "KEY VALUE"; NULL if there is none. */
static char *line_value(char *const *lines, const char *key)
{
    gsize length = strlen(key);
    for (; *lines != NULL; lines++) {
        if (strncmp(*lines, key, length) == 0 && (*lines)[length] == ' ') {
            return *lines + length + 1;
        }
    }
    return NULL;
}

static gboolean is_oid(const char *text)
{
    return strlen(text) == OID_LENGTH && strspn(text, "0123456789abcdef") == OID_LENGTH;
}

gboolean lfs_pointer_parse(const char *text, gsize length, LfsPointer *out)
{
    if (length > LFS_POINTER_MAX || length < strlen(VERSION_LINE) ||
        memcmp(text, VERSION_LINE, strlen(VERSION_LINE)) != 0 || memchr(text, '\0', length) != NULL) {
        return FALSE;
    }
    g_autofree char *copy = g_strndup(text, length);
    g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
    const char *oid = line_value(lines, "oid"), *size = line_value(lines, "size");
    guint64 bytes;
    if (oid == NULL || size == NULL || !g_str_has_prefix(oid, OID_PREFIX) || !is_oid(oid + strlen(OID_PREFIX)) ||
        !g_ascii_string_to_unsigned(size, 10, 0, G_MAXINT64, &bytes, NULL)) {
        return FALSE;
    }
    g_strlcpy(out->oid, oid + strlen(OID_PREFIX), sizeof out->oid);
    out->size = (gint64)bytes;
    return TRUE;
}

char *lfs_request_new(const LfsPointer *pointers, gsize count)
{
    GString *out = g_string_new("{\"operation\":\"download\",\"transfers\":[\"basic\"],\"objects\":[");
    for (gsize i = 0; i < count; i++) {
        g_string_append_printf(out, "%s{\"oid\":\"%s\",\"size\":%" G_GINT64_FORMAT "}", i > 0 ? "," : "",
                               pointers[i].oid, pointers[i].size);
    }
    g_string_append(out, "],\"hash_algo\":\"sha256\"}");
    return g_string_free(out, FALSE);
}

static void place_free(gpointer data)
{
    LfsPlace *place = data;
    g_free(place->url);
    g_strfreev(place->headers);
    g_free(place->problem);
    g_free(place);
}

static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* Control characters would make two headers of one. */
static gboolean is_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        if (g_ascii_iscntrl(*text)) {
            return FALSE;
        }
    }
    return TRUE;
}

static char **take_headers(const cJSON *headers)
{
    GPtrArray *list = g_ptr_array_new();
    const cJSON *item;
    cJSON_ArrayForEach(item, headers)
    {
        if (cJSON_IsString(item) && item->string != NULL && is_clean(item->string) && is_clean(item->valuestring) &&
            list->len < HEADERS_MAX) {
            g_ptr_array_add(list, g_strdup_printf("%s: %s", item->string, item->valuestring));
        }
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

/* Only of the network, whatever the server says. */
static LfsPlace *take_place(const cJSON *object)
{
    const cJSON *actions = cJSON_GetObjectItemCaseSensitive(object, "actions");
    const cJSON *download = cJSON_GetObjectItemCaseSensitive(actions, "download");
    const char *url = text_of(download, "href");
    const char *problem = text_of(cJSON_GetObjectItemCaseSensitive(object, "error"), "message");
    gboolean usable = url != NULL && (g_str_has_prefix(url, "http://") || g_str_has_prefix(url, "https://"));
    LfsPlace *place = g_new0(LfsPlace, 1);
    if (usable) {
        place->url = g_strdup(url);
        place->headers = take_headers(cJSON_GetObjectItemCaseSensitive(download, "header"));
    } else {
        place->problem = g_utf8_make_valid(problem != NULL ? problem : "the server does not say where it is", -1);
    }
    return place;
}

GHashTable *lfs_answer_parse(const char *text, gsize length)
{
    cJSON *answer = cJSON_ParseWithLength(text, length);
    const cJSON *objects = cJSON_GetObjectItemCaseSensitive(answer, "objects"), *item;
    GHashTable *places =
        cJSON_IsArray(objects) ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, place_free) : NULL;
    if (places != NULL) {
        cJSON_ArrayForEach(item, objects)
        {
            const char *oid = text_of(item, "oid");
            if (oid != NULL && is_oid(oid)) {
                g_hash_table_replace(places, g_strdup(oid), take_place(item));
            }
        }
    }
    cJSON_Delete(answer);
    return places;
}
