/* See reapi-ambiguous.h. */
#include "reapi-ambiguous.h"
#include "cas.h"
#include "reapi-message.h"

#include <stdio.h>
#include <string.h>

enum {
    DIGEST_HASH = 1,
    DIGEST_SIZE = 2,
    GET_ACTION = 2,
    UPDATE_ACTION = 2,
    UPDATE_RESULT = 3,
    EXECUTE_ACTION = 6,
    OPERATION_RESPONSE = 5,
    ANY_VALUE = 2,
    RESPONSE_RESULT = 1,
    ACTION_COMMAND = 1,
    ACTION_INPUT_ROOT = 2,
    ACTION_SALT = 9,
    ACTION_PLATFORM = 10
};

typedef struct {
    RpcClient client;
    SluiceDigest action, other;
    GBytes *bytes;  /* of the action */
    GBytes *result; /* what an update brings */
    guint sent, refused;
} Ambiguous;

/* ---- Judging ------------------------------------------------------------------------------------------------------------------ */

/* An execution that was answered, but not with a result, was refused as well. */
static gboolean has_result(const RpcResult *answer, gboolean execution)
{
    if (answer->code != GRPC_STATUS_OK || answer->replies->len == 0)
        return FALSE;
    if (!execution)
        return TRUE;
    g_autoptr(GBytes) any = reapi_field(answer->replies->pdata[answer->replies->len - 1], OPERATION_RESPONSE);
    g_autoptr(GBytes) response = reapi_field(any, ANY_VALUE), result = reapi_field(response, RESPONSE_RESULT);
    return result != NULL;
}

/* A miss is no refusal: the request would have been understood. */
static void judge(Ambiguous *test, const char *method, const GByteArray *request, const char *what)
{
    g_auto(RpcResult) answer = {0};
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    gboolean execution = strstr(method, "Execute") != NULL;
    g_ptr_array_add(messages, g_bytes_new(request->data, request->len));
    rpc_call(&test->client, method, messages, TRUE, 0, &answer);
    test->sent++;
    if (!has_result(&answer, execution) &&
        (answer.code == GRPC_STATUS_INVALID_ARGUMENT || (execution && answer.code == GRPC_STATUS_OK)))
        test->refused++;
    else
        printf("not refused: %s: %s (%s)\n", strrchr(method, '/') + 1, what, rpc_status_name(answer.code));
}

/* ---- Digests ------------------------------------------------------------------------------------------------------------------- */

static void put_hash(GByteArray *out, const SluiceDigest *digest, gboolean upper)
{
    char hex[SLUICE_HASH_HEX + 1];
    sluice_digest_hex(digest, hex);
    for (char *at = hex; upper && *at != '\0'; at++)
        *at = g_ascii_toupper(*at);
    sluice_wire_put_string(out, DIGEST_HASH, hex);
}

static void put_size(GByteArray *out, const SluiceDigest *digest)
{
    sluice_wire_put_varint(out, DIGEST_SIZE, (uint64_t)digest->size);
}

static void two_hashes(GByteArray *out, const Ambiguous *test)
{
    put_hash(out, &test->other, FALSE);
    put_hash(out, &test->action, FALSE);
    put_size(out, &test->action);
}

static void two_sizes(GByteArray *out, const Ambiguous *test)
{
    put_hash(out, &test->action, FALSE);
    sluice_wire_put_varint(out, DIGEST_SIZE, (uint64_t)test->action.size + 1);
    put_size(out, &test->action);
}

static void unknown_field(GByteArray *out, const Ambiguous *test)
{
    put_hash(out, &test->action, FALSE);
    put_size(out, &test->action);
    sluice_wire_put_string(out, 3, "x");
}

static void upper_case(GByteArray *out, const Ambiguous *test)
{
    put_hash(out, &test->action, TRUE);
    put_size(out, &test->action);
}

static const struct {
    const char *what;
    void (*put)(GByteArray *out, const Ambiguous *test);
} digests[] = {
    {"two hashes", two_hashes},
    {"two sizes", two_sizes},
    {"a digest with an unknown field", unknown_field},
    {"upper case", upper_case},
};

/* ---- Requests --------------------------------------------------------------------------------------------------------------------- */

static void put_result(const Ambiguous *test, GByteArray *out)
{
    sluice_wire_put_bytes(out, UPDATE_RESULT, g_bytes_get_data(test->result, NULL), g_bytes_get_size(test->result));
}

static const struct {
    const char *method;
    uint32_t number;
    gboolean update;
} requests[] = {
    {RPC_REAPI("ActionCache/GetActionResult"), GET_ACTION, FALSE},
    {RPC_REAPI("ActionCache/UpdateActionResult"), UPDATE_ACTION, TRUE},
    {RPC_REAPI("Execution/Execute"), EXECUTE_ACTION, FALSE},
};

static void send_requests(Ambiguous *test)
{
    for (gsize i = 0; i < G_N_ELEMENTS(requests); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(digests); j++) {
            g_autoptr(GByteArray) request = g_byte_array_new(), digest = g_byte_array_new();
            digests[j].put(digest, test);
            sluice_wire_put_bytes(request, requests[i].number, digest->data, digest->len);
            if (requests[i].update)
                put_result(test, request);
            judge(test, requests[i].method, request, digests[j].what);
        }
        g_autoptr(GByteArray) twice = g_byte_array_new(), wrong = g_byte_array_new();
        sluice_wire_put_digest(twice, requests[i].number, &test->other);
        sluice_wire_put_digest(twice, requests[i].number, &test->action);
        if (requests[i].update)
            put_result(test, twice);
        judge(test, requests[i].method, twice, "two actions");
        sluice_wire_put_varint(wrong, requests[i].number, 1);
        sluice_wire_put_digest(wrong, requests[i].number, &test->action);
        if (requests[i].update)
            put_result(test, wrong);
        judge(test, requests[i].method, wrong, "a number where the action belongs");
    }
    g_autoptr(GByteArray) two = g_byte_array_new();
    sluice_wire_put_digest(two, UPDATE_ACTION, &test->action);
    sluice_wire_put_bytes(two, UPDATE_RESULT, "", 0);
    put_result(test, two);
    judge(test, RPC_REAPI("ActionCache/UpdateActionResult"), two, "two results");
}

/* ---- Actions -------------------------------------------------------------------------------------------------------------------------- */

static void append_salts(GByteArray *out, const Ambiguous *test)
{
    sluice_wire_put_string(out, ACTION_SALT, "one");
    sluice_wire_put_string(out, ACTION_SALT, "two");
}

static void append_number(GByteArray *out, const Ambiguous *test)
{
    sluice_wire_put_varint(out, ACTION_SALT, 1);
}

static void append_command(GByteArray *out, const Ambiguous *test)
{
    sluice_wire_put_digest(out, ACTION_COMMAND, &test->other);
}

static void append_root(GByteArray *out, const Ambiguous *test)
{
    sluice_wire_put_digest(out, ACTION_INPUT_ROOT, &sluice_digest_empty);
}

static void append_platforms(GByteArray *out, const Ambiguous *test)
{
    sluice_wire_put_bytes(out, ACTION_PLATFORM, "", 0);
    sluice_wire_put_bytes(out, ACTION_PLATFORM, "", 0);
}

static void append_half(GByteArray *out, const Ambiguous *test)
{
    const guint8 half[] = {ACTION_SALT << 3 | 2, 100, 'x'};
    g_byte_array_append(out, half, sizeof half);
}

static const struct {
    const char *what;
    void (*append)(GByteArray *out, const Ambiguous *test);
} actions[] = {
    {"two salts", append_salts},      {"a number as salt", append_number}, {"two commands", append_command},
    {"two input roots", append_root}, {"two platforms", append_platforms}, {"a salt that is cut off", append_half},
};

static void send_actions(Ambiguous *test)
{
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        g_autoptr(GByteArray) action = g_byte_array_new(), request = g_byte_array_new();
        g_byte_array_append(action, g_bytes_get_data(test->bytes, NULL), (guint)g_bytes_get_size(test->bytes));
        actions[i].append(action, test);
        SluiceDigest digest = reapi_upload(&test->client, action);
        sluice_wire_put_digest(request, EXECUTE_ACTION, &digest);
        judge(test, RPC_REAPI("Execution/Execute"), request, actions[i].what);
    }
}

/* ---- All -------------------------------------------------------------------------------------------------------------------------------- */

static GBytes *read_blob(Ambiguous *test, const SluiceDigest *digest)
{
    enum { BATCH_DIGESTS = 2, BATCH_RESPONSES = 1, RESPONSE_DATA = 2 };
    g_auto(RpcResult) answer = {0};
    GByteArray *request = g_byte_array_new();
    sluice_wire_put_digest(request, BATCH_DIGESTS, digest);
    g_autoptr(GBytes) reply =
        rpc_unary(&test->client, RPC_REAPI("ContentAddressableStorage/BatchReadBlobs"), request, &answer);
    g_autoptr(GBytes) response = reapi_field(reply, BATCH_RESPONSES);
    return reapi_field(response, RESPONSE_DATA);
}

int reapi_ambiguous(const char *address, const char *action, const char *other, const char *result_file)
{
    Ambiguous test = {0};
    g_autofree char *data = NULL;
    gsize length = 0;
    if (!sluice_digest_parse(action, &test.action, NULL) || !sluice_digest_parse(other, &test.other, NULL) ||
        !g_file_get_contents(result_file, &data, &length, NULL)) {
        fputs("reapi-hostile: two digests and a file are expected\n", stderr);
        return 2;
    }
    rpc_client_open(&test.client, address);
    test.result = g_bytes_new(data, length);
    test.bytes = read_blob(&test, &test.action);
    if (test.bytes != NULL) {
        send_requests(&test);
        send_actions(&test);
    }
    printf("%u of %u refused\n", test.refused, test.sent);
    rpc_client_close(&test.client);
    g_clear_pointer(&test.bytes, g_bytes_unref);
    g_bytes_unref(test.result);
    return test.sent > 0 && test.refused == test.sent ? 0 : 1;
}
