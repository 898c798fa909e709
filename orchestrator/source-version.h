/* source-version.h - what a source says of its own version, or lets be guessed from a tag or a file's name. */
#pragma once

#include "json.h"

typedef struct {
    const char *version; /* as written, or NULL */
    const char *pattern; /* for guessing, or NULL: digits with dots between */
} SourceVersion;

/* The keys `version` and `version-guess-pattern`; a pattern that is no regular expression is INVALID_DATA. */
#define SOURCE_VERSION_KEYS "version", "version-guess-pattern"
gboolean source_version_configure(SourceVersion *version, const Node *config, GError **error);
/* Adds what was configured to a unique key, an array or an object; nothing if nothing was. */
void source_version_append_key(const SourceVersion *version, Arena *arena, Json *array);
void source_version_set_key(const SourceVersion *version, Arena *arena, Json *object);
