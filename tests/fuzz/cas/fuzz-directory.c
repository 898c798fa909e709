/*
 * Directory bytes: what decodes encodes to the same bytes again.  Empty node_properties (two bytes each) may be dropped; then the
 * shorter bytes must be canonical themselves.
 */
#include "cas.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition)
        abort();
}

static GBytes *encode_again(const SluiceDirectory *directory)
{
    gsize count;
    const SluiceEntry *entries = sluice_directory_get_entries(directory, &count);
    GBytes *bytes = sluice_directory_encode(entries, count, NULL);
    check(bytes != NULL);
    for (gsize i = 0; i < count; i++)
        check(sluice_directory_find(directory, entries[i].name) == &entries[i]);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceDirectory) directory = sluice_directory_decode(data, size, &error);
    check((directory == NULL) == (error != NULL));
    if (directory == NULL)
        return 0;
    g_autoptr(GBytes) bytes = encode_again(directory);
    gsize length;
    const void *again = g_bytes_get_data(bytes, &length);
    check(length <= size && (size - length) % 2 == 0);
    if (length == size) {
        check(size == 0 || memcmp(again, data, size) == 0);
        return 0;
    }
    g_autoptr(SluiceDirectory) second = sluice_directory_decode(again, length, NULL);
    check(second != NULL);
    g_autoptr(GBytes) third = encode_again(second);
    check(g_bytes_equal(bytes, third));
    return 0;
}
