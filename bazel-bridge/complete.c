/* Completeness: a result is given out only if everything that it names can be had, and does not contradict itself.  Nothing is remembered between calls: other
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

/* What is done only once for a result, however often it names the same. */
typedef struct {
    SluiceStore *store;
    GArray *wanted;     /* SluiceDigest: to be looked up */
    GHashTable *trees;  /* SluiceDigest → SluiceDigest: Trees that are sound, and the root of each */
    GHashTable *closed; /* SluiceDigest: Directories that were looked at */
} Check;

/* FALSE without error if one is absent; empties the array. */
static gboolean all_present(Check *check, GError **error)
{
    GArray *digests = check->wanted;
    g_autofree gboolean *missing = g_new0(gboolean, digests->len + 1);
    if (!sluice_store_find_missing(check->store, (const SluiceDigest *)(void *)digests->data, digests->len, missing,
                                   error))
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

/* ---- Trees ------------------------------------------------------------------------------------------------------------------------- */

/* A Directory of a Tree. */
enum { NAMED = 1, THERE = 2 };

/* FALSE: there are too many. */
static gboolean mark(GHashTable *directories, const SluiceDigest *digest, guint bit)
{
    guint marks = GPOINTER_TO_UINT(g_hash_table_lookup(directories, digest));
    if ((marks & bit) == 0)
        g_hash_table_replace(directories, g_memdup2(digest, sizeof *digest), GUINT_TO_POINTER(marks | bit));
    return g_hash_table_size(directories) <= SLUICE_LIMIT_TREE_DIRECTORIES;
}

static gboolean scan_directory(Check *check, GHashTable *directories, SluiceSpan span, SluiceDigest *digest,
                               GError **error)
{
    g_autoptr(GArray) children = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    if (!sluice_directory_scan(span, check->wanted, children, error))
        return FALSE;
    sluice_digest_of(span.data, span.length, digest);
    gboolean ok = mark(directories, digest, THERE);
    for (guint i = 0; ok && i < children->len; i++)
        ok = mark(directories, &g_array_index(children, SluiceDigest, i), NAMED);
    return ok && (check->wanted->len < LOOKUP_CHUNK || all_present(check, error));
}

static gboolean has_all(GHashTable *directories)
{
    GHashTableIter iter;
    gpointer digest, marks;
    g_hash_table_iter_init(&iter, directories);
    while (g_hash_table_iter_next(&iter, &digest, &marks))
        if (GPOINTER_TO_UINT(marks) == NAMED && !sluice_digest_equal(digest, &sluice_digest_empty))
            return FALSE;
    return TRUE;
}

/* Has one root, and every Directory that it names.  FALSE without error if not. */
static gboolean scan_tree(Check *check, GBytes *tree, SluiceDigest *root, GError **error)
{
    enum { TREE_ROOT = 1, TREE_CHILDREN = 2 };
    SluiceWireReader reader;
    SluiceWireField field;
    SluiceDigest digest;
    unsigned roots = 0;
    gsize length = 0;
    const void *data = g_bytes_get_data(tree, &length);
    g_autoptr(GHashTable) directories =
        g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    sluice_wire_reader_init(&reader, length > 0 ? data : "", length);
    GError *problem = NULL;
    while (sluice_wire_next(&reader, &field, &problem)) {
        if ((field.number != TREE_ROOT && field.number != TREE_CHILDREN) || field.type != SLUICE_WIRE_BYTES)
            continue;
        if (!scan_directory(check, directories, (SluiceSpan){field.data, field.length}, &digest, error))
            return FALSE;
        if (field.number == TREE_ROOT) {
            *root = digest;
            roots++;
        }
    }
    if (problem == NULL)
        return roots == 1 && has_all(directories);
    g_propagate_error(error, problem);
    return FALSE;
}

/* The root of a sound Tree; NULL without error if it is none. */
static const SluiceDigest *check_tree(Check *check, const SluiceDigest *digest, GError **error)
{
    GError *problem = NULL;
    SluiceDigest root;
    const SluiceDigest *known = g_hash_table_lookup(check->trees, digest);
    if (known != NULL || digest->size > SLUICE_LIMIT_TREE)
        return known;
    g_autoptr(GBytes) tree = sluice_store_read(check->store, digest, &problem);
    if (tree != NULL && scan_tree(check, tree, &root, &problem)) {
        SluiceDigest *kept = g_memdup2(&root, sizeof root);
        g_hash_table_insert(check->trees, g_memdup2(digest, sizeof *digest), kept);
        return kept;
    }
    if (problem != NULL)
        forgive(problem, error);
    return NULL;
}

/* ---- Directories ------------------------------------------------------------------------------------------------------------------- */

/* The directories below `root`, each once. */
static gboolean closure_is_complete(Check *check, const SluiceDigest *root, GError **error)
{
    GError *problem = NULL;
    gboolean ok = TRUE;
    g_autoptr(GArray) queue = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_array_append_vals(queue, root, 1);
    while (ok && queue->len > 0) {
        SluiceDigest digest = g_array_index(queue, SluiceDigest, queue->len - 1);
        g_array_set_size(queue, queue->len - 1);
        if (!g_hash_table_add(check->closed, g_memdup2(&digest, sizeof digest)))
            continue;
        if (g_hash_table_size(check->closed) > SLUICE_LIMIT_TREE_DIRECTORIES || digest.size > SLUICE_LIMIT_MESSAGE)
            return FALSE;
        g_autoptr(GBytes) bytes = sluice_store_read(check->store, &digest, &problem);
        SluiceSpan span = {0};
        if (bytes != NULL)
            span.data = g_bytes_get_data(bytes, &span.length);
        ok = bytes != NULL && sluice_directory_scan(span, check->wanted, queue, &problem) &&
             (check->wanted->len < LOOKUP_CHUNK || all_present(check, &problem));
    }
    return ok || (problem != NULL && forgive(problem, error));
}

/* Where a Tree and a root are named, readers of either must find the same. */
static gboolean directory_is_complete(Check *check, SluiceSpan bytes, GError **error)
{
    SluiceOutputDirectory directory;
    GError *problem = NULL;
    if (!sluice_output_directory_decode(bytes, &directory, &problem))
        return forgive(problem, error);
    if (!directory.tree.present && !directory.root.present)
        return FALSE;
    if (directory.tree.present) {
        const SluiceDigest *root = check_tree(check, &directory.tree.value, error);
        if (root == NULL || (directory.root.present && !sluice_digest_equal(root, &directory.root.value)))
            return FALSE;
    }
    return !directory.root.present || closure_is_complete(check, &directory.root.value, error);
}

/* ---- Results ------------------------------------------------------------------------------------------------------------------------ */

static gboolean is_complete(Check *check, const SluiceResult *result, GError **error)
{
    GError *problem = NULL;
    GArray *wanted = check->wanted;
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
        if (!directory_is_complete(check, g_array_index(result->directories, SluiceSpan, i), error))
            return FALSE;
    return all_present(check, error);
}

gboolean sluice_result_is_complete(SluiceStore *store, const SluiceResult *result, GError **error)
{
    g_autoptr(GArray) wanted = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GHashTable) trees = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, g_free);
    g_autoptr(GHashTable) closed = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    Check check = {store, wanted, trees, closed};
    return is_complete(&check, result, error);
}
