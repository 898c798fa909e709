/*
 * Captures of made-up upper layers.  Nothing here needs privileges: anybody may make the device 0:0 that stands for a removed file,
 * and set user.overlay.opaque where the file system has attributes.
 */
#include "capture.h"
#include "merged.h"
#include "sandbox-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

typedef struct {
    char *scratch, *upper;
    SluiceStore *store;
    SluiceStaging staging;
    SluiceSandbox sandbox;
    GPtrArray *skipped;
} Fixture;

static void write_file(const char *folder, const char *path, const char *text, mode_t mode)
{
    g_autofree char *place = g_build_filename(folder, path, NULL);
    g_autofree char *parent = g_path_get_dirname(place);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    g_assert_true(g_file_set_contents(place, text, -1, NULL));
    g_assert_cmpint(chmod(place, mode), ==, 0);
}

static void make_link(const char *folder, const char *path, const char *target)
{
    g_autofree char *place = g_build_filename(folder, path, NULL);
    g_autofree char *parent = g_path_get_dirname(place);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    g_assert_cmpint(symlink(target, place), ==, 0);
}

static void make_directory(const char *folder, const char *path)
{
    g_autofree char *place = g_build_filename(folder, path, NULL);
    g_assert_cmpint(g_mkdir_with_parents(place, 0755), ==, 0);
}

static void whiteout(const Fixture *fixture, const char *path)
{
    g_autofree char *place = g_build_filename(fixture->upper, path, NULL);
    g_autofree char *parent = g_path_get_dirname(place);
    g_mkdir_with_parents(parent, 0755);
    g_assert_cmpint(mknod(place, S_IFCHR, makedev(0, 0)), ==, 0);
}

static gboolean make_opaque(const Fixture *fixture, const char *path)
{
    g_autofree char *place = g_build_filename(fixture->upper, path, NULL);
    g_mkdir_with_parents(place, 0755);
    if (setxattr(place, "user.overlay.opaque", "y", 1, 0) == 0)
        return TRUE;
    g_test_skip("the file system of $TMPDIR has no user attributes");
    return FALSE;
}

static void set_up(Fixture *fixture, gconstpointer unused)
{
    GError *error = NULL;
    fixture->scratch = g_dir_make_tmp("sluice-capture-XXXXXX", NULL);
    g_autofree char *store = g_build_filename(fixture->scratch, "store", NULL);
    g_autofree char *lower = g_build_filename(fixture->scratch, "lower", NULL);
    fixture->upper = g_build_filename(fixture->scratch, "work", SANDBOX_UPPER, NULL);
    g_assert_cmpint(g_mkdir_with_parents(fixture->upper, 0755), ==, 0);
    write_file(lower, "etc/text", "a line\n", 0644);
    write_file(lower, "usr/bin/tool", "tool", 0755);
    write_file(lower, "usr/share/one", "1", 0644);
    write_file(lower, "usr/share/deep/two", "2", 0644);
    make_link(lower, "bin", "usr/bin");
    make_link(lower, "absolute", "/usr/share");
    make_link(lower, "out", "/../../etc");
    make_link(lower, "loop", "loop");
    fixture->store = sluice_store_open(store, NULL, &error);
    g_assert_no_error(error);
    const SluiceImportOptions options = {.by_link = FALSE};
    fixture->sandbox = (SluiceSandbox){.staging = &fixture->staging, .store = fixture->store, .checkout_lock = -1};
    sluice_store_import(fixture->store, AT_FDCWD, lower, &options, &fixture->sandbox.root, &error);
    g_assert_no_error(error);
    fixture->sandbox.work = g_build_filename(fixture->scratch, "work", NULL);
    fixture->skipped = g_ptr_array_new_with_free_func(g_free);
}

static void tear_down(Fixture *fixture, gconstpointer unused)
{
    sluice_store_close(fixture->store);
    g_assert_true(sluice_remove_tree(fixture->scratch, NULL));
    g_ptr_array_unref(fixture->skipped);
    g_free(fixture->sandbox.work);
    g_free(fixture->scratch);
    g_free(fixture->upper);
}

static gboolean add_line(const char *path, const SluiceEntry *entry, gpointer data)
{
    GString *text = data;
    static const char letters[] = {
        [SLUICE_ENTRY_FILE] = 'f', [SLUICE_ENTRY_DIRECTORY] = 'd', [SLUICE_ENTRY_SYMLINK] = 'l'};
    g_string_append_printf(text, "%s %c", path, entry->executable ? 'x' : letters[entry->type]);
    if (entry->type == SLUICE_ENTRY_SYMLINK)
        g_string_append_printf(text, " %s", entry->target);
    g_string_append_c(text, '\n');
    return TRUE;
}

static void expect_tree(Fixture *fixture, const char *path, const char *listing)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    sluice_sandbox_capture(&fixture->sandbox, path, &root, fixture->skipped, &error);
    g_assert_no_error(error);
    g_autoptr(GString) text = g_string_new(NULL);
    sluice_store_walk_tree(fixture->store, &root, add_line, text, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text->str, ==, listing);
}

static void expect_failure(Fixture *fixture, const char *path, GQuark domain, int code, const char *problem)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    g_assert_false(sluice_sandbox_capture(&fixture->sandbox, path, &root, fixture->skipped, &error));
    g_assert_error(error, domain, code);
    if (strstr(error->message, problem) == NULL)
        g_error("'%s' does not say '%s'", error->message, problem);
}

static void test_untouched(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    sluice_sandbox_capture(&fixture->sandbox, "/", &root, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(sluice_digest_equal(&root, &fixture->sandbox.root));
    expect_tree(fixture, "/usr/share", "/deep d\n/deep/two f\n/one f\n");
    expect_tree(fixture, "/bin", "/tool x\n");
    expect_tree(fixture, "absolute/deep/../deep/.", "/two f\n");
    expect_tree(fixture, "/out", "/text f\n");
}

static gint64 captured_time(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    SluiceEntry entry;
    g_assert_true(sluice_sandbox_capture(&fixture->sandbox, "/etc", &root, NULL, &error));
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(fixture->store, &root, &error);
    g_assert_true(sluice_tree_lookup(tree, "new", &entry, &error));
    return entry.mtime;
}

static void test_times(Fixture *fixture, gconstpointer unused)
{
    const struct timespec times[2] = {{.tv_sec = 7, .tv_nsec = 8}, {.tv_sec = 7, .tv_nsec = 8}};
    write_file(fixture->upper, "etc/new", "new", 0644);
    g_autofree char *path = g_build_filename(fixture->upper, "etc/new", NULL);
    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
    g_assert_cmpint(captured_time(fixture), ==, 0);
    sluice_sandbox_keep_times(&fixture->sandbox, TRUE);
    g_assert_cmpint(captured_time(fixture), ==, 7000000008);
    sluice_sandbox_keep_times(&fixture->sandbox, FALSE);
    g_assert_cmpint(captured_time(fixture), ==, 0);
}

static void test_changes(Fixture *fixture, gconstpointer unused)
{
    write_file(fixture->upper, "etc/text", "another\n", 0644);
    write_file(fixture->upper, "etc/new", "new", 0755);
    write_file(fixture->upper, "usr/share/deep/group-only", "x", 0654);
    make_link(fixture->upper, "usr/link", "../x");
    whiteout(fixture, "usr/share/one");
    whiteout(fixture, "bin");
    whiteout(fixture, "was-never-there");
    make_directory(fixture->upper, "var/empty");
    expect_tree(fixture, "/",
                "/absolute l /usr/share\n/etc d\n/etc/new x\n/etc/text f\n/loop l loop\n/out l /../../etc\n"
                "/usr d\n/usr/bin d\n/usr/bin/tool x\n/usr/link l ../x\n/usr/share d\n/usr/share/deep d\n"
                "/usr/share/deep/group-only f\n/usr/share/deep/two f\n/var d\n/var/empty d\n");
    expect_tree(fixture, "/usr/share", "/deep d\n/deep/group-only f\n/deep/two f\n");
    expect_failure(fixture, "/bin", SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND, "/bin is not a directory");
}

static void test_same_content(Fixture *fixture, gconstpointer unused)
{
    SluiceDigest root;
    write_file(fixture->upper, "usr/bin/tool", "tool", 04755);
    write_file(fixture->upper, "usr/share/deep/two", "2", 0600);
    g_assert_true(sluice_sandbox_capture(&fixture->sandbox, "/", &root, NULL, NULL));
    g_assert_true(sluice_digest_equal(&root, &fixture->sandbox.root));
}

static void test_opaque(Fixture *fixture, gconstpointer unused)
{
    if (!make_opaque(fixture, "usr/share"))
        return;
    write_file(fixture->upper, "usr/share/only", "1", 0644);
    expect_tree(fixture, "/usr", "/bin d\n/bin/tool x\n/share d\n/share/only f\n");
    expect_tree(fixture, "/usr/share", "/only f\n");
    expect_tree(fixture, "/absolute", "/only f\n");
    expect_failure(fixture, "/usr/share/deep", SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND, "is not a directory");
}

static void test_kinds_change(Fixture *fixture, gconstpointer unused)
{
    write_file(fixture->upper, "bin/file", "1", 0644);  /* a directory for a link */
    write_file(fixture->upper, "usr/share", "1", 0644); /* a file for a directory */
    make_link(fixture->upper, "etc", "usr");            /* a link for a directory */
    make_directory(fixture->upper, "usr/bin/tool/x");   /* a directory for a file */
    expect_tree(fixture, "/",
                "/absolute l /usr/share\n/bin d\n/bin/file f\n/etc l usr\n/loop l loop\n/out l /../../etc\n"
                "/usr d\n/usr/bin d\n/usr/bin/tool d\n/usr/bin/tool/x d\n/usr/share f\n");
    expect_tree(fixture, "/out/bin", "/tool d\n/tool/x d\n");
    expect_failure(fixture, "/absolute", SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND, "/absolute is not");
}

static void test_paths(Fixture *fixture, gconstpointer unused)
{
    static const char *const absent[] = {"/nothing", "/etc/text", "/etc/text/x", "/loop", "/usr/share/one/.."};
    for (gsize i = 0; i < G_N_ELEMENTS(absent); i++)
        expect_failure(fixture, absent[i], SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND, absent[i]);
    make_link(fixture->upper, "host", fixture->scratch);
    expect_failure(fixture, "/host", SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND, "/host");
    make_link(fixture->upper, "way", "/usr/../etc/../absolute/deep");
    expect_tree(fixture, "/way", "/two f\n");
    make_link(fixture->upper, "up", "../../../../../usr/bin");
    expect_tree(fixture, "/up", "/tool x\n");
}

static void test_skipped(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *fifo = g_build_filename(fixture->upper, "fifo", NULL);
    g_assert_cmpint(mkfifo(fifo, 0644), ==, 0);
    make_directory(fixture->upper, "etc");
    g_autofree char *replaced = g_build_filename(fixture->upper, "etc", "text", NULL);
    g_assert_cmpint(mkfifo(replaced, 0644), ==, 0);
    expect_tree(fixture, "/etc", "");
    g_assert_cmpuint(fixture->skipped->len, ==, 1);
    g_assert_cmpstr(fixture->skipped->pdata[0], ==, "etc/text (fifo)");
    SluiceDigest root;
    g_assert_true(sluice_sandbox_capture(&fixture->sandbox, "/", &root, NULL, NULL));
}

static void test_bad_names(Fixture *fixture, gconstpointer unused)
{
    write_file(fixture->upper, "d/line\nfeed", "1", 0644);
    expect_tree(fixture, "/d", "/line\nfeed f\n");
    write_file(fixture->upper, "e/not\377utf8", "1", 0644);
    expect_failure(fixture, "/", SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_CAPTURE,
                   "e/not\\377utf8: the name is not valid UTF-8");
    make_link(fixture->upper, "f/link", "to\376");
    expect_failure(fixture, "/f", SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_CAPTURE, "f/link: the target of the link");
}

static void test_depth(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GString) path = g_string_new("deep");
    for (unsigned i = 1; i < SANDBOX_CAPTURE_DEPTH; i++)
        g_string_append(path, "/d");
    make_directory(fixture->upper, path->str);
    SluiceDigest root;
    g_assert_true(sluice_sandbox_capture(&fixture->sandbox, "/", &root, NULL, NULL));
    g_string_append(path, "/d");
    make_directory(fixture->upper, path->str);
    expect_failure(fixture, "/", SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_CAPTURE, "nested more than 200 deep");
}

static void test_modes(Fixture *fixture, gconstpointer unused)
{
    struct stat status;
    write_file(fixture->upper, "closed/in/file", "1", 0);
    g_autofree char *outer = g_build_filename(fixture->upper, "closed", NULL);
    g_autofree char *inner = g_build_filename(outer, "in", NULL);
    g_assert_cmpint(chmod(inner, 0), ==, 0);
    g_assert_cmpint(chmod(outer, 0), ==, 0);
    expect_tree(fixture, "/closed", "/in d\n/in/file f\n");
    expect_tree(fixture, "/closed/in", "/file f\n");
    g_assert_cmpint(lstat(outer, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 07777, ==, 0);
    chmod(outer, 0700);
    g_assert_cmpint(lstat(inner, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 07777, ==, 0);
}

static void test_many(Fixture *fixture, gconstpointer unused)
{
    enum { FILES = 400, LARGE = 3 };
    g_autofree char *want = g_build_filename(fixture->scratch, "want", NULL);
    g_autofree char *large = g_strnfill(SANDBOX_CAPTURE_SMALL * 3, 'x');
    const char *const places[] = {want, fixture->upper};
    for (gsize place = 0; place < G_N_ELEMENTS(places); place++) {
        for (int i = 0; i < FILES; i++) {
            g_autofree char *name = g_strdup_printf("many/%d/%d", i % 7, i);
            g_autofree char *text = g_strdup_printf("content %d", i % 90);
            write_file(places[place], name, i % 5 == 0 ? "" : text, i % 3 == 0 ? 0755 : 0644);
        }
        for (int i = 0; i < LARGE; i++) {
            g_autofree char *name = g_strdup_printf("many/large-%d", i);
            large[0] = (char)('a' + i);
            write_file(places[place], name, large, 0644);
        }
    }
    g_autoptr(GError) error = NULL;
    const SluiceImportOptions options = {.by_link = FALSE};
    SluiceDigest imported, captured;
    g_autofree char *source = g_build_filename(want, "many", NULL);
    sluice_store_import(fixture->store, AT_FDCWD, source, &options, &imported, &error);
    g_assert_no_error(error);
    sluice_sandbox_capture(&fixture->sandbox, "/many", &captured, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(sluice_digest_equal(&imported, &captured));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*run)(Fixture *fixture, gconstpointer unused);
    } tests[] = {
        {"/capture/untouched", test_untouched}, {"/capture/changes", test_changes},
        {"/capture/times", test_times},         {"/capture/same-content", test_same_content},
        {"/capture/opaque", test_opaque},       {"/capture/kinds-change", test_kinds_change},
        {"/capture/paths", test_paths},         {"/capture/skipped", test_skipped},
        {"/capture/bad-names", test_bad_names}, {"/capture/depth", test_depth},
        {"/capture/modes", test_modes},         {"/capture/many", test_many},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Fixture, NULL, set_up, tests[i].run, tear_down);
    return g_test_run();
}
