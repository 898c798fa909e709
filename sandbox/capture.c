#include "capture.h"
#include "sandbox-private.h"
#include "merged.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static gboolean is_not_found(const GError *error)
{
    return g_error_matches(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND);
}

/* A directory may have taken the place of a file or link, which must go first: the tree would follow the link. */
static gboolean apply_directory(SluiceTree *tree, const SandboxChange *change, GError **error)
{
    SluiceEntry old;
    g_autoptr(GError) problem = NULL;
    gboolean exists = sluice_tree_lookup(tree, change->path, &old, &problem);
    if (!exists && !is_not_found(problem)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    if (exists && (change->opaque || old.type != SLUICE_ENTRY_DIRECTORY) &&
        !sluice_tree_remove(tree, change->path, error))
        return FALSE;
    return sluice_tree_make_directory(tree, change->path, error);
}

static gboolean apply_file(SluiceTree *tree, const SandboxChange *change, GError **error)
{
    return sluice_tree_remove(tree, change->path, error) &&
           sluice_tree_add_file(tree, change->path, &change->digest, change->executable, error);
}

static gboolean apply_symlink(SluiceTree *tree, const SandboxChange *change, GError **error)
{
    return sluice_tree_remove(tree, change->path, error) &&
           sluice_tree_add_symlink(tree, change->path, change->target, error);
}

static gboolean apply_removed(SluiceTree *tree, const SandboxChange *change, GError **error)
{
    return sluice_tree_remove(tree, change->path, error);
}

static gboolean apply_timed_file(SluiceTree *tree, const SandboxChange *change, GError **error)
{
    return sluice_tree_remove(tree, change->path, error) &&
           sluice_tree_add_timed_file(tree, change->path, &change->digest, change->executable, change->mtime, error);
}

static gboolean (*const appliers[])(SluiceTree *tree, const SandboxChange *change, GError **error) = {
    [SANDBOX_CHANGE_REMOVED] = apply_removed,
    [SANDBOX_CHANGE_DIRECTORY] = apply_directory,
    [SANDBOX_CHANGE_FILE] = apply_file,
    [SANDBOX_CHANGE_SYMLINK] = apply_symlink,
};

static void relative_to(SandboxUpper *upper, const char *path)
{
    gsize skip = *path != '\0' ? strlen(path) + 1 : 0;
    for (guint i = 0; skip > 0 && i < upper->changes->len; i++) {
        SandboxChange *change = upper->changes->pdata[i];
        memmove(change->path, change->path + skip, strlen(change->path + skip) + 1);
    }
}

static gboolean apply(const SluiceSandbox *sandbox, const SandboxMerged *merged, SandboxUpper *upper,
                      SluiceDigest *root, GError **error)
{
    g_autoptr(SluiceTree) tree = merged->has_lower ? sluice_tree_new_from(sandbox->store, &merged->lower, error)
                                                   : sluice_tree_new(sandbox->store);
    if (tree == NULL)
        return FALSE;
    relative_to(upper, merged->path);
    for (guint i = 0; i < upper->changes->len; i++) {
        const SandboxChange *change = upper->changes->pdata[i];
        gboolean timed = sandbox->keep_times && change->type == SANDBOX_CHANGE_FILE;
        if (!(timed ? apply_timed_file : appliers[change->type])(tree, change, error)) {
            g_prefix_error(error, "%s: ", change->path);
            return FALSE;
        }
    }
    return sluice_tree_commit(tree, root, error);
}

static gboolean capture(SluiceSandbox *sandbox, SandboxUpper *upper, const char *path, SluiceDigest *root,
                        GError **error)
{
    SandboxMerged merged = {.path = NULL};
    if (!sandbox_merged_find(sandbox->store, &sandbox->root, upper, path, &merged, error))
        return FALSE;
    gboolean ok = TRUE;
    if (merged.in_upper)
        ok = sandbox_upper_read(upper, merged.path, error) && sandbox_store_files(upper, sandbox->store, error) &&
             apply(sandbox, &merged, upper, root, error);
    else
        *root = merged.lower; /* nobody has touched it */
    sandbox_merged_clear(&merged);
    return ok;
}

void sluice_sandbox_keep_times(SluiceSandbox *sandbox, gboolean keep)
{
    sandbox->keep_times = keep;
}

int sluice_sandbox_open_upper(SluiceSandbox *sandbox, GError **error)
{
    g_autofree char *place = g_build_filename(sandbox->work, SANDBOX_UPPER, NULL);
    int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot open %s", place);
    return fd;
}

gboolean sluice_sandbox_capture(SluiceSandbox *sandbox, const char *path, SluiceDigest *root, GPtrArray *skipped,
                                GError **error)
{
    g_autofree char *place = g_build_filename(sandbox->work, SANDBOX_UPPER, NULL);
    int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_CAPTURE, errno, "cannot open %s", place);
    SandboxUpper upper;
    sandbox_upper_init(&upper, fd, skipped);
    gboolean ok = capture(sandbox, &upper, path, root, error);
    sandbox_upper_clear(&upper);
    return ok;
}
