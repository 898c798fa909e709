/* What compiler launchers and the store say: the first byte tells which message the rest is. */
#include "launcher-private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition)
        abort();
}

static void try_question(GBytes *bytes)
{
    LauncherQuestion question;
    g_autoptr(GError) error = NULL;
    if (launcher_question_decode(bytes, &question, &error)) {
        check(question.arguments[0] != NULL && question.directory[0] == '/' && question.environment != NULL);
        launcher_question_clear(&question);
    } else {
        check(error != NULL);
    }
}

static void try_report(GBytes *bytes)
{
    LauncherReport report;
    g_autoptr(GError) error = NULL;
    check(launcher_report_decode(bytes, &report, &error) == (error == NULL));
    launcher_report_clear(&report);
}

static void try_trace(GBytes *bytes)
{
    g_auto(LauncherTrace) trace = {NULL};
    gsize length = 0;
    const guint8 *data = g_bytes_get_data(bytes, &length);
    (void)launcher_trace_parse(data, length, &trace);
}

/* Against a sandbox of nothing: only what asks for nothing, or for what is missing, can hold. */
static void try_manifest(GBytes *bytes)
{
    static SluiceStore *store;
    static SluiceStaged *staged;
    static const char *const folders[] = {NULL, "/build/here"};
    if (store == NULL) {
        g_autofree char *path = g_dir_make_tmp("fuzz-launcher.XXXXXX", NULL);
        store = sluice_store_open(path, NULL, NULL);
        g_autoptr(SluiceTree) tree = sluice_tree_new(store);
        SluiceStagedPlace place = {.store = store, .upper = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        check(sluice_tree_commit(tree, &place.root, NULL));
        place.environment_root = place.root;
        staged = sluice_staged_new(&place);
        sluice_remove_tree(path, NULL); /* it is open, and what it had is not looked at */
    }
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autoptr(SluiceLook) look = sluice_look_new(staged, -1, "/a/b");
        ManifestVariant found = {.made_in = NULL};
        if (launcher_manifest_find(bytes, look, folders[i], &found))
            check(folders[i] == NULL ? found.made_in == NULL : launcher_is_roaming_folder(found.made_in));
        launcher_variant_clear(&found);
        /* what is made of it is no worse */
        ManifestInput input = {.path = "x/y.h", .file = {.kind = SLUICE_STAGED_MISSING}};
        ManifestVariant first = {.action = sluice_digest_empty, .made_in = (char *)folders[i]};
        g_autoptr(GBytes) more = launcher_manifest_add(bytes, &first, &input, 1, look);
        check(more != NULL && launcher_manifest_find(more, look, folders[i], &found) &&
              sluice_digest_equal(&found.action, &first.action));
        launcher_variant_clear(&found);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(GBytes * bytes) = {try_question, try_report, try_trace, try_manifest};
    if (size == 0)
        return 0;
    g_autoptr(GBytes) bytes = g_bytes_new(data + 1, size - 1);
    kinds[data[0] % G_N_ELEMENTS(kinds)](bytes);
    return 0;
}
