/*
 * download.c - transfers: one libcurl multi handle, several at once, each with its list of URLs, its retries and its partial file.
 */
#include "download-private.h"
#include "late-curl.h"
#include "netrc.h"
#include "source-mirror.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define DOWNLOAD_SPACE       "download" /* refs: SHA-256 -> digest */
#define CONNECT_TIMEOUT      30L        /* seconds */
#define STALL_TIMEOUT        60L        /* seconds with hardly a byte */
#define MAX_REDIRECTS        10L
#define MAX_PARALLEL         32
#define MAX_HEADERS          200
#define RETRY_DELAY          (G_USEC_PER_SEC / 2) /* doubled each time */
#define RETRY_DELAY_MAX      (16 * G_USEC_PER_SEC)
#define PROGRESS_INTERVAL    (G_USEC_PER_SEC / 10)
#define POLL_MILLISECONDS    200
#define HTTP_NOT_FOUND       404
#define HTTP_GONE            410
#define HTTP_RANGE           416
#define HTTP_REQUEST_TIMEOUT 408
#define HTTP_TOO_MANY        429
#define HTTP_SERVER_ERRORS   500

typedef enum { WAITING, RUNNING, FINISHED } TransferState;

typedef struct {
    Download *download;
    TransferState state;
    guint url;         /* which of them is being tried */
    unsigned tries;    /* of this URL that failed */
    unsigned rounds;   /* all URLs were tried so often */
    gint64 not_before; /* monotonic; of a retry */
    CURL *handle;
    struct curl_slist *headers;
    Partial partial;
    gboolean too_large; /* more than allowed arrived */
    gboolean write_failed;
    int write_errno;
    gboolean restarted; /* a resumed file was wrong, and was begun anew once */
    gboolean all_absent;
    gint64 started_at; /* length when this try began */
    char message[CURL_ERROR_SIZE];
} Transfer;

typedef struct {
    const SourceContext *context;
    const char *element, *action, *message;
    CURLM *multi;
    Transfer *transfers;
    gsize count, running, finished;
    guint64 finished_bytes, total_bytes;
    gboolean total_known;
    gint64 last_progress;
} Downloads;

/* ---- Refs -------------------------------------------------------------------------------------------------------------------- */

gboolean download_find(SluiceStore *store, const char *sha256, SluiceDigest *out)
{
    g_autoptr(GBytes) value = sluice_store_get_ref(store, DOWNLOAD_SPACE, sha256, NULL);
    if (value == NULL) {
        return FALSE;
    }
    g_autofree char *text = g_strndup(g_bytes_get_data(value, NULL), g_bytes_get_size(value));
    char hex[SLUICE_HASH_HEX + 1];
    if (!sluice_digest_parse(text, out, NULL)) {
        return FALSE;
    }
    sluice_digest_hex(out, hex);
    return strcmp(hex, sha256) == 0 && sluice_store_has(store, out);
}

gboolean download_remember(SluiceStore *store, const SluiceDigest *digest, GError **error)
{
    char hex[SLUICE_HASH_HEX + 1], text[SLUICE_DIGEST_STRING_MAX];
    sluice_digest_hex(digest, hex);
    sluice_digest_string(digest, text);
    g_autoptr(GBytes) value = g_bytes_new(text, strlen(text));
    const SluiceRef ref = {.value = value, .blobs = digest, .n_blobs = 1};
    return sluice_store_set_ref(store, DOWNLOAD_SPACE, hex, &ref, error);
}

/* ---- One transfer -------------------------------------------------------------------------------------------------------------- */

static const char *transfer_url(const Transfer *transfer)
{
    return transfer->download->urls[transfer->url];
}

static gint64 size_limit(const Download *download)
{
    if (download->size >= 0) {
        return download->size;
    }
    return download->max_size > 0 ? download->max_size : DOWNLOAD_SIZE_MAX;
}

static size_t on_data(char *data, size_t size, size_t count, void *user)
{
    Transfer *transfer = user;
    gsize length = size * count;
    if (transfer->partial.length + (gint64)length > size_limit(transfer->download)) {
        transfer->too_large = TRUE;
        return 0;
    }
    if (!partial_append(&transfer->partial, data, length)) {
        transfer->write_failed = TRUE;
        transfer->write_errno = errno;
        return 0;
    }
    return length;
}

/* A new answer (after a redirect, say) begins with its status line. */
static size_t on_header(char *data, size_t size, size_t count, void *user)
{
    const Transfer *transfer = user;
    GHashTable *response = transfer->download->response;
    gsize length = size * count;
    g_autofree char *line = g_strndup(data, length);
    char *colon = strchr(line, ':');
    if (g_str_has_prefix(line, "HTTP/")) {
        g_hash_table_remove_all(response);
    } else if (colon != NULL && g_hash_table_size(response) < MAX_HEADERS) {
        *colon = '\0';
        g_hash_table_replace(response, g_ascii_strdown(g_strstrip(line), -1), g_strdup(g_strstrip(colon + 1)));
    }
    return length;
}

static void set_headers(Transfer *transfer)
{
    const char *const *headers = transfer->download->headers;
    for (gsize i = 0; headers != NULL && headers[i] != NULL; i++) {
        transfer->headers = libcurl->slist_append(transfer->headers, headers[i]);
    }
    if (transfer->headers != NULL) {
        libcurl->easy_setopt(transfer->handle, CURLOPT_HTTPHEADER, transfer->headers);
    }
    if (transfer->download->body != NULL) {
        libcurl->easy_setopt(transfer->handle, CURLOPT_POSTFIELDS, transfer->download->body);
    }
    if (transfer->download->want_response) {
        libcurl->easy_setopt(transfer->handle, CURLOPT_HEADERFUNCTION, on_header);
        libcurl->easy_setopt(transfer->handle, CURLOPT_HEADERDATA, transfer);
    }
}

/* A token goes to no other host, as libcurl keeps names and passwords. */
static void set_authorization(const Transfer *transfer)
{
    const char *url = transfer_url(transfer);
    gboolean token = source_mirror_wants_token(url);
    g_autofree char *password = token ? netrc_password(url) : NULL;
    libcurl->easy_setopt(transfer->handle, CURLOPT_NETRC, token ? (long)CURL_NETRC_IGNORED : (long)CURL_NETRC_OPTIONAL);
    if (password != NULL) {
        libcurl->easy_setopt(transfer->handle, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        libcurl->easy_setopt(transfer->handle, CURLOPT_XOAUTH2_BEARER, password);
    }
}

static void free_handle(Transfer *transfer)
{
    g_clear_pointer(&transfer->handle, libcurl->easy_cleanup);
    g_clear_pointer(&transfer->headers, libcurl->slist_free_all);
}

static void set_options(Transfer *transfer)
{
    CURL *handle = transfer->handle;
    libcurl->easy_setopt(handle, CURLOPT_URL, transfer_url(transfer));
    libcurl->easy_setopt(handle, CURLOPT_PRIVATE, transfer);
    libcurl->easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->message);
    libcurl->easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_data);
    libcurl->easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
    libcurl->easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    libcurl->easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
    libcurl->easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    libcurl->easy_setopt(handle, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    libcurl->easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https,ftp,file");
    /* A server must not be able to send us to our own files. */
    libcurl->easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https,ftp");
    set_authorization(transfer);
    libcurl->easy_setopt(handle, CURLOPT_USERAGENT, "sluice");
    libcurl->easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
    libcurl->easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 16L);
    libcurl->easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, STALL_TIMEOUT);
    if (transfer->download->proxy != NULL) {
        libcurl->easy_setopt(handle, CURLOPT_PROXY, transfer->download->proxy);
    }
    if (transfer->partial.length > 0) {
        libcurl->easy_setopt(handle, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)transfer->partial.length);
    }
    set_headers(transfer);
}

static gboolean start_transfer(Downloads *all, Transfer *transfer, GError **error)
{
    Download *download = transfer->download;
    if (transfer->partial.fd < 0 && !partial_open(&transfer->partial, all->context->store, download->sha256, error)) {
        return FALSE;
    }
    /* Without a digest nobody can tell whether the two halves are of the same file. */
    if ((download->sha256 == NULL && transfer->partial.length > 0) || transfer->partial.length > size_limit(download)) {
        partial_restart(&transfer->partial);
    }
    transfer->too_large = transfer->write_failed = FALSE;
    transfer->message[0] = '\0';
    transfer->started_at = transfer->partial.length;
    transfer->handle = libcurl->easy_init();
    if (transfer->handle == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot set up a transfer of %s", transfer_url(transfer));
        return FALSE;
    }
    set_options(transfer);
    libcurl->multi_add_handle(all->multi, transfer->handle);
    transfer->state = RUNNING;
    all->running++;
    return TRUE;
}

static void finish(Downloads *all, Transfer *transfer)
{
    partial_close(&transfer->partial);
    transfer->state = FINISHED;
    all->finished++;
    if (transfer->download->done) {
        all->finished_bytes += (guint64)transfer->download->digest.size;
    }
}

/* The next URL if there is one; else `error` is the end.  Takes `error`. */
static void give_up_url(Downloads *all, Transfer *transfer, gboolean absent, GError *error)
{
    Download *download = transfer->download;
    transfer->all_absent = transfer->all_absent && absent;
    if (download->error == NULL || !absent) {
        g_clear_error(&download->error);
        download->error = error;
    } else {
        g_error_free(error);
    }
    transfer->tries = 0;
    if (download->urls[transfer->url + 1] != NULL) {
        transfer->url++;
        transfer->state = WAITING;
        transfer->not_before = 0;
        return;
    }
    if (transfer->all_absent && download->retry_absent && transfer->rounds++ < all->context->retries) {
        event_send(all->context->events, EVENT_FAILURE, all->action, all->element, "Try #%u failed, retrying: %s",
                   transfer->rounds, download->error->message);
        transfer->url = 0;
        transfer->state = WAITING;
        return;
    }
    download->absent = transfer->all_absent;
    finish(all, transfer);
}

static void try_again(Downloads *all, Transfer *transfer, GError *error)
{
    const SourceContext *context = all->context;
    if (transfer->tries++ >= context->retries) {
        give_up_url(all, transfer, FALSE, error);
        return;
    }
    event_send(context->events, EVENT_FAILURE, all->action, all->element, "Try #%u failed, retrying: %s",
               transfer->tries, error->message);
    g_error_free(error);
    gint64 delay = MIN((gint64)RETRY_DELAY << MIN(transfer->tries - 1, 16), RETRY_DELAY_MAX);
    transfer->not_before = g_get_monotonic_time() + delay;
    transfer->state = WAITING;
}

static void wrong_content(Downloads *all, Transfer *transfer, const char *what)
{
    GError *error = NULL;
    if (transfer->started_at > 0 && !transfer->restarted) {
        /* The older half was bad: once more, all of it. */
        transfer->restarted = TRUE;
        transfer->not_before = 0;
        transfer->state = WAITING;
        partial_restart(&transfer->partial);
        return;
    }
    partial_restart(&transfer->partial);
    error_set(&error, ERROR_SOURCE, NULL, NULL, "%s", what);
    give_up_url(all, transfer, FALSE, error);
}

static void digest_mismatch(Downloads *all, Transfer *transfer)
{
    SluiceDigest actual;
    char hex[SLUICE_HASH_HEX + 1];
    g_autoptr(SluiceHasher) hasher = sluice_hasher_new();
    g_autofree char *buffer = g_malloc(1 << 16);
    ssize_t length;
    lseek(transfer->partial.fd, 0, SEEK_SET);
    while ((length = read(transfer->partial.fd, buffer, 1 << 16)) > 0) {
        sluice_hasher_update(hasher, buffer, (gsize)length);
    }
    sluice_hasher_finish(hasher, &actual);
    sluice_digest_hex(&actual, hex);
    g_autofree char *text = g_strdup_printf("File downloaded from %s has sha256sum '%s', not '%s'!",
                                            transfer_url(transfer), hex, transfer->download->sha256);
    wrong_content(all, transfer, text);
}

/* All bytes are there: into the store, if they are the right ones. */
static void complete(Downloads *all, Transfer *transfer)
{
    Download *download = transfer->download;
    GError *error = NULL;
    SluiceDigest expected;
    if (download->size >= 0 && transfer->partial.length != download->size) {
        g_autofree char *text =
            g_strdup_printf("File downloaded from %s has %" G_GINT64_FORMAT " bytes, not %" G_GINT64_FORMAT,
                            transfer_url(transfer), transfer->partial.length, download->size);
        wrong_content(all, transfer, text);
        return;
    }
    if (download->sha256 != NULL && !sluice_digest_parse_hex(download->sha256, strlen(download->sha256),
                                                             transfer->partial.length, &expected, &error)) {
        give_up_url(all, transfer, FALSE, error);
        return;
    }
    if (partial_commit(&transfer->partial, all->context->store, download->sha256 != NULL ? &expected : NULL,
                       &download->digest, &error)) {
        g_clear_error(&download->error);
        download->done = TRUE;
        download->url = transfer->url;
        finish(all, transfer);
    } else if (g_error_matches(error, SLUICE_CAS_ERROR, SLUICE_CAS_ERROR_MISMATCH)) {
        g_error_free(error);
        digest_mismatch(all, transfer);
    } else {
        give_up_url(all, transfer, FALSE, error);
    }
}

static gboolean is_absent(CURLcode code, long status)
{
    return status == HTTP_NOT_FOUND || status == HTTP_GONE || code == CURLE_FILE_COULDNT_READ_FILE ||
           code == CURLE_REMOTE_FILE_NOT_FOUND;
}

/* What another try could change. */
static gboolean is_transient(CURLcode code, long status)
{
    static const CURLcode codes[] = {CURLE_COULDNT_RESOLVE_HOST,
                                     CURLE_COULDNT_RESOLVE_PROXY,
                                     CURLE_COULDNT_CONNECT,
                                     CURLE_PARTIAL_FILE,
                                     CURLE_OPERATION_TIMEDOUT,
                                     CURLE_GOT_NOTHING,
                                     CURLE_SEND_ERROR,
                                     CURLE_RECV_ERROR,
                                     CURLE_HTTP2,
                                     CURLE_HTTP2_STREAM,
                                     CURLE_SSL_CONNECT_ERROR};
    if (code == CURLE_HTTP_RETURNED_ERROR) {
        return status >= HTTP_SERVER_ERRORS || status == HTTP_REQUEST_TIMEOUT || status == HTTP_TOO_MANY;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (codes[i] == code) {
            return TRUE;
        }
    }
    return FALSE;
}

static GError *transfer_error(const Transfer *transfer, CURLcode code, long status)
{
    GError *error = NULL;
    if (transfer->too_large) {
        error_set(&error, ERROR_SOURCE, NULL, NULL, "%s sends more than the %" G_GINT64_FORMAT " bytes it should have",
                  transfer_url(transfer), size_limit(transfer->download));
    } else if (transfer->write_failed) {
        error_set(&error, ERROR_SOURCE, NULL, NULL, "Cannot write what arrives from %s: %s", transfer_url(transfer),
                  g_strerror(transfer->write_errno));
    } else if (code == CURLE_HTTP_RETURNED_ERROR) {
        error_set(&error, ERROR_SOURCE, NULL, NULL, "Error mirroring %s: HTTP Error %ld", transfer_url(transfer),
                  status);
    } else {
        error_set(&error, ERROR_SOURCE, NULL, NULL, "Error mirroring %s: %s", transfer_url(transfer),
                  transfer->message[0] != '\0' ? transfer->message : libcurl->easy_strerror(code));
    }
    return error;
}

static void transfer_ended(Downloads *all, Transfer *transfer, CURLcode code)
{
    long status = 0;
    libcurl->easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    libcurl->multi_remove_handle(all->multi, transfer->handle);
    free_handle(transfer);
    all->running--;
    transfer->download->status = status;
    gboolean resumed = transfer->started_at > 0;
    if (code == CURLE_OK) {
        complete(all, transfer);
    } else if (transfer->too_large && !resumed) {
        partial_restart(&transfer->partial);
        give_up_url(all, transfer, FALSE, transfer_error(transfer, code, status));
    } else if (is_absent(code, status)) {
        give_up_url(all, transfer, TRUE, transfer_error(transfer, code, status));
    } else if (resumed && !transfer->restarted &&
               (code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME || status == HTTP_RANGE ||
                transfer->too_large)) {
        /* This server cannot go on where another try stopped. */
        wrong_content(all, transfer, "");
    } else if (!transfer->write_failed && is_transient(code, status)) {
        try_again(all, transfer, transfer_error(transfer, code, status));
    } else {
        give_up_url(all, transfer, FALSE, transfer_error(transfer, code, status));
    }
}

/* ---- All of them ---------------------------------------------------------------------------------------------------------------- */

static void show_progress(Downloads *all, gboolean force)
{
    gint64 now = g_get_monotonic_time();
    if (!force && now - all->last_progress < PROGRESS_INTERVAL) {
        return;
    }
    all->last_progress = now;
    guint64 done = all->finished_bytes;
    for (gsize i = 0; i < all->count; i++) {
        if (all->transfers[i].state != FINISHED) {
            done += (guint64)all->transfers[i].partial.length;
        }
    }
    event_progress(all->context->events, all->action, all->element, all->message, done,
                   all->total_known ? all->total_bytes : 0, "B");
}

/* Complete already, by an earlier process: nothing to transfer. */
static gboolean is_whole(Transfer *transfer)
{
    return transfer->download->sha256 != NULL && transfer->download->size >= 0 && transfer->partial.fd >= 0 &&
           transfer->partial.length == transfer->download->size && !transfer->restarted;
}

static gboolean start_waiting(Downloads *all, GError **error)
{
    gint64 now = g_get_monotonic_time();
    gsize limit = CLAMP(all->context->fetchers, 1, MAX_PARALLEL);
    for (gsize i = 0; i < all->count && all->running < limit; i++) {
        Transfer *transfer = &all->transfers[i];
        if (transfer->state != WAITING || transfer->not_before > now) {
            continue;
        }
        if (transfer->partial.fd < 0 &&
            !partial_open(&transfer->partial, all->context->store, transfer->download->sha256, error)) {
            return FALSE;
        }
        if (is_whole(transfer)) {
            transfer->started_at = transfer->partial.length;
            complete(all, transfer);
        } else if (!start_transfer(all, transfer, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static void collect_ended(Downloads *all)
{
    CURLMsg *message;
    int left;
    while ((message = libcurl->multi_info_read(all->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            Transfer *transfer = NULL;
            CURLcode code = message->data.result;
            libcurl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
            transfer_ended(all, transfer, code);
        }
    }
}

/* Milliseconds until there is something to do at the latest: to look for cancellation, or to start a retry. */
static int next_delay(const Downloads *all)
{
    gint64 now = g_get_monotonic_time(), delay = POLL_MILLISECONDS;
    gsize limit = CLAMP(all->context->fetchers, 1, MAX_PARALLEL);
    if (all->finished == all->count) {
        return 0;
    }
    for (gsize i = 0; i < all->count && all->running < limit; i++) {
        if (all->transfers[i].state == WAITING) {
            delay = MIN(delay, MAX(all->transfers[i].not_before - now, 0) / 1000);
        }
    }
    return (int)delay;
}

static gboolean run_all(Downloads *all, GError **error)
{
    while (all->finished < all->count) {
        int active;
        if (g_cancellable_set_error_if_cancelled(all->context->cancellable, error) || !start_waiting(all, error)) {
            return FALSE;
        }
        if (libcurl->multi_perform(all->multi, &active) != CURLM_OK) {
            error_set(error, ERROR_SOURCE, NULL, NULL, "The transfers cannot go on");
            return FALSE;
        }
        collect_ended(all);
        show_progress(all, FALSE);
        int delay = next_delay(all);
        if (delay > 0) {
            libcurl->multi_poll(all->multi, NULL, 0, delay, NULL);
        }
    }
    show_progress(all, TRUE);
    return TRUE;
}

static void stop_all(Downloads *all)
{
    for (gsize i = 0; i < all->count; i++) {
        Transfer *transfer = &all->transfers[i];
        if (transfer->handle != NULL) {
            libcurl->multi_remove_handle(all->multi, transfer->handle);
            free_handle(transfer);
        }
        partial_close(&transfer->partial);
    }
    libcurl->multi_cleanup(all->multi);
    g_free(all->transfers);
}

static void init_transfers(Downloads *all, Download *downloads, gsize count)
{
    all->transfers = g_new0(Transfer, count + 1);
    all->count = count;
    all->total_known = TRUE;
    for (gsize i = 0; i < count; i++) {
        all->transfers[i].download = &downloads[i];
        all->transfers[i].partial.fd = -1;
        all->transfers[i].all_absent = TRUE;
        downloads[i].done = downloads[i].absent = FALSE;
        downloads[i].status = 0;
        if (downloads[i].want_response && downloads[i].response == NULL) {
            downloads[i].response = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        }
        g_clear_error(&downloads[i].error);
        all->total_known = all->total_known && downloads[i].size >= 0;
        all->total_bytes += (guint64)MAX(downloads[i].size, 0);
        if (downloads[i].urls == NULL || downloads[i].urls[0] == NULL) {
            error_set(&downloads[i].error, ERROR_SOURCE, NULL, NULL, "There is no URL to download %s from",
                      downloads[i].name != NULL ? downloads[i].name : "a file");
            all->transfers[i].state = FINISHED;
            all->finished++;
        }
    }
}

gboolean download_run(Download *downloads, gsize count, const SourceContext *context, const char *element,
                      const char *action, const char *message, GError **error)
{
    Downloads all = {.context = context, .element = element, .action = action, .message = message};
    static gsize ready;
    if (g_once_init_enter(&ready)) {
        libcurl->global_init(CURL_GLOBAL_DEFAULT);
        g_once_init_leave(&ready, 1);
    }
    all.multi = libcurl->multi_init();
    if (all.multi == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Cannot set up transfers");
        return FALSE;
    }
    libcurl->multi_setopt(all.multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CLAMP(context->fetchers, 1, MAX_PARALLEL));
    init_transfers(&all, downloads, count);
    gboolean ok = run_all(&all, error);
    stop_all(&all);
    for (gsize i = 0; ok && i < count; i++) {
        if (!downloads[i].done) {
            g_propagate_error(error, g_error_copy(downloads[i].error));
            ok = FALSE;
        }
    }
    return ok;
}

void download_clear(Download *download)
{
    g_clear_error(&download->error);
    g_clear_pointer(&download->response, g_hash_table_unref);
}

GBytes *download_text(Download *download, const SourceContext *context, const char *element, const char *action,
                      const char *message, GError **error)
{
    return download_run(download, 1, context, element, action, message, error)
               ? sluice_store_read(context->store, &download->digest, error)
               : NULL;
}
