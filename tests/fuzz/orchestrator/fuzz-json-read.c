/* JSON: what is read and written again reads as the same. */
#include "json-read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *rewrite(const char *text, gsize length)
{
    Arena *arena = arena_new();
    g_autoptr(GError) error = NULL;
    const JsonTree *tree = json_read(arena, text, length, &error);
    if ((tree == NULL) != (error != NULL)) {
        abort();
    }
    GString *out = tree != NULL ? g_string_new(NULL) : NULL;
    if (tree != NULL) {
        json_tree_write(tree, 0, out);
    }
    arena_free(arena);
    return out != NULL ? g_string_free(out, FALSE) : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *once = rewrite((const char *)data, size);
    g_autofree char *twice = once != NULL ? rewrite(once, strlen(once)) : NULL;
    if (once != NULL && g_strcmp0(once, twice) != 0) {
        abort();
    }
    return 0;
}
