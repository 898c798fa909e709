/*
 * job.c - forked children under supervision
 *
 * Frames on the pipe: 4 bytes of length in host order, one byte of kind, and a serialised GVariant:
 *   'e'  (yssmsmsxtts)               type, action, element, key, message+detail …: an event
 *   'r'  (bbm(smssmsmss)a{sv})       success, cancelled, error, result: the outcome, once, last
 */
#include "job.h"
#include "late.h"
#include "log.h"
#include "sandbox.h"
#include "write-all.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_MAX_BYTES    (64 * 1024 * 1024)
#define TEXT_MAX_BYTES     (256 * 1024)
#define PROGRESS_INTERVAL  (G_USEC_PER_SEC / 10)
#define KILL_AFTER_SECONDS 10
#define EVENT_FORMAT       "(ysmsmssmsxtts)"
#define OUTCOME_FORMAT     "(bbm(smssmsmss)a{sv})"

struct Job {
    pid_t pid;
    int pidfd, pipe;
    guint pidfd_source, pipe_source, kill_source;
    GByteArray *buffer;
    char *action, *element, *key;
    gint64 started;
    gboolean terminating;
    GVariant *outcome; /* OUTCOME_FORMAT */
    JobEventFunc event;
    JobDoneFunc done;
    gpointer data;
};

/* ---- In the child ------------------------------------------------------------------------------------------------------- */

typedef struct {
    const JobSpec *spec;
    int pipe, log_fd;
    GMutex lock;
    gint64 last_progress;
} Child;

static int cancel_eventfd = -1; /* a signal handler can reach nothing else */

static void on_signal(int number)
{
    int saved = errno;
    guint64 one = 1;
    (void)!write(cancel_eventfd, &one, sizeof one);
    errno = saved;
}

static gpointer wait_for_signal(gpointer cancellable)
{
    guint64 count;
    while (read(cancel_eventfd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    g_cancellable_cancel(cancellable);
    return NULL;
}

static void handle_signals(GCancellable *cancellable)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    cancel_eventfd = eventfd(0, EFD_CLOEXEC);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        sigaction(numbers[i], &action, NULL);
    g_thread_unref(g_thread_new("signals", wait_for_signal, cancellable));
}

/* Sinks the variant. */
static void send_frame(int fd, char kind, GVariant *variant)
{
    g_autoptr(GVariant) value = g_variant_ref_sink(variant);
    guint32 length = g_variant_get_size(value);
    g_autoptr(GByteArray) frame = g_byte_array_sized_new(length + 5);
    g_byte_array_append(frame, (const guint8 *)&length, sizeof length);
    g_byte_array_append(frame, (const guint8 *)&kind, 1);
    g_byte_array_append(frame, g_variant_get_data(value), length);
    write_all(fd, frame->data, frame->len);
}

/* A GVariant wants valid UTF-8; and nobody reads a message of megabytes. */
static char *clean_text(const char *text)
{
    return text ? text_sanitize(text, strnlen(text, TEXT_MAX_BYTES)) : NULL;
}

char *job_log_line(const Event *event)
{
    gboolean timed = event->type == EVENT_SUCCESS || event->type == EVENT_FAILURE || event->type == EVENT_SKIPPED;
    g_autofree char *elapsed = log_elapsed(timed ? event->elapsed_us : -1);
    g_autofree char *key =
        event->key ? g_strdup_printf("[%.8s] ", *event->key ? event->key : "????????") : g_strdup("");
    GString *line = g_string_new(NULL);
    g_string_printf(line, "[%s] %-7s %s%s: %s\n", elapsed, event_type_name(event->type), key,
                    event->element ? event->element : "core activity", event->message ? event->message : "");
    if (event->detail && *event->detail) {
        g_autofree char *detail = g_strchomp(g_strdup(event->detail));
        g_autofree char *indented = text_indent(detail, 4);
        g_string_append_printf(line, "\n%s\n", indented);
    }
    return g_string_free(line, FALSE);
}

static void log_to_file(Child *child, const Event *event)
{
    g_autofree char *line = job_log_line(event);
    g_autofree char *clean = text_sanitize(line, -1);
    write_all(child->log_fd, clean, strlen(clean));
}

static void child_event(const Event *event, gpointer data)
{
    Child *child = data;
    g_mutex_lock(&child->lock);
    gint64 now = g_get_monotonic_time();
    gboolean last = event->total > 0 && event->done >= event->total;
    gboolean skip = event->type == EVENT_PROGRESS && !last && now - child->last_progress < PROGRESS_INTERVAL;
    if (event->type == EVENT_PROGRESS && !skip)
        child->last_progress = now;
    Event full = *event;
    if (!full.action)
        full.action = child->spec->action;
    if (!full.element)
        full.element = child->spec->element;
    if (!full.key && strcmp(full.element, child->spec->element) == 0)
        full.key = child->spec->key;
    if (event->type != EVENT_PROGRESS)
        log_to_file(child, &full);
    if (!skip) {
        g_autofree char *message = clean_text(full.message), *detail = clean_text(full.detail);
        g_autofree char *element = clean_text(full.element);
        send_frame(child->pipe, 'e',
                   g_variant_new(EVENT_FORMAT, (guchar)full.type, full.action, element, full.key,
                                 message ? message : "", detail, full.elapsed_us, full.done, full.total,
                                 full.unit ? full.unit : ""));
    }
    g_mutex_unlock(&child->lock);
}

/* Standard input is empty, standard output and error go to the log: also what a library prints in its last moment. */
static void redirect_streams(int log_fd)
{
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null_fd, 0);
    dup2(log_fd >= 0 ? log_fd : null_fd, 1);
    dup2(log_fd >= 0 ? log_fd : null_fd, 2);
}

static int open_log(const JobSpec *spec)
{
    g_autofree char *folder = g_path_get_dirname(spec->log_path);
    g_mkdir_with_parents(folder, 0755);
    return open(spec->log_path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
}

static GVariant *outcome_new(gboolean success, const GError *error, GVariant *result)
{
    GVariant *tuple = NULL;
    if (error) {
        g_autoptr(ErrorRecord) record = error_record_new(error);
        g_autofree char *message = clean_text(record->message), *detail = clean_text(record->detail);
        g_autofree char *where = clean_text(record->provenance), *report = clean_text(record->report);
        tuple = g_variant_new("(smssmsmss)", record->domain, record->reason, message, detail, where, report, "");
    }
    gboolean cancelled = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ||
                         g_error_matches(error, SLUICE_SANDBOX_ERROR, SLUICE_SANDBOX_ERROR_CANCELLED);
    return g_variant_new("(bb@m(smssmsmss)@a{sv})", success, cancelled,
                         g_variant_new_maybe(G_VARIANT_TYPE("(smssmsmss)"), tuple), result);
}

/* The parent says the same of the job. */
static void log_end(Child *child, const GError *error, gint64 elapsed)
{
    const JobSpec *spec = child->spec;
    g_autofree char *name = g_strdup(spec->action);
    g_autoptr(ErrorRecord) record = error ? error_record_new(error) : NULL;
    name[0] = g_ascii_toupper(name[0]);
    Event event = {.type = error ? EVENT_FAILURE : EVENT_SUCCESS,
                   .element = spec->element,
                   .key = spec->key,
                   .message = error ? record->message : name,
                   .detail = error ? record->detail : NULL,
                   .elapsed_us = elapsed};
    if (child->log_fd >= 0)
        log_to_file(child, &event);
}

static G_NORETURN void child_main(const JobSpec *spec, int pipe_fd, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_NAME, spec->action);
    if (getppid() != parent)
        _exit(1);
    Child child = {.spec = spec, .pipe = pipe_fd, .log_fd = open_log(spec)};
    redirect_streams(child.log_fd);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    handle_signals(cancellable);
    if (child.log_fd >= 0) {
        write_all(child.log_fd, spec->log_title, strlen(spec->log_title));
        write_all(child.log_fd, "\n", 1);
    }
    EventSink sink = {child_event, &child};
    g_autoptr(GVariantDict) result = g_variant_dict_new(NULL);
    JobContext context = {&sink, cancellable, child.log_fd, result};
    g_autoptr(GError) error = NULL;
    gint64 started = g_get_monotonic_time();
    gboolean success = spec->func(&context, spec->data, &error);
    g_mutex_lock(&child.lock);
    log_end(&child, success ? NULL : error, g_get_monotonic_time() - started);
    send_frame(pipe_fd, 'r', outcome_new(success, error, g_variant_dict_end(result)));
    _exit(success ? 0 : 1);
}

/* ---- In the parent ------------------------------------------------------------------------------------------------------ */

static void job_free(Job *job)
{
    g_clear_handle_id(&job->pidfd_source, g_source_remove);
    g_clear_handle_id(&job->pipe_source, g_source_remove);
    g_clear_handle_id(&job->kill_source, g_source_remove);
    close(job->pidfd);
    close(job->pipe);
    g_byte_array_unref(job->buffer);
    g_clear_pointer(&job->outcome, g_variant_unref);
    g_free(job->action);
    g_free(job->element);
    g_free(job->key);
    g_free(job);
}

static void dispatch_event(Job *job, GVariant *value)
{
    Event event = {0};
    guchar type;
    g_variant_get(value, "(y&sm&sm&s&sm&sxtt&s)", &type, &event.action, &event.element, &event.key, &event.message,
                  &event.detail, &event.elapsed_us, &event.done, &event.total, &event.unit);
    event.type = type;
    if (type <= EVENT_PROGRESS)
        job->event(job, &event, job->data);
}

/* One frame from the front of the buffer; FALSE if it is not whole yet (or is none: a broken child, ignored). */
static gboolean take_frame(Job *job)
{
    guint32 length;
    if (job->buffer->len < 5)
        return FALSE;
    memcpy(&length, job->buffer->data, sizeof length);
    if (length > FRAME_MAX_BYTES || job->buffer->len - 5 < length)
        return FALSE;
    char kind = job->buffer->data[4];
    const GVariantType *type = G_VARIANT_TYPE(kind == 'e' ? EVENT_FORMAT : OUTCOME_FORMAT);
    g_autoptr(GBytes) bytes = g_bytes_new(job->buffer->data + 5, length);
    g_autoptr(GVariant) value = g_variant_ref_sink(g_variant_new_from_bytes(type, bytes, FALSE));
    g_byte_array_remove_range(job->buffer, 0, length + 5);
    if (!g_variant_is_normal_form(value))
        return TRUE;
    if (kind == 'e')
        dispatch_event(job, value);
    else if (!job->outcome)
        job->outcome = g_steal_pointer(&value);
    return TRUE;
}

/* All that is there now; FALSE at the end. */
static gboolean drain_pipe(Job *job)
{
    guint8 block[65536];
    for (;;) {
        gssize length = read(job->pipe, block, sizeof block);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return length < 0;
        if (job->buffer->len > FRAME_MAX_BYTES + 5)
            continue;
        g_byte_array_append(job->buffer, block, length);
        while (take_frame(job))
            ;
    }
}

static gboolean on_pipe(gint fd, GIOCondition condition, gpointer data)
{
    Job *job = data;
    if (drain_pipe(job))
        return G_SOURCE_CONTINUE;
    job->pipe_source = 0;
    return G_SOURCE_REMOVE;
}

static ErrorRecord *record_from_variant(GVariant *tuple)
{
    ErrorRecord *record = g_new0(ErrorRecord, 1);
    g_autofree char *unused = NULL;
    g_variant_get(tuple, "(smssmsmss)", &record->domain, &record->reason, &record->message, &record->detail,
                  &record->provenance, &record->report, &unused);
    return record;
}

static ErrorRecord *record_of_death(int status)
{
    ErrorRecord *record = g_new0(ErrorRecord, 1);
    record->domain = g_strdup("UTIL");
    if (WIFSIGNALED(status))
        record->message =
            g_strdup_printf("Job was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        record->message = g_strdup_printf("Job ended with status %d without a result", WEXITSTATUS(status));
    record->report = g_strdup(record->message);
    return record;
}

static void finish(Job *job, int status)
{
    JobOutcome outcome = {.elapsed_us = g_get_monotonic_time() - job->started};
    g_autoptr(GVariant) tuple = NULL;
    if (job->outcome)
        g_variant_get(job->outcome, "(bb@m(smssmsmss)@a{sv})", &outcome.success, &outcome.cancelled, &tuple,
                      &outcome.result);
    g_autoptr(GVariant) error = tuple ? g_variant_get_maybe(tuple) : NULL;
    outcome.crashed = !job->outcome;
    if (!outcome.success)
        outcome.error = error ? record_from_variant(error) : record_of_death(status);
    outcome.cancelled |= job->terminating && !outcome.success;
    if (outcome.error) {
        outcome.error->element = g_strdup(job->element);
        outcome.error->action = g_strdup(job->action);
    }
    job->done(job, &outcome, job->data);
    g_clear_pointer(&outcome.error, error_record_free);
    g_clear_pointer(&outcome.result, g_variant_unref);
}

static gboolean on_exit_of_child(gint fd, GIOCondition condition, gpointer data)
{
    Job *job = data;
    int status = 0;
    job->pidfd_source = 0;
    drain_pipe(job);
    /* What it left behind goes before the id can be given to somebody else. */
    kill(-job->pid, SIGKILL);
    while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
        ;
    finish(job, status);
    job_free(job);
    return G_SOURCE_REMOVE;
}

pid_t job_pid(const Job *job)
{
    return job->pid;
}

void job_kill(Job *job)
{
    job->terminating = TRUE;
    kill(-job->pid, SIGKILL);
    kill(job->pid, SIGKILL);
}

static gboolean on_patience_lost(gpointer data)
{
    Job *job = data;
    job->kill_source = 0;
    job_kill(job);
    return G_SOURCE_REMOVE;
}

void job_terminate(Job *job)
{
    if (job->terminating)
        return;
    job->terminating = TRUE;
    kill(job->pid, SIGTERM);
    job->kill_source = g_timeout_add_seconds(KILL_AFTER_SECONDS, on_patience_lost, job);
}

static Job *job_new(const JobSpec *spec, JobEventFunc event, JobDoneFunc done, gpointer data)
{
    Job *job = g_new0(Job, 1);
    job->action = g_strdup(spec->action);
    job->element = g_strdup(spec->element);
    job->key = g_strdup(spec->key);
    job->started = g_get_monotonic_time();
    job->buffer = g_byte_array_new();
    job->event = event;
    job->done = done;
    job->data = data;
    return job;
}

Job *job_start(const JobSpec *spec, JobEventFunc event, JobDoneFunc done, gpointer data, GError **error)
{
    int ends[2];
    if (!late_load_for_jobs(error) || !g_unix_open_pipe(ends, FD_CLOEXEC, error))
        return NULL;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child_main(spec, ends[1], parent);
    }
    int saved = errno;
    close(ends[1]);
    int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (pidfd < 0) {
        saved = pid > 0 ? errno : saved;
        close(ends[0]);
        if (pid > 0) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        g_set_error(error, G_IO_ERROR, g_io_error_from_errno(saved), "Could not start a job: %s", g_strerror(saved));
        return NULL;
    }
    setpgid(pid, pid);
    fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    g_unix_set_fd_nonblocking(ends[0], TRUE, NULL);
    Job *job = job_new(spec, event, done, data);
    job->pid = pid;
    job->pidfd = pidfd;
    job->pipe = ends[0];
    job->pipe_source = g_unix_fd_add(job->pipe, G_IO_IN | G_IO_HUP | G_IO_ERR, on_pipe, job);
    job->pidfd_source = g_unix_fd_add(job->pidfd, G_IO_IN, on_exit_of_child, job);
    return job;
}
