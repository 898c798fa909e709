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

static gboolean add_translations(const Source *source, const char *alias, const char *rest, SourceUrlUse use,
                                 GPtrArray *urls, GError **error)
{
    gboolean first_pass = strcmp(source->element->kind_name, "junction") == 0;
    const char *original = alias;
    const ProjectConfig *own = config_of(source->element->project, first_pass);
    const Node *defined = own->aliases != NULL ? node_find(own->aliases, alias) : NULL;
    if (defined == NULL && strcmp(alias, "debian") == 0) {
        g_auto(GStrv) mirrors = apt_debian_mirrors(NULL, error);
        for (gsize i = 0; mirrors != NULL && mirrors[i] != NULL; i++) {
            g_ptr_array_add(urls, g_strconcat(mirrors[i], "/", rest, NULL));
        }
        return mirrors != NULL;
    }
    if (defined == NULL) {
        error_set(error, ERROR_SOURCE, "invalid-source-alias", &source->where, "The alias '%s' is not defined",
                  original);
        return FALSE;
    }
    const Project *owner = alias_owner(source, &alias, first_pass, error);
    if (owner == NULL) {
        return FALSE;
    }
    expand_alias(owner, config_of(owner, first_pass), alias, rest, use, urls);
    if (urls->len == 0) {
        error_set(error, ERROR_SOURCE, "missing-source-alias-target", &source->where, "No %s URI found for alias '%s'",
                  use == SOURCE_URL_TRACK ? "tracking" : "fetch", original);
        error_set_detail(error != NULL ? *error : NULL, use == SOURCE_URL_TRACK
                                                            ? "Check track controls in your user configuration"
                                                            : "Check fetch controls in your user configuration");
    }
    return urls->len > 0;
}

char **source_translate_url(const Source *source, const char *url, GError **error)
{
    return source_translate_url_for(source, url, SOURCE_URL_FETCH, error);
}

char **source_translate_url_for(const Source *source, const char *url, SourceUrlUse use, GError **error)
{
    g_autoptr(GPtrArray) urls = g_ptr_array_new_with_free_func(g_free);
    const char *colon = strchr(url, ':');
    g_autofree char *alias = colon != NULL ? g_strndup(url, (gsize)(colon - url)) : NULL;
    if (alias != NULL && *alias != '\0' && !is_scheme(alias) && strchr(alias, '/') == NULL) {
        if (!add_translations(source, alias, colon + 1, use, urls, error)) {
            return NULL;
        }
    } else if (project_is_fatal_warning(source->element->project, "unaliased-url")) {
        error_set(error, ERROR_PLUGIN, "unaliased-url", &source->where,
                  "[unaliased-url]: %s: Use of unaliased source download URL: %s", source->kind->name, url);
        return NULL;
    } else {
        g_ptr_array_add(urls, g_strdup(url));
    }
    g_ptr_array_add(urls, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&urls), FALSE);
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
