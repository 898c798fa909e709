/*
 * prefetch.c - element files, read and parsed by several threads, mostly before the loader asks for them.
 *
 * Who needs a file gets on its way all files that it names as dependencies, and those that they name, and so on.  This is nothing but a cache: it follows the plain
 * names only, it reports no errors and decides nothing.  What it could not read or parse is read again by the loader, so errors are those of a sequential run, in its
 * order.  The loader goes on meanwhile: what it asks for and no thread has begun, it reads itself.  Each thread has an arena of its own.  The process forks now and
 * then, so threads end when they are told to; names that wait are kept for the next.
 */
#include "element-private.h"
#include "node-private.h"

#include <string.h>

/* Names that wait before threads are worth their start. */
#define MANY_NAMES 48u
/* Files that a thread takes at once. */
#define BATCH       8u
#define MAX_THREADS 8u

typedef enum { FILE_WAITING, FILE_TAKEN, FILE_READ } FileState;

typedef struct {
    const char *name;
    Node *node; /* NULL: it could not be read */
    FileState state;
} Entry;

/* Who reads files: a thread, or the loader. */
typedef struct {
    Prefetch *prefetch;
    Arena *arena;
    GPtrArray *found; /* const char *: names in the files of a batch */
    Entry *batch[BATCH];
    guint count;
    GThread *thread;
} Worker;

struct Prefetch {
    const Project *project;
    GMutex mutex; /* of all below */
    GCond changed;
    GHashTable *known; /* name → Entry * */
    GPtrArray
        *waiting; /* Entry *: threads take the first, the loader the last and what it needs, so that they seldom meet */
    guint first;  /* of those, what was not looked at yet */
    guint sleeping; /* who waits for `changed` */
    gboolean stopping;
    guint n_threads; /* at work; the loader's */
    Worker loader, workers[MAX_THREADS];
};

/* It is held for some microseconds at a time, and taken for each file: to sleep and to be woken takes longer than to try again. */
#define LOCK_TRIES 400u

static inline void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void lock(Prefetch *prefetch)
{
    for (guint i = 0; i < LOCK_TRIES; i++) {
        if (g_mutex_trylock(&prefetch->mutex)) {
            return;
        }
        pause_a_little();
    }
    g_mutex_lock(&prefetch->mutex);
}

static void note_name(Worker *worker, const Node *node)
{
    const char *name = node_text(node);
    if (g_str_has_suffix(name, ".bst") && strchr(name, ':') == NULL && strstr(name, "./") == NULL &&
        strstr(name, "//") == NULL) {
        g_ptr_array_add(worker->found, (gpointer)name);
    }
}

static void note_dependency(Worker *worker, const Node *item)
{
    const Node *name = item->type == NODE_MAPPING ? node_find(item, "filename") : item;
    if (name == NULL || (item->type == NODE_MAPPING && node_find(item, "junction") != NULL)) {
        return;
    }
    for (guint32 i = 0; name->type == NODE_SEQUENCE && i < name->size; i++) {
        note_name(worker, name->items[i]);
    }
    if (name->type == NODE_SCALAR) {
        note_name(worker, name);
    }
}

static void note_dependencies(Worker *worker, const Node *element)
{
    static const char *const keys[] = {"build-depends", "runtime-depends", "depends"};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const Node *list = node_find(element, keys[i]);
        for (guint32 j = 0; list != NULL && list->type == NODE_SEQUENCE && j < list->size; j++) {
            note_dependency(worker, list->items[j]);
        }
    }
}

/* With the lock. */
static Entry *add_name(Worker *worker, const char *name)
{
    Prefetch *prefetch = worker->prefetch;
    Entry *entry = g_hash_table_lookup(prefetch->known, name);
    if (entry == NULL) {
        entry = arena_new_of(worker->arena, Entry);
        entry->name = name;
        g_hash_table_insert(prefetch->known, (gpointer)name, entry);
        g_ptr_array_add(prefetch->waiting, entry);
    }
    return entry;
}

/* Without the lock: what was taken is nobody else's. */
static void read_batch(Worker *worker)
{
    for (guint i = 0; i < worker->count; i++) {
        Entry *entry = worker->batch[i];
        entry->node = project_parse_element(worker->prefetch->project, worker->arena, entry->name, NULL);
        if (entry->node != NULL) {
            note_dependencies(worker, entry->node);
        }
    }
}

/* With the lock, which is given up meanwhile. */
static void work_batch(Worker *worker)
{
    Prefetch *prefetch = worker->prefetch;
    g_mutex_unlock(&prefetch->mutex);
    read_batch(worker);
    lock(prefetch);
    for (guint i = 0; i < worker->count; i++) {
        worker->batch[i]->state = FILE_READ;
    }
    for (guint i = 0; i < worker->found->len; i++) {
        add_name(worker, g_ptr_array_index(worker->found, i));
    }
    g_ptr_array_set_size(worker->found, 0);
    if (prefetch->sleeping > 0) {
        g_cond_broadcast(&prefetch->changed);
    }
}

/* With the lock, which is given up meanwhile. */
static void wait_for_change(Prefetch *prefetch)
{
    prefetch->sleeping++;
    g_cond_wait(&prefetch->changed, &prefetch->mutex);
    prefetch->sleeping--;
}

/* With the lock: waits for names.  FALSE when the thread is to end. */
static gboolean take_batch(Worker *worker)
{
    Prefetch *prefetch = worker->prefetch;
    for (worker->count = 0; !prefetch->stopping && worker->count == 0;) {
        while (worker->count < BATCH && prefetch->first < prefetch->waiting->len) {
            Entry *entry = g_ptr_array_index(prefetch->waiting, prefetch->first++);
            if (entry->state == FILE_WAITING) {
                entry->state = FILE_TAKEN;
                worker->batch[worker->count++] = entry;
            }
        }
        if (worker->count == 0) {
            wait_for_change(prefetch);
        }
    }
    return worker->count > 0;
}

static gpointer run_thread(gpointer data)
{
    Worker *worker = data;
    Prefetch *prefetch = worker->prefetch;
    lock(prefetch);
    while (take_batch(worker)) {
        work_batch(worker);
    }
    g_mutex_unlock(&prefetch->mutex);
    return NULL;
}

static void worker_init(Worker *worker, Prefetch *prefetch, Arena *arena)
{
    worker->prefetch = prefetch;
    worker->arena = arena;
    worker->found = g_ptr_array_new();
}

/* One for each processor, the loader's not counted. */
static void start_threads(Prefetch *prefetch)
{
    guint count = MIN(g_get_num_processors(), MAX_THREADS) - 1;
    while (prefetch->n_threads < count) {
        Worker *worker = &prefetch->workers[prefetch->n_threads];
        if (worker->arena == NULL) {
            worker_init(worker, prefetch, arena_new());
            g_ptr_array_add(prefetch->project->session->thread_arenas, worker->arena);
        }
        worker->thread = g_thread_try_new("prefetch", run_thread, worker, NULL);
        if (worker->thread == NULL) {
            return;
        }
        prefetch->n_threads++;
    }
}

/* With the lock: what the loader reads itself. */
static void read_entry(Prefetch *prefetch, Entry *entry)
{
    Worker *loader = &prefetch->loader;
    entry->state = FILE_TAKEN;
    loader->batch[0] = entry;
    loader->count = 1;
    work_batch(loader);
    if (prefetch->n_threads == 0 && prefetch->waiting->len - prefetch->first >= MANY_NAMES) {
        start_threads(prefetch);
    }
}

/* With the lock: the last that nobody has taken, or NULL. */
static Entry *last_waiting(Prefetch *prefetch)
{
    while (prefetch->waiting->len > prefetch->first) {
        Entry *entry = g_ptr_array_steal_index(prefetch->waiting, prefetch->waiting->len - 1);
        if (entry->state == FILE_WAITING) {
            return entry;
        }
    }
    return NULL;
}

Prefetch *prefetch_new(Project *project)
{
    Prefetch *prefetch = g_new0(Prefetch, 1);
    prefetch->project = project;
    g_mutex_init(&prefetch->mutex);
    g_cond_init(&prefetch->changed);
    prefetch->known = g_hash_table_new(g_str_hash, g_str_equal);
    prefetch->waiting = g_ptr_array_new();
    worker_init(&prefetch->loader, prefetch, project->session->arena);
    return prefetch;
}

void prefetch_free(Prefetch *prefetch)
{
    prefetch_stop(prefetch);
    for (guint i = 0; i < MAX_THREADS; i++) {
        g_clear_pointer(&prefetch->workers[i].found, g_ptr_array_unref);
    }
    g_ptr_array_unref(prefetch->loader.found);
    g_ptr_array_unref(prefetch->waiting);
    g_hash_table_unref(prefetch->known);
    g_mutex_clear(&prefetch->mutex);
    g_cond_clear(&prefetch->changed);
    g_free(prefetch);
}

void prefetch_stop(Prefetch *prefetch)
{
    lock(prefetch);
    prefetch->stopping = TRUE;
    g_cond_broadcast(&prefetch->changed);
    g_mutex_unlock(&prefetch->mutex);
    while (prefetch->n_threads > 0) {
        g_thread_join(prefetch->workers[--prefetch->n_threads].thread);
    }
    prefetch->stopping = FALSE;
}

void session_stop_prefetch(Session *session)
{
    for (guint i = 0; i < session->projects->len; i++) {
        const Project *project = g_ptr_array_index(session->projects, i);
        prefetch_stop(project->prefetch);
    }
}

void prefetch_add(Prefetch *prefetch, const char *name)
{
    lock(prefetch);
    add_name(&prefetch->loader, arena_strdup(prefetch->loader.arena, name));
    g_mutex_unlock(&prefetch->mutex);
}

Node *prefetch_take(Prefetch *prefetch, const char *name)
{
    lock(prefetch);
    Entry *entry = g_hash_table_lookup(prefetch->known, name);
    if (entry == NULL) {
        entry = add_name(&prefetch->loader, arena_strdup(prefetch->loader.arena, name));
    }
    while (entry->state != FILE_READ) {
        Entry *next = entry->state == FILE_WAITING ? entry : last_waiting(prefetch);
        if (next != NULL) {
            read_entry(prefetch, next);
        } else {
            wait_for_change(prefetch);
        }
    }
    Node *node = g_steal_pointer(&entry->node);
    g_mutex_unlock(&prefetch->mutex);
    return node;
}
