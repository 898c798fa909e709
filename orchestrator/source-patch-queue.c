/*
 * source-patch-queue.c - `kind: patch_queue`: all patches of a folder of the project, in the order of their names, by `git apply`.
 */
#include "element.h"
#include "project-private.h"
#include "source-kinds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATCH_MAX_BYTES ((goffset)256 << 20)
#define PATCHES_MAX     10000

typedef struct {
    const char *name; /* below the folder */
    char sha256[SLUICE_HASH_HEX + 1];
} QueuedPatch;

typedef struct {
    const char *path;
    QueuedPatch *patches; /* sorted by name; what the key was made of; NULL: not read yet */
    gsize n_patches;
} PatchQueue;

static gboolean patch_queue_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"path", NULL};
    PatchQueue *queue = arena_new_of(source_arena(source), PatchQueue);
    source->data = queue;
    return node_check_keys(config, keys, error) && node_need_string(config, "path", &queue->path, error) &&
           project_check_path(source_project(source), queue->path, node_where(node_find(config, "path")),
                              PATH_DIRECTORY, error);
}

/* ---- Reading ---------------------------------------------------------------------------------------------------------------------- */

static gboolean cannot_read(const Source *source, const char *path, const char *problem, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, &source->where, "Cannot read '%s': %s", path, problem);
    return FALSE;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every file counts, whatever its name. */
static GPtrArray *list_patches(const Source *source, GError **error)
{
    const PatchQueue *queue = source->data;
    int fd = project_open(source_project(source), queue->path, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        cannot_read(source, queue->path, g_strerror(errno), error);
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL && names->len <= PATCHES_MAX;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            g_ptr_array_add(names, g_strdup(entry->d_name));
        }
    }
    closedir(dir);
    if (names->len > PATCHES_MAX) {
        cannot_read(source, queue->path, "it has too many files", error);
        g_clear_pointer(&names, g_ptr_array_unref);
    } else {
        g_ptr_array_sort(names, compare_names);
    }
    return names;
}

static GBytes *read_patch(const Source *source, const char *name, GError **error)
{
    const PatchQueue *queue = source->data;
    g_autofree char *path = g_build_filename(queue->path, name, NULL);
    int fd = project_open(source_project(source), path, O_RDONLY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        cannot_read(source, path, g_strerror(errno), error);
    } else if (!S_ISREG(st.st_mode) || st.st_size > PATCH_MAX_BYTES) {
        cannot_read(source, path, S_ISREG(st.st_mode) ? "it is too large" : "it is not a file", error);
    } else {
        GMappedFile *file = g_mapped_file_new_from_fd(fd, FALSE, error);
        GBytes *bytes = file != NULL ? g_mapped_file_get_bytes(file) : NULL;
        g_clear_pointer(&file, g_mapped_file_unref);
        close(fd);
        return bytes;
    }
    if (fd >= 0) {
        close(fd);
    }
    return NULL;
}

static gboolean hash_patch(Source *source, const char *name, QueuedPatch *patch, GError **error)
{
    SluiceDigest digest;
    g_autoptr(GBytes) bytes = read_patch(source, name, error);
    if (bytes == NULL) {
        return FALSE;
    }
    sluice_digest_of_bytes(bytes, &digest);
    sluice_digest_hex(&digest, patch->sha256);
    patch->name = arena_strdup(source_arena(source), name);
    return TRUE;
}

static gboolean read_queue(Source *source, GError **error)
{
    PatchQueue *queue = source->data;
    if (queue->patches != NULL) {
        return TRUE;
    }
    g_autoptr(GPtrArray) names = list_patches(source, error);
    if (names == NULL) {
        return FALSE;
    }
    QueuedPatch *patches = arena_alloc(source_arena(source), (names->len + 1) * sizeof *patches);
    for (guint i = 0; i < names->len; i++) {
        if (!hash_patch(source, names->pdata[i], &patches[i], error)) {
            return FALSE;
        }
    }
    queue->patches = patches;
    queue->n_patches = names->len;
    return TRUE;
}

static Json *patch_queue_unique_key(Source *source, Arena *arena, GError **error)
{
    const PatchQueue *queue = source->data;
    Json *key = json_array(arena);
    if (!read_queue(source, error)) {
        return NULL;
    }
    for (gsize i = 0; i < queue->n_patches; i++) {
        json_append(key, json_string(arena, queue->patches[i].sha256));
    }
    return key;
}

const SourceKind source_kind_patch_queue = {
    .name = "patch_queue",
    .needs_previous = TRUE,
    .configure = patch_queue_configure,
    .unique_key = patch_queue_unique_key,
};
