#include "proto.h"
#include "remote_execution.pb-c.h"

#include <string.h>

#define HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static SluiceDigest hello_digest(void)
{
    SluiceDigest digest;
    g_autoptr(GError) error = NULL;
    g_assert_true(sluice_digest_parse(HEX "/5", &digest, &error));
    g_assert_no_error(error);
    return digest;
}

static void test_digest_text(void)
{
    SluiceDigest digest = hello_digest();
    char text[SLUICE_DIGEST_STRING_MAX];
    g_assert_cmpstr(sluice_digest_string(&digest, text), ==, HEX "/5");
    g_assert_cmpstr(sluice_digest_string(&sluice_digest_empty, text), ==,
                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0");
}

static void test_digest_bad(void)
{
    static const char *const bad[] = {"",
                                      "/5",
                                      HEX,
                                      HEX "/",
                                      HEX "/-1",
                                      HEX "/5x",
                                      HEX "/99999999999999999999",
                                      "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824/5",
                                      "2cf2/5",
                                      "g" HEX "/5"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        SluiceDigest digest;
        g_autoptr(GError) error = NULL;
        g_assert_false(sluice_digest_parse(bad[i], &digest, &error));
        g_assert_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_DIGEST);
    }
}

static void test_digest_order(void)
{
    SluiceDigest a = hello_digest(), b = a;
    b.size = 6;
    g_assert_false(sluice_digest_equal(&a, &b));
    g_assert_cmpint(sluice_digest_compare(&a, &b), <, 0);
    b.size = 5;
    g_assert_true(sluice_digest_equal_ptr(&a, &b));
    g_assert_cmpuint(sluice_digest_hash(&a), ==, sluice_digest_hash(&b));
    b.hash[31] ^= 1;
    g_assert_cmpint(sluice_digest_compare(&a, &b), !=, 0);
}

/* Our wire writer and protobuf-c must agree. */
static void test_wire_digest_agrees(void)
{
    SluiceDigest digest = hello_digest(), back;
    g_autoptr(GByteArray) out = g_byte_array_new();
    sluice_wire_put_digest(out, 1, &digest);
    Build__Bazel__Remote__Execution__V2__Action *action =
        build__bazel__remote__execution__v2__action__unpack(NULL, out->len, out->data);
    g_assert_nonnull(action);
    g_assert_cmpstr(action->command_digest->hash, ==, HEX);
    g_assert_cmpint(action->command_digest->size_bytes, ==, 5);
    build__bazel__remote__execution__v2__action__free_unpacked(action, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(sluice_wire_get_digest(out->data + 2, out->len - 2, &back, &error));
    g_assert_true(sluice_digest_equal(&digest, &back));
}

static void assert_wire_bad(const char *bytes, gsize length)
{
    SluiceWireReader reader;
    SluiceWireField field;
    GError *error = NULL;
    sluice_wire_reader_init(&reader, bytes, length);
    while (sluice_wire_next(&reader, &field, &error))
        ;
    g_assert_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE);
    g_error_free(error);
}

static void test_wire_bad(void)
{
    assert_wire_bad("\x0a", 1);                                              /* no length */
    assert_wire_bad("\x0a\x05xx", 4);                                        /* truncated */
    assert_wire_bad("\x0b", 1);                                              /* group */
    assert_wire_bad("\x0c", 1);                                              /* end of group */
    assert_wire_bad("\x02\x00", 2);                                          /* field 0 */
    assert_wire_bad("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11);     /* 65 bits */
    assert_wire_bad("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12); /* eleven bytes */
    assert_wire_bad("\x0d\x01\x02", 3);                                      /* short fixed32 */
    assert_wire_bad("\x09\x01\x02\x03\x04\x05\x06\x07", 8);                  /* short fixed64 */
    assert_wire_bad("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);     /* huge length */
}

static void test_wire_numbers(void)
{
    static const uint64_t values[] = {0, 1, 127, 128, 300, G_MAXUINT32, G_MAXUINT64};
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        SluiceWireReader reader;
        SluiceWireField field;
        g_autoptr(GError) error = NULL;
        sluice_wire_put_varint(out, 3, values[i]);
        sluice_wire_put_string(out, 4, "tail");
        sluice_wire_reader_init(&reader, out->data, out->len);
        g_assert_true(sluice_wire_next(&reader, &field, &error));
        g_assert_cmpuint(field.number, ==, 3);
        g_assert_cmpuint(field.value, ==, values[i]);
        g_assert_true(sluice_wire_next(&reader, &field, &error));
        g_assert_cmpmem(field.data, field.length, "tail", 4);
        g_assert_false(sluice_wire_next(&reader, &field, &error));
        g_assert_no_error(error);
    }
}

/* Each of the 64 digits is looked at. */
static void test_digest_every_digit(void)
{
    static const char wrong[] = {'/', ':', '`', 'g', 'A', 'F', '\0', (char)0xb1, ' '};
    char hex[SLUICE_HASH_HEX + 1];
    SluiceDigest digest = hello_digest(), back;
    sluice_digest_hex(&digest, hex);
    g_assert_true(sluice_digest_parse_hex(hex, SLUICE_HASH_HEX, 5, &back, NULL));
    g_assert_true(sluice_digest_equal(&digest, &back));
    for (gsize i = 0; i < SLUICE_HASH_HEX; i++) {
        char kept = hex[i];
        for (gsize j = 0; j < sizeof wrong; j++) {
            hex[i] = wrong[j];
            g_assert_false(sluice_digest_parse_hex(hex, SLUICE_HASH_HEX, 5, &back, NULL));
        }
        hex[i] = kept;
    }
}

static void test_wire_digest_ambiguous(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    sluice_wire_put_string(out, 1, HEX);
    sluice_wire_put_string(out, 1, HEX);
    SluiceDigest digest;
    g_autoptr(GError) error = NULL;
    g_assert_false(sluice_wire_get_digest(out->data, out->len, &digest, &error));
    g_assert_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_AMBIGUOUS);
}

static GByteArray *make_action(const char *salt)
{
    SluiceDigest digest = hello_digest();
    GByteArray *action = g_byte_array_new();
    sluice_wire_put_digest(action, 1, &digest);
    sluice_wire_put_digest(action, 2, &digest);
    if (salt != NULL)
        sluice_wire_put_string(action, 9, salt);
    sluice_wire_put_bytes(action, 10, NULL, 0);
    sluice_wire_put_string(action, 77, "of a later version");
    return action;
}

static void test_action_salt(void)
{
    static const char *const salts[] = {NULL, "", "client"};
    g_autoptr(GByteArray) expected = make_action("ours");
    for (gsize i = 0; i < G_N_ELEMENTS(salts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) action = make_action(salts[i]);
        g_autoptr(GByteArray) salted = sluice_action_with_salt(action->data, action->len, "ours", 4, &error);
        g_assert_no_error(error);
        g_assert_cmpmem(salted->data, salted->len, expected->data, expected->len);
        const uint8_t *salt;
        gsize length;
        g_assert_true(sluice_action_get_salt(action->data, action->len, &salt, &length, &error));
        g_assert_cmpmem(salt, length, salts[i] ? salts[i] : "", salts[i] ? strlen(salts[i]) : 0);
    }
}

static void test_action_ambiguous(void)
{
    g_autoptr(GByteArray) action = make_action("one");
    sluice_wire_put_string(action, 9, "two");
    const uint8_t *salt;
    gsize length;
    g_autoptr(GError) error = NULL, second = NULL;
    g_assert_null(sluice_action_with_salt(action->data, action->len, "x", 1, &error));
    g_assert_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_AMBIGUOUS);
    g_assert_false(sluice_action_get_salt(action->data, action->len, &salt, &length, &second));
    g_assert_error(second, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_AMBIGUOUS);
}

static void test_resource_names(void)
{
    SluiceResourceName name;
    g_autoptr(GError) error = NULL;
    g_assert_true(sluice_resource_name_parse("blobs/" HEX "/5", &name, &error));
    g_assert_false(name.upload);
    g_assert_cmpuint(name.instance_length, ==, 0);
    g_assert_true(sluice_resource_name_parse("a/b/uploads/u-1/blobs/" HEX "/5/some/file.txt", &name, &error));
    g_assert_true(name.upload);
    g_assert_cmpmem(name.instance, name.instance_length, "a/b", 3);
    g_assert_cmpmem(name.uuid, name.uuid_length, "u-1", 3);
    g_assert_true(sluice_resource_name_parse("compressed-blobs/zstd/" HEX "/5", &name, &error));
    g_assert_cmpint(name.compressor, ==, SLUICE_COMPRESSOR_ZSTD);
    g_assert_cmpint(name.digest.size, ==, 5);
}

static void test_resource_names_bad(void)
{
    static const char *const bad[] = {"",
                                      "blobs",
                                      "blobs/" HEX,
                                      "blobs/" HEX "/5/more",
                                      "blobs/" HEX "/",
                                      "blobs/" HEX "/x",
                                      "uploads/u/" HEX "/5",
                                      "uploads/blobs/" HEX "/5",
                                      "uploads//blobs/" HEX "/5",
                                      "a//blobs/" HEX "/5",
                                      "actions/blobs/" HEX "/5",
                                      "uploads/u/uploads/v/blobs/" HEX "/5",
                                      "compressed-blobs/brotli/" HEX "/5",
                                      "blobs/sha256/" HEX "/5"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        SluiceResourceName name;
        g_autoptr(GError) error = NULL;
        g_test_message("%s", bad[i]);
        g_assert_false(sluice_resource_name_parse(bad[i], &name, &error));
        g_assert_nonnull(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/proto/digest/text", test_digest_text);
    g_test_add_func("/proto/digest/bad", test_digest_bad);
    g_test_add_func("/proto/digest/order", test_digest_order);
    g_test_add_func("/proto/wire/agrees", test_wire_digest_agrees);
    g_test_add_func("/proto/wire/bad", test_wire_bad);
    g_test_add_func("/proto/wire/numbers", test_wire_numbers);
    g_test_add_func("/proto/wire/ambiguous-digest", test_wire_digest_ambiguous);
    g_test_add_func("/proto/wire/digest-every-digit", test_digest_every_digit);
    g_test_add_func("/proto/action/salt", test_action_salt);
    g_test_add_func("/proto/action/ambiguous", test_action_ambiguous);
    g_test_add_func("/proto/resource-name/good", test_resource_names);
    g_test_add_func("/proto/resource-name/bad", test_resource_names_bad);
    return g_test_run();
}
