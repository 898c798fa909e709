/*
 * debian-resolve.c - the dependency closure.
 *
 * Dependencies that leave no choice are followed first; those with several candidates wait until nothing else is left, because by then one of the candidates
 * is often taken already.  There is no going back: what is taken stays.
 */
#include "debian-resolve.h"
#include "debian-providers.h"

#include <string.h>

#define CHAIN_MAX      32  /* links shown of a chain of dependencies */
#define CANDIDATES_MAX 256 /* looked at for one dependency */

typedef struct Taken Taken;
struct Taken {
    const DebianPackage *package;
    const Taken *wanted_by; /* NULL: asked for */
    GPtrArray *conflicts;   /* of DebianGroup: Conflicts and Breaks */
    gboolean essential;
};

typedef struct {
    const Taken *owner;
    DebianGroup *group; /* owned */
    const char *field;
    gboolean optional; /* a recommendation */
} Waiting;

typedef struct {
    DebianIndex *index;
    const DebianWish *wish;
    DebianProviders *providers;
    GHashTable *taken; /* name -> Taken */
    GPtrArray *queue;  /* of Taken, in the order of taking */
    GHashTable *excluded;
    GPtrArray *waiting; /* of Waiting */
} Resolver;

/* ---- Messages -------------------------------------------------------------------------------------------------------------------- */

static void append_chain(GString *text, const Taken *taken)
{
    for (int i = 0; taken != NULL && i < CHAIN_MAX; i++, taken = taken->wanted_by) {
        const char *why = taken->wanted_by != NULL ? "needed by" : taken->essential ? "essential" : "asked for";
        g_string_append_printf(text, "\n%s %s is %s", taken->package->name, taken->package->version, why);
        if (taken->wanted_by != NULL) {
            g_string_append_printf(text, " %s", taken->wanted_by->package->name);
        }
    }
}

static const Taken *find_conflict(Resolver *resolver, const DebianPackage *package, const char **how);

static void append_reason(Resolver *resolver, GString *text, const DebianAlternative *wanted)
{
    const DebianPackage *package = debian_index_find(resolver->index, wanted->name);
    const char *how = NULL;
    guint providers;
    debian_providers_find(resolver->providers, wanted->name, &providers);
    g_string_append_printf(text, "\n%s: ", wanted->name);
    if (package == NULL) {
        g_string_append(text, providers == 0 ? "no such package"
                                             : "a virtual package, and none of its providers can be taken");
        return;
    }
    const Taken *against = find_conflict(resolver, package, &how);
    if (!debian_package_satisfies(package, wanted, resolver->wish->architecture)) {
        g_string_append_printf(text, "there is only version %s for %s", package->version, resolver->wish->architecture);
    } else if (against != NULL) {
        g_string_append_printf(text, "version %s %s %s %s", package->version, how, against->package->name,
                               against->package->version);
    } else {
        g_string_append(text, "cannot be taken");
    }
}

static gboolean unresolvable(Resolver *resolver, const Waiting *waiting, GError **error)
{
    g_autofree char *group = debian_group_text(waiting->group);
    g_autoptr(GString) detail = g_string_new(NULL);
    for (guint i = 0; i < waiting->group->count; i++) {
        append_reason(resolver, detail, &waiting->group->alternatives[i]);
    }
    append_chain(detail, waiting->owner);
    error_set(error, ERROR_SOURCE, "debian-unresolvable", NULL, "Package %s: its %s '%s' cannot be satisfied",
              waiting->owner->package->name, waiting->field, group);
    error_set_detail(error != NULL ? *error : NULL, detail->str + 1);
    return FALSE;
}

/* ---- Conflicts -------------------------------------------------------------------------------------------------------------------- */

static const Taken *taken_find(const Resolver *resolver, const DebianPackage *package)
{
    const Taken *taken = g_hash_table_lookup(resolver->taken, package->name);
    return taken != NULL && taken->package == package ? taken : NULL;
}

/* Somebody taken, other than `self`, whom the alternative names. */
static const Taken *taken_that_matches(Resolver *resolver, const DebianAlternative *wanted, const DebianPackage *self)
{
    const Taken *taken = g_hash_table_lookup(resolver->taken, wanted->name);
    guint count;
    if (taken != NULL && taken->package != self &&
        debian_package_satisfies(taken->package, wanted, resolver->wish->architecture)) {
        return taken;
    }
    const DebianProvider *providers = debian_providers_find(resolver->providers, wanted->name, &count);
    for (guint i = 0; i < count; i++) {
        taken = providers[i].package != self ? taken_find(resolver, providers[i].package) : NULL;
        if (taken != NULL && debian_provider_satisfies(&providers[i], wanted)) {
            return taken;
        }
    }
    return NULL;
}

static gboolean is_named_by(Resolver *resolver, const DebianPackage *package, const DebianAlternative *wanted)
{
    guint count;
    if (strcmp(package->name, wanted->name) == 0) {
        return debian_package_satisfies(package, wanted, resolver->wish->architecture);
    }
    const DebianProvider *providers = debian_providers_find(resolver->providers, wanted->name, &count);
    for (guint i = 0; i < count; i++) {
        if (providers[i].package == package && debian_provider_satisfies(&providers[i], wanted)) {
            return TRUE;
        }
    }
    return FALSE;
}

static GPtrArray *parse_field(Resolver *resolver, const DebianPackage *package, const char *field, const char *text,
                              GError **error)
{
    g_autofree char *what = g_strdup_printf("%s of %s %s", field, package->name, package->version);
    return debian_depends_parse(text, resolver->wish->architecture, what, error);
}

static GPtrArray *parse_conflicts(Resolver *resolver, const DebianPackage *package, GError **error)
{
    g_autoptr(GPtrArray) conflicts = parse_field(resolver, package, "Conflicts", package->conflicts, error);
    g_autoptr(GPtrArray) breaks =
        conflicts != NULL ? parse_field(resolver, package, "Breaks", package->breaks, error) : NULL;
    if (breaks == NULL) {
        return NULL;
    }
    g_ptr_array_extend_and_steal(conflicts, g_steal_pointer(&breaks));
    return g_steal_pointer(&conflicts);
}

/* Whom `package` cannot stand beside; NULL if nobody.  Malformed fields count as none here: they are reported when it is taken. */
static const Taken *find_conflict(Resolver *resolver, const DebianPackage *package, const char **how)
{
    g_autoptr(GPtrArray) own = parse_conflicts(resolver, package, NULL);
    for (guint i = 0; own != NULL && i < own->len; i++) {
        const DebianGroup *group = own->pdata[i];
        const Taken *taken = taken_that_matches(resolver, &group->alternatives[0], package);
        if (taken != NULL) {
            *how = "conflicts with";
            return taken;
        }
    }
    for (guint i = 0; i < resolver->queue->len; i++) {
        const Taken *taken = resolver->queue->pdata[i];
        for (guint j = 0; taken->package != package && j < taken->conflicts->len; j++) {
            const DebianGroup *group = taken->conflicts->pdata[j];
            if (is_named_by(resolver, package, &group->alternatives[0])) {
                *how = "is in conflict with";
                return taken;
            }
        }
    }
    return NULL;
}

/* ---- Taking ------------------------------------------------------------------------------------------------------------------------ */

static void waiting_free(gpointer data)
{
    Waiting *waiting = data;
    g_free(waiting->group);
    g_free(waiting);
}

static void taken_free(gpointer data)
{
    Taken *taken = data;
    g_ptr_array_unref(taken->conflicts);
    g_free(taken);
}

static gboolean take(Resolver *resolver, const DebianPackage *package, const Taken *wanted_by, gboolean essential,
                     GError **error)
{
    const char *how = NULL;
    if (g_hash_table_contains(resolver->taken, package->name) ||
        g_hash_table_contains(resolver->excluded, package->name)) {
        return TRUE;
    }
    GPtrArray *conflicts = parse_conflicts(resolver, package, error);
    if (conflicts == NULL) {
        return FALSE;
    }
    const Taken *against = find_conflict(resolver, package, &how);
    if (against != NULL) {
        g_autoptr(GString) detail = g_string_new(NULL);
        append_chain(detail, wanted_by);
        append_chain(detail, against);
        error_set(error, ERROR_SOURCE, "debian-unresolvable", NULL, "Package %s %s %s %s %s", package->name,
                  package->version, how, against->package->name, against->package->version);
        error_set_detail(error != NULL ? *error : NULL, detail->str + MIN(detail->len, 1));
        g_ptr_array_unref(conflicts);
        return FALSE;
    }
    Taken *taken = g_new0(Taken, 1);
    *taken = (Taken){package, wanted_by, conflicts, essential};
    g_hash_table_insert(resolver->taken, (gpointer)package->name, taken);
    g_ptr_array_add(resolver->queue, taken);
    return TRUE;
}

/* ---- Dependencies ------------------------------------------------------------------------------------------------------------------ */

static gboolean is_satisfied(Resolver *resolver, const DebianGroup *group)
{
    for (guint i = 0; i < group->count; i++) {
        if (taken_that_matches(resolver, &group->alternatives[i], NULL) != NULL) {
            return TRUE;
        }
    }
    return FALSE;
}

typedef struct {
    const DebianPackage *packages[CANDIDATES_MAX];
    guint count;
    gboolean excluded; /* there was one that is not wanted */
} Candidates;

static void add_candidate(Resolver *resolver, Candidates *candidates, const DebianPackage *package)
{
    if (g_hash_table_contains(resolver->excluded, package->name)) {
        candidates->excluded = TRUE;
        return;
    }
    for (guint i = 0; i < candidates->count; i++) {
        if (candidates->packages[i] == package) {
            return;
        }
    }
    if (candidates->count < CANDIDATES_MAX) {
        candidates->packages[candidates->count++] = package;
    }
}

/* In the order of preference. */
static void find_candidates(Resolver *resolver, const DebianGroup *group, Candidates *candidates)
{
    candidates->count = 0;
    candidates->excluded = FALSE;
    for (guint i = 0; i < group->count; i++) {
        const DebianAlternative *wanted = &group->alternatives[i];
        const DebianPackage *package = debian_index_find(resolver->index, wanted->name);
        guint count;
        if (package != NULL && debian_package_satisfies(package, wanted, resolver->wish->architecture)) {
            add_candidate(resolver, candidates, package);
        }
        const DebianProvider *providers = debian_providers_find(resolver->providers, wanted->name, &count);
        for (guint j = 0; j < count; j++) {
            if (debian_provider_satisfies(&providers[j], wanted)) {
                add_candidate(resolver, candidates, providers[j].package);
            }
        }
    }
}

static gboolean choose(Resolver *resolver, const Waiting *waiting, const Candidates *candidates, GError **error)
{
    const char *how;
    for (guint i = 0; i < candidates->count; i++) {
        if (find_conflict(resolver, candidates->packages[i], &how) == NULL) {
            return take(resolver, candidates->packages[i], waiting->owner, FALSE, error);
        }
    }
    return candidates->excluded || waiting->optional || unresolvable(resolver, waiting, error);
}

/* Takes `waiting`. */
static gboolean follow(Resolver *resolver, Waiting *waiting, GError **error)
{
    Candidates candidates;
    gboolean ok = TRUE;
    if (!is_satisfied(resolver, waiting->group)) {
        find_candidates(resolver, waiting->group, &candidates);
        if (candidates.count > 1 || (waiting->optional && candidates.count > 0)) {
            g_ptr_array_add(resolver->waiting, waiting);
            return TRUE;
        }
        ok = choose(resolver, waiting, &candidates, error);
    }
    waiting_free(waiting);
    return ok;
}

static gboolean follow_field(Resolver *resolver, const Taken *taken, const char *field, const char *text,
                             gboolean optional, GError **error)
{
    g_autoptr(GPtrArray) groups = parse_field(resolver, taken->package, field, text, error);
    if (groups == NULL) {
        return FALSE;
    }
    while (groups->len > 0) {
        Waiting *waiting = g_new0(Waiting, 1);
        *waiting = (Waiting){taken, g_ptr_array_steal_index(groups, 0), field, optional};
        if (!follow(resolver, waiting, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean follow_package(Resolver *resolver, const Taken *taken, GError **error)
{
    const DebianPackage *package = taken->package;
    return follow_field(resolver, taken, "Pre-Depends", package->pre_depends, FALSE, error) &&
           follow_field(resolver, taken, "Depends", package->depends, FALSE, error) &&
           (!resolver->wish->recommends ||
            follow_field(resolver, taken, "Recommends", package->recommends, TRUE, error));
}

/* One dependency with a choice; those that must be had before those that may. */
static gboolean decide_one(Resolver *resolver, GError **error)
{
    guint best = 0;
    for (guint i = 0; i < resolver->waiting->len; i++) {
        if (!((const Waiting *)resolver->waiting->pdata[i])->optional) {
            best = i;
            break;
        }
    }
    Waiting *waiting = g_ptr_array_steal_index(resolver->waiting, best);
    Candidates candidates;
    gboolean ok = TRUE;
    if (!is_satisfied(resolver, waiting->group)) {
        find_candidates(resolver, waiting->group, &candidates);
        ok = choose(resolver, waiting, &candidates, error);
    }
    waiting_free(waiting);
    return ok;
}

static gboolean close_over(Resolver *resolver, GError **error)
{
    guint followed = 0;
    while (followed < resolver->queue->len || resolver->waiting->len > 0) {
        gboolean ok = followed < resolver->queue->len
                          ? follow_package(resolver, resolver->queue->pdata[followed++], error)
                          : decide_one(resolver, error);
        if (!ok) {
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- Wishes ------------------------------------------------------------------------------------------------------------------------ */

static gboolean no_such_package(Resolver *resolver, const char *name, GError **error)
{
    guint count;
    const DebianProvider *providers = debian_providers_find(resolver->providers, name, &count);
    if (count == 0) {
        error_set(error, ERROR_SOURCE, "debian-no-package", NULL, "There is no package '%s' for %s", name,
                  resolver->wish->architecture);
        return FALSE;
    }
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < MIN(count, CHAIN_MAX); i++) {
        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", providers[i].package->name);
    }
    error_set(error, ERROR_SOURCE, "debian-no-package", NULL,
              "'%s' is a virtual package; name one that provides it instead: %s", name, names->str);
    return FALSE;
}

static gboolean take_wishes(Resolver *resolver, GError **error)
{
    for (const char *const *name = resolver->wish->packages; name != NULL && *name != NULL; name++) {
        const DebianPackage *package = debian_index_find(resolver->index, *name);
        if (package == NULL) {
            return no_such_package(resolver, *name, error);
        }
        if (!take(resolver, package, NULL, FALSE, error)) {
            return FALSE;
        }
    }
    gsize count;
    const DebianPackage *const *packages = debian_index_list(resolver->index, &count);
    for (gsize i = 0; resolver->wish->essential && i < count; i++) {
        if (packages[i]->essential && !take(resolver, packages[i], NULL, TRUE, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static int compare_packages(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const DebianPackage *const *)a)->name, (*(const DebianPackage *const *)b)->name);
}

static GPtrArray *sorted_result(const Resolver *resolver)
{
    GPtrArray *packages = g_ptr_array_new();
    for (guint i = 0; i < resolver->queue->len; i++) {
        g_ptr_array_add(packages, (gpointer)((const Taken *)resolver->queue->pdata[i])->package);
    }
    g_ptr_array_sort(packages, compare_packages);
    return packages;
}

GPtrArray *debian_resolve(DebianIndex *index, const DebianWish *wish, GError **error)
{
    g_autoptr(DebianProviders) providers = debian_providers_new(index, wish->architecture, error);
    if (providers == NULL) {
        return NULL;
    }
    g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, taken_free);
    g_autoptr(GHashTable) excluded = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) queue = g_ptr_array_new();
    g_autoptr(GPtrArray) waiting = g_ptr_array_new_with_free_func(waiting_free);
    Resolver resolver = {index, wish, providers, taken, queue, excluded, waiting};
    for (const char *const *name = wish->exclude; name != NULL && *name != NULL; name++) {
        g_hash_table_add(excluded, (gpointer)*name);
    }
    gboolean ok = take_wishes(&resolver, error) && (!wish->dependencies || close_over(&resolver, error));
    return ok ? sorted_result(&resolver) : NULL;
}
