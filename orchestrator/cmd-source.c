/* cmd-source.c - `source fetch`, `source track`, `source checkout` */
#include "fetch.h"
#include "output.h"
#include "source-checkout.h"
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

static gboolean is_project_of(GPtrArray *targets, const Project *project)
{
    for (guint i = 0; i < targets->len; i++)
        if (((Element *)targets->pdata[i])->project == project)
            return TRUE;
    return FALSE;
}

/* Elements of projects other than their targets' are tracked only with --cross-junctions; and those of subprojects only where refs have a file of ours. */
static GPtrArray *trackable_elements(App *app, GPtrArray *targets, GPtrArray *elements, GError **error)
{
    g_autoptr(GPtrArray) own = g_ptr_array_new();
    gboolean all = arguments_has(app->arguments, "cross-junctions");
    Project *toplevel = session_toplevel(app->session);
    for (guint i = 0; i < elements->len; i++) {
        Element *element = elements->pdata[i];
        if (!all && !is_project_of(targets, element->project))
            continue;
        if (element->project != toplevel && !project_uses_refs_file(toplevel)) {
            error_set(error, ERROR_STREAM, "untrackable-sources", NULL, "Untrackable sources");
            error_set_detail(error ? *error : NULL, "Requested to track sources across junction boundaries\n"
                                                    "in a project which does not use project.refs ref-storage.");
            return NULL;
        }
        g_ptr_array_add(own, element);
    }
    return g_steal_pointer(&own);
}

int cmd_source_track(App *app, GError **error)
{
    Activity session = app_begin(app, NULL, "Track");
    g_autoptr(GPtrArray) targets = NULL;
    g_autoptr(GPtrArray) elements = app_load_selection(app, "redirect", &targets, error);
    g_autoptr(GPtrArray) own = elements ? trackable_elements(app, targets, elements, error) : NULL;
    gboolean success = own && track_session(app, &session, targets, own, error);
    app_finish(&session, success);
    return success ? 0 : EXIT_REPORT;
}

/* What the command line says of where to. */
typedef struct {
    const char *tar, *compression; /* or NULL */
    char *directory;               /* unless `tar` */
} Destination;

static gboolean write_sources(App *app, GPtrArray *elements, const Destination *to, GError **error)
{
    SourceContext context = {app->store, &app->sink, NULL, app->fetchers, app->retries, NULL};
    Activity activity = app_begin(app, NULL, "Staging sources");
    gboolean scripts = arguments_has(app->arguments, "include-build-scripts");
    g_autoptr(GError) inner = NULL;
    SluiceDigest root;
    gboolean success =
        source_checkout_stage((Element *const *)elements->pdata, elements->len, scripts, &context, &root, &inner) &&
        (to->tar ? output_source_archive(app, &root, to->tar, to->compression, &inner)
                 : output_directory(app, &root, to->directory, SLUICE_CHECKOUT_COPY, &inner));
    if (inner) {
        gboolean ours = inner->domain == ORCHESTRATOR_ERROR;
        error_set(error, ERROR_STREAM, ours ? error_get_reason(inner) : NULL, NULL, "Error while writing sources: '%s'",
                  inner->message);
        error_set_detail(error ? *error : NULL, ours ? error_get_detail(inner) : NULL);
    }
    if (app_finish(&activity, success))
        app_log(app, EVENT_INFO, NULL, "Checked out sources to '%s'", to->tar ? to->tar : to->directory);
    return success;
}

/* ERROR: … and status 255, as bst has it: no usage error. */
static gboolean check_checkout_options(App *app, const Destination *to, GError **error)
{
    if (to->tar && arguments_has(app->arguments, "directory"))
        error_set(error, ERROR_APP, NULL, NULL, "ERROR: options --directory and --tar conflict");
    else if (to->compression && !to->tar)
        error_set(error, ERROR_APP, NULL, NULL, "ERROR: --compression specified without --tar");
    else if (app_need_target(app, "ELEMENT", error))
        return to->tar ? output_check_file(app, to->tar, error) : output_check_directory(app, to->directory, error);
    return FALSE;
}

int cmd_source_checkout(App *app, GError **error)
{
    const char *directory = arguments_get(app->arguments, "directory");
    g_autofree char *absolute = g_canonicalize_filename(directory ? directory : "source-checkout", NULL);
    const Destination to = {arguments_get(app->arguments, "tar"), arguments_get(app->arguments, "compression"),
                            absolute};
    g_autoptr(GPtrArray) targets = NULL;
    g_autoptr(GPtrArray) elements =
        check_checkout_options(app, &to, error) ? app_load_selection(app, "none", &targets, error) : NULL;
    if (!elements || !fetch_session(app, NULL, targets, elements, TRUE, error))
        return EXIT_REPORT;
    return write_sources(app, elements, &to, error) ? 0 : EXIT_REPORT;
}
