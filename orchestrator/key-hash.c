/*
 * key-hash.c - see key-private.h.
 *
 * The text of a key lists the whole build scope, so it is the walks and the entries that cost.  The graph is kept as numbers, the entries as text that is ready to be
 * copied.  And most scopes start alike, with what the first build dependency (a toolchain, mostly) needs: the hash up to there is kept for those that are used again.
 */
#include "cas.h"
#include "key-private.h"

#include <string.h>

#define BUFFER_SIZE ((gsize)16 << 10)
/* Beginnings that are kept: one for each value of an index modulo this. */
#define PREFIXES   256u
#define FIRST_ROOM 1024u

typedef struct {
    const char *text;            /* ,["project","element","key"] */
    guint32 name_length, length; /* up to and with the element's name; of all, 0 without a key */
    guint32 first_edge, end_edge;
} Member;

/* The hash of the entries that one element and its runtime dependencies make. */
typedef struct {
    guint element; /* index + 1 of the latest that started a scope; 0: none */
    gboolean filled;
    guint32 *members;
    guint count;
    SluiceHasher *hasher;
} Prefix;

typedef enum { ENTRIES_NAMES, ENTRIES_KEYS, ENTRIES_MIXED } Entries;

struct KeyHasher {
    KeyStrength strength;
    SluiceHasher *hasher;
    Arena *arena;
    GString *scratch;
    guint count;     /* elements that there is room for */
    Member *members; /* by index */
    GArray *edges;   /* guint32: runtime dependencies */
    guint32 *seen;   /* by index: the stamp of the latest scope that had it */
    guint32 stamp;
    struct {
        guint32 member, next_edge;
    } * stack;
    guint32 *scope; /* what was walked, in order */
    guint n_scope;
    gboolean complete; /* no key was missing so far */
    gboolean separate; /* a comma comes before the next entry */
    Prefix prefixes[PREFIXES];
    gsize used;
    char buffer[BUFFER_SIZE];
};

KeyHasher *key_hasher_new(KeyStrength strength)
{
    KeyHasher *hasher = g_new0(KeyHasher, 1);
    hasher->strength = strength;
    hasher->hasher = sluice_hasher_new();
    hasher->arena = arena_new();
    hasher->scratch = g_string_new(NULL);
    hasher->edges = g_array_new(FALSE, FALSE, sizeof(guint32));
    return hasher;
}

void key_hasher_free(KeyHasher *hasher)
{
    for (guint i = 0; i < PREFIXES; i++) {
        g_free(hasher->prefixes[i].members);
        sluice_hasher_free(hasher->prefixes[i].hasher);
    }
    sluice_hasher_free(hasher->hasher);
    arena_free(hasher->arena);
    g_string_free(hasher->scratch, TRUE);
    g_array_unref(hasher->edges);
    g_free(hasher->members);
    g_free(hasher->seen);
    g_free(hasher->stack);
    g_free(hasher->scope);
    g_free(hasher);
}

static void make_room(KeyHasher *hasher, guint count)
{
    if (count <= hasher->count) {
        return;
    }
    guint room = MAX(MAX(count, hasher->count * 2), FIRST_ROOM);
    hasher->members = g_renew(Member, hasher->members, room);
    hasher->seen = g_renew(guint32, hasher->seen, room);
    memset(hasher->seen + hasher->count, 0, (room - hasher->count) * sizeof *hasher->seen);
    hasher->stack = g_realloc_n(hasher->stack, room, sizeof *hasher->stack);
    hasher->scope = g_renew(guint32, hasher->scope, room);
    hasher->count = room;
}

void key_hasher_add(KeyHasher *hasher, const Element *element)
{
    /* A junction is hashed while it is loaded, before it has a number.  Nothing depends on it. */
    if (element->index == G_MAXUINT) {
        return;
    }
    make_room(hasher, element->index + 1);
    Member *member = &hasher->members[element->index];
    const char *key = key_of(element, hasher->strength);
    GString *text = hasher->scratch;
    g_string_assign(text, ",");
    key_write_name(element, text);
    member->name_length = (guint32)text->len;
    member->length = 0;
    if (*key != '\0') {
        g_string_append(text, ",\"");
        g_string_append(text, key);
        g_string_append_len(text, "\"]", 2);
        member->length = (guint32)text->len;
    }
    member->text = arena_strndup(hasher->arena, text->str, text->len);
    member->first_edge = hasher->edges->len;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        if ((dependency->types & DEP_RUNTIME) != 0) {
            guint32 index = dependency->element->index;
            g_array_append_val(hasher->edges, index);
        }
    }
    member->end_edge = hasher->edges->len;
}

/* ---- Scopes ---- */

/* Post-order over runtime dependencies, as element-scope.c does it. */
static void walk(KeyHasher *hasher, guint32 start)
{
    const guint32 *edges = (const guint32 *)(const void *)hasher->edges->data;
    guint depth = 0;
    if (hasher->seen[start] == hasher->stamp) {
        return;
    }
    hasher->seen[start] = hasher->stamp;
    hasher->stack[depth].member = start;
    hasher->stack[depth++].next_edge = hasher->members[start].first_edge;
    while (depth > 0) {
        guint32 at = hasher->stack[depth - 1].member, next = hasher->stack[depth - 1].next_edge;
        guint32 end = hasher->members[at].end_edge;
        while (next < end && hasher->seen[edges[next]] == hasher->stamp) {
            next++;
        }
        if (next == end) {
            hasher->scope[hasher->n_scope++] = at;
            depth--;
            continue;
        }
        hasher->stack[depth - 1].next_edge = next + 1;
        hasher->seen[edges[next]] = hasher->stamp;
        hasher->stack[depth].member = edges[next];
        hasher->stack[depth++].next_edge = hasher->members[edges[next]].first_edge;
    }
}

/* ---- Text ---- */

static void flush(KeyHasher *hasher)
{
    sluice_hasher_update(hasher->hasher, hasher->buffer, hasher->used);
    hasher->used = 0;
}

static void put(KeyHasher *hasher, const char *text, gsize length)
{
    if (hasher->used + length > BUFFER_SIZE) {
        flush(hasher);
    }
    if (length > BUFFER_SIZE) {
        sluice_hasher_update(hasher->hasher, text, length);
        return;
    }
    memcpy(hasher->buffer + hasher->used, text, length);
    hasher->used += length;
}

static gboolean is_strict_dependency(const Element *element, guint index)
{
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if (element->dependencies[i].element->index == index) {
            return element->dependencies[i].strict;
        }
    }
    return FALSE;
}

/* Entries of what was walked from `first` on. */
static void put_members(KeyHasher *hasher, const Element *element, Entries entries, guint first)
{
    for (guint i = first; i < hasher->n_scope; i++) {
        const Member *member = &hasher->members[hasher->scope[i]];
        gboolean comma = hasher->separate;
        gboolean with_key =
            entries == ENTRIES_KEYS || (entries == ENTRIES_MIXED && is_strict_dependency(element, hasher->scope[i]));
        hasher->separate = TRUE;
        if (with_key) {
            hasher->complete &= member->length > 0;
            put(hasher, member->text + !comma, (member->length > 0 ? member->length : 1) - !comma);
        } else {
            put(hasher, member->text + !comma, member->name_length - !comma);
            put(hasher, "]", 1);
        }
    }
}

/* What the entries of an element's key say. */
static Entries entries_of(const KeyHasher *hasher, const Element *element)
{
    if (hasher->strength != KEY_WEAK || (element->flags & KIND_STRICT_REBUILD) != 0) {
        return ENTRIES_KEYS;
    }
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if (element->dependencies[i].strict) {
            return ENTRIES_MIXED;
        }
    }
    return ENTRIES_NAMES;
}

/* ---- Beginnings ---- */

static void fill_prefix(KeyHasher *hasher, Prefix *prefix)
{
    flush(hasher);
    prefix->filled = TRUE;
    prefix->count = hasher->n_scope;
    prefix->members = g_renew(guint32, prefix->members, prefix->count);
    memcpy(prefix->members, hasher->scope, prefix->count * sizeof *prefix->members);
    if (prefix->hasher == NULL) {
        prefix->hasher = sluice_hasher_new();
    }
    sluice_hasher_copy(prefix->hasher, hasher->hasher);
}

static void start_from_prefix(KeyHasher *hasher, const Prefix *prefix)
{
    for (guint i = 0; i < prefix->count; i++) {
        hasher->seen[prefix->members[i]] = hasher->stamp;
    }
    sluice_hasher_copy(hasher->hasher, prefix->hasher);
    hasher->separate = TRUE;
}

/* The text up to and with the entries of the first build dependency's scope. */
static void start_with(KeyHasher *hasher, const Element *element, Entries entries, guint32 first)
{
    Prefix *prefix = &hasher->prefixes[first % PREFIXES];
    gboolean usual = entries == (hasher->strength == KEY_WEAK ? ENTRIES_NAMES : ENTRIES_KEYS);
    gboolean again = usual && prefix->element == first + 1;
    if (again && prefix->filled) {
        start_from_prefix(hasher, prefix);
        return;
    }
    put(hasher, KEY_HEAD, strlen(KEY_HEAD));
    walk(hasher, first);
    put_members(hasher, element, entries, 0);
    if (again && hasher->complete) {
        fill_prefix(hasher, prefix);
    } else if (usual && !again) {
        prefix->element = first + 1;
        prefix->filled = FALSE;
    }
}

/* ---- The key ---- */

static void put_scope(KeyHasher *hasher, const Element *element)
{
    Entries entries = entries_of(hasher, element);
    gboolean started = FALSE;
    hasher->n_scope = 0;
    hasher->stamp++;
    hasher->complete = TRUE;
    hasher->separate = FALSE;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        if ((dependency->types & DEP_BUILD) == 0) {
            continue;
        }
        if (!started) {
            start_with(hasher, element, entries, dependency->element->index);
            started = TRUE;
        } else {
            guint before = hasher->n_scope;
            walk(hasher, dependency->element->index);
            put_members(hasher, element, entries, before);
        }
    }
    if (!started) {
        put(hasher, KEY_HEAD, strlen(KEY_HEAD));
    }
}

void key_hasher_compute(KeyHasher *hasher, const Element *element, const char *tail, gsize length, char out[65])
{
    SluiceDigest digest;
    put_scope(hasher, element);
    put(hasher, "]", 1);
    put(hasher, tail, length);
    if (hasher->strength != KEY_WEAK) {
        static const char before[] = ",\"weak-cache-key\":\"";
        put(hasher, before, sizeof before - 1);
        put(hasher, element->weak_key, strlen(element->weak_key));
        put(hasher, "\"", 1);
    }
    put(hasher, "}", 1);
    flush(hasher);
    sluice_hasher_finish(hasher->hasher, &digest);
    if (hasher->complete) {
        sluice_digest_hex(&digest, out);
    } else {
        out[0] = '\0';
    }
}
