/*
 * error.h - what can go wrong, in BuildStream's terms: a domain, a reason token, a place in YAML, a message, a detail.
 *
 * One GError domain for the folder; GError.code is the ErrorDomain, the rest travels as the error's private data.
 * GError.message is complete for a terminal: "FILE [line L column C]: message", without the quoted line and caret (error_report adds those).
 */
#pragma once

#include <glib.h>

typedef enum {
    ERROR_PLUGIN = 1,
    ERROR_LOAD,
    ERROR_IMPL,
    ERROR_PLATFORM,
    ERROR_SANDBOX,
    ERROR_ARTIFACT,
    ERROR_PIPELINE,
    ERROR_UTIL,
    ERROR_SOURCE,
    ERROR_ELEMENT,
    ERROR_APP,
    ERROR_STREAM,
    ERROR_VIRTUAL_FS,
    ERROR_CAS,
    ERROR_PROG_NOT_FOUND,
    ERROR_REMOTE,
    ERROR_PROFILE
} ErrorDomain;

#define ORCHESTRATOR_ERROR (orchestrator_error_quark())
GQuark orchestrator_error_quark(void);

typedef struct Provenance Provenance; /* node.h */

/* `reason`: a token of reference tables ("INVALID_DATA", "filter-bdepend-wrong-count"), or NULL; static or interned string.
 * `where` may be NULL. */
G_GNUC_PRINTF(5, 6)
void error_set(GError **error, ErrorDomain domain, const char *reason, const Provenance *where, const char *format,
               ...);
/* The indented second part of a report; copies. Does nothing on NULL. */
void error_set_detail(GError *error, const char *detail);
/* Remembers the candidate that is nearest to `word`, if any is near; error_report asks "Did you mean …?". */
void error_suggest(GError *error, const char *word, const char *const *candidates, gsize count);
const char *error_get_suggestion(const GError *error);
const char *error_get_reason(const GError *error);
const char *error_get_detail(const GError *error);
/* "FILE [line L column C]" or NULL. */
const char *error_get_provenance(const GError *error);
/* The same text for any place; "" where there is none.  Free with g_free. */
char *provenance_to_string(const Provenance *where);
const char *error_domain_name(int domain);
/* The text for a terminal: message, the line of YAML with a caret, the include chain, the detail.  Free with g_free. */
char *error_report(const GError *error);
