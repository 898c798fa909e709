/* cmd-show.c - `show` */
#include "app.h"
#include "key-explain.h"
#include "show-format.h"
#include <string.h>
#include <unistd.h>

/* As bst does: an empty digest may be a surprise. */
static void warn_of_missing_digests(App *app, const char *format, GPtrArray *elements, States *states)
{
    if (!strstr(format, "%{artifact-cas-digest"))
        return;
    for (guint i = 0; i < elements->len; i++)
        if (!states_is_cached(states, elements->pdata[i]))
            app_log(app, EVENT_WARNING, elements->pdata[i], "Cannot obtain CAS digest because artifact is not cached");
}

static gboolean print_elements(App *app, const char *format, GPtrArray *elements, States *states, GError **error)
{
    ShowOptions options = {format, app->config->key_length, states};
    g_autoptr(ShowFormat) lines = show_format_new(&options);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < elements->len; i++)
        if (!show_format_element(lines, elements->pdata[i], out, error))
            return FALSE;
    show_format_finish(out, arguments_switch(app->arguments, "colors", app->colors && isatty(STDOUT_FILENO)));
    app_print(out->str);
    return TRUE;
}

static int explain_keys(App *app, GError **error)
{
    g_autoptr(GPtrArray) elements = app_load_selection(app, "none", NULL, error);
    if (!elements)
        return EXIT_REPORT;
    g_autoptr(KeyWriter) writer = key_writer_new(app->session);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < elements->len; i++)
        if (!key_explain(writer, elements->pdata[i], out, error))
            return EXIT_REPORT;
    app_print(out->str);
    return 0;
}

int cmd_show(App *app, GError **error)
{
    if (arguments_has(app->arguments, "explain-key"))
        return explain_keys(app, error);
    const char *format = arguments_get(app->arguments, "format");
    if (!format)
        format = app->config->element_format;
    app->unknown_kinds = TRUE;
    g_autoptr(GPtrArray) elements = app_load_selection(app, "all", NULL, error);
    if (!elements)
        return EXIT_REPORT;
    g_autoptr(States) states = NULL;
    ShowNeeds needs = show_format_needs(format);
    if (needs == SHOW_NEEDS_KEYS)
        states = app_query_keys(app, elements, error);
    else if (needs == SHOW_NEEDS_ARTIFACTS)
        states = app_query(app, elements, error);
    if (needs != SHOW_NEEDS_NOTHING && !states)
        return EXIT_REPORT;
    if (g_strcmp0(arguments_get(app->arguments, "order"), "alpha") == 0)
        pipeline_sort_by_name(elements);
    warn_of_missing_digests(app, format, elements, states);
    return print_elements(app, format, elements, states, error) ? 0 : EXIT_REPORT;
}
