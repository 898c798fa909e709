/* source-mirror.c - see source-mirror.h */
#include "source-mirror.h"

#include <string.h>

typedef struct {
    const char *alias, *alias_url, *rest;
} Aliased;

typedef struct {
    const char *name;
    gboolean (*check)(const Node *config, GError **error);
    void (*add_urls)(const Node *config, const Aliased *aliased, GPtrArray *urls);
} MirrorKind;

/* ---- The default: a list of URLs for each alias --------------------------------------------------------------------------------- */

static gboolean missing_aliases(const Node *config, GError **error)
{
    error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(config),
              "Dictionary did not contain expected key 'aliases'");
    return FALSE;
}

static gboolean default_check(const Node *config, GError **error)
{
    static const char *const keys[] = {"name", "kind", "aliases", NULL};
    Node *aliases = NULL;
    if (!node_check_keys(config, keys, error) || !node_get_mapping(config, "aliases", &aliases, error)) {
        return FALSE;
    }
    if (aliases == NULL) {
        return missing_aliases(config, error);
    }
    for (gsize i = 0; i < node_size(aliases); i++) {
        Node *urls = NULL;
        if (!node_get_sequence(aliases, node_key_at(aliases, i), &urls, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static void default_add_urls(const Node *config, const Aliased *aliased, GPtrArray *urls)
{
    const Node *aliases = node_find(config, "aliases");
    const Node *list = aliases != NULL ? node_find(aliases, aliased->alias) : NULL;
    for (gsize i = 0; i < node_size(list); i++) {
        g_ptr_array_add(urls, g_strconcat(node_text(node_at(list, i)), aliased->rest, NULL));
    }
}

/* ---- Those with a pattern ---------------------------------------------------------------------------------------------------------- */

static gboolean lists(const Node *config, const char *alias)
{
    const Node *aliases = node_find(config, "aliases");
    for (gsize i = 0; i < node_size(aliases); i++) {
        if (strcmp(node_text(node_at(aliases, i)), alias) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* One slash between, and an absolute second part stands alone. */
static char *join(const char *base, const char *rest)
{
    if (*rest == '/' || *base == '\0') {
        return g_strdup(rest);
    }
    return g_strconcat(base, g_str_has_suffix(base, "/") ? "" : "/", rest, NULL);
}

/* {alias} in the pattern; doubled braces are braces. */
static char *fill(const char *pattern, const char *alias)
{
    GString *out = g_string_new(NULL);
    while (*pattern != '\0') {
        if (g_str_has_prefix(pattern, "{alias}")) {
            g_string_append(out, alias);
            pattern += strlen("{alias}");
        } else {
            gboolean doubled = (*pattern == '{' || *pattern == '}') && pattern[1] == *pattern;
            g_string_append_c(out, *pattern);
            pattern += doubled ? 2 : 1;
        }
    }
    return g_string_free(out, FALSE);
}

static gboolean check_aliases(const Node *config, GError **error)
{
    Node *aliases = NULL;
    if (!node_get_sequence(config, "aliases", &aliases, error)) {
        return FALSE;
    }
    return aliases != NULL || missing_aliases(config, error);
}

static gboolean fake_check(const Node *config, GError **error)
{
    static const char *const keys[] = {"aliases", NULL};
    return node_check_keys(config, keys, error) && check_aliases(config, error);
}

static void fake_add_urls(const Node *config, const Aliased *aliased, GPtrArray *urls)
{
    if (lists(config, aliased->alias) && aliased->alias_url != NULL) {
        g_ptr_array_add(urls, join(aliased->alias_url, aliased->rest));
    }
}

static gboolean simple_check(const Node *config, GError **error)
{
    static const char *const keys[] = {"url", "aliases", NULL};
    const char *url;
    return node_check_keys(config, keys, error) && check_aliases(config, error) &&
           node_need_string(config, "url", &url, error);
}

static void simple_add_urls(const Node *config, const Aliased *aliased, GPtrArray *urls)
{
    if (lists(config, aliased->alias)) {
        g_autofree char *base = fill(node_text(node_find(config, "url")), aliased->alias);
        g_ptr_array_add(urls, join(base, aliased->rest));
    }
}

static gboolean gitlab_check(const Node *config, GError **error)
{
    static const char *const keys[] = {"aliases", "url", "project", "ref", NULL};
    const char *text;
    return node_check_keys(config, keys, error) && check_aliases(config, error) &&
           node_need_string(config, "url", &text, error) && node_need_string(config, "project", &text, error) &&
           node_get_string(config, "ref", &text, error);
}

static void gitlab_add_urls(const Node *config, const Aliased *aliased, GPtrArray *urls)
{
    if (!lists(config, aliased->alias)) {
        return;
    }
    const Node *ref = node_find(config, "ref");
    g_autofree char *project = fill(node_text(node_find(config, "project")), aliased->alias);
    g_autofree char *id = g_uri_escape_string(project, NULL, FALSE);
    g_autofree char *file = g_uri_escape_string(aliased->rest, NULL, FALSE);
    g_autofree char *path = g_strdup_printf("api/v4/projects/%s/repository/files/%s/raw?ref=%s&lfs=true", id, file,
                                            ref != NULL ? node_text(ref) : "master");
    g_ptr_array_add(urls, join(node_text(node_find(config, "url")), path));
}

/* Such files have addresses that nothing else has. */
gboolean source_mirror_wants_token(const char *url)
{
    const char *api = strstr(url, "/api/v4/projects/");
    return api != NULL && strstr(api, "/repository/files/") != NULL && strstr(api, "/raw?ref=") != NULL &&
           g_str_has_suffix(api, "&lfs=true");
}

/* ---- The table ---------------------------------------------------------------------------------------------------------------------- */

static const MirrorKind mirror_kinds[] = {
    {"default", default_check, default_add_urls},
    {"fake_mirror", fake_check, fake_add_urls},
    {"gitlab_lfs_mirror", gitlab_check, gitlab_add_urls},
    {"simple_mirror", simple_check, simple_add_urls},
};

static const MirrorKind *find_kind(const Node *mirror)
{
    const Node *kind = node_find(mirror, "kind");
    const char *name = kind != NULL ? node_text(kind) : "default";
    for (gsize i = 0; i < G_N_ELEMENTS(mirror_kinds); i++) {
        if (strcmp(mirror_kinds[i].name, name) == 0) {
            return &mirror_kinds[i];
        }
    }
    return NULL;
}

static const Node *config_of(const Node *mirror, const MirrorKind *kind)
{
    return kind == &mirror_kinds[0] ? mirror : node_find(mirror, "config");
}

gboolean source_mirror_check(const Node *mirror, GError **error)
{
    static const char *const keys[] = {"name", "kind", "config", NULL};
    const char *name = NULL, *kind_name = NULL;
    Node *config_node = NULL;
    if (node_type(mirror) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(mirror),
                  "Value of 'mirrors' is not of the expected type 'dict'");
        return FALSE;
    }
    if (!node_need_string(mirror, "name", &name, error) || !node_get_string(mirror, "kind", &kind_name, error)) {
        return FALSE;
    }
    const MirrorKind *kind = find_kind(mirror);
    if (kind == NULL) {
        error_set(error, ERROR_PLUGIN, "plugin-not-found", node_where(node_find(mirror, "kind")),
                  "No source-mirror plugin registered for kind '%s'", kind_name);
        return FALSE;
    }
    if (kind != &mirror_kinds[0] &&
        (!node_check_keys(mirror, keys, error) || !node_get_mapping(mirror, "config", &config_node, error))) {
        return FALSE;
    }
    const Node *config = config_of(mirror, kind);
    if (config == NULL) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(mirror),
                  "Dictionary did not contain expected key 'config'");
        return FALSE;
    }
    return kind->check(config, error);
}

void source_mirror_add_urls(const Node *mirror, const char *alias, const char *alias_url, const char *rest,
                            GPtrArray *urls)
{
    const MirrorKind *kind = find_kind(mirror);
    const Aliased aliased = {alias, alias_url, rest};
    if (kind != NULL) {
        kind->add_urls(config_of(mirror, kind), &aliased, urls);
    }
}
