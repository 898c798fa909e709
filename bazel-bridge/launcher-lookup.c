/*
 * launcher-lookup.c - from a command line to the result that is kept for it.
 *
 * The key of a command is the digest of its text: a tag, the compiler with its digest, the arguments and variables that count, where it runs, the source
 * and its digest.  Where results may roam (launcher-roam.c), there is another key, with a mark for the build
 * folder.  Under the witness of that and the environment a manifest is kept, which names the actions that came of it and what each of them depends
 * on; under the witness of the action, its result.
 */
#include "fields.h"
#include "launcher-private.h"
#include "upstream.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Changes when a key means something else, or what is learned is another. */
static const char command_tag[] = "sluice-recc-5";

void launcher_compile_free(LauncherCompile *compile)
{
    launcher_question_clear(&compile->question);
    launcher_variant_clear(&compile->found);
    launcher_wishes_clear(&compile->wishes);
    g_clear_pointer(&compile->expected, g_array_unref);
    g_clear_pointer(&compile->options, compile_options_free);
    if (compile->root >= 0)
        close(compile->root);
    g_free(compile);
}

/* ---- What is kept ------------------------------------------------------------------------------------------------------------------------ */

static void describe(const SluiceLauncher *launcher, const SluiceDigest *action, SluiceOrigin *origin)
{
    *origin = (SluiceOrigin){
        .producer = SLUICE_PRODUCER_CLIENT,
        .has_environment = TRUE,
        .environment = launcher->environment,
        .action = *action,
        .stored = g_get_real_time() / G_USEC_PER_SEC,
        .element = g_strdup(launcher->element),
        .project = g_strdup(launcher->project),
        .tool = g_strdup("recc"),
    };
}

GBytes *launcher_get_kept(SluiceLauncher *launcher, const SluiceDigest *action, gboolean anywhere)
{
    SluiceDigest key;
    sluice_witness_key(&launcher->environment, action, &key, NULL);
    GBytes *kept = sluice_store_get_result(launcher->store, &key, NULL);
    if (kept == NULL && anywhere && launcher->upstream != NULL && sluice_upstream_is_usable(launcher->upstream)) {
        g_auto(SluiceOrigin) origin;
        describe(launcher, action, &origin);
        kept = sluice_upstream_lookup(launcher->upstream, &key, &origin, NULL);
    }
    return kept;
}

gboolean launcher_keep(SluiceLauncher *launcher, const SluiceDigest *action, GBytes *result, GError **error)
{
    SluiceDigest key, digests[2];
    g_autoptr(GBytes) witness = NULL;
    g_autoptr(GBytes) command = sluice_witness_command();
    sluice_witness_key(&launcher->environment, action, &key, &witness);
    GBytes *blobs[] = {witness, command};
    g_auto(SluiceOrigin) origin;
    describe(launcher, action, &origin);
    if (sluice_origin_refuses(launcher->store, &key, result, &origin))
        return TRUE; /* an audit has shown it to be wrong */
    g_autoptr(GBytes) note = sluice_origin_encode(&origin);
    return (launcher->upstream == NULL ||
            sluice_store_put_many(launcher->store, blobs, G_N_ELEMENTS(blobs), digests, error)) &&
           sluice_store_put_result_with_note(launcher->store, &key, result, note, error) &&
           (launcher->upstream == NULL || sluice_upstream_enqueue(launcher->upstream, &key, result, error));
}

/* ---- Keys ---------------------------------------------------------------------------------------------------------------------------------- */

static void put_text(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text) + 1);
}

static void put_digest(GByteArray *out, const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    put_text(out, sluice_digest_string(digest, text));
}

int launcher_compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What the processor of this machine is, for commands that ask it. */
static void put_processor(GByteArray *out)
{
    static const char *const lines[] = {"vendor_id", "cpu family", "model\t", "stepping", "flags", "Features", "CPU "};
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL))
        return;
    char *end = strstr(text, "\n\n");
    if (end != NULL)
        *end = '\0';
    g_auto(GStrv) all = g_strsplit(text, "\n", -1);
    for (char **line = all; *line != NULL; line++) {
        for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
            if (g_str_has_prefix(*line, lines[i]))
                put_text(out, *line);
        }
    }
}

/* With a mark for the folder, which may be NULL. */
static void put_path(GByteArray *out, const char *path, const char *folder)
{
    g_autofree char *marked = folder != NULL ? launcher_move_path(path, folder, LAUNCHER_FOLDER_MARK) : g_strdup(path);
    put_text(out, marked);
}

static void put_paths(GByteArray *out, const GPtrArray *paths, const char *folder)
{
    for (guint i = 0; i < paths->len; i++)
        put_path(out, paths->pdata[i], folder);
    put_text(out, "");
}

static void put_arguments(GByteArray *out, const CompileOptions *options, const char *folder)
{
    for (guint i = 0; i < options->key_arguments->len; i++) {
        const char *argument = options->key_arguments->pdata[i];
        gint path = g_array_index(options->key_paths, gint, i);
        g_byte_array_append(out, (const guint8 *)argument, (guint)MAX(path, 0));
        put_path(out, argument + MAX(path, 0), path >= 0 ? folder : NULL);
    }
    put_text(out, "");
}

static void put_targets(GByteArray *out, const GPtrArray *targets, const char *folder)
{
    for (guint i = 0; i < targets->len; i++) {
        const char *target = targets->pdata[i];
        g_autofree char *marked =
            folder != NULL ? launcher_move_text(target, folder, LAUNCHER_FOLDER_MARK) : g_strdup(target);
        put_text(out, marked);
    }
    put_text(out, "");
}

static void put_variables(GByteArray *out, char **environment, gboolean directory)
{
    for (char **variable = environment; *variable != NULL; variable++) {
        /* what a shell calls the working directory, compilers call so too */
        if (directory || !g_str_has_prefix(*variable, "PWD="))
            put_text(out, *variable);
    }
    put_text(out, "");
}

/* `folder`, which a mark stands for, or NULL. */
static void compute_command(const LauncherCompile *compile, const char *folder, SluiceDigest *out)
{
    g_autoptr(GByteArray) text = g_byte_array_new();
    const CompileOptions *options = compile->options;
    put_text(text, command_tag);
    put_text(text, folder != NULL ? "roams" : "stays");
    put_text(text, compile->question.arguments[0]);
    put_digest(text, &compile->compiler.digest);
    put_arguments(text, options, folder);
    put_paths(text, options->outputs, folder);
    put_path(text, options->depfile != NULL ? options->depfile : "", folder);
    put_targets(text, options->deptargets, folder);
    put_variables(text, compile->question.environment, options->depends_on_cwd);
    put_path(text, compile->question.directory, folder);
    if (options->depends_on_cpu)
        put_processor(text);
    put_path(text, compile->source, folder);
    put_digest(text, &compile->source_file.digest);
    sluice_digest_of(text->data, text->len, out);
}

/* In any order. */
static gboolean are_same(char *const *some, char *const *others)
{
    gboolean same = g_strv_length((char **)some) == g_strv_length((char **)others);
    for (; same && *some != NULL; some++)
        same = g_strv_contains((const char *const *)others, *some);
    return same;
}

/* A server of their own is not ours. */
static gboolean is_elsewhere(const SluiceLauncher *launcher, char *const *environment)
{
    if (launcher->settings == NULL)
        return FALSE;
    g_auto(GStrv) settings = recc_variables_dup(environment, RECC_REMOTE_ONLY);
    return !are_same(settings, launcher->settings);
}

/* Leaves those that count, sorted.  FALSE: one of them forbids caching. */
static gboolean keep_variables(char **environment, const LauncherWishes *wishes)
{
    gsize kept = 0, count = g_strv_length(environment);
    gboolean good = TRUE;
    for (gsize i = 0; i < count; i++) {
        char *variable = g_steal_pointer(&environment[i]);
        g_autofree char *name = g_strndup(variable, strcspn(variable, "="));
        CompileVariable kind = compile_options_environment(name);
        good = good && (kind != COMPILE_VARIABLE_REFUSED || variable[strlen(name)] == '\0' ||
                        variable[strlen(name) + 1] == '\0');
        const char *value = variable[strlen(name)] == '=' ? variable + strlen(name) + 1 : "";
        if (kind == COMPILE_VARIABLE_KEY || g_str_equal(name, "PWD") || launcher_wishes_count(wishes, name, value))
            environment[kept++] = variable;
        else
            g_free(variable);
    }
    qsort(environment, kept, sizeof *environment, launcher_compare_texts);
    return good;
}

static gboolean find_place(int root, LauncherPlaceId *out)
{
    struct statx status;
    if (root < 0 || statx(root, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &status) != 0)
        return FALSE;
    *out = (LauncherPlaceId){status.stx_mnt_id, (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor,
                             status.stx_ino};
    return TRUE;
}

gboolean launcher_take_root(SluiceLauncher *launcher, const LauncherCompile *compile)
{
    char *const *arguments = compile->question.arguments;
    LauncherPlaceId id;
    if (!g_str_equal(arguments[0], "/") || arguments[1] != NULL)
        return FALSE;
    gboolean found = find_place(compile->root, &id);
    g_mutex_lock(&launcher->lock);
    if (found && !launcher->has_place)
        launcher->place = id;
    launcher->has_place |= found;
    g_mutex_unlock(&launcher->lock);
    return TRUE;
}

/* FALSE: it is not known yet; or mounts were made since, or it is a root within the root: what is looked at from here is not what is seen there. */
static gboolean is_at_home(SluiceLauncher *launcher, int root)
{
    LauncherPlaceId id;
    if (!find_place(root, &id))
        return FALSE;
    g_mutex_lock(&launcher->lock);
    gboolean same = launcher->has_place && launcher->place.mount == id.mount && launcher->place.device == id.device &&
                    launcher->place.inode == id.inode;
    g_mutex_unlock(&launcher->lock);
    return same;
}

gboolean launcher_hold(SluiceLauncher *launcher, gsize bytes)
{
    g_mutex_lock(&launcher->lock);
    gboolean room = launcher->held + bytes <= SLUICE_LIMIT_LAUNCHER_HELD;
    launcher->held += room ? bytes : 0;
    g_mutex_unlock(&launcher->lock);
    return room;
}

void launcher_let_go(SluiceLauncher *launcher, gsize bytes)
{
    g_mutex_lock(&launcher->lock);
    launcher->held -= bytes;
    g_mutex_unlock(&launcher->lock);
}

typedef struct {
    SluiceLauncher *launcher;
    gsize held;
    GBytes *contents; /* or NULL */
} Held;

static void held_free(gpointer data)
{
    Held *held = data;
    launcher_let_go(held->launcher, held->held);
    g_clear_pointer(&held->contents, g_bytes_unref);
    g_free(held);
}

static GBytes *read_held(SluiceLauncher *launcher, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size > SLUICE_LIMIT_LAUNCHER_OUTPUT ||
        !launcher_hold(launcher, (gsize)status.st_size))
        return NULL;
    Held *held = g_new(Held, 1);
    *held = (Held){launcher, (gsize)status.st_size, sluice_staged_read(fd, (gsize)status.st_size)};
    if (held->contents == NULL) {
        held_free(held);
        return NULL;
    }
    return g_bytes_new_with_free_func(g_bytes_get_data(held->contents, NULL), g_bytes_get_size(held->contents),
                                      held_free, held);
}

GBytes *launcher_read(SluiceLauncher *launcher, SluiceLook *look, const char *path, const SluiceDigest *digest)
{
    GBytes *contents = sluice_store_read(launcher->store, digest, NULL);
    if (contents != NULL)
        return contents;
    int fd = sluice_look_open(look, path);
    contents = fd >= 0 ? read_held(launcher, fd) : NULL;
    if (fd >= 0)
        close(fd);
    SluiceDigest read;
    if (contents != NULL)
        sluice_digest_of_bytes(contents, &read);
    if (contents != NULL && !sluice_digest_equal(&read, digest))
        g_clear_pointer(&contents, g_bytes_unref);
    return contents;
}

/* Not a script, or a program that calls the compiler: who knows which variables, files or servers it asks.  Drivers have variables of their own, or
 * specs: a text that is only copied may have become numbers between instructions, as gcc 16's COLLECT_GCC_OPTIONS. */
static gboolean looks_like_driver(GBytes *program, gboolean is_clang)
{
    const char *mark = is_clang ? "CCC_OVERRIDE_OPTIONS" : "%(cc1_options)";
    gsize length = 0;
    const char *bytes = g_bytes_get_data(program, &length);
    if (length < 2 || memcmp(bytes, "#!", 2) == 0)
        return FALSE;
    return memmem(bytes, length, mark, strlen(mark)) != NULL;
}

static gboolean is_driver(SluiceLauncher *launcher, const LauncherCompile *compile, SluiceLook *look)
{
    enum { YES = 1, NO = 2 };
    const SluiceDigest *digest = &compile->compiler.digest;
    g_mutex_lock(&launcher->lock);
    int known = GPOINTER_TO_INT(g_hash_table_lookup(launcher->drivers, digest));
    g_mutex_unlock(&launcher->lock);
    if (known != 0)
        return known == YES;
    g_autoptr(GBytes) program = launcher_read(launcher, look, compile->question.arguments[0], digest);
    if (program == NULL)
        return FALSE;
    gboolean driver = looks_like_driver(program, compile->is_clang);
    g_mutex_lock(&launcher->lock);
    if (g_hash_table_size(launcher->drivers) >= SLUICE_LIMIT_LAUNCHER_MEMORY)
        g_hash_table_remove_all(launcher->drivers);
    g_hash_table_insert(launcher->drivers, g_memdup2(digest, sizeof *digest), GINT_TO_POINTER(driver ? YES : NO));
    g_mutex_unlock(&launcher->lock);
    return driver;
}

static gboolean any_uses_time(const LauncherCompile *compile)
{
    const GPtrArray *arguments = compile->options->arguments;
    for (guint i = 0; i < arguments->len; i++) {
        const char *argument = arguments->pdata[i];
        if (launcher_uses_time(argument, strlen(argument), compile->question.environment, compile->is_clang))
            return TRUE;
    }
    return FALSE;
}

gboolean launcher_assembles(const CompileOptions *options)
{
    for (guint i = 0; i < options->arguments->len && !options->precompiles; i++) {
        if (g_str_equal(options->arguments->pdata[i], "-c"))
            return TRUE;
    }
    return FALSE;
}

static CompileOptions *parse(LauncherCompile *compile, SluiceLook *look)
{
    char **arguments = compile->question.arguments;
    g_autofree char *name = sluice_look_dup_real_name(look, arguments[0]);
    int cwd = sluice_look_open_folder(look, ".");
    compile->is_clang = compile_family_of(name) == COMPILE_FAMILY_CLANG;
    CompileOptions *options = compile_options_parse_as(arguments, compile_family_of(name), cwd, compile->root);
    if (cwd >= 0)
        close(cwd);
    return options;
}

static const char *check_options(const CompileOptions *options)
{
    if (options->reason != NULL)
        return options->reason;
    return options->outputs->len + 1 > SLUICE_LIMIT_LAUNCHER_OUTPUTS ? "several-outputs" : NULL;
}

const char *launcher_compile_prepare(SluiceLauncher *launcher, LauncherCompile *compile, SluiceLook *look)
{
    compile->asked = sluice_staged_now();
    if (!is_at_home(launcher, compile->root))
        return "other-root";
    compile->options = parse(compile, look);
    const char *reason = check_options(compile->options);
    if (reason != NULL)
        return reason;
    if (!launcher_wishes_read(compile->question.environment, &compile->wishes) ||
        is_elsewhere(launcher, compile->question.environment))
        return "recc-variable";
    if (!keep_variables(compile->question.environment, &compile->wishes))
        return "environment-variable";
    compile->source = compile->options->sources->pdata[0];
    if (launcher_wishes_refuse(&compile->wishes, compile->source, compile->question.directory))
        return "refused-input";
    sluice_look_at(look, compile->source, TRUE, &compile->source_file);
    if (compile->source_file.kind != SLUICE_STAGED_FILE || !compile->source_file.digested)
        return "unreadable-source";
    sluice_look_at(look, compile->question.arguments[0], TRUE, &compile->compiler);
    if (compile->compiler.kind != SLUICE_STAGED_FILE || !compile->compiler.digested)
        return "unreadable-compiler";
    if (!is_driver(launcher, compile, look))
        return "wrapper";
    if (any_uses_time(compile))
        return "time-macro";
    compile->roams = launcher_may_roam(launcher, compile);
    compute_command(compile, NULL, &compile->command);
    if (compile->roams)
        compute_command(compile, launcher->folder, &compile->roaming);
    return NULL;
}

/* ---- Looking up --------------------------------------------------------------------------------------------------------------------------------- */

GBytes *launcher_read_manifest(SluiceLauncher *launcher, const SluiceDigest *command, gboolean anywhere)
{
    g_autoptr(GBytes) kept = launcher_get_kept(launcher, command, anywhere);
    g_auto(SluiceResult) result = {0};
    if (kept == NULL || !sluice_result_decode(kept, &result, NULL) || result.stdout_raw.data == NULL)
        return NULL;
    gsize offset = (gsize)(result.stdout_raw.data - (const uint8_t *)g_bytes_get_data(kept, NULL));
    return g_bytes_new_from_bytes(kept, offset, result.stdout_raw.length);
}

static GBytes *find_by(SluiceLauncher *launcher, LauncherCompile *compile, SluiceLook *look,
                       const SluiceDigest *command, const char *folder, gboolean anywhere)
{
    g_autoptr(GBytes) manifest = launcher_read_manifest(launcher, command, anywhere);
    if (manifest == NULL || !launcher_manifest_find(manifest, look, folder, &compile->found))
        return NULL;
    GBytes *result = launcher_get_kept(launcher, &compile->found.action, TRUE);
    if (result == NULL)
        launcher_variant_clear(&compile->found);
    return result;
}

/* The store is asked for both before the cluster is for any. */
GBytes *launcher_find_result(SluiceLauncher *launcher, LauncherCompile *compile, SluiceLook *look)
{
    GBytes *result = NULL;
    for (gboolean anywhere = FALSE; result == NULL && anywhere <= (launcher->upstream != NULL); anywhere++) {
        if (compile->roams)
            result = find_by(launcher, compile, look, &compile->roaming, launcher->folder, anywhere);
        if (result == NULL)
            result = find_by(launcher, compile, look, &compile->command, NULL, anywhere);
    }
    return result;
}
