/* helper-command.h - is there such a program in the sandbox, and could it be started? */
#pragma once

#include "helper-execute.h"

/* SETUP with "… not found in the sandbox" or what else is known to be wrong, before anything is started. */
gboolean helper_command_check(const HelperRun *run, GError **error);
/* Why the command, which exists, could not be started: its interpreter, most likely.  Always sets `error`. */
void helper_command_explain(const HelperRun *run, GError **error);
