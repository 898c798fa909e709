/* program.c - see program.h */
#include "program.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MILLISECONDS 200
#define KILL_MILLISECONDS 3000
#define DETAIL_MAX        4096

int program_reap(GPid pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* Waits for the process, and ends it when cancelled: first so that it takes its unfinished files away. */
static gboolean wait_for(GPid pid, GCancellable *cancellable, int *status, GError **error)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ready = {.fd = pidfd, .events = POLLIN};
    gboolean cancelled = FALSE;
    while (pidfd >= 0 && !cancelled && poll(&ready, 1, POLL_MILLISECONDS) <= 0) {
        cancelled = g_cancellable_is_cancelled(cancellable);
    }
    if (cancelled) {
        kill(pid, SIGTERM);
        if (poll(&ready, 1, KILL_MILLISECONDS) <= 0) {
            kill(pid, SIGKILL);
        }
    }
    *status = program_reap(pid);
    if (pidfd >= 0) {
        close(pidfd);
    }
    return !cancelled || !g_cancellable_set_error_if_cancelled(cancellable, error);
}

/* What was written to a memory file, at most `max` bytes of it, the last ones; a NUL follows. */
static char *read_tail(int fd, gsize max, gsize *length)
{
    off_t end = lseek(fd, 0, SEEK_END);
    gsize size = MIN(max, (gsize)MAX(end, 0));
    char *text = g_malloc(size + 1);
    ssize_t got = pread(fd, text, size, end - (off_t)size);
    *length = got > 0 ? (gsize)got : 0;
    text[*length] = '\0';
    return text;
}

static char *clean_detail(int fd)
{
    gsize length;
    g_autofree char *text = read_tail(fd, DETAIL_MAX, &length);
    for (gsize i = 0; i < length; i++) {
        if (g_ascii_iscntrl(text[i]) && text[i] != '\n') {
            text[i] = ' ';
        }
    }
    return g_strchomp(g_utf8_make_valid(text, (gssize)length));
}

gboolean program_report(int err, const char *fail, GError **error)
{
    g_autofree char *detail = clean_detail(err);
    error_set(error, ERROR_SOURCE, NULL, NULL, "%s", fail);
    error_set_detail(error != NULL ? *error : NULL, detail);
    return FALSE;
}

static gboolean take_output(int out, char **output, GError **error)
{
    gsize length;
    if (lseek(out, 0, SEEK_END) > (off_t)PROGRAM_OUTPUT_MAX) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "A program printed more than %" G_GSIZE_FORMAT " bytes",
                  PROGRAM_OUTPUT_MAX);
        return FALSE;
    }
    *output = read_tail(out, PROGRAM_OUTPUT_MAX, &length);
    return TRUE;
}

/* Standard input as a descriptor: a copy of `input`, or nothing. */
static int open_input(GBytes *input)
{
    gsize length;
    if (input == NULL) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    const char *data = g_bytes_get_data(input, &length);
    int fd = memfd_create("input", MFD_CLOEXEC);
    for (gsize done = 0; fd >= 0 && done < length;) {
        ssize_t written = pwrite(fd, data + done, length - done, (off_t)done);
        if (written <= 0) {
            close(fd);
            return -1;
        }
        done += (gsize)written;
    }
    return fd;
}

static gboolean run(const Program *program, int in, int out, int err, const char *fail, int *exit_status, char **output,
                    GError **error)
{
    int status = -1;
    GPid pid;
    if (in < 0 || out < 0 || err < 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "%s: %s", fail, g_strerror(errno));
        return FALSE;
    }
    if (!g_spawn_async_with_fds(program->directory, (char **)program->arguments, (char **)program->environment,
                                G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, in, out, err, error) ||
        !wait_for(pid, program->cancellable, &status, error)) {
        return FALSE;
    }
    if (exit_status != NULL) {
        *exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    } else if (status != 0) {
        return program_report(err, fail, error);
    }
    return output == NULL || take_output(out, output, error);
}

gboolean program_run(const Program *program, GBytes *input, const char *fail, int *status, char **output,
                     GError **error)
{
    int fds[] = {open_input(input), memfd_create("output", MFD_CLOEXEC), memfd_create("errors", MFD_CLOEXEC)};
    gboolean ok = run(program, fds[0], fds[1], fds[2], fail, status, output, error);
    for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    return ok;
}
