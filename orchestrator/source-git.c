/*
 * source-git.c - `kind: git`: a commit of a git repository with its submodules; configuration, ref and key.
 *
 * The ref is a commit, or what `git describe` says of one, and perhaps tags that the staged repository must know.
 */
#include "element.h"
#include "source-git.h"
#include "source-kinds.h"

#include <string.h>

static const char *const git_ref_keys[] = {"ref", "tags", NULL};

/* ---- Configuration -------------------------------------------------------------------------------------------------------------- */

static gboolean load_tags(Source *source, Git *git, const Node *list, GError **error)
{
    static const char *const keys[] = {"tag", "commit", "annotated", NULL};
    git->n_tags = 0;
    git->tags = arena_alloc(source_arena(source), (node_size(list) + 1) * sizeof *git->tags);
    for (gsize i = 0; i < node_size(list); i++) {
        const Node *node = node_at(list, i);
        GitTag *tag = &git->tags[i];
        if (node_type(node) != NODE_MAPPING) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node),
                      "Value of 'tags' is not of the expected type 'dict'");
            return FALSE;
        }
        if (!node_check_keys(node, keys, error) || !node_need_string(node, "tag", &tag->name, error) ||
            !node_need_string(node, "commit", &tag->commit, error) ||
            !node_need_string(node, "annotated", &(const char *){NULL}, error) ||
            !node_get_bool(node, "annotated", &tag->annotated, error)) {
            return FALSE;
        }
        git->n_tags++;
    }
    return TRUE;
}

static gboolean load_submodules(Source *source, Git *git, const Node *config, GError **error)
{
    Node *modules = NULL;
    if (!node_get_mapping(config, "submodules", &modules, error)) {
        return FALSE;
    }
    git->n_submodules = node_size(modules);
    git->submodules = arena_alloc(source_arena(source), (git->n_submodules + 1) * sizeof *git->submodules);
    for (gsize i = 0; i < git->n_submodules; i++) {
        GitSubmodule *submodule = &git->submodules[i];
        Node *node = NULL;
        submodule->path = node_key_at(modules, i);
        submodule->checkout = git->checkout_submodules;
        if (!node_get_mapping(modules, submodule->path, &node, error) ||
            !node_get_string(node, "url", &submodule->url, error) ||
            !node_get_bool(node, "checkout", &submodule->checkout, error)) {
            return FALSE;
        }
        submodule->has_checkout = node_find(node, "checkout") != NULL;
    }
    return TRUE;
}

gboolean source_need_ref_or_track(const Source *source, const Node *config, const char *what, GError **error)
{
    if (node_find(config, "ref") != NULL || node_find(config, "track") != NULL) {
        return TRUE;
    }
    error_set(error, ERROR_SOURCE, "missing-track-and-ref", &source->where, "%s sources require a ref and/or track",
              what);
    return FALSE;
}

static gboolean git_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"url",        "track",      "ref",  "submodules",        "checkout-submodules",
                                       "ref-format", "track-tags", "tags", SOURCE_VERSION_KEYS, NULL};
    Git *git = arena_new_of(source_arena(source), Git);
    const char *ref = NULL;
    Node *tags = NULL;
    source->data = git;
    git->checkout_submodules = TRUE;
    return node_get_string(config, "ref", &ref, error) && node_check_keys(config, keys, error) &&
           node_get_sequence(config, "tags", &tags, error) && load_tags(source, git, tags, error) &&
           node_get_bool(config, "track-tags", &git->track_tags, error) &&
           node_need_string(config, "url", &git->url, error) && node_get_string(config, "track", &git->track, error) &&
           node_get_choice(config, "ref-format", git_ref_formats, &git->ref_format, error) &&
           source_version_configure(&git->version, config, error) &&
           source_need_ref_or_track(source, config, "Git", error) &&
           node_get_bool(config, "checkout-submodules", &git->checkout_submodules, error) &&
           load_submodules(source, git, config, error);
}

static gboolean git_load_ref(Source *source, const Node *ref, GError **error)
{
    Git *git = source->data;
    Node *tags = NULL;
    git->ref = NULL;
    return (ref == NULL ||
            (node_get_string(ref, "ref", &git->ref, error) && node_get_sequence(ref, "tags", &tags, error))) &&
           load_tags(source, git, tags, error);
}

/* ---- Key ------------------------------------------------------------------------------------------------------------------------- */

static void append_wrapped(Arena *arena, Json *key, const char *name, Json *value)
{
    Json *wrapper = json_object(arena);
    json_set(wrapper, name, value);
    json_append(key, wrapper);
}

static Json *tags_key(const Git *git, Arena *arena)
{
    Json *tags = json_object(arena);
    for (gsize i = 0; i < git->n_tags; i++) {
        Json *tag = json_array(arena);
        json_append(tag, json_string(arena, git->tags[i].commit));
        json_append(tag, json_bool(arena, git->tags[i].annotated));
        json_set(tags, git->tags[i].name, tag);
    }
    return tags;
}

static void append_submodules(const Git *git, Arena *arena, Json *key)
{
    Json *urls = json_object(arena), *checkouts = json_object(arena);
    gboolean any_checkout = FALSE;
    for (gsize i = 0; i < git->n_submodules; i++) {
        const GitSubmodule *submodule = &git->submodules[i];
        json_set(urls, submodule->path, submodule->url != NULL ? json_string(arena, submodule->url) : json_null(arena));
        if (submodule->has_checkout) {
            json_set(checkouts, submodule->path, json_bool(arena, submodule->checkout));
            any_checkout = TRUE;
        }
    }
    if (git->n_submodules > 0) {
        json_append(key, urls);
    }
    if (any_checkout) {
        append_wrapped(arena, key, "submodule_checkout_overrides", checkouts);
    }
}

static Json *git_unique_key(Source *source, Arena *arena, GError **error)
{
    const Git *git = source->data;
    Json *key = json_array(arena);
    json_append(key, json_string(arena, git->url));
    json_append(key, json_string(arena, git_strip_tag(git->ref)));
    if (git->n_tags > 0) {
        append_wrapped(arena, key, "tags", tags_key(git, arena));
    }
    if (!git->checkout_submodules) {
        append_wrapped(arena, key, "checkout_submodules", json_bool(arena, FALSE));
    }
    append_submodules(git, arena, key);
    source_version_append_key(&git->version, arena, key);
    return key;
}

const SourceKind source_kind_git = {
    .name = "git",
    .has_ref = TRUE,
    .ref_keys = git_ref_keys,
    .configure = git_configure,
    .load_ref = git_load_ref,
    .unique_key = git_unique_key,
};
