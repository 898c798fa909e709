/*
 * json.h - JSON values, written compactly with sorted keys: what cache keys are computed over, and what machine-readable output is made of.
 * Values live in the arena that made them; strings are borrowed unless said otherwise.
 */
#pragma once

#include "arena.h"
#include "node.h"

typedef struct Json Json;
Json *json_null(Arena *arena);
Json *json_bool(Arena *arena, gboolean value);
Json *json_int(Arena *arena, gint64 value);
Json *json_string(Arena *arena, const char *text); /* copies */
Json *json_array(Arena *arena);
Json *json_object(Arena *arena);
void json_append(Json *array, Json *value);
void json_set(Json *object, const char *key, Json *value);
/* Every scalar as a string. */
Json *json_from_node(Arena *arena, const Node *node);
/* Text that is canonical JSON already; borrowed. */
Json *json_raw(Arena *arena, const char *text);
/* Appends the canonical text: keys by code point, no blanks, ASCII only. */
void json_write(const Json *value, GString *out);
/* For people: members in the order in which they were set, each on a line of its own, indented by two blanks. */
void json_write_indented(const Json *value, GString *out);
/* SHA-256 of the canonical text, 64 digits and a NUL. */
void json_key(const Json *value, char out[65]);
/* g_string_append_len, which costs more than what most pieces of a key take to copy. */
void json_put(GString *out, const char *text, gsize length);
/* The parts of the above: one quoted string; the key of a text that is canonical already. */
void json_write_string(const char *text, GString *out);
void json_key_of_text(const char *text, gsize length, char out[65]);
