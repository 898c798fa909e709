/* key-diff.c - see key-diff.h */
#include "key-diff.h"
#include "json-read.h"
#include "json.h"

#include <string.h>

/* Lists whose product of lengths is larger are not aligned, but shown as removed and added. */
#define MAX_ALIGNED ((gsize)4 << 20)

/* ---- Values ---- */

/* Texts as they are, everything else as JSON. */
static char *value_text(const JsonTree *value)
{
    GString *out = g_string_new(NULL);
    if (value->type == JSON_TREE_STRING) {
        g_string_append(out, value->text);
    } else {
        json_tree_write(value, 0, out);
    }
    return g_string_free(out, FALSE);
}

static void put_lines(GString *out, char sign, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_string_append_printf(out, "        %c %s\n", sign, lines[i]);
    }
    if (lines[0] == NULL) {
        g_string_append_printf(out, "        %c\n", sign);
    }
}

/* Lengths of the longest common subsequences of what begins at [i] and [j]. */
static guint32 *align(char *const *a, guint n_a, char *const *b, guint n_b)
{
    gsize width = n_b + 1;
    guint32 *lengths = g_new0(guint32, (gsize)(n_a + 1) * width);
    for (guint i = n_a; i-- > 0;) {
        for (guint j = n_b; j-- > 0;) {
            guint32 *at = &lengths[i * width + j];
            *at = strcmp(a[i], b[j]) == 0 ? lengths[(i + 1) * width + j + 1] + 1 : MAX(at[width], at[1]);
        }
    }
    return lengths;
}

/* The lines of one that the other lacks. */
static void put_list(GString *out, char **a, char **b)
{
    guint n_a = g_strv_length(a), n_b = g_strv_length(b), i = 0, j = 0;
    while (n_a > 0 && n_b > 0 && strcmp(*a, *b) == 0) {
        a++, b++, n_a--, n_b--;
    }
    while (n_a > 0 && n_b > 0 && strcmp(a[n_a - 1], b[n_b - 1]) == 0) {
        n_a--, n_b--;
    }
    gsize width = n_b + 1;
    g_autofree guint32 *lengths = (gsize)n_a * n_b <= MAX_ALIGNED ? align(a, n_a, b, n_b) : NULL;
    while (i < n_a || j < n_b) {
        gboolean both = i < n_a && j < n_b;
        if (both && strcmp(a[i], b[j]) == 0) {
            i++, j++;
        } else if (i < n_a &&
                   (!both || lengths == NULL || lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])) {
            put_lines(out, '-', a[i++]);
        } else {
            put_lines(out, '+', b[j++]);
        }
    }
}

static char **texts_of(const JsonTree *array)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    for (const JsonTree *item = array->first; item != NULL; item = item->next) {
        g_ptr_array_add(texts, value_text(item));
    }
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_steal(texts, NULL);
}

static gboolean is_several_lines(const JsonTree *value)
{
    return value->type == JSON_TREE_STRING && strchr(value->text, '\n') != NULL;
}

static guint count_items(const JsonTree *value)
{
    guint count = 0;
    for (const JsonTree *item = value->first; item != NULL; item = item->next) {
        count++;
    }
    return count;
}

static void diff_value(GString *path, const JsonTree *a, const JsonTree *b, GString *out);

/* Members of objects by name, items of lists by place. */
static void diff_below(GString *path, const char *key, guint index, const JsonTree *a, const JsonTree *b, GString *out)
{
    gsize length = path->len;
    if (key != NULL) {
        g_string_append_printf(path, "%s%s", length > 0 ? "." : "", key);
    } else {
        g_string_append_printf(path, "[%u]", index);
    }
    diff_value(path, a, b, out);
    g_string_truncate(path, length);
}

static void diff_objects(GString *path, const JsonTree *a, const JsonTree *b, GString *out)
{
    for (const JsonTree *member = a->first; member != NULL; member = member->next) {
        diff_below(path, member->key, 0, member, json_tree_find(b, member->key), out);
    }
    for (const JsonTree *member = b->first; member != NULL; member = member->next) {
        if (json_tree_find(a, member->key) == NULL) {
            diff_below(path, member->key, 0, NULL, member, out);
        }
    }
}

static gboolean has_same_shape(const JsonTree *a, const JsonTree *b)
{
    return a != NULL && b != NULL && a->type == b->type;
}

static void put_replaced(const JsonTree *a, const JsonTree *b, GString *out)
{
    g_autofree char *before = a != NULL ? value_text(a) : NULL, *after = b != NULL ? value_text(b) : NULL;
    if (before != NULL) {
        put_lines(out, '-', before);
    }
    if (after != NULL) {
        put_lines(out, '+', after);
    }
}

static void put_lists(const JsonTree *a, const JsonTree *b, GString *out)
{
    gboolean text = a->type == JSON_TREE_STRING;
    g_auto(GStrv) before = text ? g_strsplit(a->text, "\n", -1) : texts_of(a);
    g_auto(GStrv) after = text ? g_strsplit(b->text, "\n", -1) : texts_of(b);
    put_list(out, before, after);
}

static void diff_value(GString *path, const JsonTree *a, const JsonTree *b, GString *out)
{
    if (has_same_shape(a, b)) {
        g_autofree char *before = value_text(a), *after = value_text(b);
        if (strcmp(before, after) == 0) {
            return;
        }
        if (a->type == JSON_TREE_OBJECT) {
            diff_objects(path, a, b, out);
            return;
        }
        if (a->type == JSON_TREE_ARRAY && count_items(a) == count_items(b)) {
            guint index = 0;
            for (const JsonTree *i = a->first, *j = b->first; i != NULL; i = i->next, j = j->next) {
                diff_below(path, NULL, index++, i, j, out);
            }
            return;
        }
    }
    g_string_append_printf(out, "    %s\n", path->str);
    if (has_same_shape(a, b) && (a->type == JSON_TREE_ARRAY || (is_several_lines(a) && is_several_lines(b)))) {
        put_lists(a, b, out);
    } else {
        put_replaced(a, b, out);
    }
}

/* ---- Elements ---- */

typedef struct {
    const char *project, *element, *before, *after; /* keys; in the arena */
    const char *way;                                /* the chain of elements that leads here */
} Step;

typedef struct {
    Arena *arena;
    const KeySide *before, *after;
    GQueue steps;
    GHashTable *seen;
    GString *out;
} Walk;

/* [project, element, key] */
static const char *entry_part(const JsonTree *entry, guint index)
{
    const JsonTree *part = entry->type == JSON_TREE_ARRAY ? entry->first : NULL;
    while (part != NULL && index-- > 0) {
        part = part->next;
    }
    return part != NULL && part->type == JSON_TREE_STRING ? part->text : NULL;
}

static char *entry_name(const JsonTree *entry)
{
    const char *project = entry_part(entry, 0), *element = entry_part(entry, 1);
    return g_strdup_printf("%s:%s", project != NULL ? project : "?", element != NULL ? element : "?");
}

static char **entry_names(const JsonTree *list)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const JsonTree *entry = list != NULL ? list->first : NULL; entry != NULL; entry = entry->next) {
        g_ptr_array_add(names, entry_name(entry));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_steal(names, NULL);
}

static void add_step(Walk *walk, const Step *from, const JsonTree *a, const JsonTree *b)
{
    const char *before = entry_part(a, 2), *after = entry_part(b, 2);
    if (before == NULL || after == NULL || strcmp(before, after) == 0 || !g_hash_table_add(walk->seen, entry_name(a))) {
        return;
    }
    Step *step = arena_new_of(walk->arena, Step);
    *step = (Step){entry_part(a, 0), entry_part(a, 1), before, after, NULL};
    step->way = arena_printf(walk->arena, "%s -> %s", from->way, step->element);
    g_queue_push_tail(&walk->steps, step);
}

/* Which dependencies came and went; those that stayed and differ are looked at later. */
static void diff_dependencies(Walk *walk, const Step *step, const JsonTree *a, const JsonTree *b, GString *own)
{
    g_auto(GStrv) before = entry_names(a), after = entry_names(b);
    g_autofree char *joined_before = g_strjoinv("\n", before), *joined_after = g_strjoinv("\n", after);
    if (strcmp(joined_before, joined_after) != 0) {
        g_string_append(own, "    dependencies\n");
        put_list(own, before, after);
    }
    g_autoptr(GHashTable) others = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (const JsonTree *entry = b != NULL ? b->first : NULL; entry != NULL; entry = entry->next) {
        g_hash_table_insert(others, entry_name(entry), (gpointer)entry);
    }
    for (const JsonTree *entry = a != NULL ? a->first : NULL; entry != NULL; entry = entry->next) {
        g_autofree char *name = entry_name(entry);
        const JsonTree *other = g_hash_table_lookup(others, name);
        if (other != NULL) {
            add_step(walk, step, entry, other);
        }
    }
}

static void diff_own(const JsonTree *a, const JsonTree *b, GString *own)
{
    static const char *const derived[] = {"dependencies", "weak-cache-key", NULL};
    g_autoptr(GString) path = g_string_new(NULL);
    for (const JsonTree *member = a->first; member != NULL; member = member->next) {
        if (!g_strv_contains(derived, member->key)) {
            diff_below(path, member->key, 0, member, json_tree_find(b, member->key), own);
        }
    }
    for (const JsonTree *member = b->first; member != NULL; member = member->next) {
        if (json_tree_find(a, member->key) == NULL && !g_strv_contains(derived, member->key)) {
            diff_below(path, member->key, 0, NULL, member, own);
        }
    }
}

/* *out stays NULL if the text is not known. */
static gboolean read_side(Walk *walk, const KeySide *side, const char *project, const char *element, const char *key,
                          const JsonTree **out, GError **error)
{
    GError *problem = NULL;
    g_autofree char *text = side->find_text(side->data, project, element, key, &problem);
    *out = NULL;
    if (problem != NULL) {
        g_propagate_error(error, problem);
        return FALSE;
    }
    if (text == NULL) {
        return TRUE;
    }
    *out = json_read(walk->arena, text, strlen(text), error);
    if (*out != NULL && (*out)->type != JSON_TREE_OBJECT) {
        error_set(error, ERROR_ARTIFACT, NULL, NULL, "The text of the key of %s is no mapping", element);
        return FALSE;
    }
    return *out != NULL;
}

static gboolean diff_step(Walk *walk, const Step *step, const char *after_project, const char *after_element,
                          GError **error)
{
    const JsonTree *a, *b;
    if (!read_side(walk, walk->before, step->project, step->element, step->before, &a, error) ||
        !read_side(walk, walk->after, after_project, after_element, step->after, &b, error)) {
        return FALSE;
    }
    if (a == NULL || b == NULL) {
        g_string_append_printf(walk->out, "%s\n    what its key %s is made of is not kept\n", step->way,
                               a == NULL ? step->before : step->after);
        return TRUE;
    }
    g_autoptr(GString) own = g_string_new(NULL);
    diff_own(a, b, own);
    diff_dependencies(walk, step, json_tree_find(a, "dependencies"), json_tree_find(b, "dependencies"), own);
    if (own->len > 0) {
        g_string_append_printf(walk->out, "%s\n%s", step->way, own->str);
    }
    return TRUE;
}

gboolean key_diff(const KeySide *before, const KeySide *after, GString *out, gboolean *differ, GError **error)
{
    *differ = strcmp(before->key, after->key) != 0;
    if (!*differ) {
        return TRUE;
    }
    Walk walk = {.arena = arena_new(), .before = before, .after = after, .out = out};
    walk.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_queue_init(&walk.steps);
    Step first = {before->project, before->element, before->key, after->key, before->element};
    gboolean ok = diff_step(&walk, &first, after->project, after->element, error);
    while (ok && walk.steps.length > 0) {
        const Step *step = g_queue_pop_head(&walk.steps);
        ok = diff_step(&walk, step, step->project, step->element, error);
    }
    g_queue_clear(&walk.steps);
    g_hash_table_unref(walk.seen);
    arena_free(walk.arena);
    return ok;
}
