/* Writing a tree to the disk: the reverse of import.  Metadata is what every staged tree has: 0644 or 0755, one fixed time. */
#include "cas-private.h"
#include "disk-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    SluiceStore *store;
    gboolean link;
    gsize entries;
} Checkout;

static const struct timespec staged_times[2] = {{.tv_sec = SLUICE_STAGED_MTIME}, {.tv_sec = SLUICE_STAGED_MTIME}};

static gboolean check_out(Checkout *checkout, const SluiceDigest *digest, int dirfd, unsigned depth, GError **error);

static gboolean try_link(Checkout *checkout, const SluiceEntry *entry, int dirfd, gboolean *done, GError **error)
{
    char object[CAS_OBJECT_NAME_MAX];
    CasIndex *index = checkout->store->index;
    GError *problem = NULL;
    *done = FALSE;
    if (!cas_object_variant(index, &entry->digest, entry->executable, object, &problem)) {
        if (problem != NULL)
            g_propagate_error(error, problem);
        return problem == NULL;
    }
    if (linkat(index->root_fd, object, dirfd, entry->name, 0) == 0)
        *done = TRUE;
    else if (errno == EEXIST)
        return cas_error_errno(error, errno, "cannot write %s", entry->name);
    return TRUE; /* too many links, another file system, not our file: a copy is as good */
}

static gboolean write_content(Checkout *checkout, const SluiceEntry *entry, int out, GError **error)
{
    if (entry->digest.size == 0)
        return TRUE;
    if (entry->digest.size <= CAS_INLINE_MAX) {
        g_autoptr(GBytes) bytes = sluice_store_read(checkout->store, &entry->digest, error);
        if (bytes == NULL)
            return FALSE;
        gsize length;
        const void *data = g_bytes_get_data(bytes, &length);
        return cas_write_all(out, data, length) || cas_error_errno(error, errno, "cannot write %s", entry->name);
    }
    int in = sluice_store_open_blob(checkout->store, &entry->digest, error);
    if (in < 0)
        return FALSE;
    gboolean ok =
        cas_copy_fd(in, out, entry->digest.size) || cas_error_errno(error, errno, "cannot write %s", entry->name);
    close(in);
    return ok;
}

static gboolean copy_file(Checkout *checkout, const SluiceEntry *entry, int dirfd, GError **error)
{
    int out = openat(dirfd, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (out < 0)
        return cas_error_errno(error, errno, "cannot create %s", entry->name);
    gboolean ok = write_content(checkout, entry, out, error);
    const struct timespec time = {.tv_sec = entry->mtime / 1000000000, .tv_nsec = entry->mtime % 1000000000};
    const struct timespec own[2] = {time, time};
    if (ok && (!cas_finish_object(out, entry->executable) || (entry->mtime > 0 && futimens(out, own) != 0)))
        ok = cas_error_errno(error, errno, "cannot set the mode of %s", entry->name);
    if (close(out) != 0 && ok)
        ok = cas_error_errno(error, errno, "cannot write %s", entry->name);
    return ok;
}

static gboolean write_symlink(const SluiceEntry *entry, int dirfd, GError **error)
{
    if (symlinkat(entry->target, dirfd, entry->name) != 0 ||
        utimensat(dirfd, entry->name, staged_times, AT_SYMLINK_NOFOLLOW) != 0)
        return cas_error_errno(error, errno, "cannot create the link %s", entry->name);
    return TRUE;
}

static gboolean write_directory(Checkout *checkout, const SluiceEntry *entry, int dirfd, unsigned depth, GError **error)
{
    if (mkdirat(dirfd, entry->name, 0755) != 0)
        return cas_error_errno(error, errno, "cannot create the directory %s", entry->name);
    int fd = openat(dirfd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cas_error_errno(error, errno, "cannot open the directory %s", entry->name);
    gboolean ok = check_out(checkout, &entry->digest, fd, depth + 1, error);
    close(fd);
    if (!ok)
        g_prefix_error(error, "%s/: ", entry->name);
    return ok;
}

static gboolean write_entry(Checkout *checkout, const SluiceEntry *entry, int dirfd, unsigned depth, GError **error)
{
    gboolean done = FALSE;
    if (entry->type == SLUICE_ENTRY_DIRECTORY)
        return write_directory(checkout, entry, dirfd, depth, error);
    if (entry->type == SLUICE_ENTRY_SYMLINK)
        return write_symlink(entry, dirfd, error);
    if (checkout->link && entry->mtime == 0 && !try_link(checkout, entry, dirfd, &done, error))
        return FALSE;
    return done || copy_file(checkout, entry, dirfd, error);
}

static gboolean check_out(Checkout *checkout, const SluiceDigest *digest, int dirfd, unsigned depth, GError **error)
{
    if (depth > CAS_DEPTH_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a tree of more than %d levels", CAS_DEPTH_MAX);
    g_autoptr(SluiceDirectory) directory = sluice_directory_read(checkout->store, digest, error);
    if (directory == NULL)
        return FALSE;
    gsize count;
    const SluiceEntry *entries = sluice_directory_get_entries(directory, &count);
    checkout->entries += count;
    if (checkout->entries > CAS_TREE_ENTRIES_MAX)
        return cas_error(error, SLUICE_CAS_ERROR_INVALID, "a tree of more than %d entries", CAS_TREE_ENTRIES_MAX);
    for (gsize i = 0; i < count; i++)
        if (!write_entry(checkout, &entries[i], dirfd, depth, error))
            return FALSE;
    if (fchmod(dirfd, 0755) != 0 || futimens(dirfd, staged_times) != 0)
        return cas_error_errno(error, errno, "cannot set the mode of a directory");
    return TRUE;
}

static gboolean is_empty(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    gboolean empty = FALSE;
    if (dir != NULL)
        empty = cas_next_entry(dir) == NULL && errno == 0;
    if (dir != NULL)
        closedir(dir);
    else if (copy >= 0)
        close(copy);
    return empty;
}

static int open_target(int dirfd, const char *path, gboolean *made, GError **error)
{
    *made = mkdirat(dirfd, path, 0755) == 0;
    if (!*made && errno != EEXIST) {
        cas_error_errno(error, errno, "cannot create %s", path);
        return -1;
    }
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        cas_error_errno(error, errno, "cannot open %s", path);
    } else if (!is_empty(fd)) {
        cas_error(error, SLUICE_CAS_ERROR_INVALID, "cannot check out to %s: it is not empty", path);
        close(fd);
        fd = -1;
    }
    return fd;
}

gboolean sluice_store_checkout(SluiceStore *store, const SluiceDigest *root, int dirfd, const char *path,
                               SluiceCheckoutMode mode, GError **error)
{
    Checkout checkout = {.store = store, .link = mode == SLUICE_CHECKOUT_HARDLINK && !store->index->read_only};
    GError *problem = NULL;
    gboolean made;
    int fd = open_target(dirfd, path, &made, error);
    if (fd < 0)
        return FALSE;
    gboolean ok = check_out(&checkout, root, fd, 0, &problem);
    if (!ok) { /* nothing half-written */
        g_propagate_prefixed_error(error, problem, "checkout to %s: ", path);
        cas_remove_contents(fd, NULL);
        if (made)
            unlinkat(dirfd, path, AT_REMOVEDIR);
    }
    close(fd);
    return ok;
}
