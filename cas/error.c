#include "cas-private.h"

#include <errno.h>

G_DEFINE_QUARK(sluice - cas - error - quark, sluice_cas_error)

gboolean cas_error(GError **error, SluiceCasError code, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        *error = g_error_new_valist(SLUICE_CAS_ERROR, code, format, arguments);
        va_end(arguments);
    }
    return FALSE;
}

static gboolean means_full(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

gboolean cas_error_errno(GError **error, int number, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        g_autofree char *text = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        *error = g_error_new(SLUICE_CAS_ERROR, means_full(number) ? SLUICE_CAS_ERROR_FULL : SLUICE_CAS_ERROR_IO,
                             "%s: %s", text, g_strerror(number));
    }
    return FALSE;
}

gboolean cas_error_missing(GError **error, const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    return cas_error(error, SLUICE_CAS_ERROR_NOT_FOUND, "blob %s is not in the store",
                     sluice_digest_string(digest, text));
}

GThreadPool *cas_thread_pool_new(GFunc func, gpointer data, unsigned threads)
{
    g_thread_pool_set_max_unused_threads(0);
    return g_thread_pool_new(func, data, (gint)threads, TRUE, NULL);
}
