/* pipeline.c - selection and states of elements */
#include "pipeline.h"
#include "key.h"
#include <string.h>

static const char *const deps_names[] = {"none", "run", "build", "all", "redirect"};

DepsSelection deps_selection_parse(const char *text)
{
    for (guint i = 0; i < G_N_ELEMENTS(deps_names); i++)
        if (strcmp(text, deps_names[i]) == 0)
            return i;
    return DEPS_NONE;
}

static GPtrArray *redirect(GPtrArray *targets)
{
    GPtrArray *elements = g_ptr_array_new();
    for (guint i = 0; i < targets->len; i++) {
        Element *element = element_behind_filters(targets->pdata[i]);
        if (!g_ptr_array_find(elements, element, NULL))
            g_ptr_array_add(elements, element);
    }
    return elements;
}

GPtrArray *pipeline_select(GPtrArray *targets, DepsSelection deps)
{
    static const Scope scopes[] = {[DEPS_RUN] = SCOPE_RUN, [DEPS_BUILD] = SCOPE_BUILD, [DEPS_ALL] = SCOPE_ALL};
    if (deps == DEPS_REDIRECT)
        return redirect(targets);
    if (deps == DEPS_NONE)
        return g_ptr_array_copy(targets, NULL, NULL);
    return elements_scope((Element *const *)targets->pdata, targets->len, scopes[deps]);
}

/* Adds to `reached` what can be reached from `start` without entering `barrier`. */
static void reach(Element *start, GHashTable *barrier, GHashTable *reached)
{
    g_autoptr(GPtrArray) stack = g_ptr_array_new();
    g_ptr_array_add(stack, start);
    while (stack->len > 0) {
        Element *element = g_ptr_array_steal_index_fast(stack, stack->len - 1);
        if (g_hash_table_contains(barrier, element) || !g_hash_table_add(reached, element))
            continue;
        for (gsize i = 0; i < element->n_dependencies; i++)
            g_ptr_array_add(stack, element->dependencies[i].element);
    }
}

/* Where one that starts at `start` first meets elements of `targeted`. */
static void meet(Element *start, GHashTable *targeted, GHashTable *visited, GHashTable *met)
{
    g_autoptr(GPtrArray) stack = g_ptr_array_new();
    g_ptr_array_add(stack, start);
    while (stack->len > 0) {
        Element *element = g_ptr_array_steal_index_fast(stack, stack->len - 1);
        if (!g_hash_table_add(visited, element))
            continue;
        if (g_hash_table_contains(targeted, element)) {
            g_hash_table_add(met, element);
            continue;
        }
        for (gsize i = 0; i < element->n_dependencies; i++)
            g_ptr_array_add(stack, element->dependencies[i].element);
    }
}

GPtrArray *pipeline_except(GPtrArray *elements, GPtrArray *targets, GPtrArray *excepted)
{
    g_autoptr(GHashTable) none = g_hash_table_new(NULL, NULL), targeted = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) barrier = g_hash_table_new(NULL, NULL), visited = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) reached = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < targets->len; i++)
        reach(targets->pdata[i], none, targeted);
    for (guint i = 0; i < excepted->len; i++)
        meet(excepted->pdata[i], targeted, visited, barrier);
    for (guint i = 0; i < targets->len; i++)
        reach(targets->pdata[i], barrier, reached);
    GPtrArray *kept = g_ptr_array_new();
    for (guint i = 0; i < elements->len; i++)
        if (g_hash_table_contains(reached, elements->pdata[i]))
            g_ptr_array_add(kept, elements->pdata[i]);
    return kept;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp((*(Element *const *)a)->name, (*(Element *const *)b)->name);
}

/* As BuildStream: by the name in the project; elements of several projects that share one stay as they were. */
void pipeline_sort_by_name(GPtrArray *elements)
{
    g_ptr_array_sort(elements, compare_names);
}

void pipeline_drop_junctions(GPtrArray *elements)
{
    guint kept = 0;
    for (guint i = 0; i < elements->len; i++) {
        const Element *element = elements->pdata[i];
        if (strcmp(element->kind_name, "junction") != 0)
            elements->pdata[kept++] = elements->pdata[i];
    }
    g_ptr_array_set_size(elements, kept);
}

/* ---- States --------------------------------------------------------------------------------------------------------------- */

typedef struct {
    Artifact *artifact;
    gboolean artifact_known, sources_known, sources_cached;
    gboolean usable;         /* cached, and all that it needs at runtime is usable */
    guint usable_generation; /* in which `usable` was found; an older one does not count */
} Known;

struct States {
    SluiceStore *store;
    gboolean strict;
    GHashTable *known; /* Element -> Known */
    guint generation;  /* raised whenever something is forgotten */
    KeyWriter *keys;   /* made when it is needed */
    GError *error;
};

static void known_free(gpointer data)
{
    Known *known = data;
    g_clear_pointer(&known->artifact, artifact_free);
    g_free(known);
}

States *states_new(SluiceStore *store, gboolean strict)
{
    States *states = g_new0(States, 1);
    states->store = store;
    states->strict = strict;
    states->known = g_hash_table_new_full(NULL, NULL, NULL, known_free);
    states->generation = 1;
    return states;
}

void states_free(States *states)
{
    g_hash_table_unref(states->known);
    g_clear_pointer(&states->keys, key_writer_free);
    g_clear_error(&states->error);
    g_free(states);
}

static Known *known_of(States *states, Element *element)
{
    Known *known = g_hash_table_lookup(states->known, element);
    if (!known) {
        known = g_new0(Known, 1);
        g_hash_table_insert(states->known, element, known);
    }
    return known;
}

const Artifact *states_artifact(States *states, Element *element)
{
    Known *known = known_of(states, element);
    if (!known->artifact_known) {
        known->artifact_known = TRUE;
        if (element->weak_key[0] && !(element->kind->flags & KIND_NOT_BUILDABLE))
            known->artifact =
                artifact_find(states->store, element, states->strict, states->error ? NULL : &states->error);
    }
    return known->artifact;
}

gboolean states_is_cached(States *states, Element *element)
{
    const Artifact *artifact = states_artifact(states, element);
    return artifact && artifact->success;
}

gboolean states_sources_cached(States *states, Element *element)
{
    Known *known = known_of(states, element);
    if (!known->sources_known) {
        known->sources_known = known->sources_cached = TRUE;
        for (gsize i = 0; i < element->n_sources && known->sources_cached; i++)
            known->sources_cached = source_is_cached(element->sources[i], states->store);
    }
    return known->sources_cached;
}

static gboolean sources_downloaded(States *states, Element *element)
{
    if (states_sources_cached(states, element))
        return TRUE;
    for (gsize i = 0; i < element->n_sources; i++)
        if (!source_is_downloaded(element->sources[i], states->store))
            return FALSE;
    return TRUE;
}

gboolean states_find_key(States *states, Element *element, GError **error)
{
    if (states->strict || !element->weak_key[0])
        return TRUE;
    const Artifact *artifact = states_artifact(states, element);
    if (artifact && strlen(artifact->strong_key) == SLUICE_HASH_HEX) {
        g_strlcpy(element->strong_key, artifact->strong_key, sizeof element->strong_key);
        return TRUE;
    }
    if (!states->keys)
        states->keys = key_writer_new(project_session(element->project));
    return key_writer_set_strong(states->keys, element, error);
}

gboolean states_find_keys(States *states, GPtrArray *elements, GError **error)
{
    g_autoptr(GPtrArray) all = states->strict
                                   ? g_ptr_array_new()
                                   : elements_scope((Element *const *)elements->pdata, elements->len, SCOPE_ALL);
    for (guint i = 0; i < all->len; i++)
        if (!states_find_key(states, all->pdata[i], error))
            return FALSE;
    return TRUE;
}

void states_forget(States *states, Element *element)
{
    g_hash_table_remove(states->known, element);
    states->generation++;
}

const GError *states_error(const States *states)
{
    return states->error;
}

gboolean element_has_refs(const Element *element)
{
    for (gsize i = 0; i < element->n_sources; i++)
        if (!source_is_resolved(element->sources[i]))
            return FALSE;
    return TRUE;
}

/* A step of the walk below: the next runtime dependency to look at. */
typedef struct {
    Element *element;
    gsize next;
} Visit;

/* Pushes the next runtime dependency that is not known yet; FALSE if there is none.  One that is not usable ends it. */
static gboolean descend(States *states, GArray *stack, gboolean *usable)
{
    Visit *visit = &g_array_index(stack, Visit, stack->len - 1);
    while (*usable && visit->next < visit->element->n_dependencies) {
        const Dependency *dependency = &visit->element->dependencies[visit->next];
        Known *known = known_of(states, dependency->element);
        if ((dependency->types & DEP_RUNTIME) && known->usable_generation != states->generation) {
            Visit deeper = {dependency->element, 0};
            g_array_append_val(stack, deeper);
            return TRUE;
        }
        if (dependency->types & DEP_RUNTIME)
            *usable = known->usable;
        visit->next++;
    }
    return FALSE;
}

/* Each element once, whatever the depth. */
static gboolean is_usable(States *states, Element *element)
{
    g_autoptr(GArray) stack = g_array_new(FALSE, FALSE, sizeof(Visit));
    Visit first = {element, 0};
    g_array_append_val(stack, first);
    while (stack->len > 0) {
        Element *at = g_array_index(stack, Visit, stack->len - 1).element;
        gboolean usable = states_is_cached(states, at);
        if (descend(states, stack, &usable))
            continue;
        Known *known = known_of(states, at);
        known->usable = usable;
        known->usable_generation = states->generation;
        g_array_set_size(stack, stack->len - 1);
    }
    return known_of(states, element)->usable;
}

static gboolean dependencies_usable(States *states, Element *element)
{
    for (gsize i = 0; i < element->n_dependencies; i++) {
        const Dependency *dependency = &element->dependencies[i];
        if (!(dependency->types & DEP_BUILD))
            continue;
        const Known *known = known_of(states, dependency->element);
        gboolean usable =
            known->usable_generation == states->generation ? known->usable : is_usable(states, dependency->element);
        if (!usable)
            return FALSE;
    }
    return TRUE;
}

ElementState states_get(States *states, Element *element)
{
    if (!element_has_refs(element))
        return STATE_NO_REFERENCE;
    if (strcmp(element->kind_name, "junction") == 0)
        return STATE_JUNCTION;
    if (!states || !element->strict_key[0])
        return STATE_WAITING; /* for a dependency's ref; or for ever, if a kind is not implemented */
    const Artifact *artifact = states_artifact(states, element);
    if (artifact)
        return artifact->success ? STATE_CACHED : STATE_FAILED;
    if (!sources_downloaded(states, element))
        return STATE_FETCH_NEEDED;
    return dependencies_usable(states, element) ? STATE_BUILDABLE : STATE_WAITING;
}

const char *element_state_name(ElementState state)
{
    static const char *const names[] = {"no reference", "junction",  "failed", "cached",
                                        "fetch needed", "buildable", "waiting"};
    return names[state];
}

/* Those whose directory is gone. */
static gboolean check_workspaces(GPtrArray *elements, GError **error)
{
    g_autoptr(GString) detail =
        g_string_new("Some workspaces exist but are not closed\nTry closing them with `bst workspace close`\n\n");
    gsize start = detail->len;
    for (guint i = 0; i < elements->len; i++) {
        const Element *element = elements->pdata[i];
        if (element->workspace && !element_has_refs(element))
            g_string_append_printf(detail, "  %s\n", element->full_name);
    }
    if (detail->len == start)
        return TRUE;
    error_set(error, ERROR_PIPELINE, "inconsistent-pipeline-workspaced", NULL, "Inconsistent pipeline");
    error_set_detail(error ? *error : NULL, detail->str);
    return FALSE;
}

gboolean pipeline_check_refs(GPtrArray *elements, GError **error)
{
    g_autoptr(GString) detail = g_string_new(NULL);
    for (guint i = 0; i < elements->len; i++) {
        const Element *element = elements->pdata[i];
        if (element->workspace || element_has_refs(element))
            continue;
        g_string_append_printf(detail, "\n  Element: %s is inconsistent\n", element->full_name);
        for (gsize j = 0; j < element->n_sources; j++) {
            const Source *source = element->sources[j];
            if (!source_is_resolved(source))
                g_string_append_printf(detail, "    %s source at %s [line %d column %d] is missing ref\n",
                                       source->kind->name,
                                       source->where.file ? source->where.file->name : element->name,
                                       source->where.line, source->where.column);
        }
    }
    if (detail->len == 0)
        return check_workspaces(elements, error);
    g_autofree char *text = g_strdup_printf("Exact versions are missing for the following elements:\n%s\n"
                                            "Try tracking these elements first with `sluice source track`",
                                            detail->str);
    error_set(error, ERROR_PIPELINE, "inconsistent-pipeline", NULL, "Inconsistent pipeline");
    error_set_detail(error ? *error : NULL, text);
    return FALSE;
}
