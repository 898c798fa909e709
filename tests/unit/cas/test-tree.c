/* Trees: editing, looking, merging, walking. */
#include "fixture.h"

#include <string.h>

/* Makes a tree of a description: "path" (a file that holds its path), "path*" (executable), "path/" or "path -> target". */
static SluiceTree *make_tree(Fixture *fixture, const char *const *lines)
{
    g_autoptr(GError) error = NULL;
    SluiceTree *tree = sluice_tree_new(fixture->store);
    for (; *lines != NULL; lines++) {
        g_auto(GStrv) parts = g_strsplit(*lines, " -> ", 2);
        gsize length = strlen(parts[0]);
        gboolean executable = g_str_has_suffix(parts[0], "*");
        SluiceDigest digest = fixture_put_text(fixture, *lines);
        if (parts[1] != NULL) {
            sluice_tree_add_symlink(tree, parts[0], parts[1], &error);
        } else if (parts[0][length - 1] == '/') {
            sluice_tree_make_directory(tree, parts[0], &error);
        } else {
            parts[0][length - executable] = '\0';
            sluice_tree_add_file(tree, parts[0], &digest, executable, &error);
        }
        g_assert_no_error(error);
    }
    return tree;
}

static SluiceDigest commit(SluiceTree *tree)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    sluice_tree_commit(tree, &root, &error);
    g_assert_no_error(error);
    return root;
}

static SluiceDigest make_root(Fixture *fixture, const char *const *lines)
{
    g_autoptr(SluiceTree) tree = make_tree(fixture, lines);
    return commit(tree);
}

static void assert_tree(Fixture *fixture, SluiceTree *tree, const char *expected)
{
    SluiceDigest root = commit(tree);
    g_autofree char *text = fixture_describe(fixture, &root);
    g_assert_cmpstr(text, ==, expected);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_edit(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = make_tree(
        fixture, LINES("/usr/bin/cc*", "usr/lib/libc.so", "lib -> usr/lib", "/lib/x/y", "/etc/", "a.b", "a/c"));
    assert_tree(fixture, tree,
                "/a/\n/a/c 3\n/a.b 3\n/etc/\n/lib -> usr/lib\n/usr/\n/usr/bin/\n/usr/bin/cc 12 x\n"
                "/usr/lib/\n/usr/lib/libc.so 15\n/usr/lib/x/\n/usr/lib/x/y 8\n");
    g_assert_true(sluice_tree_remove(tree, "/lib/x", &error));
    g_assert_true(sluice_tree_remove(tree, "/no/such/thing", &error));
    g_assert_true(sluice_tree_remove(tree, "usr/nothing", &error));
    g_assert_true(sluice_tree_remove(tree, "lib", &error));
    g_assert_true(sluice_tree_remove(tree, "a/", &error));
    assert_tree(fixture, tree, "/a.b 3\n/etc/\n/usr/\n/usr/bin/\n/usr/bin/cc 12 x\n/usr/lib/\n/usr/lib/libc.so 15\n");
    g_assert_true(sluice_tree_remove(tree, "/", &error));
    SluiceDigest root = commit(tree);
    g_assert_true(sluice_digest_equal(&root, &sluice_digest_empty));
}

static void test_bad_paths(Fixture *fixture, gconstpointer data)
{
    g_autofree char *long_name = g_strnfill(256, 'n');
    g_autofree char *long_target = g_strnfill(CAS_TARGET_MAX + 1, 't');
    GString *deep = g_string_new(NULL);
    for (int i = 0; i < CAS_DEPTH_MAX + 1; i++)
        g_string_append(deep, "d/");
    g_autofree char *too_deep = g_string_free(deep, FALSE);
    const char *const bad[] = {"..", "a/../b", "./a", "a/.", long_name, too_deep};
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(sluice_tree_make_directory(tree, bad[i], &error));
        g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    }
    g_autoptr(GError) error = NULL;
    g_assert_false(sluice_tree_add_file(tree, "/", &sluice_digest_empty, FALSE, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(sluice_tree_add_symlink(tree, "l", "", &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_false(sluice_tree_add_symlink(tree, "l", long_target, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
}

static void test_overlapping_edits(Fixture *fixture, gconstpointer data)
{
    g_autoptr(SluiceTree) tree = make_tree(fixture, LINES("dir/", "file", "link -> dir", "dangling -> nowhere/deep"));
    g_autoptr(GError) error = NULL;
    g_assert_false(sluice_tree_add_file(tree, "dir", &sluice_digest_empty, FALSE, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_OVERLAP);
    g_clear_error(&error);
    g_assert_false(sluice_tree_add_symlink(tree, "dir", "x", &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_OVERLAP);
    g_clear_error(&error);
    g_assert_false(sluice_tree_add_file(tree, "file/x", &sluice_digest_empty, FALSE, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_OVERLAP);
    g_clear_error(&error);
    g_assert_false(sluice_tree_make_directory(tree, "file", &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_OVERLAP);
    g_clear_error(&error);
    g_assert_true(sluice_tree_make_directory(tree, "link", &error));       /* leads to one */
    g_assert_true(sluice_tree_add_symlink(tree, "file", "other", &error)); /* files and links replace each other */
    g_assert_true(sluice_tree_add_file(tree, "link", &sluice_digest_empty, TRUE, &error));
    g_assert_true(sluice_tree_add_file(tree, "dangling/f", &sluice_digest_empty, FALSE, &error));
    assert_tree(
        fixture, tree,
        "/dangling -> nowhere/deep\n/dir/\n/file -> other\n/link 0 x\n/nowhere/\n/nowhere/deep/\n/nowhere/deep/f 0\n");
}

static void assert_lookup(SluiceTree *tree, const char *path, gboolean follow, SluiceEntryType type, const char *name)
{
    g_autoptr(GError) error = NULL;
    SluiceEntry entry;
    if (follow)
        sluice_tree_lookup_follow(tree, path, &entry, &error);
    else
        sluice_tree_lookup(tree, path, &entry, &error);
    g_assert_no_error(error);
    g_assert_cmpint(entry.type, ==, type);
    g_assert_cmpstr(entry.name, ==, name);
}

static void test_lookup(Fixture *fixture, gconstpointer data)
{
    SluiceDigest root = make_root(
        fixture, LINES("usr/lib/real.so", "usr/lib/a.so -> real.so", "usr/lib/b.so -> /lib/a.so", "lib -> usr/lib",
                       "usr/up -> ../../../usr/lib/", "etc/alternatives/cc -> /usr/lib/../lib/./b.so", "one -> two",
                       "two -> one", "gone -> nothing", "here -> ."));
    g_autoptr(GError) error = NULL;
    SluiceEntry entry;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(fixture->store, &root, &error);
    assert_lookup(tree, "/", FALSE, SLUICE_ENTRY_DIRECTORY, "");
    assert_lookup(tree, "lib", FALSE, SLUICE_ENTRY_SYMLINK, "lib");
    assert_lookup(tree, "lib", TRUE, SLUICE_ENTRY_DIRECTORY, "lib");
    assert_lookup(tree, "lib/real.so", FALSE, SLUICE_ENTRY_FILE, "real.so");
    assert_lookup(tree, "lib/b.so", FALSE, SLUICE_ENTRY_SYMLINK, "b.so");
    assert_lookup(tree, "lib/b.so", TRUE, SLUICE_ENTRY_FILE, "real.so");
    assert_lookup(tree, "etc/alternatives/cc", TRUE, SLUICE_ENTRY_FILE, "real.so");
    assert_lookup(tree, "usr/up/real.so", TRUE, SLUICE_ENTRY_FILE, "real.so");
    assert_lookup(tree, "here/here/lib/a.so", TRUE, SLUICE_ENTRY_FILE, "real.so");
    const struct {
        const char *path;
        int code;
    } bad[] = {{"one", SLUICE_CAS_ERROR_INVALID},
               {"one/x", SLUICE_CAS_ERROR_INVALID},
               {"gone", SLUICE_CAS_ERROR_NOT_FOUND},
               {"nothing", SLUICE_CAS_ERROR_NOT_FOUND},
               {"lib/real.so/x", SLUICE_CAS_ERROR_NOT_FOUND},
               {"lib/../x", SLUICE_CAS_ERROR_INVALID}};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) problem = NULL;
        g_assert_false(sluice_tree_lookup_follow(tree, bad[i].path, &entry, &problem));
        g_assert_error(problem, SLUICE_CAS_ERROR, bad[i].code);
    }
}

/* A tree whose Directories are not all there: "unknown" is not "absent". */
static void test_lost_directory(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceEntry entry, lost = {.name = "lost", .type = SLUICE_ENTRY_DIRECTORY, .digest = fixture_absent()};
    g_autoptr(GBytes) bytes = sluice_directory_encode(&lost, 1, NULL);
    SluiceDigest root, absent = fixture_absent();
    g_assert_true(sluice_store_put_many(fixture->store, &bytes, 1, &root, NULL));
    g_assert_null(sluice_tree_new_from(fixture->store, &absent, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(fixture->store, &root, &error);
    g_assert_true(sluice_tree_lookup(tree, "lost", &entry, &error));
    g_assert_false(sluice_tree_lookup(tree, "lost/x", &entry, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_IO);
    g_clear_error(&error);
    g_assert_false(sluice_tree_remove(tree, "lost/x", &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_false(sluice_tree_merge(tree, "lost", &root, NULL, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_true(sluice_tree_remove(tree, "lost", &error));
    assert_tree(fixture, tree, "");
}

static void test_set_directory(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest absent = fixture_absent(), part = make_root(fixture, LINES("x", "y/z"));
    g_autoptr(SluiceTree) tree = make_tree(fixture, LINES("a/b/old", "a/file"));
    g_assert_true(sluice_tree_set_directory(tree, "a/b", &part, &error));
    g_assert_true(sluice_tree_set_directory(tree, "a/file", &part, &error));
    g_assert_true(sluice_tree_set_directory(tree, "new/place", &sluice_digest_empty, &error));
    assert_tree(fixture, tree,
                "/a/\n/a/b/\n/a/b/x 1\n/a/b/y/\n/a/b/y/z 3\n/a/file/\n/a/file/x 1\n/a/file/y/\n/a/file/y/z 3\n"
                "/new/\n/new/place/\n");
    g_assert_false(sluice_tree_set_directory(tree, "a/b", &absent, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_true(sluice_tree_set_directory(tree, "/", &part, &error));
    SluiceDigest root = commit(tree);
    g_assert_true(sluice_digest_equal(&root, &part));
}

/* ---- Merging ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
    GString *seen;
    gboolean answer;
} Overlaps;

static gboolean on_overlap(const char *path, const SluiceEntry *old, const SluiceEntry *added, gpointer data)
{
    Overlaps *overlaps = data;
    g_string_append_printf(overlaps->seen, "%s %d %d\n", path, old->type, added->type);
    return overlaps->answer;
}

static void test_merge(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) seen = g_string_new(NULL);
    Overlaps overlaps = {.seen = seen};
    SluiceDigest base = make_root(fixture, LINES("usr/bin/a", "usr/lib/l.so", "lib -> usr/lib", "etc/same", "etc/x"));
    SluiceDigest added = make_root(fixture, LINES("usr/bin/b*", "lib/new.so", "etc/same", "etc/x*", "opt/deep/er/f"));
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(fixture->store, &base, &error);
    g_assert_true(sluice_tree_merge(tree, "/", &added, on_overlap, &overlaps, &error));
    g_assert_cmpstr(seen->str, ==, "/etc/x 0 0\n");
    assert_tree(fixture, tree,
                "/etc/\n/etc/same 8\n/etc/x 5\n/lib -> usr/lib\n/opt/\n/opt/deep/\n/opt/deep/er/\n/opt/deep/er/f 13\n"
                "/usr/\n/usr/bin/\n/usr/bin/a 9\n/usr/bin/b 10 x\n/usr/lib/\n/usr/lib/l.so 12\n/usr/lib/new.so 10\n");
    overlaps.answer = TRUE;
    g_assert_true(sluice_tree_merge(tree, "/", &added, on_overlap, &overlaps, &error));
    g_assert_true(sluice_tree_merge(tree, "/", &added, on_overlap, &overlaps, &error)); /* now they are the same */
    g_assert_cmpstr(seen->str, ==, "/etc/x 0 0\n/etc/x 0 0\n");
    g_assert_true(sluice_tree_merge(tree, "srv/here", &base, NULL, NULL, &error));
    SluiceEntry entry;
    g_assert_true(sluice_tree_lookup(tree, "srv/here/usr/bin/a", &entry, &error));
}

static void test_merge_is_order_free(Fixture *fixture, gconstpointer data)
{
    SluiceDigest a = make_root(fixture, LINES("usr/share/a/1", "usr/share/common/x")),
                 b = make_root(fixture, LINES("usr/share/b", "usr/share/common/y"));
    g_autoptr(SluiceTree) one = sluice_tree_new(fixture->store);
    g_autoptr(SluiceTree) two = sluice_tree_new(fixture->store);
    g_assert_true(sluice_tree_merge(one, "/", &a, NULL, NULL, NULL) &&
                  sluice_tree_merge(one, "/", &b, NULL, NULL, NULL));
    g_assert_true(sluice_tree_merge(two, "/", &b, NULL, NULL, NULL) &&
                  sluice_tree_merge(two, "/", &a, NULL, NULL, NULL));
    SluiceDigest first = commit(one), second = commit(two);
    g_assert_true(sluice_digest_equal(&first, &second));
}

/* The old tree, the new one, what the callback answers (-1: none), what comes out (NULL: OVERLAP). */
static const struct {
    const char *old, *added;
    int answer;
    const char *result;
} conflicts[] = {
    {"n", "n*", 0, "/n 1\n"},
    {"n", "n*", 1, "/n 2 x\n"},
    {"n", "n*", -1, "/n 2 x\n"},
    {"n", "n -> x", 0, "/n 1\n"},
    {"n", "n -> x", 1, "/n -> x\n"},
    {"n/f", "n", 0, NULL},
    {"n/f", "n", 1, "/n 1\n"},
    {"n/f", "n", -1, "/n 1\n"},
    {"n/", "n", 0, "/n 1\n"}, /* an empty directory is nothing to lose */
    {"n", "n/f", 0, NULL},
    {"n", "n/f", 1, "/n/\n/n/f 3\n"},
    {"n", "n/f", -1, "/n/\n/n/f 3\n"},
    {"n -> gone", "n/f", 0, NULL},
    {"n -> gone", "n/f", 1, "/n/\n/n/f 3\n"},
    {"n/f", "n -> x", 0, NULL},
};

static void test_conflicts(Fixture *fixture, gconstpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(conflicts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) seen = g_string_new(NULL);
        Overlaps overlaps = {.seen = seen, .answer = conflicts[i].answer == 1};
        SluiceDigest added = make_root(fixture, LINES(conflicts[i].added));
        g_autoptr(SluiceTree) tree = make_tree(fixture, LINES(conflicts[i].old));
        gboolean ok =
            sluice_tree_merge(tree, "", &added, conflicts[i].answer < 0 ? NULL : on_overlap, &overlaps, &error);
        g_test_message("%s + %s", conflicts[i].old, conflicts[i].added);
        if (conflicts[i].result == NULL) {
            g_assert_false(ok);
            g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_OVERLAP);
        } else {
            g_assert_no_error(error);
            assert_tree(fixture, tree, conflicts[i].result);
        }
    }
}

/* A link that leads back to a directory which is being merged into must not take it away. */
static void test_merge_through_loop(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = make_tree(fixture, LINES("a/up -> ..", "a/f"));
    SluiceDigest added = make_root(fixture, LINES("a/up/a", "a/z"));
    g_assert_false(sluice_tree_merge(tree, "/", &added, NULL, NULL, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_OVERLAP);
    g_clear_error(&error);
    SluiceDigest harmless = make_root(fixture, LINES("a/up/b", "a/up/a/up/a/c"));
    g_assert_true(sluice_tree_merge(tree, "/", &harmless, NULL, NULL, &error));
    assert_tree(fixture, tree, "/a/\n/a/c 13\n/a/f 3\n/a/up -> ..\n/a/z 3\n/b 6\n");
}

static void test_merge_strictly(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) seen = g_string_new(NULL);
    Overlaps overlaps = {.seen = seen};
    g_autoptr(SluiceTree) tree = make_tree(fixture, LINES("d/x", "d/l -> x", "e/y", "f", "link -> d"));
    SluiceDigest added = make_root(fixture, LINES("d/x", "d/l -> x", "e", "f", "g")),
                 clash = make_root(fixture, LINES("link/z"));
    sluice_tree_merge_strictly(tree);
    g_assert_true(sluice_tree_merge(tree, "/", &added, on_overlap, &overlaps, &error)); /* /e stays a directory */
    g_assert_cmpstr(seen->str, ==, "/d/x 0 0\n/d/l 2 2\n/e 1 0\n/f 0 0\n");
    assert_tree(fixture, tree, "/d/\n/d/l -> x\n/d/x 3\n/e/\n/e/y 3\n/f 1\n/g 1\n/link -> d\n");
    g_assert_false(sluice_tree_merge(tree, "/", &clash, on_overlap, &overlaps, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_OVERLAP);
}

/* ---- Costs, walking ---------------------------------------------------------------------------------------------------------- */

static void test_big_tree(Fixture *fixture, gconstpointer data)
{
    enum { COUNT = 30000 };
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    gint64 start = g_get_monotonic_time();
    for (int i = 0; i < COUNT; i++) {
        g_autofree char *path = g_strdup_printf("usr/share/doc/package-%d/dir%d/file-%d", i / 50, i % 7, i);
        g_assert_true(sluice_tree_add_file(tree, path, &sluice_digest_empty, FALSE, &error));
    }
    SluiceDigest root = commit(tree), again = commit(tree);
    g_test_message("%d files: %.1f ms", COUNT, (g_get_monotonic_time() - start) / 1e3);
    g_assert_true(sluice_digest_equal(&root, &again));

    start = g_get_monotonic_time();
    SluiceStoreInfo before, after;
    sluice_store_get_info(fixture->store, &before, NULL);
    g_autoptr(SluiceTree) edited = sluice_tree_new_from(fixture->store, &root, &error);
    g_assert_true(
        sluice_tree_add_file(edited, "usr/share/doc/package-3/dir1/new", &sluice_digest_empty, FALSE, &error));
    commit(edited);
    g_test_message("one more: %.2f ms", (g_get_monotonic_time() - start) / 1e3);
    sluice_store_get_info(fixture->store, &after, NULL);
    g_assert_cmpuint(after.blobs - before.blobs, ==, 6); /* the path to it, and nothing else */
    g_assert_true(sluice_tree_remove(edited, "usr/share/doc/package-3/dir1/new", &error));
    SluiceDigest back = commit(edited);
    g_assert_true(sluice_digest_equal(&back, &root));
}

static gboolean stop_at(const char *path, const SluiceEntry *entry, gpointer data)
{
    GString *seen = data;
    g_string_append(seen, path);
    return strcmp(path, "/b/c") != 0;
}

static void test_walk(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) stored = g_string_new(NULL);
    g_autoptr(GString) edited = g_string_new(NULL);
    g_autoptr(SluiceTree) tree = make_tree(fixture, LINES("a", "b/c", "b/d", "e"));
    g_assert_true(sluice_tree_walk(tree, stop_at, edited, &error)); /* not committed yet */
    g_assert_cmpstr(edited->str, ==, "/a/b/b/c");
    SluiceDigest root = commit(tree), absent = fixture_absent();
    g_assert_true(sluice_store_walk_tree(fixture->store, &root, stop_at, stored, &error));
    g_assert_cmpstr(stored->str, ==, edited->str);
    g_assert_false(sluice_store_walk_tree(fixture->store, &absent, stop_at, stored, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
}

/* Thirty small Directories describe 2^30 entries; chains may be endless, too. */
static void test_bombs(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest wide = sluice_digest_empty, deep = sluice_digest_empty;
    for (int i = 0; i < 30; i++) {
        const SluiceEntry entries[] = {{.name = "a", .type = SLUICE_ENTRY_DIRECTORY, .digest = wide},
                                       {.name = "b", .type = SLUICE_ENTRY_DIRECTORY, .digest = wide}};
        g_autoptr(GBytes) bytes = sluice_directory_encode(entries, 2, NULL);
        g_assert_true(sluice_store_put_many(fixture->store, &bytes, 1, &wide, NULL));
    }
    for (int i = 0; i < 1000; i++) {
        const SluiceEntry entry = {.name = "d", .type = SLUICE_ENTRY_DIRECTORY, .digest = deep};
        g_autoptr(GBytes) bytes = sluice_directory_encode(&entry, 1, NULL);
        g_assert_true(sluice_store_put_many(fixture->store, &bytes, 1, &deep, NULL));
    }
    g_autoptr(GString) seen = g_string_new(NULL);
    g_assert_false(sluice_store_walk_tree(fixture->store, &deep, stop_at, seen, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_clear_error(&error);
    g_autoptr(SluiceTree) tree = sluice_tree_new(fixture->store);
    g_assert_true(sluice_tree_merge(tree, "x", &wide, NULL, NULL, &error)); /* linked, not walked */
    g_assert_true(sluice_tree_merge(tree, "x", &deep, NULL, NULL, &error));
    SluiceEntry entry;
    GString *path = g_string_new("x");
    for (int i = 0; i < 300; i++)
        g_string_append(path, "/d");
    g_assert_false(sluice_tree_lookup(tree, path->str, &entry, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_INVALID);
    g_string_free(path, TRUE);
    sluice_tree_free(NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    FIXTURE_TEST("/cas/tree/edit", test_edit);
    FIXTURE_TEST("/cas/tree/bad-paths", test_bad_paths);
    FIXTURE_TEST("/cas/tree/overlapping-edits", test_overlapping_edits);
    FIXTURE_TEST("/cas/tree/merge-strictly", test_merge_strictly);
    FIXTURE_TEST("/cas/tree/lookup", test_lookup);
    FIXTURE_TEST("/cas/tree/lost-directory", test_lost_directory);
    FIXTURE_TEST("/cas/tree/set-directory", test_set_directory);
    FIXTURE_TEST("/cas/tree/merge", test_merge);
    FIXTURE_TEST("/cas/tree/merge-is-order-free", test_merge_is_order_free);
    FIXTURE_TEST("/cas/tree/conflicts", test_conflicts);
    FIXTURE_TEST("/cas/tree/merge-through-loop", test_merge_through_loop);
    FIXTURE_TEST("/cas/tree/big", test_big_tree);
    FIXTURE_TEST("/cas/tree/walk", test_walk);
    FIXTURE_TEST("/cas/tree/bombs", test_bombs);
    return g_test_run();
}
