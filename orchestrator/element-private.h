/*
 * element-private.h - an element while it is loaded: its YAML, its links, what it shares with others of its kind.
 */
#pragma once

#include "project-private.h"

struct SplitDomain {
    const char *name;
    GRegex *regex;
};

typedef enum { LOADED_NODE, LOADED_DEPENDENCIES, LOADED_RESOLVED } LoadState;

struct ElementData {
    Element element; /* first: a cast leads back */
    Node *node;      /* the whole file, conditionals and includes resolved */
    const Node *link_target;
    KindDefaults *defaults;
    const char *const *nocache_own; /* its own names, if it has any */
    LoadState state;
    enum { WALK_NEW, WALK_OPEN, WALK_DONE } walk; /* for cycles */
    gboolean first_pass;                          /* junction or link */
    guint mark, slot;                             /* the element that has it as a dependency, and where */
    guint order;                                  /* post-order number while dependencies are sorted */
    const char *build_root;                       /* of a junction, whose other variables are not resolved; or NULL */
    struct {
        struct SplitDomain *domains; /* compiled on first use */
        gsize count;
    } splits;
};

static inline ElementData *element_data(const Element *element)
{
    return (ElementData *)element;
}

/* ---- element-load.c: files, links, junctions, dependencies ---- */
/* The subproject behind a junction path ("a.bst:b.bst"). */
Project *project_get_subproject(Project *project, const char *junction_path, const Provenance *where, GError **error);
/* The same among those that are loaded; links are followed.  NULL without error if it is not. */
Project *project_find_subproject(Project *project, const char *junction_path, const Provenance *where, GError **error);
/* The element and everything that it depends on. */
ElementData *element_load(Project *project, const char *name, const Provenance *where, GError **error);
/* CIRCULAR_DEPENDENCY naming the chain. */
gboolean elements_check_cycles(Element *const *targets, gsize count, GError **error);

/* ---- project-conflicts.c ---- */
/* CONFLICTING_JUNCTION. */
gboolean projects_check_conflicts(Session *session, GError **error);

/* ---- element-scope.c ---- */
/* element_scope for callers that ask for many: `seen` has room for all elements of the session, and `stamp` is another each time. */
void elements_scope_into(Element *element, Scope scope, guint32 *seen, guint32 stamp, GArray *stack, GPtrArray *out);
GArray *elements_scope_stack(void);

/* ---- dependency-sort.c ---- */
/* Of all elements below the targets, in BuildStream's order. */
void elements_sort_dependencies(Session *session, Element *const *targets, gsize count);
/* The order of one list under a comparison that need not be transitive: the algorithm's steps are part of the result. */
void dependency_list_sort(Dependency *list, gsize count,
                          int (*compare)(const Dependency *, const Dependency *, gpointer), gpointer data);

/* ---- element-dependencies.c ---- */
/* Reads the dependency lists of the node; names only, `element` is not set. */
typedef struct {
    const char *junction; /* or NULL */
    const char *name;
    Dependency dependency;
} DependencySpec;
gboolean dependencies_parse(Arena *arena, const Node *node, GArray *specs, GError **error);
void dependency_merge(Arena *arena, Dependency *into, const Dependency *other);

/* ---- element.c ---- */
/* Names of all elements below the element path, of a directory first its files, then its directories, by name.  Free with g_ptr_array_unref. */
GPtrArray *project_list_elements(const Project *project);

/* ---- element-defaults.c ---- */
KindDefaults *kind_defaults_get(Project *project, ProjectConfig *config, const char *kind, const Provenance *where,
                                GError **error);
void kind_defaults_free(KindDefaults *defaults);

/* ---- element-resolve.c ---- */
/* Variables, environment, config …, sources; then the kind's configure. Dependencies are resolved before. */
gboolean element_resolve(ElementData *data, GError **error);

/* ---- source-load.c ---- */
gboolean element_load_sources(ElementData *data, VariableScope *scope, GError **error);

/* ---- key-batch.c ---- */
/* Keys of elements as they are resolved, in the order of the session, in which the `earlier` first have keys.  Until key_batches_finish two threads work behind: what
 * they read of an element (all that its kind's and its sources' unique_key look at) must not change, nothing may fork, and no keys can be read. */
typedef struct KeyBatches KeyBatches;
KeyBatches *key_batches_begin(Session *session, guint earlier);
/* A problem is told by key_batches_finish: the first one. */
void key_batches_add(KeyBatches *keys, Element *element);
/* Until more are added, no thread is at work on them.  `keys` may be NULL. */
void key_batches_pause(KeyBatches *keys);
gboolean key_batches_finish(KeyBatches *keys, GError **error);
/* Of one that depends on nothing and that the session does not list yet: a junction. */
gboolean element_compute_key(Element *element, GError **error);
