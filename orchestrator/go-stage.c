/* go-stage.c - a module below vendor/, and its lines in vendor/modules.txt. */
#include "element.h"
#include "go-module.h"

#include <string.h>

#define GO_MOD_MAX_BYTES  ((gint64)16 << 20)
#define MODULES_MAX_BYTES ((gint64)64 << 20)

static GitCheckout checkout_of(const GoModule *module)
{
    return (GitCheckout){.url = module->url, .path = "", .ref = module->git};
}

gboolean go_module_is_cached(Source *source, SluiceStore *store)
{
    const GoModule *module = source->data;
    const SourceContext context = {.store = store};
    g_auto(GitMirror) mirror = {NULL};
    git_mirror_init(&mirror, source, &context, module->url);
    return git_mirror_find(&mirror, module->git.sha, module->git.tag) != NULL;
}

gboolean go_module_fetch(Source *source, const SourceContext *context, GError **error)
{
    const GitCheckout checkout = checkout_of(source->data);
    return git_checkout_fetch(source, context, &checkout, FALSE, error);
}

/* Where in the repository the module is: a major version may have a folder of its own. */
static gboolean find_module(const GoModule *module, SluiceTree *files, SluiceDigest *root, GError **error)
{
    SluiceEntry entry = {.digest = *root};
    g_auto(GoVersion) version = {NULL};
    const char *path = module->subdirectory != NULL ? module->subdirectory : "";
    if (*path != '\0') {
        if (!sluice_tree_lookup_follow(files, path, &entry, NULL) || entry.type != SLUICE_ENTRY_DIRECTORY) {
            error_set(error, ERROR_SOURCE, NULL, NULL, "There is no directory '%s' in the repository of module %s",
                      path, module->module);
            return FALSE;
        }
        *root = entry.digest;
    }
    go_version_parse(module->go_version, &version);
    if (version.major != NULL && strcmp(version.major, "v0") != 0 && strcmp(version.major, "v1") != 0) {
        g_autofree char *own = g_strdup_printf("%s%s%s", path, *path != '\0' ? "/" : "", version.major);
        if (sluice_tree_lookup_follow(files, own, &entry, NULL) && entry.type == SLUICE_ENTRY_DIRECTORY) {
            *root = entry.digest;
        }
    }
    return TRUE;
}

/* A file of the tree as text; NULL without error if there is none. */
static char *read_text(const SourceContext *context, SluiceTree *tree, const char *path, gint64 limit, GError **error)
{
    SluiceEntry entry;
    if (!sluice_tree_lookup_follow(tree, path, &entry, NULL) || entry.type != SLUICE_ENTRY_FILE) {
        return NULL;
    }
    if (entry.digest.size > limit) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "'%s' has more than %" G_GINT64_FORMAT " bytes", path, limit);
        return NULL;
    }
    g_autoptr(GBytes) bytes = sluice_store_read(context->store, &entry.digest, error);
    return bytes != NULL ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : NULL;
}

/* "go 1.21" of go.mod. */
static char *go_directive(const char *go_mod)
{
    g_auto(GStrv) lines = g_strsplit(go_mod != NULL ? go_mod : "", "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        if (g_str_has_prefix(*line, "go ")) {
            (*line)[strcspn(*line, "\r")] = '\0';
            return g_strdup(*line);
        }
    }
    return NULL;
}

/* ---- Packages ---------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *vendor, *module; /* paths in the tree, '/' in front */
    GPtrArray *folders;          /* of the module, in the order of modules.txt */
    GHashTable *packages;        /* of those, the ones with Go files */
} Packages;

static gboolean is_below(const char *path, const char *folder)
{
    gsize length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static gboolean note_entry(const char *path, const SluiceEntry *entry, gpointer data)
{
    Packages *packages = data;
    const char *name = strrchr(path, '/');
    if (!is_below(path, packages->module) || strstr(path, "/.git/") != NULL) {
        return TRUE;
    }
    if (entry->type == SLUICE_ENTRY_DIRECTORY) {
        g_ptr_array_add(packages->folders, g_strdup(path));
    } else if (strcmp(name, "/go.mod") == 0 || g_str_has_suffix(name, ".go")) {
        g_hash_table_add(packages->packages, g_strndup(path, (gsize)(name - path)));
    }
    return TRUE;
}

static gboolean list_packages(SluiceTree *tree, const char *vendor, const char *module, GString *out, GError **error)
{
    g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Packages packages = {vendor, module, folders, names};
    if (!sluice_tree_walk(tree, note_entry, &packages, error)) {
        return FALSE;
    }
    for (guint i = 0; i < folders->len; i++) {
        const char *folder = folders->pdata[i];
        if (g_hash_table_contains(names, folder)) {
            g_string_append_printf(out, "%s\n", folder + strlen(vendor) + 1);
        }
    }
    return TRUE;
}

static gboolean append_module(const SourceContext *context, const GoModule *module, SluiceTree *tree,
                              const char *vendor, const char *place, GError **error)
{
    GError *problem = NULL;
    SluiceDigest digest;
    g_autofree char *list = g_strconcat(vendor, "/modules.txt", NULL), *go_mod = g_strconcat(place, "/go.mod", NULL);
    g_autofree char *before = read_text(context, tree, list, MODULES_MAX_BYTES, &problem);
    g_autofree char *text = problem == NULL ? read_text(context, tree, go_mod, GO_MOD_MAX_BYTES, &problem) : NULL;
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    g_autofree char *directive = go_directive(text);
    g_autoptr(GString) out = g_string_new(before);
    if (module->is_explicit) {
        g_string_append_printf(out, "# %s %s\n## explicit%s%s\n", module->module, module->go_version,
                               directive != NULL ? "; " : "", directive != NULL ? directive : "");
    } else {
        g_string_append_printf(out, "# %s\n", module->module);
    }
    return list_packages(tree, vendor, place, out, error) &&
           sluice_store_put(context->store, out->str, out->len, NULL, &digest, error) &&
           sluice_tree_add_file(tree, list, &digest, FALSE, error);
}

gboolean go_module_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                         GError **error)
{
    const GoModule *module = source->data;
    const GitCheckout checkout = checkout_of(module);
    SluiceDigest root;
    if (!git_checkout_files(source, context, &checkout, &root, error)) {
        return FALSE;
    }
    g_autoptr(SluiceTree) files = sluice_tree_new_from(context->store, &root, error);
    g_autofree char *vendor = g_build_path("/", "/", directory, "vendor", NULL);
    g_autofree char *place = g_build_path("/", vendor, module->module, NULL);
    return files != NULL && find_module(module, files, &root, error) &&
           sluice_tree_make_directory(tree, place, error) && sluice_tree_merge(tree, place, &root, NULL, NULL, error) &&
           append_module(context, module, tree, vendor, place, error);
}
