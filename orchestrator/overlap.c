/* overlap.c - see overlap.h */
#include "overlap.h"

#include "build-private.h"
#include "glob.h"

#include <string.h>

typedef struct {
    Element *element;
    SluiceTree *files;
    GHashTable *ignored; /* absolute paths in the staged root; or NULL */
} StagedArtifact;

/* One path that was overwritten. */
typedef struct {
    char *path;      /* absolute in the staged root */
    GPtrArray *over; /* Element: those that overwrote it, in order */
} Overlap;

typedef struct {
    char *location;
    GArray *staged;      /* StagedArtifact, in order */
    GPtrArray *overlaps; /* Overlap, in order */
    GHashTable *by_path; /* path → Overlap */
    GString *ignored;    /* text: what could not replace directories */
    Element *ignored_by;
} OverlapSession;

struct OverlapCollector {
    Build *build;
    GPtrArray *sessions;
    GHashTable *whitelists; /* Element → GRegex */
};

static void staged_clear(gpointer data)
{
    StagedArtifact *staged = data;
    sluice_tree_free(staged->files);
    g_clear_pointer(&staged->ignored, g_hash_table_unref);
}

static void overlap_free(gpointer data)
{
    Overlap *overlap = data;
    g_free(overlap->path);
    g_ptr_array_unref(overlap->over);
    g_free(overlap);
}

static void overlap_session_free(gpointer data)
{
    OverlapSession *session = data;
    g_free(session->location);
    g_array_unref(session->staged);
    g_ptr_array_unref(session->overlaps);
    g_hash_table_unref(session->by_path);
    g_string_free(session->ignored, TRUE);
    g_free(session);
}

OverlapCollector *overlap_collector_new(Build *build)
{
    OverlapCollector *collector = g_new0(OverlapCollector, 1);
    collector->build = build;
    collector->sessions = g_ptr_array_new_with_free_func(overlap_session_free);
    collector->whitelists = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_regex_unref);
    return collector;
}

void overlap_collector_free(OverlapCollector *collector)
{
    if (!collector)
        return;
    g_ptr_array_unref(collector->sessions);
    g_hash_table_unref(collector->whitelists);
    g_free(collector);
}

void overlap_session_begin(OverlapCollector *collector, const char *location)
{
    OverlapSession *session = g_new0(OverlapSession, 1);
    session->location = g_strdup(location);
    session->staged = g_array_new(FALSE, FALSE, sizeof(StagedArtifact));
    g_array_set_clear_func(session->staged, staged_clear);
    session->overlaps = g_ptr_array_new_with_free_func(overlap_free);
    session->by_path = g_hash_table_new(g_str_hash, g_str_equal);
    session->ignored = g_string_new(NULL);
    g_ptr_array_add(collector->sessions, session);
}

static OverlapSession *current_session(OverlapCollector *collector)
{
    return collector->sessions->pdata[collector->sessions->len - 1];
}

/* ---- Collecting ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    OverlapSession *session;
    StagedArtifact *staged;
    char *clash; /* a directory where something else stands */
} Merge;

static void note_ignored(OverlapSession *session, StagedArtifact *staged, const char *path)
{
    if (session->ignored_by != staged->element)
        g_string_append_printf(session->ignored, "\nFrom %s:\n", staged->element->full_name);
    session->ignored_by = staged->element;
    g_string_append_printf(session->ignored, "  %s\n", path);
    if (!staged->ignored)
        staged->ignored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_add(staged->ignored, g_strdup(path));
}

static void note_overlap(OverlapSession *session, Element *element, const char *path)
{
    Overlap *overlap = g_hash_table_lookup(session->by_path, path);
    if (!overlap) {
        overlap = g_new0(Overlap, 1);
        overlap->path = g_strdup(path);
        overlap->over = g_ptr_array_new();
        g_ptr_array_add(session->overlaps, overlap);
        g_hash_table_insert(session->by_path, overlap->path, overlap);
    }
    g_ptr_array_add(overlap->over, element);
}

/* The part of `path` that lies in the artifact; NULL if it lies elsewhere. */
static const char *path_in_session(const OverlapSession *session, const char *path)
{
    gsize length = strlen(session->location);
    while (length > 0 && session->location[length - 1] == '/')
        length--;
    return strncmp(path, session->location, length) == 0 && path[length] == '/' ? path + length : NULL;
}

/* BuildStream's rules: files and links replace each other, equal ones too (and empty directories, of which nobody asks); a directory
 * that holds something stays. */
static gboolean on_overlap(const char *path, const SluiceEntry *old, const SluiceEntry *added, gpointer data)
{
    Merge *merge = data;
    if (added->type == SLUICE_ENTRY_DIRECTORY) {
        if (!merge->clash)
            merge->clash = g_strdup_printf("Destination is a %s, not a directory: %s",
                                           old->type == SLUICE_ENTRY_SYMLINK ? "symlink" : "regular file",
                                           path_in_session(merge->session, path));
        return FALSE;
    }
    if (old->type == SLUICE_ENTRY_DIRECTORY) {
        note_ignored(merge->session, merge->staged, path);
        return FALSE;
    }
    note_overlap(merge->session, merge->staged->element, path);
    return TRUE;
}

gboolean overlap_stage(OverlapCollector *collector, SluiceTree *tree, Element *element, const SluiceDigest *files,
                       GError **error)
{
    OverlapSession *session = current_session(collector);
    StagedArtifact staged = {element, sluice_tree_new_from(collector->build->context->store, files, error), NULL};
    Merge merge = {.session = session, .staged = &staged};
    if (!staged.files)
        return FALSE;
    sluice_tree_merge_strictly(tree);
    gboolean merged = sluice_tree_merge(tree, session->location, files, on_overlap, &merge, error);
    g_array_append_val(session->staged, staged);
    if (merge.clash) {
        g_clear_error(error);
        error_set(error, ERROR_VIRTUAL_FS, NULL, NULL, "%s", merge.clash);
        g_free(merge.clash);
        return FALSE;
    }
    return merged;
}

/* ---- Judging ------------------------------------------------------------------------------------------------------------- */

/* The element of the session that staged the path first. */
static Element *session_owner(const OverlapSession *session, const char *path)
{
    const char *inner = path_in_session(session, path);
    for (guint i = 0; inner && i < session->staged->len; i++) {
        StagedArtifact *staged = &g_array_index(session->staged, StagedArtifact, i);
        gboolean ignored = staged->ignored && g_hash_table_contains(staged->ignored, path);
        SluiceEntry entry;
        if (!ignored && sluice_tree_lookup(staged->files, inner, &entry, NULL))
            return staged->element;
    }
    return NULL;
}

/* public: bst: overlap-whitelist, as one expression. */
static GRegex *compile_whitelist(Element *element, GError **error)
{
    Node *bst = element->public_ ? node_find(element->public_, "bst") : NULL;
    Node *list = bst && node_type(bst) == NODE_MAPPING ? node_find(bst, "overlap-whitelist") : NULL;
    gsize count = list && node_type(list) == NODE_SEQUENCE ? node_size(list) : 0;
    g_autofree const char **globs = g_new0(const char *, count + 1);
    for (gsize i = 0; i < count; i++) {
        Node *item = node_at(list, i);
        globs[i] = node_type(item) == NODE_SCALAR ? node_text(item) : "";
    }
    return glob_compile(globs, count, error);
}

static GRegex *whitelist_of(OverlapCollector *collector, Element *element, GError **error)
{
    GRegex *regex = g_hash_table_lookup(collector->whitelists, element);
    if (!regex && (regex = compile_whitelist(element, error)))
        g_hash_table_insert(collector->whitelists, element, regex);
    return regex;
}

static void append_name(GString *list, const char *separator, const Element *element)
{
    g_string_append_printf(list, "%s%s", list->len > 0 ? separator : "",
                           element ? element->full_name : "an unknown element");
}

/* Appends a line about an overlap that is not whitelisted. */
static gboolean judge_overlap(OverlapCollector *collector, OverlapSession *session, const Overlap *overlap,
                              GString *detail, GError **error)
{
    const char *inner = path_in_session(session, overlap->path);
    g_autoptr(GString) wrong = g_string_new(NULL), order = g_string_new(NULL);
    guint n_wrong = 0;
    Element *bottom = session_owner(session, overlap->path);
    for (guint i = overlap->over->len; i > 0; i--)
        append_name(order, " above ", overlap->over->pdata[i - 1]);
    append_name(order, " above ", bottom);
    for (guint i = 0; i < overlap->over->len; i++) {
        GRegex *whitelist = whitelist_of(collector, overlap->over->pdata[i], error);
        if (!whitelist)
            return FALSE;
        if (!g_regex_match(whitelist, inner, 0, NULL)) {
            append_name(wrong, " and ", overlap->over->pdata[i]);
            n_wrong++;
        }
    }
    if (n_wrong > 0)
        g_string_append_printf(detail, "%s: %s %s not permitted to overlap other elements, order %s \n", overlap->path,
                               wrong->str, n_wrong == 1 ? "is" : "are", order->str);
    return TRUE;
}

/* The earlier session's element that a file of this session lies over. */
static void judge_external(OverlapCollector *collector, const Overlap *overlap, GString *detail)
{
    for (guint i = collector->sessions->len - 1; i > 0; i--) {
        OverlapSession *earlier = collector->sessions->pdata[i - 1];
        Element *owner = session_owner(earlier, overlap->path);
        const Element *over = g_ptr_array_index(overlap->over, 0);
        if (!owner || !over)
            continue;
        g_string_append_printf(detail, "%s: %s overlaps files previously staged by %s in: %s\n", overlap->path,
                               over->full_name, owner->full_name, earlier->location);
        return;
    }
}

static gboolean warn_of(OverlapCollector *collector, const char *token, const char *message, const char *heading,
                        const GString *lines, GError **error)
{
    if (lines->len == 0)
        return TRUE;
    g_autofree char *detail = g_strdup_printf("%s: %s\n%s", heading, current_session(collector)->location, lines->str);
    return build_warn(collector->build, token, message, detail, error);
}

gboolean overlap_session_end(OverlapCollector *collector, GError **error)
{
    OverlapSession *session = current_session(collector);
    g_autoptr(GString) inside = g_string_new(NULL), outside = g_string_new(NULL);
    for (guint i = 0; i < session->overlaps->len; i++) {
        Overlap *overlap = session->overlaps->pdata[i];
        Element *first = session_owner(session, overlap->path);
        if (first == overlap->over->pdata[0])
            judge_external(collector, overlap, outside);
        else if (!judge_overlap(collector, session, overlap, inside, error))
            return FALSE;
    }
    return warn_of(collector, "overlaps", "Non-whitelisted overlaps detected",
                   "Staged files overwrite existing files in staging area", inside, error) &&
           warn_of(collector, "unstaged-files", "Not staging files which would have replaced non-empty directories",
                   "Not staging files which would replace non-empty directories in staging area", session->ignored,
                   error) &&
           warn_of(collector, "overlaps", "Overlaps detected", "Detected file overlaps while staging elements into",
                   outside, error);
}
