/*
 * source.c - what is the same for all kinds of sources: tracking, fetching, and staging with what was staged before kept in the store.
 *
 * Refs of the space "source", each a digest as text and the tree it names:
 *   KIND/KEY   what one source stages
 *   all/HASH   what a list of sources stages together; HASH is of the kinds, keys and directories
 */
#include "element.h"

#include <string.h>

#define SOURCE_SPACE "source"

/* ---- Refs of staged trees ------------------------------------------------------------------------------------------------------ */

static gboolean find_staged(SluiceStore *store, const char *name, SluiceDigest *root)
{
    g_autoptr(GBytes) value = sluice_store_get_ref(store, SOURCE_SPACE, name, NULL);
    if (value == NULL) {
        return FALSE;
    }
    g_autofree char *text = g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value));
    return sluice_digest_parse(text, root, NULL) && sluice_store_has(store, root);
}

static gboolean keep_staged(SluiceStore *store, const char *name, const SluiceDigest *root, GError **error)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    sluice_digest_string(root, text);
    g_autoptr(GBytes) value = g_bytes_new(text, strlen(text));
    const SluiceRef ref = {.value = value, .trees = root, .n_trees = 1};
    return sluice_store_set_ref(store, SOURCE_SPACE, name, &ref, error);
}

static char *staged_name(const Source *source)
{
    return g_strconcat(source->kind->name, "/", source->key, NULL);
}

static char *staged_list_name(const Element *element)
{
    Arena *arena = arena_new();
    Json *list = json_array(arena);
    char key[65];
    for (gsize i = 0; i < element->n_sources; i++) {
        const Source *source = element->sources[i];
        Json *item = json_array(arena);
        json_append(item, json_string(arena, source->kind->name));
        json_append(item, json_string(arena, source->key));
        json_append(item, json_string(arena, source->directory != NULL ? source->directory : "/"));
        json_append(list, item);
    }
    json_key(list, key);
    arena_free(arena);
    return g_strconcat("all/", key, NULL);
}

/* ---- One source ----------------------------------------------------------------------------------------------------------------- */

static gboolean need_key(const Source *source, GError **error)
{
    if (source->key[0] == '\0') {
        error_set(error, ERROR_SOURCE, "source-no-ref", &source->where,
                  "%s source %u of %s has no ref; try `sluice source track %s`", source->kind->name, source->index,
                  source->element->full_name, source->element->full_name);
        return FALSE;
    }
    return TRUE;
}

/* Errors of the store and of the kinds name the element. */
static gboolean named(const Source *source, gboolean ok, GError **error)
{
    if (!ok && error != NULL && *error != NULL && !g_error_matches(*error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        g_prefix_error(error, "%s: %s source: ", source->element->full_name, source->kind->name);
    }
    return ok;
}

/* What the source stages by itself, from the store if it was staged before. */
static gboolean stage_alone(Source *source, const SourceContext *context, SluiceDigest *root, GError **error)
{
    g_autofree char *name = staged_name(source);
    if (find_staged(context->store, name, root)) {
        return TRUE;
    }
    g_autoptr(SluiceTree) tree = sluice_tree_new(context->store);
    return source->kind->stage(source, context, tree, "/", error) && sluice_tree_commit(tree, root, error) &&
           keep_staged(context->store, name, root, error);
}

gboolean source_is_resolved(const Source *source)
{
    if (source->kind->is_resolved != NULL) {
        return source->kind->is_resolved(source);
    }
    return !source->kind->has_ref || source->ref != NULL;
}

/* A file that was downloaded is not enough: what it holds may be bad, and fetching is when that should show. */
gboolean source_is_cached(Source *source, SluiceStore *store)
{
    SluiceDigest root;
    if (source->key[0] == '\0') {
        return FALSE;
    }
    if (!source->kind->has_ref || source->kind->needs_previous) {
        return source->kind->is_cached == NULL || source->kind->is_cached(source, store);
    }
    g_autofree char *name = staged_name(source);
    return find_staged(store, name, &root);
}

gboolean source_track(Source *source, const SourceContext *context, Node **new_ref, GError **error)
{
    *new_ref = NULL;
    if (!source->kind->has_ref || source->kind->track == NULL) {
        return TRUE;
    }
    *new_ref = source->kind->track(source, context, error);
    return named(source, *new_ref != NULL, error);
}

/* What is fetched is staged at once: a bad archive shows when it is fetched, not in the middle of a build. */
gboolean source_fetch(Source *source, const SourceContext *context, GError **error)
{
    SluiceDigest root;
    if (source->kind->fetch == NULL) {
        return TRUE;
    }
    gboolean ok = need_key(source, error) && source->kind->fetch(source, context, error) &&
                  (source->kind->needs_previous || stage_alone(source, context, &root, error));
    return named(source, ok, error);
}

/* ---- All sources of an element ----------------------------------------------------------------------------------------------------- */

static gboolean stage_into(Source *source, const SourceContext *context, SluiceTree *tree, GError **error)
{
    const char *directory = source->directory != NULL ? source->directory : "/";
    SluiceDigest root;
    if (source->kind->needs_previous) {
        return source->kind->stage(source, context, tree, directory, error);
    }
    return stage_alone(source, context, &root, error) && sluice_tree_merge(tree, directory, &root, NULL, NULL, error);
}

gboolean sources_stage(Element *element, const SourceContext *context, SluiceDigest *root, GError **error)
{
    for (gsize i = 0; i < element->n_sources; i++) {
        if (!need_key(element->sources[i], error)) {
            return FALSE;
        }
    }
    g_autofree char *name = staged_list_name(element);
    if (find_staged(context->store, name, root)) {
        return TRUE;
    }
    g_autoptr(SluiceTree) tree = sluice_tree_new(context->store);
    for (gsize i = 0; i < element->n_sources; i++) {
        Source *source = element->sources[i];
        if (!named(source, stage_into(source, context, tree, error), error)) {
            return FALSE;
        }
    }
    return sluice_tree_commit(tree, root, error) && keep_staged(context->store, name, root, error);
}
