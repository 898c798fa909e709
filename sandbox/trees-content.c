#include "trees-content.h"
#include "sandbox-limits.h"

#include <unistd.h>

struct OpenFile {
    Node *node; /* NULL: no longer kept, closed by the last release */
    int fd;
    unsigned users;
    GList link;
};

struct Contents {
    SluiceStore *store;
    GMutex mutex;
    GQueue recent; /* OpenFile, most recently used first */
};

Contents *contents_new(SluiceStore *store)
{
    Contents *contents = g_new0(Contents, 1);
    contents->store = store;
    g_mutex_init(&contents->mutex);
    g_queue_init(&contents->recent);
    return contents;
}

static void close_if_unused(OpenFile *file)
{
    if (file->node != NULL || file->users > 0)
        return;
    close(file->fd);
    g_free(file);
}

static void stop_keeping(Contents *contents, OpenFile *file)
{
    g_queue_unlink(&contents->recent, &file->link);
    file->node->open = NULL;
    file->node = NULL;
    close_if_unused(file);
}

void contents_free(Contents *contents)
{
    while (contents->recent.head != NULL)
        stop_keeping(contents, contents->recent.head->data);
    g_mutex_clear(&contents->mutex);
    g_free(contents);
}

/* With the mutex held. */
static OpenFile *use(Contents *contents, Node *node)
{
    OpenFile *file = node->open;
    if (file == NULL)
        return NULL;
    g_queue_unlink(&contents->recent, &file->link);
    g_queue_push_head_link(&contents->recent, &file->link);
    file->users++;
    return file;
}

static OpenFile *keep(Contents *contents, Node *node, int fd)
{
    OpenFile *file = g_new0(OpenFile, 1);
    *file = (OpenFile){.node = node, .fd = fd, .users = 1};
    file->link.data = file;
    node->open = file;
    g_queue_push_head_link(&contents->recent, &file->link);
    if (contents->recent.length > TREES_CACHED_FDS_MAX)
        stop_keeping(contents, contents->recent.tail->data);
    return file;
}

OpenFile *contents_acquire(Contents *contents, Node *node, GError **error)
{
    g_mutex_lock(&contents->mutex);
    OpenFile *file = use(contents, node);
    g_mutex_unlock(&contents->mutex);
    if (file != NULL)
        return file;
    int fd = sluice_store_open_blob(contents->store, &node->digest, error);
    if (fd < 0)
        return NULL;
    g_mutex_lock(&contents->mutex);
    file = use(contents, node); /* another thread may have been faster */
    if (file != NULL)
        close(fd);
    else
        file = keep(contents, node, fd);
    g_mutex_unlock(&contents->mutex);
    return file;
}

int open_file_get_fd(const OpenFile *file)
{
    return file->fd;
}

void contents_release(Contents *contents, OpenFile *file)
{
    g_mutex_lock(&contents->mutex);
    file->users--;
    close_if_unused(file);
    g_mutex_unlock(&contents->mutex);
}

void contents_drop(Contents *contents, Node *node)
{
    g_mutex_lock(&contents->mutex);
    if (node->open != NULL)
        stop_keeping(contents, node->open);
    g_mutex_unlock(&contents->mutex);
}
