/* serve-log.c - the access log: lines are made where the call ended, and written by a thread, which alone waits for the disk */
#include "json.h"
#include "serve.h"
#include "write-all.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What may wait for a disk that is slow; lines beyond it are dropped. */
#define BUFFER_MAX (8 * 1024 * 1024)

struct AccessLog {
    char *path;
    GThread *thread;
    GMutex lock; /* for what follows */
    GCond changed;
    int fd;
    GString *lines;
    guint64 dropped;
    gboolean ending;
};

/* ---- Lines ------------------------------------------------------------------------------------------------------------------ */

static void put_text(GString *out, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    g_string_append_printf(out, ",\"%s\":", key);
    json_write_string(value, out);
}

static void put_time(GString *out, gint64 microseconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(microseconds / G_USEC_PER_SEC);
    g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    g_string_append_printf(out, "{\"time\":\"%s.%06dZ\"", text, (int)(microseconds % G_USEC_PER_SEC));
}

char *access_log_line(const SluiceCallRecord *record)
{
    GString *out = g_string_sized_new(320);
    put_time(out, record->ended_us);
    put_text(out, "peer", record->peer);
    put_text(out, "user", record->user);
    put_text(out, "role", sluice_role_name(record->role));
    put_text(out, "method", record->method);
    put_text(out, "status", record->status);
    g_string_append_printf(out,
                           ",\"tls\":%s,\"duration_us\":%" G_GINT64_FORMAT ",\"received\":%" G_GUINT64_FORMAT
                           ",\"sent\":%" G_GUINT64_FORMAT,
                           record->tls ? "true" : "false", record->duration_us, record->bytes_received,
                           record->bytes_sent);
    put_text(out, "tool", record->tool);
    put_text(out, "invocation", record->invocation);
    put_text(out, "action", record->action);
    put_text(out, "target", record->target);
    g_string_append(out, "}\n");
    return g_string_free(out, FALSE);
}

/* ---- Writing ---------------------------------------------------------------------------------------------------------------- */

static gpointer run(gpointer data)
{
    AccessLog *log = data;
    g_mutex_lock(&log->lock);
    while (!log->ending || log->lines->len > 0) {
        if (log->lines->len == 0) {
            g_cond_wait(&log->changed, &log->lock);
            continue;
        }
        GString *lines = log->lines;
        log->lines = g_string_new(NULL);
        int fd = dup(log->fd);
        g_mutex_unlock(&log->lock);
        write_all(fd, lines->str, lines->len);
        if (fd >= 0)
            close(fd);
        g_string_free(lines, TRUE);
        g_mutex_lock(&log->lock);
    }
    g_mutex_unlock(&log->lock);
    return NULL;
}

static int open_path(const char *path, GError **error)
{
    int fd = strcmp(path, "-") == 0 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                                    : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s: %s", path, g_strerror(errno));
    return fd;
}

AccessLog *access_log_open(const char *path, GError **error)
{
    int fd = open_path(path, error);
    if (fd < 0)
        return NULL;
    AccessLog *log = g_new0(AccessLog, 1);
    log->path = g_strdup(path);
    log->fd = fd;
    log->lines = g_string_new(NULL);
    g_mutex_init(&log->lock);
    g_cond_init(&log->changed);
    log->thread = g_thread_new("sluice-log", run, log);
    return log;
}

void access_log_put(AccessLog *log, const SluiceCallRecord *record)
{
    g_autofree char *line = access_log_line(record);
    g_mutex_lock(&log->lock);
    if (log->lines->len > BUFFER_MAX)
        log->dropped++;
    else
        g_string_append(log->lines, line);
    g_cond_signal(&log->changed);
    g_mutex_unlock(&log->lock);
}

gboolean access_log_reopen(AccessLog *log, GError **error)
{
    int fd = open_path(log->path, error);
    if (fd < 0)
        return FALSE;
    g_mutex_lock(&log->lock);
    close(log->fd);
    log->fd = fd;
    g_mutex_unlock(&log->lock);
    return TRUE;
}

guint64 access_log_get_dropped(AccessLog *log)
{
    g_mutex_lock(&log->lock);
    guint64 dropped = log->dropped;
    g_mutex_unlock(&log->lock);
    return dropped;
}

void access_log_close(AccessLog *log)
{
    g_mutex_lock(&log->lock);
    log->ending = TRUE;
    g_cond_signal(&log->changed);
    g_mutex_unlock(&log->lock);
    g_thread_join(log->thread);
    close(log->fd);
    g_string_free(log->lines, TRUE);
    g_cond_clear(&log->changed);
    g_mutex_clear(&log->lock);
    g_free(log->path);
    g_free(log);
}
