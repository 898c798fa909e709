/* crates-lock.c - tracking: from Cargo.lock to a ref. */
#include "crates-private.h"
#include "element.h"
#include "toml.h"

#include <stdlib.h>
#include <string.h>

#define LOCK_MAX_BYTES ((gsize)64 << 20)

typedef struct {
    Crate crate;
    const char *kind; /* "registry", "git", as in the lock file */
} Locked;

static gboolean malformed(const Crates *crates, const char *detail, GError **error)
{
    error_set(error, ERROR_SOURCE, NULL, NULL, "Malformed Cargo.lock file at: %s", crates->cargo_lock);
    error_set_detail(error != NULL ? *error : NULL, detail);
    return FALSE;
}

static Toml *read_lock(Source *source, const SourceContext *context, Arena *arena, GError **error)
{
    const Crates *crates = source->data;
    GError *problem = NULL;
    g_autoptr(GBytes) bytes = source_read_previous(context, crates->cargo_lock, LOCK_MAX_BYTES, &problem);
    if (bytes == NULL && problem == NULL) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Failed to find Cargo.lock file at: %s", crates->cargo_lock);
        error_set_detail(error != NULL ? *error : NULL,
                         "The cargo plugin expects to find a Cargo.lock file in\n"
                         "the sources staged before it in the source list, but none was found.");
        return NULL;
    }
    Toml *lock = NULL;
    if (bytes != NULL) {
        gsize length;
        const char *text = g_bytes_get_data(bytes, &length);
        lock = toml_parse(arena, text, length, &problem);
    }
    if (lock == NULL) {
        malformed(crates, problem->message, error);
        g_error_free(problem);
    }
    return lock;
}

/* ---- One package ------------------------------------------------------------------------------------------------------------------- */

static void load_query(const char *text, Arena *arena, Crate *crate)
{
    GUriParamsIter iter;
    char *name, *value;
    Node *query = node_new_mapping(arena, NULL);
    g_uri_params_iter_init(&iter, text, -1, "&", G_URI_PARAMS_WWW_FORM);
    while (g_uri_params_iter_next(&iter, &name, &value, NULL)) {
        if (*value != '\0') {
            node_set(arena, query, arena_strdup(arena, name), node_new_scalar(arena, arena_strdup(arena, value), NULL));
        }
        g_free(name);
        g_free(value);
    }
    crate->query = node_size(query) > 0 ? query : NULL;
}

/* "URL?branch=NAME#COMMIT" */
static void load_git_source(const Crates *crates, Arena *arena, const char *text, Crate *crate)
{
    const char *fragment = strchr(text, '#');
    gsize length = fragment != NULL ? (gsize)(fragment - text) : strlen(text);
    g_autofree char *url = g_strndup(text, length);
    char *query = strchr(url, '?');
    if (query != NULL) {
        *query++ = '\0';
        load_query(query, arena, crate);
    }
    crate->is_git = TRUE;
    crate->commit = fragment != NULL ? arena_strdup(arena, fragment + 1) : "";
    crate->repo = crates_mirrored_url(crates, arena, arena_strdup(arena, url));
}

/* FALSE with error; *wanted tells whether the package is to be vendored. */
static gboolean load_package(const Crates *crates, Arena *arena, const Toml *package, gboolean git, Locked *locked,
                             gboolean *wanted, GError **error)
{
    const char *from = toml_find_string(package, "source");
    *wanted = toml_find(package, "source") != NULL;
    if (!*wanted) {
        return TRUE;
    }
    locked->crate.name = toml_find_string(package, "name");
    locked->crate.version = toml_find_string(package, "version");
    locked->crate.sha = toml_find_string(package, "checksum");
    const char *plus = from != NULL ? strchr(from, '+') : NULL;
    if (locked->crate.name == NULL || locked->crate.version == NULL || plus == NULL) {
        return malformed(crates, "A package has not the strings `name`, `version` and `source`", error);
    }
    locked->kind = arena_strndup(arena, from, (gsize)(plus - from));
    if (!git || strcmp(locked->kind, "registry") == 0) {
        return TRUE;
    }
    if (strcmp(locked->kind, "git") != 0) {
        error_set(error, ERROR_SOURCE, NULL, NULL, "Unkown source kind '%s' for crate %s", locked->kind,
                  locked->crate.name);
        return FALSE;
    }
    load_git_source(crates, arena, plus + 1, &locked->crate);
    return TRUE;
}

static int compare_locked(const void *a, const void *b)
{
    const Crate *one = &((const Locked *)a)->crate, *other = &((const Locked *)b)->crate;
    const char *const ours[] = {one->name, one->version, one->repo, one->commit};
    const char *const theirs[] = {other->name, other->version, other->repo, other->commit};
    int order = 0;
    for (gsize i = 0; order == 0 && i < G_N_ELEMENTS(ours); i++) {
        order = strcmp(ours[i] != NULL ? ours[i] : "", theirs[i] != NULL ? theirs[i] : "");
    }
    return order;
}

static gboolean load_packages(const Crates *crates, Arena *arena, const Toml *lock, gboolean git, GArray *list,
                              GError **error)
{
    const Toml *packages = toml_find(lock, "package");
    if (packages == NULL || toml_type(packages) != TOML_ARRAY) {
        return malformed(crates, "It has no [[package]]", error);
    }
    if (toml_size(packages) > CRATES_MAX) {
        return malformed(crates, "It has too many packages", error);
    }
    for (gsize i = 0; i < toml_size(packages); i++) {
        Locked locked = {.kind = NULL};
        gboolean wanted;
        if (!load_package(crates, arena, toml_at(packages, i), git, &locked, &wanted, error)) {
            return FALSE;
        }
        if (wanted) {
            g_array_append_val(list, locked);
        }
    }
    g_array_sort(list, compare_locked);
    return TRUE;
}

/* ---- The ref ------------------------------------------------------------------------------------------------------------------------ */

static void set_text(Arena *arena, Node *mapping, const char *key, const char *text)
{
    node_set(arena, mapping, key, node_new_scalar(arena, text, NULL));
}

/* What the ref in the file says of who is behind a crate stays. */
static Node *known_provenance(const Crates *crates, const char *name)
{
    Node *found = NULL;
    for (gsize i = 0; i < crates->n_crates; i++) {
        if (crates->crates[i].provenance != NULL && strcmp(crates->crates[i].name, name) == 0) {
            found = crates->crates[i].provenance;
        }
    }
    return found;
}

static Node *crate_node(const Crates *crates, Arena *arena, const Locked *locked, gboolean git)
{
    const Crate *crate = &locked->crate;
    Node *node = node_new_mapping(arena, NULL), *provenance = known_provenance(crates, crate->name);
    if (git) {
        set_text(arena, node, "kind", locked->kind);
    }
    if (crate->is_git) {
        set_text(arena, node, "commit", crate->commit);
        set_text(arena, node, "repo", crate->repo);
        if (crate->query != NULL) {
            node_set(arena, node, "query", node_clone(arena, crate->query));
        }
    }
    set_text(arena, node, "name", crate->name);
    set_text(arena, node, "version", crate->version);
    if (!crate->is_git) {
        set_text(arena, node, "sha", crate->sha);
    }
    if (provenance != NULL) {
        node_set(arena, node, "provenance", node_clone(arena, provenance));
    }
    return node;
}

/* Lock files of old Cargo do not say all digests. */
static gboolean find_digests(Source *source, const SourceContext *context, GArray *list, GError **error)
{
    g_autofree Crate *crates = g_new0(Crate, list->len + 1);
    g_autofree guint *places = g_new0(guint, list->len + 1);
    gsize count = 0;
    for (guint i = 0; i < list->len; i++) {
        const Crate *crate = &g_array_index(list, Locked, i).crate;
        if (!crate->is_git && crate->sha == NULL) {
            places[count] = i;
            crates[count++] = *crate;
        }
    }
    if (count > 0 && !crates_download(source, context, "track", crates, count, error)) {
        return FALSE;
    }
    for (gsize i = 0; i < count; i++) {
        g_array_index(list, Locked, places[i]).crate.sha = crates[i].sha;
    }
    return TRUE;
}

Node *crates_track(Source *source, const SourceContext *context, gboolean git, GError **error)
{
    const Crates *crates = source->data;
    Arena *arena = source_arena(source);
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Locked));
    const Toml *lock = read_lock(source, context, arena, error);
    if (lock == NULL || !load_packages(crates, arena, lock, git, list, error) ||
        !find_digests(source, context, list, error)) {
        return NULL;
    }
    Node *ref = node_new_sequence(arena, NULL);
    for (guint i = 0; i < list->len; i++) {
        node_append(arena, ref, crate_node(crates, arena, &g_array_index(list, Locked, i), git));
    }
    return ref;
}
