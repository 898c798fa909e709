/* difference.c - see difference.h */
#include "difference.h"

/* What is at one path. */
typedef struct {
    SluiceEntryType type;
    gboolean executable;
    SluiceDigest digest; /* FILE */
    char *target;        /* SYMLINK */
} Made;

struct SluiceOutputs {
    GHashTable *made; /* char *path → Made * */
    int exit_code;
    SluiceDigest standard_output, standard_error;
    /* What reading it took, over all its output directories: a result of a few MB can name the same large one many times. */
    unsigned visited;
    gsize path_bytes;
    int64_t tree_bytes;
};

static void made_free(gpointer data)
{
    g_free(((Made *)data)->target);
    g_free(data);
}

static gboolean add(SluiceOutputs *outputs, char *path, const Made *made, GError **error)
{
    outputs->path_bytes += strlen(path);
    g_hash_table_replace(outputs->made, path, g_memdup2(made, sizeof *made));
    if (g_hash_table_size(outputs->made) <= SLUICE_LIMIT_COMPARED && outputs->path_bytes <= SLUICE_LIMIT_COMPARED_PATHS)
        return TRUE;
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "it has too many outputs to compare them");
    return FALSE;
}

/* ---- Directories ------------------------------------------------------------------------------------------------------------------ */

/* Directories come from a Tree, where there is one, or from the store. */
typedef struct {
    SluiceStore *store;
    SluiceOutputs *outputs;
    GBytes *tree;
    GHashTable *children; /* SluiceDigest → SluiceSpan *, in `tree` */
    GQueue pending;       /* Place * */
} Walk;

typedef struct {
    char *path;
    SluiceDigest digest;
} Place;

static void place_free(gpointer data)
{
    g_free(((Place *)data)->path);
    g_free(data);
}

static void walk_clear(Walk *walk)
{
    g_clear_pointer(&walk->tree, g_bytes_unref);
    g_hash_table_unref(walk->children);
    g_queue_clear_full(&walk->pending, place_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Walk, walk_clear)

static void enter(Walk *walk, char *path, const SluiceDigest *digest)
{
    Place *place = g_new(Place, 1);
    *place = (Place){path, *digest};
    g_queue_push_tail(&walk->pending, place);
}

/* All Directories of the Tree by their digests; gives that of its root. */
static gboolean open_tree(Walk *walk, const SluiceDigest *digest, SluiceDigest *root, GError **error)
{
    enum { TREE_ROOT = 1, TREE_CHILDREN = 2 };
    SluiceWireReader reader;
    SluiceWireField field;
    GError *problem = NULL;
    gsize length = 0;
    *root = sluice_digest_empty;
    if (digest->size > SLUICE_LIMIT_TREE || (walk->outputs->tree_bytes += digest->size) > SLUICE_LIMIT_TREE) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE,
                            "its trees are too large to compare them");
        return FALSE;
    }
    walk->tree = sluice_store_read(walk->store, digest, error);
    if (walk->tree == NULL)
        return FALSE;
    const void *data = g_bytes_get_data(walk->tree, &length);
    sluice_wire_reader_init(&reader, length > 0 ? data : "", length);
    while (sluice_wire_next(&reader, &field, &problem)) {
        if ((field.number != TREE_ROOT && field.number != TREE_CHILDREN) || field.type != SLUICE_WIRE_BYTES)
            continue;
        SluiceDigest own;
        const SluiceSpan span = {field.data, field.length};
        sluice_digest_of(field.data, field.length, &own);
        if (field.number == TREE_ROOT)
            *root = own;
        g_hash_table_insert(walk->children, g_memdup2(&own, sizeof own), g_memdup2(&span, sizeof span));
    }
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, problem);
    return FALSE;
}

static SluiceDirectory *read_directory(Walk *walk, const SluiceDigest *digest, GError **error)
{
    const SluiceSpan *span = g_hash_table_lookup(walk->children, digest);
    if (span != NULL)
        return sluice_directory_decode(span->length > 0 ? span->data : (const uint8_t *)"", span->length, error);
    return sluice_directory_read(walk->store, digest, error);
}

static gboolean visit(Walk *walk, const Place *place, GError **error)
{
    gsize count = 0;
    if (++walk->outputs->visited > SLUICE_LIMIT_TREE_DIRECTORIES) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE,
                            "it has too many directories to compare them");
        return FALSE;
    }
    g_autoptr(SluiceDirectory) directory = read_directory(walk, &place->digest, error);
    if (directory == NULL)
        return FALSE;
    const SluiceEntry *entries = sluice_directory_get_entries(directory, &count);
    for (gsize i = 0; i < count; i++) {
        const SluiceEntry *entry = &entries[i];
        char *path = *place->path != '\0' ? g_strconcat(place->path, "/", entry->name, NULL) : g_strdup(entry->name);
        Made made = {.type = entry->type, .executable = entry->executable, .target = g_strdup(entry->target)};
        if (entry->type == SLUICE_ENTRY_FILE)
            made.digest = entry->digest;
        if (entry->type == SLUICE_ENTRY_DIRECTORY)
            enter(walk, g_strdup(path), &entry->digest);
        if (!add(walk->outputs, path, &made, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean read_output_directory(SluiceStore *store, SluiceOutputs *outputs, SluiceSpan bytes, GError **error)
{
    SluiceOutputDirectory directory;
    const Made made = {.type = SLUICE_ENTRY_DIRECTORY};
    g_auto(Walk) walk = {.store = store, .outputs = outputs};
    walk.children = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, g_free);
    if (!sluice_output_directory_decode(bytes, &directory, error))
        return FALSE;
    SluiceDigest root = directory.root.value;
    if (!directory.root.present && !open_tree(&walk, &directory.tree.value, &root, error))
        return FALSE;
    enter(&walk, sluice_span_dup(directory.path), &root);
    if (!add(outputs, sluice_span_dup(directory.path), &made, error))
        return FALSE;
    Place *place;
    gboolean ok = TRUE;
    while (ok && (place = g_queue_pop_head(&walk.pending)) != NULL) {
        ok = visit(&walk, place, error);
        place_free(place);
    }
    return ok;
}

/* ---- Reading -------------------------------------------------------------------------------------------------------------------- */

static const SluiceFieldSpec executable_fields[] = {{4, SLUICE_FIELD_INTEGER, 0}};

static gboolean read_file(SluiceStore *store, SluiceOutputs *outputs, SluiceSpan bytes, GError **error)
{
    SluiceOutputFile file;
    int64_t executable = 0;
    if (!sluice_output_file_decode(bytes, &file, error) ||
        !sluice_fields_decode(bytes.data, bytes.length, executable_fields, G_N_ELEMENTS(executable_fields), &executable,
                              error))
        return FALSE;
    const Made made = {.type = SLUICE_ENTRY_FILE, .executable = executable != 0, .digest = file.digest.value};
    return add(outputs, sluice_span_dup(file.path), &made, error);
}

static gboolean read_symlink(SluiceStore *store, SluiceOutputs *outputs, SluiceSpan bytes, GError **error)
{
    SluiceOutputSymlink symlink;
    if (!sluice_output_symlink_decode(bytes, &symlink, error))
        return FALSE;
    const Made made = {.type = SLUICE_ENTRY_SYMLINK, .target = sluice_span_dup(symlink.target)};
    return add(outputs, sluice_span_dup(symlink.path), &made, error);
}

typedef gboolean (*ReadFunc)(SluiceStore *store, SluiceOutputs *outputs, SluiceSpan bytes, GError **error);

static gboolean read_each(SluiceStore *store, SluiceOutputs *outputs, const GArray *spans, ReadFunc read,
                          GError **error)
{
    for (guint i = 0; i < sluice_array_length(spans); i++)
        if (!read(store, outputs, g_array_index(spans, SluiceSpan, i), error))
            return FALSE;
    return TRUE;
}

static SluiceDigest stream_digest(const SluiceDigestField *digest, SluiceSpan raw)
{
    SluiceDigest own = digest->value;
    if (!digest->present)
        sluice_digest_of(raw.length > 0 ? raw.data : (const uint8_t *)"", raw.length, &own);
    return own;
}

SluiceOutputs *sluice_outputs_read(SluiceStore *store, GBytes *bytes, GError **error)
{
    g_auto(SluiceResult) result = {0};
    g_autoptr(SluiceOutputs) outputs = g_new0(SluiceOutputs, 1);
    outputs->made = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, made_free);
    if (!sluice_result_decode(bytes, &result, error) || !read_each(store, outputs, result.files, read_file, error) ||
        !read_each(store, outputs, result.directories, read_output_directory, error) ||
        !read_each(store, outputs, result.symlinks, read_symlink, error) ||
        !read_each(store, outputs, result.file_symlinks, read_symlink, error) ||
        !read_each(store, outputs, result.directory_symlinks, read_symlink, error))
        return NULL;
    outputs->exit_code = (int)result.exit_code;
    outputs->standard_output = stream_digest(&result.stdout_digest, result.stdout_raw);
    outputs->standard_error = stream_digest(&result.stderr_digest, result.stderr_raw);
    return g_steal_pointer(&outputs);
}

void sluice_outputs_free(SluiceOutputs *outputs)
{
    g_hash_table_unref(outputs->made);
    g_free(outputs);
}

int sluice_outputs_get_exit_code(const SluiceOutputs *outputs)
{
    return outputs->exit_code;
}

/* ---- Comparing ------------------------------------------------------------------------------------------------------------------ */

static gboolean is_same(const Made *cached, const Made *own)
{
    if (cached == NULL || own == NULL)
        return cached == own;
    return cached->type == own->type && sluice_digest_equal(&cached->digest, &own->digest) &&
           g_strcmp0(cached->target, own->target) == 0 && (cached->executable || !own->executable);
}

/* Peers choose names; a reader wants a line. */
static char *shorten(const char *name)
{
    if (strlen(name) <= SLUICE_LIMIT_TOLD_PATH)
        return g_strdup(name);
    g_autofree char *start = g_strndup(name, SLUICE_LIMIT_TOLD_PATH);
    g_autofree char *valid = g_utf8_make_valid(start, -1);
    return g_strconcat(valid, "…", NULL);
}

static char *describe(const Made *made)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    if (made == NULL)
        return g_strdup("nothing");
    if (made->type == SLUICE_ENTRY_SYMLINK)
        return g_strdup_printf("a link to %s", made->target);
    if (made->type == SLUICE_ENTRY_DIRECTORY)
        return g_strdup("a directory");
    return g_strdup_printf("%sfile %s", made->executable ? "executable " : "",
                           sluice_digest_string(&made->digest, text));
}

static void note(GPtrArray *lines, const char *path, const char *cached, const char *own)
{
    if (lines->len < SLUICE_LIMIT_DIFFERENCES) {
        g_autofree char *name = shorten(path), *was = shorten(cached), *is = shorten(own);
        g_ptr_array_add(lines, g_strdup_printf("%s: cached %s, executed %s", name, was, is));
    } else if (lines->len == SLUICE_LIMIT_DIFFERENCES)
        g_ptr_array_add(lines, g_strdup("and more"));
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void compare_paths(const SluiceOutputs *cached, const SluiceOutputs *own, const SluiceOutputs *again,
                          SluiceDifferences *out)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, cached->made);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(paths, key);
    g_hash_table_iter_init(&iter, own->made);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (!g_hash_table_contains(cached->made, key))
            g_ptr_array_add(paths, key);
    g_ptr_array_sort(paths, by_name);
    for (guint i = 0; i < paths->len; i++) {
        const Made *first = g_hash_table_lookup(cached->made, paths->pdata[i]);
        const Made *second = g_hash_table_lookup(own->made, paths->pdata[i]);
        if (is_same(first, second))
            continue;
        g_autofree char *was = describe(first), *is = describe(second);
        note(out->outputs, paths->pdata[i], was, is);
        out->stable =
            out->stable || (again != NULL && is_same(second, g_hash_table_lookup(again->made, paths->pdata[i])));
    }
}

static void compare_streams(const char *name, const SluiceDigest *cached, const SluiceDigest *own,
                            SluiceDifferences *out)
{
    char was[SLUICE_DIGEST_STRING_MAX], is[SLUICE_DIGEST_STRING_MAX];
    if (!sluice_digest_equal(cached, own))
        note(out->messages, name, sluice_digest_string(cached, was), sluice_digest_string(own, is));
}

void sluice_outputs_compare(const SluiceOutputs *cached, const SluiceOutputs *own, const SluiceOutputs *again,
                            SluiceDifferences *out)
{
    *out = (SluiceDifferences){g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free), FALSE};
    if (cached->exit_code != own->exit_code) {
        g_autofree char *was = g_strdup_printf("%d", cached->exit_code);
        g_autofree char *is = g_strdup_printf("%d", own->exit_code);
        note(out->outputs, "exit code", was, is);
        out->stable = again != NULL && again->exit_code == own->exit_code;
    }
    compare_paths(cached, own, again, out);
    compare_streams("standard output", &cached->standard_output, &own->standard_output, out);
    compare_streams("standard error", &cached->standard_error, &own->standard_error, out);
}

void sluice_differences_clear(SluiceDifferences *differences)
{
    g_clear_pointer(&differences->outputs, g_ptr_array_unref);
    g_clear_pointer(&differences->messages, g_ptr_array_unref);
}

/* ---- One digest for all of it ----------------------------------------------------------------------------------------------------- */

gboolean sluice_result_digest_outputs(SluiceStore *store, GBytes *result, SluiceDigest *out)
{
    g_autoptr(SluiceOutputs) outputs = sluice_outputs_read(store, result, NULL);
    g_autoptr(SluiceHasher) hasher = sluice_hasher_new();
    if (outputs == NULL)
        return FALSE;
    g_autoptr(GList) paths = g_list_sort(g_hash_table_get_keys(outputs->made), (GCompareFunc)strcmp);
    for (GList *item = paths; item != NULL; item = item->next) {
        const Made *made = g_hash_table_lookup(outputs->made, item->data);
        Made plain = *made;
        plain.executable = FALSE;
        g_autofree char *text = describe(&plain);
        sluice_hasher_update(hasher, item->data, strlen(item->data) + 1);
        sluice_hasher_update(hasher, text, strlen(text) + 1);
    }
    sluice_hasher_finish(hasher, out);
    return TRUE;
}
