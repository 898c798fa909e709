/* sandbox-error.h - errors of this folder, made short. */
#pragma once

#include "sandbox.h"

/* Sets `error` and returns FALSE.  The second adds ": " and the text of `code`, an errno. */
gboolean sandbox_error(GError **error, SluiceSandboxError kind, const char *format, ...) G_GNUC_PRINTF(3, 4);
gboolean sandbox_error_errno(GError **error, SluiceSandboxError kind, int code, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
