/*
 * The way from the root to a directory, one name at a time.  At each step the upper layer is asked first; the staged root only where
 * the upper has nothing to say.  Links put their target before the names that are left.
 */
#include "merged.h"
#include "sandbox-limits.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

typedef struct {
    SluiceStore *store;
    SandboxUpper *upper;
    GPtrArray *levels; /* SandboxMerged, the root first */
    GQueue names;      /* char *, still to go */
    unsigned links;
} Way;

typedef enum { STEP_ERROR, STEP_ABSENT, STEP_DIRECTORY, STEP_LINK } Step;

static void merged_free(gpointer data)
{
    sandbox_merged_clear(data);
    g_free(data);
}

void sandbox_merged_clear(SandboxMerged *merged)
{
    g_clear_pointer(&merged->path, g_free);
}

static SandboxMerged *here(const Way *way)
{
    return way->levels->pdata[way->levels->len - 1];
}

static void push_names(Way *way, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (guint i = g_strv_length(parts); i > 0; i--) {
        if (*parts[i - 1] != '\0' && !g_str_equal(parts[i - 1], "."))
            g_queue_push_head(&way->names, g_strdup(parts[i - 1]));
    }
}

static gboolean follow(Way *way, const char *target)
{
    if (++way->links > SANDBOX_LINKS_MAX)
        return FALSE;
    if (target[0] == '/')
        g_ptr_array_set_size(way->levels, 1);
    push_names(way, target);
    return TRUE;
}

/* What the staged root has under `name`.  `next` gets the digest of a directory, `target` that of a link. */
static Step look_below(const Way *way, const char *name, SandboxMerged *next, char **target, GError **error)
{
    if (!here(way)->has_lower)
        return STEP_ABSENT;
    g_autoptr(SluiceDirectory) directory = sluice_directory_read(way->store, &here(way)->lower, error);
    if (directory == NULL)
        return STEP_ERROR;
    const SluiceEntry *entry = sluice_directory_find(directory, name);
    if (entry == NULL || entry->type == SLUICE_ENTRY_FILE)
        return STEP_ABSENT;
    if (entry->type == SLUICE_ENTRY_SYMLINK) {
        *target = g_strdup(entry->target);
        return STEP_LINK;
    }
    next->has_lower = TRUE;
    next->lower = entry->digest;
    return STEP_DIRECTORY;
}

static Step read_link(const Way *way, const char *path, char **target)
{
    char text[PATH_MAX + 1];
    ssize_t length = readlinkat(way->upper->fd, path, text, sizeof text - 1);
    if (length < 0)
        return STEP_ABSENT;
    *target = g_strndup(text, (gsize)length);
    return STEP_LINK;
}

static Step enter_upper(const Way *way, const char *name, mode_t mode, SandboxMerged *next, GError **error)
{
    g_autofree char *target = NULL;
    next->in_upper = TRUE;
    int fd = sandbox_upper_open(way->upper, next->path, mode);
    gboolean opaque = fd >= 0 && sandbox_upper_is_opaque(fd);
    if (fd >= 0)
        close(fd);
    if (!opaque && look_below(way, name, next, &target, error) == STEP_ERROR)
        return STEP_ERROR;
    return STEP_DIRECTORY;
}

static Step look(const Way *way, const char *name, SandboxMerged *next, char **target, GError **error)
{
    struct stat status;
    if (!here(way)->in_upper || fstatat(way->upper->fd, next->path, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return look_below(way, name, next, target, error);
    if (S_ISDIR(status.st_mode))
        return enter_upper(way, name, status.st_mode, next, error);
    return S_ISLNK(status.st_mode) ? read_link(way, next->path, target) : STEP_ABSENT;
}

static gboolean absent(const char *path, GError **error)
{
    g_autofree char *escaped = sandbox_escape_path(path);
    g_set_error(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND, "%s is not a directory in the sandbox", escaped);
    return FALSE;
}

static gboolean step(Way *way, const char *name, const char *whole, GError **error)
{
    if (g_str_equal(name, "..")) {
        g_ptr_array_set_size(way->levels, MAX(1, (int)way->levels->len - 1));
        return TRUE;
    }
    g_autofree char *target = NULL;
    SandboxMerged *next = g_new0(SandboxMerged, 1);
    next->path = *here(way)->path != '\0' ? g_strconcat(here(way)->path, "/", name, NULL) : g_strdup(name);
    Step result = strlen(next->path) < PATH_MAX ? look(way, name, next, &target, error) : STEP_ABSENT;
    if (result == STEP_DIRECTORY) {
        g_ptr_array_add(way->levels, next);
        return TRUE;
    }
    merged_free(next);
    if (result == STEP_ERROR)
        return FALSE;
    return (result == STEP_LINK && follow(way, target)) || absent(whole, error);
}

gboolean sandbox_merged_find(SluiceStore *store, const SluiceDigest *root, SandboxUpper *upper, const char *path,
                             SandboxMerged *out, GError **error)
{
    Way way = {.store = store, .upper = upper, .levels = g_ptr_array_new_with_free_func(merged_free)};
    SandboxMerged *top = g_new0(SandboxMerged, 1);
    *top = (SandboxMerged){.path = g_strdup(""), .in_upper = TRUE, .has_lower = TRUE, .lower = *root};
    g_ptr_array_add(way.levels, top);
    push_names(&way, path);
    gboolean ok = TRUE;
    for (char *name; ok && (name = g_queue_pop_head(&way.names)) != NULL; g_free(name))
        ok = step(&way, name, path, error);
    g_queue_clear_full(&way.names, g_free);
    if (ok) {
        *out = *here(&way);
        here(&way)->path = NULL;
    }
    g_ptr_array_unref(way.levels);
    return ok;
}
