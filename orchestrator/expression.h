/*
 * expression.h - the language of conditionals: what Jinja2 accepts between `{% if` and `%}`, with the project's options as the only names.
 *
 * Not supported, because no project can use them usefully here: formatting with `%`, filters that make text for HTML, keyword arguments, integers of more
 * than 64 bits.
 */
#pragma once

#include "arena.h"

typedef enum {
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_LIST,
    VALUE_TUPLE,
    VALUE_DICT, /* items: a key, its value, the next key … */
    VALUE_UNDEFINED
} ValueType;
typedef struct Value Value;
struct Value {
    ValueType type;
    gint64 number; /* BOOL, INT */
    double real;
    const char *text;   /* STRING; UNDEFINED: what is missing, in words */
    const Value *items; /* LIST, TUPLE, DICT */
    gsize count;
    gsize weight; /* of LIST, TUPLE, DICT: what all that is in it takes, see value_sequence() */
};

/* Finds a name's value, or NULL. */
typedef const Value *(*ExpressionLookup)(const char *name, gpointer data);

/* Evaluates to TRUE or FALSE in *result.  On failure returns FALSE and sets *problem (free with g_free). */
gboolean expression_evaluate(const char *text, ExpressionLookup lookup, gpointer data, gboolean *result,
                             char **problem);
