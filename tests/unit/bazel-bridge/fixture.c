#include "fixture.h"

#include <string.h>

void fixture_open(Fixture *fixture)
{
    GError *error = NULL;
    fixture->directory = g_dir_make_tmp("sluice-bridge-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(fixture->directory, "store", NULL);
    fixture->store = sluice_store_open(path, NULL, &error);
    g_assert_no_error(error);
}

void fixture_close(Fixture *fixture)
{
    GError *error = NULL;
    sluice_store_close(fixture->store);
    sluice_remove_tree(fixture->directory, &error);
    g_assert_no_error(error);
    g_free(fixture->directory);
}

SluiceDigest fixture_put(Fixture *fixture, const char *text)
{
    SluiceDigest digest;
    GError *error = NULL;
    sluice_store_put(fixture->store, text, strlen(text), NULL, &digest, &error);
    g_assert_no_error(error);
    return digest;
}

SluiceDigest fixture_absent(const char *text)
{
    SluiceDigest digest;
    sluice_digest_of(text, strlen(text), &digest);
    return digest;
}

SluiceDigest fixture_put_array(Fixture *fixture, GByteArray *bytes)
{
    SluiceDigest digest;
    GError *error = NULL;
    sluice_store_put(fixture->store, bytes->len > 0 ? bytes->data : (const guint8 *)"", bytes->len, NULL, &digest,
                     &error);
    g_assert_no_error(error);
    g_byte_array_unref(bytes);
    return digest;
}

GByteArray *fixture_node(const char *name, uint32_t number, const SluiceDigest *digest)
{
    GByteArray *node = g_byte_array_new();
    sluice_wire_put_string(node, 1, name);
    sluice_wire_put_digest(node, number, digest);
    return node;
}

void fixture_put_node(GByteArray *out, uint32_t number, const char *name, uint32_t digest_number,
                      const SluiceDigest *digest)
{
    g_autoptr(GByteArray) node = fixture_node(name, digest_number, digest);
    sluice_wire_put_bytes(out, number, node->data, node->len);
}
