/*
 * kind-stack.c - a name for several elements; nothing of its own.
 */
#include "build.h"

static gboolean configure(Element *element, GError **error)
{
    return TRUE;
}

static gboolean configure_dependencies(Element *element, GError **error)
{
    for (gsize i = 0; i < element->n_dependencies; i++) {
        if (element->dependencies[i].types == (DEP_BUILD | DEP_RUNTIME)) {
            continue;
        }
        error_set(error, ERROR_ELEMENT, "stack-requires-build-and-run", &element->where,
                  "All dependencies of 'stack' elements must be both build and runtime dependencies");
        if (error != NULL) {
            error_set_detail(*error, "Make sure you declare all dependencies in the `depends` list, without specifying "
                                     "any `type`.");
        }
        return FALSE;
    }
    return TRUE;
}

static Json *unique_key(Element *element, Arena *arena)
{
    return json_int(arena, 1);
}

static gboolean assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    g_autoptr(SluiceTree) tree = sluice_tree_new(build->context->store);
    return sluice_tree_commit(tree, files, error);
}

const ElementKind element_kind_stack = {
    .name = "stack",
    .flags = KIND_FORBID_SOURCES | KIND_NO_ARTIFACT,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = unique_key,
    .assemble = assemble,
};
