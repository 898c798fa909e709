/* serve-http.c - /metrics and /healthz, by libmicrohttpd */
#include "late.h"
#include "late-microhttpd.h"
#include "serve.h"
#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Scrapers and probes, each with a connection or two. */
#define CONNECTIONS_MAX   64
#define CONNECTION_MEMORY (16 * 1024)
#define TIMEOUT           10 /* seconds */

struct ServeHttp {
    struct MHD_Daemon *daemon;
    ServeFacts facts;
    char *version;
    gint unhealthy; /* atomic */
    gint64 started; /* microseconds since 1970 */
};

/* ---- Metrics ---------------------------------------------------------------------------------------------------------------- */

static void put(GString *out, const char *name, const char *type, const char *help, guint64 value)
{
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" G_GUINT64_FORMAT "\n", name, help, name, type, name,
                           value);
}

static void put_seconds(GString *out, const char *name, const char *type, const char *help, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(text, sizeof text, "%.3f", value);
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", name, help, name, type, name, text);
}

static void put_store(const ServeFacts *facts, GString *out)
{
    SluiceStoreInfo info;
    if (sluice_store_get_info(facts->store, &info, NULL)) {
        put(out, "sluice_store_bytes", "gauge", "Of the cache on disk.", info.disk_bytes);
        put(out, "sluice_store_quota_bytes", "gauge", "What the cache may take; 0 for no limit.", info.quota);
        put(out, "sluice_store_blobs", "gauge", "Blobs in the cache.", info.blobs);
        put(out, "sluice_store_blob_bytes", "gauge", "Contents of the blobs.", info.blob_bytes);
        put(out, "sluice_store_action_results", "gauge", "Action results in the cache.", info.results);
    }
    if (facts->care) {
        ServeCareStats stats;
        serve_care_get_stats(facts->care, &stats);
        put(out, "sluice_evictions_total", "counter", "Times that the cache came over its high watermark.", stats.runs);
        put(out, "sluice_evicted_blobs_total", "counter", "Blobs that were evicted.", stats.blobs);
        put(out, "sluice_evicted_bytes_total", "counter", "Contents of blobs that were evicted.", stats.bytes);
    }
}

static guint count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    guint count = 0;
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count > 3 ? count - 3 : 0; /* ".", ".." and its own */
}

static guint64 resident_bytes(void)
{
    g_autofree char *text = NULL;
    const char *second = g_file_get_contents("/proc/self/statm", &text, NULL, NULL) ? strchr(text, ' ') : NULL;
    return second ? g_ascii_strtoull(second, NULL, 10) * (guint64)sysconf(_SC_PAGESIZE) : 0;
}

static void put_process(const ServeHttp *http, GString *out)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / G_USEC_PER_SEC;
    put_seconds(out, "process_cpu_seconds_total", "counter", "User and system time.", seconds);
    put(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    put(out, "process_open_fds", "gauge", "Open descriptors.", count_descriptors());
    put_seconds(out, "process_start_time_seconds", "gauge", "When it started, since 1970.",
                (double)http->started / G_USEC_PER_SEC);
}

static char *metrics_text(ServeHttp *http, gsize *length)
{
    const ServeFacts *facts = &http->facts;
    GString *out = g_string_sized_new(16 * 1024);
    g_string_append_printf(out,
                           "# HELP sluice_build_info The program.\n# TYPE sluice_build_info gauge\n"
                           "sluice_build_info{version=\"%s\"} 1\n",
                           http->version);
    sluice_endpoint_put_metrics(facts->endpoint, out);
    put_store(facts, out);
    if (facts->tls)
        put(out, "sluice_tls_certificate_expiry_timestamp_seconds", "gauge", "When the certificate ends, since 1970.",
            (guint64)sluice_tls_get_expiry(facts->tls));
    if (facts->log)
        put(out, "sluice_access_log_dropped_total", "counter", "Lines that could not be written in time.",
            access_log_get_dropped(facts->log));
    put_process(http, out);
    *length = out->len;
    return g_string_free(out, FALSE);
}

/* ---- Requests --------------------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type, char *text,
                              gsize length)
{
    struct MHD_Response *response = libmicrohttpd->create_response_from_buffer(length, text, MHD_RESPMEM_MUST_COPY);
    g_free(text);
    if (!response)
        return MHD_NO;
    libmicrohttpd->add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        libmicrohttpd->add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = libmicrohttpd->queue_response(connection, status, response);
    libmicrohttpd->destroy_response(response);
    return result;
}

static enum MHD_Result answer_line(struct MHD_Connection *connection, unsigned status, const char *line)
{
    return answer(connection, status, "text/plain; charset=utf-8", g_strdup(line), strlen(line));
}

/* It is called for the head and again for the body, which is not looked at. */
static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **state)
{
    ServeHttp *http = data;
    gsize length = 0;
    if (!*state) {
        *state = http;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return answer_line(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    if (strcmp(path, "/healthz") == 0)
        return g_atomic_int_get(&http->unhealthy)
                   ? answer_line(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "NOT_SERVING\n")
                   : answer_line(connection, MHD_HTTP_OK, "SERVING\n");
    if (strcmp(path, "/metrics") != 0)
        return answer_line(connection, MHD_HTTP_NOT_FOUND, "/metrics and /healthz are here\n");
    char *text = metrics_text(http, &length);
    return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, length);
}

ServeHttp *serve_http_new(int fd, const ServeFacts *facts, GError **error)
{
    if (!late_load_microhttpd(error)) {
        close(fd);
        return NULL;
    }
    ServeHttp *http = g_new0(ServeHttp, 1);
    http->facts = *facts;
    http->version = g_strdup(facts->version);
    http->started = g_get_real_time();
    http->daemon = libmicrohttpd->start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL, handle, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT, MHD_OPTION_END);
    if (http->daemon)
        return http;
    close(fd);
    serve_http_free(http);
    g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START, "the HTTP server does not start");
    return NULL;
}

void serve_http_set_unhealthy(ServeHttp *http)
{
    g_atomic_int_set(&http->unhealthy, TRUE);
}

void serve_http_free(ServeHttp *http)
{
    if (http->daemon)
        libmicrohttpd->stop_daemon(http->daemon);
    g_free(http->version);
    g_free(http);
}
