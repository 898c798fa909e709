/*
 * key-batch.c - the keys of many elements, made while others are still being resolved: one thread asks plugins for their part of the texts, another one behind it
 * hashes them.
 */
#include "key-private.h"

#include <string.h>

#define BATCH 64u
/* Batches that may be on their way; the text that they hold is bounded by this.  Few would stop the loader where elements with much to read follow each other. */
#define MAX_BATCHES 24u

typedef struct {
    Element *element;
    gsize start, length; /* of its tail */
    gboolean wanted;     /* there is a key: the kind is known, and its sources have refs */
} Job;

/* Goes from thread to thread, and around. */
typedef struct {
    Job jobs[BATCH];
    guint count;
    gboolean last;
    GString *tails;
} Batch;

struct KeyBatches {
    Session *session;
    KeyHasher *keys;
    GThread *writer, *hasher; /* NULL: the one before it does it */
    GAsyncQueue *full, *written, *empty;
    guint batches; /* made so far */
    Batch *current;
    GError *problem; /* the writer's first */
};

static void write_tail(KeyBatches *keys, Batch *batch, Job *job, Arena *scratch)
{
    Element *element = job->element;
    gboolean resolved = TRUE;
    job->start = batch->tails->len;
    element->weak_key[0] = element->strict_key[0] = element->strong_key[0] = '\0';
    job->wanted = keys->problem == NULL && key_is_known_kind(element) &&
                  key_write_tail(keys->session, element, scratch, batch->tails, &resolved, &keys->problem) && resolved;
    job->length = batch->tails->len - job->start;
}

static void write_tails(KeyBatches *keys, Batch *batch)
{
    Arena *scratch = arena_new();
    g_string_truncate(batch->tails, 0);
    for (guint i = 0; i < batch->count; i++) {
        write_tail(keys, batch, &batch->jobs[i], scratch);
    }
    arena_free(scratch);
}

/* In the order of the session: the keys of dependencies are known. */
static void hash_batch(KeyBatches *keys, const Batch *batch)
{
    for (guint i = 0; i < batch->count; i++) {
        const Job *job = &batch->jobs[i];
        Element *element = job->element;
        if (job->wanted) {
            key_hasher_compute(keys->keys, element, batch->tails->str + job->start, job->length);
        }
        key_hasher_add(keys->keys, element);
    }
}

static void pass_on(KeyBatches *keys, Batch *batch)
{
    if (keys->hasher != NULL) {
        g_async_queue_push(keys->written, batch);
    } else {
        hash_batch(keys, batch);
        g_async_queue_push(keys->empty, batch);
    }
}

static gpointer run_writer(gpointer data)
{
    KeyBatches *keys = data;
    for (gboolean more = TRUE; more;) {
        Batch *batch = g_async_queue_pop(keys->full);
        more = !batch->last;
        write_tails(keys, batch);
        pass_on(keys, batch);
    }
    return NULL;
}

static gpointer run_hasher(gpointer data)
{
    KeyBatches *keys = data;
    for (gboolean more = TRUE; more;) {
        Batch *batch = g_async_queue_pop(keys->written);
        more = !batch->last;
        hash_batch(keys, batch);
        g_async_queue_push(keys->empty, batch);
    }
    return NULL;
}

/* Without a thread behind it, the writer hashes as well. */
static void start_threads(KeyBatches *keys)
{
    if (keys->hasher == NULL) {
        keys->hasher = g_thread_try_new("hash-keys", run_hasher, keys, NULL);
    }
    keys->writer = keys->hasher != NULL ? g_thread_try_new("write-keys", run_writer, keys, NULL) : NULL;
}

static void start_batch(KeyBatches *keys)
{
    if (keys->batches < MAX_BATCHES) {
        keys->current = g_new0(Batch, 1);
        keys->current->tails = g_string_sized_new((gsize)BATCH << 12);
        keys->batches++;
    } else {
        keys->current = g_async_queue_pop(keys->empty);
    }
    keys->current->count = 0;
}

/* Threads are worth their start for more than one batch. */
static void finish_batch(KeyBatches *keys, gboolean last)
{
    Batch *batch = keys->current;
    batch->last = last;
    if (keys->writer == NULL && !last) {
        start_threads(keys);
    }
    if (keys->writer != NULL) {
        g_async_queue_push(keys->full, batch);
    } else {
        write_tails(keys, batch);
        pass_on(keys, batch);
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
    keys->keys = key_hasher_new();
    keys->full = g_async_queue_new();
    keys->written = g_async_queue_new();
    keys->empty = g_async_queue_new_full(batch_free);
    for (guint i = 0; i < earlier; i++) {
        const Element *element = g_ptr_array_index(session->elements, i);
        key_hasher_add(keys->keys, element);
    }
    start_batch(keys);
    return keys;
}

void key_batches_add(KeyBatches *keys, Element *element)
{
    if (keys->current->count == BATCH) {
        finish_batch(keys, FALSE);
        start_batch(keys);
    }
    keys->current->jobs[keys->current->count++] = (Job){.element = element};
}

static void join(GThread **thread)
{
    if (*thread != NULL) {
        g_thread_join(*thread);
    }
    *thread = NULL;
}

void key_batches_pause(KeyBatches *keys)
{
    if (keys == NULL || keys->hasher == NULL) {
        return;
    }
    finish_batch(keys, TRUE);
    join(&keys->writer);
    join(&keys->hasher);
    start_batch(keys);
}

gboolean key_batches_finish(KeyBatches *keys, GError **error)
{
    finish_batch(keys, TRUE);
    join(&keys->writer);
    join(&keys->hasher);
    g_async_queue_unref(keys->full);
    g_async_queue_unref(keys->written);
    g_async_queue_unref(keys->empty);
    key_hasher_free(keys->keys);
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
