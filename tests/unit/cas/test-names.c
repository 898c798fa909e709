/* What has names: results, refs, leases. */
#include "fixture.h"

#include <string.h>

static void test_results(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest key = fixture_absent();
    g_assert_null(sluice_store_get_result(fixture->store, &key, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    for (unsigned size = 0; size <= 100000; size = size * 50 + 5) { /* each replaces the one before */
        g_autoptr(GBytes) result = fixture_bytes(size, size);
        g_assert_true(sluice_store_put_result(fixture->store, &key, result, &error));
        g_autoptr(GBytes) got = sluice_store_get_result(fixture->store, &key, &error);
        g_assert_true(g_bytes_equal(result, got));
    }
    SluiceDigest other = key;
    other.size++;
    g_assert_null(sluice_store_get_result(fixture->store, &other, NULL));
    g_assert_true(sluice_store_delete_result(fixture->store, &key, &error));
    g_assert_false(sluice_store_delete_result(fixture->store, &key, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    SluiceStoreInfo info;
    g_assert_true(sluice_store_get_info(fixture->store, &info, NULL));
    g_assert_cmpuint(info.disk_bytes, ==, 0);
}

static GBytes *text_bytes(const char *text)
{
    return g_bytes_new_static(text, strlen(text));
}

static void assert_note(Fixture *fixture, const SluiceDigest *key, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) note = sluice_store_get_result_note(fixture->store, key, &error);
    if (text == NULL) {
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
        return;
    }
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(note, NULL), g_bytes_get_size(note), text, strlen(text));
}

static void assert_empty(Fixture *fixture)
{
    SluiceStoreInfo info;
    g_assert_true(sluice_store_get_info(fixture->store, &info, NULL));
    g_assert_cmpuint(info.disk_bytes, ==, 0);
}

static void test_notes(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest key = fixture_absent();
    g_autoptr(GBytes) first = text_bytes("first"), second = text_bytes("second"), note = text_bytes("note");
    g_autoptr(GBytes) large = fixture_bytes(1, 16 * 1024 + 1);
    assert_note(fixture, &key, NULL);
    g_assert_true(sluice_store_put_result_with_note(fixture->store, &key, first, note, &error));
    assert_note(fixture, &key, "note");
    /* who says nothing takes the old note away */
    g_assert_true(sluice_store_put_result(fixture->store, &key, second, &error));
    assert_note(fixture, &key, NULL);
    g_assert_false(sluice_store_put_result_with_note(fixture->store, &key, first, large, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_true(sluice_store_put_result_with_note(fixture->store, &key, first, note, &error));
    g_assert_true(sluice_store_delete_result(fixture->store, &key, &error));
    assert_note(fixture, &key, NULL);
    assert_empty(fixture);
}

static void test_changes(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest key = fixture_absent();
    g_autoptr(GBytes) first = text_bytes("first"), second = text_bytes("second"), empty = text_bytes("");
    g_autoptr(GBytes) note = text_bytes("note"), other = text_bytes("other");
    gboolean changed = TRUE;
    g_assert_true(sluice_store_change_result(fixture->store, &key, first, second, note, &changed, &error));
    g_assert_false(changed); /* there is none */
    g_assert_true(sluice_store_put_result_with_note(fixture->store, &key, first, note, &error));
    g_assert_true(sluice_store_change_result(fixture->store, &key, second, empty, other, &changed, &error));
    g_assert_false(changed); /* it is another */
    assert_note(fixture, &key, "note");
    g_assert_true(sluice_store_change_result(fixture->store, &key, first, empty, other, &changed, &error));
    g_assert_true(changed);
    assert_note(fixture, &key, "other");
    g_autoptr(GBytes) now = sluice_store_get_result(fixture->store, &key, &error);
    g_assert_cmpuint(g_bytes_get_size(now), ==, 0);
    g_assert_true(sluice_store_change_result(fixture->store, &key, empty, NULL, note, &changed, &error));
    g_assert_true(changed);
    g_assert_null(sluice_store_get_result(fixture->store, &key, NULL));
    assert_note(fixture, &key, "note");
    g_assert_true(sluice_store_gc(fixture->store, 0, NULL, &error));
    assert_note(fixture, &key, NULL);
    assert_empty(fixture);
}

typedef struct {
    guint results, notes, alone, most;
} Seen;

static gboolean see(const SluiceResultEntry *entry, gpointer data)
{
    Seen *seen = data;
    seen->results += entry->stored;
    seen->notes += entry->note != NULL;
    seen->alone += !entry->stored;
    if (entry->note != NULL)
        g_assert_cmpmem(entry->note, entry->note_length, "note", 4);
    g_assert_cmpuint(entry->result_length, ==, entry->stored ? 5 : 0);
    return seen->most == 0 || seen->results < seen->most;
}

static void test_walk(Fixture *fixture, gconstpointer data)
{
    enum { COUNT = 300 };
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) result = text_bytes("first"), note = text_bytes("note");
    gboolean changed;
    guint with_prefix = 0;
    SluiceDigest key = {.size = 5};
    for (unsigned i = 0; i < COUNT; i++) {
        sluice_digest_of(&i, sizeof i, &key);
        with_prefix += key.hash[0] == 0xab || key.hash[0] >> 4 == 0xc;
        g_assert_true(sluice_store_put_result_with_note(fixture->store, &key, result, i % 2 ? note : NULL, &error));
        if (i % 3 == 0)
            g_assert_true(sluice_store_change_result(fixture->store, &key, result, NULL, note, &changed, &error) &&
                          changed);
    }
    Seen all = {0}, some = {0}, few = {.most = 7}, one = {0}, none = {0};
    g_assert_true(sluice_store_each_result(fixture->store, "", see, &all, &error));
    g_assert_cmpuint(all.results, ==, COUNT - COUNT / 3);
    g_assert_cmpuint(all.alone, ==, COUNT / 3);
    g_assert_cmpuint(all.notes, ==, COUNT / 3 + COUNT / 3);
    g_assert_true(sluice_store_each_result(fixture->store, "ab", see, &some, &error));
    g_assert_true(sluice_store_each_result(fixture->store, "c", see, &some, &error));
    g_assert_cmpuint(some.results + some.alone, ==, with_prefix);
    g_assert_true(sluice_store_each_result(fixture->store, "", see, &few, &error));
    g_assert_cmpuint(few.results, ==, 7);
    char hex[SLUICE_HASH_HEX + 1];
    sluice_digest_hex(&key, hex);
    g_assert_true(sluice_store_each_result(fixture->store, hex, see, &one, &error));
    g_assert_cmpuint(one.results + one.alone, ==, 1);
    memset(hex, 'f', SLUICE_HASH_HEX);
    g_assert_true(sluice_store_each_result(fixture->store, hex, see, &none, &error));
    g_assert_cmpuint(none.results + none.alone, ==, 0);
    static const char *const bad[] = {"x", "AB", "ab/5", "-1"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(sluice_store_each_result(fixture->store, bad[i], see, &none, &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
        g_clear_error(&error);
    }
}

static void set_ref(Fixture *fixture, const char *space, const char *name, const char *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = g_bytes_new(value, strlen(value));
    const SluiceRef ref = {.value = bytes};
    sluice_store_set_ref(fixture->store, space, name, &ref, &error);
    g_assert_no_error(error);
}

static void assert_ref(Fixture *fixture, const char *space, const char *name, const char *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = sluice_store_get_ref(fixture->store, space, name, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), value, strlen(value));
}

static char *long_name(char last)
{
    char *name = g_strnfill(2000, 'n');
    name[1999] = last;
    return name;
}

static void test_refs(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = long_name('1');
    g_autofree char *second = long_name('2');
    set_ref(fixture, "artifact", "project/element/key", "value");
    set_ref(fixture, "artifact", first, "one");
    set_ref(fixture, "artifact", second, "two");
    set_ref(fixture, "artifac", "t", "another space");
    set_ref(fixture, "artifact", "project/element/key", "replaced");
    assert_ref(fixture, "artifact", "project/element/key", "replaced");
    assert_ref(fixture, "artifact", first, "one");
    assert_ref(fixture, "artifact", second, "two");
    fixture_reopen(fixture);
    g_assert_true(sluice_store_delete_ref(fixture->store, "artifact", first, &error));
    g_assert_null(sluice_store_get_ref(fixture->store, "artifact", first, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    assert_ref(fixture, "artifact", second, "two");
    g_assert_false(sluice_store_delete_ref(fixture->store, "artifact", first, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
}

static void test_bad_refs(Fixture *fixture, gconstpointer data)
{
    g_autofree char *huge_name = g_strnfill(CAS_REF_NAME_MAX + 1, 'x');
    g_autofree char *huge_space = g_strnfill(65, 'x');
    g_autoptr(GBytes) huge_value = fixture_bytes(1, CAS_REF_VALUE_MAX + 1);
    g_autoptr(GBytes) value = fixture_bytes(1, 1);
    const SluiceRef large = {.value = huge_value}, small = {.value = value};
    const struct {
        const char *space, *name;
        const SluiceRef *ref;
    } bad[] = {
        {"", "n", &small}, {"s", "", &small}, {"s", huge_name, &small}, {huge_space, "n", &small}, {"s", "n", &large}};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(sluice_store_set_ref(fixture->store, bad[i].space, bad[i].name, bad[i].ref, &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    }
}

static void test_list_refs(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = long_name('1');
    const char *const names[] = {"b/2", "b/1", "a", "b", "c/b/1"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        set_ref(fixture, "source", names[i], "");
    set_ref(fixture, "source", first, "");
    set_ref(fixture, "sourc", "b/3", "");
    set_ref(fixture, "sources", "b/3", "");
    g_autoptr(GPtrArray) some = sluice_store_list_refs(fixture->store, "source", "b/", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(some->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(some, 0), ==, "b/1");
    g_assert_cmpstr(g_ptr_array_index(some, 1), ==, "b/2");
    g_autoptr(GPtrArray) all = sluice_store_list_refs(fixture->store, "source", "", &error);
    g_assert_cmpuint(all->len, ==, 6);
    g_assert_cmpstr(g_ptr_array_index(all, 5), ==, first);
    g_autoptr(GPtrArray) longer = sluice_store_list_refs(fixture->store, "source", first, &error);
    g_assert_cmpuint(longer->len, ==, 1);
    first[1999] = 'x';
    g_autoptr(GPtrArray) none = sluice_store_list_refs(fixture->store, "source", first, &error);
    g_assert_cmpuint(none->len, ==, 0);
    g_autofree char *huge = g_strnfill(100, 's');
    g_assert_null(sluice_store_list_refs(fixture->store, huge, "", &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
}

static uint64_t count_leases(Fixture *fixture)
{
    SluiceStoreInfo info;
    g_assert_true(sluice_store_get_info(fixture->store, &info, NULL));
    return info.leases;
}

static void test_leases(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest present = fixture_put(fixture, 1, 10), absent = fixture_absent();
    SluiceLease *first = sluice_lease_new(fixture->store, &error);
    SluiceLease *second = sluice_lease_new(fixture->store, &error);
    for (int i = 0; i < 3; i++) {
        g_assert_true(sluice_lease_add_blob(first, &present, &error));
        g_assert_true(sluice_lease_add_tree(second, &sluice_digest_empty, &error));
    }
    g_assert_true(sluice_lease_add_blob(second, &present, &error));
    g_assert_cmpuint(count_leases(fixture), ==, 3);
    g_assert_false(sluice_lease_add_blob(first, &absent, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_false(sluice_lease_add_tree(first, &absent, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    sluice_lease_free(first);
    g_assert_cmpuint(count_leases(fixture), ==, 2);
    sluice_lease_free(second);
    g_assert_cmpuint(count_leases(fixture), ==, 0);
    sluice_lease_free(NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/cas/names/results", test_results);
    FIXTURE_TEST("/cas/names/notes", test_notes);
    FIXTURE_TEST("/cas/names/changes", test_changes);
    FIXTURE_TEST("/cas/names/walk", test_walk);
    FIXTURE_TEST("/cas/names/refs", test_refs);
    FIXTURE_TEST("/cas/names/bad-refs", test_bad_refs);
    FIXTURE_TEST("/cas/names/list-refs", test_list_refs);
    FIXTURE_TEST("/cas/names/leases", test_leases);
    return g_test_run();
}
