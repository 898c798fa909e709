/* Who calls an attended endpoint, whether they may, and what became of it. */
#include "access.h"

#include <grpc/support/alloc.h>

void sluice_attendance_free(SluiceAttendance *attendance)
{
    g_clear_pointer(&attendance->connection, sluice_connection_unref);
    g_clear_pointer(&attendance->user, g_ref_string_release);
    g_free(attendance);
}

void sluice_attendance_count(SluiceAttendance *attendance, uint64_t received, uint64_t sent)
{
    attendance->received += received;
    attendance->sent += sent;
}

void sluice_attendance_set_code(SluiceAttendance *attendance, grpc_status_code code)
{
    attendance->code = code;
}

gboolean sluice_call_accepts_results(const SluiceCall *call)
{
    const SluiceEndpoint *endpoint = call->endpoint;
    if (call->attendance != NULL && call->attendance->role != SLUICE_ROLE_READ_WRITE)
        return FALSE;
    return !endpoint->keyed || endpoint->cache_writes == SLUICE_CACHE_WRITES_TRUSTED;
}

/* ---- Arrival ---------------------------------------------------------------------------------------------------------------------- */

static SluiceConnection *find_connection(SluiceCall *call)
{
    char *peer = grpc_call_get_peer(call->call);
    SluiceConnection *connection = sluice_connections_find(call->endpoint->bridge->connections, peer);
    gpr_free(peer);
    return connection;
}

/* A token counts before a certificate, and that before being nobody.  FALSE: the token is none of ours. */
static gboolean find_role(SluiceCall *call, SluiceAttendance *attendance)
{
    SluiceAccess *access = call->endpoint->access;
    const SluiceConnection *connection = attendance->connection;
    const grpc_slice *header = sluice_call_find_header(call, "authorization");
    if (access == NULL) {
        attendance->role = SLUICE_ROLE_READ_WRITE;
        return TRUE;
    }
    if (header != NULL && sluice_access_has_tokens(access))
        return sluice_access_check_header(access, GRPC_SLICE_START_PTR(*header), GRPC_SLICE_LENGTH(*header),
                                          &attendance->user, &attendance->role);
    if (connection != NULL && connection->user != NULL) {
        attendance->user = g_ref_string_acquire(connection->user);
        attendance->role = connection->role;
    }
    attendance->role = MAX(attendance->role, sluice_access_of_anonymous(access));
    return TRUE;
}

static gboolean suffices(SluiceRole role, SluiceMethodNeeds needs)
{
    return needs == SLUICE_NEEDS_NOTHING || role == SLUICE_ROLE_READ_WRITE ||
           (needs == SLUICE_NEEDS_READ && role == SLUICE_ROLE_READ);
}

static void refuse(SluiceCall *call, gboolean known)
{
    const SluiceAttendance *attendance = call->attendance;
    if (!known || (attendance->user == NULL && attendance->role == SLUICE_ROLE_NONE)) {
        SLUICE_COUNT(call->endpoint, unauthenticated, 1);
        sluice_call_fail(call, GRPC_STATUS_UNAUTHENTICATED,
                         known ? "this server wants a token (header \"authorization: Bearer TOKEN\") or a client "
                                 "certificate"
                               : "the token of the header \"authorization\" is not valid here");
        return;
    }
    g_autofree char *message = g_strdup_printf("%s has the role \"%s\", which is not enough for this",
                                               attendance->user != NULL ? attendance->user : "a client without token",
                                               sluice_role_name(attendance->role));
    SLUICE_COUNT(call->endpoint, forbidden, 1);
    sluice_call_fail(call, GRPC_STATUS_PERMISSION_DENIED, message);
}

gboolean sluice_call_admit(SluiceCall *call)
{
    SluiceAttendance *attendance = call->attendance = g_new0(SluiceAttendance, 1);
    attendance->arrived = g_get_monotonic_time();
    attendance->connection = find_connection(call);
    if (call->endpoint->metrics != NULL)
        sluice_metrics_begin(call->endpoint->metrics, call->method);
    gboolean known = find_role(call, attendance);
    if (call->method->needs == SLUICE_NEEDS_NOTHING || (known && suffices(attendance->role, call->method->needs)))
        return TRUE;
    refuse(call, known);
    return FALSE;
}

/* ---- End ---------------------------------------------------------------------------------------------------------------------------- */

/* Of a call of a method that there is not, what the client called it. */
static char *take_method(const SluiceCall *call)
{
    if (call->method != &sluice_unknown_method)
        return g_strdup(call->method->name);
    SluiceSpan name = {GRPC_SLICE_START_PTR(call->details.method), GRPC_SLICE_LENGTH(call->details.method)};
    return sluice_client_name(name);
}

static void observe(SluiceCall *call, int64_t now)
{
    const SluiceAttendance *attendance = call->attendance;
    g_auto(SluiceClient) client = {0};
    sluice_call_get_client(call, &client);
    g_autofree char *method = take_method(call);
    SluiceCallRecord record = {
        .method = method,
        .status = sluice_status_name(attendance->code),
        .peer = attendance->connection != NULL ? attendance->connection->peer : NULL,
        .user = attendance->user,
        .role = attendance->role,
        .tls = attendance->connection != NULL && attendance->connection->tls,
        .ended_us = g_get_real_time(),
        .duration_us = now - attendance->arrived,
        .bytes_received = attendance->received,
        .bytes_sent = attendance->sent,
        .tool = client.tool,
        .invocation = client.invocation,
        .action = client.action,
        .target = client.target,
    };
    call->endpoint->observer.call_ended(&record, call->endpoint->observer.data);
}

void sluice_call_leave(SluiceCall *call)
{
    const SluiceAttendance *attendance = call->attendance;
    int64_t now = g_get_monotonic_time();
    if (call->endpoint->metrics != NULL)
        sluice_metrics_end(call->endpoint->metrics, call->method, attendance->code, now - attendance->arrived,
                           attendance->received, attendance->sent);
    if (call->endpoint->observer.call_ended != NULL)
        observe(call, now);
}
