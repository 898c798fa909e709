/*
 * launcher-learn.c - what a compile has shown: the files that it read become the inputs of an ordinary action, what it made becomes its result.
 *
 * Nothing is kept unless it is sure that the same inputs give the same outputs: each file that was read must be as old as the question, each path that
 * was missing must still be missing, each file that was written must be an output that is known of.
 */
#include "fields.h"
#include "launcher-private.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIELD_1 = 1, FIELD_2 = 2 };
enum { COMMAND_ARGUMENT = 1, COMMAND_VARIABLE = 2, COMMAND_DIRECTORY = 6, COMMAND_OUTPUT = 7 };
enum { ACTION_COMMAND = 1, ACTION_INPUT_ROOT = 2 };
enum { RESULT_FILE = 2, RESULT_STDOUT = 5, RESULT_STDERR = 7, RESULT_METADATA = 9 };

/* ---- Products ------------------------------------------------------------------------------------------------------------------------------ */

/* What a compiler made. */
typedef struct {
    GPtrArray *paths;    /* char *, borrowed */
    GPtrArray *contents; /* GBytes *, same order */
    gsize held;          /* bytes, as counted in the launcher */
} Products;

static void products_init(Products *products, const CompileOptions *options)
{
    *products = (Products){g_ptr_array_new(), g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref), 0};
    g_ptr_array_extend(products->paths, options->outputs, NULL, NULL);
    if (options->depfile != NULL)
        g_ptr_array_add(products->paths, options->depfile);
}

/* All compiles together hold so much: their outputs are as large as a builder makes them. */
static gboolean hold(SluiceLauncher *launcher, Products *products, gsize bytes)
{
    gboolean room = launcher_hold(launcher, bytes);
    products->held += room ? bytes : 0;
    return room;
}

static void products_clear(SluiceLauncher *launcher, Products *products)
{
    launcher_let_go(launcher, products->held);
    g_ptr_array_unref(products->paths);
    g_ptr_array_unref(products->contents);
}

static const char *take_product(SluiceLauncher *launcher, SluiceLook *look, Products *products, const char *path)
{
    struct stat status;
    GBytes *contents = NULL;
    int fd = sluice_look_open(look, path);
    gboolean plain =
        fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= SLUICE_LIMIT_LAUNCHER_OUTPUT;
    gboolean room = plain && hold(launcher, products, (gsize)status.st_size);
    if (room)
        contents = sluice_staged_read(fd, (gsize)status.st_size);
    if (fd >= 0)
        close(fd);
    if (contents == NULL)
        return plain && !room ? "busy" : "unreadable-output";
    g_ptr_array_add(products->contents, contents);
    return NULL;
}

static const char *take_products(SluiceLauncher *launcher, SluiceLook *look, Products *products)
{
    const char *reason = NULL;
    for (guint i = 0; i < products->paths->len && reason == NULL; i++)
        reason = take_product(launcher, look, products, products->paths->pdata[i]);
    return reason;
}

/* ---- Inputs -------------------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceLauncher *launcher;
    LauncherCompile *compile;
    SluiceLook *look;
    const Products *products;
    GArray *inputs;   /* ManifestInput */
    GPtrArray *paths; /* char *: of inputs that the trace does not name */
    GHashTable *read; /* SluiceDigest * -> GBytes *: of inputs that were made here and that the store does not have */
    guint written;    /* products that were seen to be made */
    gboolean source_seen;
    int traits; /* of all that was read, and of the arguments */
} Learning;

/* What says nothing of the outcome; whatever else the kernel shows there may be anybody's files (/dev/shm, /proc/self/cwd, /dev/fd). */
static gboolean is_ignored(const char *path)
{
    static const char *const files[] = {"",
                                        "/dev/null",
                                        "/dev/random",
                                        "/dev/tty",
                                        "/dev/urandom",
                                        "/proc/cpuinfo",
                                        "/proc/meminfo",
                                        "/proc/self/exe",
                                        "/proc/self/fd", /* that there is one */
                                        "/proc/self/maps",
                                        "/proc/stat",
                                        "/proc/sys/vm/overcommit_memory",
                                        "/sys/devices/system/cpu/online",
                                        "/sys/devices/system/cpu/possible"};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        if (g_str_equal(path, files[i]))
            return TRUE;
    }
    return FALSE;
}

static gboolean is_of_kernel(const char *path)
{
    return g_str_has_prefix(path, "/dev/") || g_str_has_prefix(path, "/proc/") || g_str_has_prefix(path, "/sys/");
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

/* As soon as the launcher has its answer, the build goes on and may write or remove it. */
static gboolean read_input(Learning *learning, const char *path, const SluiceDigest *digest)
{
    if (g_hash_table_contains(learning->read, digest) || sluice_store_has(learning->launcher->store, digest))
        return TRUE;
    GBytes *contents = launcher_read(learning->launcher, learning->look, path, digest);
    if (contents != NULL)
        g_hash_table_insert(learning->read, g_memdup2(digest, sizeof *digest), contents);
    return contents != NULL;
}

/* Named by an argument that means a file. */
static gboolean is_named(const Learning *learning, const char *path)
{
    const GPtrArray *files = learning->compile->options->input_files;
    const char *directory = learning->compile->question.directory;
    g_autofree char *found = g_canonicalize_filename(path, directory);
    for (guint i = 0; i < files->len; i++) {
        g_autofree char *named = g_canonicalize_filename(files->pdata[i], directory);
        if (g_str_equal(named, found))
            return TRUE;
    }
    return FALSE;
}

static const char *add_found(Learning *learning, const char *path, ManifestInput *input)
{
    if (input->file.kind == SLUICE_STAGED_UNKNOWN)
        return "untraceable";
    if (input->file.kind == SLUICE_STAGED_MISSING)
        return "input-vanished";
    if (input->file.kind == SLUICE_STAGED_DIRECTORY && (launcher_is_header_name(path) || is_named(learning, path)))
        return "precompiled-header"; /* which of those in it is taken, is by chance */
    if (input->file.kind == SLUICE_STAGED_FILE) {
        if (!input->file.digested)
            return "unreadable-input";
        if (input->file.changing && input->file.changed >= learning->compile->asked &&
            !is_source(learning, path, &input->file))
            return "input-changed";
        if (input->file.changing && !read_input(learning, path, &input->file.digest))
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
    /* where it runs is there, or it would not run */
    if (is_ignored(path) || product || g_str_equal(path, learning->compile->question.directory))
        return NULL;
    if (is_of_kernel(path))
        return "device-input";
    if (kind == LAUNCHER_TRACE_REWRITTEN)
        return "input-rewritten";
    sluice_look_at(learning->look, path, kind == LAUNCHER_TRACE_FOUND, &input.file);
    if (kind == LAUNCHER_TRACE_WRITTEN)
        return input.file.kind == SLUICE_STAGED_MISSING ? NULL : "undeclared-output";
    learning->source_seen |= kind == LAUNCHER_TRACE_FOUND && g_str_equal(path, learning->compile->source);
    if (kind == LAUNCHER_TRACE_FOUND)
        return add_found(learning, path, &input);
    if (input.file.kind == SLUICE_STAGED_UNKNOWN)
        return "untraceable";
    if (input.file.kind != SLUICE_STAGED_MISSING)
        return "input-appeared";
    g_array_append_val(learning->inputs, input);
    return NULL;
}

static const char *add_place(Learning *learning, const char *folder, const char *program, const LauncherTrace *log)
{
    char *path = g_strconcat(*folder != '\0' ? folder : ".", "/", program, NULL);
    ManifestInput input = {.path = path};
    g_ptr_array_add(learning->paths, path);
    if (is_of_kernel(path))
        return "device-input";
    if (g_hash_table_contains(log->paths, path))
        return NULL;
    sluice_look_at(learning->look, path, TRUE, &input.file);
    if (input.file.kind != SLUICE_STAGED_MISSING)
        return add_found(learning, path, &input);
    g_array_append_val(learning->inputs, input);
    return NULL;
}

static const char *add_places(Learning *learning, char **places, const char *program, const LauncherTrace *log)
{
    const char *reason = NULL;
    for (char **place = places; *place != NULL && reason == NULL; place++) {
        if (!g_strv_contains((const char *const *)place + 1, *place)) /* the last of those that are equal */
            reason = add_place(learning, *place, program, log);
    }
    return reason;
}

/* gcc has its assembler, and what splits objects, found along PATH, by the library, which the trace does not see: where they were not is as much an
 * input as where they are.  Which of them can be executed is not looked at, so all count. */
static const char *add_programs(Learning *learning, const LauncherTrace *log)
{
    enum { PLACES_MAX = 64 };
    const CompileOptions *options = learning->compile->options;
    const char *list = g_environ_getenv(learning->compile->question.environment, "PATH");
    if (learning->compile->is_clang || !launcher_assembles(options))
        return NULL;
    if (list == NULL)
        return "untraceable";
    g_auto(GStrv) places = g_strsplit(list, ":", PLACES_MAX + 1);
    if (g_strv_length(places) > PLACES_MAX)
        return "too-many-inputs";
    const char *reason = add_places(learning, places, "as", log);
    return reason == NULL && options->splits ? add_places(learning, places, "objcopy", log) : reason;
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
    return reason != NULL ? reason : add_programs(learning, log);
}

/* ---- Times of translation --------------------------------------------------------------------------------------------------------------------------- */

/* What a text says; KNOWN is of every text that was looked at, UNTOLD of a precompiled header of which nothing else is known. */
enum { TRAIT_KNOWN = 1, DATED_NOW = 2, DATED_FILE = 4, NAMES_FILES = 8, SHOWS_FOLDER = 16, UNTOLD = 32 };

/* The compiler itself, which knows all words. */
static gboolean is_program(const void *bytes, gsize length)
{
    static const char mark[] = {0x7f, 'E', 'L', 'F'};
    return length >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0;
}

static int find_times(const void *bytes, gsize length)
{
    static const struct {
        const char *macro;
        int time;
    } macros[] = {{"__DATE__", DATED_NOW}, {"__TIME__", DATED_NOW}, {"__TIMESTAMP__", DATED_FILE}};
    int times = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(macros) && length > 0; i++) {
        if (memmem(bytes, length, macros[i].macro, strlen(macros[i].macro)) != NULL)
            times |= macros[i].time;
    }
    return times;
}

/* SOURCE_DATE_EPOCH, which is in the key, makes the time of translation a constant; not for every clang.  A file's own time it leaves alone. */
static gboolean counts(int times, char *const *environment, gboolean is_clang)
{
    const char *epoch = g_environ_getenv((char **)environment, "SOURCE_DATE_EPOCH");
    gboolean constant = !is_clang && epoch != NULL && *epoch != '\0';
    return (times & DATED_FILE) != 0 || (!constant && (times & DATED_NOW) != 0);
}

gboolean launcher_uses_time(const void *bytes, gsize length, char *const *environment, gboolean is_clang)
{
    return counts(find_times(bytes, length), environment, is_clang);
}

static int find_traits(const SluiceLauncher *launcher, GBytes *contents)
{
    gsize length = 0;
    const void *bytes = g_bytes_get_data(contents, &length);
    gboolean shows = launcher->folder != NULL && launcher_shows(contents, launcher->folder);
    if (is_program(bytes, length))
        return TRAIT_KNOWN | (shows ? SHOWS_FOLDER : 0);
    return TRAIT_KNOWN | find_times(bytes, length) | (launcher_names_files(bytes, length) ? NAMES_FILES : 0) |
           (shows ? SHOWS_FOLDER : 0);
}

/* What was read for the header.  It has names of folders in it in some way. */
static int find_header_traits(Learning *learning, const SluiceDigest *header)
{
    int traits = 0;
    launcher_await_headers(learning->launcher, learning->compile);
    return launcher_find_header(learning->launcher, header, &traits) ? TRAIT_KNOWN | traits | SHOWS_FOLDER
                                                                     : TRAIT_KNOWN | UNTOLD;
}

/* 0: it cannot be read. */
static int traits_of(Learning *learning, const ManifestInput *input)
{
    SluiceLauncher *launcher = learning->launcher;
    g_mutex_lock(&launcher->lock);
    int traits = GPOINTER_TO_INT(g_hash_table_lookup(launcher->traits, &input->file.digest));
    g_mutex_unlock(&launcher->lock);
    if (traits != 0)
        return traits;
    GBytes *read = g_hash_table_lookup(learning->read, &input->file.digest);
    g_autoptr(GBytes) contents =
        read != NULL ? g_bytes_ref(read) : launcher_read(launcher, learning->look, input->path, &input->file.digest);
    if (contents == NULL)
        return 0;
    gsize length = 0;
    const void *bytes = g_bytes_get_data(contents, &length);
    traits = launcher_is_header(bytes, length) ? find_header_traits(learning, &input->file.digest)
                                               : find_traits(launcher, contents);
    if (traits & UNTOLD)
        return traits; /* it may be known later */
    g_mutex_lock(&launcher->lock);
    if (g_hash_table_size(launcher->traits) >= SLUICE_LIMIT_LAUNCHER_MEMORY)
        g_hash_table_remove_all(launcher->traits);
    g_hash_table_insert(launcher->traits, g_memdup2(&input->file.digest, sizeof input->file.digest),
                        GINT_TO_POINTER(traits));
    g_mutex_unlock(&launcher->lock);
    return traits;
}

static const char *check_times(Learning *learning)
{
    const LauncherCompile *compile = learning->compile;
    for (guint i = 0; i < learning->inputs->len; i++) {
        const ManifestInput *input = &g_array_index(learning->inputs, ManifestInput, i);
        if (input->file.kind != SLUICE_STAGED_FILE)
            continue;
        int traits = traits_of(learning, input);
        if (traits == 0)
            return "unreadable-input";
        if (traits & UNTOLD)
            return "precompiled-header";
        if (counts(traits, compile->question.environment, compile->is_clang))
            return "time-macro";
        learning->traits |= traits;
    }
    for (guint i = 0; i < compile->options->arguments->len; i++) {
        const char *argument = compile->options->arguments->pdata[i];
        learning->traits |= find_times(argument, strlen(argument));
    }
    return NULL;
}

/* Whether one of them is named as such that nothing may be kept of. */
static gboolean are_refused(const Learning *learning)
{
    const LauncherCompile *compile = learning->compile;
    for (guint i = 0; i < learning->inputs->len; i++) {
        const ManifestInput *input = &g_array_index(learning->inputs, ManifestInput, i);
        if (input->file.kind != SLUICE_STAGED_MISSING &&
            launcher_wishes_refuse(&compile->wishes, input->path, compile->question.directory))
            return TRUE;
    }
    return FALSE;
}

/* ---- Where it may be used ------------------------------------------------------------------------------------------------------------------------- */

/* Whether an executor of this environment has the file without being given it. */
static gboolean is_of_environment(Learning *learning, const ManifestInput *input)
{
    g_autofree char *path = g_path_get_dirname(input->path);
    const SluiceStagedFolder *folder = sluice_look_find_folder(learning->look, path);
    return folder != NULL && !folder->absent && !folder->mounted && !folder->in_upper && folder->has_lower &&
           folder->has_environment && sluice_digest_equal(&folder->lower, &folder->environment);
}

static gboolean can_move(Learning *learning, guint index)
{
    GBytes *contents = learning->products->contents->pdata[index];
    const char *here = learning->launcher->folder;
    if (learning->products->paths->pdata[index] != learning->compile->options->depfile)
        return !launcher_shows(contents, here);
    g_autoptr(GBytes) moved = launcher_move_rules(contents, learning->compile, here, here);
    return moved != NULL;
}

/* __FILE__ is the name that a file was opened by: of those that have been opened by names without the folder's it says nothing of the folder. */
static gboolean any_named_by_folder(const Learning *learning)
{
    for (guint i = 0; i < learning->inputs->len; i++) {
        if (strstr(g_array_index(learning->inputs, ManifestInput, i).path, learning->launcher->folder) != NULL)
            return TRUE;
    }
    return FALSE;
}

static gboolean inputs_stay(Learning *learning)
{
    gboolean named = any_named_by_folder(learning);
    for (guint i = 0; i < learning->inputs->len; i++) {
        const ManifestInput *input = &g_array_index(learning->inputs, ManifestInput, i);
        int traits = input->file.kind == SLUICE_STAGED_FILE ? traits_of(learning, input) : 0;
        if ((traits & SHOWS_FOLDER) ||
            launcher_input_stays(learning->launcher, learning->look, input, named && (traits & NAMES_FILES) != 0))
            return TRUE;
    }
    return FALSE;
}

static gboolean can_roam(Learning *learning, const LauncherReport *report)
{
    if (!learning->compile->roams || launcher_shows(report->standard_error, learning->launcher->folder))
        return FALSE;
    for (guint i = 0; i < learning->products->contents->len; i++) {
        if (!can_move(learning, i))
            return FALSE;
    }
    return !inputs_stay(learning);
}

/* ---- The action ------------------------------------------------------------------------------------------------------------------------------------- */

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
    const SluiceDigest *digest = &input->file.digest;
    GBytes *read = g_hash_table_lookup(learning->read, digest);
    if (read == NULL)
        return TRUE;
    return sluice_store_put(learning->launcher->store, g_bytes_get_data(read, NULL), g_bytes_get_size(read), digest,
                            NULL, error);
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

static GBytes *encode_command(const Learning *learning)
{
    GByteArray *command = g_byte_array_new();
    const LauncherCompile *compile = learning->compile;
    const GPtrArray *arguments = compile->options->arguments;
    g_autoptr(GPtrArray) outputs = g_ptr_array_copy(learning->products->paths, NULL, NULL);
    g_ptr_array_sort(outputs, launcher_compare_texts);
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

static GBytes *encode_result(const Products *products, const SluiceDigest *digests, GBytes *errors)
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

static gboolean differs(const LauncherCompile *compile, const char *path, const SluiceDigest *digest)
{
    for (guint i = 0; i < compile->expected->len; i++) {
        const LauncherExpected *expected = &g_array_index(compile->expected, LauncherExpected, i);
        if (g_str_equal(expected->path, path))
            return !sluice_digest_equal(&expected->digest, digest);
    }
    return TRUE;
}

static void verify(LauncherCompile *compile, const Products *products, const SluiceDigest *digests)
{
    for (guint i = 0; compile->expected != NULL && i < products->paths->len; i++)
        compile->differs |= differs(compile, products->paths->pdata[i], &digests[i]);
}

/* The action, its command and the products in one transaction. */
static gboolean keep_result(Learning *learning, const LauncherReport *report, SluiceDigest *action, GError **error)
{
    enum { COMMAND, ACTION, PRODUCTS };
    const Products *products = learning->products;
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
    verify(learning->compile, products, digests + PRODUCTS);
    g_autoptr(GBytes) result = encode_result(products, digests + PRODUCTS, report->standard_error);
    *action = digests[ACTION];
    return launcher_keep(learning->launcher, action, result, error);
}

static gboolean keep_manifest(Learning *learning, const ManifestVariant *variant, GError **error)
{
    const LauncherCompile *compile = learning->compile;
    const SluiceDigest *command = variant->made_in != NULL ? &compile->roaming : &compile->command;
    g_autoptr(GBytes) old = launcher_read_manifest(learning->launcher, command, TRUE);
    g_autoptr(GBytes) manifest = launcher_manifest_add(old, variant, (ManifestInput *)(void *)learning->inputs->data,
                                                       learning->inputs->len, learning->look);
    if (manifest == NULL)
        return FALSE;
    GByteArray *bytes = g_byte_array_new();
    gsize length = 0;
    const void *data = g_bytes_get_data(manifest, &length);
    sluice_wire_put_bytes(bytes, RESULT_STDOUT, data, length);
    sluice_wire_put_bytes(bytes, RESULT_METADATA, NULL, 0);
    g_autoptr(GBytes) result = g_byte_array_free_to_bytes(bytes);
    return launcher_keep(learning->launcher, command, result, error);
}

static const char *look_around(Learning *learning, Products *products, GBytes *trace)
{
    g_auto(LauncherTrace) log = {NULL};
    gsize length = 0;
    const guint8 *bytes = g_bytes_get_data(trace, &length);
    /* paths of inputs are those of the log, which has to live as long */
    if (!launcher_trace_parse(bytes, length, &log))
        return "malformed-trace";
    const char *reason = collect_inputs(learning, &log);
    for (guint i = 0; i < learning->inputs->len; i++) {
        ManifestInput *input = &g_array_index(learning->inputs, ManifestInput, i);
        g_ptr_array_add(learning->paths, g_strdup(input->path));
        input->path = learning->paths->pdata[learning->paths->len - 1];
    }
    return reason != NULL ? reason : take_products(learning->launcher, learning->look, products);
}

/* For those who will use it. */
static gboolean keep_header(Learning *learning, GError **error)
{
    SluiceDigest header;
    if (!learning->compile->options->precompiles)
        return TRUE;
    sluice_digest_of_bytes(learning->products->contents->pdata[0], &header);
    return launcher_keep_header(learning->launcher, &header, learning->traits & (DATED_NOW | DATED_FILE), error);
}

static const char *keep_all(Learning *learning, const LauncherReport *report)
{
    ManifestVariant variant = {.made_in = NULL};
    g_autoptr(GError) problem = NULL;
    const char *reason = are_refused(learning) ? "refused-input" : check_times(learning);
    if (reason != NULL)
        return reason;
    if (can_roam(learning, report))
        variant.made_in = learning->launcher->folder;
    if (!keep_header(learning, &problem))
        return "store";
    return keep_result(learning, report, &variant.action, &problem) && keep_manifest(learning, &variant, &problem)
               ? NULL
               : "store";
}

const char *launcher_learn(SluiceLauncher *launcher, LauncherCompile *compile, SluiceLook *look,
                           const LauncherReport *report, GBytes *trace, LauncherLooked looked, gpointer data)
{
    Products products;
    g_autoptr(GArray) inputs = g_array_new(FALSE, FALSE, sizeof(ManifestInput));
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) read =
        g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, (GDestroyNotify)g_bytes_unref);
    Learning learning = {.launcher = launcher,
                         .compile = compile,
                         .look = look,
                         .products = &products,
                         .inputs = inputs,
                         .paths = paths,
                         .read = read};
    products_init(&products, compile->options);
    const char *reason = look_around(&learning, &products, trace);
    looked(data);
    if (reason == NULL)
        reason = keep_all(&learning, report);
    products_clear(launcher, &products);
    return reason;
}
