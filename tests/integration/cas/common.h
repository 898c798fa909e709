/* What the programs of this folder share: content that can be made again from its number, and failing loudly. */
#pragma once

#include "cas.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                            \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static inline GBytes *make_content(unsigned seed, gsize size)
{
    uint8_t *data = g_malloc(size + sizeof seed);
    for (gsize i = 0; i < size + sizeof seed; i++)
        data[i] = (uint8_t)((seed * 2654435761u + i * (seed | 1)) >> (i % 11));
    memcpy(data, &seed, sizeof seed);
    return g_bytes_new_take(data, size + sizeof seed);
}

static inline void check_content(SluiceStore *store, unsigned seed, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) expected = make_content(seed, size);
    SluiceDigest digest;
    sluice_digest_of_bytes(expected, &digest);
    g_autoptr(GBytes) actual = sluice_store_read(store, &digest, &error);
    CHECK(actual != NULL, "blob %u of %zu bytes: %s", seed, size, error->message);
    CHECK(g_bytes_equal(expected, actual), "blob %u of %zu bytes has other content", seed, size);
}

static inline void print_problem(const char *problem, gpointer data)
{
    fprintf(stderr, "fsck: %s\n", problem);
}

static inline void check_sound(SluiceStore *store)
{
    g_autoptr(GError) error = NULL;
    SluiceFsckStats stats;
    CHECK(sluice_store_fsck(store, FALSE, print_problem, NULL, NULL, &stats, &error), "%s", error->message);
    CHECK(stats.damaged == 0 && stats.dangling_refs == 0 && stats.dangling_results == 0, "the store is damaged");
}

static inline SluiceStore *open_store(const char *path)
{
    g_autoptr(GError) error = NULL;
    SluiceStore *store = sluice_store_open(path, NULL, &error);
    CHECK(store != NULL, "%s", error->message);
    return store;
}

static inline guint count_names(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint count = 0;
    while (dir != NULL && g_dir_read_name(dir) != NULL)
        count++;
    return count;
}
