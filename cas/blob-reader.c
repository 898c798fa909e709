/* Blobs that are read in pieces.  A large one is mapped as a whole, which costs address space; its pages count as this process's memory
 * only from the reading of a piece until that is freed. */
#include "cas-private.h"

#include <sys/mman.h>
#include <unistd.h>

struct SluiceBlobReader {
    GBytes *blob;
    gboolean mapped;
};

typedef struct {
    GBytes *blob;
    uint8_t *start;
    gsize length;
} Piece;

SluiceBlobReader *sluice_blob_reader_new(SluiceStore *store, const SluiceDigest *digest, GError **error)
{
    SluiceBlobReader *reader = g_new0(SluiceBlobReader, 1);
    reader->blob = cas_read_blob(store, digest, &reader->mapped, error);
    if (reader->blob != NULL)
        return reader;
    g_free(reader);
    return NULL;
}

void sluice_blob_reader_free(SluiceBlobReader *reader)
{
    if (reader == NULL)
        return;
    g_bytes_unref(reader->blob);
    g_free(reader);
}

/* The pages stay in the page cache, and come back if a neighbour that shares one is still being read. */
static void release_piece(gpointer data)
{
    Piece *piece = data;
    gsize page = (gsize)sysconf(_SC_PAGESIZE), head = (gsize)piece->start % page;
    (void)madvise(piece->start - head, piece->length + head, MADV_DONTNEED);
    g_bytes_unref(piece->blob);
    g_free(piece);
}

GBytes *sluice_blob_reader_read(SluiceBlobReader *reader, gsize offset, gsize length)
{
    gsize size;
    const uint8_t *data = g_bytes_get_data(reader->blob, &size);
    offset = MIN(offset, size);
    length = MIN(length, size - offset);
    if (!reader->mapped || length == 0)
        return g_bytes_new_from_bytes(reader->blob, offset, length);
    Piece *piece = g_new(Piece, 1);
    *piece = (Piece){g_bytes_ref(reader->blob), (uint8_t *)data + offset, length};
    return g_bytes_new_with_free_func(data + offset, length, release_piece, piece);
}
