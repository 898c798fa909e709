/* Archives into the store: what is unpacked, where it goes, and what is refused. */
#include "archive-contents.h"
#include "directory-digest.h"
#include "patch-names.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const char *path;
    mode_t type; /* AE_IFREG, …; 0: a hard link */
    mode_t mode;
    const char *text; /* content, or target */
} Member;

typedef struct {
    char *folder;
    SluiceStore *store;
    GError *error;
} Fixture;

static void fixture_set_up(Fixture *fixture, gconstpointer data)
{
    fixture->folder = g_dir_make_tmp("sluice-archive-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(fixture->folder, "store", NULL);
    fixture->store = sluice_store_open(path, NULL, &fixture->error);
    g_assert_no_error(fixture->error);
}

static void fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    g_clear_error(&fixture->error);
    sluice_store_close(fixture->store);
    g_assert_true(sluice_remove_tree(fixture->folder, NULL));
    g_free(fixture->folder);
}

static void write_member(struct archive *archive, const Member *member)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, member->path);
    archive_entry_set_perm(entry, member->mode);
    archive_entry_set_filetype(entry, member->type != 0 ? member->type : AE_IFREG);
    archive_entry_set_size(entry, 0);
    if (member->type == 0) {
        archive_entry_set_hardlink(entry, member->text);
    } else if (member->type == AE_IFLNK) {
        archive_entry_set_symlink(entry, member->text);
    } else if (member->type == AE_IFREG) {
        archive_entry_set_size(entry, (la_int64_t)strlen(member->text));
    }
    g_assert_cmpint(archive_write_header(archive, entry), ==, ARCHIVE_OK);
    if (member->type == AE_IFREG) {
        archive_write_data(archive, member->text, strlen(member->text));
    }
    archive_entry_free(entry);
}

static GBytes *make_archive(const Member *members, gsize count, gboolean zip)
{
    gsize size = 1 << 20, used = 0;
    char *buffer = g_malloc(size);
    struct archive *archive = archive_write_new();
    if (zip) {
        archive_write_set_format_zip(archive);
    } else {
        archive_write_set_format_pax_restricted(archive);
        archive_write_add_filter_gzip(archive);
    }
    g_assert_cmpint(archive_write_open_memory(archive, buffer, size, &used), ==, ARCHIVE_OK);
    for (gsize i = 0; i < count; i++) {
        write_member(archive, &members[i]);
    }
    archive_write_close(archive);
    archive_write_free(archive);
    return g_bytes_new_take(buffer, used);
}

static gboolean describe(const char *path, const SluiceEntry *entry, gpointer data)
{
    static const char kinds[] = {'f', 'd', 'l'};
    g_string_append_printf(data, "%c%s %s", kinds[entry->type], entry->executable ? "x" : "", path + 1);
    if (entry->type == SLUICE_ENTRY_SYMLINK) {
        g_string_append_printf(data, " -> %s", entry->target);
    } else if (entry->type == SLUICE_ENTRY_FILE) {
        g_string_append_printf(data, " %d", (int)entry->digest.size);
    }
    g_string_append_c(data, '\n');
    return TRUE;
}

/* One line for each entry of what is unpacked; NULL with the fixture's error. */
static char *unpack(Fixture *fixture, GBytes *bytes, const char *base_dir, ArchiveFormat format)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    g_clear_error(&fixture->error);
    g_autoptr(ArchiveContents) contents =
        archive_read(fixture->store, data, length, format, "test.tar", &fixture->error);
    g_autofree char *base = NULL;
    if (contents != NULL) {
        base = *base_dir != '\0' ? archive_find_base_dir(contents, base_dir, &fixture->error) : g_strdup("");
    }
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    if (base == NULL || !archive_add_to_tree(contents, base, tree, "/", &fixture->error)) {
        return NULL;
    }
    SluiceDigest root;
    GString *text = g_string_new(NULL);
    g_assert_true(sluice_tree_commit(tree, &root, NULL));
    g_assert_true(sluice_store_walk_tree(fixture->store, &root, describe, text, NULL));
    return g_string_free(text, FALSE);
}

static void expect(Fixture *fixture, const Member *members, gsize count, const char *base_dir, const char *wanted)
{
    g_autoptr(GBytes) bytes = make_archive(members, count, FALSE);
    g_autofree char *text = unpack(fixture, bytes, base_dir, ARCHIVE_TAR);
    g_assert_no_error(fixture->error);
    g_assert_cmpstr(text, ==, wanted);
}

static void expect_refused(Fixture *fixture, const Member *members, gsize count, const char *base_dir,
                           const char *message)
{
    g_autoptr(GBytes) bytes = make_archive(members, count, FALSE);
    g_autofree char *text = unpack(fixture, bytes, base_dir, ARCHIVE_TAR);
    g_assert_null(text);
    g_assert_nonnull(strstr(fixture->error->message, message));
    g_assert_nonnull(strstr(fixture->error->message, "test.tar"));
}

static void test_contents(Fixture *fixture, gconstpointer data)
{
    static const Member members[] = {
        {"./top/", AE_IFDIR, 0700, NULL},
        {"./top/file", AE_IFREG, 0600, "four"},
        {"./top/run", AE_IFREG, 04711, "#!"},
        {"top/group-x", AE_IFREG, 0671, "y"},
        {"top/made/on/the/way", AE_IFREG, 0644, "z"},
        {"top/absolute", AE_IFLNK, 0777, "/etc/passwd"},
        {"top/dangling", AE_IFLNK, 0777, "foo/../bar"},
        {"top/hard", 0, 0644, "./top/run"},
        {"top/empty", AE_IFDIR, 0755, NULL},
        {"top/null", AE_IFCHR, 0666, NULL},
        {"top/fifo", AE_IFIFO, 0666, NULL},
        {"top/file", AE_IFREG, 0644, "again"},
        {"other/x", AE_IFREG, 0644, "x"},
    };
    expect(fixture, members, G_N_ELEMENTS(members), "t*",
           "l absolute -> /etc/passwd\nl dangling -> foo/../bar\nd empty\nf file 5\nf group-x 1\nfx hard 2\n"
           "d made\nd made/on\nd made/on/the\nf made/on/the/way 1\nfx run 2\n");
    expect(fixture, members, G_N_ELEMENTS(members), "*", "f x 1\n");
    expect(fixture, members, G_N_ELEMENTS(members), "top/made/*", "d the\nf the/way 1\n");
    expect_refused(fixture, members, G_N_ELEMENTS(members), "none-such",
                   "Could not find base directory matching pattern: none-such");
}

static void test_hard_links(Fixture *fixture, gconstpointer data)
{
    static const Member members[] = {
        {"elsewhere/file", AE_IFREG, 0755, "content"},
        {"top/link", 0, 0755, "elsewhere/file"},
        {"top/again", 0, 0755, "top/link"},
    };
    static const Member outside[] = {{"top/a", AE_IFREG, 0644, ""}, {"top/link", 0, 0644, "../../secret"}};
    static const Member absent[] = {{"top/a", AE_IFREG, 0644, ""}, {"top/link", 0, 0644, "top/none"}};
    expect(fixture, members, G_N_ELEMENTS(members), "top", "fx again 7\nfx link 7\n");
    expect_refused(fixture, outside, G_N_ELEMENTS(outside), "*",
                   "'top/link' would link to '../../secret', which is outside the destination");
    expect_refused(fixture, absent, G_N_ELEMENTS(absent), "*",
                   "a hard link to 'top/none', which is not in the archive");
}

static void test_outside(Fixture *fixture, gconstpointer data)
{
    static const Member dots[] = {{"top/../../evil", AE_IFREG, 0644, "x"}};
    static const Member through_absolute[] = {{"top/link", AE_IFLNK, 0777, "/etc"},
                                              {"top/link/passwd", AE_IFREG, 0644, "x"}};
    static const Member through_relative[] = {{"top/a/link", AE_IFLNK, 0777, "../../.."},
                                              {"top/a/link/evil", AE_IFREG, 0644, "x"}};
    static const Member through_two[] = {
        {"a", AE_IFLNK, 0777, "b/.."}, {"b", AE_IFLNK, 0777, ".."}, {"b/evil", AE_IFREG, 0644, "x"}};
    static const Member loop[] = {{"a", AE_IFLNK, 0777, "b"}, {"b", AE_IFLNK, 0777, "a"}, {"a/x", AE_IFREG, 0644, "x"}};
    static const Member directory[] = {{"link", AE_IFLNK, 0777, "/etc"}, {"link", AE_IFDIR, 0755, NULL}};
    static const Member inside[] = {{"real/x", AE_IFREG, 0644, "x"},
                                    {"link", AE_IFLNK, 0777, "real"},
                                    {"link/y", AE_IFREG, 0644, "y"},
                                    {"/leading/slash", AE_IFREG, 0644, "z"},
                                    {"a/../b", AE_IFREG, 0644, "b"}};
    expect_refused(fixture, dots, 1, "", "would be extracted to 'top/../../evil', which is outside the destination");
    expect_refused(fixture, through_absolute, 2, "", "would be extracted to '/etc/passwd', which is outside");
    expect_refused(fixture, through_relative, 2, "*", "which is outside the destination");
    expect_refused(fixture, through_two, 3, "", "which is outside the destination");
    expect_refused(fixture, loop, 3, "", "which is outside the destination");
    expect_refused(fixture, directory, 2, "", "which is outside the destination");
    expect(fixture, inside, G_N_ELEMENTS(inside), "",
           "f b 1\nd leading\nf leading/slash 1\nl link -> real\nd real\nf real/x 1\nf real/y 1\n");
}

static void test_damaged(Fixture *fixture, gconstpointer data)
{
    static const Member members[] = {{"top/file", AE_IFREG, 0644, "content"}};
    g_autoptr(GBytes) bytes = make_archive(members, 1, FALSE);
    gsize length = g_bytes_get_size(bytes);
    g_autoptr(GBytes) short_one = g_bytes_new_from_bytes(bytes, 0, length / 2);
    g_autofree char *text = unpack(fixture, short_one, "*", ARCHIVE_TAR);
    g_assert_null(text);
    g_assert_cmpstr(error_get_reason(fixture->error), ==, "archive-damaged");
    static const char *const garbage[] = {"", "<html>not an archive</html>", "PK\003\004"};
    for (gsize i = 0; i < G_N_ELEMENTS(garbage); i++) {
        g_autoptr(GBytes) other = g_bytes_new_static(garbage[i], strlen(garbage[i]));
        g_assert_null(unpack(fixture, other, "*", ARCHIVE_TAR));
        g_assert_nonnull(fixture->error);
        g_assert_null(unpack(fixture, other, "*", ARCHIVE_ZIP));
        g_assert_nonnull(fixture->error);
    }
}

/* 3 GiB of zeros in some kilobytes. */
static void test_bomb(Fixture *fixture, gconstpointer data)
{
    gsize size = 16 << 20, used = 0;
    char *buffer = g_malloc(size);
    g_autofree char *zeros = g_malloc0(1 << 20);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_pax_restricted(archive);
    archive_write_add_filter_zstd(archive);
    g_assert_cmpint(archive_write_open_memory(archive, buffer, size, &used), ==, ARCHIVE_OK);
    archive_entry_set_pathname(entry, "top/bomb");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (la_int64_t)3 << 30);
    archive_write_header(archive, entry);
    for (int i = 0; i < 3 << 10; i++) {
        archive_write_data(archive, zeros, 1 << 20);
    }
    archive_entry_free(entry);
    archive_write_close(archive);
    archive_write_free(archive);
    g_autoptr(GBytes) bytes = g_bytes_new_take(buffer, used);
    g_assert_null(unpack(fixture, bytes, "*", ARCHIVE_TAR));
    g_assert_cmpstr(error_get_reason(fixture->error), ==, "archive-too-large");
}

static void test_zip(Fixture *fixture, gconstpointer data)
{
    static const Member members[] = {
        {"top/", AE_IFDIR, 0755, NULL}, {"top/run", AE_IFREG, 0755, "#!"}, {"top/link", AE_IFLNK, 0777, "target"}};
    static const Member outside[] = {{"../x", AE_IFREG, 0644, "x"}};
    g_autoptr(GBytes) bytes = make_archive(members, G_N_ELEMENTS(members), TRUE);
    g_autofree char *text = unpack(fixture, bytes, "*", ARCHIVE_ZIP);
    g_assert_no_error(fixture->error);
    g_assert_cmpstr(text, ==, "f link 6\nf run 2\n");
    g_autoptr(GBytes) hostile = make_archive(outside, 1, TRUE);
    g_assert_null(unpack(fixture, hostile, "", ARCHIVE_ZIP));
    g_assert_nonnull(strstr(fixture->error->message, "which is outside the destination"));
}

static void test_decompress(Fixture *fixture, gconstpointer data)
{
    static const char plain[] = "plain text\n";
    gsize length;
    g_autofree char *text = archive_decompress(plain, strlen(plain), 100, "index", &length, NULL);
    g_assert_cmpstr(text, ==, plain);
    g_assert_cmpuint(length, ==, strlen(plain));
    g_assert_null(archive_decompress(plain, strlen(plain), 4, "index", &length, &fixture->error));
    g_assert_cmpstr(error_get_reason(fixture->error), ==, "archive-too-large");
    g_autofree char *empty = archive_decompress("", 0, 100, "index", &length, NULL);
    g_assert_cmpstr(empty, ==, "");
    g_clear_error(&fixture->error);
    static const guint8 broken_xz[] = {0xfd, '7', 'z', 'X', 'Z', 0, 0, 4, 1, 2, 3};
    g_assert_null(archive_decompress(broken_xz, sizeof broken_xz, 100, "index", &length, &fixture->error));
    g_assert_nonnull(fixture->error);
}

/* ---- Digests of directories -------------------------------------------------------------------------------------------------------- */

static void write_file(const char *folder, const char *name, const char *text, int mode)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(chmod(path, (mode_t)mode), ==, 0);
}

static void test_directory_digest(Fixture *fixture, gconstpointer data)
{
    g_autofree char *folder = g_build_filename(fixture->folder, "files", NULL);
    g_autofree char *large = g_strnfill(300000, 'x');
    const SluiceImportOptions options = {0};
    SluiceDigest digest, imported;
    write_file(folder, "a/b/file", "text", 0644);
    write_file(folder, "a/run", "#!", 0700);
    write_file(folder, "large", large, 0644);
    write_file(folder, "empty", "", 0644);
    for (int i = 0; i < 200; i++) {
        g_autofree char *name = g_strdup_printf("many/%d", i);
        write_file(folder, name, name, 0644);
    }
    g_autofree char *link = g_build_filename(folder, "link", NULL);
    g_autofree char *nothing = g_build_filename(folder, "nothing", NULL);
    g_assert_cmpint(symlink("/absolute/and/dangling", link), ==, 0);
    g_assert_cmpint(g_mkdir(nothing, 0755), ==, 0);
    static const char *const paths[] = {"files", "files/a", "files/a/run", "files/nothing", "files/large"};
    int top = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_assert_true(directory_digest(top, paths[i], NULL, &digest, &fixture->error));
        g_assert_true(sluice_store_import(fixture->store, top, paths[i], &options, &imported, &fixture->error));
        g_assert_true(sluice_digest_equal(&digest, &imported));
    }
    /* What the store remembers serves as well, and a change of the same size is seen. */
    SluiceDigest remembered, changed;
    g_usleep(50 * 1000);
    g_assert_true(sluice_store_import(fixture->store, top, "files", &options, &imported, &fixture->error));
    g_assert_true(directory_digest(top, "files", fixture->store, &remembered, &fixture->error));
    g_assert_true(sluice_digest_equal(&remembered, &imported));
    write_file(folder, "a/b/file", "TEXT", 0644);
    g_assert_true(directory_digest(top, "files", fixture->store, &remembered, &fixture->error));
    g_assert_true(directory_digest(top, "files", NULL, &changed, &fixture->error));
    g_assert_true(sluice_digest_equal(&remembered, &changed));
    g_assert_false(sluice_digest_equal(&remembered, &imported));
    g_assert_false(directory_digest(top, "files/absent", NULL, &digest, &fixture->error));
    g_clear_error(&fixture->error);
    g_autofree char *fifo = g_build_filename(folder, "a/fifo", NULL);
    g_assert_cmpint(mkfifo(fifo, 0644), ==, 0);
    g_assert_false(directory_digest(top, "files", NULL, &digest, &fixture->error));
    g_assert_nonnull(strstr(fixture->error->message, "a/fifo is a socket, fifo or device"));
    close(top);
}

/* ---- Names in patches --------------------------------------------------------------------------------------------------------------- */

static void test_patch_names(void)
{
    static const char text[] = "diff --git a/dir/new b/dir/new\nnew file mode 100755\n"
                               "--- a/src/one.c\t2020-01-01 00:00:00\n+++ b/src/one.c\n@@ -1 +1 @@\n--- ../comment\n"
                               "--- /dev/null\n+++ \"b/with \\303\\244 space\"\r\n"
                               "Index: short\nrename from x/old\nrename to x/renamed\n*** c/context.c\tdate\n"
                               "--- a/../../evil\n+++ b//double//slash\n";
    g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
    g_autoptr(GPtrArray) names = patch_names(bytes, 1, "p", NULL);
    g_autoptr(GString) all = g_string_new(NULL);
    for (guint i = 0; i < names->len; i++) {
        g_string_append_printf(all, "%s\n", (const char *)names->pdata[i]);
    }
    static const char *const wanted[] = {
        "dir/new\n", "src/one.c\n", "with \303\244 space\n", "context.c\n", "double//slash\n", "old\n", "renamed\n"};
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_assert_nonnull(strstr(all->str, wanted[i]));
    }
    g_assert_null(strstr(all->str, ".."));
    g_assert_null(strstr(all->str, "short"));
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/archive/contents", test_contents);
    ADD("/archive/hard-links", test_hard_links);
    ADD("/archive/outside", test_outside);
    ADD("/archive/damaged", test_damaged);
    ADD("/archive/bomb", test_bomb);
    ADD("/archive/zip", test_zip);
    ADD("/archive/decompress", test_decompress);
    ADD("/archive/directory-digest", test_directory_digest);
    g_test_add_func("/patch/names", test_patch_names);
    return g_test_run();
}
