/*
 * helper-root.h - paths inside the mounted root.
 *
 * The root belongs to whoever wrote it: its links may point anywhere, so every path is resolved by the kernel with the root as "/".
 */
#pragma once

#include "sandbox-error.h"

typedef struct {
    int fd;          /* the root directory */
    char *place;     /* its path outside */
    GPtrArray *made; /* canonical paths of mount points that are taken away afterwards, parents first */
} HelperRoot;

/* Opens the directory `place`. */
gboolean helper_root_open(HelperRoot *root, const char *place, GError **error);
void helper_root_clear(HelperRoot *root);

/* The canonical path inside (no links in it) of what `path` leads to; NULL with errno set if nothing. */
char *helper_root_resolve(const HelperRoot *root, const char *path);
/* An O_PATH descriptor of what `path` leads to inside, or -1 with errno. */
int helper_root_open_path(const HelperRoot *root, const char *path);
/* Whether a link is on the way there. */
gboolean helper_root_has_link(const HelperRoot *root, const char *path);
/* The same as helper_root_resolve for a directory, or with `file` for anything else; made if absent, with its parents.
 * `transient`: taken away again by helper_root_tidy. */
char *helper_root_ensure(HelperRoot *root, const char *path, gboolean file, gboolean transient, GError **error);
/* Takes the mount points away that are still as they were made. */
void helper_root_tidy(HelperRoot *root);
