/* The circuit breaker: closed while the cluster answers well; open, and nobody asks, after failures in a row, slow answers or lies; then
 * one at a time is let through until it answers again.  It lies in memory that forked processes share, and is made of atomic words only. */
#include "upstream.h"

#include <sys/mman.h>

struct SluiceUpstreamHealth {
    _Atomic int64_t open_until; /* monotonic time; 0: closed */
    _Atomic int64_t pause;      /* the last time that it was opened for */
    _Atomic int64_t mean;       /* of the time of answers, moving; microseconds */
    _Atomic uint32_t samples, failures, lies, warned;
};

SluiceUpstreamHealth *sluice_upstream_health_new(void)
{
    /* cppcheck-suppress invalidFunctionArg ; it means that there is no file */
    void *memory = mmap(NULL, sizeof(SluiceUpstreamHealth), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    g_assert(memory != MAP_FAILED); /* a page */
    return memory;
}

void sluice_upstream_health_free(SluiceUpstreamHealth *health)
{
    munmap(health, sizeof *health);
}

gboolean sluice_upstream_health_is_bad(const SluiceUpstreamHealth *health)
{
    return atomic_load(&health->warned) != 0;
}

gboolean sluice_health_allows(SluiceUpstreamHealth *health)
{
    int64_t until = atomic_load(&health->open_until), now = g_get_monotonic_time();
    if (until == 0)
        return TRUE;
    /* whoever moves the time on is let through */
    return now >= until &&
           atomic_compare_exchange_strong(&health->open_until, &until, now + atomic_load(&health->pause));
}

static void open_breaker(SluiceUpstreamHealth *health)
{
    if (atomic_load(&health->lies) >= SLUICE_BREAKER_FAILURES)
        return; /* open for good */
    const int64_t first = (int64_t)SLUICE_BREAKER_FIRST * G_USEC_PER_SEC;
    const int64_t last = (int64_t)SLUICE_BREAKER_LAST * G_USEC_PER_SEC;
    int64_t pause = CLAMP(2 * atomic_load(&health->pause), first, last);
    atomic_store(&health->pause, pause);
    atomic_store(&health->open_until, g_get_monotonic_time() + pause);
}

static gboolean is_slow(SluiceUpstreamHealth *health, int64_t elapsed_us)
{
    enum { SHARE = 4, MICROSECONDS = 1000 };
    const int64_t limit = (int64_t)SLUICE_BREAKER_SLOW * MICROSECONDS;
    int64_t mean = atomic_load(&health->mean);
    uint32_t samples = atomic_fetch_add(&health->samples, 1) + 1;
    /* the answer to a probe counts alone; a lost update between two processes does not matter */
    gboolean alone = samples == 1 || atomic_load(&health->open_until) != 0;
    mean = alone ? elapsed_us : mean + (elapsed_us - mean) / SHARE;
    atomic_store(&health->mean, mean);
    return samples >= SLUICE_BREAKER_SAMPLES && mean > limit;
}

static SluiceHealthChange note_good(SluiceUpstreamHealth *health, int64_t elapsed_us)
{
    if (elapsed_us > 0 && is_slow(health, elapsed_us)) {
        gboolean was_open = atomic_load(&health->open_until) != 0;
        open_breaker(health);
        return was_open ? SLUICE_HEALTH_FINE : SLUICE_HEALTH_SLOW;
    }
    atomic_store(&health->failures, 0);
    if (atomic_load(&health->lies) < SLUICE_BREAKER_FAILURES && atomic_exchange(&health->open_until, 0) != 0)
        atomic_store(&health->pause, 0);
    return SLUICE_HEALTH_FINE;
}

SluiceHealthChange sluice_health_note(SluiceUpstreamHealth *health, gboolean good, int64_t elapsed_us)
{
    if (good)
        return note_good(health, elapsed_us);
    uint32_t failures = atomic_fetch_add(&health->failures, 1) + 1;
    if (failures < SLUICE_BREAKER_FAILURES && atomic_load(&health->open_until) == 0)
        return SLUICE_HEALTH_FINE;
    open_breaker(health);
    return SLUICE_HEALTH_FAILING;
}

SluiceHealthChange sluice_health_note_lie(SluiceUpstreamHealth *health)
{
    const int64_t for_good = G_MAXINT64;
    if (atomic_fetch_add(&health->lies, 1) + 1 >= SLUICE_BREAKER_FAILURES)
        atomic_store(&health->open_until, for_good);
    return SLUICE_HEALTH_LYING;
}

gboolean sluice_health_claim_warning(SluiceUpstreamHealth *health)
{
    return atomic_exchange(&health->warned, 1) == 0;
}
