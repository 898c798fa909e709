/* source-pip.c - `kind: pip`: source archives of Python packages as pip(1) downloads them; the ref lists the exact versions. */
#include "element.h"
#include "program.h"
#include "source-git.h"
#include "source-info.h"
#include "source-kinds.h"

#include <fcntl.h>
#include <string.h>

#define DEFAULT_INDEX "https://pypi.org/simple/"
#define STAGED_FOLDER ".bst_pip_downloads"
/* More versions of packages than this are no ref. */
#define PACKAGES_MAX 10000u

typedef struct {
    const char *url;
    const char *const *packages, *const *requirements_files;
    const char *ref; /* lines "NAME==VERSION", or NULL */
} Pip;

static gboolean pip_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"url", "packages", "ref", "requirements-files", NULL};
    static const char *const none[] = {NULL};
    Arena *arena = source_arena(source);
    Pip *pip = arena_new_of(arena, Pip);
    source->data = pip;
    pip->url = DEFAULT_INDEX;
    pip->packages = pip->requirements_files = none;
    if (!node_check_keys(config, keys, error) || !node_get_string(config, "url", &pip->url, error) ||
        !node_get_strings(config, "packages", arena, &pip->packages, error) ||
        !node_get_strings(config, "requirements-files", arena, &pip->requirements_files, error)) {
        return FALSE;
    }
    if (pip->packages[0] == NULL && pip->requirements_files[0] == NULL) {
        error_set(error, ERROR_SOURCE, NULL, &source->where,
                  "Either 'packages' or 'requirements-files' must be specified");
        return FALSE;
    }
    return TRUE;
}

static gboolean pip_load_ref(Source *source, const Node *ref, GError **error)
{
    Pip *pip = source->data;
    return source_ref_text(source, ref, &pip->ref, error);
}

static Json *pip_unique_key(Source *source, Arena *arena, GError **error)
{
    const Pip *pip = source->data;
    Json *key = json_array(arena);
    json_append(key, json_string(arena, pip->url));
    json_append(key, json_string(arena, pip->ref));
    return key;
}

/* ---- Running pip ---------------------------------------------------------------------------------------------------------------- */

/* The first Python of the host that has pip: its path, then what it must see of the host.  Nothing of the user's or the project's is run to find out. */
static char **find_python(const SourceContext *context, GError **error)
{
    static const char script[] = "import os, sys, pip\n"
                                 "print(sys.executable, sys.prefix, sys.base_prefix, "
                                 "os.path.dirname(os.path.dirname(pip.__file__)), sep='\\n')";
    static const char *const names[] = {"python3",    "python3.14", "python3.13", "python3.12", "python3.11",
                                        "python3.10", "python3.9",  "python3.8",  "python3.7",  "python"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_find_program_in_path(names[i]), *output = NULL;
        const char *const arguments[] = {path, "-c", script, NULL};
        const Program program = {.arguments = arguments, .directory = "/", .cancellable = context->cancellable};
        int status = -1;
        if (path == NULL) {
            continue;
        }
        if (!program_run(&program, NULL, names[i], &status, &output, error)) {
            return NULL;
        }
        g_auto(GStrv) lines = g_strsplit(g_strchomp(output), "\n", -1);
        if (status == 0 && g_strv_length(lines) == 4) {
            return g_steal_pointer(&lines);
        }
    }
    error_set(error, ERROR_SOURCE, NULL, NULL, "Unable to find a suitable pip command");
    return NULL;
}

/* Without the user's configuration and caches.  Packages are asked how they are built, which runs code of theirs. */
static gboolean download(Source *source, const SourceContext *context, const char *work, GPtrArray *requirements,
                         const char *fail, GError **error)
{
    const Pip *pip = source->data;
    static const char *const environment[] = {"PIP_CONFIG_FILE=/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK=1",
                                              "PIP_NO_INPUT=1", "PIP_NO_CACHE_DIR=1", NULL};
    static const char *const words[] = {"-m", "pip", "download", "--no-binary", ":all:", "--index-url"};
    g_auto(GStrv) python = find_python(context, error);
    g_autofree char *url = python != NULL ? source_primary_url(source, pip->url, error) : NULL;
    g_autofree char *packages = g_build_filename(work, "packages", NULL);
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    if (url == NULL) {
        return FALSE;
    }
    g_ptr_array_add(arguments, python[0]);
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        g_ptr_array_add(arguments, (gpointer)words[i]);
    }
    g_ptr_array_add(arguments, url);
    g_ptr_array_add(arguments, (gpointer) "--dest");
    g_ptr_array_add(arguments, packages);
    g_ptr_array_extend(arguments, requirements, NULL, NULL);
    g_ptr_array_add(arguments, NULL);
    const Program program = {.arguments = (const char *const *)arguments->pdata,
                             .environment = environment,
                             .cancellable = context->cancellable};
    const ProgramConfinement confinement = {
        .store = context->store, .folder = work, .readable = (const char *const *)python + 1};
    return program_run_confined(&program, &confinement, fail, error);
}

/* ---- Tracking ------------------------------------------------------------------------------------------------------------------- */

/* "NAME-VERSION.tar.gz" as "NAME==VERSION"; NULL: no source archive with a plain version.  The name is as short as can be. */
static char *requirement_of(const char *filename)
{
    static const char *const suffixes[] = {".tar", ".tar.bz2", ".tar.gz", ".tar.xz", ".tar.z", ".zip"};
    g_autofree char *lower = g_ascii_strdown(filename, -1);
    gsize length = strlen(filename), end = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(suffixes) && end == 0; i++) {
        end = g_str_has_suffix(lower, suffixes[i]) ? length - strlen(suffixes[i]) : 0;
    }
    for (gsize dash = 1; dash < end; dash++) {
        gsize version = strspn(filename + dash + 1, "0123456789.");
        if (filename[dash] == '-' && dash + 1 + version >= end && end - dash - 1 >= 2) {
            return g_strdup_printf("%.*s==%.*s", (int)dash, filename, (int)(end - dash - 1), filename + dash + 1);
        }
        if (!g_ascii_isalnum(filename[dash]) && strchr("_.-", filename[dash]) == NULL) {
            return NULL;
        }
    }
    return NULL;
}

/* Pairs are sorted: a name that begins another one is first. */
static int compare_requirements(gconstpointer a, gconstpointer b)
{
    const char *one = *(const char *const *)a, *other = *(const char *const *)b;
    gsize length = (gsize)(strstr(one, "==") - one), other_length = (gsize)(strstr(other, "==") - other);
    int order = memcmp(one, other, MIN(length, other_length));
    if (order == 0 && length != other_length) {
        return length < other_length ? -1 : 1;
    }
    return order != 0 ? order : strcmp(one + length, other + other_length);
}

static Node *list_downloads(Source *source, const char *work, GError **error)
{
    g_autofree char *folder = g_build_filename(work, "packages", NULL);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL && found->len < PACKAGES_MAX;) {
        char *requirement = requirement_of(name);
        if (requirement != NULL) {
            g_ptr_array_add(found, requirement);
        }
    }
    if (dir == NULL) {
        return NULL;
    }
    g_ptr_array_sort(found, compare_requirements);
    g_ptr_array_add(found, NULL);
    g_autofree char *text = g_strjoinv("\n", (char **)found->pdata);
    return node_new_scalar(source_arena(source), arena_strdup(source_arena(source), text), NULL);
}

static Node *track_in(Source *source, const SourceContext *context, const char *work, GError **error)
{
    const Pip *pip = source->data;
    g_autoptr(GPtrArray) requirements = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *sources = g_build_filename(work, "sources", NULL);
    for (const char *const *file = pip->requirements_files; *file != NULL; file++) {
        g_ptr_array_add(requirements, g_strdup("-r"));
        g_ptr_array_add(requirements, g_build_filename(sources, *file, NULL));
    }
    for (const char *const *package = pip->packages; *package != NULL; package++) {
        g_ptr_array_add(requirements, g_strdup(*package));
    }
    gboolean ok =
        sluice_store_checkout(context->store, context->previous, AT_FDCWD, sources, SLUICE_CHECKOUT_COPY, error) &&
        download(source, context, work, requirements, "Failed to install python packages", error);
    return ok ? list_downloads(source, work, error) : NULL;
}

static Node *pip_track(Source *source, const SourceContext *context, GError **error)
{
    g_autofree char *work = sluice_store_make_work_dir(context->store, "pip", error);
    if (work == NULL) {
        return NULL;
    }
    event_send(context->events, EVENT_STATUS, "track", source->element->full_name, "Downloading Python packages");
    Node *ref = track_in(source, context, work, error);
    sluice_remove_tree(work, NULL);
    return ref;
}

/* ---- Fetching and staging ------------------------------------------------------------------------------------------------------- */

static GPtrArray *split_ref(const char *ref)
{
    g_autofree char *text = g_strstrip(g_strdup(ref));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    for (char **line = lines; *line != NULL; line++) {
        g_ptr_array_add(list, g_strdup(*line));
    }
    return list;
}

/* What was downloaded is kept as what is staged, see pip_stage. */
static gboolean pip_fetch(Source *source, const SourceContext *context, GError **error)
{
    return TRUE;
}

static gboolean pip_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                          GError **error)
{
    const Pip *pip = source->data;
    g_autoptr(GPtrArray) requirements = split_ref(pip->ref);
    g_autofree char *work = sluice_store_make_work_dir(context->store, "pip", error);
    g_autofree char *fail = NULL;
    if (work == NULL) {
        return FALSE;
    }
    event_send(context->events, EVENT_STATUS, "fetch", source->element->full_name, "Downloading Python packages");
    g_autofree char *packages = g_build_filename(work, "packages", NULL);
    fail = g_strdup_printf("Failed to install python packages: %s", pip->ref);
    gboolean ok = download(source, context, work, requirements, g_strdelimit(fail, "\n", ' '), error) &&
                  git_take_folder(context, packages, tree, directory, STAGED_FOLDER, error);
    sluice_remove_tree(work, NULL);
    return ok;
}

static gboolean pip_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const Pip *pip = source->data;
    g_autofree char *url = source_primary_url(source, pip->url, error);
    g_autoptr(GPtrArray) requirements = split_ref(pip->ref != NULL ? pip->ref : "");
    for (guint i = 0; url != NULL && i < requirements->len; i++) {
        g_auto(GStrv) parts = g_strsplit(requirements->pdata[i], "==", 3);
        if (parts[0] == NULL || parts[1] == NULL) {
            continue;
        }
        Node *extra = node_new_mapping(arena, NULL);
        node_set(arena, extra, "package-name", node_new_scalar(arena, arena_strdup(arena, parts[0]), NULL));
        const SourceInfo info = {.url = url,
                                 .medium = "pypi",
                                 .version_type = "indexed-version",
                                 .version = parts[1],
                                 .version_guess = parts[1],
                                 .extra_data = extra};
        source_info_append(source, arena, list, &info);
    }
    return url != NULL;
}

const SourceKind source_kind_pip = {
    .name = "pip",
    .has_ref = TRUE,
    .tracks_previous = TRUE,
    .configure = pip_configure,
    .load_ref = pip_load_ref,
    .unique_key = pip_unique_key,
    .track = pip_track,
    .fetch = pip_fetch,
    .stage = pip_stage,
    .collect_info = pip_collect_info,
};
