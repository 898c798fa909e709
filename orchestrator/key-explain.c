/* key-explain.c - see key-explain.h */
#include "key-explain.h"
#include "json-read.h"
#include "json.h"
#include "kind.h"

#include <string.h>

static void set_place(Arena *arena, Json *object, const char *key, const Provenance *where)
{
    if (where != NULL && where->file != NULL) {
        g_autofree char *text = provenance_to_string(where);
        json_set(object, key, json_string(arena, text));
    }
}

/* Where each member of a section was written: in the element, the project, or the defaults of the kind. */
static Json *places_of_section(Arena *arena, const Node *section)
{
    Json *object = json_object(arena);
    for (gsize i = 0; section != NULL && i < node_size(section); i++) {
        set_place(arena, object, node_key_at(section, i), node_where(node_value_at(section, i)));
    }
    return object;
}

static Json *places(Arena *arena, const Element *element)
{
    Json *from = json_object(arena), *dependencies = json_object(arena), *sources = json_array(arena);
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        set_place(arena, dependencies, dependency->element->full_name, &dependency->where);
    }
    for (gsize i = 0; i < element->n_sources; i++) {
        g_autofree char *where = provenance_to_string(&element->sources[i]->where);
        json_append(sources, json_string(arena, where));
    }
    set_place(arena, from, "element", &element->where);
    json_set(from, "dependencies", dependencies);
    json_set(from, "sources", sources);
    json_set(from, "config", places_of_section(arena, element->config));
    json_set(from, "public", places_of_section(arena, element->public_));
    if ((element->flags & KIND_RUNS_COMMANDS) != 0) {
        json_set(from, "environment", places_of_section(arena, element->environment));
    }
    return from;
}

static void set_key(Arena *arena, Json *top, const char *name, const char *key, const char *text)
{
    g_autofree char *key_name = g_strconcat(name, "-key", NULL);
    json_set(top, key_name, *key != '\0' ? json_string(arena, key) : json_null(arena));
    json_set(top, name, text != NULL ? json_raw(arena, text) : json_null(arena));
}

gboolean key_explain(KeyWriter *writer, Element *element, GString *out, GError **error)
{
    GError *problem = NULL;
    g_autofree char *weak = key_writer_text(writer, element, KEY_WEAK, &problem);
    g_autofree char *strict = problem == NULL ? key_writer_text(writer, element, KEY_STRICT, &problem) : NULL;
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    Arena *arena = arena_new();
    Json *top = json_object(arena);
    g_autoptr(GString) text = g_string_new(NULL);
    json_set(top, "element", json_string(arena, element->full_name));
    set_key(arena, top, "weak", element->weak_key, weak);
    set_key(arena, top, "strict", element->strict_key, strict);
    json_set(top, "from", places(arena, element));
    json_write(top, text);
    const JsonTree *tree = json_read(arena, text->str, text->len, error);
    if (tree != NULL) {
        json_tree_write(tree, 0, out);
        g_string_append_c(out, '\n');
    }
    arena_free(arena);
    return tree != NULL;
}
