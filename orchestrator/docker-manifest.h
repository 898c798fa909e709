/*
 * docker-manifest.h - what a registry of images says: manifests, lists of them, and how it wants to be asked.  Pure functions over foreign bytes.
 */
#pragma once

#include <glib.h>

typedef struct {
    char *digest; /* 64 digits */
    gint64 size;  /* or -1 */
} DockerLayer;

typedef struct {
    char *
        platform_digest; /* of a list: the manifest of the wanted platform, "sha256:" in front; then there are no layers */
    GArray *layers;      /* of DockerLayer, lowest first */
} DockerManifest;

/* NULL with SOURCE error: no manifest, of an unknown kind, without the platform, or with layers that are no compressed archives. */
DockerManifest *docker_manifest_parse(const char *text, gsize length, const char *architecture, const char *os,
                                      GError **error);
void docker_manifest_free(DockerManifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DockerManifest, docker_manifest_free)

/* Where to get a token: the URL that a "WWW-Authenticate: Bearer …" challenge asks for; NULL if it is no such challenge.  Free with g_free. */
char *docker_token_url(const char *challenge);
/* The token of the answer, NULL if it has none that can be sent.  Free with g_free. */
char *docker_token_parse(const char *text, gsize length);
