/* launcher-message.c - the messages of proto/recc.proto. */
#include "fields.h"
#include "launcher-private.h"

enum { VERSION = 1, HEAD = 4 };
enum { ANSWER_VERDICT = 1, ANSWER_ERRORS = 2, ANSWER_OUTPUT = 3 };
enum { OUTPUT_PATH = 1, OUTPUT_SIZE = 2, OUTPUT_IN_PLACE = 3 };

typedef struct {
    int64_t version;
    GArray *arguments, *environment;
    SluiceSpan directory;
} Question;

static const SluiceFieldSpec question_fields[] = {
    {1, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Question, version)},
    {2, SLUICE_FIELD_STRINGS, G_STRUCT_OFFSET(Question, arguments)},
    {3, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Question, directory)},
    {4, SLUICE_FIELD_SPANS, G_STRUCT_OFFSET(Question, environment)},
};

static char **dup_strings(const GArray *spans)
{
    char **strings = g_new0(char *, sluice_array_length(spans) + 1);
    for (guint i = 0; i < sluice_array_length(spans); i++)
        strings[i] = sluice_span_dup(g_array_index(spans, SluiceSpan, i));
    return strings;
}

gboolean launcher_question_decode(GBytes *frame, LauncherQuestion *out, GError **error)
{
    Question question = {0};
    gsize length = 0;
    const void *data = g_bytes_get_data(frame, &length);
    gboolean good =
        sluice_fields_decode(data, length, question_fields, G_N_ELEMENTS(question_fields), &question, error);
    *out = (LauncherQuestion){0};
    if (good && (question.version != VERSION || sluice_array_length(question.arguments) == 0 ||
                 question.directory.length == 0 || question.directory.data[0] != '/')) {
        g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, "not a compile of this version");
        good = FALSE;
    }
    if (good)
        *out = (LauncherQuestion){dup_strings(question.arguments), dup_strings(question.environment),
                                  sluice_span_dup(question.directory)};
    sluice_fields_clear(question_fields, G_N_ELEMENTS(question_fields), &question);
    return good;
}

void launcher_question_clear(LauncherQuestion *question)
{
    g_strfreev(question->arguments);
    g_strfreev(question->environment);
    g_free(question->directory);
}

typedef struct {
    int64_t succeeded, incomplete;
    SluiceSpan standard_error;
} Report;

static const SluiceFieldSpec report_fields[] = {
    {1, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Report, succeeded)},
    {2, SLUICE_FIELD_BYTES, G_STRUCT_OFFSET(Report, standard_error)},
    {3, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Report, incomplete)},
};

gboolean launcher_report_decode(GBytes *frame, LauncherReport *out, GError **error)
{
    Report report = {0};
    gsize length = 0;
    const void *data = g_bytes_get_data(frame, &length);
    gboolean good = sluice_fields_decode(data, length, report_fields, G_N_ELEMENTS(report_fields), &report, error);
    *out = (LauncherReport){good && report.succeeded != 0, report.incomplete != 0, NULL};
    if (good && report.standard_error.length > 0)
        out->standard_error = g_bytes_new(report.standard_error.data, report.standard_error.length);
    sluice_fields_clear(report_fields, G_N_ELEMENTS(report_fields), &report);
    return good;
}

void launcher_report_clear(LauncherReport *report)
{
    g_clear_pointer(&report->standard_error, g_bytes_unref);
}

static void put_output(GByteArray *out, const LauncherOutput *output)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    sluice_wire_put_string(bytes, OUTPUT_PATH, output->path);
    sluice_wire_put_varint(bytes, OUTPUT_SIZE, g_bytes_get_size(output->contents));
    if (output->in_place)
        sluice_wire_put_varint(bytes, OUTPUT_IN_PLACE, 1);
    sluice_wire_put_bytes(out, ANSWER_OUTPUT, bytes->data, bytes->len);
}

GByteArray *launcher_answer_encode(LauncherVerdict verdict, SluiceSpan standard_error, const LauncherOutput *outputs,
                                   gsize count)
{
    static const guint8 head[HEAD];
    GByteArray *frame = g_byte_array_new();
    g_byte_array_append(frame, head, HEAD);
    if (verdict != LAUNCHER_RUN)
        sluice_wire_put_varint(frame, ANSWER_VERDICT, verdict);
    if (standard_error.length > 0)
        sluice_wire_put_bytes(frame, ANSWER_ERRORS, standard_error.data, standard_error.length);
    for (gsize i = 0; i < count; i++)
        put_output(frame, &outputs[i]);
    guint length = frame->len - HEAD;
    for (guint i = 0; i < HEAD; i++)
        frame->data[i] = (guint8)(length >> (8 * i));
    return frame;
}
