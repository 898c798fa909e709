/* Environment digests and witness keys: identities, so their bytes are fixed for ever. */
#include "bazel-bridge.h"
#include "fixture.h"
#include "remote_execution.pb-c.h"
#include "sluice.pb-c.h"

static SluiceEnvironment example(void)
{
    return (SluiceEnvironment){
        .root = fixture_absent("root"),
        .os = "linux",
        .isa = "x86-64",
        .uid = 1000,
        .gid = 1000,
        .layout = 1,
        .scope = "full",
    };
}

static void test_every_field_counts(void)
{
    SluiceEnvironment variants[8];
    SluiceDigest digests[G_N_ELEMENTS(variants)];
    for (gsize i = 0; i < G_N_ELEMENTS(variants); i++)
        variants[i] = example();
    variants[1].root = fixture_absent("another root");
    variants[2].os = "hurd";
    variants[3].isa = "aarch64";
    variants[4].uid = 0;
    variants[5].gid = 0;
    variants[6].layout = 2;
    variants[7].scope = "toolchain";
    for (gsize i = 0; i < G_N_ELEMENTS(variants); i++) {
        sluice_environment_digest(&variants[i], &digests[i]);
        for (gsize j = 0; j < i; j++)
            g_assert_false(sluice_digest_equal(&digests[i], &digests[j]));
    }
}

static void test_store(void)
{
    Fixture fixture;
    SluiceEnvironment environment = example();
    SluiceDigest computed, stored;
    GError *error = NULL;
    fixture_open(&fixture);
    sluice_environment_digest(&environment, &computed);
    g_assert_true(sluice_environment_store(fixture.store, &environment, &stored, &error));
    g_assert_no_error(error);
    g_assert_true(sluice_digest_equal(&computed, &stored));
    g_autoptr(GBytes) bytes = sluice_store_read(fixture.store, &stored, &error);
    g_assert_no_error(error);
    /* anyone who has the interface can read it */
    Sluice__Environment *decoded =
        sluice__environment__unpack(NULL, g_bytes_get_size(bytes), g_bytes_get_data(bytes, NULL));
    g_assert_nonnull(decoded);
    g_assert_cmpstr(decoded->os, ==, "linux");
    g_assert_cmpstr(decoded->isa, ==, "x86-64");
    g_assert_cmpuint(decoded->uid, ==, 1000);
    g_assert_cmpuint(decoded->layout, ==, 1);
    g_assert_cmpstr(decoded->scope, ==, "full");
    /* and a canonical encoder gives the same bytes */
    guint8 packed[512];
    g_assert_cmpmem(packed, sluice__environment__pack(decoded, packed), g_bytes_get_data(bytes, NULL),
                    g_bytes_get_size(bytes));
    sluice__environment__free_unpacked(decoded, NULL);
    fixture_close(&fixture);
}

static void test_witness_is_an_action(void)
{
    SluiceDigest environment = fixture_absent("environment"), action = fixture_absent("action"), key, again;
    g_autoptr(GBytes) witness = NULL;
    sluice_witness_key(&environment, &action, &key, &witness);
    sluice_digest_of_bytes(witness, &again);
    g_assert_true(sluice_digest_equal(&key, &again));
    gsize length;
    const guint8 *data = g_bytes_get_data(witness, &length);
    Build__Bazel__Remote__Execution__V2__Action *decoded =
        build__bazel__remote__execution__v2__action__unpack(NULL, length, data);
    g_assert_nonnull(decoded);
    g_assert_cmpint(decoded->input_root_digest->size_bytes, ==, 0);
    g_assert_cmpuint(decoded->salt.len, >, 64);
    guint8 packed[512];
    g_assert_cmpmem(packed, build__bazel__remote__execution__v2__action__pack(decoded, packed), data, length);
    build__bazel__remote__execution__v2__action__free_unpacked(decoded, NULL);
}

static void test_key_depends_on_both(void)
{
    SluiceDigest environment[2] = {fixture_absent("e1"), fixture_absent("e2")};
    SluiceDigest action[2] = {fixture_absent("a1"), fixture_absent("a2")};
    SluiceDigest keys[5];
    for (int i = 0; i < 4; i++)
        sluice_witness_key(&environment[i / 2], &action[i % 2], &keys[i], NULL);
    sluice_witness_key(&action[0], &environment[0], &keys[4], NULL);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++)
            g_assert_false(sluice_digest_equal(&keys[i], &keys[j]));
}

/* Two caches compare the size of a key; and the same hash with another size is another action. */
static void test_size_is_constant(void)
{
    SluiceDigest environment = fixture_absent("e"), small = sluice_digest_empty, large = fixture_absent("a");
    SluiceDigest key[3];
    large.size = G_MAXINT64;
    sluice_witness_key(&environment, &small, &key[0], NULL);
    sluice_witness_key(&environment, &large, &key[1], NULL);
    large.size = 141;
    sluice_witness_key(&environment, &large, &key[2], NULL);
    g_assert_cmpint(key[0].size, ==, key[1].size);
    g_assert_cmpint(key[0].size, ==, key[2].size);
    g_assert_false(sluice_digest_equal(&key[1], &key[2]));
}

/* If one of these changes, every cache that exists is forgotten: only on purpose, with a new tag. */
static void test_golden(void)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    SluiceEnvironment environment = example();
    SluiceDigest digest, key, action = fixture_absent("action");
    sluice_environment_digest(&environment, &digest);
    g_assert_cmpstr(sluice_digest_string(&digest, text), ==,
                    "d603933d946178c52daad2874d573dc85710c242f07ee60f5be5e621ffff6353/99");
    sluice_witness_key(&digest, &action, &key, NULL);
    g_assert_cmpstr(sluice_digest_string(&key, text), ==,
                    "bd4fc9d01a832f01ce8c936f55e362b9e041918cdd052d0490c553bc602f33b0/237");
}

static void test_read_back(void)
{
    Fixture fixture;
    SluiceEnvironment environment = example();
    g_auto(SluiceEnvironment) read = {0}, none = {0};
    g_autoptr(GError) error = NULL;
    SluiceDigest stored, key, first, second, a = fixture_absent("a"), e = fixture_absent("e");
    fixture_open(&fixture);
    g_assert_true(sluice_environment_store(fixture.store, &environment, &stored, &error));
    g_assert_true(sluice_environment_read(fixture.store, &stored, &read, &error));
    sluice_environment_digest(&read, &key);
    g_assert_true(sluice_digest_equal(&key, &stored));
    g_assert_false(sluice_environment_read(fixture.store, &a, &none, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    SluiceDigest text = fixture_put(&fixture, "no Environment");
    g_assert_false(sluice_environment_read(fixture.store, &text, &none, &error));
    g_assert_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE);
    g_autoptr(GBytes) witness = NULL;
    sluice_witness_key(&e, &a, &key, &witness);
    g_assert_true(sluice_witness_read(witness, &first, &second));
    g_assert_true(sluice_digest_equal(&first, &e) && sluice_digest_equal(&second, &a));
    g_autoptr(GBytes) short_one = g_bytes_new_from_bytes(witness, 0, g_bytes_get_size(witness) - 1);
    g_assert_false(sluice_witness_read(short_one, &first, &second));
    g_autoptr(GBytes) empty = g_bytes_new_static("", 0);
    g_assert_false(sluice_witness_read(empty, &first, &second));
    fixture_close(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/environment/every-field-counts", test_every_field_counts);
    g_test_add_func("/environment/store", test_store);
    g_test_add_func("/witness/is-an-action", test_witness_is_an_action);
    g_test_add_func("/witness/depends-on-both", test_key_depends_on_both);
    g_test_add_func("/witness/size", test_size_is_constant);
    g_test_add_func("/witness/golden", test_golden);
    g_test_add_func("/environment/read-back", test_read_back);
    return g_test_run();
}
