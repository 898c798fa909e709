/* source-cpan.c - `kind: cpan`: the archive of a Perl module, found by the index of the Comprehensive Perl Archive Network. */
#include "element.h"
#include "source-kinds.h"
#include "source-package.h"

#define DEFAULT_INDEX "https://cpan.metacpan.org/"

static gboolean cpan_configure(Source *source, const Node *config, GError **error)
{
    static const char *const keys[] = {"name", "suffix", "sha256sum", "index", "version", "version-guess-pattern",
                                       NULL};
    return package_configure(source, arena_new_of(source_arena(source), Package), config, keys, "index", DEFAULT_INDEX,
                             error);
}

static const char *const ref_keys[] = {"suffix", "sha256sum", NULL};

const SourceKind source_kind_cpan = {
    .name = "cpan",
    .has_ref = TRUE,
    .ref_keys = ref_keys,
    .configure = cpan_configure,
    .load_ref = package_load_ref,
    .unique_key = package_unique_key,
};
