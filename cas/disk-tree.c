/*
 * Removal of a tree.  Links are never followed.  A directory that is too deep (hostile builds nest thousands, more than there are
 * descriptors) is moved up to the top and removed from there.
 */
#include "disk-tree.h"
#include "cas-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 100 /* levels that are open at a time */

typedef struct {
    int top_fd; /* where too deep directories are moved */
    unsigned moved;
} Removal;

static gboolean empty_directory(Removal *removal, DIR *dir, unsigned depth, GError **error);

struct dirent *cas_next_entry(DIR *dir)
{
    struct dirent *entry;
    do {
        errno = 0;
        /* cppcheck-suppress readdirCalled ; no stream is shared between threads */
        entry = readdir(dir);
    } while (entry != NULL && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry;
}

/* Opens a directory even if its mode forbids it. */
static DIR *open_directory(int parent, const char *name)
{
    enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    int fd = openat(parent, name, FLAGS);
    if (fd < 0 && errno == EACCES && fchmodat(parent, name, 0700, 0) == 0)
        fd = openat(parent, name, FLAGS);
    if (fd < 0)
        return NULL;
    struct stat status;
    if (fstat(fd, &status) == 0 && (status.st_mode & 0700) != 0700)
        fchmod(fd, 0700); /* failure shows at the first unlink */
    DIR *dir = fdopendir(fd);
    if (dir == NULL)
        close(fd);
    return dir;
}

static gboolean move_up(Removal *removal, int parent, const char *name)
{
    enum { ATTEMPTS = 10000 }; /* the tree may use such names itself */
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        char target[64];
        g_snprintf(target, sizeof target, ".sluice-removal-%u", ++removal->moved);
        if (renameat(parent, name, removal->top_fd, target) == 0)
            return TRUE;
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
            return FALSE;
    }
    return FALSE;
}

static gboolean remove_directory(Removal *removal, int parent, const char *name, unsigned depth, GError **error)
{
    DIR *dir = open_directory(parent, name);
    if (dir == NULL)
        return errno == ENOENT || cas_error_errno(error, errno, "cannot open the directory %s", name);
    if (depth > DEPTH_MAX) {
        closedir(dir);
        return move_up(removal, parent, name) || cas_error_errno(error, errno, "cannot move the directory %s", name);
    }
    gboolean ok = empty_directory(removal, dir, depth, error);
    closedir(dir);
    if (ok && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return cas_error_errno(error, errno, "cannot remove the directory %s", name);
    return ok;
}

static gboolean remove_entry(Removal *removal, int parent, const char *name, unsigned char type, unsigned depth,
                             GError **error)
{
    if (type != DT_DIR && unlinkat(parent, name, 0) == 0)
        return TRUE;
    if (type == DT_DIR || errno == EISDIR || errno == EPERM)
        return remove_directory(removal, parent, name, depth, error);
    return errno == ENOENT || cas_error_errno(error, errno, "cannot remove %s", name);
}

static gboolean empty_directory(Removal *removal, DIR *dir, unsigned depth, GError **error)
{
    for (;;) {
        struct dirent *entry = cas_next_entry(dir);
        if (entry == NULL)
            return errno == 0 || cas_error_errno(error, errno, "cannot read a directory");
        if (!remove_entry(removal, dirfd(dir), entry->d_name, entry->d_type, depth + 1, error))
            return FALSE;
    }
}

gboolean cas_remove_contents(int fd, GError **error)
{
    Removal removal = {.top_fd = fd};
    for (unsigned moved;;) {
        moved = removal.moved;
        int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        if (dir == NULL) {
            int code = errno;
            if (copy >= 0)
                close(copy);
            return cas_error_errno(error, code, "cannot read a directory");
        }
        gboolean ok = empty_directory(&removal, dir, 0, error);
        closedir(dir);
        if (!ok)
            return FALSE;
        if (removal.moved == moved)
            return TRUE;
    }
}

gboolean cas_remove_tree_at(int parent, const char *name, GError **error)
{
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || cas_error_errno(error, errno, "cannot look at %s", name);
    if (!S_ISDIR(status.st_mode))
        return unlinkat(parent, name, 0) == 0 || cas_error_errno(error, errno, "cannot remove %s", name);
    DIR *dir = open_directory(parent, name);
    if (dir == NULL)
        return cas_error_errno(error, errno, "cannot open the directory %s", name);
    gboolean ok = cas_remove_contents(dirfd(dir), error);
    closedir(dir);
    return ok && (unlinkat(parent, name, AT_REMOVEDIR) == 0 ||
                  cas_error_errno(error, errno, "cannot remove the directory %s", name));
}

gboolean sluice_remove_tree(const char *path, GError **error)
{
    GError *problem = NULL;
    if (cas_remove_tree_at(AT_FDCWD, path, &problem))
        return TRUE;
    g_propagate_prefixed_error(error, problem, "%s: ", path);
    return FALSE;
}
