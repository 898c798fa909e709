/*
 * kind-junction.c - the way into another project.  Its data says how that project is to be seen.
 */
#include "element-private.h"
#include "kind-junction.h"

#include <string.h>

static gboolean check_overrides(const Element *element, const Junction *junction, GError **error)
{
    for (gsize i = 0; junction->overrides != NULL && i < node_size(junction->overrides); i++) {
        const Node *value = node_value_at(junction->overrides, i);
        if (node_type(value) != NODE_SCALAR) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(value),
                      "Value of '%s' is not of the expected type 'scalar'", node_key_at(junction->overrides, i));
            return FALSE;
        }
        if (strcmp(node_text(value), element->name) == 0) {
            error_set(error, ERROR_ELEMENT, "override-junction-with-self", node_where(value),
                      "Attempt to override subproject junction '%s' with the overriding junction '%s' itself",
                      node_key_at(junction->overrides, i), element->name);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"path", "options", "overrides", "aliases", "map-aliases", NULL};
    Junction *junction = arena_new_of(session_arena(element->project->session), Junction);
    const char *mapping = "none";
    const Node *config = element->config;
    junction->path = "";
    if (!node_check_keys(config, keys, error) || !node_get_string(config, "path", &junction->path, error) ||
        !node_get_mapping(config, "options", &junction->options, error) ||
        !node_get_mapping(config, "overrides", &junction->overrides, error) ||
        !node_get_mapping(config, "aliases", &junction->aliases, error) ||
        !node_get_string(config, "map-aliases", &mapping, error)) {
        return FALSE;
    }
    junction->map_all_aliases = strcmp(mapping, "identity") == 0;
    if (!junction->map_all_aliases && strcmp(mapping, "none") != 0) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(config, "map-aliases")),
                  "Value of 'map-aliases' should be one of 'none, identity'");
        return FALSE;
    }
    element->data = junction;
    return check_overrides(element, junction, error);
}

static Json *unique_key(Element *element, Arena *arena)
{
    return json_int(arena, 1);
}

const ElementKind element_kind_junction = {
    .name = "junction",
    .flags = KIND_RUNS_COMMANDS | KIND_FORBID_DEPS | KIND_NOT_BUILDABLE,
    .configure = configure,
    .unique_key = unique_key,
};
