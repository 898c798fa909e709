/*
 * Actions that a client wants executed.  The first byte says what the rest is: an Action, the Command of one, or the Directory of its inputs.
 * What is accepted as complete can be given the parents of its outputs, below its root, and never more than that.
 */
#include "execution.h"
#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static SluiceDigest put(const void *data, gsize size)
{
    SluiceDigest digest;
    fuzz_check(sluice_store_put(fuzz_store("input"), data, size, NULL, &digest, NULL));
    return digest;
}

static SluiceDigest put_action(const SluiceDigest *command, const SluiceDigest *root)
{
    g_autoptr(GByteArray) action = g_byte_array_new();
    sluice_wire_put_digest(action, 1, command);
    sluice_wire_put_digest(action, 2, root);
    return put(action->data, action->len);
}

static SluiceDigest put_simple_command(void)
{
    g_autoptr(GByteArray) command = g_byte_array_new();
    sluice_wire_put_string(command, 1, "true");
    sluice_wire_put_string(command, 7, "a/b");
    return put(command->data, command->len);
}

static SluiceDigest make_action(uint8_t kind, const uint8_t *data, size_t size)
{
    enum { ACTION, COMMAND, DIRECTORY, KINDS };
    SluiceDigest blob = put(data, size), command;
    switch (kind % KINDS) {
    case COMMAND:
        return put_action(&blob, &sluice_digest_empty);
    case DIRECTORY:
        command = put_simple_command();
        return put_action(&command, &blob);
    default:
        return blob;
    }
}

static void check_paths(const SluiceAction *action)
{
    fuzz_check(action->working_directory[0] != '/' &&
               strstr(action->working_directory, "..") != action->working_directory);
    for (guint i = 0; action->outputs->pdata[i] != NULL; i++) {
        const char *path = action->outputs->pdata[i];
        fuzz_check(path[0] != '/' && !g_str_has_prefix(path, "../") && strstr(path, "/../") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SluiceStore *store = fuzz_store("input");
    if (size == 0)
        return 0;
    SluiceDigest digest = make_action(data[0], data + 1, size - 1), root;
    g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    g_autoptr(GError) error = NULL;
    g_autoptr(SluiceAction) action = sluice_action_load(store, &digest, missing, &error);
    fuzz_check((action == NULL) == (error != NULL));
    if (action == NULL || missing->len > 0)
        return 0;
    fuzz_check(action->arguments->len > 1);
    check_paths(action);
    if (!sluice_action_make_parents(store, action, &root, &error))
        fuzz_check(error != NULL); /* an input stands where a directory must be */
    return 0;
}
