/* One call from its arrival to its end: the operations on the completion queue and who goes on after them. */
#include "bridge-private.h"

#include <grpc/byte_buffer_reader.h>
#include <string.h>

static void call_arrived(SluiceTag *tag, gboolean ok);

static const SluiceMethod *method_at(gsize index)
{
    return index < SLUICE_N_METHODS ? &sluice_methods[index] : &sluice_unknown_method;
}

static gsize index_of(const SluiceMethod *method)
{
    return method == &sluice_unknown_method ? SLUICE_N_METHODS : (gsize)(method - sluice_methods);
}

static SluiceLoad *load_of(const SluiceCall *call)
{
    return &call->endpoint->loads[index_of(call->method)];
}

static void await_one(SluiceEndpoint *endpoint, gsize method)
{
    SluiceCall *call = g_new0(SluiceCall, 1);
    grpc_completion_queue *queue = endpoint->bridge->queue;
    gboolean known = method < SLUICE_N_METHODS;
    call->tag.done = call_arrived;
    call->endpoint = endpoint;
    call->method = method_at(method);
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    atomic_fetch_add(&endpoint->calls, 1);
    gboolean has_request = call->method->kind != SLUICE_METHOD_CLIENT_STREAM;
    grpc_call_error problem;
    SLUICE_HAND_OVER(&call->tag);
    if (known)
        problem = grpc_server_request_registered_call(endpoint->server, endpoint->registered[method], &call->call,
                                                      &call->deadline, &call->metadata,
                                                      has_request ? &call->received : NULL, queue, queue, &call->tag);
    else
        problem = grpc_server_request_call(endpoint->server, &call->call, &call->details, &call->metadata, queue, queue,
                                           &call->tag);
    g_assert(problem == GRPC_CALL_OK);
}

void sluice_call_await(SluiceEndpoint *endpoint, gsize index)
{
    const SluiceMethod *method = method_at(index);
    SluiceLoad *load = &endpoint->loads[index];
    while (!atomic_load(&endpoint->closing) && load->waiting < method->slots &&
           load->waiting + load->working < method->limit) {
        atomic_fetch_add(&load->waiting, 1);
        await_one(endpoint, index);
    }
}

static void forget_message(SluiceCall *call)
{
    if (call->flattened)
        grpc_slice_unref(call->flat);
    call->flattened = FALSE;
    g_clear_pointer(&call->received, grpc_byte_buffer_destroy);
    call->message = (SluiceSpan){NULL, 0};
}

static void watch(SluiceCall *call)
{
    SluiceBridge *bridge = call->endpoint->bridge;
    int64_t now = g_get_monotonic_time();
    atomic_store_explicit(&call->progress, now, memory_order_relaxed);
    atomic_store_explicit(&call->stride, now, memory_order_relaxed);
    g_mutex_lock(&bridge->lock);
    g_queue_push_tail(&bridge->streams, call);
    call->link = bridge->streams.tail;
    g_mutex_unlock(&bridge->lock);
}

static void unwatch(SluiceCall *call)
{
    SluiceBridge *bridge = call->endpoint->bridge;
    g_mutex_lock(&bridge->lock);
    g_queue_delete_link(&bridge->streams, call->link);
    g_mutex_unlock(&bridge->lock);
}

static gboolean is_stalled(SluiceBridge *bridge, SluiceCall *call, int64_t now)
{
    int64_t progress = atomic_load_explicit(&call->progress, memory_order_relaxed);
    if (!atomic_load(&call->in_flight) || progress == G_MAXINT64)
        return FALSE;
    if (now - progress > (int64_t)bridge->stream_idle * G_USEC_PER_SEC)
        return TRUE;
    return load_of(call)->working >= call->method->limit &&
           now - atomic_load_explicit(&call->stride, memory_order_relaxed) >
               (int64_t)bridge->busy_idle * G_USEC_PER_SEC;
}

gboolean sluice_calls_sweep(SluiceBridge *bridge)
{
    int64_t now = g_get_monotonic_time();
    g_mutex_lock(&bridge->lock);
    for (GList *item = bridge->streams.head; item != NULL; item = item->next) {
        SluiceCall *call = item->data;
        if (is_stalled(bridge, call, now))
            grpc_call_cancel(call->call, NULL);
    }
    gboolean busy = !g_queue_is_empty(&bridge->streams);
    g_mutex_unlock(&bridge->lock);
    return busy;
}

static void call_free(SluiceCall *call)
{
    SluiceEndpoint *endpoint = call->endpoint;
    if (call->link != NULL)
        unwatch(call);
    forget_message(call);
    g_clear_pointer(&call->sending, grpc_byte_buffer_destroy);
    if (call->free_state != NULL)
        call->free_state(call->state);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    g_clear_pointer(&call->call, grpc_call_unref);
    g_clear_pointer(&call->attendance, sluice_attendance_free);
    g_free(call);
    sluice_endpoint_release(endpoint);
}

/* Makes `message` of what was received; most messages come in one piece and are not copied. */
static void take_message(SluiceCall *call)
{
    grpc_byte_buffer_reader reader;
    grpc_slice *slice = NULL;
    if (!grpc_byte_buffer_reader_init(&reader, call->received))
        return;
    if (call->received->data.raw.slice_buffer.count == 1 && grpc_byte_buffer_reader_peek(&reader, &slice)) {
        call->message = (SluiceSpan){GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
    } else {
        call->flat = grpc_byte_buffer_reader_readall(&reader);
        call->flattened = TRUE;
        call->message = (SluiceSpan){GRPC_SLICE_START_PTR(call->flat), GRPC_SLICE_LENGTH(call->flat)};
    }
    grpc_byte_buffer_reader_destroy(&reader);
    if (call->attendance != NULL)
        sluice_attendance_count(call->attendance, call->message.length, 0);
    if (call->message.length > SLUICE_TRIM_ABOVE)
        atomic_store_explicit(&call->endpoint->bridge->heap_grew, 1, memory_order_relaxed);
}

static void call_arrived(SluiceTag *tag, gboolean ok)
{
    SluiceCall *call = (SluiceCall *)tag;
    SluiceLoad *load = load_of(call);
    atomic_fetch_sub(&load->waiting, 1);
    if (!ok) {
        call_free(call);
        return;
    }
    if (atomic_fetch_add(&load->working, 1) > call->method->slots) /* memory is given back when that is over */
        atomic_store_explicit(&call->endpoint->bridge->heap_grew, 1, memory_order_relaxed);
    SLUICE_COUNT(call->endpoint, calls, 1);
    sluice_call_await(call->endpoint, index_of(call->method));
    watch(call);
    if (call->endpoint->attended && !sluice_call_admit(call))
        return;
    if (call->received != NULL) {
        take_message(call);
    } else if (call->method != &sluice_unknown_method && call->method->kind != SLUICE_METHOD_CLIENT_STREAM) {
        /* it ended before its request was there; an empty message would have been a buffer */
        sluice_call_fail(call, GRPC_STATUS_CANCELLED, "no request came");
        return;
    }
    call->method->handle(call);
}

/* ---- Operations --------------------------------------------------------------------------------------------------------- */

static void start(SluiceCall *call, const grpc_op *ops, gsize count, void (*done)(SluiceTag *, gboolean))
{
    grpc_call *handle = call->call;
    call->tag.done = done;
    if (call->moved >= SLUICE_STRIDE) {
        call->moved = 0;
        atomic_store_explicit(&call->stride, g_get_monotonic_time(), memory_order_relaxed);
    }
    atomic_store(&call->in_flight, 1); /* from now on, `call` may be gone at any moment */
    SLUICE_HAND_OVER(&call->tag);
    grpc_call_error problem = grpc_call_start_batch(handle, ops, count, &call->tag, NULL);
    g_assert(problem == GRPC_CALL_OK);
}

static gsize add_headers(SluiceCall *call, grpc_op *op)
{
    if (call->started)
        return 0;
    call->started = TRUE;
    op->op = GRPC_OP_SEND_INITIAL_METADATA;
    return 1;
}

/* One of the operations that end a call is done; the last one frees it. */
static void drop(SluiceCall *call)
{
    if (call->closed == NULL || atomic_fetch_sub(&call->hands, 1) == 1)
        call_free(call);
}

static void call_ended(SluiceTag *tag, gboolean ok)
{
    SluiceCall *call = (SluiceCall *)tag;
    if (call->attendance != NULL)
        sluice_call_leave(call);
    atomic_store(&call->in_flight, 0);
    atomic_fetch_sub(&load_of(call)->working, 1);
    sluice_call_await(call->endpoint, index_of(call->method));
    drop(call);
}

static void call_closed(SluiceTag *tag, gboolean ok)
{
    SluiceCall *call = (SluiceCall *)(void *)((char *)tag - G_STRUCT_OFFSET(SluiceCall, close_tag));
    call->closed(call);
    drop(call);
}

void sluice_call_watch(SluiceCall *call, SluiceCallFunc closed)
{
    grpc_op op;
    memset(&op, 0, sizeof op);
    call->closed = closed;
    call->close_tag.done = call_closed;
    atomic_store(&call->hands, 2);
    op.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op.data.recv_close_on_server.cancelled = &call->cancelled;
    SLUICE_HAND_OVER(&call->close_tag);
    grpc_call_error problem = grpc_call_start_batch(call->call, &op, 1, &call->close_tag, NULL);
    g_assert(problem == GRPC_CALL_OK);
}

void sluice_call_set_patient(SluiceCall *call)
{
    atomic_store_explicit(&call->progress, G_MAXINT64, memory_order_relaxed);
}

static void prepare_message(SluiceCall *call, SluiceReply *reply)
{
    call->sending = sluice_reply_finish(reply);
    if (call->attendance != NULL)
        sluice_attendance_count(call->attendance, 0, grpc_byte_buffer_length(call->sending));
}

static void end(SluiceCall *call, SluiceReply *reply, grpc_status_code code, const char *message)
{
    grpc_op ops[4];
    memset(ops, 0, sizeof ops);
    gsize count = add_headers(call, ops);
    if (reply != NULL) {
        prepare_message(call, reply);
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = call->sending;
    }
    grpc_slice details = message != NULL ? grpc_slice_from_copied_string(message) : grpc_empty_slice();
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = code;
    if (call->attendance != NULL)
        sluice_attendance_set_code(call->attendance, code);
    ops[count++].data.send_status_from_server.status_details = message != NULL ? &details : NULL;
    if (call->closed == NULL) {
        ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
        ops[count++].data.recv_close_on_server.cancelled = &call->cancelled;
    }
    start(call, ops, count, call_ended);
    grpc_slice_unref(details);
}

void sluice_call_reply(SluiceCall *call, SluiceReply *reply)
{
    end(call, reply, GRPC_STATUS_OK, NULL);
}

void sluice_call_finish(SluiceCall *call)
{
    end(call, NULL, GRPC_STATUS_OK, NULL);
}

static gboolean is_clients_fault(grpc_status_code code)
{
    switch (code) {
    case GRPC_STATUS_INVALID_ARGUMENT:
    case GRPC_STATUS_OUT_OF_RANGE:
    case GRPC_STATUS_PERMISSION_DENIED:
    case GRPC_STATUS_FAILED_PRECONDITION:
    case GRPC_STATUS_UNIMPLEMENTED:
        return TRUE;
    default:
        return FALSE;
    }
}

void sluice_call_fail(SluiceCall *call, grpc_status_code code, const char *message)
{
    if (is_clients_fault(code))
        SLUICE_COUNT(call->endpoint, errors, 1);
    end(call, NULL, code, message);
}

static void note_progress(SluiceCall *call)
{
    atomic_store(&call->in_flight, 0);
    atomic_store_explicit(&call->progress, g_get_monotonic_time(), memory_order_relaxed);
}

static void message_sent(SluiceTag *tag, gboolean ok)
{
    SluiceCall *call = (SluiceCall *)tag;
    call->moved += grpc_byte_buffer_length(call->sending);
    g_clear_pointer(&call->sending, grpc_byte_buffer_destroy);
    note_progress(call);
    if (ok)
        call->next(call);
    else
        sluice_call_fail(call, GRPC_STATUS_CANCELLED, "the client has gone");
}

void sluice_call_send(SluiceCall *call, SluiceReply *reply, SluiceCallFunc next)
{
    grpc_op ops[2];
    memset(ops, 0, sizeof ops);
    gsize count = add_headers(call, ops);
    call->next = next;
    prepare_message(call, reply);
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = call->sending;
    start(call, ops, count, message_sent);
}

static void message_received(SluiceTag *tag, gboolean ok)
{
    SluiceCall *call = (SluiceCall *)tag;
    note_progress(call);
    if (ok && call->received != NULL)
        take_message(call);
    else
        call->half_closed = TRUE;
    call->moved += call->message.length;
    call->next(call);
}

void sluice_call_receive(SluiceCall *call, SluiceCallFunc next)
{
    grpc_op op;
    memset(&op, 0, sizeof op);
    forget_message(call);
    call->next = next;
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = &call->received;
    start(call, &op, 1, message_received);
}

void sluice_call_run(SluiceCall *call, SluiceCallFunc func)
{
    GThreadPool *workers = call->endpoint->bridge->workers;
    call->next = func;
    SLUICE_HAND_OVER(call);
    g_thread_pool_push(workers, call, NULL);
}

/* ---- Small things -------------------------------------------------------------------------------------------------------- */

void sluice_call_set_state(SluiceCall *call, gpointer state, GDestroyNotify free_state)
{
    call->state = state;
    call->free_state = free_state;
}

SluiceStore *sluice_call_get_store(SluiceCall *call)
{
    return call->endpoint->bridge->store;
}

const grpc_slice *sluice_call_find_header(SluiceCall *call, const char *name)
{
    for (gsize i = 0; i < call->metadata.count; i++)
        if (grpc_slice_str_cmp(call->metadata.metadata[i].key, name) == 0)
            return &call->metadata.metadata[i].value;
    return NULL;
}

grpc_status_code sluice_status_of_error(const GError *error)
{
    static const grpc_status_code of_cas[] = {
        [SLUICE_CAS_ERROR_NOT_FOUND] = GRPC_STATUS_NOT_FOUND,
        [SLUICE_CAS_ERROR_MISMATCH] = GRPC_STATUS_INVALID_ARGUMENT,
        [SLUICE_CAS_ERROR_FULL] = GRPC_STATUS_RESOURCE_EXHAUSTED,
        [SLUICE_CAS_ERROR_INVALID] = GRPC_STATUS_INVALID_ARGUMENT,
        [SLUICE_CAS_ERROR_OVERLAP] = GRPC_STATUS_INTERNAL,
        [SLUICE_CAS_ERROR_IO] = GRPC_STATUS_INTERNAL,
        [SLUICE_CAS_ERROR_BUSY] = GRPC_STATUS_UNAVAILABLE,
    };
    if (error->domain == SLUICE_PROTO_ERROR)
        return GRPC_STATUS_INVALID_ARGUMENT;
    if (error->domain == SLUICE_CAS_ERROR && (gsize)error->code < G_N_ELEMENTS(of_cas))
        return of_cas[error->code];
    return GRPC_STATUS_INTERNAL;
}

const char *sluice_status_message(const GError *error)
{
    switch (sluice_status_of_error(error)) {
    case GRPC_STATUS_INTERNAL:
    case GRPC_STATUS_UNAVAILABLE:
        return "the cache's storage failed";
    case GRPC_STATUS_RESOURCE_EXHAUSTED:
        return "the cache is full";
    case GRPC_STATUS_NOT_FOUND:
        return "not in the cache";
    default:
        return error->message;
    }
}

void sluice_call_fail_error(SluiceCall *call, GError *error)
{
    sluice_call_fail(call, sluice_status_of_error(error), sluice_status_message(error));
    g_error_free(error);
}
