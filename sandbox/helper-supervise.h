/*
 * helper-supervise.h - starts bubblewrap and stays with it to the end.
 *
 * However it ends (the command ends, the caller says "kill", the caller is gone), no process of it remains afterwards: this process
 * is the reaper of all of them, and waits until the last one is gone.
 */
#pragma once

#include "helper-execute.h"

typedef struct {
    gboolean started; /* the command itself ran */
    gboolean caller_gone;
    int status; /* of the command, 128 + signal included; if `started` */
} HelperOutcome;

/* `caller` is the process that must live for the command to live. */
gboolean helper_supervise(const HelperRun *run, pid_t caller, HelperOutcome *outcome, GError **error);
