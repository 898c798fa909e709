/*
 * A project's element: conditionals, composition of `over` onto `base`, then variables put in.  Composing leaves both sides as they were.
 */
#include "include.h"
#include "json.h"
#include "node-private.h"
#include "variables.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const NodeFile file = {.name = "input"};

static void key_of(const Node *node, char out[65])
{
    Arena *arena = arena_new();
    json_key(json_from_node(arena, node), out);
    arena_free(arena);
}

static Node *part(const Node *top, const char *key)
{
    Node *node = node_find(top, key);
    return node != NULL && node_type(node) == NODE_MAPPING ? node : NULL;
}

static void expand(Arena *arena, const Node *variables, Node *node)
{
    VariableBase *base = variable_base_new(arena, variables, NULL, NULL);
    VariableScope *scope = base != NULL ? variable_scope_begin(base, part(node, "own"), NULL, NULL) : NULL;
    if (scope != NULL) {
        g_autoptr(GError) error = NULL;
        const VariableValues *resolved = variable_scope_resolve_all(scope, &error);
        if ((resolved == NULL) != (error != NULL)) {
            abort();
        }
        if (resolved != NULL) {
            const Node *all = variable_values_to_node(resolved);
            for (gsize i = 0; i < node_size(all); i++) {
                const char *value = variable_values_get(resolved, node_key_at(all, i));
                if (value == NULL || strcmp(value, node_text(node_value_at(all, i))) != 0) {
                    abort();
                }
            }
            node_mark_shared(node);
            variable_scope_expand(scope, node, NULL);
            variable_scope_expand(scope, node, NULL);
        }
    }
    variable_base_free(base);
}

static void compose(Arena *arena, OptionPool *pool, Node *base, Node *over)
{
    char before[2][65], after[2][65];
    key_of(base, before[0]);
    key_of(over, before[1]);
    Node *processed = conditionals_process(pool, arena, over, NULL, NULL);
    Node *result = processed != NULL ? node_compose(arena, base, processed, NULL) : NULL;
    if (result != NULL && node_check_composed(result, NULL)) {
        Node *variables = part(result, "variables");
        if (variables != NULL) {
            expand(arena, variables, result);
        }
    }
    key_of(base, after[0]);
    key_of(over, after[1]);
    if (strcmp(before[0], after[0]) != 0 || strcmp(before[1], after[1]) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *arena = arena_new();
    OptionPool *pool = option_pool_new(arena, "/nonexistent");
    const Node *top = node_parse(arena, &file, (const char *)data, size, NULL);
    if (top != NULL) {
        Node *options = part(top, "options"), *base = part(top, "base"), *over = part(top, "over");
        if ((options == NULL || option_pool_define(pool, options, NULL)) && base != NULL && over != NULL) {
            compose(arena, pool, base, over);
        }
    }
    option_pool_free(pool);
    arena_free(arena);
    return 0;
}
