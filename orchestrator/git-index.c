/* git-index.c - see git-index.h */
#include "git-index.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_VERSION 2
#define NAME_MASK     0xfff

static void put32(GByteArray *out, guint32 value)
{
    value = GUINT32_TO_BE(value);
    g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const GitIndexEntry *)a)->name, ((const GitIndexEntry *)b)->name);
}

static void put_entry(GByteArray *out, const GitIndexEntry *entry)
{
    static const guint8 zeros[8];
    gsize start = out->len, length = strlen(entry->name);
    guint16 flags = GUINT16_TO_BE((guint16)MIN(length, NAME_MASK));
    /* ctime, mtime: seconds and nanoseconds; device, inode */
    for (guint i = 0; i < 6; i++) {
        put32(out, 0);
    }
    put32(out, entry->mode);
    put32(out, 0);
    put32(out, 0);
    put32(out, entry->size);
    g_byte_array_append(out, entry->sha, sizeof entry->sha);
    g_byte_array_append(out, (const guint8 *)&flags, sizeof flags);
    g_byte_array_append(out, (const guint8 *)entry->name, (guint)length);
    /* One to eight zeros. */
    g_byte_array_append(out, zeros, (guint)(8 - (out->len - start) % 8));
}

GBytes *git_index_encode(GitIndexEntry *entries, gsize count)
{
    GByteArray *out = g_byte_array_new();
    guint8 digest[20];
    gsize length = sizeof digest;
    qsort(entries, count, sizeof *entries, compare);
    g_byte_array_append(out, (const guint8 *)"DIRC", 4);
    put32(out, INDEX_VERSION);
    put32(out, (guint32)count);
    for (gsize i = 0; i < count; i++) {
        put_entry(out, &entries[i]);
    }
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA1);
    g_checksum_update(checksum, out->data, out->len);
    g_checksum_get_digest(checksum, digest, &length);
    g_byte_array_append(out, digest, sizeof digest);
    return g_byte_array_free_to_bytes(out);
}
