/* log.c - the lines of the log */
#include "log.h"
#include "write-all.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is read of a log file's end to show its last lines. */
#define TAIL_MAX_BYTES (64 * 1024)

struct Log {
    LogOptions options;
    int file; /* --log-file, or -1 */
};

static const struct {
    const char *name, *color;
} event_types[] = {
    [EVENT_DEBUG] = {"DEBUG", "33"},       [EVENT_STATUS] = {"STATUS", "36"},   [EVENT_INFO] = {"INFO", "36"},
    [EVENT_WARNING] = {"WARNING", "33"},   [EVENT_START] = {"START", "34"},     [EVENT_SUCCESS] = {"SUCCESS", "32"},
    [EVENT_FAILURE] = {"FAILURE", "31;1"}, [EVENT_SKIPPED] = {"SKIPPED", "33"}, [EVENT_PROGRESS] = {"STATUS", "36"},
};

const char *event_type_name(EventType type)
{
    return event_types[type].name;
}

Log *log_new(const LogOptions *options)
{
    Log *log = g_new0(Log, 1);
    log->options = *options;
    log->file = -1;
    return log;
}

void log_free(Log *log)
{
    if (log->file >= 0)
        close(log->file);
    g_free(log);
}

gboolean log_open_file(Log *log, const char *path, GError **error)
{
    log->file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (log->file >= 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "Could not open log file '%s': %s", path,
                g_strerror(errno));
    return FALSE;
}

char *text_sanitize(const char *text, gssize length)
{
    g_autofree char *valid = g_utf8_make_valid(text, length);
    GString *out = g_string_sized_new(strlen(valid));
    for (const char *c = valid; *c; c = g_utf8_next_char(c)) {
        gunichar point = g_utf8_get_char(c);
        gboolean control = point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x202a && point <= 0x202e);
        if (!control || point == '\n' || point == '\t')
            g_string_append_len(out, c, g_utf8_next_char(c) - c);
    }
    return g_string_free(out, FALSE);
}

char *text_one_line(const char *text)
{
    return g_strdelimit(text_sanitize(text, -1), "\n\t", ' ');
}

char *text_indent(const char *text, guint by)
{
    GString *out = g_string_new(NULL);
    while (*text) {
        const char *end = strchrnul(text, '\n');
        if (end > text)
            g_string_append_printf(out, "%*s", by, "");
        g_string_append_len(out, text, end - text);
        if (*end)
            g_string_append_c(out, '\n');
        text = end + (*end != '\0');
    }
    return g_string_free(out, FALSE);
}

char *log_elapsed(gint64 elapsed_us)
{
    if (elapsed_us < 0)
        return g_strdup("--:--:--");
    gint64 seconds = elapsed_us / G_USEC_PER_SEC;
    return g_strdup_printf("%02" G_GINT64_FORMAT ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
                           (int)(seconds % 60));
}

static char *elapsed_of(const Event *event)
{
    gboolean timed = event->type == EVENT_SUCCESS || event->type == EVENT_FAILURE || event->type == EVENT_SKIPPED;
    return log_elapsed(timed ? event->elapsed_us : -1);
}

/* ---- The columns of a line ------------------------------------------------------------------------------------------------ */

static char *column_elapsed(const Log *log, const Event *event)
{
    return elapsed_of(event);
}

static char *column_elapsed_us(const Log *log, const Event *event)
{
    g_autofree char *whole = elapsed_of(event);
    if (strcmp(whole, "--:--:--") == 0)
        return g_strdup("--:--:--.------");
    return g_strdup_printf("%s.%06d", whole, (int)(event->elapsed_us % G_USEC_PER_SEC));
}

static char *wallclock(const char *format)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    return g_date_time_format(now, format);
}

static char *column_wallclock(const Log *log, const Event *event)
{
    return wallclock("%H:%M:%S");
}

static char *column_wallclock_us(const Log *log, const Event *event)
{
    return wallclock("%H:%M:%S.%f");
}

static char *column_key(const Log *log, const Event *event)
{
    guint length = log->options.key_length;
    if (!event->element)
        return g_strdup_printf("%*s", length, "");
    if (!event->key || !*event->key)
        return g_strnfill(length, event->key ? '?' : ' ');
    return g_strdup_printf("%-*.*s", length, length, event->key);
}

static char *column_element(const Log *log, const Event *event)
{
    return g_strdup_printf("%8s:%-30s", event->action ? event->action : "main",
                           event->element ? event->element : "core activity");
}

static char *column_action(const Log *log, const Event *event)
{
    return g_strdup_printf("%-7s", event_types[event->type].name);
}

static char *column_message(const Log *log, const Event *event)
{
    return g_strdup(event->message ? event->message : "");
}

/* A color of NULL: that of the event's type.  Longer names stand before their prefixes. */
static const struct {
    const char *name;
    char *(*text)(const Log *log, const Event *event);
    const char *color;
} columns[] = {
    {"elapsed-us", column_elapsed_us, "2"},
    {"elapsed", column_elapsed, "2"},
    {"wallclock-us", column_wallclock_us, "2"},
    {"wallclock", column_wallclock, "2"},
    {"key", column_key, "33"},
    {"element", column_element, "34"},
    {"action", column_action, NULL},
    {"message", column_message, "0"},
};

/* Appends the column that `format` names, and gives what follows; NULL if it names none. */
static const char *append_column(const Log *log, const Event *event, const char *format, gboolean colors, GString *out)
{
    for (guint i = 0; i < G_N_ELEMENTS(columns); i++) {
        gsize length = strlen(columns[i].name);
        if (strncmp(format + 2, columns[i].name, length) != 0 || format[2 + length] != '}')
            continue;
        g_autofree char *text = columns[i].text(log, event);
        const char *color = columns[i].color ? columns[i].color : event_types[event->type].color;
        if (colors && strcmp(color, "0") != 0)
            g_string_append_printf(out, "\033[%sm%s\033[0m", color, text);
        else
            g_string_append(out, text);
        return format + length + 3;
    }
    return NULL;
}

static char *cut_detail(const Log *log, const Event *event)
{
    char *detail = g_strchomp(g_strdup(event->detail));
    guint limit = log->options.message_lines, lines = 0;
    if (limit == 0 || event->type == EVENT_FAILURE)
        return detail;
    for (char *c = detail; *c; c++)
        if (*c == '\n' && ++lines == limit) {
            *c = '\0';
            char *cut = g_strdup_printf("%s\n\nMessage contains more lines: see the log file", detail);
            g_free(detail);
            return cut;
        }
    return detail;
}

char *log_format(const Log *log, const Event *event, gboolean colors)
{
    GString *out = g_string_new(NULL);
    for (const char *format = log->options.message_format; *format;) {
        const char *next = g_str_has_prefix(format, "%{") ? append_column(log, event, format, colors, out) : NULL;
        if (next) {
            format = next;
            continue;
        }
        g_string_append_c(out, *format++);
    }
    g_string_append_c(out, '\n');
    if (event->detail && *event->detail) {
        g_autofree char *detail = cut_detail(log, event);
        g_autofree char *indented = text_indent(detail, 4);
        g_string_append_printf(out, "\n%s\n\n", indented);
    }
    return g_string_free(out, FALSE);
}

static void write_shown(Log *log, const char *text)
{
    if (log->options.status)
        status_line_clear(log->options.status);
    write_all(log->options.fd, text, strlen(text)); /* standard error that is gone is no reason to stop */
    if (log->options.status)
        status_line_draw(log->options.status, TRUE);
}

void log_text(Log *log, const char *text)
{
    g_autofree char *clean = text_sanitize(text, -1);
    write_shown(log, clean);
    if (log->file >= 0)
        write_all(log->file, clean, strlen(clean));
}

static gboolean is_shown(const Log *log, const Event *event)
{
    switch (event->type) {
    case EVENT_PROGRESS:
        return FALSE;
    case EVENT_DEBUG:
        return log->options.debug;
    case EVENT_STATUS:
        return log->options.verbose && !(event->action && event->element && strcmp(event->action, "main") != 0);
    default:
        return TRUE;
    }
}

void log_event(Log *log, const Event *event)
{
    if (!is_shown(log, event))
        return;
    g_autofree char *message = text_sanitize(event->message ? event->message : "", -1);
    g_autofree char *detail = event->detail ? text_sanitize(event->detail, -1) : NULL;
    g_autofree char *element = event->element ? text_sanitize(event->element, -1) : NULL;
    Event clean = *event;
    clean.message = message;
    clean.detail = detail;
    clean.element = element;
    g_autofree char *shown = log_format(log, &clean, log->options.colors);
    write_shown(log, shown);
    if (log->file >= 0) {
        g_autofree char *plain = log_format(log, &clean, FALSE);
        write_all(log->file, plain, strlen(plain));
    }
}

void log_event_func(const Event *event, gpointer data)
{
    log_event(data, event);
}

/* ---- The end of a log file ------------------------------------------------------------------------------------------------ */

char *file_tail(const char *path, guint lines)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0) {
        g_close(fd, NULL);
        return g_strdup("");
    }
    gsize wanted = MIN(info.st_size, TAIL_MAX_BYTES);
    g_autofree char *text = g_malloc(wanted + 1);
    gssize length = pread(fd, text, wanted, info.st_size - wanted);
    g_close(fd, NULL);
    text[MAX(length, 0)] = '\0';
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    const char *start = text + MAX(length, 0);
    for (guint seen = 0; start > text; start--)
        if (start[-1] == '\n' && ++seen == lines)
            break;
    return text_sanitize(start, -1);
}
