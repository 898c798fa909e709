/*
 * kind-import.c - sources as they are, or a part of them, become the artifact.
 */
#include "build.h"

#include <string.h>

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"source", "target", NULL};
    const char *text = NULL;
    if (!node_check_keys(element->config, keys, error) || !node_need_string(element->config, "source", &text, error) ||
        !node_need_string(element->config, "target", &text, error)) {
        return FALSE;
    }
    if (element->n_sources == 0) {
        error_set(error, ERROR_ELEMENT, NULL, &element->where, "An import element must have at least one source.");
        return FALSE;
    }
    return TRUE;
}

static Json *unique_key(Element *element, Arena *arena)
{
    return json_from_node(arena, element->config);
}

/* The part of the sources that is wanted; at the top without looking further. */
static gboolean source_part(Build *build, const char *path, SluiceDigest *part, GError **error)
{
    if (strspn(path, "/") == strlen(path))
        return TRUE;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, part, error);
    SluiceEntry entry;
    if (!tree)
        return FALSE;
    if (!sluice_tree_lookup_follow(tree, path, &entry, NULL) || entry.type != SLUICE_ENTRY_DIRECTORY) {
        error_set(error, ERROR_ELEMENT, NULL, &build->element->where, "%s: No files were found inside directory '%s'",
                  build->element->full_name, path);
        return FALSE;
    }
    *part = entry.digest;
    return TRUE;
}

static gboolean is_empty(SluiceStore *store, const SluiceDigest *directory, gboolean *empty, GError **error)
{
    gsize count = 0;
    g_autoptr(SluiceDirectory) decoded = sluice_directory_read(store, directory, error);
    if (decoded)
        sluice_directory_get_entries(decoded, &count);
    *empty = count == 0;
    return decoded != NULL;
}

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    const char *source = "/", *target = "/";
    SluiceStore *store = build->context->store;
    SourceContext sources = {store, build->context->events, build->context->cancellable, 1, 0};
    SluiceDigest part;
    gboolean empty;
    if (!node_get_string(element->config, "source", &source, error) ||
        !node_get_string(element->config, "target", &target, error))
        return FALSE;
    gint64 started = build_event_start(build, "Staging sources");
    gboolean staged = sources_stage(element, &sources, &part, error);
    build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "Staging sources");
    if (!staged || !source_part(build, source, &part, error) || !is_empty(store, &part, &empty, error))
        return FALSE;
    if (empty) {
        error_set(error, ERROR_ELEMENT, NULL, &element->where, "%s: No files were found inside directory '%s'",
                  element->full_name, source);
        return FALSE;
    }
    g_autoptr(SluiceTree) tree = sluice_tree_new(store);
    return sluice_tree_make_directory(tree, target, error) &&
           sluice_tree_merge(tree, target, &part, NULL, NULL, error) && sluice_tree_commit(tree, files, error);
}

const ElementKind element_kind_import = {
    .name = "import",
    .defaults = "config:\n"
                "  source: /\n"
                "  target: /\n",
    .configure = configure,
    .unique_key = unique_key,
    .assemble = assemble,
};
