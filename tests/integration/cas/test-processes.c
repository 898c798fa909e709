/* Several processes on one store at the same time, from its creation on: the same blobs, different ones, eviction, leases. */
#include "common.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 6
#define ROUNDS    150

static gsize size_of(unsigned seed)
{
    return seed % 3 == 0 ? 40000 + seed : 200 + seed;
}

static void put(SluiceStore *store, unsigned seed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = make_content(seed, size_of(seed));
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    CHECK(sluice_store_put(store, data, length, NULL, NULL, &error), "%s", error->message);
}

/* The same blobs as all others (in another order), and some of its own; each is there as soon as it was put. */
static void write_blobs(const char *path, unsigned id)
{
    SluiceStore *store = open_store(path);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned common = (i + id * 31) % ROUNDS, own = 1000 * (id + 1) + i;
        put(store, common);
        put(store, own);
        check_content(store, common, size_of(common));
        check_content(store, own, size_of(own));
    }
    sluice_store_close(store);
}

static void run_all(const char *path, void (*job)(const char *path, unsigned id))
{
    pid_t children[PROCESSES];
    for (unsigned i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0, "fork");
        if (children[i] == 0) {
            job(path, i);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        int status;
        CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0, "process %u failed", i);
    }
}

static void check_written(const char *path)
{
    SluiceStore *store = open_store(path);
    SluiceStoreInfo info;
    for (unsigned id = 0; id < PROCESSES; id++)
        for (unsigned i = 0; i < ROUNDS; i++) {
            check_content(store, i, size_of(i));
            check_content(store, 1000 * (id + 1) + i, size_of(1000 * (id + 1) + i));
        }
    check_sound(store);
    CHECK(sluice_store_get_info(store, &info, NULL), "info");
    CHECK(info.blobs == ROUNDS * (PROCESSES + 1), "%" G_GUINT64_FORMAT " blobs", info.blobs);
    sluice_store_close(store);
}

/* Some evict all that they can, the others work on what they lease. */
static void work_under_eviction(const char *path, unsigned id)
{
    g_autoptr(GError) error = NULL;
    SluiceStore *store = open_store(path);
    for (unsigned i = 0; i < ROUNDS / 5; i++) {
        if (id < 2) {
            CHECK(sluice_store_gc(store, 0, NULL, &error), "%s", error->message);
            continue;
        }
        g_autoptr(SluiceLease) lease = sluice_lease_new(store, &error);
        g_autoptr(SluiceTree) tree = sluice_tree_new(store);
        g_autoptr(GBytes) bytes = make_content(i, size_of(i));
        SluiceDigest digest, root;
        sluice_digest_of_bytes(bytes, &digest);
        do { /* until the lease is faster than the eviction */
            put(store, i);
        } while (!sluice_lease_add_blob(lease, &digest, NULL));
        CHECK(sluice_tree_add_file(tree, "a/b/c", &digest, id % 2, NULL), "add_file");
        g_autoptr(GBytes) keep = NULL;
        for (gboolean leased = FALSE; !leased;) { /* a commit writes nothing twice: so a new tree each time */
            g_autoptr(SluiceTree) again = sluice_tree_new(store);
            CHECK(sluice_tree_add_file(again, "a/b/c", &digest, id % 2, NULL), "add_file");
            CHECK(sluice_tree_commit(again, &root, &error), "%s", error->message);
            leased = sluice_lease_add_tree(lease, &root, NULL);
        }
        g_usleep(2000);
        check_content(store, i, size_of(i));
    }
    sluice_store_close(store);
}

/* A session that is just being started is not taken for a dead one. */
static void start_under_sweep(const char *path, unsigned id)
{
    g_autoptr(GError) error = NULL;
    for (unsigned i = 0; i < 4 * ROUNDS; i++) {
        SluiceStore *store = open_store(path);
        if (id < 2) {
            CHECK(sluice_store_gc(store, G_MAXUINT64, NULL, &error), "%s", error->message);
        } else {
            g_autofree char *work = sluice_store_make_work_dir(store, "work", &error);
            CHECK(work != NULL, "%s", error->message);
            CHECK(g_rmdir(work) == 0, "%s has gone", work);
        }
        sluice_store_close(store);
    }
}

/* A lease of a process that was killed ends with it. */
static void check_dead_lease(const char *path)
{
    g_autoptr(GError) error = NULL;
    int fds[2];
    char ready;
    CHECK(pipe(fds) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) {
        SluiceStore *store = open_store(path);
        put(store, 77);
        g_autoptr(GBytes) bytes = make_content(77, size_of(77));
        SluiceDigest digest;
        sluice_digest_of_bytes(bytes, &digest);
        SluiceLease *lease = sluice_lease_new(store, NULL);
        CHECK(sluice_lease_add_blob(lease, &digest, NULL), "lease");
        CHECK(sluice_store_make_work_dir(store, "work", NULL) != NULL, "work_dir");
        CHECK(write(fds[1], "+", 1) == 1, "pipe");
        pause();
    }
    CHECK(read(fds[0], &ready, 1) == 1, "the child failed");
    SluiceStore *store = open_store(path);
    CHECK(sluice_store_gc(store, 0, NULL, &error), "%s", error->message);
    check_content(store, 77, size_of(77));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    SluiceGcStats stats;
    CHECK(sluice_store_gc(store, 0, &stats, &error), "%s", error->message);
    CHECK(stats.blobs_removed == 1 && stats.temporaries_removed == 1, "the lease of the dead is held");
    close(fds[0]);
    close(fds[1]);
    sluice_store_close(store);
}

int main(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *scratch = g_dir_make_tmp("sluice-processes-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(scratch, "deep", "store", NULL);
    run_all(path, write_blobs); /* the first ones create the store, all at once */
    check_written(path);
    run_all(path, work_under_eviction);
    run_all(path, start_under_sweep);
    check_dead_lease(path);
    SluiceStore *store = open_store(path);
    check_sound(store);
    sluice_store_close(store);
    printf("%u processes: fine\n", PROCESSES);
    CHECK(sluice_remove_tree(scratch, &error), "%s", error->message);
    return 0;
}
