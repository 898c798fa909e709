/*
 * debian-stage.c - many packages as one tree.
 *
 * Packages are unpacked in parallel, each once for all (debian-unpack.c), then merged in memory in the order of their names: the result depends on
 * nothing but the packages.  Where two of them have different files under one name, a declared Replaces decides, else the later name.
 */
#include "debian-depends.h"
#include "debian-private.h"
#include "element.h"

#include <stdlib.h>
#include <string.h>

#define MAX_THREADS 16

/* ---- Unpacking ----------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    Source *source;
    const SourceContext *context;
    const Debian *debian;
    DebTree *trees;         /* one for each pin */
    const DebianPin **todo; /* the large ones first: they would be last otherwise, and alone */
    gsize count;
    guint64 total, done; /* bytes of packages; done under the lock */
    gint next;           /* atomic */
    gint failed;         /* atomic */
    GMutex lock;
    GError *error;
} Unpacking;

static void fail(Unpacking *unpacking, GError *error)
{
    g_mutex_lock(&unpacking->lock);
    g_atomic_int_set(&unpacking->failed, 1);
    if (unpacking->error == NULL) {
        unpacking->error = g_steal_pointer(&error);
    }
    g_mutex_unlock(&unpacking->lock);
    g_clear_error(&error);
}

static void unpacked(Unpacking *unpacking, const DebianPin *pin)
{
    g_mutex_lock(&unpacking->lock);
    unpacking->done += (guint64)pin->size;
    guint64 done = unpacking->done;
    g_mutex_unlock(&unpacking->lock);
    event_progress(unpacking->context->events, "stage", unpacking->source->element->full_name, "Unpacking packages",
                   done, unpacking->total, "B");
}

static gpointer unpack_some(gpointer data)
{
    Unpacking *unpacking = data;
    while (!g_atomic_int_get(&unpacking->failed)) {
        gsize index = (gsize)g_atomic_int_add(&unpacking->next, 1);
        GError *error = NULL;
        if (index >= unpacking->count) {
            break;
        }
        const DebianPin *pin = unpacking->todo[index];
        DebTree *tree = &unpacking->trees[pin - unpacking->debian->pins];
        if (g_cancellable_set_error_if_cancelled(unpacking->context->cancellable, &error) ||
            !deb_tree_make(unpacking->context->store, pin, tree, &error)) {
            fail(unpacking, error);
            break;
        }
        unpacked(unpacking, pin);
    }
    return NULL;
}

static int compare_sizes(gconstpointer a, gconstpointer b)
{
    const DebianPin *left = *(const DebianPin *const *)a, *right = *(const DebianPin *const *)b;
    return (left->size < right->size) - (left->size > right->size);
}

static void run_threads(Unpacking *unpacking)
{
    guint wanted = (guint)CLAMP(unpacking->count, 1, MIN(g_get_num_processors(), MAX_THREADS));
    g_autoptr(GPtrArray) threads = g_ptr_array_new();
    for (guint i = 1; i < wanted; i++) {
        GThread *thread = g_thread_try_new("unpack", unpack_some, unpacking, NULL);
        if (thread != NULL) {
            g_ptr_array_add(threads, thread);
        }
    }
    unpack_some(unpacking);
    for (guint i = 0; i < threads->len; i++) {
        g_thread_join(threads->pdata[i]);
    }
}

static gboolean unpack_all(Source *source, const SourceContext *context, DebTree *trees, GError **error)
{
    const Debian *debian = source->data;
    Unpacking unpacking = {.source = source, .context = context, .debian = debian, .trees = trees};
    g_autofree const DebianPin **todo = g_new(const DebianPin *, debian->n_pins + 1);
    unpacking.todo = todo;
    for (gsize i = 0; i < debian->n_pins; i++) {
        if (!deb_tree_find(context->store, &debian->pins[i], &trees[i])) {
            todo[unpacking.count++] = &debian->pins[i];
            unpacking.total += (guint64)debian->pins[i].size;
        }
    }
    if (unpacking.count == 0) {
        return TRUE;
    }
    qsort(todo, unpacking.count, sizeof *todo, compare_sizes);
    g_mutex_init(&unpacking.lock);
    run_threads(&unpacking);
    g_mutex_clear(&unpacking.lock);
    if (unpacking.error != NULL) {
        g_propagate_error(error, unpacking.error);
        return FALSE;
    }
    return TRUE;
}

/* ---- Merging ------------------------------------------------------------------------------------------------------------------------- */

typedef struct {
    Source *source;
    const SourceContext *context;
    const Debian *debian;
    const DebTree *trees;
    const char *directory; /* of the tree, where the packages go */
    gsize current;         /* the package being merged */
} Merging;

/* Folders that are links into /usr where /usr is merged. */
static const char *const merged_always[] = {"bin", "lib", "sbin"};
static const char *const merged_if_there[] = {"lib32", "lib64", "libo32", "libx32"};

static gboolean is_merged_folder(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(merged_always); i++) {
        if (strcmp(name, merged_always[i]) == 0) {
            return TRUE;
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(merged_if_there); i++) {
        if (strcmp(name, merged_if_there[i]) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean package_has(const Merging *merging, gsize index, const char *path)
{
    SluiceEntry entry;
    g_autoptr(SluiceTree) tree = sluice_tree_new_from(merging->context->store, &merging->trees[index].root, NULL);
    if (tree == NULL) {
        return FALSE;
    }
    return sluice_tree_lookup(tree, path, &entry, NULL) ||
           (merging->debian->merge_usr && g_str_has_prefix(path, "/usr/") &&
            sluice_tree_lookup(tree, path + strlen("/usr"), &entry, NULL));
}

/* Which of the packages merged before has put `path` there; the current one if none. */
static gsize find_owner(const Merging *merging, const char *path)
{
    for (gsize i = merging->current; i-- > 0;) {
        if (package_has(merging, i, path)) {
            return i;
        }
    }
    return merging->current;
}

static gboolean replaces(const Merging *merging, gsize index, gsize other)
{
    const DebianPin *pin = &merging->debian->pins[other];
    g_autoptr(GPtrArray) groups =
        debian_depends_parse(merging->trees[index].replaces, merging->debian->architecture, "Replaces", NULL);
    for (guint i = 0; groups != NULL && i < groups->len; i++) {
        const DebianGroup *group = groups->pdata[i];
        const DebianAlternative *named = &group->alternatives[0];
        if (strcmp(named->name, pin->name) == 0 &&
            debian_relation_holds(pin->version, named->relation, named->version)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* A link in /bin to the file of the same name in /usr/bin: where both are one folder it would point to itself. */
static gboolean points_to_itself(const char *path, const SluiceEntry *entry)
{
    if (entry->type != SLUICE_ENTRY_SYMLINK) {
        return FALSE;
    }
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *target = g_canonicalize_filename(entry->target, folder);
    g_autofree char *moved = g_strconcat("/usr", target, NULL);
    return strcmp(target, path) == 0 || strcmp(moved, path) == 0;
}

static gboolean new_one_wins(const char *whole_path, const SluiceEntry *old, const SluiceEntry *added, gpointer data)
{
    const Merging *merging = data;
    const DebianPin *pins = merging->debian->pins;
    gsize skip = strcmp(merging->directory, "/") == 0 ? 0 : strlen(merging->directory);
    const char *path = whole_path + MIN(skip, strlen(whole_path));
    if (merging->debian->merge_usr) {
        if (is_merged_folder(path + strspn(path, "/")) || points_to_itself(path, added)) {
            return FALSE;
        }
        if (points_to_itself(path, old)) {
            return TRUE;
        }
    }
    gsize owner = find_owner(merging, path);
    if (owner == merging->current || replaces(merging, merging->current, owner)) {
        return TRUE;
    }
    if (replaces(merging, owner, merging->current)) {
        return FALSE;
    }
    event_send(merging->context->events, EVENT_WARNING, "stage", merging->source->element->full_name,
               "%s is in %s and in %s; the latter's is taken", path, pins[owner].name, pins[merging->current].name);
    return TRUE;
}

static gboolean link_folder(SluiceTree *tree, const char *directory, const char *name, GError **error)
{
    g_autofree char *target = g_strconcat("usr/", name, NULL);
    g_autofree char *folder = g_strconcat(directory, "/", target, NULL);
    g_autofree char *link = g_strconcat(directory, "/", name, NULL);
    return sluice_tree_make_directory(tree, folder, error) && sluice_tree_add_symlink(tree, link, target, error);
}

static gboolean link_folders(const Merging *merging, SluiceTree *tree, GError **error)
{
    gboolean there[G_N_ELEMENTS(merged_if_there)] = {FALSE};
    for (gsize i = 0; i < merging->debian->n_pins; i++) {
        g_autoptr(SluiceDirectory) top = sluice_directory_read(merging->context->store, &merging->trees[i].root, error);
        if (top == NULL) {
            return FALSE;
        }
        for (gsize j = 0; j < G_N_ELEMENTS(merged_if_there); j++) {
            there[j] = there[j] || sluice_directory_find(top, merged_if_there[j]) != NULL;
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(merged_always); i++) {
        if (!link_folder(tree, merging->directory, merged_always[i], error)) {
            return FALSE;
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(merged_if_there); i++) {
        if (there[i] && !link_folder(tree, merging->directory, merged_if_there[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean merge_all(Source *source, const SourceContext *context, const DebTree *trees, SluiceTree *tree,
                          const char *directory, GError **error)
{
    const Debian *debian = source->data;
    Merging merging = {source, context, debian, trees, directory, 0};
    if (debian->merge_usr && !link_folders(&merging, tree, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < debian->n_pins; i++) {
        merging.current = i;
        if (!sluice_tree_merge(tree, directory, &trees[i].root, new_one_wins, &merging, error)) {
            g_prefix_error(error, "Package %s %s: ", debian->pins[i].name, debian->pins[i].version);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean debian_stage(Source *source, const SourceContext *context, SluiceTree *tree, const char *directory,
                      GError **error)
{
    const Debian *debian = source->data;
    g_autofree DebTree *trees = g_new0(DebTree, debian->n_pins + 1);
    gboolean ok =
        unpack_all(source, context, trees, error) && merge_all(source, context, trees, tree, directory, error);
    for (gsize i = 0; i < debian->n_pins; i++) {
        deb_tree_clear(&trees[i]);
    }
    return ok;
}
