/*
 * upstream.h - a cluster behind the endpoints: the services that it consists of, what is asked of them, what waits to be given to them.  For
 * upstream-*.c and the services that use it.
 *
 * Everything here blocks its thread until the answer is there, its time is over or the peer is stopped.  Errors of a call are in the domain
 * SLUICE_STATUS_ERROR, whose codes are grpc_status_code.
 */
#pragma once

#include "bridge-private.h"

#define SLUICE_STATUS_ERROR (sluice_status_error_quark())
GQuark sluice_status_error_quark(void);

#define SLUICE_REAPI(method)      "/build.bazel.remote.execution.v2." method
#define SLUICE_BYTESTREAM(method) "/google.bytestream.ByteStream/" method

/* ---- Secrets (upstream-secret.c) ----------------------------------------------------------------------------------------------- */

/* A whole file of at most `limit` bytes, NUL-terminated. */
char *sluice_secret_read(const char *path, gsize limit, gsize *length, GError **error);
/* The contents of a file without white space around them, read again when the file has changed. */
typedef struct SluiceToken SluiceToken;
SluiceToken *sluice_token_new(const char *path, GError **error);
/* While a changed file cannot be read, the last token that could.  Free with g_free. */
char *sluice_token_dup(SluiceToken *token);
void sluice_token_free(SluiceToken *token);

/* ---- Addresses (upstream-address.c) ------------------------------------------------------------------------------------------ */

/* The RPC library's name of the target; `tls` and `local` (it does not leave this machine).  ADDRESS with what is wrong. */
char *sluice_remote_address(const char *url, gboolean *tls, gboolean *local, GError **error);

/* ---- Peers (upstream-peer.c): one service and the calls to it --------------------------------------------------------------------- */

typedef struct {
    char *name, *url, *instance;       /* instance "" for none */
    char *where[SLUICE_N_REMOTE_KEYS]; /* or NULL */
    SluiceToken *token;
    grpc_channel *channel;
    unsigned retry_limit, retry_delay, request_timeout; /* 0: the defaults */
    gboolean no_retry, push;
    GMutex lock; /* for what follows */
    GCond changed;
    GQueue calls; /* grpc_call *, in flight */
    gboolean stopped;
} SluicePeer;

SluicePeer *sluice_peer_new(const SluiceRemote *remote, GError **error);
/* Cancels all calls; later ones fail. */
void sluice_peer_stop(SluicePeer *peer);
void sluice_peer_free(SluicePeer *peer);
/* `problem` with the service, its URL and the place of the key in the configuration in front. */
char *sluice_peer_describe(const SluicePeer *peer, SluiceRemoteKey key, const char *problem);

/* One message each way; takes the request. */
GBytes *sluice_peer_call(SluicePeer *peer, const char *method, SluiceReply *request, int64_t timeout_us,
                         GError **error);

/* A stream.  After open, any number of send and receive, then finish, always. */
typedef struct {
    SluicePeer *peer;
    grpc_call *call;
    grpc_completion_queue *queue;
    GList *link;
    gboolean headers;
} SluiceStream;
/* FALSE: it did not start, and needs no finish. */
gboolean sluice_stream_open(SluiceStream *stream, SluicePeer *peer, const char *method, int64_t timeout_us,
                            GError **error);
/* Takes the message.  FALSE: nothing more is taken; finish tells why. */
gboolean sluice_stream_send(SluiceStream *stream, SluiceReply *message, gboolean last);
/* NULL: nothing more comes. */
GBytes *sluice_stream_receive(SluiceStream *stream);
void sluice_stream_cancel(SluiceStream *stream);
gboolean sluice_stream_finish(SluiceStream *stream, GError **error);

/* ---- Attempts (upstream-retry.c) --------------------------------------------------------------------------------------------------- */

typedef enum {
    SLUICE_WAITED_FOR, /* a client waits: few and quick attempts */
    SLUICE_BACKGROUND
} SluiceUrgency;
typedef gboolean (*SluiceAttemptFunc)(gpointer data, GError **error);
/* Until it works, fails for good, or has been tried often enough. */
gboolean sluice_peer_try(SluicePeer *peer, SluiceUrgency urgency, SluiceAttemptFunc attempt, gpointer data,
                         GError **error);
/* Whether it may work later without anybody's doing. */
gboolean sluice_status_is_transient(const GError *error);
/* What was asked is not wanted, and never will be. */
gboolean sluice_status_is_refusal(const GError *error);
/* Milliseconds before attempt `number` (from 1): exponential, with a jitter of a quarter; `random` is any number. */
unsigned sluice_retry_delay(unsigned first, unsigned number, uint32_t random);
int64_t sluice_peer_timeout(const SluicePeer *peer, SluiceUrgency urgency);
/* For `bytes` of contents. */
int64_t sluice_transfer_timeout(int64_t bytes);

/* ---- Health (upstream-health.c) ------------------------------------------------------------------------------------------------------ */

typedef enum { SLUICE_HEALTH_FINE, SLUICE_HEALTH_FAILING, SLUICE_HEALTH_SLOW, SLUICE_HEALTH_LYING } SluiceHealthChange;

/* Whether it is worth to ask now; of those who find the breaker due, one is let through. */
gboolean sluice_health_allows(SluiceUpstreamHealth *health);
/* `elapsed_us` of an answer that a client waited for; 0: of something else.  Not FINE if this opened the breaker. */
SluiceHealthChange sluice_health_note(SluiceUpstreamHealth *health, gboolean good, int64_t elapsed_us);
/* The same for bytes that are not what they should be. */
SluiceHealthChange sluice_health_note_lie(SluiceUpstreamHealth *health);
/* TRUE for one caller only. */
gboolean sluice_health_claim_warning(SluiceUpstreamHealth *health);

/* ---- Answers (upstream-answer.c): what servers send, decoded ------------------------------------------------------------------------------ */

typedef struct {
    SluiceDigest digest;
    SluiceSpan data;
    int64_t code; /* 0: OK */
    SluiceSpan message;
} SluiceBlobAnswer;

typedef struct {
    gboolean cache, sha256, updates, execution, execution_sha256;
    int64_t batch_limit; /* 0: none told */
} SluiceServerCapabilities;

/* Appends SluiceDigest. */
gboolean sluice_answer_missing(GBytes *answer, GArray *out, GError **error);
/* SluiceBlobAnswer, borrowed from the answer: of a batch read or (without data) of a batch update. */
GArray *sluice_answer_read(GBytes *answer, GError **error);
GArray *sluice_answer_update(GBytes *answer, GError **error);
gboolean sluice_answer_chunk(GBytes *answer, SluiceSpan *data, GError **error);
gboolean sluice_answer_committed(GBytes *answer, int64_t *size, GError **error);
gboolean sluice_answer_capabilities(GBytes *answer, SluiceServerCapabilities *out, GError **error);

/* ---- The cluster (upstream.c) --------------------------------------------------------------------------------------------------------------- */

struct SluiceUpstream {
    SluiceStore *store;
    SluicePeer *storage, *action_cache, *execution; /* the last two may be NULL */
    SluiceRemoteEnvironment environment;
    _Atomic int required; /* a test changes it */
    char *queue_prefix;   /* of the names under which results wait for it */
    SluiceUpstreamHealth *health, *own_health;
    SluiceUpstreamWarnFunc warn;
    gpointer warn_data;
    GThreadPool *threads; /* wait for answers on behalf of calls */
    GThread *pusher;
    GAsyncQueue *waiting; /* SluiceDigest *: keys for the pusher */
    GCancellable *cancellable;
    GMutex lock;
    GHashTable *given;  /* SluiceDigest: blobs that it has, as far as we know; under the lock too */
    GHashTable *absent; /* SluiceDigest → int64_t: keys that it did not have, and until when that is believed */
    _Atomic int64_t batch_limit;
    _Atomic uint64_t lookups, hits, uploads, bytes_read, bytes_written, blobs_read, blobs_written, failures, executions;
};

/* Whether there is anything to hope for now. */
gboolean sluice_upstream_is_usable(SluiceUpstream *upstream);
/* Notes how a call went, and warns where that is due.  `problem` may be NULL: it went well. */
void sluice_upstream_note(SluiceUpstream *upstream, const SluicePeer *peer, const GError *problem, int64_t elapsed_us);
/* `func` on one of its threads. */
void sluice_upstream_run(SluiceUpstream *upstream, SluiceCall *call, SluiceCallFunc func);

/* ---- Blobs (upstream-blobs.c, upstream-transfer.c) -------------------------------------------------------------------------------------------- */

/* Reads the blobs that the store lacks (duplicates are allowed), each verified before it is kept.  NOT_FOUND: the server lacks one. */
gboolean sluice_upstream_fetch(SluiceUpstream *upstream, const GArray *digests, GError **error);
/* Gives the server those that it lacks; they are in the store.  What it was found to have is not asked for again. */
gboolean sluice_upstream_give(SluiceUpstream *upstream, const GArray *digests, SluiceUrgency urgency, GError **error);
/* From now on nothing is believed of what it has. */
void sluice_upstream_forget_given(SluiceUpstream *upstream);
/* One blob of any size, by ByteStream. */
gboolean sluice_upstream_read_blob(SluiceUpstream *upstream, const SluiceDigest *digest, GError **error);
gboolean sluice_upstream_write_blob(SluiceUpstream *upstream, const SluiceDigest *digest, SluiceUrgency urgency,
                                    GError **error);

/* ---- Results (upstream-result.c, upstream-push.c) ----------------------------------------------------------------------------------------------- */

/* The result that the cluster keeps under `key`, complete and in the store.  NULL without error: there is none.  `origin`: who asks; where it was
 * found is added. */
GBytes *sluice_upstream_lookup(SluiceUpstream *upstream, const SluiceDigest *key, SluiceOrigin *origin, GError **error);
/* URL and instance of a service; new. */
char *sluice_upstream_name(const SluicePeer *peer);
/* Everything that a result names and that can be reached in the store, appended to `out`; what is named but not there, to `absent`. */
gboolean sluice_result_collect(SluiceStore *store, const SluiceResult *result, GArray *out, GArray *absent,
                               GError **error);
/* The directories below `root` that are in the store, each once, and all that they name. */
gboolean sluice_closure_collect(SluiceStore *store, const SluiceDigest *root, GArray *out, GError **error);
/* Decodes what a server sent as a result, and checks what can be checked without its blobs.  Clear `out` also after an error. */
gboolean sluice_result_accept(GBytes *bytes, SluiceResult *out, GError **error);
/* Fetches all that a result names and the store lacks; then it is complete.  NOT_FOUND if that cannot be. */
gboolean sluice_result_fetch(SluiceUpstream *upstream, const SluiceResult *result, GError **error);
/* Notes, durably, that the result kept under `key` is to be given to the cluster. */
gboolean sluice_upstream_enqueue(SluiceUpstream *upstream, const SluiceDigest *key, GBytes *result, GError **error);

/* ---- Execution (upstream-action.c, upstream-execute.c) ----------------------------------------------------------------------------------------------- */

/* A′, in the store, and what it needs beside its Command. */
typedef struct {
    SluiceDigest digest, input_root, environment_root;
    gboolean has_environment_root; /* it is needed as well */
} SluiceClusterAction;
/* `action`: the client's, with that input root.  AMBIGUOUS where two readers could understand it differently. */
gboolean sluice_cluster_action_make(SluiceStore *store, SluiceRemoteEnvironment mode, const SluiceDigest *environment,
                                    GBytes *action, const SluiceDigest *input_root, SluiceClusterAction *out,
                                    GError **error);

typedef struct {
    SluiceDigest environment, action, command,
        input_root; /* all of them in the store; the first is left alone where the client's is the mode */
    gboolean skip_lookup;
    /* Called on the waiting thread when the cluster says another stage than before (SluiceExecutionStage); may be NULL. */
    void (*staged)(unsigned stage, gpointer data);
    gpointer data;
} SluiceClusterRequest;

typedef struct {
    char *name;     /* of the operation */
    unsigned stage; /* as told last; 0: never */
    gboolean done;
    int code; /* grpc_status_code of the execution; OK: there is a result */
    char *message;
    GBytes *result;
    gboolean cached;
    gboolean failed; /* the command did: its exit code is not 0 */
} SluiceClusterOutcome;
void sluice_cluster_outcome_clear(SluiceClusterOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SluiceClusterOutcome, sluice_cluster_outcome_clear)
/* An Operation, into what is known of it. */
gboolean sluice_answer_operation(GBytes *answer, SluiceClusterOutcome *out, GError **error);

/* Whether actions of endpoints with an environment, or of those without one, are run there at all. */
gboolean sluice_upstream_has_execution(const SluiceUpstream *upstream, gboolean keyed);
/* Runs it there; TRUE: with a result, all of it in the store, or with the verdict DEADLINE_EXCEEDED.  FALSE: the cluster could not. */
gboolean sluice_upstream_execute(SluiceUpstream *upstream, const SluiceClusterRequest *request,
                                 GCancellable *cancellable, SluiceClusterOutcome *out, GError **error);
