/*
 * source-patch-queue.c - `kind: patch_queue`: all patches of a folder of the project, in the order of their names, by `git apply`.
 */
#include "element.h"
#include "git.h"
#include "project-private.h"
#include "source-info.h"
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
    patch->name = arena_strdup(source_key_arena(source), name);
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
    QueuedPatch *patches = arena_alloc(source_key_arena(source), (names->len + 1) * sizeof *patches);
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

/* ---- Applying --------------------------------------------------------------------------------------------------------------------- */

/* The patch as it was when the key was made. */
static GBytes *read_same(const Source *source, const QueuedPatch *patch, GError **error)
{
    SluiceDigest digest;
    char hex[SLUICE_HASH_HEX + 1];
    GBytes *bytes = read_patch(source, patch->name, error);
    if (bytes == NULL) {
        return NULL;
    }
    sluice_digest_of_bytes(bytes, &digest);
    sluice_digest_hex(&digest, hex);
    if (strcmp(hex, patch->sha256) != 0) {
        error_set(error, ERROR_SOURCE, "local-changed", &source->where, "'%s' changed after its cache key was computed",
                  patch->name);
        g_clear_pointer(&bytes, g_bytes_unref);
    }
    return bytes;
}

/* git sees the files, but not the repository that lies among them: its configuration is foreign. */
static gboolean apply_all(Source *source, const SourceContext *context, const char *work, const char *folder,
                          GError **error)
{
    const PatchQueue *queue = source->data;
    g_autofree char *repository = g_build_filename(work, "empty.git", NULL);
    g_autofree char *fail = g_strdup_printf("Failed to apply patches from %s", queue->path);
    const Git maker = {.directory = work, .cancellable = context->cancellable};
    const Git git = {
        .repository = repository, .work_tree = folder, .directory = folder, .cancellable = context->cancellable};
    gboolean ok = git_run(&maker, GIT_ARGUMENTS("init", "--quiet", "--bare", "--template=", "--", repository), fail,
                          NULL, NULL, error);
    for (gsize i = 0; ok && i < queue->n_patches; i++) {
        g_autoptr(GBytes) bytes = read_same(source, &queue->patches[i], error);
        ok = bytes != NULL && git_run_with_input(&git, GIT_ARGUMENTS("apply", "-"), bytes, fail, NULL, error);
    }
    return ok;
}

/* The tree at `directory`, without the repository in it, which needs not be on disk: *git_dir is that one, if there is one. */
static gboolean take_apart(const SourceContext *context, SluiceTree *tree, const char *directory, SluiceDigest *files,
                           SluiceDigest *git_dir, gboolean *has_git_dir, GError **error)
{
    SluiceEntry entry;
    SluiceDigest root;
    if (!sluice_tree_commit(tree, &root, error)) {
        return FALSE;
    }
    if (strcmp(directory, "/") != 0) {
        if (!sluice_tree_lookup_follow(tree, directory, &entry, error)) {
            return FALSE;
        }
        root = entry.digest;
    }
    g_autoptr(SluiceTree) part = sluice_tree_new_from(context->store, &root, error);
    if (part == NULL) {
        return FALSE;
    }
    *has_git_dir = sluice_tree_lookup(part, "/.git", &entry, NULL) && entry.type == SLUICE_ENTRY_DIRECTORY;
    if (*has_git_dir) {
        *git_dir = entry.digest;
    }
    return (!*has_git_dir || sluice_tree_remove(part, "/.git", error)) && sluice_tree_commit(part, files, error);
}

static gboolean apply_in(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                         const char *work, GError **error)
{
    const SluiceImportOptions options = {.by_link = FALSE};
    g_autofree char *folder = g_build_filename(work, "files", NULL);
    SluiceDigest files, git_dir, result;
    gboolean has_git_dir = FALSE;
    if (!take_apart(context, tree, directory, &files, &git_dir, &has_git_dir, error)) {
        return FALSE;
    }
    if (mkdir(folder, 0755) != 0) {
        return cannot_read(source, folder, g_strerror(errno), error);
    }
    if (!sluice_store_checkout(context->store, &files, AT_FDCWD, folder, SLUICE_CHECKOUT_COPY, error) ||
        !apply_all(source, context, work, folder, error) ||
        !sluice_store_import(context->store, AT_FDCWD, folder, &options, &result, error)) {
        return FALSE;
    }
    g_autofree char *place = g_build_path("/", directory, ".git", NULL);
    return sluice_tree_set_directory(tree, directory, &result, error) &&
           (!has_git_dir || sluice_tree_set_directory(tree, place, &git_dir, error));
}

static gboolean patch_queue_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                                  GError **error)
{
    if (!read_queue(source, error)) {
        return FALSE;
    }
    g_autofree char *work = sluice_store_make_work_dir(context->store, "patch", error);
    if (work == NULL) {
        return FALSE;
    }
    gboolean ok = apply_in(source, context, tree, directory, work, error);
    sluice_remove_tree(work, NULL);
    return ok;
}

static gboolean patch_queue_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const PatchQueue *queue = source->data;
    if (!read_queue(source, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < queue->n_patches; i++) {
        g_autofree char *path = g_build_filename(queue->path, queue->patches[i].name, NULL);
        const SourceInfo info = {
            .url = path, .medium = "local", .version_type = "sha256", .version = queue->patches[i].sha256};
        source_info_append(source, arena, list, &info);
    }
    return TRUE;
}

const SourceKind source_kind_patch_queue = {
    .name = "patch_queue",
    .needs_previous = TRUE,
    .configure = patch_queue_configure,
    .unique_key = patch_queue_unique_key,
    .stage = patch_queue_stage,
    .collect_info = patch_queue_collect_info,
};
