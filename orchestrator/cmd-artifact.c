/* cmd-artifact.c - `artifact show|log|list-contents|delete` and `checkout` */
#include "build.h"
#include "output.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What a word on the command line stands for. */
typedef struct {
    char *shown;      /* how it is called in output */
    char *ref;        /* name in the store */
    Element *element; /* or NULL: named by its ref */
    gboolean matched; /* by a glob */
} Named;

static void named_free(gpointer data)
{
    Named *named = data;
    g_free(named->shown);
    g_free(named->ref);
    g_free(named);
}

static void add_named(GPtrArray *out, const char *shown, const char *ref, Element *element)
{
    Named *named = g_new0(Named, 1);
    named->shown = g_strdup(shown);
    named->ref = g_strdup(ref);
    named->element = element;
    g_ptr_array_add(out, named);
}

/* "project/element/key": three parts, the last 64 digits; or a glob that does not end in ".bst". */
static gboolean is_glob(const char *word)
{
    return strpbrk(word, "*?[") != NULL;
}

static gboolean is_artifact_name(const char *word)
{
    return is_glob(word) ? !g_str_has_suffix(word, ".bst") : artifact_is_ref_name(word);
}

/* The name of an element that has no key yet still has something to show. */
static char *ref_of_element(const Element *element)
{
    char *ref = artifact_ref_name(element, NULL);
    if (ref)
        return ref;
    g_autofree char *name = element_normal_name(element);
    return g_strdup_printf("%s/%s/%s", project_name(element->project), name, "????????");
}

static gboolean add_refs(App *app, const char *word, GPtrArray *out, GError **error)
{
    if (!is_glob(word)) {
        add_named(out, word, word, NULL);
        return TRUE;
    }
    g_autoptr(GPtrArray) names = artifact_list(app->store, word, error);
    for (guint i = 0; names && i < names->len; i++) {
        add_named(out, names->pdata[i], names->pdata[i], NULL);
        ((Named *)out->pdata[out->len - 1])->matched = TRUE;
    }
    return names != NULL;
}

static gboolean matches_element(const char *glob, const Element *element)
{
    return g_pattern_match_simple(glob, element->full_name);
}

/* Element names, and globs over all elements that the default targets reach. */
static gboolean add_elements(App *app, GPtrArray *words, DepsSelection deps, GPtrArray *out, GError **error)
{
    g_autoptr(GPtrArray) plain = g_ptr_array_new(), targets = g_ptr_array_new();
    for (guint i = 0; i < words->len; i++)
        if (!is_glob(words->pdata[i]))
            g_ptr_array_add(plain, words->pdata[i]);
    gboolean globs = plain->len < words->len;
    g_ptr_array_add(plain, NULL);
    if (plain->len > 1 || words->len == 0) {
        g_autoptr(GPtrArray) loaded = app_load(app, (const char *const *)plain->pdata, error);
        if (!loaded)
            return FALSE;
        g_ptr_array_extend(targets, loaded, NULL, NULL);
    }
    static const char *const none[] = {NULL};
    g_autoptr(GPtrArray) all = globs ? app_load(app, none, error) : NULL;
    if (globs && !all)
        return FALSE;
    g_autoptr(GPtrArray) reached = globs ? pipeline_select(all, DEPS_ALL) : NULL;
    for (guint i = 0; globs && i < words->len; i++)
        for (guint j = 0; is_glob(words->pdata[i]) && j < reached->len; j++)
            if (matches_element(words->pdata[i], reached->pdata[j]))
                g_ptr_array_add(targets, reached->pdata[j]);
    pipeline_drop_junctions(targets);
    g_autoptr(GPtrArray) elements = pipeline_select(targets, deps);
    g_autoptr(States) states = app->strict ? NULL : app_query(app, elements, error);
    if (!app->strict && !states)
        return FALSE;
    for (guint i = 0; i < elements->len; i++) {
        Element *element = elements->pdata[i];
        g_autofree char *ref = ref_of_element(element);
        add_named(out, element->full_name, ref, element);
    }
    return TRUE;
}

/* All that the command line names.  Artifact names work without a project. */
static GPtrArray *name_artifacts(App *app, DepsSelection deps, GError **error)
{
    if (!app_open_store(app, error))
        return NULL;
    g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(named_free);
    g_autoptr(GPtrArray) elements = g_ptr_array_new();
    guint count;
    const char *const *words = arguments_words(app->arguments, &count);
    for (guint i = 0; i < count; i++) {
        if (!is_artifact_name(words[i]))
            g_ptr_array_add(elements, (gpointer)words[i]);
        else if (!add_refs(app, words[i], out, error))
            return NULL;
    }
    if ((elements->len > 0 || count == 0) && !add_elements(app, elements, deps, out, error))
        return NULL;
    return g_steal_pointer(&out);
}

static DepsSelection wanted_deps(const App *app, const char *fallback)
{
    const char *deps = arguments_get(app->arguments, "deps");
    return deps_selection_parse(deps ? deps : fallback);
}

static Artifact *load_named(App *app, const Named *named, GError **error)
{
    return named->element ? artifact_find(app->store, named->element, app->strict, error)
                          : artifact_load(app->store, named->ref, error);
}

static void warn_not_cached(App *app, const Named *named)
{
    app_log(app, EVENT_WARNING, NULL, "%s is not cached", named->ref);
}

/* Calls `func` for each; artifacts that are not cached come as NULL. */
typedef gboolean (*NamedFunc)(App *app, const Named *named, const Artifact *artifact, gpointer data, GError **error);

/* A glob finds an artifact under its strong and under its weak key: one of them is enough, called by the strong one. */
static gboolean is_known(GHashTable *seen, Named *named, const Artifact *artifact)
{
    if (!named->matched || !artifact)
        return FALSE;
    const char *slash = strrchr(named->ref, '/');
    char *identity = g_strdup_printf("%.*s/%s", (int)(slash - named->ref), named->ref, artifact->strong_key);
    g_free(named->shown);
    named->shown = g_strdup(identity);
    return !g_hash_table_add(seen, identity);
}

static gboolean for_each(App *app, NamedFunc func, gpointer data, GError **error)
{
    g_autoptr(GPtrArray) all = name_artifacts(app, wanted_deps(app, "none"), error);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; all && i < all->len; i++) {
        g_autoptr(GError) local = NULL;
        g_autoptr(Artifact) artifact = load_named(app, all->pdata[i], &local);
        if (local) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        if (is_known(seen, all->pdata[i], artifact))
            continue;
        if (!func(app, all->pdata[i], artifact, data, error))
            return FALSE;
    }
    return all != NULL;
}

/* ---- show ------------------------------------------------------------------------------------------------------------------- */

static gboolean show_one(App *app, const Named *named, const Artifact *artifact, gpointer data, GError **error)
{
    const char *state = !artifact ? "not cached" : artifact->success ? "cached" : "failed";
    g_autofree char *line = g_strdup_printf("%12s %s\n", state, named->shown);
    app_print(line);
    return TRUE;
}

int cmd_artifact_show(App *app, GError **error)
{
    if (!for_each(app, show_one, NULL, error))
        return EXIT_REPORT;
    app_print("\n");
    return 0;
}

/* ---- log -------------------------------------------------------------------------------------------------------------------- */

static gboolean write_log(App *app, const Named *named, GBytes *text, const char *directory, GError **error)
{
    gsize length;
    const char *data = g_bytes_get_data(text, &length);
    if (!directory) {
        g_autofree char *clean = isatty(STDOUT_FILENO) ? text_sanitize(data, length) : g_strndup(data, length);
        app_print(clean);
        return TRUE;
    }
    if (g_mkdir_with_parents(directory, 0755) < 0) {
        error_set(error, ERROR_STREAM, NULL, NULL, "Failed to create directory '%s': %s", directory, g_strerror(errno));
        return FALSE;
    }
    g_autofree char *name = g_strdelimit(g_strdup(named->ref), "/", '-');
    g_autofree char *path = g_strdup_printf("%s/%s.log", directory, name);
    return g_file_set_contents(path, data, length, error);
}

static gboolean log_one(App *app, const Named *named, const Artifact *artifact, gpointer data, GError **error)
{
    if (!artifact)
        warn_not_cached(app, named);
    for (gsize i = 0; artifact && i < artifact->n_logs; i++) {
        g_autoptr(GBytes) text = artifact_read_log(app->store, artifact, i, error);
        if (!text || !write_log(app, named, text, data, error))
            return FALSE;
    }
    return TRUE;
}

int cmd_artifact_log(App *app, GError **error)
{
    return for_each(app, log_one, (gpointer)arguments_get(app->arguments, "out"), error) ? 0 : EXIT_REPORT;
}

/* ---- list-contents ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    GString *out;
    gboolean full;
} Listing;

static void append_long(GString *out, const char *path, const SluiceEntry *entry)
{
    switch (entry->type) {
    case SLUICE_ENTRY_DIRECTORY:
        g_string_append_printf(out, "\tdrwxr-xr-x  dir    0           %s\n", path);
        break;
    case SLUICE_ENTRY_SYMLINK:
        g_string_append_printf(out, "\tlrwxrwxrwx  link   %-11" G_GSIZE_FORMAT " %s -> %s\n", strlen(entry->target),
                               path, entry->target);
        break;
    case SLUICE_ENTRY_FILE:
        g_string_append_printf(out, "\t-rw%sr-%sr-%s  %s    %-11" G_GINT64_FORMAT " %s\n",
                               entry->executable ? "x" : "-", entry->executable ? "x" : "-",
                               entry->executable ? "x" : "-", entry->executable ? "exe" : "reg", entry->digest.size,
                               path);
        break;
    }
}

static gboolean list_entry(const char *path, const SluiceEntry *entry, gpointer data)
{
    const Listing *listing = data;
    path += path[0] == '/';
    if (listing->full)
        append_long(listing->out, path, entry);
    else
        g_string_append_printf(listing->out, "\t%s\n", path);
    return TRUE;
}

static gboolean list_one(App *app, const Named *named, const Artifact *artifact, gpointer data, GError **error)
{
    guint *found = data;
    if (!artifact) {
        warn_not_cached(app, named);
        return TRUE;
    }
    Listing listing = {g_string_new(NULL), arguments_has(app->arguments, "long")};
    g_string_printf(listing.out, "  %s:\n", named->shown);
    (*found)++;
    gboolean success =
        !artifact->has_files || sluice_store_walk_tree(app->store, &artifact->files, list_entry, &listing, error);
    g_autofree char *text = g_string_free(listing.out, FALSE);
    g_autofree char *clean = success && isatty(STDOUT_FILENO) ? text_sanitize(text, -1) : NULL;
    if (success)
        app_print(clean ? clean : text);
    return success;
}

int cmd_artifact_list_contents(App *app, GError **error)
{
    guint found = 0;
    if (!for_each(app, list_one, &found, error))
        return EXIT_REPORT;
    if (found > 0) {
        app_print("\n");
        return 0;
    }
    log_text(app->log, "None of the specified artifacts are cached.\n");
    return 1;
}

/* ---- delete ----------------------------------------------------------------------------------------------------------------- */

static gboolean delete_ref(App *app, const char *ref, guint *removed, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (artifact_delete(app->store, ref, &local)) {
        (*removed)++;
        app_log(app, EVENT_INFO, NULL, "Removed: %s", ref);
    } else if (!local) {
        app_log(app, EVENT_WARNING, NULL, "Could not find ref '%s'", ref);
    } else {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    return TRUE;
}

int cmd_artifact_delete(App *app, GError **error)
{
    g_autoptr(GPtrArray) all = name_artifacts(app, wanted_deps(app, "none"), error);
    guint removed = 0;
    for (guint i = 0; all && i < all->len; i++) {
        const Named *named = all->pdata[i];
        if (!delete_ref(app, named->ref, &removed, error))
            return EXIT_REPORT;
        const char *weak = named->element ? named->element->weak_key : "";
        g_autofree char *ref = *weak ? artifact_ref_name(named->element, weak) : NULL;
        if (ref && strcmp(ref, named->ref) != 0 && !delete_ref(app, ref, &removed, error))
            return EXIT_REPORT;
    }
    if (all && removed == 0)
        app_log(app, EVENT_INFO, NULL, "No artifacts were removed");
    return all ? 0 : EXIT_REPORT;
}

/* ---- checkout --------------------------------------------------------------------------------------------------------------- */

/* The error of an inner step under the name of the command, with reason and detail kept. */
static gboolean wrap_staging_error(GError **error)
{
    if (!error || !*error)
        return FALSE;
    g_autoptr(GError) inner = g_steal_pointer(error);
    gboolean ours = inner->domain == ORCHESTRATOR_ERROR;
    error_set(error, ERROR_STREAM, ours ? error_get_reason(inner) : NULL, NULL,
              "Error while staging dependencies into a sandbox: %s", inner->message);
    error_set_detail(*error, ours ? error_get_detail(inner) : NULL);
    return FALSE;
}

static gboolean has_commands(GPtrArray *elements)
{
    for (guint i = 0; i < elements->len; i++) {
        const char *const *commands_of = element_integration_commands(elements->pdata[i]);
        if (commands_of && *commands_of)
            return TRUE;
    }
    return FALSE;
}

static gboolean stage_files(App *app, Element *element, SluiceDigest *root, GError **error)
{
    static const Scope scopes[] = {[DEPS_RUN] = SCOPE_RUN, [DEPS_BUILD] = SCOPE_BUILD, [DEPS_ALL] = SCOPE_ALL};
    DepsSelection deps = wanted_deps(app, "run");
    Scope scope = deps == DEPS_NONE ? SCOPE_RUN : scopes[deps];
    g_autoptr(GPtrArray) elements = element_scope(element, scope);
    gboolean integrate =
        deps != DEPS_NONE && arguments_switch(app->arguments, "integrate", TRUE) && has_commands(elements);
    BuildContext context = {.store = app->store, .events = &app->sink, .log_fd = -1, .strict = app->strict};
    if (integrate && !(context.staging = sluice_staging_start(app->store, app->staging_mode, error)))
        return FALSE;
    Activity activity = app_begin(app, element, "Staging dependencies");
    gboolean success = build_stage_elements(&element, 1, scope, integrate, &context, root, error);
    app_finish(&activity, success);
    g_clear_pointer(&context.staging, sluice_staging_stop);
    return success;
}

/* The files of the element alone. */
static gboolean own_files(App *app, const Artifact *artifact, const char *name, SluiceDigest *root, GError **error)
{
    if (artifact && artifact->has_files) {
        *root = artifact->files;
        return TRUE;
    }
    error_set(error, ERROR_ARTIFACT, "uncached-checkout-attempt", NULL, "%s: Artifact not cached", name);
    error_set_detail(error ? *error : NULL, "Build it first: sluice build");
    return FALSE;
}

static gboolean find_files(App *app, const Named *named, SluiceDigest *root, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(Artifact) artifact = load_named(app, named, &local);
    gboolean success = FALSE;
    if (local)
        g_propagate_error(error, g_steal_pointer(&local));
    else if (!named->element || wanted_deps(app, "run") == DEPS_NONE || !artifact)
        success = own_files(app, artifact, named->shown, root, error);
    else
        success = stage_files(app, named->element, root, error);
    return success || wrap_staging_error(error);
}

static gboolean write_checkout(App *app, Element *element, const SluiceDigest *root, const char *directory,
                               const char *tar, GError **error)
{
    g_autofree char *text = g_strdup_printf("Checking out files in '%s'", tar ? tar : directory);
    Activity activity = app_begin(app, element, text);
    gboolean links = arguments_has(app->arguments, "hardlinks");
    gboolean success =
        tar ? output_archive(app, root, tar, arguments_get(app->arguments, "compression"), error)
            : output_directory(app, root, directory, links ? SLUICE_CHECKOUT_HARDLINK : SLUICE_CHECKOUT_COPY, error);
    return app_finish(&activity, success);
}

static char *default_directory(const Named *named)
{
    g_autofree char *name = named->element ? element_normal_name(named->element) : NULL;
    if (!name) {
        g_auto(GStrv) parts = g_strsplit(named->ref, "/", 3);
        name = g_strdup(parts[0] && parts[1] ? parts[1] : "checkout");
    }
    return g_canonicalize_filename(name, NULL);
}

/* ERROR: … and status 255, as bst has it: no usage error. */
static gboolean check_checkout_options(App *app, GError **error)
{
    const Arguments *arguments = app->arguments;
    const char *tar = arguments_get(arguments, "tar"), *compression;
    guint count;
    arguments_words(arguments, &count);
    if (tar && arguments_has(arguments, "directory"))
        error_set(error, ERROR_APP, NULL, NULL, "ERROR: options --directory and --tar conflict");
    else if (!tar && arguments_has(arguments, "compression"))
        error_set(error, ERROR_APP, NULL, NULL, "ERROR: --compression can only be provided if --tar is provided");
    else if (count == 0)
        app_set_missing_argument(app, "TARGET", error);
    else
        return !tar || output_compression(tar, arguments_get(arguments, "compression"), &compression, error);
    return FALSE;
}

int cmd_artifact_checkout(App *app, GError **error)
{
    if (!check_checkout_options(app, error))
        return EXIT_REPORT;
    const char *directory_option = arguments_get(app->arguments, "directory"),
               *tar = arguments_get(app->arguments, "tar");
    g_autofree char *directory = directory_option ? g_canonicalize_filename(directory_option, NULL) : NULL;
    g_autoptr(GPtrArray) targets = name_artifacts(app, DEPS_NONE, error);
    if (!targets)
        return EXIT_REPORT;
    if (targets->len == 0) {
        error_set(error, ERROR_STREAM, NULL, NULL, "No artifact matches '%s'",
                  arguments_words(app->arguments, NULL)[0]);
        return EXIT_REPORT;
    }
    const Named *named = targets->pdata[targets->len - 1];
    if (!directory)
        directory = default_directory(named);
    SluiceDigest root;
    gboolean success = (tar || output_check_directory(app, directory, error)) && find_files(app, named, &root, error) &&
                       write_checkout(app, named->element, &root, directory, tar, error);
    return success ? 0 : EXIT_REPORT;
}
