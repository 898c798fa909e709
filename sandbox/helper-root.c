#include "helper-root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_inside(int root, const char *path, guint64 flags, guint64 resolve)
{
    const struct open_how how = {.flags = flags | O_CLOEXEC,
                                 .resolve = resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

gboolean helper_root_open(HelperRoot *root, const char *place, GError **error)
{
    *root = (HelperRoot){.fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC),
                         .made = g_ptr_array_new_with_free_func(g_free)};
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", root->fd);
    if (root->fd >= 0)
        root->place = g_file_read_link(link, NULL);
    return root->place != NULL ||
           sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot open %s", place);
}

void helper_root_clear(HelperRoot *root)
{
    if (root->fd >= 0)
        close(root->fd);
    g_clear_pointer(&root->place, g_free);
    g_clear_pointer(&root->made, g_ptr_array_unref);
    root->fd = -1;
}

int helper_root_open_path(const HelperRoot *root, const char *path)
{
    return open_inside(root->fd, path, O_PATH, 0);
}

gboolean helper_root_has_link(const HelperRoot *root, const char *path)
{
    int fd = open_inside(root->fd, path, O_PATH, RESOLVE_NO_SYMLINKS);
    gboolean result = fd < 0 && errno == ELOOP;
    if (fd >= 0)
        close(fd);
    return result;
}

/* What /proc says about the descriptor, less the path of the root. */
static char *canonical(const HelperRoot *root, int fd)
{
    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *path = g_file_read_link(link, NULL);
    if (path == NULL || !g_str_has_prefix(path, root->place)) {
        errno = EXDEV;
        return NULL;
    }
    const char *inside = path + strlen(root->place);
    return g_strdup(*inside != '\0' ? inside : "/");
}

char *helper_root_resolve(const HelperRoot *root, const char *path)
{
    int fd = helper_root_open_path(root, path);
    if (fd < 0)
        return NULL;
    char *inside = canonical(root, fd);
    int code = errno;
    close(fd);
    errno = code;
    return inside;
}

static char *check_kind(const HelperRoot *root, int fd, const char *path, gboolean file, GError **error)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || (!file && !S_ISDIR(status.st_mode)) || (file && S_ISDIR(status.st_mode))) {
        sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "%s in the sandbox is %s", path,
                      file ? "a directory" : "not a directory");
        return NULL;
    }
    char *inside = canonical(root, fd);
    if (inside == NULL)
        sandbox_error(error, SLUICE_SANDBOX_ERROR_SETUP, "%s leads out of the sandbox", path);
    return inside;
}

static char *make(HelperRoot *root, const char *path, gboolean file, gboolean transient, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *parent = helper_root_ensure(root, folder, FALSE, transient, error);
    if (parent == NULL)
        return NULL;
    char *inside = g_build_filename(parent, name, NULL);
    int fd = open_inside(root->fd, parent, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
    int result = fd < 0 ? -1 : file ? mknodat(fd, name, S_IFREG | 0644, 0) : mkdirat(fd, name, 0755);
    int code = errno;
    if (fd >= 0)
        close(fd);
    if (result != 0) {
        sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, code, "cannot make %s in the sandbox%s", path,
                            code == EEXIST ? " (is it a dangling link?)" : "");
        g_free(inside);
        return NULL;
    }
    if (transient)
        g_ptr_array_add(root->made, g_strdup(inside));
    return inside;
}

char *helper_root_ensure(HelperRoot *root, const char *path, gboolean file, gboolean transient, GError **error)
{
    int fd = helper_root_open_path(root, path);
    if (fd >= 0) {
        char *inside = check_kind(root, fd, path, file, error);
        close(fd);
        return inside;
    }
    if (errno == ENOENT && path[strspn(path, "/")] != '\0')
        return make(root, path, file, transient, error);
    sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "%s in the sandbox", path);
    return NULL;
}

static void take_away(const HelperRoot *root, const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    struct stat status;
    int parent = open_inside(root->fd, folder, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
    if (parent < 0)
        return;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(status.st_mode))
            unlinkat(parent, name, AT_REMOVEDIR); /* not if a command has put something there */
        else if (S_ISREG(status.st_mode) && status.st_size == 0)
            unlinkat(parent, name, 0);
    }
    close(parent);
}

void helper_root_tidy(HelperRoot *root)
{
    for (guint i = root->made->len; i > 0; i--)
        take_away(root, root->made->pdata[i - 1]);
    g_ptr_array_set_size(root->made, 0);
}
