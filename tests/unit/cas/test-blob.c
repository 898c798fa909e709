/* Blobs: putting, reading, streaming, and what happens when a file is damaged. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* Around each limit: empty, inline, file, mapped. */
static const gsize sizes[] = {0,      1,           5,     CAS_INLINE_MAX - 1, CAS_INLINE_MAX, CAS_INLINE_MAX + 1,
                              100000, CAS_MAP_MIN, 700001};

static void test_put_and_read(Fixture *fixture, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        SluiceDigest digest = fixture_put(fixture, 7, sizes[i]);
        g_assert_cmpint(digest.size, ==, sizes[i]);
        g_assert_true(sluice_store_has(fixture->store, &digest));
        fixture_assert_content(fixture, &digest, 7, sizes[i]);
    }
    fixture_reopen(fixture);
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GBytes) bytes = fixture_bytes(7, sizes[i]);
        SluiceDigest digest;
        sluice_digest_of_bytes(bytes, &digest);
        fixture_assert_content(fixture, &digest, 7, sizes[i]);
    }
    fixture_assert_sound(fixture);
}

static void test_put_mismatch(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest wrong = fixture_absent();
    g_assert_false(sluice_store_put(fixture->store, "something", 9, &wrong, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_MISMATCH);
    g_assert_false(sluice_store_has(fixture->store, &wrong));
    SluiceStoreInfo info;
    g_assert_true(sluice_store_get_info(fixture->store, &info, NULL));
    g_assert_cmpuint(info.blobs, ==, 0);
}

static void test_absent(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest absent = fixture_absent();
    g_assert_false(sluice_store_has(fixture->store, &absent));
    g_assert_null(sluice_store_read(fixture->store, &absent, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_cmpint(sluice_store_open_blob(fixture->store, &absent, &error), ==, -1);
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    /* The size is part of the identity. */
    SluiceDigest other_size = fixture_put_text(fixture, "sized");
    other_size.size = 6;
    g_assert_false(sluice_store_has(fixture->store, &other_size));
    SluiceDigest false_empty = {.size = 0};
    g_assert_false(sluice_store_has(fixture->store, &false_empty));
    g_assert_true(sluice_store_has(fixture->store, &sluice_digest_empty));
}

static void test_find_missing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean missing[4];
    const SluiceDigest digests[4] = {fixture_put(fixture, 1, 10), fixture_absent(), sluice_digest_empty,
                                     fixture_put(fixture, 2, 50000)};
    g_assert_true(sluice_store_find_missing(fixture->store, digests, 4, missing, &error));
    g_assert_false(missing[0]);
    g_assert_true(missing[1]);
    g_assert_false(missing[2]);
    g_assert_false(missing[3]);
    g_assert_true(sluice_store_find_missing(fixture->store, NULL, 0, NULL, &error));
}

static void test_open_blob(Fixture *fixture, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GError) error = NULL;
        SluiceDigest digest = fixture_put(fixture, 9, sizes[i]);
        int fd = sluice_store_open_blob(fixture->store, &digest, &error);
        g_assert_no_error(error);
        g_autofree uint8_t *buffer = g_malloc(sizes[i] + 1);
        gsize length = 0;
        for (ssize_t got; (got = read(fd, buffer + length, sizes[i] + 1 - length)) > 0;)
            length += (gsize)got;
        g_autoptr(GBytes) expected = fixture_bytes(9, sizes[i]);
        g_assert_cmpmem(buffer, length, g_bytes_get_data(expected, NULL), sizes[i]);
        g_assert_cmpint(write(fd, "x", 1), ==, -1);
        close(fd);
    }
}

static void test_put_many(Fixture *fixture, gconstpointer data)
{
    enum { COUNT = 300 };
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) blobs = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    for (unsigned i = 0; i < COUNT; i++)
        g_ptr_array_add(blobs, fixture_bytes(i % 200, i % 200 * 150)); /* some twice, some large, one empty */
    g_autofree SluiceDigest *digests = g_new(SluiceDigest, COUNT);
    g_assert_true(sluice_store_put_many(fixture->store, (GBytes *const *)blobs->pdata, COUNT, digests, &error));
    g_assert_no_error(error);
    for (unsigned i = 0; i < COUNT; i++)
        fixture_assert_content(fixture, &digests[i], i % 200, i % 200 * 150);
    fixture_assert_sound(fixture);
    g_assert_true(sluice_store_put_many(fixture->store, NULL, 0, NULL, &error));
}

static void test_put_fd(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_path(fixture, "input");
    g_autoptr(GBytes) bytes = fixture_bytes(3, 300000);
    g_assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL), 300000, NULL));
    int fd = open(path, O_RDONLY);
    SluiceDigest digest, wrong = fixture_absent();
    g_assert_cmpint(lseek(fd, 100, SEEK_SET), ==, 100); /* from where it stands */
    g_assert_true(sluice_store_put_fd(fixture->store, fd, NULL, &digest, &error));
    g_assert_cmpint(digest.size, ==, 299900);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    g_assert_false(sluice_store_put_fd(fixture->store, fd, &wrong, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_MISMATCH);
    g_clear_error(&error);
    close(fd);
    g_assert_false(sluice_store_put_fd(fixture->store, -1, NULL, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO);
    fixture_assert_sound(fixture);
}

static guint count_temporaries(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->path, "tmp", fixture->store->index->session_id, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint count = 0;
    while (dir != NULL && g_dir_read_name(dir) != NULL)
        count++;
    return count;
}

static void test_writer(Fixture *fixture, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) bytes = fixture_bytes(11, sizes[i]);
        const uint8_t *content = g_bytes_get_data(bytes, NULL);
        SluiceDigest expected, digest;
        sluice_digest_of_bytes(bytes, &expected);
        g_autoptr(SluiceBlobWriter) writer = sluice_blob_writer_new(fixture->store, i % 2 ? &expected : NULL, &error);
        for (gsize done = 0, step = 1; done < sizes[i]; done += step, step = MIN(step * 3, sizes[i] - done))
            g_assert_true(sluice_blob_writer_append(writer, content + done, MIN(step, sizes[i] - done), &error));
        g_assert_cmpint(sluice_blob_writer_get_size(writer), ==, sizes[i]);
        if (sizes[i] > 0)
            g_assert_false(sluice_store_has(fixture->store, &expected)); /* not before the commit */
        g_assert_true(sluice_blob_writer_commit(writer, &digest, &error));
        g_assert_true(sluice_digest_equal(&digest, &expected));
        fixture_assert_content(fixture, &expected, 11, sizes[i]);
        g_assert_false(sluice_blob_writer_append(writer, "x", 1, &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
        g_clear_error(&error);
        g_assert_false(sluice_blob_writer_commit(writer, NULL, &error));
    }
    g_assert_cmpuint(count_temporaries(fixture), ==, 0);
    fixture_assert_sound(fixture);
}

static void test_writer_mismatch(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = fixture_bytes(5, 50000);
    SluiceDigest expected;
    sluice_digest_of_bytes(bytes, &expected);
    SluiceBlobWriter *writer = sluice_blob_writer_new(fixture->store, &expected, &error);
    g_assert_true(sluice_blob_writer_append(writer, g_bytes_get_data(bytes, NULL), 49999, &error));
    g_assert_false(sluice_blob_writer_append(writer, "ab", 2, &error)); /* more than announced */
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_MISMATCH);
    g_clear_error(&error);
    g_assert_true(sluice_blob_writer_append(writer, "!", 1, &error)); /* the right size, other bytes */
    g_assert_false(sluice_blob_writer_commit(writer, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_MISMATCH);
    g_clear_error(&error);
    sluice_blob_writer_free(writer);
    g_assert_false(sluice_store_has(fixture->store, &expected));

    writer = sluice_blob_writer_new(fixture->store, NULL, &error); /* aborted */
    g_assert_true(sluice_blob_writer_append(writer, g_bytes_get_data(bytes, NULL), 50000, &error));
    g_assert_cmpuint(count_temporaries(fixture), ==, 1);
    sluice_blob_writer_free(writer);
    g_assert_cmpuint(count_temporaries(fixture), ==, 0);
    g_assert_false(sluice_store_has(fixture->store, &expected));
    sluice_blob_writer_free(NULL);
}

static char *object_path(Fixture *fixture, const SluiceDigest *digest)
{
    char name[CAS_OBJECT_NAME_MAX];
    cas_object_name(digest->hash, FALSE, name);
    return g_build_filename(fixture->path, name, NULL);
}

/* A file that has gone, or lost bytes, counts as absent, and can be put again. */
static void test_damaged_file(Fixture *fixture, gconstpointer data)
{
    for (int truncated = 0; truncated <= 1; truncated++) {
        g_autoptr(GError) error = NULL;
        SluiceDigest digest = fixture_put(fixture, 4, 50000);
        g_autofree char *path = object_path(fixture, &digest);
        g_assert_cmpint(truncated ? truncate(path, 100) : unlink(path), ==, 0);
        g_assert_null(sluice_store_read(fixture->store, &digest, &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
        g_assert_false(sluice_store_has(fixture->store, &digest));
        fixture_put(fixture, 4, 50000);
        fixture_assert_content(fixture, &digest, 4, 50000);
        g_assert_cmpint(unlink(path), ==, 0); /* put notices it, too */
        fixture_put(fixture, 4, 50000);
        fixture_assert_content(fixture, &digest, 4, 50000);
    }
    fixture_assert_sound(fixture);
}

static void test_no_write_when_warm(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    MDB_envinfo before, after;
    SluiceDigest small = fixture_put(fixture, 1, 100), large = fixture_put(fixture, 2, 100000);
    const SluiceDigest both[] = {small, large};
    gboolean missing[2];
    g_assert_cmpint(mdb_env_info(fixture->store->index->env, &before), ==, 0);
    for (int i = 0; i < 100; i++) {
        fixture_assert_content(fixture, &small, 1, 100);
        fixture_assert_content(fixture, &large, 2, 100000);
        g_assert_true(sluice_store_find_missing(fixture->store, both, 2, missing, &error));
        fixture_put(fixture, 1, 100);
    }
    g_assert_cmpint(mdb_env_info(fixture->store->index->env, &after), ==, 0);
    g_assert_cmpuint(before.me_last_txnid, ==, after.me_last_txnid);
}

static gsize mapped_bytes(void)
{
    unsigned long mapped = 0;
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
    g_assert_cmpint(sscanf(text, "%*u %*u %lu", &mapped), ==, 1);
    return mapped * (gsize)sysconf(_SC_PAGESIZE);
}

static void test_pieces(Fixture *fixture, gconstpointer data)
{
    enum { PIECE = 300000, LARGE = 24 << 20 };
    const gsize lengths[] = {0, 100, CAS_INLINE_MAX + 1, CAS_MAP_MIN + 12345, LARGE};
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autoptr(GBytes) whole = fixture_bytes(3, lengths[i]), last = NULL;
        SluiceDigest digest = fixture_put(fixture, 3, lengths[i]);
        gsize before = mapped_bytes(), offset = 0;
        SluiceBlobReader *reader = sluice_blob_reader_new(fixture->store, &digest, NULL);
        g_assert_nonnull(reader);
        for (; offset < lengths[i]; offset += PIECE) {
            g_autoptr(GBytes) piece = sluice_blob_reader_read(reader, offset, PIECE);
            g_autoptr(GBytes) expected = g_bytes_new_from_bytes(whole, offset, MIN(PIECE, lengths[i] - offset));
            g_assert_true(g_bytes_equal(piece, expected));
        }
        g_assert_cmpuint(mapped_bytes(), <, before + LARGE / 4); /* what was read is not held */
        last = sluice_blob_reader_read(reader, lengths[i] / 2, lengths[i]);
        g_autoptr(GBytes) behind = sluice_blob_reader_read(reader, lengths[i] + 1, 1);
        sluice_blob_reader_free(reader);
        g_autoptr(GBytes) half = g_bytes_new_from_bytes(whole, lengths[i] / 2, lengths[i] - lengths[i] / 2);
        g_assert_true(g_bytes_equal(last, half));
        g_assert_cmpuint(g_bytes_get_size(behind), ==, 0);
    }
    g_autoptr(GError) error = NULL;
    SluiceDigest absent = fixture_absent();
    g_assert_null(sluice_blob_reader_new(fixture->store, &absent, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    sluice_blob_reader_free(NULL);
}

/* What is mapped of the index is given back, and is there again when it is looked at. */
static void test_mapped_limit(Fixture *fixture, gconstpointer data)
{
    enum { COUNT = 2000, SIZE = 12000, WAIT = 300000 };
    g_autoptr(GPtrArray) blobs = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autofree SluiceDigest *digests = g_new(SluiceDigest, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        g_ptr_array_add(blobs, fixture_bytes(i, SIZE));
    g_assert_true(sluice_store_put_many(fixture->store, (GBytes *const *)blobs->pdata, COUNT, digests, NULL));
    for (unsigned i = 0; i < COUNT; i++)
        fixture_assert_content(fixture, &digests[i], i, SIZE);
    gsize full = mapped_bytes();
    sluice_store_set_mapped_limit(fixture->store, 1);
    g_usleep(WAIT);
    g_assert_true(sluice_store_has(fixture->store, &digests[0]));
    g_assert_cmpuint(mapped_bytes() + (gsize)COUNT * SIZE / 2, <, full);
    fixture_assert_content(fixture, &digests[1], 1, SIZE);
    fixture_reopen(fixture); /* mapped elsewhere now, perhaps */
    sluice_store_set_mapped_limit(fixture->store, 1);
    for (unsigned i = 0; i < COUNT; i++)
        fixture_assert_content(fixture, &digests[i], i, SIZE);
    fixture_assert_sound(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/cas/blob/put-and-read", test_put_and_read);
    FIXTURE_TEST("/cas/blob/put-mismatch", test_put_mismatch);
    FIXTURE_TEST("/cas/blob/absent", test_absent);
    FIXTURE_TEST("/cas/blob/find-missing", test_find_missing);
    FIXTURE_TEST("/cas/blob/open", test_open_blob);
    FIXTURE_TEST("/cas/blob/put-many", test_put_many);
    FIXTURE_TEST("/cas/blob/put-fd", test_put_fd);
    FIXTURE_TEST("/cas/blob/writer", test_writer);
    FIXTURE_TEST("/cas/blob/writer-mismatch", test_writer_mismatch);
    FIXTURE_TEST("/cas/blob/damaged-file", test_damaged_file);
    FIXTURE_TEST("/cas/blob/no-write-when-warm", test_no_write_when_warm);
    FIXTURE_TEST("/cas/blob/pieces", test_pieces);
    FIXTURE_TEST("/cas/blob/mapped-limit", test_mapped_limit);
    return g_test_run();
}
