/*
 * element.c - loading targets, and what a loaded element answers.
 */
#include "element-private.h"
#include "glob.h"
#include "node-private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Files below the element path that are looked at to find default targets. */
#define MAX_DEFAULT_TARGETS 10000000u

/* ---- Loading ---- */

/* A directory, also behind a link.  Most file systems tell without another look. */
static gboolean is_directory(DIR *parent, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK) {
        return entry->d_type == DT_DIR;
    }
    return fstatat(dirfd(parent), entry->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

static gboolean is_link(DIR *parent, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_UNKNOWN) {
        return entry->d_type == DT_LNK;
    }
    return fstatat(dirfd(parent), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

/* All elements below the element path: of a directory first its files, then its directories, in the order in which the file system has them, as BuildStream does. */
static void list_directory(const Project *project, const char *below, GPtrArray *files, GPtrArray *directories)
{
    g_autofree char *path = g_build_filename(project->element_path, below, NULL);
    DIR *directory = opendir(path);
    guint first_directory = directories->len;
    while (directory != NULL && files->len < MAX_DEFAULT_TARGETS) {
        const struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            break;
        }
        const char *name = entry->d_name;
        gboolean is_below = strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && is_directory(directory, entry);
        gboolean is_walked = is_below && strcmp(name, ".bst") != 0 && !is_link(directory, entry);
        if (is_walked || (!is_below && g_str_has_suffix(name, ".bst"))) {
            char *relative = *below != '\0' ? g_strconcat(below, "/", name, NULL) : g_strdup(name);
            g_ptr_array_add(is_walked ? directories : files, relative);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    /* A stack: the first name has to come out first. */
    for (guint i = first_directory, j = directories->len; i + 1 < j; i++, j--) {
        gpointer swapped = directories->pdata[i];
        directories->pdata[i] = directories->pdata[j - 1];
        directories->pdata[j - 1] = swapped;
    }
}

GPtrArray *project_list_elements(const Project *project)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) directories = g_ptr_array_new();
    g_ptr_array_add(directories, g_strdup(""));
    while (directories->len > 0) {
        g_autofree char *below = g_ptr_array_steal_index(directories, directories->len - 1);
        list_directory(project, below, files, directories);
    }
    return files;
}

static GPtrArray *default_names(const Session *session)
{
    const Project *project = session->toplevel;
    GPtrArray *names = NULL;
    if (session->workspace_element == NULL && (project->default_targets == NULL || *project->default_targets == NULL)) {
        return project_list_elements(project);
    }
    names = g_ptr_array_new_with_free_func(g_free);
    if (session->workspace_element != NULL) {
        g_ptr_array_add(names, g_strdup(session->workspace_element));
        return names;
    }
    for (const char *const *name = project->default_targets; *name != NULL; name++) {
        g_ptr_array_add(names, g_strdup(*name));
    }
    return names;
}

typedef struct {
    Element *element;
    gsize next;
} Step;

/* Dependencies come before what depends on them, here and in the session's list. */
static gboolean resolve_all(Session *session, Element *target, KeyBatches *keys, GError **error)
{
    g_autoptr(GArray) path = g_array_new(FALSE, FALSE, sizeof(Step));
    Step start = {target, 0};
    g_array_append_val(path, start);
    while (path->len > 0) {
        Step *step = &g_array_index(path, Step, path->len - 1);
        Element *element = step->element;
        if (element->index == G_MAXUINT && step->next < element->n_dependencies) {
            Step below = {element->dependencies[step->next++].element, 0};
            if (below.element->index == G_MAXUINT) {
                g_array_append_val(path, below);
            }
            continue;
        }
        g_array_set_size(path, path->len - 1);
        if (element->index != G_MAXUINT) {
            continue;
        }
        if (!element_resolve(element_data(element), error)) {
            return FALSE;
        }
        element->index = session->elements->len;
        g_ptr_array_add(session->elements, element);
        key_batches_add(keys, element);
    }
    return TRUE;
}

/* One warning for all kinds that are not implemented. */
static void warn_of_unknown(Session *session)
{
    const EventSink *sink = session->options.events;
    if (session->unknown->len == 0 || sink == NULL || sink->func == NULL) {
        return;
    }
    g_ptr_array_add(session->unknown, NULL);
    g_autofree char *detail = g_strjoinv("\n", (char **)session->unknown->pdata);
    const Event event = {.type = EVENT_WARNING,
                         .message = "Some kinds are not implemented: the keys of their elements are not known, nor are "
                                    "those of elements that depend on them",
                         .detail = detail,
                         .elapsed_us = -1};
    sink->func(&event, sink->data);
    g_ptr_array_set_size(session->unknown, 0);
}

static gboolean resolve_targets(Session *session, GPtrArray *targets, GError **error)
{
    KeyBatches *keys = session->keys = key_batches_begin(session, session->elements->len);
    GError *problem = NULL;
    gboolean resolved = TRUE;
    for (guint i = 0; i < targets->len && resolved; i++) {
        resolved = resolve_all(session, g_ptr_array_index(targets, i), keys, error);
    }
    session->keys = NULL;
    gboolean hashed = key_batches_finish(keys, &problem);
    if (resolved) {
        warn_of_unknown(session);
    }
    /* Plugins come from subprojects, too, which are loaded only now. */
    if (!resolved || !projects_check_conflicts(session, error)) {
        g_clear_error(&problem);
        return FALSE;
    }
    if (!hashed) {
        g_propagate_error(error, problem);
    }
    return hashed;
}

static GPtrArray *load_targets(Session *session, const char *const *names, GError **error)
{
    g_autoptr(GPtrArray) targets = g_ptr_array_new();
    for (const char *const *name = names; *name != NULL; name++) {
        if (g_path_is_absolute(*name)) {
            error_set(error, ERROR_LOAD, "INVALID_DATA", NULL,
                      "Target '%s' was not specified as a relative path to the base project directory: %s", *name,
                      session->toplevel->element_path);
            return NULL;
        }
        const char *kept = arena_intern(session->arena, *name, strlen(*name));
        ElementData *data = element_load(session->toplevel, kept, NULL, error);
        if (data == NULL) {
            return NULL;
        }
        g_ptr_array_add(targets, &data->element);
    }
    return g_steal_pointer(&targets);
}

GPtrArray *session_load_elements(Session *session, const char *const *names, GError **error)
{
    g_autoptr(GPtrArray) defaults = NULL;
    if (names == NULL || *names == NULL) {
        defaults = default_names(session);
        g_ptr_array_add(defaults, NULL);
        names = (const char *const *)defaults->pdata;
    }
    if (!project_ensure_fully_loaded(session->toplevel, error)) {
        session_stop_prefetch(session);
        return NULL;
    }
    for (const char *const *name = names; *name != NULL; name++) {
        prefetch_add(session->toplevel->prefetch, *name);
    }
    g_autoptr(GPtrArray) targets = load_targets(session, names, error);
    session_stop_prefetch(session);
    Element *const *elements = targets != NULL ? (Element *const *)targets->pdata : NULL;
    if (targets == NULL || !elements_check_cycles(elements, targets->len, error)) {
        return NULL;
    }
    elements_sort_dependencies(session, elements, targets->len);
    gboolean resolved = resolve_targets(session, targets, error);
    session_stop_prefetch(session); /* plugins may have come from more projects */
    return resolved ? g_steal_pointer(&targets) : NULL;
}

/* ---- Variables ---- */

const char *element_variable(const Element *element, const char *name)
{
    return element->variables != NULL ? variable_values_get(element->variables, name) : NULL;
}

Node *element_variables(const Element *element)
{
    return element->variables != NULL ? variable_values_to_node(element->variables)
                                      : node_new_mapping(element->project->session->arena, NULL);
}

const char *element_expand(const Element *element, const char *text, const Provenance *where, GError **error)
{
    Arena *arena = element->project->session->arena;
    g_autoptr(GString) out = g_string_new(NULL);
    const char *at = text;
    for (const char *next; (next = strstr(at, "%{")) != NULL;) {
        gsize length = variable_reference_at(next + 2);
        g_string_append_len(out, at, next - at + (length == 0 ? 2 : 0));
        at = next + 2;
        if (length == 0) {
            continue;
        }
        g_autofree char *name = g_strndup(next + 2, length);
        const char *value = element_variable(element, name);
        if (value == NULL) {
            error_set(error, ERROR_LOAD, "UNRESOLVED_VARIABLE", where, "Reference to undefined variable '%s'", name);
            return NULL;
        }
        g_string_append(out, value);
        at += length + 1;
    }
    g_string_append(out, at);
    return arena_strndup(arena, out->str, out->len);
}

char *element_normal_name(const Element *element)
{
    return element_name_normalize(element->name);
}

char *element_name_normalize(const char *element_name)
{
    char *name = g_strdelimit(g_strdup(element_name), "/", '-');
    char *dot = strrchr(name, '.');
    if (dot != NULL && dot != name) {
        *dot = '\0';
    }
    for (char *c = name; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && strchr("-._", *c) == NULL) {
            *c = '_';
        }
    }
    return name;
}

/* ---- Public data ---- */

static const Node *public_bst(const Element *element, const char *key)
{
    const Node *bst = element->public_ != NULL ? node_find(element->public_, "bst") : NULL;
    return bst != NULL ? node_find(bst, key) : NULL;
}

static const char *const no_strings[] = {NULL};

const char *const *element_integration_commands(const Element *element)
{
    const Node *bst = element->public_ != NULL ? node_find(element->public_, "bst") : NULL;
    const char *const *commands = no_strings;
    if (bst != NULL) {
        node_get_strings(bst, "integration-commands", element->project->session->arena, &commands, NULL);
    }
    return commands;
}

const char *const *element_split_domains(const Element *element)
{
    const Node *rules = public_bst(element, "split-rules");
    gsize count = node_size(rules != NULL ? rules : element->config);
    if (rules == NULL || node_type(rules) != NODE_MAPPING) {
        return no_strings;
    }
    const char **names = arena_alloc(element->project->session->arena, (count + 1) * sizeof *names);
    for (gsize i = 0; i < count; i++) {
        names[i] = node_key_at(rules, i);
    }
    return names;
}

/* What is no list of strings was refused when keys were computed, or matches nothing. */
static void compile_splits(ElementData *data)
{
    const Node *rules = public_bst(&data->element, "split-rules");
    gsize count = rules != NULL ? node_size(rules) : 0;
    Session *session = data->element.project->session;
    data->splits.domains = arena_alloc(session->arena, (count + 1) * sizeof *data->splits.domains);
    for (gsize i = 0; i < count; i++) {
        const char *const *globs = no_strings;
        const char *name = node_key_at(rules, i);
        node_get_strings(rules, name, session->arena, &globs, NULL);
        GRegex *regex = glob_compile(globs, g_strv_length((char **)globs), NULL);
        if (regex != NULL) {
            data->splits.domains[data->splits.count++] = (struct SplitDomain){name, regex};
            g_ptr_array_add(session->regexes, regex);
        }
    }
}

gboolean element_in_split_domain(const Element *element, const char *domain, const char *path)
{
    ElementData *data = element_data(element);
    if (data->splits.domains == NULL) {
        compile_splits(data);
    }
    for (gsize i = 0; i < data->splits.count; i++) {
        if (strcmp(data->splits.domains[i].name, domain) == 0) {
            return g_regex_match_full(data->splits.domains[i].regex, path, -1, 0, 0, NULL, NULL);
        }
    }
    return FALSE;
}
