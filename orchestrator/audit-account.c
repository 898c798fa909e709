/* audit-account.c - see audit-account.h */
#include "audit-account.h"
#include "log.h"

#include <string.h>

enum { FINDINGS_MAX = 50, SHOWN_KEY = 12, N_VERDICTS = SLUICE_AUDIT_IMPOSSIBLE + 1 };

struct AuditAccount {
    GMutex lock;
    uint64_t counts[N_VERDICTS];
    GPtrArray *findings; /* AuditFinding * */
    guint more;
    char *reason; /* of one that was not possible */
};

AuditAccount *audit_account_new(void)
{
    AuditAccount *account = g_new0(AuditAccount, 1);
    g_mutex_init(&account->lock);
    account->findings = g_ptr_array_new_with_free_func((GDestroyNotify)audit_finding_free);
    return account;
}

void audit_account_free(AuditAccount *account)
{
    g_ptr_array_unref(account->findings);
    g_mutex_clear(&account->lock);
    g_free(account->reason);
    g_free(account);
}

/* ---- Words ---------------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *token, *is;
} verdicts[N_VERDICTS] = {
    [SLUICE_AUDIT_MESSAGES] = {AUDIT_MESSAGES, "says something else when it is executed again"},
    [SLUICE_AUDIT_UNSTABLE] = {AUDIT_UNSTABLE, "is of an action that is not deterministic"},
    [SLUICE_AUDIT_WRONG] = {AUDIT_WRONG, "is wrong"},
};

static const char *const producers[] = {
    [SLUICE_PRODUCER_UNKNOWN] = "not known",
    [SLUICE_PRODUCER_EXECUTOR] = "sluice, which executed it",
    [SLUICE_PRODUCER_CLUSTER] = "the cluster, which executed it",
    [SLUICE_PRODUCER_CLIENT] = "a client that may store results",
    [SLUICE_PRODUCER_FETCHED] = "the cluster's action cache had it",
};

/* What comes from clients stays on its line. */
static void append_row(GString *out, const char *label, const char *text)
{
    if (!text || !*text)
        return;
    g_autofree char *clean = text_one_line(text);
    g_string_append_printf(out, "%s%-12s %s", out->len ? "\n" : "", label, clean);
}

static void append_digest(GString *out, const char *label, const SluiceDigest *digest)
{
    char text[SLUICE_DIGEST_STRING_MAX];
    append_row(out, label, sluice_digest_string(digest, text));
}

static void append_time(GString *out, const char *label, gint64 seconds)
{
    g_autoptr(GDateTime) time = seconds > 0 ? g_date_time_new_from_unix_local(seconds) : NULL;
    g_autofree char *text = time ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : NULL;
    append_row(out, label, text);
}

static void append_maker(GString *out, const SluiceOrigin *made)
{
    g_autofree char *element = made->element ? g_strdup_printf("%s (project %s)", made->element, made->project) : NULL;
    append_row(out, "Made by:", producers[made->producer]);
    append_row(out, "  element:", element);
    append_row(out, "  tool:", made->tool);
    append_row(out, "  invocation:", made->invocation);
    append_row(out, "  target:", made->target);
    append_row(out, "  user:", made->user);
    append_row(out, "  from:", made->peer);
    append_row(out, "  cluster:", made->cluster);
    append_time(out, "  at:", made->stored);
}

static const char *advice(const SluiceAuditReport *report)
{
    if (report->verdict == SLUICE_AUDIT_WRONG && report->reason != NULL)
        return "Two runs agree with each other. What was built with it must be built again.";
    if (report->verdict == SLUICE_AUDIT_UNSTABLE)
        return "Two runs of the action differ from each other, too. The result stays in the cache.";
    if (report->verdict == SLUICE_AUDIT_MESSAGES)
        return "Its outputs are the same. The result stays in the cache.";
    return report->dropped
               ? "Two runs fail where it had success. It was removed from this machine's action cache; if they did not "
                 "fail for want of something here, what was built with it must be built again."
               : "Two runs agree with each other. What was executed took its place in the action cache; what "
                 "was built with it must be built again.";
}

static char *finding_detail(const SluiceAuditReport *report)
{
    GString *out = g_string_new(NULL);
    for (const char *const *line = report->differences; *line; line++)
        append_row(out, "Differs:", *line);
    append_digest(out, "Key:", &report->key);
    append_digest(out, "Action:", &report->action);
    append_row(out, "Target:", report->asked->target);
    append_row(out, "Mnemonic:", report->asked->mnemonic);
    append_row(out, "Asked by:", report->asked->tool);
    append_maker(out, report->made);
    append_row(out, "", advice(report));
    append_row(out, "But:", report->reason);
    return g_string_free(out, FALSE);
}

AuditFinding *audit_finding_new(const SluiceAuditReport *report)
{
    AuditFinding *finding = g_new0(AuditFinding, 1);
    const char *what = report->asked->target ? report->asked->target : report->asked->mnemonic;
    char hex[SLUICE_HASH_HEX + 1];
    sluice_digest_hex(&report->key, hex);
    if (report->verdict == SLUICE_AUDIT_IMPOSSIBLE) {
        finding->message = g_strdup_printf("result %.*s: %s", SHOWN_KEY, hex, report->reason ? report->reason : "");
        finding->detail = g_strdup("");
        return finding;
    }
    g_autofree char *name = what ? text_one_line(what) : NULL;
    finding->token = verdicts[report->verdict].token;
    finding->message = g_strdup_printf("the cached result %.*s%s%s%s %s", SHOWN_KEY, hex, name ? " (" : "",
                                       name ? name : "", name ? ")" : "", verdicts[report->verdict].is);
    finding->detail = finding_detail(report);
    return finding;
}

void audit_finding_free(AuditFinding *finding)
{
    g_free(finding->message);
    g_free(finding->detail);
    g_free(finding);
}

/* ---- Counting -------------------------------------------------------------------------------------------------------------------- */

static void take_finding(AuditAccount *account, AuditFinding *finding)
{
    if (!finding->token) {
        if (!account->reason)
            account->reason = g_strdup(finding->message);
    } else if (account->findings->len < FINDINGS_MAX) {
        g_ptr_array_add(account->findings, finding);
        return;
    } else {
        account->more++;
    }
    audit_finding_free(finding);
}

void audit_account_report(const SluiceAuditReport *report, gpointer data)
{
    AuditAccount *account = data;
    AuditFinding *finding = audit_finding_new(report);
    g_mutex_lock(&account->lock);
    take_finding(account, finding);
    g_mutex_unlock(&account->lock);
}

void audit_account_count(AuditAccount *account, const SluiceEndpointStats *stats)
{
    for (gsize i = 0; i < N_VERDICTS; i++)
        account->counts[i] += stats->audits[i];
}

uint64_t audit_account_total(const AuditAccount *account)
{
    uint64_t total = 0;
    for (gsize i = 0; i < N_VERDICTS; i++)
        total += account->counts[i];
    return total;
}

const GPtrArray *audit_account_findings(const AuditAccount *account, guint *more)
{
    *more = account->more;
    return account->findings;
}

/* In the order of what a reader wants to know first. */
static const struct {
    SluiceAuditVerdict verdict;
    const char *words, *title;
    gboolean always;
} rows[] = {
    {SLUICE_AUDIT_SAME, "the same", "The same:", TRUE},
    {SLUICE_AUDIT_WRONG, "wrong", "Wrong:", TRUE},
    {SLUICE_AUDIT_UNSTABLE, "not deterministic", "Not deterministic:", FALSE},
    {SLUICE_AUDIT_MESSAGES, "with other messages", "Other messages:", FALSE},
    {SLUICE_AUDIT_IMPOSSIBLE, "could not be", "Could not be:", FALSE},
    {SLUICE_AUDIT_NONE, "given up", "Given up:", FALSE},
};

char *audit_account_sentence(const AuditAccount *account)
{
    GString *out = g_string_new(NULL);
    g_string_printf(out, "%" G_GUINT64_FORMAT " hits to be executed again", audit_account_total(account));
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].always || account->counts[rows[i].verdict] > 0)
            g_string_append_printf(out, "%s%" G_GUINT64_FORMAT " %s", i == 0 ? ": " : ", ",
                                   account->counts[rows[i].verdict], rows[i].words);
    if (account->reason)
        g_string_append_printf(out, " (%s)", account->reason);
    return g_string_free(out, FALSE);
}

/* ---- Sessions -------------------------------------------------------------------------------------------------------------------- */

GVariant *audit_account_to_variant(const AuditAccount *account)
{
    GVariantBuilder counts, findings;
    g_variant_builder_init(&counts, G_VARIANT_TYPE("at"));
    g_variant_builder_init(&findings, G_VARIANT_TYPE("a(sss)"));
    for (gsize i = 0; i < N_VERDICTS; i++)
        g_variant_builder_add(&counts, "t", account->counts[i]);
    for (guint i = 0; i < account->findings->len; i++) {
        const AuditFinding *finding = account->findings->pdata[i];
        g_variant_builder_add(&findings, "(sss)", finding->token, finding->message, finding->detail);
    }
    return g_variant_new("(atsua(sss))", &counts, account->reason ? account->reason : "", account->more, &findings);
}

static void take_variant_finding(AuditAccount *account, const char *token, const char *message, const char *detail)
{
    AuditFinding *finding = g_new0(AuditFinding, 1);
    *finding = (AuditFinding){g_intern_string(token), g_strdup(message), g_strdup(detail)};
    take_finding(account, finding);
}

void audit_account_add_variant(AuditAccount *account, GVariant *variant)
{
    g_autoptr(GVariantIter) counts = NULL;
    g_autoptr(GVariantIter) findings = NULL;
    const char *reason, *token, *message, *detail;
    guint64 count;
    guint more;
    if (!g_variant_is_of_type(variant, G_VARIANT_TYPE("(atsua(sss))")))
        return;
    g_variant_get(variant, "(at&sua(sss))", &counts, &reason, &more, &findings);
    for (gsize i = 0; i < N_VERDICTS && g_variant_iter_next(counts, "t", &count); i++)
        account->counts[i] += count;
    if (*reason && !account->reason)
        account->reason = g_strdup(reason);
    while (g_variant_iter_next(findings, "(&s&s&s)", &token, &message, &detail))
        take_variant_finding(account, token, message, detail);
    account->more += more;
}

char *audit_account_summary(const AuditAccount *account)
{
    if (audit_account_total(account) == 0)
        return NULL;
    GString *out = g_string_new("\nAudit Summary\n");
    g_string_append_printf(out, "    %-18s %" G_GUINT64_FORMAT "\n", "Hits chosen:", audit_account_total(account));
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].always || account->counts[rows[i].verdict] > 0)
            g_string_append_printf(out, "    %-18s %" G_GUINT64_FORMAT "\n", rows[i].title,
                                   account->counts[rows[i].verdict]);
    if (account->reason)
        g_string_append_printf(out, "        (%s)\n", account->reason);
    for (guint i = 0; i < account->findings->len; i++) {
        const AuditFinding *finding = account->findings->pdata[i];
        g_autofree char *detail = text_indent(finding->detail, 8);
        g_string_append_printf(out, "\n    [%s]: %s\n%s\n", finding->token, finding->message, detail);
    }
    if (account->more > 0)
        g_string_append_printf(out, "\n    ... and %u more\n", account->more);
    return g_string_free(out, FALSE);
}
