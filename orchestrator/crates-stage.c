/* crates-stage.c - crates in the directory where cargo looks for vendored ones. */
#include "crates-private.h"
#include "archive-contents.h"
#include "download.h"
#include "element.h"
#include "source-info.h"

#include <string.h>

static ArchiveContents *read_crate(Source *source, const SourceContext *context, const Crate *crate, GError **error)
{
    SluiceDigest digest;
    g_autofree char *name = g_strdup_printf("%s-%s.crate", crate->name, crate->version);
    if (!download_find(context->store, crate->sha, &digest)) {
        error_set(error, ERROR_SOURCE, NULL, &source->where,
                  "%s with sha256sum '%s' is not in the cache; fetch it first", name, crate->sha);
        return NULL;
    }
    g_autoptr(GBytes) bytes = sluice_store_read(context->store, &digest, error);
    gsize length;
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &length) : NULL;
    return data != NULL ? archive_read(context->store, data, length, ARCHIVE_TAR, name, error) : NULL;
}

static gboolean add_text(const SourceContext *context, SluiceTree *tree, const char *path, const char *text,
                         GError **error)
{
    SluiceDigest digest;
    return sluice_store_put(context->store, text, strlen(text), NULL, &digest, error) &&
           sluice_tree_add_file(tree, path, &digest, FALSE, error);
}

/* Cargo wants to know what the crate file was, and trusts each file as long as none is listed. */
static gboolean add_checksum(const SourceContext *context, SluiceTree *tree, const ArchiveContents *contents,
                             const Crate *crate, const char *vendor, GError **error)
{
    if (contents->members->len == 0) {
        return TRUE;
    }
    const char *first = g_array_index(contents->members, ArchiveMember, 0).path;
    g_autofree char *top = g_strndup(first, strcspn(first, "/"));
    g_autofree char *path = g_strdup_printf("%s/%s/.cargo-checksum.json", vendor, top);
    g_autofree char *text = g_strdup_printf("{\"package\": \"%s\", \"files\": {}}", crate->sha);
    return add_text(context, tree, path, text, error);
}

static gboolean refuse_twins(SluiceTree *tree, const Crate *crate, const char *vendor, GError **error)
{
    SluiceEntry entry;
    g_autofree char *path = g_strdup_printf("%s/%s-%s", vendor, crate->name, crate->version);
    if (!sluice_tree_lookup(tree, path, &entry, NULL)) {
        return TRUE;
    }
    error_set(error, ERROR_SOURCE, NULL, NULL,
              "This project requests crate %s %s from multiple sources, which is incompatible with vendoring since "
              "cargo does not support it.",
              crate->name, crate->version);
    return FALSE;
}

static gboolean stage_git_crate(Source *source, const SourceContext *context, const Crate *crate, SluiceTree *tree,
                                const char *vendor, GError **error)
{
    g_autofree char *place = g_strdup_printf("%s/%s-%s", vendor, crate->name, crate->version);
    g_autofree char *checksum = g_strdup_printf("%s/.cargo-checksum.json", place);
    return crates_stage_git(source, context, crate, tree, place, error) &&
           add_text(context, tree, checksum, "{\"files\": {}, \"package\": null}", error);
}

static gboolean stage_crate(Source *source, const SourceContext *context, const Crate *crate, gboolean twins,
                            SluiceTree *tree, const char *vendor, GError **error)
{
    if (!twins && !refuse_twins(tree, crate, vendor, error)) {
        return FALSE;
    }
    if (crate->is_git) {
        return stage_git_crate(source, context, crate, tree, vendor, error);
    }
    g_autoptr(ArchiveContents) contents = read_crate(source, context, crate, error);
    return contents != NULL && archive_add_to_tree(contents, "", tree, vendor, error) &&
           add_checksum(context, tree, contents, crate, vendor, error);
}

gboolean crates_stage(Source *source, const SourceContext *context, gboolean twins, SluiceTree *tree,
                      const char *directory, GError **error)
{
    const Crates *crates = source->data;
    g_autofree char *vendor = g_strdup_printf("%s/%s", directory, crates->vendor_dir);
    for (gsize i = 0; i < crates->n_crates; i++) {
        if (!stage_crate(source, context, &crates->crates[i], twins, tree, vendor, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean crates_add_config(const SourceContext *context, SluiceTree *tree, const char *directory, const char *name,
                           const char *text, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/.cargo/%s", directory, name);
    return add_text(context, tree, path, text, error);
}

gboolean crates_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const Crates *crates = source->data;
    for (gsize i = 0; i < crates->n_crates; i++) {
        const Crate *crate = &crates->crates[i];
        g_autofree char *url =
            crate->is_git ? g_strdup(crates_mirrored_url(crates, arena, crate->repo))
                          : g_strdup_printf("%s%s/%s-%s.crate", crates->base, crate->name, crate->name, crate->version);
        g_autofree char *primary = source_primary_url(source, url, error);
        if (primary == NULL) {
            return FALSE;
        }
        SourceInfo info = {.url = primary,
                           .medium = "remote-file",
                           .version_type = "sha256",
                           .version = crate->sha,
                           .version_guess = crate->version,
                           .provenance = crate->provenance};
        if (crate->is_git) {
            Node *extra = node_new_mapping(arena, NULL);
            node_set(arena, extra, "crate-name", node_new_scalar(arena, crate->name, NULL));
            info.medium = "git";
            info.version_type = "commit";
            info.version = crate->commit;
            info.extra_data = extra;
        }
        source_info_append(source, arena, list, &info);
    }
    return TRUE;
}
