/* Answers of servers: the first byte says of which call.  Whatever is accepted holds only what was asked for, and its digests are well formed. */
#include "upstream.h"
#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_blobs(GArray *answers, GBytes *message, GError *error)
{
    fuzz_check((answers != NULL) == (error == NULL));
    gsize length = 0;
    const uint8_t *start = g_bytes_get_data(message, &length);
    for (guint i = 0; answers != NULL && i < answers->len; i++) {
        const SluiceBlobAnswer *answer = &g_array_index(answers, SluiceBlobAnswer, i);
        fuzz_check(answer->digest.size >= 0);
        fuzz_check(answer->data.length == 0 ||
                   (answer->data.data >= start && answer->data.data + answer->data.length <= start + length));
        fuzz_check(answer->message.length <= length);
    }
    g_clear_pointer(&answers, g_array_unref);
}

static void check_missing(GBytes *message)
{
    g_autoptr(GArray) digests = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GError) error = NULL;
    fuzz_check(sluice_answer_missing(message, digests, &error) == (error == NULL));
    for (guint i = 0; i < digests->len; i++)
        fuzz_check(g_array_index(digests, SluiceDigest, i).size >= 0);
}

static void check_result(GBytes *message)
{
    SluiceStore *store = fuzz_store("");
    g_auto(SluiceResult) result = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GArray) absent = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    if (!sluice_result_decode(message, &result, NULL))
        return;
    gboolean ok = sluice_result_collect(store, &result, all, absent, &error);
    fuzz_check(ok == (error == NULL));
    fuzz_check(absent->len <= all->len);
}

static void check_operation(GBytes *message)
{
    g_auto(SluiceClusterOutcome) outcome = {0};
    g_autoptr(GError) error = NULL;
    fuzz_check(sluice_answer_operation(message, &outcome, &error) == (error == NULL));
    fuzz_check(outcome.code >= 0 && outcome.code <= GRPC_STATUS_UNAUTHENTICATED);
    fuzz_check(error != NULL || !outcome.done || outcome.code != GRPC_STATUS_OK || outcome.result != NULL);
    fuzz_check(outcome.message == NULL || g_utf8_validate(outcome.message, -1, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    SluiceServerCapabilities capabilities;
    SluiceSpan span;
    int64_t committed;
    if (size == 0)
        return 0;
    g_autoptr(GBytes) message = g_bytes_new(data + 1, size - 1);
    switch (data[0] % 8) {
    case 0:
        check_missing(message);
        break;
    case 1: {
        GArray *answers = sluice_answer_read(message, &error);
        check_blobs(answers, message, error);
        break;
    }
    case 2: {
        GArray *answers = sluice_answer_update(message, &error);
        check_blobs(answers, message, error);
        break;
    }
    case 3:
        fuzz_check(sluice_answer_chunk(message, &span, &error) == (error == NULL));
        fuzz_check(span.length < size);
        break;
    case 4:
        fuzz_check(sluice_answer_committed(message, &committed, &error) == (error == NULL));
        break;
    case 5:
        fuzz_check(sluice_answer_capabilities(message, &capabilities, &error) == (error == NULL));
        fuzz_check(capabilities.batch_limit >= 0);
        break;
    case 6:
        check_result(message);
        break;
    default:
        check_operation(message);
    }
    return 0;
}
