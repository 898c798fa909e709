#include "sandbox-private.h"
#include "checkouts.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the helper finds a staged tree. */
static char *find_tree(SluiceSandbox *sandbox, const SluiceDigest *tree, int *lock, GError **error)
{
    if (sandbox->staging->mode != SLUICE_STAGING_FUSE)
        return sandbox_checkout_acquire(sandbox->store, tree, lock, error);
    g_autofree char *name = sandbox_tree_name(tree);
    return g_build_filename(sandbox->staging->work, "trees", name, NULL);
}

static gboolean make_folders(SluiceSandbox *sandbox, GError **error)
{
    sandbox->work = sluice_store_make_work_dir(sandbox->store, "sandbox", error);
    if (sandbox->work == NULL)
        return FALSE;
    g_autofree char *upper = g_build_filename(sandbox->work, SANDBOX_UPPER, NULL);
    return mkdir(upper, 0755) == 0 ||
           sandbox_error_errno(error, SLUICE_SANDBOX_ERROR_SETUP, errno, "cannot make %s", upper);
}

static gboolean hold_root(SluiceSandbox *sandbox, GError **error)
{
    g_autoptr(SluiceDirectory) directory = sluice_directory_read(sandbox->store, &sandbox->root, error);
    if (directory == NULL)
        return FALSE;
    sandbox->lease = sluice_lease_new(sandbox->store, error);
    return sandbox->lease != NULL && sluice_lease_add_tree(sandbox->lease, &sandbox->root, error);
}

static gboolean open_sandbox(SluiceSandbox *sandbox, GError **error)
{
    return hold_root(sandbox, error) && make_folders(sandbox, error) &&
           (sandbox->lower = find_tree(sandbox, &sandbox->root, &sandbox->checkout_lock, error)) != NULL;
}

static SluiceSandbox *sandbox_new(SluiceStaging *staging, SluiceStore *store, const SluiceDigest *root)
{
    SluiceSandbox *sandbox = g_new0(SluiceSandbox, 1);
    *sandbox = (SluiceSandbox){.staging = staging, .store = store, .root = *root, .checkout_lock = -1, .base_lock = -1};
    return sandbox;
}

static SluiceSandbox *give_up(SluiceSandbox *sandbox, GError **error)
{
    g_prefix_error(error, "cannot stage a root: ");
    sluice_sandbox_free(sandbox);
    return NULL;
}

SluiceSandbox *sluice_sandbox_new(SluiceStaging *staging, SluiceStore *store, const SluiceDigest *root, GError **error)
{
    SluiceSandbox *sandbox = sandbox_new(staging, store, root);
    return open_sandbox(sandbox, error) ? sandbox : give_up(sandbox, error);
}

SluiceSandbox *sluice_sandbox_new_at(SluiceStaging *staging, SluiceStore *store, const SluiceDigest *base,
                                     const char *place, const SluiceDigest *root, GError **error)
{
    SluiceSandbox *sandbox = sandbox_new(staging, store, root);
    sandbox->place = g_strdup(place);
    sandbox->base = find_tree(sandbox, base, &sandbox->base_lock, error);
    return sandbox->base != NULL && open_sandbox(sandbox, error) ? sandbox : give_up(sandbox, error);
}

gboolean sluice_sandbox_make_base(SluiceStore *store, const SluiceDigest *root, const char *place, SluiceDigest *base,
                                  GError **error)
{
    const char *const folders[] = {"/dev", "/proc", "/tmp", place};
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(store, root, error);
    for (gsize i = 0; i < G_N_ELEMENTS(folders) && tree != NULL; i++) {
        if (!sluice_tree_make_directory(tree, folders[i], error)) {
            g_prefix_error(error, "%s in the sandbox: ", folders[i]);
            return FALSE;
        }
    }
    return tree != NULL && sluice_tree_commit(tree, base, error);
}

void sluice_sandbox_free(SluiceSandbox *sandbox)
{
    if (sandbox == NULL)
        return;
    if (sandbox->work != NULL)
        sluice_remove_tree(sandbox->work, NULL);
    if (sandbox->checkout_lock >= 0)
        close(sandbox->checkout_lock);
    if (sandbox->base_lock >= 0)
        close(sandbox->base_lock);
    sluice_lease_free(sandbox->lease);
    g_free(sandbox->work);
    g_free(sandbox->lower);
    g_free(sandbox->place);
    g_free(sandbox->base);
    g_free(sandbox);
}
