/* The table-driven decoder: what it takes, and everything it must refuse. */
#include "bridge-limits.h"
#include "fields.h"

typedef struct {
    SluiceSpan text, bytes;
    SluiceDigestField digest;
    int64_t number;
    GArray *texts, *spans, *digests, *numbers;
} Message;

static const SluiceFieldSpec specs[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Message, text)},
    {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Message, bytes)},
    {3, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Message, digest)},
    {4, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Message, number)},
    {5, SLUICE_FIELD_STRINGS, G_STRUCT_OFFSET(Message, texts)},
    {6, SLUICE_FIELD_SPANS, G_STRUCT_OFFSET(Message, spans)},
    {7, SLUICE_FIELD_DIGESTS, G_STRUCT_OFFSET(Message, digests)},
    {31, SLUICE_FIELD_INTEGERS, G_STRUCT_OFFSET(Message, numbers)},
};

static gboolean decode(GByteArray *bytes, Message *out, GError **error)
{
    *out = (Message){0};
    return sluice_fields_decode(bytes->data, bytes->len, specs, G_N_ELEMENTS(specs), out, error);
}

static void clear(Message *message)
{
    sluice_fields_clear(specs, G_N_ELEMENTS(specs), message);
}

static void test_everything(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    const guint8 packed[] = {1, 0x96, 0x01};
    Message message;
    sluice_wire_put_varint(bytes, 31, 9);
    sluice_wire_put_string(bytes, 1, "näme");
    sluice_wire_put_bytes(bytes, 2, "a\0b", 3);
    sluice_wire_put_digest(bytes, 3, &sluice_digest_empty);
    sluice_wire_put_varint(bytes, 4, (uint64_t)-5);
    for (int i = 0; i < 3; i++) {
        sluice_wire_put_string(bytes, 5, "x");
        sluice_wire_put_bytes(bytes, 6, NULL, 0);
        sluice_wire_put_digest(bytes, 7, &sluice_digest_empty);
    }
    sluice_wire_put_bytes(bytes, 31, packed, sizeof packed);
    sluice_wire_put_string(bytes, 100, "from a newer client");
    g_assert_true(decode(bytes, &message, NULL));
    g_assert_true(sluice_span_is(message.text, "näme", strlen("näme")));
    g_assert_true(sluice_span_is(message.bytes, "a\0b", 3));
    g_assert_true(message.digest.present && sluice_digest_equal(&message.digest.value, &sluice_digest_empty));
    g_assert_cmpint(message.number, ==, -5);
    g_assert_cmpuint(message.texts->len, ==, 3);
    g_assert_cmpuint(message.spans->len, ==, 3);
    g_assert_cmpuint(message.digests->len, ==, 3);
    g_assert_cmpuint(message.numbers->len, ==, 3);
    g_assert_cmpint(g_array_index(message.numbers, int64_t, 0), ==, 9);
    g_assert_cmpint(g_array_index(message.numbers, int64_t, 2), ==, 150);
    clear(&message);
    g_assert_null(message.texts);
}

static void test_nothing(void)
{
    Message message = {0};
    g_assert_true(sluice_fields_decode(NULL, 0, specs, G_N_ELEMENTS(specs), &message, NULL));
    g_assert_null(message.text.data);
    g_assert_false(message.digest.present);
    g_assert_cmpuint(sluice_array_length(message.digests), ==, 0);
}

static void assert_refused(GByteArray *bytes, int code)
{
    Message message;
    g_autoptr(GError) error = NULL;
    g_assert_false(decode(bytes, &message, &error));
    g_assert_error(error, SLUICE_PROTO_ERROR, code);
    clear(&message);
}

static void test_twice(void)
{
    for (uint32_t number = 1; number <= 4; number++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        for (int i = 0; i < 2; i++) {
            if (number == 3)
                sluice_wire_put_digest(bytes, number, &sluice_digest_empty);
            else if (number == 4)
                sluice_wire_put_varint(bytes, number, 1);
            else
                sluice_wire_put_string(bytes, number, "x");
        }
        assert_refused(bytes, SLUICE_PROTO_ERROR_AMBIGUOUS);
    }
}

static void test_wrong_type(void)
{
    static const uint32_t want_bytes[] = {1, 2, 3, 5, 6, 7};
    for (gsize i = 0; i < G_N_ELEMENTS(want_bytes); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        sluice_wire_put_varint(bytes, want_bytes[i], 1);
        assert_refused(bytes, SLUICE_PROTO_ERROR_AMBIGUOUS);
    }
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    sluice_wire_put_string(bytes, 4, "x");
    assert_refused(bytes, SLUICE_PROTO_ERROR_AMBIGUOUS);
}

static void test_text(void)
{
    static const struct {
        const char *data;
        gsize length;
    } bad[] = {{"ab\0cd", 5}, {"\xff\xfe", 2}, {"\0", 1}, {"\xc3", 1}};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        for (uint32_t number = 1; number <= 5; number += 4) {
            g_autoptr(GByteArray) bytes = g_byte_array_new();
            sluice_wire_put_bytes(bytes, number, bad[i].data, bad[i].length);
            assert_refused(bytes, SLUICE_PROTO_ERROR_AMBIGUOUS);
        }
    }
}

static void test_digest(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    sluice_wire_put_bytes(bytes, 7,
                          "\x0a\x03"
                          "abc",
                          5);
    assert_refused(bytes, SLUICE_PROTO_ERROR_DIGEST);
}

static void test_packed_damage(void)
{
    static const guint8 unfinished[] = {1, 0x80};
    static const guint8 endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1};
    g_autoptr(GByteArray) a = g_byte_array_new();
    g_autoptr(GByteArray) b = g_byte_array_new();
    sluice_wire_put_bytes(a, 31, unfinished, sizeof unfinished);
    sluice_wire_put_bytes(b, 31, endless, sizeof endless);
    assert_refused(a, SLUICE_PROTO_ERROR_AMBIGUOUS);
    assert_refused(b, SLUICE_PROTO_ERROR_AMBIGUOUS);
}

static void test_too_many(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (int i = 0; i < SLUICE_LIMIT_REPEATED; i++)
        sluice_wire_put_bytes(bytes, 6, NULL, 0);
    Message message;
    g_assert_true(decode(bytes, &message, NULL));
    clear(&message);
    sluice_wire_put_bytes(bytes, 6, NULL, 0);
    assert_refused(bytes, SLUICE_PROTO_ERROR_WIRE);
}

static void test_truncated(void)
{
    g_autoptr(GByteArray) whole = g_byte_array_new();
    sluice_wire_put_string(whole, 1, "text");
    for (guint length = 1; length < whole->len; length++) {
        g_autoptr(GByteArray) part = g_byte_array_new();
        g_byte_array_append(part, whole->data, length);
        assert_refused(part, SLUICE_PROTO_ERROR_WIRE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fields/everything", test_everything);
    g_test_add_func("/fields/nothing", test_nothing);
    g_test_add_func("/fields/twice", test_twice);
    g_test_add_func("/fields/wrong-type", test_wrong_type);
    g_test_add_func("/fields/text", test_text);
    g_test_add_func("/fields/digest", test_digest);
    g_test_add_func("/fields/packed-damage", test_packed_damage);
    g_test_add_func("/fields/too-many", test_too_many);
    g_test_add_func("/fields/truncated", test_truncated);
    return g_test_run();
}
