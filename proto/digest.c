#include "proto.h"

#include <string.h>

G_DEFINE_QUARK(sluice - proto - error - quark, sluice_proto_error)

const SluiceDigest sluice_digest_empty = {.hash = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
                                                   0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
                                                   0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55},
                                          .size = 0};

gboolean sluice_digest_equal(const SluiceDigest *a, const SluiceDigest *b)
{
    return a->size == b->size && memcmp(a->hash, b->hash, SLUICE_HASH_BYTES) == 0;
}

guint sluice_digest_hash(gconstpointer digest)
{
    guint value; /* the hash is uniform already */
    memcpy(&value, ((const SluiceDigest *)digest)->hash, sizeof value);
    return value;
}

gboolean sluice_digest_equal_ptr(gconstpointer a, gconstpointer b)
{
    return sluice_digest_equal(a, b);
}

int sluice_digest_compare(const SluiceDigest *a, const SluiceDigest *b)
{
    int order = memcmp(a->hash, b->hash, SLUICE_HASH_BYTES);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* The value of a digit, plus one; 0 for what is none. */
static const uint8_t hex_values[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

gboolean sluice_digest_parse_hex(const char *hex, gsize length, int64_t size, SluiceDigest *out, GError **error)
{
    if (length != SLUICE_HASH_HEX) {
        g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_DIGEST,
                    "a SHA-256 digest has %d hexadecimal digits, this has %" G_GSIZE_FORMAT, SLUICE_HASH_HEX, length);
        return FALSE;
    }
    if (size < 0) {
        g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_DIGEST,
                    "a digest cannot have the size %" G_GINT64_FORMAT, size);
        return FALSE;
    }
    unsigned bad = 0; /* without a branch for each digit: servers do this for every digest of every request */
    for (gsize i = 0; i < SLUICE_HASH_BYTES; i++) {
        unsigned high = hex_values[(uint8_t)hex[2 * i]] - 1u, low = hex_values[(uint8_t)hex[2 * i + 1]] - 1u;
        bad |= high | low;
        out->hash[i] = (uint8_t)(high << 4 | low);
    }
    if (bad > 0xf) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_DIGEST,
                            "a digest is written in lower-case hexadecimal digits only");
        return FALSE;
    }
    out->size = size;
    return TRUE;
}

gboolean sluice_digest_parse(const char *text, SluiceDigest *out, GError **error)
{
    const char *slash = strchr(text, '/');
    guint64 size = 0;
    if (slash == NULL || !g_ascii_string_to_unsigned(slash + 1, 10, 0, G_MAXINT64, &size, NULL)) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_DIGEST, "a digest is written HASH/SIZE");
        return FALSE;
    }
    return sluice_digest_parse_hex(text, (gsize)(slash - text), (int64_t)size, out, error);
}

void sluice_digest_hex(const SluiceDigest *digest, char out[SLUICE_HASH_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (gsize i = 0; i < SLUICE_HASH_BYTES; i++) {
        out[2 * i] = digits[digest->hash[i] >> 4];
        out[2 * i + 1] = digits[digest->hash[i] & 15];
    }
    out[SLUICE_HASH_HEX] = '\0';
}

const char *sluice_digest_string(const SluiceDigest *digest, char out[SLUICE_DIGEST_STRING_MAX])
{
    sluice_digest_hex(digest, out);
    g_snprintf(out + SLUICE_HASH_HEX, SLUICE_DIGEST_STRING_MAX - SLUICE_HASH_HEX, "/%" G_GINT64_FORMAT, digest->size);
    return out;
}
