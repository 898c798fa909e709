/* git-history.c - see git-history.h */
#include "git-history.h"

#include <string.h>

#define SHA_LENGTH  40
#define TAGS_MAX    16
#define COMMITS_MAX 1000000

char *git_header_value(GBytes *object, const char *key, gsize *position)
{
    gsize length, key_length = strlen(key);
    const char *text = g_bytes_get_data(object, &length);
    while (*position < length && text[*position] != '\n') {
        const char *line = text + *position;
        const char *end = memchr(line, '\n', length - *position);
        gsize size = end != NULL ? (gsize)(end - line) : length - *position;
        *position += size + 1;
        if (size == key_length + 1 + SHA_LENGTH && strncmp(line, key, key_length) == 0 && line[key_length] == ' ') {
            return g_strndup(line + key_length + 1, SHA_LENGTH);
        }
    }
    return NULL;
}

void git_commits_clear(GitCommits *commits)
{
    g_clear_pointer(&commits->commits, g_hash_table_unref);
    g_clear_pointer(&commits->shallow, g_hash_table_unref);
    g_clear_pointer(&commits->tags, g_ptr_array_unref);
    g_clear_pointer(&commits->tag_target, g_free);
}

/* ---- The tag ------------------------------------------------------------------------------------------------------------------------ */

static gboolean bad_tag(const char *tag, const char *problem, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "The tag %s %s", tag, problem);
    return FALSE;
}

/* Follows tags of tags to the commit. */
static gboolean find_base(GitObjects *objects, const Git *git, const char *tag, GitCommits *out, char **base,
                          GError **error)
{
    g_autofree char *ref = g_strconcat("refs/tags/", tag, NULL);
    g_autofree char *name = NULL;
    int status = -1;
    if (!git_run(git, GIT_ARGUMENTS("rev-parse", "--verify", "--quiet", "--end-of-options", ref), "git rev-parse",
                 &status, &name, error)) {
        return FALSE;
    }
    if (status != 0) {
        return TRUE;
    }
    out->tag_target = g_strndup(g_strchomp(name), SHA_LENGTH);
    g_autofree char *next = g_strdup(out->tag_target);
    for (guint i = 0; i < TAGS_MAX; i++) {
        GitObjectType type;
        g_autoptr(GBytes) object = git_objects_read(objects, next, &type, error);
        gsize position = 0;
        if (object == NULL) {
            return FALSE;
        }
        if (type == GIT_OBJECT_COMMIT) {
            *base = g_steal_pointer(&next);
            return TRUE;
        }
        if (type != GIT_OBJECT_TAG) {
            return bad_tag(tag, "does not point to a commit", error);
        }
        g_ptr_array_add(out->tags, g_strdup(next));
        g_free(next);
        next = git_header_value(object, "object", &position);
        if (next == NULL) {
            return bad_tag(tag, "is broken", error);
        }
    }
    return bad_tag(tag, "is a tag of too many tags", error);
}

/* ---- Commits ------------------------------------------------------------------------------------------------------------------------ */

static GPtrArray *parents_of(GBytes *commit)
{
    GPtrArray *parents = g_ptr_array_new_with_free_func(g_free);
    gsize position = 0;
    for (char *parent; (parent = git_header_value(commit, "parent", &position)) != NULL;) {
        g_ptr_array_add(parents, parent);
    }
    return parents;
}

typedef struct {
    GitObjects *objects;
    GHashTable *region; /* name → GBytes *: commits at most `depth` away from where the walks began */
    GHashTable *inner;  /* of those, the ones nearer than that, whose parents are in the region */
    guint depth;
    gboolean incomplete;
} Walk;

/* One generation: the parents of all in `from` that are not known yet. */
static GPtrArray *step(Walk *walk, GPtrArray *from, gboolean is_last, GError **error)
{
    GPtrArray *next = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < from->len; i++) {
        const char *name = from->pdata[i];
        GitObjectType type = GIT_OBJECT_COMMIT;
        GBytes *known = g_hash_table_lookup(walk->region, name);
        g_autoptr(GBytes) commit =
            known != NULL ? g_bytes_ref(known) : git_objects_read(walk->objects, name, &type, error);
        if (commit == NULL || type != GIT_OBJECT_COMMIT || g_hash_table_size(walk->region) > COMMITS_MAX) {
            walk->incomplete = TRUE;
            break;
        }
        g_hash_table_replace(walk->region, g_strdup(name), g_bytes_ref(commit));
        if (is_last || g_hash_table_contains(walk->inner, name)) {
            continue;
        }
        g_hash_table_add(walk->inner, g_strdup(name));
        g_autoptr(GPtrArray) parents = parents_of(commit);
        g_ptr_array_set_free_func(parents, NULL);
        for (guint j = 0; j < parents->len; j++) {
            g_ptr_array_add(next, parents->pdata[j]);
        }
    }
    return next;
}

/* Walks from all of `names` at once, a generation at a time, so that each commit is met at its least distance. */
static gboolean walk_from(Walk *walk, GPtrArray *names, GError **error)
{
    GError *problem = NULL;
    GPtrArray *from = g_ptr_array_ref(names);
    for (guint i = 0; i <= walk->depth && from->len > 0 && !walk->incomplete; i++) {
        GPtrArray *next = step(walk, from, i == walk->depth, &problem);
        g_ptr_array_unref(from);
        from = next;
    }
    g_ptr_array_unref(from);
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    return TRUE;
}

/* All that `names` lead to inside the region. */
static GHashTable *reach(const Walk *walk, GPtrArray *names)
{
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *stack = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < names->len; i++) {
        g_ptr_array_add(stack, g_strdup(names->pdata[i]));
    }
    while (stack->len > 0) {
        g_autofree char *name = g_ptr_array_steal_index(stack, stack->len - 1);
        GBytes *commit = g_hash_table_lookup(walk->region, name);
        if (commit == NULL || !g_hash_table_add(seen, g_strdup(name)) || !g_hash_table_contains(walk->inner, name)) {
            continue;
        }
        g_autoptr(GPtrArray) parents = parents_of(commit);
        for (guint i = 0; i < parents->len; i++) {
            g_ptr_array_add(stack, g_strdup(parents->pdata[i]));
        }
    }
    g_ptr_array_unref(stack);
    return seen;
}

static void keep(const Walk *walk, GHashTable *wanted, GHashTable *excluded, GitCommits *out)
{
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, wanted);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (!g_hash_table_contains(excluded, name)) {
            g_hash_table_insert(out->commits, g_strdup(name), g_bytes_ref(g_hash_table_lookup(walk->region, name)));
        }
    }
    GHashTableIter again;
    gpointer commit;
    g_hash_table_iter_init(&again, out->commits);
    while (g_hash_table_iter_next(&again, &name, &commit)) {
        g_autoptr(GPtrArray) parents = parents_of(commit);
        for (guint i = 0; i < parents->len; i++) {
            if (!g_hash_table_contains(out->commits, parents->pdata[i])) {
                g_hash_table_add(out->shallow, g_strdup(name));
            }
        }
    }
}

static gboolean collect(Walk *walk, const GitHistory *history, const char *base, GitCommits *out, GError **error)
{
    g_autoptr(GPtrArray) from = g_ptr_array_new();
    g_ptr_array_add(from, (gpointer)history->commit);
    g_autoptr(GPtrArray) starts = g_ptr_array_copy(from, NULL, NULL);
    if (base != NULL) {
        g_ptr_array_add(starts, (gpointer)base);
    }
    if (!walk_from(walk, starts, error) || walk->incomplete) {
        return FALSE;
    }
    g_autoptr(GPtrArray) before =
        base != NULL ? parents_of(g_hash_table_lookup(walk->region, base)) : g_ptr_array_new();
    g_autoptr(GHashTable) wanted = reach(walk, from);
    g_autoptr(GHashTable) excluded = reach(walk, before);
    keep(walk, wanted, excluded, out);
    return TRUE;
}

gboolean git_commits_collect(GitObjects *objects, const Git *git, const GitHistory *history, GitCommits *out,
                             GError **error)
{
    g_autofree char *base = NULL;
    *out =
        (GitCommits){.commits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref),
                     .shallow = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                     .tags = g_ptr_array_new_with_free_func(g_free)};
    if (history->tag != NULL && (!find_base(objects, git, history->tag, out, &base, error) || base == NULL)) {
        return FALSE;
    }
    gboolean alone = base == NULL || strcmp(base, history->commit) == 0;
    Walk walk = {.objects = objects,
                 .region = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref),
                 .inner = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                 .depth = alone ? 0 : history->commits};
    gboolean ok = collect(&walk, history, alone ? NULL : base, out, error);
    g_hash_table_unref(walk.region);
    g_hash_table_unref(walk.inner);
    return ok;
}
