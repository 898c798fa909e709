/*
 * element-dependencies.c - the three lists of dependencies in an element's file.
 */
#include "element-private.h"
#include "node-private.h"

#include <string.h>

static gboolean invalid(const Provenance *where, GError **error, const char *format, const char *word)
    G_GNUC_PRINTF(3, 0);

static gboolean invalid(const Provenance *where, GError **error, const char *format, const char *word)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    error_set(error, ERROR_LOAD, "INVALID_DATA", where, format, word);
#pragma GCC diagnostic pop
    return FALSE;
}

/* "junction.bst:name.bst", or a name and a junction given apart. */
static gboolean split_name(Arena *arena, const Node *node, const char *junction, DependencySpec *spec, GError **error)
{
    const char *text = node_text(node);
    const char *colon = strrchr(text, ':');
    if (junction != NULL && colon != NULL) {
        return invalid(
            &node->where, error,
            "Dependency %s contains `:` in its name. `:` characters are not allowed in filename when junction "
            "attribute is specified.",
            text);
    }
    spec->junction = colon != NULL ? arena_strndup(arena, text, (gsize)(colon - text)) : junction;
    spec->name = colon != NULL ? colon + 1 : text;
    spec->dependency.path = junction != NULL ? arena_printf(arena, "%s:%s", junction, text) : text;
    return TRUE;
}

/* What a mapping says about its dependency. `typed`: the list gives the type. */
static gboolean load_attributes(Arena *arena, const Node *node, unsigned typed, Dependency *dependency, GError **error)
{
    static const char *const keys[] = {"filename", "junction", "strict", "config", NULL};
    static const char *const untyped_keys[] = {"filename", "type", "junction", "strict", "config", NULL};
    static const struct {
        const char *name;
        unsigned types;
    } types[] = {{"all", DEP_BUILD | DEP_RUNTIME}, {"build", DEP_BUILD}, {"runtime", DEP_RUNTIME}};
    const char *type = "all";
    Node *config = NULL;
    if (!node_check_keys(node, typed != 0 ? keys : untyped_keys, error) ||
        !node_get_string(node, "type", &type, error)) {
        return FALSE;
    }
    for (gsize i = 0; typed == 0 && i < G_N_ELEMENTS(types); i++) {
        if (strcmp(type, types[i].name) == 0) {
            dependency->types = types[i].types;
        }
    }
    if (dependency->types == 0) {
        return invalid(node_where(node_find(node, "type")), error,
                       "Dependency type '%s' is not 'build', 'runtime' or 'all'", type);
    }
    if (!node_get_bool(node, "strict", &dependency->strict, error) ||
        !node_get_mapping(node, "config", &config, error)) {
        return FALSE;
    }
    if (config != NULL && dependency->types == DEP_RUNTIME) {
        return invalid(&config->where, error, "Specifying '%s' for a runtime dependency is not allowed", "config");
    }
    if (node_find(node, "strict") != NULL && !dependency->strict) {
        return invalid(node_where(node_find(node, "strict")), error, "Setting '%s' to False is unsupported", "strict");
    }
    if (config != NULL) {
        Node **configs = arena_alloc(arena, sizeof *configs);
        configs[0] = config;
        dependency->configs = configs;
        dependency->n_configs = 1;
    }
    return TRUE;
}

void dependency_merge(Arena *arena, Dependency *into, const Dependency *other)
{
    into->types |= other->types;
    into->strict |= other->strict;
    if (other->n_configs == 0) {
        return;
    }
    Node **configs = arena_alloc(arena, (into->n_configs + other->n_configs) * sizeof *configs);
    for (gsize i = 0; i < into->n_configs; i++) {
        configs[i] = into->configs[i];
    }
    for (gsize i = 0; i < other->n_configs; i++) {
        configs[into->n_configs + i] = other->configs[i];
    }
    into->configs = configs;
    into->n_configs += other->n_configs;
}

/* Enough to find a name that was seen before: lists are short, and long ones get a table. */
#define LINEAR_SPECS 24

typedef struct {
    Arena *arena;
    GArray *specs;
    GHashTable *table; /* path → index + 1; only for long lists */
} Reader;

static gint find_spec(Reader *reader, const DependencySpec *spec)
{
    if (reader->specs->len < LINEAR_SPECS) {
        for (guint i = 0; i < reader->specs->len; i++) {
            const DependencySpec *known = &g_array_index(reader->specs, DependencySpec, i);
            if (strcmp(known->dependency.path, spec->dependency.path) == 0) {
                return (gint)i;
            }
        }
        return -1;
    }
    if (reader->table == NULL) {
        reader->table = g_hash_table_new(g_str_hash, g_str_equal);
    }
    for (guint i = g_hash_table_size(reader->table); i < reader->specs->len; i++) {
        const DependencySpec *known = &g_array_index(reader->specs, DependencySpec, i);
        g_hash_table_insert(reader->table, (gpointer)known->dependency.path, GUINT_TO_POINTER(i + 1));
    }
    return (gint)GPOINTER_TO_UINT(g_hash_table_lookup(reader->table, spec->dependency.path)) - 1;
}

static gboolean add_spec(Reader *reader, const Node *item, const Node *filename, const char *junction, unsigned typed,
                         GError **error)
{
    DependencySpec spec = {.dependency = {.types = typed, .where = item->where}};
    if (filename->type != NODE_SCALAR) {
        return invalid(&filename->where, error, "Expected %s while parsing the filename list", "string");
    }
    if (!split_name(reader->arena, filename, junction, &spec, error)) {
        return FALSE;
    }
    if (item->type == NODE_MAPPING) {
        if (!load_attributes(reader->arena, item, typed, &spec.dependency, error)) {
            return FALSE;
        }
    } else if (typed == 0) {
        spec.dependency.types = DEP_BUILD | DEP_RUNTIME;
    }
    if (spec.dependency.strict && spec.dependency.types == DEP_RUNTIME) {
        invalid(&item->where, error, "Runtime dependency %s specified as `strict`.", spec.name);
        if (error != NULL) {
            error_set_detail(*error, "Only dependencies required at build time may be declared `strict`.");
        }
        return FALSE;
    }
    gint known = find_spec(reader, &spec);
    if (known >= 0) {
        dependency_merge(reader->arena, &g_array_index(reader->specs, DependencySpec, (guint)known).dependency,
                         &spec.dependency);
    } else {
        g_array_append_val(reader->specs, spec);
    }
    return TRUE;
}

static gboolean read_item(Reader *reader, const Node *item, unsigned typed, GError **error)
{
    const char *junction = NULL;
    if (item->type == NODE_SCALAR) {
        return add_spec(reader, item, item, NULL, typed, error);
    }
    if (item->type != NODE_MAPPING) {
        return invalid(&item->where, error, "Dependency is not specified as a %s or a dictionary", "string");
    }
    if (!node_get_string(item, "junction", &junction, error)) {
        return FALSE;
    }
    const Node *filename = node_find(item, "filename");
    if (filename == NULL) {
        return invalid(&item->where, error, "Dictionary did not contain expected key '%s'", "filename");
    }
    if (filename->type == NODE_MAPPING) {
        return invalid(&filename->where, error, "Value of '%s' is not one of the following: list, scalar.", "filename");
    }
    if (filename->type == NODE_SCALAR) {
        return add_spec(reader, item, filename, junction, typed, error);
    }
    for (guint32 i = 0; i < filename->size; i++) {
        if (!add_spec(reader, item, filename->items[i], junction, typed, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean dependencies_parse(Arena *arena, const Node *node, GArray *specs, GError **error)
{
    static const struct {
        const char *key;
        unsigned types;
    } lists[] = {{"build-depends", DEP_BUILD}, {"runtime-depends", DEP_RUNTIME}, {"depends", 0}};
    Reader reader = {arena, specs, NULL};
    gboolean ok = TRUE;
    for (gsize i = 0; ok && i < G_N_ELEMENTS(lists); i++) {
        Node *list = NULL;
        ok = node_get_sequence(node, lists[i].key, &list, error);
        for (guint32 j = 0; ok && list != NULL && j < list->size; j++) {
            ok = read_item(&reader, list->items[j], lists[i].types, error);
        }
    }
    g_clear_pointer(&reader.table, g_hash_table_unref);
    return ok;
}
