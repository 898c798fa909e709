/* compress.h - Zstandard for blobs on their way: whole ones into memory of a known size, and streams of frames. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Packs any number of pieces, each into a frame of its own; frames one after the other are a stream. */
typedef struct SluicePacker SluicePacker;
SluicePacker *sluice_packer_new(void);
/* NULL: no memory. */
GBytes *sluice_packer_pack(SluicePacker *packer, const void *data, gsize length);
void sluice_packer_free(SluicePacker *packer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluicePacker, sluice_packer_free)

/* Exactly `size` bytes, or NULL: damaged, or of another size.  Never more memory than that. */
GBytes *sluice_unpack(const void *data, gsize length, gsize size);

/* Takes frames in pieces, as they come.  Not shared between threads. */
typedef struct SluiceUnpacker SluiceUnpacker;
SluiceUnpacker *sluice_unpacker_new(void);
/* Gets what came out, in pieces; FALSE ends it. */
typedef gboolean (*SluiceUnpackFunc)(const void *data, gsize length, gpointer user, GError **error);
/* PROTO errors for what is no Zstandard, or wants a window of more than SLUICE_LIMIT_UNPACK_WINDOW. */
gboolean sluice_unpacker_feed(SluiceUnpacker *unpacker, const void *data, gsize length, SluiceUnpackFunc func,
                              gpointer user, GError **error);
/* Whether nothing of a frame is missing. */
gboolean sluice_unpacker_is_whole(const SluiceUnpacker *unpacker);
/* What it holds now, bytes. */
gsize sluice_unpacker_get_memory(const SluiceUnpacker *unpacker);
void sluice_unpacker_free(SluiceUnpacker *unpacker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceUnpacker, sluice_unpacker_free)

G_END_DECLS
