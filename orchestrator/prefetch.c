/*
 * prefetch.c - element files, read and parsed by several threads before the loader asks for them.
 *
 * Who needs a file gets with it all files that it names as dependencies, and those that they name, and so on.  This is nothing but a cache: it follows the plain names
 * only, it reports no errors and decides nothing.  What it could not read or parse is read again by the loader, so errors are those of a sequential run, in its order.
 * Each thread has an arena of its own.  All threads have ended when project_prefetch returns, since the process forks later.
 */
#include "element-private.h"
#include "node-private.h"

#include <string.h>

/* Names that wait before another thread is worth its start. */
#define MANY_NAMES 48u
/* Files that a thread takes at once. */
#define BATCH       8u
#define MAX_THREADS 8u

typedef struct {
    const char *name;
    Node *node; /* NULL: not read */
} Entry;

typedef struct {
    Project *project;
    GMutex mutex; /* of all below, and of the project's table */
    GCond changed;
    GPtrArray *waiting; /* Entry * */
    guint busy;         /* threads that may add to `waiting` */
} Prefetch;

typedef struct {
    Prefetch *prefetch;
    Arena *arena;
    GPtrArray *found; /* const char *: names in the files of a batch */
    Entry *batch[BATCH];
    guint count;
} Worker;

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
static void add_name(Prefetch *prefetch, Arena *arena, const char *name)
{
    GHashTable *known = prefetch->project->prefetched;
    if (g_hash_table_contains(known, name)) {
        return;
    }
    Entry *entry = arena_new_of(arena, Entry);
    entry->name = name;
    g_hash_table_insert(known, (gpointer)name, entry);
    g_ptr_array_add(prefetch->waiting, entry);
}

static void read_batch(Worker *worker)
{
    const Project *project = worker->prefetch->project;
    for (guint i = 0; i < worker->count; i++) {
        Entry *entry = worker->batch[i];
        entry->node = project_parse_element(project, worker->arena, entry->name, NULL);
        if (entry->node != NULL) {
            note_dependencies(worker, entry->node);
        }
    }
}

/* With the lock: waits for names.  FALSE when there will be no more. */
static gboolean take_batch(Worker *worker)
{
    Prefetch *prefetch = worker->prefetch;
    while (prefetch->waiting->len == 0 && prefetch->busy > 0) {
        g_cond_wait(&prefetch->changed, &prefetch->mutex);
    }
    for (worker->count = 0; worker->count < BATCH && prefetch->waiting->len > 0; worker->count++) {
        worker->batch[worker->count] = g_ptr_array_steal_index_fast(prefetch->waiting, prefetch->waiting->len - 1);
    }
    return worker->count > 0;
}

/* Until nothing is left, or so much that it should be shared. */
static void work(Worker *worker, guint enough)
{
    Prefetch *prefetch = worker->prefetch;
    g_mutex_lock(&prefetch->mutex);
    while (prefetch->waiting->len < enough && take_batch(worker)) {
        prefetch->busy++;
        g_mutex_unlock(&prefetch->mutex);
        read_batch(worker);
        g_mutex_lock(&prefetch->mutex);
        prefetch->busy--;
        for (guint i = 0; i < worker->found->len; i++) {
            add_name(prefetch, worker->arena, g_ptr_array_index(worker->found, i));
        }
        g_ptr_array_set_size(worker->found, 0);
        g_cond_broadcast(&prefetch->changed);
    }
    g_mutex_unlock(&prefetch->mutex);
}

static gpointer run_thread(gpointer data)
{
    work(data, G_MAXUINT);
    return NULL;
}

static void worker_init(Worker *worker, Prefetch *prefetch, Arena *arena)
{
    *worker = (Worker){.prefetch = prefetch, .arena = arena, .found = g_ptr_array_new()};
}

static Arena *thread_arena(Session *session, guint index)
{
    while (session->thread_arenas->len <= index) {
        g_ptr_array_add(session->thread_arenas, arena_new());
    }
    return g_ptr_array_index(session->thread_arenas, index);
}

static void run_threads(Prefetch *prefetch, Worker *first)
{
    Worker workers[MAX_THREADS];
    GThread *threads[MAX_THREADS];
    guint count = MIN(g_get_num_processors(), MAX_THREADS) - 1;
    for (guint i = 0; i < count; i++) {
        worker_init(&workers[i], prefetch, thread_arena(prefetch->project->session, i));
        threads[i] = g_thread_try_new("prefetch", run_thread, &workers[i], NULL);
    }
    work(first, G_MAXUINT);
    for (guint i = 0; i < count; i++) {
        if (threads[i] != NULL) {
            g_thread_join(threads[i]);
        }
        g_ptr_array_unref(workers[i].found);
    }
}

void project_prefetch(Project *project, const char *const *names, gsize count)
{
    Prefetch prefetch = {.project = project, .waiting = g_ptr_array_new()};
    Worker self;
    g_mutex_init(&prefetch.mutex);
    g_cond_init(&prefetch.changed);
    worker_init(&self, &prefetch, project->session->arena);
    for (gsize i = 0; i < count; i++) {
        add_name(&prefetch, self.arena, arena_strdup(self.arena, names[i]));
    }
    work(&self, MANY_NAMES);
    if (prefetch.waiting->len > 0) {
        run_threads(&prefetch, &self);
    }
    g_ptr_array_unref(self.found);
    g_ptr_array_unref(prefetch.waiting);
    g_mutex_clear(&prefetch.mutex);
    g_cond_clear(&prefetch.changed);
}

Node *project_take_prefetched(Project *project, const char *name)
{
    Entry *entry = g_hash_table_lookup(project->prefetched, name);
    if (entry == NULL) {
        project_prefetch(project, &name, 1);
        entry = g_hash_table_lookup(project->prefetched, name);
    }
    return g_steal_pointer(&entry->node);
}
