/*
 * cluster-config.h - the cluster of the user's configuration: `remote-execution` and `cache: storage-service` in BuildStream's schema, and what that has
 * no words for below `sluice: remote`.
 *
 * The storage is `remote-execution: storage-service`, else `cache: storage-service`.  Results are looked up in `action-cache-service`; where only the
 * cache is configured, in that server itself.  Errors are LOAD with the place.
 */
#pragma once

#include "bazel-bridge.h"
#include "node.h"

typedef struct {
    SluiceRemote storage, action_cache, execution; /* without `url`: not configured */
    SluiceUpstreamConfig upstream;                 /* refers to them */
} ClusterConfig;

/* `root` is the whole configuration; `project` (may be NULL) an entry of its `projects`, whose `remote-execution` takes the place of the general one.
 * *out is in the arena; NULL: there is no cluster. */
gboolean cluster_config_read(const Node *root, const Node *project, Arena *arena, const ClusterConfig **out,
                             GError **error);

/* The same of recc's configuration (recc-config.h), as it is for this process: a cache for compiles, which is given what is made here if
 * RECC_CACHE_UPLOAD_LOCAL_BUILD says so.  *out is NULL if no server is named.  In cluster-recc.c. */
gboolean cluster_config_read_recc(Arena *arena, const ClusterConfig **out, GError **error);
