/* build-element.c - how BuildStream's BuildElement is made: configure, build, install, strip, in one batch. */
#include "build-private.h"

static const char *const step_names[] = {"configure-commands", "build-commands", "install-commands", "strip-commands"};

static gboolean read_steps(Build *build, CommandStep *steps, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(step_names); i++) {
        steps[i] = (CommandStep){NULL, NULL};
        if (!node_get_strings(build->element->config, step_names[i], build->arena, &steps[i].commands, error))
            return FALSE;
    }
    return TRUE;
}

void build_element_directories(Build *build, CommandPlan *plan)
{
    const Element *element = build->element;
    const char *build_root = element_variable(element, "build-root");
    const char *subdir = element_variable(element, "command-subdir");
    const char **writable = arena_alloc(build->arena, 3 * sizeof *writable);
    writable[0] = plan->buildtree = build_root;
    writable[1] = plan->collect = element_variable(element, "install-root");
    plan->writable = writable;
    plan->root_read_only = TRUE;
    plan->cwd = subdir && *subdir ? arena_printf(build->arena, "%s/%s", build_root, subdir) : build_root;
}

gboolean build_element_plan(Build *build, CommandPlan *plan, GError **error)
{
    build_element_directories(build, plan);
    plan->environment = build_environment(build, error);
    return plan->environment && build_stage_dependencies(build, &plan->root, error) &&
           build_stage_sources(build, plan->buildtree, &plan->root, error) &&
           build_plan_proxy(build, SLUICE_CACHE_WRITES_EXECUTED, plan, error);
}

gboolean build_element_assemble(Element *element, Build *build, SluiceDigest *files, GError **error)
{
    CommandStep steps[G_N_ELEMENTS(step_names)];
    CommandPlan plan = {.steps = steps, .n_steps = G_N_ELEMENTS(steps)};
    return read_steps(build, steps, error) && build_element_plan(build, &plan, error) &&
           build_configure_once(build, &plan, &steps[0], error) && build_commands(build, &plan, files, error);
}
