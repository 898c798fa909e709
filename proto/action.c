/* The Action message on the wire: its salt is read and replaced without decoding the rest (design section 3.4). */
#include "proto.h"

enum { ACTION_SALT = 9, KNOWN_FIELDS = 32 };

/* Walks the message; every field of an Action is singular, so a second one of the same number is ambiguous. */
static gboolean next_singular(SluiceWireReader *reader, SluiceWireField *field, uint32_t *seen, GError **error)
{
    if (!sluice_wire_next(reader, field, error))
        return FALSE;
    if (field->number >= KNOWN_FIELDS)
        return TRUE;
    uint32_t bit = 1u << field->number;
    if (*seen & bit) {
        g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_AMBIGUOUS, "field %u of the Action appears twice",
                    field->number);
        return FALSE;
    }
    if (field->number == ACTION_SALT && field->type != SLUICE_WIRE_BYTES) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_AMBIGUOUS,
                            "the salt of the Action is not a byte string");
        return FALSE;
    }
    *seen |= bit;
    return TRUE;
}

gboolean sluice_action_get_salt(const void *action, gsize length, const uint8_t **salt, gsize *salt_length,
                                GError **error)
{
    SluiceWireReader reader;
    SluiceWireField field;
    uint32_t seen = 0;
    GError *problem = NULL;
    *salt = NULL;
    *salt_length = 0;
    sluice_wire_reader_init(&reader, action, length);
    while (next_singular(&reader, &field, &seen, &problem)) {
        if (field.number == ACTION_SALT) {
            *salt = field.data;
            *salt_length = field.length;
        }
    }
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, problem);
    return FALSE;
}

GByteArray *sluice_action_with_salt(const void *action, gsize length, const void *salt, gsize salt_length,
                                    GError **error)
{
    SluiceWireReader reader;
    SluiceWireField field;
    uint32_t seen = 0;
    gboolean written = FALSE;
    GError *problem = NULL;
    g_autoptr(GByteArray) out = g_byte_array_sized_new((guint)(length + salt_length + 8));
    sluice_wire_reader_init(&reader, action, length);
    while (next_singular(&reader, &field, &seen, &problem)) {
        /* the canonical place: before the first field of a higher number */
        if (!written && field.number > ACTION_SALT) {
            sluice_wire_put_bytes(out, ACTION_SALT, salt, salt_length);
            written = TRUE;
        }
        if (field.number != ACTION_SALT)
            g_byte_array_append(out, field.start, (guint)(field.end - field.start));
    }
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return NULL;
    }
    if (!written)
        sluice_wire_put_bytes(out, ACTION_SALT, salt, salt_length);
    return g_steal_pointer(&out);
}
