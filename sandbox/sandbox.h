/*
 * sandbox.h - the public face of sandbox/: run commands in a root staged from the store, and capture what they wrote.
 *
 * Shape: a SluiceStaging serves trees (one FUSE mount, or cached checkouts) for a whole session; a SluiceSandbox is one root
 * with one private upper layer in which any number of commands run one after the other; a capture turns the upper into a
 * tree again.  Every set-up is first a plan (an ordered list of operations, see plan.h) and then carried out by the helper program
 * `sluice-sandbox`, which is started with posix_spawn, so callers may have threads.
 *
 * Caveats: a SluiceStaging may be used by children made with fork(), which must not stop it.  Nothing here needs privileges.
 * All functions block.  The server of trees is a child of the process that starts it, and a helper is one of the process that runs
 * a command: do not wait for "any child" until none is left, nor take their exit statuses.
 *
 * The helper programs sluice-sandbox and sluice-trees are looked for in $SLUICE_LIBEXEC, then beside the running program.
 *
 * What a command sees: the staged root with what earlier commands of the sandbox changed, owned by its own uid and gid, files 0644 or
 * 0755 with one fixed time; a minimal /dev, /proc of its own processes with kernel settings read-only, an empty private /tmp (also
 * in a read-only root); host name "sluice"; a network of nothing but loopback; no capabilities; its environment and PWD.  Mount
 * points that had to be made are gone afterwards.  A caller that is killed takes its commands and layers with it; what it leaves
 * between two commands goes with the next gc of the store.
 */
#pragma once

#include "cas.h"
#include <sys/types.h>

G_BEGIN_DECLS

#define SLUICE_SANDBOX_ERROR (sluice_sandbox_error_quark())
GQuark sluice_sandbox_error_quark(void);
typedef enum {
    SLUICE_SANDBOX_ERROR_UNAVAILABLE, /* this machine cannot sandbox; the message says what is missing and what to do */
    SLUICE_SANDBOX_ERROR_SETUP,       /* mount, spawn or protocol failure */
    SLUICE_SANDBOX_ERROR_CAPTURE,     /* the build left something that cannot be stored */
    SLUICE_SANDBOX_ERROR_TIMEOUT,
    SLUICE_SANDBOX_ERROR_CANCELLED,
    SLUICE_SANDBOX_ERROR_LIMIT /* a command took more than it may; the message says what */
} SluiceSandboxError;

/* The version of what a sandbox looks like from inside (mounts, /dev, /proc, /tmp): part of every environment digest. */
#define SLUICE_SANDBOX_LAYOUT 2

/* ---- Staging ------------------------------------------------------------------------------------------------------------ */

typedef enum {
    SLUICE_STAGING_AUTO, /* probe: FUSE if it works here, else checkout */
    SLUICE_STAGING_FUSE,
    SLUICE_STAGING_CHECKOUT
} SluiceStagingMode;

typedef struct SluiceStaging SluiceStaging;
/* Starts the server of trees for `store` (a process of its own; it ends when the last user is gone).  $SLUICE_STAGING (auto, fuse,
 * checkout) overrides AUTO.  CHECKOUT starts nothing: roots are checked out below the store, and the last eight are kept. */
SluiceStaging *sluice_staging_start(SluiceStore *store, SluiceStagingMode mode, GError **error);
SluiceStagingMode sluice_staging_get_mode(SluiceStaging *staging);
/* In the process that started it: ends the server and removes its mounts.  In a forked child: forgets it only. */
void sluice_staging_stop(SluiceStaging *staging);

/* ---- Sandbox ------------------------------------------------------------------------------------------------------------ */

typedef struct SluiceSandbox SluiceSandbox;
/* A sandbox with `root` as its lower layer and an empty upper.  `store` must be open in this process. */
SluiceSandbox *sluice_sandbox_new(SluiceStaging *staging, SluiceStore *store, const SluiceDigest *root, GError **error);
/* A sandbox whose root is `base`, read-only and shared with others of that base, with `root` and the upper at `place` in it.  What it captures
 * is below `place`.  `base` comes from sluice_sandbox_make_base, and the caller holds a lease on it.  This costs less than a root of its
 * own for each: the kernel keeps what it knows of `base`. */
SluiceSandbox *sluice_sandbox_new_at(SluiceStaging *staging, SluiceStore *store, const SluiceDigest *base,
                                     const char *place, const SluiceDigest *root, GError **error);
/* `root` with the directories that something is mounted on. */
gboolean sluice_sandbox_make_base(SluiceStore *store, const SluiceDigest *root, const char *place, SluiceDigest *base,
                                  GError **error);
/* Removes the upper and everything else that was made for it. */
void sluice_sandbox_free(SluiceSandbox *sandbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceSandbox, sluice_sandbox_free)

typedef struct {
    const char *source; /* on the host */
    const char *target; /* in the sandbox, absolute */
    gboolean read_only;
} SluiceSandboxBind;

/*
 * Bounds of one command with all that it starts; 0: none.  The kernel enforces
 * `disk` (for one file), `memory` (for /tmp and /dev/shm) and, where the caller is not the host's root, `processes`.  All are counted
 * every 20 ms and at the end, and who is found beyond one is ended: so the others can be passed for that long.
 */
typedef struct {
    uint64_t processes;  /* and threads, at a time */
    uint64_t memory;     /* bytes that processes have for themselves, and those in /tmp and /dev/shm */
    uint64_t disk;       /* bytes in the sandbox's upper */
    uint64_t files;      /* files, links and directories there */
    uint64_t output;     /* bytes of each of stdout and stderr, where it is a file */
    uint64_t free_space; /* bytes that are left on the store's disk, whoever filled it */
} SluiceSandboxLimits;

typedef struct {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in the sandbox's PATH */
    const char *const *envp; /* NULL-terminated "NAME=value"; nothing else is inherited */
    const char *cwd;         /* absolute; made if absent */
    uid_t uid;               /* inside; 0 allowed */
    gid_t gid;
    gboolean root_read_only;
    const char *const *
        writable; /* NULL-terminated absolute directories, writable (and made) though the root is read-only; NULL: none */
    gboolean network; /* the host's network; only for `shell` */
    const SluiceSandboxBind *binds;
    gsize n_binds;
    /* >0: listening TCP sockets on 127.0.0.1 and, where there is IPv6, [::1], opened inside the private network namespace before the
     * command starts.  `listener` is called in the calling process once for each, and takes the descriptor; nothing runs inside
     * until it has returned. */
    unsigned loopback_port;
    void (*listener)(int fd, gpointer data);
    gpointer listener_data;
    int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null */
    unsigned timeout;                   /* seconds; 0: none */
    SluiceSandboxLimits limits;
    GCancellable *cancellable; /* or NULL */
    gboolean new_session;      /* setsid: everything but an interactive shell */
} SluiceSandboxCommand;

/* Runs one command to its end and reaps everything that it left behind.  `status` gets the exit status (128 + signal if it was
 * killed).  FALSE: the sandbox itself failed, exceeded a limit, timed out or was cancelled, or the command could not be started; a command that is
 * absent is SETUP with "… not found in the sandbox".  Also after FALSE the sandbox can be captured and used again. */
gboolean sluice_sandbox_run(SluiceSandbox *sandbox, const SluiceSandboxCommand *command, int *status, GError **error);

/* The tree of `path` ("/" for the whole root) as it is now: the lower tree with what the upper changed.  Costs what was changed, not
 * what is there.  NOT_FOUND (cas) if there is no such directory.  Sockets, fifos and devices are left out with a note in `skipped`
 * (NULL allowed; a GPtrArray of char *). */
gboolean sluice_sandbox_capture(SluiceSandbox *sandbox, const char *path, SluiceDigest *root, GPtrArray *skipped,
                                GError **error);

/* The layer of what commands write, as a directory descriptor: for those who must know what a command sees while it runs.  Who writes there is hostile:
 * no link in it may be followed, nothing may be believed.  The caller closes it; -1 with SETUP. */
int sluice_sandbox_open_upper(SluiceSandbox *sandbox, GError **error);

/* Whether captures keep the mtimes of files that commands wrote, as build trees do where builds go on; not at first. */
void sluice_sandbox_keep_times(SluiceSandbox *sandbox, gboolean keep);

/* ---- What this machine can do -------------------------------------------------------------------------------------------- */

typedef struct {
    gboolean user_namespaces, overlay, fuse, bubblewrap;
    char *reason; /* of the first thing that is missing, with what to do; or NULL */
} SluiceSandboxProbe;
void sluice_sandbox_probe(SluiceSandboxProbe *probe);
void sluice_sandbox_probe_clear(SluiceSandboxProbe *probe);

G_END_DECLS
