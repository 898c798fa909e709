/* events.c - making events */
#include "events.h"

void event_send(const EventSink *sink, EventType type, const char *action, const char *element, const char *format, ...)
{
    if (!sink || !sink->func)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    Event event = {.type = type, .action = action, .element = element, .message = message, .elapsed_us = -1};
    sink->func(&event, sink->data);
}

void event_progress(const EventSink *sink, const char *action, const char *element, const char *message, guint64 done,
                    guint64 total, const char *unit)
{
    if (!sink || !sink->func)
        return;
    Event event = {.type = EVENT_PROGRESS, .action = action, .element = element, .message = message, .elapsed_us = -1};
    event.done = done;
    event.total = total;
    event.unit = unit;
    sink->func(&event, sink->data);
}
