/*
 * proto.h - the public face of proto/: digests, the wire format, and the generated messages.
 *
 * Everything here is pure: no I/O, no allocation that is not returned, no global state; every function may be called from
 * any thread at any time.  Hashing is not here (it lives in cas/, beside the library that does it).
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Errors of this folder: bytes or text that are not what they claim to be. */
#define SLUICE_PROTO_ERROR (sluice_proto_error_quark())
GQuark sluice_proto_error_quark(void);
typedef enum {
    SLUICE_PROTO_ERROR_DIGEST,       /* text is no digest */
    SLUICE_PROTO_ERROR_WIRE,         /* truncated or forbidden protobuf bytes */
    SLUICE_PROTO_ERROR_AMBIGUOUS,    /* two readers could understand these bytes differently */
    SLUICE_PROTO_ERROR_RESOURCE_NAME /* ByteStream resource name */
} SluiceProtoError;

/* ---- Digest (REAPI `Digest`, SHA-256) --------------------------------------------------------------------------------- */

#define SLUICE_HASH_BYTES 32
#define SLUICE_HASH_HEX   64
/* "hash/size" and the NUL. */
#define SLUICE_DIGEST_STRING_MAX (SLUICE_HASH_HEX + 1 + 20 + 1)

/* A value type: copy it freely.  The size is part of the identity, as the API demands. */
typedef struct {
    uint8_t hash[SLUICE_HASH_BYTES];
    int64_t size; /* bytes */
} SluiceDigest;

/* The digest of no bytes at all; always present in every store. */
extern const SluiceDigest sluice_digest_empty;

gboolean sluice_digest_equal(const SluiceDigest *a, const SluiceDigest *b);
/* For GHashTable; keys are `SluiceDigest *`. */
guint sluice_digest_hash(gconstpointer digest);
gboolean sluice_digest_equal_ptr(gconstpointer a, gconstpointer b);
int sluice_digest_compare(const SluiceDigest *a, const SluiceDigest *b);

/* Exactly 64 lower-case hexadecimal digits and a size of 0 or more; anything else is DIGEST. */
gboolean sluice_digest_parse_hex(const char *hex, gsize length, int64_t size, SluiceDigest *out, GError **error);
/* "hash/size". */
gboolean sluice_digest_parse(const char *text, SluiceDigest *out, GError **error);
/* Writes 64 digits and a NUL. */
void sluice_digest_hex(const SluiceDigest *digest, char out[SLUICE_HASH_HEX + 1]);
/* Writes "hash/size"; returns `out`. */
const char *sluice_digest_string(const SluiceDigest *digest, char out[SLUICE_DIGEST_STRING_MAX]);

/* ---- Wire format (protobuf encoding) ---------------------------------------------------------------------------------- */

typedef enum {
    SLUICE_WIRE_VARINT = 0,
    SLUICE_WIRE_FIXED64 = 1,
    SLUICE_WIRE_BYTES = 2,
    SLUICE_WIRE_FIXED32 = 5
} SluiceWireType;

typedef struct {
    uint32_t number;
    SluiceWireType type;
    uint64_t value;       /* VARINT, FIXED64, FIXED32 */
    const uint8_t *data;  /* BYTES: borrowed from the message */
    gsize length;         /* BYTES */
    const uint8_t *start; /* the whole field, tag included */
    const uint8_t *end;
} SluiceWireField;

typedef struct {
    const uint8_t *position;
    const uint8_t *end;
} SluiceWireReader;

void sluice_wire_reader_init(SluiceWireReader *reader, const void *data, gsize length);
/*
 * Reads one top-level field.  TRUE: `field` is filled.  FALSE without error: the message ends here.  FALSE with error:
 * truncated bytes, a group, field number 0, or a varint of more than ten bytes.
 */
gboolean sluice_wire_next(SluiceWireReader *reader, SluiceWireField *field, GError **error);

void sluice_wire_put_varint(GByteArray *out, uint32_t number, uint64_t value);
void sluice_wire_put_bytes(GByteArray *out, uint32_t number, const void *data, gsize length);
void sluice_wire_put_string(GByteArray *out, uint32_t number, const char *text);
void sluice_wire_put_digest(GByteArray *out, uint32_t number, const SluiceDigest *digest);
/* Reads an encoded `Digest` message (hash text and size).  Unknown and repeated fields are AMBIGUOUS. */
gboolean sluice_wire_get_digest(const void *data, gsize length, SluiceDigest *out, GError **error);

/*
 * A copy of an encoded `Action` with its salt (field 9) replaced; every other byte, unknown fields included, stays as it
 * was (design section 3.4).  AMBIGUOUS if the salt or another singular field appears twice.
 */
GByteArray *sluice_action_with_salt(const void *action, gsize length, const void *salt, gsize salt_length,
                                    GError **error);
/* The salt of an encoded Action: borrowed, NULL and 0 if it has none. */
gboolean sluice_action_get_salt(const void *action, gsize length, const uint8_t **salt, gsize *salt_length,
                                GError **error);

/* ---- ByteStream resource names (REAPI, comment of ContentAddressableStorage) -------------------------------------------- */

typedef enum { SLUICE_COMPRESSOR_IDENTITY, SLUICE_COMPRESSOR_ZSTD } SluiceCompressor;

typedef struct {
    gboolean upload; /* a name for Write: `{instance}/uploads/{uuid}/blobs/…` */
    SluiceCompressor compressor;
    SluiceDigest digest;
    const char *instance; /* borrowed, not terminated */
    gsize instance_length;
    const char *uuid; /* borrowed, not terminated; uploads only */
    gsize uuid_length;
} SluiceResourceName;

/* RESOURCE_NAME for anything the specification does not allow; reserved words in the instance name included. */
gboolean sluice_resource_name_parse(const char *name, SluiceResourceName *out, GError **error);

G_END_DECLS
