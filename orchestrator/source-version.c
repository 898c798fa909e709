/* source-version.c - see source-version.h */
#include "source-version.h"

gboolean source_version_configure(SourceVersion *version, const Node *config, GError **error)
{
    GError *problem = NULL;
    if (!node_get_string(config, "version", &version->version, error) ||
        !node_get_string(config, "version-guess-pattern", &version->pattern, error)) {
        return FALSE;
    }
    if (version->pattern == NULL) {
        return TRUE;
    }
    g_autoptr(GRegex) regex = g_regex_new(version->pattern, 0, 0, &problem);
    if (regex == NULL) {
        error_set(error, ERROR_LOAD, "INVALID_DATA", node_where(node_find(config, "version-guess-pattern")),
                  "Not a regular expression: %s", problem->message);
        g_error_free(problem);
        return FALSE;
    }
    return TRUE;
}

void source_version_append_key(const SourceVersion *version, Arena *arena, Json *array)
{
    const char *text = version->version != NULL ? version->version : version->pattern;
    if (text != NULL) {
        json_append(array, json_string(arena, text));
    }
}

void source_version_set_key(const SourceVersion *version, Arena *arena, Json *object)
{
    if (version->version != NULL) {
        json_set(object, "version", json_string(arena, version->version));
    } else if (version->pattern != NULL) {
        json_set(object, "version-guess-pattern", json_string(arena, version->pattern));
    }
}
