/* Addresses, sockets, and the beginning and end of endpoints. */
#include "bridge-limits.h"
#include "served.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAPABILITIES RPC_REAPI("Capabilities/GetCapabilities")

static gboolean try_listen(Served *served, const char *address, int *port)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = sluice_endpoint_listen(served->endpoint, address, port, &error);
    if (!ok) {
        g_assert_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_ADDRESS);
        g_assert_nonnull(strstr(error->message, "cannot listen on"));
    }
    return ok;
}

static void assert_answers(const char *address)
{
    RpcClient client;
    rpc_client_open(&client, address);
    g_autoptr(GBytes) reply = served_call(&client, CAPABILITIES, g_byte_array_new(), GRPC_STATUS_OK);
    rpc_client_close(&client);
}

static void test_bad_addresses(void)
{
    static const char *const addresses[] = {"",
                                            "unix:",
                                            "localhost",
                                            ":80",
                                            "127.0.0.1:",
                                            "127.0.0.1:65536",
                                            "127.0.0.1:-1",
                                            "127.0.0.1:http",
                                            "::1:80",
                                            "unix:/nonexistent/directory/socket",
                                            "300.300.300.300:0"};
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    for (gsize i = 0; i < G_N_ELEMENTS(addresses); i++)
        g_assert_false(try_listen(&served, addresses[i], NULL));
    g_autofree char *filler = g_strnfill(200, 'x');
    g_autofree char *too_long = g_strdup_printf("unix:%s/%s", served.fixture.directory, filler);
    g_assert_false(try_listen(&served, too_long, NULL));
    served_close(&served);
}

static void test_tcp(void)
{
    Served served;
    int port = 0, second = 0;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_assert_true(try_listen(&served, "127.0.0.1:0", &port));
    g_assert_cmpint(port, >, 0);
    g_assert_true(try_listen(&served, "127.0.0.1:0", &second));
    g_assert_cmpint(port, !=, second);
    g_autofree char *address = g_strdup_printf("127.0.0.1:%d", port);
    assert_answers(address);
    g_assert_false(try_listen(&served, address, NULL)); /* taken */
    assert_answers(served.address);
    served_close(&served);
}

static void test_live_socket(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_assert_false(try_listen(&served, served.address, NULL));
    assert_answers(served.address);
    /* a server that knows nothing of our lock */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *path = g_build_filename(served.fixture.directory, "foreign", NULL);
    g_autofree char *lock = g_strconcat(path, ".lock", NULL);
    g_autofree char *text = g_strconcat("unix:", path, NULL);
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    g_assert_false(try_listen(&served, text, NULL));
    g_assert_false(g_file_test(lock, G_FILE_TEST_EXISTS));
    /* and when it has gone, its socket is stale */
    close(fd);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_true(try_listen(&served, text, NULL));
    assert_answers(text);
    served_close(&served);
}

static void test_other_file(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autofree char *path = g_build_filename(served.fixture.directory, "file", NULL);
    g_autofree char *text = g_strconcat("unix:", path, NULL);
    g_assert_true(g_file_set_contents(path, "precious", -1, NULL));
    g_assert_false(try_listen(&served, text, NULL));
    g_autofree char *contents = NULL;
    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    g_assert_cmpstr(contents, ==, "precious");
    served_close(&served);
}

static void test_close_removes_socket(void)
{
    Served served;
    RpcClient client;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autofree char *path = g_build_filename(served.fixture.directory, "short", NULL);
    g_autofree char *lock = g_strconcat(path, ".lock", NULL);
    for (int i = 0; i < 3; i++) { /* the same path again and again */
        SluiceEndpoint *endpoint = served_add(&served, NULL, SLUICE_CACHE_WRITES_OFF, "short", &client);
        g_autoptr(GBytes) reply = served_call(&client, CAPABILITIES, g_byte_array_new(), GRPC_STATUS_OK);
        g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
        sluice_endpoint_close(endpoint);
        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
        g_assert_false(g_file_test(lock, G_FILE_TEST_EXISTS));
        RpcResult result;
        g_autoptr(GByteArray) request = g_byte_array_new();
        g_assert_null(rpc_unary(&client, CAPABILITIES, request, &result));
        g_assert_cmpint(result.code, ==, GRPC_STATUS_UNAVAILABLE);
        rpc_result_clear(&result);
        rpc_client_close(&client);
    }
    assert_answers(served.address);
    served_close(&served);
}

/* The listener was made elsewhere, as in a sandbox' network namespace. */
static void test_add_listener(void)
{
    Served served;
    GError *error = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    g_autofree char *path = g_build_filename(served.fixture.directory, "handed", NULL);
    g_autofree char *text = g_strconcat("unix:", path, NULL);
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fd, 10), ==, 0);
    sluice_endpoint_add_listener(served.endpoint, fd, &error);
    g_assert_no_error(error);
    assert_answers(text);
    /* what does not listen is refused, and closed */
    int pipes[2];
    g_assert_cmpint(pipe(pipes), ==, 0);
    g_assert_false(sluice_endpoint_add_listener(served.endpoint, pipes[0], &error));
    g_assert_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_ADDRESS);
    g_clear_error(&error);
    g_assert_cmpint(close(pipes[0]), ==, -1);
    g_assert_cmpint(errno, ==, EBADF);
    close(pipes[1]);
    g_assert_false(
        sluice_endpoint_add_listener(served.endpoint, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &error));
    g_clear_error(&error);
    served_close(&served);
}

static void test_stats_start_at_zero(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    SluiceEndpointStats stats = served_stats(served.endpoint);
    g_assert_cmpuint(stats.calls, ==, 0);
    assert_answers(served.address);
    stats = served_stats(served.endpoint);
    g_assert_cmpuint(stats.calls, ==, 1);
    g_assert_cmpuint(stats.errors, ==, 0);
    served_close(&served);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    grpc_init();
    g_test_add_func("/listen/bad-addresses", test_bad_addresses);
    g_test_add_func("/listen/tcp", test_tcp);
    g_test_add_func("/listen/live-socket", test_live_socket);
    g_test_add_func("/listen/other-file", test_other_file);
    g_test_add_func("/listen/close-removes-socket", test_close_removes_socket);
    g_test_add_func("/listen/add-listener", test_add_listener);
    g_test_add_func("/listen/stats", test_stats_start_at_zero);
    int status = g_test_run();
    grpc_shutdown();
    return status;
}
