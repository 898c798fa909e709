#include "upper.h"
#include "sandbox-limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OPAQUE "user.overlay.opaque"

typedef struct {
    char *path;
    mode_t mode;
} Locked;

static void locked_clear(gpointer data)
{
    g_free(((Locked *)data)->path);
}

static void change_free(gpointer data)
{
    SandboxChange *change = data;
    g_free(change->path);
    g_free(change->target);
    g_free(change);
}

char *sandbox_escape_path(const char *path)
{
    g_autofree char *valid = g_utf8_validate(path, -1, NULL) ? NULL : g_strescape(path, NULL);
    GString *out = g_string_new(NULL);
    for (const char *at = valid != NULL ? valid : path; *at != '\0'; at++) {
        if ((guint8)*at < 0x20 || *at == 0x7f)
            g_string_append_printf(out, "\\%03o", (guint8)*at);
        else
            g_string_append_c(out, *at);
    }
    return g_string_free(out, FALSE);
}

static gboolean capture_error(GError **error, const char *path, const char *problem)
{
    g_autofree char *escaped = sandbox_escape_path(path);
    return sandbox_error(error, SLUICE_SANDBOX_ERROR_CAPTURE, "%s: %s", escaped, problem);
}

static gboolean capture_error_errno(GError **error, const char *path, int code)
{
    g_autofree char *escaped = sandbox_escape_path(path);
    return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_CAPTURE, code, "%s", escaped);
}

void sandbox_upper_init(SandboxUpper *upper, int fd, GPtrArray *skipped)
{
    *upper = (SandboxUpper){.fd = fd,
                            .changes = g_ptr_array_new_with_free_func(change_free),
                            .skipped = skipped,
                            .locked = g_array_new(FALSE, FALSE, sizeof(Locked))};
    g_array_set_clear_func(upper->locked, locked_clear);
}

void sandbox_upper_clear(SandboxUpper *upper)
{
    for (guint i = upper->locked->len; i > 0; i--) {
        const Locked *locked = &g_array_index(upper->locked, Locked, i - 1);
        fchmodat(upper->fd, locked->path, locked->mode, 0);
    }
    g_array_unref(upper->locked);
    g_ptr_array_unref(upper->changes);
    close(upper->fd);
}

/* A build may leave modes that keep even their owner out. */
static void unlock(SandboxUpper *upper, const char *path, mode_t mode)
{
    mode_t needed = S_ISDIR(mode) ? 0700 : 0400;
    if ((mode & needed) == needed || fchmodat(upper->fd, path, (mode & 07777) | needed, 0) != 0)
        return;
    const Locked locked = {.path = g_strdup(path), .mode = mode & 07777};
    g_array_append_val(upper->locked, locked);
}

int sandbox_upper_open(SandboxUpper *upper, const char *path, unsigned mode)
{
    const struct open_how how = {.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    const char *name = *path != '\0' ? path : ".";
    unlock(upper, name, mode);
    return (int)syscall(SYS_openat2, upper->fd, name, &how, sizeof how);
}

gboolean sandbox_upper_is_opaque(int directory_fd)
{
    char value = '\0';
    return fgetxattr(directory_fd, OPAQUE, &value, 1) == 1 && value == 'y';
}

static SandboxChange *add_change(SandboxUpper *upper, SandboxChangeType type, const char *path)
{
    SandboxChange *change = g_new0(SandboxChange, 1);
    change->type = type;
    change->path = g_strdup(path);
    g_ptr_array_add(upper->changes, change);
    return change;
}

static void note_skipped(SandboxUpper *upper, const char *path, mode_t mode)
{
    const char *what = S_ISSOCK(mode) ? "socket" : S_ISFIFO(mode) ? "fifo" : "device";
    if (upper->skipped == NULL || upper->skipped->len >= SANDBOX_CAPTURE_NOTES)
        return;
    g_autofree char *escaped = sandbox_escape_path(path);
    g_ptr_array_add(upper->skipped, g_strdup_printf("%s (%s)", escaped, what));
}

static gboolean read_directory(SandboxUpper *upper, const char *path, mode_t mode, unsigned depth, GError **error);

static gboolean read_symlink(SandboxUpper *upper, const char *path, GError **error)
{
    char target[PATH_MAX + 1];
    ssize_t length = readlinkat(upper->fd, path, target, sizeof target - 1);
    if (length < 0)
        return capture_error_errno(error, path, errno);
    target[length] = '\0';
    if (!g_utf8_validate(target, -1, NULL))
        return capture_error(error, path, "the target of the link is not valid UTF-8 and cannot be stored");
    add_change(upper, SANDBOX_CHANGE_SYMLINK, path)->target = g_strdup(target);
    return TRUE;
}

static gboolean read_entry(SandboxUpper *upper, const char *path, unsigned depth, GError **error)
{
    struct stat status;
    if (fstatat(upper->fd, path, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return capture_error_errno(error, path, errno);
    if (upper->changes->len >= SANDBOX_CAPTURE_ENTRIES)
        return capture_error(error, path, "more files than can be captured");
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0)) {
        add_change(upper, SANDBOX_CHANGE_REMOVED, path);
        return TRUE;
    }
    if (!g_utf8_validate(path, -1, NULL))
        return capture_error(error, path, "the name is not valid UTF-8 and cannot be stored");
    if (S_ISDIR(status.st_mode))
        return read_directory(upper, path, status.st_mode, depth + 1, error);
    if (S_ISLNK(status.st_mode))
        return read_symlink(upper, path, error);
    if (!S_ISREG(status.st_mode)) {
        add_change(upper, SANDBOX_CHANGE_REMOVED, path); /* what it replaced */
        note_skipped(upper, path, status.st_mode);
        return TRUE;
    }
    SandboxChange *change = add_change(upper, SANDBOX_CHANGE_FILE, path);
    change->executable = (status.st_mode & S_IXUSR) != 0;
    change->size = status.st_size;
    change->mtime = MAX(status.st_mtim.tv_sec, 0) * G_GINT64_CONSTANT(1000000000) + status.st_mtim.tv_nsec;
    return TRUE;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted.  Takes `fd`. */
static GPtrArray *list_names(int fd)
{
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (;;) {
        const struct dirent *entry = readdir(dir); /* cppcheck-suppress readdirCalled */
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    closedir(dir);
    g_ptr_array_sort(names, compare_names);
    return names;
}

static gboolean read_names(SandboxUpper *upper, const char *path, const GPtrArray *names, unsigned depth,
                           GError **error)
{
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *below =
            *path != '\0' ? g_strconcat(path, "/", names->pdata[i], NULL) : g_strdup(names->pdata[i]);
        if (strlen(below) >= PATH_MAX)
            return capture_error(error, path, "too long a path below it");
        if (!read_entry(upper, below, depth, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean read_directory(SandboxUpper *upper, const char *path, mode_t mode, unsigned depth, GError **error)
{
    if (depth > SANDBOX_CAPTURE_DEPTH) {
        g_autofree char *start = g_strndup(path, 64);
        g_autofree char *problem = g_strdup_printf("directories nested more than %u deep", SANDBOX_CAPTURE_DEPTH);
        return capture_error(error, start, problem);
    }
    int fd = sandbox_upper_open(upper, path, mode);
    if (fd < 0)
        return capture_error_errno(error, path, errno);
    gboolean opaque = sandbox_upper_is_opaque(fd);
    g_autoptr(GPtrArray) names = list_names(fd);
    if (names == NULL)
        return capture_error_errno(error, path, errno);
    if (depth > 0)
        add_change(upper, SANDBOX_CHANGE_DIRECTORY, path)->opaque = opaque;
    return read_names(upper, path, names, depth, error);
}

gboolean sandbox_upper_read(SandboxUpper *upper, const char *path, GError **error)
{
    struct stat status;
    if (fstatat(upper->fd, *path != '\0' ? path : ".", &status, AT_SYMLINK_NOFOLLOW) != 0)
        return capture_error_errno(error, path, errno);
    return read_directory(upper, path, status.st_mode, 0, error);
}
