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

/* What a name of the path is, where it is no directory. */
static gboolean cannot_open(const char *path, const SluiceEntry *entry, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(path), *name = g_path_get_basename(path);
    const char *folder = g_str_equal(parent, ".") ? "" : parent;
    if (entry)
        error_set(error, ERROR_VIRTUAL_FS, NULL, NULL,
                  "Cannot open %s, which is a '%s' in the directory [CAS://input%s%s]", name,
                  entry->type == SLUICE_ENTRY_SYMLINK ? "symlink" : "regular file", *folder ? "/" : "", folder);
    else
        error_set(error, ERROR_VIRTUAL_FS, NULL, NULL, "'%s' not found in [CAS://input%s%s]", name, *folder ? "/" : "",
                  folder);
    return FALSE;
}

/* The part of the sources that is wanted; links are not followed. */
static gboolean source_part(Build *build, const char *path, SluiceDigest *part, GError **error)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    g_autoptr(GString) way = g_string_new(NULL);
    for (gsize i = 0; names[i]; i++) {
        if (!*names[i] || g_str_equal(names[i], "."))
            continue;
        g_string_append_printf(way, "%s%s", way->len > 0 ? "/" : "", names[i]);
        g_autoptr(SluiceDirectory) directory = sluice_directory_read(build->context->store, part, error);
        const SluiceEntry *entry = directory ? sluice_directory_find(directory, names[i]) : NULL;
        if (!directory)
            return FALSE;
        if (!entry || entry->type != SLUICE_ENTRY_DIRECTORY)
            return cannot_open(way->str, entry, error);
        *part = entry->digest;
    }
    return TRUE;
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
    if (!staged || !source_part(build, source, &part, error) || !build_is_empty(build, &part, &empty, error))
        return FALSE;
    if (empty) {
        g_autofree char *where = provenance_to_string(&element->where);
        error_set(error, ERROR_ELEMENT, NULL, NULL, "import element at %s: No files were found inside directory '%s'",
                  where, source);
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
