/*
 * serve-execution.h - what `serve --execute --environment ELEMENT|DIGEST` runs its clients' actions in: the element with all that it needs at run time,
 * integrated; or a tree of the cache.
 */
#pragma once

#include "app.h"
#include "bazel-bridge.h"

typedef struct ServeExecution ServeExecution;
/* As the command line says; *out is NULL if nothing is to be executed.  Before there is a bridge: it may run commands in a sandbox. */
gboolean serve_execution_start(App *app, ServeExecution **out, GError **error);
/* Results are kept for the environment, and come from the executor only; `execution` may be NULL. */
void serve_execution_apply(ServeExecution *execution, SluiceEndpointPolicy *policy);
/* After the endpoint has gone. */
void serve_execution_stop(ServeExecution *execution);
