/*
 * execution-policy.h - what bounds the actions that are executed here: `execution` in the user's configuration.
 *
 *   execution:
 *     audit-hits: 0          percent of the hits of clients that are executed again, to see whether they are right
 *     limits:                of each action; 0 or "infinity": none
 *       processes: 2048      and threads, at a time
 *       memory: 75%          of the machine's
 *       disk: 16G            in files that it makes
 *       files: 1000000       files, links and directories that it makes
 *       output: 64M          standard output, standard error
 *       timeout: 3600        seconds; who asks for more is refused
 *       free-space: 1%       of the cache's disk, also for builds of elements
 */
#pragma once

#include "node.h"
#include "sandbox.h"

typedef struct {
    guint64 bytes;
    guint percent; /* of the memory or of the disk; 0: `bytes` counts */
} Amount;

typedef struct {
    gint64 audit_hits, processes, files, timeout;
    Amount memory, disk, output, free_space;
} ExecutionPolicy;

void execution_policy_init(ExecutionPolicy *policy);
/* From the mapping that has `execution`, which may be absent. */
gboolean execution_policy_read(Node *root, ExecutionPolicy *policy, GError **error);
/* For a store at `path`. */
void execution_policy_get_limits(const ExecutionPolicy *policy, const char *path, SluiceSandboxLimits *limits);
