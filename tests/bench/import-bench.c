/*
 * import-bench STORE DIRECTORY: imports once, and prints the milliseconds that it took.
 */
#include "cas.h"

#include <fcntl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    SluiceDigest root;
    if (argc != 3) {
        fprintf(stderr, "usage: import-bench STORE DIRECTORY\n");
        return 2;
    }
    g_autoptr(SluiceStore) store = sluice_store_open(argv[1], NULL, &error);
    gint64 start = g_get_monotonic_time();
    if (store == NULL || !sluice_store_import(store, AT_FDCWD, argv[2], NULL, &root, &error)) {
        fprintf(stderr, "import-bench: %s\n", error->message);
        return 1;
    }
    char text[SLUICE_DIGEST_STRING_MAX];
    printf("%.2f %s\n", (double)(g_get_monotonic_time() - start) / 1000, sluice_digest_string(&root, text));
    return 0;
}
