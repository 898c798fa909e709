/*
 * helper-limits.h - looks at what a running sandbox takes, beside its bounds.
 *
 * What the kernel can bound for a whole sandbox without anybody's privileges is little: the size of a single file (RLIMIT_FSIZE) and of
 * a tmpfs, and the number of processes of a user namespace (RLIMIT_NPROC), if it is not the host's root that owns them.  All else is
 * counted from outside, many times a second and once at the end: so a bound can be passed for that long, and what passes it is ended.
 * Counting sees memory that processes have for themselves and what /tmp and /dev/shm hold, not files in memory (memfd) that nobody has
 * mapped.
 */
#pragma once

#include "sandbox.h"
#include <sys/types.h>

typedef struct {
    SluiceSandboxLimits allowed;
    int processes; /* the sandbox's own /proc; -1: not opened yet */
    /* When the upper was walked last, what the disk had left then, and what was found. */
    gint64 next_walk;
    guint64 free_bytes, free_inodes, bytes, files;
} HelperLimits;

/* Of a sandbox whose upper layer is upper/ in the working directory. */
void helper_limits_init(HelperLimits *limits, const SluiceSandboxLimits *allowed);
void helper_limits_clear(HelperLimits *limits);
/* Milliseconds to the next look; -1: there is nothing to look at. */
int helper_limits_interval(const HelperLimits *limits);
/* Lets this process run before those that it watches, as far as it may; before it has entered a user namespace. */
void helper_limits_hurry(void);
/* Of this process and those that it starts. */
void helper_limits_apply(const SluiceSandboxLimits *allowed);
/* Of `init`, before it has started anything. */
void helper_limits_apply_to(const SluiceSandboxLimits *allowed, pid_t init);
/* NULL if all is well; else what was exceeded.  `init` is the first process of the sandbox, 0 if it is not known yet. */
char *helper_limits_check(HelperLimits *limits, pid_t init);
/* The same when all processes have ended: what remains of them. */
char *helper_limits_check_end(HelperLimits *limits);
