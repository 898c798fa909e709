/* pypi-index.c - see pypi-index.h */
#include "pypi-index.h"
#include "cas.h"
#include "python-version.h"

#include <cjson/cJSON.h>
#include <fnmatch.h>
#include <string.h>

/* The version in "NAME-VERSION.tar.gz"; NULL: not the name of a source archive. */
static PythonVersion *version_of(const char *filename)
{
    static const char *const suffixes[] = {".tar.gz", ".zip"};
    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (g_str_has_suffix(filename, suffixes[i])) {
            gsize length = strlen(filename) - strlen(suffixes[i]);
            const char *dash = g_strrstr_len(filename, (gssize)length, "-");
            return dash != NULL ? python_version_parse(dash + 1, length - (gsize)(dash + 1 - filename)) : NULL;
        }
    }
    return NULL;
}

static gboolean matches(const char *glob, const char *text)
{
    return fnmatch(glob, text, FNM_NOESCAPE) == 0;
}

static gboolean is_wanted(const PypiFilter *filter, const PythonVersion *version)
{
    const char *text = python_version_text(version);
    if (!filter->prereleases && python_version_is_prerelease(version)) {
        return FALSE;
    }
    for (gsize i = 0; filter->include[i] != NULL; i++) {
        if (!matches(filter->include[i], text)) {
            return FALSE;
        }
    }
    for (gsize i = 0; filter->exclude[i] != NULL; i++) {
        if (matches(filter->exclude[i], text)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* `yanked` is false, true, or the reason why. */
static gboolean is_yanked(const cJSON *file)
{
    const cJSON *yanked = cJSON_GetObjectItemCaseSensitive(file, "yanked");
    return cJSON_IsTrue(yanked) || (cJSON_IsString(yanked) && *cJSON_GetStringValue(yanked) != '\0');
}

/* Of equal versions the last. */
static const cJSON *newest(const cJSON *files, const PypiFilter *filter)
{
    g_autoptr(PythonVersion) best = NULL;
    const cJSON *file, *found = NULL;
    cJSON_ArrayForEach(file, files)
    {
        const char *filename = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "filename"));
        g_autoptr(PythonVersion) version = filename != NULL && !is_yanked(file) ? version_of(filename) : NULL;
        if (version != NULL && is_wanted(filter, version) &&
            (best == NULL || python_version_compare(version, best) >= 0)) {
            g_clear_pointer(&best, python_version_free);
            best = g_steal_pointer(&version);
            found = file;
        }
    }
    return found;
}

static PypiResult find(const cJSON *index, const PypiFilter *filter, char **url, char **sha256)
{
    const cJSON *files = cJSON_GetObjectItemCaseSensitive(index, "files");
    SluiceDigest digest;
    if (!cJSON_IsArray(files)) {
        return PYPI_MALFORMED;
    }
    if (cJSON_GetArraySize(files) == 0) {
        return PYPI_EMPTY;
    }
    const cJSON *file = newest(files, filter);
    if (file == NULL) {
        return PYPI_FILTERED;
    }
    const cJSON *hashes = cJSON_GetObjectItemCaseSensitive(file, "hashes");
    const char *hash = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(hashes, "sha256"));
    const char *place = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "url"));
    if (hash == NULL || place == NULL || !sluice_digest_parse_hex(hash, strlen(hash), 0, &digest, NULL)) {
        return PYPI_MALFORMED;
    }
    *url = g_strdup(place);
    *sha256 = g_strdup(hash);
    return PYPI_FOUND;
}

PypiResult pypi_index_find(const char *text, gsize length, const PypiFilter *filter, char **url, char **sha256)
{
    *url = *sha256 = NULL;
    if (!g_utf8_validate(text, (gssize)length, NULL)) {
        return PYPI_MALFORMED;
    }
    cJSON *index = cJSON_ParseWithLength(text, length);
    PypiResult result = index != NULL ? find(index, filter, url, sha256) : PYPI_MALFORMED;
    cJSON_Delete(index);
    return result;
}
