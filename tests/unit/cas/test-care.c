/* Care of the store: eviction, quota, fsck, and healing after a power cut. */
#include "fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define HOUR 3600

static SluiceGcStats collect(Fixture *fixture, uint64_t target)
{
    g_autoptr(GError) error = NULL;
    SluiceGcStats stats;
    sluice_store_gc(fixture->store, target, &stats, &error);
    g_assert_no_error(error);
    fixture_assert_sound(fixture);
    return stats;
}

static uint64_t used_bytes(Fixture *fixture)
{
    SluiceStoreInfo info;
    g_assert_true(sluice_store_get_info(fixture->store, &info, NULL));
    return info.disk_bytes;
}

static void set_ref(Fixture *fixture, const char *name, const SluiceDigest *tree, const SluiceDigest *blob)
{
    g_autoptr(GError) error = NULL;
    const SluiceRef ref = {.trees = tree, .n_trees = tree != NULL, .blobs = blob, .n_blobs = blob != NULL};
    sluice_store_set_ref(fixture->store, "artifact", name, &ref, &error);
    g_assert_no_error(error);
}

/* Not by reading it, which would be a use. */
static gboolean has_ref(Fixture *fixture, const char *name)
{
    g_autoptr(GPtrArray) names = sluice_store_list_refs(fixture->store, "artifact", name, NULL);
    return names->len == 1;
}

static void use_ref(Fixture *fixture, const char *name)
{
    g_autoptr(GBytes) value = sluice_store_get_ref(fixture->store, "artifact", name, NULL);
    g_assert_nonnull(value);
}

static SluiceDigest make_tree(Fixture *fixture, unsigned seed, SluiceDigest *file)
{
    SluiceDigest root;
    *file = fixture_put(fixture, seed, 30000);
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    g_assert_true(sluice_tree_add_file(tree, "some/where/file", file, FALSE, NULL));
    g_assert_true(sluice_tree_commit(tree, &root, NULL));
    return root;
}

static void test_oldest_first(Fixture *fixture, gconstpointer data)
{
    SluiceDigest oldest = fixture_put(fixture, 1, 20000), used = fixture_put(fixture, 2, 20000);
    fixture_age(fixture, 10 * HOUR);
    SluiceDigest newer = fixture_put(fixture, 3, 20000);
    fixture_assert_content(fixture, &used, 2, 20000); /* a use, noted in memory only */
    SluiceGcStats stats = collect(fixture, used_bytes(fixture) - 1);
    g_assert_cmpuint(stats.blobs_removed, ==, 1);
    g_assert_cmpuint(stats.bytes_removed, ==, 20000);
    g_assert_false(sluice_store_has(fixture->store, &oldest));
    g_assert_true(sluice_store_has(fixture->store, &used));
    g_assert_true(sluice_store_has(fixture->store, &newer));
    stats = collect(fixture, G_MAXUINT64);
    g_assert_cmpuint(stats.blobs_removed, ==, 0);
    stats = collect(fixture, 0);
    g_assert_cmpuint(stats.blobs_removed, ==, 2);
    g_assert_cmpuint(used_bytes(fixture), ==, 0);
}

/* Each way to use a blob. */
static void test_uses(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    enum { COUNT = 5 };
    SluiceDigest blobs[COUNT], unused = fixture_put(fixture, 99, 100);
    gboolean missing;
    for (unsigned i = 0; i < COUNT; i++)
        blobs[i] = fixture_put(fixture, i, 20000);
    fixture_age(fixture, 10 * HOUR);
    fixture_assert_content(fixture, &blobs[0], 0, 20000);
    g_assert_true(sluice_store_find_missing(fixture->store, &blobs[1], 1, &missing, &error));
    close(sluice_store_open_blob(fixture->store, &blobs[2], &error));
    fixture_put(fixture, 3, 20000);
    g_autoptr(GBytes) bytes = fixture_bytes(4, 20000);
    g_assert_true(sluice_store_put_many(fixture->store, &bytes, 1, &blobs[4], &error));
    fixture_reopen(fixture); /* notes of use are written at the latest now */
    collect(fixture, used_bytes(fixture) - 1);
    g_assert_false(sluice_store_has(fixture->store, &unused));
    for (unsigned i = 0; i < COUNT; i++)
        g_assert_true(sluice_store_has(fixture->store, &blobs[i]));
}

static void test_refs_keep(Fixture *fixture, gconstpointer data)
{
    SluiceDigest file, other_file, root = make_tree(fixture, 1, &file), other = make_tree(fixture, 2, &other_file);
    SluiceDigest loose = fixture_put(fixture, 3, 20000), kept = fixture_put(fixture, 4, 20000);
    fixture_age(fixture, 20 * HOUR);
    set_ref(fixture, "old", &other, NULL);
    fixture_age(fixture, 10 * HOUR);
    set_ref(fixture, "new", &root, &kept);
    /* The loose blob is the oldest; then the old ref goes, and with it what only it needs. */
    collect(fixture, used_bytes(fixture) - 1);
    g_assert_false(sluice_store_has(fixture->store, &loose));
    g_assert_true(has_ref(fixture, "old") && sluice_store_has(fixture->store, &other_file));
    fixture_age(fixture, 10 * HOUR);
    use_ref(fixture, "new");
    SluiceGcStats stats = collect(fixture, 72000);
    g_assert_cmpuint(stats.refs_removed, ==, 1);
    g_assert_false(has_ref(fixture, "old"));
    g_assert_false(sluice_store_has(fixture->store, &other_file));
    g_assert_true(has_ref(fixture, "new"));
    g_assert_true(sluice_store_has(fixture->store, &root) && sluice_store_has(fixture->store, &file));
    g_assert_true(sluice_store_has(fixture->store, &kept));
    g_autofree char *text = fixture_describe(fixture, &root);
    g_assert_cmpstr(text, ==, "/some/\n/some/where/\n/some/where/file 30000\n");
}

/* Refs that were used in the same second (as one build does) go one after the other. */
static void test_refs_of_one_time(Fixture *fixture, gconstpointer data)
{
    enum { COUNT = 10 };
    SluiceDigest files[COUNT], shared = fixture_put(fixture, 1000, 30000);
    const char *const names[COUNT] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    for (unsigned i = 0; i < COUNT; i++) {
        SluiceDigest both[] = {fixture_put(fixture, i, 30000), shared};
        const SluiceRef ref = {.blobs = both, .n_blobs = 2};
        files[i] = both[0];
        g_assert_true(sluice_store_set_ref(fixture->store, "artifact", names[i], &ref, NULL));
    }
    fixture_age(fixture, 10 * HOUR);
    for (unsigned i = 0; i < COUNT; i++)
        use_ref(fixture, names[i]);
    SluiceGcStats stats = collect(fixture, used_bytes(fixture) - 60000);
    g_assert_cmpuint(stats.refs_removed, ==, 2);
    g_assert_cmpuint(stats.blobs_removed, ==, 2);
    for (unsigned i = 0; i < COUNT; i++)
        g_assert_cmpint(has_ref(fixture, names[i]), ==, sluice_store_has(fixture->store, &files[i]));
    g_assert_true(sluice_store_has(fixture->store, &shared));
}

static void test_leases_hold(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest file, root = make_tree(fixture, 1, &file), held = fixture_put(fixture, 2, 100),
                       free = fixture_put(fixture, 3, 100);
    SluiceLease *lease = sluice_lease_new(fixture->store, &error);
    g_assert_true(sluice_lease_add_tree(lease, &root, &error) && sluice_lease_add_blob(lease, &held, &error));
    collect(fixture, 0);
    g_assert_false(sluice_store_has(fixture->store, &free));
    g_assert_true(sluice_store_has(fixture->store, &held) && sluice_store_has(fixture->store, &file));
    g_autofree char *text = fixture_describe(fixture, &root);
    g_assert_cmpstr(text, ==, "/some/\n/some/where/\n/some/where/file 30000\n");
    sluice_lease_free(lease);
    collect(fixture, 0);
    g_assert_false(sluice_store_has(fixture->store, &held) || sluice_store_has(fixture->store, &root));
}

static void test_results_go(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GBytes) result = g_bytes_new_static("", 0), note = fixture_bytes(1, 300);
    SluiceDigest old = fixture_put_text(fixture, "old"), new = fixture_put_text(fixture, "new");
    g_assert_true(sluice_store_put_result_with_note(fixture->store, &old, result, note, NULL));
    g_assert_true(sluice_store_put_result_with_note(fixture->store, &new, result, note, NULL));
    fixture_age(fixture, 10 * HOUR);
    g_autoptr(GBytes) used = sluice_store_get_result(fixture->store, &new, NULL);
    fixture_put_text(fixture, "new");
    fixture_put_text(fixture, "old");
    SluiceGcStats stats = collect(fixture, used_bytes(fixture) - 1);
    g_assert_cmpuint(stats.results_removed, ==, 1);
    g_autoptr(GBytes) gone = sluice_store_get_result(fixture->store, &old, NULL);
    g_autoptr(GBytes) kept = sluice_store_get_result(fixture->store, &new, NULL);
    g_assert_null(gone);
    g_assert_nonnull(kept);
    g_autoptr(GBytes) gone_note = sluice_store_get_result_note(fixture->store, &old, NULL);
    g_autoptr(GBytes) kept_note = sluice_store_get_result_note(fixture->store, &new, NULL);
    g_assert_null(gone_note);
    g_assert_nonnull(kept_note);
    collect(fixture, 0);
    g_assert_cmpuint(used_bytes(fixture), ==, 0);
}

static void test_quota(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const SluiceStoreOptions options = {.high_watermark = 90, .low_watermark = 50};
    SluiceGcStats stats;
    sluice_store_close(fixture->store);
    fixture->store = sluice_store_open(fixture->path, &options, &error);
    for (unsigned i = 0; i < 40; i++)
        fixture_put(fixture, i, 25000);
    g_assert_true(sluice_store_enforce_quota(fixture->store, &stats, &error)); /* there is none */
    g_assert_cmpuint(stats.blobs_removed, ==, 0);
    g_assert_true(sluice_store_set_quota(fixture->store, 2000000, &error));
    g_assert_true(sluice_store_enforce_quota(fixture->store, &stats, &error));
    g_assert_cmpuint(stats.blobs_removed, ==, 0);
    g_assert_true(sluice_store_set_quota(fixture->store, 1000000, &error));
    g_assert_true(sluice_store_enforce_quota(fixture->store, &stats, &error));
    g_assert_cmpuint(stats.blobs_removed, >=, 20);
    g_assert_cmpuint(used_bytes(fixture), <=, 500000);
    g_assert_cmpuint(used_bytes(fixture), >, 400000);
}

static int64_t index_size(Fixture *fixture)
{
    struct stat status;
    g_autofree char *path = g_build_filename(fixture->path, "index", "data.mdb", NULL);
    g_assert_cmpint(stat(path, &status), ==, 0);
    return status.st_size;
}

/* What eviction frees in the index goes back to the disk, and what is left is all there. */
static void test_compaction(Fixture *fixture, gconstpointer data)
{
    enum { COUNT = 4000 };
    g_autoptr(GError) error = NULL;
    SluiceDigest digests[COUNT];
    GBytes *blobs[COUNT];
    for (unsigned i = 0; i < COUNT; i++)
        blobs[i] = fixture_bytes(i, 12000);
    g_assert_true(sluice_store_put_many(fixture->store, blobs, COUNT, digests, &error));
    for (unsigned i = 0; i < COUNT; i++)
        g_bytes_unref(blobs[i]);
    g_autoptr(SluiceStore) second = sluice_store_open(fixture->path, NULL, &error); /* of the same process */
    SluiceLease *lease = sluice_lease_new(fixture->store, &error);
    g_assert_true(sluice_lease_add_blob(lease, &digests[7], &error));
    g_assert_cmpint(index_size(fixture), >, COUNT * 12000);
    collect(fixture, 0);
    g_assert_cmpint(index_size(fixture), <, 1000000);
    fixture_assert_content(fixture, &digests[7], 7, 12000);
    g_assert_true(sluice_store_has(second, &digests[7]));
    sluice_lease_free(lease);
    fixture_put(fixture, 1, 100);
    fixture_reopen(fixture);
    fixture_assert_content(fixture, &digests[7], 7, 12000);
    fixture_assert_sound(fixture);
}

/* ---- fsck ----------------------------------------------------------------------------------------------------------------------- */

static char *object_path(Fixture *fixture, const SluiceDigest *digest)
{
    char name[CAS_OBJECT_NAME_MAX];
    cas_object_name(digest->hash, FALSE, name);
    return g_build_filename(fixture->path, name, NULL);
}

static void flip_file_byte(const char *path)
{
    int fd = open(path, O_WRONLY);
    g_assert_cmpint(pwrite(fd, "\xee", 1, 77), ==, 1);
    close(fd);
}

static void flip_inline_byte(Fixture *fixture, const SluiceDigest *digest)
{
    CasTxn txn;
    MDB_val value;
    g_assert_true(cas_txn_write(fixture->store->index, &txn, NULL));
    g_assert_cmpint(cas_get(&txn, CAS_DB_BLOBS, digest->hash, SLUICE_HASH_BYTES, &value), ==, 0);
    g_autofree uint8_t *copy = g_memdup2(value.mv_data, value.mv_size);
    copy[sizeof(CasBlobRecord)] ^= 1;
    g_assert_cmpint(cas_put(&txn, CAS_DB_BLOBS, digest->hash, SLUICE_HASH_BYTES, copy, value.mv_size), ==, 0);
    g_assert_true(cas_txn_commit(&txn, NULL));
}

static void on_problem(const char *problem, gpointer data)
{
    GString *text = data;
    g_string_append_printf(text, "%s\n", problem);
}

static uint64_t progress_done, progress_total;
static void on_progress(uint64_t done, uint64_t total, gpointer data)
{
    progress_done = done;
    progress_total = total;
}

static void put_result(Fixture *fixture, const SluiceDigest *key, const SluiceDigest *output)
{
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autoptr(GByteArray) result = g_byte_array_new();
    sluice_wire_put_string(file, 1, "out");
    sluice_wire_put_digest(file, 2, output);
    sluice_wire_put_bytes(result, 2, file->data, file->len);
    g_autoptr(GBytes) bytes = g_bytes_new(result->data, result->len);
    g_assert_true(sluice_store_put_result(fixture->store, key, bytes, NULL));
}

static void test_fsck(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) problems = g_string_new(NULL);
    SluiceDigest file, root = make_tree(fixture, 1, &file);
    SluiceDigest small = fixture_put(fixture, 2, 500), large = fixture_put(fixture, 3, 50000),
                 good = fixture_put(fixture, 4, 50000);
    SluiceDigest key_good = fixture_put_text(fixture, "g"), key_bad = fixture_put_text(fixture, "b"),
                 key_ugly = fixture_put_text(fixture, "u");
    g_autofree char *large_path = object_path(fixture, &large);
    g_autofree char *file_path = object_path(fixture, &file);
    g_autofree char *good_path = object_path(fixture, &good);
    g_autoptr(GBytes) garbage = g_bytes_new_static("\x0b garbage", 9);
    put_result(fixture, &key_good, &good);
    put_result(fixture, &key_bad, &large);
    g_assert_true(sluice_store_put_result(fixture->store, &key_ugly, garbage, NULL));
    set_ref(fixture, "tree", &root, NULL);
    set_ref(fixture, "fine", NULL, &good);
    fixture_assert_content(fixture, &small, 2, 500);

    flip_inline_byte(fixture, &small);
    flip_file_byte(large_path);
    g_assert_cmpint(unlink(file_path), ==, 0);
    g_assert_cmpint(g_chmod(good_path, 0600), ==, 0);
    SluiceFsckStats stats;
    for (int repair = 0; repair <= 1; repair++) {
        g_assert_true(sluice_store_fsck(fixture->store, repair, on_problem, on_progress, problems, &stats, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(stats.damaged, ==, 3);
        g_assert_cmpuint(stats.blobs_checked, ==, 10);
        g_assert_cmpuint(progress_done, ==, 10);
        g_assert_cmpuint(progress_total, ==, 10);
    }
    g_assert_cmpuint(stats.dangling_results, ==, 2);
    g_assert_cmpuint(stats.dangling_refs, ==, 1);
    g_assert_nonnull(strstr(problems->str, "artifact \"tree\""));
    g_assert_false(sluice_store_has(fixture->store, &small) || sluice_store_has(fixture->store, &large));
    g_assert_false(g_file_test(large_path, G_FILE_TEST_EXISTS));
    g_assert_true(has_ref(fixture, "fine") && !has_ref(fixture, "tree"));
    g_autoptr(GBytes) kept = sluice_store_get_result(fixture->store, &key_good, NULL);
    g_autoptr(GBytes) gone = sluice_store_get_result(fixture->store, &key_bad, NULL);
    g_assert_true(kept != NULL && gone == NULL);
    struct stat status;
    g_assert_cmpint(stat(good_path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0644);
    fixture_assert_sound(fixture);
    g_assert_true(sluice_store_fsck(fixture->store, TRUE, NULL, NULL, NULL, NULL, &error));
    fixture_put(fixture, 2, 500); /* and all can be put again */
    fixture_put(fixture, 3, 50000);
    fixture_assert_sound(fixture);
}

/* A file whose process died before its record was written. */
static void test_orphans(Fixture *fixture, gconstpointer data)
{
    SluiceDigest digest = fixture_put(fixture, 5, 50000);
    g_autofree char *path = object_path(fixture, &digest);
    g_autofree char *strange = g_build_filename(fixture->path, "objects", "README", NULL);
    CasTxn txn;
    g_assert_true(g_file_set_contents(strange, "x", 1, NULL));
    g_assert_true(cas_txn_write(fixture->store->index, &txn, NULL));
    g_assert_cmpint(cas_delete_blob_record(&txn, digest.hash), ==, 0);
    g_assert_true(cas_txn_commit(&txn, NULL));
    SluiceGcStats stats = collect(fixture, G_MAXUINT64);
    g_assert_cmpuint(stats.temporaries_removed, ==, 1);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(strange, G_FILE_TEST_EXISTS)); /* none of ours */
}

/* ---- Power cuts -------------------------------------------------------------------------------------------------------------------- */

static void pretend_reboot(Fixture *fixture)
{
    g_autofree char *boot = g_build_filename(fixture->path, "boot", NULL);
    g_assert_true(g_file_set_contents(boot, "another boot", -1, NULL));
}

static char *index_path(Fixture *fixture)
{
    return g_build_filename(fixture->path, "index", "data.mdb", NULL);
}

static void test_clean_reboot(Fixture *fixture, gconstpointer data)
{
    SluiceDigest small = fixture_put(fixture, 1, 100), large = fixture_put(fixture, 2, 50000);
    set_ref(fixture, "ref", NULL, &small);
    g_clear_pointer(&fixture->store, sluice_store_close);
    pretend_reboot(fixture);
    fixture_reopen(fixture);
    g_assert_null(sluice_store_get_notice(fixture->store));
    g_assert_true(has_ref(fixture, "ref"));
    fixture_assert_content(fixture, &small, 1, 100);
    fixture_assert_content(fixture, &large, 2, 50000);
}

static void test_lost_file_content(Fixture *fixture, gconstpointer data)
{
    SluiceDigest first = fixture_put(fixture, 1, 50000), second = fixture_put(fixture, 2, 50000);
    g_autofree char *path = object_path(fixture, &first);
    g_clear_pointer(&fixture->store, sluice_store_close);
    flip_file_byte(path); /* the size is right: only hashing can tell */
    pretend_reboot(fixture);
    fixture_reopen(fixture);
    g_assert_nonnull(strstr(sluice_store_get_notice(fixture->store), "1 blobs"));
    g_assert_false(sluice_store_has(fixture->store, &first));
    g_assert_true(sluice_store_has(fixture->store, &second));
    fixture_assert_sound(fixture);
}

/* What a power cut may do to the index; each time, the large blob is found again and the store works. */
static void damage_garbage(const char *path)
{
    g_assert_true(g_file_set_contents(path, "garbage", -1, NULL));
}

static void damage_truncate(const char *path)
{
    struct stat status;
    g_assert_cmpint(stat(path, &status), ==, 0);
    g_assert_cmpint(truncate(path, status.st_size / 2), ==, 0);
}

static void damage_page_range(const char *path, unsigned char byte)
{
    struct stat status;
    g_assert_cmpint(stat(path, &status), ==, 0);
    g_autofree char *pages = g_malloc((gsize)status.st_size);
    memset(pages, byte, (gsize)status.st_size);
    int fd = open(path, O_WRONLY); /* all but the two meta pages */
    g_assert_cmpint(pwrite(fd, pages, (gsize)status.st_size - 8192, 8192), ==, status.st_size - 8192);
    close(fd);
}

static void damage_zeros(const char *path)
{
    damage_page_range(path, 0);
}

static void damage_ones(const char *path)
{
    damage_page_range(path, 0xff);
}

static void damage_removed(const char *path)
{
    g_assert_cmpint(truncate(path, 0), ==, 0);
}

static void test_damaged_index(Fixture *fixture, gconstpointer data)
{
    static void (*const damages[])(const char *) = {damage_garbage, damage_truncate, damage_zeros, damage_ones,
                                                    damage_removed};
    g_autofree char *path = index_path(fixture);
    for (gsize i = 0; i < G_N_ELEMENTS(damages); i++) {
        SluiceDigest large = fixture_put(fixture, 2, 50000), small = {0};
        for (unsigned j = 0; j < 300; j++)
            small = fixture_put(fixture, j, 3000);
        g_clear_pointer(&fixture->store, sluice_store_close);
        damages[i](path);
        pretend_reboot(fixture);
        fixture_reopen(fixture);
        g_test_message("%" G_GSIZE_FORMAT ": %s", i, sluice_store_get_notice(fixture->store));
        fixture_assert_content(fixture, &large, 2, 50000);
        g_assert_false(sluice_store_has(fixture->store, &small));
        fixture_assert_sound(fixture);
    }
}

/* Without a reboot, too, where it shows at once. */
static void test_unreadable_index(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = index_path(fixture);
    SluiceDigest large = fixture_put(fixture, 2, 50000);
    g_clear_pointer(&fixture->store, sluice_store_close);
    damage_garbage(path);
    const SluiceStoreOptions options = {.read_only = TRUE};
    g_autoptr(GError) error = NULL;
    g_assert_null(sluice_store_open(fixture->path, &options, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO);
    fixture_reopen(fixture);
    g_assert_nonnull(sluice_store_get_notice(fixture->store));
    fixture_assert_content(fixture, &large, 2, 50000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/cas/gc/oldest-first", test_oldest_first);
    FIXTURE_TEST("/cas/gc/uses", test_uses);
    FIXTURE_TEST("/cas/gc/refs-keep", test_refs_keep);
    FIXTURE_TEST("/cas/gc/refs-of-one-time", test_refs_of_one_time);
    FIXTURE_TEST("/cas/gc/leases-hold", test_leases_hold);
    FIXTURE_TEST("/cas/gc/results-go", test_results_go);
    FIXTURE_TEST("/cas/gc/quota", test_quota);
    FIXTURE_TEST("/cas/gc/compaction", test_compaction);
    FIXTURE_TEST("/cas/fsck/damage", test_fsck);
    FIXTURE_TEST("/cas/fsck/orphans", test_orphans);
    FIXTURE_TEST("/cas/recover/clean-reboot", test_clean_reboot);
    FIXTURE_TEST("/cas/recover/lost-file-content", test_lost_file_content);
    FIXTURE_TEST("/cas/recover/damaged-index", test_damaged_index);
    FIXTURE_TEST("/cas/recover/unreadable-index", test_unreadable_index);
    return g_test_run();
}
