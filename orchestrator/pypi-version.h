/* pypi-version.h - versions of Python packages (PEP 440): which is newer, and their normal form. */
#pragma once

#include <glib.h>

typedef struct PypiVersion PypiVersion;

/* NULL: not a version. */
PypiVersion *pypi_version_parse(const char *text, gsize length);
void pypi_version_free(PypiVersion *version);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PypiVersion, pypi_version_free)
/* Less than, equal to or greater than 0. */
int pypi_version_compare(const PypiVersion *a, const PypiVersion *b);
/* An alpha, beta, candidate or development version. */
gboolean pypi_version_is_prerelease(const PypiVersion *version);
/* The normal form; borrowed. */
const char *pypi_version_text(const PypiVersion *version);
