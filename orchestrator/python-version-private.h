/* python-version-private.h - the parts of a version, and comparing some of them.  Numbers have any length, so they stay text: digits without leading zeros. */
#pragma once

#include "python-version.h"

struct PythonVersion {
    char *epoch, *pre, *post, *dev; /* numbers; NULL: has none */
    const char *stage;              /* of `pre`: "a", "b", "rc", in this order */
    GPtrArray *release;             /* numbers */
    char **local;                   /* words and numbers, or NULL */
    char *text;
};

/* The epoch and the first `parts` numbers of the release; what is missing is 0. */
int python_version_compare_release(const PythonVersion *a, const PythonVersion *b, guint parts);
/* All but what is behind the +. */
int python_version_compare_public(const PythonVersion *a, const PythonVersion *b);
int python_version_compare_local(const PythonVersion *a, const PythonVersion *b);
