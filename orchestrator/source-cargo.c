/* source-cargo.c - `kind: cargo`: crates of a registry, vendored; the older of the two kinds. */
#include "crates.h"
#include "element.h"
#include "source-info.h"
#include "source-kinds.h"

static gboolean cargo_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {CRATES_KEYS, NULL};
    return crates_configure(source, arena_new_of(source_arena(source), Crates), config, keys, "crates", error);
}

static gboolean cargo_load_ref(Source *source, const Node *ref, GError **error)
{
    return crates_load_ref(source, ref, FALSE, error);
}

/* An empty list is no ref. */
static gboolean cargo_is_resolved(const Source *source)
{
    const Crates *crates = source->data;
    return crates->n_crates > 0 && crates_are_pinned(source);
}

static Json *cargo_unique_key(Source *source, Arena *arena, GError **error)
{
    const Crates *crates = source->data;
    Json *key = json_array(arena), *list = json_array(arena);
    for (gsize i = 0; i < crates->n_crates; i++) {
        Json *crate = json_object(arena);
        json_set(crate, "name", json_string(arena, crates->crates[i].name));
        json_set(crate, "version", json_string(arena, crates->crates[i].version));
        json_set(crate, "sha", json_string(arena, crates->crates[i].sha));
        json_append(list, crate);
    }
    json_append(key, json_string(arena, crates->url));
    json_append(key, json_string(arena, crates->cargo_lock));
    json_append(key, json_string(arena, crates->vendor_dir));
    json_append(key, list);
    return key;
}

static Node *cargo_track(Source *source, const SourceContext *context, GError **error)
{
    return crates_track(source, context, FALSE, error);
}

static gboolean cargo_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                            GError **error)
{
    const Crates *crates = source->data;
    g_autofree char *url = source_primary_url(source, crates->base, error);
    if (url == NULL) {
        return FALSE;
    }
    g_autofree char *config = g_strdup_printf("[source.crates-io]\nregistry = \"%s\"\n"
                                              "replace-with = \"vendored-sources\"\n"
                                              "[source.vendored-sources]\ndirectory = \"%s\"\n",
                                              url, crates->vendor_dir);
    return crates_stage(source, context, TRUE, tree, directory, error) &&
           crates_add_config(context, tree, directory, "config", config, error);
}

const SourceKind source_kind_cargo = {
    .name = "cargo",
    .has_ref = TRUE,
    .tracks_previous = TRUE,
    .configure = cargo_configure,
    .load_ref = cargo_load_ref,
    .is_resolved = cargo_is_resolved,
    .unique_key = cargo_unique_key,
    .track = cargo_track,
    .fetch = crates_fetch,
    .stage = cargo_stage,
    .collect_info = crates_collect_info,
};
