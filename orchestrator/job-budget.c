/* job-budget.c - see job-budget.h. */
#include "job-budget.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* How long to wait before looking again; short beside a compile. */
#define WAIT_US 2000

struct JobBudget {
    int file;
    guint tokens;
};

JobBudget *job_budget_new(guint tokens, GError **error)
{
    JobBudget *budget = g_new0(JobBudget, 1);
    budget->tokens = MAX(tokens, 1u);
    budget->file = memfd_create("sluice-jobs", MFD_CLOEXEC);
    if (budget->file >= 0)
        return budget;
    g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "cannot make the budget of jobs: %s",
                g_strerror(errno));
    g_free(budget);
    return NULL;
}

void job_budget_free(JobBudget *budget)
{
    if (budget == NULL)
        return;
    close(budget->file);
    g_free(budget);
}

guint job_budget_get_size(const JobBudget *budget)
{
    return budget->tokens;
}

/* Locks belong to an open file description, so each token has one of its own. */
static int open_again(const JobBudget *budget)
{
    char path[64];
    g_snprintf(path, sizeof path, "/proc/self/fd/%d", budget->file);
    return open(path, O_RDWR | O_CLOEXEC);
}

static gboolean try_lock(int fd, guint tokens)
{
    for (guint i = 0; i < tokens; i++) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = i, .l_len = 1};
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return TRUE;
    }
    return FALSE;
}

int job_budget_take(const JobBudget *budget, GCancellable *cancellable, GError **error)
{
    int fd = open_again(budget);
    if (fd < 0) {
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "cannot take a job: %s", g_strerror(errno));
        return -1;
    }
    while (!try_lock(fd, budget->tokens)) {
        if (g_cancellable_set_error_if_cancelled(cancellable, error)) {
            close(fd);
            return -1;
        }
        g_usleep(WAIT_US);
    }
    return fd;
}

void job_budget_give(int token)
{
    if (token >= 0)
        close(token);
}
