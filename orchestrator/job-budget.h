/*
 * job-budget.h - how many actions run at a time, over all elements of a session: tokens that processes and threads take and give back.
 *
 * A token is a lock on a byte of an anonymous file that is inherited by fork, so a process that dies gives its tokens back.
 */
#pragma once

#include <gio/gio.h>

typedef struct JobBudget JobBudget;
JobBudget *job_budget_new(guint tokens, GError **error);
void job_budget_free(JobBudget *budget);
guint job_budget_get_size(const JobBudget *budget);
/* Waits for a token; -1 with G_IO_ERROR_CANCELLED, or if descriptors ran out.  May be called from any thread. */
int job_budget_take(const JobBudget *budget, GCancellable *cancellable, GError **error);
void job_budget_give(int token);
