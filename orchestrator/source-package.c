/* source-package.c - see source-package.h */
#include "source-package.h"
#include "element.h"

gboolean package_configure(Source *source, Package *package, const Node *config, const char *const *keys,
                           const char *base_key, const char *base, GError **error)
{
    source->data = package;
    package->base = base;
    return node_check_keys(config, keys, error) && node_need_string(config, "name", &package->name, error) &&
           node_get_string(config, base_key, &package->base, error) &&
           node_get_string(config, "version", &package->file.version, error) &&
           node_get_string(config, "version-guess-pattern", &package->file.version_guess_pattern, error);
}

gboolean package_load_ref(Source *source, const Node *ref, GError **error)
{
    Package *package = source->data;
    package->suffix = package->file.ref = package->file.url = NULL;
    if (ref == NULL) {
        return TRUE;
    }
    if (node_type(ref) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(ref),
                  "Value of 'ref' is not of the expected type 'dict'");
        return FALSE;
    }
    if (!node_need_string(ref, "suffix", &package->suffix, error) ||
        !node_need_string(ref, "sha256sum", &package->file.ref, error)) {
        return FALSE;
    }
    package->file.url = arena_printf(source_arena(source), "%s%s", package->base, package->suffix);
    return TRUE;
}

Json *package_unique_key(Source *source, Arena *arena, GError **error)
{
    const Package *package = source->data;
    const Downloadable *file = &package->file;
    const char *version = file->version != NULL ? file->version : file->version_guess_pattern;
    Json *key = json_array(arena);
    json_append(key, json_string(arena, package->suffix));
    json_append(key, json_string(arena, file->ref));
    if (version != NULL) {
        json_append(key, json_string(arena, version));
    }
    return key;
}

Node *package_ref_new(Source *source, const char *suffix, const char *sha256)
{
    Arena *arena = source_arena(source);
    Node *ref = node_new_mapping(arena, NULL);
    node_set(arena, ref, "suffix", node_new_scalar(arena, suffix, NULL));
    node_set(arena, ref, "sha256sum", node_new_scalar(arena, sha256, NULL));
    return ref;
}
