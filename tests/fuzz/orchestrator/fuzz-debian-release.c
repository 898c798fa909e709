/* A Release file: paths stay below the archive, digests are digests. */
#include "debian-index.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DebianRelease) release = debian_release_parse((const char *)data, size, "Release", &error);
    check((release == NULL) == (error != NULL));
    if (release == NULL) {
        return 0;
    }
    GHashTableIter iter;
    gpointer path, value;
    g_hash_table_iter_init(&iter, release->files);
    while (g_hash_table_iter_next(&iter, &path, &value)) {
        const DebianReleaseFile *file = value;
        SluiceDigest digest;
        check(debian_path_is_safe(path));
        check(sluice_digest_parse_hex(file->sha256, strlen(file->sha256), file->size, &digest, NULL));
        check(debian_release_find(release, path) == file);
    }
    return 0;
}
