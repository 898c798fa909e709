/*
 * toml.h - TOML 1.0: what Cargo.lock and Cargo.toml are written in.
 *
 * Values live in the arena; the text may be freed after parsing.  The files come from others: depth, keys and elements have limits.
 */
#pragma once

#include "arena.h"

typedef enum {
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOLEAN,
    TOML_DATE,
    TOML_ARRAY,
    TOML_TABLE,
} TomlType;
typedef struct Toml Toml;

#define TOML_MAX_DEPTH 64     /* of arrays and inline tables in each other, and of dotted keys */
#define TOML_MAX_KEYS  10000  /* of one table */
#define TOML_MAX_ITEMS 200000 /* of one array */

/* The top table; NULL with "line L, column C: …". */
Toml *toml_parse(Arena *arena, const char *text, gsize length, GError **error);

TomlType toml_type(const Toml *value);
/* Of a string its contents, of other scalars the text as written; NULL for arrays and tables. */
const char *toml_text(const Toml *value);
/* Elements of an array, keys of a table in their order; 0 for NULL and scalars. */
gsize toml_size(const Toml *value);
Toml *toml_at(const Toml *value, gsize index);
const char *toml_key_at(const Toml *table, gsize index);
/* NULL if `table` is NULL, no table, or has no such key. */
Toml *toml_find(const Toml *table, const char *key);
/* The text of a string; NULL if there is none of that key. */
const char *toml_find_string(const Toml *table, const char *key);

/* Changing: values are shared, not copied.  A key that is there gets the new value at its place. */
void toml_set(Arena *arena, Toml *table, const char *key, Toml *value);
void toml_remove(Toml *table, const char *key);
Toml *toml_new_array(Arena *arena);
void toml_append(Arena *arena, Toml *array, Toml *value);

/* A whole document, laid out as tomlkit, which BuildStream's plugins use, lays out a new one: what is no table first, then each table under a header of its own; scalars other
 * than strings as they were written.  FALSE if it has more than `limit` bytes. */
gboolean toml_write(const Toml *table, gsize limit, GString *out);
/* A key, quoted if it must be; KEY = "TEXT" and the end of the line. */
void toml_write_key(const char *key, GString *out);
void toml_write_pair(const char *key, const char *text, GString *out);
