#define FUSE_USE_VERSION 312
#include "trees-server.h"
#include "sandbox-error.h"
#include "sandbox-limits.h"
#include "trees-content.h"
#include "trees-listing.h"

#include <errno.h>
#include <fuse3/fuse_lowlevel.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOR_EVER      1e9 /* seconds */
#define TREE_NAME_MAX (SLUICE_HASH_HEX + 1 + 20)

struct TreesServer {
    SluiceStore *store;
    Nodes *nodes;
    Listings *listings;
    Contents *contents;
    struct fuse_session *session;
};

static TreesServer *server_of(fuse_req_t request)
{
    return fuse_req_userdata(request);
}

static Node *node_of(TreesServer *server, fuse_ino_t number)
{
    return number == FUSE_ROOT_ID ? nodes_get_top(server->nodes) : (Node *)(gsize)number;
}

static void set_attributes(struct stat *attributes, SluiceEntryType type, gboolean executable, gint64 size,
                           guint64 inode)
{
    static const mode_t modes[] = {
        [SLUICE_ENTRY_FILE] = S_IFREG | 0644,
        [SLUICE_ENTRY_DIRECTORY] = S_IFDIR | 0755,
        [SLUICE_ENTRY_SYMLINK] = S_IFLNK | 0777,
    };
    *attributes = (struct stat){.st_ino = inode,
                                .st_mode = modes[type] | (executable ? 0111 : 0),
                                .st_nlink = 1,
                                .st_size = size,
                                .st_blksize = 4096,
                                .st_blocks = (size + 511) / 512,
                                .st_atim.tv_sec = SLUICE_STAGED_MTIME,
                                .st_mtim.tv_sec = SLUICE_STAGED_MTIME,
                                .st_ctim.tv_sec = SLUICE_STAGED_MTIME};
}

static gint64 shown_size(const Node *node)
{
    switch (node->type) {
    case SLUICE_ENTRY_FILE:
        return node->digest.size;
    case SLUICE_ENTRY_SYMLINK:
        return (gint64)strlen(node->target);
    default:
        return 4096;
    }
}

static void node_attributes(const Node *node, struct stat *attributes)
{
    set_attributes(attributes, node->type, node->executable, shown_size(node), node_get_inode(node));
    if (node->mtime > 0)
        attributes->st_mtim =
            (struct timespec){.tv_sec = node->mtime / 1000000000, .tv_nsec = node->mtime % 1000000000};
}

static void fill_entry(const Node *node, struct fuse_entry_param *out)
{
    *out =
        (struct fuse_entry_param){.ino = (fuse_ino_t)(gsize)node, .attr_timeout = FOR_EVER, .entry_timeout = FOR_EVER};
    node_attributes(node, &out->attr);
}

static void dropped(Node *node, gpointer data)
{
    contents_drop(data, node);
}

static void forget(TreesServer *server, Node *node, guint64 count)
{
    nodes_forget(server->nodes, node, count, dropped, server->contents);
}

/* ---- Names ---- */

/* "HASH-SIZE" at the top: a tree, if the store has it. */
static gboolean find_tree(TreesServer *server, const char *name, SluiceEntry *out)
{
    if (strlen(name) > TREE_NAME_MAX || strlen(name) <= SLUICE_HASH_HEX || name[SLUICE_HASH_HEX] != '-')
        return FALSE;
    guint64 size = 0;
    *out = (SluiceEntry){.name = name, .type = SLUICE_ENTRY_DIRECTORY};
    if (!g_ascii_string_to_unsigned(name + SLUICE_HASH_HEX + 1, 10, 0, G_MAXINT64, &size, NULL) ||
        !sluice_digest_parse_hex(name, SLUICE_HASH_HEX, (int64_t)size, &out->digest, NULL))
        return FALSE;
    g_autoptr(Listing) listing = listings_get(server->listings, &out->digest, NULL);
    return listing != NULL;
}

static void reply_node(fuse_req_t request, Node *node)
{
    struct fuse_entry_param answer;
    fill_entry(node, &answer);
    if (fuse_reply_entry(request, &answer) != 0)
        forget(server_of(request), node, 1);
}

static void on_lookup(fuse_req_t request, fuse_ino_t number, const char *name)
{
    TreesServer *server = server_of(request);
    Node *parent = node_of(server, number);
    if (parent->top) {
        SluiceEntry tree;
        if (find_tree(server, name, &tree))
            reply_node(request, nodes_lookup(server->nodes, parent, &tree));
        else
            fuse_reply_err(request, ENOENT); /* not for ever: the store may get it */
        return;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(Listing) listing = listings_get(server->listings, &parent->digest, &error);
    if (listing == NULL) {
        fuse_reply_err(request, EIO);
        return;
    }
    const SluiceEntry *entry = sluice_directory_find(listing_peek(listing), name);
    if (entry != NULL) {
        reply_node(request, nodes_lookup(server->nodes, parent, entry));
        return;
    }
    const struct fuse_entry_param absent = {.ino = 0, .entry_timeout = FOR_EVER};
    fuse_reply_entry(request, &absent);
}

static void on_forget(fuse_req_t request, fuse_ino_t number, uint64_t count)
{
    forget(server_of(request), node_of(server_of(request), number), count);
    fuse_reply_none(request);
}

static void on_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *list)
{
    for (size_t i = 0; i < count; i++)
        forget(server_of(request), node_of(server_of(request), list[i].ino), list[i].nlookup);
    fuse_reply_none(request);
}

static void on_getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    struct stat attributes;
    node_attributes(node_of(server_of(request), number), &attributes);
    fuse_reply_attr(request, &attributes, FOR_EVER);
}

static void on_readlink(fuse_req_t request, fuse_ino_t number)
{
    const Node *node = node_of(server_of(request), number);
    if (node->target != NULL)
        fuse_reply_readlink(request, node->target);
    else
        fuse_reply_err(request, EINVAL);
}

/* ---- Content ---- */

static void on_open(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    fuse_reply_err(request, ENOSYS); /* the kernel never asks again, and keeps the pages */
}

static void on_getxattr(fuse_req_t request, fuse_ino_t number, const char *name, size_t size)
{
    fuse_reply_err(request, ENOSYS);
}

static void on_listxattr(fuse_req_t request, fuse_ino_t number, size_t size)
{
    fuse_reply_err(request, ENOSYS);
}

static void reply_small(fuse_req_t request, const Node *node, size_t size, gsize offset)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = sluice_store_read(server_of(request)->store, &node->digest, &error);
    if (bytes == NULL) {
        fuse_reply_err(request, EIO);
        return;
    }
    gsize length = 0;
    const char *data = g_bytes_get_data(bytes, &length);
    offset = MIN(offset, length);
    fuse_reply_buf(request, data + offset, MIN(size, length - offset));
}

static void reply_large(fuse_req_t request, Node *node, size_t size, off_t offset)
{
    TreesServer *server = server_of(request);
    g_autoptr(GError) error = NULL;
    OpenFile *file = contents_acquire(server->contents, node, &error);
    if (file == NULL) {
        fuse_reply_err(request, EIO);
        return;
    }
    struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(MIN(size, (size_t)MAX(node->digest.size - offset, 0)));
    buffer.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    buffer.buf[0].fd = open_file_get_fd(file);
    buffer.buf[0].pos = offset;
    /* Not SPLICE_MOVE: that would take the pages away from the store's file, and the next session would wait for the disk. */
    fuse_reply_data(request, &buffer, 0);
    contents_release(server->contents, file);
}

static void on_read(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info)
{
    Node *node = node_of(server_of(request), number);
    if (node->type != SLUICE_ENTRY_FILE)
        fuse_reply_err(request, EISDIR);
    else if (offset >= node->digest.size)
        fuse_reply_buf(request, NULL, 0);
    else if (node->digest.size <= TREES_CACHED_FD_SIZE)
        reply_small(request, node, size, (gsize)offset);
    else
        reply_large(request, node, size, offset);
}

/* ---- Directories ---- */

typedef struct {
    fuse_req_t request;
    Node *directory;
    gboolean plus;
    char *data;
    size_t size, used;
} Page;

/* FALSE: no room. */
static gboolean page_add(Page *page, const char *name, const struct fuse_entry_param *entry, off_t next)
{
    size_t left = page->size - page->used;
    size_t need = page->plus
                      ? fuse_add_direntry_plus(page->request, page->data + page->used, left, name, entry, next)
                      : fuse_add_direntry(page->request, page->data + page->used, left, name, &entry->attr, next);
    if (need > left)
        return FALSE;
    page->used += need;
    return TRUE;
}

static gboolean page_add_dot(Page *page, const char *name, off_t next)
{
    struct fuse_entry_param entry = {.ino = 0};
    node_attributes(page->directory, &entry.attr);
    return page_add(page, name, &entry, next);
}

static gboolean page_add_entry(Page *page, const SluiceEntry *entry, off_t next)
{
    TreesServer *server = server_of(page->request);
    struct fuse_entry_param answer = {.ino = 0};
    if (!page->plus) {
        set_attributes(&answer.attr, entry->type, FALSE, 0, node_inode_of(page->directory, entry));
        return page_add(page, entry->name, &answer, next);
    }
    Node *node = nodes_lookup(server->nodes, page->directory, entry);
    fill_entry(node, &answer);
    if (page_add(page, entry->name, &answer, next))
        return TRUE;
    forget(server, node, 1);
    return FALSE;
}

static void fill_page(Page *page, const SluiceDirectory *directory, gsize offset)
{
    gsize count = 0;
    const SluiceEntry *entries = directory != NULL ? sluice_directory_get_entries(directory, &count) : NULL;
    static const char *const dots[] = {".", ".."};
    for (; offset < G_N_ELEMENTS(dots); offset++) {
        if (!page_add_dot(page, dots[offset], (off_t)offset + 1))
            return;
    }
    for (gsize i = offset - G_N_ELEMENTS(dots); i < count; i++) {
        if (!page_add_entry(page, &entries[i], (off_t)(i + G_N_ELEMENTS(dots)) + 1))
            return;
    }
}

static void read_directory(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset, gboolean plus)
{
    TreesServer *server = server_of(request);
    Page page = {.request = request, .directory = node_of(server, number), .plus = plus, .size = size};
    g_autoptr(GError) error = NULL;
    g_autoptr(Listing) listing = NULL;
    if (page.directory->type != SLUICE_ENTRY_DIRECTORY || offset < 0) {
        fuse_reply_err(request, ENOTDIR);
        return;
    }
    if (!page.directory->top && (listing = listings_get(server->listings, &page.directory->digest, &error)) == NULL) {
        fuse_reply_err(request, EIO);
        return;
    }
    page.data = g_malloc(size);
    fill_page(&page, listing != NULL ? listing_peek(listing) : NULL, (gsize)offset);
    fuse_reply_buf(request, page.data, page.used);
    g_free(page.data);
}

static void on_readdir(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info)
{
    read_directory(request, number, size, offset, FALSE);
}

static void on_readdirplus(fuse_req_t request, fuse_ino_t number, size_t size, off_t offset,
                           struct fuse_file_info *info)
{
    read_directory(request, number, size, offset, TRUE);
}

/* ---- Session ---- */

static void on_init(void *data, struct fuse_conn_info *connection)
{
    static const unsigned wanted = FUSE_CAP_SPLICE_WRITE | FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
                                   FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ |
                                   FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT;
    static const unsigned unwanted = FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_SPLICE_READ;
    connection->want = (connection->want & ~unwanted) | (connection->capable & wanted);
}

static const struct fuse_lowlevel_ops operations = {
    .init = on_init,
    .lookup = on_lookup,
    .forget = on_forget,
    .forget_multi = on_forget_multi,
    .getattr = on_getattr,
    .readlink = on_readlink,
    .open = on_open,
    .opendir = on_open,
    .read = on_read,
    .readdir = on_readdir,
    .readdirplus = on_readdirplus,
    .getxattr = on_getxattr,
    .listxattr = on_listxattr,
};

static gpointer serve(gpointer data)
{
    TreesServer *server = data;
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    fuse_loop_cfg_set_clone_fd(config, 0);
    fuse_loop_cfg_set_max_threads(config, TREES_THREADS);
    fuse_loop_cfg_set_idle_threads(config, TREES_THREADS);
    fuse_session_loop_mt(server->session, config);
    fuse_loop_cfg_destroy(config);
    return NULL;
}

TreesServer *trees_server_start(SluiceStore *store, int fuse_fd, GError **error)
{
    char program[] = "sluice-trees";
    char *argv[] = {program, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, argv);
    TreesServer *server = g_new0(TreesServer, 1);
    server->store = store;
    server->nodes = nodes_new();
    server->listings = listings_new(store);
    server->contents = contents_new(store);
    server->session = fuse_session_new(&args, &operations, sizeof operations, server);
    g_autofree char *place = g_strdup_printf("/dev/fd/%d", fuse_fd);
    if (server->session == NULL || fuse_session_mount(server->session, place) != 0) {
        sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "libfuse does not start");
        return NULL;
    }
    g_thread_unref(g_thread_new("trees", serve, server));
    return server;
}
