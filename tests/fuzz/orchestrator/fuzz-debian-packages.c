/* A Packages file: what is read is sound, and the closure over it is what was promised, or an error. */
#include "debian-depends.h"
#include "debian-resolve.h"
#include "debian-version.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition) {
        abort();
    }
}

static void check_package(const DebianPackage *package)
{
    SluiceDigest digest;
    check(debian_name_is_valid(package->name, strlen(package->name)));
    check(debian_version_is_valid(package->version));
    check(debian_path_is_safe(package->path) && strstr(package->path, "/../") == NULL && package->path[0] != '/');
    check(sluice_digest_parse_hex(package->sha256, strlen(package->sha256), package->size, &digest, NULL));
}

static void check_closure(DebianIndex *index, gboolean recommends)
{
    const char *const packages[] = {"app", NULL};
    const DebianWish wish = {.packages = packages,
                             .architecture = "amd64",
                             .essential = TRUE,
                             .dependencies = TRUE,
                             .recommends = recommends};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) closure = debian_resolve(index, &wish, &error);
    check((closure == NULL) == (error != NULL));
    for (guint i = 1; closure != NULL && i < closure->len; i++) {
        const DebianPackage *before = closure->pdata[i - 1], *package = closure->pdata[i];
        check(strcmp(before->name, package->name) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(DebianIndex) index = debian_index_new();
    g_autoptr(GError) error = NULL;
    char *text = g_malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    if (!debian_index_add(index, text, size, "amd64", "suite", "Packages", &error)) {
        check(error != NULL);
        return 0;
    }
    gsize count;
    const DebianPackage *const *list = debian_index_list(index, &count);
    for (gsize i = 0; i < count; i++) {
        check_package(list[i]);
        check(debian_index_find(index, list[i]->name) == list[i]);
    }
    check_closure(index, FALSE);
    check_closure(index, TRUE);
    return 0;
}
