/* source-gen-cargo-lock.c - `kind: gen_cargo_lock`: a Cargo.lock for projects that have none; the ref is the file itself, in base64. */
#include "element.h"
#include "program.h"
#include "source-kinds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_FILE      "Cargo.lock"
#define LOCK_MAX_BYTES ((gsize)16 << 20)

typedef struct {
    const char *ref; /* or NULL */
} GenCargoLock;

static gboolean gen_cargo_lock_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"ref", NULL};
    source->data = arena_new_of(source_arena(source), GenCargoLock);
    return node_check_keys(config, keys, error);
}

static gboolean gen_cargo_lock_load_ref(Source *source, const Node *ref, GError **error)
{
    GenCargoLock *lock = source->data;
    return source_ref_text(source, ref, &lock->ref, error);
}

static Json *gen_cargo_lock_unique_key(Source *source, Arena *arena, GError **error)
{
    const GenCargoLock *lock = source->data;
    return json_string(arena, lock->ref);
}

/* ---- Tracking ----------------------------------------------------------------------------------------------------------------------- */

/* Where a program is that rustup may stand for: its folder, and that of the file behind links. */
static void add_place(GPtrArray *readable, const char *program)
{
    g_autofree char *resolved = realpath(program, NULL);
    g_ptr_array_add(readable, g_path_get_dirname(program));
    if (resolved != NULL) {
        g_ptr_array_add(readable, g_path_get_dirname(resolved));
    }
}

/* Cargo does what the project's files tell it, up to running programs that these name. */
static gboolean generate(const SourceContext *context, const char *folder, GError **error)
{
    g_autofree char *cargo = g_find_program_in_path("cargo");
    if (cargo == NULL) {
        error_set(error, ERROR_PROG_NOT_FOUND, NULL, NULL, "Did not find 'cargo' in PATH: %s", g_getenv("PATH"));
        return FALSE;
    }
    const char *own = g_getenv("RUSTUP_HOME");
    char *toolchains = own != NULL ? g_strdup(own) : g_build_filename(g_get_home_dir(), ".rustup", NULL);
    g_autofree char *rustup = g_strconcat("RUSTUP_HOME=", toolchains, NULL);
    g_autoptr(GPtrArray) readable = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(readable, toolchains);
    add_place(readable, cargo);
    g_ptr_array_add(readable, NULL);
    const char *const arguments[] = {cargo, "generate-lockfile", NULL};
    const char *const environment[] = {"CARGO_HOME=/tmp/cargo", rustup, NULL};
    const Program program = {.arguments = arguments, .environment = environment, .cancellable = context->cancellable};
    const ProgramConfinement confinement = {
        .store = context->store, .folder = folder, .readable = (const char *const *)readable->pdata};
    return program_run_confined(&program, &confinement, "Failed to generate lockfile", error);
}

/* Through the store, which follows no link to where it should not go. */
static char *read_lock(const SourceContext *context, const char *folder, GError **error)
{
    const SluiceImportOptions options = {.by_link = FALSE};
    SourceContext in_folder = *context;
    SluiceDigest root;
    GError *problem = NULL;
    g_autofree char *path = g_build_filename(folder, LOCK_FILE, NULL);
    in_folder.previous = &root;
    g_autoptr(GBytes) bytes = sluice_store_import(context->store, AT_FDCWD, path, &options, &root, &problem)
                                  ? source_read_previous(&in_folder, LOCK_FILE, LOCK_MAX_BYTES, &problem)
                                  : NULL;
    if (bytes != NULL) {
        return g_base64_encode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    }
    if (problem != NULL) {
        g_propagate_error(error, problem);
    } else {
        error_set(error, ERROR_SOURCE, NULL, NULL, "cargo made no " LOCK_FILE);
    }
    return NULL;
}

static Node *gen_cargo_lock_track(Source *source, const SourceContext *context, GError **error)
{
    g_autofree char *folder = source_check_out_previous(context, error);
    if (folder == NULL) {
        return NULL;
    }
    event_send(context->events, EVENT_STATUS, "track", source->element->full_name, "Generating " LOCK_FILE);
    g_autofree char *text = generate(context, folder, error) ? read_lock(context, folder, error) : NULL;
    sluice_remove_tree(folder, NULL);
    return text != NULL ? node_new_scalar(source_arena(source), arena_strdup(source_arena(source), text), NULL) : NULL;
}

/* ---- Staging ------------------------------------------------------------------------------------------------------------------------ */

static gboolean gen_cargo_lock_stage(Source *source, const SourceContext *context, SluiceTree *tree,
                                     const char *directory, GError **error)
{
    const GenCargoLock *lock = source->data;
    SluiceDigest digest;
    gsize length;
    g_autofree guchar *text = g_base64_decode(lock->ref, &length);
    g_autofree char *path = g_build_path("/", "/", directory, LOCK_FILE, NULL);
    if ((length == 0 && *lock->ref != '\0') || !g_utf8_validate((const char *)text, (gssize)length, NULL)) {
        error_set(error, ERROR_SOURCE, NULL, node_where(source->ref), "The ref is no " LOCK_FILE " in base64");
        return FALSE;
    }
    return sluice_store_put(context->store, text, length, NULL, &digest, error) &&
           sluice_tree_add_file(tree, path, &digest, FALSE, error);
}

/* All is in the ref, so there is nothing to fetch. */
const SourceKind source_kind_gen_cargo_lock = {
    .name = "gen_cargo_lock",
    .has_ref = TRUE,
    .tracks_previous = TRUE,
    .configure = gen_cargo_lock_configure,
    .load_ref = gen_cargo_lock_load_ref,
    .unique_key = gen_cargo_lock_unique_key,
    .track = gen_cargo_lock_track,
    .stage = gen_cargo_lock_stage,
};
