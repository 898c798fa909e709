/* build-stage.c - what a build stands on: artifacts of dependencies where they belong, and sources. */
#include "build-private.h"
#include "overlap.h"

#include <string.h>

/* ---- Layout -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *location;
    GPtrArray *elements; /* dependencies as they are listed */
} LayoutItem;

static void layout_item_clear(gpointer data)
{
    g_ptr_array_unref(((LayoutItem *)data)->elements);
}

static void layout_add(GArray *layout, const char *location, Element *element)
{
    for (guint i = 0; i < layout->len; i++) {
        LayoutItem *item = &g_array_index(layout, LayoutItem, i);
        if (strcmp(item->location, location) == 0) {
            g_ptr_array_add(item->elements, element);
            return;
        }
    }
    LayoutItem item = {location, g_ptr_array_new()};
    g_ptr_array_add(item.elements, element);
    g_array_append_val(layout, item);
}

static gint layout_order(gconstpointer a, gconstpointer b)
{
    return strcmp(((const LayoutItem *)a)->location, ((const LayoutItem *)b)->location);
}

/* Build dependencies by `location`.  A dependency that is written with and without config counts only where it has config, as in
 * BuildStream. */
static GArray *element_layout(Element *element, GError **error)
{
    g_autoptr(GArray) layout = g_array_new(FALSE, FALSE, sizeof(LayoutItem));
    g_array_set_clear_func(layout, layout_item_clear);
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        if (!(dependency->types & DEP_BUILD))
            continue;
        if (dependency->n_configs == 0)
            layout_add(layout, "/", dependency->element);
        for (gsize j = 0; j < dependency->n_configs; j++) {
            const char *location = "/";
            if (!node_get_string(dependency->configs[j], "location", &location, error))
                return NULL;
            layout_add(layout, location, dependency->element);
        }
    }
    g_array_sort(layout, layout_order);
    return g_steal_pointer(&layout);
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

static gboolean stage_artifact(Build *build, OverlapCollector *collector, SluiceTree *tree, Element *element,
                               GError **error)
{
    if (element->kind->flags & KIND_NO_ARTIFACT)
        return TRUE;
    SluiceDigest files;
    gboolean present;
    if (!find_files(build, element, &files, &present, error))
        return FALSE;
    build_log(build, "[--:--:--] STATUS  [%.8s] %s: Staging %s/%.8s\n", element->strong_key, element->full_name,
              element->name, element->strong_key);
    return !present || overlap_stage(collector, tree, element, &files, error);
}

static gboolean stage_session(Build *build, OverlapCollector *collector, SluiceTree *tree, GPtrArray *elements,
                              const char *location, GError **error)
{
    overlap_session_begin(collector, location);
    for (guint i = 0; i < elements->len; i++) {
        if (!stage_artifact(build, collector, tree, elements->pdata[i], error))
            return FALSE;
    }
    return overlap_session_end(collector, error);
}

gboolean build_stage_artifacts(Build *build, GPtrArray *elements, SluiceDigest *root, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    g_autoptr(OverlapCollector) collector = overlap_collector_new(build);
    return stage_session(build, collector, tree, elements, "/", error) && sluice_tree_commit(tree, root, error);
}

static gboolean stage_layout(Build *build, GArray *layout, SluiceDigest *root, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    g_autoptr(OverlapCollector) collector = overlap_collector_new(build);
    for (guint i = 0; i < layout->len; i++) {
        LayoutItem *item = &g_array_index(layout, LayoutItem, i);
        g_autofree char *message = g_strdup_printf("Staging dependencies at: %s", item->location);
        g_autoptr(GPtrArray) elements =
            elements_scope((Element *const *)item->elements->pdata, item->elements->len, SCOPE_RUN);
        gint64 started = build_event_start(build, message);
        gboolean staged = sluice_tree_make_directory(tree, item->location, error) &&
                          stage_session(build, collector, tree, elements, item->location, error);
        build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "%s", message);
        if (!staged)
            return FALSE;
    }
    return sluice_tree_commit(tree, root, error);
}

static gboolean integrate_layout(Build *build, GArray *layout, SluiceDigest *root, GError **error)
{
    for (guint i = 0; i < layout->len; i++) {
        LayoutItem *item = &g_array_index(layout, LayoutItem, i);
        if (strcmp(item->location, "/") != 0)
            continue;
        g_autoptr(GPtrArray) elements =
            elements_scope((Element *const *)item->elements->pdata, item->elements->len, SCOPE_RUN);
        return build_integrate(build, elements, root, root, error);
    }
    return TRUE;
}

gboolean build_stage_dependencies(Build *build, gboolean integrate, SluiceDigest *root, GError **error)
{
    g_autoptr(GArray) layout = element_layout(build->element, error);
    if (!layout || !stage_layout(build, layout, root, error))
        return FALSE;
    if (integrate && !integrate_layout(build, layout, root, error))
        return FALSE;
    build->environment_root = *root;
    build->has_environment_root = TRUE;
    return TRUE;
}

/* ---- Sources ------------------------------------------------------------------------------------------------------------- */

gboolean build_stage_sources(Build *build, const char *path, SluiceDigest *root, GError **error)
{
    const BuildContext *context = build->context;
    SourceContext sources = {context->store, context->events, context->cancellable, 1, 0};
    gint64 started = build_event_start(build, "Staging sources");
    SluiceDigest files;
    g_autoptr(SluiceTree) tree = NULL;
    gboolean staged = (build->element->n_sources == 0 || sources_stage(build->element, &sources, &files, error)) &&
                      (tree = sluice_tree_new_from(context->store, root, error)) &&
                      sluice_tree_make_directory(tree, path, error) &&
                      (build->element->n_sources == 0 || sluice_tree_merge(tree, path, &files, NULL, NULL, error)) &&
                      sluice_tree_commit(tree, root, error);
    build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "Staging sources");
    return staged;
}

/* ---- Environment --------------------------------------------------------------------------------------------------------- */

/* Build dependencies that share a digest-environment variable, by variable. */
static GArray *digest_variables(Element *element, GError **error)
{
    g_autoptr(GArray) variables = g_array_new(FALSE, FALSE, sizeof(LayoutItem));
    g_array_set_clear_func(variables, layout_item_clear);
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        for (gsize j = 0; (dependency->types & DEP_BUILD) && j < dependency->n_configs; j++) {
            const char *name = NULL;
            if (!node_get_string(dependency->configs[j], "digest-environment", &name, error))
                return NULL;
            if (name)
                layout_add(variables, name, dependency->element);
        }
    }
    g_array_sort(variables, layout_order);
    return g_steal_pointer(&variables);
}

const char *const *build_environment(Build *build, GError **error)
{
    const char *const *environment = environment_from_node(build->arena, build->element->environment);
    g_autoptr(GArray) variables = digest_variables(build->element, error);
    if (!variables)
        return NULL;
    for (guint i = 0; i < variables->len; i++) {
        LayoutItem *item = &g_array_index(variables, LayoutItem, i);
        g_autoptr(GPtrArray) elements =
            elements_scope((Element *const *)item->elements->pdata, item->elements->len, SCOPE_RUN);
        SluiceDigest root;
        char text[SLUICE_DIGEST_STRING_MAX];
        if (!build_stage_artifacts(build, elements, &root, error))
            return NULL;
        environment = environment_with(build->arena, environment, item->location, sluice_digest_string(&root, text));
    }
    return environment;
}
