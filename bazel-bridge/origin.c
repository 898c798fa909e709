/*
 * Origins: the note that stands beside each result in the store, encoded as proto/sluice.proto says.
 *
 * All strings are bounded where they enter (SLUICE_LIMIT_CLIENT_NAME, SLUICE_LIMIT_FINDINGS), so a note is never large.
 */
#include "access.h"
#include "difference.h"

typedef struct {
    SluiceDigestField environment, action, refused;
    int64_t producer, stored, verdict, audited;
    SluiceSpan strings[16];
} Message;

enum { PRODUCER = 1, ENVIRONMENT = 2, ACTION = 3, STORED = 4, VERDICT = 15, AUDITED = 16, REFUSED = 17 };

static const struct {
    uint32_t number;
    gsize offset; /* of a char * in SluiceOrigin */
} strings[] = {
    {5, G_STRUCT_OFFSET(SluiceOrigin, element)},  {6, G_STRUCT_OFFSET(SluiceOrigin, project)},
    {7, G_STRUCT_OFFSET(SluiceOrigin, tool)},     {8, G_STRUCT_OFFSET(SluiceOrigin, invocation)},
    {9, G_STRUCT_OFFSET(SluiceOrigin, target)},   {10, G_STRUCT_OFFSET(SluiceOrigin, mnemonic)},
    {11, G_STRUCT_OFFSET(SluiceOrigin, user)},    {12, G_STRUCT_OFFSET(SluiceOrigin, peer)},
    {13, G_STRUCT_OFFSET(SluiceOrigin, cluster)}, {14, G_STRUCT_OFFSET(SluiceOrigin, findings)},
};

#define STRING_FIELD(number)                                                                                           \
    {                                                                                                                  \
        number, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Message, strings) + (number) * sizeof(SluiceSpan)                 \
    }

static const SluiceFieldSpec fields[] = {
    {PRODUCER, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Message, producer)},
    {ENVIRONMENT, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Message, environment)},
    {ACTION, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Message, action)},
    {STORED, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Message, stored)},
    STRING_FIELD(5),
    STRING_FIELD(6),
    STRING_FIELD(7),
    STRING_FIELD(8),
    STRING_FIELD(9),
    STRING_FIELD(10),
    STRING_FIELD(11),
    STRING_FIELD(12),
    STRING_FIELD(13),
    STRING_FIELD(14),
    {VERDICT, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Message, verdict)},
    {AUDITED, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Message, audited)},
    {REFUSED, SLUICE_FIELD_DIGEST, G_STRUCT_OFFSET(Message, refused)},
};

static char **string_at(const SluiceOrigin *origin, gsize index)
{
    return (char **)(void *)((char *)origin + strings[index].offset);
}

GBytes *sluice_origin_encode(const SluiceOrigin *origin)
{
    GByteArray *out = g_byte_array_sized_new(512);
    if (origin->producer != SLUICE_PRODUCER_UNKNOWN)
        sluice_wire_put_varint(out, PRODUCER, origin->producer);
    if (origin->has_environment)
        sluice_wire_put_digest(out, ENVIRONMENT, &origin->environment);
    sluice_wire_put_digest(out, ACTION, &origin->action);
    sluice_wire_put_varint(out, STORED, (uint64_t)origin->stored);
    for (gsize i = 0; i < G_N_ELEMENTS(strings); i++) {
        const char *text = *string_at(origin, i);
        if (text != NULL && *text != '\0')
            sluice_wire_put_string(out, strings[i].number, text);
    }
    if (origin->audit != SLUICE_AUDIT_NONE) {
        sluice_wire_put_varint(out, VERDICT, origin->audit);
        sluice_wire_put_varint(out, AUDITED, (uint64_t)origin->audited);
    }
    if (origin->has_refused)
        sluice_wire_put_digest(out, REFUSED, &origin->refused);
    return g_byte_array_free_to_bytes(out);
}

gboolean sluice_origin_decode(const void *data, gsize length, SluiceOrigin *out, GError **error)
{
    Message message = {0};
    *out = (SluiceOrigin){0};
    if (!sluice_fields_decode(data, length, fields, G_N_ELEMENTS(fields), &message, error))
        return FALSE;
    out->producer = message.producer >= 0 && message.producer <= SLUICE_PRODUCER_FETCHED
                        ? (SluiceProducer)message.producer
                        : SLUICE_PRODUCER_UNKNOWN;
    out->has_environment = message.environment.present;
    out->environment = message.environment.value;
    out->action = message.action.value;
    out->stored = message.stored;
    out->audit = message.verdict >= 0 && message.verdict <= SLUICE_AUDIT_IMPOSSIBLE
                     ? (SluiceAuditVerdict)message.verdict
                     : SLUICE_AUDIT_NONE;
    out->audited = message.audited;
    out->has_refused = message.refused.present;
    out->refused = message.refused.value;
    for (gsize i = 0; i < G_N_ELEMENTS(strings); i++) {
        SluiceSpan span = message.strings[strings[i].number];
        *string_at(out, i) = span.length > 0 ? sluice_span_dup(span) : NULL;
    }
    return TRUE;
}

void sluice_origin_clear(SluiceOrigin *origin)
{
    for (gsize i = 0; i < G_N_ELEMENTS(strings); i++)
        g_free(*string_at(origin, i));
    *origin = (SluiceOrigin){0};
}

void sluice_origin_free(SluiceOrigin *origin)
{
    sluice_origin_clear(origin);
    g_free(origin);
}

static char *take_text(const char *text)
{
    return text != NULL ? sluice_client_name((SluiceSpan){(const uint8_t *)text, strlen(text)}) : NULL;
}

SluiceOrigin *sluice_origin_new(SluiceCall *call, const SluiceDigest *action)
{
    const SluiceEndpoint *endpoint = call->endpoint;
    const SluiceAttendance *attendance = call->attendance;
    SluiceOrigin *origin = g_new0(SluiceOrigin, 1);
    SluiceClient client;
    sluice_call_get_client(call, &client);
    origin->has_environment = endpoint->keyed;
    origin->environment = endpoint->environment;
    origin->action = *action;
    origin->project = take_text(endpoint->project);
    origin->element = endpoint->project != NULL ? take_text(endpoint->label) : NULL;
    origin->tool = g_steal_pointer(&client.tool);
    origin->invocation = g_steal_pointer(&client.invocation);
    origin->target = g_steal_pointer(&client.target);
    origin->mnemonic = g_steal_pointer(&client.mnemonic);
    sluice_client_clear(&client);
    if (attendance != NULL) {
        origin->user = take_text(attendance->user);
        origin->peer = attendance->connection != NULL ? take_text(attendance->connection->peer) : NULL;
    }
    return origin;
}

gboolean sluice_origin_read(SluiceStore *store, const SluiceDigest *key, SluiceOrigin *out)
{
    gsize length = 0;
    *out = (SluiceOrigin){0};
    g_autoptr(GBytes) note = sluice_store_get_result_note(store, key, NULL);
    const void *data = note != NULL ? g_bytes_get_data(note, &length) : NULL;
    if (note != NULL && sluice_origin_decode(data, length, out, NULL))
        return TRUE;
    sluice_origin_clear(out);
    return FALSE;
}

gboolean sluice_origin_refuses(SluiceStore *store, const SluiceDigest *key, GBytes *result, SluiceOrigin *origin)
{
    g_auto(SluiceOrigin) old = {0};
    SluiceDigest outputs;
    if (!sluice_origin_read(store, key, &old) || !old.has_refused)
        return FALSE;
    if (sluice_result_digest_outputs(store, result, &outputs) && sluice_digest_equal(&outputs, &old.refused))
        return TRUE;
    g_free(origin->findings);
    origin->findings = g_steal_pointer(&old.findings);
    origin->audit = old.audit;
    origin->audited = old.audited;
    origin->has_refused = TRUE;
    origin->refused = old.refused;
    return FALSE;
}
