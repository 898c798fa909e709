#include "bridge-private.h"

enum { ANSWER_MISSING = 2 };

typedef struct {
    SluiceSpan instance;
    GArray *digests;
    int64_t digest_function;
} Request;

static const SluiceFieldSpec request_fields[] = {
    {1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Request, instance)},
    {2, SLUICE_FIELD_DIGESTS, G_STRUCT_OFFSET(Request, digests)},
    {3, SLUICE_FIELD_INTEGER, G_STRUCT_OFFSET(Request, digest_function)},
};

static void request_free(gpointer request)
{
    sluice_fields_clear(request_fields, G_N_ELEMENTS(request_fields), request);
    g_free(request);
}

static void find_missing(SluiceCall *call)
{
    Request *request = call->state;
    guint count = sluice_array_length(request->digests);
    const SluiceDigest *digests = count > 0 ? (const SluiceDigest *)(void *)request->digests->data : NULL;
    g_autofree gboolean *missing = g_new0(gboolean, count + 1);
    GError *error = NULL;
    if (count > 0 && !sluice_store_find_missing(sluice_call_get_store(call), digests, count, missing, &error)) {
        sluice_call_fail_error(call, error);
        return;
    }
    SluiceReply *reply = sluice_reply_new();
    for (guint i = 0; i < count; i++)
        if (missing[i] && !sluice_digest_equal(&digests[i], &sluice_digest_empty))
            sluice_wire_put_digest(reply->bytes, ANSWER_MISSING, &digests[i]);
    sluice_call_reply(call, reply);
}

void sluice_handle_find_missing(SluiceCall *call)
{
    Request *request = g_new0(Request, 1);
    GError *error = NULL;
    sluice_call_set_state(call, request, request_free);
    if (!sluice_fields_decode(call->message.data, call->message.length, request_fields, G_N_ELEMENTS(request_fields),
                              request, &error) ||
        !sluice_request_check(request->instance, request->digest_function, &error))
        sluice_call_fail_error(call, error);
    else if (sluice_array_length(request->digests) <= SLUICE_INLINE_LOOKUPS)
        find_missing(call);
    else
        sluice_call_run(call, find_missing);
}
