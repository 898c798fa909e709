/* Directory messages.  The fuzzer's corpus has more bytes that must be refused. */
#include "fixture.h"

#include <string.h>

static SluiceEntry file(const char *name, int64_t size, gboolean executable)
{
    SluiceEntry entry = {.name = name, .type = SLUICE_ENTRY_FILE, .executable = executable};
    memset(entry.digest.hash, 0xab, sizeof entry.digest.hash);
    entry.digest.size = size;
    return entry;
}

static SluiceEntry directory(const char *name)
{
    return (SluiceEntry){.name = name, .type = SLUICE_ENTRY_DIRECTORY, .digest = sluice_digest_empty};
}

static SluiceEntry link_to(const char *name, const char *target)
{
    return (SluiceEntry){.name = name, .type = SLUICE_ENTRY_SYMLINK, .target = target};
}

static SluiceDirectory *round_trip(const SluiceEntry *entries, gsize count)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = sluice_directory_encode(entries, count, &error);
    g_assert_no_error(error);
    SluiceDirectory *decoded = sluice_directory_decode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &error);
    g_assert_no_error(error);
    return decoded;
}

static void test_round_trip(void)
{
    const SluiceEntry entries[] = {link_to("z", "../x"), file("b", 5, TRUE),          directory("d"),
                                   file("a", 0, FALSE),  link_to("link", "/usr/lib"), directory("c")};
    static const char *const order[] = {"a", "b", "c", "d", "link", "z"};
    g_autoptr(SluiceDirectory) decoded = round_trip(entries, G_N_ELEMENTS(entries));
    gsize count;
    const SluiceEntry *got = sluice_directory_get_entries(decoded, &count);
    g_assert_cmpuint(count, ==, G_N_ELEMENTS(entries));
    for (gsize i = 0; i < count; i++)
        g_assert_cmpstr(got[i].name, ==, order[i]);
    const SluiceEntry *found = sluice_directory_find(decoded, "b");
    g_assert_nonnull(found);
    g_assert_true(found->executable);
    g_assert_cmpint(found->digest.size, ==, 5);
    g_assert_cmpint(found->digest.hash[31], ==, 0xab);
    g_assert_cmpstr(sluice_directory_find(decoded, "link")->target, ==, "/usr/lib");
    g_assert_cmpint(sluice_directory_find(decoded, "c")->type, ==, SLUICE_ENTRY_DIRECTORY);
    g_assert_null(sluice_directory_find(decoded, "nothing"));
}

/* Byte by byte, as every implementation of the API must write it. */
static void test_golden(void)
{
    const SluiceEntry entries[] = {file("run", 300, TRUE), link_to("l", "t")};
    g_autoptr(GBytes) bytes = sluice_directory_encode(entries, 2, NULL);
    GString *expected = g_string_new("\x0a\x4e\x0a\x03run\x12\x45\x0a\x40");
    for (int i = 0; i < 32; i++)
        g_string_append(expected, "ab");
    g_string_append_len(expected, "\x10\xac\x02\x20\x01\x1a\x06\x0a\x01l\x12\x01t", 13);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), expected->str, expected->len);
    g_string_free(expected, TRUE);
    g_autoptr(GBytes) empty = sluice_directory_encode(NULL, 0, NULL);
    g_assert_cmpuint(g_bytes_get_size(empty), ==, 0);
}

static void test_bad_entries(void)
{
    g_autofree char *long_name = g_strnfill(256, 'n');
    g_autofree char *long_target = g_strnfill(CAS_TARGET_MAX + 1, 't');
    const SluiceEntry bad[][2] = {
        {file("a", 1, FALSE), file("a", 2, FALSE)},      {file("a", 1, FALSE), directory("a")},
        {file("a", 1, FALSE), file("", 1, FALSE)},       {file("a", 1, FALSE), file("..", 1, FALSE)},
        {file("a", 1, FALSE), file("x/y", 1, FALSE)},    {file("a", 1, FALSE), file(long_name, 1, FALSE)},
        {file("a", 1, FALSE), link_to("l", "")},         {file("a", 1, FALSE), link_to("l", NULL)},
        {file("a", 1, FALSE), link_to("l", long_target)}};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(sluice_directory_encode(bad[i], 2, &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    }
}

static void test_bad_bytes(void)
{
    static const char *const bad[] = {"\x0a", "garbage", "\x0a\x03\x0a\x01\x61",
                                      "\x1a\x06\x0a\x01l\x12\x01t\x1a\x06\x0a\x01k\x12\x01t"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(sluice_directory_decode(bad[i], strlen(bad[i]), &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    }
    sluice_directory_free(NULL);
}

/* Only that of a file, only in its shortest form, only where nanoseconds reach. */
static void test_times(void)
{
    SluiceEntry timed = file("f", 1, FALSE);
    static const int64_t times[] = {
        1, 999999999, 1000000000, 1321009871000000000, 1700000000123456000, INT64_C(9000000000000000000)};
    for (gsize i = 0; i < G_N_ELEMENTS(times); i++) {
        timed.mtime = times[i];
        g_autoptr(SluiceDirectory) decoded = round_trip(&timed, 1);
        g_assert_cmpint(sluice_directory_find(decoded, "f")->mtime, ==, times[i]);
    }
    timed.mtime = 1700000000123456000;
    g_autoptr(GBytes) bytes = sluice_directory_encode(&timed, 1, NULL);
    gsize length = g_bytes_get_size(bytes);
    /* The last: 32 0d 12 0b, 08 and 5 bytes of seconds, 10 and 4 bytes of nanoseconds. */
    static const struct {
        gsize from_end;
        char byte;
    } changes[] = {{15, 0x2a}, {14, 0x0c}, {13, 0x1a}, {11, 0x18}, {5, 0x08}};
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *copy = g_memdup2(g_bytes_get_data(bytes, NULL), length);
        copy[length - changes[i].from_end] = changes[i].byte;
        g_assert_null(sluice_directory_decode(copy, length, &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    }
}

static void test_large(void)
{
    enum { COUNT = 30000 };
    g_autofree SluiceEntry *entries = g_new(SluiceEntry, COUNT);
    g_autoptr(GStringChunk) names = g_string_chunk_new(1 << 16);
    for (int i = 0; i < COUNT; i++) {
        char name[32];
        g_snprintf(name, sizeof name, "file-%d", i);
        entries[i] = file(g_string_chunk_insert(names, name), i, i % 2);
    }
    g_autoptr(SluiceDirectory) decoded = round_trip(entries, COUNT);
    for (int i = 0; i < COUNT; i += 997)
        g_assert_cmpint(sluice_directory_find(decoded, entries[i].name)->digest.size, ==, i);
}

static void test_read(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest absent = fixture_absent(), no_directory = fixture_put_text(fixture, "no directory"), digest;
    const SluiceEntry entries[] = {file("a", 1, FALSE)};
    g_autoptr(GBytes) bytes = sluice_directory_encode(entries, 1, NULL);
    g_assert_true(sluice_store_put_many(fixture->store, &bytes, 1, &digest, NULL));
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        g_autoptr(SluiceDirectory) read = sluice_directory_read(fixture->store, &digest, &error);
        g_assert_no_error(error);
        g_assert_nonnull(sluice_directory_find(read, "a"));
    }
    g_assert_null(sluice_directory_read(fixture->store, &absent, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(sluice_directory_read(fixture->store, &no_directory, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
}

/* The cache forgets, but never hands out what is freed. */
static void test_cache_limit(Fixture *fixture, gconstpointer data)
{
    enum { COUNT = 40, ENTRIES = 20000 };
    g_autoptr(SluiceDirectory) first = NULL;
    g_autofree SluiceEntry *entries = g_new(SluiceEntry, ENTRIES);
    g_autoptr(GStringChunk) names = g_string_chunk_new(1 << 16);
    for (int i = 0; i < ENTRIES; i++) {
        char name[32];
        g_snprintf(name, sizeof name, "f%d", i);
        entries[i] = file(g_string_chunk_insert(names, name), 1, FALSE);
    }
    for (int round = 0; round < COUNT; round++) {
        SluiceDigest digest;
        entries[0].digest.size = round + 1;
        g_autoptr(GBytes) bytes = sluice_directory_encode(entries, ENTRIES, NULL);
        g_assert_true(sluice_store_put_many(fixture->store, &bytes, 1, &digest, NULL));
        SluiceDirectory *read = sluice_directory_read(fixture->store, &digest, NULL);
        g_assert_nonnull(read);
        if (round == 0)
            first = read;
        else
            sluice_directory_free(read);
        g_assert_cmpuint(fixture->store->index->cache_bytes, <=, CAS_DIRECTORY_CACHE_BYTES);
    }
    g_assert_cmpuint(fixture->store->index->cache_order.length, <, COUNT);
    g_assert_cmpint(sluice_directory_find(first, "f0")->digest.size, ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cas/directory/round-trip", test_round_trip);
    g_test_add_func("/cas/directory/golden", test_golden);
    g_test_add_func("/cas/directory/bad-entries", test_bad_entries);
    g_test_add_func("/cas/directory/bad-bytes", test_bad_bytes);
    g_test_add_func("/cas/directory/times", test_times);
    g_test_add_func("/cas/directory/large", test_large);
    FIXTURE_TEST("/cas/directory/read", test_read);
    FIXTURE_TEST("/cas/directory/cache-limit", test_cache_limit);
    return g_test_run();
}
