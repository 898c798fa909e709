/*
 * include.h - conditionals (?), assertions (!) and includes (@), resolved in a loaded file.
 */
#pragma once

#include "project-options.h"

/* All conditionals and assertions in the node.  `restricted` (or NULL): keys that conditional fragments at the top must not have. */
Node *conditionals_process(OptionPool *pool, Arena *arena, Node *node, const char *const *restricted, GError **error);

typedef struct Project Project;
typedef enum {
    INCLUDE_LOCAL_ONLY = 1 << 0,   /* what comes from other projects is left out: the first pass */
    INCLUDE_NO_CONDITIONS = 1 << 1 /* conditionals stay, and add up: project.conf, whose options are not known yet */
} IncludeFlags;
/* The node with what it includes below it. */
Node *includes_process(Project *project, Node *node, unsigned flags, GError **error);
