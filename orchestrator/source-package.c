/* source-package.c - see source-package.h */
#include "source-package.h"
#include "archive-contents.h"
#include "element.h"
#include "source-info.h"

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

Node *package_ref_new(Source *source, gboolean digest_first, const char *suffix, const char *sha256)
{
    const char *const keys[] = {"suffix", "sha256sum"}, *const values[] = {suffix, sha256};
    Arena *arena = source_arena(source);
    Node *ref = node_new_mapping(arena, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        gsize at = digest_first ? 1 - i : i;
        node_set(arena, ref, keys[at], node_new_scalar(arena, values[at], NULL));
    }
    return ref;
}

gboolean package_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                       GError **error)
{
    const Package *package = source->data;
    ArchiveFormat format = g_str_has_suffix(package->suffix, ".zip") ? ARCHIVE_ZIP : ARCHIVE_TAR;
    SluiceDigest digest;
    gsize length;
    if (!downloadable_find(source, context->store, &digest, error)) {
        return FALSE;
    }
    g_autoptr(GBytes) bytes = sluice_store_read(context->store, &digest, error);
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    g_autoptr(ArchiveContents) contents =
        data != NULL ? archive_read(context->store, data, length, format, package->file.url, error) : NULL;
    return contents != NULL && archive_add_to_tree(contents, NULL, tree, directory, error);
}

gboolean package_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const Package *package = source->data;
    const Downloadable *file = &package->file;
    g_autofree char *guess = g_strdup(file->version);
    g_autofree char *url = file->url != NULL ? source_primary_url(source, file->url, error) : NULL;
    if (url == NULL) {
        return file->url == NULL;
    }
    if (guess == NULL && !version_guess(url, file->version_guess_pattern, &guess, error)) {
        return FALSE;
    }
    const SourceInfo info = {
        .url = url, .medium = "remote-file", .version_type = "sha256", .version = file->ref, .version_guess = guess};
    source_info_append(source, arena, list, &info);
    return TRUE;
}
