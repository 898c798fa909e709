#include "reapi-bench.h"

#include "cas.h"
#include "rpc.h"

#include <grpc/slice.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A call in flight: all operations of a unary call at once; streams go message by message. */
typedef struct {
    grpc_call *call;
    grpc_metadata_array headers, trailers;
    grpc_byte_buffer *sending, *received;
    grpc_status_code code;
    grpc_slice details;
    gint64 started;
    gsize offset; /* of the next message in a write; bytes received in a read */
    guint index;
    enum { PHASE_HEADERS, PHASE_MESSAGES, PHASE_END } phase;
} Slot;

typedef struct {
    const BenchOptions *options;
    const char *method;
    grpc_channel *channel;
    grpc_completion_queue *queue;
    GBytes *request;  /* what each call sends; NULL for writes */
    GPtrArray *names; /* writes: resource names */
    guint8 *blob;
    GArray *latencies; /* gint64, microseconds */
    guint started, failed;
    uint64_t bytes;
} Bench;

enum { WRITE_MESSAGE = 256 * 1024 };

static gboolean is_write(const Bench *bench)
{
    return strcmp(bench->options->operation, "write") == 0;
}

static gboolean is_read(const Bench *bench)
{
    return strcmp(bench->options->operation, "read") == 0;
}

/* Blobs differ in their first bytes only. */
static void make_blob(guint8 *blob, gsize size, guint64 seed, SluiceDigest *digest)
{
    memcpy(blob, &seed, MIN(size, sizeof seed));
    sluice_digest_of(blob, size, digest);
}

static void start_batch(Bench *bench, Slot *slot, const grpc_op *ops, gsize count)
{
    grpc_call_error problem = grpc_call_start_batch(slot->call, ops, count, slot, NULL);
    if (problem != GRPC_CALL_OK)
        g_error("an operation could not start: %s", grpc_call_error_to_string(problem));
}

static grpc_op *set_status_op(Slot *slot, grpc_op *op)
{
    op->op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    op->data.recv_status_on_client.trailing_metadata = &slot->trailers;
    op->data.recv_status_on_client.status = &slot->code;
    op->data.recv_status_on_client.status_details = &slot->details;
    return op + 1;
}

static grpc_op *set_send_op(Slot *slot, grpc_op *op)
{
    op->op = GRPC_OP_SEND_MESSAGE;
    op->data.send_message.send_message = slot->sending;
    return op + 1;
}

static grpc_op *set_receive_op(Slot *slot, grpc_op *op)
{
    op->op = GRPC_OP_RECV_MESSAGE;
    op->data.recv_message.recv_message = &slot->received;
    return op + 1;
}

static grpc_op *set_headers_op(Slot *slot, grpc_op *op)
{
    op->op = GRPC_OP_RECV_INITIAL_METADATA;
    op->data.recv_initial_metadata.recv_initial_metadata = &slot->headers;
    return op + 1;
}

/* The next message of a write; the last one carries finish_write. */
static void make_piece(Bench *bench, Slot *slot)
{
    g_autoptr(GByteArray) message = g_byte_array_new();
    gsize length = MIN(bench->options->size - slot->offset, (gsize)WRITE_MESSAGE);
    guint64 seed;
    if (slot->offset == 0)
        sluice_wire_put_string(message, 1, bench->names->pdata[slot->index]);
    else
        sluice_wire_put_varint(message, 2, slot->offset);
    if (slot->offset + length == bench->options->size)
        sluice_wire_put_varint(message, 3, 1);
    sluice_wire_put_bytes(message, 10, bench->blob + slot->offset, length);
    if (slot->offset == 0) {
        sscanf(bench->names->pdata[slot->index], "uploads/%" G_GINT64_MODIFIER "x", &seed);
        memcpy(message->data + message->len - length, &seed, MIN(length, sizeof seed));
    }
    slot->offset += length;
    slot->sending = rpc_make_buffer(message->data, message->len);
}

static void start_call(Bench *bench, Slot *slot)
{
    grpc_op ops[6], *op = ops;
    memset(ops, 0, sizeof ops);
    *slot = (Slot){.started = g_get_monotonic_time(), .index = bench->started++, .details = grpc_empty_slice()};
    grpc_metadata_array_init(&slot->headers);
    grpc_metadata_array_init(&slot->trailers);
    slot->call = grpc_channel_create_call(bench->channel, NULL, GRPC_PROPAGATE_DEFAULTS, bench->queue,
                                          grpc_slice_from_static_string(bench->method), NULL,
                                          gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    (op++)->op = GRPC_OP_SEND_INITIAL_METADATA;
    if (is_write(bench)) {
        make_piece(bench, slot);
        op = set_send_op(slot, op);
        slot->phase = PHASE_MESSAGES;
    } else {
        slot->sending = rpc_make_buffer(g_bytes_get_data(bench->request, NULL), g_bytes_get_size(bench->request));
        op = set_send_op(slot, op);
        (op++)->op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
        op = set_headers_op(slot, op);
        op = set_receive_op(slot, op);
        if (!is_read(bench))
            op = set_status_op(slot, op);
        slot->phase = is_read(bench) ? PHASE_MESSAGES : PHASE_END;
    }
    start_batch(bench, slot, ops, (gsize)(op - ops));
}

static void end_call(Bench *bench, Slot *slot)
{
    gint64 taken = g_get_monotonic_time() - slot->started;
    g_array_append_val(bench->latencies, taken);
    if (slot->code != GRPC_STATUS_OK && bench->failed++ == 0)
        fprintf(stderr, "reapi-client: %s: %.*s\n", rpc_status_name(slot->code), (int)GRPC_SLICE_LENGTH(slot->details),
                (const char *)GRPC_SLICE_START_PTR(slot->details));
    if (slot->received != NULL)
        bench->bytes += grpc_byte_buffer_length(slot->received);
    g_clear_pointer(&slot->received, grpc_byte_buffer_destroy);
    g_clear_pointer(&slot->sending, grpc_byte_buffer_destroy);
    grpc_slice_unref(slot->details);
    grpc_metadata_array_destroy(&slot->headers);
    grpc_metadata_array_destroy(&slot->trailers);
    grpc_call_unref(slot->call);
    if (bench->started < bench->options->calls)
        start_call(bench, slot);
}

static void go_on_writing(Bench *bench, Slot *slot)
{
    grpc_op ops[4], *op = ops;
    memset(ops, 0, sizeof ops);
    g_clear_pointer(&slot->sending, grpc_byte_buffer_destroy);
    if (slot->offset < bench->options->size) {
        make_piece(bench, slot);
        op = set_send_op(slot, op);
    } else {
        bench->bytes += slot->offset;
        (op++)->op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
        op = set_headers_op(slot, op);
        op = set_receive_op(slot, op);
        op = set_status_op(slot, op);
        slot->phase = PHASE_END;
    }
    start_batch(bench, slot, ops, (gsize)(op - ops));
}

static void go_on_reading(Bench *bench, Slot *slot)
{
    grpc_op op;
    memset(&op, 0, sizeof op);
    if (slot->received != NULL) {
        bench->bytes += grpc_byte_buffer_length(slot->received);
        g_clear_pointer(&slot->received, grpc_byte_buffer_destroy);
        set_receive_op(slot, &op);
    } else {
        set_status_op(slot, &op);
        slot->phase = PHASE_END;
    }
    start_batch(bench, slot, &op, 1);
}

static void run_calls(Bench *bench)
{
    const BenchOptions *options = bench->options;
    g_autofree Slot *slots = g_new0(Slot, options->in_flight);
    for (guint i = 0; i < options->in_flight && bench->started < options->calls; i++)
        start_call(bench, &slots[i]);
    while (bench->latencies->len < options->calls) {
        grpc_event event = grpc_completion_queue_next(bench->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        Slot *slot = event.tag;
        if (slot->phase == PHASE_END)
            end_call(bench, slot);
        else if (is_write(bench))
            go_on_writing(bench, slot);
        else
            go_on_reading(bench, slot);
    }
}

/* Nanoseconds of all threads of the process, those that ended too; clock ticks are as fine as the kernel tells it. */
static guint64 cpu_of(pid_t process)
{
    enum { NANOSECONDS = 1000000000, UTIME_AFTER_NAME = 11 };
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", process);
    g_autofree char *text = NULL;
    if (process <= 0 || !g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    char *name_end = strrchr(text, ')');
    g_auto(GStrv) fields = g_strsplit(name_end != NULL ? name_end + 2 : "", " ", 0);
    if (g_strv_length(fields) < UTIME_AFTER_NAME + 2)
        return 0;
    guint64 ticks =
        g_ascii_strtoull(fields[UTIME_AFTER_NAME], NULL, 10) + g_ascii_strtoull(fields[UTIME_AFTER_NAME + 1], NULL, 10);
    return ticks * (NANOSECONDS / (guint64)sysconf(_SC_CLK_TCK));
}

static int compare(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;
    return (x > y) - (x < y);
}

static void report(Bench *bench, gint64 taken, guint64 cpu)
{
    const BenchOptions *options = bench->options;
    guint count = bench->latencies->len;
    double seconds = MAX(taken, 1) / 1e6;
    g_array_sort(bench->latencies, compare);
    printf("op=%s calls=%u in-flight=%u size=%zu items=%u failed=%u qps=%.0f p50=%" G_GINT64_FORMAT
           "us p99=%" G_GINT64_FORMAT "us MB/s=%.1f server-cpu=%.1fus/call\n",
           options->operation, count, options->in_flight, options->size, options->items, bench->failed, count / seconds,
           g_array_index(bench->latencies, gint64, count / 2),
           g_array_index(bench->latencies, gint64, (guint)(count * 0.99)), (double)bench->bytes / 1e6 / seconds,
           (double)cpu / 1e3 / count);
}

/* ---- What the calls ask ------------------------------------------------------------------------------------------------------ */

static void upload(RpcClient *client, const guint8 *blob, gsize size, const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_auto(RpcResult) result = {0};
    g_autofree char *name = g_strdup_printf("uploads/0/blobs/%s", sluice_digest_string(digest, text));
    gsize offset = 0;
    do {
        GByteArray *message = g_byte_array_new();
        gsize length = MIN(size - offset, (gsize)WRITE_MESSAGE);
        sluice_wire_put_string(message, 1, name);
        sluice_wire_put_varint(message, 2, offset);
        sluice_wire_put_varint(message, 3, offset + length == size);
        sluice_wire_put_bytes(message, 10, blob + offset, length);
        g_ptr_array_add(messages, g_byte_array_free_to_bytes(message));
        offset += length;
    } while (offset < size);
    rpc_call(client, RPC_BYTESTREAM("Write"), messages, TRUE, 0, &result);
    if (result.code != GRPC_STATUS_OK)
        g_error("the upload failed: %s", result.message);
}

/* A result with one output that is there. */
static void put_result(RpcClient *client, const SluiceDigest *action, const SluiceDigest *output)
{
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autoptr(GByteArray) result = g_byte_array_new();
    g_autoptr(GByteArray) request = g_byte_array_new();
    g_auto(RpcResult) answer = {0};
    sluice_wire_put_string(file, 1, "out/file.o");
    sluice_wire_put_digest(file, 2, output);
    sluice_wire_put_bytes(result, 2, file->data, file->len);
    sluice_wire_put_digest(request, 2, action);
    sluice_wire_put_bytes(request, 3, result->data, result->len);
    g_autoptr(GBytes) reply = rpc_unary(client, RPC_REAPI("ActionCache/UpdateActionResult"), request, &answer);
    if (reply == NULL)
        g_error("the result was not accepted: %s", answer.message);
}

static GBytes *make_digests_request(RpcClient *client, Bench *bench)
{
    GByteArray *request = g_byte_array_new();
    SluiceDigest digest;
    for (guint i = 0; i < bench->options->items; i++) {
        make_blob(bench->blob, bench->options->size, i, &digest);
        upload(client, bench->blob, bench->options->size, &digest);
        sluice_wire_put_digest(request, 2, &digest);
    }
    if (strcmp(bench->options->operation, "get-result") == 0)
        put_result(client, &digest, &digest);
    return g_byte_array_free_to_bytes(request);
}

static GBytes *make_read_request(RpcClient *client, Bench *bench)
{
    GByteArray *request = g_byte_array_new();
    SluiceDigest digest;
    char text[SLUICE_DIGEST_STRING_MAX];
    make_blob(bench->blob, bench->options->size, 0, &digest);
    upload(client, bench->blob, bench->options->size, &digest);
    g_autofree char *name = g_strconcat("blobs/", sluice_digest_string(&digest, text), NULL);
    sluice_wire_put_string(request, 1, name);
    return g_byte_array_free_to_bytes(request);
}

/* The names hold the seeds; the hashing is done before the clock starts. */
static void make_write_names(Bench *bench)
{
    guint64 base = (guint64)g_get_real_time() << 16;
    bench->names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < bench->options->calls; i++) {
        SluiceDigest digest;
        char text[SLUICE_DIGEST_STRING_MAX];
        make_blob(bench->blob, bench->options->size, base + i, &digest);
        g_ptr_array_add(bench->names, g_strdup_printf("uploads/%" G_GINT64_MODIFIER "x/blobs/%s", base + i,
                                                      sluice_digest_string(&digest, text)));
    }
}

static gboolean prepare(Bench *bench)
{
    static const struct {
        const char *operation, *method;
    } methods[] = {
        {"get-result", RPC_REAPI("ActionCache/GetActionResult")},
        {"find-missing", RPC_REAPI("ContentAddressableStorage/FindMissingBlobs")},
        {"batch-read", RPC_REAPI("ContentAddressableStorage/BatchReadBlobs")},
        {"read", RPC_BYTESTREAM("Read")},
        {"write", RPC_BYTESTREAM("Write")},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        if (strcmp(methods[i].operation, bench->options->operation) == 0)
            bench->method = methods[i].method;
    if (bench->method == NULL)
        return FALSE;
    RpcClient client = {.channel = bench->channel, .queue = grpc_completion_queue_create_for_pluck(NULL)};
    if (is_write(bench))
        make_write_names(bench);
    else
        bench->request = is_read(bench) ? make_read_request(&client, bench) : make_digests_request(&client, bench);
    grpc_completion_queue_shutdown(client.queue);
    grpc_completion_queue_destroy(client.queue);
    return TRUE;
}

int reapi_bench(grpc_channel *channel, const BenchOptions *options)
{
    Bench bench = {.options = options, .channel = channel, .queue = grpc_completion_queue_create_for_next(NULL)};
    if (options->calls == 0 || options->in_flight == 0 || options->items == 0 || options->size < sizeof(guint64)) {
        fputs("reapi-client: calls, in-flight and items must be positive, the size 8 or more\n", stderr);
        return 2;
    }
    bench.blob = g_malloc0(options->size);
    bench.latencies = g_array_new(FALSE, FALSE, sizeof(gint64));
    if (!prepare(&bench)) {
        fprintf(stderr, "reapi-client: no such operation: %s\n", options->operation);
        return 2;
    }
    guint64 cpu = cpu_of(options->server);
    gint64 start = g_get_monotonic_time();
    run_calls(&bench);
    report(&bench, g_get_monotonic_time() - start, cpu_of(options->server) - cpu);
    g_clear_pointer(&bench.request, g_bytes_unref);
    g_clear_pointer(&bench.names, g_ptr_array_unref);
    g_array_unref(bench.latencies);
    g_free(bench.blob);
    grpc_completion_queue_shutdown(bench.queue);
    grpc_completion_queue_destroy(bench.queue);
    return bench.failed > 0;
}

int reapi_many_streams(grpc_channel *channel, guint count, const char *digest)
{
    GByteArray *request = g_byte_array_new();
    g_autofree char *name = g_strconcat("blobs/", digest, NULL);
    sluice_wire_put_string(request, 1, name);
    BenchOptions options = {.operation = "read", .calls = count, .in_flight = count};
    Bench bench = {
        .options = &options,
        .method = RPC_BYTESTREAM("Read"),
        .channel = channel,
        .queue = grpc_completion_queue_create_for_next(NULL),
        .request = g_byte_array_free_to_bytes(request),
        .latencies = g_array_new(FALSE, FALSE, sizeof(gint64)),
    };
    run_calls(&bench);
    printf("streams=%u failed=%u bytes=%" G_GUINT64_FORMAT "\n", bench.latencies->len, bench.failed, bench.bytes);
    g_bytes_unref(bench.request);
    g_array_unref(bench.latencies);
    grpc_completion_queue_shutdown(bench.queue);
    grpc_completion_queue_destroy(bench.queue);
    return bench.failed > 0;
}
