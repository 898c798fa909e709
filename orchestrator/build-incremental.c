/*
 * build-incremental.c - builds of an element with an open workspace go on where the last one ended, as BuildStream 2.8 has it.
 *
 * workspaces.yml names the key of the last build, failed ones included.  If its artifact is there with its buildtree and the sources that it was made of, and
 * all build dependencies are the same, the next build starts with that buildtree, changed as the workspace has changed since then.  A marker in the buildtree
 * tells that the configure commands have run.
 */
#include "build-private.h"
#include "workspaces.h"

#include <string.h>

#define MARKER    ".bst-prepared"
#define DEPTH_MAX 1024

/* ---- The last build -------------------------------------------------------------------------------------------------------- */

static gboolean same_dependencies(const Build *build, const Artifact *artifact)
{
    g_autoptr(GPtrArray) scope = element_scope(build->element, SCOPE_BUILD);
    gboolean same = scope->len == artifact->n_build_deps;
    for (guint i = 0; same && i < scope->len; i++) {
        const Element *now = scope->pdata[i];
        const ArtifactDependency *then = &artifact->build_deps[i];
        same = strcmp(then->project, project_name(now->project)) == 0 && strcmp(then->element, now->name) == 0 &&
               strcmp(then->key, now->strong_key) == 0;
    }
    return same;
}

/* NULL without error: the build starts from the sources alone. */
static Artifact *find_last_build(Build *build, GError **error)
{
    const Element *element = build->element;
    const Workspace *workspace =
        element->workspace ? workspace_find(project_session(element->project), element->full_name) : NULL;
    if (!workspace || !workspace->last_build || !*workspace->last_build)
        return NULL;
    g_autofree char *name = artifact_ref_name(element, workspace->last_build);
    g_autoptr(Artifact) artifact = artifact_load(build->context->store, name, error);
    if (!artifact || !artifact->has_buildtree || !artifact->has_sources || !same_dependencies(build, artifact))
        return NULL;
    return g_steal_pointer(&artifact);
}

/* ---- Changes of sources ---------------------------------------------------------------------------------------------------- */

typedef struct {
    SluiceStore *store;
    GPtrArray *blobs; /* GBytes of new Directories */
} Changes;

static gboolean equal_entries(const SluiceEntry *a, const SluiceEntry *b)
{
    if (!a || !b || a->type != b->type)
        return FALSE;
    if (a->type == SLUICE_ENTRY_SYMLINK)
        return strcmp(a->target, b->target) == 0;
    return a->executable == b->executable && a->mtime == b->mtime && sluice_digest_equal(&a->digest, &b->digest);
}

static gboolean is_directory(const SluiceEntry *entry)
{
    return entry && entry->type == SLUICE_ENTRY_DIRECTORY;
}

static gboolean change_directory(Changes *changes, SluiceDigest *tree, const SluiceDigest *before,
                                 const SluiceDigest *after, unsigned depth, GError **error);

/* What the new sources have: where it differs from the old ones and from the build's, it replaces that. */
static gboolean add_changed(Changes *changes, GHashTable *entries, const SluiceDirectory *before,
                            const SluiceEntry *now, unsigned depth, GError **error)
{
    SluiceEntry *there = g_hash_table_lookup(entries, now->name);
    const SluiceEntry *old = before ? sluice_directory_find(before, now->name) : NULL;
    if (equal_entries(there, now) || equal_entries(old, now))
        return TRUE;
    if (is_directory(there) && is_directory(now))
        return change_directory(changes, &there->digest, is_directory(old) ? &old->digest : NULL, &now->digest,
                                depth + 1, error);
    g_hash_table_replace(entries, (gpointer)now->name, g_memdup2(now, sizeof *now));
    return TRUE;
}

static GHashTable *table_of(const SluiceDirectory *directory)
{
    gsize count;
    const SluiceEntry *all = sluice_directory_get_entries(directory, &count);
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    for (gsize i = 0; i < count; i++)
        g_hash_table_insert(table, (gpointer)all[i].name, g_memdup2(&all[i], sizeof all[i]));
    return table;
}

static gboolean write_directory(Changes *changes, GHashTable *entries, SluiceDigest *out, GError **error)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(SluiceEntry));
    GHashTableIter iterator;
    gpointer entry;
    g_hash_table_iter_init(&iterator, entries);
    while (g_hash_table_iter_next(&iterator, NULL, &entry))
        g_array_append_vals(list, entry, 1);
    GBytes *bytes = sluice_directory_encode((const SluiceEntry *)(void *)list->data, list->len, error);
    if (!bytes)
        return FALSE;
    sluice_digest_of_bytes(bytes, out);
    g_ptr_array_add(changes->blobs, bytes);
    return TRUE;
}

/* `before` is NULL where the old sources had no directory. */
static gboolean change_directory(Changes *changes, SluiceDigest *tree, const SluiceDigest *before,
                                 const SluiceDigest *after, unsigned depth, GError **error)
{
    gsize count;
    if (depth > DEPTH_MAX) {
        error_set(error, ERROR_ELEMENT, NULL, NULL, "directories of the workspace are nested too deeply");
        return FALSE;
    }
    if (before && sluice_digest_equal(before, after))
        return TRUE;
    g_autoptr(SluiceDirectory) built = sluice_directory_read(changes->store, tree, error);
    g_autoptr(SluiceDirectory) old = before ? sluice_directory_read(changes->store, before, error) : NULL;
    g_autoptr(SluiceDirectory) new = sluice_directory_read(changes->store, after, error);
    if (!built || !new || (before && !old))
        return FALSE;
    g_autoptr(GHashTable) entries = table_of(built);
    const SluiceEntry *all = sluice_directory_get_entries(new, &count);
    for (gsize i = 0; i < count; i++) {
        if (!add_changed(changes, entries, old, &all[i], depth, error))
            return FALSE;
    }
    all = old ? sluice_directory_get_entries(old, &count) : NULL;
    for (gsize i = 0; all && i < count; i++) {
        if (!sluice_directory_find(new, all[i].name))
            g_hash_table_remove(entries, all[i].name);
    }
    return write_directory(changes, entries, tree, error);
}

gboolean build_go_on(Build *build, SluiceDigest *files, GError **error)
{
    GError *problem = NULL;
    g_autoptr(Artifact) last = find_last_build(build, &problem);
    build->sources = *files;
    build->has_sources = TRUE;
    if (problem) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (!last)
        return TRUE;
    build_event(build, EVENT_INFO, 0, NULL, "Incremental build");
    g_autoptr(GPtrArray) blobs = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    Changes changes = {build->context->store, blobs};
    SluiceDigest tree = last->buildtree;
    if (!change_directory(&changes, &tree, &last->sources, files, 0, error))
        return FALSE;
    g_autofree SluiceDigest *digests = g_new(SluiceDigest, blobs->len + 1);
    *files = tree;
    return sluice_store_put_many(build->context->store, (GBytes *const *)blobs->pdata, blobs->len, digests, error);
}

/* ---- Configure commands ------------------------------------------------------------------------------------------------------ */

gboolean build_configure_once(Build *build, const CommandPlan *plan, CommandStep *configure, GError **error)
{
    if (!build->element->workspace)
        return TRUE;
    const char *marker = arena_printf(build->arena, "%s/" MARKER, plan->buildtree);
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, &plan->root, error);
    SluiceEntry entry;
    if (!tree)
        return FALSE;
    if (sluice_tree_lookup(tree, marker, &entry, NULL))
        configure->commands = NULL;
    else
        configure->marker = marker;
    return TRUE;
}
