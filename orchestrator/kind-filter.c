/*
 * kind-filter.c - a part of one element's artifact, chosen by split domains.
 */
#include "element-private.h"

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"include", "exclude", "include-orphans", "pass-integration", NULL};
    Arena *arena = session_arena(element->project->session);
    const char *const *domains = NULL;
    gboolean flag = FALSE;
    return node_check_keys(element->config, keys, error) &&
           node_get_strings(element->config, "include", arena, &domains, error) &&
           node_get_strings(element->config, "exclude", arena, &domains, error) &&
           node_get_bool(element->config, "include-orphans", &flag, error) &&
           node_get_bool(element->config, "pass-integration", &flag, error);
}

static gboolean fail(const Element *element, const char *reason, unsigned listed, const char *heading,
                     const char *problem, GError **error)
{
    error_set(error, ERROR_ELEMENT, reason, &element->where, "FilterElement %s", problem);
    g_autoptr(GString) detail = g_string_new(heading);
    gboolean first = TRUE;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if ((element->dependencies[i].types & listed) != 0) {
            g_string_append_printf(detail, "%s%s", first ? "" : "  \n", element->dependencies[i].element->name);
            first = FALSE;
        }
    }
    if (error != NULL) {
        error_set_detail(*error, detail->str);
    }
    return FALSE;
}

static gboolean configure_dependencies(Element *element, GError **error)
{
    const Dependency *parent = NULL;
    guint count = 0;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if ((element->dependencies[i].types & DEP_BUILD) != 0) {
            parent = &element->dependencies[i];
            count++;
        }
    }
    if (count != 1 || parent == NULL) {
        g_autofree char *problem =
            g_strdup_printf("element must have exactly 1 build-dependency, actually have %u", count);
        return fail(element, "filter-bdepend-wrong-count", DEP_BUILD, "Full list of build-depends:\n", problem, error);
    }
    if ((parent->types & DEP_RUNTIME) != 0) {
        return fail(element, "filter-bdepend-also-rdepend", DEP_RUNTIME, "Full list of runtime depends:\n",
                    "element's build dependency must not also be a runtime dependency", error);
    }
    if ((parent->element->kind->flags & KIND_NO_ARTIFACT) != 0) {
        g_autofree char *heading =
            g_strdup_printf("%s does not produce an artifact, so there is nothing to filter", parent->element->name);
        return fail(element, "filter-bdepend-no-artifact", 0, heading,
                    "element's build dependency must produce an artifact", error);
    }
    return TRUE;
}

static Json *unique_key(Element *element, Arena *arena)
{
    Json *key = json_object(arena);
    gboolean orphans = FALSE;
    node_get_bool(element->config, "include-orphans", &orphans, NULL);
    json_set(key, "include", sorted_strings_key(arena, node_find(element->config, "include")));
    json_set(key, "exclude", sorted_strings_key(arena, node_find(element->config, "exclude")));
    json_set(key, "orphans", json_bool(arena, orphans));
    return key;
}

const ElementKind element_kind_filter = {
    .name = "filter",
    .defaults = "config:\n"
                "  include: []\n"
                "  exclude: []\n"
                "  include-orphans: False\n"
                "  pass-integration: False\n",
    .flags = KIND_STRICT_REBUILD | KIND_FORBID_SOURCES,
    .artifact_version = 1,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = unique_key,
    .assemble = kind_filter_assemble,
};
