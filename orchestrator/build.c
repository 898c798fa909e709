/* build.c - one element in a job, from its kind's assemble function to its artifact. */
#include "build-private.h"
#include "key.h"
#include "pipeline.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- Metadata ------------------------------------------------------------------------------------------------------------ */

static void set_text(Arena *arena, Node *mapping, const char *key, const char *text)
{
    if (text)
        node_set(arena, mapping, key, node_new_scalar(arena, text, NULL));
}

static void set_id(Arena *arena, Node *mapping, const char *key, gint64 id)
{
    if (id >= 0)
        set_text(arena, mapping, key, arena_printf(arena, "%" G_GINT64_FORMAT, id));
}

static Node *sandbox_to_node(const SandboxConfig *config, Arena *arena)
{
    Node *node = node_new_mapping(arena, NULL);
    set_text(arena, node, "build-os", config->build_os);
    set_text(arena, node, "build-arch", config->build_arch);
    set_id(arena, node, "build-uid", config->build_uid);
    set_id(arena, node, "build-gid", config->build_gid);
    if (config->remote_apis_socket) {
        Node *socket = node_new_mapping(arena, NULL);
        set_text(arena, socket, "path", config->remote_apis_socket);
        if (config->action_cache_enable_update)
            set_text(arena, socket, "action-cache-enable-update", "true");
        node_set(arena, node, "remote-apis-socket", socket);
    }
    return node;
}

static Node *or_empty(Node *node, Arena *arena)
{
    return node ? node : node_new_mapping(arena, NULL);
}

static Node *low_meta(Build *build)
{
    Node *node = node_new_mapping(build->arena, NULL);
    node_set(build->arena, node, "environment", or_empty(build->element->environment, build->arena));
    node_set(build->arena, node, "sandbox-config", sandbox_to_node(&build->element->sandbox, build->arena));
    return node;
}

static Node *high_meta(Build *build, const Artifact *artifact)
{
    Node *node = node_new_mapping(build->arena, NULL);
    node_set(build->arena, node, "variables", element_variables(build->element));
    Artifact known = *artifact;
    known.has_proxy_environment = build->proxy_used;
    known.proxy_environment = build->proxy_environment;
    Node *own = artifact_own_meta(&known, build->proxy_used ? &build->proxy : NULL, build->arena);
    if (own)
        node_set(build->arena, node, "sluice", own);
    return node;
}

static GBytes *emit(const Node *node)
{
    char *text = node_emit(node);
    return g_bytes_new_take(text, strlen(text));
}

/* So that one can ask later why this was built. */
static gboolean store_key_text(Build *build, Artifact *artifact, GError **error)
{
    Element *element = build->element;
    GError *problem = NULL;
    g_autoptr(KeyWriter) writer = key_writer_new(project_session(element->project));
    g_autofree char *text = key_writer_text(writer, element, KEY_STRONG, &problem);
    if (problem) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    artifact->has_key_text = text != NULL;
    return !text || sluice_store_put(build->context->store, text, strlen(text), NULL, &artifact->key_text, error);
}

static gboolean store_metadata(Build *build, Artifact *artifact, GError **error)
{
    Node *public_ = build->public_ ? build->public_ : or_empty(build->element->public_, build->arena);
    if (!store_key_text(build, artifact, error))
        return FALSE;
    g_autoptr(GBytes) public_text = emit(public_), low = emit(low_meta(build)), high = emit(high_meta(build, artifact));
    GBytes *blobs[] = {public_text, low, high};
    SluiceDigest digests[G_N_ELEMENTS(blobs)];
    if (!sluice_store_put_many(build->context->store, blobs, G_N_ELEMENTS(blobs), digests, error))
        return FALSE;
    artifact->public_data = digests[0];
    artifact->low_meta = digests[1];
    artifact->high_meta = digests[2];
    artifact->has_public = artifact->has_low_meta = artifact->has_high_meta = TRUE;
    return TRUE;
}

/* All that is in the log so far; a log that is no file is left out. */
static gboolean store_log(Build *build, Artifact *artifact, GError **error)
{
    ArtifactLog *log = arena_new_of(build->arena, ArtifactLog);
    int fd = build_open_log(build);
    if (fd < 0)
        return TRUE;
    log->name = build->context->log_name ? build->context->log_name : "build.log";
    gboolean stored = sluice_store_put_fd(build->context->store, fd, NULL, &log->digest, error);
    close(fd);
    artifact->logs = log;
    artifact->n_logs = 1;
    return stored;
}

static void list_dependencies(Build *build, Artifact *artifact)
{
    g_autoptr(GPtrArray) scope = element_scope(build->element, SCOPE_BUILD);
    artifact->build_deps = arena_alloc(build->arena, (scope->len + 1) * sizeof *artifact->build_deps);
    artifact->n_build_deps = scope->len;
    for (guint i = 0; i < scope->len; i++) {
        const Element *dependency = scope->pdata[i];
        artifact->build_deps[i] = (ArtifactDependency){project_name(dependency->project), dependency->name,
                                                       dependency->strong_key, dependency->workspace != NULL};
    }
}

/* ---- The strong key ----------------------------------------------------------------------------------------------------- */

/* With --no-strict: from the artifacts that are staged. */
static gboolean find_strong_key(Build *build, GError **error)
{
    Element *element = build->element;
    if (build->context->strict)
        return TRUE;
    g_autoptr(States) states = states_new(build->context->store, FALSE);
    g_autoptr(KeyWriter) writer = key_writer_new(project_session(element->project));
    g_autoptr(GPtrArray) scope = element_scope(element, SCOPE_BUILD);
    for (guint i = 0; i < scope->len; i++)
        if (!states_find_key(states, scope->pdata[i], error))
            return FALSE;
    return key_writer_set_strong(writer, element, error);
}

/* Another process may have stored an artifact of a dependency while this one was built. */
static gboolean check_strong_key(Build *build, GError **error)
{
    char before[65];
    g_strlcpy(before, build->element->strong_key, sizeof before);
    if (!find_strong_key(build, error))
        return FALSE;
    if (strcmp(before, build->element->strong_key) == 0)
        return TRUE;
    error_set(error, ERROR_ARTIFACT, NULL, NULL,
              "%s: artifacts that it is built on were replaced while it was built; build it again",
              build->element->full_name);
    return FALSE;
}

/* ---- The artifact -------------------------------------------------------------------------------------------------------- */

static gboolean store_artifact(Build *build, Artifact *artifact, GError **error)
{
    const Element *element = build->element;
    if (!check_strong_key(build, error))
        return FALSE;
    artifact->strong_key = element->strong_key;
    artifact->strict_key = element->strict_key;
    artifact->weak_key = element->weak_key;
    artifact->has_buildtree = build->has_buildtree;
    artifact->buildtree = build->buildtree;
    artifact->has_buildroot = build->has_buildroot;
    artifact->buildroot = build->buildroot;
    artifact->work_directory = build->work_directory;
    artifact->environment = build->environment;
    artifact->has_sources = build->has_sources && build->has_buildtree;
    artifact->sources = build->sources;
    artifact->workspaced = element->workspace != NULL;
    list_dependencies(build, artifact);
    gint64 started = build_event_start(build, "Caching artifact");
    gboolean stored = store_metadata(build, artifact, error) && store_log(build, artifact, error) &&
                      artifact_store(build->context->store, element, artifact, error);
    build_event(build, stored ? EVENT_SUCCESS : EVENT_FAILURE, started, NULL, "Caching artifact");
    return stored;
}

static gboolean store_success(Build *build, const SluiceDigest *files, GError **error)
{
    Artifact artifact = {.success = TRUE, .has_files = TRUE, .files = *files, .error = "", .error_detail = ""};
    return store_artifact(build, &artifact, error);
}

static gboolean store_failure(Build *build, const GError *problem, GError **error)
{
    const char *detail = error_get_detail(problem);
    Artifact artifact = {
        .has_files = build->has_failed_files,
        .files = build->failed_files,
        .error = problem->message,
        .error_detail = detail ? detail : "",
    };
    return store_artifact(build, &artifact, error);
}

/* Failures that the same inputs would repeat; not those of this machine or of the moment. */
static gboolean is_result(const Build *build, const GError *problem)
{
    static const char *const reasons[] = {"command-failed", "missing-command", NULL};
    if (build->failed_staging || problem->domain != ORCHESTRATOR_ERROR)
        return FALSE;
    if (problem->code == ERROR_ELEMENT)
        return g_strcmp0(error_get_reason(problem), "uncached-checkout-attempt") != 0;
    const char *reason = error_get_reason(problem);
    return problem->code == ERROR_SANDBOX && reason && g_strv_contains(reasons, reason);
}

static void log_environment(Build *build)
{
    const Node *environment = build->element->environment;
    if (!environment)
        return;
    build_log(build, "[--:--:--] LOG     [%.8s] %s: Build environment for element %s\n\n", build->element->strong_key,
              build->element->full_name, build->element->name);
    for (gsize i = 0; i < node_size(environment); i++) {
        const Node *value = node_value_at(environment, i);
        build_log(build, "    %s: %s\n", node_key_at(environment, i),
                  node_type(value) == NODE_SCALAR ? node_text(value) : "");
    }
}

static gboolean assemble(Build *build, GError **error)
{
    SluiceDigest files;
    GError *problem = NULL;
    log_environment(build);
    if (build->element->kind->assemble(build->element, build, &files, &problem))
        return store_success(build, &files, error);
    if (is_result(build, problem)) {
        g_autoptr(GError) second = NULL;
        if (!store_failure(build, problem, &second))
            build_event(build, EVENT_WARNING, 0, second->message, "The failed build cannot be cached");
    }
    g_propagate_error(error, problem);
    return FALSE;
}

/* ---- Builds -------------------------------------------------------------------------------------------------------------- */

gboolean build_begin(Build *build, Element *element, const BuildContext *context, const char *action, GError **error)
{
    *build = (Build){.element = element, .context = context, .action = action, .log_fd = context->log_fd};
    build->lease = sluice_lease_new(context->store, error);
    if (!build->lease)
        return FALSE;
    build->arena = arena_new();
    if (build->log_fd < 0)
        build->log_fd = memfd_create("sluice-log", MFD_CLOEXEC);
    return TRUE;
}

void build_end(Build *build)
{
    if (build->arena)
        arena_free(build->arena);
    if (build->lease)
        sluice_lease_free(build->lease);
    if (build->log_fd != build->context->log_fd)
        close(build->log_fd);
}

gboolean build_run(Element *element, const BuildContext *context, GError **error)
{
    if (!element->kind->assemble) {
        error_set(error, ERROR_ELEMENT, NULL, &element->where, "%s: elements of kind %s are not built",
                  element->full_name, element->kind_name);
        return FALSE;
    }
    Build build;
    if (!build_begin(&build, element, context, "build", error))
        return FALSE;
    gboolean built = find_strong_key(&build, error) && assemble(&build, error);
    build_end(&build);
    return built;
}

gboolean build_stage_elements(Element *const *elements, gsize count, Scope scope, gboolean integrate,
                              const BuildContext *context, SluiceDigest *root, GError **error)
{
    g_return_val_if_fail(count > 0, FALSE);
    g_autoptr(GPtrArray) all = elements_scope(elements, count, scope);
    Build build;
    if (!build_begin(&build, elements[0], context, "main", error))
        return FALSE;
    gboolean staged = build_stage_artifacts(&build, all, root, error) &&
                      (!integrate || build_integrate(&build, all, root, root, error));
    build_end(&build);
    return staged;
}
