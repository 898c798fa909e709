#include "sandbox-private.h"
#include "checkouts.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the helper finds the staged root. */
static gboolean find_lower(SluiceSandbox *sandbox, GError **error)
{
    if (sandbox->staging->mode == SLUICE_STAGING_FUSE) {
        g_autofree char *name = sandbox_tree_name(&sandbox->root);
        sandbox->lower = g_build_filename(sandbox->staging->work, "trees", name, NULL);
    } else {
        sandbox->lower = sandbox_checkout_acquire(sandbox->store, &sandbox->root, &sandbox->checkout_lock, error);
    }
    return sandbox->lower != NULL;
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

SluiceSandbox *sluice_sandbox_new(SluiceStaging *staging, SluiceStore *store, const SluiceDigest *root, GError **error)
{
    SluiceSandbox *sandbox = g_new0(SluiceSandbox, 1);
    *sandbox = (SluiceSandbox){.staging = staging, .store = store, .root = *root, .checkout_lock = -1};
    if (hold_root(sandbox, error) && make_folders(sandbox, error) && find_lower(sandbox, error))
        return sandbox;
    g_prefix_error(error, "cannot stage a root: ");
    sluice_sandbox_free(sandbox);
    return NULL;
}

void sluice_sandbox_free(SluiceSandbox *sandbox)
{
    if (sandbox == NULL)
        return;
    if (sandbox->work != NULL)
        sluice_remove_tree(sandbox->work, NULL);
    if (sandbox->checkout_lock >= 0)
        close(sandbox->checkout_lock);
    sluice_lease_free(sandbox->lease);
    g_free(sandbox->work);
    g_free(sandbox->lower);
    g_free(sandbox);
}
