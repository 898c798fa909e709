/*
 * kind-check-forbidden.c - fails to build if an element is below it that must not be; makes nothing.
 */
#include "build.h"
#include "element-private.h"

#include <string.h>

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"forbidden", NULL};
    const char *const *names = NULL;
    return node_check_keys(element->config, keys, error) && node_need(element->config, "forbidden", error) &&
           node_get_strings(element->config, "forbidden", session_arena(element->project->session), &names, error);
}

static Json *unique_key(Element *element, Arena *arena)
{
    Json *key = json_object(arena);
    json_set(key, "forbidden", sorted_set_key(arena, node_find(element->config, "forbidden")));
    return key;
}

typedef struct {
    const Element *element;
    gsize next; /* of its dependencies */
    gboolean bad;
} Visit;

static gboolean is_forbidden(const Element *element, const Node *names)
{
    for (gsize i = 0; i < node_size(names); i++) {
        if (strcmp(node_text(node_at(names, i)), element->name) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static void warn_about(Build *build, Visit *visit, const Element *dependency)
{
    g_autofree char *above = element_normal_name(visit->element), *below = element_normal_name(dependency);
    visit->bad = TRUE;
    build_event(build, EVENT_WARNING, 0, NULL, "%s depends on %s", above, below);
}

/* Goes on with the last of the open visits: into the next dependency, or back. */
static void step(Build *build, const Node *names, GHashTable *seen, GArray *visits)
{
    Visit *visit = &g_array_index(visits, Visit, visits->len - 1);
    if (visit->next == visit->element->n_dependencies) {
        Visit done = *visit;
        g_array_set_size(visits, visits->len - 1);
        if (done.bad && visits->len > 0) {
            warn_about(build, &g_array_index(visits, Visit, visits->len - 1), done.element);
        }
        return;
    }
    const Dependency *dependency = &visit->element->dependencies[visit->next++];
    if ((dependency->types & DEP_RUNTIME) == 0 || g_hash_table_contains(seen, dependency->element)) {
        return;
    }
    if (is_forbidden(dependency->element, names)) {
        warn_about(build, visit, dependency->element);
        return;
    }
    Visit inner = {.element = dependency->element};
    g_hash_table_add(seen, dependency->element);
    g_array_append_val(visits, inner);
}

/* Whether the element or anything that it needs at run time is forbidden; says by which way. */
static gboolean leads_to_forbidden(Build *build, Element *element, const Node *names, GHashTable *seen)
{
    Visit first = {.element = element};
    if (is_forbidden(element, names)) {
        return TRUE;
    }
    if (!g_hash_table_add(seen, element)) {
        return FALSE;
    }
    g_autoptr(GArray) visits = g_array_new(FALSE, FALSE, sizeof(Visit));
    g_array_append_val(visits, first);
    gboolean bad = FALSE;
    while (visits->len > 0) {
        bad = g_array_index(visits, Visit, 0).bad;
        step(build, names, seen, visits);
    }
    return bad;
}

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    const Node *names = node_find(element->config, "forbidden");
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if ((element->dependencies[i].types & DEP_BUILD) != 0 &&
            leads_to_forbidden(build, element->dependencies[i].element, names, seen)) {
            error_set(error, ERROR_ELEMENT, NULL, NULL, "Some elements were forbidden");
            return FALSE;
        }
    }
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    return sluice_tree_commit(tree, files, error);
}

const ElementKind element_kind_check_forbidden = {
    .name = "check_forbidden",
    .flags = KIND_RUNS_COMMANDS,
    .configure = configure,
    .unique_key = unique_key,
    .assemble = assemble,
};
