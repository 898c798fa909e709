/*
 * kind-collect-manifest.c - what all dependencies are made of, as a file: BuildStream's own form or SPDX.
 */
#include "element-private.h"
#include "manifest.h"

#include <string.h>

/* An element's `data`. */
typedef struct {
    const char *path; /* or NULL: nothing is written */
    gboolean spdx, provenance;
    const Node *creators; /* these or NULL */
    const char *license, *namespace, *name;
    gboolean has_created;
    gint64 created;
} Manifest;

static gboolean read_output_type(const Node *config, gboolean *spdx, GError **error)
{
    const char *type = "manifest";
    if (!node_get_string(config, "output-type", &type, error)) {
        return FALSE;
    }
    *spdx = strcmp(type, "spdx") == 0;
    if (!*spdx && strcmp(type, "manifest") != 0) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(config, "output-type")),
                  "Value of 'output-type' should be one of 'manifest, spdx'");
        return FALSE;
    }
    return TRUE;
}

static gboolean read_spdx_info(const Node *config, Arena *arena, Manifest *manifest, GError **error)
{
    static const char *const keys[] = {"creators", "created", "data-license", "doc-namespace", "name", NULL};
    Node *info = NULL;
    const char *const *creators = NULL;
    if (!node_get_mapping(config, "spdx-info", &info, error)) {
        return FALSE;
    }
    if (info == NULL) {
        return TRUE;
    }
    manifest->creators = node_find(info, "creators");
    manifest->has_created = node_find(info, "created") != NULL;
    return node_check_keys(info, keys, error) && node_get_strings(info, "creators", arena, &creators, error) &&
           node_get_int(info, "created", &manifest->created, error) &&
           node_get_string(info, "data-license", &manifest->license, error) &&
           node_get_string(info, "doc-namespace", &manifest->namespace, error) &&
           node_get_string(info, "name", &manifest->name, error);
}

static gboolean configure(Element *element, GError **error)
{
    Arena *arena = session_arena(element->project->session);
    Manifest *manifest = arena_new_of(arena, Manifest);
    const Node *config = element->config;
    manifest->provenance = TRUE;
    element->data = manifest;
    return node_get_string(config, "path", &manifest->path, error) &&
           read_output_type(config, &manifest->spdx, error) && read_spdx_info(config, arena, manifest, error) &&
           node_get_bool(config, "use-source-provenance", &manifest->provenance, error);
}

static Json *text_or_null(Arena *arena, const char *text)
{
    return text != NULL ? json_string(arena, text) : json_null(arena);
}

static Json *unique_key(Element *element, Arena *arena)
{
    const Manifest *manifest = element->data;
    Json *key = json_object(arena);
    json_set(key, "path", text_or_null(arena, manifest->path));
    if (manifest->spdx) {
        Json *info = json_array(arena);
        json_append(info, manifest->creators != NULL ? json_from_node(arena, manifest->creators) : json_null(arena));
        json_append(info, text_or_null(arena, manifest->license));
        json_append(info, manifest->has_created ? json_int(arena, manifest->created) : json_null(arena));
        json_append(info, text_or_null(arena, manifest->namespace));
        json_append(info, text_or_null(arena, manifest->name));
        json_set(key, "output_type", json_string(arena, "spdx"));
        json_set(key, "spdx_info", info);
    }
    if (manifest->provenance) {
        json_set(key, "source_provenance", json_bool(arena, TRUE));
    }
    return key;
}

static gboolean collect(Build *build, const Manifest *manifest, Node *modules, Node *infos, GError **error)
{
    g_autoptr(GPtrArray) scope = element_scope(build->element, SCOPE_BUILD);
    for (guint i = 0; i < scope->len; i++) {
        const Node *public_ = build_public_data(build, scope->pdata[i], error);
        if (public_ == NULL ||
            !manifest_add(build, scope->pdata[i], public_, manifest->provenance, modules, infos, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* What a manifest that depends on this one takes over. */
static void set_public(Build *build, const Manifest *manifest, Node *cpe_manifest, Node *infos)
{
    const Node *own = build->element->public_;
    build->public_ = own != NULL ? node_clone(build->arena, own) : node_new_mapping(build->arena, NULL);
    node_set(build->arena, build->public_, "cpe-manifest", cpe_manifest);
    if (manifest->provenance) {
        Node *mapping = node_new_mapping(build->arena, NULL);
        node_set(build->arena, mapping, "element-infos", infos);
        node_set(build->arena, build->public_, "source-info-manifest", mapping);
    }
}

static gboolean write_document(Build *build, const Manifest *manifest, SluiceTree *tree, const Node *cpe_manifest,
                               const Node *infos, GError **error)
{
    const SpdxHeader header = {manifest->creators, manifest->license, manifest->namespace, manifest->name,
                               manifest->created};
    Json *document = manifest->spdx ? manifest_spdx(build, node_find(cpe_manifest, "modules"), infos,
                                                    manifest->provenance, &header, error)
                                    : json_from_node(build->arena, cpe_manifest);
    if (document == NULL) {
        return FALSE;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_indented(document, text);
    return build_add_text(build, tree, manifest->path, text->str, FALSE, error);
}

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    const Manifest *manifest = element->data;
    Arena *arena = build->arena;
    Node *modules = node_new_sequence(arena, NULL), *infos = node_new_sequence(arena, NULL);
    Node *cpe_manifest = node_new_mapping(arena, NULL);
    if (!collect(build, manifest, modules, infos, error)) {
        return FALSE;
    }
    node_set(arena, cpe_manifest, "//NOTE",
             node_new_scalar(
                 arena, "This is a generated manifest from buildstream files and not usable by flatpak-builder", NULL));
    node_set(arena, cpe_manifest, "modules", modules);
    set_public(build, manifest, cpe_manifest, infos);
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    return (manifest->path == NULL || *manifest->path == '\0' ||
            write_document(build, manifest, tree, cpe_manifest, infos, error)) &&
           sluice_tree_commit(tree, files, error);
}

const ElementKind element_kind_collect_manifest = {
    .name = "collect_manifest",
    .flags = KIND_STRICT_REBUILD | KIND_FORBID_RUNTIME_DEPS | KIND_FORBID_SOURCES,
    .artifact_version = 2,
    .configure = configure,
    .unique_key = unique_key,
    .assemble = assemble,
};
