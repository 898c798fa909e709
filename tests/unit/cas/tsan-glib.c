/*
 * GLib's mutexes, thread pools and reference counts are invisible to ThreadSanitizer (the library is not instrumented), so what they
 * order looks like races.  Where a program is built for it, these wrappers tell it; elsewhere this file is empty.
 */
#include <glib.h>

#if defined(__SANITIZE_THREAD__)

#include <dlfcn.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

/* What GLib allocates and frees for itself. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libglib-2.0.so\n";
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void g_mutex_lock(GMutex *mutex)
{
    REAL(g_mutex_lock)(mutex);
    __tsan_acquire(mutex);
}

void g_mutex_unlock(GMutex *mutex)
{
    __tsan_release(mutex);
    REAL(g_mutex_unlock)(mutex);
}

void g_cond_wait(GCond *cond, GMutex *mutex)
{
    __tsan_release(mutex);
    REAL(g_cond_wait)(cond, mutex);
    __tsan_acquire(mutex);
}

/* Readers are not ordered among each other: told by the interface that knows this. */
enum { READ_LOCK = 1 << 3 };
void __tsan_mutex_pre_lock(void *address, unsigned flags);
void __tsan_mutex_post_lock(void *address, unsigned flags, int recursion);
int __tsan_mutex_pre_unlock(void *address, unsigned flags);
void __tsan_mutex_post_unlock(void *address, unsigned flags);

#define WRAP_LOCK(name, flags)                                                                                         \
    void name(GRWLock *lock)                                                                                           \
    {                                                                                                                  \
        __tsan_mutex_pre_lock(lock, flags);                                                                            \
        REAL(name)(lock);                                                                                              \
        __tsan_mutex_post_lock(lock, flags, 0);                                                                        \
    }
#define WRAP_UNLOCK(name, flags)                                                                                       \
    void name(GRWLock *lock)                                                                                           \
    {                                                                                                                  \
        __tsan_mutex_pre_unlock(lock, flags);                                                                          \
        REAL(name)(lock);                                                                                              \
        __tsan_mutex_post_unlock(lock, flags);                                                                         \
    }
WRAP_LOCK(g_rw_lock_reader_lock, READ_LOCK)
WRAP_UNLOCK(g_rw_lock_reader_unlock, READ_LOCK)
WRAP_LOCK(g_rw_lock_writer_lock, 0)
WRAP_UNLOCK(g_rw_lock_writer_unlock, 0)

/* ---- Thread pools: a task begins after it was pushed, and ends before the pool is freed ------------------------------------------ */

typedef struct {
    GFunc func;
    gpointer data;
    GThreadPool *pool;
} Wrapped;

static GMutex wrapped_lock;
static GHashTable *wrapped_pools;

static void run_task(gpointer task, gpointer data)
{
    Wrapped *wrapped = data;
    __tsan_acquire(wrapped);
    wrapped->func(task, wrapped->data);
    __tsan_release(wrapped);
}

static Wrapped *find_wrapped(GThreadPool *pool)
{
    g_mutex_lock(&wrapped_lock);
    Wrapped *wrapped = g_hash_table_lookup(wrapped_pools, pool);
    g_mutex_unlock(&wrapped_lock);
    return wrapped;
}

GThreadPool *g_thread_pool_new(GFunc func, gpointer data, gint threads, gboolean exclusive, GError **error)
{
    Wrapped *wrapped = g_new0(Wrapped, 1);
    wrapped->func = func;
    wrapped->data = data;
    wrapped->pool = REAL(g_thread_pool_new)(run_task, wrapped, threads, exclusive, error);
    g_mutex_lock(&wrapped_lock);
    if (wrapped_pools == NULL)
        wrapped_pools = g_hash_table_new(NULL, NULL);
    g_hash_table_insert(wrapped_pools, wrapped->pool, wrapped);
    g_mutex_unlock(&wrapped_lock);
    return wrapped->pool;
}

gboolean g_thread_pool_push(GThreadPool *pool, gpointer task, GError **error)
{
    __tsan_release(find_wrapped(pool));
    return REAL(g_thread_pool_push)(pool, task, error);
}

void g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait)
{
    Wrapped *wrapped = find_wrapped(pool);
    g_mutex_lock(&wrapped_lock);
    g_hash_table_remove(wrapped_pools, pool);
    g_mutex_unlock(&wrapped_lock);
    REAL(g_thread_pool_free)(pool, immediate, wait);
    __tsan_acquire(wrapped);
    g_free(wrapped);
}

/* ---- Reference counts: the last one frees after all others have let go ------------------------------------------------------------ */

gpointer(g_atomic_rc_box_acquire)(gpointer box)
{
    gpointer result = REAL(g_atomic_rc_box_acquire)(box);
    __tsan_acquire(box);
    return result;
}

void g_atomic_rc_box_release(gpointer box)
{
    __tsan_release(box);
    __tsan_acquire(box);
    REAL(g_atomic_rc_box_release)(box);
}

void g_bytes_unref(GBytes *bytes)
{
    __tsan_release(bytes);
    __tsan_acquire(bytes);
    REAL(g_bytes_unref)(bytes);
}

#else
typedef int nothing_here;
#endif
