/* See reapi-execute.h. */
#include "reapi-execute.h"
#include "cas.h"
#include "reapi-message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong(const char *what)
{
    fprintf(stderr, "reapi-client: %s\n", what);
    return 2;
}

/* ---- Making --------------------------------------------------------------------------------------------------------------------- */

static void put_variable(GByteArray *command, const char *assignment)
{
    g_auto(GStrv) parts = g_strsplit(assignment, "=", 2);
    g_autoptr(GByteArray) variable = g_byte_array_new();
    sluice_wire_put_string(variable, 1, parts[0]);
    sluice_wire_put_string(variable, 2, parts[1] != NULL ? parts[1] : "");
    sluice_wire_put_bytes(command, 2, variable->data, variable->len);
}

/* A platform with one property. */
static void put_platform(GByteArray *out, uint32_t number, const char *assignment)
{
    g_auto(GStrv) parts = g_strsplit(assignment, "=", 2);
    g_autoptr(GByteArray) property = g_byte_array_new(), platform = g_byte_array_new();
    sluice_wire_put_string(property, 1, parts[0]);
    sluice_wire_put_string(property, 2, parts[1] != NULL ? parts[1] : "");
    sluice_wire_put_bytes(platform, 1, property->data, property->len);
    sluice_wire_put_bytes(out, number, platform->data, platform->len);
}

/* out=PATH, file=PATH, directory=PATH, cwd=PATH, property=NAME=VALUE, env=NAME=VALUE …, then -- and the words of the command. */
int reapi_make_command(int argc, char **argv)
{
    static const struct {
        const char *prefix;
        uint32_t number;
    } strings[] = {{"file=", 3}, {"directory=", 4}, {"cwd=", 6}, {"out=", 7}};
    g_autoptr(GByteArray) command = g_byte_array_new();
    int i = 0;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        gboolean known = g_str_has_prefix(argv[i], "env=");
        if (known)
            put_variable(command, argv[i] + strlen("env="));
        if (g_str_has_prefix(argv[i], "property=")) {
            put_platform(command, 5, argv[i] + strlen("property="));
            known = TRUE;
        }
        for (gsize j = 0; j < G_N_ELEMENTS(strings) && !known; j++) {
            known = g_str_has_prefix(argv[i], strings[j].prefix);
            if (known)
                sluice_wire_put_string(command, strings[j].number, argv[i] + strlen(strings[j].prefix));
        }
        if (!known)
            return wrong("out=, file=, directory=, cwd=, property= or env= is expected before --");
    }
    for (i++; i < argc; i++)
        sluice_wire_put_string(command, 1, argv[i]);
    fwrite(command->data, 1, command->len, stdout);
    return 0;
}

static gboolean put_digest(GByteArray *out, uint32_t number, const char *text)
{
    SluiceDigest digest;
    if (!sluice_digest_parse(text, &digest, NULL))
        return FALSE;
    sluice_wire_put_digest(out, number, &digest);
    return TRUE;
}

/* COMMAND ROOT, then timeout=SECONDS, no-cache, salt=TEXT, property=NAME=VALUE in this order. */
int reapi_make_action(int argc, char **argv)
{
    g_autoptr(GByteArray) action = g_byte_array_new();
    if (argc < 2 || !put_digest(action, 1, argv[0]) || !put_digest(action, 2, argv[1]))
        return wrong("two digests are expected");
    for (int i = 2; i < argc; i++) {
        if (g_str_has_prefix(argv[i], "timeout=")) {
            g_autoptr(GByteArray) duration = g_byte_array_new();
            sluice_wire_put_varint(duration, 1, (uint64_t)atoi(argv[i] + strlen("timeout=")));
            sluice_wire_put_bytes(action, 6, duration->data, duration->len);
        } else if (strcmp(argv[i], "no-cache") == 0) {
            sluice_wire_put_varint(action, 7, TRUE);
        } else if (g_str_has_prefix(argv[i], "salt=")) {
            sluice_wire_put_string(action, 9, argv[i] + strlen("salt="));
        } else if (g_str_has_prefix(argv[i], "property=")) {
            put_platform(action, 10, argv[i] + strlen("property="));
        } else {
            return wrong("timeout=, no-cache, salt= or property= is expected");
        }
    }
    fwrite(action->data, 1, action->len, stdout);
    return 0;
}

/* ---- Executing ------------------------------------------------------------------------------------------------------------------ */

static void print_text(const char *label, GBytes *message, uint32_t number)
{
    g_autoptr(GBytes) text = reapi_field(message, number);
    if (text != NULL)
        printf("%s %.*s", label, (int)g_bytes_get_size(text), (const char *)g_bytes_get_data(text, NULL));
}

static void print_digest(const char *label, GBytes *message, uint32_t number)
{
    SluiceDigest digest;
    char text[SLUICE_DIGEST_STRING_MAX];
    g_autoptr(GBytes) bytes = reapi_field(message, number);
    if (bytes != NULL && sluice_wire_get_digest(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &digest, NULL))
        printf("%s%s", label, sluice_digest_string(&digest, text));
}

static void print_output(const SluiceWireField *field)
{
    g_autoptr(GBytes) output = g_bytes_new(field->data, field->length);
    switch (field->number) {
    case 2:
        print_text(reapi_number(output, 4) ? "program" : "file", output, 1);
        print_digest(" ", output, 2);
        break;
    case 3:
        print_text("directory", output, 1);
        print_digest(" ", output, 3);
        print_digest(" ", output, 5);
        break;
    case 10:
    case 11:
    case 12:
        print_text("symlink", output, 1);
        print_text(" ->", output, 2);
        break;
    default:
        return;
    }
    puts("");
}

void reapi_print_result(GBytes *result)
{
    SluiceWireReader reader;
    SluiceWireField field;
    gsize length = 0;
    const void *data = g_bytes_get_data(result, &length);
    printf("exit %d", (int)reapi_number(result, 4));
    print_digest("\nstdout ", result, 6);
    print_digest("\nstderr ", result, 8);
    puts("");
    sluice_wire_reader_init(&reader, data, length);
    while (sluice_wire_next(&reader, &field, NULL))
        if (field.type == SLUICE_WIRE_BYTES)
            print_output(&field);
}

static int print_response(GBytes *response)
{
    g_autoptr(GBytes) status = reapi_field(response, 3), result = reapi_field(response, 1),
                      details = reapi_field(status, 3);
    if (result != NULL) {
        puts(reapi_number(response, 2) ? "cached" : "executed");
        reapi_print_result(result);
        print_text("message", response, 5);
        puts("");
    }
    if (status == NULL)
        return 0;
    printf("status %s", rpc_status_name((grpc_status_code)reapi_number(status, 1)));
    print_text("", status, 2);
    puts(details != NULL ? " with details" : "");
    return 1;
}

/* A line for each that is not the last. */
static void print_stages(const GPtrArray *operations)
{
    static const char *const names[] = {"UNKNOWN", "CACHE_CHECK", "QUEUED", "EXECUTING", "COMPLETED"};
    for (guint i = 0; i + 1 < operations->len; i++) {
        g_autoptr(GBytes) any = reapi_field(operations->pdata[i], 2), metadata = reapi_field(any, 2);
        printf("stage %s\n", names[MIN(reapi_number(metadata, 1), G_N_ELEMENTS(names) - 1)]);
    }
}

int reapi_execute(RpcClient *client, const char *action, gboolean skip_cache, gboolean stages)
{
    g_auto(RpcResult) answer = {0};
    GByteArray *request = g_byte_array_new();
    if (skip_cache)
        sluice_wire_put_varint(request, 3, TRUE);
    if (!put_digest(request, 6, action))
        return wrong("a digest is expected");
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_ptr_array_add(messages, g_byte_array_free_to_bytes(request));
    rpc_call(client, RPC_REAPI("Execution/Execute"), messages, TRUE, 0, &answer);
    if (answer.code != GRPC_STATUS_OK || answer.replies->len == 0) {
        fprintf(stderr, "%s: %s\n", rpc_status_name(answer.code), answer.message);
        return 1;
    }
    if (stages)
        print_stages(answer.replies);
    g_autoptr(GBytes) any = reapi_field(answer.replies->pdata[answer.replies->len - 1], 5),
                      response = reapi_field(any, 2);
    return print_response(response);
}

/* ---- Many ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *address;
    GArray *actions; /* SluiceDigest */
    GArray *times;   /* gint64: of each, in microseconds */
    gint next, failed;
} Many;

static void make_actions(RpcClient *client, Many *many, guint count, const SluiceDigest *root, char **words)
{
    g_autoptr(GByteArray) command = g_byte_array_new();
    for (; *words != NULL; words++)
        sluice_wire_put_string(command, 1, *words);
    put_variable(command, "PATH=/usr/bin:/bin");
    sluice_wire_put_string(command, 7, "out");
    SluiceDigest command_digest = reapi_upload(client, command);
    for (guint i = 0; i < count; i++) {
        g_autoptr(GByteArray) action = g_byte_array_new();
        g_autofree char *salt = g_strdup_printf("%" G_GINT64_FORMAT "-%u", g_get_real_time(), i);
        sluice_wire_put_digest(action, 1, &command_digest);
        sluice_wire_put_digest(action, 2, root);
        sluice_wire_put_string(action, 9, salt);
        SluiceDigest digest = reapi_upload(client, action);
        g_array_append_val(many->actions, digest);
    }
}

static gboolean execute_one(RpcClient *client, const SluiceDigest *action)
{
    g_auto(RpcResult) answer = {0};
    GByteArray *request = g_byte_array_new();
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    sluice_wire_put_digest(request, 6, action);
    g_ptr_array_add(messages, g_byte_array_free_to_bytes(request));
    rpc_call(client, RPC_REAPI("Execution/Execute"), messages, TRUE, 0, &answer);
    if (answer.code != GRPC_STATUS_OK || answer.replies->len == 0)
        return FALSE;
    g_autoptr(GBytes) any = reapi_field(answer.replies->pdata[answer.replies->len - 1], 5),
                      response = reapi_field(any, 2);
    g_autoptr(GBytes) result = reapi_field(response, 1), status = reapi_field(response, 3);
    return result != NULL && reapi_number(result, 4) == 0 && reapi_number(status, 1) == 0;
}

static gpointer execute_some(gpointer data)
{
    Many *many = data;
    RpcClient client;
    rpc_client_open(&client, many->address);
    for (gint i; (i = g_atomic_int_add(&many->next, 1)) < (gint)many->actions->len;) {
        gint64 start = g_get_monotonic_time();
        if (!execute_one(&client, &g_array_index(many->actions, SluiceDigest, i)))
            g_atomic_int_inc(&many->failed);
        g_array_index(many->times, gint64, i) = g_get_monotonic_time() - start;
    }
    rpc_client_close(&client);
    return NULL;
}

static gint compare_times(gconstpointer a, gconstpointer b)
{
    gint64 first = *(const gint64 *)a, second = *(const gint64 *)b;
    return (first > second) - (first < second);
}

int reapi_execute_many(const char *address, int argc, char **argv)
{
    enum { PARALLEL_MAX = 64 };
    SluiceDigest root;
    GThread *threads[PARALLEL_MAX];
    guint count = (guint)atoi(argv[0]), parallel = CLAMP((guint)atoi(argv[1]), 1, PARALLEL_MAX);
    if (count == 0 || !sluice_digest_parse(argv[2], &root, NULL))
        return wrong("a count, and a digest are expected");
    Many many = {.address = address,
                 .actions = g_array_new(FALSE, FALSE, sizeof(SluiceDigest)),
                 .times = g_array_new(FALSE, TRUE, sizeof(gint64))};
    RpcClient client;
    rpc_client_open(&client, address);
    make_actions(&client, &many, count, &root, argv + 3);
    g_array_set_size(many.times, count);
    gint64 start = g_get_monotonic_time();
    for (guint i = 0; i < parallel; i++)
        threads[i] = g_thread_new("execute", execute_some, &many);
    for (guint i = 0; i < parallel; i++)
        g_thread_join(threads[i]);
    gint64 all = g_get_monotonic_time() - start;
    g_array_sort(many.times, compare_times);
    printf("%.3f ms a call, median %.3f ms, %d failed\n", (double)all / 1000 / count,
           (double)g_array_index(many.times, gint64, count / 2) / 1000, many.failed);
    g_array_unref(many.actions);
    g_array_unref(many.times);
    rpc_client_close(&client);
    return many.failed != 0;
}
