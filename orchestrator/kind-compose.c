/*
 * kind-compose.c - a selection of what the dependencies contain, after their integration commands.
 */
#include "build.h"
#include "element-private.h"
#include "split.h"

#include <stdlib.h>
#include <string.h>

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"integrate", "include", "exclude", "include-orphans", NULL};
    Arena *arena = session_arena(element->project->session);
    const char *const *domains = NULL;
    gboolean flag = FALSE, integrate = TRUE;
    if (!node_get_bool(element->config, "integrate", &integrate, error)) {
        return FALSE;
    }
    if (!integrate) {
        element->flags &= ~(unsigned)KIND_RUNS_COMMANDS;
    }
    return node_check_keys(element->config, keys, error) &&
           node_get_strings(element->config, "include", arena, &domains, error) &&
           node_get_strings(element->config, "exclude", arena, &domains, error) &&
           node_get_bool(element->config, "include-orphans", &flag, error);
}

static int compare_nodes(const void *a, const void *b)
{
    return strcmp(node_text(*(const Node *const *)a), node_text(*(const Node *const *)b));
}

static Json *sorted_key(Arena *arena, const Node *list, gboolean unique)
{
    gsize count = node_size(list);
    g_autofree const Node **items = g_new(const Node *, count + 1);
    for (gsize i = 0; i < count; i++) {
        items[i] = node_at(list, i);
    }
    qsort(items, count, sizeof *items, compare_nodes);
    Json *array = json_array(arena);
    for (gsize i = 0; i < count; i++) {
        if (!unique || i == 0 || strcmp(node_text(items[i - 1]), node_text(items[i])) != 0) {
            json_append(array, json_string(arena, node_text(items[i])));
        }
    }
    return array;
}

Json *sorted_strings_key(Arena *arena, const Node *list)
{
    return sorted_key(arena, list, FALSE);
}

Json *sorted_set_key(Arena *arena, const Node *list)
{
    return sorted_key(arena, list, TRUE);
}

static Json *unique_key(Element *element, Arena *arena)
{
    Json *key = json_object(arena);
    const Node *include = node_find(element->config, "include"), *exclude = node_find(element->config, "exclude");
    gboolean integrate = TRUE, orphans = TRUE;
    node_get_bool(element->config, "integrate", &integrate, NULL);
    node_get_bool(element->config, "include-orphans", &orphans, NULL);
    json_set(key, "integrate", json_bool(arena, integrate));
    json_set(key, "include", sorted_strings_key(arena, include));
    json_set(key, "orphans", json_bool(arena, orphans));
    if (exclude != NULL && node_size(exclude) > 0) {
        json_set(key, "exclude", sorted_strings_key(arena, exclude));
    }
    return key;
}

static gboolean in_manifest(const char *path, gpointer data)
{
    return g_hash_table_contains(data, path);
}

/* Paths that the split rules of the elements leave of their artifacts. */
static gboolean compute_manifest(Build *build, GPtrArray *elements, SplitRules *rules, GHashTable *paths,
                                 GError **error)
{
    for (guint i = 0; i < elements->len; i++) {
        rules->element = elements->pdata[i];
        if (rules->element->kind->flags & KIND_NO_ARTIFACT)
            continue;
        GError *problem = NULL;
        g_autoptr(Artifact) artifact =
            artifact_find(build->context->store, rules->element, build->context->strict, &problem);
        if (problem) {
            g_propagate_error(error, problem);
            return FALSE;
        }
        if (artifact && artifact->has_files &&
            !split_manifest(build->context->store, &artifact->files, split_rules_keep, rules, paths, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean keep_all(const char *path, gpointer data)
{
    return TRUE;
}

static gboolean is_absent(gpointer path, gpointer value, gpointer contents)
{
    return !g_hash_table_contains(contents, path);
}

/* What integration added belongs to the selection, what it removed does not. */
static gboolean follow_integration(Build *build, const SluiceDigest *before, const SluiceDigest *after,
                                   GHashTable *paths, GError **error)
{
    SluiceStore *store = build->context->store;
    g_autoptr(GHashTable) added = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) contents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!split_added(store, before, after, added, error) ||
        !split_manifest(store, after, keep_all, NULL, contents, error))
        return FALSE;
    guint n_removed = g_hash_table_foreach_remove(paths, is_absent, contents);
    build_event(build, EVENT_INFO, 0, NULL, "Integration added %u and removed %u files", g_hash_table_size(added),
                n_removed);
    GHashTableIter iterator;
    gpointer path;
    g_hash_table_iter_init(&iterator, added);
    while (g_hash_table_iter_next(&iterator, &path, NULL))
        g_hash_table_add(paths, g_strdup(path));
    return TRUE;
}

static char *selection_text(const SplitRules *rules)
{
    g_autofree char *include = g_strjoinv(", ", (char **)rules->include);
    g_autofree char *exclude = g_strjoinv(", ", (char **)rules->exclude);
    return g_strdup_printf("Including files from %s%s%s%s\n%s orphaned files", *include ? "domains: " : "all domains",
                           include, *exclude ? "\nExcluding files from domains: " : "", exclude,
                           rules->orphans ? "Including" : "Excluding");
}

static gboolean create_composition(Build *build, const SplitRules *rules, const SluiceDigest *after, GHashTable *paths,
                                   SluiceDigest *files, GError **error)
{
    static const char *const message = "Creating composition";
    g_autofree char *text = selection_text(rules);
    gint64 started = g_get_monotonic_time();
    build_event(build, EVENT_START, 0, text, "%s", message);
    build_event(build, EVENT_INFO, 0, NULL, "Composing %u files", g_hash_table_size(paths));
    gboolean ok = split_tree(build->context->store, after, in_manifest, paths, files, error);
    build_event(build, ok ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "%s", message);
    return ok;
}

static gboolean stage(Build *build, GPtrArray *elements, SluiceDigest *root, GError **error)
{
    static const char *const message = "Staging dependencies";
    gint64 started = build_event_start(build, message);
    gboolean staged = build_stage_artifacts(build, elements, root, error);
    build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "%s", message);
    return staged;
}

static gboolean split(Build *build, GPtrArray *elements, SplitRules *rules, GHashTable *paths, GError **error)
{
    static const char *const message = "Computing split";
    gint64 started = build_event_start(build, message);
    gboolean ok = compute_manifest(build, elements, rules, paths, error);
    build_event(build, ok ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "%s", message);
    return ok;
}

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    SplitRules rules = {.orphans = TRUE};
    gboolean integrate = TRUE;
    SluiceDigest before;
    g_autoptr(GPtrArray) elements = element_scope(element, SCOPE_BUILD);
    g_autoptr(GHashTable) paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!split_rules_read(&rules, element->config, build->arena, error) ||
        !node_get_bool(element->config, "integrate", &integrate, error) || !stage(build, elements, &before, error))
        return FALSE;
    gboolean selective = *rules.include || *rules.exclude || !rules.orphans;
    if (selective && !split(build, elements, &rules, paths, error))
        return FALSE;
    *files = before;
    if (integrate && !build_integrate(build, elements, &before, files, error))
        return FALSE;
    return !selective || ((!integrate || follow_integration(build, &before, files, paths, error)) &&
                          create_composition(build, &rules, files, paths, files, error));
}

const ElementKind element_kind_compose = {
    .name = "compose",
    .defaults = "config:\n"
                "  integrate: True\n"
                "  include: []\n"
                "  exclude: []\n"
                "  include-orphans: True\n",
    .flags = KIND_RUNS_COMMANDS | KIND_STRICT_REBUILD | KIND_FORBID_RUNTIME_DEPS | KIND_FORBID_SOURCES,
    .configure = configure,
    .unique_key = unique_key,
    .assemble = assemble,
};
