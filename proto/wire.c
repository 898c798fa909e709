/* The protobuf encoding, read and written field by field: https://protobuf.dev/programming-guides/encoding/ */
#include "proto.h"

#include <string.h>

void sluice_wire_reader_init(SluiceWireReader *reader, const void *data, gsize length)
{
    reader->position = data;
    reader->end = reader->position + length;
}

static gboolean wire_error(GError **error, const char *what)
{
    g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "malformed message: %s", what);
    return FALSE;
}

static gboolean read_varint(SluiceWireReader *reader, uint64_t *out, GError **error)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (reader->position == reader->end)
            return wire_error(error, "it ends inside a number");
        uint8_t byte = *reader->position++;
        if (shift == 63 && byte > 1)
            return wire_error(error, "a number does not fit into 64 bits");
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return TRUE;
        }
    }
    return wire_error(error, "a number has more than ten bytes");
}

static gboolean read_fixed(SluiceWireReader *reader, gsize width, uint64_t *out, GError **error)
{
    if ((gsize)(reader->end - reader->position) < width)
        return wire_error(error, "it ends inside a number");
    *out = 0;
    for (gsize i = 0; i < width; i++)
        *out |= (uint64_t)reader->position[i] << (8 * i);
    reader->position += width;
    return TRUE;
}

static gboolean read_bytes(SluiceWireReader *reader, SluiceWireField *field, GError **error)
{
    uint64_t length = 0;
    if (!read_varint(reader, &length, error))
        return FALSE;
    if (length > (uint64_t)(reader->end - reader->position))
        return wire_error(error, "a field is longer than what is left");
    field->data = reader->position;
    field->length = (gsize)length;
    reader->position += length;
    return TRUE;
}

gboolean sluice_wire_next(SluiceWireReader *reader, SluiceWireField *field, GError **error)
{
    if (reader->position == reader->end)
        return FALSE;
    *field = (SluiceWireField){.start = reader->position};
    uint64_t tag = 0;
    if (!read_varint(reader, &tag, error))
        return FALSE;
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return wire_error(error, "a field number is out of range");
    field->number = (uint32_t)(tag >> 3);
    field->type = (SluiceWireType)(tag & 7);
    gboolean ok = FALSE;
    switch (tag & 7) {
    case SLUICE_WIRE_VARINT:
        ok = read_varint(reader, &field->value, error);
        break;
    case SLUICE_WIRE_FIXED64:
        ok = read_fixed(reader, 8, &field->value, error);
        break;
    case SLUICE_WIRE_BYTES:
        ok = read_bytes(reader, field, error);
        break;
    case SLUICE_WIRE_FIXED32:
        ok = read_fixed(reader, 4, &field->value, error);
        break;
    default:
        ok = wire_error(error, "groups and reserved wire types are not accepted");
    }
    field->end = reader->position;
    return ok;
}

static void put_raw_varint(GByteArray *out, uint64_t value)
{
    uint8_t bytes[10];
    guint length = 0;
    do {
        bytes[length] = (uint8_t)(value & 0x7f) | (value > 0x7f ? 0x80 : 0);
        value >>= 7;
        length++;
    } while (value != 0);
    g_byte_array_append(out, bytes, length);
}

void sluice_wire_put_varint(GByteArray *out, uint32_t number, uint64_t value)
{
    put_raw_varint(out, (uint64_t)number << 3 | SLUICE_WIRE_VARINT);
    put_raw_varint(out, value);
}

void sluice_wire_put_bytes(GByteArray *out, uint32_t number, const void *data, gsize length)
{
    put_raw_varint(out, (uint64_t)number << 3 | SLUICE_WIRE_BYTES);
    put_raw_varint(out, length);
    if (length > 0)
        g_byte_array_append(out, data, (guint)length);
}

void sluice_wire_put_string(GByteArray *out, uint32_t number, const char *text)
{
    sluice_wire_put_bytes(out, number, text, strlen(text));
}

void sluice_wire_put_digest(GByteArray *out, uint32_t number, const SluiceDigest *digest)
{
    uint8_t message[2 + SLUICE_HASH_HEX + 11];
    gsize length = 0;
    char hex[SLUICE_HASH_HEX + 1];
    sluice_digest_hex(digest, hex);
    message[length++] = 1 << 3 | SLUICE_WIRE_BYTES;
    message[length++] = SLUICE_HASH_HEX;
    memcpy(message + length, hex, SLUICE_HASH_HEX);
    length += SLUICE_HASH_HEX;
    if (digest->size != 0) {
        message[length++] = 2 << 3 | SLUICE_WIRE_VARINT;
        uint64_t size = (uint64_t)digest->size;
        for (; size > 0x7f; size >>= 7)
            message[length++] = (uint8_t)(size & 0x7f) | 0x80;
        message[length++] = (uint8_t)size;
    }
    sluice_wire_put_bytes(out, number, message, length);
}

static gboolean ambiguous_digest(GError **error)
{
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_AMBIGUOUS,
                        "a Digest message has unknown or repeated fields");
    return FALSE;
}

/* As everybody writes it: 64 digits, then the size unless it is 0.  FALSE: look at it field by field. */
static gboolean get_plain_digest(const uint8_t *data, gsize length, int64_t *size)
{
    enum { HEAD = 2 + SLUICE_HASH_HEX };
    if (length < HEAD || data[0] != (1 << 3 | SLUICE_WIRE_BYTES) || data[1] != SLUICE_HASH_HEX)
        return FALSE;
    SluiceWireReader reader = {data + HEAD, data + length};
    uint64_t value = 0;
    if (length > HEAD && (*reader.position++ != (2 << 3 | SLUICE_WIRE_VARINT) || !read_varint(&reader, &value, NULL)))
        return FALSE;
    *size = (int64_t)value;
    return reader.position == reader.end;
}

gboolean sluice_wire_get_digest(const void *data, gsize length, SluiceDigest *out, GError **error)
{
    SluiceWireReader reader;
    SluiceWireField field;
    const char *hex = "";
    gsize hex_length = 0;
    int64_t size = 0;
    gboolean seen[2] = {FALSE, FALSE};
    GError *problem = NULL;
    if (get_plain_digest(data, length, &size))
        return sluice_digest_parse_hex((const char *)data + 2, SLUICE_HASH_HEX, size, out, error);
    sluice_wire_reader_init(&reader, data, length);
    while (sluice_wire_next(&reader, &field, &problem)) {
        gboolean known = (field.number == 1 && field.type == SLUICE_WIRE_BYTES) ||
                         (field.number == 2 && field.type == SLUICE_WIRE_VARINT);
        if (!known || seen[field.number - 1])
            return ambiguous_digest(error);
        seen[field.number - 1] = TRUE;
        if (field.number == 1) {
            hex = (const char *)field.data;
            hex_length = field.length;
        } else {
            size = (int64_t)field.value;
        }
    }
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    return sluice_digest_parse_hex(hex, hex_length, size, out, error);
}
