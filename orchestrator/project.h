/*
 * project.h - projects: project.conf, options, defaults, aliases, and the loading of elements.
 *
 * A Session holds everything loaded by one command: the toplevel project, its subprojects, all elements, in one arena.
 */
#pragma once

#include "cas.h"
#include "events.h"
#include "node.h"

typedef struct Project Project;
typedef struct Element Element;
typedef struct Session Session;

/* From the command line and the user configuration. */
typedef struct {
    const char *directory;      /* where to look for project.conf, upward */
    const char *const *options; /* NULL-terminated pairs NAME, VALUE; or NULL */
    gint64 max_jobs;            /* 0: automatic */
    gboolean
        unknown_kinds; /* elements and sources whose plugin is declared but not implemented load, and have no key */
    gboolean strict;   /* cache keys of dependencies matter fully (default TRUE) */
    const char *default_mirror;
    Node *user_config; /* parsed user configuration, or NULL */
    const EventSink *events;
    SluiceStore *store; /* asked, while keys are computed, for files that it imported before; or NULL */
} LoadOptions;

/* Loads project.conf and what it includes.  LOAD errors. */
Session *session_load(const LoadOptions *options, GError **error);
void session_free(Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)
Arena *session_arena(Session *session);
Project *session_toplevel(Session *session);
/* Of the workspace that the command was started in, or NULL. */
const char *session_workspace_element(const Session *session);

/* Junctions whose source is not a local directory: fetches and stages the sources of `junction`, whose key is computed, and returns the directory (g_free), which
 * must stay.  Without such a function they are SUBPROJECT_INCONSISTENT. */
typedef char *(*SubprojectFunc)(Element *junction, gpointer data, GError **error);
void session_set_subproject_func(Session *session, SubprojectFunc func, gpointer data);

/* Loads the named elements ("x.bst", "junction.bst:x.bst") and all they depend on, resolves and computes keys.  NULL or empty: the project's default targets,
 * junctions among them. Result: the target elements, in the order given; free the array. */
GPtrArray *session_load_elements(Session *session, const char *const *names, GError **error);
/* Every loaded element, dense by element->index. */
Element *const *session_elements(Session *session, gsize *count);
/* Computes weak and strict keys again (after tracking). */
gboolean session_compute_keys(Session *session, GError **error);

Session *project_session(const Project *project);
const char *project_name(const Project *project);
const char *project_directory(const Project *project);    /* absolute */
const char *project_element_path(const Project *project); /* absolute */
int project_dirfd(const Project *project);
/* The digest of a file or directory below the project, as a source of kind local has it; each is looked at once in a session. */
gboolean project_digest(Project *project, const char *path, SluiceDigest *out, GError **error);
SluiceStore *project_store(const Project *project);                   /* of LoadOptions; NULL if there is none */
const EventSink *project_events(const Project *project);              /* of LoadOptions; may be NULL */
gboolean project_uses_refs_file(const Project *project);              /* ref-storage: project.refs */
const Node *project_alias(const Project *project, const char *alias); /* NULL if not defined */
gboolean project_is_fatal_warning(const Project *project, const char *token);
const Node *project_shell(const Project *project); /* the `shell` section, or NULL */

/* Writes a source's new ref where it came from (element file, include, or project.refs), keeping comments and layout; atomic. */
typedef struct Source Source;
gboolean project_store_ref(Source *source, Node *ref, GError **error);
