/* python-specifier.c - what requirements say of versions: see python-version.h. */
#include "python-version-private.h"

#include <string.h>

static const char *const relations[] = {"===", "==", "!=", "<=", ">=", "~=", "<", ">", NULL};

static gboolean equals(const PythonVersion *version, const PythonVersion *wanted, gboolean prefix)
{
    if (prefix) {
        return python_version_compare_release(version, wanted, wanted->release->len) == 0;
    }
    return python_version_compare_public(version, wanted) == 0 &&
           (wanted->local == NULL || python_version_compare_local(version, wanted) == 0);
}

/* What is older than 2 is not a pre-release of 2. */
static gboolean is_less(const PythonVersion *version, const PythonVersion *wanted)
{
    gboolean pre = python_version_is_prerelease(version), wanted_pre = python_version_is_prerelease(wanted);
    return python_version_compare_public(version, wanted) < 0 &&
           !(pre && !wanted_pre && python_version_compare_release(version, wanted, G_MAXUINT) == 0);
}

/* What is newer than 2 is not a post-release of 2. */
static gboolean is_greater(const PythonVersion *version, const PythonVersion *wanted)
{
    return python_version_compare_public(version, wanted) > 0 &&
           !(version->post != NULL && wanted->post == NULL &&
             python_version_compare_release(version, wanted, G_MAXUINT) == 0);
}

static gboolean is_compatible(const PythonVersion *version, const PythonVersion *wanted)
{
    return python_version_compare_public(version, wanted) >= 0 &&
           python_version_compare_release(version, wanted, wanted->release->len - 1) == 0;
}

static gboolean compare_as(const char *relation, const PythonVersion *version, const PythonVersion *wanted,
                           gboolean prefix)
{
    switch (relation[0]) {
    case '=':
        return equals(version, wanted, prefix);
    case '!':
        return !equals(version, wanted, prefix);
    case '~':
        return is_compatible(version, wanted);
    case '<':
        return relation[1] == '=' ? python_version_compare_public(version, wanted) <= 0 : is_less(version, wanted);
    default:
        return relation[1] == '=' ? python_version_compare_public(version, wanted) >= 0 : is_greater(version, wanted);
    }
}

static PythonVersion *parse(const char *text)
{
    return python_version_parse(text, strlen(text));
}

/* What a specifier names: "1.0", or "1.0.*" where the relation allows it. */
static PythonVersion *parse_wanted(const char *relation, const char *text, gboolean *prefix)
{
    *prefix = g_str_has_suffix(text, ".*") && (strcmp(relation, "==") == 0 || strcmp(relation, "!=") == 0);
    g_autoptr(PythonVersion) wanted = python_version_parse(text, strlen(text) - (*prefix ? strlen(".*") : 0));
    gboolean fits = wanted != NULL && (relation[0] != '~' || wanted->release->len >= 2) &&
                    (wanted->local == NULL || (strchr("=!", relation[0]) != NULL && !*prefix));
    return fits ? g_steal_pointer(&wanted) : NULL;
}

static gboolean satisfies(const char *version, char *specifier, gboolean *valid)
{
    const char *relation = NULL;
    gboolean prefix;
    g_strstrip(specifier);
    for (gsize i = 0; relation == NULL && relations[i] != NULL; i++) {
        relation = g_str_has_prefix(specifier, relations[i]) ? relations[i] : NULL;
    }
    const char *text = relation != NULL ? g_strchug(specifier + strlen(relation)) : "";
    if (*text == '\0') {
        *valid = FALSE;
        return FALSE;
    }
    if (strcmp(relation, "===") == 0) {
        return g_ascii_strcasecmp(version, text) == 0;
    }
    g_autoptr(PythonVersion) wanted = parse_wanted(relation, text, &prefix), is = parse(version);
    *valid = wanted != NULL;
    return *valid && is != NULL && compare_as(relation, is, wanted, prefix);
}

gboolean python_version_satisfies(const char *version, const char *specifiers, gboolean *valid)
{
    g_autofree char *all = g_strstrip(g_strdup(specifiers));
    gboolean fits = TRUE;
    *valid = TRUE;
    if (*all == '\0') {
        return TRUE;
    }
    g_auto(GStrv) parts = g_strsplit(all, ",", -1);
    for (char **part = parts; *part != NULL && *valid; part++) {
        fits &= *g_strstrip(*part) == '\0' || satisfies(version, *part, valid);
    }
    return fits && *valid;
}
