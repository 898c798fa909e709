/*
 * workspaces.h - the project's open workspaces: `.bst2/workspaces.yml` of the toplevel project, format 4, as BuildStream keeps it.
 *
 * An element with a workspace has one source, the workspace's directory, in place of those that it lists; its key follows the contents and times of the files there.
 */
#pragma once

#include "project.h"

typedef struct {
    char *element;    /* full name */
    char *path;       /* as it is written: below the project, or absolute */
    char *last_build; /* key of the last build, or NULL */
} Workspace;

/* All, in the order of the file; borrowed.  */
GPtrArray *session_workspaces(Session *session);
Workspace *workspace_find(Session *session, const char *element);
/* While they are aside, none is open: elements are loaded with the sources that they list.  Owned by who keeps it. */
GPtrArray *workspaces_set_aside(Session *session);
/* Takes what was aside. */
void workspaces_put_back(Session *session, GPtrArray *aside);
/* Absolute; free with g_free. */
char *workspace_directory(Session *session, const Workspace *workspace);
/* FALSE for a directory outside of the project that has no marker with the element's name in it, which opening a workspace leaves: whoever wrote workspaces.yml may not own
 * it, so it is neither read nor removed. */
gboolean workspace_is_trusted(Session *session, const Workspace *workspace);
/* Adds or replaces; `directory` is absolute. */
void workspace_set(Session *session, const char *element, const char *directory);
void workspace_remove(Session *session, const char *element);
/* Writes the file, atomically. */
gboolean workspaces_save(Session *session, GError **error);
/* The marker in a workspace's directory, by which commands find the project and the element. */
gboolean workspace_write_marker(Session *session, const char *element, const char *directory, GError **error);
gboolean workspace_has_marker(const char *directory);
void workspace_remove_marker(const char *directory);
