/* go-track.c - from go.sum to a commit. */
#include "download.h"
#include "element.h"
#include "go-module.h"

#include <string.h>

#define GO_FILE_MAX_BYTES ((gsize)64 << 20)
#define PAGE_MAX_BYTES    ((gint64)16 << 20)

static char *read_file(const SourceContext *context, const char *name, GError **error)
{
    GError *problem = NULL;
    g_autoptr(GBytes) bytes = source_read_previous(context, name, GO_FILE_MAX_BYTES, &problem);
    if (bytes != NULL) {
        return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    }
    if (problem != NULL) {
        g_propagate_error(error, problem);
    } else {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Failed to find %s in the sources staged before", name);
    }
    return NULL;
}

/* ---- Where in its repository a module is -------------------------------------------------------------------------------------------- */

/* A repository of this host has two parts behind its name. */
static char *below_github(const char *module)
{
    g_auto(GStrv) parts = g_strsplit(module, "/", 4);
    return g_strdup(g_strv_length(parts) == 4 ? parts[3] : "");
}

static char *find_subdirectory(Source *source, const SourceContext *context, const char *module, GError **error)
{
    if (g_str_has_prefix(module, "github.com")) {
        return below_github(module);
    }
    g_autofree char *url = g_strdup_printf("https://%s?go-get=1", module);
    const char *const urls[] = {url, NULL};
    Download download = {.urls = urls, .size = -1, .max_size = PAGE_MAX_BYTES};
    g_autoptr(GBytes) page =
        download_text(&download, context, source->element->full_name, "track", "Asking for the module", error);
    download_clear(&download);
    if (page == NULL) {
        return NULL;
    }
    g_autofree char *html = g_utf8_make_valid(g_bytes_get_data(page, NULL), (gssize)g_bytes_get_size(page));
    g_autofree char *prefix = go_import_prefix(html);
    if (prefix == NULL || !g_str_has_prefix(module, prefix)) {
        return g_strdup("");
    }
    const char *rest = module + strlen(prefix);
    return g_strdup(rest + (*rest == '/'));
}

/* ---- Commits -------------------------------------------------------------------------------------------------------------------------- */

static char *full_commit(Source *source, const SourceContext *context, const char *start, GError **error)
{
    const GoModule *module = source->data;
    g_auto(GitMirror) mirror = {NULL};
    g_autofree char *name = g_strconcat(start, "^{commit}", NULL), *output = NULL;
    int status = -1;
    git_mirror_init(&mirror, source, context, module->url);
    if (!git_mirror_fetch_all(&mirror, NULL, SOURCE_URL_TRACK, error)) {
        return NULL;
    }
    const Git git = {.repository = mirror.full, .cancellable = context->cancellable};
    if (!git_run(&git, GIT_ARGUMENTS("rev-parse", "--verify", "--quiet", "--end-of-options", name), "Failed to find it",
                 &status, &output, error)) {
        return NULL;
    }
    const char *commit = g_strrstr(g_strchomp(output), "\n");
    if (status != 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Failed to find %s from %s", start, module->url);
        return NULL;
    }
    return g_strdup(commit != NULL ? commit + 1 : output);
}

static void drop_suffix(char *path, const char *suffix)
{
    if (g_str_has_suffix(path, suffix)) {
        path[strlen(path) - strlen(suffix)] = '\0';
    }
}

/* Takes "v2" off the subdirectory, which may be a folder or not: staging looks. */
static char *find_commit(Source *source, const SourceContext *context, const char *version, char *subdirectory,
                         GError **error)
{
    const GoModule *module = source->data;
    g_autofree char *start = go_pseudo_version_commit(version);
    g_auto(GoVersion) parts = {NULL};
    if (start != NULL) {
        return full_commit(source, context, start, error);
    }
    go_version_parse(version, &parts);
    if (parts.clean == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "version string %s not recognized", version);
        return NULL;
    }
    drop_suffix(subdirectory, parts.major);
    drop_suffix(subdirectory, "/");
    g_autofree char *tag = g_strdup_printf("%s%s%s", subdirectory, *subdirectory != '\0' ? "/" : "", parts.clean);
    const GitTracking tracking = {.url = module->url, .pattern = tag, .describe = TRUE};
    return git_track_newest(source, context, &tracking, error);
}

static Node *make_ref(Source *source, const char *version, const char *commit, gboolean is_explicit,
                      const char *subdirectory)
{
    const char *const texts[][2] = {{"go-version", version},
                                    {"git-ref", commit},
                                    {"explicit", is_explicit ? "True" : "False"},
                                    {"subdirectory", subdirectory}};
    Arena *arena = source_arena(source);
    Node *ref = node_new_mapping(arena, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (*texts[i][1] != '\0') {
            node_set(arena, ref, texts[i][0], node_new_scalar(arena, arena_strdup(arena, texts[i][1]), NULL));
        }
    }
    return ref;
}

Node *go_module_track(Source *source, const SourceContext *context, GError **error)
{
    const GoModule *module = source->data;
    g_autofree char *go_mod = read_file(context, "go.mod", error);
    g_autofree char *go_sum = go_mod != NULL ? read_file(context, "go.sum", error) : NULL;
    g_autofree char *version = go_sum != NULL ? go_sum_find(go_sum, module->module) : NULL;
    if (version == NULL) {
        if (go_sum != NULL) {
            error_set(error, ERROR_SOURCE, NULL, NULL, "go.mod did not contain %s", module->module);
        }
        return NULL;
    }
    g_autofree char *subdirectory = find_subdirectory(source, context, module->module, error);
    g_autofree char *commit = subdirectory != NULL ? find_commit(source, context, version, subdirectory, error) : NULL;
    gboolean is_explicit = strstr(go_mod, module->module) != NULL;
    return commit != NULL ? make_ref(source, version, commit, is_explicit, subdirectory) : NULL;
}
