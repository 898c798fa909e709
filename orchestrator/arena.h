/*
 * arena.h - memory that is freed all at once: a loaded project is one arena.  Not shared between threads without a lock.
 */
#pragma once

#include <glib.h>

typedef struct Arena Arena;
Arena *arena_new(void);
void arena_free(Arena *arena);
/* Bytes taken from the system so far. */
gsize arena_size(const Arena *arena);
/* Zeroed, aligned for any type; never NULL. */
void *arena_alloc(Arena *arena, gsize size);
#define arena_new_of(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
char *arena_strndup(Arena *arena, const char *text, gsize length);
char *arena_strdup(Arena *arena, const char *text);
/* The texts up to NULL, one after the other. */
G_GNUC_NULL_TERMINATED char *arena_join(Arena *arena, const char *first, ...);
G_GNUC_PRINTF(2, 3) char *arena_printf(Arena *arena, const char *format, ...);
/* Equal strings give the same pointer. */
const char *arena_intern(Arena *arena, const char *text, gsize length);
