/* What the server of trees keeps: nodes and their identity, decoded Directories, descriptors. */
#include "sandbox-limits.h"
#include "trees-content.h"
#include "trees-listing.h"
#include "trees-node.h"

#include <string.h>
#include <unistd.h>

static unsigned dropped_nodes;

static void count_dropped(Node *node, gpointer data)
{
    dropped_nodes++;
}

static SluiceEntry make_entry(const char *name, SluiceEntryType type, const char *content)
{
    SluiceEntry entry = {.name = name, .type = type};
    if (type == SLUICE_ENTRY_SYMLINK)
        entry.target = content;
    else
        sluice_digest_of(content, strlen(content), &entry.digest);
    return entry;
}

static Node *look_up(Nodes *nodes, Node *parent, const char *name, SluiceEntryType type, const char *content)
{
    const SluiceEntry entry = make_entry(name, type, content);
    return nodes_lookup(nodes, parent, &entry);
}

static void test_identity(void)
{
    Nodes *nodes = nodes_new();
    Node *top = nodes_get_top(nodes);
    Node *one = look_up(nodes, top, "tree-1", SLUICE_ENTRY_DIRECTORY, "1");
    Node *two = look_up(nodes, top, "tree-2", SLUICE_ENTRY_DIRECTORY, "2");
    Node *usr_one = look_up(nodes, one, "usr", SLUICE_ENTRY_DIRECTORY, "usr");
    Node *usr_two = look_up(nodes, two, "usr", SLUICE_ENTRY_DIRECTORY, "usr");
    g_assert_true(one != two);
    g_assert_true(usr_one != usr_two); /* directories have one parent */
    Node *file = look_up(nodes, usr_one, "file", SLUICE_ENTRY_FILE, "content");
    g_assert_true(file == look_up(nodes, usr_two, "file", SLUICE_ENTRY_FILE, "content")); /* pages are shared */
    g_assert_true(file !=
                  look_up(nodes, usr_one, "other", SLUICE_ENTRY_FILE, "content")); /* another place, another file */
    g_assert_true(file != look_up(nodes, usr_two, "file", SLUICE_ENTRY_FILE, "other"));
    SluiceEntry entry = make_entry("file", SLUICE_ENTRY_FILE, "content");
    entry.executable = TRUE;
    Node *executable = nodes_lookup(nodes, usr_one, &entry);
    g_assert_true(file != executable);
    g_assert_cmpuint(node_get_inode(file), !=, node_get_inode(executable));
    g_assert_cmpuint(node_get_inode(executable), ==, node_inode_of(usr_one, &entry));
    g_assert_cmpuint(node_get_inode(usr_one), ==, node_get_inode(usr_two));
    g_assert_cmpuint(node_get_inode(file) >> 56, ==, 0); /* the overlay's own bits */
    Node *link = look_up(nodes, usr_one, "link", SLUICE_ENTRY_SYMLINK, "target");
    g_assert_cmpstr(link->target, ==, "target");
    g_assert_true(link == look_up(nodes, usr_one, "link", SLUICE_ENTRY_SYMLINK, "target"));
    nodes_free(nodes);
}

static void test_forget(void)
{
    Nodes *nodes = nodes_new();
    Node *top = nodes_get_top(nodes);
    Node *tree = look_up(nodes, top, "tree", SLUICE_ENTRY_DIRECTORY, "1");
    Node *folder = look_up(nodes, tree, "folder", SLUICE_ENTRY_DIRECTORY, "2");
    Node *file = look_up(nodes, folder, "file", SLUICE_ENTRY_FILE, "3");
    look_up(nodes, folder, "file", SLUICE_ENTRY_FILE, "3");
    g_assert_cmpuint(file->lookups, ==, 2);
    dropped_nodes = 0;
    nodes_forget(nodes, file, 1, count_dropped, NULL);
    nodes_forget(nodes, tree, 1, count_dropped, NULL); /* a node below it exists */
    g_assert_cmpuint(dropped_nodes, ==, 0);
    nodes_forget(nodes, file, 1, count_dropped, NULL);
    g_assert_cmpuint(dropped_nodes, ==, 1);
    nodes_forget(nodes, folder, 1, count_dropped, NULL); /* and its parent with it */
    g_assert_cmpuint(dropped_nodes, ==, 3);
    nodes_forget(nodes, top, 100, count_dropped, NULL);
    g_assert_cmpuint(dropped_nodes, ==, 3);
    g_assert_cmpuint(top->children, ==, 0);
    Node *again = look_up(nodes, top, "tree", SLUICE_ENTRY_DIRECTORY, "1");
    g_assert_cmpuint(again->lookups, ==, 1);
    nodes_free(nodes);
}

typedef struct {
    char *scratch;
    SluiceStore *store;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    fixture->scratch = g_dir_make_tmp("sluice-trees-XXXXXX", NULL);
    fixture->store = sluice_store_open(fixture->scratch, NULL, &error);
    g_assert_no_error(error);
}

static void tear_down(Fixture *fixture, gconstpointer unused)
{
    sluice_store_close(fixture->store);
    g_assert_true(sluice_remove_tree(fixture->scratch, NULL));
    g_free(fixture->scratch);
}

static void test_listings(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    const SluiceEntry entry = make_entry("name", SLUICE_ENTRY_FILE, "x");
    g_autoptr(GBytes) bytes = sluice_directory_encode(&entry, 1, &error);
    SluiceDigest digest;
    sluice_store_put(fixture->store, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), NULL, &digest, &error);
    g_assert_no_error(error);
    Listings *listings = listings_new(fixture->store);
    g_autoptr(Listing) first = listings_get(listings, &digest, &error);
    g_autoptr(Listing) second = listings_get(listings, &digest, &error);
    g_assert_no_error(error);
    g_assert_true(first == second);
    g_assert_nonnull(sluice_directory_find(listing_peek(first), "name"));
    SluiceDigest unknown;
    sluice_digest_of("unknown", 7, &unknown);
    g_assert_null(listings_get(listings, &unknown, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    listings_free(listings);
}

static void test_contents(Fixture *fixture, gconstpointer unused)
{
    enum { FILES = TREES_CACHED_FDS_MAX + 20 };
    g_autoptr(GError) error = NULL;
    Contents *contents = contents_new(fixture->store);
    g_autofree Node *nodes = g_new0(Node, FILES);
    for (int i = 0; i < FILES; i++) {
        g_autofree char *text = g_strdup_printf("file %d", i);
        nodes[i].type = SLUICE_ENTRY_FILE;
        g_assert_true(sluice_store_put(fixture->store, text, strlen(text), NULL, &nodes[i].digest, NULL));
    }
    OpenFile *held = contents_acquire(contents, &nodes[0], &error); /* in use while it falls out of the cache */
    g_assert_no_error(error);
    unsigned open = 0;
    for (int i = 1; i < FILES; i++)
        contents_release(contents, contents_acquire(contents, &nodes[i], &error));
    g_assert_no_error(error);
    for (int i = 0; i < FILES; i++)
        open += nodes[i].open != NULL;
    g_assert_cmpuint(open, ==, TREES_CACHED_FDS_MAX);
    g_assert_null(nodes[0].open);
    char text[16] = "";
    g_assert_cmpint(pread(open_file_get_fd(held), text, sizeof text, 0), ==, 6);
    g_assert_cmpstr(text, ==, "file 0");
    contents_release(contents, held);
    contents_drop(contents, &nodes[FILES - 1]);
    g_assert_null(nodes[FILES - 1].open);
    Node unknown = {.type = SLUICE_ENTRY_FILE};
    sluice_digest_of("unknown", 7, &unknown.digest);
    g_assert_null(contents_acquire(contents, &unknown, &error));
    g_assert_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
    contents_free(contents);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nodes/identity", test_identity);
    g_test_add_func("/nodes/forget", test_forget);
    g_test_add("/listings", Fixture, NULL, set_up, test_listings, tear_down);
    g_test_add("/contents", Fixture, NULL, set_up, test_contents, tear_down);
    return g_test_run();
}
