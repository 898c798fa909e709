/* served.h - endpoints on a scratch store and clients for them, in one process. */
#pragma once

#include "bazel-bridge.h"
#include "fixture.h"
#include "rpc.h"

typedef struct {
    Fixture fixture;
    SluiceBridge *bridge;
    SluiceEndpoint *endpoint;
    RpcClient client;
    char *address;
} Served;

/* `scope` names the environment; NULL: a plain cache. */
void served_open(Served *served, const char *scope, SluiceCacheWrites writes);
void served_close(Served *served);
/* Another endpoint on the same bridge. */
SluiceEndpoint *served_add(Served *served, const char *scope, SluiceCacheWrites writes, const char *name,
                           RpcClient *client);
/* One unary call; the request is freed.  NULL unless `code` is OK, which is asserted. */
GBytes *served_call(RpcClient *client, const char *method, GByteArray *request, grpc_status_code code);
/* One call with these messages (freed), whatever its kind; asserts the status and gives the answers. */
GPtrArray *served_stream(RpcClient *client, const char *method, GPtrArray *messages, grpc_status_code code);
GPtrArray *served_messages(GByteArray *first, ...) G_GNUC_NULL_TERMINATED;
/* Field `number` of a message: its value, or how often it is there. */
uint64_t served_number(GBytes *message, uint32_t number);
guint served_count(GBytes *message, uint32_t number);
GBytes *served_bytes(GBytes *message, uint32_t number);
/* A new message that begins with the digest as field `number`. */
GByteArray *served_request(uint32_t number, const SluiceDigest *digest);
SluiceEndpointStats served_stats(SluiceEndpoint *endpoint);
/* Requests of ByteStream; `name` NULL: left out. */
GByteArray *served_piece(const char *name, uint64_t offset, gboolean last, const void *data, gsize length);
GByteArray *served_read_request(const char *name, int64_t offset, int64_t limit);
/* One answer, with this committed_size. */
void served_assert_committed(GPtrArray *replies, uint64_t size);
