/*
 * How much of the index is mapped.
 *
 * LMDB maps its file, and what was looked at once stays mapped: after an hour a server would look as large as the index, although the pages are
 * the page cache's and cost nothing.  Unmapping them makes the next look a page fault (of 16 pages, as the kernel does), so it is done only
 * where the faults since the last time were rare: their time is kept below a fiftieth of what passed.
 */
#include "cas-private.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { CHECK_INTERVAL = 100000, PAGES_A_FAULT = 16, TIME_OF_FAULT = 4, SHARE = 50 }; /* microseconds */

void sluice_store_set_mapped_limit(SluiceStore *store, gsize bytes)
{
    atomic_store(&store->index->mapped_limit, bytes);
}

/* Of all files, in pages. */
static gsize count_mapped(void)
{
    char text[128];
    unsigned long mapped = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0)
        close(fd);
    text[MAX(length, 0)] = '\0';
    return sscanf(text, "%*u %*u %lu", &mapped) == 1 ? mapped : 0;
}

/* LMDB does not tell where it mapped its file; the kernel does. */
static gpointer find_map(CasIndex *index)
{
    int fd;
    struct stat status;
    g_autofree char *text = NULL;
    if (mdb_env_get_fd(index->env, &fd) != 0 || fstat(fd, &status) != 0 ||
        !g_file_get_contents("/proc/self/maps", &text, NULL, NULL))
        return NULL;
    for (char *line = text, *end; line != NULL && *line != '\0'; line = end != NULL ? end + 1 : NULL) {
        unsigned long start, offset, inode;
        unsigned major, minor;
        end = strchr(line, '\n');
        if (sscanf(line, "%lx-%*x r--s %lx %x:%x %lu", &start, &offset, &major, &minor, &inode) == 5 && offset == 0 &&
            inode == status.st_ino && makedev(major, minor) == status.st_dev)
            return (gpointer)start; // NOLINT(performance-no-int-to-ptr)
    }
    return NULL;
}

static void unmap_pages(CasIndex *index)
{
    MDB_envinfo info;
    if (index->env == NULL || mdb_env_info(index->env, &info) != 0)
        return;
    if (index->map_start == NULL)
        index->map_start = find_map(index);
    gsize used = (info.me_last_pgno + 1) * (gsize)sysconf(_SC_PAGESIZE);
    if (index->map_start == NULL)
        index->mapped_limit = 0; /* a file system that names its devices twice: not to be looked for again and again */
    else
        (void)madvise(index->map_start, MIN(info.me_mapsize, used), MADV_DONTNEED);
}

void cas_mapped_check(CasIndex *index)
{
    gsize limit = atomic_load_explicit(&index->mapped_limit, memory_order_relaxed);
    if (limit == 0)
        return;
    gint64 now = g_get_monotonic_time(), checked = atomic_load_explicit(&index->mapped_checked, memory_order_relaxed);
    if (now - checked < CHECK_INTERVAL || !atomic_compare_exchange_strong(&index->mapped_checked, &checked, now))
        return;
    gsize pages = count_mapped();
    gint64 cost = (gint64)(pages / PAGES_A_FAULT) * TIME_OF_FAULT;
    if (pages < limit / (gsize)sysconf(_SC_PAGESIZE) || now - index->mapped_trimmed < cost * SHARE)
        return;
    index->mapped_trimmed = now;
    unmap_pages(index);
}
