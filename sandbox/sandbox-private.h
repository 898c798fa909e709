/* sandbox-private.h - the structs behind sandbox.h, and what its files share. */
#pragma once

#include "sandbox-error.h"
#include "sandbox-limits.h"

struct SluiceStaging {
    SluiceStagingMode mode; /* FUSE or CHECKOUT */
    pid_t owner;            /* the process that started it */
    pid_t server;           /* FUSE only, from here on */
    int control;            /* the server lives as long as somebody holds this */
    int user_ns, mount_ns;  /* the server's */
    char *work;             /* the trees are below work/trees there */
};

struct SluiceSandbox {
    SluiceStaging *staging;
    SluiceStore *store;
    SluiceLease *lease;
    SluiceDigest root;
    char *work;        /* upper/, lower/, root/ */
    char *lower;       /* where the staged root is, as the helper sees it */
    int checkout_lock; /* CHECKOUT: keeps the checkout from removal; else -1 */
    char *place;       /* where `root` is in a base, and where that is; NULL: it is the whole */
    char *base;
    int base_lock;
    gboolean keep_times;
    unsigned runs;
};

#define SANDBOX_UPPER "upper" /* below `work`, the layer of what commands wrote */

/* FALSE if the server has died. */
gboolean sandbox_staging_is_alive(SluiceStaging *staging);
/* "HASH-SIZE"; free with g_free. */
char *sandbox_tree_name(const SluiceDigest *digest);
/* The path of bubblewrap, or NULL with UNAVAILABLE. */
char *sandbox_find_bwrap(GError **error);
