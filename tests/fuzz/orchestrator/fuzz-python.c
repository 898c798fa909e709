/*
 * What other people's packages and projects say in Python's formats: plugins, versions, requirements, entry points.
 */
#include "plugin.h"
#include "python-package.h"
#include "python-version.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    const char *name = NULL, *specifiers = NULL;
    gboolean valid = FALSE;
    Arena *arena = arena_new();
    /* One with code behind it is none, whatever came before. */
    g_autofree char *longer = g_strconcat(text, "\nevil()\n", NULL);
    (void)python_is_build_element(text);
    if (python_is_build_element(longer)) {
        abort();
    }
    (void)python_version_satisfies(text, ">=1", &valid);
    if (!valid) {
        abort();
    }
    if (python_version_satisfies("1.0", text, &valid) && !valid) {
        abort();
    }
    if (python_requirement_parse(arena, text, &name, &specifiers)) {
        (void)python_version_satisfies("1.0", specifiers, &valid);
        if (!valid || *name == '\0') {
            abort();
        }
    }
    arena_free(arena);
    return 0;
}
