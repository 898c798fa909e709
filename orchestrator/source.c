/*
 * source.c - what is the same for all kinds of sources: tracking, fetching, and staging with what was staged before kept in the store.
 *
 * Refs of the space "source", each a digest as text and the tree it names:
 *   KIND/KEY   what one source stages
 *   all/HASH   what a list of sources stages together; HASH is of the kinds, keys and directories
 */
#include "element.h"

#include <fcntl.h>
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

gboolean source_write_key(Source *source, Arena *scratch, GString *text, GError **error)
{
    Json *key = source->kind->unique_key(source, scratch, error);
    if (key == NULL) {
        return FALSE;
    }
    gsize start = text->len;
    json_write(key, text);
    json_key_of_text(text->str + start, text->len - start, source->key);
    return TRUE;
}

gboolean source_take_ref(Source *source, Node *ref, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Arena *scratch = arena_new();
    source->ref = ref;
    source->key[0] = '\0';
    gboolean ok = source->kind->load_ref(source, ref, error) &&
                  (!source_is_resolved(source) || source_write_key(source, scratch, text, error));
    arena_free(scratch);
    return ok;
}

/* A file that was downloaded is not enough: what it holds may be bad, and fetching is when that should show. */
gboolean source_is_cached(Source *source, SluiceStore *store)
{
    SluiceDigest root;
    if (source->key[0] == '\0') {
        return FALSE;
    }
    if (source->kind->fetch == NULL || source->kind->needs_previous) {
        return source->kind->is_cached == NULL || source->kind->is_cached(source, store);
    }
    g_autofree char *name = staged_name(source);
    return find_staged(store, name, &root);
}

gboolean source_is_downloaded(Source *source, SluiceStore *store)
{
    return source_is_cached(source, store) ||
           (source->key[0] != '\0' && source->kind->is_cached != NULL && source->kind->is_cached(source, store));
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

gboolean source_warn(const Source *source, const SourceContext *context, const char *token, const char *message,
                     const char *detail, GError **error)
{
    g_autofree char *where = provenance_to_string(&source->where);
    g_autofree char *text = g_strdup_printf("[%s]: %s source at %s: %s", token, source->kind->name, where, message);
    if (project_is_fatal_warning(source_project(source), token)) {
        error_set(error, ERROR_PLUGIN, g_intern_string(token), NULL, "%s", text);
        error_set_detail(error != NULL ? *error : NULL, detail);
        return FALSE;
    }
    const Event event = {.type = EVENT_WARNING,
                         .element = source->element->full_name,
                         .message = text,
                         .detail = detail,
                         .elapsed_us = -1};
    if (context->events != NULL && context->events->func != NULL) {
        context->events->func(&event, context->events->data);
    }
    return TRUE;
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

static gboolean stage_list(Element *element, gsize count, const SourceContext *context, SluiceTree *tree,
                           GError **error)
{
    for (gsize i = 0; i < count; i++) {
        Source *source = element->sources[i];
        if (!named(source, stage_into(source, context, tree, error), error)) {
            return FALSE;
        }
    }
    return TRUE;
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
    return stage_list(element, element->n_sources, context, tree, error) && sluice_tree_commit(tree, root, error) &&
           keep_staged(context->store, name, root, error);
}

/* ---- Tracking ------------------------------------------------------------------------------------------------------------------------ */

/* What the sources before this one stage, seen from its directory; an empty one if they leave nothing there. */
static gboolean stage_previous(const Source *source, const SourceContext *context, SluiceDigest *digest, GError **error)
{
    Element *element = source->element;
    const char *directory = source->directory != NULL ? source->directory : "/";
    SluiceEntry entry;
    for (guint i = 0; i < source->index; i++) {
        Source *earlier = element->sources[i];
        if (!need_key(earlier, error) ||
            (!source_is_cached(earlier, context->store) && !source_fetch(earlier, context, error))) {
            return FALSE;
        }
    }
    g_autoptr(SluiceTree) tree = sluice_tree_new(context->store);
    if (!stage_list(element, source->index, context, tree, error) ||
        !sluice_tree_make_directory(tree, directory, error) || !sluice_tree_commit(tree, digest, error)) {
        return FALSE;
    }
    if (source->directory == NULL) {
        return TRUE;
    }
    if (!sluice_tree_lookup_follow(tree, directory, &entry, error)) {
        return FALSE;
    }
    *digest = entry.digest;
    return TRUE;
}

gboolean source_track(Source *source, const SourceContext *context, Node **new_ref, GError **error)
{
    SourceContext with_previous = *context;
    SluiceDigest previous;
    GError *problem = NULL;
    *new_ref = NULL;
    if (!source->kind->has_ref || source->kind->track == NULL) {
        return TRUE;
    }
    if (source->kind->tracks_previous) {
        if (!stage_previous(source, context, &previous, error)) {
            return FALSE;
        }
        with_previous.previous = &previous;
    }
    *new_ref = source->kind->track(source, &with_previous, &problem);
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return named(source, FALSE, error);
    }
    return TRUE;
}

GBytes *source_read_previous(const SourceContext *context, const char *path, gsize limit, GError **error)
{
    GError *problem = NULL;
    SluiceEntry entry;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(context->store, context->previous, error);
    if (tree == NULL) {
        return NULL;
    }
    if (!sluice_tree_lookup_follow(tree, path, &entry, &problem)) {
        if (!g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND)) {
            g_propagate_error(error, g_steal_pointer(&problem));
        }
        g_clear_error(&problem);
        return NULL;
    }
    if (entry.type != SLUICE_ENTRY_FILE) {
        return NULL;
    }
    if ((guint64)entry.digest.size > limit) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "'%s' has more than %" G_GSIZE_FORMAT " bytes", path, limit);
        return NULL;
    }
    return sluice_store_read(context->store, &entry.digest, error);
}

char *source_check_out_previous(const SourceContext *context, GError **error)
{
    g_autofree char *work = sluice_store_make_work_dir(context->store, "track", error);
    if (work != NULL &&
        !sluice_store_checkout(context->store, context->previous, AT_FDCWD, work, SLUICE_CHECKOUT_COPY, error)) {
        sluice_remove_tree(work, NULL);
        return NULL;
    }
    return g_steal_pointer(&work);
}
