/* docker-fetch.c - manifests and layers, from a registry that speaks its API version 2 into the store. */
#include "docker-manifest.h"
#include "docker-private.h"
#include "download.h"
#include "element.h"

#include <string.h>

#define MANIFEST_MAX_BYTES ((gint64)4 << 20)
#define TOKEN_MAX_BYTES    ((gint64)1 << 20)
#define LISTS_MAX          3 /* a list in a list is unusual enough */
#define ACCEPT                                                                                                         \
    "Accept: application/vnd.docker.distribution.manifest.v2+json,"                                                    \
    "application/vnd.docker.distribution.manifest.list.v2+json"

typedef struct {
    Source *source;
    const SourceContext *context;
    const char *action;
    char *registry, *image;
    char *authorization; /* header, or NULL */
} Client;

static void client_clear(Client *client)
{
    g_free(client->registry);
    g_free(client->image);
    g_free(client->authorization);
}

static const char *element_name(const Client *client)
{
    return client->source->element->full_name;
}

/* ---- Requests ----------------------------------------------------------------------------------------------------------------------- */

static char *join(const Client *client, const char *what, const char *reference)
{
    g_autofree char *escaped = g_uri_escape_string(reference, NULL, FALSE);
    const char *image = client->image + strspn(client->image, "/");
    const char *slash = g_str_has_suffix(client->registry, "/") ? "" : "/";
    return g_strdup_printf("%s%sv2/%s/%s/%s", client->registry, slash, image, what, escaped);
}

static gboolean authorize(Client *client, const Download *refused, GError **error)
{
    const char *challenge =
        refused->response != NULL ? g_hash_table_lookup(refused->response, "www-authenticate") : NULL;
    g_autofree char *url = docker_token_url(challenge);
    if (url == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Unexpected Www-Authenticate response: %s",
                  challenge != NULL ? challenge : "none");
        return FALSE;
    }
    const char *const urls[] = {url, NULL};
    Download download = {.urls = urls, .size = -1, .max_size = TOKEN_MAX_BYTES};
    g_autoptr(GBytes) answer =
        download_text(&download, client->context, element_name(client), client->action, "Authorizing", error);
    download_clear(&download);
    if (answer == NULL) {
        return FALSE;
    }
    gsize length;
    const char *text = g_bytes_get_data(answer, &length);
    g_autofree char *token = docker_token_parse(text, length);
    if (token == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s did not answer with a token", url);
        return FALSE;
    }
    g_free(client->authorization);
    client->authorization = g_strconcat("Authorization: Bearer ", token, NULL);
    return TRUE;
}

static gboolean is_refused(const Download *download)
{
    return !download->done && download->status == 401;
}

/* Once more with a token, if that is what the registry wants. */
static gboolean run(Client *client, Download *downloads, gsize count, const char *message, GError **error)
{
    GError *problem = NULL;
    const char *headers[] = {ACCEPT, client->authorization, NULL};
    for (int attempt = 0; attempt < 2; attempt++) {
        gsize refused = 0;
        for (gsize i = 0; i < count; i++) {
            downloads[i].headers = headers;
        }
        g_clear_error(&problem);
        if (download_run(downloads, count, client->context, element_name(client), client->action, message, &problem)) {
            return TRUE;
        }
        while (refused < count && !is_refused(&downloads[refused])) {
            refused++;
        }
        if (attempt > 0 || refused == count || !authorize(client, &downloads[refused], error)) {
            break;
        }
        headers[1] = client->authorization;
    }
    if (error != NULL && *error != NULL) {
        g_clear_error(&problem);
    } else {
        g_propagate_error(error, problem);
    }
    return FALSE;
}

/* ---- Manifests ---------------------------------------------------------------------------------------------------------------------- */

static gboolean check_digest(const Download *download, GError **error)
{
    const char *theirs = g_hash_table_lookup(download->response, "docker-content-digest");
    char hex[SLUICE_HASH_HEX + 1];
    sluice_digest_hex(&download->digest, hex);
    g_autofree char *ours = g_strconcat("sha256:", hex, NULL);
    if (theirs == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Server did not set the Docker-Content-Digest header.");
    } else if (strcmp(ours, theirs) != 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL,
                  "Server returned a non-matching content digest. Our digest: %s, their digest: %s", ours, theirs);
    } else {
        return TRUE;
    }
    return FALSE;
}

static GBytes *request_manifest(Client *client, const char *reference, SluiceDigest *digest, GError **error)
{
    g_autofree char *url = join(client, "manifests", reference);
    const char *const urls[] = {url, NULL};
    Download download = {.urls = urls, .size = -1, .max_size = MANIFEST_MAX_BYTES, .want_response = TRUE};
    g_autofree char *message = g_strdup_printf("Fetching image manifest for image: '%s:%s' from: %s", client->image,
                                               reference, client->registry);
    event_send(client->context->events, EVENT_STATUS, client->action, element_name(client), "%s", message);
    gboolean ok = run(client, &download, 1, message, error) && check_digest(&download, error);
    *digest = download.digest;
    download_clear(&download);
    return ok ? sluice_store_read(client->context->store, digest, error) : NULL;
}

static DockerManifest *parse(const Client *client, GBytes *bytes, GError **error)
{
    const Docker *docker = client->source->data;
    gsize length;
    const char *text = g_bytes_get_data(bytes, &length);
    return docker_manifest_parse(text, length, docker->architecture, docker->os, error);
}

/* Of an image for many platforms that of the wanted one. */
static DockerManifest *get_manifest(Client *client, const char *reference, SluiceDigest *digest, GError **error)
{
    g_autofree char *at = g_strdup(reference);
    for (int i = 0; i < LISTS_MAX; i++) {
        g_autoptr(GBytes) bytes = request_manifest(client, at, digest, error);
        g_autoptr(DockerManifest) manifest = bytes != NULL ? parse(client, bytes, error) : NULL;
        if (manifest == NULL) {
            return NULL;
        }
        if (manifest->platform_digest == NULL) {
            return g_steal_pointer(&manifest);
        }
        g_free(at);
        at = g_steal_pointer(&manifest->platform_digest);
    }
    error_set(error, ERROR_SOURCE, NULL, NULL, "Lists of manifests lead to lists of manifests");
    return NULL;
}

/* ---- Fetching ------------------------------------------------------------------------------------------------------------------------ */

DockerManifest *docker_find_manifest(Source *source, SluiceStore *store, GError **error)
{
    const Docker *docker = source->data;
    SluiceDigest digest;
    if (!download_find(store, docker->digest + strlen("sha256:"), &digest)) {
        return NULL;
    }
    g_autoptr(GBytes) bytes = sluice_store_read(store, &digest, error);
    const Client client = {.source = source};
    return bytes != NULL ? parse(&client, bytes, error) : NULL;
}

static DockerManifest *fetch_manifest(Client *client, GError **error)
{
    const Docker *docker = client->source->data;
    GError *problem = NULL;
    SluiceDigest digest;
    char hex[SLUICE_HASH_HEX + 1];
    DockerManifest *known = docker_find_manifest(client->source, client->context->store, &problem);
    if (known != NULL || problem != NULL) {
        g_propagate_error(error, problem);
        return known;
    }
    g_autoptr(DockerManifest) manifest = get_manifest(client, docker->digest, &digest, error);
    if (manifest == NULL) {
        return NULL;
    }
    sluice_digest_hex(&digest, hex);
    if (strcmp(hex, docker->digest + strlen("sha256:")) != 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Requested image %s, got manifest with digest sha256:%s",
                  docker->digest, hex);
        return NULL;
    }
    return download_remember(client->context->store, &digest, error) ? g_steal_pointer(&manifest) : NULL;
}

static void clear_download(gpointer data)
{
    Download *download = data;
    g_strfreev((char **)download->urls);
    download_clear(download);
}

static gboolean fetch_layers(Client *client, const DockerManifest *manifest, GError **error)
{
    SluiceStore *store = client->context->store;
    g_autoptr(GArray) downloads = g_array_new(FALSE, TRUE, sizeof(Download));
    g_array_set_clear_func(downloads, clear_download);
    for (guint i = 0; i < manifest->layers->len; i++) {
        const DockerLayer *layer = &g_array_index(manifest->layers, DockerLayer, i);
        SluiceDigest digest;
        if (download_find(store, layer->digest, &digest)) {
            continue;
        }
        g_autofree char *name = g_strconcat("sha256:", layer->digest, NULL);
        char **urls = g_new0(char *, 2);
        urls[0] = join(client, "blobs", name);
        Download download = {
            .urls = (const char *const *)urls, .sha256 = layer->digest, .size = layer->size, .want_response = TRUE};
        g_array_append_val(downloads, download);
    }
    g_autofree char *message = g_strdup_printf("Fetching %u layers of image %s", downloads->len, client->image);
    if (downloads->len > 0 && !run(client, (Download *)downloads->data, downloads->len, message, error)) {
        return FALSE;
    }
    for (guint i = 0; i < downloads->len; i++) {
        if (!download_remember(store, &g_array_index(downloads, Download, i).digest, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- All registries that the URL means ------------------------------------------------------------------------------------------------ */

/* With `url`, the image is the path and the registry the rest. */
gboolean docker_split_url(const Docker *docker, const char *translated, char **registry, char **image)
{
    const char *host = strstr(translated, "://");
    const char *path = docker->url != NULL && host != NULL ? strchr(host + 3, '/') : NULL;
    *registry = path != NULL ? g_strndup(translated, (gsize)(path - translated)) : g_strdup(translated);
    *image = g_strdup(docker->url == NULL ? docker->image : path != NULL ? path : "");
    return **image != '\0';
}

typedef gboolean (*ClientFunc)(Client *client, char **ref, GError **error);

static gboolean with_registries(Source *source, const SourceContext *context, const char *action, ClientFunc func,
                                char **ref, GError **error)
{
    const Docker *docker = source->data;
    g_auto(GStrv) urls = source_translate_url(source, docker->url != NULL ? docker->url : docker->registry_url, error);
    gboolean ok = FALSE;
    for (gsize i = 0; !ok && urls != NULL && urls[i] != NULL; i++) {
        Client client = {.source = source, .context = context, .action = action};
        if (error != NULL) {
            g_clear_error(error);
        }
        if (docker_split_url(docker, urls[i], &client.registry, &client.image)) {
            ok = func(&client, ref, error);
        } else {
            error_set(error, ERROR_SOURCE, NULL, &source->where, "There is no image in the URL '%s'", urls[i]);
        }
        client_clear(&client);
    }
    return ok;
}

static gboolean track_image(Client *client, char **ref, GError **error)
{
    const Docker *docker = client->source->data;
    SluiceDigest digest;
    char hex[SLUICE_HASH_HEX + 1];
    g_autoptr(DockerManifest) manifest = get_manifest(client, docker->tag, &digest, error);
    if (manifest == NULL) {
        return FALSE;
    }
    sluice_digest_hex(&digest, hex);
    *ref = g_strdup(hex);
    return TRUE;
}

Node *docker_track(Source *source, const SourceContext *context, GError **error)
{
    const Docker *docker = source->data;
    g_autofree char *ref = NULL;
    if (docker->tag == NULL || !with_registries(source, context, "track", track_image, &ref, error)) {
        return NULL;
    }
    return node_new_scalar(source_arena(source), ref, NULL);
}

static gboolean fetch_image(Client *client, char **ref, GError **error)
{
    g_autoptr(DockerManifest) manifest = fetch_manifest(client, error);
    return manifest != NULL && fetch_layers(client, manifest, error);
}

gboolean docker_fetch(Source *source, const SourceContext *context, GError **error)
{
    return with_registries(source, context, "fetch", fetch_image, NULL, error);
}
