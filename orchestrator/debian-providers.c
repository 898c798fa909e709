/* debian-providers.c - see debian-providers.h */
#include "debian-providers.h"

#include <stdlib.h>
#include <string.h>

struct DebianProviders {
    GHashTable *by_name; /* name -> GArray of DebianProvider */
};

static void provider_clear(gpointer data)
{
    g_free(((DebianProvider *)data)->version);
}

static void add_provider(DebianProviders *providers, const DebianPackage *package, const DebianAlternative *provided)
{
    GArray *list = g_hash_table_lookup(providers->by_name, provided->name);
    const DebianProvider provider = {package, provided->relation == DEBIAN_EQUAL ? g_strdup(provided->version) : NULL};
    if (list == NULL) {
        list = g_array_new(FALSE, FALSE, sizeof(DebianProvider));
        g_array_set_clear_func(list, provider_clear);
        g_hash_table_insert(providers->by_name, g_strdup(provided->name), list);
    }
    g_array_append_val(list, provider);
}

static int compare_providers(gconstpointer a, gconstpointer b)
{
    const DebianProvider *left = a, *right = b;
    if (left->package->priority != right->package->priority) {
        return (int)left->package->priority - (int)right->package->priority;
    }
    return strcmp(left->package->name, right->package->name);
}

static gboolean add_package(DebianProviders *providers, const DebianPackage *package, const char *architecture,
                            GError **error)
{
    g_autofree char *what = g_strdup_printf("Provides of %s %s", package->name, package->version);
    g_autoptr(GPtrArray) groups = debian_depends_parse(package->provides, architecture, what, error);
    if (groups == NULL) {
        return FALSE;
    }
    for (guint i = 0; i < groups->len; i++) {
        const DebianGroup *group = groups->pdata[i];
        for (guint j = 0; j < group->count; j++) {
            add_provider(providers, package, &group->alternatives[j]);
        }
    }
    return TRUE;
}

DebianProviders *debian_providers_new(DebianIndex *index, const char *architecture, GError **error)
{
    g_autoptr(DebianProviders) providers = g_new0(DebianProviders, 1);
    gsize count;
    const DebianPackage *const *packages = debian_index_list(index, &count);
    providers->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
    for (gsize i = 0; i < count; i++) {
        if (packages[i]->provides != NULL && !add_package(providers, packages[i], architecture, error)) {
            return NULL;
        }
    }
    GHashTableIter iter;
    gpointer list;
    g_hash_table_iter_init(&iter, providers->by_name);
    while (g_hash_table_iter_next(&iter, NULL, &list)) {
        g_array_sort(list, compare_providers);
    }
    return g_steal_pointer(&providers);
}

void debian_providers_free(DebianProviders *providers)
{
    if (providers != NULL) {
        g_hash_table_unref(providers->by_name);
        g_free(providers);
    }
}

const DebianProvider *debian_providers_find(const DebianProviders *providers, const char *name, guint *count)
{
    const GArray *list = g_hash_table_lookup(providers->by_name, name);
    *count = list != NULL ? list->len : 0;
    return list != NULL ? (const DebianProvider *)(gconstpointer)list->data : NULL;
}

gboolean debian_provider_satisfies(const DebianProvider *provider, const DebianAlternative *wanted)
{
    return wanted->relation == DEBIAN_ANY ||
           (provider->version != NULL && debian_relation_holds(provider->version, wanted->relation, wanted->version));
}

gboolean debian_package_satisfies(const DebianPackage *package, const DebianAlternative *wanted,
                                  const char *architecture)
{
    const char *qualifier = wanted->qualifier;
    if (qualifier != NULL && strcmp(qualifier, "any") != 0 && strcmp(qualifier, "native") != 0 &&
        strcmp(qualifier, architecture) != 0) {
        return FALSE;
    }
    return debian_relation_holds(package->version, wanted->relation, wanted->version);
}
