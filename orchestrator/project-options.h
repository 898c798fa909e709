/*
 * project-options.h - the options of a project: their definitions, their values, and what conditionals see of them.
 */
#pragma once

#include "expression.h"
#include "node.h"

typedef struct OptionPool OptionPool;

/* `element_path` is walked for options of type element-mask only. */
OptionPool *option_pool_new(Arena *arena, const char *element_path);
void option_pool_free(OptionPool *pool);
/* The `options` section. */
gboolean option_pool_define(OptionPool *pool, const Node *options, GError **error);
/* NAME: VALUE from a junction or the user configuration. */
gboolean option_pool_set_from_node(OptionPool *pool, const Node *values, GError **error);
/* Pairs NAME, VALUE of the command line; NULL-terminated.  Unknown names are an error unless `ignore_unknown`. */
gboolean option_pool_set_from_arguments(OptionPool *pool, const char *const *pairs, gboolean ignore_unknown,
                                        GError **error);
/* Checks the values that nobody set (arch, os). */
gboolean option_pool_resolve(OptionPool *pool, GError **error);
/* Sets a variable for each option that has one. */
void option_pool_export(const OptionPool *pool, Arena *arena, Node *variables);
/* Calls back for each option, sorted by name, with its value as text. */
void option_pool_foreach(const OptionPool *pool, void (*func)(const char *name, const char *value, gpointer data),
                         gpointer data);
/* A conditional; evaluated once for each text.  EXPRESSION_FAILED at `where`. */
gboolean option_pool_evaluate(OptionPool *pool, const char *expression, const Provenance *where, gboolean *result,
                              GError **error);

/* BuildStream's canonical name of an architecture ("x86-64"), or NULL. */
const char *arch_canonical(const char *name);
/* This machine's, from uname(2); NULL if unknown. */
const char *arch_of_host(void);
/* INVALID_SYMBOL_NAME unless it is a name of letters, digits, "_" and perhaps "-", not starting with a digit. */
gboolean check_symbol_name(const char *name, const char *purpose, const Provenance *where, gboolean allow_dashes,
                           GError **error);
