#include "checkouts.h"
#include "sandbox-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER      "checkouts"
#define LOCK_SUFFIX ".lock"

/* The lock file is removed with its checkout, so a lock may be one of a file that has no name any more. */
static int lock_file(const char *path, int operation)
{
    for (;;) {
        struct stat mine, named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0)
            return -1;
        int result = 0;
        do
            result = flock(fd, operation);
        while (result != 0 && errno == EINTR);
        if (result == 0 && fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_ino == named.st_ino &&
            mine.st_dev == named.st_dev)
            return fd;
        int code = errno;
        close(fd);
        if (result != 0) {
            errno = code;
            return -1;
        }
    }
}

/* ---- Removal of old ones ---- */

typedef struct {
    char *name;
    struct timespec used;
} Old;

static void old_clear(gpointer data)
{
    g_free(((Old *)data)->name);
}

static int compare_age(gconstpointer a, gconstpointer b)
{
    const struct timespec *x = &((const Old *)a)->used, *y = &((const Old *)b)->used;
    return x->tv_sec != y->tv_sec ? (x->tv_sec > y->tv_sec) - (x->tv_sec < y->tv_sec)
                                  : (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static GArray *list_checkouts(const char *folder)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Old));
    g_array_set_clear_func(list, old_clear);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        struct stat status;
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (!g_str_has_suffix(name, LOCK_SUFFIX) || stat(path, &status) != 0)
            continue;
        const Old old = {.name = g_strndup(name, strlen(name) - strlen(LOCK_SUFFIX)), .used = status.st_mtim};
        g_array_append_val(list, old);
    }
    g_array_sort(list, compare_age);
    return list;
}

/* Out of sight first, so that nobody takes a half-removed one for a checkout. */
static void remove_checkout(SluiceStore *store, const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *lock_path = g_strconcat(path, LOCK_SUFFIX, NULL);
    g_autofree char *work = NULL;
    int lock = lock_file(lock_path, LOCK_EX | LOCK_NB);
    if (lock < 0)
        return; /* somebody uses it */
    if ((work = sluice_store_make_work_dir(store, "old-checkout", NULL)) != NULL) {
        g_autofree char *grave = g_build_filename(work, "tree", NULL);
        if (rename(path, grave) == 0 || errno == ENOENT)
            unlink(lock_path);
        sluice_remove_tree(work, NULL);
    }
    close(lock);
}

static void remove_old(SluiceStore *store, const char *folder)
{
    g_autoptr(GArray) list = list_checkouts(folder);
    for (guint i = 0; i + SANDBOX_CHECKOUTS_KEPT < list->len; i++)
        remove_checkout(store, folder, g_array_index(list, Old, i).name);
}

/* ---- Making ---- */

static gboolean make(SluiceStore *store, const SluiceDigest *root, const char *path, GError **error)
{
    g_autofree char *work = sluice_store_make_work_dir(store, "checkout", error);
    if (work == NULL)
        return FALSE;
    g_autofree char *tree = g_build_filename(work, "tree", NULL);
    gboolean ok = sluice_store_checkout(store, root, AT_FDCWD, tree, SLUICE_CHECKOUT_HARDLINK, error);
    if (ok && rename(tree, path) != 0)
        ok = sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot move the checkout to %s", path);
    sluice_remove_tree(work, NULL);
    return ok;
}

static gboolean ensure(SluiceStore *store, const SluiceDigest *root, const char *path, const char *lock_path,
                       GError **error)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR))
        return TRUE;
    int lock = lock_file(lock_path, LOCK_EX); /* waits for another that makes the same */
    if (lock < 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot lock %s", lock_path);
    gboolean ok = g_file_test(path, G_FILE_TEST_IS_DIR) || make(store, root, path, error);
    close(lock);
    return ok;
}

char *sandbox_checkout_acquire(SluiceStore *store, const SluiceDigest *root, int *lock, GError **error)
{
    enum { ATTEMPTS = 16 };
    g_autofree char *name = sandbox_tree_name(root);
    g_autofree char *folder = g_build_filename(sluice_store_get_path(store), FOLDER, NULL);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *lock_path = g_strconcat(path, LOCK_SUFFIX, NULL);
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
        sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot make %s", folder);
        return NULL;
    }
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (!ensure(store, root, path, lock_path, error))
            return NULL;
        *lock = lock_file(lock_path, LOCK_SH);
        if (*lock < 0)
            break;
        if (g_file_test(path, G_FILE_TEST_IS_DIR)) { /* not removed between the two locks */
            futimens(*lock, NULL);
            remove_old(store, folder);
            return g_steal_pointer(&path);
        }
        close(*lock);
    }
    sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "cannot keep the checkout %s", path);
    return NULL;
}
