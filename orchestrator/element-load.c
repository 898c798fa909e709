/*
 * element-load.c - finding elements: files, links, junctions and what overrides them; then everything that they depend on.
 *
 * Elements are found with a work list, so a chain of dependencies may be of any length.  Links and junctions recurse, within a limit.
 */
#include "element-private.h"
#include "include.h"
#include "kind-junction.h"
#include "node-private.h"

#include <stdlib.h>
#include <string.h>

/* Links and junctions that lead to each other. */
#define MAX_HOPS 64
/* Projects of a session: a junction may lead to the project that it is in. */
#define MAX_PROJECTS 512u
/* Elements of a directory that are considered for "did you mean". */
#define MAX_SUGGESTIONS 10000u

typedef struct {
    char *path, *target; /* in the arena */
} Link;

/* ---- Names ---- */

/* No empty part, and none that ends in a dot. */
static gboolean is_normal(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '/' && (c[1] == '/' || c[1] == '\0' || (c > name && c[-1] == '.'))) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Python's os.path.normpath for relative paths. */
static const char *normalize(Arena *arena, const char *name)
{
    if (is_normal(name)) {
        return name;
    }
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    for (char **part = parts; *part != NULL; part++) {
        gboolean up = strcmp(*part, "..") == 0;
        if (**part == '\0' || strcmp(*part, ".") == 0) {
            continue;
        }
        if (up && kept->len > 0 && strcmp(g_ptr_array_index(kept, kept->len - 1), "..") != 0) {
            g_ptr_array_set_size(kept, (gint)kept->len - 1);
        } else {
            g_ptr_array_add(kept, *part);
        }
    }
    g_ptr_array_add(kept, NULL);
    g_autofree char *joined = g_strjoinv("/", (char **)kept->pdata);
    return arena_printf(arena, "%s%s", *name == '/' ? "/" : "", joined);
}

static gboolean check_name(const char *name, const Provenance *where, GError **error)
{
    if (!g_str_has_suffix(name, ".bst")) {
        error_set(error, ERROR_LOAD, "BAD_ELEMENT_SUFFIX", where,
                  "Element '%s' does not have expected file extension `.bst`", name);
        return FALSE;
    }
    for (const char *c = name; *c != '\0'; c++) {
        if ((guchar)*c <= 31 || (guchar)*c >= 127 || (*c < '@' && strchr("<>\"?*", *c) != NULL) || *c == '|') {
            error_set(error, ERROR_LOAD, "BAD_CHARACTERS_IN_NAME", where, "Element '%s' has invalid characters.", name);
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- Links ---- */

static const char *expand_link(const Project *project, const char *path)
{
    for (guint i = 0; i < project->links->len; i++) {
        const Link *link = g_ptr_array_index(project->links, i);
        if (g_str_has_prefix(path, link->path)) {
            return arena_printf(project->session->arena, "%s%s", link->target, path + strlen(link->path));
        }
    }
    return path;
}

/* Remembers where a link leads; links that led to it lead there, too. */
static void add_link(Project *project, const char *path, const char *target)
{
    Link *found = NULL;
    for (guint i = 0; i < project->links->len && found == NULL; i++) {
        Link *link = g_ptr_array_index(project->links, i);
        found = strcmp(link->path, path) == 0 ? link : NULL;
    }
    if (found == NULL) {
        found = arena_new_of(project->session->arena, Link);
        found->path = arena_strdup(project->session->arena, path);
        g_ptr_array_add(project->links, found);
    }
    found->target = arena_strdup(project->session->arena, target);
    for (guint i = 0; i < project->links->len; i++) {
        Link *link = g_ptr_array_index(project->links, i);
        if (strcmp(expand_link(project, link->target), path) == 0) {
            link->target = found->target;
        }
    }
}

static void note_link(ElementData *data)
{
    Arena *arena = data->element.project->session->arena;
    const char *path = data->element.name, *target = node_text(data->link_target);
    for (Project *project = data->element.project; project != NULL; project = project->parent) {
        add_link(project, path, target);
        if (project->junction != NULL) {
            path = arena_printf(arena, "%s:%s", project->junction->name, path);
            target = arena_printf(arena, "%s:%s", project->junction->name, target);
        }
    }
}

/* ---- Files ---- */

static void suggest_names(const Project *project, const char *name, GError *error)
{
    g_autofree char *below = g_path_get_dirname(name);
    g_autofree char *path = g_build_filename(project->element_path, below, NULL);
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *entry;
         directory != NULL && names->len < MAX_SUGGESTIONS && (entry = g_dir_read_name(directory)) != NULL;) {
        if (g_str_has_suffix(entry, ".bst")) {
            g_ptr_array_add(names, strcmp(below, ".") == 0 ? g_strdup(entry) : g_build_filename(below, entry, NULL));
        }
    }
    error_suggest(error, name, (const char *const *)names->pdata, names->len);
}

static void not_found(const Project *project, const char *name, const Provenance *where, GError **error)
{
    if (project->junction != NULL) {
        error_set(error, ERROR_LOAD, "MISSING_FILE", where,
                  "Could not find element '%s' in project referred to by junction element '%s'", name,
                  project->junction->name);
    } else {
        error_set(error, ERROR_LOAD, "MISSING_FILE", where, "Could not find element '%s' in elements directory '%s'",
                  name, project->element_path);
    }
    if (error == NULL) {
        return;
    }
    /* A path from the project's directory where one from the element path is wanted. */
    gsize length = strlen(project->element_dir);
    if (length > 0 && g_str_has_prefix(name, project->element_dir) && name[length] == '/') {
        g_autofree char *full = g_build_filename(project->element_path, name + length + 1, NULL);
        if (g_file_test(full, G_FILE_TEST_EXISTS)) {
            g_autofree char *detail = g_strdup_printf("Did you mean '%s'?", name + length + 1);
            error_set_detail(*error, detail);
            return;
        }
    }
    suggest_names(project, name, *error);
}

static Node *read_node(Project *project, const char *name, const Provenance *where, GError **error)
{
    GError *problem = NULL;
    Node *node = prefetch_take(project->prefetch, name);
    if (node == NULL) {
        node = project_parse_element(project, project->session->arena, name, &problem);
    }
    if (node != NULL) {
        return node;
    }
    if (g_strcmp0(error_get_reason(problem), "MISSING_FILE") == 0) {
        not_found(project, name, where, error);
        g_error_free(problem);
    } else if (error_get_provenance(problem) == NULL && where != NULL) {
        error_set(error, ERROR_LOAD, g_intern_string(error_get_reason(problem)), where, "%s", problem->message);
        g_error_free(problem);
    } else {
        g_propagate_error(error, problem);
    }
    return NULL;
}

static const char *const element_keys[] = {
    "kind",   "depends", "sources",     "sandbox",       "variables",       "environment", "environment-nocache",
    "config", "public",  "description", "build-depends", "runtime-depends", NULL};

static gboolean fill_element(ElementData *data, const char *name, GError **error)
{
    Element *element = &data->element;
    const Project *project = element->project;
    element->name = name;
    element->full_name = project->junction != NULL
                             ? arena_printf(project->session->arena, "%s:%s", project->junction->full_name, name)
                             : name;
    element->where = data->node->where;
    element->index = G_MAXUINT;
    return node_check_keys(data->node, element_keys, error) &&
           node_need_string(data->node, "kind", &element->kind_name, error) &&
           node_get_string(data->node, "description", &element->description, error);
}

static gboolean load_link(ElementData *data, GError **error)
{
    g_autoptr(GArray) specs = g_array_new(FALSE, FALSE, sizeof(DependencySpec));
    if (!element_resolve(data, error)) {
        return FALSE;
    }
    if (!dependencies_parse(data->element.project->session->arena, data->node, specs, error)) {
        return FALSE;
    }
    if (specs->len > 0) {
        error_set(error, ERROR_LOAD, "LINK_FORBIDDEN_DEPENDENCIES", &data->element.where,
                  "Dependencies are forbidden for 'link' elements");
        return FALSE;
    }
    data->link_target = node_find(data->element.config, "target");
    note_link(data);
    return TRUE;
}

/* The element of that file; links are not followed.  With `only_first_pass`, NULL without error for what is neither link nor junction. */
static ElementData *load_file(Project *project, const char *name, const Provenance *where, gboolean only_first_pass,
                              GError **error)
{
    Session *session = project->session;
    if (!check_name(name, where, error)) {
        return NULL;
    }
    Node *node = read_node(project, name, where, error);
    const char *kind = NULL;
    if (node == NULL || !node_need_string(node, "kind", &kind, error)) {
        return NULL;
    }
    gboolean first_pass = strcmp(kind, "junction") == 0 || strcmp(kind, "link") == 0;
    if (first_pass) {
        node = conditionals_process(project->first.options, session->arena, node, NULL, error);
    } else if (only_first_pass) {
        return NULL;
    } else if (!project_ensure_fully_loaded(project, error)) {
        return NULL;
    } else {
        node = includes_process(project, node, 0, error);
    }
    if (node == NULL) {
        return NULL;
    }
    ElementData *data = arena_new_of(session->arena, ElementData);
    data->node = node;
    data->element.project = project;
    name = arena_intern(session->arena, name, strlen(name));
    if (!fill_element(data, name, error)) {
        return NULL;
    }
    data->first_pass = first_pass;
    g_hash_table_insert(project->elements, (gpointer)name, data);
    if (strcmp(kind, "link") == 0 && !load_link(data, error)) {
        return NULL;
    }
    return data;
}

/* ---- Overrides ---- */

typedef struct {
    Project *project; /* where the override is written */
    const Node *node; /* what is to be taken instead */
} Override;

static const Node *find_override(const Project *project, const char *path)
{
    const Junction *junction = project->junction->data;
    if (junction->overrides == NULL) {
        return NULL;
    }
    const Node *direct = node_find(junction->overrides, path);
    for (gsize i = 0; direct == NULL && project->links->len > 0 && i < node_size(junction->overrides); i++) {
        if (strcmp(expand_link(project, node_key_at(junction->overrides, i)), path) == 0) {
            direct = node_value_at(junction->overrides, i);
        }
    }
    return direct;
}

/* Innermost first; the last one wins. */
static GArray *find_overrides(Project *project, const char *name)
{
    GArray *overrides = g_array_new(FALSE, FALSE, sizeof(Override));
    const char *path = name;
    for (Project *at = project; at->parent != NULL; at = at->parent) {
        Override override = {at->parent, find_override(at, path)};
        if (override.node != NULL) {
            g_array_append_val(overrides, override);
        }
        path = arena_printf(project->session->arena, "%s:%s", at->junction->name, path);
    }
    return overrides;
}

/* ---- Junctions ---- */

static void add_parent(Project *project, Project *parent)
{
    if (project->also_parents == NULL) {
        project->also_parents = g_ptr_array_new();
    }
    g_ptr_array_add(project->also_parents, parent);
}

static Project *subproject(Project *project, const char *name, const Provenance *where, gboolean may_load,
                           GError **error);
static Project *subproject_path(Project *project, const char *path, const Provenance *where, gboolean may_load,
                                GError **error);

/* "a.bst:b.bst:c.bst" is c.bst in the project of a.bst:b.bst. */
static gboolean resolve_name(Project *project, const char *path, const Provenance *where, gboolean may_load,
                             Project **target, const char **name, GError **error)
{
    const char *colon = strrchr(path, ':');
    *target = project;
    if (colon != NULL) {
        g_autofree char *junction = g_strndup(path, (gsize)(colon - path));
        *target = subproject_path(project, junction, where, may_load, error);
        path = colon + 1;
    }
    *name = normalize(project->session->arena, path);
    return *target != NULL;
}

/* Another project's junction that takes this one's place. */
static Project *overriding_project(Project *project, const char *name, gboolean *found, GError **error)
{
    g_autoptr(GArray) overrides = find_overrides(project, name);
    *found = overrides->len > 0;
    if (!*found) {
        return NULL;
    }
    Override outermost = g_array_index(overrides, Override, overrides->len - 1);
    Project *target =
        subproject_path(outermost.project, node_text(outermost.node), node_where(outermost.node), TRUE, error);
    if (target != NULL && target != project) {
        add_parent(target, project);
    }
    for (guint i = 0; target != NULL && i + 1 < overrides->len; i++) {
        add_parent(target, g_array_index(overrides, Override, i).project);
    }
    return target;
}

static gboolean check_junction_refs(const Element *element, const Provenance *where, GError **error)
{
    for (gsize i = 0; i < element->n_sources; i++) {
        if (!source_is_resolved(element->sources[i])) {
            error_set(error, ERROR_LOAD, "SUBPROJECT_INCONSISTENT", where, "Subproject has no ref for junction: %s",
                      element->name);
            if (error != NULL) {
                g_autofree char *detail =
                    g_strdup_printf("Try tracking the junction element with `bst source track %s`", element->full_name);
                error_set_detail(*error, detail);
            }
            return FALSE;
        }
    }
    return TRUE;
}

/* Where the files of a junction are: a local directory as it is, or what the session's owner staged. */
static char *junction_directory(ElementData *data, const Provenance *where, GError **error)
{
    Element *element = &data->element;
    Session *session = element->project->session;
    if (!check_junction_refs(element, where, error)) {
        return NULL;
    }
    const Source *only = element->n_sources == 1 ? element->sources[0] : NULL;
    if (only != NULL && strcmp(only->kind->name, "local") == 0) {
        const char *path = "";
        if (!node_need_string(only->node, "path", &path, error)) {
            return NULL;
        }
        return g_build_filename(element->project->directory, path, NULL);
    }
    if (session->stage_subproject == NULL) {
        error_set(error, ERROR_LOAD, "SUBPROJECT_INCONSISTENT", where,
                  "The sources of junction '%s' are not there, and this command does not fetch them", element->name);
        return NULL;
    }
    /* what is written for keys is shared, and it may have to be fetched, which forks */
    key_batches_pause(session->keys);
    session_stop_prefetch(session);
    if (!element_compute_key(element, error)) {
        return NULL;
    }
    return session->stage_subproject(element, session->stage_subproject_data, error);
}

static gboolean check_junction(const ElementData *data, const Provenance *where, GError **error)
{
    g_autoptr(GArray) specs = g_array_new(FALSE, FALSE, sizeof(DependencySpec));
    if (strcmp(data->element.kind_name, "junction") != 0) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", where, "%s: Expected junction but element kind is %s",
                  data->element.name, data->element.kind_name);
        return FALSE;
    }
    if (!dependencies_parse(data->element.project->session->arena, data->node, specs, error)) {
        return FALSE;
    }
    if (specs->len > 0) {
        error_set(error, ERROR_LOAD, "INVALID_JUNCTION", &g_array_index(specs, DependencySpec, 0).dependency.where,
                  "Dependencies are forbidden for 'junction' elements");
        return FALSE;
    }
    return TRUE;
}

/* Links that overrides name must be known before anything is looked up under them. */
static gboolean load_override_links(Project *project, GError **error)
{
    const Junction *junction = project->junction->data;
    for (gsize i = 0; junction->overrides != NULL && i < node_size(junction->overrides); i++) {
        const char *path = node_key_at(junction->overrides, i);
        const Provenance *where = node_where(node_value_at(junction->overrides, i));
        for (int hops = 0; path != NULL && hops < MAX_HOPS; hops++) {
            Project *target = NULL;
            const char *name = NULL;
            if (!resolve_name(project, path, where, FALSE, &target, &name, NULL)) {
                break;
            }
            ElementData *data = g_hash_table_lookup(target->elements, name);
            GError *problem = NULL;
            if (data == NULL) {
                data = load_file(target, name, where, TRUE, &problem);
            }
            if (problem != NULL) {
                g_propagate_error(error, problem);
                return FALSE;
            }
            path = data != NULL && data->link_target != NULL && target == project ? node_text(data->link_target) : NULL;
        }
    }
    return TRUE;
}

/* The project in the junction's sources.  Neither its path nor a link may lead out of them. */
static char *subproject_directory(const Element *element, const char *base, GError **error)
{
    const Junction *junction = element->data;
    char *directory = g_build_filename(base, junction->path, NULL);
    g_autofree char *root = realpath(base, NULL), *resolved = realpath(directory, NULL);
    gsize length = root != NULL ? strlen(root) : 0;
    if (resolved == NULL ||
        (g_str_has_prefix(resolved, root) && (resolved[length] == '\0' || resolved[length] == '/'))) {
        return directory;
    }
    error_set(error, ERROR_LOAD, "PROJ_PATH_INVALID", node_where(node_find(element->config, "path")),
              "Specified path '%s' must not lead outside of the sources of junction '%s'", junction->path,
              element->name);
    g_free(directory);
    return NULL;
}

static gboolean check_projects(const Session *session, const ElementData *data, const Provenance *where, GError **error)
{
    if (session->projects->len < MAX_PROJECTS) {
        return TRUE;
    }
    error_set(error, ERROR_LOAD, "CIRCULAR_REFERENCE", where,
              "There are more than %u projects: does junction '%s' lead to a project that it is in?", MAX_PROJECTS,
              data->element.name);
    return FALSE;
}

static Project *load_subproject(Project *project, ElementData *data, const Provenance *where, GError **error)
{
    if (!check_junction(data, where, error) || !check_projects(project->session, data, where, error) ||
        !element_resolve(data, error)) {
        return NULL;
    }
    g_autofree char *base = junction_directory(data, where, error);
    if (base == NULL) {
        return NULL;
    }
    const Junction *junction = data->element.data;
    g_autofree char *directory = subproject_directory(&data->element, base, error);
    GError *problem = NULL;
    if (directory == NULL) {
        return NULL;
    }
    Project *loaded = project_load(project->session, directory, project, &data->element, where, &problem);
    if (loaded == NULL && g_strcmp0(error_get_reason(problem), "MISSING_PROJECT_CONF") == 0) {
        error_set(error, ERROR_LOAD, "INVALID_JUNCTION", where,
                  "Could not find the project.conf file in the project referred to by junction element '%s'.%s%s%s",
                  data->element.name, *junction->path != '\0' ? " Was expecting it at path '" : "", junction->path,
                  *junction->path != '\0' ? "' in the junction's source." : "");
        g_error_free(problem);
        return NULL;
    }
    if (loaded == NULL) {
        g_propagate_error(error, problem);
        return NULL;
    }
    g_hash_table_insert(project->subprojects, (gpointer)data->element.name, loaded);
    for (Project *at = loaded; at->parent != NULL; at = at->parent) {
        if (!load_override_links(at, error)) {
            return NULL;
        }
    }
    return loaded;
}

static Project *subproject(Project *project, const char *name, const Provenance *where, gboolean may_load,
                           GError **error)
{
    Session *session = project->session;
    name = normalize(session->arena, name);
    Project *known = g_hash_table_lookup(project->subprojects, name);
    if (known != NULL) {
        return known;
    }
    if (session->hops >= MAX_HOPS) {
        error_set(error, ERROR_LOAD, "CIRCULAR_REFERENCE", where, "Circular reference while searching for '%s'", name);
        return NULL;
    }
    session->hops++;
    gboolean overridden = FALSE;
    Project *result = overriding_project(project, name, &overridden, error);
    ElementData *data = NULL;
    if (!overridden) {
        data = g_hash_table_lookup(project->elements, name);
        data = data != NULL ? data : load_file(project, name, where, FALSE, error);
    }
    if (data != NULL && data->link_target != NULL) {
        Project *target = NULL;
        const char *target_name = NULL;
        if (resolve_name(project, node_text(data->link_target), node_where(data->link_target), may_load, &target,
                         &target_name, error)) {
            result = subproject_path(target, target_name, node_where(data->link_target), may_load, error);
        }
    } else if (data != NULL && may_load) {
        result = load_subproject(project, data, where, error);
    }
    if (result != NULL) {
        g_hash_table_insert(project->subprojects, (gpointer)arena_intern(session->arena, name, strlen(name)), result);
    }
    session->hops--;
    return result;
}

static gboolean check_circle(const Project *project, const char *path, const Provenance *where, GError **error)
{
    const Provenance *first = g_hash_table_lookup(project->searching, path);
    if (first == NULL) {
        return TRUE;
    }
    error_set(error, ERROR_LOAD, "CIRCULAR_REFERENCE", where, "Circular reference while searching for '%s'", path);
    if (error != NULL && first != where) {
        g_autofree char *place = provenance_to_string(first);
        g_autofree char *detail = g_strdup_printf("Already searching for '%s' at: %s", path, place);
        error_set_detail(*error, detail);
    }
    return FALSE;
}

static Project *subproject_path(Project *project, const char *path, const Provenance *where, gboolean may_load,
                                GError **error)
{
    gboolean watched = may_load && where != NULL;
    if (watched && !check_circle(project, path, where, error)) {
        return NULL;
    }
    GHashTable *searching = project->searching;
    if (watched) {
        g_hash_table_insert(searching, g_strdup(path), (gpointer)where);
    }
    g_auto(GStrv) names = g_strsplit(path, ":", -1);
    for (char **name = names; project != NULL && *name != NULL; name++) {
        const char *kept = arena_intern(project->session->arena, *name, strlen(*name));
        project = subproject(project, kept, where, may_load, error);
    }
    if (watched) {
        g_hash_table_remove(searching, path);
    }
    return project;
}

Project *project_get_subproject(Project *project, const char *junction_path, const Provenance *where, GError **error)
{
    return subproject_path(project, junction_path, where, TRUE, error);
}

Project *project_find_subproject(Project *project, const char *junction_path, const Provenance *where, GError **error)
{
    return subproject_path(project, junction_path, where, FALSE, error);
}

/* ---- Elements ---- */

/* The element that a name means, after overrides and links. */
static ElementData *find_element(Project *project, const char *name, const Provenance *where, int hops, GError **error)
{
    name = normalize(project->session->arena, name);
    if (hops > MAX_HOPS) {
        error_set(error, ERROR_LOAD, "CIRCULAR_REFERENCE", where, "Circular reference while searching for '%s'", name);
        return NULL;
    }
    ElementData *data = g_hash_table_lookup(project->elements, name);
    if (data == NULL) {
        data = load_file(project, name, where, FALSE, error);
    }
    if (data == NULL) {
        return NULL;
    }
    const Node *other = data->link_target;
    Project *from = project;
    if (project->parent != NULL) {
        g_autoptr(GArray) overrides = find_overrides(project, name);
        if (overrides->len > 0) {
            const Override *outermost = &g_array_index(overrides, Override, overrides->len - 1);
            other = outermost->node;
            from = outermost->project;
        }
    }
    if (other == NULL) {
        return data;
    }
    Project *target = NULL;
    const char *target_name = NULL;
    if (!resolve_name(from, node_text(other), node_where(other), TRUE, &target, &target_name, error)) {
        return NULL;
    }
    return find_element(target, target_name, node_where(other), hops + 1, error);
}

/* Finds what an element depends on and adds what was not seen before to the work list. */
static gboolean load_dependencies(ElementData *data, GPtrArray *work, GError **error)
{
    Project *project = data->element.project;
    Session *session = project->session;
    g_autoptr(GArray) specs = g_array_new(FALSE, FALSE, sizeof(DependencySpec));
    if (!dependencies_parse(session->arena, data->node, specs, error)) {
        return FALSE;
    }
    Dependency *list = arena_alloc(session->arena, MAX(specs->len, 1) * sizeof *list);
    gsize count = 0;
    guint stamp = ++session->marks;
    for (guint i = 0; i < specs->len; i++) {
        DependencySpec *spec = &g_array_index(specs, DependencySpec, i);
        Dependency *dependency = &spec->dependency;
        Project *from = spec->junction != NULL
                            ? project_get_subproject(project, spec->junction, &dependency->where, error)
                            : project;
        ElementData *found = from != NULL ? find_element(from, spec->name, &dependency->where, 0, error) : NULL;
        if (found == NULL) {
            return FALSE;
        }
        if (strcmp(found->element.kind_name, "junction") == 0) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", &dependency->where, "Cannot depend on junction");
            return FALSE;
        }
        if (found->mark == stamp) {
            dependency_merge(session->arena, &list[found->slot], dependency);
            continue;
        }
        found->mark = stamp;
        found->slot = (guint)count;
        dependency->element = &found->element;
        list[count++] = *dependency;
    }
    for (gsize i = count; i > 0; i--) {
        ElementData *found = element_data(list[i - 1].element);
        if (found->state == LOADED_NODE) {
            g_ptr_array_add(work, found);
        }
    }
    data->element.dependencies = list;
    data->element.n_dependencies = count;
    return TRUE;
}

ElementData *element_load(Project *project, const char *name, const Provenance *where, GError **error)
{
    Project *target = NULL;
    const char *target_name = NULL;
    if (!resolve_name(project, name, where, TRUE, &target, &target_name, error)) {
        return NULL;
    }
    ElementData *top = find_element(target, target_name, where, 0, error);
    if (top == NULL) {
        return NULL;
    }
    g_autoptr(GPtrArray) work = g_ptr_array_new();
    g_ptr_array_add(work, top);
    while (work->len > 0) {
        ElementData *data = g_ptr_array_steal_index(work, work->len - 1);
        if (data->state != LOADED_NODE) {
            continue;
        }
        data->state = LOADED_DEPENDENCIES;
        if (!load_dependencies(data, work, error)) {
            return NULL;
        }
    }
    return top;
}

/* ---- Cycles ---- */

typedef struct {
    Element *element;
    gsize next;
} Step;

static void report_cycle(const GArray *path, const Element *again, GError **error)
{
    guint first = 0;
    while (g_array_index(path, Step, first).element != again) {
        first++;
    }
    g_autoptr(GString) chain = g_string_new(NULL);
    for (guint i = first; i < path->len; i++) {
        g_string_append_printf(chain, "%s -> ", g_array_index(path, Step, i).element->full_name);
    }
    g_string_append(chain, again->full_name);
    error_set(error, ERROR_LOAD, "CIRCULAR_DEPENDENCY", NULL,
              "Circular dependency detected at element: %s\nDependency chain: %s", again->full_name, chain->str);
}

gboolean elements_check_cycles(Element *const *targets, gsize count, GError **error)
{
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(Step));
    for (gsize i = 0; i < count; i++) {
        Step start = {targets[i], 0};
        if (element_data(targets[i])->walk == WALK_NEW) {
            element_data(targets[i])->walk = WALK_OPEN;
            g_array_append_val(path, start);
        }
        while (path->len > 0) {
            Step *step = &g_array_index(path, Step, path->len - 1);
            if (step->next == step->element->n_dependencies) {
                element_data(step->element)->walk = WALK_DONE;
                g_array_set_size(path, path->len - 1);
                continue;
            }
            Step below = {step->element->dependencies[step->next++].element, 0};
            ElementData *data = element_data(below.element);
            if (data->walk == WALK_OPEN) {
                report_cycle(path, below.element, error);
                return FALSE;
            }
            if (data->walk == WALK_NEW) {
                data->walk = WALK_OPEN;
                g_array_append_val(path, below);
            }
        }
    }
    return TRUE;
}
