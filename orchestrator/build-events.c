/* build-events.c - how a build tells what it does. */
#include "build-private.h"
#include "write-all.h"

#include <string.h>

static const char *build_key(const Build *build)
{
    return *build->element->strong_key ? build->element->strong_key : NULL;
}

void build_event(Build *build, EventType type, gint64 started, const char *detail, const char *format, ...)
{
    const EventSink *sink = build->context->events;
    if (!sink || !sink->func)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    Event event = {
        .type = type,
        .action = build->action,
        .element = build->element->full_name,
        .key = build_key(build),
        .message = message,
        .detail = detail,
        .elapsed_us = started > 0 ? g_get_monotonic_time() - started : -1,
    };
    sink->func(&event, sink->data);
}

gint64 build_event_start(Build *build, const char *message)
{
    build_event(build, EVENT_START, 0, NULL, "%s", message);
    return g_get_monotonic_time();
}

gboolean build_warn(Build *build, const char *token, const char *message, const char *detail, GError **error)
{
    if (!project_is_fatal_warning(build->element->project, token)) {
        build_event(build, EVENT_WARNING, 0, detail, "[%s]: %s", token, message);
        return TRUE;
    }
    GError *fatal = NULL;
    error_set(&fatal, ERROR_PLUGIN, token, NULL, "[%s]: %s", token, message);
    error_set_detail(fatal, detail);
    g_propagate_error(error, fatal);
    return FALSE;
}

void build_log(Build *build, const char *format, ...)
{
    if (build->log_fd < 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    write_all(build->log_fd, text, strlen(text)); /* a log that cannot be written is no reason to fail */
}
