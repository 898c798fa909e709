/*
 * docker-private.h - what the files of `kind: docker` share.
 */
#pragma once

#include "docker-manifest.h"
#include "source.h"

typedef struct {
    const char *url;                  /* registry and image in one, or NULL */
    const char *registry_url, *image; /* else */
    const char *tag;                  /* to track, or NULL */
    const char *architecture, *os;
    const char *version; /* or NULL */
    const char *digest;  /* of the manifest, "sha256:" in front; or NULL */
} Docker;

Node *docker_track(Source *source, const SourceContext *context, GError **error);
gboolean docker_fetch(Source *source, const SourceContext *context, GError **error);
gboolean docker_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                      GError **error);
/* What was fetched; NULL without error if it was not. */
DockerManifest *docker_find_manifest(Source *source, SluiceStore *store, GError **error);
/* A translated URL as registry and image; FALSE: there is no image.  Free both with g_free. */
gboolean docker_split_url(const Docker *docker, const char *translated, char **registry, char **image);
