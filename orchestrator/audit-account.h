/*
 * audit-account.h - what audits of cache hits found (design: bazel-bridge.h, "Audits"): counted and put into words, of one element, of a session, or of
 * a server.  audit_account_report may be called from any thread, the others from one.
 */
#pragma once

#include "bazel-bridge.h"

#define AUDIT_WRONG    "audit-wrong"
#define AUDIT_UNSTABLE "audit-unstable"
#define AUDIT_MESSAGES "audit-messages"

typedef struct AuditAccount AuditAccount;
AuditAccount *audit_account_new(void);
void audit_account_free(AuditAccount *account);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuditAccount, audit_account_free)

/* One finding: a warning of BuildStream's kind.  Free with audit_finding_free. */
typedef struct {
    const char *token; /* AUDIT_… ; NULL: an audit that was not possible */
    char *message;     /* one line */
    char *detail;      /* lines */
} AuditFinding;
AuditFinding *audit_finding_new(const SluiceAuditReport *report);
void audit_finding_free(AuditFinding *finding);

/* As SluiceAuditPolicy's report, with the account as its data. */
void audit_account_report(const SluiceAuditReport *report, gpointer account);
void audit_account_count(AuditAccount *account, const SluiceEndpointStats *stats);
/* How many hits were chosen; 0: there is nothing to say. */
uint64_t audit_account_total(const AuditAccount *account);
/* Findings with a token, borrowed; at most as many as anybody reads (`more` counts the others). */
const GPtrArray *audit_account_findings(const AuditAccount *account, guint *more);
/* "3 hits to be executed again: 2 the same, 1 wrong"; and, where some could not be, why one of them. Free with g_free. */
char *audit_account_sentence(const AuditAccount *account);

/* From a job to the session. */
GVariant *audit_account_to_variant(const AuditAccount *account);
void audit_account_add_variant(AuditAccount *account, GVariant *variant);
/* For the end of a session; NULL: nothing was audited.  Free with g_free. */
char *audit_account_summary(const AuditAccount *account);
