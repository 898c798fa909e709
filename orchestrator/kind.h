/*
 * kind.h - the table of element kinds.  A kind that is only defaults over the build element is a YAML file in orchestrator/kinds/; a kind with behaviour of
 * its own is one file, kind-NAME.c, with a `const ElementKind element_kind_NAME`, listed in meson.build.
 */
#pragma once

#include "element.h"

typedef struct Build Build; /* build.h: one element being built in a job */

typedef enum {
    KIND_RUNS_COMMANDS = 1 << 0,  /* environment and sandbox enter the key */
    KIND_STRICT_REBUILD = 1 << 1, /* dependencies' keys enter the weak key */
    KIND_FORBID_SOURCES = 1 << 2,
    KIND_FORBID_BUILD_DEPS = 1 << 3,
    KIND_FORBID_RUNTIME_DEPS = 1 << 4,
    KIND_FORBID_DEPS = KIND_FORBID_BUILD_DEPS | KIND_FORBID_RUNTIME_DEPS,
    KIND_DEP_CONFIG = 1 << 5,    /* accepts `config` on dependencies */
    KIND_NO_ARTIFACT = 1 << 6,   /* stack: nothing of its own */
    KIND_NOT_BUILDABLE = 1 << 7, /* junction, link */
    KIND_BUILD_ELEMENT = 1 << 8, /* commands in configure/build/install/strip-commands */
    KIND_UNKNOWN = 1 << 15       /* declared and not implemented: nothing is known of it, its key least of all */
} KindFlags;

struct ElementKind {
    const char *name;
    const char *defaults; /* YAML text, or NULL */
    unsigned flags;
    int artifact_version;
    /* After config is composed and expanded, before keys.  Checks keys and sets element->data. */
    gboolean (*configure)(Element *element, GError **error);
    /* After dependencies are resolved and sorted: checks counts and dependency configs.  May be NULL. */
    gboolean (*configure_dependencies)(Element *element, GError **error);
    /* Called on a thread of its own while other elements are loaded: changes nothing.  NULL only with KIND_UNKNOWN. */
    Json *(*unique_key)(Element *element, Arena *arena);
    /* Makes the artifact's files (job process).  NULL for kinds that make none. */
    gboolean (*assemble)(Element *element, Build *build, SluiceDigest *files, GError **error);
};

extern const ElementKind *const element_kinds[]; /* NULL-terminated */
const ElementKind *element_kind_find(const char *name);

/* Shared by all build elements (kind-build.c). */
gboolean build_element_configure(Element *element, GError **error);
gboolean build_element_configure_dependencies(Element *element, GError **error);
Json *build_element_unique_key(Element *element, Arena *arena);
gboolean build_element_assemble(Element *element, Build *build, SluiceDigest *files, GError **error);

/* Parts of unique keys. */
/* A list of strings in code point order; `list` may be NULL. */
Json *sorted_strings_key(Arena *arena, const Node *list);
/* The same, each once. */
Json *sorted_set_key(Arena *arena, const Node *list);
