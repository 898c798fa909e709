/* difference.h - what two ActionResults of one action say differently.  For audit.c and origin.c. */
#pragma once

#include "bridge-private.h"

/* Everything that a result makes, by its path: directories with all that is in them. */
typedef struct SluiceOutputs SluiceOutputs;
/* NOT_FOUND: a Tree or a Directory is not in the store. */
SluiceOutputs *sluice_outputs_read(SluiceStore *store, GBytes *result, GError **error);
void sluice_outputs_free(SluiceOutputs *outputs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SluiceOutputs, sluice_outputs_free)
int sluice_outputs_get_exit_code(const SluiceOutputs *outputs);

typedef struct {
    GPtrArray *
        outputs; /* char *: lines about files, directories, links and the exit code; at most SLUICE_LIMIT_DIFFERENCES and one for the rest */
    GPtrArray *messages; /* the same about standard output and error */
    gboolean stable;     /* of at least one output, `again` says the same as `own` */
} SluiceDifferences;
/* Of what was cached to what our own run made; `again` (may be NULL) is a second run.  A file that only the cached result calls executable is no
 * difference: clients call all of them so. */
void sluice_outputs_compare(const SluiceOutputs *cached, const SluiceOutputs *own, const SluiceOutputs *again,
                            SluiceDifferences *out);
void sluice_differences_clear(SluiceDifferences *differences);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SluiceDifferences, sluice_differences_clear)

/* A digest of what the result makes, whatever form it is in, without its streams.  FALSE: it cannot be read. */
gboolean sluice_result_digest_outputs(SluiceStore *store, GBytes *result, SluiceDigest *out);
