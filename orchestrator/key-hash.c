/*
 * key-hash.c - see key-private.h.
 *
 * The text of a key lists the whole build scope, so it is the walks and the entries that cost.  The graph is kept as numbers, the entries as text that is ready to be
 * copied, and both keys of an element are made from one walk.  And most scopes start alike, with what the first build dependency (a toolchain, mostly) needs: the
 * hash up to there is kept for those that are used again.
 */
#include "cas.h"
#include "key-private.h"

#include <string.h>

#define BUFFER_SIZE ((gsize)16 << 10)
/* Beginnings that are kept: one for each value of an index modulo this. */
#define PREFIXES   256u
#define FIRST_ROOM 1024u
#define KEY_LENGTH 64u

typedef struct {
    const char *text;            /* ,["project","element","strict key"] */
    guint32 name_length, length; /* up to and with the element's name; of all, 0 without a key */
    guint32 first_edge, end_edge;
    const Element *element;
} Member;

typedef enum { ENTRIES_NAMES, ENTRIES_KEYS, ENTRIES_MIXED } Entries;

/* The text of one key on its way into the hash. */
typedef struct {
    gboolean weak;
    Entries entries, usual;
    SluiceHasher *hasher;
    gboolean complete; /* no key was missing so far */
    gboolean separate; /* a comma comes before the next entry */
    gsize used;
    char buffer[BUFFER_SIZE];
} Stream;

/* Of both keys, the weak one first: the other has it at its end. */
#define STREAMS 2u

/* The entries that one element and its runtime dependencies make, and the hash up to there. */
typedef struct {
    guint element;    /* index + 1 of the latest that started a scope; 0: none */
    guint32 *members; /* NULL: it started one only */
    guint count;
    gboolean filled[STREAMS];
    SluiceHasher *hashers[STREAMS];
} Prefix;

struct KeyHasher {
    Stream streams[STREAMS];
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
    guint n_first; /* of those, how many the first build dependency brought */
    Prefix prefixes[PREFIXES];
};

KeyHasher *key_hasher_new(void)
{
    KeyHasher *hasher = g_new0(KeyHasher, 1);
    for (guint i = 0; i < STREAMS; i++) {
        hasher->streams[i].weak = i == 0;
        hasher->streams[i].usual = i == 0 ? ENTRIES_NAMES : ENTRIES_KEYS;
        hasher->streams[i].hasher = sluice_hasher_new();
    }
    hasher->arena = arena_new();
    hasher->scratch = g_string_new(NULL);
    hasher->edges = g_array_new(FALSE, FALSE, sizeof(guint32));
    return hasher;
}

void key_hasher_free(KeyHasher *hasher)
{
    for (guint i = 0; i < PREFIXES; i++) {
        g_free(hasher->prefixes[i].members);
        for (guint j = 0; j < STREAMS; j++) {
            sluice_hasher_free(hasher->prefixes[i].hashers[j]);
        }
    }
    for (guint i = 0; i < STREAMS; i++) {
        sluice_hasher_free(hasher->streams[i].hasher);
    }
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
    GString *text = hasher->scratch;
    g_string_assign(text, ",");
    key_write_name(element, text);
    member->element = element;
    member->name_length = (guint32)text->len;
    member->length = 0;
    if (element->strict_key[0] != '\0') {
        json_put(text, ",\"", 2);
        json_put(text, element->strict_key, KEY_LENGTH);
        json_put(text, "\"]", 2);
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

static void flush(Stream *stream)
{
    sluice_hasher_update(stream->hasher, stream->buffer, stream->used);
    stream->used = 0;
}

static void put(Stream *stream, const char *text, gsize length)
{
    if (stream->used + length > BUFFER_SIZE) {
        flush(stream);
    }
    if (length > BUFFER_SIZE) {
        sluice_hasher_update(stream->hasher, text, length);
        return;
    }
    memcpy(stream->buffer + stream->used, text, length);
    stream->used += length;
}

static void put_with_key(Stream *stream, const Member *member)
{
    gsize skipped = stream->separate ? 0 : 1;
    if (!stream->weak) {
        stream->complete &= member->length > 0;
        put(stream, member->text + skipped, (member->length > 0 ? member->length : 1) - skipped);
        return;
    }
    stream->complete &= member->element->weak_key[0] != '\0';
    put(stream, member->text + skipped, member->name_length - skipped);
    put(stream, ",\"", 2);
    put(stream, member->element->weak_key, KEY_LENGTH);
    put(stream, "\"]", 2);
}

/* Entries of what was walked, from `first` to before `end`. */
static void put_members(const KeyHasher *hasher, Stream *stream, const Element *element, guint first, guint end)
{
    for (guint i = first; i < end; i++) {
        const Member *member = &hasher->members[hasher->scope[i]];
        if (stream->entries == ENTRIES_KEYS ||
            (stream->entries == ENTRIES_MIXED && key_depends_strictly(element, member->element))) {
            put_with_key(stream, member);
        } else {
            gsize skipped = stream->separate ? 0 : 1;
            put(stream, member->text + skipped, member->name_length - skipped);
            put(stream, "]", 1);
        }
        stream->separate = TRUE;
    }
}

/* What the entries of an element's key say. */
static Entries entries_of(const Stream *stream, const Element *element)
{
    if (!stream->weak || (element->flags & KIND_STRICT_REBUILD) != 0) {
        return ENTRIES_KEYS;
    }
    return key_has_strict_dependency(element) ? ENTRIES_MIXED : ENTRIES_NAMES;
}

/* ---- Scopes of elements, and their beginnings ---- */

/* Walks what the first build dependency brings, or remembers it. */
static Prefix *walk_first(KeyHasher *hasher, guint32 first)
{
    Prefix *prefix = &hasher->prefixes[first % PREFIXES];
    gboolean again = prefix->element == first + 1;
    if (again && prefix->members != NULL) {
        hasher->n_scope = prefix->count;
        memcpy(hasher->scope, prefix->members, prefix->count * sizeof *prefix->members);
        for (guint i = 0; i < prefix->count; i++) {
            hasher->seen[prefix->members[i]] = hasher->stamp;
        }
        return prefix;
    }
    walk(hasher, first);
    if (again) {
        prefix->count = hasher->n_scope;
        prefix->members = g_memdup2(hasher->scope, prefix->count * sizeof *prefix->members);
        return prefix;
    }
    prefix->element = first + 1;
    g_clear_pointer(&prefix->members, g_free);
    memset(prefix->filled, 0, sizeof prefix->filled);
    return NULL;
}

/* The elements of the scope.  NULL unless what the first build dependency brings was walked before. */
static Prefix *walk_all(KeyHasher *hasher, const Element *element)
{
    Prefix *prefix = NULL;
    hasher->n_scope = hasher->n_first = 0;
    hasher->stamp++;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        if ((dependency->types & DEP_BUILD) == 0) {
            continue;
        }
        if (hasher->n_first == 0) {
            prefix = walk_first(hasher, dependency->element->index);
            hasher->n_first = hasher->n_scope;
        } else {
            walk(hasher, dependency->element->index);
        }
    }
    return prefix;
}

static void fill_prefix(Stream *stream, SluiceHasher **hasher)
{
    flush(stream);
    if (*hasher == NULL) {
        *hasher = sluice_hasher_new();
    }
    sluice_hasher_copy(*hasher, stream->hasher);
}

/* The text up to and with the entries of what the first build dependency brings. */
static void start(const KeyHasher *hasher, Stream *stream, const Element *element, Prefix *prefix)
{
    guint number = stream->weak ? 0 : 1;
    stream->entries = entries_of(stream, element);
    gboolean usual = prefix != NULL && stream->entries == stream->usual;
    stream->complete = TRUE;
    if (usual && prefix->filled[number]) {
        sluice_hasher_copy(stream->hasher, prefix->hashers[number]);
        stream->separate = TRUE;
        return;
    }
    stream->separate = FALSE;
    put(stream, KEY_HEAD, strlen(KEY_HEAD));
    put_members(hasher, stream, element, 0, hasher->n_first);
    if (usual && stream->complete) {
        fill_prefix(stream, &prefix->hashers[number]);
        prefix->filled[number] = TRUE;
    }
}

/* ---- The keys ---- */

/* FALSE if the key of a dependency is missing. */
static gboolean compute(const KeyHasher *hasher, Stream *stream, const Element *element, Prefix *prefix,
                        const char *tail, gsize length, char out[65])
{
    SluiceDigest digest;
    start(hasher, stream, element, prefix);
    put_members(hasher, stream, element, hasher->n_first, hasher->n_scope);
    put(stream, "]", 1);
    put(stream, tail, length);
    if (!stream->weak) {
        static const char before[] = ",\"weak-cache-key\":\"";
        put(stream, before, sizeof before - 1);
        put(stream, element->weak_key, KEY_LENGTH);
        put(stream, "\"", 1);
    }
    put(stream, "}", 1);
    flush(stream);
    sluice_hasher_finish(stream->hasher, &digest);
    if (stream->complete) {
        sluice_digest_hex(&digest, out);
    }
    return stream->complete;
}

void key_hasher_compute(KeyHasher *hasher, Element *element, const char *tail, gsize length)
{
    Prefix *prefix = walk_all(hasher, element);
    if (compute(hasher, &hasher->streams[0], element, prefix, tail, length, element->weak_key) &&
        compute(hasher, &hasher->streams[1], element, prefix, tail, length, element->strict_key)) {
        memcpy(element->strong_key, element->strict_key, sizeof element->strong_key);
    }
}
