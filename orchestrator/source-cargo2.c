/* source-cargo2.c - `kind: cargo2`: crates of a registry and of git repositories, vendored. */
#include "crates.h"
#include "element.h"
#include "source-info.h"
#include "source-kinds.h"
#include "toml.h"

/* Part of the key: the second version of what is staged. */
#define CARGO2_LAYOUT "a"

static gboolean check_mirrors(const Node *mirrors, GError **error)
{
    for (gsize i = 0; i < node_size(mirrors); i++) {
        const Node *value = node_value_at(mirrors, i);
        if (node_type(value) != NODE_SCALAR) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(value),
                      "Value of '%s' is not of the expected type 'str'", node_key_at(mirrors, i));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean cargo2_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {CRATES_KEYS, "git-mirrors", NULL};
    Crates *crates = arena_new_of(source_arena(source), Crates);
    Node *mirrors = NULL;
    if (!crates_configure(source, crates, config, keys, ".vendored-crates", error) ||
        !node_get_mapping(config, "git-mirrors", &mirrors, error) || !check_mirrors(mirrors, error)) {
        return FALSE;
    }
    crates->git_mirrors = mirrors;
    return TRUE;
}

static gboolean cargo2_load_ref(Source *source, const Node *ref, GError **error)
{
    return crates_load_ref(source, ref, TRUE, error);
}

static Json *crate_key(const Crate *crate, Arena *arena)
{
    Json *key = json_object(arena);
    json_set(key, "kind", json_string(arena, crate->is_git ? "git" : "registry"));
    json_set(key, "name", json_string(arena, crate->name));
    json_set(key, "version", json_string(arena, crate->version));
    if (!crate->is_git) {
        json_set(key, "sha", json_string(arena, crate->sha));
        return key;
    }
    json_set(key, "repo", json_string(arena, crate->repo));
    json_set(key, "commit", json_string(arena, crate->commit));
    if (crate->query != NULL) {
        json_set(key, "query", json_from_node(arena, crate->query));
    }
    return key;
}

static Json *cargo2_unique_key(Source *source, Arena *arena, GError **error)
{
    const Crates *crates = source->data;
    Json *key = json_array(arena), *list = json_array(arena);
    for (gsize i = 0; i < crates->n_crates; i++) {
        json_append(list, crate_key(&crates->crates[i], arena));
    }
    json_append(key, json_string(arena, crates->url));
    json_append(key, json_string(arena, crates->cargo_lock));
    json_append(key, json_string(arena, crates->vendor_dir));
    json_append(key, list);
    json_append(key, json_string(arena, CARGO2_LAYOUT));
    return key;
}

/* As forms are sent: blanks are plus signs. */
static void append_form(GString *out, const char *text)
{
    g_autofree char *escaped = g_uri_escape_string(text, " ", FALSE);
    g_strdelimit(escaped, " ", '+');
    g_string_append(out, escaped);
}

static Node *cargo2_track(Source *source, const SourceContext *context, GError **error)
{
    return crates_track(source, context, TRUE, error);
}

/* ---- Staging ------------------------------------------------------------------------------------------------------------------------ */

/* Cargo finds a dependency on a repository by its URL and by what it was pinned by. */
static gboolean add_repository(Source *source, const Crate *crate, GHashTable *seen, GString *config, GError **error)
{
    g_autofree char *url = source_primary_url(source, crate->repo, error);
    if (url == NULL) {
        return FALSE;
    }
    g_autoptr(GString) id = g_string_new("git+");
    g_string_append(id, url);
    for (gsize i = 0; i < node_size(crate->query); i++) {
        g_string_append_c(id, i == 0 ? '?' : '&');
        append_form(id, node_key_at(crate->query, i));
        g_string_append_c(id, '=');
        append_form(id, node_text(node_value_at(crate->query, i)));
    }
    if (!g_hash_table_add(seen, g_strdup(id->str))) {
        return TRUE;
    }
    g_string_append(config, "\n[source.");
    toml_write_key(id->str, config);
    g_string_append(config, "]\n");
    toml_write_pair("git", url, config);
    toml_write_pair("replace-with", "vendored-sources", config);
    for (gsize i = 0; i < node_size(crate->query); i++) {
        toml_write_pair(node_key_at(crate->query, i), node_text(node_value_at(crate->query, i)), config);
    }
    return TRUE;
}

static gboolean write_config(Source *source, GString *config, GError **error)
{
    const Crates *crates = source->data;
    g_autofree char *url = source_primary_url(source, crates->base, error);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (url == NULL) {
        return FALSE;
    }
    g_string_append(config, "[source.crates-io]\n");
    toml_write_pair("registry", url, config);
    toml_write_pair("replace-with", "vendored-sources", config);
    for (gsize i = 0; i < crates->n_crates; i++) {
        if (crates->crates[i].is_git && !add_repository(source, &crates->crates[i], seen, config, error)) {
            return FALSE;
        }
    }
    g_string_append(config, "\n[source.vendored-sources]\n");
    toml_write_pair("directory", crates->vendor_dir, config);
    return TRUE;
}

static gboolean cargo2_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                             GError **error)
{
    g_autoptr(GString) config = g_string_new(NULL);
    return crates_stage(source, context, FALSE, tree, directory, error) && write_config(source, config, error) &&
           crates_add_config(context, tree, directory, "config.toml", config->str, error);
}

/* Without a ref there are no crates, which is fine. */
const SourceKind source_kind_cargo2 = {
    .name = "cargo2",
    .has_ref = TRUE,
    .tracks_previous = TRUE,
    .configure = cargo2_configure,
    .load_ref = cargo2_load_ref,
    .is_resolved = crates_are_pinned,
    .unique_key = cargo2_unique_key,
    .track = cargo2_track,
    .fetch = crates_fetch,
    .stage = cargo2_stage,
    .collect_info = crates_collect_info,
};
