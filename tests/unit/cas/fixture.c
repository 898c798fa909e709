#include "fixture.h"

#include <glib/gstdio.h>
#include <string.h>

void fixture_set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->scratch = g_dir_make_tmp("sluice-test-XXXXXX", &error);
    g_assert_no_error(error);
    fixture->path = g_build_filename(fixture->scratch, "store", NULL);
    fixture->store = sluice_store_open(fixture->path, NULL, &error);
    g_assert_no_error(error);
}

void fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    sluice_store_close(fixture->store);
    sluice_remove_tree(fixture->scratch, &error);
    g_assert_no_error(error);
    g_free(fixture->scratch);
    g_free(fixture->path);
}

void fixture_reopen(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    sluice_store_close(fixture->store);
    fixture->store = sluice_store_open(fixture->path, NULL, &error);
    g_assert_no_error(error);
}

static void age_database(CasTxn *txn, CasDb db, unsigned seconds)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    gsize offset = db == CAS_DB_BLOBS ? G_STRUCT_OFFSET(CasBlobRecord, used) : 0;
    g_assert_cmpint(mdb_cursor_open(txn->mdb, txn->index->db[db], &cursor), ==, 0);
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        uint32_t used;
        g_autofree uint8_t *copy = g_memdup2(value.mv_data, value.mv_size);
        memcpy(&used, copy + offset, sizeof used);
        used -= seconds;
        memcpy(copy + offset, &used, sizeof used);
        value.mv_data = copy;
        g_assert_cmpint(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), ==, 0);
    }
    mdb_cursor_close(cursor);
}

void fixture_age(Fixture *fixture, unsigned seconds)
{
    g_autoptr(GError) error = NULL;
    CasTxn txn;
    cas_txn_write(fixture->store->index, &txn, &error);
    g_assert_no_error(error);
    age_database(&txn, CAS_DB_BLOBS, seconds);
    age_database(&txn, CAS_DB_RESULTS, seconds);
    age_database(&txn, CAS_DB_REFS, seconds);
    cas_txn_commit(&txn, &error);
    g_assert_no_error(error);
}

char *fixture_path(Fixture *fixture, const char *name)
{
    return g_build_filename(fixture->scratch, name, NULL);
}

void fixture_write(Fixture *fixture, const char *name, const char *text, int mode)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_path(fixture, name);
    g_autofree char *parent = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
}

GBytes *fixture_bytes(unsigned seed, gsize size)
{
    uint8_t *data = g_malloc(MAX(size, 1));
    for (gsize i = 0; i < size; i++)
        data[i] = (uint8_t)((seed * 2654435761u + i * (seed | 1)) >> (i % 13));
    memcpy(data, &seed, MIN(size, sizeof seed));
    return g_bytes_new_take(data, size);
}

SluiceDigest fixture_put(Fixture *fixture, unsigned seed, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = fixture_bytes(seed, size);
    SluiceDigest digest;
    sluice_store_put(fixture->store, g_bytes_get_data(bytes, NULL), size, NULL, &digest, &error);
    g_assert_no_error(error);
    return digest;
}

SluiceDigest fixture_put_text(Fixture *fixture, const char *text)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest digest;
    sluice_store_put(fixture->store, text, strlen(text), NULL, &digest, &error);
    g_assert_no_error(error);
    return digest;
}

SluiceDigest fixture_absent(void)
{
    SluiceDigest digest;
    sluice_digest_of("nobody has this", 15, &digest);
    return digest;
}

void fixture_assert_content(Fixture *fixture, const SluiceDigest *digest, unsigned seed, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) expected = fixture_bytes(seed, size);
    g_autoptr(GBytes) actual = sluice_store_read(fixture->store, digest, &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(expected, actual));
}

static void fail_on_problem(const char *problem, gpointer data)
{
    g_test_message("%s", problem);
}

void fixture_assert_sound(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    SluiceFsckStats stats;
    SluiceStoreInfo info;
    sluice_store_fsck(fixture->store, FALSE, fail_on_problem, NULL, NULL, &stats, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(stats.damaged, ==, 0);
    g_assert_cmpuint(stats.dangling_refs, ==, 0);
    sluice_store_get_info(fixture->store, &info, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(stats.blobs_checked, ==, info.blobs);
    g_assert_cmpuint(stats.bytes_checked, ==, info.blob_bytes);
}

static gboolean describe_entry(const char *path, const SluiceEntry *entry, gpointer data)
{
    GString *text = data;
    g_assert_true(g_str_has_suffix(path, entry->name));
    if (entry->type == SLUICE_ENTRY_SYMLINK)
        g_string_append_printf(text, "%s -> %s\n", path, entry->target);
    else if (entry->type == SLUICE_ENTRY_DIRECTORY)
        g_string_append_printf(text, "%s/\n", path);
    else
        g_string_append_printf(text, "%s %" G_GINT64_FORMAT "%s\n", path, entry->digest.size,
                               entry->executable ? " x" : "");
    return TRUE;
}

char *fixture_describe(Fixture *fixture, const SluiceDigest *root)
{
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new(NULL);
    sluice_store_walk_tree(fixture->store, root, describe_entry, text, &error);
    g_assert_no_error(error);
    return g_string_free(text, FALSE);
}
