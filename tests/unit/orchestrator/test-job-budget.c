/* Tokens: never more than there are, over threads and processes; a process that dies gives its own back. */
#include "job-budget.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static JobBudget *budget_new(guint tokens)
{
    g_autoptr(GError) error = NULL;
    JobBudget *budget = job_budget_new(tokens, &error);
    g_assert_no_error(error);
    return budget;
}

static int take(JobBudget *budget)
{
    g_autoptr(GError) error = NULL;
    int token = job_budget_take(budget, NULL, &error);
    g_assert_no_error(error);
    return token;
}

/* Whether a token can be had at once. */
static gboolean is_free(JobBudget *budget)
{
    g_autoptr(GCancellable) cancelled = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    g_cancellable_cancel(cancelled);
    int token = job_budget_take(budget, cancelled, &error);
    if (token < 0)
        g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    job_budget_give(token);
    return token >= 0;
}

static void test_size(void)
{
    JobBudget *budget = budget_new(2), *least = budget_new(0);
    int first = take(budget), second = take(budget);
    g_assert_false(is_free(budget));
    job_budget_give(first);
    g_assert_true(is_free(budget));
    job_budget_give(second);
    g_assert_cmpuint(job_budget_get_size(budget), ==, 2);
    g_assert_cmpuint(job_budget_get_size(least), ==, 1);
    job_budget_free(budget);
    job_budget_free(least);
}

static void test_processes(void)
{
    JobBudget *budget = budget_new(1);
    int ready[2];
    char byte;
    g_assert_cmpint(pipe(ready), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        (void)!write(ready[1], take(budget) >= 0 ? "y" : "n", 1);
        pause();
        _exit(0);
    }
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 'y');
    g_assert_false(is_free(budget));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    g_assert_true(is_free(budget));
    close(ready[0]);
    close(ready[1]);
    job_budget_free(budget);
}

typedef struct {
    JobBudget *budget;
    _Atomic int running, most;
} Crowd;

static gpointer work(gpointer data)
{
    Crowd *crowd = data;
    for (int i = 0; i < 5; i++) {
        int token = take(crowd->budget);
        int now = ++crowd->running;
        if (now > crowd->most)
            crowd->most = now;
        g_usleep(1000);
        crowd->running--;
        job_budget_give(token);
    }
    return NULL;
}

static void test_threads(void)
{
    Crowd crowd = {budget_new(3)};
    GThread *threads[8];
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("worker", work, &crowd);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_assert_cmpint(crowd.most, <=, 3);
    g_assert_cmpint(crowd.most, >, 1);
    job_budget_free(crowd.budget);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/job-budget/size", test_size);
    g_test_add_func("/job-budget/processes", test_processes);
    g_test_add_func("/job-budget/threads", test_threads);
    return g_test_run();
}
