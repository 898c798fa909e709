/* cmd-workspace.c - `workspace open|close|reset|list` */
#include "fetch.h"
#include "output.h"
#include "workspaces.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- open ----------------------------------------------------------------------------------------------------------------- */

static char *default_directory(App *app, const Element *element)
{
    g_autofree char *name = g_strdup(element->name);
    if (g_str_has_suffix(name, ".bst"))
        name[strlen(name) - strlen(".bst")] = '\0';
    g_autofree char *path =
        app->config->workspacedir ? g_build_filename(app->config->workspacedir, name, NULL) : g_strdup(name);
    return g_canonicalize_filename(path, NULL);
}

static gboolean is_empty(const char *directory)
{
    g_autoptr(GDir) open = g_dir_open(directory, 0, NULL);
    return !open || !g_dir_read_name(open);
}

static gboolean check_directory(const Element *element, const char *directory, gboolean may_be_full, GError **error)
{
    struct stat st;
    if (stat(directory, &st) != 0)
        return TRUE;
    if (S_ISDIR(st.st_mode) && (may_be_full || is_empty(directory)))
        return TRUE;
    error_set(error, ERROR_STREAM, "bad-directory", NULL,
              S_ISDIR(st.st_mode) ? "For element '%s', Directory path is not empty: %s"
                                  : "For element '%s', Directory path is not a directory: %s",
              element->name, directory);
    return FALSE;
}

static gboolean check_sources(const Element *element, GError **error)
{
    if (element->n_sources > 0)
        return TRUE;
    g_autoptr(GString) detail = g_string_new(NULL);
    for (gsize i = 0; i < element->n_dependencies; i++)
        if (element->dependencies[i].types & DEP_BUILD)
            g_string_append_printf(
                detail, "%s%s", detail->len ? "  \n" : "Try opening a workspace on one of its dependencies instead:\n",
                element->dependencies[i].element->name);
    error_set(error, ERROR_STREAM, NULL, NULL, "The element %s%s has no sources", element->name,
              detail->len ? "" : " ");
    error_set_detail(error ? *error : NULL, detail->len ? detail->str : NULL);
    return FALSE;
}

static gboolean stage_workspace(App *app, Element *element, const char *directory, GError **error)
{
    SourceContext context = {app->store, &app->sink, NULL, app->fetchers, app->retries};
    SluiceDigest root;
    g_autofree char *text = g_strdup_printf("Staging sources to %s", directory);
    Activity activity = app_begin(app, element, text);
    return app_finish(&activity,
                      sources_stage(element, &context, &root, error) &&
                          sluice_store_checkout(app->store, &root, AT_FDCWD, directory, SLUICE_CHECKOUT_COPY, error));
}

static gboolean create_workspace(App *app, Element *element, const char *directory, gboolean checkout, GError **error)
{
    app_log(app, EVENT_STATUS, NULL, "Creating workspace for element %s", element->name);
    if (checkout && g_file_test(directory, G_FILE_TEST_EXISTS) && !sluice_remove_tree(directory, error))
        return FALSE;
    if (g_mkdir_with_parents(directory, 0755) < 0) {
        error_set(error, ERROR_STREAM, "workspace-directory-failure", NULL, "Failed to create workspace directory: %s",
                  directory);
        return FALSE;
    }
    workspace_set(app->session, element->full_name, directory);
    if (checkout && !stage_workspace(app, element, directory, error))
        return FALSE;
    if (workspace_has_marker(directory))
        app_log(app, EVENT_WARNING, NULL, ".bstproject.yaml was staged from this element's sources");
    if (!workspace_write_marker(app->session, element->full_name, directory, error) ||
        !workspaces_save(app->session, error))
        return FALSE;
    app_log(app, EVENT_INFO, NULL, "Created a workspace for element %s", element->full_name);
    return TRUE;
}

/* As many as can be made; the detail of an error names those that were not tried. */
static gboolean create_workspaces(App *app, GPtrArray *elements, GPtrArray *directories, gboolean checkout,
                                  GError **error)
{
    guint i = 0;
    GError *problem = NULL;
    while (i < elements->len && create_workspace(app, elements->pdata[i], directories->pdata[i], checkout, &problem))
        i++;
    if (!problem)
        return TRUE;
    g_autoptr(GString) left = g_string_new(NULL);
    while (++i < elements->len)
        g_string_append_printf(left, " %s", ((const Element *)elements->pdata[i])->name);
    if (left->len > 0) {
        g_autofree char *detail = g_strdup_printf("\nDid not try to create workspaces for%s", left->str);
        error_set_detail(problem, detail);
    }
    g_propagate_error(error, problem);
    return FALSE;
}

/* The elements whose sources are meant, each once. */
static GPtrArray *redirect(App *app, GPtrArray *targets)
{
    GPtrArray *elements = g_ptr_array_new();
    for (guint i = 0; i < targets->len; i++) {
        Element *target = targets->pdata[i], *element = element_behind_filters(target);
        if (element != target)
            app_log(app, EVENT_INFO, NULL, "Element '%s' redirected to '%s'", target->name, element->name);
        if (!g_ptr_array_find(elements, element, NULL))
            g_ptr_array_add(elements, element);
    }
    return elements;
}

/* With the sources that they list, also where a workspace is open. */
static GPtrArray *load_for_sources(App *app, const char *const *names, GError **error)
{
    GPtrArray *aside = workspaces_set_aside(app->session);
    g_autoptr(GPtrArray) targets = app_load(app, names, error);
    workspaces_put_back(app->session, aside);
    return targets ? redirect(app, targets) : NULL;
}

static gboolean close_workspace(App *app, const char *name, gboolean remove, GError **error)
{
    const Workspace *workspace = workspace_find(app->session, name);
    g_autofree char *directory = workspace_directory(app->session, workspace);
    if (remove && !workspace_is_trusted(app->session, workspace)) {
        error_set(error, ERROR_STREAM, NULL, NULL,
                  "The workspace directory %s is outside of the project and has no .bstproject.yaml that names '%s': "
                  "it is not "
                  "removed",
                  directory, name);
        return FALSE;
    }
    if (remove) {
        g_autofree char *text = g_strdup_printf("Removing workspace directory %s", directory);
        Activity activity = app_begin(app, NULL, text);
        if (!app_finish(&activity, sluice_remove_tree(directory, error)))
            return FALSE;
    }
    workspace_remove_marker(directory);
    workspace_remove(app->session, name);
    if (!workspaces_save(app->session, error))
        return FALSE;
    app_log(app, EVENT_INFO, NULL, "Closed workspace for %s", name);
    return TRUE;
}

/* One that is open already gives way to force. */
static gboolean close_open_one(App *app, const Element *element, gboolean checkout, gboolean force, GError **error)
{
    const Workspace *workspace = workspace_find(app->session, element->full_name);
    if (!workspace)
        return TRUE;
    g_autofree char *directory = workspace_directory(app->session, workspace);
    if (!force) {
        error_set(error, ERROR_STREAM, NULL, NULL, "Element '%s' already has an open workspace defined at: %s",
                  element->name, directory);
        return FALSE;
    }
    if (checkout)
        app_log(app, EVENT_WARNING, NULL, "Replacing existing workspace for element '%s' defined at: %s", element->name,
                directory);
    return close_workspace(app, element->full_name, checkout, error);
}

static gboolean open_workspaces(App *app, const char *const *names, const char *directory, gboolean checkout,
                                gboolean force, GError **error)
{
    if (!app_load_project(app, error))
        return FALSE;
    g_autoptr(GPtrArray) elements = load_for_sources(app, names, error);
    g_autoptr(GPtrArray) directories = g_ptr_array_new_with_free_func(g_free);
    if (!elements || (checkout && !fetch_session(app, NULL, elements, elements, TRUE, error)))
        return FALSE;
    for (guint i = 0; i < elements->len; i++) {
        g_ptr_array_add(directories, directory ? g_canonicalize_filename(directory, NULL)
                                               : default_directory(app, elements->pdata[i]));
        if (!check_sources(elements->pdata[i], error) ||
            !close_open_one(app, elements->pdata[i], checkout, force, error))
            return FALSE;
    }
    if (directory && elements->len != 1) {
        error_set(error, ERROR_STREAM, "directory-with-multiple-elements", NULL,
                  "Exactly one element can be given if --directory is used");
        return FALSE;
    }
    for (guint i = 0; i < elements->len; i++)
        if (!check_directory(elements->pdata[i], directories->pdata[i], force || !checkout, error))
            return FALSE;
    return create_workspaces(app, elements, directories, checkout, error);
}

int cmd_workspace_open(App *app, GError **error)
{
    const Arguments *arguments = app->arguments;
    guint count;
    const char *const *words = arguments_words(arguments, &count);
    if (count == 0) {
        g_set_error(error, USAGE_ERROR, 0, "Missing argument 'ELEMENTS...'.");
        return EXIT_USAGE;
    }
    return open_workspaces(app, words, arguments_get(arguments, "directory"), !arguments_has(arguments, "no-checkout"),
                           arguments_has(arguments, "force"), error)
               ? 0
               : EXIT_REPORT;
}

/* ---- close, reset --------------------------------------------------------------------------------------------------------- */

/* Without a project there are no workspaces to speak of. */
static gboolean load_project(App *app, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (app_load_project(app, &problem))
        return TRUE;
    if (g_strcmp0(error_get_reason(problem), "MISSING_PROJECT_CONF") != 0) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    g_autofree char *detail = g_strdup_printf("No project.conf or active workspace was located\n%s", problem->message);
    error_set(error, ERROR_STREAM, "project-not-loaded", NULL, "Unable to locate workspaces");
    error_set_detail(error ? *error : NULL, detail);
    return FALSE;
}

static gboolean is_element(App *app, const char *word)
{
    g_autofree char *path = g_build_filename(project_element_path(session_toplevel(app->session)), word, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* The full names that are meant: a word that is no open workspace may be a filter before the element that has one.  Words of which there is no element stay,
 * as closing may not depend on what can be loaded; with `all_must_load` they are errors. */
static GPtrArray *redirected_names(App *app, GPtrArray *words, gboolean all_must_load, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < words->len; i++) {
        const char *const one[] = {words->pdata[i], NULL};
        gboolean as_it_is =
            workspace_find(app->session, one[0]) != NULL || (!all_must_load && !is_element(app, one[0]));
        g_autoptr(GPtrArray) elements = as_it_is ? NULL : load_for_sources(app, one, error);
        if (!as_it_is && !elements)
            return NULL;
        g_ptr_array_add(names, g_strdup(elements ? ((const Element *)elements->pdata[0])->full_name : one[0]));
    }
    return g_steal_pointer(&names);
}

/* The words of the command line; or all that are open; or the one that the command was started in.  Copies. */
static GPtrArray *wanted_words(App *app, const char *missing, GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    guint count;
    const char *const *given = arguments_words(app->arguments, &count);
    const char *here = session_workspace_element(app->session);
    GPtrArray *all = session_workspaces(app->session);
    for (guint i = 0; arguments_has(app->arguments, "all") && i < all->len; i++)
        g_ptr_array_add(words, g_strdup(((Workspace *)all->pdata[i])->element));
    for (guint i = 0; !arguments_has(app->arguments, "all") && i < count; i++)
        g_ptr_array_add(words, g_strdup(given[i]));
    if (words->len == 0 && here && !arguments_has(app->arguments, "all"))
        g_ptr_array_add(words, g_strdup(here));
    if (words->len > 0)
        return g_steal_pointer(&words);
    error_set(error, ERROR_APP, NULL, NULL, "%s", missing);
    return NULL;
}

static GPtrArray *wanted_names(App *app, const char *missing, ErrorDomain domain, GError **error)
{
    g_autoptr(GPtrArray) words = wanted_words(app, missing, error);
    g_autoptr(GPtrArray) names = words ? redirected_names(app, words, domain == ERROR_STREAM, error) : NULL;
    g_autoptr(GString) detail = g_string_new(NULL);
    for (guint i = 0; names && i < names->len; i++)
        if (!workspace_find(app->session, names->pdata[i]))
            g_string_append_printf(detail, "%s%s", detail->len ? "\n" : "", (char *)names->pdata[i]);
    if (!names || detail->len == 0)
        return g_steal_pointer(&names);
    error_set(error, domain, NULL, NULL, "Workspace does not exist");
    error_set_detail(error ? *error : NULL, detail->str);
    return NULL;
}

int cmd_workspace_close(App *app, GError **error)
{
    if (!load_project(app, error))
        return EXIT_REPORT;
    if (arguments_has(app->arguments, "all") && session_workspaces(app->session)->len == 0) {
        log_text(app->log, "No open workspaces to close\n");
        return 0;
    }
    g_autoptr(GPtrArray) names = wanted_names(app, "No elements specified", ERROR_APP, error);
    for (guint i = 0; names && i < names->len; i++)
        if (!close_workspace(app, names->pdata[i], arguments_has(app->arguments, "remove-dir"), error))
            return EXIT_REPORT;
    return names ? 0 : EXIT_REPORT;
}

/* --soft: the next build starts from the beginning. */
static gboolean reset_softly(App *app, const char *name, GError **error)
{
    Workspace *workspace = workspace_find(app->session, name);
    g_autofree char *directory = workspace_directory(app->session, workspace);
    g_clear_pointer(&workspace->last_build, g_free);
    app_log(app, EVENT_INFO, NULL, "Reset workspace state for %s at: %s", name, directory);
    return workspaces_save(app->session, error);
}

static gboolean reset_workspace(App *app, const char *name, GError **error)
{
    const char *const names[] = {name, NULL};
    g_autofree char *directory = workspace_directory(app->session, workspace_find(app->session, name));
    return close_workspace(app, name, TRUE, error) && open_workspaces(app, names, directory, TRUE, TRUE, error);
}

int cmd_workspace_reset(App *app, GError **error)
{
    guint count;
    arguments_words(app->arguments, &count);
    gboolean all = arguments_has(app->arguments, "all"), soft = arguments_has(app->arguments, "soft");
    if (!load_project(app, error))
        return EXIT_REPORT;
    if (all && count > 0) {
        error_set(error, ERROR_APP, NULL, NULL, "Specify either --all or elements, not both");
        return EXIT_REPORT;
    }
    g_autoptr(GPtrArray) names =
        wanted_names(app, all ? "No open workspaces to reset" : "No elements specified to reset", ERROR_STREAM, error);
    for (guint i = 0; names && i < names->len; i++)
        if (!(soft ? reset_softly : reset_workspace)(app, names->pdata[i], error))
            return EXIT_REPORT;
    return names ? 0 : EXIT_REPORT;
}

/* ---- list ----------------------------------------------------------------------------------------------------------------- */

int cmd_workspace_list(App *app, GError **error)
{
    if (!load_project(app, error))
        return EXIT_REPORT;
    Arena *arena = arena_new();
    Node *top = node_new_mapping(arena, NULL), *list = node_new_sequence(arena, NULL);
    GPtrArray *all = session_workspaces(app->session);
    for (guint i = 0; i < all->len; i++) {
        const Workspace *workspace = all->pdata[i];
        g_autofree char *directory = workspace_directory(app->session, workspace);
        Node *entry = node_new_mapping(arena, NULL);
        node_set(arena, entry, "element", node_new_scalar(arena, workspace->element, NULL));
        node_set(arena, entry, "directory", node_new_scalar(arena, directory, NULL));
        node_append(arena, list, entry);
    }
    node_set(arena, top, "workspaces", list);
    g_autofree char *text = node_emit(top);
    app_print(text);
    arena_free(arena);
    return 0;
}
