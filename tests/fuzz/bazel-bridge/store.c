#include "store.h"

#include <stdlib.h>
#include <string.h>

static SluiceStore *store;
static char *directory;

void fuzz_check(gboolean condition)
{
    if (!condition)
        abort();
}

static void stop(void)
{
    sluice_store_close(store);
    sluice_remove_tree(directory, NULL);
    g_free(directory);
}

SluiceStore *fuzz_store(const char *blob)
{
    if (store != NULL)
        return store;
    directory = g_dir_make_tmp("sluice-fuzz-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "store", NULL);
    store = sluice_store_open(path, NULL, NULL);
    fuzz_check(store != NULL && sluice_store_put(store, blob, strlen(blob), NULL, NULL, NULL));
    atexit(stop);
    return store;
}
