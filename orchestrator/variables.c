/*
 * variables.c - see variables.h.
 *
 * Every variable of a base has the set of variables that its value depends on (itself included), as a bit set.  An element overrides some; what depends on none
 * of those has the base's value.  Recursion is as deep as a chain of references, and those are no longer than the number of variables, which is limited.
 */
#include "node-private.h"
#include "variables.h"

#include <string.h>

/* Variables of one scope. */
#define VARIABLES_MAX_COUNT 4096u
/* One expanded value or text, and all values of a scope together: exponential definitions end here. */
#define VARIABLES_MAX_TEXT  ((gsize)4 << 20)
#define VARIABLES_MAX_TOTAL ((gsize)64 << 20)

typedef struct {
    const char *name;    /* interned */
    const Node *node;    /* NULL: the late variable */
    const guint64 *uses; /* the set of base variables in its value, transitively; of base variables only */
    gboolean open;       /* a value only exists in a scope: late, undefined or circular parts */
    const char *value;   /* expanded, if not open */
    Node *value_node;
} Variable;

typedef struct {
    const guint64 *uses;
    gboolean open;
    Node *expanded;
} Expanded;

struct VariableScope {
    VariableBase *base;
    GArray *own;           /* Variable: the element's own, then new names */
    guint64 *overridden;   /* base variables that the element has, too */
    const Variable **over; /* by id: the overriding one, or NULL */
    const char **values;   /* by id, base first, then new names; NULL: not resolved yet */
    gboolean *open;        /* by id: being resolved */
    guint capacity, count;
    GArray *stack;    /* guint: the chain of variables being resolved */
    GString *scratch; /* texts that are being expanded, one behind the other */
    gsize total;
    const char *late_value;
};

/* Nearly all are those of the base; so only the others are kept, which is a tenth of an element's memory. */
struct VariableValues {
    const VariableBase *base;
    guint count;     /* of own */
    NodeEntry own[]; /* in the order of ids; new names are last */
};

struct VariableBase {
    Arena *arena;
    const Node *node; /* the mapping as composed */
    Variable *variables;
    guint count, words;
    guint late;           /* id, or G_MAXUINT */
    GHashTable *ids;      /* name → id + 1 */
    GHashTable *expanded; /* shared Node → Expanded */
    gsize total;          /* bytes of values that had to be made */
    VariableScope scope;
};

gsize variable_reference_at(const char *text)
{
    gsize length = 0;
    if (!g_ascii_isalpha(*text)) {
        return 0;
    }
    while (g_ascii_isalnum(text[length]) || text[length] == '_' || text[length] == '-') {
        length++;
    }
    return text[length] == '}' ? length : 0;
}

/* Finds the next reference at or after `text`: its "%{", its name's length. */
static const char *next_reference(const char *text, gsize *length)
{
    while ((text = strchr(text, '%')) != NULL) { /* ten times faster than strstr, and hardly ever another % */
        *length = text[1] == '{' ? variable_reference_at(text + 2) : 0;
        if (*length > 0) {
            return text;
        }
        text++;
    }
    return NULL;
}

/* ---- Bit sets ---- */

static void set_add(guint64 *set, guint id)
{
    set[id / 64] |= (guint64)1 << (id % 64);
}

static void set_join(guint64 *set, const guint64 *other, guint words)
{
    for (guint i = 0; i < words; i++) {
        set[i] |= other[i];
    }
}

static gboolean sets_meet(const guint64 *a, const guint64 *b, guint words)
{
    guint64 common = 0;
    for (guint i = 0; i < words; i++) {
        common |= a[i] & b[i];
    }
    return common != 0;
}

/* ---- The base ---- */

static gint find_id(const VariableBase *base, const char *name)
{
    return GPOINTER_TO_INT(g_hash_table_lookup(base->ids, name)) - 1;
}

static gboolean add_variable(VariableBase *base, const char *name, const Node *node, GError **error)
{
    if (node != NULL && node->type != NODE_SCALAR) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", &node->where, "Value of '%s' is not of the expected type 'scalar'",
                  name);
        return FALSE;
    }
    if (base->count == VARIABLES_MAX_COUNT) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node != NULL ? &node->where : NULL,
                  "There are more than %u variables", VARIABLES_MAX_COUNT);
        return FALSE;
    }
    base->variables[base->count] = (Variable){.name = name, .node = node};
    g_hash_table_insert(base->ids, (gpointer)name, GINT_TO_POINTER((gint)base->count + 1));
    base->count++;
    return TRUE;
}

static const char *join_parts(VariableBase *base, const char *text, const Provenance *where, GError **error);
static void analyse(VariableBase *base, guint id, guint8 *state);

/* Adds what the text depends on to `uses`; TRUE if a part of it is known in scopes only. */
static gboolean analyse_text(VariableBase *base, const char *text, guint64 *uses, guint8 *state)
{
    gboolean open = FALSE;
    gsize length = 0;
    for (const char *at = text; (at = next_reference(at, &length)) != NULL; at += length + 3) {
        gint id = find_id(base, arena_intern(base->arena, at + 2, length));
        if (id < 0) {
            open = TRUE;
            continue;
        }
        if (state != NULL && state[id] == 0) {
            analyse(base, (guint)id, state);
        }
        const Variable *variable = &base->variables[id];
        /* Still being analysed: the reference is circular. */
        open |= variable->uses == NULL || variable->open || (state != NULL && state[id] == 1);
        if (variable->uses != NULL) {
            set_join(uses, variable->uses, base->words);
        }
    }
    return open;
}

static void analyse(VariableBase *base, guint id, guint8 *state)
{
    Variable *variable = &base->variables[id];
    guint64 *uses = arena_alloc(base->arena, base->words * sizeof *uses);
    state[id] = 1;
    set_add(uses, id);
    variable->open = variable->node == NULL || analyse_text(base, variable->node->text, uses, state);
    variable->uses = uses;
    state[id] = 2;
    if (!variable->open) {
        const Node *node = variable->node;
        variable->value = base->total <= VARIABLES_MAX_TOTAL ? join_parts(base, node->text, &node->where, NULL) : NULL;
        variable->open = variable->value == NULL; /* too long, or too much: scopes say so */
        base->total += variable->value != NULL && variable->value != node->text ? strlen(variable->value) : 0;
    }
    if (!variable->open) {
        variable->value_node = variable->value == variable->node->text
                                   ? (Node *)variable->node
                                   : node_new_text(base->arena, variable->value, &variable->node->where);
        variable->value_node->flags &= (guint8)~NODE_HAS_VARIABLE;
    }
}

/* Text with closed base values put in. */
static const char *join_parts(VariableBase *base, const char *text, const Provenance *where, GError **error)
{
    gsize length = 0;
    const char *at = next_reference(text, &length);
    if (at == NULL) {
        return text;
    }
    g_autoptr(GString) out = g_string_sized_new(128);
    for (; at != NULL; at = next_reference(text, &length)) {
        g_string_append_len(out, text, at - text);
        gint id = find_id(base, arena_intern(base->arena, at + 2, length));
        g_string_append(out, base->variables[id].value);
        text = at + length + 3;
        if (out->len > VARIABLES_MAX_TEXT) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", where, "The expanded text is larger than %zu bytes",
                      VARIABLES_MAX_TEXT);
            return NULL;
        }
    }
    g_string_append(out, text);
    return arena_intern(base->arena, out->str, out->len);
}

static void scope_init(VariableScope *scope, VariableBase *base)
{
    scope->base = base;
    scope->own = g_array_new(FALSE, FALSE, sizeof(Variable));
    scope->stack = g_array_new(FALSE, FALSE, sizeof(guint));
    scope->scratch = g_string_sized_new(1024);
    scope->capacity = base->count + 16;
    scope->overridden = g_new0(guint64, base->words);
    scope->over = g_new0(const Variable *, scope->capacity);
    scope->values = g_new0(const char *, scope->capacity);
    scope->open = g_new0(gboolean, scope->capacity);
}

VariableBase *variable_base_new(Arena *arena, const Node *variables, const char *late, GError **error)
{
    VariableBase *base = g_new0(VariableBase, 1);
    base->arena = arena;
    base->node = variables;
    base->ids = g_hash_table_new(g_str_hash, g_str_equal);
    base->expanded = g_hash_table_new(NULL, NULL);
    base->variables = g_new0(Variable, node_size(variables) + 1);
    base->late = G_MAXUINT;
    gboolean ok = TRUE;
    for (gsize i = 0; ok && i < node_size(variables); i++) {
        ok = add_variable(base, node_key_at(variables, i), node_value_at(variables, i), error);
    }
    if (ok && late != NULL) {
        base->late = (guint)find_id(base, late);
        base->variables[base->late].node = NULL;
    }
    base->words = base->count / 64 + 1;
    g_autofree guint8 *state = g_new0(guint8, base->count + 1);
    for (guint i = 0; ok && i < base->count; i++) {
        if (state[i] == 0) {
            analyse(base, i, state);
        }
    }
    scope_init(&base->scope, base);
    if (!ok) {
        variable_base_free(base);
        return NULL;
    }
    return base;
}

void variable_base_free(VariableBase *base)
{
    if (base == NULL) {
        return;
    }
    VariableScope *scope = &base->scope;
    g_array_unref(scope->own);
    g_array_unref(scope->stack);
    g_string_free(scope->scratch, TRUE);
    g_free(scope->overridden);
    g_free(scope->over);
    g_free(scope->values);
    g_free(scope->open);
    g_hash_table_unref(base->ids);
    g_hash_table_unref(base->expanded);
    g_free(base->variables);
    g_free(base);
}

/* ---- A scope ---- */

static void scope_reserve(VariableScope *scope, guint count)
{
    if (count > scope->capacity) {
        scope->capacity = count * 2;
        scope->over = g_renew(const Variable *, scope->over, scope->capacity);
        scope->values = g_renew(const char *, scope->values, scope->capacity);
        scope->open = g_renew(gboolean, scope->open, scope->capacity);
    }
    memset(scope->over, 0, count * sizeof *scope->over);
    memset(scope->values, 0, count * sizeof *scope->values);
    memset(scope->open, 0, count * sizeof *scope->open);
}

VariableScope *variable_scope_begin(VariableBase *base, const Node *over, const char *late_value, GError **error)
{
    VariableScope *scope = &base->scope;
    gsize own = node_size(over);
    if (base->count + own > VARIABLES_MAX_COUNT) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", &over->where, "There are more than %u variables",
                  VARIABLES_MAX_COUNT);
        return NULL;
    }
    memset(scope->overridden, 0, base->words * sizeof *scope->overridden);
    g_array_set_size(scope->own, (guint)own);
    g_array_set_size(scope->stack, 0);
    scope_reserve(scope, base->count + (guint)own);
    scope->count = base->count;
    scope->total = 0;
    scope->late_value = late_value;
    if (base->late != G_MAXUINT) {
        set_add(scope->overridden, base->late);
        scope->values[base->late] = late_value;
    }
    for (gsize i = 0; i < own; i++) {
        const Node *node = node_value_at(over, i);
        Variable *variable = &g_array_index(scope->own, Variable, i);
        *variable = (Variable){.name = node_key_at(over, i), .node = node, .open = TRUE};
        if (node->type != NODE_SCALAR) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", &node->where,
                      "Value of '%s' is not of the expected type 'scalar'", variable->name);
            return NULL;
        }
        gint id = find_id(base, variable->name);
        if (id >= 0) {
            set_add(scope->overridden, (guint)id);
        }
        scope->over[id >= 0 ? (guint)id : scope->count++] = variable;
    }
    return scope;
}

static gint scope_find(const VariableScope *scope, const char *name)
{
    gint id = find_id(scope->base, name);
    for (guint i = scope->base->count; id < 0 && i < scope->count; i++) {
        if (strcmp(scope->over[i]->name, name) == 0) {
            id = (gint)i;
        }
    }
    return id;
}

static const Variable *scope_variable(const VariableScope *scope, guint id)
{
    return scope->over[id] != NULL ? scope->over[id] : &scope->base->variables[id];
}

static gboolean undefined(VariableScope *scope, const char *name, const Provenance *where, GError **error)
{
    error_set(error, ERROR_LOAD, "UNRESOLVED_VARIABLE", where, "Reference to undefined variable '%s'", name);
    if (error != NULL) {
        g_autofree const char **names = g_new(const char *, scope->count);
        for (guint i = 0; i < scope->count; i++) {
            names[i] = scope_variable(scope, i)->name;
        }
        error_suggest(*error, name, names, scope->count);
    }
    return FALSE;
}

static gboolean circular(VariableScope *scope, guint id, GError **error)
{
    error_set(error, ERROR_LOAD, "CIRCULAR_REFERENCE_VARIABLE", NULL, "Circular dependency detected on variable '%s'",
              scope_variable(scope, id)->name);
    g_autoptr(GString) detail = g_string_new(NULL);
    guint first = 0;
    while (g_array_index(scope->stack, guint, first) != id) {
        first++;
    }
    for (guint i = first; i < scope->stack->len; i++) {
        const Variable *from = scope_variable(scope, g_array_index(scope->stack, guint, i));
        guint next = i + 1 < scope->stack->len ? g_array_index(scope->stack, guint, i + 1) : id;
        g_autofree char *where = provenance_to_string(&from->node->where);
        g_string_append_printf(detail, "%s%s: Variable '%s' refers to variable '%s'", i > first ? "\n" : "", where,
                               from->name, scope_variable(scope, next)->name);
    }
    if (error != NULL) {
        error_set_detail(*error, detail->str);
    }
    return FALSE;
}

/* Whether a variable may have another value than in the base. */
static gboolean is_affected(const VariableScope *scope, guint id)
{
    const VariableBase *base = scope->base;
    return id >= base->count || base->variables[id].open ||
           sets_meet(base->variables[id].uses, scope->overridden, base->words);
}

static const char *expand_text(VariableScope *scope, const char *text, const Provenance *where, GError **error);

static const char *resolve(VariableScope *scope, guint id, GError **error)
{
    if (scope->values[id] != NULL) {
        return scope->values[id];
    }
    if (!is_affected(scope, id)) {
        return scope->values[id] = scope->base->variables[id].value;
    }
    const Variable *variable = scope_variable(scope, id);
    if (scope->open[id]) {
        circular(scope, id, error);
        return NULL;
    }
    if (variable->node == NULL) {
        undefined(scope, variable->name, NULL, error);
        return NULL;
    }
    scope->open[id] = TRUE;
    g_array_append_val(scope->stack, id);
    const char *value = expand_text(scope, variable->node->text, &variable->node->where, error);
    g_array_set_size(scope->stack, scope->stack->len - 1);
    scope->open[id] = FALSE;
    return scope->values[id] = value;
}

/* The value of the variable whose reference is at `at`; NULL with error. */
static const char *resolve_reference(VariableScope *scope, const char *at, gsize length, const Provenance *where,
                                     GError **error)
{
    char few[64];
    g_autofree char *many = length < sizeof few ? NULL : g_strndup(at + 2, length);
    const char *name = many != NULL ? many : few;
    if (many == NULL) {
        memcpy(few, at + 2, length);
        few[length] = '\0';
    }
    gint id = scope_find(scope, name);
    if (id < 0) {
        undefined(scope, name, where, error);
        return NULL;
    }
    return resolve(scope, (guint)id, error);
}

/* Appends the expanded text to the scratch. */
static gboolean append_expanded(VariableScope *scope, const char *text, const char *at, gsize length,
                                const Provenance *where, GError **error)
{
    GString *out = scope->scratch;
    gsize start = out->len;
    for (; at != NULL; at = next_reference(text, &length)) {
        g_string_append_len(out, text, at - text);
        const char *value = resolve_reference(scope, at, length, where, error);
        if (value == NULL) {
            return FALSE;
        }
        g_string_append(out, value);
        text = at + length + 3;
        gsize size = out->len - start;
        /* with what texts around this one have in the scratch already */
        if (size > VARIABLES_MAX_TEXT || scope->total + out->len > VARIABLES_MAX_TOTAL) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", where, "The expanded text is larger than %zu bytes",
                      size > VARIABLES_MAX_TEXT ? VARIABLES_MAX_TEXT : VARIABLES_MAX_TOTAL);
            return FALSE;
        }
    }
    g_string_append(out, text);
    scope->total += out->len - start;
    return TRUE;
}

static const char *expand_text(VariableScope *scope, const char *text, const Provenance *where, GError **error)
{
    gsize length = 0, start = scope->scratch->len;
    const char *at = next_reference(text, &length), *expanded = NULL;
    if (at == NULL) {
        return text;
    }
    if (append_expanded(scope, text, at, length, where, error)) {
        expanded = arena_strndup(scope->base->arena, scope->scratch->str + start, scope->scratch->len - start);
    }
    g_string_truncate(scope->scratch, start);
    return expanded;
}

const char *variable_scope_get(VariableScope *scope, const char *name, gboolean *found, GError **error)
{
    gint id = scope_find(scope, name);
    *found = id >= 0;
    return id >= 0 ? resolve(scope, (guint)id, error) : NULL;
}

/* ---- All values ---- */

/* What a variable shows as in the element's resolved configuration. */
static Node *resolved_node(VariableScope *scope, guint id, GError **error)
{
    const char *value = resolve(scope, id, error);
    const Node *node = scope_variable(scope, id)->node;
    if (value == NULL || (node != NULL && value == node->text)) {
        return value == NULL ? NULL : (Node *)node;
    }
    Node *result = node_new_text(scope->base->arena, value, node != NULL ? &node->where : NULL);
    result->flags &= (guint8)~NODE_HAS_VARIABLE;
    return result;
}

const VariableValues *variable_scope_resolve_all(VariableScope *scope, GError **error)
{
    g_autofree NodeEntry *own = g_new(NodeEntry, scope->count + 1);
    guint count = 0;
    for (guint i = 0; i < scope->count; i++) {
        if (!is_affected(scope, i)) {
            continue;
        }
        own[count] = (NodeEntry){scope_variable(scope, i)->name, resolved_node(scope, i, error)};
        if (own[count++].value == NULL) {
            return NULL;
        }
    }
    VariableValues *values = arena_alloc(scope->base->arena, sizeof *values + count * sizeof *own);
    values->base = scope->base;
    values->count = count;
    memcpy(values->own, own, count * sizeof *own);
    return values;
}

static const Node *find_own(const VariableValues *values, const char *name)
{
    for (guint i = 0; i < values->count; i++) {
        const char *key = values->own[i].key;
        if (key == name || (*key == *name && strcmp(key, name) == 0)) {
            return values->own[i].value;
        }
    }
    return NULL;
}

const char *variable_values_get(const VariableValues *values, const char *name)
{
    const Node *own = find_own(values, name);
    gint id = own != NULL ? -1 : find_id(values->base, name);
    return own != NULL ? own->text : id >= 0 ? values->base->variables[id].value : NULL;
}

/* New names come behind those of the base, but before the late one. */
Node *variable_values_to_node(const VariableValues *values)
{
    const VariableBase *base = values->base;
    Node *result = node_new_mapping(base->arena, &base->node->where);
    const Node *late = NULL;
    for (guint id = 0; id < base->count; id++) {
        const Variable *variable = &base->variables[id];
        Node *value = (Node *)find_own(values, variable->name);
        value = value != NULL ? value : variable->value_node;
        if (id == base->late) {
            late = value;
        } else {
            node_put(base->arena, result, variable->name, value);
        }
    }
    for (guint i = 0; i < values->count; i++) {
        if (find_id(base, values->own[i].key) < 0) {
            node_put(base->arena, result, values->own[i].key, values->own[i].value);
        }
    }
    if (late != NULL) {
        node_put(base->arena, result, base->variables[base->late].name, (Node *)late);
    }
    return result;
}

/* ---- Nodes ---- */

static gboolean analyse_node(VariableBase *base, const Node *node, guint64 *uses)
{
    gboolean open = FALSE;
    if ((node->flags & NODE_HAS_VARIABLE) == 0) {
        return FALSE;
    }
    if (node->type == NODE_SCALAR) {
        return analyse_text(base, node->text, uses, NULL);
    }
    for (guint32 i = 0; i < node->size; i++) {
        open |= analyse_node(base, node->type == NODE_SEQUENCE ? node->items[i] : node->entries[i].value, uses);
    }
    return open;
}

static Node *expand_fresh(VariableScope *scope, Node *node, GError **error)
{
    Arena *arena = scope->base->arena;
    if (node->type == NODE_SCALAR) {
        const char *text = expand_text(scope, node->text, &node->where, error);
        if (text == NULL || text == node->text) {
            return text == NULL ? NULL : node;
        }
        Node *result = node_new_text(arena, text, &node->where);
        result->flags &= (guint8)~NODE_HAS_VARIABLE;
        return result;
    }
    Node *result = arena_new_of(arena, Node);
    *result = (Node){.where = node->where, .type = node->type, .flags = node->flags & NODE_IS_BUILTIN};
    g_autofree Node **values = g_new(Node *, node->size + 1);
    for (guint32 i = 0; i < node->size; i++) {
        Node *child = node->type == NODE_SEQUENCE ? node->items[i] : node->entries[i].value;
        values[i] = variable_scope_expand(scope, child, error);
        if (values[i] == NULL) {
            return NULL;
        }
    }
    if (node->type == NODE_MAPPING) {
        return node_copy_with_values(arena, node, values);
    }
    node_fill_sequence(arena, result, values, node->size);
    return result;
}

/* Defaults of a project and a kind: expanded once, and again only for elements that change what they depend on. */
static Node *expand_shared(VariableScope *scope, Node *node, GError **error)
{
    VariableBase *base = scope->base;
    Expanded *known = g_hash_table_lookup(base->expanded, node);
    if (known == NULL) {
        known = arena_new_of(base->arena, Expanded);
        guint64 *uses = arena_alloc(base->arena, base->words * sizeof *uses);
        known->open = analyse_node(base, node, uses);
        known->uses = uses;
        g_hash_table_insert(base->expanded, node, known);
    }
    if (known->open || sets_meet(known->uses, scope->overridden, base->words)) {
        return expand_fresh(scope, node, error);
    }
    if (known->expanded == NULL) {
        known->expanded = expand_fresh(scope, node, error);
        if (known->expanded != NULL) {
            node_mark_shared(known->expanded);
        }
    }
    return known->expanded;
}

Node *variable_scope_expand(VariableScope *scope, Node *node, GError **error)
{
    if ((node->flags & NODE_HAS_VARIABLE) == 0) {
        return node;
    }
    return (node->flags & NODE_IS_SHARED) != 0 ? expand_shared(scope, node, error) : expand_fresh(scope, node, error);
}
