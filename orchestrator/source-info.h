/*
 * source-info.h - what is told about where sources come from: `show --format '%{source-info}'`, from which others make bills of materials.
 *
 * A source kind's collect_info calls source_info_append once for each thing that it would download.
 */
#pragma once

#include "source.h"

typedef struct {
    const char *url; /* translated: source_primary_url; for local files the path in the project */
    const char
        *medium; /* "local", "workspace", "remote-file", "git", "bzr", "oci-image", "pypi", or the kind's own word */
    const char *version_type;  /* "commit", "sha256", "cas-digest", "oci-digest", "indexed-version" */
    const char *version;       /* NULL: there is no ref, shown as None */
    const char *version_guess; /* for people; NULL: none */
    const Node *provenance;    /* NULL: that of the source */
    const Node *extra_data;    /* mapping of strings, or NULL */
} SourceInfo;

/* Adds the description as a mapping to `list`; everything is copied into the arena. */
void source_info_append(const Source *source, Arena *arena, Node *list, const SourceInfo *info);
/* As %{source-info} shows them: of all sources of the element; a kind that has none to give is a warning (or an error, if the project says so). */
Node *element_collect_source_info(Element *element, Arena *arena, GError **error);

/* The URL without mirrors; free with g_free. */
char *source_primary_url(const Source *source, const char *url, GError **error);
/* The groups of the match that has most of them, joined by "."; the default of `pattern` (NULL) is two or three numbers.  *out stays NULL if nothing matches.
 * An error is a pattern that is none. */
gboolean version_guess(const char *text, const char *pattern, char **out, GError **error);
