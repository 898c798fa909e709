/* Pointers of Git LFS, and what its servers answer: places are of the network, headers have one line. */
#include "lfs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition) {
        abort();
    }
}

static void check_place(const LfsPlace *place)
{
    check((place->url == NULL) != (place->problem == NULL));
    check(place->url == NULL || g_str_has_prefix(place->url, "http"));
    check(place->problem == NULL || g_utf8_validate(place->problem, -1, NULL));
    for (char **header = place->headers; header != NULL && *header != NULL; header++) {
        check(strpbrk(*header, "\r\n") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LfsPointer pointer;
    GHashTableIter iter;
    gpointer oid, place;
    if (lfs_pointer_parse((const char *)data, size, &pointer)) {
        check(strlen(pointer.oid) == 64 && pointer.size >= 0);
    }
    g_autoptr(GHashTable) places = lfs_answer_parse((const char *)data, size);
    if (places != NULL) {
        g_hash_table_iter_init(&iter, places);
        while (g_hash_table_iter_next(&iter, &oid, &place)) {
            check_place(place);
        }
    }
    return 0;
}
