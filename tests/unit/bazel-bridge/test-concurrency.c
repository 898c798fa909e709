/* Many clients at once, clients that go away, and an endpoint that closes under them. */
#include "bridge-private.h"
#include "served.h"

#include <stdatomic.h>

#define WRITE RPC_BYTESTREAM("Write")
#define READ  RPC_BYTESTREAM("Read")

typedef struct {
    Served *served;
    int number, rounds;
    _Atomic int *calls;
} Worker;

static char *name_of(const char *kind, const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    return g_strdup_printf("%sblobs/%s", kind, sluice_digest_string(digest, text));
}

static GByteArray *piece(const char *name, uint64_t offset, gboolean last, const char *data, gsize length)
{
    GByteArray *message = g_byte_array_new();
    sluice_wire_put_string(message, 1, name);
    sluice_wire_put_varint(message, 2, offset);
    sluice_wire_put_varint(message, 3, last);
    sluice_wire_put_bytes(message, 10, data, length);
    return message;
}

/* Uploads a blob of its own in two pieces, reads it, stores and looks up a result. */
static void one_round(RpcClient *client, int number, int round)
{
    g_autofree char *text = g_strnfill(round % 3 ? 100 : 200000, 'x');
    g_snprintf(text, 32, "%d/%d", number, round);
    gsize length = round % 3 ? 100 : 200000;
    SluiceDigest digest, action;
    sluice_digest_of(text, length, &digest);
    g_autofree char *upload = name_of("uploads/u/", &digest), *download = name_of("", &digest);
    g_autoptr(GPtrArray) written = served_stream(
        client, WRITE,
        served_messages(piece(upload, 0, FALSE, text, 50), piece(upload, 50, TRUE, text + 50, length - 50), NULL),
        GRPC_STATUS_OK);
    GByteArray *request = g_byte_array_new();
    sluice_wire_put_string(request, 1, download);
    g_autoptr(GPtrArray) read = served_stream(client, READ, served_messages(request, NULL), GRPC_STATUS_OK);
    g_autoptr(GBytes) contents = served_bytes(read->pdata[0], 10);
    g_assert_cmpmem(g_bytes_get_data(contents, NULL), g_bytes_get_size(contents), text, length);
    g_autofree char *action_text = g_strdup_printf("action %d/%d", number, round);
    action = fixture_absent(action_text);
    GByteArray *update = served_request(2, &action);
    g_autoptr(GByteArray) result = g_byte_array_new();
    fixture_put_node(result, 2, "out", 2, &digest);
    sluice_wire_put_bytes(update, 3, result->data, result->len);
    g_autoptr(GBytes) updated =
        served_call(client, RPC_REAPI("ActionCache/UpdateActionResult"), update, GRPC_STATUS_OK);
    g_autoptr(GBytes) found =
        served_call(client, RPC_REAPI("ActionCache/GetActionResult"), served_request(2, &action), GRPC_STATUS_OK);
    g_assert_cmpmem(g_bytes_get_data(found, NULL), g_bytes_get_size(found), result->data, result->len);
}

static gpointer work(gpointer data)
{
    Worker *worker = data;
    RpcClient client;
    rpc_client_open(&client, worker->served->address);
    for (int round = 0; round < worker->rounds; round++) {
        one_round(&client, worker->number, round);
        atomic_fetch_add(worker->calls, 4);
    }
    rpc_client_close(&client);
    return NULL;
}

static void test_many_clients(void)
{
    enum { CLIENTS = 8, ROUNDS = 12 };
    Served served;
    Worker workers[CLIENTS];
    GThread *threads[CLIENTS];
    _Atomic int calls = 0;
    served_open(&served, "one", SLUICE_CACHE_WRITES_TRUSTED);
    for (int i = 0; i < CLIENTS; i++) {
        workers[i] = (Worker){&served, i, ROUNDS, &calls};
        threads[i] = g_thread_new("client", work, &workers[i]);
    }
    for (int i = 0; i < CLIENTS; i++)
        g_thread_join(threads[i]);
    SluiceEndpointStats stats = served_stats(served.endpoint);
    g_assert_cmpuint(stats.calls, ==, (guint)calls);
    g_assert_cmpuint(stats.hits, ==, CLIENTS * ROUNDS);
    g_assert_cmpuint(stats.updates, ==, CLIENTS * ROUNDS);
    g_assert_cmpuint(stats.bytes_read, ==, stats.bytes_written);
    served_close(&served);
}

/* Uploads that are broken off: nothing of them stays, and they take no place from others. */
static void test_broken_uploads(void)
{
    Served served;
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    for (int i = 0; i < 300; i++) {
        g_autofree char *text = g_strdup_printf("upload %d%s", i, i % 2 ? "" : " is a bit longer");
        SluiceDigest digest = fixture_absent(text);
        g_autofree char *name = name_of("uploads/u/", &digest);
        g_autoptr(GPtrArray) messages = served_messages(piece(name, 0, FALSE, text, 5), NULL);
        RpcResult result;
        rpc_call(&served.client, WRITE, messages, FALSE, 0, &result);
        g_assert_cmpint(result.code, ==, GRPC_STATUS_CANCELLED);
        rpc_result_clear(&result);
        g_assert_false(sluice_store_has(served.fixture.store, &digest));
    }
    one_round(&served.client, 0, 0);
    served_close(&served);
}

typedef struct {
    Served *served;
    _Atomic int *ending;
} Nuisance;

static gpointer annoy(gpointer data)
{
    Nuisance *nuisance = data;
    RpcClient client;
    SluiceDigest gone = fixture_absent("gone");
    g_autofree char *name = name_of("uploads/u/", &gone);
    rpc_client_open(&client, nuisance->served->address);
    while (!atomic_load(nuisance->ending)) {
        RpcResult result;
        g_autoptr(GPtrArray) messages = served_messages(piece(name, 0, FALSE, "go", 2), NULL);
        rpc_call(&client, WRITE, messages, FALSE, 0, &result);
        rpc_result_clear(&result);
        g_autoptr(GByteArray) request = served_request(2, &gone);
        g_autoptr(GBytes) reply =
            rpc_unary(&client, RPC_REAPI("ContentAddressableStorage/FindMissingBlobs"), request, &result);
        rpc_result_clear(&result);
    }
    rpc_client_close(&client);
    return NULL;
}

static void test_close_under_load(void)
{
    enum { CLIENTS = 4 };
    for (int round = 0; round < 3; round++) {
        Served served;
        GThread *threads[CLIENTS];
        _Atomic int ending = 0;
        served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
        Nuisance nuisance = {&served, &ending};
        for (int i = 0; i < CLIENTS; i++)
            threads[i] = g_thread_new("client", annoy, &nuisance);
        g_usleep(50 * 1000);
        sluice_endpoint_close(served.endpoint);
        served.endpoint = served_add(&served, NULL, SLUICE_CACHE_WRITES_OFF, "main", NULL);
        g_usleep(20 * 1000);
        atomic_store(&ending, 1);
        for (int i = 0; i < CLIENTS; i++)
            g_thread_join(threads[i]);
        served_close(&served);
    }
}

/* A stream on which nothing moves is cut off; the others are not. */
static void test_idle_stream(void)
{
    Served served;
    RpcResult result;
    SluiceDigest digest = fixture_absent("hello");
    g_autofree char *name = name_of("uploads/u/", &digest);
    served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
    served.bridge->stream_idle = 3;
    served.bridge->sweep_interval = 1;
    g_usleep(SLUICE_SWEEP_INTERVAL * G_USEC_PER_SEC); /* until the serving thread has seen it */
    g_autoptr(GPtrArray) stalled =
        served_messages(piece(name, 0, FALSE, "he", 2), piece(name, 2, TRUE, "llo", 3), NULL);
    rpc_call(&served.client, WRITE, stalled, TRUE, 8000, &result);
    g_assert_cmpint(result.code, ==, GRPC_STATUS_CANCELLED);
    rpc_result_clear(&result);
    g_assert_false(sluice_store_has(served.fixture.store, &digest));
    g_autoptr(GPtrArray) slow = served_messages(piece(name, 0, FALSE, "he", 2), piece(name, 2, TRUE, "llo", 3), NULL);
    rpc_call(&served.client, WRITE, slow, TRUE, 200, &result);
    g_assert_cmpint(result.code, ==, GRPC_STATUS_OK);
    rpc_result_clear(&result);
    served_close(&served);
}

typedef struct {
    Served *served;
    GPtrArray *messages;
    unsigned pause_ms;
    RpcResult result;
} Upload;

static gpointer upload_slowly(gpointer data)
{
    Upload *upload = data;
    rpc_call(&upload->served->client, WRITE, upload->messages, TRUE, upload->pause_ms, &upload->result);
    return NULL;
}

/* What is in work comes to its end, if that is soon; nothing new begins. */
static void test_drain(void)
{
    for (int soon = 0; soon < 2; soon++) {
        Served served;
        RpcClient other;
        RpcResult result;
        SluiceDigest digest = fixture_absent("hello");
        g_autofree char *name = name_of("uploads/u/", &digest);
        served_open(&served, NULL, SLUICE_CACHE_WRITES_OFF);
        g_autoptr(GPtrArray) messages =
            served_messages(piece(name, 0, FALSE, "he", 2), piece(name, 2, TRUE, "llo", 3), NULL);
        Upload upload = {&served, messages, soon ? 1000 : 5000, {0}};
        GThread *thread = g_thread_new("client", upload_slowly, &upload);
        while (served_stats(served.endpoint).calls == 0)
            g_usleep(10000);
        g_assert_cmpint(sluice_endpoint_drain(served.endpoint, soon ? 20 : 1), ==, soon);
        rpc_client_open(&other, served.address);
        g_autoptr(GPtrArray) request = served_messages(g_byte_array_new(), NULL);
        rpc_call(&other, RPC_REAPI("Capabilities/GetCapabilities"), request, TRUE, 0, &result);
        g_assert_cmpint(result.code, ==, GRPC_STATUS_UNAVAILABLE);
        rpc_result_clear(&result);
        rpc_client_close(&other);
        sluice_endpoint_close(served.endpoint);
        g_thread_join(thread);
        g_assert_cmpint(upload.result.code == GRPC_STATUS_OK, ==, soon);
        g_assert_cmpint(sluice_store_has(served.fixture.store, &digest), ==, soon);
        rpc_result_clear(&upload.result);
        served_close(&served);
    }
}

static void test_bridge_without_endpoints(void)
{
    Fixture fixture;
    GError *error = NULL;
    fixture_open(&fixture);
    SluiceBridge *bridge = sluice_bridge_new(fixture.store, &error);
    g_assert_no_error(error);
    SluiceEndpointPolicy policy = {.label = "unused"};
    for (int i = 0; i < 50; i++)
        g_assert_nonnull(sluice_endpoint_new(bridge, &policy, &error));
    sluice_bridge_free(bridge);
    bridge = sluice_bridge_new(fixture.store, &error);
    sluice_bridge_free(bridge);
    fixture_close(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    grpc_init();
    g_test_add_func("/concurrency/many-clients", test_many_clients);
    g_test_add_func("/concurrency/broken-uploads", test_broken_uploads);
    g_test_add_func("/concurrency/close-under-load", test_close_under_load);
    g_test_add_func("/concurrency/idle-stream", test_idle_stream);
    g_test_add_func("/concurrency/drain", test_drain);
    g_test_add_func("/concurrency/bridge-without-endpoints", test_bridge_without_endpoints);
    int status = g_test_run();
    grpc_shutdown();
    return status;
}
