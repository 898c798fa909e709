/*
 * kind-flatpak-image.c - dependencies and a metadata file, laid out as flatpak wants them.
 */
#include "element-private.h"
#include "layout.h"

#include <string.h>

/* Where dependencies go that say nothing else. */
#define INPUT_LOCATION "/buildstream/allfiles"
/* Part of the key; counts up with the plugin's behaviour. */
#define KEY_VERSION 4

/* The plugin writes the file with a Python module to which a percent sign means a reference to another value. */
static gboolean check_percent(const Node *value, GError **error)
{
    for (const char *sign = strchr(node_text(value), '%'); sign != NULL; sign = strchr(sign, '%')) {
        const char *end = sign[1] == '(' ? strchr(sign + 2, ')') : NULL;
        if (end != NULL && end > sign + 2 && end[1] == 's') {
            sign = end;
        } else if (sign[1] == '%') {
            sign += 2;
        } else {
            error_set(error, ERROR_ELEMENT, NULL, node_where(value),
                      "invalid interpolation syntax in '%s' (a percent sign is written '%%%%')", node_text(value));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_section(const Node *section, GError **error)
{
    for (gsize i = 0; i < node_size(section); i++) {
        const char *text = NULL;
        if (!node_get_string(section, node_key_at(section, i), &text, error) ||
            !check_percent(node_value_at(section, i), error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_metadata(const Node *metadata, GError **error)
{
    for (gsize i = 0; i < node_size(metadata); i++) {
        Node *section = NULL;
        if (!node_get_mapping(metadata, node_key_at(metadata, i), &section, error) || !check_section(section, error)) {
            return FALSE;
        }
    }
    if (node_find(metadata, "Application") == NULL && node_find(metadata, "Runtime") == NULL) {
        error_set(error, ERROR_ELEMENT, NULL, NULL,
                  "Either Application or Runtime section must be present in metadata");
        return FALSE;
    }
    return TRUE;
}

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"directory", "include", "exclude", "metadata", "component-ids", NULL};
    static const char *const lists[] = {"include", "exclude", "component-ids"};
    Arena *arena = session_arena(element->project->session);
    const Node *config = element->config;
    const char *directory = NULL;
    const char *const *strings = NULL;
    Node *metadata = NULL;
    if (!node_check_keys(config, keys, error) || !node_need_string(config, "directory", &directory, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++) {
        if (!node_need(config, lists[i], error) || !node_get_strings(config, lists[i], arena, &strings, error)) {
            return FALSE;
        }
    }
    return node_need(config, "metadata", error) && node_get_mapping(config, "metadata", &metadata, error) &&
           check_metadata(metadata, error);
}

static gboolean configure_dependencies(Element *element, GError **error)
{
    static const char *const keys[] = {"location", NULL};
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        for (gsize j = 0; j < dependency->n_configs; j++) {
            const char *location = NULL;
            if (!node_check_keys(dependency->configs[j], keys, error) ||
                !node_need_string(dependency->configs[j], "location", &location, error)) {
                return FALSE;
            }
        }
    }
    Layout *layout = arena_new_of(session_arena(element->project->session), Layout);
    layout->arena = session_arena(element->project->session);
    layout_add_dependencies(layout, element, "location", INPUT_LOCATION);
    element->data = layout;
    return TRUE;
}

static Json *unique_key(Element *element, Arena *arena)
{
    const Node *config = element->config, *ids = node_find(config, "component-ids");
    Json *key = json_object(arena);
    json_set(key, "directory", json_from_node(arena, node_find(config, "directory")));
    json_set(key, "include", sorted_strings_key(arena, node_find(config, "include")));
    json_set(key, "exclude", sorted_strings_key(arena, node_find(config, "exclude")));
    json_set(key, "metadata", json_from_node(arena, node_find(config, "metadata")));
    if (node_size(ids) > 0) {
        json_set(key, "component-ids", json_from_node(arena, ids));
    }
    json_set(key, "version", json_int(arena, KEY_VERSION));
    return key;
}

const ElementKind element_kind_flatpak_image = {
    .name = "flatpak_image",
    .defaults = "config:\n"
                "  component-ids: []\n"
                "  include: []\n"
                "  exclude: []\n",
    .flags =
        KIND_RUNS_COMMANDS | KIND_STRICT_REBUILD | KIND_FORBID_RUNTIME_DEPS | KIND_FORBID_SOURCES | KIND_DEP_CONFIG,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = unique_key,
};
