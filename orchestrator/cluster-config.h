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

/* *out is in the arena; NULL: there is no cluster. */
gboolean cluster_config_read(const Node *root, Arena *arena, const ClusterConfig **out, GError **error);
/* `remote-execution` of a mapping, only checked. */
gboolean cluster_config_check(const Node *mapping, GError **error);
