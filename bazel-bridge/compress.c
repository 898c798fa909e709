/* Compression costs the server's time for every reader, so the fastest level is used; what cannot be compressed is passed over
 * quickly at that level. */
#include "compress.h"
#include "bridge-limits.h"
#include "proto.h"

#include <zstd.h>

/* ---- Packing --------------------------------------------------------------------------------------------------------------- */

struct SluicePacker {
    ZSTD_CCtx *context; /* made when it is needed */
};

SluicePacker *sluice_packer_new(void)
{
    return g_new0(SluicePacker, 1);
}

GBytes *sluice_packer_pack(SluicePacker *packer, const void *data, gsize length)
{
    gsize room = ZSTD_compressBound(length);
    if (packer->context == NULL)
        packer->context = ZSTD_createCCtx();
    g_autofree void *out = g_try_malloc(room);
    if (packer->context == NULL || out == NULL)
        return NULL;
    gsize packed = ZSTD_compressCCtx(packer->context, out, room, data, length, SLUICE_PACK_LEVEL);
    return ZSTD_isError(packed) ? NULL : g_bytes_new_take(g_realloc(g_steal_pointer(&out), packed), packed);
}

void sluice_packer_free(SluicePacker *packer)
{
    if (packer == NULL)
        return;
    ZSTD_freeCCtx(packer->context);
    g_free(packer);
}

/* ---- Unpacking ------------------------------------------------------------------------------------------------------------- */

GBytes *sluice_unpack(const void *data, gsize length, gsize size)
{
    g_autofree void *out = g_try_malloc(MAX(size, 1));
    if (out == NULL)
        return NULL;
    gsize got = ZSTD_decompress(out, size, data, length);
    return ZSTD_isError(got) || got != size ? NULL : g_bytes_new_take(g_steal_pointer(&out), size);
}

struct SluiceUnpacker {
    ZSTD_DCtx *context;
    gsize wanted; /* 0: at the end of a frame */
};

SluiceUnpacker *sluice_unpacker_new(void)
{
    SluiceUnpacker *unpacker = g_new0(SluiceUnpacker, 1);
    unpacker->context = ZSTD_createDCtx();
    if (unpacker->context != NULL)
        ZSTD_DCtx_setParameter(unpacker->context, ZSTD_d_windowLogMax, SLUICE_LIMIT_UNPACK_WINDOW_LOG);
    return unpacker;
}

static gboolean unpack_error(GError **error, const char *what)
{
    g_set_error(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "this is not Zstandard data that can be read: %s",
                what);
    return FALSE;
}

gboolean sluice_unpacker_feed(SluiceUnpacker *unpacker, const void *data, gsize length, SluiceUnpackFunc func,
                              gpointer user, GError **error)
{
    ZSTD_inBuffer in = {data, length, 0};
    if (unpacker->context == NULL)
        return unpack_error(error, "no memory");
    gsize room = ZSTD_DStreamOutSize();
    g_autofree void *buffer = g_malloc(room);
    ZSTD_outBuffer out = {buffer, room, 0};
    /* a full buffer means that there may be more, even without input */
    while (in.pos < in.size || out.pos == out.size) {
        out.pos = 0;
        unpacker->wanted = ZSTD_decompressStream(unpacker->context, &out, &in);
        if (ZSTD_isError(unpacker->wanted))
            return unpack_error(error, ZSTD_getErrorName(unpacker->wanted));
        if (out.pos > 0 && !func(buffer, out.pos, user, error))
            return FALSE;
    }
    return TRUE;
}

gboolean sluice_unpacker_is_whole(const SluiceUnpacker *unpacker)
{
    return unpacker->wanted == 0;
}

gsize sluice_unpacker_get_memory(const SluiceUnpacker *unpacker)
{
    return sizeof *unpacker + ZSTD_sizeof_DCtx(unpacker->context);
}

void sluice_unpacker_free(SluiceUnpacker *unpacker)
{
    if (unpacker == NULL)
        return;
    ZSTD_freeDCtx(unpacker->context);
    g_free(unpacker);
}
