/*
 * key-batch.c - the keys of many elements: what plugins say of themselves is asked for by the calling thread, hashing is done by a second one behind it.
 */
#include "key-private.h"

#include <string.h>

#define BATCH 64u
/* Batches that may be on their way; the text that they hold is bounded by this. */
#define MAX_BATCHES 8u

typedef struct {
    Element *element;
    gsize start, length; /* of its tail */
    gboolean wanted;     /* there is a key: the kind is known, and its sources have refs */
} Job;

typedef struct {
    Job jobs[BATCH];
    guint count;
    gboolean last;
    GString *tails;
} Batch;

struct KeyBatches {
    Session *session;
    KeyHasher *weak, *strict;
    GThread *thread; /* NULL: all is done by the calling thread */
    GAsyncQueue *full, *empty;
    guint batches; /* made so far */
    Batch *current;
    Arena *scratch;  /* of the current batch */
    GError *problem; /* the first */
};

/* In the order of the session: the keys of dependencies are known. */
static void compute_keys(const KeyBatches *keys, const Batch *batch)
{
    for (guint i = 0; i < batch->count; i++) {
        const Job *job = &batch->jobs[i];
        Element *element = job->element;
        const char *tail = batch->tails->str + job->start;
        if (job->wanted) {
            key_hasher_compute(keys->weak, element, tail, job->length, element->weak_key);
        }
        if (element->weak_key[0] != '\0') {
            key_hasher_compute(keys->strict, element, tail, job->length, element->strict_key);
            memcpy(element->strong_key, element->strict_key, sizeof element->strong_key);
        }
        key_hasher_add(keys->weak, element);
        key_hasher_add(keys->strict, element);
    }
}

static gpointer run_thread(gpointer data)
{
    KeyBatches *keys = data;
    for (gboolean more = TRUE; more;) {
        Batch *batch = g_async_queue_pop(keys->full);
        compute_keys(keys, batch);
        more = !batch->last;
        g_async_queue_push(keys->empty, batch);
    }
    return NULL;
}

static void start_batch(KeyBatches *keys)
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

/* A thread is worth its start for more than one batch. */
static void finish_batch(KeyBatches *keys, gboolean last)
{
    Batch *batch = keys->current;
    batch->last = last;
    if (keys->thread == NULL && !last) {
        keys->thread = g_thread_try_new("keys", run_thread, keys, NULL);
    }
    if (keys->thread != NULL) {
        g_async_queue_push(keys->full, batch);
    } else {
        compute_keys(keys, batch);
        g_async_queue_push(keys->empty, batch);
    }
}

static void batch_free(gpointer data)
{
    Batch *batch = data;
    g_string_free(batch->tails, TRUE);
    g_free(batch);
}

KeyBatches *key_batches_begin(Session *session, guint earlier)
{
    KeyBatches *keys = g_new0(KeyBatches, 1);
    keys->session = session;
    keys->weak = key_hasher_new(KEY_WEAK);
    keys->strict = key_hasher_new(KEY_STRICT);
    keys->full = g_async_queue_new();
    keys->empty = g_async_queue_new_full(batch_free);
    for (guint i = 0; i < earlier; i++) {
        const Element *element = g_ptr_array_index(session->elements, i);
        key_hasher_add(keys->weak, element);
        key_hasher_add(keys->strict, element);
    }
    start_batch(keys);
    return keys;
}

void key_batches_add(KeyBatches *keys, Element *element)
{
    gboolean resolved = TRUE;
    if (keys->problem != NULL) {
        return;
    }
    if (keys->current->count == BATCH) {
        finish_batch(keys, FALSE);
        start_batch(keys);
    }
    GString *tails = keys->current->tails;
    Job *job = &keys->current->jobs[keys->current->count++];
    *job = (Job){.element = element, .start = tails->len};
    element->weak_key[0] = element->strict_key[0] = element->strong_key[0] = '\0';
    job->wanted = key_is_known_kind(element) &&
                  key_write_tail(keys->session, element, keys->scratch, tails, &resolved, &keys->problem) && resolved;
    job->length = tails->len - job->start;
}

gboolean key_batches_finish(KeyBatches *keys, GError **error)
{
    finish_batch(keys, TRUE);
    if (keys->thread != NULL) {
        g_thread_join(keys->thread);
    }
    g_async_queue_unref(keys->full);
    g_async_queue_unref(keys->empty);
    key_hasher_free(keys->weak);
    key_hasher_free(keys->strict);
    arena_free(keys->scratch);
    gboolean ok = keys->problem == NULL;
    if (!ok) {
        g_propagate_error(error, keys->problem);
    }
    g_free(keys);
    return ok;
}

gboolean element_compute_key(Element *element, GError **error)
{
    KeyBatches *keys = key_batches_begin(element->project->session, 0);
    key_batches_add(keys, element);
    return key_batches_finish(keys, error);
}

gboolean session_compute_keys(Session *session, GError **error)
{
    KeyBatches *keys = key_batches_begin(session, 0);
    for (guint i = 0; i < session->elements->len; i++) {
        key_batches_add(keys, g_ptr_array_index(session->elements, i));
    }
    return key_batches_finish(keys, error);
}
