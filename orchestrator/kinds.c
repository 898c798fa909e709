/*
 * kinds.c - looking up element kinds.  The table itself is made at build time from kinds/ and the list in meson.build.
 */
#include "kind.h"

#include <string.h>

const ElementKind *element_kind_find(const char *name)
{
    for (gsize i = 0; element_kinds[i] != NULL; i++) {
        if (strcmp(element_kinds[i]->name, name) == 0) {
            return element_kinds[i];
        }
    }
    return NULL;
}
