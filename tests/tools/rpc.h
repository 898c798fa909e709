/* rpc.h - a plain gRPC client for tests: one call at a time, any kind of method. */
#pragma once

#include <glib.h>
#include <grpc/grpc.h>

typedef struct {
    grpc_channel *channel;
    grpc_completion_queue *queue;
    const char *address;
    const char *token; /* borrowed; NULL: none is sent */
    GBytes *metadata;  /* borrowed: a RequestMetadata; NULL: none is sent */
} RpcClient;

/* What TLS is done with: paths of PEM files; `certificate` and `key` may be NULL. */
typedef struct {
    const char *ca, *certificate, *key;
} RpcIdentity;

typedef struct {
    grpc_status_code code;
    char *message;
    GPtrArray *replies; /* GBytes */
} RpcResult;

/* "unix:PATH" or "HOST:PORT". */
void rpc_client_open(RpcClient *client, const char *address);
/* The same over TLS. */
void rpc_client_open_secure(RpcClient *client, const char *address, const RpcIdentity *identity);
void rpc_client_close(RpcClient *client);
grpc_channel *rpc_channel_new(const char *address);
/* Sends the messages (GBytes), receives until the end.  Without `half_close` the stream is cut off after the last message.
 * `pause_ms` is slept after each message. */
void rpc_call(RpcClient *client, const char *method, GPtrArray *messages, gboolean half_close, unsigned pause_ms,
              RpcResult *out);
/* One message each way; NULL unless the status is OK and one answer came. */
GBytes *rpc_unary(RpcClient *client, const char *method, GByteArray *request, RpcResult *out);
void rpc_result_clear(RpcResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RpcResult, rpc_result_clear)
const char *rpc_status_name(grpc_status_code code);
GBytes *rpc_take_buffer(grpc_byte_buffer *buffer);
grpc_byte_buffer *rpc_make_buffer(const void *data, gsize length);

#define RPC_REAPI(method)      "/build.bazel.remote.execution.v2." method
#define RPC_BYTESTREAM(method) "/google.bytestream.ByteStream/" method
