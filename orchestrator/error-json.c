/* error-json.c - machine-readable errors */
#include "error-json.h"
#include "bazel-bridge.h"
#include "sandbox.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static const char *domain_of(const GError *error, const char **reason)
{
    *reason = NULL;
    if (error->domain == ORCHESTRATOR_ERROR) {
        *reason = error_get_reason(error);
        return error_domain_name(error->code);
    }
    if (error->domain == SLUICE_CAS_ERROR) {
        *reason = error->code == SLUICE_CAS_ERROR_FULL ? "cache-too-full" : NULL;
        return "CAS";
    }
    if (error->domain == SLUICE_SANDBOX_ERROR) {
        *reason = error->code == SLUICE_SANDBOX_ERROR_UNAVAILABLE ? "unavailable-local-sandbox" : NULL;
        return "SANDBOX";
    }
    if (error->domain == SLUICE_BRIDGE_ERROR)
        return "REMOTE";
    return "UTIL";
}

ErrorRecord *error_record_new(const GError *error)
{
    ErrorRecord *record = g_new0(ErrorRecord, 1);
    const char *reason;
    record->domain = g_strdup(domain_of(error, &reason));
    record->reason = g_strdup(reason);
    record->message = g_strdup(error->message);
    if (error->domain == ORCHESTRATOR_ERROR) {
        record->detail = g_strdup(error_get_detail(error));
        record->provenance = g_strdup(error_get_provenance(error));
        record->report = error_report(error);
    } else {
        record->report = g_strdup(error->message);
    }
    return record;
}

void error_record_free(ErrorRecord *record)
{
    char **const fields[] = {&record->domain,     &record->reason, &record->message, &record->detail,
                             &record->provenance, &record->report, &record->element, &record->action};
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        g_free(*fields[i]);
    g_free(record);
}

static Json *text_or_null(Arena *arena, const char *text)
{
    if (!text)
        return json_null(arena);
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return json_string(arena, valid);
}

static Json *record_to_json(Arena *arena, const ErrorRecord *record)
{
    Json *object = json_object(arena);
    json_set(object, "domain", text_or_null(arena, record->domain));
    json_set(object, "reason", text_or_null(arena, record->reason));
    json_set(object, "message", text_or_null(arena, record->message ? record->message : ""));
    json_set(object, "detail", text_or_null(arena, record->detail));
    return object;
}

char *error_json_format(const ErrorRecord *main_error, const ErrorRecord *task)
{
    Arena *arena = arena_new();
    Json *object = record_to_json(arena, main_error);
    json_set(object, "provenance", text_or_null(arena, main_error->provenance));
    Json *task_object = json_null(arena);
    if (task) {
        task_object = record_to_json(arena, task);
        json_set(task_object, "element", text_or_null(arena, task->element));
        json_set(task_object, "action", text_or_null(arena, task->action));
    }
    json_set(object, "task", task_object);
    GString *out = g_string_new(NULL);
    json_write(object, out);
    g_string_append_c(out, '\n');
    arena_free(arena);
    return g_string_free(out, FALSE);
}

char *error_json_begin(void)
{
    char *path = g_strdup(g_getenv("SLUICE_ERROR_JSON"));
    g_unsetenv("SLUICE_ERROR_JSON");
    if (path && !*path)
        g_clear_pointer(&path, g_free);
    if (path) {
        char *absolute = g_canonicalize_filename(path, NULL);
        g_free(path);
        path = absolute;
        (void)!unlink(path);
    }
    return path;
}

gboolean error_json_write(const char *path, const ErrorRecord *main_error, const ErrorRecord *task, GError **error)
{
    if (!path)
        return TRUE;
    g_autofree char *text = error_json_format(main_error, task);
    return g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error);
}
