/* GetTree: the directories below a root, each once, parents before children; what is absent is left out.
 *
 * Pages are messages of one stream.  A page token is the number of directories that were sent so far: the order depends on nothing
 * but the contents, so any server that has the same blobs can go on. */
#include "bridge-private.h"

enum { ANSWER_DIRECTORIES = 1, ANSWER_NEXT_TOKEN = 2, DEFAULT_PAGE = 1000, PAGE_BYTES = SLUICE_MIB };

typedef struct {
    SluiceSpan instance, page_token;
    SluiceDigestField root;
    int64_t page_size, digest_function;
    GQueue pending;   /* SluiceDigest *, owned by `seen` */
    GHashTable *seen; /* SluiceDigest */
    uint64_t skip, sent;
    GError *error;
    gboolean ended;
} Walk;

static const SluiceFieldSpec request_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Walk, instance)},
    {2, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Walk, root)},
    {3, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Walk, page_size)},
    {4, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Walk, page_token)},
    {5, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Walk, digest_function)},
};

static void walk_free(gpointer data)
{
    Walk *walk = data;
    g_queue_clear(&walk->pending);
    g_clear_pointer(&walk->seen, g_hash_table_unref);
    g_clear_error(&walk->error);
    g_free(walk);
}

static gboolean walk_error(Walk *walk, SluiceProtoError code, const char *message)
{
    g_set_error_literal(&walk->error, SLUICE_PROTO_ERROR, code, message);
    return FALSE;
}

static gboolean add_pending(Walk *walk, const SluiceDigest *digest)
{
    if (g_hash_table_contains(walk->seen, digest))
        return TRUE;
    if (g_hash_table_size(walk->seen) >= SLUICE_LIMIT_TREE_DIRECTORIES)
        return walk_error(walk, SLUICE_PROTO_ERROR_WIRE, "the tree has too many directories");
    SluiceDigest *copy = g_memdup2(digest, sizeof *digest);
    g_hash_table_add(walk->seen, copy);
    g_queue_push_tail(&walk->pending, copy);
    return TRUE;
}

/* The next directory that is there, its children queued.  NULL at the end, or with walk->error. */
static GBytes *next_directory(Walk *walk, SluiceStore *store)
{
    SluiceDigest *digest;
    while ((digest = g_queue_pop_head(&walk->pending)) != NULL) {
        g_autoptr(GError) problem = NULL;
        if (digest->size > SLUICE_LIMIT_BATCH)
            continue; /* no message could hold it */
        g_autoptr(GBytes) bytes = sluice_store_read(store, digest, &problem);
        gboolean is_root = g_hash_table_size(walk->seen) == 1;
        if (bytes == NULL && !is_root && g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND))
            continue;
        if (bytes == NULL) {
            walk->error = g_steal_pointer(&problem);
            return NULL;
        }
        g_autoptr(GArray) children = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
        SluiceSpan span;
        span.data = g_bytes_get_data(bytes, &span.length);
        if (!sluice_directory_scan(span, NULL, children, &walk->error))
            return NULL;
        for (guint i = 0; i < children->len; i++)
            if (!add_pending(walk, &g_array_index(children, SluiceDigest, i)))
                return NULL;
        return g_steal_pointer(&bytes);
    }
    return NULL;
}

/* NULL with walk->error. */
static SluiceReply *next_page(Walk *walk, SluiceStore *store)
{
    g_autoptr(SluiceReply) reply = sluice_reply_new();
    gint64 room = walk->page_size > 0 ? MIN(walk->page_size, DEFAULT_PAGE) : DEFAULT_PAGE;
    gsize bytes = 0;
    while (room > 0 && bytes < PAGE_BYTES) {
        g_autoptr(GBytes) directory = next_directory(walk, store);
        if (directory == NULL)
            break;
        if (walk->sent++ < walk->skip)
            continue;
        sluice_reply_put_blob(reply, ANSWER_DIRECTORIES, directory);
        bytes += g_bytes_get_size(directory);
        room--;
    }
    if (walk->error != NULL)
        return NULL;
    walk->ended = g_queue_is_empty(&walk->pending);
    if (!walk->ended) {
        char token[24];
        g_snprintf(token, sizeof token, "%" G_GUINT64_FORMAT, walk->sent);
        sluice_wire_put_string(reply->bytes, ANSWER_NEXT_TOKEN, token);
    }
    return g_steal_pointer(&reply);
}

static void send_page(SluiceCall *call);

static void page_sent(SluiceCall *call)
{
    Walk *walk = call->state;
    if (walk->ended)
        sluice_call_finish(call);
    else
        sluice_call_run(call, send_page);
}

static void send_page(SluiceCall *call)
{
    Walk *walk = call->state;
    SluiceReply *reply = next_page(walk, sluice_call_get_store(call));
    if (reply != NULL)
        sluice_call_send(call, reply, page_sent);
    else
        sluice_call_fail_error(call, g_steal_pointer(&walk->error));
}

static gboolean check_request(Walk *walk)
{
    if (!sluice_request_check(walk->instance, walk->digest_function, &walk->error))
        return FALSE;
    if (!walk->root.present)
        return walk_error(walk, SLUICE_PROTO_ERROR_DIGEST, "the root's digest is missing");
    if (walk->page_size < 0)
        return walk_error(walk, SLUICE_PROTO_ERROR_WIRE, "a page cannot have a negative size");
    if (walk->page_token.length == 0)
        return TRUE;
    g_autofree char *token = sluice_span_dup(walk->page_token);
    if (!g_ascii_string_to_unsigned(token, 10, 0, SLUICE_LIMIT_TREE_DIRECTORIES, &walk->skip, NULL))
        return walk_error(walk, SLUICE_PROTO_ERROR_WIRE, "this page token is not ours");
    return TRUE;
}

void sluice_handle_get_tree(SluiceCall *call)
{
    Walk *walk = g_new0(Walk, 1);
    sluice_call_set_state(call, walk, walk_free);
    walk->seen = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    if (sluice_fields_decode(call->message.data, call->message.length, request_fields, G_N_ELEMENTS(request_fields),
                             walk, &walk->error) &&
        check_request(walk) && add_pending(walk, &walk->root.value))
        sluice_call_run(call, send_page);
    else
        sluice_call_fail_error(call, g_steal_pointer(&walk->error));
}
