/* Completeness: a result is given out only if everything that it names can be had.  Nothing is remembered between calls: other
 * processes evict from the same store, and a lookup costs less than a microsecond. */
#include "bridge-private.h"

/* Looked up at once, so that a large Tree needs no large arrays. */
enum { LOOKUP_CHUNK = 4096 };

typedef struct {
    SluiceSpan name;
    SluiceDigestField digest;
} Node;

typedef struct {
    GArray *files, *directories, *symlinks;
} DirectoryFields;

static const SluiceFieldSpec node_fields[] = {{2, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Node, digest)}};
static const SluiceFieldSpec directory_fields[] = {
    {1, SLUICE_FIELD_SPANS, G_STRUCT_OFFSET(DirectoryFields, files)},
    {2, SLUICE_FIELD_SPANS, G_STRUCT_OFFSET(DirectoryFields, directories)},
};

static gboolean collect(const GArray *nodes, GArray *digests, GError **error)
{
    for (guint i = 0; digests != NULL && i < sluice_array_length(nodes); i++) {
        SluiceSpan span = g_array_index(nodes, SluiceSpan, i);
        Node node = {0};
        if (!sluice_fields_decode(span.data, span.length, node_fields, G_N_ELEMENTS(node_fields), &node, error))
            return FALSE;
        if (!node.digest.present) {
            g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE,
                                "a directory's entry has no digest");
            return FALSE;
        }
        g_array_append_val(digests, node.digest.value);
    }
    return TRUE;
}

gboolean sluice_directory_scan(SluiceSpan bytes, GArray *files, GArray *directories, GError **error)
{
    DirectoryFields fields = {0};
    gboolean ok = sluice_fields_decode(bytes.data, bytes.length, directory_fields, G_N_ELEMENTS(directory_fields),
                                       &fields, error) &&
                  collect(fields.files, files, error) && collect(fields.directories, directories, error);
    sluice_fields_clear(directory_fields, G_N_ELEMENTS(directory_fields), &fields);
    return ok;
}

/* FALSE without error if one is absent; empties the array. */
static gboolean all_present(SluiceStore *store, GArray *digests, GError **error)
{
    g_autofree gboolean *missing = g_new0(gboolean, digests->len + 1);
    if (!sluice_store_find_missing(store, (const SluiceDigest *)(void *)digests->data, digests->len, missing, error))
        return FALSE;
    for (guint i = 0; i < digests->len; i++)
        if (missing[i])
            return FALSE;
    g_array_set_size(digests, 0);
    return TRUE;
}

/* Expected outcomes are answers, not errors. */
static gboolean forgive(GError *problem, GError **error)
{
    if (problem->domain == SLUICE_PROTO_ERROR || g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND))
        g_error_free(problem);
    else
        g_propagate_error(error, problem);
    return FALSE;
}

static gboolean scan_tree(SluiceStore *store, GBytes *tree, GArray *wanted, GError **error)
{
    enum { TREE_ROOT = 1, TREE_CHILDREN = 2 };
    SluiceWireReader reader;
    SluiceWireField field;
    gsize length = 0;
    const void *data = g_bytes_get_data(tree, &length);
    sluice_wire_reader_init(&reader, length > 0 ? data : "", length);
    GError *problem = NULL;
    while (sluice_wire_next(&reader, &field, &problem)) {
        if ((field.number != TREE_ROOT && field.number != TREE_CHILDREN) || field.type != SLUICE_WIRE_BYTES)
            continue;
        if (!sluice_directory_scan((SluiceSpan){field.data, field.length}, wanted, NULL, error))
            return FALSE;
        if (wanted->len >= LOOKUP_CHUNK && !all_present(store, wanted, error))
            return FALSE;
    }
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, problem);
    return FALSE;
}

static gboolean tree_is_complete(SluiceStore *store, const SluiceDigest *digest, GArray *wanted, GError **error)
{
    GError *problem = NULL;
    if (digest->size > SLUICE_LIMIT_TREE)
        return FALSE;
    g_autoptr(GBytes) tree = sluice_store_read(store, digest, &problem);
    if (tree != NULL && scan_tree(store, tree, wanted, &problem))
        return TRUE;
    return problem != NULL && forgive(problem, error);
}

/* The directories below `root`, each once. */
static gboolean closure_is_complete(SluiceStore *store, const SluiceDigest *root, GArray *wanted, GError **error)
{
    GError *problem = NULL;
    gboolean ok = TRUE;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    g_autoptr(GArray) queue = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_array_append_vals(queue, root, 1);
    while (ok && queue->len > 0) {
        SluiceDigest digest = g_array_index(queue, SluiceDigest, queue->len - 1);
        g_array_set_size(queue, queue->len - 1);
        if (!g_hash_table_add(seen, g_memdup2(&digest, sizeof digest)))
            continue;
        if (g_hash_table_size(seen) > SLUICE_LIMIT_TREE_DIRECTORIES || digest.size > SLUICE_LIMIT_MESSAGE)
            return FALSE;
        g_autoptr(GBytes) bytes = sluice_store_read(store, &digest, &problem);
        SluiceSpan span = {0};
        if (bytes != NULL)
            span.data = g_bytes_get_data(bytes, &span.length);
        ok = bytes != NULL && sluice_directory_scan(span, wanted, queue, &problem) &&
             (wanted->len < LOOKUP_CHUNK || all_present(store, wanted, &problem));
    }
    return ok || (problem != NULL && forgive(problem, error));
}

static gboolean directory_is_complete(SluiceStore *store, SluiceSpan bytes, GArray *wanted, GError **error)
{
    SluiceOutputDirectory directory;
    GError *problem = NULL;
    if (!sluice_output_directory_decode(bytes, &directory, &problem))
        return forgive(problem, error);
    if (!directory.tree.present && !directory.root.present)
        return FALSE;
    if (directory.tree.present && !tree_is_complete(store, &directory.tree.value, wanted, error))
        return FALSE;
    return !directory.root.present || closure_is_complete(store, &directory.root.value, wanted, error);
}

gboolean sluice_result_is_complete(SluiceStore *store, const SluiceResult *result, GError **error)
{
    GError *problem = NULL;
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    if (result->stdout_digest.present)
        g_array_append_val(wanted, result->stdout_digest.value);
    if (result->stderr_digest.present)
        g_array_append_val(wanted, result->stderr_digest.value);
    for (guint i = 0; i < sluice_array_length(result->files); i++) {
        SluiceOutputFile file;
        if (!sluice_output_file_decode(g_array_index(result->files, SluiceSpan, i), &file, &problem))
            return forgive(problem, error);
        if (!file.digest.present)
            return FALSE;
        g_array_append_val(wanted, file.digest.value);
    }
    for (guint i = 0; i < sluice_array_length(result->directories); i++)
        if (!directory_is_complete(store, g_array_index(result->directories, SluiceSpan, i), wanted, error))
            return FALSE;
    return all_present(store, wanted, error);
}
