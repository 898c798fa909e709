/* A service of the cluster: its channel with its credentials, and calls to it, each waited for on a completion queue of its own. */
#include "upstream.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <openssl/err.h>
#include <openssl/pem.h>

G_DEFINE_QUARK(sluice - status - error - quark, sluice_status_error)

/* ---- Channels ----------------------------------------------------------------------------------------------------------------- */

/* Nobody is there to type one. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
    return 0;
}

/* The RPC library takes anything between the lines, and then never connects. */
static gboolean holds_something(const char *text, SluiceRemoteKey key)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *certificate = NULL;
    EVP_PKEY *private_key = NULL;
    if (key == SLUICE_REMOTE_CLIENT_KEY)
        private_key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    else
        certificate = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);
    gboolean found = certificate != NULL || private_key != NULL;
    X509_free(certificate);
    EVP_PKEY_free(private_key);
    BIO_free(bio);
    ERR_clear_error();
    return found;
}

/* Sets `culprit` before it fails, as all that can fail below. */
static gboolean read_pem(const char *path, SluiceRemoteKey key, char **out, SluiceRemoteKey *culprit, GError **error)
{
    gsize length = 0;
    if (path == NULL)
        return TRUE;
    *culprit = key;
    *out = sluice_secret_read(path, SLUICE_LIMIT_SECRET, &length, error);
    if (*out == NULL)
        return FALSE;
    gboolean pem = strlen(*out) == length && strstr(*out, "-----BEGIN ") != NULL;
    if (pem && holds_something(*out, key))
        return TRUE;
    const char *problem = !pem                              ? "is not in PEM format"
                          : key == SLUICE_REMOTE_CLIENT_KEY ? "has no key that can be read without a passphrase"
                                                            : "has no certificate that can be read";
    g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START, "%s %s", path, problem);
    return FALSE;
}

static void forget(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    g_free(secret);
}

static grpc_channel_credentials *tls_credentials(const SluiceRemote *remote, SluiceRemoteKey *culprit, GError **error)
{
    char *roots = NULL, *certificate = NULL, *key = NULL;
    grpc_channel_credentials *credentials = NULL;
    if (read_pem(remote->server_cert, SLUICE_REMOTE_SERVER_CERT, &roots, culprit, error) &&
        read_pem(remote->client_cert, SLUICE_REMOTE_CLIENT_CERT, &certificate, culprit, error) &&
        read_pem(remote->client_key, SLUICE_REMOTE_CLIENT_KEY, &key, culprit, error)) {
        grpc_ssl_pem_key_cert_pair pair = {.private_key = key, .cert_chain = certificate};
        credentials = grpc_ssl_credentials_create_ex(roots, key != NULL ? &pair : NULL, NULL, NULL);
        if (credentials == NULL)
            g_set_error_literal(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START,
                                "the certificates and the key cannot be used together");
    }
    forget(key);
    g_free(certificate);
    g_free(roots);
    return credentials;
}

static grpc_arg integer_arg(const char *key, int value)
{
    return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value};
}

static grpc_channel *create_channel(const SluiceRemote *remote, const char *target,
                                    grpc_channel_credentials *credentials)
{
    enum { MILLISECONDS = 1000, RECONNECT_MIN = 100, RECONNECT_MAX = 5000, NO_COMPRESSION = 1 << GRPC_COMPRESS_NONE };
    int keepalive = remote->keepalive_time > 0 ? (int)MIN(remote->keepalive_time, 24u * 3600) : SLUICE_KEEPALIVE_TIME;
    grpc_arg args[] = {
        integer_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, SLUICE_LIMIT_MESSAGE),
        integer_arg(GRPC_ARG_MAX_METADATA_SIZE, SLUICE_LIMIT_METADATA),
        integer_arg(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive * MILLISECONDS),
        integer_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, SLUICE_KEEPALIVE_TIMEOUT * MILLISECONDS),
        integer_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, MILLISECONDS),
        integer_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, RECONNECT_MIN),
        integer_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, RECONNECT_MAX),
        /* a compressed answer would be a bomb below our size limit */
        integer_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, NO_COMPRESSION),
        integer_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
        /* the attempts are ours, and are counted */
        integer_arg(GRPC_ARG_ENABLE_RETRIES, 0),
    };
    grpc_channel_args all = {.num_args = G_N_ELEMENTS(args), .args = args};
    return grpc_channel_create(target, credentials, &all);
}

/* A token that anybody on the way can read is everybody's. */
static gboolean check_secrets(const SluiceRemote *remote, gboolean tls, gboolean local, SluiceRemoteKey *culprit,
                              GError **error)
{
    const char *certificates = remote->server_cert != NULL   ? "server-cert"
                               : remote->client_cert != NULL ? "client-cert"
                                                             : NULL;
    if (!tls && certificates != NULL) {
        *culprit = remote->server_cert != NULL ? SLUICE_REMOTE_SERVER_CERT : SLUICE_REMOTE_CLIENT_CERT;
        g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START,
                    "%s is of no use with %s: TLS needs grpcs: or https:", certificates, remote->url);
        return FALSE;
    }
    if (tls || local || remote->access_token == NULL)
        return TRUE;
    *culprit = SLUICE_REMOTE_ACCESS_TOKEN;
    g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START,
                "access-token would be sent in the clear to %s: use grpcs: or https:", remote->url);
    return FALSE;
}

static gboolean open_token(SluicePeer *peer, const SluiceRemote *remote, SluiceRemoteKey *culprit, GError **error)
{
    if (remote->access_token == NULL)
        return TRUE;
    *culprit = SLUICE_REMOTE_ACCESS_TOKEN;
    peer->token = sluice_token_new(remote->access_token, error);
    return peer->token != NULL;
}

static gboolean open_channel(SluicePeer *peer, const SluiceRemote *remote, SluiceRemoteKey *culprit, GError **error)
{
    gboolean tls, local;
    *culprit = SLUICE_REMOTE_URL;
    g_autofree char *target = sluice_remote_address(remote->url, &tls, &local, error);
    if (target == NULL || !check_secrets(remote, tls, local, culprit, error) ||
        !open_token(peer, remote, culprit, error))
        return FALSE;
    grpc_channel_credentials *credentials =
        tls ? tls_credentials(remote, culprit, error) : grpc_insecure_credentials_create();
    if (credentials == NULL)
        return FALSE;
    peer->channel = create_channel(remote, target, credentials);
    grpc_channel_credentials_release(credentials);
    return TRUE;
}

static gboolean check_instance(const char *instance, SluiceRemoteKey *culprit, GError **error)
{
    *culprit = SLUICE_REMOTE_INSTANCE;
    if (strlen(instance) <= SLUICE_LIMIT_INSTANCE_NAME && g_utf8_validate(instance, -1, NULL))
        return TRUE;
    g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START, "the instance-name is too long or not UTF-8");
    return FALSE;
}

static const char *find_place(char *const *where, SluiceRemoteKey key)
{
    return where[key] != NULL ? where[key] : where[SLUICE_REMOTE_URL];
}

SluicePeer *sluice_peer_new(const SluiceRemote *remote, GError **error)
{
    SluicePeer *peer = g_new0(SluicePeer, 1);
    SluiceRemoteKey culprit;
    GError *problem = NULL;
    peer->name = g_strdup(remote->name != NULL ? remote->name : "remote");
    for (gsize i = 0; i < G_N_ELEMENTS(peer->where); i++)
        peer->where[i] = g_strdup(remote->where[i]);
    peer->url = g_strdup(remote->url);
    peer->instance = g_strdup(remote->instance != NULL ? remote->instance : "");
    peer->retry_limit = remote->retry_limit;
    peer->no_retry = remote->no_retry;
    peer->retry_delay = remote->retry_delay;
    peer->request_timeout = remote->request_timeout;
    peer->push = remote->push;
    g_mutex_init(&peer->lock);
    g_cond_init(&peer->changed);
    if (check_instance(peer->instance, &culprit, &problem) && open_channel(peer, remote, &culprit, &problem))
        return peer;
    const char *place = find_place(peer->where, culprit);
    g_set_error(error, problem->domain, problem->code, "%s%s%s: %s", place != NULL ? place : "",
                place != NULL ? ": " : "", peer->name, problem->message);
    g_error_free(problem);
    sluice_peer_free(peer);
    return NULL;
}

void sluice_peer_stop(SluicePeer *peer)
{
    g_mutex_lock(&peer->lock);
    peer->stopped = TRUE;
    for (GList *item = peer->calls.head; item != NULL; item = item->next)
        grpc_call_cancel(item->data, NULL);
    g_cond_broadcast(&peer->changed);
    g_mutex_unlock(&peer->lock);
}

void sluice_peer_free(SluicePeer *peer)
{
    g_clear_pointer(&peer->channel, grpc_channel_destroy);
    g_clear_pointer(&peer->token, sluice_token_free);
    g_mutex_clear(&peer->lock);
    g_cond_clear(&peer->changed);
    g_free(peer->name);
    for (gsize i = 0; i < G_N_ELEMENTS(peer->where); i++)
        g_free(peer->where[i]);
    g_free(peer->url);
    g_free(peer->instance);
    g_free(peer);
}

char *sluice_peer_describe(const SluicePeer *peer, SluiceRemoteKey key, const char *problem)
{
    const char *place = find_place(peer->where, key);
    if (place == NULL)
        return g_strdup_printf("%s %s: %s", peer->name, peer->url, problem);
    return g_strdup_printf("%s: %s %s: %s", place, peer->name, peer->url, problem);
}

/* ---- Calls --------------------------------------------------------------------------------------------------------------------- */

static gboolean stopped_error(GError **error)
{
    g_set_error_literal(error, SLUICE_STATUS_ERROR, GRPC_STATUS_CANCELLED, "it was stopped");
    return FALSE;
}

/* A text from outside, for a terminal. */
G_GNUC_NO_INLINE static void set_status_error(GError **error, grpc_status_code code, grpc_slice details)
{
    enum { LONGEST = 500 };
    gsize length = MIN(GRPC_SLICE_LENGTH(details), (gsize)LONGEST);
    g_autofree char *raw = g_strndup((const char *)GRPC_SLICE_START_PTR(details), length);
    g_autofree char *text = g_utf8_make_valid(raw, -1);
    for (char *at = text; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at))
            *at = ' ';
    g_set_error(error, SLUICE_STATUS_ERROR, (int)code, "%s", *text != '\0' ? text : "no reason was given");
}

/* Waits for a place among the calls of the peer. */
static gboolean open_call(SluiceStream *stream, SluicePeer *peer, const char *method, int64_t timeout_us,
                          GError **error)
{
    gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_micros(timeout_us, GPR_TIMESPAN));
    int64_t end = g_get_monotonic_time() + timeout_us;
    g_mutex_lock(&peer->lock);
    gboolean in_time = TRUE;
    while (!peer->stopped && peer->calls.length >= SLUICE_UPSTREAM_CALLS && in_time)
        in_time = g_cond_wait_until(&peer->changed, &peer->lock, end);
    if (peer->stopped || !in_time) {
        g_mutex_unlock(&peer->lock);
        if (in_time)
            return stopped_error(error);
        g_set_error_literal(error, SLUICE_STATUS_ERROR, GRPC_STATUS_DEADLINE_EXCEEDED, "too many calls are under way");
        return FALSE;
    }
    *stream = (SluiceStream){.peer = peer};
    stream->queue = grpc_completion_queue_create_for_pluck(NULL);
    stream->call = grpc_channel_create_call(peer->channel, NULL, GRPC_PROPAGATE_DEFAULTS, stream->queue,
                                            grpc_slice_from_static_string(method), NULL, deadline, NULL);
    g_queue_push_tail(&peer->calls, stream->call);
    stream->link = peer->calls.tail;
    g_mutex_unlock(&peer->lock);
    return TRUE;
}

static void close_call(SluiceStream *stream)
{
    SluicePeer *peer = stream->peer;
    g_mutex_lock(&peer->lock);
    g_queue_delete_link(&peer->calls, stream->link);
    g_cond_signal(&peer->changed);
    g_mutex_unlock(&peer->lock);
    grpc_call_unref(stream->call);
    grpc_completion_queue_shutdown(stream->queue);
    grpc_completion_queue_destroy(stream->queue);
}

/* Starts the operations and waits for them. */
static gboolean run(SluiceStream *stream, const grpc_op *ops, gsize count)
{
    void *tag = (void *)ops;
    grpc_call_error problem = grpc_call_start_batch(stream->call, ops, count, tag, NULL);
    g_assert(problem == GRPC_CALL_OK);
    grpc_event event = grpc_completion_queue_pluck(stream->queue, tag, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    SLUICE_TAKE_OVER(stream->peer);
    return event.success;
}

typedef struct {
    grpc_metadata headers[1];
    gsize count;
} Headers;

static void make_headers(SluicePeer *peer, Headers *out)
{
    out->count = 0;
    if (peer->token == NULL)
        return;
    g_autofree char *token = sluice_token_dup(peer->token);
    g_autofree char *value = g_strconcat("Bearer ", token, NULL);
    out->headers[0] = (grpc_metadata){.key = grpc_slice_from_static_string("authorization"),
                                      .value = grpc_slice_from_copied_string(value)};
    out->count = 1;
}

static void put_headers(grpc_op *op, Headers *headers)
{
    op->op = GRPC_OP_SEND_INITIAL_METADATA;
    op->data.send_initial_metadata.count = headers->count;
    op->data.send_initial_metadata.metadata = headers->headers;
}

static void clear_headers(Headers *headers)
{
    for (gsize i = 0; i < headers->count; i++)
        grpc_slice_unref(headers->headers[i].value);
}

/* NULL: it is compressed, although we take nothing that is. */
static GBytes *take_buffer(grpc_byte_buffer *buffer)
{
    grpc_byte_buffer_reader reader;
    if (buffer->data.raw.compression != GRPC_COMPRESS_NONE || !grpc_byte_buffer_reader_init(&reader, buffer)) {
        grpc_byte_buffer_destroy(buffer);
        return NULL;
    }
    grpc_slice slice = grpc_byte_buffer_reader_readall(&reader);
    GBytes *bytes = g_bytes_new(GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice));
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(buffer);
    return bytes;
}

/* The end of a call. */
typedef struct {
    grpc_metadata_array headers, trailers;
    grpc_status_code code;
    grpc_slice details;
} Ending;

static void ending_init(Ending *ending)
{
    *ending = (Ending){.code = GRPC_STATUS_UNKNOWN, .details = grpc_empty_slice()};
    grpc_metadata_array_init(&ending->headers);
    grpc_metadata_array_init(&ending->trailers);
}

static void put_headers_wanted(grpc_op *op, Ending *ending)
{
    op->op = GRPC_OP_RECV_INITIAL_METADATA;
    op->data.recv_initial_metadata.recv_initial_metadata = &ending->headers;
}

static void put_status_wanted(grpc_op *op, Ending *ending)
{
    op->op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    op->data.recv_status_on_client.trailing_metadata = &ending->trailers;
    op->data.recv_status_on_client.status = &ending->code;
    op->data.recv_status_on_client.status_details = &ending->details;
}

G_GNUC_NO_INLINE static gboolean ending_clear(Ending *ending, GError **error)
{
    gboolean ok = ending->code == GRPC_STATUS_OK;
    if (!ok)
        set_status_error(error, ending->code, ending->details);
    grpc_slice_unref(ending->details);
    grpc_metadata_array_destroy(&ending->headers);
    grpc_metadata_array_destroy(&ending->trailers);
    return ok;
}

GBytes *sluice_peer_call(SluicePeer *peer, const char *method, SluiceReply *request, int64_t timeout_us, GError **error)
{
    SluiceStream stream;
    Headers headers;
    Ending ending;
    grpc_op ops[6];
    grpc_byte_buffer *received = NULL, *sent = sluice_reply_finish(request);
    if (!open_call(&stream, peer, method, timeout_us, error)) {
        grpc_byte_buffer_destroy(sent);
        return NULL;
    }
    make_headers(peer, &headers);
    ending_init(&ending);
    memset(ops, 0, sizeof ops);
    put_headers(&ops[0], &headers);
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = sent;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    put_headers_wanted(&ops[3], &ending);
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &received;
    put_status_wanted(&ops[5], &ending);
    run(&stream, ops, G_N_ELEMENTS(ops));
    close_call(&stream);
    clear_headers(&headers);
    grpc_byte_buffer_destroy(sent);
    g_autoptr(GBytes) answer = received != NULL ? take_buffer(received) : NULL;
    if (!ending_clear(&ending, error))
        return NULL;
    if (answer == NULL)
        g_set_error_literal(error, SLUICE_STATUS_ERROR, GRPC_STATUS_INTERNAL, "the answer is empty, or compressed");
    return g_steal_pointer(&answer);
}

gboolean sluice_stream_open(SluiceStream *stream, SluicePeer *peer, const char *method, int64_t timeout_us,
                            GError **error)
{
    Headers headers;
    grpc_op op;
    if (!open_call(stream, peer, method, timeout_us, error))
        return FALSE;
    make_headers(peer, &headers);
    memset(&op, 0, sizeof op);
    put_headers(&op, &headers);
    run(stream, &op, 1);
    clear_headers(&headers);
    return TRUE;
}

gboolean sluice_stream_send(SluiceStream *stream, SluiceReply *message, gboolean last)
{
    grpc_op ops[2];
    grpc_byte_buffer *buffer = sluice_reply_finish(message);
    memset(ops, 0, sizeof ops);
    ops[0].op = GRPC_OP_SEND_MESSAGE;
    ops[0].data.send_message.send_message = buffer;
    ops[1].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    gboolean ok = run(stream, ops, last ? 2 : 1);
    grpc_byte_buffer_destroy(buffer);
    return ok;
}

GBytes *sluice_stream_receive(SluiceStream *stream)
{
    grpc_op ops[2];
    grpc_byte_buffer *buffer = NULL;
    grpc_metadata_array headers;
    gsize count = 1;
    grpc_metadata_array_init(&headers);
    memset(ops, 0, sizeof ops);
    ops[0].op = GRPC_OP_RECV_MESSAGE;
    ops[0].data.recv_message.recv_message = &buffer;
    if (!stream->headers) {
        ops[1].op = GRPC_OP_RECV_INITIAL_METADATA;
        ops[1].data.recv_initial_metadata.recv_initial_metadata = &headers;
        stream->headers = TRUE;
        count = 2;
    }
    run(stream, ops, count);
    grpc_metadata_array_destroy(&headers);
    return buffer != NULL ? take_buffer(buffer) : NULL;
}

void sluice_stream_cancel(SluiceStream *stream)
{
    grpc_call_cancel(stream->call, NULL);
}

gboolean sluice_stream_finish(SluiceStream *stream, GError **error)
{
    Ending ending;
    grpc_op op;
    ending_init(&ending);
    memset(&op, 0, sizeof op);
    put_status_wanted(&op, &ending);
    run(stream, &op, 1);
    close_call(stream);
    return ending_clear(&ending, error);
}
