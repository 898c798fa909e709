/*
 * kind-import.c - sources as they are, or a part of them, become the artifact.
 */
#include "kind.h"

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"source", "target", NULL};
    const char *text = NULL;
    if (!node_check_keys(element->config, keys, error) || !node_need_string(element->config, "source", &text, error) ||
        !node_need_string(element->config, "target", &text, error)) {
        return FALSE;
    }
    if (element->n_sources == 0) {
        error_set(error, ERROR_ELEMENT, NULL, &element->where, "An import element must have at least one source.");
        return FALSE;
    }
    return TRUE;
}

static Json *unique_key(Element *element, Arena *arena)
{
    return json_from_node(arena, element->config);
}

const ElementKind element_kind_import = {
    .name = "import",
    .defaults = "config:\n"
                "  source: /\n"
                "  target: /\n",
    .configure = configure,
    .unique_key = unique_key,
    .assemble = kind_import_assemble,
};
