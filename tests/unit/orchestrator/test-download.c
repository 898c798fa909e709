/* Downloads from a server on loopback that misbehaves as its paths say. */
#include "download.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BODY_SIZE 300000

typedef struct {
    char *folder;
    SluiceStore *store;
    GSocketListener *listener;
    GCancellable *stop;
    GThread *thread;
    guint16 port;
    char *body;
    char sha256[SLUICE_HASH_HEX + 1];
    GMutex lock;
    GHashTable *hits;  /* path -> number of requests */
    GString *ranges;   /* the starts of ranges that were asked for */
    GString *messages; /* FAILURE events */
    GError *error;
} Fixture;

/* ---- Server ----------------------------------------------------------------------------------------------------------------------- */

static void send_text(GOutputStream *out, const char *text, gsize length)
{
    g_output_stream_write_all(out, text, length, NULL, NULL, NULL);
}

static void send_status(GOutputStream *out, const char *status, gsize length, const char *more)
{
    g_autofree char *head = g_strdup_printf(
        "HTTP/1.1 %s\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n%sConnection: close\r\n\r\n", status, length, more);
    send_text(out, head, strlen(head));
}

static void send_range(Fixture *fixture, GOutputStream *out, gsize start)
{
    g_autofree char *range =
        g_strdup_printf("Content-Range: bytes %" G_GSIZE_FORMAT "-%d/%d\r\n", start, BODY_SIZE - 1, BODY_SIZE);
    send_status(out, start > 0 ? "206 Partial Content" : "200 OK", BODY_SIZE - start, start > 0 ? range : "");
    send_text(out, fixture->body + start, BODY_SIZE - start);
}

static void answer(Fixture *fixture, GOutputStream *out, const char *path, guint hit, gsize start)
{
    if (strcmp(path, "/ok") == 0) {
        send_range(fixture, out, start);
    } else if (strcmp(path, "/cut") == 0) { /* half of it at first */
        if (hit == 1) {
            send_status(out, "200 OK", BODY_SIZE, "");
            send_text(out, fixture->body, BODY_SIZE / 2);
        } else {
            send_range(fixture, out, start);
        }
    } else if (strcmp(path, "/cut-no-range") == 0) {
        send_status(out, "200 OK", BODY_SIZE, "");
        send_text(out, fixture->body, hit == 1 ? BODY_SIZE / 2 : BODY_SIZE);
    } else if (strcmp(path, "/busy") == 0 && hit == 1) {
        send_status(out, "503 Service Unavailable", 4, "");
        send_text(out, "busy", 4);
    } else if (strcmp(path, "/busy") == 0) {
        send_range(fixture, out, 0);
    } else if (strcmp(path, "/wrong") == 0) {
        send_status(out, "200 OK", 5, "");
        send_text(out, "wrong", 5);
    } else if (strcmp(path, "/redirect") == 0) {
        send_status(out, "302 Found", 0, "Location: /ok\r\n");
    } else if (strcmp(path, "/to-file") == 0) {
        send_status(out, "302 Found", 0, "Location: file:///etc/hostname\r\n");
    } else {
        send_status(out, "404 Not Found", 9, "");
        send_text(out, "not found", 9);
    }
}

static void serve_one(Fixture *fixture, GSocketConnection *connection)
{
    g_autoptr(GDataInputStream) in = g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(connection)));
    g_data_input_stream_set_newline_type(in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
    g_autofree char *request = g_data_input_stream_read_line(in, NULL, NULL, NULL);
    gsize start = 0;
    char *line;
    while ((line = g_data_input_stream_read_line(in, NULL, NULL, NULL)) != NULL && *line != '\0') {
        if (g_ascii_strncasecmp(line, "Range: bytes=", 13) == 0) {
            start = (gsize)g_ascii_strtoull(line + 13, NULL, 10);
        }
        g_free(line);
    }
    g_free(line);
    if (request == NULL) {
        return;
    }
    g_auto(GStrv) words = g_strsplit(request, " ", 3);
    g_mutex_lock(&fixture->lock);
    guint hit = GPOINTER_TO_UINT(g_hash_table_lookup(fixture->hits, words[1])) + 1;
    g_hash_table_replace(fixture->hits, g_strdup(words[1]), GUINT_TO_POINTER(hit));
    if (start > 0) {
        g_string_append_printf(fixture->ranges, "%" G_GSIZE_FORMAT " ", start);
    }
    g_mutex_unlock(&fixture->lock);
    answer(fixture, g_io_stream_get_output_stream(G_IO_STREAM(connection)), words[1], hit, start);
    g_io_stream_close(G_IO_STREAM(connection), NULL, NULL);
}

static gpointer serve(gpointer data)
{
    Fixture *fixture = data;
    for (;;) {
        g_autoptr(GSocketConnection) connection =
            g_socket_listener_accept(fixture->listener, NULL, fixture->stop, NULL);
        if (connection == NULL) {
            return NULL;
        }
        serve_one(fixture, connection);
    }
}

/* ---- Fixture ---------------------------------------------------------------------------------------------------------------------- */

static void fixture_set_up(Fixture *fixture, gconstpointer data)
{
    SluiceDigest digest;
    fixture->folder = g_dir_make_tmp("sluice-download-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(fixture->folder, "store", NULL);
    fixture->store = sluice_store_open(path, NULL, NULL);
    g_assert_nonnull(fixture->store);
    fixture->body = g_malloc(BODY_SIZE);
    for (int i = 0; i < BODY_SIZE; i++) {
        fixture->body[i] = (char)(i * 31 + i / 256);
    }
    sluice_digest_of(fixture->body, BODY_SIZE, &digest);
    sluice_digest_hex(&digest, fixture->sha256);
    g_mutex_init(&fixture->lock);
    fixture->hits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    fixture->ranges = g_string_new(NULL);
    fixture->messages = g_string_new(NULL);
    fixture->stop = g_cancellable_new();
    fixture->listener = g_socket_listener_new();
    g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
    g_autoptr(GSocketAddress) any = g_inet_socket_address_new(loopback, 0);
    g_autoptr(GSocketAddress) address = NULL;
    g_assert_true(g_socket_listener_add_address(fixture->listener, any, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP,
                                                NULL, &address, NULL));
    fixture->port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address));
    fixture->thread = g_thread_new("server", serve, fixture);
}

static void fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    g_cancellable_cancel(fixture->stop);
    g_thread_join(fixture->thread);
    g_object_unref(fixture->listener);
    g_object_unref(fixture->stop);
    g_hash_table_unref(fixture->hits);
    g_string_free(fixture->ranges, TRUE);
    g_string_free(fixture->messages, TRUE);
    g_mutex_clear(&fixture->lock);
    g_clear_error(&fixture->error);
    g_free(fixture->body);
    sluice_store_close(fixture->store);
    g_assert_true(sluice_remove_tree(fixture->folder, NULL));
    g_free(fixture->folder);
}

static void on_event(const Event *event, gpointer data)
{
    Fixture *fixture = data;
    if (event->type == EVENT_FAILURE) {
        g_string_append_printf(fixture->messages, "%s\n", event->message);
    }
}

static guint hits(Fixture *fixture, const char *path)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(fixture->hits, path));
}

/* Downloads the first of `paths` that works; NULL-terminated. */
static gboolean fetch(Fixture *fixture, const char *const *paths, Download *download)
{
    g_autoptr(GPtrArray) urls = g_ptr_array_new_with_free_func(g_free);
    const EventSink sink = {on_event, fixture};
    const SourceContext context = {fixture->store, &sink, NULL, 4, 2};
    for (const char *const *path = paths; *path != NULL; path++) {
        g_ptr_array_add(urls, g_strdup_printf("http://127.0.0.1:%u%s", fixture->port, *path));
    }
    g_ptr_array_add(urls, NULL);
    download->urls = (const char *const *)urls->pdata;
    g_clear_error(&fixture->error);
    gboolean ok = download_run(download, 1, &context, "x.bst", "fetch", "Fetching", &fixture->error);
    download_clear(download);
    return ok;
}

#define PATHS(...)                                                                                                     \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

static gboolean partials_are_gone(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->folder, "store", "downloads", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    return dir != NULL && g_dir_read_name(dir) == NULL;
}

/* ---- Tests ------------------------------------------------------------------------------------------------------------------------ */

static void test_plain(Fixture *fixture, gconstpointer data)
{
    Download known = {.sha256 = fixture->sha256, .size = BODY_SIZE}, unknown = {.size = -1};
    SluiceDigest found;
    g_assert_true(fetch(fixture, PATHS("/ok"), &known));
    g_assert_true(sluice_store_has(fixture->store, &known.digest));
    g_assert_cmpint(known.digest.size, ==, BODY_SIZE);
    g_assert_true(fetch(fixture, PATHS("/redirect"), &unknown));
    g_assert_true(sluice_digest_equal(&known.digest, &unknown.digest));
    g_assert_false(download_find(fixture->store, fixture->sha256, &found));
    g_assert_true(download_remember(fixture->store, &known.digest, NULL));
    g_assert_true(download_find(fixture->store, fixture->sha256, &found));
    g_assert_true(sluice_digest_equal(&known.digest, &found));
    g_assert_true(partials_are_gone(fixture));
}

static void test_resume(Fixture *fixture, gconstpointer data)
{
    Download download = {.sha256 = fixture->sha256, .size = BODY_SIZE};
    g_assert_true(fetch(fixture, PATHS("/cut"), &download));
    g_assert_cmpstr(fixture->ranges->str, ==, "150000 ");
    g_assert_nonnull(strstr(fixture->messages->str, "Try #1 failed, retrying: Error mirroring http://"));
    g_assert_true(partials_are_gone(fixture));
}

static void test_resume_refused(Fixture *fixture, gconstpointer data)
{
    Download download = {.sha256 = fixture->sha256, .size = BODY_SIZE};
    g_assert_true(fetch(fixture, PATHS("/cut-no-range"), &download));
    g_assert_cmpuint(hits(fixture, "/cut-no-range"), ==, 3);
    g_assert_cmpstr(fixture->ranges->str, ==, "150000 ");
}

static void put_partial(Fixture *fixture, const char *data, gsize length)
{
    g_autofree char *folder = g_build_filename(fixture->folder, "store", "downloads", NULL);
    g_autofree char *path = g_build_filename(folder, fixture->sha256, NULL);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, data, (gssize)length, NULL));
}

/* What a process that was killed had left. */
static void test_resume_later(Fixture *fixture, gconstpointer data)
{
    Download download = {.sha256 = fixture->sha256, .size = BODY_SIZE};
    put_partial(fixture, fixture->body, 1000);
    g_assert_true(fetch(fixture, PATHS("/ok"), &download));
    g_assert_cmpstr(fixture->ranges->str, ==, "1000 ");
    put_partial(fixture, fixture->body, BODY_SIZE); /* all of it: no request */
    g_assert_true(fetch(fixture, PATHS("/nothing"), &download));
    g_assert_cmpuint(hits(fixture, "/nothing"), ==, 0);
    put_partial(fixture, "rubbish", 7); /* not the beginning of this file */
    g_assert_true(fetch(fixture, PATHS("/ok"), &download));
    g_assert_cmpstr(fixture->ranges->str, ==, "1000 7 ");
    g_assert_true(partials_are_gone(fixture));
}

static void test_absent(Fixture *fixture, gconstpointer data)
{
    Download download = {.sha256 = fixture->sha256, .size = BODY_SIZE}, stubborn = {.size = -1, .retry_absent = TRUE};
    g_assert_false(fetch(fixture, PATHS("/a", "/b"), &download));
    g_assert_true(download.absent);
    g_assert_nonnull(strstr(fixture->error->message, "/a: HTTP Error 404"));
    g_assert_true(fetch(fixture, PATHS("/a", "/ok"), &download));
    g_assert_cmpuint(download.url, ==, 1);
    g_assert_false(fetch(fixture, PATHS("/c"), &stubborn));
    g_assert_cmpuint(hits(fixture, "/c"), ==, 3);
    g_assert_nonnull(strstr(fixture->messages->str, "Try #2 failed"));
}

static void test_busy(Fixture *fixture, gconstpointer data)
{
    Download download = {.size = -1};
    g_assert_true(fetch(fixture, PATHS("/busy"), &download));
    g_assert_cmpuint(hits(fixture, "/busy"), ==, 2);
}

static void test_wrong(Fixture *fixture, gconstpointer data)
{
    Download download = {.sha256 = fixture->sha256, .size = -1};
    g_assert_false(fetch(fixture, PATHS("/wrong"), &download));
    g_assert_false(download.absent);
    g_assert_nonnull(strstr(fixture->error->message, "has sha256sum '"));
    g_assert_nonnull(strstr(fixture->error->message, fixture->sha256));
    g_assert_true(partials_are_gone(fixture));
    g_assert_true(fetch(fixture, PATHS("/wrong", "/ok"), &download));
    Download small = {.size = 4};
    g_assert_false(fetch(fixture, PATHS("/ok"), &small));
    g_assert_nonnull(strstr(fixture->error->message, "sends more than the 4 bytes"));
    Download large = {.sha256 = fixture->sha256, .size = BODY_SIZE + 1};
    g_assert_false(fetch(fixture, PATHS("/ok"), &large));
    Download limited = {.size = -1, .max_size = 1000};
    g_assert_false(fetch(fixture, PATHS("/ok"), &limited));
}

static void test_redirect_to_file(Fixture *fixture, gconstpointer data)
{
    Download download = {.size = -1};
    g_assert_false(fetch(fixture, PATHS("/to-file"), &download));
    g_assert_nonnull(fixture->error);
}

static void test_many(Fixture *fixture, gconstpointer data)
{
    const SourceContext context = {fixture->store, NULL, NULL, 8, 0};
    Download downloads[40];
    g_autofree char *good = g_strdup_printf("http://127.0.0.1:%u/ok", fixture->port);
    g_autofree char *bad = g_strdup_printf("http://127.0.0.1:%u/none", fixture->port);
    const char *good_urls[] = {good, NULL}, *bad_urls[] = {bad, NULL}, *no_urls[] = {NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(downloads); i++) {
        downloads[i] = (Download){.urls = i == 20 ? bad_urls : i == 30 ? no_urls : good_urls, .size = -1};
    }
    g_assert_false(
        download_run(downloads, G_N_ELEMENTS(downloads), &context, NULL, "fetch", "Fetching", &fixture->error));
    g_assert_nonnull(strstr(fixture->error->message, "/none: HTTP Error 404"));
    for (gsize i = 0; i < G_N_ELEMENTS(downloads); i++) {
        g_assert_cmpint(downloads[i].done, ==, i != 20 && i != 30);
        g_assert_cmpint(downloads[i].absent, ==, i == 20);
        download_clear(&downloads[i]);
    }
}

static void test_cancel(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    const SourceContext context = {fixture->store, NULL, cancellable, 8, 0};
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/ok", fixture->port);
    const char *urls[] = {url, NULL};
    Download download = {.urls = urls, .size = -1};
    g_cancellable_cancel(cancellable);
    g_assert_false(download_run(&download, 1, &context, NULL, "fetch", "Fetching", &fixture->error));
    g_assert_error(fixture->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void test_file(Fixture *fixture, gconstpointer data)
{
    const SourceContext context = {fixture->store, NULL, NULL, 1, 0};
    g_autofree char *path = g_build_filename(fixture->folder, "file", NULL);
    g_autofree char *url = g_strconcat("file://", path, NULL);
    const char *urls[] = {url, NULL};
    Download download = {.urls = urls, .sha256 = fixture->sha256, .size = BODY_SIZE};
    g_assert_false(download_run(&download, 1, &context, NULL, "fetch", "Fetching", &fixture->error));
    g_assert_true(download.absent);
    download_clear(&download);
    g_assert_true(g_file_set_contents(path, fixture->body, BODY_SIZE, NULL));
    g_assert_true(download_run(&download, 1, &context, NULL, "fetch", "Fetching", NULL));
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("no_proxy", "*", TRUE);
    ADD("/download/plain", test_plain);
    ADD("/download/resume", test_resume);
    ADD("/download/resume-refused", test_resume_refused);
    ADD("/download/resume-later", test_resume_later);
    ADD("/download/absent", test_absent);
    ADD("/download/busy", test_busy);
    ADD("/download/wrong", test_wrong);
    ADD("/download/redirect-to-file", test_redirect_to_file);
    ADD("/download/many", test_many);
    ADD("/download/cancel", test_cancel);
    ADD("/download/file", test_file);
    return g_test_run();
}
