/*
 * ByteStream resource names (REAPI, ContentAddressableStorage):
 *   reads    [{instance}/]blobs/{hash}/{size}                    [{instance}/]compressed-blobs/{compressor}/{hash}/{size}
 *   uploads  [{instance}/]uploads/{uuid}/blobs/{hash}/{size}[/…]  and the same with compressed-blobs
 * SHA-256 is a function whose name must be left out.
 */
#include "proto.h"

#include <string.h>

typedef struct {
    const char *text;
    gsize length;
} Segment;

static const char *const reserved[] = {"blobs",      "uploads",      "actions",         "actionResults",
                                       "operations", "capabilities", "compressed-blobs"};

enum { MAX_NAME = 4096 };

static gboolean name_error(GError **error, const char *what)
{
    g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_RESOURCE_NAME, "not a resource name: %s", what);
    return FALSE;
}

static gboolean is(Segment segment, const char *word)
{
    return segment.length == strlen(word) && memcmp(segment.text, word, segment.length) == 0;
}

static gboolean is_reserved(Segment segment)
{
    for (gsize i = 0; i < G_N_ELEMENTS(reserved); i++)
        if (is(segment, reserved[i]))
            return TRUE;
    return FALSE;
}

/* Takes the next segment off `rest`; FALSE at the end. */
static gboolean take(const char **rest, Segment *segment)
{
    if (*rest == NULL)
        return FALSE;
    const char *slash = strchr(*rest, '/');
    *segment = (Segment){*rest, slash ? (gsize)(slash - *rest) : strlen(*rest)};
    *rest = slash ? slash + 1 : NULL;
    return TRUE;
}

static gboolean parse_digest(const char **rest, SluiceResourceName *out, GError **error)
{
    Segment hash, size;
    if (!take(rest, &hash) || !take(rest, &size))
        return name_error(error, "hash and size are expected after the kind of blob");
    char number[24];
    guint64 value = 0;
    if (size.length == 0 || size.length >= sizeof number)
        return name_error(error, "the size is no number");
    memcpy(number, size.text, size.length);
    number[size.length] = '\0';
    if (!g_ascii_string_to_unsigned(number, 10, 0, G_MAXINT64, &value, NULL))
        return name_error(error, "the size is no number");
    return sluice_digest_parse_hex(hash.text, hash.length, (int64_t)value, &out->digest, error);
}

/* `kind` is "blobs" or "compressed-blobs". */
static gboolean parse_blob(Segment kind, const char **rest, SluiceResourceName *out, GError **error)
{
    if (is(kind, "compressed-blobs")) {
        Segment compressor;
        if (!take(rest, &compressor))
            return name_error(error, "a compressor is expected");
        if (!is(compressor, "zstd"))
            return name_error(error, "zstd is the only compressor");
        out->compressor = SLUICE_COMPRESSOR_ZSTD;
    }
    if (!parse_digest(rest, out, error))
        return FALSE;
    if (*rest != NULL && !out->upload)
        return name_error(error, "nothing may follow the size");
    return TRUE;
}

gboolean sluice_resource_name_parse(const char *name, SluiceResourceName *out, GError **error)
{
    *out = (SluiceResourceName){.instance = name};
    if (strlen(name) > MAX_NAME)
        return name_error(error, "it is too long");
    const char *rest = name;
    Segment segment;
    while (take(&rest, &segment)) {
        if (!is_reserved(segment)) {
            if (segment.length == 0)
                return name_error(error, "an empty segment");
            out->instance_length = (gsize)(segment.text + segment.length - name);
            continue;
        }
        if (is(segment, "uploads") && !out->upload) {
            out->upload = TRUE;
            Segment uuid;
            if (!take(&rest, &uuid) || uuid.length == 0 || is_reserved(uuid))
                return name_error(error, "an upload needs a UUID");
            out->uuid = uuid.text;
            out->uuid_length = uuid.length;
            if (!take(&rest, &segment))
                return name_error(error, "it ends after the UUID");
        }
        if (is(segment, "blobs") || is(segment, "compressed-blobs"))
            return parse_blob(segment, &rest, out, error);
        return name_error(error, "a reserved word where none may stand");
    }
    return name_error(error, "it names no blob");
}
