/* grpc.health.v1: whether this server wants work.  It does until it is told to end. */
#include "bridge-private.h"

#include <string.h>

enum { RESPONSE_STATUS = 1 };
enum { STATUS_SERVING = 1, STATUS_NOT_SERVING = 2, STATUS_SERVICE_UNKNOWN = 3 };

struct SluiceHealth {
    GMutex lock; /* for all that follows */
    gboolean unhealthy;
    GQueue watching; /* SluiceCall *, in our hand */
};

typedef struct {
    SluiceSpan service;
} Request;

static const SluiceFieldSpec request_fields[] = {{1, SLUICE_FIELD_STRING, G_STRUCT_OFFSET(Request, service)}};

SluiceHealth *sluice_health_new(void)
{
    SluiceHealth *health = g_new0(SluiceHealth, 1);
    g_mutex_init(&health->lock);
    return health;
}

void sluice_health_free(SluiceHealth *health)
{
    g_mutex_clear(&health->lock);
    g_free(health);
}

static SluiceReply *reply_of(uint64_t status)
{
    SluiceReply *reply = sluice_reply_new();
    sluice_wire_put_varint(reply->bytes, RESPONSE_STATUS, status);
    return reply;
}

static uint64_t status_of(SluiceHealth *health)
{
    g_mutex_lock(&health->lock);
    gboolean unhealthy = health->unhealthy;
    g_mutex_unlock(&health->lock);
    return unhealthy ? STATUS_NOT_SERVING : STATUS_SERVING;
}

/* The empty name is the whole server. */
static gboolean is_known(SluiceSpan service)
{
    if (service.length == 0)
        return TRUE;
    for (gsize i = 0; i < SLUICE_N_METHODS; i++) {
        const char *name = sluice_methods[i].name + 1, *slash = strchr(name, '/');
        if ((gsize)(slash - name) == service.length && memcmp(name, service.data, service.length) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean decode(SluiceCall *call, Request *request)
{
    GError *error = NULL;
    if (sluice_fields_decode(call->message.data, call->message.length, request_fields, G_N_ELEMENTS(request_fields),
                             request, &error))
        return TRUE;
    sluice_call_fail_error(call, error);
    return FALSE;
}

void sluice_handle_health_check(SluiceCall *call)
{
    Request request = {0};
    if (!decode(call, &request))
        return;
    if (is_known(request.service))
        sluice_call_reply(call, reply_of(status_of(call->endpoint->health)));
    else
        sluice_call_fail(call, GRPC_STATUS_NOT_FOUND, "this server has no such service");
}

/* ---- Watching ----------------------------------------------------------------------------------------------------------------------- */

static void client_gone(SluiceCall *call)
{
    SluiceHealth *health = call->endpoint->health;
    g_mutex_lock(&health->lock);
    gboolean ours = g_queue_remove(&health->watching, call);
    g_mutex_unlock(&health->lock);
    if (ours)
        sluice_call_fail(call, GRPC_STATUS_CANCELLED, "the client has gone");
}

/* The first answer is out; from now on the call is in the hand of the health. */
static void wait_for_change(SluiceCall *call)
{
    SluiceHealth *health = call->endpoint->health;
    sluice_call_set_patient(call);
    g_mutex_lock(&health->lock);
    gboolean waits = !health->unhealthy && health->watching.length < SLUICE_LIMIT_HEALTH_WATCHERS;
    if (waits) {
        g_queue_push_tail(&health->watching, call);
        SLUICE_HAND_OVER(call);
        sluice_call_watch(call, client_gone);
    }
    gboolean unhealthy = health->unhealthy;
    g_mutex_unlock(&health->lock);
    if (waits)
        return;
    if (unhealthy)
        sluice_call_reply(call, reply_of(STATUS_NOT_SERVING));
    else
        sluice_call_fail(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "too many clients watch");
}

void sluice_handle_health_watch(SluiceCall *call)
{
    Request request = {0};
    if (!decode(call, &request))
        return;
    gboolean known = is_known(request.service);
    uint64_t status = known ? status_of(call->endpoint->health) : STATUS_SERVICE_UNKNOWN;
    if (status == STATUS_SERVING)
        sluice_call_send(call, reply_of(status), wait_for_change);
    else
        sluice_call_reply(call, reply_of(status));
}

void sluice_health_set_unhealthy(SluiceHealth *health)
{
    SluiceCall *call;
    g_mutex_lock(&health->lock);
    health->unhealthy = TRUE;
    GQueue watching = health->watching;
    g_queue_init(&health->watching);
    g_mutex_unlock(&health->lock);
    while ((call = g_queue_pop_head(&watching)) != NULL) {
        SLUICE_TAKE_OVER(call);
        sluice_call_reply(call, reply_of(STATUS_NOT_SERVING));
    }
}
