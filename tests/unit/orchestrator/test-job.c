/* test-job.c - forked jobs: events, outcomes, crashes, termination, the log file */
#include "job.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    GMainLoop *loop;
    GString *events;
    gboolean success, crashed, cancelled, terminate_on_start;
    char *message, *reason, *result;
    char *log;
} Seen;

static void on_event(Job *job, const Event *event, gpointer data)
{
    Seen *seen = data;
    g_string_append_printf(seen->events, "%d %s %s %s;", event->type, event->action, event->element, event->message);
    if (seen->terminate_on_start)
        job_terminate(job);
}

static void on_done(Job *job, const JobOutcome *outcome, gpointer data)
{
    Seen *seen = data;
    seen->success = outcome->success;
    seen->crashed = outcome->crashed;
    seen->cancelled = outcome->cancelled;
    seen->message = outcome->error ? g_strdup(outcome->error->message) : NULL;
    seen->reason = outcome->error ? g_strdup(outcome->error->reason) : NULL;
    const char *text = NULL;
    if (outcome->result && g_variant_lookup(outcome->result, "text", "&s", &text))
        seen->result = g_strdup(text);
    g_main_loop_quit(seen->loop);
}

static Seen *run(JobFunc func, gpointer data, gboolean terminate_on_start)
{
    Seen *seen = g_new0(Seen, 1);
    seen->loop = g_main_loop_new(NULL, FALSE);
    seen->events = g_string_new(NULL);
    seen->terminate_on_start = terminate_on_start;
    g_autofree char *folder = g_dir_make_tmp("job-XXXXXX", NULL);
    g_autofree char *below = g_build_filename(folder, "below", NULL), *path = g_build_filename(below, "x.log", NULL);
    JobSpec spec = {"build", "a.bst", "0123456789", path, "a title", func, data};
    g_autoptr(GError) error = NULL;
    g_assert_nonnull(job_start(&spec, on_event, on_done, seen, &error));
    g_main_loop_run(seen->loop);
    g_file_get_contents(path, &seen->log, NULL, NULL);
    g_unlink(path);
    g_rmdir(below);
    g_rmdir(folder);
    g_assert_cmpint(waitpid(-1, NULL, WNOHANG), ==, -1);
    return seen;
}

static void seen_free(Seen *seen)
{
    g_main_loop_unref(seen->loop);
    g_string_free(seen->events, TRUE);
    g_free(seen->message);
    g_free(seen->reason);
    g_free(seen->result);
    g_free(seen->log);
    g_free(seen);
}

static gboolean works(JobContext *context, gpointer data, GError **error)
{
    event_send(context->events, EVENT_INFO, NULL, NULL, "hello \033[1m %s", (const char *)data);
    puts("standard output");
    fflush(stdout);
    g_variant_dict_insert(context->result, "text", "s", "a result");
    return TRUE;
}

static void test_success(void)
{
    Seen *seen = run(works, (gpointer) "world", FALSE);
    g_assert_true(seen->success);
    g_assert_false(seen->crashed);
    g_assert_cmpstr(seen->result, ==, "a result");
    g_autofree char *expected = g_strdup_printf("%d build a.bst hello [1m world;", EVENT_INFO);
    g_assert_cmpstr(seen->events->str, ==, expected);
    g_assert_cmpstr(seen->log, ==,
                    "a title\n[--:--:--] INFO    [01234567] a.bst: hello [1m world\nstandard output\n[00:00:00] "
                    "SUCCESS [01234567] a.bst: Build\n");
    seen_free(seen);
}

static gboolean fails(JobContext *context, gpointer data, GError **error)
{
    error_set(error, ERROR_SANDBOX, "command-failed", NULL, "Command failed");
    error_set_detail(*error, "with a detail");
    return FALSE;
}

static void test_failure(void)
{
    Seen *seen = run(fails, NULL, FALSE);
    g_assert_false(seen->success);
    g_assert_false(seen->crashed);
    g_assert_cmpstr(seen->message, ==, "Command failed");
    g_assert_cmpstr(seen->reason, ==, "command-failed");
    seen_free(seen);
}

static gboolean crashes(JobContext *context, gpointer data, GError **error)
{
    signal(SIGSEGV, SIG_DFL);
    raise(GPOINTER_TO_INT(data));
    return TRUE;
}

static void test_crash(void)
{
    Seen *seen = run(crashes, GINT_TO_POINTER(SIGKILL), FALSE);
    g_assert_false(seen->success);
    g_assert_true(seen->crashed);
    g_assert_nonnull(strstr(seen->message, "signal 9"));
    seen_free(seen);
}

static gboolean leaves(JobContext *context, gpointer data, GError **error)
{
    _exit(3);
}

static void test_silent_exit(void)
{
    Seen *seen = run(leaves, NULL, FALSE);
    g_assert_true(seen->crashed);
    g_assert_cmpstr(seen->message, ==, "Job ended with status 3 without a result");
    seen_free(seen);
}

static gboolean waits(JobContext *context, gpointer data, GError **error)
{
    event_send(context->events, EVENT_INFO, NULL, NULL, "waiting");
    for (int i = 0; i < 1000 && !g_cancellable_is_cancelled(context->cancellable); i++)
        g_usleep(10000);
    return !g_cancellable_set_error_if_cancelled(context->cancellable, error);
}

static void test_termination(void)
{
    gint64 start = g_get_monotonic_time();
    Seen *seen = run(waits, NULL, TRUE);
    g_assert_false(seen->success);
    g_assert_false(seen->crashed);
    g_assert_true(seen->cancelled);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
    seen_free(seen);
}

static gboolean talks(JobContext *context, gpointer data, GError **error)
{
    g_autofree char *large = g_strnfill(300000, 'x');
    for (int i = 0; i < 20; i++)
        event_send(context->events, EVENT_INFO, NULL, NULL, "%s", large);
    return TRUE;
}

/* More than a pipe holds, longer than a message may be. */
static void test_much(void)
{
    Seen *seen = run(talks, NULL, FALSE);
    g_assert_true(seen->success);
    g_assert_cmpuint(seen->events->len, >, 20 * 200000);
    g_assert_cmpuint(seen->events->len, <, 20 * 270000);
    seen_free(seen);
}

/* A child that writes rubbish into its pipe, found as the highest of its descriptors, is no danger to the parent. */
static gboolean babbles(JobContext *context, gpointer data, GError **error)
{
    static const guint8 rubbish[] = {12, 0, 0, 0, 'e', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 255, 255, 255, 255, 'r'};
    for (int fd = 3; fd < 64; fd++)
        if (fd != context->log_fd)
            (void)!write(fd, rubbish, sizeof rubbish);
    _exit(0);
}

static void test_rubbish(void)
{
    Seen *seen = run(babbles, NULL, FALSE);
    g_assert_true(seen->crashed);
    seen_free(seen);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/job/success", test_success);
    g_test_add_func("/job/failure", test_failure);
    g_test_add_func("/job/crash", test_crash);
    g_test_add_func("/job/silent-exit", test_silent_exit);
    g_test_add_func("/job/termination", test_termination);
    g_test_add_func("/job/much", test_much);
    g_test_add_func("/job/rubbish", test_rubbish);
    return g_test_run();
}
