/* reapi-execute.h - commands and actions from words, and the answer of an execution as text. */
#pragma once

#include "rpc.h"

/* Write messages to the standard output. */
int reapi_make_command(int argc, char **argv);
int reapi_make_action(int argc, char **argv);
/* Prints what the ExecuteResponse says, a fact a line; with `stages`, before it those that came on the way.  Exit status 1 if the call failed, or its status
 * is not OK. */
int reapi_execute(RpcClient *client, const char *action, gboolean skip_cache, gboolean stages);
/* The same lines of an ActionResult. */
void reapi_print_result(GBytes *result);
/* COUNT PARALLEL ROOT WORDS…: that many actions that differ in their salts, each executed; prints "milliseconds a call" over all, and the median. */
int reapi_execute_many(const char *address, int argc, char **argv);
