/* From the tree that a command left to its ActionResult: only what was declared. */
#include "execution.h"

enum {
    RESULT_FILES = 2,
    RESULT_DIRECTORIES = 3,
    RESULT_EXIT_CODE = 4,
    RESULT_STDOUT = 6,
    RESULT_STDERR = 8,
    RESULT_METADATA = 9,
    RESULT_FILE_SYMLINKS = 10,
    RESULT_DIRECTORY_SYMLINKS = 11,
    RESULT_SYMLINKS = 12,
    OUTPUT_PATH = 1,
    FILE_DIGEST = 2,
    FILE_EXECUTABLE = 4,
    DIRECTORY_TREE = 3,
    DIRECTORY_SORTED = 4,
    DIRECTORY_ROOT = 5,
    SYMLINK_TARGET = 2,
    TREE_ROOT = 1,
    TREE_CHILDREN = 2,
    METADATA_WORKER = 1,
    METADATA_QUEUED = 2,
    METADATA_WORKER_START = 3,
    METADATA_WORKER_END = 4,
    METADATA_FETCH_START = 5,
    METADATA_FETCH_END = 6,
    METADATA_EXECUTION_START = 7,
    METADATA_EXECUTION_END = 8,
    METADATA_UPLOAD_START = 9,
    METADATA_UPLOAD_END = 10,
    METADATA_DURATION = 12,
    TIMESTAMP_SECONDS = 1,
    TIMESTAMP_NANOS = 2
};

/* ---- Directories ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceStore *store;
    GHashTable *known; /* SluiceDigest: directories that are in the tree, or will be */
    GQueue pending;    /* SluiceDigest *, owned by `known` */
    GByteArray *tree;
} TreeWriter;

static void add_directory(TreeWriter *writer, const SluiceDigest *digest)
{
    if (g_hash_table_contains(writer->known, digest))
        return;
    SluiceDigest *copy = g_memdup2(digest, sizeof *digest);
    g_hash_table_add(writer->known, copy);
    g_queue_push_tail(&writer->pending, copy);
}

/* Parents stand before their children, each directory once. */
static gboolean write_directories(TreeWriter *writer, GError **error)
{
    uint32_t field = TREE_ROOT;
    const SluiceDigest *digest;
    while ((digest = g_queue_pop_head(&writer->pending)) != NULL) {
        g_autoptr(GBytes) bytes = sluice_store_read(writer->store, digest, error);
        if (bytes == NULL)
            return FALSE;
        gsize length = 0;
        const void *data = g_bytes_get_data(bytes, &length);
        if (writer->tree->len + length > SLUICE_LIMIT_TREE) {
            g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "an output directory is too large");
            return FALSE;
        }
        sluice_wire_put_bytes(writer->tree, field, data, length);
        field = TREE_CHILDREN;
        g_autoptr(GArray) children = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
        if (!sluice_directory_scan((SluiceSpan){data, length}, NULL, children, error))
            return FALSE;
        for (guint i = 0; i < children->len; i++)
            add_directory(writer, &g_array_index(children, SluiceDigest, i));
    }
    return TRUE;
}

static gboolean store_tree(SluiceStore *store, const SluiceDigest *root, SluiceDigest *out, GError **error)
{
    TreeWriter writer = {.store = store, .tree = g_byte_array_new()};
    writer.known = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    add_directory(&writer, root);
    gboolean ok = write_directories(&writer, error) &&
                  sluice_store_put(store, writer.tree->data, writer.tree->len, NULL, out, error);
    g_queue_clear(&writer.pending);
    g_hash_table_unref(writer.known);
    g_byte_array_unref(writer.tree);
    return ok;
}

/* ---- Outputs -------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceStore *store;
    const SluiceAction *action;
    SluiceTree *tree;
    GByteArray *result;
} Collector;

static void put_message(GByteArray *out, uint32_t number, const GByteArray *message)
{
    sluice_wire_put_bytes(out, number, message->data, message->len);
}

static void put_file(Collector *collector, const char *path, const SluiceEntry *entry)
{
    g_autoptr(GByteArray) file = g_byte_array_new();
    sluice_wire_put_string(file, OUTPUT_PATH, path);
    sluice_wire_put_digest(file, FILE_DIGEST, &entry->digest);
    if (entry->executable)
        sluice_wire_put_varint(file, FILE_EXECUTABLE, TRUE);
    put_message(collector->result, RESULT_FILES, file);
}

static gboolean put_directory(Collector *collector, const char *path, const SluiceEntry *entry, GError **error)
{
    SluiceDigest tree, root = entry->digest; /* storing may move the entry's memory */
    g_autoptr(GByteArray) directory = g_byte_array_new();
    sluice_wire_put_string(directory, OUTPUT_PATH, path);
    if (!collector->action->directories_only) {
        if (!store_tree(collector->store, &root, &tree, error))
            return FALSE;
        sluice_wire_put_digest(directory, DIRECTORY_TREE, &tree);
        sluice_wire_put_varint(directory, DIRECTORY_SORTED, TRUE);
    }
    sluice_wire_put_digest(directory, DIRECTORY_ROOT, &root);
    put_message(collector->result, RESULT_DIRECTORIES, directory);
    return TRUE;
}

/* In the field that clients read now, and in the one that those read which name outputs by their kind. */
static void put_symlink(Collector *collector, guint index, const char *path, const SluiceEntry *entry)
{
    const SluiceAction *action = collector->action;
    g_autoptr(GByteArray) symlink = g_byte_array_new();
    sluice_wire_put_string(symlink, OUTPUT_PATH, path);
    sluice_wire_put_string(symlink, SYMLINK_TARGET, entry->target);
    if (action->outputs_by_kind)
        put_message(collector->result, index < action->n_files ? RESULT_FILE_SYMLINKS : RESULT_DIRECTORY_SYMLINKS,
                    symlink);
    else
        put_message(collector->result, RESULT_SYMLINKS, symlink);
}

/* An output that is not there is no error: the client sees what it lacks. */
static gboolean collect_output(Collector *collector, guint index, GError **error)
{
    const char *path = collector->action->outputs->pdata[index];
    g_autofree char *full = g_build_path("/", "/", collector->action->working_directory, path, NULL);
    SluiceEntry entry;
    GError *problem = NULL;
    if (!sluice_tree_lookup(collector->tree, full, &entry, &problem)) {
        gboolean absent = g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
        if (absent)
            g_error_free(problem);
        else
            g_propagate_error(error, problem);
        return absent;
    }
    switch (entry.type) {
    case SLUICE_ENTRY_FILE:
        put_file(collector, path, &entry);
        return TRUE;
    case SLUICE_ENTRY_DIRECTORY:
        return put_directory(collector, path, &entry, error);
    case SLUICE_ENTRY_SYMLINK:
        put_symlink(collector, index, path, &entry);
        return TRUE;
    }
    g_assert_not_reached();
}

/* A Timestamp, or a Duration. */
static void put_time(GByteArray *out, uint32_t number, int64_t time_us)
{
    enum { NANOS_IN_US = 1000 };
    g_autoptr(GByteArray) timestamp = g_byte_array_new();
    if (time_us / G_USEC_PER_SEC != 0)
        sluice_wire_put_varint(timestamp, TIMESTAMP_SECONDS, (uint64_t)(time_us / G_USEC_PER_SEC));
    if (time_us % G_USEC_PER_SEC != 0)
        sluice_wire_put_varint(timestamp, TIMESTAMP_NANOS, (uint64_t)(time_us % G_USEC_PER_SEC * NANOS_IN_US));
    put_message(out, number, timestamp);
}

static void put_metadata(GByteArray *result, const SluiceExecutionOutcome *outcome, const SluiceExecutionTimes *times)
{
    int64_t now = g_get_real_time();
    const struct {
        uint32_t number;
        int64_t time;
    } fields[] = {
        {METADATA_QUEUED, times->queued},
        {METADATA_WORKER_START, times->started},
        {METADATA_WORKER_END, now},
        {METADATA_FETCH_START, times->started},
        {METADATA_FETCH_END, outcome->started},
        {METADATA_EXECUTION_START, outcome->started},
        {METADATA_EXECUTION_END, outcome->ended},
        {METADATA_UPLOAD_START, outcome->ended},
        {METADATA_UPLOAD_END, now},
        {METADATA_DURATION, outcome->ended - outcome->started},
    };
    g_autoptr(GByteArray) metadata = g_byte_array_new();
    sluice_wire_put_string(metadata, METADATA_WORKER, g_get_host_name());
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        put_time(metadata, fields[i].number, fields[i].time);
    put_message(result, RESULT_METADATA, metadata);
}

static void put_outcome(GByteArray *result, const SluiceExecutionOutcome *outcome)
{
    if (outcome->exit_code != 0)
        sluice_wire_put_varint(result, RESULT_EXIT_CODE, (uint64_t)(int64_t)outcome->exit_code);
    if (outcome->standard_output.size > 0)
        sluice_wire_put_digest(result, RESULT_STDOUT, &outcome->standard_output);
    if (outcome->standard_error.size > 0)
        sluice_wire_put_digest(result, RESULT_STDERR, &outcome->standard_error);
}

static gboolean collect(SluiceStore *store, const SluiceAction *action, const SluiceDigest *root, GByteArray *result,
                        GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(store, root, error);
    if (tree == NULL)
        return FALSE;
    Collector collector = {store, action, tree, result};
    for (guint i = 0; action->outputs->pdata[i] != NULL; i++)
        if (!collect_output(&collector, i, error))
            return FALSE;
    return TRUE;
}

GBytes *sluice_outputs_collect(SluiceStore *store, const SluiceAction *action, const SluiceExecutionOutcome *outcome,
                               const SluiceExecutionTimes *times, GError **error)
{
    g_autoptr(GByteArray) result = g_byte_array_new();
    if (outcome->stopped == NULL && !collect(store, action, &outcome->root, result, error))
        return NULL;
    put_outcome(result, outcome);
    put_metadata(result, outcome, times);
    return g_byte_array_free_to_bytes(g_steal_pointer(&result));
}
