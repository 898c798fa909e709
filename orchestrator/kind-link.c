/*
 * kind-link.c - another name for an element or a junction; the loader follows it and forgets it.
 */
#include "kind.h"

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"target", NULL};
    const char *target = NULL;
    return node_check_keys(element->config, keys, error) && node_need_string(element->config, "target", &target, error);
}

static Json *unique_key(Element *element, Arena *arena)
{
    return json_int(arena, 1);
}

const ElementKind element_kind_link = {
    .name = "link",
    .flags = KIND_FORBID_DEPS | KIND_FORBID_SOURCES | KIND_NO_ARTIFACT | KIND_NOT_BUILDABLE,
    .configure = configure,
    .unique_key = unique_key,
};
