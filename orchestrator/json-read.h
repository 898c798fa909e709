/*
 * json-read.h - JSON text as a tree, to be looked at.
 *
 * Texts of keys come from the store, where another program may have put them: nesting and size are limited, and what is not JSON is an error.
 */
#pragma once

#include "arena.h"
#include "error.h"

typedef enum { JSON_TREE_WORD, JSON_TREE_STRING, JSON_TREE_ARRAY, JSON_TREE_OBJECT } JsonTreeType;

typedef struct JsonTree JsonTree;
struct JsonTree {
    JsonTreeType type;
    const char *key;  /* of a member of an object */
    const char *text; /* of a string, decoded; of a word (number, true, false, null), as it is written */
    JsonTree *first;  /* of an array or object */
    JsonTree *next;   /* beside it */
};

#define JSON_MAX_DEPTH 200
#define JSON_MAX_BYTES ((gsize)64 << 20)

/* NULL with error.  Everything lives in the arena. */
const JsonTree *json_read(Arena *arena, const char *text, gsize length, GError **error);
/* A member of an object, or NULL. */
const JsonTree *json_tree_find(const JsonTree *object, const char *key);
/* In the order of the text, indented by four; `indent` is where it starts. */
void json_tree_write(const JsonTree *tree, int indent, GString *out);
