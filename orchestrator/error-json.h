/*
 * error-json.h - why a command failed, for programs: the object that $SLUICE_ERROR_JSON names a file for.
 */
#pragma once

#include "error.h"
#include "json.h"

/* An error by value, as it travels from a job to the main process. */
typedef struct {
    char *domain; /* "SANDBOX" */
    char *reason; /* or NULL */
    char *message;
    char *detail;           /* or NULL */
    char *provenance;       /* or NULL */
    char *report;           /* for a terminal: message, line and caret, detail */
    char *element, *action; /* of the job, or NULL */
} ErrorRecord;

/* Errors of other folders are given the domain that BuildStream has for them. */
ErrorRecord *error_record_new(const GError *error);
void error_record_free(ErrorRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ErrorRecord, error_record_free)

/* The object as one line of text; `task` may be NULL.  Free with g_free. */
char *error_json_format(const ErrorRecord *main_error, const ErrorRecord *task);
/* Takes the variable out of the environment, so that nothing that is started has it, and removes a file that an earlier run left.  NULL if it is not set; free with
 * g_free. */
char *error_json_begin(void);
/* Writes the file in one step; `path` NULL does nothing. */
gboolean error_json_write(const char *path, const ErrorRecord *main_error, const ErrorRecord *task, GError **error);
