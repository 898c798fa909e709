#include "rpc.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <string.h>

enum { MAX_MESSAGE = 64 * 1024 * 1024, DEADLINE_SECONDS = 60 };

static grpc_channel *channel_new(const char *address, grpc_channel_credentials *credentials)
{
    grpc_arg args[] = {
        {.type = GRPC_ARG_INTEGER, .key = (char *)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, .value.integer = MAX_MESSAGE},
        /* every client a connection of its own */
        {.type = GRPC_ARG_INTEGER, .key = (char *)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, .value.integer = 1},
    };
    grpc_channel_args all = {.num_args = G_N_ELEMENTS(args), .args = args};
    grpc_channel *channel = grpc_channel_create(address, credentials, &all);
    grpc_channel_credentials_release(credentials);
    return channel;
}

grpc_channel *rpc_channel_new(const char *address)
{
    return channel_new(address, grpc_insecure_credentials_create());
}

void rpc_client_open(RpcClient *client, const char *address)
{
    *client = (RpcClient){rpc_channel_new(address), grpc_completion_queue_create_for_pluck(NULL), address, NULL, NULL};
}

static char *read_pem(const char *path)
{
    char *text = NULL;
    if (path != NULL && !g_file_get_contents(path, &text, NULL, NULL))
        g_error("cannot read %s", path);
    return text;
}

void rpc_client_open_secure(RpcClient *client, const char *address, const RpcIdentity *identity)
{
    g_autofree char *ca = read_pem(identity->ca), *certificate = read_pem(identity->certificate);
    g_autofree char *key = read_pem(identity->key);
    grpc_ssl_pem_key_cert_pair pair = {key, certificate};
    grpc_channel_credentials *credentials = grpc_ssl_credentials_create(ca, key != NULL ? &pair : NULL, NULL, NULL);
    *client = (RpcClient){channel_new(address, credentials), grpc_completion_queue_create_for_pluck(NULL), address,
                          NULL, NULL};
}

void rpc_client_close(RpcClient *client)
{
    grpc_channel_destroy(client->channel);
    grpc_completion_queue_shutdown(client->queue);
    grpc_completion_queue_destroy(client->queue);
}

GBytes *rpc_take_buffer(grpc_byte_buffer *buffer)
{
    grpc_byte_buffer_reader reader;
    grpc_byte_buffer_reader_init(&reader, buffer);
    grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
    GBytes *bytes = g_bytes_new(GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(buffer);
    return bytes;
}

grpc_byte_buffer *rpc_make_buffer(const void *data, gsize length)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(data, length);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

/* Starts the operations and waits for them. */
static gboolean run(RpcClient *client, grpc_call *call, const grpc_op *ops, gsize count, void *tag)
{
    grpc_call_error problem = grpc_call_start_batch(call, ops, count, tag, NULL);
    if (problem != GRPC_CALL_OK)
        g_error("an operation could not start: %s", grpc_call_error_to_string(problem));
    return grpc_completion_queue_pluck(client->queue, tag, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).success;
}

static gboolean send_one(RpcClient *client, grpc_call *call, GBytes *message)
{
    grpc_op op;
    memset(&op, 0, sizeof op);
    grpc_byte_buffer *buffer = rpc_make_buffer(g_bytes_get_data(message, NULL), g_bytes_get_size(message));
    op.op = GRPC_OP_SEND_MESSAGE;
    op.data.send_message.send_message = buffer;
    gboolean ok = run(client, call, &op, 1, &op);
    grpc_byte_buffer_destroy(buffer);
    return ok;
}

static GBytes *receive_one(RpcClient *client, grpc_call *call)
{
    grpc_byte_buffer *buffer = NULL;
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &buffer;
    run(client, call, &op, 1, &op);
    return buffer != NULL ? rpc_take_buffer(buffer) : NULL;
}

static void send_all(RpcClient *client, grpc_call *call, GPtrArray *messages, gboolean half_close, unsigned pause_ms)
{
    grpc_op op;
    gboolean ok = TRUE;
    for (guint i = 0; ok && i < messages->len; i++) {
        ok = send_one(client, call, messages->pdata[i]);
        if (pause_ms > 0)
            g_usleep(pause_ms * 1000);
    }
    if (!half_close) {
        grpc_call_cancel(call, NULL);
        return;
    }
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    run(client, call, &op, 1, &op);
}

void rpc_call(RpcClient *client, const char *method, GPtrArray *messages, gboolean half_close, unsigned pause_ms,
              RpcResult *out)
{
    grpc_op ops[2];
    grpc_metadata_array headers, trailers;
    grpc_slice details = grpc_empty_slice();
    grpc_metadata_array_init(&headers);
    grpc_metadata_array_init(&trailers);
    grpc_call *call = grpc_channel_create_call(
        client->channel, NULL, GRPC_PROPAGATE_DEFAULTS, client->queue, grpc_slice_from_static_string(method), NULL,
        gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_seconds(DEADLINE_SECONDS, GPR_TIMESPAN)), NULL);
    *out = (RpcResult){.replies = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref)};
    memset(ops, 0, sizeof ops);
    g_autofree char *bearer = g_strconcat("Bearer ", client->token, NULL);
    grpc_metadata sent[2];
    gsize n_sent = 0;
    memset(sent, 0, sizeof sent);
    if (client->token != NULL)
        sent[n_sent++] = (grpc_metadata){.key = grpc_slice_from_static_string("authorization"),
                                         .value = grpc_slice_from_static_string(bearer)};
    if (client->metadata != NULL)
        sent[n_sent++] =
            (grpc_metadata){.key = grpc_slice_from_static_string("build.bazel.remote.execution.v2.requestmetadata-bin"),
                            .value = grpc_slice_from_static_buffer(g_bytes_get_data(client->metadata, NULL),
                                                                   g_bytes_get_size(client->metadata))};
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].data.send_initial_metadata.count = n_sent;
    ops[0].data.send_initial_metadata.metadata = sent;
    run(client, call, ops, 1, ops);
    send_all(client, call, messages, half_close, pause_ms);
    memset(ops, 0, sizeof ops);
    ops[0].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[0].data.recv_initial_metadata.recv_initial_metadata = &headers;
    run(client, call, ops, 1, ops);
    for (GBytes *reply; (reply = receive_one(client, call)) != NULL;)
        g_ptr_array_add(out->replies, reply);
    memset(ops, 0, sizeof ops);
    ops[0].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[0].data.recv_status_on_client.trailing_metadata = &trailers;
    ops[0].data.recv_status_on_client.status = &out->code;
    ops[0].data.recv_status_on_client.status_details = &details;
    run(client, call, ops, 1, ops);
    out->message = g_strndup((const char *)GRPC_SLICE_START_PTR(details), GRPC_SLICE_LENGTH(details));
    grpc_slice_unref(details);
    grpc_metadata_array_destroy(&headers);
    grpc_metadata_array_destroy(&trailers);
    grpc_call_unref(call);
}

GBytes *rpc_unary(RpcClient *client, const char *method, GByteArray *request, RpcResult *out)
{
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_ptr_array_add(messages, g_bytes_new(request->data, request->len));
    rpc_call(client, method, messages, TRUE, 0, out);
    return out->code == GRPC_STATUS_OK && out->replies->len == 1 ? g_bytes_ref(out->replies->pdata[0]) : NULL;
}

void rpc_result_clear(RpcResult *result)
{
    g_clear_pointer(&result->message, g_free);
    g_clear_pointer(&result->replies, g_ptr_array_unref);
}

const char *rpc_status_name(grpc_status_code code)
{
    static const char *const names[] = {
        "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"};
    return (gsize)code < G_N_ELEMENTS(names) ? names[code] : "?";
}
