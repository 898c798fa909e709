/* clones.c - see clones.h */
#include "clones.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER      "sources"
#define USED_SUFFIX ".used"
#define LOCK_SUFFIX ".lock"
#define TEXT_MAX    32
/* Where eviction starts and stops, in percent of the quota: those of the store. */
#define HIGH_PERCENT 95
#define LOW_PERCENT  80

static const char *const parts[] = {"", ".git", ".shallow.git"};

static int lock(const char *path, int flags, int operation)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0644);
    int result = -1;
    while (fd >= 0 && (result = flock(fd, operation)) != 0 && errno == EINTR) {
    }
    if (fd >= 0 && result != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int clone_use(const char *base, gboolean make)
{
    g_autofree char *path = g_strconcat(base, USED_SUFFIX, NULL), *folder = g_path_get_dirname(base);
    if (make) {
        (void)g_mkdir_with_parents(folder, 0755);
    }
    int fd = lock(path, make ? O_CREAT : 0, LOCK_SH);
    if (fd >= 0) {
        (void)futimens(fd, NULL);
    }
    return fd;
}

/* ---- Sizes ------------------------------------------------------------------------------------------------------------------------- */

/* What the files below take on the disk. */
static guint64 size_below(const char *folder)
{
    g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
    guint64 bytes = 0;
    g_ptr_array_add(folders, g_strdup(folder));
    while (folders->len > 0) {
        g_autofree char *path = g_ptr_array_steal_index_fast(folders, folders->len - 1);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
            char *entry = g_build_filename(path, name, NULL);
            struct stat status;
            if (lstat(entry, &status) == 0) {
                bytes += (guint64)status.st_blocks * 512;
                if (S_ISDIR(status.st_mode)) {
                    g_ptr_array_add(folders, g_steal_pointer(&entry));
                }
            }
            g_free(entry);
        }
    }
    return bytes;
}

static guint64 measure(const char *base)
{
    guint64 bytes = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *path = g_strconcat(base, parts[i], NULL);
        bytes += size_below(path);
    }
    return bytes;
}

static void write_size(const char *base, guint64 bytes)
{
    char text[TEXT_MAX];
    g_autofree char *path = g_strconcat(base, USED_SUFFIX, NULL);
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    int length = g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT "\n", bytes);
    if (fd >= 0) {
        /* Half a number would be another one only until the next change. */
        if (ftruncate(fd, 0) == 0) {
            (void)!pwrite(fd, text, (gsize)length, 0);
        }
        close(fd);
    }
}

void clone_measure(const char *base)
{
    write_size(base, measure(base));
}

/* ---- All of them ------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    char *base;
    guint64 bytes;
    struct timespec used;
} Clone;

static void clone_clear(gpointer data)
{
    g_free(((Clone *)data)->base);
}

static int compare_used(gconstpointer a, gconstpointer b)
{
    const struct timespec *x = &((const Clone *)a)->used, *y = &((const Clone *)b)->used;
    return x->tv_sec != y->tv_sec ? (x->tv_sec > y->tv_sec) - (x->tv_sec < y->tv_sec)
                                  : (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static void list_folder(const char *folder, gboolean exact, GArray *clones)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *path = g_build_filename(folder, name, NULL), *text = NULL;
        struct stat status;
        if (!g_str_has_suffix(name, USED_SUFFIX) || lstat(path, &status) != 0 || !S_ISREG(status.st_mode) ||
            status.st_size > TEXT_MAX || !g_file_get_contents(path, &text, NULL, NULL)) {
            continue;
        }
        Clone clone = {.base = g_strndup(path, strlen(path) - strlen(USED_SUFFIX)), .used = status.st_mtim};
        clone.bytes = exact ? measure(clone.base) : g_ascii_strtoull(text, NULL, 10);
        if (clone.bytes > 0) {
            g_array_append_val(clones, clone);
        } else {
            clone_clear(&clone);
        }
    }
}

/* The least recently used first. */
static GArray *list_clones(SluiceStore *store, gboolean exact)
{
    GArray *clones = g_array_new(FALSE, FALSE, sizeof(Clone));
    g_autofree char *top = g_build_filename(sluice_store_get_path(store), FOLDER, NULL);
    g_autoptr(GDir) dir = g_dir_open(top, 0, NULL);
    g_array_set_clear_func(clones, clone_clear);
    for (const char *kind; dir != NULL && (kind = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *folder = g_build_filename(top, kind, NULL);
        list_folder(folder, exact, clones);
    }
    g_array_sort(clones, compare_used);
    return clones;
}

static void add_up(GArray *clones, ClonesTotal *out)
{
    *out = (ClonesTotal){.clones = clones->len};
    for (guint i = 0; i < clones->len; i++) {
        out->bytes += g_array_index(clones, Clone, i).bytes;
    }
}

void clones_total(SluiceStore *store, gboolean exact, ClonesTotal *out)
{
    g_autoptr(GArray) clones = list_clones(store, exact);
    add_up(clones, out);
}

/* ---- Removing ---------------------------------------------------------------------------------------------------------------------- */

/* At once, for whoever looks for it; its files then go with the work folder. */
static void move_away(SluiceStore *store, const char *base)
{
    g_autofree char *work = sluice_store_make_work_dir(store, "evict", NULL);
    for (gsize i = 0; work != NULL && i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *from = g_strconcat(base, parts[i], NULL);
        g_autofree char *to = g_strdup_printf("%s/%" G_GSIZE_FORMAT, work, i);
        (void)rename(from, to);
    }
    if (work != NULL) {
        sluice_remove_tree(work, NULL);
    }
}

/* The files of the locks stay: somebody may wait for them. */
static gboolean remove_clone(SluiceStore *store, const Clone *clone)
{
    g_autofree char *used = g_strconcat(clone->base, USED_SUFFIX, NULL);
    g_autofree char *fetch = g_strconcat(clone->base, LOCK_SUFFIX, NULL);
    int fetching = lock(fetch, O_CREAT, LOCK_EX | LOCK_NB);
    int using = fetching >= 0 ? lock(used, 0, LOCK_EX | LOCK_NB) : -1;
    if (using >= 0) {
        move_away(store, clone->base);
        write_size(clone->base, 0);
        close(using);
    }
    if (fetching >= 0) {
        close(fetching);
    }
    return using >= 0;
}

void clones_evict(SluiceStore *store, guint64 target, ClonesTotal *removed)
{
    g_autoptr(GArray) clones = list_clones(store, FALSE);
    ClonesTotal left;
    add_up(clones, &left);
    *removed = (ClonesTotal){0};
    for (guint i = 0; i < clones->len && left.bytes > target; i++) {
        const Clone *clone = &g_array_index(clones, Clone, i);
        if (remove_clone(store, clone)) {
            left.bytes -= clone->bytes;
            removed->bytes += clone->bytes;
            removed->clones++;
        }
    }
}

gboolean clones_collect(SluiceStore *store, guint64 target, ClonesTotal *removed, SluiceGcStats *stats, GError **error)
{
    SluiceStoreInfo info;
    ClonesTotal left;
    if (!sluice_store_get_info(store, &info, error)) {
        return FALSE;
    }
    clones_evict(store, target > info.disk_bytes ? target - info.disk_bytes : 0, removed);
    clones_total(store, FALSE, &left);
    guint64 rest = target > left.bytes ? target - left.bytes : 0;
    return sluice_store_gc(store, target == G_MAXUINT64 ? target : rest, stats, error);
}

gboolean clones_enforce_quota(SluiceStore *store, ClonesTotal *removed, SluiceGcStats *stats, GError **error)
{
    SluiceStoreInfo info;
    ClonesTotal total;
    *removed = (ClonesTotal){0};
    if (!sluice_store_get_info(store, &info, error)) {
        return FALSE;
    }
    clones_total(store, FALSE, &total);
    if (info.quota == 0 || info.disk_bytes + total.bytes <= info.quota / 100 * HIGH_PERCENT) {
        return TRUE;
    }
    return clones_collect(store, info.quota / 100 * LOW_PERCENT, removed, stats, error);
}
