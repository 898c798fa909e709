/*
 * key-batch.c - the keys of all elements: the weak ones here, and behind them the strict ones in a second thread, which has ended when this returns.
 *
 * Plugins are asked for their part of the keys by the calling thread only.
 */
#include "key-private.h"

#include <string.h>

#define BATCH 64u
/* Batches that may be on their way; the text that they hold is bounded by this. */
#define MAX_BATCHES 8u

typedef struct {
    Element *element;
    gsize start, length; /* of its tail */
    gboolean wanted;     /* there is a strict key */
} Job;

typedef struct {
    Job jobs[BATCH];
    guint count;
    gboolean last;
    GString *tails;
} Batch;

typedef struct {
    Session *session;
    KeyHasher *weak, *strict;
    GThread *thread; /* NULL: all is done by the calling thread */
    GAsyncQueue *full, *empty;
    guint batches; /* made so far */
    Batch *current;
    Arena *scratch; /* of the current batch */
} Keys;

static void compute_strict(KeyHasher *hasher, const Batch *batch)
{
    for (guint i = 0; i < batch->count; i++) {
        const Job *job = &batch->jobs[i];
        if (job->wanted) {
            key_hasher_compute(hasher, job->element, batch->tails->str + job->start, job->length,
                               job->element->strict_key);
            memcpy(job->element->strong_key, job->element->strict_key, sizeof job->element->strong_key);
        }
        key_hasher_add(hasher, job->element);
    }
}

static gpointer run_thread(gpointer data)
{
    Keys *keys = data;
    for (gboolean more = TRUE; more;) {
        Batch *batch = g_async_queue_pop(keys->full);
        compute_strict(keys->strict, batch);
        more = !batch->last;
        g_async_queue_push(keys->empty, batch);
    }
    return NULL;
}

static void start_batch(Keys *keys)
{
    if (keys->batches < MAX_BATCHES) {
        keys->current = g_new0(Batch, 1);
        keys->current->tails = g_string_sized_new((gsize)BATCH << 11);
        keys->batches++;
    } else {
        keys->current = g_async_queue_pop(keys->empty);
    }
    keys->current->count = 0;
    arena_free(keys->scratch);
    keys->scratch = arena_new();
    g_string_truncate(keys->current->tails, 0);
}

static void finish_batch(Keys *keys, gboolean last)
{
    Batch *batch = keys->current;
    batch->last = last;
    if (keys->thread != NULL) {
        g_async_queue_push(keys->full, batch);
    } else {
        compute_strict(keys->strict, batch);
        g_async_queue_push(keys->empty, batch);
    }
}

static gboolean compute_weak(Keys *keys, Element *element, GError **error)
{
    Batch *batch = keys->current;
    Job *job = &batch->jobs[batch->count];
    gboolean resolved = TRUE;
    *job = (Job){.element = element, .start = batch->tails->len};
    element->weak_key[0] = element->strict_key[0] = element->strong_key[0] = '\0';
    if (key_is_known_kind(element)) {
        if (!key_write_tail(keys->session, element, keys->scratch, batch->tails, &resolved, error)) {
            return FALSE;
        }
        job->length = batch->tails->len - job->start;
        if (resolved) {
            key_hasher_compute(keys->weak, element, batch->tails->str + job->start, job->length, element->weak_key);
        }
    }
    job->wanted = element->weak_key[0] != '\0';
    key_hasher_add(keys->weak, element);
    batch->count++;
    return TRUE;
}

/* Elements of earlier calls have their keys. */
static void add_earlier(Keys *keys, const Element *first)
{
    for (guint i = 0; i < MIN(first->index, keys->session->elements->len); i++) {
        const Element *element = g_ptr_array_index(keys->session->elements, i);
        key_hasher_add(keys->weak, element);
        key_hasher_add(keys->strict, element);
    }
}

static void batch_free(gpointer data)
{
    Batch *batch = data;
    g_string_free(batch->tails, TRUE);
    g_free(batch);
}

gboolean elements_compute_keys(Session *session, Element *const *elements, gsize count, GError **error)
{
    if (count == 0) {
        return TRUE;
    }
    Keys keys = {.session = session,
                 .weak = key_hasher_new(session, KEY_WEAK),
                 .strict = key_hasher_new(session, KEY_STRICT),
                 .full = g_async_queue_new(),
                 .empty = g_async_queue_new_full(batch_free)};
    gboolean ok = TRUE;
    if (elements[0]->index != G_MAXUINT) {
        add_earlier(&keys, elements[0]);
    }
    if (count > BATCH) {
        keys.thread = g_thread_try_new("keys", run_thread, &keys, NULL);
    }
    start_batch(&keys);
    for (gsize i = 0; ok && i < count; i++) {
        if (keys.current->count == BATCH) {
            finish_batch(&keys, FALSE);
            start_batch(&keys);
        }
        ok = compute_weak(&keys, elements[i], error);
    }
    finish_batch(&keys, TRUE);
    if (keys.thread != NULL) {
        g_thread_join(keys.thread);
    }
    g_async_queue_unref(keys.full);
    g_async_queue_unref(keys.empty);
    key_hasher_free(keys.weak);
    key_hasher_free(keys.strict);
    arena_free(keys.scratch);
    return ok;
}

gboolean session_compute_keys(Session *session, GError **error)
{
    return elements_compute_keys(session, (Element *const *)session->elements->pdata, session->elements->len, error);
}
