/* crates.c - see crates.h */
#include "crates.h"
#include "element.h"

#include <string.h>

#define DEFAULT_URL "https://static.crates.io/crates"

gboolean crates_configure(Source *source, Crates *crates, const Node *config, const char *const *keys,
                          const char *vendor_dir, GError **error)
{
    source->data = crates;
    crates->url = DEFAULT_URL;
    crates->cargo_lock = "Cargo.lock";
    crates->vendor_dir = vendor_dir;
    if (!node_check_keys(config, keys, error) || !node_get_string(config, "url", &crates->url, error) ||
        !node_get_string(config, "cargo-lock", &crates->cargo_lock, error) ||
        !node_get_string(config, "vendor-dir", &crates->vendor_dir, error)) {
        return FALSE;
    }
    /* A bare alias is a prefix as it is; a URL is a directory. */
    gboolean is_prefix = g_str_has_suffix(crates->url, ":") || g_str_has_suffix(crates->url, "/");
    crates->base = is_prefix ? crates->url : arena_printf(source_arena(source), "%s/", crates->url);
    return TRUE;
}

static gboolean load_git_crate(const Node *node, Crate *crate, GError **error)
{
    Node *query = NULL;
    if (!node_need_string(node, "repo", &crate->repo, error) ||
        !node_need_string(node, "commit", &crate->commit, error) || !node_get_mapping(node, "query", &query, error)) {
        return FALSE;
    }
    crate->query = node_size(query) > 0 ? query : NULL;
    for (gsize i = 0; i < node_size(query); i++) {
        if (node_type(node_value_at(query, i)) != NODE_SCALAR) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_value_at(query, i)),
                      "Value of '%s' is not of the expected type 'str'", node_key_at(query, i));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean load_crate(const Node *node, gboolean git, Crate *crate, GError **error)
{
    const char *kind = "registry";
    if (node_type(node) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node), "A crate of a ref is a mapping, not a %s",
                  node_type_name(node));
        return FALSE;
    }
    if (!node_need_string(node, "name", &crate->name, error) ||
        !node_need_string(node, "version", &crate->version, error)) {
        return FALSE;
    }
    if (git && (!node_get_string(node, "kind", &kind, error) ||
                !node_get_mapping(node, "provenance", &crate->provenance, error))) {
        return FALSE;
    }
    crate->is_git = strcmp(kind, "git") == 0;
    return crate->is_git ? load_git_crate(node, crate, error) : node_get_string(node, "sha", &crate->sha, error);
}

gboolean crates_load_ref(Source *source, const Node *ref, gboolean git, GError **error)
{
    Crates *crates = source->data;
    gsize count = node_size(ref);
    crates->crates = NULL;
    crates->n_crates = 0;
    if (ref != NULL && node_type(ref) != NODE_SEQUENCE) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(ref),
                  "Value of 'ref' is not of the expected type 'list'");
        return FALSE;
    }
    if (count > CRATES_MAX) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(ref),
                  "The ref of a %s source is a list of at most %d crates", source->kind->name, CRATES_MAX);
        return FALSE;
    }
    Crate *list = arena_alloc(source_arena(source), (count + 1) * sizeof *list);
    for (gsize i = 0; i < count; i++) {
        if (!load_crate(node_at(ref, i), git, &list[i], error)) {
            return FALSE;
        }
    }
    crates->crates = list;
    crates->n_crates = count;
    return TRUE;
}

gboolean crates_are_pinned(const Source *source)
{
    const Crates *crates = source->data;
    for (gsize i = 0; i < crates->n_crates; i++) {
        if (!crates->crates[i].is_git && crates->crates[i].sha == NULL) {
            return FALSE;
        }
    }
    return TRUE;
}

const char *crates_mirrored_url(const Crates *crates, Arena *arena, const char *url)
{
    const char *best = NULL, *mirror = NULL;
    for (gsize i = 0; i < node_size(crates->git_mirrors); i++) {
        const char *prefix = node_key_at(crates->git_mirrors, i);
        if (g_str_has_prefix(url, prefix) && (best == NULL || strlen(prefix) > strlen(best))) {
            best = prefix;
            mirror = node_text(node_value_at(crates->git_mirrors, i));
        }
    }
    return best != NULL ? arena_printf(arena, "%s%s", mirror, url + strlen(best)) : url;
}
