#include "launcher-private.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST_BYTES = SLUICE_HASH_BYTES + 8 };
enum { MANIFEST_VARIANT = 1 };
enum { VARIANT_ACTION = 1, VARIANT_MADE_IN = 2, VARIANT_FOLDER = 3 };
enum { FOLDER_PATH = 1, FOLDER_REAL = 2, FOLDER_DIRECTORY = 3, FOLDER_ABSENT = 4, FOLDER_ENTRY = 5 };
enum { ENTRY_NAME = 1, ENTRY_DIGEST = 2, ENTRY_DIRECTORY = 3, ENTRY_LINKED = 4 };

static void put_digest(GByteArray *out, uint32_t number, const SluiceDigest *digest)
{
    uint8_t bytes[DIGEST_BYTES];
    memcpy(bytes, digest->hash, SLUICE_HASH_BYTES);
    for (unsigned i = 0; i < 8; i++)
        bytes[SLUICE_HASH_BYTES + i] = (uint8_t)((uint64_t)digest->size >> (56 - 8 * i));
    sluice_wire_put_bytes(out, number, bytes, sizeof bytes);
}

static gboolean get_digest(const SluiceWireField *field, SluiceDigest *out)
{
    uint64_t size = 0;
    if (field->type != SLUICE_WIRE_BYTES || field->length != DIGEST_BYTES)
        return FALSE;
    memcpy(out->hash, field->data, SLUICE_HASH_BYTES);
    for (unsigned i = 0; i < 8; i++)
        size = size << 8 | field->data[SLUICE_HASH_BYTES + i];
    out->size = (int64_t)size;
    return out->size >= 0;
}

/* ---- Writing ------------------------------------------------------------------------------------------------------------------------- */

/* The length of the folder's part of a path: "" for what is right here, "/" for what is in the root. */
static gsize folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : slash == path ? 1 : (gsize)(slash - path);
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int compare_inputs(const void *a, const void *b)
{
    const char *left = ((const ManifestInput *)a)->path, *right = ((const ManifestInput *)b)->path;
    gsize left_length = folder_length(left), right_length = folder_length(right);
    int order = memcmp(left, right, MIN(left_length, right_length));
    if (order == 0)
        order = (left_length > right_length) - (left_length < right_length);
    return order != 0 ? order : strcmp(name_of(left), name_of(right));
}

static void put_entry(GByteArray *out, const ManifestInput *input)
{
    g_autoptr(GByteArray) entry = g_byte_array_new();
    sluice_wire_put_string(entry, ENTRY_NAME, name_of(input->path));
    if (input->file.kind == SLUICE_STAGED_FILE)
        put_digest(entry, ENTRY_DIGEST, &input->file.digest);
    else if (input->file.kind == SLUICE_STAGED_DIRECTORY)
        sluice_wire_put_varint(entry, ENTRY_DIRECTORY, 1);
    if (input->file.linked)
        sluice_wire_put_varint(entry, ENTRY_LINKED, 1);
    sluice_wire_put_bytes(out, FOLDER_ENTRY, entry->data, entry->len);
}

static gboolean is_plain(const SluiceStagedFolder *folder)
{
    return !folder->absent && !folder->mounted && !folder->in_upper && folder->has_lower;
}

/* What a link leads to is not covered by the digest of the folder that the link is in. */
static gboolean any_linked(const ManifestInput *inputs, gsize count)
{
    for (gsize i = 0; i < count; i++) {
        if (inputs[i].file.linked)
            return TRUE;
    }
    return FALSE;
}

/* With a mark for the build folder, which may be NULL. */
static void put_path(GByteArray *out, uint32_t number, const char *path, const char *build_folder)
{
    g_autofree char *marked =
        build_folder != NULL ? launcher_move_path(path, build_folder, LAUNCHER_FOLDER_MARK) : g_strdup(path);
    sluice_wire_put_string(out, number, marked);
}

static gboolean put_folder(GByteArray *out, SluiceLook *look, const char *build_folder, const ManifestInput *inputs,
                           gsize count)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree char *path = g_strndup(inputs[0].path, folder_length(inputs[0].path));
    const SluiceStagedFolder *folder = sluice_look_find_folder(look, *path != '\0' ? path : ".");
    if (folder == NULL || (build_folder != NULL && g_str_has_prefix(path, LAUNCHER_FOLDER_MARK)))
        return FALSE;
    gboolean plain = is_plain(folder);
    gboolean whole = plain && !any_linked(inputs, count);
    gboolean known = whole && folder->has_environment && sluice_digest_equal(&folder->lower, &folder->environment);
    g_autofree char *real = g_strconcat("/", folder->path, NULL);
    put_path(bytes, FOLDER_PATH, path, build_folder);
    put_path(bytes, FOLDER_REAL, real, build_folder);
    if (whole)
        put_digest(bytes, FOLDER_DIRECTORY, &folder->lower);
    if (folder->absent)
        sluice_wire_put_varint(bytes, FOLDER_ABSENT, 1);
    for (gsize i = 0; i < count && !folder->absent && !known; i++)
        put_entry(bytes, &inputs[i]);
    sluice_wire_put_bytes(out, VARIANT_FOLDER, bytes->data, bytes->len);
    return TRUE;
}

static gboolean put_variant(GByteArray *out, const ManifestVariant *described, const ManifestInput *inputs, gsize count,
                            SluiceLook *look)
{
    g_autoptr(GByteArray) variant = g_byte_array_new();
    put_digest(variant, VARIANT_ACTION, &described->action);
    if (described->made_in != NULL)
        sluice_wire_put_string(variant, VARIANT_MADE_IN, described->made_in);
    for (gsize start = 0, end = 0; start < count; start = end) {
        gsize length = folder_length(inputs[start].path);
        for (end = start + 1; end < count; end++) {
            if (folder_length(inputs[end].path) != length || memcmp(inputs[start].path, inputs[end].path, length) != 0)
                break;
        }
        if (!put_folder(variant, look, described->made_in, inputs + start, end - start))
            return FALSE;
    }
    sluice_wire_put_bytes(out, MANIFEST_VARIANT, variant->data, variant->len);
    return variant->len <= SLUICE_LIMIT_VARIANT;
}

static gboolean variant_action(const SluiceWireField *variant, SluiceDigest *out)
{
    SluiceWireReader reader;
    SluiceWireField field;
    sluice_wire_reader_init(&reader, variant->data, variant->length);
    return sluice_wire_next(&reader, &field, NULL) && field.number == VARIANT_ACTION && get_digest(&field, out);
}

static void copy_variants(GByteArray *out, GBytes *old, const SluiceDigest *without)
{
    gsize length = 0;
    const void *data = g_bytes_get_data(old, &length);
    SluiceWireReader reader;
    SluiceWireField field;
    unsigned count = 1;
    sluice_wire_reader_init(&reader, data, length);
    while (count < SLUICE_LIMIT_VARIANTS && sluice_wire_next(&reader, &field, NULL)) {
        SluiceDigest action;
        if (field.number != MANIFEST_VARIANT || field.type != SLUICE_WIRE_BYTES || !variant_action(&field, &action) ||
            sluice_digest_equal(&action, without) || out->len + field.length > SLUICE_LIMIT_MANIFEST)
            continue;
        sluice_wire_put_bytes(out, MANIFEST_VARIANT, field.data, field.length);
        count++;
    }
}

GBytes *launcher_manifest_add(GBytes *old, const ManifestVariant *variant, ManifestInput *inputs, gsize count,
                              SluiceLook *look)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    qsort(inputs, count, sizeof *inputs, compare_inputs);
    if (!put_variant(out, variant, inputs, count, look))
        return NULL;
    if (old != NULL)
        copy_variants(out, old, &variant->action);
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

/* ---- Asking ----------------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *name;
    gsize length;
    gboolean has_digest, directory, linked;
    SluiceDigest digest;
} Entry;

static gboolean decode_entry(const SluiceWireField *bytes, Entry *out)
{
    SluiceWireReader reader;
    SluiceWireField field;
    GError *problem = NULL;
    gboolean good = TRUE;
    *out = (Entry){.name = NULL};
    sluice_wire_reader_init(&reader, bytes->data, bytes->length);
    while (good && sluice_wire_next(&reader, &field, &problem)) {
        if (field.number == ENTRY_NAME && field.type == SLUICE_WIRE_BYTES) {
            out->name = field.data;
            out->length = field.length;
        } else if (field.number == ENTRY_DIGEST) {
            good = out->has_digest = get_digest(&field, &out->digest);
        } else if (field.number == ENTRY_DIRECTORY) {
            out->directory = field.value != 0;
        } else if (field.number == ENTRY_LINKED) {
            out->linked = field.value != 0;
        }
    }
    good = good && problem == NULL && out->name != NULL && memchr(out->name, '\0', out->length) == NULL;
    g_clear_error(&problem);
    return good;
}

static gboolean entry_holds(const SluiceWireField *bytes, SluiceLook *look, const SluiceStagedFolder *folder)
{
    Entry entry;
    SluiceStagedFile file;
    char name[NAME_MAX + 1];
    if (!decode_entry(bytes, &entry) || entry.length >= sizeof name)
        return FALSE;
    memcpy(name, entry.name, entry.length);
    name[entry.length] = '\0';
    sluice_look_into(look, folder, name, entry.has_digest, &file);
    if (file.linked != entry.linked)
        return FALSE; /* compilers call some headers by the name of where they are */
    if (entry.has_digest)
        return file.kind == SLUICE_STAGED_FILE && file.digested && sluice_digest_equal(&file.digest, &entry.digest);
    return file.kind == (entry.directory ? SLUICE_STAGED_DIRECTORY : SLUICE_STAGED_MISSING);
}

typedef struct {
    SluiceLook *look;
    const char *build_folder; /* what marks stand for, or NULL */
    const SluiceStagedFolder *folder;
    gboolean real, absent, whole, entries;
} FolderCheck;

/* NULL: it is none. */
static char *path_here(const FolderCheck *check, const SluiceWireField *field)
{
    if (field->type != SLUICE_WIRE_BYTES || memchr(field->data, '\0', field->length) != NULL)
        return NULL;
    g_autofree char *path = g_strndup((const char *)field->data, field->length);
    return check->build_folder != NULL ? launcher_move_path(path, LAUNCHER_FOLDER_MARK, check->build_folder)
                                       : g_steal_pointer(&path);
}

/* The parts of a folder come in the order of their numbers: what is known when an entry comes decides about it. */
static gboolean folder_part_holds(FolderCheck *check, const SluiceWireField *field)
{
    SluiceDigest digest;
    g_autofree char *path = NULL;
    switch (field->number) {
    case FOLDER_PATH:
        path = path_here(check, field);
        check->folder = path != NULL ? sluice_look_find_folder(check->look, *path != '\0' ? path : ".") : NULL;
        return check->folder != NULL;
    case FOLDER_REAL:
        path = path_here(check, field);
        check->real =
            check->folder != NULL && path != NULL && *path == '/' && g_str_equal(path + 1, check->folder->path);
        return check->real;
    case FOLDER_DIRECTORY:
        check->whole = check->folder != NULL && get_digest(field, &digest) && is_plain(check->folder) &&
                       sluice_digest_equal(&digest, &check->folder->lower);
        return TRUE;
    case FOLDER_ABSENT:
        check->absent = TRUE;
        return check->folder != NULL && check->folder->absent;
    case FOLDER_ENTRY:
        check->entries = TRUE;
        return check->whole || (check->folder != NULL && field->type == SLUICE_WIRE_BYTES &&
                                entry_holds(field, check->look, check->folder));
    default:
        return FALSE;
    }
}

static gboolean folder_holds(const SluiceWireField *folder, SluiceLook *look, const char *build_folder)
{
    SluiceWireReader reader;
    SluiceWireField field;
    GError *problem = NULL;
    FolderCheck check = {.look = look, .build_folder = build_folder};
    gboolean holds = TRUE;
    sluice_wire_reader_init(&reader, folder->data, folder->length);
    while (holds && sluice_wire_next(&reader, &field, &problem))
        holds = folder_part_holds(&check, &field);
    holds = holds && problem == NULL && check.real && (check.whole || check.absent || check.entries);
    g_clear_error(&problem);
    return holds;
}

/* What comes before the folders. */
static gboolean variant_part_is_good(const SluiceWireField *field, ManifestVariant *variant)
{
    switch (field->number) {
    case VARIANT_ACTION:
        return get_digest(field, &variant->action);
    case VARIANT_MADE_IN:
        if (field->type != SLUICE_WIRE_BYTES || memchr(field->data, '\0', field->length) != NULL)
            return FALSE;
        g_free(variant->made_in);
        variant->made_in = g_strndup((const char *)field->data, field->length);
        return launcher_is_roaming_folder(variant->made_in);
    default:
        return FALSE;
    }
}

static gboolean variant_holds(const SluiceWireField *bytes, SluiceLook *look, const char *folder, ManifestVariant *out)
{
    SluiceWireReader reader;
    SluiceWireField field;
    GError *problem = NULL;
    gboolean holds = variant_action(bytes, &out->action), started = FALSE;
    sluice_wire_reader_init(&reader, bytes->data, bytes->length);
    while (holds && sluice_wire_next(&reader, &field, &problem)) {
        started = started || field.number == VARIANT_FOLDER;
        holds = started ? field.number == VARIANT_FOLDER && field.type == SLUICE_WIRE_BYTES &&
                              (out->made_in != NULL) == (folder != NULL) && folder_holds(&field, look, folder)
                        : variant_part_is_good(&field, out);
    }
    holds = holds && problem == NULL && (out->made_in != NULL) == (folder != NULL);
    g_clear_error(&problem);
    return holds;
}

void launcher_variant_clear(ManifestVariant *variant)
{
    g_clear_pointer(&variant->made_in, g_free);
}

gboolean launcher_manifest_find(GBytes *manifest, SluiceLook *look, const char *folder, ManifestVariant *found)
{
    gsize length = 0;
    const void *data = g_bytes_get_data(manifest, &length);
    SluiceWireReader reader;
    SluiceWireField field;
    sluice_wire_reader_init(&reader, data, length);
    for (unsigned count = 0; count < SLUICE_LIMIT_VARIANTS && sluice_wire_next(&reader, &field, NULL); count++) {
        if (field.number == MANIFEST_VARIANT && field.type == SLUICE_WIRE_BYTES &&
            variant_holds(&field, look, folder, found))
            return TRUE;
        launcher_variant_clear(found);
    }
    return FALSE;
}
