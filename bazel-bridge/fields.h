/* fields.h - requests and results decoded from the wire by a table, without a decoded view that could differ from another reader's.
 *
 * Unknown fields are skipped (newer clients); a singular field that comes twice, a known field of another wire type and a string
 * with NUL are AMBIGUOUS. */
#pragma once

#include "proto.h"
#include <string.h>

/* Borrowed from the message. */
typedef struct {
    const uint8_t *data;
    gsize length;
} SluiceSpan;

typedef struct {
    gboolean present;
    SluiceDigest value;
} SluiceDigestField;

typedef enum {
    SLUICE_FIELD_STRING,  /* SluiceSpan: text without NUL, valid UTF-8 */
    SLUICE_FIELD_BYTES,   /* SluiceSpan; also a submessage; `data` is NULL only if the field is absent */
    SLUICE_FIELD_DIGEST,  /* SluiceDigestField */
    SLUICE_FIELD_INTEGER, /* int64_t; booleans and enums too */
    SLUICE_FIELD_STRINGS, /* GArray * of SluiceSpan, NULL if there is none; the same for what follows */
    SLUICE_FIELD_SPANS,   /* submessages */
    SLUICE_FIELD_DIGESTS, /* of SluiceDigest */
    SLUICE_FIELD_INTEGERS /* of int64_t; packed or not */
} SluiceFieldKind;

typedef struct {
    uint32_t number; /* below 32 */
    SluiceFieldKind kind;
    gsize offset; /* in the structure that is filled */
} SluiceFieldSpec;

/* `out` is zeroed by the caller; clear it also after an error. */
gboolean sluice_fields_decode(const void *data, gsize length, const SluiceFieldSpec *specs, gsize count, void *out,
                              GError **error);
void sluice_fields_clear(const SluiceFieldSpec *specs, gsize count, void *out);

static inline guint sluice_array_length(const GArray *array)
{
    return array != NULL ? array->len : 0;
}

static inline gboolean sluice_span_is(SluiceSpan span, const char *text, gsize length)
{
    return span.length == length && (length == 0 || memcmp(span.data, text, length) == 0);
}

/* Its text; "" for an absent field. */
static inline char *sluice_span_dup(SluiceSpan span)
{
    return g_strndup(span.data != NULL ? (const char *)span.data : "", span.length);
}
