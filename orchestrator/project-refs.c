/*
 * project-refs.c - where the refs of sources are kept: in elements, or in project.refs and junction.refs.
 */
#include "element-private.h"
#include "include.h"
#include "node-private.h"
#include "yaml-edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean refs_load(Project *project, RefsFile *refs, OptionPool *options, GError **error)
{
    static const char *const keys[] = {"projects", NULL};
    GError *problem = NULL;
    Node *node = project_read_yaml(project, refs->name, refs->name, &problem);
    if (node == NULL && g_strcmp0(error_get_reason(problem), "MISSING_FILE") == 0) {
        g_error_free(problem);
        return TRUE;
    }
    if (node == NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    node = conditionals_process(options, project->session->arena, node, NULL, error);
    return node != NULL && node_check_composed(node, error) && node_check_keys(node, keys, error) &&
           node_get_mapping(node, "projects", &refs->projects, error);
}

const Node *refs_find(const RefsFile *refs, const char *project, const char *element, guint index)
{
    const Node *elements = node_find(refs->projects, project);
    const Node *list = elements != NULL ? node_find(elements, element) : NULL;
    if (list == NULL || node_type(list) != NODE_SEQUENCE || index >= node_size(list)) {
        return NULL;
    }
    const Node *entry = node_at(list, index);
    return node_type(entry) == NODE_MAPPING ? entry : NULL;
}

/* ---- Writing ---- */

static gboolean save_failed(const Source *source, const char *path, const char *problem, GError **error)
{
    error_set(error, ERROR_SOURCE, "save-ref-error", &source->where, "Error saving source reference to '%s': %s", path,
              problem);
    return FALSE;
}

/* Replaces the file with an edited text, keeping its mode; a link stays a link to the changed file. */
static gboolean rewrite(const Source *source, const char *path, gboolean may_be_new, const Provenance *start,
                        const YamlStep *steps, gsize n_steps, const Node *ref, GError **error)
{
    g_autofree char *text = NULL, *resolved = realpath(path, NULL);
    const char *target = resolved != NULL ? resolved : path;
    gsize length = 0;
    struct stat info;
    GError *problem = NULL;
    if (may_be_new && resolved == NULL && errno == ENOENT) {
        text = g_strdup("");
    } else if (!g_file_get_contents(target, &text, &length, &problem)) {
        save_failed(source, path, problem->message, error);
        g_error_free(problem);
        return FALSE;
    }
    g_autofree char *edited = yaml_edit_set(text, length, start, steps, n_steps, ref, &problem);
    int mode = resolved != NULL && stat(resolved, &info) == 0 ? (int)(info.st_mode & 0777) : 0644;
    if (edited == NULL ||
        (strcmp(edited, text) != 0 &&
         !g_file_set_contents_full(target, edited, -1, G_FILE_SET_CONTENTS_CONSISTENT, mode, &problem))) {
        save_failed(source, path, problem->message, error);
        g_error_free(problem);
        return FALSE;
    }
    return TRUE;
}

static gboolean store_in_refs_file(const Source *source, const Project *owner, const char *key, const Node *ref,
                                   GError **error)
{
    const Element *element = source->element;
    const RefsFile *refs = strcmp(element->kind_name, "junction") == 0 ? &owner->junction_refs : &owner->refs;
    g_autofree char *path = g_build_filename(owner->directory, refs->name, NULL);
    YamlStep steps[] = {
        {"projects", 0}, {element->project->name, 0}, {element->name, 0}, {NULL, source->index}, {key, 0}};
    return rewrite(source, path, TRUE, NULL, steps, G_N_ELEMENTS(steps), ref, error);
}

static gboolean store_inline(const Source *source, const char *key, const Node *ref, GError **error)
{
    const Provenance *where =
        source->ref != NULL && source->ref->where.file != NULL && source->ref->where.file != source->where.file
            ? &source->ref->where
            : &source->where;
    const Project *project = source->element->project;
    if (where->file == NULL || where->file->path == NULL) {
        return save_failed(source, "synthetic node", "it has no file", error);
    }
    if (where->file->project != project) {
        error_set(error, ERROR_SOURCE, "tracking-junction-fragment", NULL,
                  "%s: Cannot track source in a fragment from a junction", where->file->name);
        return FALSE;
    }
    if (where != &source->where) {
        return save_failed(source, where->file->path, "the ref and its source come from different files", error);
    }
    YamlStep step = {key, 0};
    return rewrite(source, where->file->path, FALSE, where, &step, 1, ref, error);
}

static gboolean store(const Source *source, const char *key, const Node *value, GError **error)
{
    const Project *toplevel = source->element->project->session->toplevel;
    return toplevel->refs_file ? store_in_refs_file(source, toplevel, key, value, error)
                               : store_inline(source, key, value, error);
}

/* A ref under keys of its own is stored one by one. */
static gboolean store_all(const Source *source, const Node *ref, GError **error)
{
    if (source->kind->ref_keys == NULL) {
        return store(source, "ref", ref, error);
    }
    for (gsize i = 0; i < node_size(ref); i++) {
        if (!store(source, node_key_at(ref, i), node_value_at(ref, i), error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean project_store_ref(Source *source, Node *ref, GError **error)
{
    const Project *project = source->element->project, *toplevel = project->session->toplevel;
    gboolean ok = TRUE;
    if (toplevel->refs_file || project == toplevel) {
        ok = store_all(source, ref, error);
    } else {
        event_send(project->session->options.events, EVENT_WARNING, "track", source->element->full_name,
                   "Not persisting new reference in junctioned project");
    }
    if (ok) {
        source->ref = ref;
    }
    return ok;
}
