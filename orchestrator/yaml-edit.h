/*
 * yaml-edit.h - changing one value in a YAML file and nothing else: comments, quotes and layout stay as people wrote them.
 */
#pragma once

#include "node.h"

typedef struct {
    const char *key; /* NULL: an item of a list */
    gsize index;
} YamlStep;

/* The text with `value` at `path`, starting from the mapping at `start` (NULL: the top of the document).  What is missing on the way is made.  NULL with LOAD
 * error if the text is no YAML or does not have the shape that the path needs.  Free with g_free. */
char *yaml_edit_set(const char *text, gsize length, const Provenance *start, const YamlStep *path, gsize n_path,
                    const Node *value, GError **error);
