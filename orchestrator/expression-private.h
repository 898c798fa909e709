/*
 * expression-private.h - values of the language of conditionals and what can be done with them, as Python and Jinja2 do it.
 *
 * Results are in the arena of the evaluation.  NULL means that there is a problem, and that it has been noted.
 */
#pragma once

#include "expression.h"

/* Of memory, for values. */
#define EXPRESSION_MAX_ARENA ((gsize)64 << 20)

typedef struct {
    Arena *arena;
    char **problem; /* the first one stays */
    gsize work;     /* comparisons that filters may have made */
} Evaluation;

G_GNUC_PRINTF(2, 3) const Value *evaluation_fail(Evaluation *evaluation, const char *format, ...);
/* FALSE with a problem: comparing each of `count` items to each other would be too much. */
gboolean evaluation_may_compare(Evaluation *evaluation, gsize count);

/* ---- Making ---- */

const Value *value_new(Evaluation *evaluation, Value value);
const Value *value_bool(Evaluation *evaluation, gboolean value);
const Value *value_int(Evaluation *evaluation, gint64 number);
/* Takes the text.  What is too large is a problem, here and in lists. */
const Value *value_take_text(Evaluation *evaluation, char *text);
const Value *value_sequence(Evaluation *evaluation, ValueType type, const Value *items, gsize count);
const Value *value_undefined(Evaluation *evaluation, char *message);

/* ---- Asking ---- */

/* As Python names the type: "str", "int" … */
const char *value_type_name(const Value *value);
gboolean value_is_sequence(const Value *value);
gboolean value_is_whole(const Value *value);
gboolean value_is_number(const Value *value);
double value_to_real(const Value *value);
/* FALSE with a problem for what is undefined. */
gboolean value_check_defined(Evaluation *evaluation, const Value *value);
gboolean value_truth(Evaluation *evaluation, const Value *value, gboolean *truth);
gboolean value_equal(const Value *a, const Value *b);
/* -1, 0, 1; FALSE if the two have no order. */
gboolean value_order(const Value *a, const Value *b, int *result);
/* What str() makes of it; undefined values are a problem, and give NULL. */
const char *value_to_text(Evaluation *evaluation, const Value *value);
/* The items that a loop over the value sees: of a list, of a tuple, the characters of a string, the keys of a dictionary. */
const Value *value_to_list(Evaluation *evaluation, const Value *value);

/* ---- Operating ---- */

const Value *value_contains(Evaluation *evaluation, const Value *item, const Value *container);
/* `symbol` is one of + - * / % or 'd' for floor division, '^' for powers. */
const Value *value_arithmetic(Evaluation *evaluation, char symbol, const Value *a, const Value *b);
const Value *value_index(Evaluation *evaluation, const Value *value, const Value *index);
/* bounds: start, end and step; NULL where nothing was said. */
const Value *value_slice(Evaluation *evaluation, const Value *value, const Value *const bounds[3]);

/* ---- Filters, tests and methods by name ---- */

#define EXPRESSION_MAX_ARGUMENTS 8

const Value *value_filter(Evaluation *evaluation, const char *name, const Value *value, const Value *const *arguments,
                          gsize count);
const Value *value_test(Evaluation *evaluation, const char *name, const Value *value, const Value *const *arguments,
                        gsize count);
const Value *value_method(Evaluation *evaluation, const char *name, const Value *value, const Value *const *arguments,
                          gsize count);
