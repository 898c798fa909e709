/* session-report.c - what a session says at its start */
#include "session-report.h"
#include "show-format.h"
#include <string.h>

#define RULE "==============================================================================="

static void append_field(GString *out, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void append_field(GString *out, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_string_append_printf(out, "    %-24s ", name);
    g_string_append_vprintf(out, format, arguments);
    g_string_append_c(out, '\n');
    va_end(arguments);
}

static void append_session(App *app, GPtrArray *targets, GString *out)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *time = g_date_time_format(now, "%A, %d-%m-%Y at %H:%M:%S");
    Project *project = session_toplevel(app->session);
    g_string_append_printf(
        out,
        "\nSluice Version %s\n    Session Start: %s\n    Project:       %s (%s)\n    Targets:       ", app->version,
        time, project_name(project), project_directory(project));
    for (guint i = 0; i < targets->len; i++)
        g_string_append_printf(out, "%s%s", i ? ", " : "", ((Element *)targets->pdata[i])->full_name);
    g_string_append_c(out, '\n');
}

static void append_configuration(App *app, GString *out)
{
    g_string_append(out, "\nUser Configuration\n");
    append_field(out, "Configuration File:", "%s", app->config->path ? app->config->path : "Default Configuration");
    append_field(out, "Cache Directory:", "%s", app->cache_path);
    append_field(out, "Log Files:", "%s", app->log_directory);
    append_field(out, "Strict Build Plan:", "%s", app->strict ? "Yes" : "No");
    append_field(out, "Maximum Fetch Tasks:", "%" G_GINT64_FORMAT, app->fetchers);
    append_field(out, "Maximum Build Tasks:", "%" G_GINT64_FORMAT, app->builders);
    append_field(out, "Maximum Network Retries:", "%" G_GINT64_FORMAT, app->retries);
}

/* Names in order of first use. */
static void add_kind(GPtrArray *kinds, const char *name)
{
    for (guint i = 0; i < kinds->len; i++)
        if (strcmp(kinds->pdata[i], name) == 0)
            return;
    g_ptr_array_add(kinds, (gpointer)name);
}

static void append_kinds(GString *out, const char *title, GPtrArray *kinds)
{
    gsize width = 0;
    for (guint i = 0; i < kinds->len; i++)
        width = MAX(width, strlen(kinds->pdata[i]) + 1);
    if (kinds->len > 0)
        g_string_append_printf(out, "\n    %s\n", title);
    for (guint i = 0; i < kinds->len; i++) {
        g_autofree char *name = g_strdup_printf("%s:", (char *)kinds->pdata[i]);
        g_string_append_printf(out, "        %-*s core plugin\n", (int)width, name);
    }
}

static void append_project(App *app, GPtrArray *elements, GString *out)
{
    g_autoptr(GPtrArray) kinds = g_ptr_array_new(), source_kinds_used = g_ptr_array_new();
    for (guint i = 0; i < elements->len; i++) {
        const Element *element = elements->pdata[i];
        add_kind(kinds, element->kind_name);
        for (gsize j = 0; j < element->n_sources; j++)
            add_kind(source_kinds_used, element->sources[j]->kind->name);
    }
    g_string_append_printf(out, "\nProject: %s\n", project_name(session_toplevel(app->session)));
    append_kinds(out, "Element Plugins", kinds);
    append_kinds(out, "Source Plugins", source_kinds_used);
}

static void append_pipeline(App *app, const char *title, GPtrArray *elements, States *states, GString *out)
{
    ShowOptions options = {app->config->element_format, app->config->key_length, states};
    g_autoptr(ShowFormat) format = show_format_new(&options);
    g_autoptr(GString) lines = g_string_new(NULL);
    g_string_append_printf(out, "\n%s\n", title);
    for (guint i = 0; i < elements->len; i++) {
        g_autoptr(GError) error = NULL;
        if (!show_format_element(format, elements->pdata[i], lines, &error))
            g_string_append_printf(lines, "%s\n", error->message);
    }
    show_format_finish(lines, FALSE);
    g_string_append(out, lines->str);
}

void session_print_heading(App *app, GPtrArray *targets, GPtrArray *elements, States *states)
{
    g_autoptr(GString) out = g_string_new(NULL);
    append_session(app, targets, out);
    append_configuration(app, out);
    append_project(app, elements, out);
    append_pipeline(app, "Pipeline", elements, states, out);
    g_string_append(out, RULE "\n");
    log_text(app->log, out->str);
}

void session_print_pipeline(App *app, const char *title, GPtrArray *elements, States *states)
{
    g_autoptr(GString) out = g_string_new(NULL);
    append_pipeline(app, title, elements, states, out);
    log_text(app->log, out->str);
}
