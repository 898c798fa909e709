/* Messages with descriptors, and helpers that are not there. */
#include "channel.h"
#include "sandbox-spawn.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_pair(int pair[2])
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
}

static void test_texts(void)
{
    int pair[2];
    SandboxMessage message;
    make_pair(pair);
    g_assert_true(sandbox_channel_send(pair[0], "exit", "7", NULL, 0, NULL));
    g_assert_true(sandbox_channel_send(pair[0], "go", NULL, NULL, 0, NULL));
    g_assert_true(sandbox_channel_receive(pair[1], &message, NULL));
    g_assert_cmpstr(message.word, ==, "exit");
    g_assert_cmpstr(message.text, ==, "7");
    g_assert_cmpuint(message.n_fds, ==, 0);
    g_assert_true(sandbox_channel_receive(pair[1], &message, NULL));
    g_assert_cmpstr(message.word, ==, "go");
    g_assert_cmpstr(message.text, ==, "");
    close(pair[0]);
    g_autoptr(GError) error = NULL;
    g_assert_false(sandbox_channel_receive(pair[1], &message, &error));
    g_assert_no_error(error);
    g_assert_false(sandbox_channel_send(pair[1], "go", NULL, NULL, 0, &error));
    g_assert_error(error, SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_SETUP);
    close(pair[1]);
}

static void test_long_text(void)
{
    int pair[2];
    SandboxMessage message;
    make_pair(pair);
    g_autofree char *text = g_strnfill(SANDBOX_MESSAGE_MAX * 2, 'x');
    g_assert_true(sandbox_channel_send(pair[0], "error", text, NULL, 0, NULL));
    g_assert_true(sandbox_channel_receive(pair[1], &message, NULL));
    g_assert_cmpuint(strlen(message.text), ==, SANDBOX_MESSAGE_MAX - 1);
    g_assert_cmpstr(message.word, ==, "error");
    /* Bytes that end nowhere. */
    g_autofree char *wild = g_strnfill(64, 'w');
    g_assert_cmpint(send(pair[0], wild, 64, 0), ==, 64);
    g_assert_true(sandbox_channel_receive(pair[1], &message, NULL));
    g_assert_cmpuint(strlen(message.word), ==, sizeof message.word - 1);
    g_assert_cmpstr(message.text, ==, "");
    close(pair[0]);
    close(pair[1]);
}

static void test_descriptors(void)
{
    int pair[2];
    SandboxMessage message;
    struct stat sent, received;
    make_pair(pair);
    int fds[] = {open("/dev/null", O_RDONLY | O_CLOEXEC), open("/", O_RDONLY | O_CLOEXEC)};
    g_assert_true(sandbox_channel_send(pair[0], "ready", NULL, fds, 2, NULL));
    g_assert_true(sandbox_channel_receive(pair[1], &message, NULL));
    g_assert_cmpuint(message.n_fds, ==, 2);
    for (int i = 0; i < 2; i++) {
        g_assert_cmpint(fstat(fds[i], &sent), ==, 0);
        g_assert_cmpint(fstat(message.fds[i], &received), ==, 0);
        g_assert_cmpuint(sent.st_ino, ==, received.st_ino);
        g_assert_cmpint(fcntl(message.fds[i], F_GETFD) & FD_CLOEXEC, !=, 0);
        close(fds[i]);
    }
    sandbox_message_close_fds(&message);
    close(pair[0]);
    close(pair[1]);
}

static void test_no_helper(void)
{
    g_autoptr(GError) error = NULL;
    pid_t pid = 0;
    int control = -1;
    const SandboxSpawn spawn = {.program = "sluice-no-such-helper", .fds = {-1, -1, -1, -1, -1, -1, -1}};
    g_assert_false(sandbox_spawn(&spawn, &pid, &control, &error));
    g_assert_error(error, SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_UNAVAILABLE);
    g_assert_nonnull(strstr(error->message, "sluice-no-such-helper"));
    g_assert_null(sandbox_find_helper("sluice-no-such-helper"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/channel/texts", test_texts);
    g_test_add_func("/channel/long-text", test_long_text);
    g_test_add_func("/channel/descriptors", test_descriptors);
    g_test_add_func("/spawn/no-helper", test_no_helper);
    return g_test_run();
}
