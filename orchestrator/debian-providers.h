/* debian-providers.h - who provides which virtual package. */
#pragma once

#include "debian-depends.h"
#include "debian-index.h"

typedef struct {
    const DebianPackage *package;
    char *version; /* or NULL: provided without a version */
} DebianProvider;

typedef struct DebianProviders DebianProviders;
DebianProviders *debian_providers_new(DebianIndex *index, const char *architecture, GError **error);
void debian_providers_free(DebianProviders *providers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DebianProviders, debian_providers_free)
/* Best first: by priority, then by name; NULL and 0 if nobody provides it. */
const DebianProvider *debian_providers_find(const DebianProviders *providers, const char *name, guint *count);

/* TRUE if the provider is enough for what is asked for. */
gboolean debian_provider_satisfies(const DebianProvider *provider, const DebianAlternative *wanted);
/* TRUE if the package itself, by its own name, is enough. */
gboolean debian_package_satisfies(const DebianPackage *package, const DebianAlternative *wanted,
                                  const char *architecture);
