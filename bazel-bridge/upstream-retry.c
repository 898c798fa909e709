/* Attempts: which failures are worth another one, and when. */
#include "upstream.h"

gboolean sluice_status_is_transient(const GError *error)
{
    if (error->domain != SLUICE_STATUS_ERROR)
        return FALSE;
    switch (error->code) {
    case GRPC_STATUS_UNAVAILABLE:
    case GRPC_STATUS_RESOURCE_EXHAUSTED:
    case GRPC_STATUS_ABORTED:
    case GRPC_STATUS_DEADLINE_EXCEEDED:
    case GRPC_STATUS_INTERNAL: /* also what the library makes of streams that were reset */
    case GRPC_STATUS_UNKNOWN:
        return TRUE;
    default:
        return FALSE;
    }
}

gboolean sluice_status_is_refusal(const GError *error)
{
    return g_error_matches(error, SLUICE_STATUS_ERROR, GRPC_STATUS_INVALID_ARGUMENT) ||
           g_error_matches(error, SLUICE_STATUS_ERROR, GRPC_STATUS_FAILED_PRECONDITION);
}

unsigned sluice_retry_delay(unsigned first, unsigned number, uint32_t random)
{
    uint64_t delay = MAX(first, 1u);
    for (unsigned i = 1; i < number && delay < SLUICE_UPSTREAM_DELAY_MAX; i++)
        delay *= 2;
    delay = MIN(delay, (uint64_t)SLUICE_UPSTREAM_DELAY_MAX);
    uint64_t jitter = delay / 2;
    return (unsigned)(delay - jitter / 2 + (jitter > 0 ? random % jitter : 0));
}

int64_t sluice_peer_timeout(const SluicePeer *peer, SluiceUrgency urgency)
{
    int64_t seconds = urgency == SLUICE_WAITED_FOR ? SLUICE_UPSTREAM_LOOKUP_TIME : SLUICE_UPSTREAM_TIME;
    return (peer->request_timeout > 0 ? (int64_t)peer->request_timeout : seconds) * G_USEC_PER_SEC;
}

int64_t sluice_transfer_timeout(int64_t bytes)
{
    return (SLUICE_UPSTREAM_TIME + bytes / SLUICE_UPSTREAM_RATE) * G_USEC_PER_SEC;
}

/* FALSE: the peer was stopped. */
static gboolean pause_for(SluicePeer *peer, unsigned milliseconds)
{
    enum { MICROSECONDS = 1000 };
    int64_t end = g_get_monotonic_time() + (int64_t)milliseconds * MICROSECONDS;
    g_mutex_lock(&peer->lock);
    while (!peer->stopped && g_cond_wait_until(&peer->changed, &peer->lock, end))
        continue;
    gboolean stopped = peer->stopped;
    g_mutex_unlock(&peer->lock);
    return !stopped;
}

/* Who waits has waited long enough after one deadline. */
static gboolean is_worth_it(const GError *problem, SluiceUrgency urgency)
{
    return sluice_status_is_transient(problem) &&
           (urgency == SLUICE_BACKGROUND ||
            !g_error_matches(problem, SLUICE_STATUS_ERROR, GRPC_STATUS_DEADLINE_EXCEEDED));
}

gboolean sluice_peer_try(SluicePeer *peer, SluiceUrgency urgency, SluiceAttemptFunc attempt, gpointer data,
                         GError **error)
{
    gboolean waits = urgency == SLUICE_WAITED_FOR;
    unsigned limit = waits ? SLUICE_UPSTREAM_RETRIES_WAITING : SLUICE_UPSTREAM_RETRIES;
    unsigned first = waits ? SLUICE_UPSTREAM_DELAY_WAITING : SLUICE_UPSTREAM_DELAY;
    if (peer->retry_limit > 0 || peer->no_retry)
        limit = peer->no_retry ? 0 : peer->retry_limit;
    if (peer->retry_delay > 0)
        first = peer->retry_delay;
    for (unsigned number = 1;; number++) {
        GError *problem = NULL;
        if (attempt(data, &problem))
            return TRUE;
        if (number > limit || !is_worth_it(problem, urgency) ||
            !pause_for(peer, sluice_retry_delay(first, number, g_random_int()))) {
            g_propagate_error(error, problem);
            return FALSE;
        }
        g_error_free(problem);
    }
}
