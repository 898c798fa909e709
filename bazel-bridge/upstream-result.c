/* Results from the cluster: looked up, fetched with all that they name, and only then kept. */
#include "upstream.h"

enum { GET_INSTANCE = 1, GET_ACTION = 2, TREE_ROOT = 1, TREE_CHILDREN = 2, DEEPEST_TREE = 1024 };

/* ---- What a result names ------------------------------------------------------------------------------------------------------------ */

/* What a result names twice is looked into once. */
typedef struct {
    SluiceStore *store;
    GArray *out;
    GHashTable *trees, *directories; /* SluiceDigest */
} Collector;

static Collector collector_new(SluiceStore *store, GArray *out)
{
    return (Collector){store, out, g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL),
                       g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL)};
}

static void collector_clear(Collector *collector)
{
    g_hash_table_unref(collector->trees);
    g_hash_table_unref(collector->directories);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Collector, collector_clear)

/* NULL without error: it is not there (yet). */
static GBytes *read_present(SluiceStore *store, const SluiceDigest *digest, int64_t limit, GError **error)
{
    GError *problem = NULL;
    if (digest->size > limit) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "a tree is too large");
        return NULL;
    }
    GBytes *bytes = sluice_store_read(store, digest, &problem);
    if (bytes == NULL && !g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND))
        g_propagate_error(error, problem);
    else
        g_clear_error(&problem);
    return bytes;
}

static gboolean collect_tree(Collector *collector, const SluiceDigest *digest, GError **error)
{
    SluiceWireReader reader;
    SluiceWireField field;
    GError *problem = NULL;
    if (!g_hash_table_add(collector->trees, g_memdup2(digest, sizeof *digest)))
        return TRUE;
    g_array_append_vals(collector->out, digest, 1);
    g_autoptr(GBytes) tree = read_present(collector->store, digest, SLUICE_LIMIT_TREE, &problem);
    gsize length = 0;
    const void *data = tree != NULL ? g_bytes_get_data(tree, &length) : NULL;
    sluice_wire_reader_init(&reader, length > 0 ? data : "", length);
    while (problem == NULL && sluice_wire_next(&reader, &field, &problem))
        if ((field.number == TREE_ROOT || field.number == TREE_CHILDREN) && field.type == SLUICE_WIRE_BYTES)
            sluice_directory_scan((SluiceSpan){field.data, field.length}, collector->out, NULL, &problem);
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, problem);
    return FALSE;
}

/* The directories below `root` that are here, each once, and all that they name. */
static gboolean collect_closure(Collector *collector, const SluiceDigest *root, GError **error)
{
    GError *problem = NULL;
    GHashTable *seen = collector->directories;
    g_autoptr(GArray) queue = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_array_append_vals(queue, root, 1);
    while (problem == NULL && queue->len > 0) {
        SluiceDigest digest = g_array_index(queue, SluiceDigest, queue->len - 1);
        g_array_set_size(queue, queue->len - 1);
        if (!g_hash_table_add(seen, g_memdup2(&digest, sizeof digest)))
            continue;
        if (g_hash_table_size(seen) > SLUICE_LIMIT_TREE_DIRECTORIES) {
            g_set_error_literal(&problem, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE,
                                "a tree has too many directories");
            break;
        }
        g_array_append_val(collector->out, digest);
        g_autoptr(GBytes) bytes = read_present(collector->store, &digest, SLUICE_LIMIT_MESSAGE, &problem);
        SluiceSpan span = {0};
        if (bytes != NULL) {
            span.data = g_bytes_get_data(bytes, &span.length);
            sluice_directory_scan(span, collector->out, queue, &problem);
        }
    }
    if (problem == NULL)
        return TRUE;
    g_propagate_error(error, problem);
    return FALSE;
}

static gboolean collect_directory(Collector *collector, SluiceSpan span, GError **error)
{
    SluiceOutputDirectory directory;
    return sluice_output_directory_decode(span, &directory, error) &&
           (!directory.tree.present || collect_tree(collector, &directory.tree.value, error)) &&
           (!directory.root.present || collect_closure(collector, &directory.root.value, error));
}

static gboolean collect_names(Collector *collector, const SluiceResult *result, GError **error)
{
    const SluiceDigestField *streams[] = {&result->stdout_digest, &result->stderr_digest};
    for (gsize i = 0; i < G_N_ELEMENTS(streams); i++)
        if (streams[i]->present)
            g_array_append_val(collector->out, streams[i]->value);
    for (guint i = 0; i < sluice_array_length(result->files); i++) {
        SluiceOutputFile file;
        if (!sluice_output_file_decode(g_array_index(result->files, SluiceSpan, i), &file, error))
            return FALSE;
        if (file.digest.present)
            g_array_append_val(collector->out, file.digest.value);
    }
    for (guint i = 0; i < sluice_array_length(result->directories); i++)
        if (!collect_directory(collector, g_array_index(result->directories, SluiceSpan, i), error))
            return FALSE;
    return TRUE;
}

gboolean sluice_closure_collect(SluiceStore *store, const SluiceDigest *root, GArray *out, GError **error)
{
    g_auto(Collector) collector = collector_new(store, out);
    return collect_closure(&collector, root, error);
}

gboolean sluice_result_collect(SluiceStore *store, const SluiceResult *result, GArray *out, GArray *absent,
                               GError **error)
{
    g_auto(Collector) collector = collector_new(store, out);
    if (!collect_names(&collector, result, error))
        return FALSE;
    g_autofree gboolean *missing = g_new0(gboolean, out->len + 1);
    const SluiceDigest *all = (const SluiceDigest *)(void *)out->data;
    if (out->len > 0 && !sluice_store_find_missing(store, all, out->len, missing, error))
        return FALSE;
    for (guint i = 0; i < out->len; i++)
        if (missing[i])
            g_array_append_val(absent, all[i]);
    return TRUE;
}

/* ---- Looking up ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluicePeer *peer;
    const SluiceDigest *key;
    GBytes *answer;
} Question;

static gboolean ask(gpointer data, GError **error)
{
    Question *question = data;
    SluicePeer *peer = question->peer;
    SluiceReply *request = sluice_reply_new();
    if (*peer->instance != '\0')
        sluice_wire_put_string(request->bytes, GET_INSTANCE, peer->instance);
    sluice_wire_put_digest(request->bytes, GET_ACTION, question->key);
    question->answer = sluice_peer_call(peer, SLUICE_REAPI("ActionCache/GetActionResult"), request,
                                        sluice_peer_timeout(peer, SLUICE_WAITED_FOR), error);
    return question->answer != NULL;
}

gboolean sluice_result_accept(GBytes *bytes, SluiceResult *out, GError **error)
{
    *out = (SluiceResult){0};
    if (g_bytes_get_size(bytes) <= SLUICE_LIMIT_RESULT)
        return sluice_result_decode(bytes, out, error) && sluice_result_check(out, error);
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "a result is too large");
    return FALSE;
}

static gboolean is_whole(SluiceStore *store, const SluiceResult *result, GError **error)
{
    GError *problem = NULL;
    if (sluice_result_is_complete(store, result, &problem))
        return TRUE;
    if (problem != NULL)
        g_propagate_error(error, problem);
    else
        g_set_error_literal(error, SLUICE_STATUS_ERROR, GRPC_STATUS_NOT_FOUND,
                            "a result lacks something, or contradicts itself");
    return FALSE;
}

/* Level by level: what a fetched Tree or Directory names is known only then. */
gboolean sluice_result_fetch(SluiceUpstream *upstream, const SluiceResult *result, GError **error)
{
    for (int level = 0; level < DEEPEST_TREE; level++) {
        g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
        g_autoptr(GArray) absent = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
        if (!sluice_result_collect(upstream->store, result, all, absent, error))
            return FALSE;
        if (absent->len == 0)
            return is_whole(upstream->store, result, error);
        if (!sluice_upstream_fetch(upstream, absent, error))
            return FALSE;
    }
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "a tree is too deep");
    return FALSE;
}

/* FALSE without error: not a result to be used. */
static gboolean take_result(SluiceUpstream *upstream, const SluiceDigest *key, GBytes *bytes, SluiceOrigin *origin,
                            GError **error)
{
    g_auto(SluiceResult) result = {0};
    if (!sluice_result_accept(bytes, &result, error) || result.exit_code != 0 ||
        !sluice_result_fetch(upstream, &result, error))
        return FALSE;
    if (sluice_origin_refuses(upstream->store, key, bytes, origin)) {
        g_set_error_literal(error, SLUICE_STATUS_ERROR, GRPC_STATUS_NOT_FOUND, "an audit has shown it to be wrong");
        return FALSE;
    }
    origin->producer = SLUICE_PRODUCER_FETCHED;
    origin->stored = g_get_real_time() / G_USEC_PER_SEC;
    g_free(origin->cluster);
    origin->cluster = sluice_upstream_name(upstream->action_cache);
    g_autoptr(GBytes) note = sluice_origin_encode(origin);
    return sluice_store_put_result_with_note(upstream->store, key, bytes, note, error);
}

static gboolean is_known_absent(SluiceUpstream *upstream, const SluiceDigest *key)
{
    g_mutex_lock(&upstream->lock);
    const int64_t *until = g_hash_table_lookup(upstream->absent, key);
    gboolean absent = until != NULL && *until > g_get_monotonic_time();
    g_mutex_unlock(&upstream->lock);
    return absent;
}

static void remember_absent(SluiceUpstream *upstream, const SluiceDigest *key)
{
    int64_t until = g_get_monotonic_time() + (int64_t)SLUICE_UPSTREAM_ABSENT_TIME * G_USEC_PER_SEC;
    g_mutex_lock(&upstream->lock);
    if (g_hash_table_size(upstream->absent) >= SLUICE_UPSTREAM_ABSENT)
        g_hash_table_remove_all(upstream->absent);
    g_hash_table_insert(upstream->absent, g_memdup2(key, sizeof *key), g_memdup2(&until, sizeof until));
    g_mutex_unlock(&upstream->lock);
}

/* The answer to the question itself, timed: it is what a client would wait for each time. */
static GBytes *ask_timed(SluiceUpstream *upstream, const SluiceDigest *key, GError **error)
{
    Question question = {upstream->action_cache, key, NULL};
    GError *problem = NULL;
    int64_t started = g_get_monotonic_time();
    sluice_peer_try(question.peer, SLUICE_WAITED_FOR, ask, &question, &problem);
    sluice_upstream_note(upstream, question.peer, problem, g_get_monotonic_time() - started);
    if (problem != NULL)
        g_propagate_error(error, problem);
    return question.answer;
}

/* An absent result, or one whose blobs the cluster has lost, is an answer. */
static gboolean is_miss(const GError *problem)
{
    return g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_NOT_FOUND);
}

GBytes *sluice_upstream_lookup(SluiceUpstream *upstream, const SluiceDigest *key, SluiceOrigin *origin, GError **error)
{
    GError *problem = NULL;
    if (upstream->action_cache == NULL || is_known_absent(upstream, key) || !sluice_upstream_is_usable(upstream))
        return NULL;
    atomic_fetch_add(&upstream->lookups, 1);
    g_autoptr(GBytes) bytes = ask_timed(upstream, key, &problem);
    if (bytes != NULL && take_result(upstream, key, bytes, origin, &problem)) {
        atomic_fetch_add(&upstream->hits, 1);
        return g_steal_pointer(&bytes);
    }
    if (problem == NULL || is_miss(problem)) {
        g_clear_error(&problem);
        remember_absent(upstream, key);
        return NULL;
    }
    if (bytes != NULL)
        sluice_upstream_note(upstream, upstream->storage, problem, 0);
    g_propagate_error(error, problem);
    return NULL;
}
