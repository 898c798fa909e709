/* artifact-names.c - words that name artifacts */
#include "artifact-names.h"
#include "targets.h"
#include <string.h>

static void named_free(gpointer data)
{
    Named *named = data;
    g_free(named->shown);
    g_free(named->ref);
    g_free(named);
}

static void add_named(GPtrArray *out, const char *shown, const char *ref, Element *element)
{
    Named *named = g_new0(Named, 1);
    named->shown = g_strdup(shown);
    named->ref = g_strdup(ref);
    named->element = element;
    g_ptr_array_add(out, named);
}

/* A word that cannot name an element. */
static gboolean is_artifact_name(const char *word)
{
    return !g_str_has_suffix(word, ".bst");
}

/* The name of an element that has no key yet still has something to show. */
static char *ref_of_element(const Element *element)
{
    char *ref = artifact_ref_name(element, NULL);
    if (ref)
        return ref;
    g_autofree char *name = element_normal_name(element);
    return g_strdup_printf("%s/%s/%s", project_name(element->project), name, "????????");
}

/* What an artifact was built on, as it says itself. */
static gboolean add_build_dependencies(App *app, const char *ref, GPtrArray *out, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(Artifact) artifact = artifact_load(app->store, ref, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    for (gsize i = 0; artifact && i < artifact->n_build_deps; i++) {
        const ArtifactDependency *dependency = &artifact->build_deps[i];
        g_autofree char *name = element_name_normalize(dependency->element);
        g_autofree char *other = g_build_filename(dependency->project, name, dependency->key, NULL);
        add_named(out, other, other, NULL);
    }
    return TRUE;
}

static gboolean add_ref(App *app, const char *ref, gboolean matched, DepsSelection deps, GPtrArray *out, GError **error)
{
    if (deps == DEPS_BUILD)
        return add_build_dependencies(app, ref, out, error);
    add_named(out, ref, ref, NULL);
    ((Named *)out->pdata[out->len - 1])->matched = matched;
    return TRUE;
}

static gboolean add_refs(App *app, const char *word, DepsSelection deps, GPtrArray *out, GError **error)
{
    if (deps == DEPS_ALL || deps == DEPS_RUN) {
        error_set(error, ERROR_STREAM, "deps-not-supported", NULL,
                  "Error: '--deps %s' is not supported for artifact names", deps == DEPS_ALL ? "all" : "run");
        return FALSE;
    }
    if (!target_is_glob(word))
        return add_ref(app, word, FALSE, deps, out, error);
    g_autoptr(GPtrArray) names = artifact_list(app->store, word, error);
    if (names && names->len == 0)
        app_log(app, EVENT_WARNING, NULL, "No artifact names matched the glob expression: %s", word);
    for (guint i = 0; names && i < names->len; i++)
        if (!add_ref(app, names->pdata[i], TRUE, deps, out, error))
            return FALSE;
    return names != NULL;
}

/* Names of elements, and globs over the elements of the project. */
static gboolean add_elements(App *app, GPtrArray *words, DepsSelection deps, GPtrArray *out, GError **error)
{
    g_autoptr(GPtrArray) targets = app_load(app, (const char *const *)words->pdata, error);
    if (!targets)
        return FALSE;
    pipeline_drop_junctions(targets);
    g_autoptr(GPtrArray) elements = pipeline_select(targets, deps);
    g_autoptr(States) states = app->strict ? NULL : app_query(app, elements, error);
    if (!app->strict && !states)
        return FALSE;
    for (guint i = 0; i < elements->len; i++) {
        Element *element = elements->pdata[i];
        g_autofree char *ref = ref_of_element(element);
        add_named(out, element->full_name, ref, element);
    }
    return TRUE;
}

static gboolean check_word(const char *word, GError **error)
{
    if (!is_artifact_name(word) || target_is_glob(word) || artifact_is_ref_name(word))
        return TRUE;
    error_set(error, ERROR_STREAM, "unrecognized-target-format", NULL,
              "Specified target does not appear to be an artifact or element name: %s", word);
    error_set_detail(error ? *error : NULL, "Element names and element glob expressions must end in '.bst'");
    return FALSE;
}

GPtrArray *artifacts_named(App *app, DepsSelection deps, GError **error)
{
    if (!app_open_store(app, error))
        return NULL;
    g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(named_free);
    g_autoptr(GPtrArray) elements = g_ptr_array_new();
    guint count;
    const char *const *words = arguments_words(app->arguments, &count);
    for (guint i = 0; i < count; i++)
        if (!check_word(words[i], error))
            return NULL;
    for (guint i = 0; i < count; i++) {
        if (!is_artifact_name(words[i]))
            g_ptr_array_add(elements, (gpointer)words[i]);
        else if (!add_refs(app, words[i], deps, out, error))
            return NULL;
    }
    gboolean any = elements->len > 0;
    g_ptr_array_add(elements, NULL);
    if ((any || count == 0) && !add_elements(app, elements, deps, out, error))
        return NULL;
    return g_steal_pointer(&out);
}

Artifact *named_load(App *app, const Named *named, GError **error)
{
    return named->element ? artifact_find(app->store, named->element, app->strict, error)
                          : artifact_load(app->store, named->ref, error);
}
