/* kind-assemble.c - how the kinds without build steps make their files. */
#include "build-private.h"
#include "split.h"

#include <string.h>

/* ---- Shared -------------------------------------------------------------------------------------------------------------- */

static gboolean config_strings(Build *build, const char *key, const char *const **out, GError **error)
{
    static const char *const none[] = {NULL};
    *out = none;
    return node_get_strings(build->element->config, key, build->arena, out, error);
}

/* include, exclude and include-orphans, the same in filter and compose. */
static gboolean config_split(Build *build, SplitRules *rules, GError **error)
{
    return config_strings(build, "include", &rules->include, error) &&
           config_strings(build, "exclude", &rules->exclude, error) &&
           node_get_bool(build->element->config, "include-orphans", &rules->orphans, error);
}

/* ---- stack --------------------------------------------------------------------------------------------------------------- */

gboolean kind_stack_assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    return sluice_tree_commit(tree, files, error);
}

/* ---- import -------------------------------------------------------------------------------------------------------------- */

/* The part of the sources that is wanted; at the top without looking further. */
static gboolean source_part(Build *build, const char *path, SluiceDigest *part, GError **error)
{
    if (strspn(path, "/") == strlen(path))
        return TRUE;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, part, error);
    SluiceEntry entry;
    if (!tree)
        return FALSE;
    if (!sluice_tree_lookup_follow(tree, path, &entry, NULL) || entry.type != SLUICE_ENTRY_DIRECTORY) {
        error_set(error, ERROR_ELEMENT, NULL, &build->element->where, "%s: No files were found inside directory '%s'",
                  build->element->full_name, path);
        return FALSE;
    }
    *part = entry.digest;
    return TRUE;
}

static gboolean is_empty(SluiceStore *store, const SluiceDigest *directory, gboolean *empty, GError **error)
{
    gsize count = 0;
    g_autoptr(SluiceDirectory) decoded = sluice_directory_read(store, directory, error);
    if (decoded)
        sluice_directory_get_entries(decoded, &count);
    *empty = count == 0;
    return decoded != NULL;
}

gboolean kind_import_assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
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
    if (!staged || !source_part(build, source, &part, error) || !is_empty(store, &part, &empty, error))
        return FALSE;
    if (empty) {
        error_set(error, ERROR_ELEMENT, NULL, &element->where, "%s: No files were found inside directory '%s'",
                  element->full_name, source);
        return FALSE;
    }
    g_autoptr(SluiceTree) tree = sluice_tree_new(store);
    return sluice_tree_make_directory(tree, target, error) &&
           sluice_tree_merge(tree, target, &part, NULL, NULL, error) && sluice_tree_commit(tree, files, error);
}

/* ---- filter -------------------------------------------------------------------------------------------------------------- */

static void list_unknown(const Element *element, const char *const *domains, const Node *where, GString *detail)
{
    const char *const *known = element_split_domains(element);
    gboolean heading = FALSE;
    for (; *domains; domains++) {
        if (known && g_strv_contains(known, *domains))
            continue;
        const Provenance *place = where ? node_where(where) : NULL;
        if (!heading && place)
            g_string_append_printf(detail, "Unknown domains were used in %s [line %d column %d]\n", place->file->name,
                                   place->line, place->column);
        heading = TRUE;
        g_string_append_printf(detail, " - %s\n", *domains);
    }
}

static gboolean check_domains(const Element *element, const SplitRules *rules, GError **error)
{
    g_autoptr(GString) detail = g_string_new(NULL);
    list_unknown(rules->element, rules->include, node_find(element->config, "include"), detail);
    list_unknown(rules->element, rules->exclude, node_find(element->config, "exclude"), detail);
    if (detail->len == 0)
        return TRUE;
    GError *problem = NULL;
    error_set(&problem, ERROR_ELEMENT, NULL, NULL, "Unknown domains declared.");
    error_set_detail(problem, g_strchomp(detail->str));
    g_propagate_error(error, problem);
    return FALSE;
}

/* The public data with the commands of what is filtered in front of its own. */
static Node *public_with_integration(Build *build)
{
    Arena *arena = build->arena;
    g_autoptr(GPtrArray) commands = build_integration_commands(build->element);
    Node *public_ =
        build->element->public_ ? node_clone(arena, build->element->public_) : node_new_mapping(arena, NULL);
    Node *bst = node_find(public_, "bst"), *list = node_new_sequence(arena, NULL);
    if (!bst) {
        bst = node_new_mapping(arena, NULL);
        node_set(arena, public_, "bst", bst);
    }
    for (guint i = 0; i < commands->len; i++)
        node_append(arena, list, node_new_scalar(arena, commands->pdata[i], NULL));
    node_set(arena, bst, "integration-commands", list);
    return public_;
}

static Element *only_build_dependency(const Element *element)
{
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if (element->dependencies[i].types & DEP_BUILD)
            return element->dependencies[i].element;
    }
    return NULL;
}

gboolean kind_filter_assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    Element *parent = only_build_dependency(element);
    g_return_val_if_fail(parent, FALSE); /* the kind's configure_dependencies has counted them */
    SplitRules rules = {.element = parent};
    gboolean pass = FALSE;
    SluiceDigest whole;
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, parent);
    if (!config_split(build, &rules, error) || !check_domains(element, &rules, error) ||
        !node_get_bool(element->config, "pass-integration", &pass, error))
        return FALSE;
    if (pass)
        build->public_ = public_with_integration(build);
    gint64 started = build_event_start(build, "Staging artifact");
    gboolean staged = build_stage_artifacts(build, one, &whole, error) &&
                      split_tree(build->context->store, &whole, split_rules_keep, &rules, files, error);
    build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "Staging artifact");
    return staged;
}

/* ---- compose ------------------------------------------------------------------------------------------------------------- */

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

static gboolean compose_selection(Build *build, GPtrArray *elements, SplitRules *rules, const SluiceDigest *before,
                                  const SluiceDigest *after, SluiceDigest *files, GError **error)
{
    g_autoptr(GHashTable) paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!compute_manifest(build, elements, rules, paths, error) ||
        !split_added(build->context->store, before, after, paths, error))
        return FALSE;
    build_event(build, EVENT_INFO, 0, NULL, "Composing %u files", g_hash_table_size(paths));
    return split_tree(build->context->store, after, in_manifest, paths, files, error);
}

gboolean kind_compose_assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    SplitRules rules = {.orphans = TRUE};
    gboolean integrate = TRUE;
    SluiceDigest before;
    if (!config_split(build, &rules, error) || !node_get_bool(element->config, "integrate", &integrate, error) ||
        !build_stage_dependencies(build, FALSE, &before, error))
        return FALSE;
    g_autoptr(GPtrArray) elements = element_scope(element, SCOPE_BUILD);
    SluiceDigest after = before;
    if (integrate && !build_integrate(build, elements, &before, &after, error))
        return FALSE;
    if (*rules.include || *rules.exclude || !rules.orphans)
        return compose_selection(build, elements, &rules, &before, &after, files, error);
    *files = after;
    return TRUE;
}

/* ---- script -------------------------------------------------------------------------------------------------------------- */

gboolean kind_script_assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    CommandStep step = {NULL};
    const char *install_root = element_variable(element, "install-root"), *cwd = element_variable(element, "cwd");
    const char *const writable[] = {install_root, NULL};
    CommandPlan plan = {
        .steps = &step, .n_steps = 1, .cwd = cwd ? cwd : "/", .writable = writable, .collect = install_root};
    plan.environment = build_environment(build, error);
    if (!plan.environment || !config_strings(build, "commands", &step.commands, error) ||
        !node_get_bool(element->config, "root-read-only", &plan.root_read_only, error) ||
        !build_stage_dependencies(build, TRUE, &plan.root, error) ||
        !build_plan_proxy(build, SLUICE_CACHE_WRITES_EXECUTED, &plan, error))
        return FALSE;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, &plan.root, error);
    return tree && sluice_tree_make_directory(tree, install_root, error) &&
           sluice_tree_commit(tree, &plan.root, error) && build_commands(build, &plan, files, error);
}
