/*
 * cluster.h - the cluster that the user configured, during one session: checked once at its start, used by every job, given what waits for it at the
 * end.
 *
 * The main process never talks to it, because gRPC has threads; it asks jobs to.  Its health lies in memory that all jobs share, so that there is one
 * warning, and a cluster that fails is left alone by all.
 */
#pragma once

#include "app.h"
#include "cluster-config.h"

/* Of the project that is loaded, if one is.  NULL: none is configured. */
Cluster *cluster_new(const App *app);
/* The cluster of another configuration, which must stay. */
Cluster *cluster_new_from(const ClusterConfig *config);
/* For endpoints that have no environment: clients' actions are executed there as they are, unless the environment would have to travel along. */
void cluster_use_without_environment(Cluster *cluster);
gboolean cluster_executes(const Cluster *cluster);
/* Whether one is configured, used or not. */
gboolean cluster_has_execution_service(const Cluster *cluster);
/* When no job is left. */
void cluster_free(Cluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cluster, cluster_free)

/* In a job (or a process that will not fork): a connection for the endpoints of `store`; its warnings are events of `events`, which must stay. */
SluiceUpstream *cluster_connect(const Cluster *cluster, SluiceStore *store, const EventSink *events, GError **error);
/* The same, and the results that wait in the store are given to it meanwhile. */
SluiceUpstream *cluster_join(const Cluster *cluster, SluiceStore *store, const EventSink *events, GError **error);
/* In a job: asks its services for what they can.  A cluster that does not answer is a warning, unless it is required; a wrong configuration is
 * REMOTE. */
gboolean cluster_check(const Cluster *cluster, SluiceUpstream *upstream, const EventSink *events, GError **error);

/* The same from the main process, in jobs of their own, and the main loop runs until they end: nothing else must wait in it. */
gboolean cluster_check_in_job(App *app, const Cluster *cluster, GError **error);
/* Gives it the results that wait in the store.  Failures are warnings: they wait for the next session. */
void cluster_push_in_job(App *app, const Cluster *cluster);
