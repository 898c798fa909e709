/*
 * compose.c - laying one mapping over another, as BuildStream's documentation of the format defines it.
 *
 * Nothing is changed in place: the result shares with both sides whatever the composition left alone, so thousands of elements can be composed over one set
 * of defaults.
 */
#include "node-private.h"

#include <string.h>

/* Directives can double a list with every step; this is far above any real one. */
#define COMPOSE_MAX_ITEMS 1000000u
/* What one session's project data may take before a list operation refuses to add to it. */
#define COMPOSE_MAX_ARENA ((gsize)8 << 30)

typedef struct {
    Arena *arena;
    const Provenance *top; /* of the mapping that is laid over */
    const char *path[NODE_MAX_DEPTH];
    int depth;
} Composer;

static const char *const list_directives[] = {"(>)", "(<)", "(=)"};

static gboolean is_list_directive(const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS(list_directives); i++) {
        if (strcmp(key, list_directives[i]) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* "Failure composing [path]: message", at the place of the mapping that was laid over. */
G_GNUC_PRINTF(3, 4)
static Node *fail(const Composer *composer, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_autoptr(GString) path = g_string_new(NULL);
    for (int i = 0; i < composer->depth; i++) {
        g_string_append_printf(path, "%s'%s'", i > 0 ? ", " : "", composer->path[i]);
    }
    error_set(error, ERROR_LOAD, "ILLEGAL_COMPOSITE", composer->top, "Failure composing [%s]: %s", path->str, message);
    return NULL;
}

/* Whether the mapping consists of list directives.  FALSE with error if it mixes them with other keys or gives one something that is no list. */
static gboolean check_list_mapping(const Node *node, gboolean *is_list, GError **error)
{
    gsize directives = 0;
    *is_list = FALSE;
    if (node->type != NODE_MAPPING || (node->flags & NODE_HAS_DIRECTIVE) == 0) {
        return TRUE;
    }
    for (guint32 i = 0; i < node->size; i++) {
        if (!is_list_directive(node->entries[i].key)) {
            continue;
        }
        directives++;
        const Node *value = node->entries[i].value;
        if (value->type != NODE_SEQUENCE) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", &value->where,
                      "Value of '%s' is not of the expected type 'list'", node->entries[i].key);
            return FALSE;
        }
    }
    if (directives > 0 && directives < node->size) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", &node->where,
                  "Dictionary contains list composition directives and arbitrary keys");
        return FALSE;
    }
    *is_list = directives > 0;
    return TRUE;
}

static Node *concatenate(const Composer *composer, const Node *first, const Node *second, GError **error)
{
    gsize count = (first != NULL ? first->size : 0) + (gsize)(second != NULL ? second->size : 0);
    if (count > COMPOSE_MAX_ITEMS || arena_size(composer->arena) > COMPOSE_MAX_ARENA) {
        return fail(composer, error, "the list would have more than %u items", COMPOSE_MAX_ITEMS);
    }
    const Node *model = first != NULL ? first : second;
    Node *list = node_new_sequence(composer->arena, model != NULL ? &model->where : NULL);
    for (guint32 i = 0; first != NULL && i < first->size; i++) {
        node_append(composer->arena, list, first->items[i]);
    }
    for (guint32 i = 0; second != NULL && i < second->size; i++) {
        node_append(composer->arena, list, second->items[i]);
    }
    return list;
}

/* Directives onto a list. */
static Node *apply_directives(const Composer *composer, const Node *list, const Node *directives, GError **error)
{
    const Node *whole = node_find(directives, "(=)");
    Node *result = concatenate(composer, node_find(directives, "(<)"), whole != NULL ? whole : list, error);
    if (result != NULL) {
        result = concatenate(composer, result, node_find(directives, "(>)"), error);
    }
    if (result != NULL) {
        result->where = list->where;
    }
    return result;
}

/* Directives onto directives: they accumulate, unless the list is overwritten. */
static Node *merge_directives(const Composer *composer, const Node *base, const Node *over, GError **error)
{
    Node *whole = node_find(over, "(=)");
    Node *prefix = node_find(over, "(<)"), *suffix = node_find(over, "(>)");
    Node *result = node_copy_shallow(composer->arena, base);
    if (whole != NULL) {
        node_unset(result, "(<)");
        node_unset(result, "(>)");
        node_put(composer->arena, result, "(=)", whole);
    }
    if (prefix != NULL) {
        const Node *first = node_find(result, "(<)");
        prefix = concatenate(composer, prefix, first, error);
        if (prefix == NULL) {
            return NULL;
        }
        prefix->where = first != NULL ? first->where : prefix->where;
        node_put(composer->arena, result, "(<)", prefix);
    }
    if (suffix != NULL) {
        suffix = concatenate(composer, node_find(result, "(>)"), suffix, error);
        if (suffix == NULL) {
            return NULL;
        }
        node_put(composer->arena, result, "(>)", suffix);
    }
    return result;
}

static Node *compose_mappings(Composer *composer, Node *base, Node *over, GError **error);

static Node *compose_list(const Composer *composer, Node *base, Node *over, const char *key, GError **error)
{
    gboolean is_list = FALSE;
    if (base != NULL && base->type != NODE_SEQUENCE) {
        if (!check_list_mapping(base, &is_list, error)) {
            return NULL;
        }
        if (!is_list) {
            g_autofree char *at = provenance_to_string(&over->where), *target = provenance_to_string(&base->where);
            return fail(composer, error, "%s: List cannot overwrite %s at: %s", at, key, target);
        }
    }
    if (base != NULL && base->type == NODE_SEQUENCE && strcmp(key, "(?)") == 0) {
        return concatenate(composer, base, over, error);
    }
    return over;
}

static Node *compose_directives(const Composer *composer, Node *base, Node *over, GError **error)
{
    gboolean is_list = FALSE;
    if (base == NULL) {
        return over;
    }
    if (base->type == NODE_SEQUENCE) {
        return apply_directives(composer, base, over, error);
    }
    if (!check_list_mapping(base, &is_list, error)) {
        return NULL;
    }
    if (is_list) {
        return merge_directives(composer, base, over, error);
    }
    g_autofree char *at = provenance_to_string(&over->where), *target = provenance_to_string(&base->where);
    return fail(composer, error, "%s: Cannot compose lists onto %s", at, target);
}

/* What a key has after `over` was laid on `base` (NULL: the key is new). */
static Node *compose_value(Composer *composer, Node *base, Node *over, const char *key, GError **error)
{
    if (over->type == NODE_SCALAR) {
        if (base != NULL && base->type != NODE_SCALAR) {
            g_autofree char *at = provenance_to_string(&over->where), *target = provenance_to_string(&base->where);
            return fail(composer, error, "%s: Cannot compose scalar on non-scalar at %s", at, target);
        }
        return over;
    }
    if (over->type == NODE_SEQUENCE) {
        return compose_list(composer, base, over, key, error);
    }
    gboolean is_list = FALSE;
    if (!check_list_mapping(over, &is_list, error)) {
        return NULL;
    }
    if (is_list) {
        return compose_directives(composer, base, over, error);
    }
    if (base != NULL && base->type != NODE_MAPPING) {
        g_autofree char *at = provenance_to_string(&over->where), *target = provenance_to_string(&base->where);
        return fail(composer, error, "%s: Cannot compose dictionary on %s at %s", at, node_type_name(base), target);
    }
    if (base == NULL && (over->flags & NODE_HAS_DIRECTIVE) == 0) {
        return over;
    }
    return compose_mappings(composer, base, over, error);
}

static Node *compose_mappings(Composer *composer, Node *base, Node *over, GError **error)
{
    if (composer->depth == NODE_MAX_DEPTH) {
        return fail(composer, error, "nested too deeply");
    }
    Node *result =
        base != NULL ? node_copy_shallow(composer->arena, base) : node_new_mapping(composer->arena, &over->where);
    for (guint32 i = 0; i < over->size; i++) {
        const char *key = over->entries[i].key;
        composer->path[composer->depth++] = key;
        Node *value = compose_value(composer, node_find(result, key), over->entries[i].value, key, error);
        composer->depth--;
        if (value == NULL) {
            return NULL;
        }
        node_put(composer->arena, result, key, value);
    }
    if ((over->flags & NODE_IS_BUILTIN) == 0) {
        result->where = over->where;
        result->flags &= (guint8)~NODE_IS_BUILTIN;
    }
    return result;
}

Node *node_compose(Arena *arena, Node *base, Node *over, GError **error)
{
    if (over == NULL || (over->size == 0 && base != NULL)) {
        return base;
    }
    Composer composer = {.arena = arena, .top = &over->where};
    if (base == NULL && (over->flags & NODE_HAS_DIRECTIVE) == 0) {
        return over;
    }
    return compose_mappings(&composer, base, over, error);
}

gboolean node_check_composed(const Node *node, GError **error)
{
    if ((node->flags & NODE_HAS_DIRECTIVE) == 0) {
        return TRUE;
    }
    for (guint32 i = 0; node->type == NODE_SEQUENCE && i < node->size; i++) {
        if (!node_check_composed(node->items[i], error)) {
            return FALSE;
        }
    }
    for (guint32 i = 0; node->type == NODE_MAPPING && i < node->size; i++) {
        const Node *value = node->entries[i].value;
        if (is_list_directive(node->entries[i].key)) {
            error_set(error, ERROR_LOAD, "TRAILING_LIST_DIRECTIVE", &value->where,
                      "Attempt to override non-existing list");
            return FALSE;
        }
        if (!node_check_composed(value, error)) {
            return FALSE;
        }
    }
    return TRUE;
}
