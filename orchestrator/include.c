/*
 * include.c - see include.h.
 *
 * Nodes are not changed but rewritten where something was there to resolve, so the parsed and the resolved form of an included file are each made once,
 * however many elements include it.
 */
#include "include.h"
#include "element-private.h"
#include "node-private.h"
#include "project-private.h"

#include <string.h>

/* Files that include files. */
#define INCLUDE_MAX_DEPTH 64
/* Nodes of a file with all that it includes: files that include others twice grow exponentially, although each is made once. */
#define INCLUDE_MAX_NODES ((gsize)1 << 20)

/* ---- Conditionals ---- */

static gboolean check_restricted(const Node *fragment, const char *const *restricted, GError **error)
{
    for (gsize i = 0; restricted != NULL && restricted[i] != NULL; i++) {
        const Node *value = node_find(fragment, restricted[i]);
        if (value != NULL) {
            error_set(error, ERROR_LOAD, "ILLEGAL_COMPOSITE", &value->where,
                      "The '%s' key cannot be specified conditionally.", restricted[i]);
            return FALSE;
        }
    }
    return TRUE;
}

static Node *apply_condition(OptionPool *pool, Arena *arena, Node *node, const Node *condition,
                             const char *const *restricted, GError **error)
{
    if (condition->type != NODE_MAPPING || condition->size == 0) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", &condition->where,
                  "A conditional statement must be a dictionary with one key");
        return NULL;
    }
    if (condition->size > 1) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", &condition->where, "Conditional statement has more than one key");
        return NULL;
    }
    gboolean applies = FALSE;
    Node *fragment = condition->entries[0].value;
    if (!option_pool_evaluate(pool, condition->entries[0].key, &condition->where, &applies, error)) {
        return NULL;
    }
    if (fragment->type != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "ILLEGAL_COMPOSITE", &condition->where,
                  "Only values of type 'dict' can be composed.");
        return NULL;
    }
    if (!check_restricted(fragment, restricted, error)) {
        return NULL;
    }
    return applies ? node_compose(arena, node, fragment, error) : node;
}

/* Fragments may bring conditionals of their own, so this repeats until none is left. */
static Node *resolve_conditions(OptionPool *pool, Arena *arena, Node *node, const char *const *restricted,
                                GError **error)
{
    for (;;) {
        Node *conditions = NULL;
        const char *assertion = NULL;
        if (!node_get_sequence(node, "(?)", &conditions, error) || !node_get_string(node, "(!)", &assertion, error)) {
            return NULL;
        }
        if (assertion != NULL) {
            error_set(error, ERROR_LOAD, "USER_ASSERTION", &node_find(node, "(!)")->where, "%s", assertion);
            return NULL;
        }
        if (conditions == NULL) {
            return node;
        }
        node = node_copy_shallow(arena, node);
        node_unset(node, "(?)");
        for (guint32 i = 0; i < conditions->size; i++) {
            node = apply_condition(pool, arena, node, conditions->items[i], restricted, error);
            if (node == NULL) {
                return NULL;
            }
        }
    }
}

/* Rewrites the children of a container with `func`; the same node if none changes. */
typedef Node *(*RewriteFunc)(Node *child, gpointer data, GError **error);
static Node *rewrite_children(Arena *arena, Node *node, RewriteFunc func, gpointer data, GError **error)
{
    Node *result = node;
    for (guint32 i = 0; node->type != NODE_SCALAR && i < node->size; i++) {
        Node *child = node->type == NODE_SEQUENCE ? node->items[i] : node->entries[i].value;
        if ((child->flags & NODE_HAS_CONDITION) == 0) {
            continue;
        }
        Node *changed = func(child, data, error);
        if (changed == NULL) {
            return NULL;
        }
        if (changed != child && result == node) {
            result = node_copy_shallow(arena, node);
        }
        if (changed != child && node->type == NODE_SEQUENCE) {
            result->items[i] = changed;
        } else if (changed != child) {
            result->entries[i].value = changed;
        }
    }
    if (result != node) {
        node_refresh_flags(result);
    }
    return result;
}

typedef struct {
    OptionPool *pool;
    Arena *arena;
} Conditions;

static Node *rewrite_conditions(Node *node, gpointer data, GError **error)
{
    const Conditions *conditions = data;
    return conditionals_process(conditions->pool, conditions->arena, node, NULL, error);
}

Node *conditionals_process(OptionPool *pool, Arena *arena, Node *node, const char *const *restricted, GError **error)
{
    if ((node->flags & NODE_HAS_CONDITION) == 0) {
        return node;
    }
    Node *result = node;
    if (node->type == NODE_MAPPING) {
        result = resolve_conditions(pool, arena, node, restricted, error);
        if (result == NULL) {
            return NULL;
        }
    }
    Conditions conditions = {pool, arena};
    Node *rewritten = rewrite_children(arena, result, rewrite_conditions, &conditions, error);
    if (rewritten != NULL && rewritten == result && result != node) {
        node_refresh_flags(result);
    }
    return rewritten;
}

/* ---- Includes ---- */

typedef struct Chain Chain;
struct Chain {
    const Chain *parent;
    const Project *project;
    const char *path;
};

typedef struct {
    Project *project;
    unsigned flags;
    const Chain *chain;
} Includer;

static Node *process(Project *project, Node *node, unsigned flags, const Chain *chain, GError **error);

/* The file as parsed; one from another project with that project's variables put in. */
static Node *load_raw(Project *project, Project *from, const char *path, const Node *include, GError **error)
{
    gboolean foreign = project != from;
    g_autofree char *key = g_strconcat(foreign ? "foreign:" : "own:", path, NULL);
    Node *node = g_hash_table_lookup(from->files, key);
    if (node == NULL) {
        GError *problem = NULL;
        node = project_read_yaml(from, path, node_text(include), &problem);
        if (node == NULL && g_strcmp0(error_get_reason(problem), "INVALID_YAML") != 0) {
            error_set(error, ERROR_LOAD, g_intern_string(error_get_reason(problem)), &include->where, "%s",
                      problem->message);
            g_error_free(problem);
        } else if (node == NULL) {
            g_propagate_error(error, problem);
        }
        if (node != NULL && foreign) {
            VariableBase *base = variable_base_new(from->session->arena, from->full.variables, NULL, error);
            VariableScope *scope = base != NULL ? variable_scope_begin(base, NULL, NULL, error) : NULL;
            node = scope != NULL ? variable_scope_expand(scope, node, error) : NULL;
            variable_base_free(base);
        }
        if (node == NULL) {
            return NULL;
        }
        g_hash_table_insert(from->files, g_steal_pointer(&key), node);
    }
    return node;
}

static gboolean check_chain(const Chain *chain, const Project *from, const char *path, const Provenance *where,
                            GError **error)
{
    int depth = 0;
    for (const Chain *link = chain; link != NULL; link = link->parent, depth++) {
        if (link->project == from && strcmp(link->path, path) == 0) {
            error_set(error, ERROR_LOAD, "RECURSIVE_INCLUDE", where, "trying to recursively include %s/%s",
                      from->directory, path);
            return FALSE;
        }
    }
    if (depth >= INCLUDE_MAX_DEPTH) {
        error_set(error, ERROR_LOAD, "RECURSIVE_INCLUDE", where, "more than %d files include each other",
                  INCLUDE_MAX_DEPTH);
        return FALSE;
    }
    return TRUE;
}

/* One included file with everything in it resolved. */
static Node *load_include(const Includer *includer, const Node *list, const Node *include, GError **error)
{
    Project *project = includer->project, *from = project;
    const char *path = node_text(include);
    const char *colon = strrchr(path, ':');
    if (colon != NULL) {
        g_autofree char *junction = g_strndup(path, (gsize)(colon - path));
        path = colon + 1;
        from = project_get_subproject(project, junction, &include->where, error);
        if (from == NULL || !project_ensure_fully_loaded(from, error)) {
            return NULL;
        }
    }
    unsigned flags = from != project ? includer->flags & ~(unsigned)INCLUDE_NO_CONDITIONS : includer->flags;
    if (!check_chain(includer->chain, from, path, &list->where, error)) {
        return NULL;
    }
    Node *node = load_raw(project, from, path, include, error);
    if (node == NULL) {
        return NULL;
    }
    ((NodeFile *)node->where.file)->included_at = &include->where;
    g_autofree char *key = g_strdup_printf("%s%u:%s", from != project ? "foreign:" : "own:", flags, path);
    Node *processed = g_hash_table_lookup(from->files, key);
    if (processed == NULL) {
        Chain chain = {includer->chain, from, path};
        processed = process(from, node, flags, &chain, error);
        if (processed != NULL) {
            node_mark_shared(processed);
            g_hash_table_insert(from->files, g_steal_pointer(&key), processed);
        }
    }
    return processed;
}

/* Lays `node` over what it includes; its own keys stay first. */
static Node *compose_under(Arena *arena, Node *node, Node *included, GError **error)
{
    Node *composed = node_compose(arena, included, node, error);
    if (composed == NULL || composed == node) {
        return composed;
    }
    if (node->size == 0) {
        /* Errors about the whole are at the place that includes. */
        composed = node_copy_shallow(arena, composed);
        composed->where = node->where;
        return composed;
    }
    Node *result = node_new_mapping(arena, &composed->where);
    for (guint32 i = 0; i < node->size; i++) {
        node_put(arena, result, node->entries[i].key, node_find(composed, node->entries[i].key));
    }
    for (guint32 i = 0; i < composed->size; i++) {
        node_put(arena, result, composed->entries[i].key, composed->entries[i].value);
    }
    return result;
}

static Node *process_includes(const Includer *includer, Node *node, GError **error)
{
    Node *list = node_find(node, "(@)");
    if (list->type == NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", &list->where,
                  "Value of '(@)' is not one of the following: list, scalar.");
        return NULL;
    }
    Arena *arena = includer->project->session->arena;
    node = node_copy_shallow(arena, node);
    node_unset(node, "(@)");
    gsize count = list->type == NODE_SCALAR ? 1 : list->size;
    for (gsize i = count; i > 0; i--) {
        Node *include = list->type == NODE_SCALAR ? list : list->items[i - 1];
        if (include->type != NODE_SCALAR) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", &include->where,
                      "List item is not of the expected type 'scalar'");
            return NULL;
        }
        if ((includer->flags & INCLUDE_LOCAL_ONLY) != 0 && strchr(include->text, ':') != NULL) {
            continue;
        }
        Node *included = load_include(includer, list, include, error);
        node = included != NULL ? compose_under(arena, node, included, error) : NULL;
        if (node == NULL) {
            return NULL;
        }
    }
    node_refresh_flags(node);
    return node;
}

static Node *rewrite_includes(Node *node, gpointer data, GError **error)
{
    const Includer *includer = data;
    if ((node->flags & NODE_HAS_CONDITION) == 0) {
        return node;
    }
    if (node->type == NODE_MAPPING && node_find(node, "(@)") != NULL) {
        node = process_includes(includer, node, error);
        if (node == NULL) {
            return NULL;
        }
    }
    return rewrite_children(includer->project->session->arena, node, rewrite_includes, data, error);
}

/* Nodes in the tree, or as many as are too many.  `known`: shared node → how many are in it. */
static gsize count_nodes(GHashTable *known, const Node *node)
{
    gboolean remembered = (node->flags & NODE_IS_SHARED) != 0 && node->type != NODE_SCALAR && node->size > 0;
    gsize count = remembered ? GPOINTER_TO_SIZE(g_hash_table_lookup(known, node)) : 0;
    if (count > 0) {
        return count;
    }
    count = 1;
    for (guint32 i = 0; node->type != NODE_SCALAR && i < node->size && count <= INCLUDE_MAX_NODES; i++) {
        count += count_nodes(known, node->type == NODE_SEQUENCE ? node->items[i] : node->entries[i].value);
    }
    if (remembered) {
        g_hash_table_insert(known, (gpointer)node, GSIZE_TO_POINTER(count));
    }
    return count;
}

static Node *check_size(Node *node, const Provenance *where, GError **error)
{
    g_autoptr(GHashTable) known = g_hash_table_new(NULL, NULL);
    if (count_nodes(known, node) <= INCLUDE_MAX_NODES) {
        return node;
    }
    error_set(error, ERROR_LOAD, "INVALID_DATA", where,
              "There are more than %zu nodes in this file and what it includes", INCLUDE_MAX_NODES);
    return NULL;
}

static Node *process(Project *project, Node *node, unsigned flags, const Chain *chain, GError **error)
{
    if ((node->flags & NODE_HAS_CONDITION) == 0) {
        return node;
    }
    if ((flags & INCLUDE_NO_CONDITIONS) == 0) {
        OptionPool *pool = (flags & INCLUDE_LOCAL_ONLY) != 0 ? project->first.options : project->full.options;
        node = conditionals_process(pool, project->session->arena, node, NULL, error);
        if (node == NULL) {
            return NULL;
        }
    }
    Includer includer = {project, flags, chain};
    Node *result = rewrite_includes(node, &includer, error);
    return result != NULL && result != node ? check_size(result, &node->where, error) : result;
}

Node *includes_process(Project *project, Node *node, unsigned flags, GError **error)
{
    return process(project, node, flags, NULL, error);
}
