/* Between trees and directories on disk: import, the files it knows again, checkout, removal. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static SluiceDigest import(Fixture *fixture, const char *name, gboolean by_link)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_path(fixture, name);
    const SluiceImportOptions options = {.by_link = by_link};
    SluiceDigest root;
    sluice_store_import(fixture->store, AT_FDCWD, path, &options, &root, &error);
    g_assert_no_error(error);
    return root;
}

static void make_sample(Fixture *fixture)
{
    g_autofree char *large = g_strnfill(100000, 'L');
    g_autofree char *larger = g_strnfill(5000000, 'M');
    g_autofree char *link = fixture_path(fixture, "in/lib");
    g_autofree char *dangling = fixture_path(fixture, "in/sub/dangling");
    g_autofree char *empty = fixture_path(fixture, "in/empty");
    fixture_write(fixture, "in/a", "small", 0644);
    fixture_write(fixture, "in/run", "#!", 0700);
    fixture_write(fixture, "in/sub/large", large, 0600);
    fixture_write(fixture, "in/sub/large-run", large, 0755);
    fixture_write(fixture, "in/sub/larger", larger, 0444);
    fixture_write(fixture, "in/sub/none", "", 0644);
    g_assert_cmpint(symlink("sub", link), ==, 0);
    g_assert_cmpint(symlink("/no/where", dangling), ==, 0);
    g_assert_cmpint(g_mkdir(empty, 0700), ==, 0);
}

static const char sample[] =
    "/a 5\n/empty/\n/lib -> sub\n/run 2 x\n/sub/\n/sub/dangling -> /no/where\n/sub/large 100000\n"
    "/sub/large-run 100000 x\n/sub/larger 5000000\n/sub/none 0\n";

static void test_import(Fixture *fixture, gconstpointer data)
{
    make_sample(fixture);
    SluiceDigest root = import(fixture, "in", FALSE);
    g_autofree char *text = fixture_describe(fixture, &root);
    g_assert_cmpstr(text, ==, sample);
    fixture_assert_sound(fixture);
    SluiceDigest again = import(fixture, "in", FALSE);
    g_assert_true(sluice_digest_equal(&root, &again));
    /* The same tree made by hand has the same digest. */
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(fixture->store, &root, NULL);
    g_assert_true(sluice_tree_remove(tree, "a", NULL));
    SluiceDigest small = fixture_put_text(fixture, "small"), by_hand;
    g_assert_true(sluice_tree_add_file(tree, "a", &small, FALSE, NULL));
    g_assert_true(sluice_tree_commit(tree, &by_hand, NULL));
    g_assert_true(sluice_digest_equal(&root, &by_hand));
}

static void test_import_single(Fixture *fixture, gconstpointer data)
{
    make_sample(fixture);
    const char *const names[] = {"in/run", "in/lib", "in/sub/large"};
    const char *const expected[] = {"/run 2 x\n", "/lib -> sub\n", "/large 100000\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        SluiceDigest root = import(fixture, names[i], FALSE);
        g_autofree char *text = fixture_describe(fixture, &root);
        g_assert_cmpstr(text, ==, expected[i]);
    }
}

/* A program that imports, then forks, and imports in the child: threads that GLib keeps are not there, and would be waited for. */
static void test_import_in_child(Fixture *fixture, gconstpointer data)
{
    make_sample(fixture);
    fixture_write(fixture, "other/file", "other", 0644);
    import(fixture, "in", FALSE);
    g_autofree char *path = fixture_path(fixture, "other");
    g_autofree char *place = g_strdup(sluice_store_get_path(fixture->store));
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        SluiceDigest root;
        SluiceStore *store = sluice_store_open(place, NULL, NULL);
        _exit(store != NULL && sluice_store_import(store, AT_FDCWD, path, NULL, &root, NULL) ? 0 : 1);
    }
    int status = -1;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

static void test_import_failures(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    g_autofree char *in = fixture_path(fixture, "in");
    g_autofree char *fifo = fixture_path(fixture, "in/sub/fifo");
    make_sample(fixture);
    g_assert_cmpint(mkfifo(fifo, 0644), ==, 0);
    g_assert_false(sluice_store_import(fixture->store, AT_FDCWD, in, NULL, &root, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "sub: fifo"));
    g_clear_error(&error);
    g_assert_false(sluice_store_import(fixture->store, AT_FDCWD, fifo, NULL, &root, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(sluice_store_import(fixture->store, AT_FDCWD, "/no/such/place", NULL, &root, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO);
    g_clear_error(&error);
    g_assert_cmpint(unlink(fifo), ==, 0);
    if (geteuid() != 0) {
        g_autofree char *secret = fixture_path(fixture, "in/a");
        g_assert_cmpint(g_chmod(secret, 0), ==, 0);
        g_assert_false(sluice_store_import(fixture->store, AT_FDCWD, in, NULL, &root, &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO);
    }
    fixture_assert_sound(fixture);
}

static guint known_files(Fixture *fixture)
{
    CasTxn txn;
    g_assert_true(cas_txn_read(fixture->store->index, &txn, NULL));
    guint count = (guint)cas_db_entries(&txn, CAS_DB_STAT);
    cas_txn_end(&txn);
    return count;
}

/* Files are known again once they have settled, and never when they changed. */
static void test_known_files(Fixture *fixture, gconstpointer data)
{
    fixture_write(fixture, "in/a", "one", 0644);
    fixture_write(fixture, "in/b", "two", 0644);
    g_usleep(50 * 1000);
    SluiceDigest root = import(fixture, "in", FALSE);
    g_assert_cmpuint(known_files(fixture), ==, 2);
    SluiceDigest again = import(fixture, "in", FALSE);
    g_assert_true(sluice_digest_equal(&root, &again));
    /* The blob was evicted: known or not, it must be read again. */
    g_assert_true(sluice_store_gc(fixture->store, 0, NULL, NULL));
    again = import(fixture, "in", FALSE);
    g_assert_true(sluice_digest_equal(&root, &again));
    fixture_assert_sound(fixture);
    g_autofree char *text = fixture_describe(fixture, &again);
    g_assert_cmpstr(text, ==, "/a 3\n/b 3\n");
}

/* "Racy git": same size, written within one tick after the import. */
static void test_racy_write(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = fixture_path(fixture, "in/f");
    fixture_write(fixture, "in/f", "000", 0644);
    for (int i = 1; i < 300; i++) {
        char text[4];
        g_snprintf(text, sizeof text, "%03d", i);
        int fd = open(path, O_WRONLY); /* the same inode */
        g_assert_cmpint(write(fd, text, 3), ==, 3);
        close(fd);
        SluiceDigest root = import(fixture, "in", FALSE), expected;
        sluice_digest_of(text, 3, &expected);
        g_autoptr(SluiceDirectory) directory = sluice_directory_read(fixture->store, &root, NULL);
        g_assert_true(sluice_digest_equal(&sluice_directory_find(directory, "f")->digest, &expected));
    }
}

static void test_settled(void)
{
    struct timespec now = {.tv_sec = 1000, .tv_nsec = 500};
    const struct {
        int64_t seconds, nanoseconds;
        gboolean settled;
    } cases[] = {{1000, 500, FALSE},     {1000, 0, FALSE}, {999, 999000000, FALSE},
                 {999, 980000500, TRUE}, {990, 0, TRUE},   {1001, 0, FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct stat status = {.st_ctim = {.tv_sec = cases[i].seconds, .tv_nsec = cases[i].nanoseconds}};
        g_assert_cmpint(cas_stat_is_settled(&status, &now), ==, cases[i].settled);
    }
}

static void test_by_link(Fixture *fixture, gconstpointer data)
{
    struct stat linked, small;
    make_sample(fixture);
    SluiceDigest root = import(fixture, "in", TRUE);
    g_autofree char *text = fixture_describe(fixture, &root);
    g_assert_cmpstr(text, ==, sample);
    g_autofree char *larger = fixture_path(fixture, "in/sub/larger");
    g_autofree char *a = fixture_path(fixture, "in/a");
    g_assert_cmpint(stat(larger, &linked), ==, 0);
    g_assert_cmpint(stat(a, &small), ==, 0);
    g_assert_cmpuint(linked.st_nlink, ==, 2);
    g_assert_cmpuint(small.st_nlink, ==, 1);
    fixture_assert_sound(fixture);
}

/* ---- Checkout ------------------------------------------------------------------------------------------------------------------ */

static void assert_staged(const char *path, int mode)
{
    struct stat status;
    g_assert_cmpint(lstat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mtim.tv_sec, ==, SLUICE_STAGED_MTIME);
    if (!S_ISLNK(status.st_mode))
        g_assert_cmpint(status.st_mode & 07777, ==, mode);
}

static void check_out(Fixture *fixture, const SluiceDigest *root, const char *name, SluiceCheckoutMode mode)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = fixture_path(fixture, name);
    sluice_store_checkout(fixture->store, root, AT_FDCWD, path, mode, &error);
    g_assert_no_error(error);
}

static void test_checkout(Fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *name;
        int mode;
    } staged[] = {{"", 0755},
                  {"/a", 0644},
                  {"/run", 0755},
                  {"/sub", 0755},
                  {"/sub/large", 0644},
                  {"/sub/large-run", 0755},
                  {"/sub/larger", 0644},
                  {"/sub/none", 0644},
                  {"/lib", 0},
                  {"/empty", 0755}};
    mode_t mask = umask(077);
    make_sample(fixture);
    SluiceDigest root = import(fixture, "in", FALSE);
    for (int mode = SLUICE_CHECKOUT_COPY; mode <= SLUICE_CHECKOUT_HARDLINK; mode++) {
        const char *name = mode == SLUICE_CHECKOUT_COPY ? "copy" : "linked";
        check_out(fixture, &root, name, (SluiceCheckoutMode)mode);
        g_autofree char *base = fixture_path(fixture, name);
        for (gsize i = 0; i < G_N_ELEMENTS(staged); i++) {
            g_autofree char *path = g_strconcat(base, staged[i].name, NULL);
            assert_staged(path, staged[i].mode);
        }
        SluiceDigest back = import(fixture, name, FALSE);
        g_assert_true(sluice_digest_equal(&root, &back));
    }
    umask(mask);
    struct stat status;
    g_autofree char *linked = fixture_path(fixture, "linked/sub/large-run");
    g_autofree char *copied = fixture_path(fixture, "copy/sub/large-run");
    g_assert_cmpint(stat(linked, &status), ==, 0);
    g_assert_cmpuint(status.st_nlink, ==, 2);
    g_assert_cmpint(stat(copied, &status), ==, 0);
    g_assert_cmpuint(status.st_nlink, ==, 1);
    fixture_assert_sound(fixture);
}

/* Times that files keep on the way there and back; such a file is never a link into the store. */
static void test_times(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    const SluiceImportOptions options = {.times = TRUE};
    const struct timespec times[2] = {{.tv_sec = 1600000000, .tv_nsec = 123456789},
                                      {.tv_sec = 1600000000, .tv_nsec = 123456789}};
    struct stat status;
    SluiceDigest root, plain;
    make_sample(fixture);
    plain = import(fixture, "in", FALSE);
    g_autofree char *in = fixture_path(fixture, "in"), *source = fixture_path(fixture, "in/sub/larger");
    g_assert_cmpint(utimensat(AT_FDCWD, source, times, 0), ==, 0);
    g_assert_true(sluice_store_import(fixture->store, AT_FDCWD, in, &options, &root, &error));
    g_assert_no_error(error);
    g_assert_false(sluice_digest_equal(&root, &plain));
    check_out(fixture, &root, "linked", SLUICE_CHECKOUT_HARDLINK);
    g_autofree char *path = fixture_path(fixture, "linked/sub/larger");
    g_assert_cmpint(stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mtim.tv_sec, ==, 1600000000);
    g_assert_cmpint(status.st_mtim.tv_nsec, ==, 123456000);
    g_assert_cmpuint(status.st_nlink, ==, 1);
    SluiceDigest back = import(fixture, "linked", FALSE), timed;
    g_assert_true(sluice_digest_equal(&back, &plain));
    /* The same tree made by hand has the same digest. */
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(fixture->store, &root, &error);
    SluiceEntry entry;
    g_assert_true(sluice_tree_lookup(tree, "sub/larger", &entry, &error));
    g_assert_cmpint(entry.mtime, ==, INT64_C(1600000000123456000));
    g_assert_true(sluice_tree_remove(tree, "sub/larger", &error));
    SluiceDigest digest = entry.digest;
    g_assert_true(sluice_tree_add_timed_file(tree, "sub/larger", &digest, FALSE, INT64_C(1600000000123456000), &error));
    g_assert_true(sluice_tree_commit(tree, &timed, &error));
    g_assert_true(sluice_digest_equal(&timed, &root));
    g_assert_false(sluice_tree_add_timed_file(tree, "../x", &digest, FALSE, 1, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
}

static void test_checkout_failures(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest absent = fixture_absent(), root;
    fixture_write(fixture, "full/x", "x", 0644);
    g_autofree char *full = fixture_path(fixture, "full");
    g_autofree char *target = fixture_path(fixture, "target");
    g_assert_false(
        sluice_store_checkout(fixture->store, &sluice_digest_empty, AT_FDCWD, full, SLUICE_CHECKOUT_COPY, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(sluice_store_checkout(fixture->store, &sluice_digest_empty, AT_FDCWD, "/no/such/place",
                                         SLUICE_CHECKOUT_COPY, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO);
    g_clear_error(&error);
    /* A blob is missing in the middle: nothing half-written stays. */
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    SluiceDigest there = fixture_put_text(fixture, "there");
    g_assert_true(sluice_tree_add_file(tree, "a/there", &there, FALSE, NULL));
    g_assert_true(sluice_tree_add_file(tree, "b/absent", &absent, FALSE, NULL));
    g_assert_true(sluice_tree_commit(tree, &root, NULL));
    for (int mode = SLUICE_CHECKOUT_COPY; mode <= SLUICE_CHECKOUT_HARDLINK; mode++) {
        g_assert_false(
            sluice_store_checkout(fixture->store, &root, AT_FDCWD, target, (SluiceCheckoutMode)mode, &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
        g_assert_nonnull(strstr(error->message, "b/"));
        g_clear_error(&error);
        g_assert_false(g_file_test(target, G_FILE_TEST_EXISTS));
    }
    check_out(fixture, &sluice_digest_empty, "target",
              SLUICE_CHECKOUT_COPY); /* an empty tree, into an empty directory */
    check_out(fixture, &sluice_digest_empty, "target", SLUICE_CHECKOUT_COPY);
}

/* ---- Removal --------------------------------------------------------------------------------------------------------------------- */

static void test_remove_tree(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *base = fixture_path(fixture, "tree");
    fixture_write(fixture, "tree/a/b/file", "x", 0000);
    fixture_write(fixture, "outside/file", "x", 0644);
    g_autofree char *outside = fixture_path(fixture, "outside");
    g_autofree char *link = fixture_path(fixture, "tree/a/link");
    g_autofree char *closed = fixture_path(fixture, "tree/a/b");
    g_assert_cmpint(symlink(outside, link), ==, 0);
    g_assert_cmpint(g_chmod(closed, 0), ==, 0);
    int fd = open(base, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 1000; i++) { /* deeper than there are descriptors */
        g_assert_cmpint(mkdirat(fd, "d", 0755), ==, 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = next;
    }
    close(fd);
    struct rlimit limit, low;
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    low = (struct rlimit){.rlim_cur = 200, .rlim_max = limit.rlim_max};
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
    g_assert_true(sluice_remove_tree(base, &error));
    g_assert_no_error(error);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    g_assert_false(g_file_test(base, G_FILE_TEST_EXISTS));
    g_autofree char *kept = fixture_path(fixture, "outside/file");
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
    g_assert_true(sluice_remove_tree(base, &error)); /* absent */
    g_assert_true(sluice_remove_tree(kept, &error)); /* a file */
    g_assert_false(sluice_remove_tree("/proc/self/fd", &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/cas/import/import", test_import);
    FIXTURE_TEST("/cas/import/single", test_import_single);
    FIXTURE_TEST("/cas/import/in-child", test_import_in_child);
    FIXTURE_TEST("/cas/import/failures", test_import_failures);
    FIXTURE_TEST("/cas/import/known-files", test_known_files);
    FIXTURE_TEST("/cas/import/racy-write", test_racy_write);
    g_test_add_func("/cas/import/settled", test_settled);
    FIXTURE_TEST("/cas/import/by-link", test_by_link);
    FIXTURE_TEST("/cas/checkout/checkout", test_checkout);
    FIXTURE_TEST("/cas/checkout/times", test_times);
    FIXTURE_TEST("/cas/checkout/failures", test_checkout_failures);
    FIXTURE_TEST("/cas/remove-tree", test_remove_tree);
    return g_test_run();
}
