/*
 * source-patch.c - `kind: patch`: a patch file of the project, applied to what the sources before it staged.
 *
 * patch(1) works on a small folder that holds only the files which the patch names; what it leaves there goes back into the tree.
 */
#include "element.h"
#include "patch-names.h"
#include "source-info.h"
#include "source-kinds.h"
#include "write-all.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATCH_MAX_BYTES  ((gsize)256 << 20)
#define OUTPUT_MAX_BYTES 8192

typedef struct {
    const char *path;
    gint64 strip_level;
    char sha256[SLUICE_HASH_HEX + 1]; /* what the key was made of; "": not yet */
} Patch;

static gboolean patch_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"path", "strip-level", NULL};
    Patch *patch = arena_new_of(source_arena(source), Patch);
    struct stat st;
    source->data = patch;
    patch->strip_level = 1;
    if (!node_check_keys(config, keys, error) || !node_need_string(config, "path", &patch->path, error) ||
        !node_get_int(config, "strip-level", &patch->strip_level, error)) {
        return FALSE;
    }
    const Provenance *where = node_where(node_find(config, "path"));
    int fd = source_open_project_path(source, patch->path, where, error);
    if (fd < 0) {
        return FALSE;
    }
    gboolean is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    close(fd);
    if (!is_file) {
        error_set(error, ERROR_LOAD, "PROJ_PATH_INVALID_KIND", where, "Specified path '%s' is not a regular file",
                  patch->path);
    }
    return is_file;
}

static GBytes *read_patch(Source *source, GError **error)
{
    const Patch *patch = source->data;
    g_autofree char *path = g_build_filename(project_directory(source_project(source)), patch->path, NULL);
    char *text;
    gsize length;
    if (!g_file_get_contents(path, &text, &length, error)) {
        return NULL;
    }
    GBytes *bytes = g_bytes_new_take(text, length);
    if (length > PATCH_MAX_BYTES) {
        error_set(error, ERROR_SOURCE, NULL, &source->where, "'%s' has more than %" G_GSIZE_FORMAT " bytes",
                  patch->path, PATCH_MAX_BYTES);
        g_clear_pointer(&bytes, g_bytes_unref);
    }
    return bytes;
}

static gboolean ensure_sha256(Source *source, GError **error)
{
    Patch *patch = source->data;
    if (patch->sha256[0] == '\0') {
        g_autoptr(GBytes) bytes = read_patch(source, error);
        SluiceDigest digest;
        if (bytes == NULL) {
            return FALSE;
        }
        sluice_digest_of_bytes(bytes, &digest);
        sluice_digest_hex(&digest, patch->sha256);
    }
    return TRUE;
}

static Json *patch_unique_key(Source *source, Arena *arena, GError **error)
{
    const Patch *patch = source->data;
    if (!ensure_sha256(source, error)) {
        return NULL;
    }
    Json *key = json_array(arena);
    json_append(key, json_string(arena, patch->path));
    json_append(key, json_string(arena, patch->sha256));
    json_append(key, json_int(arena, patch->strip_level));
    return key;
}

/* ---- Applying --------------------------------------------------------------------------------------------------------------------- */

static gboolean write_file(const char *path, GBytes *bytes, gboolean executable, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = -1;
    if (g_mkdir_with_parents(folder, 0755) == 0) {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, executable ? 0755 : 0644);
    }
    gboolean ok = fd >= 0 && write_all(fd, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    if (!ok) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot write %s: %s", path, g_strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* Files of the tree that the patch names, written below `folder`; `present` gets their names. */
static gboolean check_out(const SourceContext *context, SluiceTree *tree, const char *directory, GPtrArray *names,
                          const char *folder, GPtrArray *present, GError **error)
{
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        SluiceEntry entry;
        g_autofree char *place = g_strconcat(directory, "/", name, NULL);
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (!sluice_tree_lookup(tree, place, &entry, NULL) || entry.type == SLUICE_ENTRY_DIRECTORY) {
            continue;
        }
        if (entry.type == SLUICE_ENTRY_SYMLINK) {
            error_set(error, ERROR_SOURCE, "patch-symlink", NULL, "The patch wants to change '%s', which is a symlink",
                      name);
            return FALSE;
        }
        g_autoptr(GBytes) bytes = sluice_store_read(context->store, &entry.digest, error);
        if (bytes == NULL || !write_file(path, bytes, entry.executable, error)) {
            return FALSE;
        }
        g_ptr_array_add(present, (gpointer)name);
    }
    return TRUE;
}

static char *read_output(int fd)
{
    char buffer[OUTPUT_MAX_BYTES];
    ssize_t length = pread(fd, buffer, sizeof buffer, 0);
    for (ssize_t i = 0; i < length; i++) {
        if (g_ascii_iscntrl(buffer[i]) && buffer[i] != '\n') {
            buffer[i] = ' ';
        }
    }
    char *text = g_utf8_make_valid(buffer, MAX(length, 0));
    return g_strchomp(text);
}

static gboolean run_patch(const Patch *patch, const char *file, const char *folder, GError **error)
{
    g_autofree char *program = g_find_program_in_path("patch");
    g_autofree char *strip = g_strdup_printf("-p%" G_GINT64_FORMAT, patch->strip_level);
    const char *argv[] = {program, strip, "--forward", "--batch", "--no-backup-if-mismatch", "--reject-file=-", "-i",
                          file,    "-d",  folder,      NULL};
    if (program == NULL) {
        error_set(error, ERROR_PROG_NOT_FOUND, NULL, NULL,
                  "Did not find 'patch' in PATH; it is needed for patch sources");
        return FALSE;
    }
    g_autofree char *output_path = g_strconcat(folder, ".output", NULL);
    int output = open(output_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int status = -1;
    if (output < 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot write %s: %s", output_path, g_strerror(errno));
        return FALSE;
    }
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
    environment = g_environ_unsetenv(environment, "POSIXLY_CORRECT");
    environment = g_environ_unsetenv(environment, "PATCH_VERSION_CONTROL");
    GPid pid;
    gboolean ok = g_spawn_async_with_fds(NULL, (char **)argv, environment, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                                         -1, output, output, error);
    if (ok) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!ok) {
            g_autofree char *text = read_output(output);
            error_set(error, ERROR_SOURCE, "patch-failed", NULL, "Failed to apply patch %s", patch->path);
            error_set_detail(error != NULL ? *error : NULL, text);
        }
    }
    close(output);
    return ok;
}

static gboolean is_there(const char *folder, const char *name)
{
    struct stat st;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    return lstat(path, &st) == 0;
}

/* A file that the patch removed; and the folders that are empty then. */
static gboolean take_away(SluiceTree *tree, const char *directory, const char *name, GError **error)
{
    g_autofree char *place = g_strconcat(directory, "/", name, NULL);
    SluiceDigest root;
    if (!sluice_tree_remove(tree, place, error)) {
        return FALSE;
    }
    for (;;) {
        char *slash = strrchr(place, '/');
        SluiceEntry entry;
        if (slash == NULL || (gsize)(slash - place) <= strlen(directory)) {
            return TRUE;
        }
        *slash = '\0';
        if (!sluice_tree_commit(tree, &root, error) || !sluice_tree_lookup(tree, place, &entry, error)) {
            return FALSE;
        }
        if (entry.type != SLUICE_ENTRY_DIRECTORY || entry.digest.size != 0) {
            return TRUE;
        }
        if (!sluice_tree_remove(tree, place, error)) {
            return FALSE;
        }
    }
}

static gboolean check_in(const SourceContext *context, SluiceTree *tree, const char *directory, const char *folder,
                         GPtrArray *present, GError **error)
{
    const SluiceImportOptions options = {.by_link = FALSE};
    SluiceDigest root;
    for (guint i = 0; i < present->len; i++) {
        if (!is_there(folder, present->pdata[i]) && !take_away(tree, directory, present->pdata[i], error)) {
            return FALSE;
        }
    }
    return sluice_store_import(context->store, AT_FDCWD, folder, &options, &root, error) &&
           sluice_tree_merge(tree, directory, &root, NULL, NULL, error);
}

static gboolean tree_has_files(SluiceTree *tree, const char *directory)
{
    SluiceEntry entry;
    SluiceDigest root;
    if (!sluice_tree_commit(tree, &root, NULL)) {
        return FALSE;
    }
    if (strcmp(directory, "/") == 0) {
        return root.size > 0;
    }
    return sluice_tree_lookup(tree, directory, &entry, NULL) && entry.digest.size > 0;
}

static gboolean apply_in(Source *source, const SourceContext *context, GBytes *bytes, SluiceTree *tree,
                         const char *directory, const char *work, GError **error)
{
    const Patch *patch = source->data;
    g_autofree char *file = g_build_filename(work, "patch", NULL);
    g_autofree char *folder = g_build_filename(work, "files", NULL);
    g_autoptr(GPtrArray) present = g_ptr_array_new();
    g_autoptr(GPtrArray) names = patch_names(bytes, (guint)patch->strip_level, patch->path, error);
    if (names == NULL || !write_file(file, bytes, FALSE, error)) {
        return FALSE;
    }
    if (g_mkdir_with_parents(folder, 0755) != 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot make %s: %s", folder, g_strerror(errno));
        return FALSE;
    }
    return check_out(context, tree, directory, names, folder, present, error) &&
           run_patch(patch, file, folder, error) && check_in(context, tree, directory, folder, present, error);
}

static gboolean patch_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                            GError **error)
{
    const Patch *patch = source->data;
    SluiceDigest digest;
    char hex[SLUICE_HASH_HEX + 1];
    if (!tree_has_files(tree, directory)) {
        error_set(error, ERROR_SOURCE, "patch-no-files", &source->where, "Nothing to patch in directory '%s'",
                  directory);
        return FALSE;
    }
    g_autoptr(GBytes) bytes = read_patch(source, error);
    if (bytes == NULL) {
        return FALSE;
    }
    sluice_digest_of_bytes(bytes, &digest);
    sluice_digest_hex(&digest, hex);
    if (patch->sha256[0] != '\0' && strcmp(hex, patch->sha256) != 0) {
        error_set(error, ERROR_SOURCE, "local-changed", &source->where, "'%s' changed after its cache key was computed",
                  patch->path);
        return FALSE;
    }
    g_autofree char *work = sluice_store_make_work_dir(context->store, "patch", error);
    if (work == NULL) {
        return FALSE;
    }
    gboolean ok = apply_in(source, context, bytes, tree, directory, work, error);
    sluice_remove_tree(work, NULL);
    return ok;
}

static gboolean patch_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const Patch *patch = source->data;
    if (!ensure_sha256(source, error)) {
        return FALSE;
    }
    const SourceInfo info = {.url = patch->path, .medium = "local", .version_type = "sha256", .version = patch->sha256};
    source_info_append(source, arena, list, &info);
    return TRUE;
}

const SourceKind source_kind_patch = {
    .name = "patch",
    .needs_previous = TRUE,
    .configure = patch_configure,
    .unique_key = patch_unique_key,
    .stage = patch_stage,
    .collect_info = patch_collect_info,
};
