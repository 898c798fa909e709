/* find.c - which compiler is meant.  Ours are links to this program: they are recognised by their inode. */
#include "recc.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *recc_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A link to a launcher that was installed elsewhere, which would find ours, and so on. */
static bool is_launcher(const char *path)
{
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    return strcmp(recc_base_name(target), "sluice-recc") == 0;
}

static bool is_program(const char *path, const struct stat *self)
{
    struct stat info;
    return !is_launcher(path) && stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0 &&
           (info.st_ino != self->st_ino || info.st_dev != self->st_dev);
}

/* Our own folder in PATH, also where there is no /proc to tell which program this is. */
static bool is_ours(const char *folder, size_t length)
{
    static const char ours[] = RECC_FOLDER "/bin";
    return length == sizeof ours - 1 && memcmp(folder, ours, length) == 0;
}

static const char *search(const char *name, const struct stat *self)
{
    static char found[PATH_MAX];
    const char *path = getenv("PATH");
    size_t length = strlen(name);
    for (const char *at = path ? path : "/usr/bin:/bin"; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
        size_t folder = strcspn(at, ":");
        if (folder == 0 || folder + length + 2 > sizeof found || is_ours(at, folder))
            continue;
        memcpy(found, at, folder);
        found[folder] = '/';
        memcpy(found + folder + 1, name, length + 1);
        if (is_program(found, self))
            return found;
    }
    return NULL;
}

const char *recc_find_compiler(const char *name)
{
    struct stat self;
    if (stat("/proc/self/exe", &self) != 0)
        self.st_ino = 0;
    const char *slash = strrchr(name, '/');
    if (slash && !is_ours(name, (size_t)(slash - name)) && is_program(name, &self))
        return name;
    return search(recc_base_name(name), &self);
}
