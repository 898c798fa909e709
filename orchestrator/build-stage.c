/* build-stage.c - what a build stands on: artifacts of dependencies where they belong, and sources. */
#include "build-private.h"
#include "overlap.h"

#include <string.h>

/* ---- Layout -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *location;
    GPtrArray *elements; /* in the order of the layout */
} Location;

static void location_clear(gpointer data)
{
    g_ptr_array_unref(((Location *)data)->elements);
}

static gint compare_locations(gconstpointer a, gconstpointer b)
{
    return strcmp(((const Location *)a)->location, ((const Location *)b)->location);
}

static void add_place(GArray *locations, const LayoutPlace *place)
{
    for (guint i = 0; i < locations->len; i++) {
        Location *known = &g_array_index(locations, Location, i);
        if (strcmp(known->location, place->location) == 0) {
            g_ptr_array_add(known->elements, place->element);
            return;
        }
    }
    Location location = {place->location, g_ptr_array_new()};
    g_ptr_array_add(location.elements, place->element);
    g_array_append_val(locations, location);
}

/* In the order in which they are staged. */
static GArray *layout_locations(const Layout *layout)
{
    GArray *locations = g_array_new(FALSE, FALSE, sizeof(Location));
    g_array_set_clear_func(locations, location_clear);
    for (gsize i = 0; i < layout->count; i++)
        add_place(locations, &layout->places[i]);
    g_array_sort(locations, compare_locations);
    return locations;
}

static GPtrArray *location_scope(const Location *location)
{
    return elements_scope((Element *const *)location->elements->pdata, location->elements->len, SCOPE_RUN);
}

gboolean build_staging_failed(Build *build)
{
    build->failed_staging = TRUE;
    return FALSE;
}

/* ---- Artifacts ----------------------------------------------------------------------------------------------------------- */

static gboolean find_files(Build *build, Element *element, SluiceDigest *files, gboolean *present, GError **error)
{
    GError *problem = NULL;
    g_autoptr(Artifact) artifact = artifact_find(build->context->store, element, build->context->strict, &problem);
    if (artifact && artifact->success) {
        *present = artifact->has_files;
        *files = artifact->files;
        return TRUE;
    }
    if (!problem) {
        error_set(&problem, ERROR_ELEMENT, "uncached-checkout-attempt", NULL, "%s: No artifacts to stage",
                  element->full_name);
        error_set_detail(problem, artifact ? "The build of this element failed"
                                           : "No artifacts have been cached yet for that element\n"
                                             "Try building the element first with `sluice build`");
    }
    g_propagate_error(error, problem);
    return FALSE;
}

/* The part of an artifact that the rules leave; all of it without rules. */
static gboolean split_files(Build *build, Element *element, const SplitRules *rules, SluiceDigest *files,
                            GError **error)
{
    if (!rules || (rules->orphans && !*rules->include && !*rules->exclude))
        return TRUE;
    SplitRules own = *rules;
    own.element = element;
    return split_tree(build->context->store, files, split_rules_keep, &own, files, error);
}

static gboolean stage_artifact(Build *build, OverlapCollector *collector, SluiceTree *tree, Element *element,
                               const SplitRules *rules, GError **error)
{
    if (element->kind->flags & KIND_NO_ARTIFACT)
        return TRUE;
    SluiceDigest files;
    gboolean present;
    if (!find_files(build, element, &files, &present, error))
        return FALSE;
    build_log(build, "[--:--:--] STATUS  [%.8s] %s: Staging %s/%.8s\n", element->strong_key, element->full_name,
              element->name, element->strong_key);
    return !present || (split_files(build, element, rules, &files, error) &&
                        overlap_stage(collector, tree, element, &files, error));
}

static gboolean stage_session(Build *build, OverlapCollector *collector, SluiceTree *tree, GPtrArray *elements,
                              const char *location, const SplitRules *rules, GError **error)
{
    overlap_session_begin(collector, location);
    for (guint i = 0; i < elements->len; i++) {
        if (!stage_artifact(build, collector, tree, elements->pdata[i], rules, error))
            return FALSE;
    }
    return overlap_session_end(collector, error);
}

gboolean build_stage_artifacts(Build *build, GPtrArray *elements, SluiceDigest *root, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    g_autoptr(OverlapCollector) collector = overlap_collector_new(build);
    return (stage_session(build, collector, tree, elements, "/", NULL, error) &&
            sluice_tree_commit(tree, root, error)) ||
           build_staging_failed(build);
}

static gboolean stage_location(Build *build, OverlapCollector *collector, SluiceTree *tree, const Location *location,
                               const SplitRules *rules, GError **error)
{
    g_autofree char *message = g_strdup_printf("Staging dependencies at: %s", location->location);
    g_autoptr(GPtrArray) elements = location_scope(location);
    gint64 started = build_event_start(build, message);
    gboolean staged = sluice_tree_make_directory(tree, location->location, error) &&
                      stage_session(build, collector, tree, elements, location->location, rules, error);
    build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "%s", message);
    return staged;
}

static gboolean stage_locations(Build *build, GArray *locations, const StagePlan *plan, SluiceDigest *root,
                                GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    g_autoptr(OverlapCollector) collector = overlap_collector_new(build);
    for (guint i = 0; i < locations->len; i++) {
        Location *location = &g_array_index(locations, Location, i);
        gboolean part = g_strcmp0(plan->split_location, location->location) == 0;
        if (!stage_location(build, collector, tree, location, part ? &plan->split : NULL, error))
            return FALSE;
    }
    return sluice_tree_commit(tree, root, error);
}

static gboolean integrate_locations(Build *build, GArray *locations, SluiceDigest *root, GError **error)
{
    for (guint i = 0; i < locations->len; i++) {
        Location *location = &g_array_index(locations, Location, i);
        if (strcmp(location->location, "/") != 0)
            continue;
        g_autoptr(GPtrArray) elements = location_scope(location);
        return build_integrate(build, elements, root, root, error);
    }
    return TRUE;
}

gboolean build_stage(Build *build, const StagePlan *plan, SluiceDigest *root, GError **error)
{
    g_autoptr(GArray) locations = layout_locations(plan->layout);
    if (!stage_locations(build, locations, plan, root, error) ||
        (plan->integrate && !integrate_locations(build, locations, root, error)))
        return build_staging_failed(build);
    build->environment_root = *root;
    build->has_environment_root = TRUE;
    return TRUE;
}

gboolean build_stage_dependencies(Build *build, SluiceDigest *root, GError **error)
{
    Layout layout = {.arena = build->arena};
    StagePlan plan = {.layout = &layout, .integrate = TRUE};
    layout_add_dependencies(&layout, build->element, "location", "/");
    return build_stage(build, &plan, root, error);
}

const Node *build_public_data(Build *build, const Element *dependency, GError **error)
{
    GError *problem = NULL;
    g_autoptr(Artifact) artifact = NULL;
    if (!(dependency->kind->flags & KIND_NO_ARTIFACT))
        artifact = artifact_find(build->context->store, dependency, build->context->strict, &problem);
    if (artifact)
        return artifact_read_public(build->context->store, artifact, build->arena, error);
    if (problem) {
        g_propagate_error(error, problem);
        return NULL;
    }
    return dependency->public_ ? dependency->public_ : node_new_mapping(build->arena, NULL);
}

gboolean build_add_text(Build *build, SluiceTree *tree, const char *path, const char *text, gboolean executable,
                        GError **error)
{
    SluiceDigest digest;
    return sluice_store_put(build->context->store, text, strlen(text), NULL, &digest, error) &&
           sluice_tree_add_file(tree, path, &digest, executable, error);
}

/* ---- Sources ------------------------------------------------------------------------------------------------------------- */

gboolean build_is_empty(Build *build, const SluiceDigest *directory, gboolean *empty, GError **error)
{
    gsize count = 0;
    g_autoptr(SluiceDirectory) decoded = sluice_directory_read(build->context->store, directory, error);
    if (decoded)
        sluice_directory_get_entries(decoded, &count);
    *empty = count == 0;
    return decoded != NULL;
}

/* The staged root with a place for the sources in it, where nothing may be yet.  NULL with error. */
static SluiceTree *tree_with_place(Build *build, const SluiceDigest *root, const char *path, GError **error)
{
    SluiceEntry entry;
    gboolean empty = TRUE;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(build->context->store, root, error);
    if (!tree || (sluice_tree_lookup_follow(tree, path, &entry, NULL) && entry.type == SLUICE_ENTRY_DIRECTORY &&
                  !build_is_empty(build, &entry.digest, &empty, error)))
        return NULL;
    if (!empty) {
        error_set(error, ERROR_ELEMENT, NULL, NULL, "Staging directory '[CAS:/%s]' is not empty", path);
        return NULL;
    }
    return sluice_tree_make_directory(tree, path, error) ? g_steal_pointer(&tree) : NULL;
}

gboolean build_stage_sources(Build *build, const char *path, SluiceDigest *root, GError **error)
{
    const BuildContext *context = build->context;
    SourceContext sources = {context->store, context->events, context->cancellable, 1, 0};
    gint64 started = build_event_start(build, "Staging sources");
    SluiceDigest files;
    g_autoptr(SluiceTree) tree = NULL;
    gboolean any = build->element->n_sources > 0;
    gboolean staged =
        (!any || (sources_stage(build->element, &sources, &files, error) && build_go_on(build, &files, error))) &&
        (tree = tree_with_place(build, root, path, error)) &&
        (!any || sluice_tree_merge(tree, path, &files, NULL, NULL, error)) && sluice_tree_commit(tree, root, error);
    build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "Staging sources");
    return staged || build_staging_failed(build);
}

/* ---- Environment --------------------------------------------------------------------------------------------------------- */

const char *const *build_environment(Build *build, GError **error)
{
    const char *const *environment = environment_from_node(build->arena, build->element->environment);
    Layout layout = {.arena = build->arena};
    layout_add_dependencies(&layout, build->element, "digest-environment", NULL);
    g_autoptr(GArray) variables = layout_locations(&layout);
    for (guint i = 0; i < variables->len; i++) {
        Location *variable = &g_array_index(variables, Location, i);
        g_autoptr(GPtrArray) elements = location_scope(variable);
        g_autofree char *message = g_strdup_printf("Staging dependencies for '%s' in subsandbox", variable->location);
        SluiceDigest root;
        char text[SLUICE_DIGEST_STRING_MAX];
        gint64 started = build_event_start(build, message);
        gboolean staged = build_stage_artifacts(build, elements, &root, error);
        build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "%s", message);
        if (!staged)
            return NULL;
        environment =
            environment_with(build->arena, environment, variable->location, sluice_digest_string(&root, text));
    }
    return environment;
}
