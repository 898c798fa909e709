/*
 * source-url.c - aliases and mirrors, and the paths that sources may read in their project.
 */
#include "debian-apt.h"
#include "element-private.h"
#include "kind-junction.h"
#include "node-private.h"
#include "source-mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* ---- Aliases ---- */

static const ProjectConfig *config_of(const Project *project, gboolean first_pass)
{
    return first_pass || !project->fully_loaded ? &project->first : &project->full;
}

/* What the parent calls a subproject's alias, or NULL. */
static const char *parent_alias(const Project *project, const char *alias)
{
    const Junction *junction = project->junction->data;
    const Node *mapped = junction->aliases != NULL ? node_find(junction->aliases, alias) : NULL;
    if (mapped != NULL) {
        return node_text(mapped);
    }
    return junction->map_all_aliases ? alias : NULL;
}

/* Goes up to the project that decides what the alias means. */
static const Project *alias_owner(const Source *source, const char **alias, gboolean first_pass, GError **error)
{
    const Project *project = source->element->project;
    while (project->junction != NULL) {
        const char *above = parent_alias(project, *alias);
        if (above != NULL) {
            if (node_find(config_of(project->parent, first_pass)->aliases, above) == NULL) {
                error_set(error, ERROR_SOURCE, "invalid-source-alias", &project->junction->where,
                          "Mapped alias '%s' for subproject alias '%s' is invalid in the parent project", above,
                          *alias);
                return NULL;
            }
            project = project->parent;
            *alias = above;
            continue;
        }
        if (project->parent->disallow_subproject_uris) {
            error_set(
                error, ERROR_SOURCE, "missing-alias-mapping", &source->where,
                "Parent project did not provide a mapping for alias '%s' and disallowed usage of unmapped aliases",
                *alias);
            return NULL;
        }
        break;
    }
    return project;
}

/* What the user's configuration says of where to fetch or track from. */
static const char *policy_of(const Project *project, SourceUrlUse use)
{
    const Node *user = project->session->options.user_config;
    const Node *section = node_find(user, use == SOURCE_URL_TRACK ? "track" : "fetch");
    const Node *policy = section != NULL ? node_find(section, "source") : NULL;
    return policy != NULL ? node_text(policy) : use == SOURCE_URL_TRACK ? "aliases" : "all";
}

/* Mirrors in their order, the preferred one first; then the alias itself. */
static void add_mirrors(const ProjectConfig *config, const char *alias, const char *rest, GPtrArray *urls)
{
    const Node *url = node_find(config->aliases, alias);
    for (int preferred = 1; preferred >= 0; preferred--) {
        for (gsize i = 0; i < node_size(config->mirrors); i++) {
            const Node *mirror = node_at(config->mirrors, i);
            gboolean is_preferred = g_strcmp0(node_text(node_find(mirror, "name")), config->default_mirror) == 0;
            if (is_preferred == preferred) {
                source_mirror_add_urls(mirror, alias, url != NULL ? node_text(url) : NULL, rest, urls);
            }
        }
    }
}

/* In the order in which they are to be tried: of tracking that is the other way round. */
static void expand_alias(const Project *project, const ProjectConfig *config, const char *alias, const char *rest,
                         SourceUrlUse use, GPtrArray *urls)
{
    const char *policy = policy_of(project, use);
    gboolean all = strcmp(policy, "all") == 0;
    const Node *url = node_find(config->aliases, alias);
    if (use != SOURCE_URL_PRIMARY &&
        (all || strcmp(policy, "mirrors") == 0 || (strcmp(policy, "user") == 0 && project->mirrors_from_user))) {
        add_mirrors(config, alias, rest, urls);
    }
    if (url != NULL && (use == SOURCE_URL_PRIMARY || all || strcmp(policy, "aliases") == 0)) {
        g_ptr_array_add(urls, g_strconcat(node_text(url), rest, NULL));
    }
    for (guint i = 0; use == SOURCE_URL_TRACK && i < urls->len / 2; i++) {
        gpointer swapped = urls->pdata[i];
        urls->pdata[i] = urls->pdata[urls->len - 1 - i];
        urls->pdata[urls->len - 1 - i] = swapped;
    }
}

static gboolean is_scheme(const char *word)
{
    static const char *const schemes[] = {"http", "https", "ftp", "file", "git", "sftp", "ssh"};
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (g_ascii_strcasecmp(word, schemes[i]) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* The alias of "alias:rest", or NULL; *rest is what follows. */
static char *split_alias(const char *url, const char **rest)
{
    const char *colon = strchr(url, ':');
    g_autofree char *word = colon != NULL ? g_strndup(url, (gsize)(colon - url)) : NULL;
    if (word == NULL || *word == '\0' || is_scheme(word)) {
        return NULL;
    }
    *rest = colon + 1;
    return g_steal_pointer(&word);
}

static gboolean in_first_pass(const Source *source)
{
    return strcmp(source->element->kind_name, "junction") == 0;
}

/* `debian:` means the mirrors of the system, unless the project says otherwise. */
static gboolean is_builtin(const Source *source, const char *alias)
{
    const ProjectConfig *config = config_of(source->element->project, in_first_pass(source));
    return strcmp(alias, "debian") == 0 && node_find(config->aliases, alias) == NULL;
}

static const Node *undefined_alias(const Source *source, const char *alias, const char *url, GError **error)
{
    error_set(error, ERROR_SOURCE, "invalid-source-alias", &source->where, "Invalid alias '%s' specified in URL: %s",
              alias, url);
    return NULL;
}

/* What the alias stands for in the project that decides it; *owner and *name are that project and what it calls it. */
static const Node *find_alias(const Source *source, const char *alias, const char *url, const Project **owner,
                              const char **name, GError **error)
{
    gboolean first_pass = in_first_pass(source);
    *name = alias;
    *owner = alias_owner(source, name, first_pass, error);
    if (*owner == NULL) {
        return NULL;
    }
    const Node *base = node_find(config_of(*owner, first_pass)->aliases, *name);
    return base != NULL ? base : undefined_alias(source, alias, url, error);
}

static gboolean add_builtin(const char *rest, GPtrArray *urls, GError **error)
{
    g_auto(GStrv) mirrors = apt_debian_mirrors(NULL, error);
    for (gsize i = 0; mirrors != NULL && mirrors[i] != NULL; i++) {
        g_ptr_array_add(urls, g_strconcat(mirrors[i], "/", rest, NULL));
    }
    return mirrors != NULL;
}

char **source_translate_url(const Source *source, const char *url, GError **error)
{
    return source_translate_url_for(source, url, SOURCE_URL_FETCH, error);
}

static gboolean no_place(const Source *source, const char *alias, SourceUrlUse use, GError **error)
{
    gboolean track = use == SOURCE_URL_TRACK;
    error_set(error, ERROR_SOURCE, "missing-source-alias-target", &source->where, "No %s URI found for alias '%s'",
              track ? "tracking" : "fetch", alias);
    error_set_detail(error != NULL ? *error : NULL, track ? "Check track controls in your user configuration"
                                                          : "Check fetch controls in your user configuration");
    return FALSE;
}

static gboolean add_translations(const Source *source, const char *alias, const char *rest, const char *url,
                                 SourceUrlUse use, GPtrArray *urls, GError **error)
{
    const Project *owner = NULL;
    const char *name = NULL;
    if (is_builtin(source, alias)) {
        return add_builtin(rest, urls, error);
    }
    if (find_alias(source, alias, url, &owner, &name, error) == NULL) {
        return FALSE;
    }
    expand_alias(owner, config_of(owner, in_first_pass(source)), name, rest, use, urls);
    return urls->len > 0 || no_place(source, alias, use, error);
}

/* Without an alias, unless the project has one that is named like the URL's scheme: that one counts, but has no mirrors. */
static gboolean add_plain(const Source *source, const char *url, GPtrArray *urls, GError **error)
{
    const char *colon = strchr(url, ':');
    g_autofree char *word = colon != NULL ? g_strndup(url, (gsize)(colon - url)) : NULL;
    const Project *owner = NULL;
    const char *name = NULL;
    if (word == NULL || node_find(config_of(source->element->project, in_first_pass(source))->aliases, word) == NULL) {
        g_ptr_array_add(urls, g_strdup(url));
        return TRUE;
    }
    const Node *base = find_alias(source, word, url, &owner, &name, error);
    if (base == NULL) {
        return FALSE;
    }
    g_ptr_array_add(urls, g_strconcat(node_text(base), colon + 1, NULL));
    return TRUE;
}

char **source_translate_url_for(const Source *source, const char *url, SourceUrlUse use, GError **error)
{
    g_autoptr(GPtrArray) urls = g_ptr_array_new_with_free_func(g_free);
    const char *rest = NULL;
    g_autofree char *alias = split_alias(url, &rest);
    if (alias == NULL) {
        if (!add_plain(source, url, urls, error)) {
            return NULL;
        }
    } else if (!add_translations(source, alias, rest, url, use, urls, error)) {
        return NULL;
    }
    g_ptr_array_add(urls, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&urls), FALSE);
}

/* ---- What is written ---- */

static gboolean unaliased(const Source *source, const char *url, GError **error)
{
    const Project *project = source->element->project;
    g_autofree char *where = provenance_to_string(&source->where);
    if (project_is_fatal_warning(project, "unaliased-url")) {
        error_set(error, ERROR_PLUGIN, "unaliased-url", &source->where,
                  "[unaliased-url]: %s: Use of unaliased source download URL: %s", source->kind->name, url);
        return FALSE;
    }
    event_send(project->session->options.events, EVENT_WARNING, NULL, source->element->full_name,
               "[unaliased-url]: %s source at %s: Use of unaliased source download URL: %s", source->kind->name, where,
               url);
    return TRUE;
}

/* The user may have ruled out all places that an alias has. */
static gboolean check_places(const Source *source, const Project *owner, const char *alias, const char *name,
                             SourceUrlUse use, GError **error)
{
    const char *policy = policy_of(owner, use);
    g_autoptr(GPtrArray) urls = g_ptr_array_new_with_free_func(g_free);
    if (strcmp(policy, "all") == 0 || strcmp(policy, "aliases") == 0) {
        return TRUE;
    }
    expand_alias(owner, config_of(owner, in_first_pass(source)), name, "", use, urls);
    return urls->len > 0 || no_place(source, alias, use, error);
}

gboolean source_check_url(const Source *source, const char *url, GError **error)
{
    const Project *owner = NULL;
    const char *rest = NULL, *name = NULL;
    g_autofree char *alias = split_alias(url, &rest);
    if (alias == NULL) {
        return unaliased(source, url, error);
    }
    return is_builtin(source, alias) || (find_alias(source, alias, url, &owner, &name, error) != NULL &&
                                         check_places(source, owner, alias, name, SOURCE_URL_FETCH, error) &&
                                         check_places(source, owner, alias, name, SOURCE_URL_TRACK, error));
}

int source_open_project_path(const Source *source, const char *path, const Provenance *where, GError **error)
{
    const Project *project = source->element->project;
    if (!project_check_path(project, path, where, PATH_ANY, error)) {
        return -1;
    }
    int fd = project_open(project, path, O_PATH | O_NOFOLLOW);
    if (fd < 0) {
        error_set(error, ERROR_LOAD, errno == ENOENT ? "MISSING_FILE" : "PROJ_PATH_INVALID", where,
                  "Specified path '%s' cannot be opened: %s", path, g_strerror(errno));
    }
    return fd;
}
