/*
 * python-version.h - versions of Python packages, and what requirements say of them (PEP 440).
 */
#pragma once

#include <glib.h>

/* Whether the version satisfies all of "SPECIFIER[, SPECIFIER]…" ("" asks for nothing); pre-releases count.  FALSE with *valid FALSE if one of the
 * specifiers is malformed.  A version that is none satisfies only ===. */
gboolean python_version_satisfies(const char *version, const char *specifiers, gboolean *valid);
