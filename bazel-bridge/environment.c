/* The Environment message and the witness key (design sections 3.1 to 3.3): both are encoded here byte by byte, because their
 * digests are identities that must never depend on how a library orders or omits things. */
#include "bridge-private.h"

#include <string.h>

G_DEFINE_QUARK(sluice - bridge - error - quark, sluice_bridge_error)

enum {
    ENVIRONMENT_ROOT = 1,
    ENVIRONMENT_OS = 2,
    ENVIRONMENT_ISA = 3,
    ENVIRONMENT_UID = 4,
    ENVIRONMENT_GID = 5,
    ENVIRONMENT_LAYOUT = 6,
    ENVIRONMENT_SCOPE = 7
};

static void put_text(GByteArray *out, uint32_t number, const char *text)
{
    if (text != NULL && *text != '\0')
        sluice_wire_put_string(out, number, text);
}

static void put_number(GByteArray *out, uint32_t number, uint32_t value)
{
    if (value != 0)
        sluice_wire_put_varint(out, number, value);
}

static GByteArray *environment_encode(const SluiceEnvironment *environment)
{
    GByteArray *out = g_byte_array_new();
    sluice_wire_put_digest(out, ENVIRONMENT_ROOT, &environment->root);
    put_text(out, ENVIRONMENT_OS, environment->os);
    put_text(out, ENVIRONMENT_ISA, environment->isa);
    put_number(out, ENVIRONMENT_UID, environment->uid);
    put_number(out, ENVIRONMENT_GID, environment->gid);
    put_number(out, ENVIRONMENT_LAYOUT, environment->layout);
    put_text(out, ENVIRONMENT_SCOPE, environment->scope);
    return out;
}

gboolean sluice_environment_store(SluiceStore *store, const SluiceEnvironment *environment, SluiceDigest *out,
                                  GError **error)
{
    g_autoptr(GByteArray) bytes = environment_encode(environment);
    return sluice_store_put(store, bytes->data, bytes->len, NULL, out, error);
}

void sluice_environment_digest(const SluiceEnvironment *environment, SluiceDigest *out)
{
    g_autoptr(GByteArray) bytes = environment_encode(environment);
    sluice_digest_of(bytes->data, bytes->len, out);
}

/* ---- Witness ----------------------------------------------------------------------------------------------------------- */

enum { COMMAND_ARGUMENTS = 1, ACTION_COMMAND = 1, ACTION_INPUT_ROOT = 2, ACTION_SALT = 9 };

/* Changes when the meaning of a key changes: old entries are then never found again. */
static const char witness_tag[] = "sluice-witness-1";

enum { SALT_DIGEST = SLUICE_HASH_BYTES + 8, SALT_LENGTH = sizeof witness_tag + 2 * SALT_DIGEST };

GBytes *sluice_witness_command(void)
{
    GByteArray *command = g_byte_array_new();
    sluice_wire_put_string(command, COMMAND_ARGUMENTS, "sluice-witness");
    return g_byte_array_free_to_bytes(command);
}

static const SluiceDigest *witness_command_digest(void)
{
    static SluiceDigest digest;
    static gsize once;
    if (g_once_init_enter(&once)) {
        g_autoptr(GBytes) command = sluice_witness_command();
        sluice_digest_of_bytes(command, &digest);
        g_once_init_leave(&once, 1);
    }
    return &digest;
}

/* The hash and the size, always 40 bytes: every witness has the same length, which servers that compare a key's size need. */
static uint8_t *salt_put(uint8_t *at, const SluiceDigest *digest)
{
    memcpy(at, digest->hash, SLUICE_HASH_BYTES);
    at += SLUICE_HASH_BYTES;
    for (int shift = 56; shift >= 0; shift -= 8)
        *at++ = (uint8_t)((uint64_t)digest->size >> shift);
    return at;
}

void sluice_witness_key(const SluiceDigest *environment, const SluiceDigest *action, SluiceDigest *key,
                        GBytes **witness)
{
    uint8_t salt[SALT_LENGTH];
    memcpy(salt, witness_tag, sizeof witness_tag);
    salt_put(salt_put(salt + sizeof witness_tag, environment), action);
    g_autoptr(GByteArray) bytes = g_byte_array_sized_new(320);
    sluice_wire_put_digest(bytes, ACTION_COMMAND, witness_command_digest());
    sluice_wire_put_digest(bytes, ACTION_INPUT_ROOT, &sluice_digest_empty);
    sluice_wire_put_bytes(bytes, ACTION_SALT, salt, sizeof salt);
    sluice_digest_of(bytes->data, bytes->len, key);
    if (witness != NULL)
        *witness = g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

/* ---- Reading them back -------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceDigestField root;
    SluiceSpan os, isa, scope;
    int64_t uid, gid, layout;
} EnvironmentFields;

static const SluiceFieldSpec environment_fields[] = {
    {ENVIRONMENT_ROOT, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(EnvironmentFields, root)},
    {ENVIRONMENT_OS, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(EnvironmentFields, os)},
    {ENVIRONMENT_ISA, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(EnvironmentFields, isa)},
    {ENVIRONMENT_UID, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(EnvironmentFields, uid)},
    {ENVIRONMENT_GID, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(EnvironmentFields, gid)},
    {ENVIRONMENT_LAYOUT, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(EnvironmentFields, layout)},
    {ENVIRONMENT_SCOPE, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(EnvironmentFields, scope)},
};

gboolean sluice_environment_read(SluiceStore *store, const SluiceDigest *digest, SluiceEnvironment *out, GError **error)
{
    EnvironmentFields fields = {0};
    gsize length = 0;
    *out = (SluiceEnvironment){0};
    g_autoptr(GBytes) bytes = sluice_store_read(store, digest, error);
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    if (bytes == NULL ||
        !sluice_fields_decode(data, length, environment_fields, G_N_ELEMENTS(environment_fields), &fields, error))
        return FALSE;
    if (!fields.root.present) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "this is no Environment");
        return FALSE;
    }
    *out = (SluiceEnvironment){
        .root = fields.root.value,
        .os = sluice_span_dup(fields.os),
        .isa = sluice_span_dup(fields.isa),
        .uid = (uint32_t)fields.uid,
        .gid = (uint32_t)fields.gid,
        .layout = (uint32_t)fields.layout,
        .scope = sluice_span_dup(fields.scope),
    };
    return TRUE;
}

void sluice_environment_clear(SluiceEnvironment *environment)
{
    g_free((char *)environment->os);
    g_free((char *)environment->isa);
    g_free((char *)environment->scope);
    *environment = (SluiceEnvironment){0};
}

static const uint8_t *salt_take(const uint8_t *at, SluiceDigest *digest)
{
    uint64_t size = 0;
    memcpy(digest->hash, at, SLUICE_HASH_BYTES);
    at += SLUICE_HASH_BYTES;
    for (int i = 0; i < 8; i++)
        size = size << 8 | *at++;
    digest->size = (int64_t)size;
    return at;
}

gboolean sluice_witness_read(GBytes *witness, SluiceDigest *environment, SluiceDigest *action)
{
    const uint8_t *salt = NULL;
    gsize length = 0, salt_length = 0;
    const void *data = g_bytes_get_data(witness, &length);
    if (!sluice_action_get_salt(data, length, &salt, &salt_length, NULL) || salt_length != SALT_LENGTH ||
        memcmp(salt, witness_tag, sizeof witness_tag) != 0)
        return FALSE;
    salt_take(salt_take(salt + sizeof witness_tag, environment), action);
    /* what only begins like one is none */
    g_autoptr(GBytes) again = NULL;
    SluiceDigest key;
    sluice_witness_key(environment, action, &key, &again);
    return g_bytes_equal(again, witness);
}
