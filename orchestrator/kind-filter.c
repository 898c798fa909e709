/*
 * kind-filter.c - a part of one element's artifact, chosen by split domains.
 */
#include "build.h"
#include "element-private.h"
#include "split.h"

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

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    Element *parent = only_build_dependency(element);
    g_return_val_if_fail(parent, FALSE); /* the kind's configure_dependencies has counted them */
    SplitRules rules = {.element = parent};
    gboolean pass = FALSE;
    SluiceDigest whole;
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, parent);
    if (!split_rules_read(&rules, element->config, build->arena, error) ||
        !node_get_bool(element->config, "pass-integration", &pass, error))
        return FALSE;
    if (pass)
        build->public_ = public_with_integration(build);
    gint64 started = build_event_start(build, "Staging artifact");
    gboolean staged = (check_domains(element, &rules, error) || build_staging_failed(build)) &&
                      build_stage_artifacts(build, one, &whole, error) &&
                      split_tree(build->context->store, &whole, split_rules_keep, &rules, files, error);
    build_event(build, staged ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "Staging artifact");
    return staged;
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
    .assemble = assemble,
};
