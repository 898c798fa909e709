/* ActionResult bytes: whatever is accepted means the same to another decoder; looking for its blobs and inlining never fail. */
#include "bridge-private.h"
#include "remote_execution.pb-c.h"
#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef Build__Bazel__Remote__Execution__V2__ActionResult Decoded;

static void compare(GBytes *bytes, const SluiceResult *result)
{
    Decoded *decoded = build__bazel__remote__execution__v2__action_result__unpack(NULL, g_bytes_get_size(bytes),
                                                                                  g_bytes_get_data(bytes, NULL));
    if (decoded == NULL)
        return; /* it looks into fields that we leave alone */
    fuzz_check(decoded->n_output_files == sluice_array_length(result->files));
    fuzz_check(decoded->n_output_directories == sluice_array_length(result->directories));
    fuzz_check(decoded->exit_code == (int32_t)result->exit_code);
    fuzz_check((decoded->stdout_digest != NULL) == result->stdout_digest.present);
    build__bazel__remote__execution__v2__action_result__free_unpacked(decoded, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(SluiceResult) result = {0};
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GError) error = NULL;
    SluiceStore *store = fuzz_store("output");
    if (!sluice_result_decode(bytes, &result, &error)) {
        fuzz_check(error != NULL);
        return 0;
    }
    compare(bytes, &result);
    gboolean sound = sluice_result_check(&result, &error);
    fuzz_check(sound == (error == NULL));
    g_clear_error(&error);
    sluice_result_is_complete(store, &result, &error);
    fuzz_check(error == NULL);
    SluiceInlining inlining = {TRUE, TRUE, result.files};
    g_autoptr(GBytes) inlined = sluice_result_inline(store, bytes, &inlining, &error);
    fuzz_check(inlined != NULL || !sound);
    return 0;
}
