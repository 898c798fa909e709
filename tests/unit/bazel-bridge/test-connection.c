/* What attend.c relies on: as long as a call lives, its connection's descriptor is open and so nobody else's; "fd:N" names the right caller. */
#include "access.h"

#include <fcntl.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE = 20, NEIGHBOURS = 100 };

typedef struct {
    grpc_server *server;
    grpc_completion_queue *served, *asked;
    int fd; /* the server's side */
    uint64_t inode;
    grpc_channel *channel;
    grpc_call *question, *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
} Line;

static uint64_t inode_of(int fd)
{
    struct stat found;
    return fstat(fd, &found) == 0 ? (uint64_t)found.st_ino : 0;
}

static gpr_timespec soon(int64_t milliseconds)
{
    return gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_millis(milliseconds, GPR_TIMESPAN));
}

/* Lets the library work for a moment, whoever it is for. */
static void turn(Line *line)
{
    grpc_completion_queue_next(line->served, soon(5), NULL);
    grpc_completion_queue_next(line->asked, soon(5), NULL);
}

static void line_open(Line *line)
{
    int pair[2];
    *line = (Line){.served = grpc_completion_queue_create_for_next(NULL),
                   .asked = grpc_completion_queue_create_for_next(NULL)};
    line->server = grpc_server_create(NULL, NULL);
    grpc_server_register_completion_queue(line->server, line->served, NULL);
    grpc_server_start(line->server);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
    line->fd = pair[0];
    line->inode = inode_of(pair[0]);
    grpc_server_credentials *ours = grpc_insecure_server_credentials_create();
    grpc_server_add_channel_from_fd(line->server, pair[0], ours);
    grpc_server_credentials_release(ours);
    grpc_channel_credentials *theirs = grpc_insecure_credentials_create();
    line->channel = grpc_channel_create_from_fd("caller", pair[1], theirs, NULL);
    grpc_channel_credentials_release(theirs);
}

/* A call that has arrived, and that nobody has looked at yet. */
static void line_call(Line *line)
{
    grpc_op op = {.op = GRPC_OP_SEND_INITIAL_METADATA};
    grpc_call_details_init(&line->details);
    grpc_metadata_array_init(&line->metadata);
    g_assert_cmpint(grpc_server_request_call(line->server, &line->call, &line->details, &line->metadata, line->served,
                                             line->served, line),
                    ==, GRPC_CALL_OK);
    grpc_slice method = grpc_slice_from_static_string("/sluice.Test/Ask");
    line->question = grpc_channel_create_call(line->channel, NULL, GRPC_PROPAGATE_DEFAULTS, line->asked, method, NULL,
                                              soon(PATIENCE * 1000), NULL);
    g_assert_cmpint(grpc_call_start_batch(line->question, &op, 1, line, NULL), ==, GRPC_CALL_OK);
    for (int i = 0; i < PATIENCE * 100 && line->call == NULL; i++)
        turn(line);
    g_assert_nonnull(line->call);
}

static void line_hang_up(Line *line)
{
    grpc_call_cancel(line->question, NULL);
    g_clear_pointer(&line->question, grpc_call_unref);
    g_clear_pointer(&line->channel, grpc_channel_destroy);
}

static void line_close(Line *line)
{
    grpc_call_details_destroy(&line->details);
    grpc_metadata_array_destroy(&line->metadata);
    grpc_server_shutdown_and_notify(line->server, line->served, line);
    grpc_server_cancel_all_calls(line->server);
    for (int i = 0; i < 10; i++)
        turn(line);
    grpc_server_destroy(line->server);
    grpc_completion_queue *queues[] = {line->served, line->asked};
    for (gsize i = 0; i < G_N_ELEMENTS(queues); i++) {
        grpc_completion_queue_shutdown(queues[i]);
        while (grpc_completion_queue_next(queues[i], soon(PATIENCE * 1000), NULL).type != GRPC_QUEUE_SHUTDOWN)
            continue;
        grpc_completion_queue_destroy(queues[i]);
    }
}

/* Those who come after the caller went; none may sit on its number. */
static void assert_not_reused(const Line *line)
{
    int others[NEIGHBOURS];
    for (int i = 0; i < NEIGHBOURS; i++) {
        others[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(others[i], >=, 0);
        g_assert_cmpint(others[i], !=, line->fd);
    }
    for (int i = 0; i < NEIGHBOURS; i++)
        close(others[i]);
}

static void test_number_is_kept(void)
{
    Line line;
    line_open(&line);
    line_call(&line);
    char *peer = grpc_call_get_peer(line.call);
    g_autofree char *expected = g_strdup_printf("fd:%d", line.fd);
    g_assert_cmpstr(peer, ==, expected);
    gpr_free(peer);
    line_hang_up(&line);
    for (int i = 0; i < 50; i++)
        turn(&line);
    g_assert_cmpuint(inode_of(line.fd), ==, line.inode);
    assert_not_reused(&line);
    peer = grpc_call_get_peer(line.call);
    g_assert_cmpstr(peer, ==, expected);
    gpr_free(peer);

    grpc_call_unref(line.call);
    for (int i = 0; i < PATIENCE * 100 && inode_of(line.fd) == line.inode; i++)
        turn(&line);
    g_assert_cmpuint(inode_of(line.fd), !=,
                     line.inode); /* so that the caller had gone, and only the call held the number */
    line_close(&line);
}

static void test_newer_replaces_older(void)
{
    SluiceConnections *connections = sluice_connections_new();
    int first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(first, >=, 0);
    g_autofree char *name = g_strdup_printf("fd:%d", first);
    SluiceConnection *older = sluice_connection_new(first);
    older->user = g_ref_string_new("older");
    sluice_connections_add(connections, first, older);
    g_assert_cmpuint(sluice_connections_count(connections), ==, 1);
    SluiceConnection *found = sluice_connections_find(connections, name);
    g_assert_cmpstr(found->user, ==, "older");
    close(first);
    int second = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(second, ==, first);
    SluiceConnection *newer = sluice_connection_new(second);
    newer->user = g_ref_string_new("newer");
    sluice_connections_add(connections, second, newer);
    g_assert_cmpstr(found->user, ==, "older"); /* whoever has it keeps it */
    sluice_connection_unref(found);
    found = sluice_connections_find(connections, name);
    g_assert_cmpstr(found->user, ==, "newer");
    sluice_connection_unref(found);
    close(second);
    g_assert_cmpuint(sluice_connections_count(connections), ==, 0);
    static const char *const strangers[] = {"unix:", "ipv4:127.0.0.1:80", "fd:99999", ""};
    for (gsize i = 0; i < G_N_ELEMENTS(strangers); i++)
        g_assert_null(sluice_connections_find(connections, strangers[i]));
    g_assert_null(sluice_connections_find(connections, NULL));
    sluice_connections_free(connections);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    grpc_init();
    g_test_add_func("/bridge/connection/number-is-kept", test_number_is_kept);
    g_test_add_func("/bridge/connection/newer-replaces-older", test_newer_replaces_older);
    int result = g_test_run();
    grpc_shutdown();
    return result;
}
