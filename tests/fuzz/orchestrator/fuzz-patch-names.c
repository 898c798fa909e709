/*
 * Patches: the names of the files that they are about never lead out of the folder that they are applied in.
 */
#include "patch-names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    if (*name == '/' || *name == '\0' || g_strv_contains((const char *const *)parts, "..")) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) patch = g_bytes_new(data, size);
    for (guint strip = 0; strip < 3; strip++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) names = patch_names(patch, strip, "input", &error);
        if ((names == NULL) != (error != NULL)) {
            abort();
        }
        for (guint i = 0; names != NULL && i < names->len; i++) {
            check_name(g_ptr_array_index(names, i));
        }
    }
    return 0;
}
