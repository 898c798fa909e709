/* SHA-256.  EVP_sha256() looks the algorithm up at each use (three times slower on tiny inputs), so it is fetched once. */
#include "cas.h"

#include <openssl/evp.h>
#include <string.h>

struct SluiceHasher {
    EVP_MD_CTX *context;
    int64_t size;
};

static const EVP_MD *sha256(void)
{
    static gsize fetched = 0;
    if (g_once_init_enter(&fetched)) {
        EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
        if (md == NULL)
            g_error("the crypto library has no SHA-256");
        g_once_init_leave(&fetched, (gsize)md);
    }
    return (const EVP_MD *)fetched;
}

static void start(SluiceHasher *hasher)
{
    if (EVP_DigestInit_ex(hasher->context, sha256(), NULL) != 1)
        g_error("the crypto library cannot start SHA-256");
    hasher->size = 0;
}

SluiceHasher *sluice_hasher_new(void)
{
    SluiceHasher *hasher = g_new0(SluiceHasher, 1);
    hasher->context = EVP_MD_CTX_new();
    if (hasher->context == NULL)
        g_error("out of memory");
    start(hasher);
    return hasher;
}

void sluice_hasher_update(SluiceHasher *hasher, const void *data, gsize length)
{
    if (EVP_DigestUpdate(hasher->context, data, length) != 1)
        g_error("the crypto library failed in SHA-256");
    hasher->size += (int64_t)length;
}

void sluice_hasher_finish(SluiceHasher *hasher, SluiceDigest *out)
{
    unsigned length = 0;
    if (EVP_DigestFinal_ex(hasher->context, out->hash, &length) != 1 || length != SLUICE_HASH_BYTES)
        g_error("the crypto library failed in SHA-256");
    out->size = hasher->size;
    start(hasher);
}

void sluice_hasher_copy(SluiceHasher *to, const SluiceHasher *from)
{
    if (EVP_MD_CTX_copy_ex(to->context, from->context) != 1)
        g_error("the crypto library cannot copy a SHA-256");
    to->size = from->size;
}

void sluice_hasher_free(SluiceHasher *hasher)
{
    if (hasher == NULL)
        return;
    EVP_MD_CTX_free(hasher->context);
    g_free(hasher);
}

static void free_thread_hasher(gpointer hasher)
{
    sluice_hasher_free(hasher);
}

static GPrivate thread_hasher = G_PRIVATE_INIT(free_thread_hasher);

void sluice_digest_of(const void *data, gsize length, SluiceDigest *out)
{
    SluiceHasher *hasher = g_private_get(&thread_hasher);
    if (hasher == NULL) {
        hasher = sluice_hasher_new();
        g_private_set(&thread_hasher, hasher);
    }
    sluice_hasher_update(hasher, data, length);
    sluice_hasher_finish(hasher, out);
}

void sluice_digest_of_bytes(GBytes *bytes, SluiceDigest *out)
{
    gsize length = 0;
    const void *data = g_bytes_get_data(bytes, &length);
    sluice_digest_of(data, length, out);
}
