/*
 * project-conflicts.c - one project that is reached through two junctions is an error, unless it is declared harmless.
 */
#include "element-private.h"
#include "node-private.h"

#include <string.h>

/* All projects above this one, also by way of overrides, each once. */
static GPtrArray *ancestors(const Project *project)
{
    GPtrArray *found = g_ptr_array_new();
    guint next = 0;
    for (;;) {
        if (project->parent != NULL && !g_ptr_array_find(found, project->parent, NULL)) {
            g_ptr_array_add(found, project->parent);
        }
        for (guint i = 0; project->also_parents != NULL && i < project->also_parents->len; i++) {
            Project *other = g_ptr_array_index(project->also_parents, i);
            if (!g_ptr_array_find(found, other, NULL)) {
                g_ptr_array_add(found, other);
            }
        }
        if (next == found->len) {
            return found;
        }
        project = g_ptr_array_index(found, next++);
    }
}

/* Whether one of the owner's junctions of that list leads to the project. */
static gboolean find_among(Project *owner, const Node *paths, const Project *project, gboolean *found, GError **error)
{
    *found = FALSE;
    for (gsize i = 0; paths != NULL && node_type(paths) == NODE_SEQUENCE && i < node_size(paths) && !*found; i++) {
        const Node *path = node_at(paths, i);
        GError *problem = NULL;
        *found = project_find_subproject(owner, node_text(path), node_where(path), &problem) == project;
        if (problem != NULL) {
            g_propagate_error(error, problem);
            return FALSE;
        }
    }
    return TRUE;
}

static char *describe(const Project *project)
{
    if (project->junction == NULL) {
        return g_strdup_printf("%s (toplevel)", project->name);
    }
    g_autofree char *where = provenance_to_string(&project->loaded_at);
    return *where != '\0' ? g_strdup_printf("%s (%s): %s", project->name, project->junction->full_name, where)
                          : g_strdup_printf("%s (%s)", project->name, project->junction->full_name);
}

typedef struct {
    guint primary, duplicated, internal;
} Standing;

/* How often the project with its ancestors' declarations counts; appends what a report says of it. */
static gboolean judge(Project *project, Standing *standing, GString *report, GError **error)
{
    g_autoptr(GPtrArray) above = ancestors(project);
    g_autofree char *shown = describe(project);
    gboolean duplicated = FALSE, internal = FALSE;
    g_string_append_printf(report, "%s\n", shown);
    for (guint i = 0; i < above->len; i++) {
        Project *owner = g_ptr_array_index(above, i);
        g_autofree char *owner_shown = describe(owner);
        gboolean is_duplicate = FALSE, is_internal = FALSE;
        if (!find_among(owner, node_find(owner->duplicates, project->name), project, &is_duplicate, error) ||
            !find_among(owner, owner->internal, project, &is_internal, error)) {
            return FALSE;
        }
        duplicated |= is_duplicate;
        internal |= is_internal;
        if (is_duplicate) {
            g_string_append_printf(report, "  Duplicated by: %s\n", owner_shown);
        }
        if (is_internal) {
            g_string_append_printf(report, "  Internal to: %s\n", owner_shown);
        }
    }
    standing->duplicated += duplicated;
    standing->internal += internal;
    standing->primary += !duplicated && !internal;
    return TRUE;
}

gboolean projects_check_conflicts(Session *session, GError **error)
{
    g_autoptr(GHashTable) checked = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; session->projects->len > 1 && i < session->projects->len; i++) {
        const Project *first = g_ptr_array_index(session->projects, i);
        if (first->name == NULL || !g_hash_table_add(checked, (gpointer)first->name)) {
            continue;
        }
        Standing standing = {0, 0, 0};
        g_autoptr(GString) report = g_string_new(NULL);
        for (guint j = i; j < session->projects->len; j++) {
            Project *other = g_ptr_array_index(session->projects, j);
            if (g_strcmp0(other->name, first->name) == 0 && !judge(other, &standing, report, error)) {
                return FALSE;
            }
        }
        if (standing.primary <= 1 && (standing.primary == 0 || standing.duplicated == 0)) {
            continue;
        }
        error_set(error, ERROR_LOAD, "CONFLICTING_JUNCTION", NULL, "Project '%s' was loaded in multiple contexts",
                  first->name);
        g_string_append(report, "Internal projects do not cause any conflicts. Conflicts can also be avoided\n"
                                "by marking every instance of the project as a duplicate.");
        if (error != NULL) {
            error_set_detail(*error, report->str);
        }
        return FALSE;
    }
    return TRUE;
}
