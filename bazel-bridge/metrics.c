/* What calls took, by method and status; under the names that gRPC's own middleware gave these metrics, because dashboards know them. */
#include "bridge-private.h"

#include <string.h>

enum { N_CODES = GRPC_STATUS_UNAUTHENTICATED + 1 };

/* Microseconds; the last bucket has no bound. */
static const int64_t bounds[] = {100,   250,    500,    1000,    2500,    5000,     10000,    25000,
                                 50000, 100000, 250000, 1000000, 5000000, 30000000, 120000000};

static const char *const code_names[N_CODES] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

typedef struct {
    _Atomic uint64_t started, codes[N_CODES], buckets[G_N_ELEMENTS(bounds) + 1], duration_us, received, sent;
} MethodMetrics;

struct SluiceMetrics {
    MethodMetrics *methods; /* and one for those that there are not */
};

const char *sluice_status_name(grpc_status_code code)
{
    return (unsigned)code < N_CODES ? code_names[code] : "UNKNOWN";
}

SluiceMetrics *sluice_metrics_new(void)
{
    SluiceMetrics *metrics = g_new0(SluiceMetrics, 1);
    metrics->methods = g_new0(MethodMetrics, SLUICE_N_METHODS + 1);
    return metrics;
}

void sluice_metrics_free(SluiceMetrics *metrics)
{
    g_free(metrics->methods);
    g_free(metrics);
}

static MethodMetrics *of_method(SluiceMetrics *metrics, const SluiceMethod *method)
{
    return &metrics->methods[method == &sluice_unknown_method ? SLUICE_N_METHODS : (gsize)(method - sluice_methods)];
}

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

void sluice_metrics_begin(SluiceMetrics *metrics, const SluiceMethod *method)
{
    add(&of_method(metrics, method)->started, 1);
}

void sluice_metrics_end(SluiceMetrics *metrics, const SluiceMethod *method, grpc_status_code code, int64_t duration_us,
                        uint64_t received, uint64_t sent)
{
    MethodMetrics *own = of_method(metrics, method);
    gsize bucket = 0;
    while (bucket < G_N_ELEMENTS(bounds) && duration_us > bounds[bucket])
        bucket++;
    add(&own->buckets[bucket], 1);
    add(&own->codes[(unsigned)code < N_CODES ? code : GRPC_STATUS_UNKNOWN], 1);
    add(&own->duration_us, (uint64_t)MAX(duration_us, 0));
    add(&own->received, received);
    add(&own->sent, sent);
}

/* ---- Text --------------------------------------------------------------------------------------------------------------------------- */

/* `grpc_type="unary",grpc_service="build…",grpc_method="GetTree"`; free with g_free. */
static char *labels_of(gsize index)
{
    static const char *const kinds[] = {[SLUICE_METHOD_UNARY] = "unary",
                                        [SLUICE_METHOD_SERVER_STREAM] = "server_stream",
                                        [SLUICE_METHOD_CLIENT_STREAM] = "client_stream"};
    const SluiceMethod *method = index < SLUICE_N_METHODS ? &sluice_methods[index] : &sluice_unknown_method;
    const char *slash = *method->name != '\0' ? strrchr(method->name, '/') : NULL;
    if (slash == NULL)
        return g_strdup("grpc_type=\"unary\",grpc_service=\"unknown\",grpc_method=\"unknown\"");
    return g_strdup_printf("grpc_type=\"%s\",grpc_service=\"%.*s\",grpc_method=\"%s\"", kinds[method->kind],
                           (int)(slash - method->name - 1), method->name + 1, slash + 1);
}

static void put_head(GString *out, const char *name, const char *type, const char *help)
{
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_plain(SluiceMetrics *metrics, GString *out, const char *name, const char *help, gsize offset)
{
    put_head(out, name, "counter", help);
    for (gsize i = 0; i <= SLUICE_N_METHODS; i++) {
        g_autofree char *labels = labels_of(i);
        uint64_t value = *(_Atomic uint64_t *)(void *)((char *)&metrics->methods[i] + offset);
        if (metrics->methods[i].started > 0)
            g_string_append_printf(out, "%s{%s} %" G_GUINT64_FORMAT "\n", name, labels, value);
    }
}

static void put_handled(SluiceMetrics *metrics, GString *out)
{
    put_head(out, "grpc_server_handled_total", "counter", "Calls that ended, by status.");
    for (gsize i = 0; i <= SLUICE_N_METHODS; i++) {
        g_autofree char *labels = labels_of(i);
        for (gsize code = 0; code < N_CODES; code++)
            if (metrics->methods[i].codes[code] > 0)
                g_string_append_printf(out, "grpc_server_handled_total{%s,grpc_code=\"%s\"} %" G_GUINT64_FORMAT "\n",
                                       labels, code_names[code], (uint64_t)metrics->methods[i].codes[code]);
    }
}

static void put_seconds(GString *out, int64_t microseconds)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(out, g_ascii_formatd(text, sizeof text, "%g", (double)microseconds / G_USEC_PER_SEC));
}

static void put_histogram(const MethodMetrics *own, const char *labels, GString *out)
{
    uint64_t total = 0;
    for (gsize i = 0; i <= G_N_ELEMENTS(bounds); i++) {
        total += own->buckets[i];
        g_string_append_printf(out, "grpc_server_handling_seconds_bucket{%s,le=\"", labels);
        if (i < G_N_ELEMENTS(bounds))
            put_seconds(out, bounds[i]);
        else
            g_string_append(out, "+Inf");
        g_string_append_printf(out, "\"} %" G_GUINT64_FORMAT "\n", total);
    }
    g_string_append_printf(out, "grpc_server_handling_seconds_sum{%s} ", labels);
    put_seconds(out, (int64_t)own->duration_us);
    g_string_append_printf(out, "\ngrpc_server_handling_seconds_count{%s} %" G_GUINT64_FORMAT "\n", labels, total);
}

void sluice_metrics_put(SluiceMetrics *metrics, GString *out)
{
    put_plain(metrics, out, "grpc_server_started_total", "Calls that arrived.",
              G_STRUCT_OFFSET(MethodMetrics, started));
    put_handled(metrics, out);
    put_plain(metrics, out, "sluice_received_bytes_total", "Messages of clients.",
              G_STRUCT_OFFSET(MethodMetrics, received));
    put_plain(metrics, out, "sluice_sent_bytes_total", "Messages to clients.", G_STRUCT_OFFSET(MethodMetrics, sent));
    put_head(out, "grpc_server_handling_seconds", "histogram", "From the arrival of a call to its end.");
    for (gsize i = 0; i <= SLUICE_N_METHODS; i++) {
        g_autofree char *labels = labels_of(i);
        if (metrics->methods[i].started > 0)
            put_histogram(&metrics->methods[i], labels, out);
    }
}
