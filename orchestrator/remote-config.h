/*
 * remote-config.h - how project.conf describes the servers of caches: what a description may say.
 *
 * All errors are LOAD with the place.  NULL for a node that is absent is fine.
 */
#pragma once

#include "node.h"

/* `artifacts` and `source-caches` of a project.conf: lists of servers. */
gboolean project_caches_check(const Node *conf, GError **error);
