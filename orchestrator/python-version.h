/* python-version.h - versions of Python packages (PEP 440): which is newer, and their normal form. */
#pragma once

#include <glib.h>

typedef struct PythonVersion PythonVersion;

/* NULL: not a version. */
PythonVersion *python_version_parse(const char *text, gsize length);
void python_version_free(PythonVersion *version);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PythonVersion, python_version_free)
/* Less than, equal to or greater than 0. */
int python_version_compare(const PythonVersion *a, const PythonVersion *b);
/* An alpha, beta, candidate or development version. */
gboolean python_version_is_prerelease(const PythonVersion *version);
/* The normal form; borrowed. */
const char *python_version_text(const PythonVersion *version);

/* Whether the version satisfies all of "SPECIFIER[, SPECIFIER]…" ("" asks for nothing); pre-releases count.  FALSE with *valid FALSE if one of the
 * specifiers is malformed.  A version that is none satisfies only ===. */
gboolean python_version_satisfies(const char *version, const char *specifiers, gboolean *valid);
