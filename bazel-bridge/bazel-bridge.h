/*
 * bazel-bridge.h - the public face of bazel-bridge/: REAPI services over gRPC, and the action-proxy (design section 3).
 *
 * A SluiceBridge owns the completion queue and its threads; an endpoint is one identity on it: either a sandbox (with its environment, its policy
 * and its account) or a plain cache.  Call nothing of this folder before a fork() that does not exec: gRPC has threads.
 * Functions may be called from any thread unless said otherwise.
 *
 * Implements: build.bazel.remote.execution.v2 Capabilities, ContentAddressableStorage, ActionCache, Execution (where an endpoint has an
 * executor); google.bytestream ByteStream; grpc.health.v1 Health.
 */
#pragma once

#include "cas.h"
#include "recc-config.h" /* for who reads it at a start */
#include <gio/gio.h>

G_BEGIN_DECLS

#define SLUICE_BRIDGE_ERROR (sluice_bridge_error_quark())
GQuark sluice_bridge_error_quark(void);
typedef enum {
    SLUICE_BRIDGE_ERROR_ADDRESS, /* not an address, or cannot be listened on */
    SLUICE_BRIDGE_ERROR_START,
    SLUICE_BRIDGE_ERROR_UNREACHABLE, /* nobody answers at a remote's address */
    SLUICE_BRIDGE_ERROR_CERTIFICATE, /* this and what follows: of the file of that kind */
    SLUICE_BRIDGE_ERROR_KEY,
    SLUICE_BRIDGE_ERROR_CLIENT_CA,
    SLUICE_BRIDGE_ERROR_TOKENS
} SluiceBridgeError;

/* ---- Environment and keys (design 3.1-3.3) ------------------------------------------------------------------------------- */

typedef struct {
    SluiceDigest root; /* staged root after integration, before sources */
    const char *os;    /* "linux" */
    const char *isa;   /* "x86-64" */
    uint32_t uid, gid; /* inside the sandbox */
    uint32_t layout;   /* SLUICE_SANDBOX_LAYOUT of the caller */
    const char *scope; /* "full", or a name for the subset that `root` then holds */
} SluiceEnvironment;

/* Encodes it canonically, stores it, and gives its digest E. */
gboolean sluice_environment_store(SluiceStore *store, const SluiceEnvironment *environment, SluiceDigest *out,
                                  GError **error);
/* The same digest without storing. */
void sluice_environment_digest(const SluiceEnvironment *environment, SluiceDigest *out);
/* K: the digest of the witness Action of (E, A).  `witness` (may be NULL) gets the Action's bytes. */
void sluice_witness_key(const SluiceDigest *environment, const SluiceDigest *action, SluiceDigest *key,
                        GBytes **witness);

/* Reads an Environment back; NOT_FOUND, or PROTO errors if the blob is none.  Its strings are new: clear it. */
gboolean sluice_environment_read(SluiceStore *store, const SluiceDigest *digest, SluiceEnvironment *out,
                                 GError **error);
void sluice_environment_clear(SluiceEnvironment *environment);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SluiceEnvironment, sluice_environment_clear)
/* What a witness Action is the witness of.  FALSE: it is none. */
gboolean sluice_witness_read(GBytes *witness, SluiceDigest *environment, SluiceDigest *action);

/* The words of an action's command (char *), or NULL: it is not in the store, or no action.  They come from a client. */
GPtrArray *sluice_action_read_arguments(SluiceStore *store, const SluiceDigest *digest);

typedef struct {
    char *path;
    gboolean directory;
    gboolean has_digest; /* of a file its own, of a directory that of its Tree or of itself */
    SluiceDigest digest;
    char *target; /* of a symlink, else NULL */
} SluiceNamedOutput;
/* The outputs that an encoded ActionResult names, SluiceNamedOutput in an array that frees them; `exit_code` may be NULL. */
GPtrArray *sluice_result_read_outputs(GBytes *result, int *exit_code, GError **error);

/* ---- Origins: where a result came from ------------------------------------------------------------------------------------------ */

typedef enum {
    SLUICE_PRODUCER_UNKNOWN,
    SLUICE_PRODUCER_EXECUTOR, /* ours */
    SLUICE_PRODUCER_CLUSTER,  /* executed there */
    SLUICE_PRODUCER_CLIENT,   /* a client that may store results */
    SLUICE_PRODUCER_FETCHED   /* found in the cluster's action cache: who made it, it does not say */
} SluiceProducer;

/* What executing an action again told of the result that was kept. */
typedef enum {
    SLUICE_AUDIT_NONE,
    SLUICE_AUDIT_SAME,
    SLUICE_AUDIT_MESSAGES, /* only its standard output or error is another */
    SLUICE_AUDIT_UNSTABLE, /* it differs, but from one run to the next, too: the action is not deterministic */
    SLUICE_AUDIT_WRONG,    /* two runs agree with each other where they differ from it */
    SLUICE_AUDIT_IMPOSSIBLE
} SluiceAuditVerdict;

/* The note beside a result in the store (cas.h).  Strings are NULL where nothing is known; but for `element` and `project` they come from peers,
 * are unproven, and may hold anything that is valid UTF-8: strip them before they are shown. */
typedef struct {
    SluiceProducer producer;
    gboolean has_environment; /* FALSE: a plain cache */
    SluiceDigest environment, action;
    int64_t stored; /* seconds since 1970 */
    char *element, *project;
    char *tool, *invocation, *target, *mnemonic;
    char *user, *peer; /* of a client that showed who it is */
    char *cluster;     /* its URL and instance */
    SluiceAuditVerdict audit;
    int64_t audited;      /* seconds since 1970 */
    char *findings;       /* lines: what differed, and who had made it */
    gboolean has_refused; /* WRONG: the result that is not kept again, whoever brings it */
    SluiceDigest refused; /* its outputs */
} SluiceOrigin;
gboolean sluice_origin_decode(const void *data, gsize length, SluiceOrigin *out, GError **error);
void sluice_origin_clear(SluiceOrigin *origin);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SluiceOrigin, sluice_origin_clear)

/* ---- Bridge --------------------------------------------------------------------------------------------------------------- */

typedef struct SluiceBridge SluiceBridge;
/* Changes two things of the whole process, so it comes before other threads: malloc has one heap from then on, and what is mapped of the store's index is
 * given back (sluice_store_set_mapped_limit). */
SluiceBridge *sluice_bridge_new(SluiceStore *store, GError **error);
/* Closes all endpoints, waits for calls in flight, ends the threads. */
void sluice_bridge_free(SluiceBridge *bridge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceBridge, sluice_bridge_free)

typedef enum {
    SLUICE_CACHE_WRITES_OFF,
    SLUICE_CACHE_WRITES_EXECUTED, /* only results that our executor or the cluster produced */
    SLUICE_CACHE_WRITES_TRUSTED   /* UpdateActionResult is accepted */
} SluiceCacheWrites;

/* ---- Execution (design 3.4, 3.5) ------------------------------------------------------------------------------------------- */

/* An action to be run: checked, complete in the store, the parents of its outputs made.  Borrowed for the time of the call. */
typedef struct {
    SluiceDigest input_root;
    const char *const *arguments;   /* NULL-terminated; the first is a program */
    const char *const *environment; /* NULL-terminated "NAME=value" */
    const char *working_directory;  /* below the input root; "" for the root itself */
    /* The input root is laid over the environment's, because the client names a root that it wants this for (the platform property
     * chrootRootDigest, whose value does not matter here); else it is at a place of its own. */
    gboolean over_root;
    int64_t timeout_us; /* 0: none asked for */
} SluiceExecution;

typedef struct {
    int exit_code;
    SluiceDigest root; /* the tree of the input root after the command: from it the outputs are taken */
    SluiceDigest standard_output, standard_error;
    int64_t started, ended; /* of the command itself; g_get_real_time() */
    /* Why it was stopped, if it took more than it may (g_free); then it has failed, and `root` is not looked at. */
    char *stopped;
} SluiceExecutionOutcome;

/* How actions are run; the bridge itself knows no sandbox. */
typedef struct {
    /* Called on threads of the bridge, at most `parallel` at a time; may block.  A command that fails is a success with its exit code.
     * FALSE: it was not run to its end; G_IO_ERROR_TIMED_OUT and G_IO_ERROR_CANCELLED say why, all else is a fault of this machine. */
    gboolean (*execute)(const SluiceExecution *execution, GCancellable *cancellable, SluiceExecutionOutcome *outcome,
                        gpointer data, GError **error);
    gpointer data;
    unsigned parallel;
    int64_t timeout_us; /* the longest that an action may take, and may ask for; 0: any */
} SluiceExecutor;

/* ---- Audits: hits that are executed again, after they were answered ------------------------------------------------------------------- */

/* One hit.  Borrowed for the call. */
typedef struct {
    SluiceAuditVerdict verdict;
    SluiceDigest key, action;
    const SluiceOrigin *made, *asked; /* who had made the result, as far as that is known; who was given it */
    const char *const *differences;   /* NULL-terminated: "PATH: cached file DIGEST, executed file DIGEST" */
    const char *reason;               /* IMPOSSIBLE: why; another: why it is not kept; or NULL */
    gboolean dropped;                 /* WRONG: nothing stands in its place, because the action fails */
} SluiceAuditReport;

typedef struct {
    unsigned percent; /* of the keys, always the same ones; 0: none */
    /* Called on threads of the bridge for each hit whose verdict is not SAME; may be NULL. */
    void (*report)(const SluiceAuditReport *report, gpointer data);
    gpointer data;
} SluiceAuditPolicy;

/* ---- Upstream: a cluster behind the endpoints (design section 8) ------------------------------------------------------------ */

/* The keys of a service that can be at fault. */
typedef enum {
    SLUICE_REMOTE_URL,
    SLUICE_REMOTE_INSTANCE,
    SLUICE_REMOTE_PUSH,
    SLUICE_REMOTE_SERVER_CERT,
    SLUICE_REMOTE_CLIENT_CERT,
    SLUICE_REMOTE_CLIENT_KEY,
    SLUICE_REMOTE_ACCESS_TOKEN,
    SLUICE_N_REMOTE_KEYS
} SluiceRemoteKey;

/* One service of the cluster.  Strings are copied. */
typedef struct {
    const char *name; /* of its key in the configuration, for messages: "storage-service" */
    /* The places of its keys there, "FILE [line L column C]"; where one is NULL, the URL's is named, if there is that. */
    const char *where[SLUICE_N_REMOTE_KEYS];
    const char *url;         /* grpc:, grpcs:, http:, https: with a host, or unix:PATH */
    const char *instance;    /* or NULL */
    const char *server_cert; /* path of the certificates to believe in; NULL: the system's */
    const char *client_cert; /* paths; both or none */
    const char *client_key;
    const char *access_token; /* path of a bearer token, read again when it changes; or NULL */
    unsigned keepalive_time;  /* seconds; 0 for this and the next three: our defaults */
    unsigned retry_limit;     /* attempts after the first */
    gboolean no_retry;        /* there are none, whatever the limit */
    unsigned retry_delay;     /* milliseconds before the first of them */
    unsigned request_timeout; /* seconds */
    gboolean push;            /* an action cache: give it results */
} SluiceRemote;

/* How the environment of an action gets to where it runs (design section 3.5). */
typedef enum {
    SLUICE_REMOTE_ENVIRONMENT_NONE,       /* not said: nothing is executed there */
    SLUICE_REMOTE_ENVIRONMENT_IMAGE,      /* the workers have it: their operator answers for it */
    SLUICE_REMOTE_ENVIRONMENT_CHROOT,     /* the platform property chrootRootDigest names it (BuildBox) */
    SLUICE_REMOTE_ENVIRONMENT_INPUT_ROOT, /* it is put under the inputs, and workers chroot into them (Buildbarn) */
    SLUICE_REMOTE_ENVIRONMENT_CLIENT      /* for endpoints without one: clients' actions are run there as they are */
} SluiceRemoteEnvironment;

typedef struct {
    const SluiceRemote *storage;
    const SluiceRemote *action_cache; /* NULL: results are not looked up there */
    const SluiceRemote *execution;    /* NULL: nothing is executed there */
    SluiceRemoteEnvironment environment;
    gboolean required; /* its failure is the caller's failure; else work goes on without it */
} SluiceUpstreamConfig;

/* What is known of the cluster's state, shared by this process and those that it forks: make it before, free it after them.  It is the circuit
 * breaker: a cluster that fails is left alone for a time, and reported once. */
typedef struct SluiceUpstreamHealth SluiceUpstreamHealth;
SluiceUpstreamHealth *sluice_upstream_health_new(void);
void sluice_upstream_health_free(SluiceUpstreamHealth *health);
/* Whether anything was wrong with the cluster. */
gboolean sluice_upstream_health_is_bad(const SluiceUpstreamHealth *health);

/* A sentence for the user; from any thread. */
typedef void (*SluiceUpstreamWarnFunc)(const char *message, gpointer data);

typedef struct SluiceUpstream SluiceUpstream;
/* Connects nowhere yet.  START: a file of the configuration cannot be used (the message names its key).  Starts gRPC. */
SluiceUpstream *sluice_upstream_new(SluiceStore *store, const SluiceUpstreamConfig *config,
                                    SluiceUpstreamHealth *health, SluiceUpstreamWarnFunc warn, gpointer data,
                                    GError **error);
/* Asks all services for their capabilities, blocking.  START: the configuration is wrong, with its place and what to do.  UNREACHABLE: nobody answers. */
gboolean sluice_upstream_check(SluiceUpstream *upstream, GError **error);
/* Nobody asks it for a time: it did not answer.  TRUE: the user has not been told yet, and it is for the caller to do. */
gboolean sluice_upstream_give_up(SluiceUpstream *upstream);
/* Gives the cluster the results that wait for it in the store, whoever left them there; blocks.  FALSE: it ended early; what was not given
 * still waits.  `uploaded` and `left` (may be NULL) count results. */
gboolean sluice_upstream_push(SluiceUpstream *upstream, GCancellable *cancellable, unsigned *uploaded, unsigned *left,
                              GError **error);
/* How many results wait in the store, for any cluster. */
unsigned sluice_upstream_count_waiting(SluiceStore *store);
/* From now on results of endpoints are given to the cluster in a thread, as they come. */
gboolean sluice_upstream_start_pushing(SluiceUpstream *upstream, GError **error);
/* Counted since it was made. */
typedef struct {
    uint64_t lookups, hits, uploads; /* results */
    uint64_t bytes_read, bytes_written, blobs_read, blobs_written, failures;
    uint64_t executions; /* that came to an end there */
} SluiceUpstreamStats;
void sluice_upstream_get_stats(SluiceUpstream *upstream, SluiceUpstreamStats *stats);
/* Ends what is under way.  Close its endpoints first. */
void sluice_upstream_free(SluiceUpstream *upstream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceUpstream, sluice_upstream_free)

/* ---- Endpoints -------------------------------------------------------------------------------------------------------------- */
/* ---- Who may do what (a server for a team) ----------------------------------------------------------------------------------- */

typedef enum {
    SLUICE_ROLE_NONE, /* asks for the server's health only */
    SLUICE_ROLE_READ,
    SLUICE_ROLE_READ_WRITE /* uploads, updates and executes too */
} SluiceRole;
/* "none", "read", "read-write". */
gboolean sluice_role_parse(const char *text, SluiceRole *out);
const char *sluice_role_name(SluiceRole role);

/* The role of clients whose certificate has `name` as common name, subject alternative name (DNS, mail, URI) or whole subject (as
 * "CN=ci,O=Example"); "*": of every certificate that the server's CA signed. */
typedef struct {
    const char *name;
    SluiceRole role;
} SluiceCertificateRole;

typedef struct {
    SluiceRole anonymous;                      /* of clients with neither token nor certificate */
    const char *token_file;                    /* lines of NAME ROLE TOKEN; or NULL */
    const SluiceCertificateRole *certificates; /* copied; the first that fits counts */
    gsize n_certificates;
} SluiceAccessOptions;

typedef struct SluiceAccess SluiceAccess;
/* TOKENS: the file cannot be read, is readable by everybody, or is wrong; the message names file and line. */
SluiceAccess *sluice_access_new(const SluiceAccessOptions *options, GError **error);
/* Reads the token file again if it is another than before.  After a failure the old tokens count; it is told once. */
gboolean sluice_access_reload(SluiceAccess *access, gboolean *changed, GError **error);
void sluice_access_free(SluiceAccess *access);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceAccess, sluice_access_free)

typedef struct {
    const char *certificate, *key; /* PEM; the certificate may be followed by its chain */
    const char *client_ca;         /* PEM; NULL: clients are not asked for certificates */
    gboolean require_client;       /* clients without certificate are turned away at once */
} SluiceTlsOptions;

typedef struct SluiceTls SluiceTls;
/* CERTIFICATE, KEY or CLIENT_CA: the file cannot be read, is wrong, has expired, does not fit the other, or is a key that everybody may
 * read. */
SluiceTls *sluice_tls_new(const SluiceTlsOptions *options, GError **error);
/* As sluice_access_reload; for connections that come from now on. */
gboolean sluice_tls_reload(SluiceTls *tls, gboolean *changed, GError **error);
/* When the server's certificate ends, in seconds since 1970. */
int64_t sluice_tls_get_expiry(SluiceTls *tls);
void sluice_tls_free(SluiceTls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceTls, sluice_tls_free)

/* One call that is over.  Strings are borrowed, come from peers, and may be NULL where nothing is known. */
typedef struct {
    const char *method; /* "/package.Service/Method", as the client called it */
    const char *status; /* "OK", "NOT_FOUND", … */
    const char *peer, *user;
    SluiceRole role;
    gboolean tls;
    int64_t ended_us, duration_us; /* since 1970; of the call */
    uint64_t bytes_received, bytes_sent;
    const char *tool, *invocation, *action, *target; /* of the client's RequestMetadata */
} SluiceCallRecord;

/* Called on the serving thread or a worker: must not block. */
typedef struct {
    void (*call_ended)(const SluiceCallRecord *record, gpointer data);
    gpointer data;
} SluiceCallObserver;

typedef struct {
    const SluiceDigest *environment; /* E; NULL: a plain cache, keyed by the client's digests (`sluice serve`) */
    SluiceCacheWrites cache_writes;
    const char *label; /* element name, for logs */
    const SluiceExecutor
        *executor;            /* copied; NULL: nothing is executed, but by the cluster where there is one that does */
    SluiceUpstream *upstream; /* borrowed, until the endpoint is closed; NULL: there is only the store */
    SluiceAccess *access;     /* borrowed; NULL: whoever reaches the socket may do everything */
    SluiceTls *tls;           /* borrowed; NULL: TCP is not encrypted.  UNIX sockets never are */
    const SluiceCallObserver *observer; /* copied; or NULL */
    gboolean metered;                   /* keeps what sluice_endpoint_put_metrics tells */
    const char *project;                /* of the element, for origins; or NULL */
    SluiceAuditPolicy audit;            /* needs an executor */
} SluiceEndpointPolicy;

/* Counted since the endpoint was opened. */
typedef struct {
    uint64_t calls; /* of any method */
    uint64_t lookups, hits, misses, updates, updates_refused;
    uint64_t bytes_read, bytes_written;           /* blob contents */
    uint64_t errors;                              /* calls answered with a status that is the client's fault */
    uint64_t executed;                            /* actions that were run to their end */
    uint64_t audits[SLUICE_AUDIT_IMPOSSIBLE + 1]; /* by verdict; NONE: begun, or waiting, or given up */
} SluiceEndpointStats;

typedef struct SluiceEndpoint SluiceEndpoint;
SluiceEndpoint *sluice_endpoint_new(SluiceBridge *bridge, const SluiceEndpointPolicy *policy, GError **error);
/* "unix:PATH" (a live server's socket is refused, a stale one replaced) or "HOST:PORT" (port 0: any).  May be called several times.
 * `port` (may be NULL) gets the TCP port. */
gboolean sluice_endpoint_listen(SluiceEndpoint *endpoint, const char *address, int *port, GError **error);
/* Serves connections accepted from an already listening socket; takes the descriptor. */
gboolean sluice_endpoint_add_listener(SluiceEndpoint *endpoint, int fd, GError **error);
/* Whether only this machine can reach it: a UNIX socket, or nothing but loopback addresses (or no address at all). */
gboolean sluice_address_is_local(const char *address);
/* The same of a socket that listens. */
gboolean sluice_listener_is_local(int fd);
/* A socket that listens on HOST:PORT; -1 with ADDRESS.  `port` (may be NULL) gets the port. */
int sluice_address_bind_tcp(const char *address, int *port, GError **error);
void sluice_endpoint_get_stats(SluiceEndpoint *endpoint, SluiceEndpointStats *stats);
/* Appends what a `metered` endpoint counted, in Prometheus' text format. */
void sluice_endpoint_put_metrics(SluiceEndpoint *endpoint, GString *out);
/* Waits for audits that were begun, with all threads that the executor may have, until `cancellable` (may be NULL) gives them up.  No call is waited
 * for. */
void sluice_endpoint_finish_audits(SluiceEndpoint *endpoint, GCancellable *cancellable);
/* The health service says NOT_SERVING from now on. */
void sluice_endpoint_set_unhealthy(SluiceEndpoint *endpoint);
/* Stops listening, tells clients to go elsewhere, and gives calls so many seconds to end.  FALSE: some have not. Only close may follow. */
gboolean sluice_endpoint_drain(SluiceEndpoint *endpoint, unsigned seconds);
/* Stops listening, cancels calls, frees. */
void sluice_endpoint_close(SluiceEndpoint *endpoint);

/* ---- Compiler launchers (design section 7) ------------------------------------------------------------------------------------ */

/* Where they run.  All is borrowed for the call but `upper`, which is taken, and `upstream`, which is borrowed until the end. */
typedef struct {
    SluiceDigest environment;      /* E */
    SluiceDigest environment_root; /* its tree */
    SluiceDigest root;             /* what is staged: that, with sources in it */
    int upper;                     /* directory descriptor of the layer of what commands wrote over it */
    const char *const *mounted;    /* NULL-terminated absolute paths where neither is seen: /tmp, /dev, … */
    const char *element, *project; /* for origins; or NULL */
    const char *folder;            /* where sources are built: results may be used in another such folder; or NULL */
    SluiceUpstream *upstream;      /* or NULL */
    const char *const *
        settings; /* recc's that name it (recc_variables_dup): compilers with others run by themselves; NULL: they mean nothing */
} SluiceLauncherPlace;

/* Counted since it was made. */
typedef struct {
    uint64_t hits;
    uint64_t misses;  /* compiles that were watched */
    uint64_t learned; /* of these, results that were kept */
    uint64_t others;  /* compilers that ran as if we were not there */
} SluiceLauncherStats;

/* Answers the compiler launchers of one sandbox (recc-shim/): which outputs a compile has, without running it.  Results are kept under the
 * environment as those of a trusted client are: who can write in the sandbox can say what a compile makes there. */
typedef struct SluiceLauncher SluiceLauncher;
SluiceLauncher *sluice_launcher_new(SluiceStore *store, const SluiceLauncherPlace *place, GError **error);
/* Serves those who connect to a UNIX stream socket that listens; takes the descriptor. */
gboolean sluice_launcher_add_listener(SluiceLauncher *launcher, int fd, GError **error);
/* Serves nobody any more; what was being learned is learned. */
void sluice_launcher_stop(SluiceLauncher *launcher);
void sluice_launcher_get_stats(SluiceLauncher *launcher, SluiceLauncherStats *stats);
/* Why compiles were not looked up or not kept: "REASON COUNT", sorted by name; NULL-terminated, g_strfreev. */
char **sluice_launcher_dup_reasons(SluiceLauncher *launcher);
/* Stops it first. */
void sluice_launcher_free(SluiceLauncher *launcher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceLauncher, sluice_launcher_free)

G_END_DECLS
