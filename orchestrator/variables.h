/*
 * variables.h - %{name} in text, resolved lazily through other variables.
 *
 * A VariableBase is what many elements have in common: the variables of a project and a kind.  Expanded values and expanded nodes are remembered there and
 * shared by every element whose own variables cannot change them.  A Scope is one element's view; it is used, reset and used again for the next.
 */
#pragma once

#include "node.h"

typedef struct VariableBase VariableBase;
typedef struct VariableScope VariableScope;
/* What all variables of a scope resolved to; outlives it, but not the base. */
typedef struct VariableValues VariableValues;

/* `variables`: a composed mapping of scalars.  `late` (or NULL): the key of one that only scopes define; the value in the mapping does not matter.  LOAD
 * errors for wrong types. */
VariableBase *variable_base_new(Arena *arena, const Node *variables, const char *late, GError **error);
void variable_base_free(VariableBase *base);

/* A scope over the base; one at a time. `over` (or NULL): the element's own variables; `late_value` (or NULL). */
VariableScope *variable_scope_begin(VariableBase *base, const Node *over, const char *late_value, GError **error);
/* The expanded value; *found tells whether there is such a variable. NULL with error. */
const char *variable_scope_get(VariableScope *scope, const char *name, gboolean *found, GError **error);
/* Resolves every variable: the element's `variables`, expanded.  UNRESOLVED_VARIABLE, CIRCULAR_REFERENCE_VARIABLE. */
const VariableValues *variable_scope_resolve_all(VariableScope *scope, GError **error);
/* NULL if there is no such variable. */
const char *variable_values_get(const VariableValues *values, const char *name);
/* All of them as a mapping, made anew. */
Node *variable_values_to_node(const VariableValues *values);
/* The node with all text expanded; the same node where there is nothing to expand. */
Node *variable_scope_expand(VariableScope *scope, Node *node, GError **error);

/* The name that starts after "%{" in `text`; its length, or 0 if this is no reference. */
gsize variable_reference_at(const char *text);
