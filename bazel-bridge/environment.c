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
