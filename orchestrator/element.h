/*
 * element.h - a loaded element: its resolved configuration, its place in the graph, and its cache keys.
 * Elements live in their project's arena and do not change after loading, but for keys in non-strict mode.
 */
#pragma once

#include "project.h"
#include "source.h"
#include "variables.h"

typedef enum { DEP_BUILD = 1, DEP_RUNTIME = 2 } DependencyType;

typedef struct {
    Element *element;
    unsigned types; /* DependencyType bits */
    gboolean strict;
    const char *path;     /* as written, junction prefix included */
    Node *const *configs; /* mappings; only those occurrences that have one */
    gsize n_configs;
    Provenance where;
} Dependency;

typedef struct {
    const char *build_os, *build_arch;
    gint64 build_uid, build_gid;    /* -1: not set */
    const char *remote_apis_socket; /* path, or NULL */
    gboolean action_cache_enable_update;
    gboolean recc; /* the variable of that name: compilers are called through the launcher */
} SandboxConfig;

typedef struct ElementKind ElementKind; /* kind.h */

struct Element {
    Project *project;
    const char *name;      /* within its project: "sub/name.bst" */
    const char *full_name; /* with junctions in front: "junction.bst:sub/name.bst" */
    const ElementKind *kind;
    const char *kind_name;
    unsigned flags; /* KindFlags: the kind's, as this element's configuration leaves them */
    const char *description;
    Provenance where;
    Dependency *dependencies; /* sorted as BuildStream sorts them */
    gsize n_dependencies;
    Source **sources;
    gsize n_sources;
    const VariableValues
        *variables;    /* expanded; NULL of links, and of junctions that use what only the second pass knows */
    Node *environment; /* expanded, in order */
    const char *const *environment_nocache;
    Node *config;  /* expanded, composed */
    Node *public_; /* expanded */
    SandboxConfig sandbox;
    gboolean notparallel;
    void *data;                        /* the kind's own, in the arena */
    const char *workspace;             /* absolute path of the one that is open for it, or NULL */
    char weak_key[65], strict_key[65]; /* "" while a source has no ref */
    char strong_key[65];               /* the strict one, until states_find_keys finds another; "": not known yet */
    guint index;                       /* dense, unique in the session: for bit sets and arrays */
};

typedef enum { SCOPE_BUILD, SCOPE_RUN, SCOPE_ALL } Scope;
/* In staging order (depth-first post-order). SCOPE_BUILD excludes the element itself. Iterative: any depth.  Borrowed elements; free the array. */
GPtrArray *element_scope(Element *element, Scope scope);
/* Of several elements, each once. */
GPtrArray *elements_scope(Element *const *elements, gsize count, Scope scope);

/* A filter has no sources: who names it where sources are meant means what it filters. */
Element *element_behind_filters(Element *element);

/* An expanded variable's text; NULL if undefined. */
const char *element_variable(const Element *element, const char *name);
/* All of them, as a new mapping in the arena of the session. */
Node *element_variables(const Element *element);
/* Expands %{…} in text with the element's variables; in the arena. */
const char *element_expand(const Element *element, const char *text, const Provenance *where, GError **error);
/* `/`→`-`, extension dropped: the name in artifact refs and log paths.  Free with g_free. */
char *element_normal_name(const Element *element);
char *element_name_normalize(const char *element_name);
/* public: bst: integration-commands; NULL-terminated, arena. */
const char *const *element_integration_commands(const Element *element);
/* public: bst: split-rules: which domains an absolute path belongs to; domain names borrowed. */
gboolean element_in_split_domain(const Element *element, const char *domain, const char *path);
const char *const *element_split_domains(const Element *element); /* names of all domains */
