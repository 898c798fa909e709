/*
 * One Directory message: strict decoding, canonical encoding.
 *
 *   Directory     files 1 (FileNode), directories 2 (DirectoryNode), symlinks 3 (SymlinkNode), node_properties 5
 *   FileNode      name 1, digest 2, is_executable 4 (only if true), node_properties 6
 *   DirectoryNode name 1, digest 2
 *   SymlinkNode   name 1, target 2, node_properties 4
 *   NodeProperties  mtime 2 (Timestamp: seconds 1, nanos 2; only of files)
 *
 * Canonical: fields in the order of their numbers, each list sorted by the bytes of its names, no name twice, defaults left
 * out, shortest numbers.  Each node is checked by encoding it again, so two messages never decode to one meaning; the only
 * exception are empty node_properties, which are dropped.
 */
#include "cas-private.h"

#include <string.h>

struct SluiceDirectory {
    gsize count;
    gsize first[4]; /* where files, directories, symlinks begin, and the end */
    gsize memory;
    char *strings;
    SluiceEntry entries[];
};

enum { FIELD_FILES = 1, FIELD_DIRECTORIES = 2, FIELD_SYMLINKS = 3, FIELD_PROPERTIES = 5 };
enum { PROPERTIES_MTIME = 2, TIME_SECONDS = 1, TIME_NANOS = 2 };
#define NANOS       1000000000
#define SECONDS_MAX (INT64_MAX / NANOS - 1)
enum { NODE_NAME = 1, NODE_DIGEST = 2, NODE_TARGET = 2, FILE_EXECUTABLE = 4, FILE_PROPERTIES = 6, LINK_PROPERTIES = 4 };

static const uint32_t properties_field[] = {
    [SLUICE_ENTRY_FILE] = FILE_PROPERTIES, [SLUICE_ENTRY_DIRECTORY] = 0, [SLUICE_ENTRY_SYMLINK] = LINK_PROPERTIES};

/* ---- Names --------------------------------------------------------------------------------------------------------------- */

gboolean cas_check_name(const char *name, gsize length, GError **error)
{
    if (length == 0 || length > CAS_NAME_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a name of %" G_GSIZE_FORMAT " bytes (1 to %d are allowed)",
                         length, CAS_NAME_MAX);
    if (memchr(name, '/', length) != NULL || memchr(name, '\0', length) != NULL)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a name with a slash or a NUL byte in it");
    if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "\"%.*s\" is no name for an entry", (int)length, name);
    return TRUE;
}

static gboolean check_target(const char *target, gsize length, GError **error)
{
    if (length > 0 && length <= CAS_TARGET_MAX && memchr(target, '\0', length) == NULL)
        return TRUE;
    return cas_error(error, SLUICE_CAS_ERROR_INVALID,
                     "a symlink target must have 1 to %d bytes, none of them NUL; this has %" G_GSIZE_FORMAT,
                     CAS_TARGET_MAX, length);
}

/* ---- Encoding ------------------------------------------------------------------------------------------------------------- */

static void put_part(GByteArray *out, uint32_t number, const GByteArray *part)
{
    sluice_wire_put_bytes(out, number, part->data, part->len);
}

static void encode_mtime(int64_t mtime, GByteArray *out)
{
    g_autoptr(GByteArray) time = g_byte_array_new(), properties = g_byte_array_new();
    if (mtime >= NANOS)
        sluice_wire_put_varint(time, TIME_SECONDS, (uint64_t)(mtime / NANOS));
    if (mtime % NANOS != 0)
        sluice_wire_put_varint(time, TIME_NANOS, (uint64_t)(mtime % NANOS));
    put_part(properties, PROPERTIES_MTIME, time);
    put_part(out, FILE_PROPERTIES, properties);
}

static void encode_node(const SluiceEntry *entry, gsize name_length, gsize target_length, GByteArray *out)
{
    sluice_wire_put_bytes(out, NODE_NAME, entry->name, name_length);
    if (entry->type == SLUICE_ENTRY_SYMLINK)
        sluice_wire_put_bytes(out, NODE_TARGET, entry->target, target_length);
    else
        sluice_wire_put_digest(out, NODE_DIGEST, &entry->digest);
    if (entry->type == SLUICE_ENTRY_FILE && entry->executable)
        sluice_wire_put_varint(out, FILE_EXECUTABLE, 1);
    if (entry->type == SLUICE_ENTRY_FILE && entry->mtime > 0)
        encode_mtime(entry->mtime, out);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const SluiceEntry *const *)a)->name, (*(const SluiceEntry *const *)b)->name);
}

static gboolean check_entry(const SluiceEntry *entry, GError **error)
{
    if (!cas_check_name(entry->name, strlen(entry->name), error))
        return FALSE;
    const char *target = entry->target != NULL ? entry->target : "";
    return entry->type != SLUICE_ENTRY_SYMLINK || check_target(target, strlen(target), error);
}

GBytes *sluice_directory_encode(const SluiceEntry *entries, gsize count, GError **error)
{
    g_autofree const SluiceEntry **sorted = g_new(const SluiceEntry *, count + 1);
    for (gsize i = 0; i < count; i++) {
        sorted[i] = &entries[i];
        if (!check_entry(&entries[i], error))
            return NULL;
    }
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (gsize i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            cas_error(error, SLUICE_CAS_ERROR_INVALID, "the name \"%s\" appears twice in a directory", sorted[i]->name);
            return NULL;
        }
    }
    GByteArray *out = g_byte_array_sized_new((guint)MIN(count * 112, 1 << 24));
    g_autoptr(GByteArray) node = g_byte_array_new();
    for (int type = SLUICE_ENTRY_FILE; type <= SLUICE_ENTRY_SYMLINK; type++) {
        for (gsize i = 0; i < count; i++) {
            if ((int)sorted[i]->type != type)
                continue;
            g_byte_array_set_size(node, 0);
            encode_node(sorted[i], strlen(sorted[i]->name), sorted[i]->target ? strlen(sorted[i]->target) : 0, node);
            sluice_wire_put_bytes(out, FIELD_FILES + (uint32_t)type, node->data, node->len);
        }
    }
    return g_byte_array_free_to_bytes(out);
}

/* ---- Decoding --------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceDirectory *directory;
    char *string_end;
    GByteArray *scratch;
} Decoder;

static gboolean not_canonical(GError **error, const char *what)
{
    return cas_error(error, SLUICE_CAS_ERROR_INVALID, "not a canonical Directory: %s", what);
}

static gboolean wrap_wire_error(GError **error, GError *problem)
{
    cas_error(error, SLUICE_CAS_ERROR_INVALID, "not a canonical Directory: %s", problem->message);
    g_error_free(problem);
    return FALSE;
}

static const char *add_string(Decoder *decoder, const uint8_t *data, gsize length)
{
    char *out = decoder->string_end;
    g_assert(data != NULL);
    memcpy(out, data, length);
    out[length] = '\0';
    decoder->string_end += length + 1;
    return out;
}

/* The borrowed pieces of one node. */
typedef struct {
    SluiceWireField name, value;
    gboolean executable, properties;
    int64_t mtime;
} Node;

/* The first field of a message; what else there is shows when it is encoded again. */
static gboolean first_field(const SluiceWireField *message, uint32_t number, SluiceWireField *out)
{
    SluiceWireReader reader;
    sluice_wire_reader_init(&reader, message->data, message->length);
    return sluice_wire_next(&reader, out, NULL) && out->number == number && out->type == SLUICE_WIRE_BYTES;
}

/* 0: it is not the mtime of a file in the range that has nanoseconds. */
static int64_t read_mtime(const SluiceWireField *properties)
{
    SluiceWireField time, part;
    SluiceWireReader reader;
    uint64_t seconds = 0, nanos = 0;
    if (!first_field(properties, PROPERTIES_MTIME, &time))
        return 0;
    sluice_wire_reader_init(&reader, time.data, time.length);
    while (sluice_wire_next(&reader, &part, NULL)) {
        if (part.type != SLUICE_WIRE_VARINT)
            return 0;
        *(part.number == TIME_SECONDS ? &seconds : &nanos) = part.value;
    }
    return seconds <= SECONDS_MAX && nanos < NANOS ? (int64_t)seconds * NANOS + (int64_t)nanos : 0;
}

static gboolean take_node_field(SluiceEntryType type, const SluiceWireField *field, Node *node, GError **error)
{
    if (field->type == SLUICE_WIRE_BYTES && field->number == NODE_NAME) {
        node->name = *field;
    } else if (field->type == SLUICE_WIRE_BYTES && field->number == NODE_DIGEST) {
        node->value = *field;
    } else if (type == SLUICE_ENTRY_FILE && field->number == FILE_EXECUTABLE && field->type == SLUICE_WIRE_VARINT) {
        node->executable = field->value == 1;
    } else if (field->number == properties_field[type] && field->type == SLUICE_WIRE_BYTES) {
        node->mtime = type == SLUICE_ENTRY_FILE ? read_mtime(field) : 0;
        if (field->length != 0 && node->mtime == 0)
            return not_canonical(error, "node properties other than the mtime of a file are not supported");
        node->properties = field->length == 0;
    } else {
        return not_canonical(error, "a node has an unknown field");
    }
    return TRUE;
}

/* Encodes what was understood: it must be what was there. */
static gboolean node_is_canonical(Decoder *decoder, const SluiceEntry *entry, const Node *node,
                                  const SluiceWireField *field)
{
    static const uint8_t nothing = 0;
    GByteArray *scratch = decoder->scratch;
    g_byte_array_set_size(scratch, 0);
    encode_node(entry, node->name.length, node->value.length, scratch);
    if (node->properties)
        sluice_wire_put_bytes(scratch, properties_field[entry->type], &nothing, 0);
    return scratch->len == field->length && memcmp(scratch->data, field->data, scratch->len) == 0;
}

static gboolean decode_node(Decoder *decoder, SluiceEntryType type, const SluiceWireField *field, SluiceEntry *entry,
                            GError **error)
{
    Node node = {0};
    SluiceWireReader reader;
    SluiceWireField part;
    GError *problem = NULL;
    sluice_wire_reader_init(&reader, field->data, field->length);
    while (sluice_wire_next(&reader, &part, &problem))
        if (!take_node_field(type, &part, &node, error))
            return FALSE;
    if (problem != NULL)
        return wrap_wire_error(error, problem);
    if (!cas_check_name((const char *)node.name.data, node.name.length, error))
        return FALSE;
    *entry = (SluiceEntry){.type = type, .executable = node.executable, .mtime = node.mtime};
    entry->name = add_string(decoder, node.name.data, node.name.length);
    if (type == SLUICE_ENTRY_SYMLINK) {
        if (!check_target((const char *)node.value.data, node.value.length, error))
            return FALSE;
        entry->target = add_string(decoder, node.value.data, node.value.length);
    } else if (!sluice_wire_get_digest(node.value.data, node.value.length, &entry->digest, &problem)) {
        return wrap_wire_error(error, problem);
    }
    if (!node_is_canonical(decoder, entry, &node, field))
        return not_canonical(error, "a node is not encoded in the canonical way");
    return TRUE;
}

/* Counts the nodes, and checks the order of the fields of the message itself. */
static gboolean count_nodes(const void *data, gsize length, gsize counts[3], GError **error)
{
    SluiceWireReader reader;
    SluiceWireField field;
    GError *problem = NULL;
    uint32_t last = 0;
    const uint8_t *expected = data;
    sluice_wire_reader_init(&reader, data, length);
    while (sluice_wire_next(&reader, &field, &problem)) {
        if (field.type != SLUICE_WIRE_BYTES ||
            (field.number > FIELD_SYMLINKS && (field.number != FIELD_PROPERTIES || field.length > 0)))
            return not_canonical(error, "an unknown field, or node properties");
        gsize header = 1 + (field.length < 0x80         ? 1
                            : field.length < 0x4000     ? 2
                            : field.length < 0x200000   ? 3
                            : field.length < 0x10000000 ? 4
                                                        : 5);
        if (field.number < last || (field.number == FIELD_PROPERTIES && last == FIELD_PROPERTIES) ||
            field.data != expected + header)
            return not_canonical(error, "fields out of order, repeated, or with padded lengths");
        if (field.number <= FIELD_SYMLINKS)
            counts[field.number - FIELD_FILES]++;
        last = field.number;
        expected = field.end;
    }
    if (problem != NULL)
        return wrap_wire_error(error, problem);
    if (counts[0] + counts[1] + counts[2] > CAS_DIRECTORY_ENTRIES_MAX)
        return not_canonical(error, "too many entries");
    return TRUE;
}

const SluiceEntry **cas_directory_sorted(const SluiceDirectory *directory)
{
    const SluiceEntry **sorted = g_new(const SluiceEntry *, directory->count + 1);
    gsize next[3] = {directory->first[0], directory->first[1], directory->first[2]};
    for (gsize i = 0; i < directory->count; i++) {
        int best = -1;
        for (int type = 0; type < 3; type++)
            if (next[type] < directory->first[type + 1] &&
                (best < 0 || strcmp(directory->entries[next[type]].name, directory->entries[next[best]].name) < 0))
                best = type;
        g_assert(best >= 0);
        sorted[i] = &directory->entries[next[best]++];
    }
    return sorted;
}

static gboolean names_are_unique(const SluiceDirectory *directory)
{
    for (gsize i = 1; i < directory->count; i++)
        if (directory->entries[i - 1].type == directory->entries[i].type &&
            strcmp(directory->entries[i - 1].name, directory->entries[i].name) >= 0)
            return FALSE;
    g_autofree const SluiceEntry **sorted = cas_directory_sorted(directory);
    for (gsize i = 1; i < directory->count; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            return FALSE;
    return TRUE;
}

static SluiceDirectory *allocate(gsize length, const gsize counts[3])
{
    gsize count = counts[0] + counts[1] + counts[2];
    /* Each string has two bytes of tag and length in the message, more than its NUL here. */
    gsize memory = sizeof(SluiceDirectory) + count * sizeof(SluiceEntry) + length + 1;
    SluiceDirectory *directory = g_atomic_rc_box_alloc0(memory);
    directory->count = count;
    directory->memory = memory;
    directory->strings = (char *)&directory->entries[count];
    directory->first[1] = counts[0];
    directory->first[2] = counts[0] + counts[1];
    directory->first[3] = count;
    return directory;
}

static gboolean decode_nodes(Decoder *decoder, const void *data, gsize length, GError **error)
{
    SluiceWireReader reader;
    SluiceWireField field;
    SluiceEntry *entry = decoder->directory->entries;
    sluice_wire_reader_init(&reader, data, length);
    while (sluice_wire_next(&reader, &field, NULL))
        if (field.number <= FIELD_SYMLINKS &&
            !decode_node(decoder, (SluiceEntryType)(field.number - FIELD_FILES), &field, entry++, error))
            return FALSE;
    if (!names_are_unique(decoder->directory))
        return not_canonical(error, "names out of order, or a name twice");
    return TRUE;
}

SluiceDirectory *sluice_directory_decode(const void *data, gsize length, GError **error)
{
    gsize counts[3] = {0, 0, 0};
    if (length > CAS_DIRECTORY_BYTES_MAX) {
        not_canonical(error, "it is too large");
        return NULL;
    }
    if (!count_nodes(data, length, counts, error))
        return NULL;
    g_autoptr(SluiceDirectory) directory = allocate(length, counts);
    g_autoptr(GByteArray) scratch = g_byte_array_new();
    Decoder decoder = {.directory = directory, .string_end = directory->strings, .scratch = scratch};
    if (!decode_nodes(&decoder, data, length, error))
        return NULL;
    return g_steal_pointer(&directory);
}

/* ---- Use ------------------------------------------------------------------------------------------------------------------------- */

const SluiceEntry *sluice_directory_get_entries(const SluiceDirectory *directory, gsize *count)
{
    *count = directory->count;
    return directory->entries;
}

static int compare_key(gconstpointer name, gconstpointer entry)
{
    return strcmp(name, ((const SluiceEntry *)entry)->name);
}

const SluiceEntry *sluice_directory_find(const SluiceDirectory *directory, const char *name)
{
    for (int type = 0; type < 3; type++) {
        gsize first = directory->first[type], count = directory->first[type + 1] - first;
        const SluiceEntry *found =
            bsearch(name, directory->entries + first, count, sizeof *directory->entries, compare_key);
        if (found != NULL)
            return found;
    }
    return NULL;
}

SluiceDirectory *cas_directory_ref(SluiceDirectory *directory)
{
    return g_atomic_rc_box_acquire(directory);
}

gsize cas_directory_memory(const SluiceDirectory *directory)
{
    return directory->memory;
}

void sluice_directory_free(SluiceDirectory *directory)
{
    if (directory != NULL)
        g_atomic_rc_box_release(directory);
}
