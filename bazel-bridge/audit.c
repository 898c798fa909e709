/*
 * audit.c - hits that are executed again.
 *
 * A hit is answered first.  If its key is one of those that are audited (a share of all keys, always the same ones), its action is executed by the
 * endpoint's own executor, in the endpoint's environment, and what that makes is compared with what was cached.  Where they differ it is executed
 * once more: if the two runs agree on any output that differs from the cached one, the entry is wrong, and what was executed takes its place, and
 * is remembered as refused.  If both runs fail the entry goes, but nothing is refused: they may have failed for want of something here.  If the runs
 * do not agree, the action is not deterministic, and the entry stays.
 *
 * One audit runs at a time while clients may come, as many as the executor allows when they are waited for.
 */
#include "difference.h"
#include "execution.h"
#include "upstream.h"

struct SluiceAudits {
    SluiceEndpoint *endpoint;
    SluiceExecutor executor;
    SluiceAuditPolicy policy;
    GThreadPool *threads;
    GCancellable *cancellable;
    GMutex lock; /* for what follows */
    GCond done;
    unsigned pending;
    GHashTable *known; /* SluiceDigest of a key and its result: those that were chosen before */
};

typedef struct {
    SluiceDigest key, action, known;
    SluiceOrigin *asked;
    gboolean lacking; /* what it needs was not there */
} Item;

static Item *item_new(SluiceCall *call, const SluiceDigest *key, const SluiceDigest *action, const SluiceDigest *known)
{
    Item *item = g_new(Item, 1);
    *item = (Item){*key, *action, *known, sluice_origin_new(call, action)};
    return item;
}

static void item_free(Item *item)
{
    sluice_origin_free(item->asked);
    g_free(item);
}

#define COUNT_VERDICT(endpoint, verdict, amount)                                                                       \
    atomic_fetch_add_explicit(&(endpoint)->counters.audits[verdict], (uint64_t)(amount), memory_order_relaxed)

/* ---- One audit ------------------------------------------------------------------------------------------------------------------ */

/* What is known while it goes on. */
typedef struct {
    SluiceAudits *audits;
    SluiceStore *store;
    Item *item;
    SluiceOrigin made; /* who made what is cached */
    SluiceAction *action;
    GBytes *cached, *own;
    SluiceOutputs *was, *is;
    SluiceDifferences differences;
    gboolean dropped;
} Audit;

static void audit_clear(Audit *audit)
{
    sluice_origin_clear(&audit->made);
    g_clear_pointer(&audit->action, sluice_action_free);
    g_clear_pointer(&audit->cached, g_bytes_unref);
    g_clear_pointer(&audit->own, g_bytes_unref);
    g_clear_pointer(&audit->was, sluice_outputs_free);
    g_clear_pointer(&audit->is, sluice_outputs_free);
    sluice_differences_clear(&audit->differences);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Audit, audit_clear)

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean fail(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, SLUICE_PROTO_ERROR, SLUICE_PROTO_ERROR_WIRE, message);
    return FALSE;
}

/* Clients that only use the cache upload neither actions nor inputs. */
static gboolean load_action(Audit *audit, GError **error)
{
    g_autoptr(GArray) missing = g_array_new(FALSE, FALSE, sizeof(SluiceDigest));
    audit->action = sluice_action_load(audit->store, &audit->item->action, missing, error);
    if (audit->action == NULL)
        return FALSE;
    if (missing->len == 0)
        return TRUE;
    char text[SLUICE_DIGEST_STRING_MAX];
    const SluiceDigest *first = &g_array_index(missing, SluiceDigest, 0);
    const char *what = sluice_digest_equal(first, &audit->item->action)      ? "the action"
                       : sluice_digest_equal(first, &audit->action->command) ? "its command"
                                                                             : "an input";
    return fail(error, "%s is not in the cache (%s%s): its client does not upload what it runs by itself", what,
                sluice_digest_string(first, text), missing->len > 1 ? ", and others" : "");
}

static SluiceOutputs *execute(Audit *audit, GBytes **result, GError **error)
{
    SluiceAudits *audits = audit->audits;
    SluiceExecutionOutcome outcome = {0};
    SluiceExecutionTimes times = {g_get_real_time(), g_get_real_time()};
    if (g_cancellable_set_error_if_cancelled(audits->cancellable, error) ||
        !sluice_action_run(audit->store, &audits->executor, audit->action, audits->cancellable, &outcome, error))
        return NULL;
    g_autofree char *stopped = outcome.stopped;
    if (stopped != NULL) {
        fail(error, "%s", stopped);
        return NULL;
    }
    g_autoptr(GBytes) bytes = sluice_outputs_collect(audit->store, audit->action, &outcome, &times, error);
    SluiceOutputs *outputs = bytes != NULL ? sluice_outputs_read(audit->store, bytes, error) : NULL;
    if (result != NULL)
        *result = g_steal_pointer(&bytes);
    return outputs;
}

static gboolean compare(Audit *audit, const SluiceOutputs *again)
{
    sluice_differences_clear(&audit->differences);
    sluice_outputs_compare(audit->was, audit->is, again, &audit->differences);
    return audit->differences.outputs->len > 0;
}

static SluiceAuditVerdict judge(Audit *audit, GError **error)
{
    audit->item->lacking = !load_action(audit, error);
    if (audit->item->lacking || !(audit->was = sluice_outputs_read(audit->store, audit->cached, error)) ||
        !(audit->is = execute(audit, &audit->own, error)))
        return SLUICE_AUDIT_IMPOSSIBLE;
    if (!compare(audit, NULL))
        return audit->differences.messages->len > 0 ? SLUICE_AUDIT_MESSAGES : SLUICE_AUDIT_SAME;
    g_autoptr(SluiceOutputs) again = execute(audit, NULL, error);
    if (again == NULL)
        return SLUICE_AUDIT_IMPOSSIBLE;
    compare(audit, again);
    return audit->differences.stable ? SLUICE_AUDIT_WRONG : SLUICE_AUDIT_UNSTABLE;
}

/* ---- What becomes of the entry ------------------------------------------------------------------------------------------------------ */

static const char *const producer_names[] = {
    [SLUICE_PRODUCER_UNKNOWN] = "by nobody knows whom",
    [SLUICE_PRODUCER_EXECUTOR] = "by sluice",
    [SLUICE_PRODUCER_CLUSTER] = "by the cluster",
    [SLUICE_PRODUCER_CLIENT] = "by a client that may store results",
    [SLUICE_PRODUCER_FETCHED] = "elsewhere",
};

static void append_lines(GString *out, const GPtrArray *lines)
{
    for (guint i = 0; i < lines->len && out->len < SLUICE_LIMIT_FINDINGS; i++)
        g_string_append_printf(out, "%s%s", out->len > 0 ? "\n" : "", (const char *)lines->pdata[i]);
}

static void append_word(GString *out, const char *before, const char *word)
{
    if (word != NULL)
        g_string_append_printf(out, "%s%s", before, word);
}

/* For those who ask later: the entry's own origin is replaced with the entry.  Who made it comes first, because the end may be cut off. */
static char *describe(const Audit *audit, SluiceAuditVerdict verdict)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (verdict == SLUICE_AUDIT_WRONG) {
        g_string_append_printf(out, "it was made %s", producer_names[audit->made.producer]);
        append_word(out, ", of element ", audit->made.element);
        append_word(out, ", with ", audit->made.tool);
        append_word(out, ", user ", audit->made.user);
        append_word(out, ", cluster ", audit->made.cluster);
    }
    append_lines(out, audit->differences.outputs);
    append_lines(out, audit->differences.messages);
    return g_utf8_make_valid(out->str, (gssize)MIN(out->len, (gsize)SLUICE_LIMIT_FINDINGS));
}

static void set_verdict(const Audit *audit, SluiceOrigin *origin, SluiceAuditVerdict verdict)
{
    g_free(origin->findings);
    origin->audit = verdict;
    origin->audited = g_get_real_time() / G_USEC_PER_SEC;
    origin->findings = verdict != SLUICE_AUDIT_SAME ? describe(audit, verdict) : NULL;
}

/* A result of the same outputs in other bytes, which somebody kept meanwhile, is as wrong.  FALSE without error: there is another now. */
static gboolean take_its_place(Audit *audit, GBytes *result, GBytes *note, const SluiceDigest *wrong, GError **error)
{
    enum { ATTEMPTS = 8 };
    gboolean changed = FALSE;
    for (int i = 0; i < ATTEMPTS; i++) {
        SluiceDigest outputs;
        if (!sluice_store_change_result(audit->store, &audit->item->key, audit->cached, result, note, &changed, error))
            return FALSE;
        if (changed)
            return TRUE;
        g_autoptr(GBytes) now = sluice_store_get_result(audit->store, &audit->item->key, error);
        if (now == NULL)
            return *error == NULL && fail(error, "it has gone meanwhile");
        if (!sluice_result_digest_outputs(audit->store, now, &outputs) || !sluice_digest_equal(&outputs, wrong))
            return FALSE;
        g_bytes_unref(audit->cached);
        audit->cached = g_steal_pointer(&now);
    }
    return FALSE;
}

/* What is wrong goes.  Ours takes its place, for the cluster too, which would give the wrong one again. */
static gboolean replace(Audit *audit, GError **error)
{
    SluiceEndpoint *endpoint = audit->audits->endpoint;
    SluiceOrigin *fresh = audit->item->asked;
    SluiceDigest wrong;
    if (endpoint->cache_writes == SLUICE_CACHE_WRITES_OFF)
        return fail(error, "cache-writes is off: the entry stays");
    if (!sluice_result_digest_outputs(audit->store, audit->cached, &wrong))
        return fail(error, "the entry cannot be read any more");
    audit->dropped = sluice_outputs_get_exit_code(audit->is) != 0;
    fresh->producer = SLUICE_PRODUCER_EXECUTOR;
    fresh->stored = g_get_real_time() / G_USEC_PER_SEC;
    fresh->has_refused = !audit->dropped;
    fresh->refused = wrong;
    set_verdict(audit, fresh, SLUICE_AUDIT_WRONG);
    g_autoptr(GBytes) note = sluice_origin_encode(fresh);
    GBytes *result = audit->dropped ? NULL : audit->own;
    if (!take_its_place(audit, result, note, &wrong, error))
        return *error == NULL && fail(error, "another result has taken its place meanwhile");
    return result == NULL || endpoint->upstream == NULL ||
           sluice_upstream_enqueue(endpoint->upstream, &audit->item->key, result, error);
}

static gboolean note_verdict(Audit *audit, SluiceAuditVerdict verdict, GError **error)
{
    gboolean changed;
    if (verdict == SLUICE_AUDIT_IMPOSSIBLE)
        return TRUE;
    if (verdict == SLUICE_AUDIT_WRONG)
        return replace(audit, error);
    /* of an entry that took a wrong one's place, that is what must be known */
    if (audit->made.has_refused)
        return TRUE;
    audit->made.action = audit->item->action;
    audit->made.has_environment = audit->item->asked->has_environment;
    audit->made.environment = audit->item->asked->environment;
    set_verdict(audit, &audit->made, verdict);
    g_autoptr(GBytes) note = sluice_origin_encode(&audit->made);
    return sluice_store_change_result(audit->store, &audit->item->key, audit->cached, audit->cached, note, &changed,
                                      error);
}

static void report(const Audit *audit, SluiceAuditVerdict verdict, const char *reason)
{
    const SluiceAuditPolicy *policy = &audit->audits->policy;
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    if (verdict == SLUICE_AUDIT_SAME || policy->report == NULL)
        return;
    if (verdict != SLUICE_AUDIT_IMPOSSIBLE) {
        g_ptr_array_extend(lines, audit->differences.outputs, NULL, NULL);
        g_ptr_array_extend(lines, audit->differences.messages, NULL, NULL);
    }
    g_ptr_array_add(lines, NULL);
    const SluiceAuditReport told = {
        .verdict = verdict,
        .key = audit->item->key,
        .action = audit->item->action,
        .made = &audit->made,
        .asked = audit->item->asked,
        .differences = (const char *const *)lines->pdata,
        .reason = reason,
        .dropped = audit->dropped,
    };
    policy->report(&told, policy->data);
}

/* NONE: it was given up. */
static SluiceAuditVerdict audit_item(SluiceAudits *audits, Item *item)
{
    g_auto(Audit) audit = {.audits = audits, .store = audits->endpoint->bridge->store, .item = item};
    g_autoptr(GError) error = NULL;
    SluiceAuditVerdict verdict = SLUICE_AUDIT_IMPOSSIBLE;
    (void)sluice_origin_read(audit.store, &item->key, &audit.made);
    audit.cached = sluice_store_get_result(audit.store, &item->key, &error);
    if (audit.cached != NULL)
        verdict = judge(&audit, &error);
    if (g_cancellable_is_cancelled(audits->cancellable))
        return SLUICE_AUDIT_NONE;
    if (verdict != SLUICE_AUDIT_IMPOSSIBLE)
        note_verdict(&audit, verdict, &error);
    report(&audit, verdict, error != NULL ? error->message : NULL);
    return verdict;
}

static void audit_thread(gpointer data, gpointer user_data)
{
    Item *item = data;
    SluiceAudits *audits = user_data;
    SluiceAuditVerdict verdict =
        g_cancellable_is_cancelled(audits->cancellable) ? SLUICE_AUDIT_NONE : audit_item(audits, item);
    if (verdict != SLUICE_AUDIT_NONE) {
        COUNT_VERDICT(audits->endpoint, verdict, 1);
        COUNT_VERDICT(audits->endpoint, SLUICE_AUDIT_NONE, -1);
    }
    g_mutex_lock(&audits->lock);
    if (item->lacking) /* it may come */
        g_hash_table_remove(audits->known, &item->known);
    item_free(item);
    if (--audits->pending == 0)
        g_cond_broadcast(&audits->done);
    g_mutex_unlock(&audits->lock);
}

/* ---- Which ones ------------------------------------------------------------------------------------------------------------------ */

static gboolean is_chosen(const SluiceAudits *audits, const SluiceDigest *key)
{
    enum { PERCENT = 100 };
    uint32_t number;
    memcpy(&number, key->hash, sizeof number);
    return GUINT32_FROM_BE(number) % PERCENT < audits->policy.percent;
}

static void name_entry(const SluiceDigest *key, GBytes *result, SluiceDigest *out)
{
    g_autoptr(SluiceHasher) hasher = sluice_hasher_new();
    sluice_hasher_update(hasher, key->hash, sizeof key->hash);
    sluice_hasher_update(hasher, g_bytes_get_data(result, NULL), g_bytes_get_size(result));
    sluice_hasher_finish(hasher, out);
}

/* Once for each key with the same result.  *crowded: it would have been, but too many wait. */
static gboolean claim(SluiceAudits *audits, const SluiceDigest *known, gboolean *crowded)
{
    g_mutex_lock(&audits->lock);
    gboolean first = !g_hash_table_contains(audits->known, known);
    *crowded = first && audits->pending >= SLUICE_LIMIT_AUDITS;
    if (first && !*crowded) {
        if (g_hash_table_size(audits->known) >= SLUICE_LIMIT_AUDITED_KEYS)
            g_hash_table_remove_all(audits->known);
        g_hash_table_add(audits->known, g_memdup2(known, sizeof *known));
        audits->pending++;
    }
    g_mutex_unlock(&audits->lock);
    return first && !*crowded;
}

void sluice_audits_note_hit(SluiceCall *call, const SluiceDigest *action, GBytes *result)
{
    SluiceEndpoint *endpoint = call->endpoint;
    SluiceAudits *audits = endpoint->audits;
    SluiceDigest key, known;
    gboolean crowded = FALSE;
    if (audits == NULL)
        return;
    sluice_proxy_key(endpoint, action, &key, NULL);
    if (!is_chosen(audits, &key))
        return;
    name_entry(&key, result, &known);
    if (!claim(audits, &known, &crowded)) {
        COUNT_VERDICT(endpoint, SLUICE_AUDIT_IMPOSSIBLE, crowded);
        return;
    }
    COUNT_VERDICT(endpoint, SLUICE_AUDIT_NONE, 1);
    g_thread_pool_push(audits->threads, item_new(call, &key, action, &known), NULL);
}

/* ---- Life ------------------------------------------------------------------------------------------------------------------------ */

SluiceAudits *sluice_audits_new(SluiceEndpoint *endpoint, const SluiceExecutor *executor,
                                const SluiceAuditPolicy *policy)
{
    SluiceAudits *audits = g_new0(SluiceAudits, 1);
    audits->endpoint = endpoint;
    audits->executor = *executor;
    audits->policy = *policy;
    audits->cancellable = g_cancellable_new();
    g_mutex_init(&audits->lock);
    g_cond_init(&audits->done);
    audits->known = g_hash_table_new_full(sluice_digest_hash, sluice_digest_equal_ptr, g_free, NULL);
    audits->threads = g_thread_pool_new(audit_thread, audits, 1, FALSE, NULL);
    return audits;
}

static void give_up(GCancellable *cancellable, gpointer data)
{
    SluiceAudits *audits = data;
    g_cancellable_cancel(audits->cancellable);
}

void sluice_endpoint_finish_audits(SluiceEndpoint *endpoint, GCancellable *cancellable)
{
    SluiceAudits *audits = endpoint->audits;
    if (audits == NULL)
        return;
    gulong handler = cancellable != NULL ? g_cancellable_connect(cancellable, G_CALLBACK(give_up), audits, NULL) : 0;
    g_thread_pool_set_max_threads(audits->threads, (gint)MAX(audits->executor.parallel, 1u), NULL);
    g_mutex_lock(&audits->lock);
    while (audits->pending > 0)
        g_cond_wait(&audits->done, &audits->lock);
    g_mutex_unlock(&audits->lock);
    if (handler != 0)
        g_cancellable_disconnect(cancellable, handler);
}

void sluice_audits_free(SluiceAudits *audits)
{
    g_cancellable_cancel(audits->cancellable);
    g_thread_pool_free(audits->threads, FALSE, TRUE);
    g_object_unref(audits->cancellable);
    g_hash_table_unref(audits->known);
    g_mutex_clear(&audits->lock);
    g_cond_clear(&audits->done);
    g_free(audits);
}
