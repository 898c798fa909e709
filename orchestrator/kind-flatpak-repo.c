/*
 * kind-flatpak-repo.c - a flatpak repository, exported from flatpak images by the programs among the dependencies.
 */
#include "element-private.h"
#include "kind-script.h"

#define REPOSITORY "/buildstream/repo"

static Arena *arena_of(const Element *element)
{
    return session_arena(element->project->session);
}

/* A group of one command. */
static void add_command(Element *element, const char *group, const char *command)
{
    Node *commands = node_new_sequence(arena_of(element), NULL);
    node_append(arena_of(element), commands, node_new_scalar(arena_of(element), command, NULL));
    script_element_add_group(element, group, commands);
}

static gboolean check_copied_refs(const Element *element, GError **error)
{
    static const char *const keys[] = {"src", "dest", NULL};
    Node *refs = NULL;
    const char *text = NULL;
    if (!node_need(element->config, "copy-refs", error) ||
        !node_get_sequence(element->config, "copy-refs", &refs, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < node_size(refs); i++) {
        const Node *ref = node_at(refs, i);
        if (node_type(ref) != NODE_MAPPING) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(ref),
                      "Value of 'copy-refs' is not of the expected type 'dict'");
            return FALSE;
        }
        if (!node_check_keys(ref, keys, error) || !node_need_string(ref, "src", &text, error) ||
            !node_need_string(ref, "dest", &text, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean configure(Element *element, GError **error)
{
    static const char *const keys[] = {"copy-refs", "repo-mode", "arch", "branch", NULL};
    const char *mode = NULL, *text = NULL;
    ScriptElement *script = script_element_new(element);
    if (!node_check_keys(element->config, keys, error) || !check_copied_refs(element, error) ||
        !node_need_string(element->config, "arch", &text, error) ||
        !node_need_string(element->config, "branch", &text, error) ||
        !node_need_string(element->config, "repo-mode", &mode, error)) {
        return FALSE;
    }
    script->root_read_only = TRUE;
    script->install_root = REPOSITORY;
    add_command(element, "init repository",
                arena_printf(arena_of(element), "ostree init --repo=" REPOSITORY " --mode=%s", mode));
    return TRUE;
}

static void add_image(Element *element, Element *image, const char *path, const char *branch)
{
    ScriptElement *script = element->data;
    Arena *arena = arena_of(element);
    const char *arch = node_text(node_find(element->config, "arch"));
    g_autofree char *name = element_normal_name(image);
    char *location = arena_printf(arena, "/buildstream/input/%s", name);
    layout_add(&script->layout, location, path, image);
    add_command(element, arena_printf(arena, "export %s", path),
                arena_printf(arena, "flatpak build-export --files=files --arch=%s " REPOSITORY " %s %s", arch, location,
                             branch));
}

/* All direct runtime dependencies of a stack. */
static void add_stack(Element *element, const Dependency *stack, const char *branch)
{
    for (gsize i = 0; i < stack->element->n_dependencies; i++) {
        const Dependency *image = &stack->element->dependencies[i];
        if ((image->types & DEP_RUNTIME) != 0) {
            add_image(element, image->element,
                      arena_printf(arena_of(element), "%s (%s)", stack->path, image->element->name), branch);
        }
    }
}

static gboolean add_configured(Element *element, const Dependency *dependency, const Node *config, GError **error)
{
    static const char *const keys[] = {"flatpak-image", "flatpak-stack", "branch", NULL};
    gboolean is_image = FALSE, is_stack = FALSE;
    const char *branch = node_text(node_find(element->config, "branch"));
    if (!node_check_keys(config, keys, error) || !node_get_bool(config, "flatpak-image", &is_image, error) ||
        !node_get_bool(config, "flatpak-stack", &is_stack, error) ||
        !node_get_string(config, "branch", &branch, error)) {
        return FALSE;
    }
    if (is_image == is_stack) {
        error_set(error, ERROR_ELEMENT, NULL, node_where(config),
                  "Dependency specified as %s a flatpak image and a stack", is_image ? "both" : "neither");
        return FALSE;
    }
    if (is_image) {
        add_image(element, dependency->element, dependency->path, branch);
    } else {
        add_stack(element, dependency, branch);
    }
    return TRUE;
}

static void add_copies(Element *element)
{
    const Node *refs = node_find(element->config, "copy-refs");
    for (gsize i = 0; i < node_size(refs); i++) {
        const char *from = node_text(node_find(node_at(refs, i), "src"));
        const char *to = node_text(node_find(node_at(refs, i), "dest"));
        add_command(
            element, arena_printf(arena_of(element), "copy ref %s -> %s", from, to),
            arena_printf(arena_of(element), "flatpak build-commit-from --src-ref=%s " REPOSITORY " %s", from, to));
    }
}

static gboolean configure_dependencies(Element *element, GError **error)
{
    ScriptElement *script = element->data;
    gsize n_tools = 0;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        if ((dependency->types & DEP_BUILD) == 0) {
            continue;
        }
        if (dependency->n_configs == 0) {
            layout_add(&script->layout, "/", dependency->path, dependency->element);
            n_tools++;
        }
        for (gsize j = 0; j < dependency->n_configs; j++) {
            if (!add_configured(element, dependency, dependency->configs[j], error)) {
                return FALSE;
            }
        }
    }
    if (script->layout.count == n_tools) {
        error_set(error, ERROR_ELEMENT, NULL, &element->where, "No flatpak images specified for this repo");
        return FALSE;
    }
    add_copies(element);
    return TRUE;
}

const ElementKind element_kind_flatpak_repo = {
    .name = "flatpak_repo",
    .defaults = "config:\n"
                "  copy-refs: []\n"
                "  repo-mode: 'archive'\n"
                "  arch: '%{arch}'\n"
                "  branch: '%{branch}'\n",
    .flags = KIND_SCRIPT_ELEMENT_FLAGS,
    .artifact_version = 2,
    .configure = configure,
    .configure_dependencies = configure_dependencies,
    .unique_key = script_element_unique_key,
    .assemble = script_element_assemble,
};
