/* workspaces.c - see workspaces.h */
#include "workspaces.h"
#include "project-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER         ".bst2"
#define FILE_NAME      FOLDER "/workspaces.yml"
#define FORMAT_VERSION 4
#define MARKER         ".bstproject.yaml"

static void workspace_free(gpointer data)
{
    Workspace *workspace = data;
    g_free(workspace->element);
    g_free(workspace->path);
    g_free(workspace->last_build);
    g_free(workspace);
}

/* ---- Reading ---- */

static gboolean check_version(const Node *root, GError **error)
{
    gint64 version = 0;
    if (!node_get_int(root, "format-version", &version, error)) {
        return FALSE;
    }
    if (version == FORMAT_VERSION) {
        return TRUE;
    }
    error_set(error, ERROR_LOAD, "INVALID_DATA", NULL,
              version < FORMAT_VERSION
                  ? "Workspace configuration format version %" G_GINT64_FORMAT
                    " not supported.Please recreate this workspace."
                  : "Workspace configuration format version %" G_GINT64_FORMAT
                    " not supported.Your version of buildstream may be too old. Max supported version: 4",
              version);
    return FALSE;
}

static gboolean read_workspace(GPtrArray *all, const char *element, const Node *node, GError **error)
{
    const char *path = NULL, *last_build = NULL;
    if (node_type(node) != NODE_MAPPING) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node), "The workspace of %s is no mapping", element);
        return FALSE;
    }
    if (!node_need_string(node, "path", &path, error) || !node_get_string(node, "last_build", &last_build, error)) {
        return FALSE;
    }
    Workspace *workspace = g_new0(Workspace, 1);
    *workspace = (Workspace){g_strdup(element), g_strdup(path), g_strdup(last_build)};
    g_ptr_array_add(all, workspace);
    return TRUE;
}

gboolean workspaces_load(Session *session, GError **error)
{
    Project *project = session->toplevel;
    Node *list = NULL;
    session->workspaces = g_ptr_array_new_with_free_func(workspace_free);
    if (faccessat(project->dirfd, FILE_NAME, F_OK, 0) != 0) {
        return TRUE;
    }
    const Node *root = project_read_yaml(project, FILE_NAME, "workspaces.yml", error);
    if (root == NULL || !check_version(root, error) || !node_get_mapping(root, "workspaces", &list, error)) {
        return FALSE;
    }
    for (gsize i = 0; list != NULL && i < node_size(list); i++) {
        if (!read_workspace(session->workspaces, node_key_at(list, i), node_value_at(list, i), error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- Finding and changing ---- */

GPtrArray *session_workspaces(Session *session)
{
    return session->workspaces;
}

Workspace *workspace_find(Session *session, const char *element)
{
    for (guint i = 0; i < session->workspaces->len; i++) {
        Workspace *workspace = session->workspaces->pdata[i];
        if (strcmp(workspace->element, element) == 0) {
            return workspace;
        }
    }
    return NULL;
}

GPtrArray *workspaces_set_aside(Session *session)
{
    GPtrArray *aside = session->workspaces;
    session->workspaces = g_ptr_array_new_with_free_func(workspace_free);
    return aside;
}

void workspaces_put_back(Session *session, GPtrArray *aside)
{
    g_ptr_array_unref(session->workspaces);
    session->workspaces = aside;
}

char *workspace_directory(Session *session, const Workspace *workspace)
{
    return g_path_is_absolute(workspace->path) ? g_strdup(workspace->path)
                                               : g_build_filename(session->toplevel->directory, workspace->path, NULL);
}

static gboolean marker_names(const Node *marker, const char *element)
{
    Node *projects = NULL;
    const char *name = NULL;
    if (marker == NULL || !node_get_sequence(marker, "projects", &projects, NULL)) {
        return FALSE;
    }
    for (gsize i = 0; i < node_size(projects); i++) {
        const Node *entry = node_at(projects, i);
        if (node_type(entry) == NODE_MAPPING && node_get_string(entry, "element-name", &name, NULL) &&
            g_strcmp0(name, element) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean workspace_is_trusted(Session *session, const Workspace *workspace)
{
    g_autofree char *directory = workspace_directory(session, workspace);
    g_autofree char *resolved = realpath(directory, NULL);
    const char *top = session->toplevel->directory;
    gsize length = strlen(top);
    if (resolved == NULL ||
        (g_str_has_prefix(resolved, top) && (resolved[length] == '/' || resolved[length] == '\0'))) {
        return TRUE;
    }
    g_autofree char *marker = g_build_filename(resolved, MARKER, NULL);
    return marker_names(session_read_yaml(session, marker, MARKER, NULL), workspace->element);
}

/* Below the project's directory it is kept relative to that. */
static char *path_to_keep(const Session *session, const char *directory)
{
    const char *top = session->toplevel->directory;
    gsize length = strlen(top);
    if (!g_str_has_prefix(directory, top) || (directory[length] != '/' && directory[length] != '\0')) {
        return g_strdup(directory);
    }
    const char *rest = directory + length;
    return g_strdup(*rest == '/' ? rest + 1 : ".");
}

void workspace_set(Session *session, const char *element, const char *directory)
{
    workspace_remove(session, element);
    Workspace *workspace = g_new0(Workspace, 1);
    *workspace = (Workspace){g_strdup(element), path_to_keep(session, directory), NULL};
    g_ptr_array_add(session->workspaces, workspace);
}

void workspace_remove(Session *session, const char *element)
{
    Workspace *workspace = workspace_find(session, element);
    if (workspace != NULL) {
        g_ptr_array_remove(session->workspaces, workspace);
    }
}

/* ---- Writing ---- */

static void set_text(Arena *arena, Node *mapping, const char *key, const char *text)
{
    if (text != NULL) {
        node_set(arena, mapping, key, node_new_scalar(arena, text, NULL));
    }
}

static gboolean write_node(const Node *node, const char *path, GError **error)
{
    g_autofree char *text = node_emit(node);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autoptr(GError) problem = NULL;
    if (g_mkdir_with_parents(folder, 0755) == 0 && g_file_set_contents(path, text, -1, &problem)) {
        return TRUE;
    }
    error_set(error, ERROR_STREAM, NULL, NULL, "Cannot write %s: %s", path,
              problem != NULL ? problem->message : g_strerror(errno));
    return FALSE;
}

gboolean workspaces_save(Session *session, GError **error)
{
    Arena *arena = arena_new();
    Node *root = node_new_mapping(arena, NULL), *list = node_new_mapping(arena, NULL);
    set_text(arena, root, "format-version", G_STRINGIFY(FORMAT_VERSION));
    for (guint i = 0; i < session->workspaces->len; i++) {
        const Workspace *workspace = session->workspaces->pdata[i];
        Node *node = node_new_mapping(arena, NULL);
        set_text(arena, node, "path", workspace->path);
        set_text(arena, node, "last_build", workspace->last_build);
        node_set(arena, list, workspace->element, node);
    }
    node_set(arena, root, "workspaces", list);
    g_autofree char *path = g_build_filename(session->toplevel->directory, FILE_NAME, NULL);
    gboolean ok = write_node(root, path, error);
    arena_free(arena);
    return ok;
}

gboolean workspace_write_marker(Session *session, const char *element, const char *directory, GError **error)
{
    Arena *arena = arena_new();
    Node *root = node_new_mapping(arena, NULL), *list = node_new_sequence(arena, NULL);
    Node *entry = node_new_mapping(arena, NULL);
    set_text(arena, entry, "project-path", session->toplevel->directory);
    set_text(arena, entry, "element-name", element);
    node_append(arena, list, entry);
    node_set(arena, root, "projects", list);
    set_text(arena, root, "format-version", "1");
    g_autofree char *path = g_build_filename(directory, MARKER, NULL);
    gboolean ok = write_node(root, path, error);
    arena_free(arena);
    return ok;
}

gboolean workspace_has_marker(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, MARKER, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

void workspace_remove_marker(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, MARKER, NULL);
    (void)unlink(path);
}
