/*
 * bridge-private.h - what the files of this folder share: calls, answers, methods, endpoints.
 *
 * A call is always in one hand: either the completion queue's (an operation is in flight) or a handler's, on the serving thread or on
 * a worker.  Whoever has it must pass it on by exactly one of reply, send, receive, run, finish and fail; nothing of a
 * call is therefore locked.  The completion queue's thread must not wait for the disk longer than small reads take.
 */
#pragma once

#include "bazel-bridge.h"
#include "compress.h"
#include "fields.h"
#include "bridge-limits.h"

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <grpc/status.h>
#include <stdatomic.h>

/* C-core and GLib synchronise in ways that ThreadSanitizer does not see; these tell it. */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *);
void __tsan_release(void *);
#define SLUICE_HAND_OVER(object) __tsan_release(object)
#define SLUICE_TAKE_OVER(object) __tsan_acquire(object)
#else
#define SLUICE_HAND_OVER(object) ((void)(object))
#define SLUICE_TAKE_OVER(object) ((void)(object))
#endif

/* A client names by it the root that its inputs belong into (BuildBox). */
#define SLUICE_CHROOT_PROPERTY "chrootRootDigest"

typedef struct SluiceCall SluiceCall;
typedef struct SluiceTag SluiceTag;
typedef struct SluiceMethod SluiceMethod;
typedef struct SluiceListeners SluiceListeners;
typedef struct SluiceExecutions SluiceExecutions;
typedef struct SluiceUploads SluiceUploads;
typedef struct SluiceConnection SluiceConnection;
typedef struct SluiceConnections SluiceConnections;
typedef struct SluiceTunnels SluiceTunnels;
typedef struct SluiceAttendance SluiceAttendance;
typedef struct SluiceHealth SluiceHealth;
typedef struct SluiceMetrics SluiceMetrics;
typedef struct SluiceAudits SluiceAudits;
typedef void (*SluiceCallFunc)(SluiceCall *call);

/* ---- Bridge and endpoints (bridge.c, endpoint.c) -------------------------------------------------------------------------- */

/* What a completion of the queue is for. */
struct SluiceTag {
    void (*done)(SluiceTag *tag, gboolean ok);
};

struct SluiceBridge {
    SluiceStore *store;
    grpc_completion_queue *queue;
    grpc_resource_quota *quota;
    GThread *threads[SLUICE_SERVING_THREADS];
    GThreadPool *workers;
    SluiceListeners *listeners;
    SluiceConnections *connections;
    SluiceTunnels *tunnels; /* NULL: no endpoint had TLS yet */
    GMutex lock;            /* for what follows */
    GCond changed;
    GQueue endpoints; /* SluiceEndpoint * */
    GQueue streams;   /* SluiceCall *: those in work */
    /* Seconds; a test makes them shorter before the first endpoint. */
    _Atomic int stream_idle, busy_idle, sweep_interval, parked_time;
    _Atomic int execution_patience; /* milliseconds */
    _Atomic int64_t unpacking;      /* bytes that unpackers hold */
    _Atomic int heap_grew;
};

/* The RPC library writes nothing to the terminal, unless its user wants it. */
void sluice_bridge_silence(void);

/* Calls of one method. */
typedef struct {
    _Atomic unsigned waiting, working;
} SluiceLoad;

typedef struct {
    _Atomic uint64_t calls, lookups, hits, misses, updates, updates_refused, bytes_read, bytes_written, errors,
        executed, connections, unauthenticated, forbidden;
    _Atomic uint64_t audits[SLUICE_AUDIT_IMPOSSIBLE + 1];
} SluiceCounters;

struct SluiceEndpoint {
    SluiceBridge *bridge;
    grpc_server *server;
    gboolean keyed; /* by `environment`; else by the client's own digests */
    char *project;  /* or NULL */
    SluiceDigest environment;
    SluiceCacheWrites cache_writes;
    char *label;
    SluiceUpstream *upstream;     /* borrowed; NULL: there is only the store */
    SluiceExecutions *executions; /* NULL: it has no executor */
    SluiceAudits *audits;         /* NULL: hits are not audited */
    SluiceUploads *uploads;
    gboolean attended; /* its calls have an attendance: for access, observer or metrics */
    SluiceAccess *access;
    SluiceTls *tls;
    SluiceCallObserver observer;
    SluiceMetrics *metrics; /* NULL: not metered */
    SluiceHealth *health;
    void **registered; /* one for each method */
    SluiceLoad *loads; /* one for each method, and one for unknown methods */
    SluiceTag stopped_tag;
    gboolean stopped; /* under the bridge's lock */
    _Atomic int closing;
    _Atomic int calls; /* SluiceCalls that exist, waiting ones too */
    SluiceCounters counters;
};

#define SLUICE_COUNT(endpoint, counter, amount)                                                                        \
    atomic_fetch_add_explicit(&(endpoint)->counters.counter, (amount), memory_order_relaxed)

/* Serves a socket that was accepted; takes it. */
void sluice_endpoint_welcome(SluiceEndpoint *endpoint, int fd);
/* Hands a connected socket to the RPC library; takes both.  `connection` (may be NULL) is who is at its end. */
void sluice_endpoint_adopt(SluiceEndpoint *endpoint, int fd, SluiceConnection *connection);
/* A call object has gone. */
void sluice_endpoint_release(SluiceEndpoint *endpoint);

/* ---- Listening sockets (listener.c, address.c) ------------------------------------------------------------------------------ */

SluiceListeners *sluice_listeners_new(GError **error);
void sluice_listeners_free(SluiceListeners *listeners);
/* Accepts on `fd` for the endpoint; takes it.  `path` (taken; may be NULL) is the socket's, `lock` (or -1) is closed with it. */
void sluice_listeners_add(SluiceListeners *listeners, SluiceEndpoint *endpoint, int fd, char *path, int lock);
/* After it returns, nothing is accepted for the endpoint any more. */
void sluice_listeners_remove(SluiceListeners *listeners, SluiceEndpoint *endpoint);

/* TLS in front of endpoints (tunnel.c). */
SluiceTunnels *sluice_tunnels_new(GError **error);
/* What is left to be said to clients gets a moment. */
void sluice_tunnels_free(SluiceTunnels *tunnels);
/* After it returns, nothing is handed to the endpoint any more. */
void sluice_tunnels_remove(SluiceTunnels *tunnels, SluiceEndpoint *endpoint);
/* Clients that did not get through the greeting. */
uint64_t sluice_tunnels_count_failures(SluiceTunnels *tunnels);

/* -1 with ADDRESS.  `lock` holds the path while the socket lives. */
int sluice_address_bind_unix(const char *path, int *lock, GError **error);
/* Removes what bind_unix made. */
void sluice_address_release_unix(const char *path, int lock);

/* ---- Methods (methods.c and service-*.c) -------------------------------------------------------------------------------------- */

typedef enum {
    SLUICE_METHOD_UNARY,         /* the handler finds the request in the call and ends with reply or fail */
    SLUICE_METHOD_SERVER_STREAM, /* the same; it sends any number of messages, then finish or fail */
    SLUICE_METHOD_CLIENT_STREAM  /* the handler asks for messages with receive, then reply or fail */
} SluiceMethodKind;

typedef enum { SLUICE_NEEDS_READ_WRITE, SLUICE_NEEDS_READ, SLUICE_NEEDS_NOTHING } SluiceMethodNeeds;

struct SluiceMethod {
    const char *name; /* "/package.Service/Method" */
    SluiceMethodKind kind;
    unsigned slots; /* calls that wait for a client at a time */
    unsigned limit; /* calls in work at a time: the others wait in the transport, where flow control keeps them small */
    SluiceCallFunc handle;
    SluiceMethodNeeds needs; /* of the client's role */
};

enum { SLUICE_N_METHODS = 14 };
extern const SluiceMethod sluice_methods[SLUICE_N_METHODS];
/* Answers what no service knows. */
extern const SluiceMethod sluice_unknown_method;

void sluice_handle_get_capabilities(SluiceCall *call);
void sluice_handle_find_missing(SluiceCall *call);
void sluice_handle_batch_update(SluiceCall *call);
void sluice_handle_batch_read(SluiceCall *call);
void sluice_handle_get_tree(SluiceCall *call);
void sluice_handle_get_result(SluiceCall *call);
void sluice_handle_update_result(SluiceCall *call);
void sluice_handle_read(SluiceCall *call);
void sluice_handle_write(SluiceCall *call);
void sluice_handle_query_write(SluiceCall *call);
void sluice_handle_execute(SluiceCall *call);
void sluice_handle_wait_execution(SluiceCall *call);
void sluice_handle_health_check(SluiceCall *call);
void sluice_handle_health_watch(SluiceCall *call);

/* ---- Broken-off uploads (uploads.c) ---------------------------------------------------------------------------------------- */

SluiceUploads *sluice_uploads_new(void);
void sluice_uploads_free(SluiceUploads *uploads);
/* Takes the writer; one of the same name goes. */
void sluice_uploads_park(SluiceUploads *uploads, const char *name, SluiceBlobWriter *writer);
/* Gives the writer of this name if it stands at this offset; NULL if there is none. */
SluiceBlobWriter *sluice_uploads_take(SluiceUploads *uploads, const char *name, int64_t offset);
/* 0 if there is none. */
int64_t sluice_uploads_get_size(SluiceUploads *uploads, const char *name);
/* Drops those from before that time (monotonic). */
void sluice_uploads_expire(SluiceUploads *uploads, int64_t before);

/* ---- What several methods need ------------------------------------------------------------------------------------------- */

/* A name in a request of ByteStream; its instance and UUID are left out. */
gboolean sluice_bytestream_parse_name(SluiceSpan text, SluiceResourceName *out, GError **error);
/* A routing header, where there is one, must say the same. */
gboolean sluice_bytestream_header_agrees(SluiceCall *call, SluiceSpan name);
/* The two checks that most requests need: a name without reserved words, and a digest function that we have. */
gboolean sluice_request_check(SluiceSpan instance, int64_t digest_function, GError **error);

/* ---- Calls (call.c) --------------------------------------------------------------------------------------------------------- */

struct SluiceCall {
    SluiceTag tag; /* of the operation in flight: never more than one */
    SluiceEndpoint *endpoint;
    const SluiceMethod *method;
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details; /* unknown methods only */
    grpc_byte_buffer *received, *sending;
    grpc_slice flat; /* `received` in one piece, if it came in several */
    gboolean flattened, started, half_closed;
    int cancelled;
    SluiceSpan message; /* the request, or the last one received */
    SluiceCallFunc next;
    gpointer state;
    GDestroyNotify free_state;
    GList *link;                      /* in bridge->streams */
    _Atomic int64_t progress, stride; /* when something was moved last, and when so much that it is no slow loris */
    gsize moved;                      /* bytes since the stride */
    _Atomic int in_flight;            /* the operation is with the transport: it is the client that is waited for */
    /* Of a call that is told when its client goes. */
    SluiceTag close_tag;
    SluiceCallFunc closed;
    _Atomic int hands;            /* of the two operations that end it */
    SluiceAttendance *attendance; /* NULL: the endpoint is not attended */
};

/* Waits for as many calls of the method as it has slots and room for. */
void sluice_call_await(SluiceEndpoint *endpoint, gsize method);
void sluice_call_set_state(SluiceCall *call, gpointer state, GDestroyNotify free_state);
SluiceStore *sluice_call_get_store(SluiceCall *call);
/* A header's value, NULL if there is none. */
const grpc_slice *sluice_call_find_header(SluiceCall *call, const char *name);

/* Whether results of this client are accepted. */
gboolean sluice_call_accepts_results(const SluiceCall *call);

typedef struct SluiceReply SluiceReply;
/* The last message and OK; takes the reply. */
void sluice_call_reply(SluiceCall *call, SluiceReply *reply);
/* One message of a stream; `next` runs on the serving thread when it is out.  Takes the reply. */
void sluice_call_send(SluiceCall *call, SluiceReply *reply, SluiceCallFunc next);
/* The next message of the client's stream; `next` runs on the serving thread with `message`, or `half_closed` at the end. */
void sluice_call_receive(SluiceCall *call, SluiceCallFunc next);
/* `closed` runs on the serving thread when the client has gone or the call has ended, whatever is in flight then; `call->cancelled` tells
 * which.  Once, before the last operation. */
void sluice_call_watch(SluiceCall *call, SluiceCallFunc closed);
/* It waits for something that may take any time, and is not idle meanwhile. */
void sluice_call_set_patient(SluiceCall *call);
/* `func` on a worker. */
void sluice_call_run(SluiceCall *call, SluiceCallFunc func);
void sluice_call_finish(SluiceCall *call);
void sluice_call_fail(SluiceCall *call, grpc_status_code code, const char *message);
/* Takes the error. */
void sluice_call_fail_error(SluiceCall *call, GError *error);
grpc_status_code sluice_status_of_error(const GError *error);
/* What a client may read of it: never a path of this machine. */
const char *sluice_status_message(const GError *error);
/* Cancels calls whose client moved nothing for too long; where a method has no room any more, that is not long.  FALSE if there is no call at
 * all. */
gboolean sluice_calls_sweep(SluiceBridge *bridge);

/* ---- Answers (reply.c) ------------------------------------------------------------------------------------------------------- */

/* A message being built: write fields to `bytes`; large contents go in by reference. */
struct SluiceReply {
    GByteArray *bytes;
    GArray *slices; /* grpc_slice: what comes before `bytes` */
};

SluiceReply *sluice_reply_new(void);
SluiceReply *sluice_reply_new_from(GBytes *message);
void sluice_reply_free(SluiceReply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceReply, sluice_reply_free)
/* Tag and length of a field whose contents follow. */
void sluice_reply_put_prefix(GByteArray *out, uint32_t number, gsize length);
/* Bytes of a field with such contents, prefix included; field numbers below 16. */
gsize sluice_reply_field_size(gsize length);
void sluice_reply_put_blob(SluiceReply *reply, uint32_t number, GBytes *blob);
/* A google.rpc.Status. */
void sluice_reply_put_status(GByteArray *out, uint32_t number, grpc_status_code code, const char *message);
/* Takes the reply. */
grpc_byte_buffer *sluice_reply_finish(SluiceReply *reply);

/* ---- Results (result.c, complete.c) and keys (proxy.c) --------------------------------------------------------------------------- */

typedef struct {
    SluiceSpan path, contents;
    SluiceDigestField digest;
} SluiceOutputFile;

typedef struct {
    SluiceSpan path;
    SluiceDigestField tree, root; /* at least one of them */
} SluiceOutputDirectory;

typedef struct {
    SluiceSpan path, target;
} SluiceOutputSymlink;

/* What we look at in an ActionResult. */
typedef struct {
    GArray *files, *directories;                           /* SluiceSpan: OutputFile, OutputDirectory */
    GArray *symlinks, *file_symlinks, *directory_symlinks; /* SluiceSpan: OutputSymlink */
    int64_t exit_code;
    SluiceSpan stdout_raw, stderr_raw, metadata;
    SluiceDigestField stdout_digest, stderr_digest;
} SluiceResult;

gboolean sluice_result_decode(GBytes *bytes, SluiceResult *out, GError **error);
void sluice_result_clear(SluiceResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SluiceResult, sluice_result_clear)
gboolean sluice_output_file_decode(SluiceSpan bytes, SluiceOutputFile *out, GError **error);
gboolean sluice_output_directory_decode(SluiceSpan bytes, SluiceOutputDirectory *out, GError **error);
gboolean sluice_output_symlink_decode(SluiceSpan bytes, SluiceOutputSymlink *out, GError **error);
/* What an update must fulfil; PROTO errors. */
gboolean sluice_result_check(const SluiceResult *result, GError **error);
/* Every file, stream, Tree and all they name is in the store, each Tree has all its Directories, and a Tree and a root of one output are the
 * same; FALSE without error if not. */
gboolean sluice_result_is_complete(SluiceStore *store, const SluiceResult *result, GError **error);

typedef struct {
    gboolean standard_output, standard_error;
    GArray *paths; /* SluiceSpan */
} SluiceInlining;
/* A copy with contents put in, as far as they fit. */
GBytes *sluice_result_inline(SluiceStore *store, GBytes *bytes, const SluiceInlining *inlining, GError **error);

/* Digests of a Directory's children are appended; arrays may be NULL. */
gboolean sluice_directory_scan(SluiceSpan bytes, GArray *files, GArray *directories, GError **error);

/* The key under which the endpoint keeps results of the client's action. */
void sluice_proxy_key(SluiceEndpoint *endpoint, const SluiceDigest *action, SluiceDigest *key, GBytes **witness);
/* NULL with SLUICE_CAS_ERROR_NOT_FOUND is a miss.  Completeness is not looked at. */
GBytes *sluice_proxy_lookup(SluiceEndpoint *endpoint, const SluiceDigest *action, GError **error);
/* Keeps the result with where it came from (the origin's action is that of the result), and the witness where there is one.  *kept (may be NULL) is
 * FALSE if an audit has shown this very result to be wrong. */
gboolean sluice_proxy_store(SluiceEndpoint *endpoint, GBytes *result, SluiceOrigin *origin, gboolean *kept,
                            GError **error);
/* The constant Command of every witness. */
GBytes *sluice_witness_command(void);

/* ---- Clients (client.c) and origins (origin.c) ----------------------------------------------------------------------------------- */

/* What a client calls itself and its action: valid UTF-8 of bounded length, NULL where it said nothing. */
typedef struct {
    char *tool, *action, *invocation, *mnemonic, *target;
} SluiceClient;
void sluice_call_get_client(SluiceCall *call, SluiceClient *out);
void sluice_client_clear(SluiceClient *client);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SluiceClient, sluice_client_clear)
/* A name that a client gave itself, shortened; NULL for none. */
char *sluice_client_name(SluiceSpan span);

/* Of what the call is about; the producer, the cluster and the times are left to be set. */
SluiceOrigin *sluice_origin_new(SluiceCall *call, const SluiceDigest *action);
void sluice_origin_free(SluiceOrigin *origin);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceOrigin, sluice_origin_free)
/* The note of a result that is stored now. */
GBytes *sluice_origin_encode(const SluiceOrigin *origin);

/* FALSE: nothing is known; clear it all the same. */
gboolean sluice_origin_read(SluiceStore *store, const SluiceDigest *key, SluiceOrigin *out);
/* Whether an audit has shown the result to be wrong for this key.  If not, what audits found is taken over into the origin of the new one. */
gboolean sluice_origin_refuses(SluiceStore *store, const SluiceDigest *key, GBytes *result, SluiceOrigin *origin);

/* ---- Audits (audit.c) -------------------------------------------------------------------------------------------------------------- */

SluiceAudits *sluice_audits_new(SluiceEndpoint *endpoint, const SluiceExecutor *executor,
                                const SluiceAuditPolicy *policy);
/* Gives up what is not done. */
void sluice_audits_free(SluiceAudits *audits);
/* The call is answered with the result of the action that is kept here: perhaps it is one of those to be audited.  Does not wait. */
void sluice_audits_note_hit(SluiceCall *call, const SluiceDigest *action, GBytes *result);

/* ---- Attended endpoints (attend.c, metrics.c, service-health.c) ------------------------------------------------------------------- */

/* Finds out who calls.  FALSE: the call was refused, and has been answered. */
gboolean sluice_call_admit(SluiceCall *call);
/* The call is over. */
void sluice_call_leave(SluiceCall *call);
void sluice_attendance_free(SluiceAttendance *attendance);
void sluice_attendance_count(SluiceAttendance *attendance, uint64_t received, uint64_t sent);
void sluice_attendance_set_code(SluiceAttendance *attendance, grpc_status_code code);

SluiceMetrics *sluice_metrics_new(void);
void sluice_metrics_free(SluiceMetrics *metrics);
void sluice_metrics_begin(SluiceMetrics *metrics, const SluiceMethod *method);
void sluice_metrics_end(SluiceMetrics *metrics, const SluiceMethod *method, grpc_status_code code, int64_t duration_us,
                        uint64_t received, uint64_t sent);
void sluice_metrics_put(SluiceMetrics *metrics, GString *out);
const char *sluice_status_name(grpc_status_code code);

SluiceHealth *sluice_health_new(void);
void sluice_health_free(SluiceHealth *health);
/* Tells those who watch, and ends their streams. */
void sluice_health_set_unhealthy(SluiceHealth *health);

/* ---- Execution (execution.c, operation.c) -------------------------------------------------------------------------------------------- */

/* `executor` NULL: only a cluster executes. */
SluiceExecutions *sluice_executions_new(SluiceEndpoint *endpoint, const SluiceExecutor *executor);
/* Cancels what runs, and waits for it.  No call of the endpoint is left. */
void sluice_executions_free(SluiceExecutions *executions);
