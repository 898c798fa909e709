/* test-log.c - log lines, what is stripped from them, the status line */
#include "log.h"
#include <glib/gstdio.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "[%{elapsed}][%{key}][%{element}] %{action} %{message}"

static char *format(const char *template, const Event *event)
{
    LogOptions options = {.message_format = template, .key_length = 8, .message_lines = 2, .verbose = TRUE, .fd = 2};
    Log *log = log_new(&options);
    char *line = log_format(log, event, FALSE);
    log_free(log);
    return line;
}

static void test_lines(void)
{
    Event start = {EVENT_START, "build", "base.bst", "325bef77363aad47", "tiny/base/x.log", NULL, -1};
    g_autofree char *a = format(FORMAT, &start);
    g_assert_cmpstr(a, ==, "[--:--:--][325bef77][   build:base.bst                      ] START   tiny/base/x.log\n");
    Event core = {EVENT_SUCCESS, "main", NULL, NULL, "Query cache", NULL, 3723ll * G_USEC_PER_SEC};
    g_autofree char *b = format(FORMAT, &core);
    g_assert_cmpstr(b, ==, "[01:02:03][        ][    main:core activity                 ] SUCCESS Query cache\n");
    Event keyless = {EVENT_START, "track", "t.bst", "", "x", NULL, -1};
    g_autofree char *c = format(FORMAT, &keyless);
    g_assert_cmpstr(c, ==, "[--:--:--][????????][   track:t.bst                         ] START   x\n");
    Event microseconds = {EVENT_SUCCESS, "main", NULL, NULL, "x", NULL, 1234567};
    g_autofree char *d = format("%{elapsed-us} %{nothing} %{action}", &microseconds);
    g_assert_cmpstr(d, ==, "00:00:01.234567 %{nothing} SUCCESS\n");
}

static void test_detail(void)
{
    Event event = {EVENT_START, "build", "a.bst", "00000000", "Running commands", "make\n\nmake install\n", -1};
    g_autofree char *whole = format("%{message}", &event);
    g_assert_true(g_str_has_prefix(whole, "Running commands\n\n    make\n"));
    g_assert_nonnull(strstr(whole, "more lines"));
    g_assert_null(strstr(whole, "install"));
    event.type = EVENT_FAILURE;
    g_autofree char *failure = format("%{message}", &event);
    g_assert_cmpstr(failure, ==, "Running commands\n\n    make\n\n    make install\n\n");
}

static void test_sanitize(void)
{
    static const struct {
        const char *raw, *clean;
    } cases[] = {
        {"plain\ttext\n", "plain\ttext\n"},
        {"\033[2Jgone\033]0;title\007", "[2Jgone]0;title"},
        {"a\rb\bc\x7f", "abc"},
        {"\xc2\x9b"
         "31m",
         "31m"},
        {"\xe2\x80\xaevertauscht", "vertauscht"},
        {"bad\xff", "bad\xef\xbf\xbd"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *clean = text_sanitize(cases[i].raw, -1);
        g_assert_cmpstr(clean, ==, cases[i].clean);
    }
}

static void test_tail(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("log-XXXXXX", &path, NULL);
    static const char text[] = "one\ntwo\nthree\n\n";
    g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
    close(fd);
    g_autofree char *two = file_tail(path, 2), *all = file_tail(path, 10);
    g_assert_cmpstr(two, ==, "two\nthree");
    g_assert_cmpstr(all, ==, "one\ntwo\nthree");
    g_unlink(path);
    g_autofree char *absent = file_tail(path, 2);
    g_assert_cmpstr(absent, ==, "");
}

static void test_file(void)
{
    g_autofree char *path = NULL;
    close(g_file_open_tmp("log-XXXXXX", &path, NULL));
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    LogOptions options = {.message_format = "%{action} %{message}", .key_length = 8, .colors = TRUE, .fd = null_fd};
    Log *log = log_new(&options);
    g_assert_true(log_open_file(log, path, NULL));
    Event quiet = {EVENT_STATUS, "main", NULL, NULL, "not verbose", NULL, -1};
    Event loud = {EVENT_WARNING, "main", NULL, NULL, "be\033ware", NULL, -1};
    log_event(log, &quiet);
    log_event(log, &loud);
    log_free(log);
    close(null_fd);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "WARNING beware\n");
    g_unlink(path);
    g_autoptr(GError) error = NULL;
    log = log_new(&options);
    g_assert_false(log_open_file(log, "/nonexistent/file", &error));
    g_assert_nonnull(strstr(error->message, "/nonexistent/file"));
    log_free(log);
}

static void test_status(void)
{
    StatusLine *status = status_line_new(2, FALSE, FALSE);
    int a, b;
    status_line_set_counts(status, "build 1");
    status_line_begin(status, &a, "fetch:a.bst");
    status_line_begin(status, &b, "build:b.bst");
    status_line_progress(status, &a, "x", 50, 100, "B");
    g_autofree char *text = status_line_text(status, 200);
    g_assert_cmpstr(text, ==, "[00:00:00] build 1 | fetch:a.bst [######......] 50 bytes/100 bytes 0s, build:b.bst 0s");
    g_autofree char *narrow = status_line_text(status, 20);
    g_assert_cmpuint(strlen(narrow), ==, 19);
    status_line_end(status, &a);
    status_line_end(status, &a);
    g_autofree char *rest = status_line_text(status, 200);
    g_assert_cmpstr(rest, ==, "[00:00:00] build 1 | build:b.bst 0s");
    status_line_free(status);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/lines", test_lines);
    g_test_add_func("/log/detail", test_detail);
    g_test_add_func("/log/sanitize", test_sanitize);
    g_test_add_func("/log/tail", test_tail);
    g_test_add_func("/log/file", test_file);
    g_test_add_func("/log/status", test_status);
    return g_test_run();
}
