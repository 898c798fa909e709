#include "fields.h"
#include "bridge-limits.h"

#include <string.h>

static gboolean ambiguous(GError **error, uint32_t number, const char *what)
{
    g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_AMBIGUOUS, "field %u %s", number, what);
    return FALSE;
}

static gboolean is_repeated(SluiceFieldKind kind)
{
    return kind >= SLUICE_FIELD_STRINGS;
}

static gboolean type_fits(SluiceFieldKind kind, SluiceWireType type)
{
    if (kind == SLUICE_FIELD_INTEGER)
        return type == SLUICE_WIRE_VARINT;
    return type == SLUICE_WIRE_BYTES || (kind == SLUICE_FIELD_INTEGERS && type == SLUICE_WIRE_VARINT);
}

static gboolean append(GArray **array, gsize width, const void *element, uint32_t number, GError **error)
{
    if (*array == NULL)
        *array = g_array_new(FALSE, FALSE, (guint)width);
    if ((*array)->len >= SLUICE_LIMIT_REPEATED) {
        g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "field %u comes more than %d times", number,
                    SLUICE_LIMIT_REPEATED);
        return FALSE;
    }
    g_array_append_vals(*array, element, 1);
    return TRUE;
}

static gboolean append_packed(GArray **array, const SluiceWireField *field, GError **error)
{
    const uint8_t *at = field->data, *end = field->data + field->length;
    while (at < end) {
        uint64_t value = 0;
        unsigned shift = 0;
        for (; at < end && (*at & 0x80) && shift < 63; shift += 7)
            value |= (uint64_t)(*at++ & 0x7f) << shift;
        if (at == end || (*at & 0x80))
            return ambiguous(error, field->number, "holds a damaged number");
        value |= (uint64_t)*at++ << shift;
        if (!append(array, sizeof value, &value, field->number, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_text(const SluiceWireField *field, GError **error)
{
    /* g_utf8_validate_len refuses NUL too */
    if (field->length > 0 && !g_utf8_validate_len((const char *)field->data, field->length, NULL))
        return ambiguous(error, field->number, "is text with NUL or bytes that are no UTF-8");
    return TRUE;
}

static gboolean store_field(const SluiceFieldSpec *spec, const SluiceWireField *field, void *at, GError **error)
{
    SluiceSpan span = {field->data, field->length};
    SluiceDigest digest;
    SluiceDigestField *singular = at;
    switch (spec->kind) {
    case SLUICE_FIELD_STRING:
        memcpy(at, &span, sizeof span);
        return check_text(field, error);
    case SLUICE_FIELD_BYTES:
        memcpy(at, &span, sizeof span);
        return TRUE;
    case SLUICE_FIELD_DIGEST:
        singular->present = TRUE;
        return sluice_wire_get_digest(field->data, field->length, &singular->value, error);
    case SLUICE_FIELD_INTEGER:
        memcpy(at, &field->value, sizeof field->value);
        return TRUE;
    case SLUICE_FIELD_STRINGS:
        return check_text(field, error) && append(at, sizeof span, &span, spec->number, error);
    case SLUICE_FIELD_SPANS:
        return append(at, sizeof span, &span, spec->number, error);
    case SLUICE_FIELD_DIGESTS:
        return sluice_wire_get_digest(field->data, field->length, &digest, error) &&
               append(at, sizeof digest, &digest, spec->number, error);
    case SLUICE_FIELD_INTEGERS:
        if (field->type == SLUICE_WIRE_BYTES)
            return append_packed(at, field, error);
        return append(at, sizeof field->value, &field->value, spec->number, error);
    }
    return FALSE;
}

gboolean sluice_fields_decode(const void *data, gsize length, const SluiceFieldSpec *specs, gsize count, void *out,
                              GError **error)
{
    SluiceWireReader reader;
    SluiceWireField field;
    uint32_t seen = 0;
    GError *problem = NULL;
    sluice_wire_reader_init(&reader, length > 0 ? data : "", length);
    while (sluice_wire_next(&reader, &field, &problem)) {
        const SluiceFieldSpec *spec = specs, *end = specs + count;
        while (spec < end && spec->number != field.number)
            spec++;
        if (spec == end)
            continue;
        uint32_t bit = 1u << spec->number;
        if (!type_fits(spec->kind, field.type))
            return ambiguous(error, spec->number, "has the wrong wire type");
        if ((seen & bit) && !is_repeated(spec->kind))
            return ambiguous(error, spec->number, "comes twice");
        seen |= bit;
        if (!store_field(spec, &field, (char *)out + spec->offset, error))
            return FALSE;
    }
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, problem);
    return FALSE;
}

void sluice_fields_clear(const SluiceFieldSpec *specs, gsize count, void *out)
{
    for (gsize i = 0; i < count; i++) {
        GArray **array = (GArray **)((char *)out + specs[i].offset);
        if (is_repeated(specs[i].kind))
            g_clear_pointer(array, g_array_unref);
    }
}
