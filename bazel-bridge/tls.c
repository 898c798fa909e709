/* The server's certificate, and the sessions under it.  Resumption is off: a client whose certificate is no longer wanted must not come back
 * with a ticket. */
#include "access.h"
#include "watched-file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

typedef enum { FILE_CERTIFICATE, FILE_KEY, FILE_CLIENT_CA, N_FILES } FileKind;

static const int error_of_file[N_FILES] = {SLUICE_BRIDGE_ERROR_CERTIFICATE, SLUICE_BRIDGE_ERROR_KEY,
                                           SLUICE_BRIDGE_ERROR_CLIENT_CA};

struct SluiceTls {
    char *paths[N_FILES]; /* NULL: none */
    gboolean require_client;
    SluiceFileStamp stamps[N_FILES];
    GMutex lock; /* for what follows */
    SSL_CTX *context;
    int64_t expiry;
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL_CTX, SSL_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)

/* ---- Reading ------------------------------------------------------------------------------------------------------------------ */

static BIO *read_file(const SluiceTls *tls, FileKind kind, GError **error)
{
    gsize length = 0;
    g_autofree char *text = sluice_watched_file_read(tls->paths[kind], kind == FILE_KEY, SLUICE_LIMIT_PEM_FILE,
                                                     error_of_file[kind], &length, error);
    BIO *bio = text != NULL ? BIO_new(BIO_s_mem()) : NULL;
    if (bio != NULL)
        BIO_write(bio, text, (int)length);
    if (text != NULL)
        OPENSSL_cleanse(text, length);
    return bio;
}

static gboolean file_error(const SluiceTls *tls, FileKind kind, GError **error, const char *what)
{
    g_set_error(error, SLUICE_BRIDGE_ERROR, error_of_file[kind], "%s %s", tls->paths[kind], what);
    return FALSE;
}

/* Encrypted keys are not decrypted: nobody is there to be asked. */
static int no_password(char *buffer, int size, int writing, void *data)
{
    *(gboolean *)data = TRUE;
    return -1;
}

static gboolean check_dates(const SluiceTls *tls, FileKind kind, X509 *certificate, GError **error)
{
    struct tm date = {0};
    const ASN1_TIME *end = X509_get0_notAfter(certificate);
    g_autofree char *what = NULL;
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        return file_error(tls, kind, error, "holds a certificate that is not valid yet");
    if (X509_cmp_current_time(end) >= 0)
        return TRUE;
    ASN1_TIME_to_tm(end, &date);
    what = g_strdup_printf("holds a certificate that expired on %04d-%02d-%02d: get a new one", date.tm_year + 1900,
                           date.tm_mon + 1, date.tm_mday);
    return file_error(tls, kind, error, what);
}

static gboolean use_certificate(SluiceTls *tls, SSL_CTX *context, int64_t *expiry, GError **error)
{
    g_autoptr(BIO) bio = read_file(tls, FILE_CERTIFICATE, error);
    if (bio == NULL)
        return FALSE;
    g_autoptr(X509) own = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (own == NULL || SSL_CTX_use_certificate(context, own) != 1)
        return file_error(tls, FILE_CERTIFICATE, error, "holds no certificate in PEM format");
    if (!check_dates(tls, FILE_CERTIFICATE, own, error))
        return FALSE;
    struct tm date = {0};
    ASN1_TIME_to_tm(X509_get0_notAfter(own), &date);
    *expiry = (int64_t)timegm(&date);
    for (;;) {
        g_autoptr(X509) next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (next == NULL)
            return TRUE;
        SSL_CTX_add1_chain_cert(context, next);
    }
}

static gboolean use_key(SluiceTls *tls, SSL_CTX *context, GError **error)
{
    gboolean encrypted = FALSE;
    g_autoptr(BIO) bio = read_file(tls, FILE_KEY, error);
    if (bio == NULL)
        return FALSE;
    g_autoptr(EVP_PKEY) key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &encrypted);
    if (key == NULL && encrypted)
        return file_error(tls, FILE_KEY, error, "is encrypted: `openssl pkey -in FILE -out NEW` decrypts it");
    if (key == NULL)
        return file_error(tls, FILE_KEY, error, "holds no private key in PEM format");
    if (SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1)
        return TRUE;
    g_autofree char *what = g_strdup_printf("is not the key of the certificate in %s", tls->paths[FILE_CERTIFICATE]);
    return file_error(tls, FILE_KEY, error, what);
}

static gboolean use_client_ca(SluiceTls *tls, SSL_CTX *context, GError **error)
{
    if (tls->paths[FILE_CLIENT_CA] == NULL)
        return TRUE;
    g_autoptr(BIO) bio = read_file(tls, FILE_CLIENT_CA, error);
    if (bio == NULL)
        return FALSE;
    unsigned count = 0;
    for (;; count++) {
        g_autoptr(X509) certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (certificate == NULL)
            break;
        if (!check_dates(tls, FILE_CLIENT_CA, certificate, error))
            return FALSE;
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
        SSL_CTX_add_client_CA(context, certificate);
    }
    if (count == 0)
        return file_error(tls, FILE_CLIENT_CA, error, "holds no certificate in PEM format");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (tls->require_client ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    return TRUE;
}

/* ---- Contexts ------------------------------------------------------------------------------------------------------------------- */

/* gRPC is HTTP/2 and nothing else. */
static int choose_protocol(SSL *session, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *offered, unsigned length, void *data)
{
    static const unsigned char ours[] = {2, 'h', '2'};
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_length, ours, sizeof ours, offered, length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *context_new(SluiceTls *tls, int64_t *expiry, GError **error)
{
    g_autoptr(SSL_CTX) context = SSL_CTX_new(TLS_server_method());
    if (context == NULL) {
        g_set_error(error, SLUICE_BRIDGE_ERROR, SLUICE_BRIDGE_ERROR_START, "TLS cannot be set up here");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    gboolean success = use_certificate(tls, context, expiry, error) && use_key(tls, context, error) &&
                       use_client_ca(tls, context, error);
    ERR_clear_error();
    return success ? g_steal_pointer(&context) : NULL;
}

SluiceTls *sluice_tls_new(const SluiceTlsOptions *options, GError **error)
{
    g_autoptr(SluiceTls) tls = g_new0(SluiceTls, 1);
    g_mutex_init(&tls->lock);
    tls->paths[FILE_CERTIFICATE] = g_strdup(options->certificate);
    tls->paths[FILE_KEY] = g_strdup(options->key);
    tls->paths[FILE_CLIENT_CA] = g_strdup(options->client_ca);
    tls->require_client = options->require_client;
    for (gsize i = 0; i < N_FILES; i++)
        if (tls->paths[i] != NULL)
            sluice_file_stamp(tls->paths[i], &tls->stamps[i]);
    tls->context = context_new(tls, &tls->expiry, error);
    return tls->context != NULL ? g_steal_pointer(&tls) : NULL;
}

gboolean sluice_tls_reload(SluiceTls *tls, gboolean *changed, GError **error)
{
    gboolean differs = FALSE;
    int64_t expiry = 0;
    *changed = FALSE;
    for (gsize i = 0; i < N_FILES; i++) {
        SluiceFileStamp stamp;
        if (tls->paths[i] == NULL)
            continue;
        sluice_file_stamp(tls->paths[i], &stamp);
        differs = differs || !sluice_file_stamp_equal(&stamp, &tls->stamps[i]);
        tls->stamps[i] = stamp;
    }
    if (!differs)
        return TRUE;
    SSL_CTX *context = context_new(tls, &expiry, error);
    if (context == NULL)
        return FALSE;
    g_mutex_lock(&tls->lock);
    SSL_CTX *old = tls->context;
    tls->context = context;
    tls->expiry = expiry;
    g_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    *changed = TRUE;
    return TRUE;
}

int64_t sluice_tls_get_expiry(SluiceTls *tls)
{
    g_mutex_lock(&tls->lock);
    int64_t expiry = tls->expiry;
    g_mutex_unlock(&tls->lock);
    return expiry;
}

void sluice_tls_free(SluiceTls *tls)
{
    g_clear_pointer(&tls->context, SSL_CTX_free);
    for (gsize i = 0; i < N_FILES; i++)
        g_free(tls->paths[i]);
    g_mutex_clear(&tls->lock);
    g_free(tls);
}

/* ---- Sessions --------------------------------------------------------------------------------------------------------------------- */

SluiceTlsSession *sluice_tls_accept(SluiceTls *tls, int fd)
{
    g_mutex_lock(&tls->lock);
    SSL *session = SSL_new(tls->context);
    g_mutex_unlock(&tls->lock);
    if (session == NULL)
        return NULL;
    SSL_set_accept_state(session);
    if (SSL_set_fd(session, fd) == 1)
        return session;
    SSL_free(session);
    return NULL;
}

static void add_name(GPtrArray *names, const ASN1_STRING *string)
{
    unsigned char *text = NULL;
    int length = ASN1_STRING_to_UTF8(&text, string);
    /* a NUL would make it look like another name */
    if (length > 0 && memchr(text, '\0', (gsize)length) == NULL)
        g_ptr_array_add(names, g_strndup((const char *)text, (gsize)length));
    OPENSSL_free(text);
}

static void add_common_names(GPtrArray *names, X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    for (int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(subject, NID_commonName, at))
        add_name(names, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

static void add_alternative_names(GPtrArray *names, X509 *certificate)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; all != NULL && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI)
            add_name(names, name->d.ia5);
    }
    GENERAL_NAMES_free(all);
}

static void add_subject(GPtrArray *names, X509 *certificate)
{
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio == NULL || X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0)
        return;
    long length = BIO_get_mem_data(bio, &text);
    if (length > 0 && memchr(text, '\0', (gsize)length) == NULL)
        g_ptr_array_add(names, g_strndup(text, (gsize)length));
}

GPtrArray *sluice_tls_peer_names(SluiceTlsSession *session)
{
    X509 *certificate = SSL_get0_peer_certificate(session);
    if (certificate == NULL || SSL_get_verify_result(session) != X509_V_OK)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    add_common_names(names, certificate);
    add_alternative_names(names, certificate);
    add_subject(names, certificate);
    return names;
}
