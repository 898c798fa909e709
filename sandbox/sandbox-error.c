#include "sandbox-error.h"

G_DEFINE_QUARK(sluice - sandbox - error, sluice_sandbox_error)

gboolean sandbox_error(GError **error, SluiceSandboxError kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (error != NULL)
        *error = g_error_new_valist(SLUICE_SANDBOX_ERROR, kind, format, args);
    va_end(args);
    return FALSE;
}

gboolean sandbox_error_errno(GError **error, SluiceSandboxError kind, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return sandbox_error(error, kind, "%s: %s", text, g_strerror(code));
}
