/*
 * Refs.  Key: space, NUL, name; a name that is too long for a key is cut, and NUL and its SHA-256 follow.  Record:
 *
 *   uint32 used, name length, value length, number of trees, number of blobs; name; value; digests (40 bytes each)
 */
#include "cas-private.h"

#include <string.h>

#define SPACE_MAX      64
#define NAME_IN_KEY    400
#define KEY_MAX        (SPACE_MAX + 1 + NAME_IN_KEY + 1 + SLUICE_HASH_BYTES)
#define RECORD_NUMBERS 5

typedef struct {
    uint8_t bytes[KEY_MAX];
    gsize length;
} Key;

static gboolean make_key(const char *space, const char *name, Key *key, GError **error)
{
    gsize space_length = strlen(space), name_length = strlen(name);
    if (space_length == 0 || space_length > SPACE_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID,
                         "a ref's namespace must have 1 to %d bytes, not %" G_GSIZE_FORMAT, SPACE_MAX, space_length);
    if (name_length == 0 || name_length > CAS_REF_NAME_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a ref's name must have 1 to %d bytes, not %" G_GSIZE_FORMAT,
                         CAS_REF_NAME_MAX, name_length);
    memcpy(key->bytes, space, space_length + 1);
    gsize in_key = MIN(name_length, NAME_IN_KEY);
    memcpy(key->bytes + space_length + 1, name, in_key);
    key->length = space_length + 1 + in_key;
    if (in_key < name_length) {
        SluiceDigest digest;
        sluice_digest_of(name, name_length, &digest);
        key->bytes[key->length++] = '\0';
        memcpy(key->bytes + key->length, digest.hash, SLUICE_HASH_BYTES);
        key->length += SLUICE_HASH_BYTES;
    }
    return TRUE;
}

gboolean cas_ref_parse(const MDB_val *key, const MDB_val *value, CasRefView *out)
{
    uint32_t numbers[RECORD_NUMBERS];
    const uint8_t *data = value->mv_data;
    const char *end = memchr(key->mv_data, '\0', key->mv_size);
    if (end == NULL || value->mv_size < sizeof numbers)
        return FALSE;
    memcpy(numbers, data, sizeof numbers);
    uint64_t length =
        sizeof numbers + (uint64_t)numbers[1] + numbers[2] + ((uint64_t)numbers[3] + numbers[4]) * CAS_PACKED_DIGEST;
    if (length != value->mv_size)
        return FALSE;
    out->used = numbers[0];
    out->space = key->mv_data;
    out->space_length = (gsize)(end - out->space);
    out->name = (const char *)data + sizeof numbers;
    out->name_length = numbers[1];
    out->value = data + sizeof numbers + numbers[1];
    out->value_length = numbers[2];
    out->n_trees = numbers[3];
    out->n_blobs = numbers[4];
    out->digests = out->value + numbers[2];
    return TRUE;
}

static gboolean no_ref(const char *space, const char *name, GError **error)
{
    return cas_error(error, SLUICE_CAS_ERROR_NOT_FOUND, "there is no %s named \"%s\"", space, name);
}

static void append_digests(GByteArray *record, const SluiceDigest *digests, gsize count)
{
    for (gsize i = 0; i < count; i++) {
        uint8_t packed[CAS_PACKED_DIGEST];
        cas_pack_digest(&digests[i], packed);
        g_byte_array_append(record, packed, sizeof packed);
    }
}

static GByteArray *make_record(const char *name, const SluiceRef *ref, GError **error)
{
    gsize length = 0;
    const void *value = ref->value != NULL ? g_bytes_get_data(ref->value, &length) : NULL;
    if (length > CAS_REF_VALUE_MAX) {
        cas_error(error, SLUICE_CAS_ERROR_INVALID, "ref \"%s\": a value of %" G_GSIZE_FORMAT " bytes (at most %d)",
                  name, length, CAS_REF_VALUE_MAX);
        return NULL;
    }
    if (ref->n_trees > CAS_REF_DIGESTS_MAX || ref->n_blobs > CAS_REF_DIGESTS_MAX) {
        cas_error(error, SLUICE_CAS_ERROR_INVALID, "ref \"%s\" has too many digests", name);
        return NULL;
    }
    const uint32_t numbers[RECORD_NUMBERS] = {cas_now(), (uint32_t)strlen(name), (uint32_t)length,
                                              (uint32_t)ref->n_trees, (uint32_t)ref->n_blobs};
    GByteArray *record = g_byte_array_new();
    g_byte_array_append(record, (const uint8_t *)numbers, sizeof numbers);
    g_byte_array_append(record, (const uint8_t *)name, (guint)strlen(name));
    if (length > 0)
        g_byte_array_append(record, value, (guint)length);
    append_digests(record, ref->trees, ref->n_trees);
    append_digests(record, ref->blobs, ref->n_blobs);
    return record;
}

gboolean sluice_store_set_ref(SluiceStore *store, const char *space, const char *name, const SluiceRef *ref,
                              GError **error)
{
    Key key = {0};
    g_auto(CasTxn) txn = {0};
    if (!make_key(space, name, &key, error))
        return FALSE;
    g_autoptr(GByteArray) record = make_record(name, ref, error);
    return record != NULL && cas_txn_write(store->index, &txn, error) &&
           cas_replace_record(&txn, CAS_DB_REFS, key.bytes, key.length, record, error) &&
           cas_bump_generation(&txn, error) && cas_txn_commit(&txn, error);
}

GBytes *sluice_store_get_ref(SluiceStore *store, const char *space, const char *name, GError **error)
{
    Key key = {0};
    CasTxn txn;
    MDB_val value;
    CasRefView view = {0};
    GBytes *bytes = NULL;
    if (!make_key(space, name, &key, error) || !cas_txn_read(store->index, &txn, error))
        return NULL;
    const MDB_val key_value = {.mv_size = key.length, .mv_data = key.bytes};
    int code = cas_get(&txn, CAS_DB_REFS, key.bytes, key.length, &value);
    if (code == 0 && cas_ref_parse(&key_value, &value, &view))
        bytes = g_bytes_new(view.value, view.value_length);
    cas_txn_end(&txn);
    if (bytes != NULL) {
        cas_touch(store->index, CAS_DB_REFS, key.bytes, key.length, view.used);
        cas_touch_flush_if_due(store->index);
    } else if (code == 0) {
        cas_error(error, SLUICE_CAS_ERROR_IO, "%s \"%s\": its record is damaged", space, name);
    } else if (code == MDB_NOTFOUND) {
        no_ref(space, name, error);
    } else {
        cas_error_mdb(store->index, error, code, "cannot read a ref");
    }
    return bytes;
}

gboolean sluice_store_delete_ref(SluiceStore *store, const char *space, const char *name, GError **error)
{
    Key key = {0};
    g_auto(CasTxn) txn = {0};
    if (!make_key(space, name, &key, error) || !cas_txn_write(store->index, &txn, error))
        return FALSE;
    int code = cas_remove_record(&txn, CAS_DB_REFS, key.bytes, key.length);
    if (code == MDB_NOTFOUND)
        return no_ref(space, name, error);
    if (code != 0)
        return cas_error_mdb(store->index, error, code, "cannot delete a ref");
    return cas_txn_commit(&txn, error);
}

static int compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean has_prefix(const void *data, gsize length, const void *prefix, gsize prefix_length)
{
    return length >= prefix_length && memcmp(data, prefix, prefix_length) == 0;
}

GPtrArray *sluice_store_list_refs(SluiceStore *store, const char *space, const char *prefix, GError **error)
{
    g_auto(CasTxn) txn = {0};
    MDB_cursor *cursor = NULL;
    MDB_val value;
    CasRefView view;
    gsize wanted = strlen(prefix), space_length = strlen(space) + 1;
    g_autoptr(GByteArray) start = g_byte_array_new();
    g_byte_array_append(start, (const uint8_t *)space, (guint)space_length);
    g_byte_array_append(start, (const uint8_t *)prefix, (guint)MIN(wanted, NAME_IN_KEY));
    MDB_val key = {.mv_size = start->len, .mv_data = start->data};
    if (space_length > SPACE_MAX + 1) {
        cas_error(error, SLUICE_CAS_ERROR_INVALID, "a ref's namespace must have 1 to %d bytes", SPACE_MAX);
        return NULL;
    }
    if (!cas_txn_read(store->index, &txn, error))
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    int code = mdb_cursor_open(txn.mdb, store->index->db[CAS_DB_REFS], &cursor);
    for (code = code == 0 ? mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE) : code;
         code == 0 && has_prefix(key.mv_data, key.mv_size, start->data, start->len);
         code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        if (cas_ref_parse(&key, &value, &view) && has_prefix(view.name, view.name_length, prefix, wanted))
            g_ptr_array_add(names, g_strndup(view.name, view.name_length));
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    g_ptr_array_sort(names, compare_strings);
    return names;
}
