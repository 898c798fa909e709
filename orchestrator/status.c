/* status.c - the terminal's status line */
#include "status.h"
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRAW_INTERVAL (G_USEC_PER_SEC / 10)
#define BAR_CELLS     12

typedef struct {
    gpointer id;
    char *label;
    gint64 started;
    char *what;
    guint64 done, total;
    gboolean bytes;
} Running;

struct StatusLine {
    int fd;
    gboolean enabled, colors, drawn;
    gint64 started, last_draw;
    char *counts;
    GPtrArray *running;
};

static void running_free(gpointer data)
{
    Running *running = data;
    g_free(running->label);
    g_free(running->what);
    g_free(running);
}

StatusLine *status_line_new(int fd, gboolean enabled, gboolean colors)
{
    StatusLine *status = g_new0(StatusLine, 1);
    status->fd = fd;
    status->enabled = enabled;
    status->colors = colors;
    status->started = g_get_monotonic_time();
    status->running = g_ptr_array_new_with_free_func(running_free);
    return status;
}

void status_line_free(StatusLine *status)
{
    status_line_clear(status);
    g_ptr_array_unref(status->running);
    g_free(status->counts);
    g_free(status);
}

void status_line_set_counts(StatusLine *status, const char *counts)
{
    g_free(status->counts);
    status->counts = g_strdup(counts);
}

static Running *find_running(const StatusLine *status, gpointer id)
{
    for (guint i = 0; i < status->running->len; i++) {
        Running *running = status->running->pdata[i];
        if (running->id == id)
            return running;
    }
    return NULL;
}

void status_line_begin(StatusLine *status, gpointer job, const char *label)
{
    Running *running = g_new0(Running, 1);
    running->id = job;
    running->label = g_strdup(label);
    running->started = g_get_monotonic_time();
    g_ptr_array_add(status->running, running);
    status_line_draw(status, FALSE);
}

void status_line_progress(StatusLine *status, gpointer job, const char *what, guint64 done, guint64 total,
                          const char *unit)
{
    Running *running = find_running(status, job);
    if (!running)
        return;
    running->done = done;
    running->total = total;
    running->bytes = unit && strcmp(unit, "B") == 0;
    g_free(running->what);
    running->what = g_strdup(what);
    status_line_draw(status, FALSE);
}

void status_line_end(StatusLine *status, gpointer job)
{
    Running *running = find_running(status, job);
    if (running)
        g_ptr_array_remove(status->running, running);
    status_line_draw(status, FALSE);
}

static void append_progress(const Running *running, GString *out)
{
    if (running->total > 0) {
        guint cells = MIN(running->done, running->total) * BAR_CELLS / running->total;
        g_string_append(out, " [");
        for (guint i = 0; i < BAR_CELLS; i++)
            g_string_append_c(out, i < cells ? '#' : '.');
        g_string_append_c(out, ']');
    }
    if (running->total == 0 && running->done == 0)
        return;
    g_autofree char *done =
        running->bytes ? g_format_size(running->done) : g_strdup_printf("%" G_GUINT64_FORMAT, running->done);
    g_autofree char *total =
        running->bytes ? g_format_size(running->total) : g_strdup_printf("%" G_GUINT64_FORMAT, running->total);
    g_string_append_printf(out, running->total ? " %s/%s" : " %s", done, total);
}

char *status_line_text(const StatusLine *status, guint columns)
{
    gint64 now = g_get_monotonic_time();
    int seconds = (now - status->started) / G_USEC_PER_SEC;
    GString *out = g_string_new(NULL);
    g_string_append_printf(out, "[%02d:%02d:%02d]", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (status->counts && *status->counts)
        g_string_append_printf(out, " %s", status->counts);
    for (guint i = 0; i < status->running->len; i++) {
        const Running *running = status->running->pdata[i];
        g_string_append_printf(out, "%s %s", i ? "," : " |", running->label);
        append_progress(running, out);
        g_string_append_printf(out, " %ds", (int)((now - running->started) / G_USEC_PER_SEC));
    }
    g_autofree char *valid = g_utf8_make_valid(out->str, -1);
    g_string_free(out, TRUE);
    if (g_utf8_strlen(valid, -1) < columns)
        return g_steal_pointer(&valid);
    return g_utf8_substring(valid, 0, columns > 1 ? columns - 1 : 0);
}

void status_line_clear(StatusLine *status)
{
    if (!status->drawn)
        return;
    status->drawn = FALSE;
    if (write(status->fd, "\r\033[K", 4) < 0)
        status->enabled = FALSE;
}

void status_line_draw(StatusLine *status, gboolean now)
{
    if (!status->enabled || (status->running->len == 0 && !status->drawn))
        return;
    gint64 time = g_get_monotonic_time();
    if (!now && time - status->last_draw < DRAW_INTERVAL)
        return;
    status->last_draw = time;
    struct winsize size = {0};
    guint columns = ioctl(status->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    status_line_clear(status);
    if (status->running->len == 0)
        return;
    g_autofree char *text = status_line_text(status, columns);
    g_autofree char *line = status->colors ? g_strdup_printf("\033[2m%s\033[0m", text) : g_strdup(text);
    status->drawn = write(status->fd, line, strlen(line)) > 0;
}
