/* git-submodule.c - see git-submodule.h */
#include "git-submodule.h"
#include "element.h"

#include <string.h>

#define SHA_LENGTH 40

typedef struct {
    char *name, *path, *url;
} Listed;

static void listed_free(Listed *listed)
{
    g_free(listed->name);
    g_free(listed->path);
    g_free(listed->url);
    g_free(listed);
}

/* ---- .gitmodules -------------------------------------------------------------------------------------------------------------------- */

static Listed *find_listed(GPtrArray *all, const char *name, gsize length)
{
    for (guint i = 0; i < all->len; i++) {
        Listed *listed = all->pdata[i];
        if (strlen(listed->name) == length && strncmp(listed->name, name, length) == 0) {
            return listed;
        }
    }
    Listed *listed = g_new0(Listed, 1);
    listed->name = g_strndup(name, length);
    g_ptr_array_add(all, listed);
    return listed;
}

/* "submodule.NAME.path\nVALUE" */
static void take_setting(GPtrArray *all, const char *record)
{
    const char *value = strchr(record, '\n');
    const char *start = strchr(record, '.');
    const char *last = value != NULL ? g_strrstr_len(record, value - record, ".") : NULL;
    if (last == NULL || start == NULL || start >= last || all->len > GIT_SUBMODULES_MAX) {
        return;
    }
    Listed *listed = find_listed(all, start + 1, (gsize)(last - start - 1));
    char **field = strncmp(last, ".path\n", 6) == 0 ? &listed->path : &listed->url;
    g_free(*field);
    *field = g_strdup(value + 1);
}

static GPtrArray *list_submodules(const Git *git, const char *commit, GError **error)
{
    g_autofree char *blob = g_strdup_printf("--blob=%s:.gitmodules", commit);
    g_autofree char *output = NULL;
    int status = -1;
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)listed_free);
    if (!git_run(git, GIT_ARGUMENTS("config", "-z", blob, "--get-regexp", "^submodule\\..*\\.(path|url)$"),
                 "git config", &status, &output, error)) {
        g_ptr_array_unref(all);
        return NULL;
    }
    for (const char *record = output; status == 0 && *record != '\0'; record += strlen(record) + 1) {
        take_setting(all, record);
    }
    return all;
}

gboolean git_submodule_path_is_valid(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (**part == '\0' || strcmp(*part, ".") == 0 || strcmp(*part, "..") == 0 ||
            g_ascii_strcasecmp(*part, ".git") == 0) {
            return FALSE;
        }
    }
    return *parts != NULL && *path != '-';
}

/* The commit that the tree has at a path; *out stays NULL if there is none. */
static gboolean read_link(const Git *git, const char *commit, const char *path, char **out, GError **error)
{
    g_autofree char *fail = g_strdup_printf("ls-tree failed for commit %s and submodule: %s", commit, path);
    g_autofree char *listing = NULL;
    if (!git_submodule_path_is_valid(path)) {
        return TRUE;
    }
    if (!git_run(git, GIT_ARGUMENTS("ls-tree", "-z", commit, "--", path), fail, NULL, &listing, error)) {
        return FALSE;
    }
    g_auto(GStrv) words = g_strsplit_set(listing, " \t", 4);
    if (g_strv_length(words) == 4 && strcmp(words[1], "commit") == 0 && strlen(words[2]) == SHA_LENGTH) {
        *out = g_strdup(words[2]);
    }
    return TRUE;
}

/* ---- URLs --------------------------------------------------------------------------------------------------------------------------- */

/* Takes the last part of a URL off; FALSE if there is none left: "alias:" or "https://host" stay whole. */
static gboolean strip_last(GString *url)
{
    const char *scheme = strstr(url->str, "://");
    const char *start = scheme != NULL ? strchr(scheme + 3, '/') : strchr(url->str, ':');
    gsize root = start != NULL ? (gsize)(start - url->str) + 1 : 0;
    while (url->len > root && url->str[url->len - 1] == '/') {
        g_string_truncate(url, url->len - 1);
    }
    if (url->len <= root) {
        return FALSE;
    }
    while (url->len > root && url->str[url->len - 1] != '/') {
        g_string_truncate(url, url->len - 1);
    }
    return TRUE;
}

char *git_submodule_url(const char *parent, const char *url, GError **error)
{
    if (!g_str_has_prefix(url, "./") && !g_str_has_prefix(url, "../")) {
        return g_strdup(url);
    }
    g_autoptr(GString) base = g_string_new(parent);
    const char *rest = url;
    if (!g_str_has_suffix(base->str, "/")) {
        g_string_append_c(base, '/');
    }
    for (;;) {
        if (g_str_has_prefix(rest, "./")) {
            rest += 2;
        } else if (g_str_has_prefix(rest, "../")) {
            rest += 3;
            if (!strip_last(base)) {
                error_set(error, ERROR_SOURCE, "git-url", NULL, "The submodule URL '%s' leads out of '%s'", url,
                          parent);
                return NULL;
            }
        } else {
            return g_strconcat(base->str, rest, NULL);
        }
    }
}

/* Foreign repositories must not name files of this machine, unless they are on it themselves. */
static gboolean check_foreign_url(const GitWalk *walk, const char *parent, const char *url, GError **error)
{
    g_auto(GStrv) own = source_translate_url_for(walk->source, parent, SOURCE_URL_PRIMARY, error);
    if (own == NULL) {
        return FALSE;
    }
    if (git_url_is_local(url) && !git_url_is_local(own[0])) {
        error_set(error, ERROR_SOURCE, "git-url", &walk->source->where,
                  "The submodule URL '%s' is on this machine, but its repository is not", url);
        return FALSE;
    }
    return TRUE;
}

/* ---- The walk ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const GitWalk *walk;
    guint count;
} State;

static gboolean visit(State *state, const char *path, const char *url, const char *commit, guint depth, GError **error);

static const GitSubmodule *find_configured(const GitWalk *walk, const char *path)
{
    const GitSource *git = walk->source->data;
    for (gsize i = 0; i < git->n_submodules; i++) {
        if (strcmp(git->submodules[i].path, path) == 0) {
            return &git->submodules[i];
        }
    }
    return NULL;
}

static gboolean warn_inconsistent(const GitWalk *walk, const char *path, GError **error)
{
    g_autofree char *message = g_strdup_printf("Ignoring inconsistent submodule '%s'", path);
    g_autofree char *detail =
        g_strdup_printf("The submodule '%s' is defined either in the BuildStream source\n"
                        "definition, or in a .gitmodules file. But the submodule was never added to the\n"
                        "underlying git repository with `git submodule add`.",
                        path);
    return source_warn(walk->source, walk->context, "git:inconsistent-submodule", message, detail, error);
}

static gboolean visit_listed(State *state, const Git *git, const GitVisit *parent, const Listed *listed, guint depth,
                             GError **error)
{
    const GitWalk *walk = state->walk;
    const GitSource *source = walk->source->data;
    g_autofree char *link = NULL;
    if (listed->path == NULL || listed->url == NULL) {
        return TRUE;
    }
    if (!read_link(git, parent->commit, listed->path, &link, error)) {
        return FALSE;
    }
    if (link == NULL) {
        return warn_inconsistent(walk, listed->path, error);
    }
    g_autofree char *path =
        *parent->path != '\0' ? g_strconcat(parent->path, "/", listed->path, NULL) : g_strdup(listed->path);
    const GitSubmodule *configured = find_configured(walk, path);
    gboolean checkout = configured != NULL ? configured->checkout : source->checkout_submodules;
    if (walk->configured && !checkout) {
        return TRUE;
    }
    if (walk->configured && configured != NULL && configured->url != NULL) {
        return visit(state, path, configured->url, link, depth + 1, error);
    }
    g_autofree char *url = git_submodule_url(parent->url, listed->url, error);
    return url != NULL && (!walk->fetch || check_foreign_url(walk, parent->url, url, error)) &&
           visit(state, path, url, link, depth + 1, error);
}

static gboolean visit_children(State *state, const GitVisit *parent, guint depth, GError **error)
{
    const Git git = {.repository = parent->repository, .cancellable = state->walk->context->cancellable};
    g_autoptr(GPtrArray) all = list_submodules(&git, parent->commit, error);
    for (guint i = 0; all != NULL && i < all->len; i++) {
        if (!visit_listed(state, &git, parent, all->pdata[i], depth, error)) {
            return FALSE;
        }
    }
    return all != NULL;
}

/* The primary repository may be fetched by its tag alone, as long as no history is asked for. */
static gboolean fetch(const GitWalk *walk, GitMirror *mirror, const char *commit, guint depth, GError **error)
{
    const GitSource *git = walk->source->data;
    g_autofree char *tag = depth == 0 && git->n_tags == 0 ? git_exact_tag(git->ref) : NULL;
    return tag != NULL && git_ref_name_is_valid(tag) ? git_mirror_fetch_commit(mirror, commit, tag, 1, error)
                                                     : git_mirror_fetch_all(mirror, commit, SOURCE_URL_FETCH, error);
}

static gboolean visit(State *state, const char *path, const char *url, const char *commit, guint depth, GError **error)
{
    const GitWalk *walk = state->walk;
    g_auto(GitMirror) mirror = {NULL};
    if (depth > GIT_SUBMODULE_DEPTH_MAX || ++state->count > GIT_SUBMODULES_MAX) {
        error_set(error, ERROR_SOURCE, NULL, &walk->source->where, "Too many submodules");
        return FALSE;
    }
    git_mirror_init(&mirror, walk->source, walk->context, url);
    if (walk->fetch && !fetch(walk, &mirror, commit, depth, error)) {
        return FALSE;
    }
    const GitVisit now = {path, url, commit, git_mirror_find(&mirror, commit, NULL)};
    return walk->func(&now, walk->data, error) && (now.repository == NULL || visit_children(state, &now, depth, error));
}

gboolean git_walk_submodules(const GitWalk *walk, GError **error)
{
    const GitSource *git = walk->source->data;
    State state = {.walk = walk};
    const char *commit = git_strip_tag(git->ref);
    if (!git_ref_name_is_valid(commit)) {
        error_set(error, ERROR_SOURCE, NULL, node_where(walk->source->ref), "'%s' is no commit", git->ref);
        return FALSE;
    }
    return visit(&state, "", git->url, commit, 0, error);
}
