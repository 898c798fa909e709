/*
 * launcher.c - who connects, and what becomes of it: a question, an answer; where the compiler must run, a report when it has.
 *
 * All threads wait for the same events.  A connection is handled by one thread at a time, which blocks for no longer than a launcher may take
 * for its next bytes; while a compiler runs, its connection waits among the events.
 */
#include "launcher-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAME_HEAD = 4, THREADS_LEAST = 2, THREADS_MOST = 16, FIRST_ROOM = 32 * SLUICE_KIB, PAUSE_US = 10000 };

typedef struct {
    int fd;
    gboolean listens;
    LauncherCompile *compile; /* whose compiler runs; NULL: it has not asked yet */
} Connection;

static void connection_free(gpointer data)
{
    Connection *connection = data;
    close(connection->fd);
    g_clear_pointer(&connection->compile, launcher_compile_free);
    g_free(connection);
}

/* ---- Counting --------------------------------------------------------------------------------------------------------------------------- */

static void count(SluiceLauncher *launcher, uint64_t *number)
{
    g_mutex_lock(&launcher->lock);
    (*number)++;
    g_mutex_unlock(&launcher->lock);
}

static void count_reason(SluiceLauncher *launcher, const char *reason)
{
    g_mutex_lock(&launcher->lock);
    uint64_t *number = g_hash_table_lookup(launcher->reasons, reason);
    if (number == NULL && g_hash_table_size(launcher->reasons) < SLUICE_LIMIT_LAUNCHER_REASONS) {
        number = g_new0(uint64_t, 1);
        g_hash_table_insert(launcher->reasons, g_strdup(reason), number);
    }
    if (number != NULL)
        (*number)++;
    g_mutex_unlock(&launcher->lock);
}

void sluice_launcher_get_stats(SluiceLauncher *launcher, SluiceLauncherStats *stats)
{
    g_mutex_lock(&launcher->lock);
    *stats = launcher->stats;
    g_mutex_unlock(&launcher->lock);
}

char **sluice_launcher_dup_reasons(SluiceLauncher *launcher)
{
    GPtrArray *lines = g_ptr_array_new();
    GHashTableIter iter;
    gpointer reason, number;
    g_mutex_lock(&launcher->lock);
    g_hash_table_iter_init(&iter, launcher->reasons);
    while (g_hash_table_iter_next(&iter, &reason, &number))
        g_ptr_array_add(lines, g_strdup_printf("%s %" G_GUINT64_FORMAT, (const char *)reason, *(uint64_t *)number));
    g_mutex_unlock(&launcher->lock);
    g_ptr_array_sort(lines, launcher_compare_texts);
    g_ptr_array_add(lines, NULL);
    return (char **)g_ptr_array_free(lines, FALSE);
}

/* ---- Frames ------------------------------------------------------------------------------------------------------------------------------- */

static void take_descriptors(struct msghdr *message, int *fd)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        gsize length = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (gsize i = 0; i < length; i++) {
            int passed;
            memcpy(&passed, CMSG_DATA(header) + i * sizeof passed, sizeof passed);
            if (*fd < 0)
                *fd = passed;
            else
                close(passed);
        }
    }
}

static ssize_t receive_some(int socket, void *bytes, gsize length, int *fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct iovec part = {bytes, length};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = 0;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got >= 0)
        take_descriptors(&message, fd);
    return got;
}

/* One frame and nothing after it; NULL: the peer is gone, slow or wrong.  `fd` gets what was passed, or -1. */
static GBytes *receive_frame(int socket, int *fd)
{
    g_autoptr(GByteArray) bytes = g_byte_array_sized_new(FIRST_ROOM);
    gsize have = 0, wanted = FRAME_HEAD;
    *fd = -1;
    g_byte_array_set_size(bytes, FIRST_ROOM);
    while (have < wanted) {
        if (bytes->len < wanted)
            g_byte_array_set_size(bytes, (guint)wanted);
        ssize_t got = receive_some(socket, bytes->data + have, bytes->len - have, fd);
        if (got <= 0)
            return NULL;
        gboolean headless = have < FRAME_HEAD;
        have += (gsize)got;
        if (headless && have >= FRAME_HEAD) {
            const guint8 *head = bytes->data;
            wanted = FRAME_HEAD + (head[0] | (gsize)head[1] << 8 | (gsize)head[2] << 16 | (gsize)head[3] << 24);
            if (wanted > FRAME_HEAD + SLUICE_LIMIT_LAUNCHER_FRAME)
                return NULL;
        }
    }
    return have == wanted ? g_bytes_new(bytes->data + FRAME_HEAD, wanted - FRAME_HEAD) : NULL;
}

static gboolean send_all(int socket, const void *bytes, gsize length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t put = send(socket, at, length, MSG_NOSIGNAL);
        if (put <= 0 && errno != EINTR)
            return FALSE;
        at += MAX(put, 0);
        length -= (gsize)MAX(put, 0);
    }
    return TRUE;
}

static gboolean send_verdict(int socket, LauncherVerdict verdict)
{
    g_autoptr(GByteArray) frame = launcher_answer_encode(verdict, (SluiceSpan){NULL, 0}, NULL, 0);
    return send_all(socket, frame->data, frame->len);
}

/* ---- Hits ------------------------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    LauncherOutput outputs[SLUICE_LIMIT_LAUNCHER_OUTPUTS];
    gsize count;
} Hit;

static void hit_clear(Hit *hit)
{
    for (gsize i = 0; i < hit->count; i++)
        g_bytes_unref(hit->outputs[i].contents);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Hit, hit_clear)

/* What binutils write is another file than what was there: the object, and gcc's .dwo.  Compilers write over it, but for clang with its precompiled
 * headers. */
static gboolean is_made_anew(const LauncherCompile *compile, guint output)
{
    const CompileOptions *options = compile->options;
    if (options->precompiles)
        return output == 0 && compile->is_clang;
    return launcher_assembles(options) && (output == 0 || (output == 1 && options->splits && !compile->is_clang));
}

/* The command's own name for an output; NULL: a result has something that the command does not make. */
static const char *find_output(const LauncherCompile *compile, const char *path, gboolean *anew)
{
    const CompileOptions *options = compile->options;
    for (guint i = 0; i < options->outputs->len; i++) {
        *anew = is_made_anew(compile, i);
        if (g_str_equal(path, options->outputs->pdata[i]))
            return options->outputs->pdata[i];
    }
    *anew = FALSE;
    return g_strcmp0(path, options->depfile) == 0 ? options->depfile : NULL;
}

/* As the compile would have written it here. */
static GBytes *read_output(SluiceLauncher *launcher, const LauncherCompile *compile, const SluiceDigest *digest,
                           gboolean rules)
{
    const char *made_in = compile->found.made_in;
    GBytes *contents = sluice_store_read(launcher->store, digest, NULL);
    if (contents == NULL || !rules || made_in == NULL || g_str_equal(made_in, launcher->folder))
        return contents;
    g_autoptr(GBytes) there = contents;
    return launcher_move_rules(there, compile, made_in, launcher->folder);
}

static gboolean add_output(SluiceLauncher *launcher, const LauncherCompile *compile, SluiceSpan bytes, Hit *hit)
{
    const CompileOptions *options = compile->options;
    SluiceOutputFile file;
    gboolean anew = FALSE;
    if (hit->count == G_N_ELEMENTS(hit->outputs) || !sluice_output_file_decode(bytes, &file, NULL) ||
        !file.digest.present)
        return FALSE;
    LauncherOutput *output = &hit->outputs[hit->count];
    g_autofree char *path = g_strndup((const char *)file.path.data, file.path.length);
    if (compile->found.made_in != NULL) {
        g_autofree char *there = g_steal_pointer(&path);
        path = launcher_move_path(there, compile->found.made_in, launcher->folder);
    }
    output->path = find_output(compile, path, &anew);
    output->in_place = !anew;
    int traits = 0;
    if (options->precompiles && output->path == options->outputs->pdata[0] &&
        !launcher_find_header(launcher, &file.digest.value, &traits))
        return FALSE; /* nothing that uses it would be kept */
    output->contents = output->path != NULL
                           ? read_output(launcher, compile, &file.digest.value, output->path == options->depfile)
                           : NULL;
    hit->count += output->contents != NULL;
    return output->contents != NULL;
}

static gboolean read_outputs(SluiceLauncher *launcher, const LauncherCompile *compile, const SluiceResult *result,
                             Hit *hit)
{
    const CompileOptions *options = compile->options;
    for (guint i = 0; i < sluice_array_length(result->files); i++) {
        if (!add_output(launcher, compile, g_array_index(result->files, SluiceSpan, i), hit))
            return FALSE;
    }
    return hit->count == options->outputs->len + (options->depfile != NULL);
}

static gboolean send_hit(int socket, const SluiceResult *result, const Hit *hit)
{
    g_autoptr(GByteArray) frame = launcher_answer_encode(LAUNCHER_HIT, result->stderr_raw, hit->outputs, hit->count);
    gboolean sent = send_all(socket, frame->data, frame->len);
    for (gsize i = 0; i < hit->count && sent; i++) {
        gsize length = 0;
        const void *data = g_bytes_get_data(hit->outputs[i].contents, &length);
        sent = send_all(socket, data, length);
    }
    return sent;
}

/* What would be answered, for a compile whose compiler runs all the same. */
static void expect(SluiceLauncher *launcher, LauncherCompile *compile, SluiceLook *look)
{
    g_autoptr(GBytes) kept = launcher_find_result(launcher, compile, look);
    g_auto(SluiceResult) result = {0};
    g_auto(Hit) hit = {.count = 0};
    if (kept == NULL || !sluice_result_decode(kept, &result, NULL) || result.exit_code != 0 ||
        !read_outputs(launcher, compile, &result, &hit))
        return;
    compile->expected = g_array_new(FALSE, TRUE, sizeof(LauncherExpected));
    for (gsize i = 0; i < hit.count; i++) {
        LauncherExpected expected = {.path = hit.outputs[i].path};
        sluice_digest_of_bytes(hit.outputs[i].contents, &expected.digest);
        g_array_append_val(compile->expected, expected);
    }
}

/* FALSE: it is a miss. */
static gboolean answer_hit(SluiceLauncher *launcher, Connection *connection, LauncherCompile *compile, SluiceLook *look)
{
    g_autoptr(GBytes) kept = launcher_find_result(launcher, compile, look);
    g_auto(SluiceResult) result = {0};
    g_auto(Hit) hit = {.count = 0};
    if (kept == NULL || !sluice_result_decode(kept, &result, NULL) || result.exit_code != 0 ||
        !read_outputs(launcher, compile, &result, &hit))
        return FALSE;
    if (send_hit(connection->fd, &result, &hit))
        count(launcher, &launcher->stats.hits);
    else
        count_reason(launcher, "interrupted");
    return TRUE;
}

/* ---- Questions and reports ---------------------------------------------------------------------------------------------------------------------- */

/* A launcher ends before all that was learned of it is kept: a build that does the same again at once is to find it.  `last`: of those so far. */
static gboolean is_being_learned(const SluiceLauncher *launcher, const SluiceDigest *command, guint64 last)
{
    for (guint i = 0; i < launcher->learning->len; i++) {
        const LauncherCompile *compile = launcher->learning->pdata[i];
        if (compile->learns <= last && sluice_digest_equal(&compile->command, command))
            return TRUE;
    }
    return FALSE;
}

static void wait_for_learned(SluiceLauncher *launcher, const SluiceDigest *command)
{
    g_mutex_lock(&launcher->lock);
    guint64 last = launcher->learnings;
    while (is_being_learned(launcher, command, last))
        g_cond_wait(&launcher->learned, &launcher->lock);
    g_mutex_unlock(&launcher->lock);
}

/* Of two that wait for each other one was told first. */
static gboolean is_header_being_learned(const SluiceLauncher *launcher, guint64 before)
{
    for (guint i = 0; i < launcher->learning->len; i++) {
        const LauncherCompile *compile = launcher->learning->pdata[i];
        if (compile->learns < before && compile->options->precompiles)
            return TRUE;
    }
    return FALSE;
}

void launcher_await_headers(SluiceLauncher *launcher, const LauncherCompile *compile)
{
    g_mutex_lock(&launcher->lock);
    while (is_header_being_learned(launcher, compile->learns))
        g_cond_wait(&launcher->learned, &launcher->lock);
    g_mutex_unlock(&launcher->lock);
}

static void begin_learning(SluiceLauncher *launcher, LauncherCompile *compile)
{
    g_mutex_lock(&launcher->lock);
    compile->learns = ++launcher->learnings;
    g_ptr_array_add(launcher->learning, compile);
    g_mutex_unlock(&launcher->lock);
}

static void end_learning(SluiceLauncher *launcher, LauncherCompile *compile)
{
    g_mutex_lock(&launcher->lock);
    g_ptr_array_remove_fast(launcher->learning, compile);
    g_cond_broadcast(&launcher->learned);
    g_mutex_unlock(&launcher->lock);
}

/* Takes `root`.  The compile whose compiler runs now, or NULL: it is over. */
static LauncherCompile *answer(SluiceLauncher *launcher, Connection *connection, GBytes *frame, int root)
{
    g_autoptr(LauncherCompile) compile = g_new0(LauncherCompile, 1);
    compile->root = root;
    if (!launcher_question_decode(frame, &compile->question, NULL)) {
        count_reason(launcher, "malformed-question");
        return NULL;
    }
    if (launcher_take_root(launcher, compile)) {
        send_verdict(connection->fd, LAUNCHER_RUN);
        return NULL;
    }
    g_autoptr(SluiceLook) look = sluice_look_new(launcher->staged, root, compile->question.directory);
    const char *reason = launcher_compile_prepare(launcher, compile, look);
    if (reason != NULL) {
        send_verdict(connection->fd, LAUNCHER_RUN);
        count_reason(launcher, reason);
        count(launcher, &launcher->stats.others);
        return NULL;
    }
    wait_for_learned(launcher, &compile->command);
    if (compile->wishes.verifies) {
        /* no two precompiled headers of gcc are equal */
        if (!compile->options->precompiles || compile->is_clang)
            expect(launcher, compile, look);
    } else if (!compile->wishes.skips_cache && answer_hit(launcher, connection, compile, look))
        return NULL;
    count(launcher, &launcher->stats.misses);
    return send_verdict(connection->fd, LAUNCHER_LEARN) ? g_steal_pointer(&compile) : NULL;
}

/* The launcher may end: what comes after it in the build may change what was looked at. */
static void send_receipt(gpointer data)
{
    static const guint8 receipt[FRAME_HEAD];
    const Connection *connection = data;
    send_all(connection->fd, receipt, sizeof receipt);
}

static const char *learn(SluiceLauncher *launcher, Connection *connection, GBytes *frame, int fd)
{
    LauncherReport report;
    LauncherCompile *compile = connection->compile;
    if (!launcher_report_decode(frame, &report, NULL))
        return "malformed-report";
    g_autoptr(SluiceLook) look = sluice_look_new(launcher->staged, compile->root, compile->question.directory);
    g_autoptr(GBytes) trace = fd >= 0 ? launcher_trace_read(fd) : NULL;
    const char *reason = !report.succeeded   ? "compiler-failed"
                         : trace == NULL     ? "untraced-compiler"
                         : report.incomplete ? "much-output"
                                             : NULL;
    if (reason == NULL) {
        begin_learning(launcher, compile);
        reason = launcher_learn(launcher, compile, look, &report, trace, send_receipt, connection);
        end_learning(launcher, compile);
    } else {
        send_receipt(connection);
    }
    launcher_report_clear(&report);
    return reason;
}

static void finish(SluiceLauncher *launcher, Connection *connection, GBytes *frame, int fd)
{
    const char *reason = frame != NULL ? learn(launcher, connection, frame, fd) : "interrupted";
    if (fd >= 0)
        close(fd);
    if (reason != NULL)
        count_reason(launcher, reason);
    else
        count(launcher, &launcher->stats.learned);
    if (reason == NULL && connection->compile->expected != NULL)
        count_reason(launcher, connection->compile->differs ? "verify-differs" : "verify-same");
}

/* ---- Events ------------------------------------------------------------------------------------------------------------------------------------------ */

static void forget(SluiceLauncher *launcher, Connection *connection)
{
    g_mutex_lock(&launcher->lock);
    g_hash_table_remove(launcher->connections, connection);
    g_mutex_unlock(&launcher->lock);
}

static gboolean await(SluiceLauncher *launcher, Connection *connection, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = connection};
    return epoll_ctl(launcher->poll, operation, connection->fd, &event) == 0;
}

static void serve(SluiceLauncher *launcher, Connection *connection)
{
    int fd = -1;
    g_autoptr(GBytes) frame = receive_frame(connection->fd, &fd);
    if (connection->compile != NULL) {
        finish(launcher, connection, frame, fd);
    } else if (frame == NULL) {
        if (fd >= 0)
            close(fd);
        count_reason(launcher, "malformed-question");
    } else {
        connection->compile = answer(launcher, connection, frame, fd);
        if (connection->compile != NULL && await(launcher, connection, EPOLL_CTL_MOD))
            return;
    }
    forget(launcher, connection);
}

/* What is accepted is waited for in turn: somebody who says nothing must not hold a thread. */
static void welcome(SluiceLauncher *launcher, int listener)
{
    const struct timeval patience = {.tv_sec = SLUICE_LAUNCHER_PATIENCE};
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        g_usleep(PAUSE_US);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    Connection *connection = g_new0(Connection, 1);
    connection->fd = fd;
    g_mutex_lock(&launcher->lock);
    gboolean room = !launcher->closing && g_hash_table_size(launcher->connections) < SLUICE_LIMIT_LAUNCHERS;
    if (room)
        g_hash_table_add(launcher->connections, connection);
    g_mutex_unlock(&launcher->lock);
    if (!room)
        connection_free(connection);
    else if (!await(launcher, connection, EPOLL_CTL_ADD))
        forget(launcher, connection);
}

static gpointer run(gpointer data)
{
    SluiceLauncher *launcher = data;
    for (;;) {
        struct epoll_event event;
        int ready = epoll_wait(launcher->poll, &event, 1, -1);
        if (ready < 0 && errno != EINTR)
            return NULL;
        if (ready <= 0)
            continue;
        Connection *connection = event.data.ptr;
        if (connection == NULL)
            return NULL; /* woken to end */
        if (connection->listens)
            welcome(launcher, connection->fd);
        else
            serve(launcher, connection);
    }
}

/* ---- Life ---------------------------------------------------------------------------------------------------------------------------------------------- */

static gboolean start_threads(SluiceLauncher *launcher, GError **error)
{
    guint wanted = CLAMP(2 * g_get_num_processors(), THREADS_LEAST, THREADS_MOST);
    for (guint i = 0; i < wanted; i++) {
        GThread *thread = g_thread_try_new("launcher", run, launcher, error);
        if (thread == NULL)
            return FALSE;
        g_ptr_array_add(launcher->threads, thread);
    }
    return TRUE;
}

SluiceLauncher *sluice_launcher_new(SluiceStore *store, const SluiceLauncherPlace *place, GError **error)
{
    SluiceLauncher *launcher = g_new0(SluiceLauncher, 1);
    const SluiceStagedPlace staged = {store, place->root, place->environment_root, place->upper, place->mounted};
    launcher->store = store;
    launcher->upstream = place->upstream;
    launcher->environment = place->environment;
    launcher->element = g_strdup(place->element);
    launcher->project = g_strdup(place->project);
    launcher->settings = g_strdupv((char **)place->settings);
    launcher->staged = sluice_staged_new(&staged);
    launcher->threads = g_ptr_array_new();
    launcher->connections = g_hash_table_new_full(NULL, NULL, connection_free, NULL);
    launcher->learning = g_ptr_array_new();
    g_cond_init(&launcher->learned);
    launcher->listeners = g_array_new(FALSE, FALSE, sizeof(Connection *));
    launcher->reasons = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    launcher->folder =
        place->folder != NULL && launcher_is_roaming_folder(place->folder) ? g_strdup(place->folder) : NULL;
    launcher->traits = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    launcher->drivers = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    g_mutex_init(&launcher->lock);
    launcher->poll = epoll_create1(EPOLL_CLOEXEC);
    launcher->wake = eventfd(0, EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (launcher->poll < 0 || launcher->wake < 0 ||
        epoll_ctl(launcher->poll, EPOLL_CTL_ADD, launcher->wake, &event) != 0)
        g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START, "cannot wait for compiler launchers: %s",
                    g_strerror(errno));
    else if (start_threads(launcher, error))
        return launcher;
    sluice_launcher_free(launcher);
    return NULL;
}

gboolean sluice_launcher_add_listener(SluiceLauncher *launcher, int fd, GError **error)
{
    Connection *listener = g_new0(Connection, 1);
    *listener = (Connection){.fd = fd, .listens = TRUE};
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = listener};
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
        epoll_ctl(launcher->poll, EPOLL_CTL_ADD, fd, &event) != 0) {
        g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_ADDRESS, "descriptor %d cannot be waited for", fd);
        connection_free(listener);
        return FALSE;
    }
    g_mutex_lock(&launcher->lock);
    g_array_append_val(launcher->listeners, listener);
    g_mutex_unlock(&launcher->lock);
    return TRUE;
}

void sluice_launcher_stop(SluiceLauncher *launcher)
{
    g_mutex_lock(&launcher->lock);
    launcher->closing = TRUE;
    g_mutex_unlock(&launcher->lock);
    if (launcher->wake >= 0)
        eventfd_write(launcher->wake, 1);
    for (guint i = 0; i < launcher->threads->len; i++)
        g_thread_join(launcher->threads->pdata[i]);
    g_ptr_array_set_size(launcher->threads, 0);
}

void sluice_launcher_free(SluiceLauncher *launcher)
{
    if (launcher == NULL)
        return;
    sluice_launcher_stop(launcher);
    for (guint i = 0; i < launcher->listeners->len; i++)
        connection_free(g_array_index(launcher->listeners, Connection *, i));
    g_array_unref(launcher->listeners);
    g_hash_table_unref(launcher->connections);
    g_hash_table_unref(launcher->reasons);
    g_hash_table_unref(launcher->traits);
    g_hash_table_unref(launcher->drivers);
    g_ptr_array_unref(launcher->threads);
    g_ptr_array_unref(launcher->learning);
    g_cond_clear(&launcher->learned);
    sluice_staged_free(launcher->staged);
    if (launcher->poll >= 0)
        close(launcher->poll);
    if (launcher->wake >= 0)
        close(launcher->wake);
    g_mutex_clear(&launcher->lock);
    g_free(launcher->element);
    g_free(launcher->project);
    g_free(launcher->folder);
    g_strfreev(launcher->settings);
    g_free(launcher);
}
