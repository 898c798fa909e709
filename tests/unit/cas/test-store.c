/* Hashing; opening stores; facts and quota; work directories. */
#include "fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_digest(void)
{
    SluiceDigest digest;
    char text[SLUICE_DIGEST_STRING_MAX];
    sluice_digest_of("abc", 3, &digest);
    g_assert_cmpstr(sluice_digest_string(&digest, text), ==,
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad/3");
    sluice_digest_of("", 0, &digest);
    g_assert_true(sluice_digest_equal(&digest, &sluice_digest_empty));
    g_autoptr(GBytes) bytes = g_bytes_new_static("abc", 3);
    sluice_digest_of_bytes(bytes, &digest);
    g_assert_cmpint(digest.size, ==, 3);
}

static void test_hasher(void)
{
    g_autoptr(SluiceHasher) hasher = sluice_hasher_new();
    SluiceDigest pieces, whole;
    sluice_digest_of("hello world", 11, &whole);
    for (int round = 0; round < 2; round++) { /* it is reset after the first */
        sluice_hasher_update(hasher, "hello", 5);
        sluice_hasher_update(hasher, "", 0);
        sluice_hasher_update(hasher, " world", 6);
        sluice_hasher_finish(hasher, &pieces);
        g_assert_true(sluice_digest_equal(&pieces, &whole));
    }
    sluice_hasher_free(NULL);
}

static void test_hasher_copy(void)
{
    g_autoptr(SluiceHasher) from = sluice_hasher_new();
    g_autoptr(SluiceHasher) to = sluice_hasher_new();
    SluiceDigest copied, whole;
    sluice_hasher_update(from, "hello", 5);
    for (int round = 0; round < 2; round++) { /* what `to` had before is forgotten, and the first goes on unchanged */
        sluice_hasher_update(to, "other", 5);
        sluice_hasher_copy(to, from);
        sluice_hasher_update(to, " world", 6);
        sluice_hasher_finish(to, &copied);
        sluice_digest_of("hello world", 11, &whole);
        g_assert_true(sluice_digest_equal(&copied, &whole));
        g_assert_cmpint(copied.size, ==, 11);
    }
    sluice_hasher_finish(from, &copied);
    sluice_digest_of("hello", 5, &whole);
    g_assert_true(sluice_digest_equal(&copied, &whole));
    sluice_hasher_copy(to, from); /* of one that was reset */
    sluice_hasher_finish(to, &copied);
    g_assert_true(sluice_digest_equal(&copied, &sluice_digest_empty));
}

static void test_default_path(void)
{
    g_setenv("SLUICE_CACHE", "/somewhere/else", TRUE);
    g_autofree char *named = sluice_store_default_path();
    g_assert_cmpstr(named, ==, "/somewhere/else");
    g_unsetenv("SLUICE_CACHE");
    g_autofree char *standard = sluice_store_default_path();
    g_assert_true(g_str_has_suffix(standard, "/sluice"));
}

static void test_open_again(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest digest = fixture_put_text(fixture, "stays");
    g_autoptr(SluiceStore) second = sluice_store_open(fixture->path, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(sluice_store_has(second, &digest));
    g_assert_cmpstr(sluice_store_get_path(second), ==, fixture->path);
    g_assert_null(sluice_store_get_notice(second));
    fixture_reopen(fixture); /* the second handle keeps the index alive meanwhile */
    g_assert_true(sluice_store_has(second, &digest));
    g_assert_true(sluice_store_has(fixture->store, &digest));
    sluice_store_close(NULL);
}

static void test_open_failures(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture_write(fixture, "home/file", "x", 0644);
    g_autofree char *home = fixture_path(fixture, "home");
    g_assert_null(sluice_store_open(home, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_clear_error(&error);

    fixture_write(fixture, "future/version", "sluice-cas 99\n", 0644);
    g_autofree char *future = fixture_path(fixture, "future");
    g_assert_null(sluice_store_open(future, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_BUSY);
    g_clear_error(&error);

    g_autofree char *file = fixture_path(fixture, "home/file");
    g_assert_null(sluice_store_open(file, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO);
    g_clear_error(&error);

    const SluiceStoreOptions marks = {.high_watermark = 50, .low_watermark = 60};
    g_autofree char *marked = fixture_path(fixture, "marked");
    g_assert_null(sluice_store_open(marked, &marks, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
}

static void test_read_only(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const SluiceStoreOptions options = {.read_only = TRUE};
    SluiceDigest digest = fixture_put_text(fixture, "to be read");
    g_autofree char *absent = fixture_path(fixture, "absent");
    g_assert_null(sluice_store_open(absent, &options, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_assert_false(g_file_test(absent, G_FILE_TEST_EXISTS));
    g_clear_error(&error);

    sluice_store_close(fixture->store);
    fixture->store = sluice_store_open(fixture->path, &options, &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) bytes = sluice_store_read(fixture->store, &digest, &error);
    g_assert_no_error(error);
    g_assert_false(sluice_store_put(fixture->store, "x", 1, NULL, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO);
    g_clear_error(&error);
    g_assert_false(sluice_store_gc(fixture->store, 0, NULL, &error));
    g_clear_error(&error);
    g_assert_null(sluice_lease_new(fixture->store, &error));
    g_clear_error(&error);
    g_assert_null(sluice_store_open(fixture->path, NULL, &error)); /* one process cannot have both */
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_BUSY);
}

static void test_info_and_quota(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceStoreInfo info;
    fixture_put(fixture, 1, 1000);
    fixture_put(fixture, 2, 100000);
    fixture_put(fixture, 2, 100000); /* counted once */
    g_assert_true(sluice_store_set_quota(fixture->store, 123456789, &error));
    fixture_reopen(fixture);
    g_assert_true(sluice_store_get_info(fixture->store, &info, &error));
    g_assert_cmpuint(info.blobs, ==, 2);
    g_assert_cmpuint(info.blob_bytes, ==, 101000);
    g_assert_cmpuint(info.inline_blobs, ==, 1);
    g_assert_cmpuint(info.disk_bytes, >=, 101000);
    g_assert_cmpuint(info.disk_bytes, <, 120000);
    g_assert_cmpuint(info.quota, ==, 123456789);
    g_assert_cmpuint(info.results + info.refs + info.leases, ==, 0);
}

static void test_work_dir(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = sluice_store_make_work_dir(fixture->store, "build", &error);
    g_autofree char *second = sluice_store_make_work_dir(fixture->store, "build", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(first, !=, second);
    g_assert_true(g_file_test(first, G_FILE_TEST_IS_DIR));
    g_assert_true(g_str_has_prefix(first, fixture->path));
    g_assert_null(sluice_store_make_work_dir(fixture->store, "../x", &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_clear_error(&error);
    SluiceGcStats stats;
    g_assert_true(sluice_store_gc(fixture->store, G_MAXUINT64, &stats, &error));
    g_assert_true(g_file_test(first, G_FILE_TEST_IS_DIR)); /* its process lives */
    g_assert_cmpuint(stats.temporaries_removed, ==, 0);
}

/* A forked child opens the store again; what it leaves when it dies is rubbish. */
static void test_fork(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest digest;
    sluice_digest_of("from the child", 14, &digest);
    fixture_put_text(fixture, "before");
    pid_t child = fork();
    if (child == 0) {
        SluiceStore *own = sluice_store_open(fixture->path, NULL, NULL);
        if (own == NULL || own->index == fixture->store->index ||
            !sluice_store_put(own, "from the child", 14, &digest, NULL, NULL))
            _exit(1);
        if (sluice_store_make_work_dir(own, "left", NULL) == NULL)
            _exit(2);
        sluice_store_close(fixture->store); /* the parent's: must not disturb it */
        _exit(0);
    }
    int status;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
    g_assert_true(sluice_store_has(fixture->store, &digest));
    fixture_put_text(fixture, "after");
    SluiceGcStats stats;
    g_assert_true(sluice_store_gc(fixture->store, G_MAXUINT64, &stats, &error));
    g_assert_cmpuint(stats.temporaries_removed, ==, 1);
    fixture_assert_sound(fixture);
}

static gboolean is_missing(Fixture *fixture, const SluiceDigest *digest)
{
    gboolean missing = TRUE;
    g_assert_true(sluice_store_find_missing(fixture->store, digest, 1, &missing, NULL));
    return missing;
}

/* What this process knows to be there is forgotten when another one removes it. */
static void test_presence(Fixture *fixture, gconstpointer data)
{
    const SluiceDigest small = fixture_put(fixture, 1, 100), large = fixture_put(fixture, 2, 100000);
    SluiceDigest longer = small;
    longer.size++;
    for (int i = 0; i < 2; i++) { /* the second time without the index */
        g_assert_false(is_missing(fixture, &small));
        g_assert_false(is_missing(fixture, &large));
        g_assert_true(is_missing(fixture, &longer));
        g_assert_false(is_missing(fixture, &sluice_digest_empty));
    }
    pid_t child = fork();
    if (child == 0) {
        SluiceGcStats stats;
        SluiceStore *own = sluice_store_open(fixture->path, NULL, NULL);
        _exit(own == NULL || !sluice_store_gc(own, 0, &stats, NULL) || stats.blobs_removed != 2);
    }
    int status;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
    g_assert_true(is_missing(fixture, &small));
    g_assert_true(is_missing(fixture, &large));
    fixture_put(fixture, 1, 100);
    g_assert_false(is_missing(fixture, &small));
    g_assert_true(is_missing(fixture, &large));
    /* and when it is found to be damaged */
    fixture_put(fixture, 2, 100000);
    g_assert_false(is_missing(fixture, &large));
    char name[CAS_OBJECT_NAME_MAX];
    cas_object_name(large.hash, FALSE, name);
    g_assert_cmpint(unlinkat(fixture->store->index->root_fd, name, 0), ==, 0);
    g_assert_null(sluice_store_read(fixture->store, &large, NULL));
    g_assert_true(is_missing(fixture, &large));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cas/hash/digest", test_digest);
    g_test_add_func("/cas/hash/hasher", test_hasher);
    g_test_add_func("/cas/hash/hasher-copy", test_hasher_copy);
    g_test_add_func("/cas/store/default-path", test_default_path);
    FIXTURE_TEST("/cas/store/open-again", test_open_again);
    FIXTURE_TEST("/cas/store/open-failures", test_open_failures);
    FIXTURE_TEST("/cas/store/read-only", test_read_only);
    FIXTURE_TEST("/cas/store/info-and-quota", test_info_and_quota);
    FIXTURE_TEST("/cas/store/work-dir", test_work_dir);
    FIXTURE_TEST("/cas/store/fork", test_fork);
    FIXTURE_TEST("/cas/store/presence", test_presence);
    return g_test_run();
}
