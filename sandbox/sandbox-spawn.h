/*
 * sandbox-spawn.h - starting the helper programs.  posix_spawn only, so that callers may have threads.
 *
 * A helper finds at fixed numbers what it is given, and nothing else is inherited.
 */
#pragma once

#include "sandbox-error.h"
#include <sys/types.h>

enum {
    HELPER_FD_CONTROL = 3, /* the channel */
    HELPER_FD_PLAN,        /* bytes of the plan */
    HELPER_FD_USER_NS,     /* of the server of trees, or absent */
    HELPER_FD_MOUNT_NS,
    HELPER_FD_END
};

typedef struct {
    const char *program;     /* name of the helper */
    const char *const *args; /* after the name; NULL-terminated */
    int fds
        [HELPER_FD_END]; /* what the helper gets at each number; -1: nothing, /dev/null for 0 to 2; CONTROL is made */
    gboolean own_group;  /* out of the terminal's reach */
} SandboxSpawn;

/* `control` gets the caller's end of the channel. UNAVAILABLE if there is no such program. */
gboolean sandbox_spawn(const SandboxSpawn *spawn, pid_t *pid, int *control, GError **error);
/* Waits at most `seconds`, then kills.  The wait status, or -1 if somebody else has taken it. */
int sandbox_reap(pid_t pid, unsigned seconds);
/* Where the helper program `name` is: $SLUICE_LIBEXEC, beside this program, or where both were installed.  NULL if nowhere. */
char *sandbox_find_helper(const char *name);
