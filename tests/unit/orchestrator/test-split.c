/* test-split.c - parts of trees, and what was added to one */
#include "split.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
    char *folder;
    SluiceStore *store;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    fixture->folder = g_dir_make_tmp("sluice-split-XXXXXX", &error);
    g_assert_no_error(error);
    fixture->store = sluice_store_open(fixture->folder, NULL, &error);
    g_assert_no_error(error);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    sluice_store_close(fixture->store);
    sluice_remove_tree(fixture->folder, NULL);
    g_free(fixture->folder);
}

/* "path" is a file, "path/" a directory, "path>target" a link; separated by blanks. */
static SluiceDigest make_tree(SluiceStore *store, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceTree) tree = sluice_tree_new(store);
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    SluiceDigest digest;
    for (char **word = words; *word; word++) {
        char *arrow = strchr(*word, '>');
        if (arrow)
            *arrow = '\0';
        if (arrow)
            sluice_tree_add_symlink(tree, *word, arrow + 1, &error);
        else if (g_str_has_suffix(*word, "/"))
            sluice_tree_make_directory(tree, *word, &error);
        else if (sluice_store_put(store, *word, strlen(*word), NULL, &digest, &error))
            sluice_tree_add_file(tree, *word, &digest, FALSE, &error);
        g_assert_no_error(error);
    }
    g_assert_true(sluice_tree_commit(tree, &digest, &error));
    g_assert_no_error(error);
    return digest;
}

static gboolean keep_listed(const char *path, gpointer data)
{
    return g_strv_contains(data, path);
}

static void assert_split(Fixture *fixture, const char *whole, const char *const *keep, const char *part)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root = make_tree(fixture->store, whole), out, wanted = make_tree(fixture->store, part);
    g_assert_true(split_tree(fixture->store, &root, keep_listed, (gpointer)keep, &out, &error));
    g_assert_no_error(error);
    g_assert_true(sluice_digest_equal(&out, &wanted));
    g_assert_true(sluice_store_has(fixture->store, &out));
}

static void test_split(Fixture *fixture, gconstpointer data)
{
    const char *const some[] = {"/usr/bin/sh", "/lib", NULL};
    assert_split(fixture, "usr/bin/sh usr/bin/ls usr/doc/x lib>usr/lib", some, "usr/bin/sh lib>usr/lib");
    const char *const folders[] = {"/empty", "/full", NULL};
    assert_split(fixture, "empty/ other/ full/a full/b", folders, "empty/ full/");
    const char *const none[] = {NULL};
    assert_split(fixture, "a/b/c d", none, "");
}

static void test_added(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    SluiceDigest before = make_tree(fixture->store, "same/a same/b usr/bin/sh gone link>a");
    SluiceDigest after = make_tree(fixture->store, "same/a same/b usr/bin/sh usr/bin/new etc/x/y link/now");
    g_assert_true(split_added(fixture->store, &before, &after, paths, &error));
    g_assert_no_error(error);
    static const char *const wanted[] = {"/usr/bin/new", "/etc", "/etc/x", "/etc/x/y", "/link/now"};
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        g_assert_true(g_hash_table_contains(paths, wanted[i]));
    g_assert_cmpuint(g_hash_table_size(paths), ==, G_N_ELEMENTS(wanted));
}

static void test_manifest(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GHashTable) paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    SluiceDigest root = make_tree(fixture->store, "usr/bin/sh usr/bin/ls");
    const char *const keep[] = {"/usr/bin", "/usr/bin/ls", "/not/there", NULL};
    g_assert_true(split_manifest(fixture->store, &root, keep_listed, (gpointer)keep, paths, NULL));
    g_assert_cmpuint(g_hash_table_size(paths), ==, 2);
    g_assert_true(g_hash_table_contains(paths, "/usr/bin"));
}

static void test_too_deep(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest digest, out;
    g_autoptr(GBytes) empty = sluice_directory_encode(NULL, 0, NULL);
    g_assert_true(sluice_store_put(fixture->store, g_bytes_get_data(empty, NULL), 0, NULL, &digest, NULL));
    for (int i = 0; i < 1500; i++) {
        SluiceEntry entry = {.name = "d", .type = SLUICE_ENTRY_DIRECTORY, .digest = digest};
        g_autoptr(GBytes) bytes = sluice_directory_encode(&entry, 1, NULL);
        g_assert_true(sluice_store_put(fixture->store, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), NULL,
                                       &digest, NULL));
    }
    g_assert_false(
        split_tree(fixture->store, &digest, keep_listed, (gpointer)(const char *const[]){NULL}, &out, &error));
    g_assert_error(error, ORCHESTRATOR_ERROR, ERROR_ELEMENT);
}

static void test_missing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest nowhere, out;
    sluice_digest_of("nowhere", 7, &nowhere);
    g_assert_false(split_tree(fixture->store, &nowhere, keep_listed, NULL, &out, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/split/tree", Fixture, NULL, set_up, test_split, tear_down);
    g_test_add("/split/added", Fixture, NULL, set_up, test_added, tear_down);
    g_test_add("/split/manifest", Fixture, NULL, set_up, test_manifest, tear_down);
    g_test_add("/split/too-deep", Fixture, NULL, set_up, test_too_deep, tear_down);
    g_test_add("/split/missing", Fixture, NULL, set_up, test_missing, tear_down);
    return g_test_run();
}
