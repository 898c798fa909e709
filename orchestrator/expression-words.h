/*
 * expression-words.h - the words of a condition: names, numbers, texts, operators, as Jinja2's lexer finds them.
 */
#pragma once

#include "expression-private.h"

#define EXPRESSION_MAX_DEPTH 100

typedef enum { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_INT, TOKEN_FLOAT, TOKEN_OPERATOR } TokenType;

typedef struct {
    const char *start, *cursor;
    TokenType type;
    char *text; /* of a name, string or operator; in the arena */
    gint64 number;
    double real;
    char brackets[EXPRESSION_MAX_DEPTH]; /* that are open, as what closes them */
    int n_brackets;
    gboolean at_block_end; /* inside brackets, its two characters are words */
    ExpressionLookup lookup;
    gpointer data;
    int depth;
    unsigned *steps;
    Evaluation *evaluation;
} Parser;

#define fail(parser, ...) evaluation_fail((parser)->evaluation, __VA_ARGS__)

/* Reads the next word.  With a problem noted, and behind the last one, that is TOKEN_END. */
void parser_next(Parser *parser);
