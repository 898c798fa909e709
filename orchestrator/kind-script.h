/*
 * kind-script.h - what kinds over BuildStream's script element share: groups of commands, run in the order of their names' first mention over dependencies that
 * are staged at places.
 */
#pragma once

#include "build.h"

#define KIND_SCRIPT_ELEMENT_FLAGS                                                                                      \
    (KIND_RUNS_COMMANDS | KIND_STRICT_REBUILD | KIND_FORBID_RUNTIME_DEPS | KIND_FORBID_SOURCES | KIND_DEP_CONFIG)

/* An element's `data`. */
typedef struct {
    const char *cwd, *install_root;
    gboolean root_read_only;
    Node *commands; /* name of the group: commands */
    Layout layout;
} ScriptElement;

/* In the session's arena, as the variables `cwd` and `install-root` say; becomes the element's data. */
ScriptElement *script_element_new(Element *element);
/* A group of that name is replaced. */
void script_element_add_group(Element *element, const char *name, Node *commands);
Json *script_element_unique_key(Element *element, Arena *arena);
gboolean script_element_assemble(Element *element, Build *build, SluiceDigest *files, GError **error);
