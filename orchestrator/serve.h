/*
 * serve.h - the parts of `serve`: what was configured, the access log, metrics and health over HTTP, eviction, systemd.
 *
 * The main thread waits for signals; calls are served by the bridge's threads, HTTP and the parts with a thread of their own by theirs.  Only the main
 * thread logs.
 */
#pragma once

#include "app.h"
#include "bazel-bridge.h"

/* ---- Configuration (serve-config.c) ----------------------------------------------------------------------------------------------- */

typedef enum {
    SERVE_TLS_CERT,
    SERVE_TLS_KEY,
    SERVE_CLIENT_CA,
    SERVE_TOKEN_FILE,
    SERVE_ANONYMOUS,
    SERVE_ALLOW_PLAINTEXT,
    SERVE_MAX_SIZE,
    SERVE_HIGH_WATERMARK,
    SERVE_LOW_WATERMARK,
    SERVE_METRICS,
    SERVE_ACCESS_LOG,
    SERVE_AUDIT_HITS,
    SERVE_DRAIN,
    SERVE_CACHE,
    N_SERVE_SETTINGS
} ServeKey;

/* A text, and where it stands: in a file, or (`where` NULL) on the command line. */
typedef struct {
    const char *text; /* NULL: not given */
    const Provenance *where;
} ServeSetting;

typedef struct {
    Arena *arena;
    ServeSetting settings[N_SERVE_SETTINGS];
    GArray *listen;  /* ServeSetting */
    GArray *clients; /* SluiceCertificateRole */
    SluiceRole anonymous;
    SluiceStoreOptions store;
    gint64 drain;      /* seconds */
    gint64 audit_hits; /* percent */
} ServeConfig;

/* Reads and checks the options and the file that they name; also that nobody can come in who should not.  `sockets`: those of systemd (ServeSocket). */
ServeConfig *serve_config_new(App *app, const GArray *sockets, GError **error);
void serve_config_free(ServeConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServeConfig, serve_config_free)
/* Sets an error about this setting, with its place. */
G_GNUC_PRINTF(4, 5)
void serve_config_error(const ServeConfig *config, ServeKey key, GError **error, const char *format, ...);

/* ---- Access log (serve-log.c) --------------------------------------------------------------------------------------------------------- */

typedef struct AccessLog AccessLog;
/* "-": standard output. */
AccessLog *access_log_open(const char *path, GError **error);
/* From any thread; never waits: lines that cannot be written in time are dropped and counted. */
void access_log_put(AccessLog *log, const SluiceCallRecord *record);
/* Goes on in the file that has the path now; in the old one after a failure. */
gboolean access_log_reopen(AccessLog *log, GError **error);
guint64 access_log_get_dropped(AccessLog *log);
/* Writes what is left. */
void access_log_close(AccessLog *log);
/* The line of JSON. */
char *access_log_line(const SluiceCallRecord *record);

/* ---- Eviction (serve-care.c) ------------------------------------------------------------------------------------------------------------- */

typedef struct ServeCare ServeCare;
typedef struct {
    guint64 runs, blobs, bytes; /* evictions, and what they removed */
} ServeCareStats;
/* Keeps the store within its quota, in a thread of its own. */
ServeCare *serve_care_new(SluiceStore *store);
void serve_care_get_stats(ServeCare *care, ServeCareStats *stats);
/* Why the last eviction failed, once; or NULL.  Free with g_free. */
char *serve_care_take_problem(ServeCare *care);
void serve_care_free(ServeCare *care);

/* ---- HTTP (serve-http.c) ------------------------------------------------------------------------------------------------------------------ */

/* What /metrics and /healthz tell of; borrowed, may be NULL but for `endpoint` and `store`. */
typedef struct {
    SluiceStore *store;
    SluiceEndpoint *endpoint;
    SluiceTls *tls;
    AccessLog *log;
    ServeCare *care;
    const char *version;
} ServeFacts;
typedef struct ServeHttp ServeHttp;
/* Serves on a socket that listens; takes it. */
ServeHttp *serve_http_new(int fd, const ServeFacts *facts, GError **error);
/* /healthz says so from now on. */
void serve_http_set_unhealthy(ServeHttp *http);
void serve_http_free(ServeHttp *http);

/* ---- systemd (serve-systemd.c) ------------------------------------------------------------------------------------------------------------- */

typedef struct {
    int fd;
    char *name; /* FileDescriptorName= of the socket unit; "" */
} ServeSocket;
/* The sockets that were handed over (GArray of ServeSocket); a second call finds none. */
GArray *serve_take_sockets(void);
/* Tells the service manager, if there is one: "READY=1". */
void serve_notify(const char *state);
