/* A client of the Remote Execution API for tests: verbs that print what came back.  Exit status: 0 if the call was answered with
 * OK, 1 with another status (its name and message go to the standard error), 2 for wrong usage. */
#include "bazel-bridge.h"
#include "reapi-bench.h"
#include "reapi-execute.h"
#include "rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*VerbFunc)(RpcClient *client, int argc, char **argv);

typedef struct {
    const char *name;
    int least; /* arguments */
    const char *arguments;
    VerbFunc run;
} Verb;

static int usage_error(const char *what)
{
    fprintf(stderr, "reapi-client: %s\n", what);
    return 2;
}

static int finish(const RpcResult *result)
{
    if (result->code == GRPC_STATUS_OK)
        return 0;
    fprintf(stderr, "%s: %s\n", rpc_status_name(result->code), result->message);
    return 1;
}

static SluiceDigest digest_argument(const char *text)
{
    SluiceDigest digest;
    g_autoptr(GError) error = NULL;
    if (!sluice_digest_parse(text, &digest, &error)) {
        usage_error(error->message);
        exit(2);
    }
    return digest;
}

static GBytes *file_argument(const char *path)
{
    g_autoptr(GError) error = NULL;
    char *data = NULL;
    gsize length = 0;
    if (!g_file_get_contents(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &data, &length, &error)) {
        usage_error(error->message);
        exit(2);
    }
    return g_bytes_new_take(data, length);
}

/* For messages as they are, the unreadable included. */
static GBytes *message_argument(const char *text)
{
    if (!g_str_has_prefix(text, "hex:"))
        return file_argument(text);
    GByteArray *bytes = g_byte_array_new();
    for (const char *at = text + 4; g_ascii_isxdigit(at[0]) && g_ascii_isxdigit(at[1]); at += 2) {
        guint8 byte = (guint8)(g_ascii_xdigit_value(at[0]) << 4 | g_ascii_xdigit_value(at[1]));
        g_byte_array_append(bytes, &byte, 1);
    }
    return g_byte_array_free_to_bytes(bytes);
}

static void print_digest(const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    puts(sluice_digest_string(digest, text));
}

static void print_field(GBytes *reply, uint32_t number)
{
    SluiceWireReader reader;
    SluiceWireField field;
    sluice_wire_reader_init(&reader, g_bytes_get_data(reply, NULL), g_bytes_get_size(reply));
    while (g_bytes_get_size(reply) > 0 && sluice_wire_next(&reader, &field, NULL))
        if (field.number == number && field.type == SLUICE_WIRE_BYTES)
            fwrite(field.data, 1, field.length, stdout);
        else if (field.number == number)
            printf("%" G_GUINT64_FORMAT "\n", field.value);
}

static void print_hex(GBytes *bytes)
{
    const guint8 *data = g_bytes_get_data(bytes, NULL);
    for (gsize i = 0; i < g_bytes_get_size(bytes); i++)
        printf("%02x", data[i]);
    putchar('\n');
}

/* ---- Verbs -------------------------------------------------------------------------------------------------------------- */

static int verb_capabilities(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    g_auto(RpcResult) result = {0};
    if (argc > 0)
        sluice_wire_put_string(request, 1, argv[0]);
    g_autoptr(GBytes) reply = rpc_unary(client, RPC_REAPI("Capabilities/GetCapabilities"), request, &result);
    if (reply != NULL)
        print_hex(reply);
    return finish(&result);
}

static GByteArray *write_message(const char *name, gsize offset, gboolean last, const guint8 *data, gsize length)
{
    GByteArray *message = g_byte_array_new();
    if (name != NULL)
        sluice_wire_put_string(message, 1, name);
    if (offset > 0)
        sluice_wire_put_varint(message, 2, offset);
    if (last)
        sluice_wire_put_varint(message, 3, 1);
    sluice_wire_put_bytes(message, 10, data, length);
    return message;
}

/* `sent` bytes of the blob in messages of `chunk`; finish_write only with the last byte of the blob. */
static GPtrArray *write_messages(const char *name, GBytes *blob, gsize chunk, gsize sent)
{
    GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    const guint8 *data = g_bytes_get_data(blob, NULL);
    gsize size = g_bytes_get_size(blob), offset = 0;
    do {
        gsize length = MIN(chunk, MIN(sent, size) - offset);
        GByteArray *message =
            write_message(offset == 0 ? name : NULL, offset, offset + length == size, data + offset, length);
        g_ptr_array_add(messages, g_byte_array_free_to_bytes(message));
        offset += length;
    } while (offset < MIN(sent, size));
    return messages;
}

static int write_as(RpcClient *client, const char *name, GBytes *blob, gsize chunk, gsize sent, unsigned pause_ms)
{
    g_autoptr(GPtrArray) messages = write_messages(name, blob, chunk, sent);
    g_auto(RpcResult) result = {0};
    rpc_call(client, RPC_BYTESTREAM("Write"), messages, sent >= g_bytes_get_size(blob), pause_ms, &result);
    if (result.code == GRPC_STATUS_OK && result.replies->len == 1) {
        fputs("committed ", stdout);
        print_field(result.replies->pdata[0], 1);
    }
    return finish(&result);
}

/* put FILE [CHUNK]: uploads with ByteStream under the right name and prints the digest. */
static int verb_put(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GBytes) blob = file_argument(argv[0]);
    SluiceDigest digest;
    char text[SLUICE_DIGEST_STRING_MAX];
    sluice_digest_of_bytes(blob, &digest);
    g_autofree char *name =
        g_strdup_printf("uploads/%08x/blobs/%s", g_random_int(), sluice_digest_string(&digest, text));
    gsize chunk = argc > 1 ? (gsize)atol(argv[1]) : 65536;
    g_autoptr(GPtrArray) messages = write_messages(name, blob, chunk, G_MAXSIZE);
    g_auto(RpcResult) result = {0};
    rpc_call(client, RPC_BYTESTREAM("Write"), messages, TRUE, 0, &result);
    if (result.code == GRPC_STATUS_OK)
        puts(text);
    return finish(&result);
}

/* write NAME FILE [CHUNK [SENT [PAUSE-MS]]]: under any name, perhaps only the first SENT bytes. */
static int verb_write(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GBytes) blob = file_argument(argv[1]);
    gsize chunk = argc > 2 ? (gsize)atol(argv[2]) : 65536;
    gsize sent = argc > 3 ? (gsize)atol(argv[3]) : G_MAXSIZE;
    return write_as(client, argv[0], blob, chunk, sent, argc > 4 ? (unsigned)atoi(argv[4]) : 0);
}

static int read_as(RpcClient *client, const char *name, int64_t offset, int64_t limit)
{
    GByteArray *request = g_byte_array_new();
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_auto(RpcResult) result = {0};
    sluice_wire_put_string(request, 1, name);
    if (offset != 0)
        sluice_wire_put_varint(request, 2, (uint64_t)offset);
    if (limit != 0)
        sluice_wire_put_varint(request, 3, (uint64_t)limit);
    g_ptr_array_add(messages, g_byte_array_free_to_bytes(request));
    rpc_call(client, RPC_BYTESTREAM("Read"), messages, TRUE, 0, &result);
    for (guint i = 0; i < result.replies->len; i++)
        print_field(result.replies->pdata[i], 10);
    return finish(&result);
}

static int verb_get(RpcClient *client, int argc, char **argv)
{
    g_autofree char *name = g_strconcat("blobs/", argv[0], NULL);
    return read_as(client, name, argc > 1 ? atoll(argv[1]) : 0, argc > 2 ? atoll(argv[2]) : 0);
}

static int verb_read(RpcClient *client, int argc, char **argv)
{
    return read_as(client, argv[0], argc > 1 ? atoll(argv[1]) : 0, argc > 2 ? atoll(argv[2]) : 0);
}

static int verb_query(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    g_auto(RpcResult) result = {0};
    sluice_wire_put_string(request, 1, argv[0]);
    g_autoptr(GBytes) reply = rpc_unary(client, RPC_BYTESTREAM("QueryWriteStatus"), request, &result);
    if (reply != NULL) {
        print_field(reply, 1);
        fputs("complete ", stdout);
        print_field(reply, 2);
    }
    return finish(&result);
}

static void print_digests(GBytes *reply, uint32_t number)
{
    SluiceWireReader reader;
    SluiceWireField field;
    SluiceDigest digest;
    sluice_wire_reader_init(&reader, g_bytes_get_data(reply, NULL), g_bytes_get_size(reply));
    while (g_bytes_get_size(reply) > 0 && sluice_wire_next(&reader, &field, NULL))
        if (field.number == number && sluice_wire_get_digest(field.data, field.length, &digest, NULL))
            print_digest(&digest);
}

static int verb_missing(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    g_auto(RpcResult) result = {0};
    for (int i = 0; i < argc; i++) {
        SluiceDigest digest = digest_argument(argv[i]);
        sluice_wire_put_digest(request, 2, &digest);
    }
    g_autoptr(GBytes) reply =
        rpc_unary(client, RPC_REAPI("ContentAddressableStorage/FindMissingBlobs"), request, &result);
    if (reply != NULL)
        print_digests(reply, 2);
    return finish(&result);
}

/* One line a blob: its status and its digest. */
static void print_batch(GBytes *reply, uint32_t status_field, uint32_t data_field)
{
    SluiceWireReader reader;
    SluiceWireField field;
    sluice_wire_reader_init(&reader, g_bytes_get_data(reply, NULL), g_bytes_get_size(reply));
    while (g_bytes_get_size(reply) > 0 && sluice_wire_next(&reader, &field, NULL)) {
        SluiceWireReader inner, status;
        SluiceWireField part;
        SluiceDigest digest = {.size = -1};
        uint64_t code = 0;
        gsize bytes = 0;
        sluice_wire_reader_init(&inner, field.data, field.length);
        while (sluice_wire_next(&inner, &part, NULL)) {
            if (part.number == 1)
                sluice_wire_get_digest(part.data, part.length, &digest, NULL);
            if (part.number == data_field)
                bytes = part.length;
            if (part.number != status_field)
                continue;
            sluice_wire_reader_init(&status, part.data, part.length);
            if (sluice_wire_next(&status, &part, NULL) && part.number == 1)
                code = part.value;
        }
        printf("%s %zu ", rpc_status_name((grpc_status_code)code), bytes);
        print_digest(&digest);
    }
}

/* batch-put DIGEST=FILE…: a digest of "-" is computed. */
static int verb_batch_put(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    g_auto(RpcResult) result = {0};
    for (int i = 0; i < argc; i++) {
        char *file = strchr(argv[i], '=');
        if (file == NULL)
            return usage_error("DIGEST=FILE is expected");
        *file++ = '\0';
        g_autoptr(GBytes) blob = file_argument(file);
        SluiceDigest digest;
        if (strcmp(argv[i], "-") == 0)
            sluice_digest_of_bytes(blob, &digest);
        else
            digest = digest_argument(argv[i]);
        g_autoptr(GByteArray) item = g_byte_array_new();
        sluice_wire_put_digest(item, 1, &digest);
        sluice_wire_put_bytes(item, 2, g_bytes_get_data(blob, NULL), g_bytes_get_size(blob));
        sluice_wire_put_bytes(request, 2, item->data, item->len);
    }
    g_autoptr(GBytes) reply =
        rpc_unary(client, RPC_REAPI("ContentAddressableStorage/BatchUpdateBlobs"), request, &result);
    if (reply != NULL)
        print_batch(reply, 2, 0);
    return finish(&result);
}

static int verb_batch_get(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    g_auto(RpcResult) result = {0};
    for (int i = 0; i < argc; i++) {
        SluiceDigest digest = digest_argument(argv[i]);
        sluice_wire_put_digest(request, 2, &digest);
    }
    g_autoptr(GBytes) reply =
        rpc_unary(client, RPC_REAPI("ContentAddressableStorage/BatchReadBlobs"), request, &result);
    if (reply != NULL)
        print_batch(reply, 3, 2);
    return finish(&result);
}

/* tree DIGEST [PAGE [TOKEN]]: the number of directories in each message and the token it ends with. */
static int verb_tree(RpcClient *client, int argc, char **argv)
{
    GByteArray *request = g_byte_array_new();
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_auto(RpcResult) result = {0};
    SluiceDigest digest = digest_argument(argv[0]);
    sluice_wire_put_digest(request, 2, &digest);
    if (argc > 1)
        sluice_wire_put_varint(request, 3, (uint64_t)atoll(argv[1]));
    if (argc > 2)
        sluice_wire_put_string(request, 4, argv[2]);
    g_ptr_array_add(messages, g_byte_array_free_to_bytes(request));
    rpc_call(client, RPC_REAPI("ContentAddressableStorage/GetTree"), messages, TRUE, 0, &result);
    for (guint i = 0; i < result.replies->len; i++) {
        SluiceWireReader reader;
        SluiceWireField field;
        int directories = 0;
        GBytes *reply = result.replies->pdata[i];
        sluice_wire_reader_init(&reader, g_bytes_get_data(reply, NULL), g_bytes_get_size(reply));
        while (g_bytes_get_size(reply) > 0 && sluice_wire_next(&reader, &field, NULL))
            directories += field.number == 1;
        printf("%d ", directories);
        print_field(reply, 2);
        putchar('\n');
    }
    return finish(&result);
}

/* lookup DIGEST [stdout|stderr|PATH…]: the result's bytes on the standard output; words ask for inlining. */
static int verb_lookup(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    g_auto(RpcResult) result = {0};
    SluiceDigest digest = digest_argument(argv[0]);
    sluice_wire_put_digest(request, 2, &digest);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "stdout") == 0)
            sluice_wire_put_varint(request, 3, 1);
        else if (strcmp(argv[i], "stderr") == 0)
            sluice_wire_put_varint(request, 4, 1);
        else
            sluice_wire_put_string(request, 5, argv[i]);
    }
    g_autoptr(GBytes) reply = rpc_unary(client, RPC_REAPI("ActionCache/GetActionResult"), request, &result);
    if (reply != NULL)
        fwrite(g_bytes_get_data(reply, NULL), 1, g_bytes_get_size(reply), stdout);
    return finish(&result);
}

static int verb_update(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    g_autoptr(GBytes) bytes = message_argument(argv[1]);
    g_auto(RpcResult) result = {0};
    SluiceDigest digest = digest_argument(argv[0]);
    sluice_wire_put_digest(request, 2, &digest);
    sluice_wire_put_bytes(request, 3, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_autoptr(GBytes) reply = rpc_unary(client, RPC_REAPI("ActionCache/UpdateActionResult"), request, &result);
    if (reply != NULL)
        fwrite(g_bytes_get_data(reply, NULL), 1, g_bytes_get_size(reply), stdout);
    return finish(&result);
}

static void put_output(GByteArray *out, uint32_t number, const char *path, const char *digest, uint32_t digest_field)
{
    g_autoptr(GByteArray) item = g_byte_array_new();
    SluiceDigest value = digest_argument(digest);
    sluice_wire_put_string(item, 1, path);
    sluice_wire_put_digest(item, digest_field, &value);
    sluice_wire_put_bytes(out, number, item->data, item->len);
}

/* make-result KEY=VALUE…: exit=N, stdout=DIGEST, stderr=DIGEST, tree:PATH=DIGEST, root:PATH=DIGEST, PATH=DIGEST; in the order of
 * field numbers if it is to be canonical.  No server is asked. */
static int verb_make_result(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    for (int i = 0; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL)
            return usage_error("KEY=VALUE is expected");
        *value++ = '\0';
        if (strcmp(argv[i], "exit") == 0) {
            sluice_wire_put_varint(out, 4, (uint64_t)atoll(value));
        } else if (strcmp(argv[i], "stdout") == 0 || strcmp(argv[i], "stderr") == 0) {
            SluiceDigest digest = digest_argument(value);
            sluice_wire_put_digest(out, argv[i][3] == 'o' ? 6 : 8, &digest);
        } else if (g_str_has_prefix(argv[i], "tree:")) {
            put_output(out, 3, argv[i] + 5, value, 3);
        } else if (g_str_has_prefix(argv[i], "root:")) {
            put_output(out, 3, argv[i] + 5, value, 5);
        } else {
            put_output(out, 2, argv[i], value, 2);
        }
    }
    fwrite(out->data, 1, out->len, stdout);
    return 0;
}

static void put_link(GByteArray *out, const char *name, const char *target)
{
    g_autoptr(GByteArray) link = g_byte_array_new();
    sluice_wire_put_bytes(link, 1, name, strlen(name));
    sluice_wire_put_bytes(link, 2, target, strlen(target));
    sluice_wire_put_bytes(out, 3, link->data, link->len);
}

/* The bytes of a Directory with such entries; several of them, in this order, are one with all. */
static int verb_make_directory(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint32_t number = strcmp(argv[0], "files") == 0 ? 1 : 2;
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL)
            return usage_error("NAME=DIGEST or, of links, NAME=TARGET is expected");
        *value++ = '\0';
        if (strcmp(argv[0], "links") == 0)
            put_link(out, argv[i], value);
        else
            put_output(out, number, argv[i], value, 2);
    }
    fwrite(out->data, 1, out->len, stdout);
    return 0;
}

/* make-message NUMBER=FILE…: length-delimited fields with these contents. */
static int verb_make_message(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    for (int i = 0; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value == NULL)
            return usage_error("NUMBER=FILE is expected");
        g_autoptr(GBytes) bytes = message_argument(value + 1);
        sluice_wire_put_bytes(out, (uint32_t)atoi(argv[i]), g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    }
    fwrite(out->data, 1, out->len, stdout);
    return 0;
}

static int verb_digest(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GBytes) blob = file_argument(argv[0]);
    SluiceDigest digest;
    sluice_digest_of_bytes(blob, &digest);
    print_digest(&digest);
    return 0;
}

/* show RESULTFILE: what a lookup gave, as the lines of `execute`.  No server is asked. */
static int verb_show(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GBytes) result = file_argument(argv[0]);
    reapi_print_result(result);
    return 0;
}

/* witness ENVIRONMENT ACTION: the key under which an action-proxy keeps the action's result.  No server is asked. */
static int verb_witness(RpcClient *client, int argc, char **argv)
{
    SluiceDigest environment = digest_argument(argv[0]), action = digest_argument(argv[1]), key;
    sluice_witness_key(&environment, &action, &key, NULL);
    print_digest(&key);
    return 0;
}

/* raw METHOD MESSAGE…: FILE or hex:BYTES; prints the answers in hexadecimal. */
static int verb_raw(RpcClient *client, int argc, char **argv)
{
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_auto(RpcResult) result = {0};
    for (int i = 1; i < argc; i++)
        g_ptr_array_add(messages, message_argument(argv[i]));
    rpc_call(client, argv[0], messages, TRUE, 0, &result);
    for (guint i = 0; i < result.replies->len; i++)
        print_hex(result.replies->pdata[i]);
    return finish(&result);
}

/* many-streams COUNT DIGEST: opens COUNT reads at once on one connection, then finishes them all. */
static int verb_many_streams(RpcClient *client, int argc, char **argv)
{
    return reapi_many_streams(client->channel, (guint)atoi(argv[0]), argv[1]);
}

static int verb_bench(RpcClient *client, int argc, char **argv)
{
    BenchOptions options = {
        .operation = argv[0],
        .calls = (guint)atoi(argv[1]),
        .in_flight = (guint)atoi(argv[2]),
        .server = atoi(argv[3]),
        .size = argc > 4 ? (gsize)atoll(argv[4]) : 1024,
        .items = argc > 5 ? (guint)atoi(argv[5]) : 1,
    };
    return reapi_bench(client->channel, &options);
}

static int verb_make_command(RpcClient *client, int argc, char **argv)
{
    return reapi_make_command(argc, argv);
}

static int verb_make_action(RpcClient *client, int argc, char **argv)
{
    return reapi_make_action(argc, argv);
}

static int verb_execute(RpcClient *client, int argc, char **argv)
{
    const char *option = argc > 1 ? argv[1] : "";
    return reapi_execute(client, argv[0], strcmp(option, "skip-cache") == 0, strcmp(option, "stages") == 0);
}

static int verb_execute_many(RpcClient *client, int argc, char **argv)
{
    return reapi_execute_many(client->address, argc, argv);
}

static const Verb verbs[] = {
    {"capabilities", 0, "[INSTANCE]", verb_capabilities},
    {"put", 1, "FILE [CHUNK]", verb_put},
    {"write", 2, "NAME FILE [CHUNK [SENT [PAUSE-MS]]]", verb_write},
    {"get", 1, "DIGEST [OFFSET [LIMIT]]", verb_get},
    {"read", 1, "NAME [OFFSET [LIMIT]]", verb_read},
    {"query", 1, "NAME", verb_query},
    {"missing", 0, "DIGEST…", verb_missing},
    {"batch-put", 0, "DIGEST=FILE…", verb_batch_put},
    {"batch-get", 0, "DIGEST…", verb_batch_get},
    {"tree", 1, "DIGEST [PAGE [TOKEN]]", verb_tree},
    {"lookup", 1, "DIGEST [stdout|stderr|PATH…]", verb_lookup},
    {"update", 2, "DIGEST RESULTFILE", verb_update},
    {"show", 1, "RESULTFILE", verb_show},
    {"make-result", 0, "KEY=VALUE…", verb_make_result},
    {"make-directory", 1, "files|directories|links NAME=DIGEST|TARGET…", verb_make_directory},
    {"make-message", 0, "NUMBER=FILE…", verb_make_message},
    {"make-command", 2, "[out=PATH|file=PATH|directory=PATH|cwd=PATH|property=NAME=VALUE|env=NAME=VALUE]… -- WORD…",
     verb_make_command},
    {"make-action", 2, "COMMAND ROOT [timeout=SECONDS] [no-cache] [salt=TEXT] [property=NAME=VALUE]", verb_make_action},
    {"execute", 1, "DIGEST [skip-cache|stages]", verb_execute},
    {"execute-many", 4, "COUNT PARALLEL ROOT WORD…", verb_execute_many},
    {"digest", 1, "FILE", verb_digest},
    {"witness", 2, "ENVIRONMENT ACTION", verb_witness},
    {"raw", 1, "METHOD MESSAGE…", verb_raw},
    {"many-streams", 2, "COUNT DIGEST", verb_many_streams},
    {"bench", 4, "get-result|find-missing|batch-read|read|write CALLS IN-FLIGHT SERVER-PID [SIZE [ITEMS]]", verb_bench},
};

static int usage(void)
{
    fputs("usage: reapi-client ADDRESS VERB ARGUMENT…\n", stderr);
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        fprintf(stderr, "  %s %s\n", verbs[i].name, verbs[i].arguments);
    return 2;
}

/* What REAPI_TOOL ("NAME VERSION"), REAPI_INVOCATION, REAPI_MNEMONIC and REAPI_TARGET say, with the escapes of C; NULL: none of them is set. */
static GBytes *metadata_from_environment(void)
{
    static const struct {
        const char *variable;
        uint32_t number;
    } words[] = {{"REAPI_INVOCATION", 3}, {"REAPI_MNEMONIC", 5}, {"REAPI_TARGET", 6}};
    GByteArray *out = g_byte_array_new();
    if (g_getenv("REAPI_TOOL") != NULL) {
        g_autofree char *text = g_strcompress(g_getenv("REAPI_TOOL"));
        g_autoptr(GByteArray) tool = g_byte_array_new();
        char *version = strchr(text, ' ');
        if (version != NULL)
            *version++ = '\0';
        sluice_wire_put_string(tool, 1, text);
        if (version != NULL)
            sluice_wire_put_string(tool, 2, version);
        sluice_wire_put_bytes(out, 1, tool->data, tool->len);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_getenv(words[i].variable) == NULL)
            continue;
        g_autofree char *text = g_strcompress(g_getenv(words[i].variable));
        sluice_wire_put_string(out, words[i].number, text);
    }
    if (out->len > 0)
        return g_byte_array_free_to_bytes(out);
    g_byte_array_unref(out);
    return NULL;
}

/* Over TLS if REAPI_CA names a file, with the certificate of REAPI_CERT and REAPI_KEY and the token of REAPI_TOKEN, where they are set. */
static void open_client(RpcClient *client, const char *address)
{
    RpcIdentity identity = {g_getenv("REAPI_CA"), g_getenv("REAPI_CERT"), g_getenv("REAPI_KEY")};
    if (identity.ca != NULL)
        rpc_client_open_secure(client, address, &identity);
    else
        rpc_client_open(client, address);
    client->token = g_getenv("REAPI_TOKEN");
    client->metadata = metadata_from_environment();
}

int main(int argc, char **argv)
{
    const Verb *verb = NULL;
    for (gsize i = 0; argc >= 3 && i < G_N_ELEMENTS(verbs); i++)
        if (strcmp(argv[2], verbs[i].name) == 0)
            verb = &verbs[i];
    if (verb == NULL || argc - 3 < verb->least)
        return usage();
    RpcClient client;
    grpc_init();
    open_client(&client, argv[1]);
    int status = verb->run(&client, argc - 3, argv + 3);
    rpc_client_close(&client);
    g_clear_pointer(&client.metadata, g_bytes_unref);
    grpc_shutdown();
    return status;
}
