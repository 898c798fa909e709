/*
 * project-private.h - the inside of sessions and projects, for the files that load them.
 */
#pragma once

#include "element.h"
#include "kind.h"
#include "plugin.h"
#include "project-options.h"
#include "project.h"
#include "variables.h"

typedef struct ElementData ElementData; /* element-private.h */

typedef struct ProjectConfig ProjectConfig;

/* The composed defaults of one kind in one project, and what elements share of it. */
typedef struct {
    const ElementKind *kind;
    const ProjectConfig *config_pass;
    VariableBase *variables;
    const Node *variables_node; /* as composed, with an empty element-name */
    gboolean notparallel;
    Node *environment, *config, *sandbox, *splits; /* not expanded; environment and sandbox with the project's */
    Node *public_plain;                            /* of elements that say nothing about it; made on first use */
    const char *const *environment_nocache;
} KindDefaults;

/* What one pass over project.conf gives.  Junctions and links live in the first pass, everything else in the second. */
struct ProjectConfig {
    gboolean first_pass;
    OptionPool *options;
    Node *variables;
    Node *element_overrides, *source_overrides; /* or NULL */
    Node *aliases;                              /* expanded, or NULL */
    Node *mirrors;                              /* expanded, or NULL */
    const char *default_mirror;
    GHashTable *kinds; /* kind name → KindDefaults * */
};

/* project.refs or junction.refs. */
typedef struct {
    const char *name;
    Node *projects; /* NULL: no file, or not loaded */
} RefsFile;

struct Project {
    Session *session;
    Project *parent;   /* NULL: toplevel */
    Element *junction; /* in `parent` */
    const char *name;
    const char *directory;
    const char *element_path; /* absolute */
    const char *element_dir;  /* below `directory`; "" for itself */
    const char *prefix;       /* of file names in messages: "junction.bst:" or "" */
    int dirfd;
    Node *conf; /* project.conf as written */
    const char *const *default_targets;
    const char *const *fatal_warnings; /* sorted */
    Node *duplicates;                  /* project name → junction paths, or NULL */
    Node *internal;                    /* junction paths, or NULL */
    gboolean disallow_subproject_uris;
    gboolean refs_file;
    RefsFile refs, junction_refs;
    ProjectConfig first, full;
    gboolean fully_loaded;
    Node *environment, *sandbox, *splits, *shell, *provenance_attributes;
    const char *const *environment_nocache;
    gboolean mirrors_from_user;
    Node *conf_now;                          /* project.conf composed and resolved by the latest pass */
    GHashTable *plugins[PLUGIN_TYPES];       /* declared kind → PluginOrigin * */
    GHashTable *plugin_places[PLUGIN_TYPES]; /* kind → PluginPlace *, found so far */
    GHashTable *files;                       /* included files: key → Node * */
    GHashTable *elements;                    /* name → ElementData * */
    struct Prefetch *prefetch;               /* of its elements' files */
    GHashTable *subprojects;                 /* junction name → Project * */
    GHashTable *digests;                     /* path → SluiceDigest *, in the arena */
    GPtrArray *links;                        /* Link *: link paths and where they lead */
    GPtrArray *also_parents; /* Project *: those that override this one's junctions by theirs, or NULL */
    GHashTable *searching;   /* junction paths that are being looked for → const Provenance * of who asks */
    Provenance loaded_at;    /* the place that asked for this subproject */
};

struct Session {
    Arena *arena;
    GPtrArray *thread_arenas; /* Arena *: what other threads parsed */
    Arena *key_arena;         /* of whoever computes keys: see element-private.h */
    LoadOptions options;
    Project *toplevel;
    GPtrArray *projects; /* Project * */
    GPtrArray *elements; /* Element *, by index */
    const char *max_jobs;
    const char *host_arch, *host_os;
    Node *builtin;                 /* the builtin project configuration */
    GPtrArray *workspaces;         /* Workspace * */
    const char *workspace_element; /* of the workspace that the command was started in, or NULL */
    guint marks;                   /* walks so far */
    unsigned hops;                 /* junctions being loaded, one inside the other */
    SubprojectFunc stage_subproject;
    gpointer stage_subproject_data;
    GPtrArray *unknown;          /* char *: of each unknown kind, where it is used and what plugin it should be */
    GHashTable *unknown_told;    /* set of "TYPE KIND" that are in there */
    GHashTable *unknown_sources; /* name → SourceKind *, for those */
    GHashTable *key_texts;       /* shared Node * → canonical JSON */
    GPtrArray *regexes;          /* GRegex *, of elements' split rules */
    struct KeyBatches *keys;     /* of elements that are being resolved, or NULL */
};

#define SESSION_MAX_FILE ((gsize)64 << 20)

/* ---- project.c ---- */
Project *project_load(Session *session, const char *directory, Project *parent, Element *junction,
                      const Provenance *loaded_at, GError **error);
gboolean project_ensure_fully_loaded(Project *project, GError **error);
void project_free(Project *project);

/* Whether a kind that is not implemented may be loaded: it is, if its plugin is declared and the session's owner allows it.  Takes `problem`, which is
 * the error otherwise; what is allowed is told by one warning for all of them. */
gboolean session_allow_unknown(Session *session, const PluginPlace *place, PluginType type, const char *kind,
                               GError *problem, GError **error);

/* ---- workspaces.c ---- */
/* Reads `.bst2/workspaces.yml` of the toplevel project. */
gboolean workspaces_load(Session *session, GError **error);

/* ---- project-file.c ---- */
/* Opens a path below the project's directory, never outside it. -1 with errno. */
int project_open(const Project *project, const char *path, int flags);
/* A file's bytes, `project` NULL for an absolute path; free *text. */
gboolean project_read_file(const Project *project, const char *path, char **text, gsize *length, GError **error);
/* Parses one of the project's YAML files; `shown` is its name in messages.  Reasons MISSING_FILE, LOADING_DIRECTORY, INVALID_YAML … */
Node *project_read_yaml(Project *project, const char *path, const char *shown, GError **error);
/* The same of an absolute path that is no project's. */
Node *session_read_yaml(Session *session, const char *path, const char *shown, GError **error);
/* The same into any arena, for threads: changes nothing of the project. */
Node *project_parse_file(const Project *project, Arena *arena, const char *path, const char *shown, GError **error);
Node *project_parse_element(const Project *project, Arena *arena, const char *name, GError **error);
/* `value` is a path in the project: checks it as BuildStream does. */
typedef enum { PATH_ANY, PATH_FILE, PATH_DIRECTORY } PathType;
gboolean project_check_path(const Project *project, const char *path, const Provenance *where, PathType type,
                            GError **error);

/* ---- prefetch.c ---- */
/* The files of a project's elements, and of all that they name, read by threads while the loader is at work; it alone calls these.  Reports nothing. */
typedef struct Prefetch Prefetch;
Prefetch *prefetch_new(Project *project);
void prefetch_free(Prefetch *prefetch);
/* Will be asked for. */
void prefetch_add(Prefetch *prefetch, const char *name);
/* The parsed file of an element, given once; NULL if it could not be read or parsed: reading it again says why. */
Node *prefetch_take(Prefetch *prefetch, const char *name);
/* No thread is at work when this returns, until more is asked for. */
void prefetch_stop(Prefetch *prefetch);
void session_stop_prefetch(Session *session);

/* ---- project-config.c ---- */
gboolean project_load_pass(Project *project, ProjectConfig *config, Node *conf, GError **error);
Node *project_builtin_config(Session *session, GError **error);

/* ---- project-refs.c ---- */
gboolean refs_load(Project *project, RefsFile *refs, OptionPool *options, GError **error);
/* The mapping that holds a source's ref, or NULL. */
const Node *refs_find(const RefsFile *refs, const char *project, const char *element, guint index);
