/* What broken-off uploads have received, kept for a while under the name of their resource, so that a client can go on where it stood.
 * Few and not for long: it is only worth it for large blobs over bad lines. */
#include "bridge-private.h"

typedef struct {
    char *name;
    SluiceBlobWriter *writer;
    int64_t since; /* monotonic */
} Parked;

struct SluiceUploads {
    GMutex lock;
    GQueue parked; /* Parked *, oldest first */
    int64_t bytes;
};

static void parked_free(gpointer data)
{
    Parked *parked = data;
    g_clear_pointer(&parked->writer, sluice_blob_writer_free);
    g_free(parked->name);
    g_free(parked);
}

SluiceUploads *sluice_uploads_new(void)
{
    SluiceUploads *uploads = g_new0(SluiceUploads, 1);
    g_mutex_init(&uploads->lock);
    return uploads;
}

void sluice_uploads_free(SluiceUploads *uploads)
{
    g_queue_clear_full(&uploads->parked, parked_free);
    g_mutex_clear(&uploads->lock);
    g_free(uploads);
}

/* Takes the item off the queue. */
static Parked *unlink_item(SluiceUploads *uploads, GList *item)
{
    Parked *parked = item->data;
    uploads->bytes -= sluice_blob_writer_get_size(parked->writer);
    g_queue_delete_link(&uploads->parked, item);
    return parked;
}

static GList *find_item(SluiceUploads *uploads, const char *name)
{
    GList *item = uploads->parked.head;
    while (item != NULL && strcmp(((Parked *)item->data)->name, name) != 0)
        item = item->next;
    return item;
}

static void drop_name(SluiceUploads *uploads, const char *name)
{
    GList *item = find_item(uploads, name);
    if (item != NULL)
        parked_free(unlink_item(uploads, item));
}

void sluice_uploads_park(SluiceUploads *uploads, const char *name, SluiceBlobWriter *writer)
{
    Parked *parked = g_new0(Parked, 1);
    *parked = (Parked){g_strdup(name), writer, g_get_monotonic_time()};
    g_mutex_lock(&uploads->lock);
    drop_name(uploads, name);
    g_queue_push_tail(&uploads->parked, parked);
    uploads->bytes += sluice_blob_writer_get_size(writer);
    while (uploads->parked.length > SLUICE_LIMIT_PARKED ||
           uploads->bytes > SLUICE_LIMIT_PARKED_MIB * (int64_t)SLUICE_MIB)
        parked_free(unlink_item(uploads, uploads->parked.head));
    g_mutex_unlock(&uploads->lock);
}

SluiceBlobWriter *sluice_uploads_take(SluiceUploads *uploads, const char *name, int64_t offset)
{
    SluiceBlobWriter *writer = NULL;
    g_mutex_lock(&uploads->lock);
    GList *item = find_item(uploads, name);
    if (item != NULL && sluice_blob_writer_get_size(((Parked *)item->data)->writer) == offset) {
        Parked *parked = unlink_item(uploads, item);
        writer = g_steal_pointer(&parked->writer);
        parked_free(parked);
    }
    g_mutex_unlock(&uploads->lock);
    return writer;
}

int64_t sluice_uploads_get_size(SluiceUploads *uploads, const char *name)
{
    g_mutex_lock(&uploads->lock);
    GList *item = find_item(uploads, name);
    int64_t size = item != NULL ? sluice_blob_writer_get_size(((Parked *)item->data)->writer) : 0;
    g_mutex_unlock(&uploads->lock);
    return size;
}

void sluice_uploads_expire(SluiceUploads *uploads, int64_t before)
{
    g_mutex_lock(&uploads->lock);
    while (uploads->parked.head != NULL && ((Parked *)uploads->parked.head->data)->since < before)
        parked_free(unlink_item(uploads, uploads->parked.head));
    g_mutex_unlock(&uploads->lock);
}
