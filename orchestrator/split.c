/* split.c - see split.h.  Recursion is as deep as the tree, which a limit bounds. */
#include "split.h"

#include <string.h>

#define DEPTH_MAX 1024

static gboolean check_depth(unsigned depth, const char *path, GError **error)
{
    if (depth < DEPTH_MAX)
        return TRUE;
    error_set(error, ERROR_ELEMENT, NULL, NULL, "directories are nested too deeply: %s", path);
    return FALSE;
}

/* ---- Rules --------------------------------------------------------------------------------------------------------------- */

gboolean split_rules_read(SplitRules *rules, const Node *config, Arena *arena, GError **error)
{
    static const char *const none[] = {NULL};
    rules->include = rules->exclude = none;
    return node_get_strings(config, "include", arena, &rules->include, error) &&
           node_get_strings(config, "exclude", arena, &rules->exclude, error) &&
           node_get_bool(config, "include-orphans", &rules->orphans, error);
}

gboolean split_rules_keep(const char *path, gpointer data)
{
    const SplitRules *rules = data;
    gboolean everything = !rules->include || !*rules->include;
    gboolean claimed = FALSE, included = FALSE;
    const char *const *domain = element_split_domains(rules->element);
    for (; domain && *domain; domain++) {
        if (!element_in_split_domain(rules->element, *domain, path))
            continue;
        claimed = TRUE;
        if (rules->exclude && g_strv_contains(rules->exclude, *domain))
            return FALSE;
        included |= everything || g_strv_contains(rules->include, *domain);
    }
    return included || (rules->orphans && !claimed);
}

/* ---- Filtering ----------------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceStore *store;
    SplitFunc keep;
    gpointer data;
    GPtrArray *blobs; /* GBytes of new Directories */
    GString *path;    /* of the directory at hand; "" for the top */
} Split;

static gboolean split_directory(Split *split, const SluiceDigest *digest, unsigned depth, SluiceDigest *out,
                                gsize *n_kept, GError **error);

/* Sets *kept, and the digest of a directory that shrank. */
static gboolean split_entry(Split *split, SluiceEntry *entry, unsigned depth, gboolean *kept, GError **error)
{
    gsize length = split->path->len;
    g_string_append_printf(split->path, "/%s", entry->name);
    gsize n_kept = 0;
    gboolean ok = entry->type != SLUICE_ENTRY_DIRECTORY ||
                  split_directory(split, &entry->digest, depth + 1, &entry->digest, &n_kept, error);
    *kept = ok && (n_kept > 0 || split->keep(split->path->str, split->data));
    g_string_truncate(split->path, length);
    return ok;
}

static gboolean split_directory(Split *split, const SluiceDigest *digest, unsigned depth, SluiceDigest *out,
                                gsize *n_kept, GError **error)
{
    gsize count;
    g_autoptr(SluiceDirectory) directory = sluice_directory_read(split->store, digest, error);
    if (!directory || !check_depth(depth, split->path->str, error))
        return FALSE;
    const SluiceEntry *entries = sluice_directory_get_entries(directory, &count);
    g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(SluiceEntry));
    for (gsize i = 0; i < count; i++) {
        gboolean keep;
        SluiceEntry entry = entries[i];
        if (!split_entry(split, &entry, depth, &keep, error))
            return FALSE;
        if (keep)
            g_array_append_val(kept, entry);
    }
    *n_kept = kept->len;
    GBytes *bytes = sluice_directory_encode((const SluiceEntry *)(void *)kept->data, kept->len, error);
    if (!bytes)
        return FALSE;
    sluice_digest_of_bytes(bytes, out);
    g_ptr_array_add(split->blobs, bytes);
    return TRUE;
}

gboolean split_tree(SluiceStore *store, const SluiceDigest *root, SplitFunc keep, gpointer data, SluiceDigest *out,
                    GError **error)
{
    g_autoptr(GPtrArray) blobs = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GString) path = g_string_new(NULL);
    Split split = {store, keep, data, blobs, path};
    gsize n_kept;
    if (!split_directory(&split, root, 0, out, &n_kept, error))
        return FALSE;
    g_autofree SluiceDigest *digests = g_new(SluiceDigest, blobs->len);
    return sluice_store_put_many(store, (GBytes *const *)blobs->pdata, blobs->len, digests, error);
}

/* ---- Lists of paths ------------------------------------------------------------------------------------------------------ */

typedef struct {
    SplitFunc keep;
    gpointer data;
    GHashTable *paths;
} Manifest;

static gboolean add_to_manifest(const char *path, const SluiceEntry *entry, gpointer data)
{
    Manifest *manifest = data;
    if (manifest->keep(path, manifest->data))
        g_hash_table_add(manifest->paths, g_strdup(path));
    return TRUE;
}

gboolean split_manifest(SluiceStore *store, const SluiceDigest *root, SplitFunc keep, gpointer data, GHashTable *paths,
                        GError **error)
{
    Manifest manifest = {keep, data, paths};
    return sluice_store_walk_tree(store, root, add_to_manifest, &manifest, error);
}

typedef struct {
    SluiceStore *store;
    GHashTable *paths;
} Added;

/* `before` may be NULL: everything was added. */
static gboolean added_below(Added *added, const SluiceDigest *before, const SluiceDigest *after, const char *prefix,
                            unsigned depth, GError **error)
{
    gsize count;
    if (before && sluice_digest_equal(before, after))
        return TRUE;
    g_autoptr(SluiceDirectory) old = before ? sluice_directory_read(added->store, before, error) : NULL;
    g_autoptr(SluiceDirectory) new = sluice_directory_read(added->store, after, error);
    if ((before && !old) || !new || !check_depth(depth, prefix, error))
        return FALSE;
    const SluiceEntry *entries = sluice_directory_get_entries(new, &count);
    for (gsize i = 0; i < count; i++) {
        const SluiceEntry *earlier = old ? sluice_directory_find(old, entries[i].name) : NULL;
        g_autofree char *path = g_strconcat(prefix, "/", entries[i].name, NULL);
        const SluiceDigest *inner = earlier && earlier->type == SLUICE_ENTRY_DIRECTORY ? &earlier->digest : NULL;
        if (entries[i].type == SLUICE_ENTRY_DIRECTORY &&
            !added_below(added, inner, &entries[i].digest, path, depth + 1, error))
            return FALSE;
        if (!earlier)
            g_hash_table_add(added->paths, g_steal_pointer(&path));
    }
    return TRUE;
}

gboolean split_added(SluiceStore *store, const SluiceDigest *before, const SluiceDigest *after, GHashTable *paths,
                     GError **error)
{
    Added added = {store, paths};
    return added_below(&added, before, after, "", 0, error);
}
