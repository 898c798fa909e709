/* source-docker.c - `kind: docker`: the files of a container image, from a registry: configuration, ref and key. */
#include "docker-private.h"
#include "element.h"
#include "source-info.h"
#include "source-kinds.h"

#include <string.h>
#include <sys/utsname.h>

#define DEFAULT_REGISTRY "https://registry.hub.docker.com"

static const char *default_architecture(Arena *arena)
{
    struct utsname host;
    uname(&host);
    if (strcmp(host.machine, "x86_64") == 0) {
        return "amd64";
    }
    return strcmp(host.machine, "aarch64") == 0 ? "arm64" : arena_strdup(arena, host.machine);
}

/* Empty is as good as absent. */
static gboolean get_word(const Node *config, const char *key, const char **out, GError **error)
{
    const char *word = NULL;
    if (!node_get_string(config, key, &word, error)) {
        return FALSE;
    }
    if (word != NULL && *word != '\0') {
        *out = word;
    }
    return TRUE;
}

static gboolean get_image(Source *source, Docker *docker, const Node *config, GError **error)
{
    const char *problem = NULL;
    docker->registry_url = DEFAULT_REGISTRY;
    if (!node_get_string(config, "url", &docker->url, error) ||
        !node_get_string(config, "image", &docker->image, error) ||
        !node_get_string(config, "registry-url", &docker->registry_url, error)) {
        return FALSE;
    }
    if (docker->url != NULL && (docker->image != NULL || node_find(config, "registry-url") != NULL)) {
        problem = "May specify either 'url', or 'image' and 'registry-url'";
    } else if (docker->url == NULL && docker->image == NULL) {
        problem = "Must define either 'url' or 'image'";
    }
    if (problem != NULL) {
        error_set(error, ERROR_SOURCE, NULL, &source->where, "%s", problem);
    }
    return problem == NULL;
}

static gboolean docker_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"architecture", "registry-url", "image",   "os", "ref",
                                       "track",        "url",          "version", NULL};
    Docker *docker = arena_new_of(source_arena(source), Docker);
    source->data = docker;
    docker->architecture = default_architecture(source_arena(source));
    docker->os = "linux";
    return node_check_keys(config, keys, error) && get_image(source, docker, config, error) &&
           get_word(config, "track", &docker->tag, error) &&
           get_word(config, "architecture", &docker->architecture, error) &&
           get_word(config, "os", &docker->os, error) && node_get_string(config, "version", &docker->version, error);
}

static gboolean docker_load_ref(Source *source, const Node *ref, GError **error)
{
    Docker *docker = source->data;
    const char *text = NULL;
    if (!source_ref_text(source, ref, &text, error)) {
        return FALSE;
    }
    docker->digest = text != NULL ? arena_printf(source_arena(source), "sha256:%s", text) : NULL;
    return TRUE;
}

static Json *docker_unique_key(Source *source, Arena *arena, GError **error)
{
    const Docker *docker = source->data;
    Json *key = json_array(arena);
    if (docker->url != NULL) {
        json_append(key, json_string(arena, docker->url));
    } else {
        json_append(key, json_string(arena, docker->registry_url));
        json_append(key, json_string(arena, docker->image));
    }
    json_append(key, json_string(arena, docker->digest));
    if (docker->version != NULL) {
        json_append(key, json_string(arena, docker->version));
    }
    return key;
}

static gboolean check_ref(const Source *source, GError **error)
{
    const Docker *docker = source->data;
    const char *hex = docker->digest + strlen("sha256:");
    SluiceDigest digest;
    if (sluice_digest_parse_hex(hex, strlen(hex), 0, &digest, NULL)) {
        return TRUE;
    }
    error_set(error, ERROR_SOURCE, NULL, source->ref != NULL ? node_where(source->ref) : &source->where,
              "The ref '%s' is not a SHA-256 (64 lower-case hexadecimal digits)", hex);
    return FALSE;
}

static gboolean checked_fetch(Source *source, const SourceContext *context, GError **error)
{
    return check_ref(source, error) && docker_fetch(source, context, error);
}

static gboolean docker_collect_info(Source *source, Arena *arena, Node *list, GError **error)
{
    const Docker *docker = source->data;
    g_autofree char *registry = NULL, *image = NULL;
    g_autofree char *url = source_primary_url(source, docker->url != NULL ? docker->url : docker->registry_url, error);
    if (url == NULL) {
        return FALSE;
    }
    docker_split_url(docker, url, &registry, &image);
    Node *extra = node_new_mapping(arena, NULL);
    node_set(arena, extra, "image-name", node_new_scalar(arena, arena_strdup(arena, image + strspn(image, "/")), NULL));
    const SourceInfo info = {.url = registry,
                             .medium = "oci-image",
                             .version_type = "oci-digest",
                             .version = docker->digest,
                             .version_guess = docker->version,
                             .extra_data = extra};
    source_info_append(source, arena, list, &info);
    return TRUE;
}

const SourceKind source_kind_docker = {
    .name = "docker",
    .has_ref = TRUE,
    .configure = docker_configure,
    .load_ref = docker_load_ref,
    .unique_key = docker_unique_key,
    .track = docker_track,
    .fetch = checked_fetch,
    .stage = docker_stage,
    .collect_info = docker_collect_info,
};
