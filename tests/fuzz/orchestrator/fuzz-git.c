/*
 * What a foreign repository says of itself: heads of commits and tags, and where its submodules are.  The first line is a URL, the second one a URL or a path
 * below it, the rest an object.
 */
#include "git-history.h"
#include "git-submodule.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_head(GBytes *object)
{
    static const char *const keys[] = {"tree", "parent", "object"};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        gsize position = 0, before = 0;
        for (char *value; (value = git_header_value(object, keys[i], &position)) != NULL; before = position) {
            if (position <= before || strlen(value) > 40) {
                abort();
            }
            g_free(value);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
    const char *parent = lines[0] != NULL ? lines[0] : "";
    const char *path = lines[0] != NULL && lines[1] != NULL ? lines[1] : "";
    g_autofree char *url = git_submodule_url(parent, path, &error);
    if ((url == NULL) != (error != NULL)) {
        abort();
    }
    if (git_submodule_path_is_valid(path) && (*path == '/' || g_str_has_prefix(path, "../"))) {
        abort();
    }
    g_autoptr(GBytes) object = g_bytes_new(data, size);
    read_head(object);
    return 0;
}
