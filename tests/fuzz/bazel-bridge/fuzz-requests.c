/*
 * Requests over a real socket.  The first byte of an input chooses the method, the rest are the messages: each a length of two bytes
 * (little endian) and so many bytes, the last one what is left.  The server must answer every one with a status that blames the client,
 * or none.
 */
#include "bazel-bridge.h"
#include "rpc.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const methods[] = {
    RPC_REAPI("Capabilities/GetCapabilities"),
    RPC_REAPI("ContentAddressableStorage/FindMissingBlobs"),
    RPC_REAPI("ContentAddressableStorage/BatchUpdateBlobs"),
    RPC_REAPI("ContentAddressableStorage/BatchReadBlobs"),
    RPC_REAPI("ContentAddressableStorage/GetTree"),
    RPC_REAPI("ActionCache/GetActionResult"),
    RPC_REAPI("ActionCache/UpdateActionResult"),
    RPC_BYTESTREAM("Read"),
    RPC_BYTESTREAM("Write"),
    RPC_BYTESTREAM("QueryWriteStatus"),
    RPC_REAPI("Execution/Execute"),
    RPC_REAPI("Execution/WaitExecution"),
};

enum { WRITE_METHOD = 8, MAX_MESSAGES = 8 };

typedef struct {
    char *directory;
    SluiceStore *store;
    SluiceBridge *bridge;
    RpcClient client;
} Server;

static Server server;

/* Requests matter here, not what is run. */
static gboolean refuse_to_execute(const SluiceExecution *execution, GCancellable *cancellable,
                                  SluiceExecutionOutcome *outcome, gpointer data, GError **error)
{
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, "nothing is run here");
    return FALSE;
}

static void stop(void)
{
    rpc_client_close(&server.client);
    sluice_bridge_free(server.bridge);
    sluice_store_close(server.store);
    sluice_remove_tree(server.directory, NULL);
    g_free(server.directory);
    grpc_shutdown();
}

static void start(void)
{
    SluiceDigest environment = sluice_digest_empty;
    const SluiceExecutor executor = {refuse_to_execute, NULL, 1};
    SluiceEndpointPolicy policy = {
        .environment = &environment, .cache_writes = SLUICE_CACHE_WRITES_TRUSTED, .executor = &executor};
    server.directory = g_dir_make_tmp("sluice-fuzz-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(server.directory, "store", NULL);
    g_autofree char *address = g_strdup_printf("unix:%s/socket", server.directory);
    grpc_init();
    server.store = sluice_store_open(path, NULL, NULL);
    fuzz_check(server.store != NULL);
    /* the corpus names these blobs */
    fuzz_check(sluice_store_put(server.store, "x", 1, NULL, NULL, NULL));
    fuzz_check(sluice_store_put(server.store, "output", 6, NULL, NULL, NULL));
    server.bridge = sluice_bridge_new(server.store, NULL);
    fuzz_check(server.bridge != NULL);
    SluiceEndpoint *endpoint = sluice_endpoint_new(server.bridge, &policy, NULL);
    fuzz_check(endpoint != NULL && sluice_endpoint_listen(endpoint, address, NULL, NULL));
    rpc_client_open(&server.client, address);
    atexit(stop);
}

static GPtrArray *split(const uint8_t *data, size_t size)
{
    GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    while (messages->len + 1 < MAX_MESSAGES && size >= 2 && data[0] + 256u * data[1] + 2 < size) {
        gsize length = data[0] + 256u * data[1];
        g_ptr_array_add(messages, g_bytes_new(data + 2, length));
        data += 2 + length;
        size -= 2 + length;
    }
    gsize head = MIN(size, 2);
    g_ptr_array_add(messages, g_bytes_new(data + head, size - head));
    return messages;
}

static gboolean is_allowed(grpc_status_code code)
{
    return code == GRPC_STATUS_OK || code == GRPC_STATUS_INVALID_ARGUMENT || code == GRPC_STATUS_NOT_FOUND ||
           code == GRPC_STATUS_OUT_OF_RANGE || code == GRPC_STATUS_UNIMPLEMENTED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (server.bridge == NULL)
        start();
    if (size == 0)
        return 0;
    gsize method = data[0] % G_N_ELEMENTS(methods);
    g_autoptr(GPtrArray) messages = split(data + 1, size - 1);
    if (method != WRITE_METHOD)
        g_ptr_array_set_size(messages, 1);
    g_auto(RpcResult) result = {0};
    rpc_call(&server.client, methods[method], messages, TRUE, 0, &result);
    if (!is_allowed(result.code)) {
        g_printerr("%s answered %s: %s\n", methods[method], rpc_status_name(result.code), result.message);
        abort();
    }
    return 0;
}
