/*
 * executor.h - runs actions, each in a sandbox of its own: the environment as a read-only root, the action's inputs at one fixed place in it,
 * and nothing else.  Where the action asks for that, its inputs are laid over the environment's root instead.
 *
 * Its functions may be called from several threads at a time.  What a place refers to must outlive the executor.
 */
#pragma once

#include "bazel-bridge.h"
#include "execution-policy.h"
#include "job-budget.h"

typedef struct {
    SluiceStore *store;
    SluiceStaging *staging;
    JobBudget *budget;
    SluiceLease *lease;            /* gets what comes out, for as long as it is not in the action cache; or NULL */
    SluiceDigest environment_root; /* leased by the caller */
    uid_t uid;
    gid_t gid;
    const ExecutionPolicy *policy; /* or NULL: no bounds */
    const char *scope;             /* of the environment; NULL: "full" */
} ExecutorPlace;

typedef struct Executor Executor;
Executor *executor_new(const ExecutorPlace *place, GError **error);
/* The environment digest of a place: what its results are kept for.  NULL for os or isa: this machine's. */
gboolean executor_store_environment(const ExecutorPlace *place, const char *os, const char *isa, SluiceDigest *out,
                                    GError **error);
void executor_free(Executor *executor);
/* How bazel-bridge/ calls it. */
void executor_describe(Executor *executor, SluiceExecutor *out);
