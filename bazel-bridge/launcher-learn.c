/*
 * launcher-learn.c - what a compile has shown: the files that it read become the inputs of an ordinary action, what it made becomes its result.
 *
 * Nothing is kept unless it is sure that the same inputs give the same outputs: each file that was read must be as old as the question, each path that
 * was missing must still be missing, each file that was written must be an output that is known of.
 */
#include "fields.h"
#include "launcher-private.h"

#include <string.h>

enum { FIELD_1 = 1, FIELD_2 = 2 };
enum { COMMAND_ARGUMENT = 1, COMMAND_VARIABLE = 2, COMMAND_DIRECTORY = 6, COMMAND_OUTPUT = 7 };
enum { ACTION_COMMAND = 1, ACTION_INPUT_ROOT = 2 };
enum { RESULT_FILE = 2, RESULT_STDOUT = 5, RESULT_STDERR = 7, RESULT_METADATA = 9 };

/* ---- Products ------------------------------------------------------------------------------------------------------------------------------ */

static const char *take_product(SluiceLook *look, const char *path, LauncherProducts *out)
{
    int fd = sluice_look_open(look, path);
    GBytes *contents = fd >= 0 ? sluice_staged_read(fd, SLUICE_LIMIT_LAUNCHER_OUTPUT) : NULL;
    if (fd >= 0)
        close(fd);
    if (contents == NULL)
        return "unreadable-output";
    g_ptr_array_add(out->paths, (gpointer)path);
    g_ptr_array_add(out->contents, contents);
    return NULL;
}

const char *launcher_take_products(LauncherCompile *compile, SluiceLook *look, LauncherProducts *out)
{
    const CompileOptions *options = compile->options;
    const char *reason = NULL;
    *out = (LauncherProducts){g_ptr_array_new(), g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref)};
    for (guint i = 0; i < options->outputs->len && reason == NULL; i++)
        reason = take_product(look, options->outputs->pdata[i], out);
    if (reason == NULL && options->depfile != NULL)
        reason = take_product(look, options->depfile, out);
    return reason;
}

void launcher_products_clear(LauncherProducts *products)
{
    g_ptr_array_unref(products->paths);
    g_ptr_array_unref(products->contents);
}

/* ---- Inputs -------------------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceLauncher *launcher;
    LauncherCompile *compile;
    SluiceLook *look;
    const LauncherProducts *products;
    GArray *inputs; /* ManifestInput */
    guint written;  /* products that were seen to be made */
    gboolean source_seen;
    const char *reason; /* or NULL */
} Learning;

/* Of the kernel and its devices. */
static gboolean is_ignored(const char *path)
{
    static const char *const places[] = {"/dev/", "/proc/", "/sys/"};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        if (g_str_has_prefix(path, places[i]))
            return TRUE;
    }
    return *path == '\0';
}

static gboolean is_product(const Learning *learning, const char *path)
{
    for (guint i = 0; i < learning->products->paths->len; i++) {
        if (g_str_equal(learning->products->paths->pdata[i], path))
            return TRUE;
    }
    return FALSE;
}

/* The source was hashed before the compiler ran, so it may be as new as that. */
static gboolean is_source(const Learning *learning, const char *path, const SluiceStagedFile *file)
{
    const LauncherCompile *compile = learning->compile;
    return g_str_equal(path, compile->source) && sluice_digest_equal(&file->digest, &compile->source_file.digest) &&
           file->changed == compile->source_file.changed;
}

static const char *add_found(Learning *learning, const char *path, ManifestInput *input)
{
    if (input->file.kind == SLUICE_STAGED_UNKNOWN || input->file.kind == SLUICE_STAGED_MISSING)
        return "input-vanished";
    if (input->file.kind == SLUICE_STAGED_FILE) {
        if (!input->file.digested)
            return "unreadable-input";
        if (input->file.changing && input->file.changed >= learning->compile->asked &&
            !is_source(learning, path, &input->file))
            return "input-changed";
    }
    g_array_append_val(learning->inputs, *input);
    return NULL;
}

static const char *add_path(Learning *learning, const char *path, LauncherTraceKind kind)
{
    ManifestInput input = {.path = path};
    gboolean product = is_product(learning, path);
    learning->written += product && (kind == LAUNCHER_TRACE_WRITTEN || kind == LAUNCHER_TRACE_REWRITTEN);
    /* where it runs is there, or it would not run; under which name, counts only where that is in the key */
    if (is_ignored(path) || product || g_str_equal(path, learning->compile->question.directory))
        return NULL;
    if (kind == LAUNCHER_TRACE_REWRITTEN)
        return "input-rewritten";
    sluice_look_at(learning->look, path, kind == LAUNCHER_TRACE_FOUND, &input.file);
    if (kind == LAUNCHER_TRACE_WRITTEN)
        return input.file.kind == SLUICE_STAGED_MISSING ? NULL : "undeclared-output";
    learning->source_seen |= kind == LAUNCHER_TRACE_FOUND && g_str_equal(path, learning->compile->source);
    if (kind == LAUNCHER_TRACE_FOUND)
        return add_found(learning, path, &input);
    if (input.file.kind != SLUICE_STAGED_MISSING)
        return "input-appeared";
    g_array_append_val(learning->inputs, input);
    return NULL;
}

static const char *collect_inputs(Learning *learning, LauncherTrace *log)
{
    GHashTableIter iter;
    gpointer path, kind;
    const char *reason = log->overflow ? "too-many-inputs" : log->unknown ? "untraceable" : NULL;
    g_hash_table_iter_init(&iter, log->paths);
    while (reason == NULL && g_hash_table_iter_next(&iter, &path, &kind))
        reason = add_path(learning, path, (LauncherTraceKind)GPOINTER_TO_INT(kind));
    if (reason == NULL && (!learning->source_seen || learning->written < learning->products->paths->len))
        reason = "untraced-compiler";
    return reason;
}

/* ---- Times of translation --------------------------------------------------------------------------------------------------------------------------- */

static gboolean uses_time(GBytes *contents)
{
    static const char program[] = {0x7f, 'E', 'L', 'F'};
    static const char *const macros[] = {"__DATE__", "__TIME__", "__TIMESTAMP__"};
    gsize length = 0;
    const char *text = g_bytes_get_data(contents, &length);
    if (length >= sizeof program && memcmp(text, program, sizeof program) == 0)
        return FALSE; /* the compiler itself, which knows these words */
    for (gsize i = 0; i < G_N_ELEMENTS(macros) && length > 0; i++) {
        if (memmem(text, length, macros[i], strlen(macros[i])) != NULL)
            return TRUE;
    }
    return FALSE;
}

static gboolean is_dated(SluiceLauncher *launcher, const SluiceDigest *digest)
{
    gpointer known = NULL;
    g_mutex_lock(&launcher->lock);
    gboolean found = g_hash_table_lookup_extended(launcher->dated, digest, NULL, &known);
    g_mutex_unlock(&launcher->lock);
    if (found)
        return GPOINTER_TO_INT(known);
    g_autoptr(GBytes) contents = sluice_store_read(launcher->store, digest, NULL);
    gboolean dated = contents == NULL || uses_time(contents);
    g_mutex_lock(&launcher->lock);
    g_hash_table_insert(launcher->dated, g_memdup2(digest, sizeof *digest), GINT_TO_POINTER(dated));
    g_mutex_unlock(&launcher->lock);
    return dated;
}

/* ---- The action ------------------------------------------------------------------------------------------------------------------------------------- */

/* Whether an executor of this environment has the file without being given it. */
static gboolean is_of_environment(Learning *learning, const ManifestInput *input)
{
    g_autofree char *path = g_path_get_dirname(input->path);
    const SluiceStagedFolder *folder = sluice_look_find_folder(learning->look, path);
    return folder != NULL && !folder->absent && !folder->mounted && !folder->in_upper && folder->has_lower &&
           folder->has_environment && sluice_digest_equal(&folder->lower, &folder->environment);
}

/* Where the file is, without links and "..". */
static char *real_path(Learning *learning, const char *path)
{
    g_autofree char *above = g_path_get_dirname(path), *name = g_path_get_basename(path);
    const SluiceStagedFolder *folder = sluice_look_find_folder(learning->look, above);
    return folder != NULL ? g_strconcat("/", folder->path, "/", name, NULL) : NULL;
}

/* Into the store, if it is not there because it was staged. */
static gboolean keep_input(Learning *learning, const ManifestInput *input, GError **error)
{
    if (!input->file.changing || sluice_store_has(learning->launcher->store, &input->file.digest))
        return TRUE;
    int fd = sluice_look_open(learning->look, input->path);
    gboolean kept = fd >= 0 && sluice_store_put_fd(learning->launcher->store, fd, &input->file.digest, NULL, error);
    if (fd >= 0)
        close(fd);
    return kept;
}

static gboolean add_input(Learning *learning, SluiceTree *tree, const ManifestInput *input, GError **error)
{
    g_autofree char *path = real_path(learning, input->path);
    if (path == NULL)
        return FALSE;
    if (input->file.kind == SLUICE_STAGED_DIRECTORY)
        return sluice_tree_make_directory(tree, path, NULL) || TRUE;
    return keep_input(learning, input, error) && sluice_tree_add_file(tree, path, &input->file.digest, FALSE, error);
}

static gboolean make_input_root(Learning *learning, SluiceDigest *root, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(learning->launcher->store);
    gboolean made = sluice_tree_make_directory(tree, learning->compile->question.directory, error);
    for (guint i = 0; i < learning->inputs->len && made; i++) {
        const ManifestInput *input = &g_array_index(learning->inputs, ManifestInput, i);
        if (input->file.kind != SLUICE_STAGED_MISSING && !is_of_environment(learning, input))
            made = add_input(learning, tree, input, error);
    }
    return made && sluice_tree_commit(tree, root, error);
}

static void put_pair(GByteArray *out, uint32_t number, const char *variable)
{
    g_autoptr(GByteArray) pair = g_byte_array_new();
    const char *equals = strchr(variable, '=');
    if (equals == NULL)
        return;
    sluice_wire_put_bytes(pair, FIELD_1, variable, (gsize)(equals - variable));
    sluice_wire_put_string(pair, FIELD_2, equals + 1);
    sluice_wire_put_bytes(out, number, pair->data, pair->len);
}

static int compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GBytes *encode_command(const Learning *learning)
{
    GByteArray *command = g_byte_array_new();
    const LauncherCompile *compile = learning->compile;
    const GPtrArray *arguments = compile->options->arguments;
    g_autoptr(GPtrArray) outputs = g_ptr_array_copy(learning->products->paths, NULL, NULL);
    g_ptr_array_sort(outputs, compare_strings);
    for (guint i = 0; i < arguments->len; i++)
        sluice_wire_put_string(command, COMMAND_ARGUMENT, arguments->pdata[i]);
    for (char **variable = compile->question.environment; *variable != NULL; variable++)
        put_pair(command, COMMAND_VARIABLE, *variable);
    sluice_wire_put_string(command, COMMAND_DIRECTORY, compile->question.directory + 1);
    for (guint i = 0; i < outputs->len; i++)
        sluice_wire_put_string(command, COMMAND_OUTPUT, outputs->pdata[i]);
    return g_byte_array_free_to_bytes(command);
}

static GBytes *encode_action(GBytes *command, const SluiceDigest *root)
{
    GByteArray *action = g_byte_array_new();
    SluiceDigest digest;
    sluice_digest_of_bytes(command, &digest);
    sluice_wire_put_digest(action, ACTION_COMMAND, &digest);
    sluice_wire_put_digest(action, ACTION_INPUT_ROOT, root);
    return g_byte_array_free_to_bytes(action);
}

static GBytes *encode_result(const LauncherProducts *products, const SluiceDigest *digests, GBytes *errors)
{
    GByteArray *result = g_byte_array_new();
    for (guint i = 0; i < products->paths->len; i++) {
        g_autoptr(GByteArray) file = g_byte_array_new();
        sluice_wire_put_string(file, FIELD_1, products->paths->pdata[i]);
        sluice_wire_put_digest(file, FIELD_2, &digests[i]);
        sluice_wire_put_bytes(result, RESULT_FILE, file->data, file->len);
    }
    if (errors != NULL) {
        gsize length = 0;
        const void *data = g_bytes_get_data(errors, &length);
        sluice_wire_put_bytes(result, RESULT_STDERR, data, length);
    }
    sluice_wire_put_bytes(result, RESULT_METADATA, NULL, 0);
    return g_byte_array_free_to_bytes(result);
}

/* The action, its command and the products in one transaction. */
static gboolean keep_result(Learning *learning, const LauncherReport *report, SluiceDigest *action, GError **error)
{
    enum { COMMAND, ACTION, PRODUCTS };
    const LauncherProducts *products = learning->products;
    GBytes *blobs[PRODUCTS + SLUICE_LIMIT_LAUNCHER_OUTPUTS];
    SluiceDigest digests[G_N_ELEMENTS(blobs)], root;
    if (!make_input_root(learning, &root, error))
        return FALSE;
    g_autoptr(GBytes) command = encode_command(learning);
    g_autoptr(GBytes) bytes = encode_action(command, &root);
    blobs[COMMAND] = command;
    blobs[ACTION] = bytes;
    for (guint i = 0; i < products->contents->len; i++)
        blobs[PRODUCTS + i] = products->contents->pdata[i];
    if (!sluice_store_put_many(learning->launcher->store, blobs, PRODUCTS + products->contents->len, digests, error))
        return FALSE;
    g_autoptr(GBytes) result = encode_result(products, digests + PRODUCTS, report->standard_error);
    *action = digests[ACTION];
    return launcher_keep(learning->launcher, action, result, error);
}

static gboolean keep_manifest(Learning *learning, const SluiceDigest *action, GError **error)
{
    g_autoptr(GBytes) old = launcher_read_manifest(learning->launcher, learning->compile);
    g_autoptr(GBytes) manifest = launcher_manifest_add(old, action, (ManifestInput *)(void *)learning->inputs->data,
                                                       learning->inputs->len, learning->look);
    if (manifest == NULL)
        return FALSE;
    GByteArray *bytes = g_byte_array_new();
    gsize length = 0;
    const void *data = g_bytes_get_data(manifest, &length);
    sluice_wire_put_bytes(bytes, RESULT_STDOUT, data, length);
    sluice_wire_put_bytes(bytes, RESULT_METADATA, NULL, 0);
    g_autoptr(GBytes) result = g_byte_array_free_to_bytes(bytes);
    return launcher_keep(learning->launcher, &learning->compile->command, result, error);
}

/* SOURCE_DATE_EPOCH makes the time of translation a constant that is in the key; a file's own time it leaves alone, but staged files have but one. */
static const char *check_times(Learning *learning)
{
    for (guint i = 0; i < learning->inputs->len; i++) {
        const ManifestInput *input = &g_array_index(learning->inputs, ManifestInput, i);
        if (input->file.kind == SLUICE_STAGED_FILE && !is_of_environment(learning, input) &&
            is_dated(learning->launcher, &input->file.digest))
            return "time-macro";
    }
    return NULL;
}

static const char *learn(Learning *learning, const LauncherReport *report, GBytes *trace)
{
    g_auto(LauncherTrace) log = {NULL};
    gsize length = 0;
    SluiceDigest action;
    const guint8 *bytes = g_bytes_get_data(trace, &length);
    if (!launcher_trace_parse(bytes, length, &log))
        return "malformed-trace";
    const char *reason = collect_inputs(learning, &log);
    if (reason != NULL)
        return reason;
    g_autoptr(GError) problem = NULL;
    if (!keep_result(learning, report, &action, &problem))
        return "store";
    reason = check_times(learning);
    if (reason != NULL)
        return reason;
    return keep_manifest(learning, &action, &problem) ? NULL : "store";
}

const char *launcher_learn(SluiceLauncher *launcher, LauncherCompile *compile, SluiceLook *look,
                           const LauncherProducts *products, const LauncherReport *report, GBytes *trace)
{
    g_autoptr(GArray) inputs = g_array_new(FALSE, FALSE, sizeof(ManifestInput));
    Learning learning = {
        .launcher = launcher, .compile = compile, .look = look, .products = products, .inputs = inputs};
    return learn(&learning, report, trace);
}
