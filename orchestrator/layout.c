/* layout.c - see layout.h */
#include "layout.h"

#include <string.h>

void layout_add(Layout *layout, const char *location, const char *path, Element *element)
{
    if (layout->count == layout->capacity) {
        gsize capacity = MAX(8, layout->capacity * 2);
        LayoutPlace *places = arena_alloc(layout->arena, capacity * sizeof *places);
        if (layout->count > 0) {
            memcpy(places, layout->places, layout->count * sizeof *places);
        }
        layout->places = places;
        layout->capacity = capacity;
    }
    layout->places[layout->count++] = (LayoutPlace){location, path, element};
}

void layout_add_dependencies(Layout *layout, const Element *element, const char *config_key, const char *fallback)
{
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        for (gsize j = 0; (dependency->types & DEP_BUILD) != 0 && j < MAX(dependency->n_configs, 1); j++) {
            const Node *config = j < dependency->n_configs ? dependency->configs[j] : NULL;
            const Node *value = config != NULL ? node_find(config, config_key) : NULL;
            const char *location = value != NULL ? node_text(value) : fallback;
            if (location != NULL) {
                layout_add(layout, location, dependency->path, dependency->element);
            }
        }
    }
}

gboolean layout_is_special(const Layout *layout, const char *location)
{
    for (gsize i = 0; i < layout->count; i++) {
        if (strcmp(layout->places[i].location, location) != 0) {
            return TRUE;
        }
    }
    return FALSE;
}

Json *layout_key(const Layout *layout, Arena *arena)
{
    Json *key = json_object(arena);
    g_autoptr(GHashTable) lists = g_hash_table_new(g_str_hash, g_str_equal);
    for (gsize i = 0; i < layout->count; i++) {
        const LayoutPlace *place = &layout->places[i];
        Json *list = g_hash_table_lookup(lists, place->location);
        if (list == NULL) {
            list = json_array(arena);
            g_hash_table_insert(lists, (gpointer)place->location, list);
            json_set(key, place->location, list);
        }
        json_append(list, json_string(arena, place->path));
    }
    return key;
}
