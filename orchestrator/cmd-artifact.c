/* cmd-artifact.c - `artifact show|log|list-contents|delete` and `checkout` */
#include "artifact-names.h"
#include "build.h"
#include "output.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static DepsSelection wanted_deps(const App *app, const char *fallback)
{
    const char *deps = arguments_get(app->arguments, "deps");
    return deps_selection_parse(deps ? deps : fallback);
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
    g_autoptr(GPtrArray) all = artifacts_named(app, wanted_deps(app, "none"), error);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; all && i < all->len; i++) {
        g_autoptr(GError) local = NULL;
        g_autoptr(Artifact) artifact = named_load(app, all->pdata[i], &local);
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
    g_auto(GStrv) parts = g_strsplit(named->ref, "/", 3);
    g_autofree char *path = g_strdup_printf("%s/%s.log", directory, parts[1]);
    if (g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_free(path);
        path = g_strdup_printf("%s/%s-%s-%s.log", directory, parts[0], parts[1], parts[2]);
    }
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
    const char *directory = arguments_get(app->arguments, "out");
    if (directory && mkdir(directory, 0755) != 0) {
        g_autofree char *text = errno == EEXIST
                                    ? g_strdup_printf("Error: %s already exists\n", directory)
                                    : g_strdup_printf("Error: cannot create %s: %s\n", directory, g_strerror(errno));
        log_text(app->log, text);
        return 1;
    }
    return for_each(app, log_one, (gpointer)directory, error) ? 0 : EXIT_REPORT;
}

/* ---- list-contents ---------------------------------------------------------------------------------------------------------- */

#define LIST_DEPTH_MAX 1024

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

static void list_entry(const Listing *listing, const char *path, const SluiceEntry *entry)
{
    if (listing->full)
        append_long(listing->out, path, entry);
    else
        g_string_append_printf(listing->out, "\t%s\n", path);
}

static gint compare_entries(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const SluiceEntry *const *)a)->name, (*(const SluiceEntry *const *)b)->name);
}

/* As BuildStream does: in each directory what is no directory, then the directories with what is in them. */
static gboolean list_directory(App *app, const Listing *listing, const SluiceDigest *digest, const char *prefix,
                               unsigned depth, GError **error)
{
    gsize count;
    g_autoptr(SluiceDirectory) directory = sluice_directory_read(app->store, digest, error);
    if (!directory)
        return FALSE;
    if (depth > LIST_DEPTH_MAX) {
        error_set(error, ERROR_ARTIFACT, NULL, NULL, "directories are nested too deeply: %s", prefix);
        return FALSE;
    }
    const SluiceEntry *all = sluice_directory_get_entries(directory, &count);
    g_autoptr(GPtrArray) entries = g_ptr_array_new();
    for (gsize i = 0; i < count; i++)
        g_ptr_array_add(entries, (gpointer)&all[i]);
    g_ptr_array_sort(entries, compare_entries);
    for (int directories = 0; directories <= 1; directories++) {
        for (guint i = 0; i < entries->len; i++) {
            const SluiceEntry *entry = entries->pdata[i];
            if ((entry->type == SLUICE_ENTRY_DIRECTORY) != directories)
                continue;
            g_autofree char *path = g_strdup_printf("%s%s%s", prefix, *prefix ? "/" : "", entry->name);
            list_entry(listing, path, entry);
            if (directories && !list_directory(app, listing, &entry->digest, path, depth + 1, error))
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean has_contents(const Artifact *artifact)
{
    return artifact->has_files && artifact->files.size > 0;
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
    if (!has_contents(artifact))
        g_string_append(listing.out, "\tThis element has no associated artifacts\n");
    gboolean success = !has_contents(artifact) || list_directory(app, &listing, &artifact->files, "", 0, error);
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
    g_autoptr(GPtrArray) all = artifacts_named(app, wanted_deps(app, "none"), error);
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
              "Error while staging dependencies into a sandbox: '%s'", inner->message);
    error_set_detail(*error, ours ? error_get_detail(inner) : NULL);
    return FALSE;
}

static gboolean has_commands(GPtrArray *elements)
{
    for (guint i = 0; i < elements->len; i++) {
        g_autoptr(GPtrArray) of_element = build_integration_commands(elements->pdata[i]);
        if (of_element->len > 0)
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
static gboolean own_files(App *app, const Artifact *artifact, const Named *named, SluiceDigest *root, GError **error)
{
    if (artifact && artifact->has_files) {
        *root = artifact->files;
        return TRUE;
    }
    if (artifact) /* of a failed build that left none */
        return sluice_store_put(app->store, "", 0, NULL, root, error);
    const char *name = named->shown;
    if (!named->element) {
        error_set(error, ERROR_ELEMENT, "missing-sandbox-config", NULL, "Error preparing sandbox for element: %s",
                  name);
        error_set_detail(error ? *error : NULL, "This is most likely an artifact that is not yet cached, try building "
                                                "the artifact first");
        return FALSE;
    }
    error_set(error, ERROR_ARTIFACT, "uncached-checkout-attempt", NULL, "%s: Artifact not cached", name);
    error_set_detail(error ? *error : NULL, "Build it first: sluice build");
    return FALSE;
}

static gboolean find_files(App *app, const Named *named, SluiceDigest *root, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(Artifact) artifact = named_load(app, named, &local);
    gboolean success = FALSE;
    if (local)
        g_propagate_error(error, g_steal_pointer(&local));
    else if (!named->element || wanted_deps(app, "run") == DEPS_NONE || !artifact)
        success = own_files(app, artifact, named, root, error);
    else
        success = stage_files(app, named->element, root, error);
    return success || wrap_staging_error(error);
}

/* What an artifact was built on, from the cache alone. */
static gboolean merge_files(App *app, GPtrArray *all, SluiceDigest *root, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(app->store);
    for (guint i = 0; i < all->len; i++) {
        SluiceDigest files;
        if (!find_files(app, all->pdata[i], &files, error) || !sluice_tree_merge(tree, "/", &files, NULL, NULL, error))
            return FALSE;
    }
    return sluice_tree_commit(tree, root, error);
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

/* Named as it was asked for. */
static char *default_directory(const char *word)
{
    gsize length = strlen(word) - (g_str_has_suffix(word, ".bst") ? strlen(".bst") : 0);
    g_autofree char *name = g_strndup(word, length);
    return g_canonicalize_filename(name, NULL);
}

/* ERROR: … and status 255, as bst has it: no usage error. */
static gboolean check_checkout_options(App *app, GError **error)
{
    const Arguments *arguments = app->arguments;
    const char *tar = arguments_get(arguments, "tar"), *compression;
    if (tar && arguments_has(arguments, "hardlinks"))
        error_set(error, ERROR_APP, NULL, NULL, "ERROR: options --hardlinks and --tar conflict");
    else if (tar && arguments_has(arguments, "directory"))
        error_set(error, ERROR_APP, NULL, NULL, "ERROR: options --directory and --tar conflict");
    else if (!tar && arguments_has(arguments, "compression"))
        error_set(error, ERROR_APP, NULL, NULL, "ERROR: --compression can only be provided if --tar is provided");
    else if (app_need_target(app, "ELEMENT", error))
        return !tar || output_compression(tar, arguments_get(arguments, "compression"), &compression, error);
    return FALSE;
}

int cmd_artifact_checkout(App *app, GError **error)
{
    if (!check_checkout_options(app, error))
        return EXIT_REPORT;
    const char *word = arguments_words(app->arguments, NULL)[0], *given = arguments_get(app->arguments, "directory"),
               *tar = arguments_get(app->arguments, "tar");
    gboolean by_element = !word || g_str_has_suffix(word, ".bst");
    g_autofree char *directory = given  ? g_canonicalize_filename(given, NULL)
                                 : word ? default_directory(word)
                                        : default_directory(session_workspace_element(app->session));
    g_autoptr(GPtrArray) targets = artifacts_named(app, by_element ? DEPS_NONE : wanted_deps(app, "none"), error);
    if (!targets)
        return EXIT_REPORT;
    if (targets->len == 0) {
        error_set(error, ERROR_STREAM, NULL, NULL, "No artifact matches '%s'", word);
        return EXIT_REPORT;
    }
    const Named *named = targets->pdata[targets->len - 1];
    gboolean several = !by_element && wanted_deps(app, "none") == DEPS_BUILD;
    SluiceDigest root;
    gboolean success = (tar || output_check_directory(app, directory, error)) &&
                       (several ? merge_files(app, targets, &root, error) : find_files(app, named, &root, error)) &&
                       write_checkout(app, named->element, &root, directory, tar, error);
    return success ? 0 : EXIT_REPORT;
}
