/* Many threads on one store, each doing something else: for ThreadSanitizer, and for deadlocks. */
#include "fixture.h"

#include <fcntl.h>
#include <string.h>

#define ROUNDS 60

typedef struct {
    Fixture *fixture;
    unsigned id;
    const SluiceDigest *root; /* a tree that is leased */
    const char *directory;    /* to import */
} Worker;

static gpointer put_and_read(gpointer data)
{
    Worker *worker = data;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned seed = i % 3 ? i : i * 100 + worker->id; /* some by all threads, some by one */
        gsize size = i % 2 ? 500 + i : 40000 + i;
        SluiceDigest digest = fixture_put(worker->fixture, seed, size);
        g_autoptr(GBytes) bytes = sluice_store_read(worker->fixture->store, &digest, NULL);
        g_autoptr(GBytes) expected = fixture_bytes(seed, size);
        g_assert_true(bytes == NULL || g_bytes_equal(bytes, expected)); /* gc may have been there */
    }
    return NULL;
}

static gpointer stream(gpointer data)
{
    Worker *worker = data;
    for (unsigned i = 0; i < ROUNDS; i++) {
        g_autoptr(SluiceBlobWriter) writer = sluice_blob_writer_new(worker->fixture->store, NULL, NULL);
        g_autoptr(GBytes) bytes = fixture_bytes(i, 30000);
        g_assert_true(sluice_blob_writer_append(writer, g_bytes_get_data(bytes, NULL), 30000, NULL));
        g_assert_true(sluice_blob_writer_commit(writer, NULL, NULL));
    }
    return NULL;
}

static gboolean count_entry(const char *path, const SluiceEntry *entry, gpointer data)
{
    (*(unsigned *)data)++;
    return TRUE;
}

static gpointer walk(gpointer data)
{
    Worker *worker = data;
    for (unsigned i = 0; i < ROUNDS; i++) {
        g_autoptr(GError) error = NULL;
        unsigned count = 0;
        sluice_store_walk_tree(worker->fixture->store, worker->root, count_entry, &count, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(count, ==, 22);
    }
    return NULL;
}

static gpointer names(gpointer data)
{
    Worker *worker = data;
    for (unsigned i = 0; i < ROUNDS; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) value = fixture_bytes(i, 20);
        g_autofree char *name = g_strdup_printf("ref-%u-%u", worker->id, i % 7);
        const SluiceRef ref = {.value = value, .trees = worker->root, .n_trees = 1};
        SluiceDigest digest = fixture_put(worker->fixture, i, 10);
        g_assert_true(sluice_store_set_ref(worker->fixture->store, "space", name, &ref, &error));
        g_assert_true(sluice_store_put_result(worker->fixture->store, worker->root, value, &error));
        g_autoptr(GBytes) result = sluice_store_get_result(worker->fixture->store, worker->root, NULL);
        g_autoptr(SluiceLease) lease = sluice_lease_new(worker->fixture->store, &error);
        sluice_lease_add_blob(lease, &digest, NULL);
        g_autoptr(GPtrArray) all = sluice_store_list_refs(worker->fixture->store, "space", "", &error);
        g_assert_no_error(error);
    }
    return NULL;
}

static gpointer collect(gpointer data)
{
    Worker *worker = data;
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        g_autoptr(GError) error = NULL;
        sluice_store_gc(worker->fixture->store, i % 2 ? 300000 : G_MAXUINT64, NULL, &error);
        g_assert_no_error(error);
    }
    return NULL;
}

static gpointer import(gpointer data)
{
    Worker *worker = data;
    const SluiceImportOptions options = {.threads = 4};
    for (unsigned i = 0; i < ROUNDS / 10; i++) {
        g_autoptr(GError) error = NULL;
        SluiceDigest root;
        sluice_store_import(worker->fixture->store, AT_FDCWD, worker->directory, &options, &root, &error);
        g_assert_no_error(error);
    }
    return NULL;
}

static gpointer check(gpointer data)
{
    Worker *worker = data;
    for (unsigned i = 0; i < ROUNDS / 20; i++) {
        g_autoptr(GError) error = NULL;
        SluiceFsckStats stats;
        sluice_store_fsck(worker->fixture->store, i % 2, NULL, NULL, NULL, &stats, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(stats.damaged, ==, 0);
    }
    return NULL;
}

static SluiceDigest make_tree(Fixture *fixture)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    SluiceDigest root;
    for (unsigned i = 0; i < 20; i++) {
        g_autofree char *path = g_strdup_printf("a/b/%u", i);
        SluiceDigest digest = fixture_put(fixture, 7000 + i, i * 1000);
        g_assert_true(sluice_tree_add_file(tree, path, &digest, FALSE, NULL));
    }
    g_assert_true(sluice_tree_commit(tree, &root, NULL));
    return root;
}

static void test_all_at_once(Fixture *fixture, gconstpointer data)
{
    static const GThreadFunc jobs[] = {put_and_read, put_and_read, stream,  walk,   walk,
                                       names,        names,        collect, import, check};
    g_autoptr(GError) error = NULL;
    g_autofree char *directory = fixture_path(fixture, "in");
    SluiceDigest root = make_tree(fixture);
    g_autoptr(SluiceLease) lease = sluice_lease_new(fixture->store, &error);
    g_assert_true(sluice_lease_add_tree(lease, &root, &error));
    for (unsigned i = 0; i < 60; i++) {
        g_autofree char *name = g_strdup_printf("in/%u/%u", i % 7, i);
        g_autofree char *text = g_strnfill(i * 1000, 'x');
        fixture_write(fixture, name, text, 0644);
    }
    Worker workers[G_N_ELEMENTS(jobs)];
    GThread *threads[G_N_ELEMENTS(jobs)];
    for (unsigned i = 0; i < G_N_ELEMENTS(jobs); i++) {
        workers[i] = (Worker){.fixture = fixture, .id = i, .root = &root, .directory = directory};
        threads[i] = g_thread_new("worker", jobs[i], &workers[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(jobs); i++)
        g_thread_join(threads[i]);
    g_assert_true(sluice_store_gc(fixture->store, 0, NULL, &error));
    fixture_assert_sound(fixture);
}

static gpointer open_and_close(gpointer data)
{
    Worker *worker = data;
    for (unsigned i = 0; i < ROUNDS; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(SluiceStore) store = sluice_store_open(worker->fixture->path, NULL, &error);
        g_assert_no_error(error);
        g_assert_true(sluice_store_put(store, &i, sizeof i, NULL, NULL, &error));
    }
    return NULL;
}

static void test_open_and_close(Fixture *fixture, gconstpointer data)
{
    Worker worker = {.fixture = fixture};
    GThread *threads[4];
    g_clear_pointer(&fixture->store, sluice_store_close);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("opener", open_and_close, &worker);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    fixture_reopen(fixture);
    fixture_assert_sound(fixture);
}

/* A small map must grow while others read. */
static void test_map_grows(Fixture *fixture, gconstpointer data)
{
    Worker worker = {.fixture = fixture};
    CasIndex *index = fixture->store->index;
    g_rw_lock_writer_lock(&index->map_lock);
    g_assert_cmpint(mdb_env_set_mapsize(index->env, 1 << 20), ==, 0);
    index->map_size = 1 << 20;
    g_rw_lock_writer_unlock(&index->map_lock);
    GThread *reader = g_thread_new("reader", put_and_read, &worker);
    for (unsigned i = 0; i < 300; i++)
        fixture_put(fixture, 50000 + i, 10000);
    g_thread_join(reader);
    g_assert_cmpuint(index->map_size, >, 1 << 20);
    fixture_assert_sound(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/cas/threads/all-at-once", test_all_at_once);
    FIXTURE_TEST("/cas/threads/open-and-close", test_open_and_close);
    FIXTURE_TEST("/cas/threads/map-grows", test_map_grows);
    return g_test_run();
}
