/* GLib's locks, made of pthread's, for programs that run under ThreadSanitizer: GLib makes its own of futexes, which the sanitizer
 * does not see, so that every access that they guard would look like a race.  A program's definitions win over the library's;
 * calls within GLib itself are not changed. */
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* The object behind a lock that was perhaps never initialised. */
static void *get(gpointer *place, gsize size, int (*init)(void *))
{
    void *object = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (object != NULL)
        return object;
    void *made = calloc(1, size), *expected = NULL;
    if (made == NULL || init(made) != 0)
        abort();
    if (__atomic_compare_exchange_n(place, &expected, made, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return made;
    free(made);
    return expected;
}

static int init_mutex(void *mutex)
{
    return pthread_mutex_init(mutex, NULL);
}

static int init_cond(void *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    return pthread_cond_init(cond, &attributes);
}

static int init_rwlock(void *lock)
{
    return pthread_rwlock_init(lock, NULL);
}

static pthread_mutex_t *mutex_of(GMutex *mutex)
{
    return get(&mutex->p, sizeof(pthread_mutex_t), init_mutex);
}

static pthread_cond_t *cond_of(GCond *cond)
{
    return get(&cond->p, sizeof(pthread_cond_t), init_cond);
}

static pthread_rwlock_t *rwlock_of(GRWLock *lock)
{
    return get(&lock->p, sizeof(pthread_rwlock_t), init_rwlock);
}

void g_mutex_init(GMutex *mutex)
{
    mutex->p = NULL;
}

void g_mutex_clear(GMutex *mutex)
{
    if (mutex->p != NULL)
        pthread_mutex_destroy(mutex->p);
    free(g_steal_pointer(&mutex->p));
}

void g_mutex_lock(GMutex *mutex)
{
    pthread_mutex_lock(mutex_of(mutex));
}

gboolean g_mutex_trylock(GMutex *mutex)
{
    return pthread_mutex_trylock(mutex_of(mutex)) == 0;
}

void g_mutex_unlock(GMutex *mutex)
{
    pthread_mutex_unlock(mutex_of(mutex));
}

void g_cond_init(GCond *cond)
{
    cond->p = NULL;
}

void g_cond_clear(GCond *cond)
{
    if (cond->p != NULL)
        pthread_cond_destroy(cond->p);
    free(g_steal_pointer(&cond->p));
}

void g_cond_wait(GCond *cond, GMutex *mutex)
{
    pthread_cond_wait(cond_of(cond), mutex_of(mutex));
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    struct timespec end = {.tv_sec = end_time / G_USEC_PER_SEC, .tv_nsec = end_time % G_USEC_PER_SEC * 1000};
    return pthread_cond_timedwait(cond_of(cond), mutex_of(mutex), &end) != ETIMEDOUT;
}

void g_cond_signal(GCond *cond)
{
    pthread_cond_signal(cond_of(cond));
}

void g_cond_broadcast(GCond *cond)
{
    pthread_cond_broadcast(cond_of(cond));
}

void g_rw_lock_init(GRWLock *lock)
{
    lock->p = NULL;
}

void g_rw_lock_clear(GRWLock *lock)
{
    if (lock->p != NULL)
        pthread_rwlock_destroy(lock->p);
    free(g_steal_pointer(&lock->p));
}

void g_rw_lock_writer_lock(GRWLock *lock)
{
    pthread_rwlock_wrlock(rwlock_of(lock));
}

void g_rw_lock_writer_unlock(GRWLock *lock)
{
    pthread_rwlock_unlock(rwlock_of(lock));
}

void g_rw_lock_reader_lock(GRWLock *lock)
{
    pthread_rwlock_rdlock(rwlock_of(lock));
}

void g_rw_lock_reader_unlock(GRWLock *lock)
{
    pthread_rwlock_unlock(rwlock_of(lock));
}

static GMutex once_lock;

gboolean(g_once_init_enter)(volatile void *location)
{
    /* held until leave: slower than GLib's, and enough here */
    if (__atomic_load_n((gsize *)location, __ATOMIC_ACQUIRE) != 0)
        return FALSE;
    g_mutex_lock(&once_lock);
    if (__atomic_load_n((gsize *)location, __ATOMIC_ACQUIRE) == 0)
        return TRUE;
    g_mutex_unlock(&once_lock);
    return FALSE;
}

void(g_once_init_leave)(volatile void *location, gsize result)
{
    __atomic_store_n((gsize *)location, result, __ATOMIC_RELEASE);
    g_mutex_unlock(&once_lock);
}

/* ---- Thread pools: what a job needs was written by whoever pushed it ------------------------------------------------------------ */

void __tsan_acquire(void *object);
void __tsan_release(void *object);

typedef struct {
    GFunc func;
    gpointer data;
} Wrapped;

static void run(gpointer job, gpointer data)
{
    Wrapped *wrapped = data;
    __tsan_acquire(job);
    wrapped->func(job, wrapped->data);
    __tsan_release(wrapped);
}

/* Each pool is new'd and freed through these; GLib's own are found below them. */
#include <dlfcn.h>

GThreadPool *g_thread_pool_new(GFunc func, gpointer data, gint max_threads, gboolean exclusive, GError **error)
{
    GThreadPool *(*next)(GFunc, gpointer, gint, gboolean, GError **) = NULL;
    *(void **)&next = dlsym(RTLD_NEXT, "g_thread_pool_new");
    Wrapped *wrapped = calloc(1, sizeof *wrapped);
    *wrapped = (Wrapped){func, data};
    return next(run, wrapped, max_threads, exclusive, error);
}

gboolean g_thread_pool_push(GThreadPool *pool, gpointer job, GError **error)
{
    gboolean (*next)(GThreadPool *, gpointer, GError **) = NULL;
    *(void **)&next = dlsym(RTLD_NEXT, "g_thread_pool_push");
    __tsan_release(job);
    return next(pool, job, error);
}

void g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait)
{
    void (*next)(GThreadPool *, gboolean, gboolean) = NULL;
    *(void **)&next = dlsym(RTLD_NEXT, "g_thread_pool_free");
    Wrapped *wrapped = pool->user_data;
    next(pool, immediate, wait);
    if (wait) {
        __tsan_acquire(wrapped);
        free(wrapped);
    }
}

/* ---- Queues between threads: what is taken was written by whoever pushed it ---- */

void g_async_queue_push(GAsyncQueue *queue, gpointer item)
{
    void (*next)(GAsyncQueue *, gpointer) = NULL;
    *(void **)&next = dlsym(RTLD_NEXT, "g_async_queue_push");
    __tsan_release(item);
    next(queue, item);
}

gpointer g_async_queue_pop(GAsyncQueue *queue)
{
    gpointer (*next)(GAsyncQueue *) = NULL;
    *(void **)&next = dlsym(RTLD_NEXT, "g_async_queue_pop");
    gpointer item = next(queue);
    __tsan_acquire(item);
    return item;
}
