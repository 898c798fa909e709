/* cmd-source.c - `source fetch`, `source track`, `source checkout` */
#include "fetch.h"
#include "output.h"
#include <string.h>

int cmd_source_fetch(App *app, GError **error)
{
    Activity session = app_begin(app, NULL, "Fetch");
    g_autoptr(GPtrArray) targets = NULL;
    g_autoptr(GPtrArray) elements = app_load_selection(app, "none", &targets, error);
    gboolean success = elements && fetch_session(app, &session, targets, elements, FALSE, error);
    app_finish(&session, success);
    return success ? 0 : EXIT_REPORT;
}

/* A filter has no sources: who names it means what it filters. */
static Element *behind_filters(Element *element)
{
    while (strcmp(element->kind_name, "filter") == 0) {
        gsize i = 0;
        while (i < element->n_dependencies && !(element->dependencies[i].types & DEP_BUILD))
            i++;
        if (i == element->n_dependencies)
            break;
        element = element->dependencies[i].element;
    }
    return element;
}

/* Elements of subprojects are tracked only with --cross-junctions: their files are not ours. */
static GPtrArray *own_elements(App *app, GPtrArray *elements)
{
    GPtrArray *own = g_ptr_array_new();
    gboolean all = arguments_has(app->arguments, "cross-junctions");
    for (guint i = 0; i < elements->len; i++) {
        Element *element = behind_filters(elements->pdata[i]);
        gboolean ours = all || element->project == session_toplevel(app->session);
        if (ours && !g_ptr_array_find(own, element, NULL))
            g_ptr_array_add(own, element);
    }
    return own;
}

int cmd_source_track(App *app, GError **error)
{
    Activity session = app_begin(app, NULL, "Track");
    g_autoptr(GPtrArray) targets = NULL;
    g_autoptr(GPtrArray) elements = app_load_selection(app, "none", &targets, error);
    g_autoptr(GPtrArray) own = elements ? own_elements(app, elements) : NULL;
    gboolean success = own && track_session(app, &session, targets, own, error);
    app_finish(&session, success);
    return success ? 0 : EXIT_REPORT;
}

static gboolean checkout_sources(App *app, Element *element, const char *directory, GError **error)
{
    SourceContext context = {app->store, &app->sink, NULL, app->fetchers, app->retries};
    Activity activity = app_begin(app, element, "Staging sources");
    SluiceDigest root;
    gboolean success = sources_stage(element, &context, &root, error) &&
                       output_directory(app, &root, directory, SLUICE_CHECKOUT_COPY, error);
    if (app_finish(&activity, success))
        app_log(app, EVENT_INFO, NULL, "Checked out sources to '%s'", directory);
    return success;
}

int cmd_source_checkout(App *app, GError **error)
{
    const char *wanted = arguments_get(app->arguments, "directory");
    g_autofree char *directory = g_canonicalize_filename(wanted ? wanted : "source-checkout", NULL);
    guint count;
    const char *const *words = arguments_words(app->arguments, &count);
    if (count == 0)
        app_set_missing_argument(app, "ELEMENT", error);
    g_autoptr(GPtrArray) targets =
        count > 0 && output_check_directory(app, directory, error) ? app_load(app, words, error) : NULL;
    if (!targets || !fetch_session(app, NULL, targets, targets, TRUE, error))
        return EXIT_REPORT;
    return checkout_sources(app, targets->pdata[0], directory, error) ? 0 : EXIT_REPORT;
}
