/*
 * artifact.c - encoding, finding and listing of artifacts.
 *
 * The message is a blob of its own (a remote index hands out its digest); the ref's value is that digest as text, "hash/size",
 * and the ref keeps the blob and all that it names alive.
 */
#include "artifact.h"

#include "artifact.pb-c.h"
#include "glob.h"

#include <string.h>

typedef Buildstream__V2__Artifact ArtifactMessage;
typedef Buildstream__V2__Artifact__Dependency DependencyMessage;
typedef Buildstream__V2__Artifact__LogFile LogMessage;
typedef Buildstream__V2__Artifact__SandboxState SandboxMessage;
typedef Build__Bazel__Remote__Execution__V2__Command__EnvironmentVariable VariableMessage;
typedef Build__Bazel__Remote__Execution__V2__Digest DigestMessage;

/* What a peer may make us decode. */
#define MESSAGE_MAX (16 * 1024 * 1024)

void artifact_free(Artifact *artifact)
{
    if (!artifact)
        return;
    g_free(artifact->logs);
    g_free(artifact->build_deps);
    if (artifact->message)
        g_strfreev((char **)artifact->environment);
    buildstream__v2__artifact__free_unpacked(artifact->message, NULL);
    g_free(artifact);
}

char *artifact_ref_name(const Element *element, const char *key)
{
    const char *used = key ? key : element->strong_key;
    if (!*used)
        return NULL;
    g_autofree char *normal = element_normal_name(element);
    return g_strdup_printf("%s/%s/%s", project_name(element->project), normal, used);
}

gboolean artifact_is_ref_name(const char *word)
{
    const char *key = strrchr(word, '/');
    return key && strlen(key + 1) == SLUICE_HASH_HEX && strspn(key + 1, "0123456789abcdef") == SLUICE_HASH_HEX;
}

/* ---- Decoding ----------------------------------------------------------------------------------------------------------- */

static gboolean take_digest(const DigestMessage *message, SluiceDigest *out, gboolean *present, GError **error)
{
    *present = message != NULL;
    if (!message)
        return TRUE;
    const char *hash = message->hash ? message->hash : "";
    return sluice_digest_parse_hex(hash, strlen(hash), message->size_bytes, out, error);
}

static gboolean take_logs(Artifact *artifact, const ArtifactMessage *message, GError **error)
{
    artifact->logs = g_new0(ArtifactLog, message->n_logs);
    for (gsize i = 0; i < message->n_logs; i++) {
        ArtifactLog *log = &artifact->logs[i];
        gboolean present;
        log->name = message->logs[i]->name ? message->logs[i]->name : "";
        if (!take_digest(message->logs[i]->digest, &log->digest, &present, error))
            return FALSE;
        artifact->n_logs += present ? 1 : 0;
        if (!present)
            break;
    }
    return TRUE;
}

static void take_dependencies(Artifact *artifact, const ArtifactMessage *message)
{
    artifact->build_deps = g_new0(ArtifactDependency, message->n_build_deps);
    artifact->n_build_deps = message->n_build_deps;
    for (gsize i = 0; i < message->n_build_deps; i++) {
        const DependencyMessage *from = message->build_deps[i];
        artifact->build_deps[i] =
            (ArtifactDependency){from->project_name, from->element_name, from->cache_key, from->was_workspaced};
    }
}

static void take_sandbox(Artifact *artifact, const SandboxMessage *message)
{
    if (!message)
        return;
    char **variables = g_new0(char *, message->n_environment + 1);
    for (gsize i = 0; i < message->n_environment; i++)
        variables[i] = g_strdup_printf("%s=%s", message->environment[i]->name, message->environment[i]->value);
    artifact->environment = (const char *const *)variables;
    artifact->work_directory = message->working_directory;
}

static gboolean take_parts(Artifact *artifact, const ArtifactMessage *message, GError **error)
{
    artifact->success = message->build_success;
    artifact->error = message->build_error;
    artifact->error_detail = message->build_error_details;
    artifact->strong_key = message->strong_key;
    artifact->weak_key = message->weak_key;
    artifact->strict_key = message->strict_key;
    artifact->workspaced = message->was_workspaced;
    take_dependencies(artifact, message);
    take_sandbox(artifact, message->buildsandbox);
    return take_digest(message->files, &artifact->files, &artifact->has_files, error) &&
           take_digest(message->buildtree, &artifact->buildtree, &artifact->has_buildtree, error) &&
           take_digest(message->buildroot, &artifact->buildroot, &artifact->has_buildroot, error) &&
           take_digest(message->sources, &artifact->sources, &artifact->has_sources, error) &&
           take_digest(message->public_data, &artifact->public_data, &artifact->has_public, error) &&
           take_digest(message->low_diversity_meta, &artifact->low_meta, &artifact->has_low_meta, error) &&
           take_digest(message->high_diversity_meta, &artifact->high_meta, &artifact->has_high_meta, error) &&
           take_logs(artifact, message, error);
}

static Artifact *artifact_decode(GBytes *bytes, const char *ref_name, GError **error)
{
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    if (length > MESSAGE_MAX) {
        error_set(error, ERROR_ARTIFACT, NULL, NULL, "artifact %s: message of %" G_GSIZE_FORMAT " bytes is too large",
                  ref_name, length);
        return NULL;
    }
    ArtifactMessage *message = buildstream__v2__artifact__unpack(NULL, length, data);
    if (!message) {
        error_set(error, ERROR_ARTIFACT, NULL, NULL, "artifact %s is not an Artifact message", ref_name);
        return NULL;
    }
    Artifact *artifact = g_new0(Artifact, 1);
    artifact->message = message;
    if (take_parts(artifact, message, error))
        return artifact;
    g_prefix_error(error, "artifact %s: ", ref_name);
    artifact_free(artifact);
    return NULL;
}

/* ---- Finding ------------------------------------------------------------------------------------------------------------ */

static void add_part(GArray *parts, gboolean present, const SluiceDigest *digest)
{
    if (present)
        g_array_append_val(parts, *digest);
}

/* The parts without which it counts as not cached. */
static GArray *artifact_parts(const Artifact *artifact)
{
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    add_part(parts, artifact->has_files, &artifact->files);
    add_part(parts, artifact->has_public, &artifact->public_data);
    add_part(parts, artifact->has_low_meta, &artifact->low_meta);
    add_part(parts, artifact->has_high_meta, &artifact->high_meta);
    for (gsize i = 0; i < artifact->n_logs; i++)
        g_array_append_val(parts, artifact->logs[i].digest);
    return parts;
}

gboolean artifact_is_complete(SluiceStore *store, const Artifact *artifact)
{
    g_autoptr(GArray) parts = artifact_parts(artifact);
    g_autofree gboolean *missing = g_new0(gboolean, parts->len + 1);
    if (!sluice_store_find_missing(store, (const SluiceDigest *)(void *)parts->data, parts->len, missing, NULL))
        return FALSE;
    for (guint i = 0; i < parts->len; i++) {
        if (missing[i])
            return FALSE;
    }
    return TRUE;
}

/* Absent things are no error for those who look things up. */
static gpointer forgive_absence(GError *problem, GError **error)
{
    if (g_error_matches(problem, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_NOT_FOUND))
        g_error_free(problem);
    else
        g_propagate_error(error, problem);
    return NULL;
}

/* The digest of the message that a ref names; FALSE without error if there is no such ref. */
static gboolean artifact_resolve(SluiceStore *store, const char *ref_name, SluiceDigest *out, GError **error)
{
    GError *problem = NULL;
    g_autoptr(GBytes) value = sluice_store_get_ref(store, ARTIFACT_SPACE, ref_name, &problem);
    if (!value) {
        forgive_absence(problem, error);
        return FALSE;
    }
    gsize length;
    const char *text = g_bytes_get_data(value, &length);
    g_autofree char *copy = g_strndup(text ? text : "", length);
    return sluice_digest_parse(copy, out, error);
}

Artifact *artifact_load(SluiceStore *store, const char *ref_name, GError **error)
{
    SluiceDigest digest;
    if (!artifact_resolve(store, ref_name, &digest, error))
        return NULL;
    GError *problem = NULL;
    g_autoptr(GBytes) bytes = sluice_store_read(store, &digest, &problem);
    if (!bytes)
        return forgive_absence(problem, error);
    Artifact *artifact = artifact_decode(bytes, ref_name, error);
    if (artifact && !artifact_is_complete(store, artifact)) {
        artifact_free(artifact);
        return NULL;
    }
    if (!artifact)
        return NULL;
    artifact->has_buildtree = artifact->has_buildtree && sluice_store_has(store, &artifact->buildtree);
    artifact->has_buildroot = artifact->has_buildroot && sluice_store_has(store, &artifact->buildroot);
    artifact->has_sources = artifact->has_sources && sluice_store_has(store, &artifact->sources);
    return artifact;
}

Artifact *artifact_find(SluiceStore *store, const Element *element, gboolean strict, GError **error)
{
    const char *keys[] = {element->strict_key, strict ? "" : element->weak_key};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!*keys[i])
            continue;
        g_autofree char *name = artifact_ref_name(element, keys[i]);
        GError *problem = NULL;
        Artifact *artifact = artifact_load(store, name, &problem);
        if (artifact)
            return artifact;
        if (problem) {
            g_propagate_error(error, problem);
            return NULL;
        }
    }
    return NULL;
}

/* ---- Storing ------------------------------------------------------------------------------------------------------------ */

/* A message and what its pointers point to. */
typedef struct {
    ArtifactMessage message;
    GPtrArray *owned;
} Encoder;

static gpointer encoder_own(Encoder *encoder, gpointer memory)
{
    g_ptr_array_add(encoder->owned, memory);
    return memory;
}

static DigestMessage *encoder_digest(Encoder *encoder, gboolean present, const SluiceDigest *digest)
{
    if (!present)
        return NULL;
    DigestMessage *message = encoder_own(encoder, g_new0(DigestMessage, 1));
    build__bazel__remote__execution__v2__digest__init(message);
    message->hash = encoder_own(encoder, g_malloc(SLUICE_HASH_HEX + 1));
    sluice_digest_hex(digest, message->hash);
    message->size_bytes = digest->size;
    return message;
}

static void encode_logs(Encoder *encoder, const Artifact *artifact)
{
    encoder->message.n_logs = artifact->n_logs;
    encoder->message.logs = encoder_own(encoder, g_new0(LogMessage *, artifact->n_logs + 1));
    for (gsize i = 0; i < artifact->n_logs; i++) {
        LogMessage *log = encoder->message.logs[i] = encoder_own(encoder, g_new0(LogMessage, 1));
        buildstream__v2__artifact__log_file__init(log);
        log->name = (char *)artifact->logs[i].name;
        log->digest = encoder_digest(encoder, TRUE, &artifact->logs[i].digest);
    }
}

static void encode_dependencies(Encoder *encoder, const Artifact *artifact)
{
    encoder->message.n_build_deps = artifact->n_build_deps;
    encoder->message.build_deps = encoder_own(encoder, g_new0(DependencyMessage *, artifact->n_build_deps + 1));
    for (gsize i = 0; i < artifact->n_build_deps; i++) {
        DependencyMessage *to = encoder->message.build_deps[i] = encoder_own(encoder, g_new0(DependencyMessage, 1));
        buildstream__v2__artifact__dependency__init(to);
        to->project_name = (char *)artifact->build_deps[i].project;
        to->element_name = (char *)artifact->build_deps[i].element;
        to->cache_key = (char *)artifact->build_deps[i].key;
        to->was_workspaced = artifact->build_deps[i].workspaced;
    }
}

static SandboxMessage *encode_sandbox(Encoder *encoder, const Artifact *artifact)
{
    if (!artifact->has_buildroot || !artifact->environment)
        return NULL;
    SandboxMessage *message = encoder_own(encoder, g_new0(SandboxMessage, 1));
    buildstream__v2__artifact__sandbox_state__init(message);
    message->working_directory = (char *)artifact->work_directory;
    message->n_environment = g_strv_length((char **)artifact->environment);
    message->environment = encoder_own(encoder, g_new0(VariableMessage *, message->n_environment + 1));
    for (gsize i = 0; i < message->n_environment; i++) {
        const char *text = artifact->environment[i], *equals = strchr(text, '=');
        VariableMessage *variable = message->environment[i] = encoder_own(encoder, g_new0(VariableMessage, 1));
        build__bazel__remote__execution__v2__command__environment_variable__init(variable);
        variable->name = encoder_own(encoder, g_strndup(text, (gsize)(equals - text)));
        variable->value = (char *)equals + 1;
    }
    return message;
}

static GBytes *artifact_encode(const Artifact *artifact)
{
    g_autoptr(GPtrArray) owned = g_ptr_array_new_with_free_func(g_free);
    Encoder encoder = {.owned = owned};
    ArtifactMessage *message = &encoder.message;
    buildstream__v2__artifact__init(message);
    message->version = ARTIFACT_VERSION;
    message->build_success = artifact->success;
    message->build_error = (char *)artifact->error;
    message->build_error_details = (char *)artifact->error_detail;
    message->strong_key = (char *)artifact->strong_key;
    message->weak_key = (char *)artifact->weak_key;
    message->strict_key = (char *)artifact->strict_key;
    message->files = encoder_digest(&encoder, artifact->has_files, &artifact->files);
    message->was_workspaced = artifact->workspaced;
    message->buildtree = encoder_digest(&encoder, artifact->has_buildtree, &artifact->buildtree);
    message->buildroot = encoder_digest(&encoder, artifact->has_buildroot, &artifact->buildroot);
    message->sources = encoder_digest(&encoder, artifact->has_sources, &artifact->sources);
    message->public_data = encoder_digest(&encoder, artifact->has_public, &artifact->public_data);
    message->low_diversity_meta = encoder_digest(&encoder, artifact->has_low_meta, &artifact->low_meta);
    message->high_diversity_meta = encoder_digest(&encoder, artifact->has_high_meta, &artifact->high_meta);
    message->buildsandbox = encode_sandbox(&encoder, artifact);
    encode_logs(&encoder, artifact);
    encode_dependencies(&encoder, artifact);

    gsize length = buildstream__v2__artifact__get_packed_size(message);
    guint8 *data = g_malloc(length);
    buildstream__v2__artifact__pack(message, data);
    return g_bytes_new_take(data, length);
}

gboolean artifact_store(SluiceStore *store, const Element *element, const Artifact *artifact, GError **error)
{
    g_autoptr(GBytes) bytes = artifact_encode(artifact);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    SluiceDigest digest;
    if (!sluice_store_put(store, data, length, NULL, &digest, error))
        return FALSE;

    g_autoptr(GArray) blobs = artifact_parts(artifact);
    if (artifact->has_files)
        g_array_remove_index(blobs, 0); /* it is a tree */
    g_array_append_val(blobs, digest);
    if (artifact->has_key_text)
        g_array_append_val(blobs, artifact->key_text);
    g_autoptr(GArray) trees = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    add_part(trees, artifact->has_files, &artifact->files);
    add_part(trees, artifact->has_buildtree, &artifact->buildtree);
    add_part(trees, artifact->has_buildroot, &artifact->buildroot);
    add_part(trees, artifact->has_sources, &artifact->sources);
    char text[SLUICE_DIGEST_STRING_MAX];
    sluice_digest_string(&digest, text);
    g_autoptr(GBytes) value = g_bytes_new(text, strlen(text));
    SluiceRef ref = {value, (const SluiceDigest *)(void *)trees->data, trees->len,
                     (const SluiceDigest *)(void *)blobs->data, blobs->len};

    const char *keys[] = {artifact->strong_key, element->weak_key};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!*keys[i])
            continue;
        g_autofree char *name = artifact_ref_name(element, keys[i]);
        if (!sluice_store_set_ref(store, ARTIFACT_SPACE, name, &ref, error))
            return FALSE;
    }
    return TRUE;
}

gboolean artifact_delete(SluiceStore *store, const char *ref_name, GError **error)
{
    GError *problem = NULL;
    g_autoptr(GBytes) value = sluice_store_get_ref(store, ARTIFACT_SPACE, ref_name, &problem);
    if (!value) {
        forgive_absence(problem, error);
        return FALSE;
    }
    return sluice_store_delete_ref(store, ARTIFACT_SPACE, ref_name, error);
}

GPtrArray *artifact_list(SluiceStore *store, const char *glob, GError **error)
{
    g_autofree char *prefix = g_strndup(glob ? glob : "", glob ? strcspn(glob, "*?[") : 0);
    g_autoptr(GPtrArray) all = sluice_store_list_refs(store, ARTIFACT_SPACE, prefix, error);
    if (!all || !glob)
        return g_steal_pointer(&all);
    g_autoptr(GRegex) regex = glob_compile(&glob, 1, error);
    if (!regex)
        return NULL;
    GPtrArray *matching = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < all->len; i++) {
        if (g_regex_match(regex, all->pdata[i], 0, NULL))
            g_ptr_array_add(matching, g_strdup(all->pdata[i]));
    }
    return matching;
}

/* ---- Reading its parts -------------------------------------------------------------------------------------------------- */

GBytes *artifact_read_log(SluiceStore *store, const Artifact *artifact, gsize index, GError **error)
{
    if (index >= artifact->n_logs) {
        error_set(error, ERROR_ARTIFACT, NULL, NULL, "the artifact has %" G_GSIZE_FORMAT " logs", artifact->n_logs);
        return NULL;
    }
    return sluice_store_read(store, &artifact->logs[index].digest, error);
}

static Node *read_yaml(SluiceStore *store, gboolean present, const SluiceDigest *digest, const char *what, Arena *arena,
                       GError **error)
{
    if (!present)
        return node_new_mapping(arena, NULL);
    g_autoptr(GBytes) bytes = sluice_store_read(store, digest, error);
    if (!bytes)
        return NULL;
    gsize length;
    const char *data = g_bytes_get_data(bytes, &length);
    NodeFile *file = arena_new_of(arena, NodeFile);
    file->name = what;
    file->text = arena_strndup(arena, data ? data : "", length);
    return node_parse(arena, file, file->text, length, error);
}

Node *artifact_read_public(SluiceStore *store, const Artifact *artifact, Arena *arena, GError **error)
{
    return read_yaml(store, artifact->has_public, &artifact->public_data, "public data of an artifact", arena, error);
}

/* The names under which the account is stored: `sluice: action-proxy:` in the metadata beside the variables; `key-text:` is beside it. */
static const struct {
    const char *name;
    gsize offset;
} stat_fields[] = {
    {"calls", G_STRUCT_OFFSET(SluiceEndpointStats, calls)},
    {"lookups", G_STRUCT_OFFSET(SluiceEndpointStats, lookups)},
    {"hits", G_STRUCT_OFFSET(SluiceEndpointStats, hits)},
    {"misses", G_STRUCT_OFFSET(SluiceEndpointStats, misses)},
    {"updates", G_STRUCT_OFFSET(SluiceEndpointStats, updates)},
    {"updates-refused", G_STRUCT_OFFSET(SluiceEndpointStats, updates_refused)},
    {"bytes-read", G_STRUCT_OFFSET(SluiceEndpointStats, bytes_read)},
    {"bytes-written", G_STRUCT_OFFSET(SluiceEndpointStats, bytes_written)},
    {"errors", G_STRUCT_OFFSET(SluiceEndpointStats, errors)},
};

Node *artifact_own_meta(const Artifact *artifact, const SluiceEndpointStats *stats, Arena *arena)
{
    Node *top = node_new_mapping(arena, NULL), *proxy = node_new_mapping(arena, NULL);
    char text[SLUICE_DIGEST_STRING_MAX];
    for (gsize i = 0; stats && i < G_N_ELEMENTS(stat_fields); i++) {
        uint64_t value = G_STRUCT_MEMBER(uint64_t, stats, stat_fields[i].offset);
        node_set(arena, proxy, stat_fields[i].name,
                 node_new_scalar(arena, arena_printf(arena, "%" G_GUINT64_FORMAT, value), NULL));
    }
    if (stats && artifact->has_proxy_environment)
        node_set(arena, proxy, "environment",
                 node_new_scalar(
                     arena, arena_printf(arena, "%s", sluice_digest_string(&artifact->proxy_environment, text)), NULL));
    if (stats)
        node_set(arena, top, "action-proxy", proxy);
    if (artifact->has_key_text)
        node_set(arena, top, "key-text", node_new_scalar(arena, sluice_digest_string(&artifact->key_text, text), NULL));
    return node_size(top) > 0 ? top : NULL;
}

static Node *read_own_meta(SluiceStore *store, const Artifact *artifact, Arena *arena, GError **error)
{
    Node *ours = NULL;
    Node *meta =
        read_yaml(store, artifact->has_high_meta, &artifact->high_meta, "metadata of an artifact", arena, error);
    return meta && node_get_mapping(meta, "sluice", &ours, error) ? ours : NULL;
}

GBytes *artifact_read_key_text(SluiceStore *store, const Artifact *artifact, GError **error)
{
    Arena *arena = arena_new();
    const Node *ours = read_own_meta(store, artifact, arena, error);
    const char *text = NULL;
    SluiceDigest digest;
    GError *problem = NULL;
    GBytes *bytes = NULL;
    if (ours && node_get_string(ours, "key-text", &text, error) && text && sluice_digest_parse(text, &digest, error)) {
        bytes = sluice_store_read(store, &digest, &problem);
        if (!bytes)
            forgive_absence(problem, error);
    }
    arena_free(arena);
    return bytes;
}

const char *artifact_time(const Artifact *artifact)
{
    const char *dot = artifact->n_logs > 0 ? strchr(artifact->logs[0].name, '.') : NULL;
    return dot && g_ascii_isdigit(dot[1]) ? dot + 1 : "";
}

gboolean artifact_read_proxy_environment(SluiceStore *store, const Artifact *artifact, SluiceDigest *environment,
                                         GError **error)
{
    Arena *arena = arena_new();
    const Node *ours = read_own_meta(store, artifact, arena, error);
    Node *proxy = NULL;
    const char *text = NULL;
    gboolean found = ours && node_get_mapping(ours, "action-proxy", &proxy, error) && proxy &&
                     node_get_string(proxy, "environment", &text, error) && text &&
                     sluice_digest_parse(text, environment, error);
    arena_free(arena);
    return found;
}

gboolean artifact_read_stats(SluiceStore *store, const Artifact *artifact, SluiceEndpointStats *stats, GError **error)
{
    memset(stats, 0, sizeof *stats);
    Arena *arena = arena_new();
    const Node *ours = read_own_meta(store, artifact, arena, error);
    Node *proxy = NULL;
    gboolean found = ours && node_get_mapping(ours, "action-proxy", &proxy, error) && proxy;
    for (gsize i = 0; found && i < G_N_ELEMENTS(stat_fields); i++) {
        gint64 value = 0;
        found = node_get_int(proxy, stat_fields[i].name, &value, error);
        G_STRUCT_MEMBER(uint64_t, stats, stat_fields[i].offset) = (uint64_t)MAX(value, 0);
    }
    arena_free(arena);
    return found;
}
