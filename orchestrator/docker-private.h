/*
 * docker-private.h - what the files of `kind: docker` share.
 */
#pragma once

#include "source.h"

typedef struct {
    const char *url;                  /* registry and image in one, or NULL */
    const char *registry_url, *image; /* else */
    const char *tag;                  /* to track, or NULL */
    const char *architecture, *os;
    const char *version; /* or NULL */
    const char *digest;  /* of the manifest, "sha256:" in front; or NULL */
} Docker;
