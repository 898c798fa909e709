/*
 * element-resolve.c - from an element's YAML to its resolved configuration: defaults, its own words, variables put in.
 */
#include "element-private.h"
#include "node-private.h"

#include <string.h>

typedef struct {
    ElementData *data;
    Element *element;
    KindDefaults *defaults;
    VariableScope *scope;
    Arena *arena;
} Resolver;

/* ---- Variables ---- */

/* Errors of composing and of what may be redefined; on success the element's own mapping, with what `notparallel` implies. */
static Node *own_variables(const Resolver *resolver, GError **error)
{
    static const char *const protected[] = {"project-name", "element-name", "max-jobs"};
    Node *own = NULL;
    gboolean notparallel = resolver->defaults->notparallel;
    if (!node_get_mapping(resolver->data->node, "variables", &own, error)) {
        return NULL;
    }
    own = own != NULL ? own : node_new_mapping(resolver->arena, NULL);
    gboolean scalars = TRUE;
    for (guint32 i = 0; i < own->size; i++) {
        scalars &= own->entries[i].value->type == NODE_SCALAR;
    }
    if (!scalars) {
        Node *composed = node_compose(resolver->arena, (Node *)resolver->defaults->variables_node, own, error);
        if (composed == NULL || !node_check_composed(composed, error)) {
            return NULL;
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(protected); i++) {
        const Node *value = node_find(own, protected[i]);
        if (value != NULL) {
            error_set(error, ERROR_LOAD, "PROTECTED_VARIABLE_REDEFINED", &value->where,
                      "invalid redefinition of protected variable '%s'", protected[i]);
            return NULL;
        }
    }
    if (!node_get_bool(own, "notparallel", &notparallel, error)) {
        return NULL;
    }
    resolver->element->notparallel = notparallel;
    if (notparallel) {
        own = node_copy_shallow(resolver->arena, own);
        node_set(resolver->arena, own, "max-jobs", node_new_scalar(resolver->arena, "1", NULL));
    }
    return own;
}

static gboolean resolve_variables(Resolver *resolver, GError **error)
{
    const Node *own = own_variables(resolver, error);
    if (own == NULL) {
        return FALSE;
    }
    resolver->scope = variable_scope_begin(resolver->defaults->variables, own, resolver->element->name, error);
    if (resolver->scope == NULL) {
        return FALSE;
    }
    if (!resolver->data->first_pass) {
        resolver->element->variables = variable_scope_resolve_all(resolver->scope, error);
    } else if (strcmp(resolver->element->kind_name, "junction") == 0) {
        gboolean found = FALSE;
        resolver->data->build_root = variable_scope_get(resolver->scope, "build-root", &found, NULL);
        /* To be shown; those that use variables of the second pass cannot be. */
        resolver->element->variables = variable_scope_resolve_all(resolver->scope, NULL);
    }
    return resolver->data->first_pass || resolver->element->variables != NULL;
}

/* ---- Sections ---- */

/* The element's section over the defaults, expanded. */
static Node *resolve_section(const Resolver *resolver, Node *defaults, const char *key, GError **error)
{
    Node *own = NULL;
    if (!node_get_mapping(resolver->data->node, key, &own, error)) {
        return NULL;
    }
    Node *composed = own != NULL ? node_compose(resolver->arena, defaults, own, error) : defaults;
    if (composed == NULL || !node_check_composed(composed, error)) {
        return NULL;
    }
    if (composed->size == 0 && composed->where.file == NULL) {
        /* So that what is missing in it is missed in the element's file. */
        return node_new_mapping(resolver->arena, &resolver->element->where);
    }
    return variable_scope_expand(resolver->scope, composed, error);
}

static gboolean resolve_nocache(const Resolver *resolver, GError **error)
{
    const char *const *own = NULL;
    const char *const *base = resolver->defaults->environment_nocache;
    resolver->element->environment_nocache = base;
    if (!node_get_strings(resolver->data->node, "environment-nocache", resolver->arena, &own, error)) {
        return FALSE;
    }
    if (own == NULL || *own == NULL) {
        return TRUE;
    }
    gsize count = g_strv_length((char **)base);
    const char **joined = arena_alloc(resolver->arena, (count + g_strv_length((char **)own) + 1) * sizeof *joined);
    memcpy(joined, base, count * sizeof *joined);
    for (; *own != NULL; own++) {
        if (!g_strv_contains(joined, *own)) {
            joined[count++] = *own;
        }
    }
    resolver->element->environment_nocache = joined;
    return TRUE;
}

/* public: what the element says, with the split rules of its kind and project below its own. */
static Node *compose_public(const Resolver *resolver, GError **error)
{
    Arena *arena = resolver->arena;
    Node *public_ = NULL, *bst = NULL, *splits = NULL;
    if (!node_get_mapping(resolver->data->node, "public", &public_, error) ||
        (public_ != NULL && !node_get_mapping(public_, "bst", &bst, error)) ||
        (bst != NULL && !node_get_mapping(bst, "split-rules", &splits, error))) {
        return NULL;
    }
    if (public_ == NULL && resolver->defaults->public_plain != NULL) {
        return resolver->defaults->public_plain;
    }
    Node *composed =
        splits != NULL ? node_compose(arena, resolver->defaults->splits, splits, error) : resolver->defaults->splits;
    if (composed == NULL) {
        return NULL;
    }
    Node *new_bst = bst != NULL ? node_copy_shallow(arena, bst) : node_new_mapping(arena, NULL);
    Node *new_public = public_ != NULL ? node_copy_shallow(arena, public_) : node_new_mapping(arena, NULL);
    node_set(arena, new_bst, "split-rules", composed);
    node_set(arena, new_public, "bst", new_bst);
    if (public_ == NULL) {
        node_mark_shared(new_public);
        resolver->defaults->public_plain = new_public;
    }
    return new_public;
}

static gboolean resolve_public(const Resolver *resolver, GError **error)
{
    Node *public_ = compose_public(resolver, error);
    if (public_ == NULL || !node_check_composed(public_, error)) {
        return FALSE;
    }
    resolver->element->public_ = variable_scope_expand(resolver->scope, public_, error);
    return resolver->element->public_ != NULL;
}

/* ---- Sandbox ---- */

static gboolean read_socket(const Node *config, SandboxConfig *sandbox, GError **error)
{
    static const char *const keys[] = {"path", "action-cache-enable-update", NULL};
    Node *socket = NULL;
    if (!node_get_mapping(config, "remote-apis-socket", &socket, error)) {
        return FALSE;
    }
    /* An empty mapping is as good as none. */
    return socket == NULL || node_size(socket) == 0 ||
           (node_check_keys(socket, keys, error) &&
            node_need_string(socket, "path", &sandbox->remote_apis_socket, error) &&
            node_get_bool(socket, "action-cache-enable-update", &sandbox->action_cache_enable_update, error));
}

static gboolean read_id(const Node *config, const char *key, gint64 *out, GError **error)
{
    *out = -1;
    if (!node_get_int(config, key, out, error)) {
        return FALSE;
    }
    if (node_find(config, key) != NULL && (*out < 0 || *out > G_MAXUINT32 - 1)) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(config, key)),
                  "Value of '%s' is not a user or group number", key);
        return FALSE;
    }
    return TRUE;
}

static gboolean read_sandbox(const Resolver *resolver, const Node *config, GError **error)
{
    static const char *const keys[] = {"build-uid", "build-gid", "build-os", "build-arch", "remote-apis-socket", NULL};
    const Session *session = resolver->element->project->session;
    SandboxConfig *sandbox = &resolver->element->sandbox;
    const char *os = "", *arch = "";
    if (!node_check_keys(config, keys, error) || !node_get_string(config, "build-os", &os, error) ||
        !node_get_string(config, "build-arch", &arch, error) ||
        !read_id(config, "build-uid", &sandbox->build_uid, error) ||
        !read_id(config, "build-gid", &sandbox->build_gid, error) || !read_socket(config, sandbox, error)) {
        return FALSE;
    }
    g_autofree char *lower = g_ascii_strdown(os, -1);
    sandbox->build_os = *os != '\0' ? arena_intern(resolver->arena, lower, strlen(lower)) : session->host_os;
    sandbox->build_arch = *arch != '\0' ? arch_canonical(arch) : session->host_arch;
    if (sandbox->build_arch == NULL) {
        const Node *where = node_find(config, "build-arch");
        error_set(error, ERROR_PLATFORM, NULL, where != NULL ? node_where(where) : NULL, "Unknown architecture: %s",
                  *arch != '\0' ? arch : "of this machine");
        return FALSE;
    }
    return TRUE;
}

/* `recc: true` among the variables, so that BuildStream reads the same project. */
static gboolean read_recc(Element *element, GError **error)
{
    static const char *const on[] = {"True", "true", "1", NULL}, *const off[] = {"False", "false", "0", "", NULL};
    const char *text = element_variable(element, "recc");
    gboolean is_on = text != NULL && g_strv_contains(on, text);
    /* junctions have the flags of what runs commands, and run none */
    element->sandbox.recc = is_on && !(element->flags & KIND_NOT_BUILDABLE);
    if (text != NULL && !is_on && !g_strv_contains(off, text)) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", &element->where,
                  "The variable 'recc' switches compile caching on or off: it must be true or false, not '%s'", text);
        return FALSE;
    }
    return TRUE;
}

/* ---- Rules of kinds ---- */

static gboolean forbidden(const Element *element, const char *reason, const char *what, GError **error)
{
    error_set(error, ERROR_ELEMENT, reason, &element->where, "%s are forbidden for '%s' elements", what,
              element->kind_name);
    return FALSE;
}

static gboolean check_flags(const Element *element, GError **error)
{
    unsigned types = 0, flags = element->kind->flags;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        types |= element->dependencies[i].types;
    }
    if ((flags & KIND_FORBID_DEPS) == KIND_FORBID_DEPS && types != 0) {
        return forbidden(element, "element-forbidden-depends", "Dependencies", error);
    }
    if ((flags & KIND_FORBID_RUNTIME_DEPS) != 0 && (types & DEP_RUNTIME) != 0) {
        return forbidden(element, "element-forbidden-rdepends", "Runtime dependencies", error);
    }
    if ((flags & KIND_FORBID_BUILD_DEPS) != 0 && (types & DEP_BUILD) != 0) {
        return forbidden(element, "element-forbidden-bdepends", "Build dependencies", error);
    }
    if ((flags & KIND_FORBID_SOURCES) != 0 && element->n_sources > 0) {
        return forbidden(element, "element-forbidden-sources", "Sources", error);
    }
    return TRUE;
}

static gboolean resolve_dependency_configs(const Resolver *resolver, GError **error)
{
    Element *element = resolver->element;
    for (gsize i = 0; i < element->n_dependencies; i++) {
        Dependency *dependency = &element->dependencies[i];
        if (dependency->n_configs == 0) {
            continue;
        }
        if ((element->kind->flags & KIND_DEP_CONFIG) == 0) {
            error_set(error, ERROR_LOAD, "INVALID_DEPENDENCY_CONFIG", node_where(dependency->configs[0]),
                      "Custom dependency configuration is not supported by element plugin '%s'", element->kind_name);
            return FALSE;
        }
        Node **expanded = arena_alloc(resolver->arena, dependency->n_configs * sizeof *expanded);
        for (gsize j = 0; j < dependency->n_configs; j++) {
            expanded[j] = variable_scope_expand(resolver->scope, dependency->configs[j], error);
            if (expanded[j] == NULL) {
                return FALSE;
            }
        }
        dependency->configs = expanded;
    }
    return TRUE;
}

static gboolean resolve_sections(Resolver *resolver, GError **error)
{
    Element *element = resolver->element;
    element->environment = resolve_section(resolver, resolver->defaults->environment, "environment", error);
    if (element->environment == NULL || !resolve_nocache(resolver, error) || !resolve_public(resolver, error)) {
        return FALSE;
    }
    element->config = resolve_section(resolver, resolver->defaults->config, "config", error);
    if (element->config == NULL) {
        return FALSE;
    }
    const Node *sandbox = resolve_section(resolver, resolver->defaults->sandbox, "sandbox", error);
    return sandbox != NULL && read_sandbox(resolver, sandbox, error) && read_recc(element, error);
}

gboolean element_resolve(ElementData *data, GError **error)
{
    Element *element = &data->element;
    Project *project = element->project;
    if (data->state == LOADED_RESOLVED) {
        return TRUE;
    }
    Resolver resolver = {.data = data, .element = element, .arena = project->session->arena};
    ProjectConfig *config = data->first_pass ? &project->first : &project->full;
    resolver.defaults =
        kind_defaults_get(project, config, element->kind_name, node_where(node_find(data->node, "kind")), error);
    if (resolver.defaults == NULL) {
        return FALSE;
    }
    element->kind = resolver.defaults->kind;
    element->flags = element->kind->flags;
    if (!resolve_variables(&resolver, error) || !resolve_sections(&resolver, error) ||
        !element_load_sources(data, resolver.scope, error) || !element->kind->configure(element, error) ||
        !resolve_dependency_configs(&resolver, error)) {
        return FALSE;
    }
    if (!check_flags(element, error) ||
        (element->kind->configure_dependencies != NULL && !element->kind->configure_dependencies(element, error))) {
        return FALSE;
    }
    data->state = LOADED_RESOLVED;
    return TRUE;
}
