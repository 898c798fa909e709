/* What a registry of images answers: digests are digests, tokens fit into a header, and realms are not files. */
#include "docker-manifest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(gboolean condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(DockerManifest) manifest = docker_manifest_parse((const char *)data, size, "amd64", "linux", &error);
    g_autofree char *challenge = g_strndup((const char *)data, size);
    g_autofree char *url = docker_token_url(challenge), *token = docker_token_parse((const char *)data, size);
    check((manifest == NULL) == (error != NULL));
    for (guint i = 0; manifest != NULL && i < manifest->layers->len; i++) {
        const DockerLayer *layer = &g_array_index(manifest->layers, DockerLayer, i);
        check(strlen(layer->digest) == 64 && layer->size >= -1 && manifest->platform_digest == NULL);
    }
    check(url == NULL || g_str_has_prefix(url, "http"));
    check(token == NULL || (*token != '\0' && strpbrk(token, "\r\n ") == NULL));
    return 0;
}
